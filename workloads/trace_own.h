/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What of an op is in the numbers of a Chakra node that this program wrote:
 * between trace_write.c and trace_own.c, which says more.
 */
#ifndef LH_WORKLOADS_TRACE_OWN_H
#define LH_WORKLOADS_TRACE_OWN_H

#include "workload.h"

enum { FORMAT = 1 };
enum {
    STREAM,
    CATEGORY,
    TASK,
    ROLE,
    MICRO_BATCH,
    LAYER,
    TURN,
    N_OP,
    ROW = N_OP,
    COLLECTIVE,
    AXES,
    SHIFT_AXIS,
    SHIFT_KIND,
    SHIFT,
    COMM_CATEGORY,
    VISITS,
    DOMAINS_MAX,
    N_COMM
};

/* Of a collective's group. */
int64_t lh__own_members(const struct lh_program *program,
                        const struct lh_comm *comm);

#endif
