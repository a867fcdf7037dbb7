/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The runs behind the report's heat map: a scenario with fibres of other
 * bandwidths and lengths, each in a forked child that hands back one figure,
 * the time of a step (of the loop, where there is one).
 *
 * Bandwidths are about the scenario's, each four times the one before, more of
 * them below it than above; lengths go from 1 km to 20,000 km with the
 * scenario's own among them.  Several fibres are varied together: alike ones
 * have one value, unlike ones keep their proportions, and the axes are those of
 * the slowest and of the longest.  A point that cannot be built or simulated is
 * empty.
 *
 * Place: between report.c and the stages.  Leaves out: the fibres of a map
 * (fibre_layout.kind: graphml), which has its own.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "cli.h"

enum { SIZE = 7, FEW_LENGTHS = 4, SIZE_MOST = 12, MANY_GPUS = 100000 };
enum { ABOVE = 2 }; /* columns of more bandwidth than the scenario's, of 7 */

struct grid {
    struct lh_report_grid *out;
    const struct lh_scenario *scenario;
    const char *data_dir;
    double *step_s; /* shared with the children: the points, the loop near */
};

/* ---- the command line ---------------------------------------------------- */

struct lh_report_grid lh__report_grid_default(void)
{
    return (struct lh_report_grid){.n_bandwidths = SIZE};
}

void lh__report_grid_read(struct lh_report_grid *out, const char *text,
                          const struct argp_state *state)
{
    const char *x = strchr(text, 'x');
    char first[8] = "";

    out->n_bandwidths = out->n_lengths = 0;
    if (strcmp(text, "off") == 0)
        return;
    if (x != NULL && x - text < (int)sizeof first)
        memcpy(first, text, (size_t)(x - text));
    out->n_bandwidths = lh__read_count(state, "--report-grid", first, 2);
    out->n_lengths =
        lh__read_count(state, "--report-grid", x != NULL ? x + 1 : "", 2);
    if (out->n_bandwidths > SIZE_MOST || out->n_lengths > SIZE_MOST)
        argp_error(state, "--report-grid has at most %dx%d points", SIZE_MOST,
                   SIZE_MOST);
}

/* ---- what the fibres are ------------------------------------------------- */

static const struct lh_scenario *whole(const struct lh__stages *stages)
{
    return stages->asked.rl.on ? &stages->asked : &stages->scenario;
}

static bool has_layout(const struct lh_scenario *s)
{
    return s->layout.kind != LH_LAYOUT_NONE;
}

/* A size that nobody asked for is smaller where a run takes long. */
static void choose_size(struct lh_report_grid *g, const struct lh__stages *here)
{
    const struct lh_scenario *s = whole(here);
    int64_t gpus = 0;

    if (g->n_lengths > 0 || g->n_bandwidths == 0)
        return;
    for (int i = 0; i < s->n_sites; i++)
        gpus += s->sites[i].gpus;
    g->n_lengths = gpus > MANY_GPUS || s->rl.on || s->sync != LH_SYNC_EVERY_STEP
                       ? FEW_LENGTHS
                       : SIZE;
}

static void take_bandwidth(struct lh_report_grid *g, double *most,
                           double bytes_per_s)
{
    g->own_bytes_per_s = fmin(g->own_bytes_per_s, bytes_per_s);
    *most = fmax(*most, bytes_per_s);
}

/* The slowest; false: none has a bandwidth that could be another. */
static bool find_bandwidth(struct lh_report_grid *g,
                           const struct lh_scenario *s)
{
    double most = 0;

    g->own_bytes_per_s = INFINITY;
    for (int i = 0; i < s->n_fibres; i++)
        take_bandwidth(g, &most, s->fibres[i].bytes_per_s);
    if (has_layout(s))
        take_bandwidth(g, &most, s->layout.bytes_per_s);
    g->unlike_bandwidths = most > g->own_bytes_per_s;
    return isfinite(g->own_bytes_per_s) && g->own_bytes_per_s > 0;
}

/* The longest. */
static void find_length(struct lh_report_grid *g,
                        const struct lh_topology *topology)
{
    lh_link first = lh_topology_first_fibre(topology);
    lh_link end = lh_topology_link_count(topology);
    double least = INFINITY, most = 0;

    for (lh_link l = first; l < end; l++) {
        double m = lh_topology_link_facts(topology, l).length_m;
        least = fmin(least, m);
        most = fmax(most, m);
    }
    g->own_m = most;
    g->unlike_lengths = most > least * (1 + 1e-9);
}

static bool find_fibres(struct lh_report_grid *g, const struct lh__stages *here,
                        struct lh_ctx *ctx)
{
    const struct lh_scenario *s = whole(here);
    struct lh_topology *topology;

    if (s->n_sites < 2 || s->layout.kind == LH_LAYOUT_GRAPHML
        || (s->n_fibres == 0 && !has_layout(s)) || !find_bandwidth(g, s))
        return false;
    g->several = s->n_fibres != 1 || has_layout(s);
    if (!here->asked.rl.on) {
        find_length(g, here->topology);
        return true;
    }
    if (lh_topology_build(&topology, s, ctx) != LH_OK)
        return false;
    find_length(g, topology);
    lh_topology_free(topology);
    return true;
}

/* ---- the axes ------------------------------------------------------------ */

/* One or two significant digits. */
static double rounded(double value, int digits)
{
    double digit = pow(10, floor(log10(value) + 1e-9) + 1 - digits);

    return digit * round(value / digit);
}

/* The one that is nearest to the scenario's becomes it. */
static void take_own_length(struct lh_report_grid *g)
{
    int nearest = 0;

    for (int k = 1; k < g->n_lengths; k++) {
        if (fabs(log(g->lengths_m[k] / g->own_m))
            < fabs(log(g->lengths_m[nearest] / g->own_m)))
            nearest = k;
    }
    g->lengths_m[nearest] = g->own_m;
}

static void set_axes(struct lh_report_grid *g, struct lh_arena *arena)
{
    int own = g->n_bandwidths - 1 - g->n_bandwidths * ABOVE / 7;

    g->bandwidths_bytes_per_s = LH_NEW(arena, double, g->n_bandwidths);
    g->lengths_m = LH_NEW(arena, double, g->n_lengths);
    for (int i = 0; i < g->n_bandwidths; i++)
        g->bandwidths_bytes_per_s[i] =
            i == own ? g->own_bytes_per_s
                     : rounded(8 * g->own_bytes_per_s * pow(4, i - own), 2) / 8;
    for (int k = 0; k < g->n_lengths; k++)
        g->lengths_m[k] =
            rounded(1e3 * pow(20000, (double)k / (g->n_lengths - 1)), 1);
    if (g->own_m > 0)
        take_own_length(g);
}

/* ---- one point ----------------------------------------------------------- */

static double moved(double of_fibre, double to, double own, bool unlike)
{
    return unlike ? of_fibre * (to / own) : to;
}

/* Where the length follows from the places, the route is longer. */
static void move_length(double *length_m, double *route_factor, double to_m,
                        const struct lh_report_grid *g)
{
    if (g->unlike_lengths && *length_m < 0)
        *route_factor *= to_m / g->own_m;
    else
        *length_m = moved(*length_m, to_m, g->own_m, g->unlike_lengths);
}

static void move_fibres(struct lh_scenario *s, const struct lh_report_grid *g,
                        int i, int k, struct lh_arena *arena)
{
    struct lh_fibre *fibres = LH_NEW(arena, struct lh_fibre, s->n_fibres);
    double bytes_per_s = g->bandwidths_bytes_per_s[i];

    for (int f = 0; f < s->n_fibres; f++) {
        fibres[f] = s->fibres[f];
        fibres[f].bytes_per_s = moved(fibres[f].bytes_per_s, bytes_per_s,
                                      g->own_bytes_per_s, g->unlike_bandwidths);
        move_length(&fibres[f].length_m, &fibres[f].route_factor,
                    g->lengths_m[k], g);
    }
    s->fibres = fibres;
    if (!has_layout(s))
        return;
    s->layout.bytes_per_s = moved(s->layout.bytes_per_s, bytes_per_s,
                                  g->own_bytes_per_s, g->unlike_bandwidths);
    move_length(&s->layout.length_m, &s->layout.route_factor, g->lengths_m[k],
                g);
}

static double loop_s(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_rl_report rl;

    return lh_loop_run(&rl, s, ctx) == LH_OK ? rl.result.step_time_s
                                              : (double)NAN;
}

static double step_s(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh__stages stages = {.scenario = *s};
    struct lh_sim_point point = {&stages.scenario, &stages.program, NULL};
    struct lh_async_report async;
    struct lh_result result;
    struct lh_trace trace;

    if (lh__stages_build(&stages, ctx) != LH_OK)
        return (double)NAN;
    point.topology = stages.topology;
    if (lh__is_async(s))
        return lh_async_run(&async, &result, point.scenario, point.program,
                            point.topology, 1, ctx)
                       == LH_OK
                   ? result.step_time_s
                   : (double)NAN;
    return lh_sim_run_here(&trace, &point, ctx) == LH_OK ? trace.step_time_s
                                                         : (double)NAN;
}

/* In a child; messages are dropped with it. */
static int work(void *data, int task, int slot)
{
    const struct grid *grid = data;
    const struct lh_report_grid *g = grid->out;
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s = *grid->scenario;

    (void)slot;
    ctx.data_dir = grid->data_dir;
    if (task == g->n_bandwidths * g->n_lengths)
        lh_scenario_rl_near(&s, grid->scenario, &ctx);
    else
        move_fibres(&s, g, task % g->n_bandwidths, task / g->n_bandwidths,
                    ctx.arena);
    grid->step_s[task] = s.rl.on ? loop_s(&s, &ctx) : step_s(&s, &ctx);
    return 0;
}

static bool done(void *data, int task, int slot, int wait_status)
{
    (void)data;
    (void)task;
    (void)slot;
    (void)wait_status; /* a child that died has left its point empty */
    return true;
}

/* ---- all of them --------------------------------------------------------- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum lh_status lh__report_grid_run(struct lh_report_grid *out, bool *any,
                                   const struct lh__stages *here, int jobs,
                                   struct lh_ctx *ctx)
{
    struct grid grid = {out, whole(here), ctx->data_dir, NULL};
    struct lh__pool pool = {
        .jobs = jobs, .data = &grid, .work = work, .done = done};
    double begin_s = now_s();
    enum lh_status st;
    int n;

    choose_size(out, here);
    n = out->n_bandwidths * out->n_lengths;
    *any = n > 0 && find_fibres(out, here, ctx);
    if (!*any)
        return LH_OK;
    set_axes(out, ctx->arena);
    pool.n = n + here->asked.rl.on;
    grid.step_s = lh__pool_memory((size_t)pool.n * sizeof *grid.step_s, ctx);
    if (grid.step_s == NULL)
        return LH_FAILED;
    for (int i = 0; i < pool.n; i++)
        grid.step_s[i] = NAN;
    st = lh__pool_run(&pool, ctx);
    out->step_s = grid.step_s;
    if (here->asked.rl.on)
        out->base_s = grid.step_s[n];
    fprintf(stderr, "report: %d runs for the heat map, %.1f s\n", n,
            now_s() - begin_s);
    return st;
}
