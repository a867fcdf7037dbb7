/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Twins: classes of a placed program that differ only in the site they stand
 * on, or in another thing that does not show in the step.  They do the same at
 * the same times, so one of them is run and the others are told what it did.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_TWINS_H
#define LH_SIM_TWINS_H

#include "exec.h"
#include "place.h"

struct lh__twins {
    struct lh__placed placed; /* what is run: the whole's first of each kind */
    int32_t *class_twin;      /* [classes of the whole] of placed; NULL: no
                                 twins, and placed is the whole */
    int32_t
        *class_first_twin; /* [classes of the whole] the first of its kind */
};

/* Finds them, and verifies that they are. */
void lh__twins_make(struct lh__twins *out, const struct lh__placed *whole,
                    struct lh_ctx *ctx);

#endif
