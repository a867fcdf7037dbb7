/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A draw folded and unfolded must agree in every time of every operation of
 * every rank, in every category and in the bytes of every link, the folded one
 * with the exact fake engine, and the unfolded one's flows with what they are
 * alone (tests/fold_shapes.c): one function a promise.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_engine.h"
#include "fold_pair.h"
#include "unit.h"

struct pair pair_begin(void)
{
    return (struct pair){.ctx = lh_ctx_begin(), .exchange_row = -1};
}

char *pair_folder(char *name)
{
    char *dir = mkdtemp(name);
    LH_REQUIRE(dir != NULL);
    return dir;
}

void pair_folder_remove(const char *dir)
{
    char path[256];
    snprintf(path, sizeof path, "%s/c.json", dir);
    (void)remove(path);
    (void)rmdir(dir);
}

static enum lh_status program_make(struct pair *p, const struct draw *d)
{
    enum lh_status st =
        lh_program_build(&p->program, &p->scenario[FOLDED], &p->ctx);
    if (st != LH_OK || d->exchange.mb == 0)
        return st;
    p->exchange_row = exchange_append(&p->program, d, &p->ctx);
    return lh_program_check(&p->program, &p->ctx);
}

enum lh_status pair_build(struct pair *p, const struct draw *d,
                          const struct mishap *mishap, const char *dir)
{
    draw_config_write(lh_format(p->ctx.arena, "%s/c.json", dir), d);
    struct lh_text text = lh_text_new(p->ctx.arena);
    p->mishap = *mishap;
    draw_put(&text, d, mishap->kind == NO_FAULT ? "" : mishap->text);
    p->text = text.s;
    enum lh_status st =
        lh_scenario_read_text(&p->scenario[FOLDED], "drawn.yaml", text.s,
                              text.n, dir, NULL, 0, &p->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&p->topology, &p->scenario[FOLDED], &p->ctx);
    if (st == LH_OK)
        st = program_make(p, d);
    p->scenario[UNFOLDED] = p->scenario[FOLDED];
    p->scenario[UNFOLDED].fold = false;
    for (int i = 0; i < SIDES; i++)
        p->point[i] =
            (struct lh_sim_point){&p->scenario[i], &p->program, p->topology};
    return st;
}

enum lh_status pair_run(struct pair *p)
{
    enum lh_status status[SIDES];
    enum lh_status st =
        lh_sim_run_many(p->trace, status, p->point, SIDES, 2, &p->ctx);
    for (int i = 0; i < SIDES && st == LH_OK; i++) {
        st = lh_result_make(&p->result[i], &p->trace[i], &p->program,
                            p->topology, &p->ctx);
        lh_trace_tell(&p->trace[i], &p->ctx);
        if (st == LH_OK)
            st = lh__place(&p->placed[i], &p->point[i], &p->ctx);
    }
    return st;
}

void pair_end(struct pair *p)
{
    for (int i = 0; i < SIDES; i++)
        lh__incidence_free(&p->placed[i].incidence);
    lh_topology_free(p->topology);
    lh_ctx_end(&p->ctx);
}

bool apart(double a, double b, double tol)
{
    return !(fabs(a - b) <= tol);
}

static const char *result_differs(struct pair *p)
{
    const struct lh_result *a = &p->result[FOLDED], *b = &p->result[UNFOLDED];
    double tol = 1e-9 * b->step_time_s;
    if (apart(a->step_time_s, b->step_time_s, tol))
        return lh_format(p->ctx.arena, "step_time_s %.17g, unfolded %.17g",
                         a->step_time_s, b->step_time_s);
    for (int c = 0; c < LH_CATEGORIES; c++) {
        const char *name = lh_category_name((enum lh_category)c);
        if (apart(a->breakdown_s[c], b->breakdown_s[c], tol))
            return lh_format(p->ctx.arena, "breakdown %s %.17g, unfolded %.17g",
                             name, a->breakdown_s[c], b->breakdown_s[c]);
        if (apart(a->critical_path_s[c], b->critical_path_s[c], tol))
            return lh_format(p->ctx.arena,
                             "critical path %s %.17g, unfolded %.17g", name,
                             a->critical_path_s[c], b->critical_path_s[c]);
    }
    return NULL;
}

static const char *link_differs(struct pair *p)
{
    const struct lh__fold *a = &p->placed[FOLDED].fold;
    const struct lh__fold *b = &p->placed[UNFOLDED].fold;
    for (int l = 0; l < lh_topology_link_count(p->topology); l++) {
        int32_t i = lh__fold_link_class(a, l), j = lh__fold_link_class(b, l);
        double x = i < 0 ? 0 : p->trace[FOLDED].link_bytes[i];
        double y = j < 0 ? 0 : p->trace[UNFOLDED].link_bytes[j];
        if (apart(x, y, 1e-9 * y))
            return lh_format(p->ctx.arena,
                             "link %s: %.17g bytes, unfolded %.17g",
                             lh_topology_link_at(p->topology, l).name, x, y);
    }
    return NULL;
}

/* Bytes of all links of a kind, as users see them. */
static const char *kind_differs(struct pair *p)
{
    double sum[SIDES][LH_LINK_KINDS] = {{0}};
    for (int s = 0; s < SIDES; s++) {
        const struct lh_result *r = &p->result[s];
        for (int i = 0; i < r->n_links; i++)
            sum[s][r->links[i].kind] +=
                (double)r->links[i].count * r->links[i].bytes;
    }
    for (int k = 0; k < LH_LINK_KINDS; k++) {
        if (apart(sum[FOLDED][k], sum[UNFOLDED][k], 1e-9 * sum[UNFOLDED][k]))
            return lh_format(p->ctx.arena,
                             "links of kind %d: %.17g bytes, unfolded %.17g", k,
                             sum[FOLDED][k], sum[UNFOLDED][k]);
    }
    return NULL;
}

/* A step of each side, and where its times are counted from. */
struct sides {
    int32_t step[SIDES];
    bool from_begin; /* else as they are */
};

static double begin_of(const struct lh_trace *t, const struct sides *s,
                       int side, int32_t c)
{
    return s->from_begin
               ? t->class_begin_s[(int64_t)s->step[side] * t->n_classes + c]
               : 0;
}

/* Every operation of a rank at the same time as its class's. */
static const char *rank_differs(struct pair *p, lh_rank rank,
                                const struct sides *s)
{
    const struct lh_trace *a = &p->trace[FOLDED], *b = &p->trace[UNFOLDED];
    int32_t i = lh__fold_rank_class(&p->placed[FOLDED].fold, rank);
    int32_t j = lh__fold_rank_class(&p->placed[UNFOLDED].fold, rank);
    double tol = 1e-9 * b->step_time_s * (double)lh_cycle_steps(&p->program);
    double from_a = begin_of(a, s, FOLDED, i);
    double from_b = begin_of(b, s, UNFOLDED, j);
    double end_a = a->class_end_s[(int64_t)s->step[FOLDED] * a->n_classes + i];
    double end_b =
        b->class_end_s[(int64_t)s->step[UNFOLDED] * b->n_classes + j];
    if (apart(end_a - from_a, end_b - from_b, tol))
        return lh_format(p->ctx.arena, "rank %lld ends %.17g, unfolded %.17g",
                         (long long)rank, end_a, end_b);
    int64_t n = a->class_first[i + 1] - a->class_first[i];
    if (n != b->class_first[j + 1] - b->class_first[j])
        return "a rank has another template than its class";
    for (int64_t o = 0; o < n; o++) {
        int64_t x = s->step[FOLDED] * a->n_records + a->class_first[i] + o;
        int64_t y = s->step[UNFOLDED] * b->n_records + b->class_first[j] + o;
        if (a->start_s[x] < 0 && b->start_s[y] < 0)
            continue;
        if (apart(a->posted_s[x] - from_a, b->posted_s[y] - from_b, tol)
            || apart(a->start_s[x] - from_a, b->start_s[y] - from_b, tol)
            || apart(a->end_s[x] - from_a, b->end_s[y] - from_b, tol))
            return lh_format(p->ctx.arena,
                             "rank %lld, op %lld: posted start end %.17g "
                             "%.17g %.17g, unfolded %.17g %.17g %.17g",
                             (long long)rank, (long long)o, a->posted_s[x],
                             a->start_s[x], a->end_s[x], b->posted_s[y],
                             b->start_s[y], b->end_s[y]);
    }
    return NULL;
}

bool pair_run_fake(struct lh__exec_output *out, struct pair *p,
                   const struct lh__placed *placed)
{
    struct lh__placed shared = *placed;
    shared.group_alone_s = NULL;
    struct lh_arena *arena = p->ctx.arena;
    size_t n = (size_t)placed->n_records;
    size_t classes = (size_t)placed->n_classes;
    struct lh__exec_options exec = {.steps_max = LH__STEPS_MAX};
    struct lh_engine engine;
    *out = (struct lh__exec_output){
        .posted_s = LH_NEW(arena, double, n),
        .start_s = LH_NEW(arena, double, n),
        .end_s = LH_NEW(arena, double, n),
        .late = LH_NEW(arena, int64_t, n),
        .class_begin_s = LH_NEW(arena, double, classes),
        .class_end_s = LH_NEW(arena, double, classes)};
    LH_REQUIRE(fake_engine_open(&engine, placed->n_engine_links,
                                placed->engine_capacity, &p->ctx)
               == LH_OK);
    for (int32_t i = 0; i < placed->n_shapes; i++)
        (void)fake_engine_channel(&engine, &placed->channels[i]);
    return lh__exec_run(out, &shared, &engine, &exec, &p->ctx) == LH_OK;
}

/* Of the last step, the furthest that two ends of one record are apart. */
static double ends_apart_s(const double *end_s, const double *other_s,
                           int64_t n, int64_t *at)
{
    double most_s = -1;
    for (int64_t r = 0; r < n; r++) {
        double s = fabs(end_s[r] - other_s[r]);
        if (most_s < s || isnan(s)) {
            most_s = s;
            *at = r;
        }
    }
    return most_s;
}

/* How far the fake engine's ends move if capacities do by some 1e-13, as
 * rounding may: where flows wait for flows over many steps the first can be
 * 1e10 times the second.  Such a step cannot tell two engines apart. */
static double moved_by_rounding_s(struct pair *p,
                                  const struct lh__exec_output *as_is)
{
    double most_s = 0;
    for (int way = 0; way < 4; way++) {
        struct lh__placed nudged = p->placed[FOLDED];
        struct lh__exec_output out;
        int64_t at;
        double *capacity = LH_NEW(p->ctx.arena, double, nudged.n_engine_links);
        for (int32_t i = 0; i < nudged.n_engine_links; i++)
            capacity[i] =
                nudged.engine_capacity[i] * (1 + 1e-14 * ((i + way) * 7 % 13));
        nudged.engine_capacity = capacity;
        if (pair_run_fake(&out, p, &nudged) && out.steps == as_is->steps)
            most_s = fmax(most_s, ends_apart_s(out.end_s, as_is->end_s,
                                               nudged.n_records, &at));
    }
    return most_s;
}

/* The engine: the fake one gives the same times, with groups that are alone on
 * their links as flows. */
static const char *engine_differs(struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    struct lh__exec_output fake;
    if (!pair_run_fake(&fake, p, &p->placed[FOLDED]))
        return "the fake engine fails";
    if (fake.steps != t->steps_simulated)
        return NULL;
    double tol = (lh_cycle_steps(&p->program) > 1 ? 1e-8 : 1e-9)
                 * fmax(t->class_end_s[0], t->step_time_s);
    const double *end_s =
        t->end_s + (lh_trace_steps(t) - 1) * t->n_records; /* the last step */
    int64_t r = 0;
    double apart_s = ends_apart_s(end_s, fake.end_s, t->n_records, &r);
    if (apart_s <= tol)
        return NULL;
    p->is_sensitive = apart_s <= 20 * moved_by_rounding_s(p, &fake);
    return p->is_sensitive
               ? NULL
               : lh_format(p->ctx.arena,
                           "record %lld ends %.17g, on the fake engine %.17g",
                           (long long)r, end_s[r], fake.end_s[r]);
}

static const char *steadiness_differs(struct pair *p)
{
    return p->trace[FOLDED].steady == p->trace[UNFOLDED].steady
               ? NULL
               : "only one of both is steady";
}

/* The step of the other side that is of that turn, or -1: it was left out. */
static int32_t step_like(const struct lh_trace *t, int64_t turn, int64_t cycle)
{
    for (int32_t i = 0; i < lh_trace_steps(t); i++) {
        if ((t->phase + t->step_number[i]) % cycle == turn)
            return i;
    }
    return -1;
}

/* Where the sides simulated different numbers of steps, or left out others,
 * times are counted from the step's begin. */
static const char *ranks_differ(struct pair *p)
{
    const struct lh_trace *a = &p->trace[FOLDED], *b = &p->trace[UNFOLDED];
    int64_t cycle = lh_cycle_steps(&p->program);
    const char *why = NULL;
    int compared = 0;
    for (int32_t i = 0; i < lh_trace_steps(a); i++) {
        int64_t turn = (a->phase + a->step_number[i]) % cycle;
        struct sides s = {{i, step_like(b, turn, cycle)},
                          a->steps_simulated != b->steps_simulated
                              || a->phase != b->phase};
        compared += s.step[UNFOLDED] >= 0;
        for (lh_rank r = 0; s.step[UNFOLDED] >= 0
                            && r < lh_axes_ranks(&p->program.axes) && !why;
             r++)
            why = rank_differs(p, r, &s);
    }
    return compared > 0 || why ? why : "no step is of both";
}

const char *pair_differs(struct pair *p)
{
    static const char *(*const promises[])(struct pair *) = {
        shapes_differ,      result_differs, link_differs,   kind_differs,
        steadiness_differs, ranks_differ,   engine_differs, stealing_differs};
    const char *why = NULL;
    for (size_t i = 0; i < LH_COUNT(promises) && why == NULL; i++)
        why = promises[i](p);
    return why;
}
