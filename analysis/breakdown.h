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

/* sites.c: who waits for whom.  For each class of a step: begin, notes of what
 * its walk finds, add. */
struct lh__site_waits;
struct lh__site_waits *lh__site_waits_new(const struct lh_trace *trace,
                                          struct lh_ctx *ctx);
void lh__site_waits_begin(struct lh__site_waits *w);
void lh__site_waits_note(struct lh__site_waits *w, int32_t late_class,
                         double seconds);
/* Do two classes stand on one site? */
bool lh__site_waits_same(const struct lh__site_waits *w, int32_t a, int32_t b);
/* The members of a record's group, first .. end - 1 of what is returned. */
const int32_t *lh__site_waits_members(const struct lh__site_waits *w,
                                      int64_t record, int64_t *first,
                                      int64_t *end);
/* Did the class wait for another site, when it was last added? */
bool lh__site_waits_has(const struct lh__site_waits *w, int32_t c);
void lh__site_waits_add(struct lh__site_waits *w, int32_t c,
                        const double *own_s, double weight);
void lh__site_waits_finish(struct lh_result *out, struct lh__site_waits *w);

#endif
