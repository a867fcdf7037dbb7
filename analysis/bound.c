/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What no overlap and no schedule of this plan can beat: the compute of the
 * What no overlap and no schedule of this plan can beat: the compute of the
 * busiest accelerator, if it is a mean one, without launch gaps, and the bytes
 * of the busiest link over its capacity, in the mean step; speed and capacity
 * as faults leave them, at their best.
 */
#include "breakdown.h"

#include <math.h>

static double compute_s(const struct lh_template *t, int64_t cycle)
{
    double sum_s = 0;
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream == LH_STREAM_COMPUTE)
            sum_s += (t->ops[o].seconds - t->ops[o].gap_s - t->ops[o].slowest_s)
                     / (double)(t->ops[o].turn > 0 ? cycle : 1);
    }
    return sum_s;
}

void lh__bound(struct lh_result *out, const struct lh_trace *trace,
               const struct lh_program *program)
{
    struct lh_bound *b = &out->bound;
    for (int32_t c = 0; c < trace->n_classes; c++)
        b->compute_s =
            fmax(b->compute_s,
                 compute_s(&program->templates[trace->class_template[c]],
                           lh_cycle_steps(program))
                     / trace->class_speed[c]);
    b->cut = "";
    for (int i = 0; i < out->n_links; i++) {
        double s = out->links[i].bytes / out->links[i].capacity_bytes_per_s;
        if (s > b->network_s) {
            b->network_s = s;
            b->cut = out->links[i].name;
        }
    }
    b->bound_s = fmax(b->compute_s, b->network_s);
}
