/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time of one layer in a simulated step, for validation rows that give it.
 *
 *   time = last end - first start over the operations of the layer
 *
 * of the layer in the middle of the model (number layers / 2, the first being
 * 0) and the first micro-batch: forward, or backward with what it recomputes.
 * Communication beside products counts where it lasts longer, since the next
 * layer waits for both.
 * Place in the pipeline: between the trace and validate_quantity.c.  Leaves out
 * programs of one accelerator a layer (tensor, context and expert 1), whose
 * operations are whole chunks.
 */
#include <math.h>

#include "validate.h"

static bool is_of(const struct lh_op *op, int64_t layer, bool backward)
{
    bool again = op->task == LH_TASK_BACKWARD || op->task == LH_TASK_RECOMPUTE;
    return op->layer == layer && op->micro_batch == 0
           && (backward ? again : op->task == LH_TASK_FORWARD);
}

double lh__layer_time_s(const struct lh_trace *trace,
                        const struct lh_program *program, int64_t layers,
                        bool backward)
{
    for (int32_t c = 0; c < trace->n_classes; c++) {
        const struct lh_template *t =
            &program->templates[trace->class_template[c]];
        double begin_s = INFINITY, end_s = -INFINITY;
        for (int32_t o = 0; o < t->n_ops; o++) {
            int64_t r = trace->class_first[c] + o;
            if (!is_of(&t->ops[o], layers / 2, backward))
                continue;
            begin_s = fmin(begin_s, trace->start_s[r]);
            end_s = fmax(end_s, trace->end_s[r]);
        }
        if (end_s > begin_s)
            return end_s - begin_s;
    }
    return NAN;
}
