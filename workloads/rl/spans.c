/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happened when, for a trace: a lane for the trainer, one for weights on
 * their way, one for the first replica of each entry of generators and for the
 * first worker of each verifier; and how many samples ran in each entry when a
 * trainer's step ended.  Nothing where nobody asks.
 *
 * Leaves out: all other replicas and workers.
 */
#include "loop.h"

void lh__span(struct lh__loop *l, int lane, const char *name, double begin_s,
              double end_s)
{
    struct lh_rl_spans *out = l->in->spans;

    if (!out || !(end_s > begin_s))
        return;
    out->spans = lh_grow(l->ctx->arena, out->spans, &out->spans_capacity,
                         (size_t)out->n_spans + 1, sizeof *out->spans);
    out->spans[out->n_spans++] =
        (struct lh_rl_span){lane, name, begin_s, end_s};
}

void lh__span_generate(struct lh__replica *r, bool runs, double date_s)
{
    struct lh__loop *l = r->loop;

    if (!l->in->spans || r->index != l->fleet_first[r->fleet])
        return;
    if (runs && r->span_from_s < 0)
        r->span_from_s = date_s;
    if (runs || r->span_from_s < 0)
        return;
    lh__span(l, LH_RL_LANE_ROLES + r->fleet, "generate", r->span_from_s,
             date_s);
    r->span_from_s = -1;
}

void lh__span_step(struct lh__loop *l)
{
    struct lh_rl_spans *out = l->in->spans;
    int n = l->in->n_fleets;

    if (!out)
        return;
    int64_t i = out->n_steps++;
    out->step_s = lh_grow(l->ctx->arena, out->step_s, &out->steps_capacity,
                          (size_t)out->n_steps, sizeof *out->step_s);
    out->running = lh_grow(l->ctx->arena, out->running, &out->running_capacity,
                           (size_t)(out->n_steps * n), sizeof *out->running);
    out->step_s[i] = lh__loop_now(l);
    for (int f = 0; f < n; f++) {
        int64_t sum = 0;
        for (int k = l->fleet_first[f]; k < l->fleet_first[f + 1]; k++)
            sum += l->replicas[k].n_running + l->replicas[k].n_filling;
        out->running[i * n + f] = sum;
    }
}
