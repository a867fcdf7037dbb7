/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rows of bus bandwidth: one collective alone on the machine of the row.
 *
 *   busbw = size / time x 2(n-1)/n (all-reduce), (n-1)/n (reduce-scatter,
 *           all-gather, all-to-all), 1 (send)
 *
 * Time includes the dispatch of one kernel by the row's stack: a script that
 * times call by call in eager PyTorch pays it, a loop of nccl-tests keeps the
 * device busy (stack cuda-graphs, whose dispatch is 0).
 *
 * Place in the pipeline: a topology in; no program.  All accelerators are
 * members; of a send the first and the last.
 * Source: nccl-tests, doc/PERFORMANCE.md.  Leaves out other traffic.
 */
#include "validate.h"

double lh_bus_factor(enum lh_collective collective, int64_t n)
{
    double others = (double)(n - 1) / (double)n;
    switch (collective) {
    case LH_ALL_REDUCE: return 2 * others;
    case LH_SEND: return 1;
    case LH_REDUCE_SCATTER:
    case LH_ALL_GATHER:
    case LH_ALL_TO_ALL:
    default: return others;
    }
}

enum lh_status lh__busbw_simulate(double *bytes_per_s,
                                  const struct lh_validation_row *row,
                                  const struct lh_scenario *scenario,
                                  const struct lh_topology *topology,
                                  struct lh_ctx *ctx)
{
    int64_t all = lh_topology_accelerator_count(topology);
    int64_t n = row->collective == LH_SEND ? 2 : all;
    int64_t *members = LH_NEW(ctx->arena, int64_t, (size_t)n);
    double time_s = 0;
    for (int64_t i = 0; i < n; i++)
        members[i] = i;
    members[n - 1] = all - 1;
    struct lh_collective_case one = {
        .collective = row->collective,
        .algorithm = row->algorithm,
        .n = n,
        .accelerators = members,
        .bytes = row->size_bytes,
        .base_s = scenario->stack.collective_base_s,
    };
    enum lh_status st = lh_sim_collective(&time_s, &one, topology, ctx);
    if (st == LH_OK)
        *bytes_per_s = row->size_bytes / (time_s + scenario->stack.dispatch_s)
                       * lh_bus_factor(row->collective, n);
    return st;
}
