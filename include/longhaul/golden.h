/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Goldens: the figures of a scenario kept in a file, and what a later
 * simulation has in their place (docs/regression.md).
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_GOLDEN_H
#define LONGHAUL_GOLDEN_H

#include <longhaul/result.h>

/* A figure is within where |now - kept| <= max(relative x |kept|, absolute);
 * faster counts as slower does. */
struct lh_tolerance {
    const char *name;            /* of the value; "default": of all others */
    double relative;
    double absolute;             /* in the value's unit */
};

struct lh_golden_value {
    const char *name;            /* "breakdown_s.wan_comm" */
    const char *label;           /* for people: "WAN, exposed" */
    double value;
};

/* A row of a data table that the scenario names. */
struct lh_golden_row {
    const char *name;            /* "accelerators:h100-sxm" */
    int n_cells;
    const char **columns, **cells; /* [n_cells] that are not empty */
};

/* All of one scenario, kept or now. */
struct lh_golden {
    int n_values;
    struct lh_golden_value *values;
    int n_rows;
    struct lh_golden_row *rows;
    const char *echo;            /* canonical scenario as JSON; its folder is
                                    written @dir@ */
};

/* A file of the folder of goldens. */
struct lh_kept {
    const char *name;            /* of the file, without ending */
    const char *path;
    const char *file;            /* scenario, relative to the file's folder */
    const char *scenario_path;   /* the same, as it can be opened */
    int n_settings;
    struct lh_setting *settings;
    int n_tolerances;
    struct lh_tolerance *tolerances;
    struct lh_golden golden;
};
/* Where it fails, the file's name and path are set. */
enum lh_status lh_kept_read(struct lh_kept *out, const char *path,
                            struct lh_ctx *ctx) LH_MUST_USE;
void lh_kept_write(struct lh_text *out, const struct lh_kept *kept);

void lh_tolerance_put(struct lh_kept *kept, struct lh_tolerance tolerance,
                      struct lh_arena *arena);
/* Adds or replaces "NAME=RELATIVE[,ABSOLUTE]"; that a figure has the name is
 * for the caller to see. */
enum lh_status lh_tolerance_read(struct lh_kept *kept, const char *text,
                                 struct lh_ctx *ctx) LH_MUST_USE;

/* Of a report; scenario: the whole one, also with rl. */
enum lh_status lh_golden_make(struct lh_golden *out,
                              const struct lh_report *report,
                              const struct lh_scenario *scenario,
                              struct lh_ctx *ctx) LH_MUST_USE;

bool lh_golden_has(const struct lh_golden *golden, const char *name);

/* ---- kept and now -------------------------------------------------------- */

struct lh_deviation {
    const char *name, *label;
    double kept, now;            /* NAN: there is none */
    double relative;             /* now / kept - 1 */
    struct lh_tolerance tolerance;
    bool category;               /* a part of the step here */
};

struct lh_golden_result {
    const struct lh_kept *kept;
    const char *error;           /* why it cannot be compared; or NULL */
    double step_kept_s, step_now_s; /* of the loop, where there is one (rl) */
    struct lh_tolerance step_tolerance;
    int n_deviations;            /* outside; the loop's step, categories, others;
                                    largest first, of others by share */
    struct lh_deviation *deviations;
    int n_causes;                /* where any deviates */
    const char **causes;         /* "fibres[0].length 80 km -> 90 km" */
};
void lh_golden_compare(struct lh_golden_result *out, const struct lh_kept *kept,
                       const struct lh_golden *now, struct lh_ctx *ctx);
bool lh_golden_passed(const struct lh_golden_result *result);
/* Why figures moved: keys of the scenario, rows of the data, else the code. */
void lh_golden_causes(struct lh_golden_result *out, const struct lh_golden *now,
                      struct lh_ctx *ctx);
/* "WAN, exposed +0.186 s (+22.7 %): ..." */
const char *lh_golden_sentence(const struct lh_golden_result *result,
                               struct lh_arena *arena);

struct lh_golden_report {
    int n;
    struct lh_golden_result *results;
};
/* The formats of `golden -o`; NULL after the last. */
struct lh_golden_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_golden_report *report);
};
const struct lh_golden_output *lh_golden_output_at(int i);

#endif
