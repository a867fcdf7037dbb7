/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step that is one collective over all accelerators of one site, run as any
 * step is: placed, folded, simulated on SimGrid in a child.  Tests and
 * bench/all_reduce.c hold its time to closed forms.
 * Leaves out: several sites, other traffic.
 */
#ifndef LH_TESTS_LONE_COMM_H
#define LH_TESTS_LONE_COMM_H

#include <longhaul/trace.h>

struct lone_comm {
    struct lh_fabric fabric;
    int64_t ranks;
    enum lh_collective collective;
    const char *algorithm;
    double bytes;  /* S */
    double base_s; /* software latency */
    bool unfolded;
};

struct lone_comm_result {
    double time_s;         /* from its start to its end */
    const char *algorithm; /* that it took */
    int32_t rank_classes;
};

enum lh_status lone_comm_run(struct lone_comm_result *out,
                             const struct lone_comm *c,
                             struct lh_ctx *ctx) LH_MUST_USE;

#endif
