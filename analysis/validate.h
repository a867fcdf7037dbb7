/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: what reading, simulating and writing of validation
 * rows share.
 */
#ifndef LONGHAUL_ANALYSIS_VALIDATE_H
#define LONGHAUL_ANALYSIS_VALIDATE_H

#include <longhaul/result.h>

/* A row that was simulated, for its quantity. */
struct lh__measured {
    const struct lh_scenario *scenario;
    const struct lh_program *program;
    const struct lh_trace *trace;
    const struct lh_result *result;
    double bus_bytes_per_s; /* of busbw, which has neither of the above */
    const struct lh_rl_report *rl; /* NULL: no loop */
};

/* Of one layer in the middle of the model and one micro-batch: computation,
 * communication that it waits for, backward what is recomputed.  NAN where a
 * program has no operation of a single layer. */
double lh__layer_time_s(const struct lh_trace *trace,
                        const struct lh_program *program, int64_t layers,
                        bool backward);

struct lh__quantity;

/* NULL: unknown. */
const struct lh__quantity *lh__quantity_find(const char *name);
/* Is it small where the step takes long? */
bool lh__quantity_is_rate(const struct lh__quantity *quantity);
enum lh_row_kind lh__quantity_kind(const struct lh__quantity *quantity);
/* "" is the first of its units.  NULL: not one of them; *known lists them. */
const char *lh__quantity_unit(const struct lh__quantity *quantity,
                              const char *unit, const char **known,
                              struct lh_arena *arena);
/* How FLOPs are counted: "" where the quantity has none.  False: not one of
 * its conventions; *known lists them. */
bool lh__quantity_convention(const struct lh__quantity *quantity,
                             const char *convention, const char **known);
/* The row's quantity as simulated, in the row's unit. */
double lh__quantity_value(const struct lh_validation_row *row,
                          const struct lh__measured *measured);

/* Why a row has no value: its program or its loop has none of the quantity. */
const char *lh__no_value(const struct lh_validation_row *row);
/* The collective of a busbw row on the row's machine, all its accelerators
 * members, with the dispatch of one kernel of the row's stack. */
enum lh_status lh__busbw_simulate(double *bytes_per_s,
                                  const struct lh_validation_row *row,
                                  const struct lh_scenario *scenario,
                                  const struct lh_topology *topology,
                                  struct lh_ctx *ctx) LH_MUST_USE;

/* Simulates rows anew, `jobs` at a time, with the tables of ctx. */
enum lh_status lh__rows_run(struct lh_validation_row **rows, int n, int jobs,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* Judged by its error: of a kind that has medians, and of a size that is in
 * them. */
bool lh__row_is_judged(const struct lh_validation_row *row);
enum lh_status lh__row_scenario(struct lh_scenario *out,
                                const struct lh_validation_row *row,
                                struct lh_ctx *ctx) LH_MUST_USE;

/* Sorts the values; NAN for none. */
double lh__median(double *values, int n);
/* Rows of rl_speed_up, from the steps of two others. */
void lh__speed_ups(struct lh_validation *v);
bool lh__is_speed_up(const struct lh_validation_row *row);
void lh__rl_totals(struct lh_rl_totals *out,
                   const struct lh_validation_source *sources, int n,
                   struct lh_arena *arena);
void lh__rl_text(struct lh_text *out, const struct lh_rl_totals *t);
void lh__rl_json(struct lh_text *out, const struct lh_rl_totals *t);
void lh__rl_markdown(struct lh_text *out, const struct lh_validation *v);
/* Over all rows of the sources. */
void lh__validation_totals(struct lh_validation_totals *out,
                           const struct lh_validation_source *sources, int n,
                           struct lh_arena *arena);

/* The step that the published figure means: what the simulated one is off by
 * in its quantity, off the other way where that is a rate. */
double lh__published_step_s(const struct lh_validation_row *row);

/* Where the cell begins; column 0 where its row has line breaks before it. */
struct lh_where lh__cell_where(const char *file, const char *text, int line,
                               int cell);
/* The first line that is neither a comment nor blank. */
int lh__header_line(const char *text);
/* Title and remarks: paragraphs without '#', each in one line. */
void lh__read_comment(struct lh_validation_source *source, const char *text,
                      struct lh_arena *arena);

/* The standing texts of docs/validation.md. */
extern const char lh__markdown_intro[];
extern const char lh__markdown_own_rows[];
/* What data/calibrated.csv says: uses of fitted constants, and the errors of
 * sources that were left out; as a section, and as lines of text. */
void lh__markdown_calibrated(struct lh_text *out,
                             const struct lh_validation *v);
void lh__text_calibrated(struct lh_text *out, const struct lh_validation *v);

/* A figure of a row for people: four digits, without an exponent. */
const char *lh__figure(struct lh_arena *arena, double value);
/* "+3.2 %"; "" for NAN. */
const char *lh__percent(struct lh_arena *arena, double frac);
const char *lh__row_unit(const struct lh_validation_row *row);

void lh__validation_text(struct lh_text *out, const struct lh_validation *v);
void lh__validation_csv(struct lh_text *out, const struct lh_validation *v);
void lh__validation_json(struct lh_text *out, const struct lh_validation *v);
void lh__validation_markdown(struct lh_text *out,
                             const struct lh_validation *v);
void lh__validation_families(struct lh_text *out,
                             const struct lh_validation *v);
void lh__validation_svg(struct lh_text *out, const struct lh_validation *v);

#endif
