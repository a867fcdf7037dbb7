/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands share: the scenario argument with --set and --data, the
 * stages built from it, messages to standard error, the result to standard
 * output.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* ---- the scenario and its options -------------------------------------- */

enum { OPTION_SET = 1000, OPTION_DATA };

static const struct argp_option input_options[] = {
    {"set", OPTION_SET, "PATH=VALUE", 0,
     "Set a key of the scenario, e.g. 'fibres[0].length=80 km'", 0},
    {"data", OPTION_DATA, "DIR", 0,
     "Rows of the tables in DIR are joined to the built-in ones", 0},
    {0},
};

static void add_setting(struct lh__input *input, char *arg,
                        const struct argp_state *state)
{
    struct lh_arena *arena = input->ctx->arena;
    char *equals = strchr(arg, '=');

    if (equals == NULL || equals == arg) {
        argp_error(state, "--set needs PATH=VALUE, not '%s'", arg);
        return;
    }
    input->settings = lh_grow(arena, input->settings, &input->setting_capacity,
                              input->n_settings + 1, sizeof *input->settings);
    input->settings[input->n_settings++] = (struct lh_setting){
        lh_strndup(arena, arg, (size_t)(equals - arg)),
        lh_strdup(arena, equals + 1),
    };
}

static error_t parse_input(int key, char *arg, struct argp_state *state)
{
    struct lh__input *input = state->input;

    switch (key) {
    case OPTION_SET: add_setting(input, arg, state); return 0;
    case OPTION_DATA: input->ctx->data_dir = arg; return 0;
    case ARGP_KEY_ARG:
        if (input->path != NULL) {
            argp_error(state, "one scenario at a time, not also '%s'", arg);
        }
        input->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (input->path == NULL) {
            argp_error(state, "a scenario file is needed (- is standard "
                              "input)");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp lh__input_argp = {input_options, parse_input, 0, 0, 0, 0, 0};

struct lh__input lh__input_with(const struct lh__input *input, const char *path,
                                const char *value)
{
    struct lh__input more = *input;

    more.settings =
        LH_NEW(input->ctx->arena, struct lh_setting, input->n_settings + 1);
    if (input->n_settings > 0) {
        memcpy(more.settings, input->settings,
               input->n_settings * sizeof *more.settings);
    }
    more.setting_capacity = input->n_settings + 1;
    more.settings[more.n_settings++] = (struct lh_setting){path, value};
    return more;
}

static char *read_stdin(size_t *n, struct lh_ctx *ctx)
{
    char *text = NULL;
    size_t capacity = 0;
    size_t got;

    *n = 0;
    do {
        text = lh_grow(ctx->arena, text, &capacity, *n + 65536, 1);
        got = fread(text + *n, 1, 65535, stdin);
        *n += got;
    } while (got > 0);
    text[*n] = '\0';
    if (ferror(stdin)) {
        lh_error(ctx, (struct lh_where){"<stdin>", 0, 0}, "%s",
                 strerror(errno));
        return NULL;
    }
    return text;
}

enum lh_status lh__input_load(struct lh__input *input)
{
    if (strcmp(input->path, "-") == 0 && input->text == NULL) {
        input->text = read_stdin(&input->n_text, input->ctx);
        return input->text != NULL ? LH_OK : LH_BAD_INPUT;
    }
    return LH_OK;
}

enum lh_status lh__stages_read(struct lh__stages *out,
                               const struct lh__input *input)
{
    struct lh__input loaded = *input;
    enum lh_status st;

    *out = (struct lh__stages){.topology = NULL};
    if (strcmp(input->path, "-") != 0) {
        return lh_scenario_read(&out->scenario, input->path, input->settings,
                                (int)input->n_settings, input->ctx);
    }
    st = lh__input_load(&loaded);
    if (st != LH_OK) {
        return st;
    }
    return lh_scenario_read_text(&out->scenario, "<stdin>", loaded.text,
                                 loaded.n_text, ".", input->settings,
                                 (int)input->n_settings, input->ctx);
}

enum lh_status lh__stages_build(struct lh__stages *stages, struct lh_ctx *ctx)
{
    stages->asked = stages->scenario;
    return lh_stages_build(&stages->topology, &stages->program,
                           &stages->scenario, ctx);
}

enum lh_status lh__stages_async(struct lh_result *out,
                                const struct lh__stages *stages, int jobs,
                                struct lh_ctx *ctx)
{
    struct lh_async_report unseen;

    return lh_async_run(&unseen, out, &stages->scenario, &stages->program,
                        stages->topology, jobs, ctx);
}

void lh__stages_free(struct lh__stages *stages)
{
    lh_topology_free(stages->topology);
    stages->topology = NULL;
}

/* ---- messages ---------------------------------------------------------- */

void lh__print_messages(const struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    lh_diag_write(&text, ctx);
    fputs(text.s, stderr);
}

/* ---- results ----------------------------------------------------------- */

static int write_failed(const char *what)
{
    fprintf(stderr, "longhaul: error: cannot write to %s: %s\n", what,
            strerror(errno));
    return LH__EXIT_NO;
}

int lh__print_result(const struct lh_text *text)
{
    if (fwrite(text->s, 1, text->n, stdout) != text->n || fflush(stdout) != 0) {
        return write_failed("standard output");
    }
    /* Some file systems say only now that there was no room. */
    if (fclose(stdout) != 0) {
        return write_failed("standard output");
    }
    return LH__EXIT_OK;
}

int lh__file_touch(const char *path)
{
    FILE *file = fopen(path, "a");

    return file != NULL && fclose(file) == 0 ? LH__EXIT_OK : write_failed(path);
}

int lh__print_file(const char *path, const struct lh_text *text)
{
    FILE *file = fopen(path, "w");
    bool written;

    if (file == NULL) {
        return write_failed(path);
    }
    written = fwrite(text->s, 1, text->n, file) == text->n;
    if (fclose(file) != 0 || !written) {
        return write_failed(path);
    }
    return LH__EXIT_OK;
}

int lh__exit_status(enum lh_status st)
{
    switch (st) {
    case LH_OK: return LH__EXIT_OK;
    case LH_BAD_INPUT: return LH__EXIT_INPUT;
    case LH_UNREACHABLE:
    case LH_FAILED:
    default: return LH__EXIT_NO;
    }
}

void lh__choice_error(const struct argp_state *state, const char *what,
                      const char *got, const char *const *choices, int n)
{
    const char *near = lh_nearest(got, choices, n);
    struct lh_arena *arena = lh_arena_new();
    struct lh_text text = lh_text_new(arena);

    if (near != NULL) {
        lh_text_printf(&text, "; did you mean '%s'?", near);
    } else {
        for (int i = 0; i < n; i++) {
            lh_text_printf(&text, "%s%s", i == 0 ? "; there are " : ", ",
                           choices[i]);
        }
    }
    argp_error(state, "unknown %s '%s'%s", what, got, text.s);
    lh_arena_free(arena);
}

int lh__read_count(const struct argp_state *state, const char *option,
                   const char *text, int least)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0
        || n < least || n > INT_MAX) {
        argp_error(state, "%s needs a whole number of at least %d, not '%s'",
                   option, least, text);
        return least;
    }
    return (int)n;
}
