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
#include <unistd.h>

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
    struct lh_kept wanted; /* --tolerance, read */
    const struct lh_golden_output *output;
    size_t n_asked, asked_capacity;
    struct asked *asked; /* --write */
    int n;
    struct lh_kept *kept;
    const char **unread; /* [n] why a file is no golden; or NULL */
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
    if (strcmp(equals + 1, "-") == 0) {
        argp_error(state, "--write writes a file; for standard output there is "
                          "--output");
        return;
    }
    g->asked = lh_grow(arena, g->asked, &g->asked_capacity, g->n_asked + 1,
                       sizeof *g->asked);
    g->asked[g->n_asked++] = (struct asked){
        find_output(state, lh_strndup(arena, text, (size_t)(equals - text))),
        equals + 1};
}

static void set_added(struct golden *g, const struct argp_state *state,
                      const char *scenario)
{
    if (g->added != NULL) {
        argp_error(state, "one --add at a time, not also '%s'", scenario);
    }
    if (strcmp(scenario, "-") == 0) {
        argp_error(state, "--add needs a file, which a golden can name");
    }
    g->added = scenario;
}

static void set_name(struct golden *g, const struct argp_state *state,
                     const char *name)
{
    if (*name == '\0' || strchr(name, '/') != NULL) {
        argp_error(state, "--name is a name in the folder, not '%s'", name);
    }
    g->name = name;
}

static void check_words(struct golden *g, const struct argp_state *state)
{
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
    case OPTION_ADD: set_added(g, state, arg); return 0;
    case OPTION_NAME: set_name(g, state, arg); return 0;
    case OPTION_WRITE: add_write(g, state, arg); return 0;
    case OPTION_TOLERANCE:
        add_text(&g->tolerances, &g->n_tolerances, &g->tolerance_capacity, arg,
                 arena);
        return 0;
    case ARGP_KEY_ARG:
        add_text(&g->paths, &g->n_paths, &g->path_capacity, arg, arena);
        g->input.path = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a folder of goldens or a FILE.json is needed");
        return 0;
    case ARGP_KEY_END: check_words(g, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- which goldens ------------------------------------------------------- */

static enum lh_status read_tolerances(struct golden *g)
{
    enum lh_status st = LH_OK;

    for (size_t i = 0; i < g->n_tolerances && st == LH_OK; i++) {
        st = lh_tolerance_read(&g->wanted, g->tolerances[i], g->input.ctx);
    }
    return st;
}

/* The first error said since there were `from` messages; or NULL. */
static const struct lh_message *error_from(const struct lh_ctx *ctx, int from)
{
    for (int i = from; i < lh_diag_total(ctx); i++) {
        if (lh_diag_at(ctx, i)->severity == LH_ERROR) {
            return lh_diag_at(ctx, i);
        }
    }
    return NULL;
}

static const char *first_error(const struct lh_ctx *ctx)
{
    const struct lh_message *m = error_from(ctx, 0);

    if (m == NULL) {
        return "it failed";
    }
    return m->where.file == NULL
               ? m->text
               : lh_format(ctx->arena, "%s: %s", m->where.file, m->text);
}

/* A file that is none is an error of its own, and the others go on. */
static void add_kept(struct golden *g, const char *file, size_t *capacity,
                     size_t *unread_capacity)
{
    struct lh_ctx *ctx = g->input.ctx;
    int said = lh_diag_total(ctx);
    size_t n = (size_t)g->n + 1;

    g->kept = lh_grow(ctx->arena, g->kept, capacity, n, sizeof *g->kept);
    g->unread =
        lh_grow(ctx->arena, g->unread, unread_capacity, n, sizeof *g->unread);
    g->unread[g->n] = NULL;
    if (lh_kept_read(&g->kept[g->n], file, ctx) != LH_OK) {
        const struct lh_message *m = error_from(ctx, said);
        g->unread[g->n] = m != NULL ? m->text : "it cannot be read";
    }
    g->n++;
}

static enum lh_status read_kept(struct golden *g)
{
    struct lh_ctx *ctx = g->input.ctx;
    enum lh_status st = LH_OK;
    size_t capacity = 0;
    size_t unread_capacity = 0;

    for (size_t i = 0; i < g->n_paths && st == LH_OK; i++) {
        const char **files;
        size_t n;
        st = lh__golden_files(&files, &n, g->paths[i], ctx);
        for (size_t k = 0; k < n && st == LH_OK; k++) {
            add_kept(g, files[k], &capacity, &unread_capacity);
        }
    }
    return st;
}

/* ---- a new one ----------------------------------------------------------- */

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
    if (access(kept->path, F_OK) == 0) {
        lh_error(ctx, (struct lh_where){kept->path, 0, 0},
                 "it is there already: --update accepts what is simulated now, "
                 "--name makes another");
        return LH_BAD_INPUT;
    }
    kept->file = lh__relative_path(folder, g->added, ctx->arena);
    kept->scenario_path = g->added;
    kept->n_settings = (int)g->input.n_settings;
    kept->settings = g->input.settings;
    g->kept = kept;
    g->unread = LH_NEW(ctx->arena, const char *, 1);
    g->n = 1;
    return LH_OK;
}

/* ---- simulating ---------------------------------------------------------- */

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
        g->results[i].kept = kept;
        if (g->unread[i] != NULL) {
            g->results[i].error = g->unread[i];
            g->points[i].status = LH_BAD_INPUT;
        } else if (lh__point_build(&g->points[i], &input) != LH_OK) {
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
        if (r->error == NULL
            && (g->points[i].status != LH_OK || take(g, i) != LH_OK)) {
            r->error = first_error(g->points[i].ctx);
        }
    }
}

/* --tolerance goes to those goldens that have the figure, kept or now. */
static bool put_tolerance(struct golden *g, const struct lh_tolerance *t)
{
    bool all = strcmp(t->name, "default") == 0;
    bool found = false;

    for (int i = 0; i < g->n; i++) {
        if (all || lh_golden_has(&g->kept[i].golden, t->name)
            || lh_golden_has(&g->now[i], t->name)) {
            lh_tolerance_put(&g->kept[i], *t, g->input.ctx->arena);
            found = true;
        }
    }
    return found;
}

static const char *nearest_figure(const struct golden *g, const char *name)
{
    const char **names = NULL;
    size_t n = 0;
    size_t capacity = 0;

    for (int i = 0; i < 2 * g->n; i++) {
        const struct lh_golden *of =
            i < g->n ? &g->now[i] : &g->kept[i - g->n].golden;
        for (int k = 0; k < of->n_values; k++) {
            add_text(&names, &n, &capacity, of->values[k].name,
                     g->input.ctx->arena);
        }
    }
    add_text(&names, &n, &capacity, "default", g->input.ctx->arena);
    return lh_nearest(name, names, (int)n);
}

/* A name that none has is refused, if all could be looked at. */
static enum lh_status put_tolerances(struct golden *g)
{
    enum lh_status st = LH_OK;
    bool all_read = true;

    for (int i = 0; i < g->n; i++) {
        all_read = all_read && g->unread[i] == NULL;
    }
    for (int i = 0; i < g->wanted.n_tolerances; i++) {
        const struct lh_tolerance *t = &g->wanted.tolerances[i];
        const char *near;
        if (put_tolerance(g, t) || !all_read) {
            continue;
        }
        near = nearest_figure(g, t->name);
        lh_error(g->input.ctx, (struct lh_where){"--tolerance", 0, 0},
                 "no golden here has a figure '%s'%s%s%s", t->name,
                 near != NULL ? "; did you mean '" : "",
                 near != NULL ? near : "", near != NULL ? "'?" : "");
        st = LH_BAD_INPUT;
    }
    return st;
}

static void compare(struct golden *g)
{
    for (int i = 0; i < g->n; i++) {
        struct lh_golden_result *r = &g->results[i];
        if (r->error == NULL) {
            lh_golden_compare(r, &g->kept[i], &g->now[i], g->input.ctx);
        }
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

static int worse(int a, int b)
{
    return a > b ? a : b;
}

/* 2 where a file is no golden, 1 where one failed otherwise. */
static int worst(const struct golden *g)
{
    int status = LH__EXIT_OK;

    for (int i = 0; i < g->n; i++) {
        if (g->unread[i] != NULL) {
            status = LH__EXIT_INPUT;
        } else if (!lh_golden_passed(&g->results[i])) {
            status = worse(status, LH__EXIT_NO);
        }
    }
    return status;
}

static int keep_all(const struct golden *g)
{
    struct lh_text text = lh_text_new(g->input.ctx->arena);
    int status = LH__EXIT_OK;

    for (int i = 0; i < g->n; i++) {
        const struct lh_golden_result *r = &g->results[i];
        const char *path = g->kept[i].path;
        if (r->error != NULL) {
            fprintf(stderr, "%s: error: %s\n", path, r->error);
            status = worse(status,
                           g->unread[i] != NULL ? LH__EXIT_INPUT : LH__EXIT_NO);
        } else if (lh_golden_passed(r)) {
            lh_text_printf(&text, "%s: within tolerance, left\n", path);
        } else if (keep(g, i) == LH__EXIT_OK) {
            lh_text_printf(&text, "%s: kept\n", path);
        } else {
            status = worse(status, LH__EXIT_NO);
        }
    }
    return worse(status, lh__print_result(&text));
}

static int keep_new(const struct golden *g)
{
    struct lh_text text = lh_text_new(g->input.ctx->arena);
    int status;

    if (g->results[0].error != NULL) {
        lh__print_messages(g->points[0].ctx);
        return g->points[0].status != LH_OK
                   ? lh__exit_status(g->points[0].status)
                   : LH__EXIT_NO;
    }
    status = keep(g, 0);
    if (status == LH__EXIT_OK) {
        lh_text_printf(&text, "%s: kept\n", g->kept[0].path);
        status = lh__print_result(&text);
    }
    return status;
}

static int print(const struct golden *g)
{
    struct lh_arena *arena = g->input.ctx->arena;
    struct lh_golden_report report = {g->n, g->results};
    struct lh_text text = lh_text_new(arena);
    int status = worst(g);

    for (size_t i = 0; i < g->n_asked; i++) {
        struct lh_text file = lh_text_new(arena);
        g->asked[i].output->write(&file, &report);
        status = worse(status, lh__print_file(g->asked[i].path, &file));
    }
    g->output->write(&text, &report);
    return worse(status, lh__print_result(&text));
}

/* From figures to what is printed or written. */
static int finish(struct golden *g)
{
    bool failed = g->added != NULL && g->results[0].error != NULL;

    if (!failed && put_tolerances(g) != LH_OK) {
        lh__print_messages(g->input.ctx);
        return LH__EXIT_INPUT;
    }
    if (g->added != NULL) {
        return keep_new(g);
    }
    compare(g);
    return g->update ? keep_all(g) : print(g);
}

static int act(struct golden *g)
{
    struct lh_ctx *ctx = g->input.ctx;
    struct lh__baselines baselines = {.ctx = ctx};
    enum lh_status st = read_tolerances(g);
    struct lh_ctx *contexts;
    int status;

    if (st == LH_OK) {
        st = g->added != NULL ? new_kept(g) : read_kept(g);
    }
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
    status = finish(g);
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
        "moved it: a key of the scenario, a row of the data, or the code; 2 "
        "where "
        "a file is no golden.",
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
