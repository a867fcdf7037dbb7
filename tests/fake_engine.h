/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An engine for tests without SimGrid: exact weighted max-min sharing by
 * progressive filling.  Any number in a process; memory is the ctx's arena.
 */
#ifndef LH_FAKE_ENGINE_H
#define LH_FAKE_ENGINE_H

#include <longhaul/engine.h>

enum lh_status fake_engine_open(struct lh_engine *out, int32_t n_links,
                                const double *capacity_bytes_per_s,
                                struct lh_ctx *ctx);
lh_channel fake_engine_channel(struct lh_engine *engine,
                               const struct lh_channel_spec *spec);

#endif
