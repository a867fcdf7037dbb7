/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the plan's schedule to the ordered passes of one stage: finds the
 * algorithm in list.h and runs it.
 */
#include "schedules.h"

#include <assert.h>

void lh__slots_add(struct lh__slots *slots, bool backward, int chunk,
                   int micro_batch)
{
    slots->at[slots->n++] = (struct lh__slot){
        .backward = backward,
        .chunk = chunk,
        .micro_batch = micro_batch,
    };
}

void lh__slots_add_half(struct lh__slots *slots, enum lh__half half,
                        int micro_batch)
{
    lh__slots_add(slots, true, 0, micro_batch);
    slots->at[slots->n - 1].half = half;
}

int lh__slots_warm_up(struct lh__slots *slots,
                      const struct lh__pipeline *pipeline)
{
    int warmup = pipeline->n_stages - pipeline->stage - 1;

    if (warmup > pipeline->n_micro_batches)
        warmup = pipeline->n_micro_batches;
    for (int i = 0; i < warmup; i++)
        lh__slots_add(slots, false, 0, i);
    return warmup;
}

static lh__schedule_fn find(enum lh_schedule schedule)
{
    switch ((int)schedule) {
#define LH__SCHEDULE(name, value)                                              \
    case value:                                                                \
        return lh__schedule_##name;
#include "list.h"
#undef LH__SCHEDULE
    }
    return NULL;
}

void lh__slots_make(struct lh__slots *out, const struct lh__fit *fit, int stage,
                    struct lh_ctx *ctx)
{
    struct lh__pipeline pipeline = {
        .n_stages = fit->n_stages,
        .stage = stage,
        .n_chunks = fit->n_chunks,
        .n_micro_batches = lh__fit_passes(fit),
        .pairs = fit->scenario->plan.overlap_expert,
    };
    enum lh_schedule kind = fit->scenario->plan.schedule;
    int n = 3 * fit->n_chunks * pipeline.n_micro_batches;
    lh__schedule_fn schedule = find(kind);

    out->n = 0;
    out->at = LH_NEW(ctx->arena, struct lh__slot, (size_t)n);
    assert(schedule != NULL); /* lh__fit_make refuses the others */
    schedule(out, &pipeline);
    assert(out->n <= n);
}
