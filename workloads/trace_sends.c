/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sends and receives of Chakra traces: the k-th send of a stage to another with
 * a tag is received by the other's k-th receive from it with that tag.  Beside
 * trace_chakra.c.
 */
#include "trace_chakra.h"

#include <inttypes.h>

enum lh_status lh__trace_refuse(struct lh__trace_maker *m,
                                const struct lh_chakra_rank *rank,
                                const struct lh_chakra_node *node,
                                const char *why)
{
    lh_error(m->ctx, (struct lh_where){rank->path, 0, 0},
             "node %" PRIu64 " (%.60s): %s", node->id, node->name, why);
    return LH_BAD_INPUT;
}

enum lh_status lh__trace_send(struct lh__trace_maker *m, struct lh_op *op,
                              int stage, int32_t index,
                              const struct lh_chakra_rank *rank,
                              const struct lh_chakra_node *node)
{
    const struct lh_chakra_grid *g = &m->trace->grid;
    bool sends = node->type == LH_CHAKRA_SEND;
    int64_t other = sends ? node->dst : node->src;
    int64_t block, stages;

    if (other < 0 || node->bytes < 0)
        return lh__trace_refuse(
            m, rank, node,
            "no comm_dst, comm_src or comm_size, of a send or of a "
            "receive");
    if (rank->rank < 0 || g->program < 0)
        return lh__trace_refuse(
            m, rank, node,
            "a rank that sends to another needs a file of its own "
            "(PREFIX.%d.et)");
    block = g->stride[g->program];
    stages = (other - rank->rank) / block;
    if ((other - rank->rank) % block != 0 || stages == 0 || stage + stages < 0
        || stage + stages >= m->p->n_stages)
        return lh__trace_refuse(
            m, rank, node,
            "the other rank is not at the same place of another "
            "stage");
    m->ends = lh_grow(m->ctx->arena, m->ends, &m->ends_capacity, m->n_ends + 1,
                      sizeof *m->ends);
    m->ends[m->n_ends++] = (struct lh__trace_end){
        stage, stage + (int)stages, node->tag, node->bytes, index, sends,
        false};
    op->kind = LH_OP_COMM;
    op->stream = stages > 0 ? LH_STREAM_FORWARD_SEND : LH_STREAM_BACKWARD_SEND;
    if (!sends) /* seen from the sender */
        op->stream =
            stages < 0 ? LH_STREAM_FORWARD_RECV : LH_STREAM_BACKWARD_RECV;
    op->category = LH_PIPELINE_COMM;
    op->task = LH_TASK_ACTIVATIONS;
    op->role = sends ? LH_ROLE_SENDER : LH_ROLE_RECEIVER;
    return LH_OK;
}

static struct lh_op *op_of(const struct lh__trace_maker *m,
                           const struct lh__trace_end *e)
{
    return &m->p->templates[e->stage * m->p->n_devices].ops[e->op];
}

/* The receive of a send: the first of its stage, peer and tag that is free. */
static struct lh__trace_end *receive_of(struct lh__trace_maker *m,
                                        const struct lh__trace_end *send)
{
    for (size_t k = 0; k < m->n_ends; k++) {
        struct lh__trace_end *e = &m->ends[k];
        if (!e->sends && !e->matched && e->stage == send->other
            && e->other == send->stage && e->tag == send->tag)
            return e;
    }
    return NULL;
}

enum lh_status lh__trace_match(struct lh__trace_maker *m)
{
    const struct lh_chakra *t = m->trace;

    for (size_t k = 0; k < m->n_ends; k++) {
        struct lh__trace_end *e = &m->ends[k], *to;
        struct lh_comm comm = {.collective = LH_SEND,
                               .shift_axis = LH_AXIS_PIPELINE,
                               .shift = e->other - e->stage,
                               .bytes = e->bytes,
                               .category = LH_PIPELINE_COMM,
                               .algorithm = "auto"};

        if (!e->sends)
            continue;
        to = receive_of(m, e);
        if (to == NULL)
            continue;
        e->matched = to->matched = true;
        op_of(m, e)->comm = op_of(m, to)->comm =
            lh__rows_add(&m->rows, &comm, m->ctx->arena);
        m->rows.at[op_of(m, e)->comm].n_ops = 2;
    }
    for (size_t k = 0; k < m->n_ends; k++) {
        const struct lh__trace_end *e = &m->ends[k];
        const struct lh_chakra_rank *rank =
            &t->ranks[t->program_rank[e->stage]];

        if (!e->matched)
            return lh__trace_refuse(m, rank, &rank->nodes[e->op],
                                    e->sends ? "nobody receives what it sends"
                                             : "nobody sends what it receives");
    }
    return LH_OK;
}
