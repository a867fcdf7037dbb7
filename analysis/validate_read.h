/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: a file of validation rows while it is read.
 */
#ifndef LONGHAUL_ANALYSIS_VALIDATE_READ_H
#define LONGHAUL_ANALYSIS_VALIDATE_READ_H

#include "validate.h"

/* Before the names of files compiled in (scripts/embed-data). */
#define LH__BUILT_IN "validation:"

/* Columns that are no keys of a scenario; the first three are needed. */
enum lh__column_of_row {
    ROW,
    QUANTITY,
    PUBLISHED,
    UNIT,
    CONVENTION,
    COUNTS,
    CONFIDENCE,
    NOTE,
    SCENARIO,
    ABLATES,
    COLLECTIVE,
    SIZE,
    ALGORITHM,
    OVER,
    COLUMNS
};
struct lh__reader_of_rows {
    struct lh_ctx *ctx;
    const char *text;
    struct lh_csv csv;
    int at[COLUMNS]; /* column of the file; -1: none */
    int header_line;
    int *parent; /* [rows] the row that a row ablates; -1: none */
    bool *bad;   /* [rows] read, and at fault */
    struct lh_validation_source *source;
};

extern const char *const lh__columns_of_row[COLUMNS];
/* enum lh__column_of_row; -1: a key. */
int lh__column_reserved(const char *name);

/* All rows into r->source, which has room for them; faults go to the diag. */
void lh__rows_read(struct lh__reader_of_rows *r);

#endif
