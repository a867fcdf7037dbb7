/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: what the parts of a calibration share.
 */
#ifndef LONGHAUL_ANALYSIS_CALIBRATE_H
#define LONGHAUL_ANALYSIS_CALIBRATE_H

#include "validate.h"

/* A row that is fitted to, and what it gave at values tried before. */
struct lh__fit_row {
    struct lh_validation_row *row;
    int source;
    const char *model;
    bool *uses; /* [constants] can change it */
    size_t n_known;
    size_t keys_capacity, known_capacity;
    double *keys;  /* [n_known * constants] values; 0 where unused */
    double *known; /* [n_known] simulated; NAN: refused */
};

struct lh__fit {
    struct lh_calibration *c;
    struct lh_ctx *ctx;
    int n_rows;
    struct lh__fit_row *rows;
    int left_out; /* source; -1: none */
    double *x;    /* [constants] values at hand */
};

/* The judged rows of v, each with the constants that its scenario names. */
enum lh_status lh__fit_rows(struct lh__fit *fit,
                            struct lh_validation *v) LH_MUST_USE;
/* Simulates, at fit->x, rows that are not known there: of `source` (-1: all
 * but the one left out), and of constant `constant` alone (-1: all). */
enum lh_status lh__fit_evaluate(struct lh__fit *fit, int source,
                                int constant) LH_MUST_USE;
/* What an evaluation found for a row at fit->x. */
double lh__fit_value(const struct lh__fit *fit, const struct lh__fit_row *row);
/* Of the absolute errors of a source at fit->x. */
double lh__fit_source_median(const struct lh__fit *fit, int source);

/* Most points along a constant. */
enum { LH__POINTS = 48 };

/* calibrate_surrogate.c says what it is. */
struct lh__surrogate {
    struct lh__fit *fit;
    double *centre;                 /* [rows] log error at the centre */
    int *n_points;                  /* [constants] */
    double *t;                      /* [constants][LH__POINTS] ascending */
    double *d;                      /* [constants][LH__POINTS][rows] */
    double *sum, *others, *scratch; /* [rows] */
};

void lh__surrogate_begin(struct lh__surrogate *s, struct lh__fit *fit);
/* The centre goes to fit->x; points keep their places. */
enum lh_status lh__surrogate_centre(struct lh__surrogate *s) LH_MUST_USE;
/* Simulates constant k at t, the others at the centre, which is fit->x. */
enum lh_status lh__surrogate_point(struct lh__surrogate *s, int k,
                                   double t) LH_MUST_USE;
/* Moves the places t of free constants to where the loss is least, each by at
 * most radius; returns that loss. */
double lh__surrogate_descend(struct lh__surrogate *s, double *t,
                             const bool *free, double radius);
/* A value, to four digits, at a place between the bounds, and back. */
double lh__constant_at(const struct lh_constant *constant, double t);
double lh__constant_place(const struct lh_constant *constant, double value);

/* Of the log errors e, over the sources that are not left out. */
double lh__loss(const struct lh__fit *fit, const double *e, double *scratch);
/* The same, simulated at fit->x. */
enum lh_status lh__fit_loss(double *loss, struct lh__fit *fit) LH_MUST_USE;
/* Moves fit->x to where the loss is least; *loss is that. */
enum lh_status lh__fit_search(double *loss,
                              struct lh__surrogate *s) LH_MUST_USE;
/* Moves fit->x to where it is without a source, whose rows are simulated. */
enum lh_status lh__fit_without(int source, struct lh__surrogate *s) LH_MUST_USE;

/* Cells of all constants at the values x. */
void lh__constants_override(struct lh_ctx *out, const struct lh_calibration *c,
                            const double *x, struct lh_arena *arena);
/* The cell of one of a constant's rows at value. */
const char *lh__constant_cell(const struct lh_constant *constant, int row,
                              double value, struct lh_arena *arena);

#endif
