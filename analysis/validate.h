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

/* Why a row has no value: its program has none of the quantity. */
extern const char lh__no_value[];

/* Sorts the values; NAN for none. */
double lh__median(double *values, int n);
/* Over all rows of the sources. */
void lh__validation_totals(struct lh_validation_totals *out,
                           const struct lh_validation_source *sources, int n,
                           struct lh_arena *arena);

/* The step that the published figure means: what the simulated one is off by
 * in its quantity, off the other way where that is a rate. */
double lh__published_step_s(const struct lh_validation_row *row);

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
void lh__validation_svg(struct lh_text *out, const struct lh_validation *v);

#endif
