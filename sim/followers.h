/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who waits for an operation of a template, and how many steps later.
 */
#ifndef LH_SIM_FOLLOWERS_H
#define LH_SIM_FOLLOWERS_H

#include <longhaul/program.h>

struct lh__edge {
    int32_t from;
    int32_t to;
    int32_t lag; /* steps after that of `from` */
};

struct lh__followers {
    int32_t *first; /* [n_ops + 1] into op, lag and turn */
    int32_t *op;
    int32_t *lag;
    int32_t *turn; /* of op */
    /* Of an op of every step on such ops: what it waits for in its own step,
     * and in the step before. */
    uint16_t *waits, *carried; /* [n_ops] */
    int32_t n_turned;          /* edges of which an end has a turn */
    struct lh__edge *turned;
    bool any_carried; /* by a dependency, not by the order of a stream */
};

void lh__followers_make(struct lh__followers *out, const struct lh_template *t,
                        int64_t cycle, struct lh_arena *arena);

/* What each op waits for in step `step`; UINT16_MAX: it does not run there. */
void lh__followers_waits(uint16_t *waits, const struct lh__followers *f,
                         const struct lh_template *t, int64_t step,
                         int64_t cycle);

#endif
