/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many micro-batches a replica of each device has, in proportion to its
 * speed (placement.replica_batch: proportional).  From the step in which all
 * have equally many, m, to the numbers m_d of the step that is run:
 *
 *   t_d   computing of one micro-batch on the slowest stage of device d
 *   least max over d of (m_d + (p - 1) / v) t_d
 *   with  sum of R_d m_d = sum of R_d m,   m_d a multiple of `unit`
 *
 * over R_d replicas on device d, p stages of v chunks: what a pipeline takes.
 * m_d = m is always one of these.  Searched near the proportional share, all
 * devices but the last; of equals the first found, which is the most even.
 *
 * Leaves out: optimiser and communication, which do not grow with m_d alone.
 */
#include "workload.h"

#include <math.h>

/* Of a share, either way, in units. */
enum { WINDOW = 24, DEVICES_MAX = 4 };

struct search {
    int n;
    int64_t unit, least, total;
    double fill;                 /* (p - 1) / v */
    const int64_t *replicas;     /* [n] R_d */
    const double *micro_batch_s; /* [n] t_d */
    int64_t share[DEVICES_MAX];  /* m_d in proportion, a multiple of unit */
    int64_t now[DEVICES_MAX];
    int64_t *best; /* [n] */
    double best_s;
};

/* t_d, from the templates of a program with m micro-batches everywhere. */
static double micro_batch_s(const struct lh_program *p, int device)
{
    double most_s = 0.0;

    for (int stage = 0; stage < p->n_stages; stage++) {
        const struct lh_template *t =
            &p->templates[stage * p->n_devices + device];
        double sum_s = 0.0;

        for (int32_t o = 0; o < t->n_ops; o++)
            if (t->ops[o].kind == LH_OP_COMPUTE && t->ops[o].micro_batch >= 0)
                sum_s += t->ops[o].seconds;
        most_s = fmax(most_s, sum_s);
    }
    return most_s / (double)p->micro_batches;
}

static double step_s(const struct search *s)
{
    double most_s = 0.0;

    for (int d = 0; d < s->n; d++)
        most_s =
            fmax(most_s, ((double)s->now[d] + s->fill) * s->micro_batch_s[d]);
    return most_s;
}

static void take(struct search *s, int64_t left)
{
    int last = s->n - 1;
    double now_s;

    if (left < s->least * s->replicas[last]
        || left % (s->replicas[last] * s->unit) != 0)
        return;
    s->now[last] = left / s->replicas[last];
    now_s = step_s(s);
    if (now_s >= s->best_s * (1 - 1e-12))
        return;
    s->best_s = now_s;
    for (int d = 0; d < s->n; d++)
        s->best[d] = s->now[d];
}

static void search(struct search *s, int d, int64_t left)
{
    if (d == s->n - 1) {
        take(s, left);
        return;
    }
    for (int64_t k = -WINDOW; k <= WINDOW; k++) {
        int64_t m = s->share[d] + k * s->unit;

        s->now[d] = m;
        if (m >= s->least && m * s->replicas[d] <= left)
            search(s, d + 1, left - m * s->replicas[d]);
    }
}

/* Replicas of each device: sites are filled in order. */
static int64_t *replicas_of(const struct lh_program *p,
                            const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const int64_t *size = p->axes.size;
    int64_t unit =
        lh_axes_ranks(&p->axes) / size[LH_AXIS_DATA] / size[LH_AXIS_SHARD];
    int64_t left = lh_axes_replicas(&p->axes);
    int64_t *n = LH_NEW(ctx->arena, int64_t, (size_t)p->n_devices);

    for (int i = 0; i < s->n_sites; i++) {
        int64_t here = s->sites[i].gpus / unit * size[LH_AXIS_EXPERT];

        here = here < left ? here : left;
        n[p->site_device[i]] += here;
        left -= here;
    }
    return n;
}

int64_t *lh__portions(const struct lh_program *equal, const struct lh__fit *fit,
                      struct lh_ctx *ctx)
{
    int n = equal->n_devices;
    int64_t m = equal->micro_batches;
    const struct lh_plan *plan = &fit->scenario->plan;
    int64_t *best = LH_NEW(ctx->arena, int64_t, (size_t)n);
    double *seconds = LH_NEW(ctx->arena, double, (size_t)n);
    int64_t *replicas = replicas_of(equal, fit->scenario, ctx);
    double speed = 0.0;
    struct search s = {
        .n = n,
        .unit = plan->schedule == LH_SCHEDULE_INTERLEAVED ? plan->pipeline : 1,
        .fill = (double)(plan->pipeline - 1) / (double)fit->n_chunks,
        .replicas = replicas,
        .micro_batch_s = seconds,
        .best = best,
        .best_s = INFINITY};

    s.least = s.unit;
    for (int d = 0; d < n; d++) {
        best[d] = m;
        seconds[d] = micro_batch_s(equal, d);
        if (replicas[d] == 0)
            return best; /* nothing stands there: all as they are */
        s.total += replicas[d] * m;
        speed += (double)replicas[d] / seconds[d];
    }
    if (n < 2 || n > DEVICES_MAX)
        return best;
    for (int d = 0; d < n; d++)
        s.share[d] =
            (int64_t)((double)s.total / speed / seconds[d] / (double)s.unit)
            * s.unit;
    search(&s, 0, s.total);
    return best;
}
