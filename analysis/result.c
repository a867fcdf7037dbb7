/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The figures of a result; each is defined in docs/model.md, "The result".
 */
#include "breakdown.h"

/* Dense bf16 peak of all accelerators that hold a rank. */
static double peak_flops_per_s(const struct lh_trace *trace,
                               const struct lh_program *program)
{
    double sum = 0;
    for (int32_t c = 0; c < trace->n_classes; c++) {
        const struct lh_template *t =
            &program->templates[trace->class_template[c]];
        sum += (double)trace->class_size[c]
               * program->devices[t->device]->bf16_flops_per_s;
    }
    return sum;
}

static bool fits(const struct lh_trace *trace, const struct lh_program *program)
{
    for (int32_t c = 0; c < trace->n_classes; c++) {
        const struct lh_template *t =
            &program->templates[trace->class_template[c]];
        if (program->memory[t->stage].total
            > program->devices[t->device]->memory_bytes)
            return false;
    }
    return true;
}

enum lh_status lh_result_make(struct lh_result *out,
                              const struct lh_trace *trace,
                              const struct lh_program *program,
                              const struct lh_topology *topology,
                              struct lh_ctx *ctx)
{
    *out = (struct lh_result){.step_time_s = trace->step_time_s,
                              .from_rest = trace->from_rest,
                              .steady = trace->steady,
                              .steps_simulated = trace->steps_simulated,
                              .events = trace->events,
                              .rank_classes = trace->n_classes,
                              .group_classes = trace->n_groups,
                              .link_classes = trace->n_links,
                              .fits = fits(trace, program)};
    double step_s = trace->step_time_s;
    double peak = peak_flops_per_s(trace, program);
    out->tokens_per_s = (double)program->tokens / step_s;
    out->mfu = program->model_flops / (step_s * peak);
    out->hfu = program->hardware_flops / (step_s * peak);
    lh__links(out, trace, topology, ctx);
    lh__bound(out, trace, program);
    return lh__breakdown(out, trace, program, ctx);
}
