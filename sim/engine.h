/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * struct lh_engine on SimGrid.  One a process: call it in a forked child.
 */
#ifndef LH_SIM_ENGINE_H
#define LH_SIM_ENGINE_H

#include <longhaul/engine.h>

#include "ledger.h"

struct lh__engine_stats {
    int64_t events; /* callbacks made */
};

/* Links 0 .. n_links-1 with finite capacities >= 0; channels are added by
 * lh__engine_channel() until the engine is no longer needed. */
enum lh_status lh__engine_open(struct lh_engine *out, int32_t n_links,
                               const double *capacity_bytes_per_s,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* Copies the spec; its links may be none (a pure delay of alpha_s). */
lh_channel lh__engine_channel(struct lh_engine *engine,
                              const struct lh_channel_spec *spec);
/* All channels so far; valid until the next is added. */
struct lh__wiring lh__engine_wiring(const struct lh_engine *engine);
struct lh__engine_stats lh__engine_stats(const struct lh_engine *engine);

#endif
