/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to scenario/: a row of a data table read into a struct by a list of
 * its columns.
 */
#ifndef LONGHAUL_SCENARIO_ROWS_H
#define LONGHAUL_SCENARIO_ROWS_H

#include <longhaul/scenario.h>

enum lh__cell_kind {
    LH__CELL_TEXT,     /* const char *                        */
    LH__CELL_COUNT,    /* int64_t, 0 or more                  */
    LH__CELL_FLAG,     /* bool: yes | no                      */
    LH__CELL_SHARE,    /* double in [0, 1]                    */
    LH__CELL_QUANTITY, /* double in SI, 0 or more             */
    LH__CELL_CHOICE,   /* int-sized enum, index into choices  */
    LH__CELL_COUNTS,   /* int64_t[max], their number at n_offset */
    LH__CELL_RATIOS,   /* double[max] >= 1, number at n_offset */
    LH__CELL_SHARES,   /* double[max] in [0, 1], number at n_offset */
};

struct lh__column {
    const char *name;
    enum lh__cell_kind kind;
    size_t offset;           /* of the field in the struct              */
    const char *fallback;    /* of an empty or absent cell; NULL: needed */
    enum lh_dimension dimension;
    const char *const *choices; /* NULL-terminated                       */
    size_t n_offset;         /* lists: the int with their length         */
    int max;                 /* lists: capacity                          */
};

/* A table of one kind of thing: "fabric" in data/fabrics.csv. */
struct lh__table {
    const char *file;  /* "fabrics" */
    const char *thing; /* "fabric"  */
    const struct lh__column *columns;
    int n_columns;
};

/* Fills *out from the row called name.  An unknown name is an error at
 * `where`, a fault in the table one at its file and line, which are left in
 * *row_where for further checks (NULL: not wanted). */
enum lh_status lh__row_read(void *out, const struct lh__table *table,
                            const char *name, struct lh_where *row_where,
                            struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;

#endif
