/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who waits for each operation of a template.
 *
 * Ownership: the arena's.
 */
#ifndef LH_SIM_FOLLOWERS_H
#define LH_SIM_FOLLOWERS_H

#include <longhaul/program.h>

/* Who waits for an op of a template (CSR): the op itself, or ~op for that op
 * of the next step. */
struct lh__followers {
    int32_t *first; /* [n_ops + 1] */
    int32_t *op;
    uint16_t *waits;   /* [n_ops] what an op waits for in its own step */
    uint16_t *carried; /* [n_ops] and in the step before */
    int32_t last_compute;
    bool any_carried; /* by a dependency, not by the order of a stream */
};

void lh__followers_build(struct lh__followers *f, const struct lh_template *t,
                         struct lh_arena *arena);

#endif
