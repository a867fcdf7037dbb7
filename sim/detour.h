/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What each fibre carried of a step in whose course routes change
 * (topologies/outage.c): a group's bytes until a change went over its fibres of
 * one set of routes, the others over those of the next.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_DETOUR_H
#define LH_SIM_DETOUR_H

#include <longhaul/engine.h>

#include "place.h"

struct lh__detour;

/* NULL: routes do not change.  Asks the engine for a call at every change. */
enum lh_status lh__detour_begin(struct lh__detour **out,
                                const struct lh__placed *placed,
                                struct lh_engine *engine,
                                struct lh_ctx *ctx) LH_MUST_USE;
/* A flow of a group begins (the engine stores it where is said; NULL: it need
 * not) and ends. */
lh_flow *lh__detour_flow(struct lh__detour *d, int64_t group);
void lh__detour_over(struct lh__detour *d, int64_t group);
/* Puts right what fibres carried, in link_bytes[n_links]. */
void lh__detour_bytes(double *link_bytes, const struct lh__detour *d);

#endif
