/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul calibrate: constants of the data tables fitted to rows of published
 * or measured figures, the program's own or a user's.
 */
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

enum {
    OPTION_DATA = 256,
    OPTION_LOSS,
    OPTION_LEAVE,
    OPTION_USES,
    OPTION_WRITE
};
enum { OUTPUTS_MAX = 8 };

struct calibrate {
    struct lh_ctx *ctx;
    const struct lh_calibration_output *output;
    const char **paths, **names; /* files, constants */
    size_t n_paths, paths_capacity, n_names, names_capacity;
    const char *folder; /* NULL: no tables are written */
    struct lh_calibration c;
};

static const struct argp_option options[] = {
    {"fit", 'f', "CONSTANT", 0,
     "Fit this cell, TABLE:ROW.COLUMN[=LOW..HIGH], e.g. "
     "accelerators:a100-sxm.kernel_gap=1..3; ROW+ROW keeps the proportion of "
     "both (default: those of data/fitted.csv)",
     0},
    {"loss", OPTION_LOSS, "mean|median", 0,
     "Of a source's |log error| (mean); sources weigh the same", 0},
    {"leave-one-out", OPTION_LEAVE, 0, 0,
     "Fit again without each source and print the error of that one", 0},
    {"uses", OPTION_USES, 0, 0,
     "Fit nothing: count the rows and models that use each constant", 0},
    {"write", OPTION_WRITE, "DIR", 0,
     "Write the tables with the fitted values into DIR, for --data DIR", 0},
    {"output", 'o', "FORMAT", 0, "text (default), csv or json", 0},
    {"jobs", 'j', "N", 0, "Simulate N rows at a time (2)", 0},
    {"data", OPTION_DATA, "DIR", 0,
     "Rows of the tables in DIR are joined to the built-in ones", 0},
    {0},
};

static const struct lh_calibration_output *
read_output(const struct argp_state *state, const char *name)
{
    const struct lh_calibration_output *output;
    const char *names[OUTPUTS_MAX];
    int n = 0;

    for (; n < OUTPUTS_MAX && (output = lh_calibration_output_at(n)) != NULL;
         n++) {
        if (strcmp(output->name, name) == 0) {
            return output;
        }
        names[n] = output->name;
    }
    lh__choice_error(state, "output", name, names, n);
    return NULL;
}

static bool read_loss(const struct argp_state *state, const char *name)
{
    static const char *const names[] = {"mean", "median"};

    if (strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0) {
        lh__choice_error(state, "loss", name, names, 2);
    }
    return strcmp(name, names[1]) == 0;
}

static void add(const char ***list, size_t *n, size_t *capacity,
                const char *text, struct lh_arena *arena)
{
    *list = lh_grow(arena, *list, capacity, *n + 1, sizeof **list);
    (*list)[(*n)++] = text;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct calibrate *a = state->input;
    struct lh_arena *arena = a->ctx->arena;

    switch (key) {
    case 'f':
        add(&a->names, &a->n_names, &a->names_capacity, arg, arena);
        return 0;
    case OPTION_LOSS: a->c.median = read_loss(state, arg); return 0;
    case OPTION_LEAVE: a->c.leave_one_out = true; return 0;
    case OPTION_USES: a->c.fit = false; return 0;
    case OPTION_WRITE: a->folder = arg; return 0;
    case 'o': a->output = read_output(state, arg); return 0;
    case 'j': a->c.jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case OPTION_DATA: a->ctx->data_dir = arg; return 0;
    case ARGP_KEY_ARG:
        add(&a->paths, &a->n_paths, &a->paths_capacity, arg, arena);
        return 0;
    case ARGP_KEY_END:
        if (!a->c.fit && (a->c.leave_one_out || a->folder != NULL)) {
            argp_error(state, "--uses fits nothing to leave out or write");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum lh_status read_constants(struct calibrate *a)
{
    struct lh_calibration *c = &a->c;
    enum lh_status all = LH_OK;

    if (a->n_names == 0) {
        return lh_constants_fitted(&c->constants, &c->n_constants, a->ctx);
    }
    c->constants = LH_NEW(a->ctx->arena, struct lh_constant, a->n_names);
    c->n_constants = (int)a->n_names;
    for (size_t i = 0; i < a->n_names; i++) {
        enum lh_status st =
            lh_constant_read(&c->constants[i], a->names[i], a->ctx);
        all = all == LH_OK ? st : all;
    }
    return all;
}

static bool is_first_of_table(const struct lh_calibration *c, int k)
{
    for (int i = 0; i < k; i++) {
        if (strcmp(c->constants[i].table, c->constants[k].table) == 0) {
            return false;
        }
    }
    return true;
}

/* The tables that have a fitted constant, whole. */
static int write_tables(const struct calibrate *a)
{
    const struct lh_calibration *c = &a->c;
    struct lh_arena *arena = a->ctx->arena;
    int status = LH__EXIT_OK;

    for (int k = 0; k < c->n_constants && status == LH__EXIT_OK; k++) {
        const char *table = c->constants[k].table;
        struct lh_text text = lh_text_new(arena);
        if (!is_first_of_table(c, k)) {
            continue;
        }
        enum lh_status st = lh_calibrated_table(&text, table, c, a->ctx);
        status = st == LH_OK ? lh__print_file(
                     lh_format(arena, "%s/%s.csv", a->folder, table), &text)
                             : lh__exit_status(st);
    }
    return status;
}

static enum lh_status check_folder(const struct calibrate *a)
{
    struct stat info;

    if (a->folder == NULL
        || (stat(a->folder, &info) == 0 && S_ISDIR(info.st_mode))) {
        return LH_OK;
    }
    lh_error(a->ctx, (struct lh_where){a->folder, 0, 0},
             "the folder to write to (--write) is not a folder");
    return LH_BAD_INPUT;
}

int lh__cmd_calibrate(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[FILE.csv...]",
        "Fits constants of the data tables to published or measured figures: "
        "FILE.csv as for `longhaul validate' (docs/validation.md), without it "
        "the program's own.",
        0,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct calibrate a = {.ctx = &ctx,
                          .output = lh_calibration_output_at(0),
                          .c = {.fit = true, .jobs = 2}};
    struct lh_validation validation;
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &a);
    st = check_folder(&a);
    if (st == LH_OK) {
        st = read_constants(&a);
    }
    if (st == LH_OK) {
        st = lh_validation_read(&validation, a.paths, (int)a.n_paths, &ctx);
    }
    if (st == LH_OK) {
        st = lh_calibrate(&a.c, &validation, &ctx);
    }
    status = lh__exit_status(st);
    if (st == LH_OK) {
        struct lh_text text = lh_text_new(ctx.arena);
        a.output->write(&text, &a.c);
        status = lh__print_result(&text);
        if (status == LH__EXIT_OK && a.folder != NULL) {
            status = write_tables(&a);
        }
    }
    lh__print_messages(&ctx);
    lh_ctx_end(&ctx);
    return status;
}
