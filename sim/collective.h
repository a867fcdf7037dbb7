/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lh_sim_collective() on any engine, in this process: what tests use.
 */
#ifndef LH_SIM_COLLECTIVE_H
#define LH_SIM_COLLECTIVE_H

#include <longhaul/trace.h>

#include <longhaul/engine.h>

/* How engines of a kind are made: lh__engine_open and lh__engine_channel, or
 * the fake's. */
struct lh__engine_kind {
    enum lh_status (*open)(struct lh_engine *out, int32_t n_links,
                           const double *capacity_bytes_per_s,
                           struct lh_ctx *ctx);
    lh_channel (*channel)(struct lh_engine *engine,
                          const struct lh_channel_spec *spec);
};

/* The errors of lh_sim_collective() but those of the fork. */
enum lh_status lh__collective_run(double *end_s,
                                  const struct lh_collective_case *c,
                                  const struct lh_topology *topology,
                                  const struct lh__engine_kind *kind,
                                  struct lh_ctx *ctx) LH_MUST_USE;

#endif
