/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul golden: simulates what the goldens of a folder are of, and says
 * which figure left its tolerance, and why (docs/regression.md).
 *
 * A golden is a file NAME.json that names its scenario; --add makes one,
 * --update writes what is simulated now.  Place: the command; comparison and
 * formats are in analysis/golden*.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

struct asked {
    const struct lh_golden_output *output;
    const char *path; /* NULL: standard output */
};

struct golden {
    struct lh__input input;
    size_t n_paths, path_capacity;
    const char **paths;
    const char *added; /* scenario of a new golden; or NULL */
    const char *name;
    bool update;
    int jobs;
    size_t n_tolerances, tolerance_capacity;
    const char **tolerances;
    const struct lh_golden_output *output;
    size_t n_asked, asked_capacity;
    struct asked *asked; /* --write */
    int n;
    struct lh_kept *kept;
    struct lh__point *points;
    struct lh_golden *now;
    struct lh_golden_result *results;
};

enum {
    OPTION_UPDATE = 256,
    OPTION_ADD,
    OPTION_NAME,
    OPTION_TOLERANCE,
    OPTION_WRITE,
    OUTPUTS_MAX = 8
};

static const struct argp_option options[] = {
    {"output", 'o', "FORMAT", 0, "text (default), json, junit or github", 0},
    {"format", 0, 0, OPTION_ALIAS, 0, 0},
    {"write", OPTION_WRITE, "FORMAT=FILE", 0,
     "Write this format to a file as well", 0},
    {"update", OPTION_UPDATE, 0, 0,
     "Keep what is simulated now where it left its tolerance", 0},
    {"add", OPTION_ADD, "SCENARIO", 0,
     "Make a golden of a scenario, with what --set says", 0},
    {"name", OPTION_NAME, "NAME", 0,
     "Name of the new golden (that of the scenario's file)", 0},
    {"tolerance", OPTION_TOLERANCE, "FIGURE=SHARE[,ABSOLUTE]", 0,
     "How far a figure may move, or `default', all others (0.005,1e-6)", 0},
    {"jobs", 'j', "N", 0, "Simulate N points at a time (2)", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static const struct lh_golden_output *
find_output(const struct argp_state *state, const char *name)
{
    const struct lh_golden_output *output;
    const char *names[OUTPUTS_MAX];
    int n = 0;

    for (; n < OUTPUTS_MAX && (output = lh_golden_output_at(n)) != NULL; n++) {
        if (strcmp(output->name, name) == 0) {
            return output;
        }
        names[n] = output->name;
    }
    lh__choice_error(state, "output", name, names, n);
    return NULL;
}

static void add_text(const char ***list, size_t *n, size_t *capacity,
                     const char *text, struct lh_arena *arena)
{
    *list = lh_grow(arena, *list, capacity, *n + 1, sizeof **list);
    (*list)[(*n)++] = text;
}

static void add_write(struct golden *g, const struct argp_state *state,
                      const char *text)
{
    struct lh_arena *arena = g->input.ctx->arena;
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals[1] == '\0') {
        argp_error(state, "--write needs FORMAT=FILE, not '%s'", text);
        return;
    }
    g->asked = lh_grow(arena, g->asked, &g->asked_capacity, g->n_asked + 1,
                       sizeof *g->asked);
    g->asked[g->n_asked++] = (struct asked){
        find_output(state, lh_strndup(arena, text, (size_t)(equals - text))),
        equals + 1};
}

static void check_words(struct golden *g, const struct argp_state *state)
{
    if (g->n_paths == 0) {
        argp_error(state, "a folder of goldens is needed");
    }
    if (g->added != NULL && (g->n_paths > 1 || g->update)) {
        argp_error(state, "--add takes one folder and no --update");
    }
    if (g->added == NULL && (g->input.n_settings > 0 || g->name != NULL)) {
        argp_error(state, "--set and --name are for --add");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct golden *g = state->input;
    struct lh_arena *arena = g->input.ctx->arena;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &g->input; return 0;
    case 'o': g->output = find_output(state, arg); return 0;
    case 'j': g->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case OPTION_UPDATE: g->update = true; return 0;
    case OPTION_ADD: g->added = arg; return 0;
    case OPTION_NAME: g->name = arg; return 0;
    case OPTION_WRITE: add_write(g, state, arg); return 0;
    case OPTION_TOLERANCE:
        add_text(&g->tolerances, &g->n_tolerances, &g->tolerance_capacity, arg,
                 arena);
        return 0;
    case ARGP_KEY_ARG:
        add_text(&g->paths, &g->n_paths, &g->path_capacity, arg, arena);
        g->input.path = arg;
        return 0;
    case ARGP_KEY_END: check_words(g, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- which goldens ------------------------------------------------------- */

static enum lh_status read_tolerances(const struct golden *g,
                                      struct lh_kept *kept)
{
    enum lh_status st = LH_OK;

    for (size_t i = 0; i < g->n_tolerances && st == LH_OK; i++) {
        st = lh_tolerance_read(kept, g->tolerances[i], g->input.ctx);
    }
    return st;
}

static enum lh_status read_kept(struct golden *g)
{
    struct lh_ctx *ctx = g->input.ctx;
    enum lh_status st = LH_OK;
    size_t capacity = 0;

    for (size_t i = 0; i < g->n_paths && st == LH_OK; i++) {
        const char **files;
        size_t n;
        st = lh__golden_files(&files, &n, g->paths[i], ctx);
        for (size_t k = 0; k < n && st == LH_OK; k++) {
            g->kept = lh_grow(ctx->arena, g->kept, &capacity, (size_t)g->n + 1,
                              sizeof *g->kept);
            st = lh_kept_read(&g->kept[g->n], files[k], ctx);
            if (st == LH_OK) {
                st = read_tolerances(g, &g->kept[g->n++]);
            }
        }
    }
    return st;
}

/* ---- a new one ------------------------------------------------------------
 */

static const char *base_of(const char *path, struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    return lh_strndup(arena, base,
                      dot != NULL ? (size_t)(dot - base) : strlen(base));
}

static enum lh_status new_kept(struct golden *g)
{
    struct lh_ctx *ctx = g->input.ctx;
    const char *folder = g->paths[0];
    struct lh_kept *kept = LH_NEW(ctx->arena, struct lh_kept, 1);

    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        lh_error(ctx, (struct lh_where){folder, 0, 0}, "cannot be made: %s",
                 strerror(errno));
        return LH_BAD_INPUT;
    }
    kept->name = g->name != NULL ? g->name : base_of(g->added, ctx->arena);
    kept->path = lh_format(ctx->arena, "%s/%s.json", folder, kept->name);
    kept->file = lh__relative_path(folder, g->added, ctx->arena);
    kept->scenario_path = g->added;
    kept->n_settings = (int)g->input.n_settings;
    kept->settings = g->input.settings;
    g->kept = kept;
    g->n = 1;
    return read_tolerances(g, kept);
}

/* ---- simulating ---------------------------------------------------------- */

static const char *first_error(const struct lh_ctx *ctx)
{
    for (int i = 0; i < lh_diag_total(ctx); i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        if (m->severity == LH_ERROR) {
            return lh_format(ctx->arena, "%s%s%s",
                             m->where.file != NULL ? m->where.file : "",
                             m->where.file != NULL ? ": " : "", m->text);
        }
    }
    return "it failed";
}

static void build(struct golden *g, struct lh_ctx *contexts)
{
    for (int i = 0; i < g->n; i++) {
        const struct lh_kept *kept = &g->kept[i];
        struct lh__input input = {.ctx = &contexts[i],
                                  .path = kept->scenario_path,
                                  .settings = kept->settings,
                                  .n_settings = (size_t)kept->n_settings};
        contexts[i] = lh_ctx_begin();
        contexts[i].data_dir = g->input.ctx->data_dir;
        g->points[i].ctx = &contexts[i];
        if (lh__point_build(&g->points[i], &input) != LH_OK) {
            g->results[i].error = first_error(&contexts[i]);
        }
    }
}

static enum lh_status take(struct golden *g, int i)
{
    struct lh__point *point = &g->points[i];
    struct lh_report report = lh__point_report(point);

    return lh_golden_make(&g->now[i], &report, &point->stages.asked,
                          point->ctx);
}

static void simulate(struct golden *g, struct lh__baselines *baselines)
{
    enum lh_status first = lh__points_run(g->points, g->n, baselines, g->jobs);

    (void)first; /* each has its own */
    for (int i = 0; i < g->n; i++) {
        struct lh_golden_result *r = &g->results[i];
        if (g->points[i].status != LH_OK || take(g, i) != LH_OK) {
            r->error = first_error(g->points[i].ctx);
        } else if (g->added == NULL) {
            lh_golden_compare(r, &g->kept[i], &g->now[i], g->input.ctx);
        }
        r->kept = &g->kept[i];
    }
}

/* ---- what comes of it ---------------------------------------------------- */

static int keep(const struct golden *g, int i)
{
    struct lh_text text = lh_text_new(g->input.ctx->arena);
    struct lh_kept kept = g->kept[i];

    kept.golden = g->now[i];
    lh_kept_write(&text, &kept);
    return lh__print_file(kept.path, &text);
}

static int keep_all(const struct golden *g)
{
    struct lh_text text = lh_text_new(g->input.ctx->arena);
    int status = LH__EXIT_OK;

    for (int i = 0; i < g->n; i++) {
        const struct lh_golden_result *r = &g->results[i];
        if (r->error != NULL) {
            fprintf(stderr, "%s: error: %s\n", g->kept[i].path, r->error);
            status = LH__EXIT_NO;
        } else if (g->added != NULL || !lh_golden_passed(r)) {
            int one = keep(g, i);
            status = one != LH__EXIT_OK ? one : status;
            lh_text_printf(&text, "%s: kept\n", g->kept[i].path);
        } else {
            lh_text_printf(&text, "%s: within tolerance, left\n",
                           g->kept[i].path);
        }
    }
    return lh__print_result(&text) == LH__EXIT_OK ? status : LH__EXIT_NO;
}

static int print(const struct golden *g)
{
    struct lh_arena *arena = g->input.ctx->arena;
    struct lh_golden_report report = {g->n, g->results};
    struct lh_text text = lh_text_new(arena);
    int status = LH__EXIT_OK;

    for (int i = 0; i < g->n; i++) {
        if (!lh_golden_passed(&g->results[i])) {
            status = LH__EXIT_NO;
        }
    }
    for (size_t i = 0; i < g->n_asked; i++) {
        struct lh_text file = lh_text_new(arena);
        g->asked[i].output->write(&file, &report);
        if (lh__print_file(g->asked[i].path, &file) != LH__EXIT_OK) {
            status = LH__EXIT_NO;
        }
    }
    g->output->write(&text, &report);
    return lh__print_result(&text) == LH__EXIT_OK ? status : LH__EXIT_NO;
}

static int act(struct golden *g)
{
    struct lh_ctx *ctx = g->input.ctx;
    struct lh__baselines baselines = {.ctx = ctx};
    enum lh_status st = g->added != NULL ? new_kept(g) : read_kept(g);
    struct lh_ctx *contexts;
    int status;

    if (st != LH_OK) {
        lh__print_messages(ctx);
        return lh__exit_status(st);
    }
    contexts = LH_NEW(ctx->arena, struct lh_ctx, g->n);
    g->points = LH_NEW(ctx->arena, struct lh__point, g->n);
    g->now = LH_NEW(ctx->arena, struct lh_golden, g->n);
    g->results = LH_NEW(ctx->arena, struct lh_golden_result, g->n);
    build(g, contexts);
    simulate(g, &baselines);
    status = g->added != NULL || g->update ? keep_all(g) : print(g);
    for (int i = 0; i < g->n; i++) {
        lh__stages_free(&g->points[i].stages);
        lh_ctx_end(&contexts[i]);
    }
    lh__baselines_free(&baselines);
    return status;
}

int lh__cmd_golden(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "DIR|FILE.json...\nDIR --add SCENARIO [--set PATH=VALUE]",
        "Simulates the scenarios of goldens again and compares every figure "
        "with the one kept.  Exit status 1 where one left its tolerance, "
        "faster or slower, with the part of the step that moved and what "
        "moved it: a key of the scenario, a row of the data, or the code.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct golden g = {
        .input = {.ctx = &ctx}, .output = lh_golden_output_at(0), .jobs = 2};
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &g);
    status = act(&g);
    lh_ctx_end(&ctx);
    return status;
}
