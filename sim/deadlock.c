/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who waits for what where nothing can happen any more: a communication of
 * which some members are there and others are not.
 *
 * Place in the pipeline: what exec.c says before it fails.
 */
#include "exec_state.h"

static const char *op_text(const struct lh__exec *x, int64_t r)
{
    int32_t c = x->steps.record_class[r];
    const struct lh_template *t =
        &x->p->program->templates[x->p->class_template[c]];
    const struct lh_op *op = &t->ops[r - x->p->class_first[c]];
    const char *what =
        op->kind == LH_OP_COMPUTE
            ? "compute"
            : lh_collective_name(x->p->program->comms[op->comm].collective);
    return lh_format(
        x->ctx->arena, "rank %lld (%s) operation %lld (%s, micro-batch %d)",
        (long long)x->p->class_rank[c], t->name,
        (long long)(r - x->p->class_first[c]), what, op->micro_batch);
}

static int deadlock_report_step(const struct lh__exec *x, int32_t k)
{
    const struct lh__step *s = x->steps.at[k];
    int told = 0;
    for (int32_t g = 0; g < x->p->n_groups && told < 3; g++) {
        int64_t first = x->p->group_first[g], end = x->p->group_first[g + 1];
        if (s->arrived[g] == 0 || s->arrived[g] == end - first)
            continue;
        int64_t here = -1, missing = -1;
        for (int64_t i = first; i < end; i++) {
            int64_t r = x->p->group_record[i];
            if (s->times[r].waits == 0)
                here = r;
            else if (missing < 0)
                missing = r;
        }
        lh_error(x->ctx, LH_NOWHERE,
                 "deadlock in step %d: %s waits for %s, which is not ready",
                 (int)s->number, op_text(x, here), op_text(x, missing));
        told++;
    }
    return told;
}

void lh__exec_deadlock(const struct lh__exec *x)
{
    int told = 0;
    for (int32_t k = x->steps.n_complete; k < x->steps.n && told == 0; k++)
        told = deadlock_report_step(x, k);
    if (told == 0)
        lh_error(x->ctx, LH_NOWHERE,
                 "deadlock: operations wait for each other in a circle");
}
