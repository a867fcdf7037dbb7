/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The points of a sweep: all values with all others (the last key varies
 * fastest), or side by side (--zip), and the ids of the points.
 *
 *     id       = XXH3-128(version, data tables, canonical scenario, shape of
 *                the model, map of the fibres, lengths of outputs)
 *     baseline = XXH3-128(canonical one-site scenario)
 *
 * Place in the pipeline: before everything; a point is a list of settings that
 * the reader of scenarios takes.  Source of the hash: xxHash, Y. Collet,
 * https://xxhash.com.  Leaves out the code: two builds of one version with the
 * same tables have the same ids.
 */
#include <longhaul/sweep.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <xxhash.h>

enum { POINTS_MAX = 1000000 };

/* ---- hashes ---------------------------------------------------------------
 */

static void digest(char *out, const char *text, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(text, n);

    snprintf(out, LH_ID_LENGTH + 1, "%016" PRIx64 "%016" PRIx64, h.high64,
             h.low64);
}

/* The tables compiled in, or joined with the user's. */
static enum lh_status hash_tables(char *out, struct lh_ctx *ctx)
{
    static const char *const names[] = {"accelerators", "engines",  "fabrics",
                                        "fibres",       "models",   "protocols",
                                        "stacks",       "validated"};
    struct lh_text text = lh_text_new(ctx->arena);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct lh_csv csv;
        enum lh_status st = lh_data_read(&csv, names[i], ctx);
        if (st != LH_OK) {
            return st;
        }
        for (int k = 0; k < csv.n_rows * csv.n_columns; k++) {
            lh_text_printf(&text, "%s\n", csv.cells[k]);
        }
    }
    digest(out, text.s, text.n);
    return LH_OK;
}

/* ---- points -------------------------------------------------------------- */

static enum lh_status count_points(struct lh_sweep *s, struct lh_ctx *ctx)
{
    int64_t n = s->zip ? s->vary[0].n : 1;

    for (int i = 0; i < s->n_vary; i++) {
        const struct lh_vary *v = &s->vary[i];
        struct lh_where where = {
            lh_format(ctx->arena, "--vary %s", s->vary_texts[i]), 0, 0};
        if (v->n == 0) {
            lh_error(ctx, where,
                     "name the values: KEY=A,B, KEY=LO..HI:xK or "
                     "KEY=LO..HI:+S");
            return LH_BAD_INPUT;
        }
        if (s->zip && v->n != n) {
            lh_error(ctx, where,
                     "%d values, the first key has %d; --zip takes as many of "
                     "each",
                     v->n, (int)n);
            return LH_BAD_INPUT;
        }
        n = s->zip ? n : n * v->n;
        if (n > POINTS_MAX) {
            lh_error(ctx, where, "more than %d points", POINTS_MAX);
            return LH_BAD_INPUT;
        }
    }
    s->n_points = (int)n;
    return LH_OK;
}

static enum lh_status check_keys(const struct lh_sweep *s, struct lh_ctx *ctx)
{
    for (int i = 0; i < s->n_vary; i++) {
        for (int j = 0; j < i; j++) {
            if (strcmp(s->vary[i].path, s->vary[j].path) == 0) {
                lh_error(ctx,
                         (struct lh_where){lh_format(ctx->arena, "--vary %s",
                                                     s->vary_texts[i]),
                                           0, 0},
                         "the key is varied twice");
                return LH_BAD_INPUT;
            }
        }
    }
    return LH_OK;
}

enum lh_status lh_sweep_make(struct lh_sweep *sweep, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    sweep->vary = LH_NEW(ctx->arena, struct lh_vary, sweep->n_vary);
    for (int i = 0; i < sweep->n_vary; i++) {
        enum lh_status one =
            lh_vary_read(&sweep->vary[i], sweep->vary_texts[i], ctx);
        st = st == LH_OK ? one : st;
    }
    if (st == LH_OK) {
        st = check_keys(sweep, ctx);
    }
    if (st == LH_OK) {
        st = count_points(sweep, ctx);
    }
    if (st == LH_OK) {
        st = hash_tables(sweep->tables, ctx);
    }
    if (st == LH_OK) {
        sweep->points = LH_NEW(ctx->arena, struct lh_planned, sweep->n_points);
    }
    return st;
}

static int value_index(const struct lh_sweep *s, int point, int vary)
{
    if (s->zip) {
        return point;
    }
    for (int i = s->n_vary - 1; i > vary; i--) {
        point /= s->vary[i].n;
    }
    return point % s->vary[vary].n;
}

const char *lh_sweep_value(const struct lh_sweep *sweep, int point, int vary)
{
    return sweep->vary[vary].values[value_index(sweep, point, vary)];
}

struct lh_setting *lh_sweep_settings(const struct lh_sweep *sweep, int point,
                                     int *n, struct lh_arena *arena)
{
    struct lh_setting *all =
        LH_NEW(arena, struct lh_setting, sweep->n_settings + sweep->n_vary);

    *n = sweep->n_settings + sweep->n_vary;
    for (int i = 0; i < sweep->n_settings; i++) {
        all[i] = sweep->settings[i];
    }
    for (int i = 0; i < sweep->n_vary; i++) {
        all[sweep->n_settings + i] = (struct lh_setting){
            sweep->vary[i].path, lh_sweep_value(sweep, point, i)};
    }
    return all;
}

const char *lh_sweep_title(const struct lh_sweep *sweep, int point,
                           struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    for (int i = 0; i < sweep->n_vary; i++) {
        lh_text_printf(&text, "%s%s=%s", i > 0 ? ", " : "", sweep->vary[i].path,
                       lh_sweep_value(sweep, point, i));
    }
    return text.s;
}

/* ---- ids ----------------------------------------------------------------- */

static void add_file(struct lh_text *text, const char *path, struct lh_ctx *ctx)
{
    char *bytes;
    size_t n;

    if (path != NULL && lh_file_read(&bytes, &n, path, ctx) == LH_OK) {
        lh_text_add(text, bytes);
    }
}

/* What files that the scenario names say, and its echo does not. */
static void add_inputs(struct lh_text *text, const struct lh_scenario *s,
                       struct lh_ctx *ctx)
{
    const struct lh_model *m = &s->model;

    lh_text_printf(text,
                   "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                   " %" PRId64 " %" PRId64 "\n",
                   m->parameters, m->active_parameters, m->layers, m->hidden,
                   m->heads, m->kv_heads, m->vocab);
    add_file(text, s->layout.file, ctx);
    for (int i = 0; i < s->rl.n_length_rows; i++) {
        lh_text_printf(text, "%.17g\n", s->rl.length_rows[i]);
    }
}

/* A point that was refused is known by what was asked of it. */
static void add_refused(struct lh_text *text, const struct lh_sweep *sweep,
                        int point, struct lh_ctx *ctx)
{
    int n;
    struct lh_setting *all = lh_sweep_settings(sweep, point, &n, ctx->arena);

    add_file(text, sweep->file, ctx);
    for (int i = 0; i < n; i++) {
        lh_text_printf(text, "%s=%s\n", all[i].path, all[i].value);
    }
}

void lh_sweep_identify(struct lh_planned *out, const struct lh_sweep *sweep,
                       int point, const struct lh_scenario *scenario,
                       struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    out->baseline[0] = '\0';
    if (scenario != NULL && scenario->n_sites > 1 && !scenario->rl.on) {
        struct lh_scenario one;
        lh_scenario_one_site(&one, scenario, ctx);
        lh_scenario_print_yaml(&text, &one);
        digest(out->baseline, text.s, text.n);
    }
    text = lh_text_new(ctx->arena);
    lh_text_printf(&text, "longhaul %s\n", sweep->version);
    lh_text_printf(&text, "%s\n", sweep->tables);
    if (scenario == NULL) {
        add_refused(&text, sweep, point, ctx);
    } else {
        lh_scenario_print_yaml(&text, scenario);
        add_inputs(&text, scenario, ctx);
    }
    digest(out->id, text.s, text.n);
}

void lh_sweep_seal(struct lh_sweep *sweep, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    lh_text_printf(&text, "longhaul %s %s\n", sweep->version,
                   sweep->zip ? "zip" : "cross");
    for (int i = 0; i < sweep->n_vary; i++) {
        lh_text_printf(&text, "%s\n", sweep->vary_texts[i]);
    }
    for (int i = 0; i < sweep->n_points; i++) {
        lh_text_add(&text, sweep->points[i].id);
    }
    digest(sweep->id, text.s, text.n);
}
