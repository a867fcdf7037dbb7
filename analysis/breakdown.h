/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of lh_result_make().
 */
#ifndef LH_ANALYSIS_BREAKDOWN_H
#define LH_ANALYSIS_BREAKDOWN_H

#include <longhaul/result.h>

/* Fills breakdown_s and critical_path_s of a result from its trace.
 * LH_FAILED if a sum does not close to 1e-9 of the step. */
enum lh_status lh__breakdown(struct lh_result *out,
                             const struct lh_trace *trace,
                             const struct lh_program *program,
                             struct lh_ctx *ctx) LH_MUST_USE;

/* Groups equal links, busiest first. */
void lh__links(struct lh_result *out, const struct lh_trace *trace,
               const struct lh_topology *topology, struct lh_ctx *ctx);

/* Needs out->links. */
void lh__bound(struct lh_result *out, const struct lh_trace *trace,
               const struct lh_program *program);

#endif
