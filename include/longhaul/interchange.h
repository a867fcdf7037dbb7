/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of other simulators as plain structures: what a file says, not yet what
 * it means on a machine.  SimAI's workload text, Chakra's execution traces (in
 * and out), ASTRA-sim's network.yml.  docs/interchange.md has the formats.
 *
 * Units are SI.  A fault of a file is one message at its line or, of a binary
 * file, with its byte.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_INTERCHANGE_H
#define LONGHAUL_INTERCHANGE_H

#include <longhaul/base.h>

/* ---- SimAI: workload text ------------------------------------------------ */

enum lh_simai_comm { LH_SIMAI_NONE, LH_SIMAI_ALL_REDUCE, LH_SIMAI_REDUCE_SCATTER,
                     LH_SIMAI_ALL_GATHER, LH_SIMAI_ALL_TO_ALL };
/* Over whom: tensor, all replicas, those that share experts, those that hold
 * the same experts. */
enum lh_simai_group { LH_SIMAI_TP, LH_SIMAI_DP, LH_SIMAI_EP, LH_SIMAI_DP_EP };

enum { LH_SIMAI_FORWARD, LH_SIMAI_INPUTS, LH_SIMAI_WEIGHTS, LH_SIMAI_PARTS };

struct lh_simai_part {
    double compute_s;
    enum lh_simai_comm comm;
    enum lh_simai_group group;
    double bytes;
};

struct lh_simai_line {
    const char *name;
    struct lh_simai_part parts[LH_SIMAI_PARTS];
    double update_s;          /* after a communication that is waited for */
};

struct lh_simai {
    int64_t tensor, expert, pipeline, chunks, micro_batches;
    int64_t gpus;             /* 0: not stated */
    double send_bytes;        /* from stage to stage, of one accelerator */
    int n_lines;
    struct lh_simai_line *lines;
    int first, period;        /* pipeline > 1: lines first .. first + period x
                                 micro_batches - 1 are micro-batches alike;
                                 else all lines are one */
};

enum lh_status lh_simai_read(struct lh_simai *out, const char *path,
                             struct lh_ctx *ctx) LH_MUST_USE;

#endif
