/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Wires a placed program to a new SimGrid engine: its links and channels.
 */
#ifndef LH_SIM_WIRE_H
#define LH_SIM_WIRE_H

#include "engine.h"
#include "exec.h"

/* A message-by-message run takes this many members a collective at most. */
enum { LH__MESSAGES_MEMBERS_MAX = 256 };

/* One channel a shape, over the reduced links. */
enum lh_status lh__wire_coupled(struct lh_engine *engine,
                                const struct lh__placed *p,
                                struct lh_ctx *ctx) LH_MUST_USE;

/* All limiting links of the topology; one channel a shape as above (sends use
 * it).  The options get a plan a collective shape, and the schedules of the
 * links. */
enum lh_status lh__wire_messages(struct lh_engine *engine,
                                 struct lh__exec_options *options,
                                 const struct lh__placed *p,
                                 struct lh_ctx *ctx) LH_MUST_USE;

#endif
