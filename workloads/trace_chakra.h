/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between trace_chakra.c and trace_sends.c: a program that is being made.
 */
#ifndef LH_WORKLOADS_TRACE_CHAKRA_H
#define LH_WORKLOADS_TRACE_CHAKRA_H

#include "workload.h"

/* A send, or a receive, of a stage. */
struct lh__trace_end {
    int stage, other;
    int64_t tag;
    double bytes;
    int32_t op;
    bool sends, matched;
};

struct lh__trace_maker {
    struct lh_ctx *ctx;
    const struct lh_scenario *scenario;
    const struct lh_chakra *trace;
    struct lh_program *p;
    struct lh__rows rows;
    int dim_axis[LH_CHAKRA_DIMS];
    struct lh__trace_end *ends;
    size_t n_ends, ends_capacity;
    int64_t n_replayed, n_empty; /* nodes that warnings are about */
    uint64_t replayed, empty;    /* the first of them */
};

/* The node cannot be run, and why. */
enum lh_status lh__trace_refuse(struct lh__trace_maker *m,
                                const struct lh_chakra_rank *rank,
                                const struct lh_chakra_node *node,
                                const char *why) LH_MUST_USE;
/* The op of a send or a receive; its row comes with lh__trace_match(). */
enum lh_status lh__trace_send(struct lh__trace_maker *m, struct lh_op *op,
                              int stage, int32_t index,
                              const struct lh_chakra_rank *rank,
                              const struct lh_chakra_node *node) LH_MUST_USE;
/* Sends with their receives; each has one. */
enum lh_status lh__trace_match(struct lh__trace_maker *m) LH_MUST_USE;

#endif
