/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The names and help of the schedules in list.h, for `longhaul list`.
 *
 * Place in the pipeline: beside it; nothing is built here.
 */
#include <longhaul/program.h>

static const struct lh_choice named[] = {
    [LH_SCHEDULE_GPIPE] = {"gpipe",
                           "all forward passes, then all backward passes"},
    [LH_SCHEDULE_1F1B] = {"1f1b", "one forward, one backward in turn once the "
                                  "pipeline is full"},
    [LH_SCHEDULE_INTERLEAVED] = {"interleaved",
                                 "1f1b with several model chunks a stage"},
    [LH_SCHEDULE_ZERO_BUBBLE] = {"zero-bubble",
                                 "backward split into inputs and weights"},
    [LH_SCHEDULE_DUALPIPE] = {"dualpipe", "micro-batches from both ends, a "
                                          "forward beside a backward"},
    [LH_SCHEDULE_DUALPIPE_V] = {"dualpipe-v",
                                "there and back, a forward beside a backward"},
};

static const enum lh_schedule built[] = {
#define LH__SCHEDULE(name, value) value,
#include "list.h"
#undef LH__SCHEDULE
};

const struct lh_choice *lh_schedule_at(int i)
{
    int n = (int)(sizeof built / sizeof built[0]);

    return i < n ? &named[built[i]] : NULL;
}
