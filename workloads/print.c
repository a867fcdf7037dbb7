/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program as text for people and for golden tests: header, memory of the
 * stages, every template by stream and task, the ops of the first template,
 * communication rows.  Equal consecutive rows are one line; of a long op list
 * the beginning and the end are shown.
 */
#include "workload.h"

#include <inttypes.h>
#include <string.h>

/* Op lists longer than twice this are cut in the middle. */
enum { OPS_SHOWN = 60 };

static const char *const stream_names[] = {
    "compute",  "tensor",   "context",   "fwd-send",  "fwd-recv", "bwd-send",
    "bwd-recv", "data",     "weights",   "replicas",  "rfw-send", "rfw-recv",
    "rbw-send", "rbw-recv", "peer-send", "peer-recv", "sites",    "host",
};
_Static_assert(sizeof stream_names == LH_STREAMS * sizeof *stream_names,
               "every stream is named");

static const char *const task_names[] = {
    "forward",   "backward",  "recompute",   "embedding", "head",
    "optimizer", "gradients", "norm",        "weights",   "activations",
    "dispatch",  "combine",   "weight-grad", "islands",
};
enum { TASKS = sizeof task_names / sizeof task_names[0] };

const char *lh__task_name(enum lh_task task)
{
    return task_names[task];
}

static const char *const axis_names[LH_AXES] = {
    "tensor", "context", "expert", "pipeline", "shard", "group", "data",
};

static const char *human(const struct lh_text *out, double value,
                         enum lh_dimension dimension)
{
    return lh_units_human(out->arena, value, dimension);
}

static void print_header(struct lh_text *out, const struct lh_program *p)
{
    lh_text_printf(out,
                   "program: %" PRId64 " ranks, %d stage%s, %d template%s,"
                   " %d communication rows\n",
                   lh_axes_ranks(&p->axes), p->n_stages,
                   p->n_stages == 1 ? "" : "s", p->n_templates,
                   p->n_templates == 1 ? "" : "s", (int)p->n_comms);
    lh_text_add(out, "axes:");
    for (int i = 0; i < LH_AXES; i++)
        if ((i != LH_AXIS_SHARD && i != LH_AXIS_GROUP) || p->axes.size[i] > 1)
            lh_text_printf(out, " %s %" PRId64 " (stride %" PRId64 ")",
                           axis_names[i], p->axes.size[i], p->axes.stride[i]);
    lh_text_printf(out,
                   "\nmicro-batches: %" PRId64 " a replica, tokens: %" PRId64
                   " a step\n",
                   p->micro_batches, p->tokens);
    lh_text_printf(out, "model FLOP: %.6g a step, with recomputation: %.6g\n",
                   p->model_flops, p->hardware_flops);
}

static void print_memory(struct lh_text *out, const struct lh_program *p)
{
    lh_text_add(out, "\nmemory of an accelerator\n"
                     "stage layers parameters  weights gradients optimizer "
                     "activations reserved    total\n");
    for (int s = 0; s < p->n_stages; s++) {
        const struct lh_memory *m = &p->memory[s];

        lh_text_printf(out, "%5d %6" PRId64 " %10.4g %8s", s,
                       p->stage_layers[s], m->parameters,
                       human(out, m->weights, LH_DIM_BYTES));
        lh_text_printf(out, " %9s %9s", human(out, m->gradients, LH_DIM_BYTES),
                       human(out, m->optimizer, LH_DIM_BYTES));
        lh_text_printf(out, " %11s %8s %8s\n",
                       human(out, m->activations, LH_DIM_BYTES),
                       human(out, m->reserved, LH_DIM_BYTES),
                       human(out, m->total, LH_DIM_BYTES));
    }
}

/* Sum over the ops of one stream and task. */
struct sum {
    int64_t n;
    double seconds, gap_s, bytes;
};

static void print_sum(struct lh_text *out, const char *stream, const char *task,
                      const struct sum *sum)
{
    lh_text_printf(out, "  %-8s %-11s %7" PRId64 " ops ", stream, task, sum->n);
    if (sum->bytes > 0.0)
        lh_text_printf(out, " %10s\n", human(out, sum->bytes, LH_DIM_BYTES));
    else
        lh_text_printf(out, " %10s (gaps %s)\n",
                       human(out, sum->seconds, LH_DIM_TIME),
                       human(out, sum->gap_s, LH_DIM_TIME));
}

static void print_template(struct lh_text *out, const struct lh_program *p,
                           const struct lh_template *t)
{
    struct sum sums[LH_STREAMS][TASKS];

    memset(sums, 0, sizeof sums);
    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        struct sum *sum = &sums[op->stream][op->task];

        sum->n++;
        sum->seconds += op->seconds;
        sum->gap_s += op->gap_s;
        if (op->comm >= 0)
            sum->bytes += p->comms[op->comm].bytes;
    }
    lh_text_printf(out, "\ntemplate %s: %d ops, %d dependencies\n", t->name,
                   (int)t->n_ops, (int)t->dep_begin[t->n_ops]);
    for (int s = 0; s < LH_STREAMS; s++)
        for (int k = 0; k < (int)TASKS; k++)
            if (sums[s][k].n > 0)
                print_sum(out, stream_names[s], task_names[k], &sums[s][k]);
}

static void print_op(struct lh_text *out, const struct lh_program *p,
                     const struct lh_template *t, int32_t i)
{
    const struct lh_op *op = &t->ops[i];

    lh_text_printf(out, "  %6d %-8s %-11s", (int)i, stream_names[op->stream],
                   task_names[op->task]);
    if (op->micro_batch >= 0)
        lh_text_printf(out, " mb %-3d", (int)op->micro_batch);
    else
        lh_text_add(out, "       ");
    if (op->layer >= 0)
        lh_text_printf(out, " layer %-3d", (int)op->layer);
    else
        lh_text_add(out, "          ");
    if (op->kind == LH_OP_COMPUTE)
        lh_text_printf(out, " %10s", human(out, op->seconds, LH_DIM_TIME));
    else
        lh_text_printf(out, " %10s row %d",
                       human(out, p->comms[op->comm].bytes, LH_DIM_BYTES),
                       (int)op->comm);
    for (int32_t k = t->dep_begin[i]; k < t->dep_begin[i + 1]; k++) {
        lh_text_add(out, k == t->dep_begin[i] ? " after" : "");
        if (t->deps[k] < 0)
            lh_text_printf(out, " last:%d", (int)~t->deps[k]);
        else
            lh_text_printf(out, " %d", (int)t->deps[k]);
    }
    lh_text_add(out, "\n");
}

static void print_ops(struct lh_text *out, const struct lh_program *p,
                      const struct lh_template *t)
{
    bool cut = t->n_ops > 2 * OPS_SHOWN;

    lh_text_printf(out, "\nops of %s\n", t->name);
    for (int32_t i = 0; i < t->n_ops; i++) {
        if (cut && i == OPS_SHOWN) {
            lh_text_printf(out, "  ... %d more ...\n",
                           (int)t->n_ops - 2 * OPS_SHOWN);
            i = t->n_ops - OPS_SHOWN;
        }
        print_op(out, p, t, i);
    }
}

static bool row_equal(const struct lh_comm *a, const struct lh_comm *b)
{
    return a->collective == b->collective && a->axes == b->axes
           && a->shift_axis == b->shift_axis && a->shift == b->shift
           && a->shift_kind == b->shift_kind && a->bytes == b->bytes
           && a->category == b->category && a->load == b->load
           && strcmp(a->algorithm, b->algorithm) == 0;
}

static void print_row(struct lh_text *out, const struct lh_comm *comm)
{
    lh_text_printf(out, "%s of %s", lh_collective_name(comm->collective),
                   human(out, comm->bytes, LH_DIM_BYTES));
    if (comm->collective == LH_SEND && comm->shift_kind != LH_SHIFT_CYCLIC)
        lh_text_printf(out, ", pairs of %s, round %d",
                       axis_names[comm->shift_axis], comm->shift + 1);
    else if (comm->collective == LH_SEND)
        lh_text_printf(out, ", %s %+d", axis_names[comm->shift_axis],
                       comm->shift);
    for (int i = 0; i < LH_AXES; i++)
        if (comm->axes & LH_AXIS_BIT(i))
            lh_text_printf(out, ", over %s", axis_names[i]);
    lh_text_printf(out, ", %s, %s%s\n", lh_category_name(comm->category),
                   comm->algorithm, comm->load ? ", unequal loads" : "");
}

static void print_rows(struct lh_text *out, const struct lh_program *p)
{
    lh_text_add(out, "\nrows\n");
    for (int32_t i = 0, end; i < p->n_comms; i = end) {
        for (end = i + 1; end < p->n_comms; end++)
            if (!row_equal(&p->comms[i], &p->comms[end]))
                break;
        if (end == i + 1)
            lh_text_printf(out, "  %d: ", (int)i);
        else
            lh_text_printf(out, "  %d..%d: ", (int)i, (int)end - 1);
        print_row(out, &p->comms[i]);
    }
}

void lh_program_print(struct lh_text *out, const struct lh_program *program)
{
    print_header(out, program);
    print_memory(out, program);
    for (int i = 0; i < program->n_templates; i++)
        print_template(out, program, &program->templates[i]);
    if (program->n_templates > 0)
        print_ops(out, program, &program->templates[0]);
    print_rows(out, program);
}
