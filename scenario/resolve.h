/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between resolve.c and plan.c.
 */
#ifndef LH_SCENARIO_RESOLVE_H
#define LH_SCENARIO_RESOLVE_H

#include "schema.h"

#include <math.h>

/* Data-parallel size, batch, bucket, stage layers: derives and checks. */
void lh__resolve_plan(struct lh__reader *r);

#endif
