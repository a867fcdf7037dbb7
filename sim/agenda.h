/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An agenda: what is to come at which date, by slot; a slot has one date at
 * most, which may be moved.  The first one is the earliest, of equals the
 * lowest slot.
 *
 * Ownership: the arena's.
 */
#ifndef LH_SIM_AGENDA_H
#define LH_SIM_AGENDA_H

#include <longhaul/base.h>

struct lh__agenda {
    int32_t n;      /* slots with a date */
    int32_t *slot;  /* [n] a heap */
    int32_t *place; /* [slots] in the heap, -1: no date */
    double *date_s; /* [slots] */
};

void lh__agenda_make(struct lh__agenda *out, int32_t n_slots,
                     struct lh_arena *arena);
void lh__agenda_put(struct lh__agenda *a, int32_t slot, double date_s);
/* The first slot leaves; there is one. */
int32_t lh__agenda_pop(struct lh__agenda *a);

static inline double lh__agenda_first_s(const struct lh__agenda *a)
{
    return a->date_s[a->slot[0]];
}

#endif
