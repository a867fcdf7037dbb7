/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ledger: stands between an engine and who sends on it, and counts what is
 * sent, what arrives, and what links can have carried.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_LEDGER_H
#define LH_SIM_LEDGER_H

#include <longhaul/engine.h>

/* What an engine was made with. */
struct lh__wiring {
    int32_t n_links;
    const double *capacity_bytes_per_s; /* [n_links] */
    int32_t n_channels;
    const struct lh_channel_spec *channels; /* [n_channels] */
};

struct lh__ledger;

/* out: the face of `engine`, by way of the ledger; the engine and the wiring
 * stay where they are as long as it is used. */
void lh__ledger_open(struct lh_engine *out, struct lh__ledger **ledger,
                     const struct lh_engine *engine,
                     const struct lh__wiring *wiring, struct lh_ctx *ctx);

/* Bytes at weight 1, of all flows of a channel so far.  moved: of flows that
 * were in flight when the engine was stopped, and have not been told of. */
struct lh__ledger_sum {
    double sent, arrived, cancelled, moved;
};
struct lh__ledger_sum lh__ledger_sum(const struct lh__ledger *ledger,
                                     lh_channel channel);

/* When the engine was stopped first; INFINITY: was not. */
double lh__ledger_stop_s(const struct lh__ledger *ledger);

/* When the engine has run.  LH_FAILED, with the flow or the link: a flow ended
 * before its bytes were through, or sooner than its links allow; a link carried
 * more than it can. */
enum lh_status lh__ledger_close(struct lh__ledger *ledger) LH_MUST_USE;

#endif
