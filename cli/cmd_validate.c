/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul validate: published figures beside what is simulated, from files
 * of rows, or from those compiled into the program.
 */
#include <string.h>

#include "cli.h"

enum { OPTION_DATA = 256, OPTION_WRITE, OUTPUTS_MAX = 16, FILES_MAX = 16 };

/* --write FORMAT=FILE */
struct file {
    const struct lh_validation_output *output;
    const char *path;
};

struct validate {
    struct lh_ctx *ctx;
    const struct lh_validation_output *output;
    const char **paths;
    size_t n_paths, capacity;
    int jobs;
    int n_files;
    struct file files[FILES_MAX];
};

static const struct argp_option options[] = {
    {"output", 'o', "FORMAT", 0,
     "text (default), csv, json, markdown, svg or families", 0},
    {"write", OPTION_WRITE, "FORMAT=FILE", 0,
     "Write another format into FILE as well", 0},
    {"jobs", 'j', "N", 0, "Simulate N rows at a time (2)", 0},
    {"data", OPTION_DATA, "DIR", 0,
     "Rows of the tables in DIR are joined to the built-in ones", 0},
    {0},
};

static const struct lh_validation_output *
read_output(const struct argp_state *state, const char *name)
{
    const struct lh_validation_output *output;
    const char *names[OUTPUTS_MAX];
    int n = 0;

    for (; n < OUTPUTS_MAX && (output = lh_validation_output_at(n)) != NULL;
         n++) {
        if (strcmp(output->name, name) == 0) {
            return output;
        }
        names[n] = output->name;
    }
    lh__choice_error(state, "output", name, names, n);
    return NULL;
}

static void add_file(struct validate *v, char *arg,
                     const struct argp_state *state)
{
    char *equals = strchr(arg, '=');

    if (equals == NULL || equals[1] == '\0' || v->n_files == FILES_MAX) {
        argp_error(state, "--write needs FORMAT=FILE, %d at most, not '%s'",
                   FILES_MAX, arg);
        return;
    }
    const char *name = lh_strndup(v->ctx->arena, arg, (size_t)(equals - arg));
    v->files[v->n_files++] =
        (struct file){read_output(state, name), equals + 1};
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct validate *v = state->input;

    switch (key) {
    case 'o': v->output = read_output(state, arg); return 0;
    case 'j': v->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case OPTION_WRITE: add_file(v, arg, state); return 0;
    case OPTION_DATA: v->ctx->data_dir = arg; return 0;
    case ARGP_KEY_ARG:
        v->paths = lh_grow(v->ctx->arena, v->paths, &v->capacity,
                           v->n_paths + 1, sizeof *v->paths);
        v->paths[v->n_paths++] = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int write_files(const struct validate *v,
                       const struct lh_validation *validation)
{
    int status = LH__EXIT_OK;

    for (int i = 0; i < v->n_files && status == LH__EXIT_OK; i++) {
        struct lh_text text = lh_text_new(v->ctx->arena);
        v->files[i].output->write(&text, validation);
        status = lh__print_file(v->files[i].path, &text);
    }
    return status;
}

int lh__cmd_validate(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[FILE.csv...]",
        "Simulates the runs of published figures and prints both, with their "
        "error.  FILE.csv has a figure a row (docs/validation.md); without it "
        "the program's own are taken.",
        0,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct validate v = {
        .ctx = &ctx, .output = lh_validation_output_at(0), .jobs = 2};
    struct lh_validation validation;
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &v);
    st = lh_validation_read(&validation, v.paths, (int)v.n_paths, &ctx);
    if (st == LH_OK) {
        st = lh_validation_run(&validation, v.jobs, &ctx);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        struct lh_text text = lh_text_new(ctx.arena);
        v.output->write(&text, &validation);
        status = lh__print_result(&text);
        if (status == LH__EXIT_OK) {
            status = write_files(&v, &validation);
        }
    }
    lh_ctx_end(&ctx);
    return status;
}
