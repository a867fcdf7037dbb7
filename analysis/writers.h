/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: what several writers need.
 */
#ifndef LONGHAUL_ANALYSIS_WRITERS_H
#define LONGHAUL_ANALYSIS_WRITERS_H

#include <longhaul/result.h>

/* one_site / here; NAN for a one-site scenario. */
double lh__efficiency(const struct lh_report *report);

/* Rows of links that the report asks for. */
int lh__link_rows(const struct lh_report *report);

/* The busiest link among those that limit: on the WAN, inside the sites, or
 * (any) anywhere.  NULL if there is none that carries anything. */
enum lh__where { LH__ANYWHERE, LH__ON_WAN, LH__IN_SITES };
const struct lh_link_use *lh__busiest(const struct lh_result *result,
                                      enum lh__where where);

/* A share for people, two digits: "0.12 %", "99 %", "100 %". */
const char *lh__busy_percent(struct lh_arena *arena, double share);

/* "0.78 s of it WAN, exposed (latency: ...)": the category that `more` has
 * most of beyond `less`. */
const char *lh__cause_text(const struct lh_result *more,
                           const struct lh_result *less,
                           struct lh_arena *arena);

/* A category for people: "WAN, exposed". */
const char *lh__category_label(enum lh_category category);
/* The loop of reinforcement learning. */
void lh__write_rl_json(struct lh_text *out, const struct lh_rl_report *rl);
void lh__write_rl_text(struct lh_text *out, const struct lh_rl_report *rl);
/* Events behind others, with processes from first_pid on. */
void lh__write_rl_trace(struct lh_text *out, const struct lh_rl_report *rl,
                        int64_t first_pid);
const char *lh__rl_mode(const struct lh_rl *rl);
/* "rule", "model", "reference". */
const char *lh__rl_judge(const struct lh_rl_verifier *verifier);
/* The site that an entry gets its weights from. */
const char *lh__rl_sender(const struct lh_rl_report *rl, int entry);
double lh__rl_discarded(const struct lh_rl_result *r);
enum { LH__RL_COLUMNS = 15 };
struct lh__rl_column {
    const char *name;
    enum lh_dimension dimension;
    double value;
};
struct lh__rl_column lh__rl_column(const struct lh_rl_result *r, int i);
/* The part of the trainer's time that grows most, in words. */
const char *lh__rl_cause(const struct lh_rl_result *more,
                         const struct lh_rl_result *less,
                         struct lh_arena *arena);
struct lh_loss lh__rl_loss(const struct lh_report *report,
                           struct lh_arena *arena);
/* Of all roles. */
int64_t lh__rl_gpus(const struct lh_rl_report *rl);

/* An echo without the folder of the scenario's file: "@dir@/..". */
const char *lh__golden_hide_folder(const char *echo, const char *file,
                                   struct lh_arena *arena);
/* Learners and a server. */
void lh__write_async_json(struct lh_text *out, const struct lh_report *report);
void lh__write_async_text(struct lh_text *out, const struct lh_report *report);
enum { LH__ASYNC_COLUMNS = 4 };
const char *lh__async_column(double *value, const struct lh_async_report *a,
                             int i);

/* "scale-up", "nic", "leaf", "spine", "core", "gateway", "wan". */
const char *lh__link_kind_name(enum lh_link_kind kind);

#endif
