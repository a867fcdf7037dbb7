/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to scenario/: what the two ways to a model's shape share.
 */
#ifndef LONGHAUL_SCENARIO_MODEL_H
#define LONGHAUL_SCENARIO_MODEL_H

#include <longhaul/scenario.h>

/* No model is near it; what loops over layers relies on it. */
enum { LH__LAYERS_LIMIT = 100000 };

/* Counts the parameters and checks that the numbers of a shape go together;
 * each fault is an error at `where`. */
enum lh_status lh__model_check(struct lh_model *model, struct lh_where where,
                               struct lh_ctx *ctx) LH_MUST_USE;

#endif
