/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul list: what can be chosen by name.  Algorithms come from the lists
 * that the program is built from, machines and models from the data tables
 * (--data DIR included).
 */
#include <string.h>

#include "cli.h"

enum { MAX_COLUMNS = 6, OPTION_DATA = 1000 };

/* A table to print: rows of cells, column widths found at the end. */
struct table {
    struct lh_arena *arena;
    int n_columns;
    const char *heads[MAX_COLUMNS];
    size_t n_cells;
    size_t capacity;
    const char **cells;
};

static void add(struct table *table, const char *cell)
{
    table->cells = lh_grow(table->arena, table->cells, &table->capacity,
                           table->n_cells + 1, sizeof *table->cells);
    table->cells[table->n_cells++] = cell;
}

static void print(struct lh_text *out, const struct table *table)
{
    int width[MAX_COLUMNS] = {0};
    size_t n = (size_t)table->n_columns;

    for (size_t i = 0; i < n + table->n_cells; i++) {
        const char *cell = i < n ? table->heads[i] : table->cells[i - n];
        int length = (int)strlen(cell);
        width[i % n] = length > width[i % n] ? length : width[i % n];
    }
    for (size_t i = 0; i < n + table->n_cells; i++) {
        const char *cell = i < n ? table->heads[i] : table->cells[i - n];
        if (i % n == n - 1) {
            lh_text_printf(out, "%s\n", cell);
        } else {
            lh_text_printf(out, "%-*s  ", width[i % n], cell);
        }
    }
}

/* ---- from the lists of the program ------------------------------------- */

static void add_choice(struct table *table, const char *name, const char *help)
{
    add(table, name);
    add(table, help);
}

static enum lh_status add_topologies(struct table *table, struct lh_ctx *ctx)
{
    const struct lh_choice *kind;

    (void)ctx;
    for (int i = 0; (kind = lh_topology_kind_at(i)) != NULL; i++) {
        add_choice(table, kind->name, kind->help);
    }
    return LH_OK;
}

static enum lh_status add_schedules(struct table *table, struct lh_ctx *ctx)
{
    const struct lh_choice *schedule;

    (void)ctx;
    for (int i = 0; (schedule = lh_schedule_at(i)) != NULL; i++) {
        add_choice(table, schedule->name, schedule->help);
    }
    return LH_OK;
}

static enum lh_status add_collectives(struct table *table, struct lh_ctx *ctx)
{
    (void)ctx;
    for (int i = 0; i < lh_algorithm_count(); i++) {
        add_choice(table, lh_algorithm_at(i)->name, lh_algorithm_at(i)->help);
    }
    return LH_OK;
}

static enum lh_status add_outputs(struct table *table, struct lh_ctx *ctx)
{
    (void)ctx;
    for (int i = 0; i < lh_output_count(); i++) {
        add_choice(table, lh_output_at(i)->name, lh_output_at(i)->help);
    }
    return LH_OK;
}

/* ---- from the data tables ---------------------------------------------- */

/* The columns of data/NAME.csv that are the heads of the table. */
static enum lh_status add_rows(struct table *table, const char *name,
                               struct lh_ctx *ctx)
{
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, name, ctx);

    if (st != LH_OK) {
        return st;
    }
    for (int i = 0; i < table->n_columns; i++) {
        if (lh_csv_column(csv.own != NULL ? csv.own : &csv, table->heads[i])
            < 0) {
            lh_error(ctx, (struct lh_where){csv.file, 1, 0},
                     "there is no column '%s'", table->heads[i]);
            return LH_BAD_INPUT;
        }
    }
    for (int row = 0; row < csv.n_rows; row++) {
        for (int i = 0; i < table->n_columns; i++) {
            int column = lh_csv_column(&csv, table->heads[i]);
            add(table, lh_csv_cell(&csv, row, column));
        }
    }
    return LH_OK;
}

static enum lh_status add_accelerators(struct table *table, struct lh_ctx *ctx)
{
    return add_rows(table, "accelerators", ctx);
}

static enum lh_status add_fabrics(struct table *table, struct lh_ctx *ctx)
{
    return add_rows(table, "fabrics", ctx);
}

static enum lh_status add_engines(struct table *table, struct lh_ctx *ctx)
{
    return add_rows(table, "engines", ctx);
}

static enum lh_status add_stacks(struct table *table, struct lh_ctx *ctx)
{
    return add_rows(table, "stacks", ctx);
}

/* Parameters are not in the table: they follow from the shape. */
static enum lh_status add_models(struct table *table, struct lh_ctx *ctx)
{
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, "models", ctx);

    for (int row = 0; st == LH_OK && row < csv.n_rows; row++) {
        const char *name = lh_csv_cell(&csv, row, 0);
        struct lh_where where = {csv.files[row], csv.lines[row], 0};
        struct lh_model model;
        st = lh_model_by_name(&model, name, where, ctx);
        if (st == LH_OK) {
            add(table, name);
            add(table, lh_format(ctx->arena, "%.2f B",
                                 (double)model.parameters / 1e9));
            add(table, lh_format(ctx->arena, "%.2f B",
                                 (double)model.active_parameters / 1e9));
            add(table, model.source);
        }
    }
    return st;
}

static const struct {
    const char *name;
    enum lh_status (*fill)(struct table *table, struct lh_ctx *ctx);
    int n_columns;
    const char *heads[MAX_COLUMNS];
} lists[] = {
    {"topologies", add_topologies, 2, {"name", "what"}},
    {"collectives", add_collectives, 2, {"name", "what"}},
    {"schedules", add_schedules, 2, {"name", "what"}},
    {"accelerators",
     add_accelerators,
     5,
     {"name", "bf16_peak", "memory", "memory_bandwidth", "source"}},
    {"fabrics",
     add_fabrics,
     6,
     {"name", "kind", "scale_up_gpus", "scale_up_bandwidth", "nic_bandwidth",
      "source"}},
    {"models", add_models, 4, {"name", "parameters", "active", "source"}},
    {"stacks",
     add_stacks,
     5,
     {"name", "dispatch", "collective_base", "reserved", "source"}},
    {"engines",
     add_engines,
     5,
     {"name", "iteration", "sequence", "memory_frac", "source"}},
    {"outputs", add_outputs, 2, {"name", "what"}},
};

enum { N_LISTS = (int)(sizeof lists / sizeof lists[0]) };

/* ---- the command ------------------------------------------------------- */

struct list {
    struct lh_ctx *ctx;
    int which; /* index into lists, -1: all */
};

static const struct argp_option options[] = {
    {"data", OPTION_DATA, "DIR", 0,
     "Rows of the tables in DIR are joined to the built-in ones", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct list *list = state->input;
    const char *names[N_LISTS];

    switch (key) {
    case OPTION_DATA: list->ctx->data_dir = arg; return 0;
    case ARGP_KEY_ARG:
        if (list->which >= 0) {
            argp_error(state, "one list at a time, not also '%s'", arg);
        }
        for (int i = 0; i < N_LISTS; i++) {
            names[i] = lists[i].name;
            list->which = strcmp(arg, names[i]) == 0 ? i : list->which;
        }
        if (list->which < 0) {
            lh__choice_error(state, "list", arg, names, N_LISTS);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum lh_status print_one(struct lh_text *out, int which,
                                struct lh_ctx *ctx)
{
    struct table table = {.arena = ctx->arena,
                          .n_columns = lists[which].n_columns};
    enum lh_status st;

    memcpy(table.heads, lists[which].heads, sizeof table.heads);
    st = lists[which].fill(&table, ctx);
    if (st == LH_OK) {
        print(out, &table);
    }
    return st;
}

static enum lh_status print_all(struct lh_text *out, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < N_LISTS && st == LH_OK; i++) {
        lh_text_printf(out, "%s# %s\n", i > 0 ? "\n" : "", lists[i].name);
        st = print_one(out, i, ctx);
    }
    return st;
}

int lh__cmd_list(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[LIST]",
        "Prints what can be chosen by name.  LIST is topologies, "
        "collectives, schedules, accelerators, fabrics, models, stacks, "
        "engines or outputs; without it everything is printed.",
        0,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct list list = {.ctx = &ctx, .which = -1};
    struct lh_text text = lh_text_new(ctx.arena);
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &list);
    st = list.which < 0 ? print_all(&text, &ctx)
                        : print_one(&text, list.which, &ctx);
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = lh__print_result(&text);
    }
    lh_ctx_end(&ctx);
    return status;
}
