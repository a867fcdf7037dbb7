/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The trace as text: one line a record, classes in order; of a cycle the steps
 * one by one.
 */
#include <longhaul/trace.h>

static const char *collective_of(const struct lh_program *program,
                                 const struct lh_op *op)
{
    if (op->kind == LH_OP_COMPUTE)
        return "compute";
    return lh_collective_name(program->comms[op->comm].collective);
}

static void print_class(struct lh_text *out, const struct lh_trace *trace,
                        const struct lh_program *program, int32_t step,
                        int32_t c)
{
    const struct lh_template *t = &program->templates[trace->class_template[c]];
    lh_text_printf(out, "class %d: rank %lld, %lld ranks, %s\n", c,
                   (long long)trace->class_rank[c],
                   (long long)trace->class_size[c], t->name);
    for (int32_t o = 0; o < t->n_ops; o++) {
        int64_t r = trace->class_first[c] + o;
        int64_t i = step * trace->n_records + r;
        const struct lh_op *op = &t->ops[o];
        if (trace->start_s[i] < 0)
            continue;
        lh_text_printf(out,
                       "  %5d  %-14s %-18s mb %3d  posted %.9f  start %.9f  "
                       "end %.9f",
                       o, collective_of(program, op),
                       lh_category_name(op->category), op->micro_batch,
                       trace->posted_s[i], trace->start_s[i], trace->end_s[i]);
        int32_t g = trace->group[r];
        if (g >= 0)
            lh_text_printf(out, "  group %d%s", g,
                           trace->group_wan[g] ? " wan" : "");
        if (g >= 0 && trace->group_sms[g] > 0)
            lh_text_printf(out, "  takes %lld", (long long)trace->group_sms[g]);
        lh_text_add(out, "\n");
    }
}

void lh_trace_print(struct lh_text *out, const struct lh_trace *trace,
                    const struct lh_program *program)
{
    lh_text_printf(out,
                   "trace: %d classes, %d groups, %lld records, %d steps, "
                   "%lld events, step %.9f s%s\n",
                   trace->n_classes, trace->n_groups,
                   (long long)trace->n_records, trace->steps_simulated,
                   (long long)trace->events, trace->step_time_s,
                   trace->from_rest ? " (one, from rest)"
                   : trace->steady  ? ""
                                    : " (not steady)");
    for (int32_t i = 0; i < lh_trace_steps(trace); i++) {
        if (lh_cycle_steps(program) > 1)
            lh_text_printf(out, "step %lld of the cycle, and %lld like it\n",
                           (long long)((trace->phase + trace->step_number[i])
                                       % lh_cycle_steps(program)),
                           (long long)trace->step_repeats[i]);
        for (int32_t c = 0; c < trace->n_classes; c++)
            print_class(out, trace, program, i, c);
    }
}
