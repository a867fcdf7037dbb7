/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between resolve.c and plan.c.
 */
#ifndef LH_SCENARIO_RESOLVE_H
#define LH_SCENARIO_RESOLVE_H

#include "schema.h"

#include <math.h>

/* The dims of the file as the site's fabric. */
enum lh_status lh__astra_fabric(struct lh__reader *r,
                                const struct lh__value *file,
                                struct lh_site *site) LH_MUST_USE;
/* model.trace: reads the file, from which the plan is; before the plan. */
void lh__resolve_trace(struct lh__reader *r);
/* What the accelerators make of it; after the plan. */
void lh__check_trace(struct lh__reader *r);
/* Data-parallel size, batch, bucket, stage layers: derives and checks. */
void lh__resolve_plan(struct lh__reader *r);
/* A key that the scenario cannot use: a warning, and back to its default. */
void lh__idle_key(struct lh__reader *r, const char *path, const char *because);
/* What sync's keys say together; after the plan. */
void lh__resolve_sync(struct lh__reader *r);
/* The sites that faults and background name; after the plan, which says how
 * many ranks there are. */
void lh__resolve_faults(struct lh__reader *r);
/* Accelerators and power of each site against what it bears. */
void lh__check_caps(struct lh__reader *r);
/* Tokens to equal loss, where asked for; after the islands. */
void lh__resolve_loss(struct lh__reader *r);
/* Defaults of what fails; where nothing does, none. */
void lh__resolve_reliability(struct lh__reader *r);
/* rl: sites, engines, lengths, what several keys say together; before the plan,
 * which is the trainer's. */
void lh__resolve_rl(struct lh__reader *r);
/* The index of the site called so; -1: none, reported. */
int lh__find_site(struct lh__reader *r, const struct lh__value *name);

#endif
