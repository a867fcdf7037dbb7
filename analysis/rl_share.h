/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between rl_push.c, which knows who sends weights to whom, and rl_share.c,
 * which knows what they share.
 */
#ifndef LH_ANALYSIS_RL_SHARE_H
#define LH_ANALYSIS_RL_SHARE_H

#include <longhaul/result.h>

/* Weights to an entry.  Rates in bytes/s of one copy. */
struct lh__hop {
    int relay; /* the entry that sends; -1: the trainer */
    double copies;
    double flows;  /* from accelerators to accelerators, at once */
    double sender; /* all NICs of the sender */
    double leave, shared, arrive;
    struct lh_path path;
};

/* Sets `shared` of all: together, on the engine. */
enum lh_status lh__rl_share(struct lh__hop *hops, int n, double bytes,
                            const struct lh_topology *t,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* The fibres that a push crosses, with its bytes. */
void lh__rl_fibres(struct lh_rl_report *out, const struct lh__hop *hops,
                   const struct lh_topology *t, struct lh_ctx *ctx);

#endif
