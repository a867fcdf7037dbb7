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

struct lh__follower {
    int32_t op;
    int32_t lag;
    int32_t turn; /* of op */
};

struct lh__followers {
    int32_t *first; /* [n_ops + 1] into: */
    struct lh__follower *of;
    int32_t n_of;
    /* Of an op of every step on such ops: what it waits for in its own step,
     * and in the step before. */
    uint16_t *waits, *carried; /* [n_ops] */
    int32_t n_turned;          /* edges of which an end has a turn */
    struct lh__edge *turned;
    int32_t n_turns;  /* ops with a turn */
    int32_t *turns;   /* [n_turns] */
    bool any_carried; /* by a dependency, not by the order of a stream */
};

void lh__followers_make(struct lh__followers *out, const struct lh_template *t,
                        int64_t cycle, struct lh_arena *arena);

/* Those of a template whose followers are all the same as `known` share its
 * arrays, which are then more often at hand. */
bool lh__followers_same(const struct lh__followers *f,
                        const struct lh__followers *known, int32_t n_ops);

/* What each op waits for in step `step`; UINT16_MAX: it does not run there. */
void lh__followers_waits(uint16_t *waits, const struct lh__followers *f,
                         const struct lh_template *t, int64_t step,
                         int64_t cycle);

#endif
