/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step beside flows that share its links and are no part of its program:
 * weights that are pushed while the trainer trains.  Every NIC that ranks send
 * on carries one flow more, of its own, from the beginning of the step on; it
 * shares the NIC max-min with the flows of the step, one among them, and its
 * rate is at most a cap (of what lies behind the NIC).
 *
 *   step        as of lh_sim_run(); of flows of so many bytes one step from
 *               rest, until all its operations have ended.  It gets longer by
 *               what the flows take
 *   bytes/s     what they moved, mean over NICs, over the time of all steps
 *
 * Flows of NICs of one class of links are one channel each class: they have the
 * same rate at all times.  A class that holds both directions of NICs (fold.c)
 * is sent on, so it counts.
 * Place in the pipeline: beside run.c; analysis/rl.c asks.
 * Leaves out: what the flows share behind the NIC (their cap says it), programs
 * with cycles, NICs that the program does not use.
 */
#include <math.h>

#include "engine.h"
#include "exec.h"
#include "fork.h"
#include "wire.h"

/* All the time: more than a NIC moves in any run, and all its bits count. */
static const double endless_bytes = 0x1p60;

struct input {
    const struct lh_sim_point *point;
    const struct lh_sim_beside *beside;
};

/* The flows: channels first .. first + n - 1 of the placed program. */
struct flows {
    int32_t first, n;
    double *bytes_per_s; /* [n] of one alone */
    double *count;       /* [n] NICs */
};

/* Accelerators that send on NICs of each class of links, of those listed. */
static double *senders(const struct lh__placed *p, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = &p->incidence;
    double *n = LH_NEW(ctx->arena, double, p->n_links);
    for (int32_t l = 0; l < in->n_links; l++) {
        struct lh_link_info link =
            lh_topology_link_facts(p->topology, in->link[l]);
        if (link.kind == LH_LINK_NIC && isfinite(link.capacity_bytes_per_s)
            && link.from < lh_topology_accelerator_count(p->topology))
            n[p->fold.link_class[l]] += (double)in->link_count[l];
    }
    return n;
}

/* Adds a shape a class, and finds anew which links limit, and who is alone. */
static void flows_place(struct flows *out, struct lh__placed *p, double cap,
                        struct lh_ctx *ctx)
{
    const double *n = senders(p, ctx);
    struct lh__shape *shapes =
        LH_NEW(ctx->arena, struct lh__shape, p->n_shapes + p->n_links);
    *out = (struct flows){.first = p->n_shapes,
                          .bytes_per_s = LH_NEW(ctx->arena, double, p->n_links),
                          .count = LH_NEW(ctx->arena, double, p->n_links)};
    for (int32_t s = 0; s < p->n_shapes; s++)
        shapes[s] = p->shapes[s];
    p->shapes = shapes;
    for (int32_t j = 0; j < p->n_links; j++) {
        struct lh__shape *s = &shapes[p->n_shapes];
        if (n[j] == 0)
            continue;
        *s = (struct lh__shape){.algorithm = -1,
                                .n_links = 1,
                                .links = LH_NEW(ctx->arena, int32_t, 1),
                                .weights = LH_NEW(ctx->arena, int64_t, 1),
                                .phi = 1,
                                .cap_bytes_per_s = cap};
        s->links[0] = j;
        s->weights[0] = 1;
        out->bytes_per_s[out->n] = fmin(cap, p->link_capacity[j]);
        out->count[out->n++] = n[j];
        p->n_shapes++;
    }
    lh__place_reduce(p, ctx);
    lh__place_alone(p, ctx);
}

static void ended(void *data)
{
    (void)data;
}

/* The end of all that the last step does. */
static double end_of(const struct lh__placed *p,
                     const struct lh__exec_output *out)
{
    const struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    double end_s = 0;
    for (int64_t r = 0; r < p->n_records; r++)
        if (last->times[r].start_s >= 0)
            end_s = fmax(end_s, last->times[r].end_s);
    return end_s;
}

static double step_of(const struct lh__placed *p,
                      const struct lh__exec_output *out)
{
    const struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    double sum_s = 0, ranks = 0;
    for (int32_t c = 0; c < p->n_classes; c++) {
        double size = (double)p->class_size[c];
        sum_s += size * (last->class_end_s[c] - last->class_begin_s[c]);
        ranks += size;
    }
    return sum_s / ranks;
}

/* Of what moved until the engine was stopped; or until end_s, where the step
 * ended later with what no engine sees: then nothing was in their way. */
static double rate_of(const struct flows *flows,
                      const struct lh__ledger *ledger, double bytes,
                      double end_s)
{
    double stop_s = lh__ledger_stop_s(ledger), sum = 0, n = 0;
    double rest_s = fmax(0, end_s - stop_s);
    for (int32_t i = 0; i < flows->n; i++) {
        struct lh__ledger_sum s = lh__ledger_sum(ledger, flows->first + i);
        double moved = s.arrived + s.moved + rest_s * flows->bytes_per_s[i];
        sum += flows->count[i] * fmin(bytes, moved);
        n += flows->count[i];
    }
    return n > 0 ? sum / n / fmax(end_s, stop_s) : 0;
}

static enum lh_status simulate(struct lh_sim_beside_result *result,
                               struct lh__placed *p,
                               const struct lh_sim_beside *beside,
                               struct lh_ctx *ctx)
{
    bool from_rest = isfinite(beside->bytes);
    struct lh__exec_options options = {.steps_max =
                                           from_rest ? 1 : LH__STEPS_MAX};
    struct lh__exec_output out = {0};
    struct lh__ledger *ledger;
    struct lh_engine engine, counted;
    struct flows flows;
    double bytes = fmin(beside->bytes, endless_bytes);
    flows_place(&flows, p, beside->cap_bytes_per_s, ctx);
    enum lh_status st = lh__wire_coupled(&engine, p, ctx);
    if (st != LH_OK)
        return st;
    struct lh__wiring wiring = lh__engine_wiring(&engine);
    lh__ledger_open(&counted, &ledger, &engine, &wiring, ctx);
    for (int32_t i = 0; i < flows.n && st == LH_OK; i++)
        st = counted.send(counted.self, flows.first + i, bytes, ended, NULL,
                          NULL);
    if (st == LH_OK)
        st = lh__exec_run(&out, p, &counted, &options, ctx);
    if (st == LH_OK)
        st = lh__ledger_close(ledger);
    if (st != LH_OK)
        return st;
    double end_s = end_of(p, &out);
    result->step_time_s = from_rest ? end_s : step_of(p, &out);
    result->bytes_per_s = rate_of(&flows, ledger, bytes, end_s);
    return LH_OK;
}

static enum lh_status work(void *shared, const void *input, struct lh_ctx *ctx)
{
    const struct input *in = input;
    struct lh__placed placed;
    enum lh_status st = lh__place(&placed, in->point, ctx);
    if (st == LH_OK)
        st = simulate(shared, &placed, in->beside, ctx);
    lh__incidence_free(&placed.incidence);
    return st;
}

enum lh_status lh_sim_beside(struct lh_sim_beside_result *out,
                             const struct lh_sim_point *point,
                             const struct lh_sim_beside *beside,
                             struct lh_ctx *ctx)
{
    struct input input = {point, beside};
    struct lh__job job = {.bytes = sizeof *out, .input = &input, .work = work};
    enum lh_status st = lh__fork_all(&job, 1, 1, ctx);
    if (st == LH_OK)
        *out = *(const struct lh_sim_beside_result *)job.shared;
    lh__fork_end(&job, 1);
    return st;
}
