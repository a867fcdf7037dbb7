/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a run sent against what arrived: the program, the engine's ledger and
 * the links, each by its own count.
 */
#ifndef LH_SIM_AUDIT_H
#define LH_SIM_AUDIT_H

#include "exec.h"
#include "ledger.h"
#include "twins.h"

struct lh__audit {
    const struct lh__placed *whole;
    const struct lh__twins *twins; /* placed: what was run */
    const struct lh__exec_output *out;
    const struct lh__exec_options *options;
    const struct lh__ledger *ledger;
    const double *link_bytes; /* [links of the whole] as they are reported */
};

/* LH_FAILED, naming the communication, the link or the site where bytes that
 * were sent and bytes that arrived differ. */
enum lh_status lh__audit(const struct lh__audit *audit,
                         struct lh_ctx *ctx) LH_MUST_USE;

#endif
