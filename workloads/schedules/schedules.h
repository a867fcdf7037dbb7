/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/: the schedules of list.h.
 */
#ifndef LH_WORKLOADS_SCHEDULES_H
#define LH_WORKLOADS_SCHEDULES_H

#include "../workload.h"

#define LH__SCHEDULE(name, value)                                              \
    void lh__schedule_##name(struct lh__slots *slots,                          \
                             const struct lh__pipeline *pipeline);
#include "list.h"
#undef LH__SCHEDULE

#endif
