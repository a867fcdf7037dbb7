/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The results of a sweep as one table, a row a point in their order, and that
 * as CSV.  Columns of results are those of any point, in the order in which
 * they come up; a point that has no such figure has an empty cell.
 *
 * Place in the pipeline: the last stage of a sweep; sweep/sqlite.c writes the
 * same table.  No wall-clock time, so that the same sweep gives the same bytes
 * however often it was stopped and wherever it ran.
 */
#include <longhaul/sweep.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "fibres[0].length" in SI is a column "fibres[0].length_m". */
static const char *si_ending(const struct lh_vary *vary)
{
    static const char *const endings[] = {
        [LH_DIM_NONE] = NULL,
        [LH_DIM_TIME] = "_s",
        [LH_DIM_LENGTH] = "_m",
        [LH_DIM_BYTES] = "_bytes",
        [LH_DIM_BANDWIDTH] = "_bytes_per_s",
        [LH_DIM_POWER] = "_w",
        [LH_DIM_MONEY] = "_dollars",
        [LH_DIM_FLOPS] = "_flops_per_s",
    };

    return vary->is_number ? endings[vary->range.dimension] : NULL;
}

struct making {
    struct lh_sweep_table *table;
    struct lh_arena *arena;
    size_t capacity;
};

static int add_column(struct making *m, const char *name)
{
    struct lh_sweep_table *t = m->table;

    t->names = lh_grow(m->arena, t->names, &m->capacity,
                       (size_t)t->n_columns + 1, sizeof *t->names);
    t->names[t->n_columns] = name;
    return t->n_columns++;
}

/* From `first` on; a guess that is right for all rows but odd ones. */
static int find_column(const struct lh_sweep_table *t, const char *name,
                       int first, int guess)
{
    if (guess < t->n_columns && strcmp(t->names[guess], name) == 0) {
        return guess;
    }
    for (int i = first; i < t->n_columns; i++) {
        if (strcmp(t->names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int key_columns(struct making *m, const struct lh_sweep *sweep)
{
    add_column(m, "point");
    for (int i = 0; i < sweep->n_vary; i++) {
        const char *ending = si_ending(&sweep->vary[i]);
        add_column(m, sweep->vary[i].path);
        if (ending != NULL) {
            add_column(
                m, lh_format(m->arena, "%s%s", sweep->vary[i].path, ending));
        }
    }
    add_column(m, "status");
    return m->table->n_columns;
}

static void result_columns(struct making *m, int first,
                           const struct lh_sweep *sweep,
                           const struct lh_outcome *outcomes)
{
    for (int i = 0; i < sweep->n_points; i++) {
        for (int k = 0; k < outcomes[i].n; k++) {
            const char *name = outcomes[i].columns[k].name;
            if (find_column(m->table, name, first, first + k) < 0) {
                add_column(m, name);
            }
        }
    }
    add_column(m, "message");
}

static double number_of(const struct lh_vary *vary, const char *value)
{
    for (int i = 0; i < vary->n; i++) {
        if (vary->values[i] == value) {
            return vary->numbers[i];
        }
    }
    return NAN;
}

/* Returns the columns filled. */
static int fill_key(struct lh_column *cells, const struct lh_vary *vary,
                    const char *value)
{
    bool quantity = si_ending(vary) != NULL;

    if (vary->is_number && !quantity) {
        cells[0].number = number_of(vary, value);
        return 1;
    }
    cells[0].text = value;
    if (quantity) {
        cells[1].number = number_of(vary, value);
    }
    return quantity ? 2 : 1;
}

static void fill_row(struct lh_column *row, const struct lh_sweep_table *t,
                     int first, const struct lh_sweep *sweep, int point,
                     const struct lh_outcome *outcome)
{
    int at = 1;

    for (int i = 0; i < t->n_columns; i++) {
        row[i] = (struct lh_column){.name = t->names[i], .number = NAN};
    }
    row[0].number = point;
    for (int i = 0; i < sweep->n_vary; i++) {
        at += fill_key(row + at, &sweep->vary[i],
                       lh_sweep_value(sweep, point, i));
    }
    row[at].text = lh_outcome_name(outcome->kind);
    for (int k = 0; k < outcome->n; k++) {
        const struct lh_column *c = &outcome->columns[k];
        int column = find_column(t, c->name, first, first + k);
        row[column].text = c->text;
        row[column].number = c->number;
    }
    row[t->n_columns - 1].text = outcome->message;
}

void lh_sweep_table_make(struct lh_sweep_table *out,
                         const struct lh_sweep *sweep,
                         const struct lh_outcome *outcomes,
                         struct lh_arena *arena)
{
    struct making m = {.table = out, .arena = arena};
    int first;

    *out = (struct lh_sweep_table){.n_rows = sweep->n_points};
    first = key_columns(&m, sweep);
    result_columns(&m, first, sweep, outcomes);
    out->is_text = LH_NEW(arena, bool, out->n_columns);
    out->cells = LH_NEW(arena, struct lh_column,
                        (size_t)out->n_rows * (size_t)out->n_columns);
    for (int i = 0; i < out->n_rows; i++) {
        struct lh_column *row = out->cells + (size_t)i * (size_t)out->n_columns;
        fill_row(row, out, first, sweep, i, &outcomes[i]);
        for (int k = 0; k < out->n_columns; k++) {
            out->is_text[k] |= row[k].text != NULL;
        }
    }
}

void lh_sweep_csv(struct lh_text *out, const struct lh_sweep_table *table)
{
    for (int i = 0; i < table->n_columns; i++) {
        lh_csv_cell_write(out, table->names[i]);
        lh_text_add(out, i + 1 < table->n_columns ? "," : "\n");
    }
    for (int i = 0; i < table->n_rows; i++) {
        const struct lh_column *row =
            table->cells + (size_t)i * (size_t)table->n_columns;
        for (int k = 0; k < table->n_columns; k++) {
            lh_column_write(out, &row[k]);
            lh_text_add(out, k + 1 < table->n_columns ? "," : "\n");
        }
    }
}
