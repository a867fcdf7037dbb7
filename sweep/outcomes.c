/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Results of points as lines of JSON, to the store and back:
 *
 *     {"point": 3, "id": "..", "status": "ok", "result": {"step_time_s": ..}}
 *     {"point": 4, "id": "..", "status": "refused", "message": ".."}
 *
 * Lines are found by their id.  Of several with one id an ok one counts before
 * a refused one, and that before a failed one; equal kinds agree.  A line is
 * written whole with fsync(); what a crash left half done is no JSON and is
 * passed over, and its point is simulated again.
 * Place in the pipeline: behind the result.  Numbers are the shortest decimals
 * that read back as the same double, so a table of them has the same bytes
 * whoever made it.
 */
#include <longhaul/sweep.h>

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [LH_OUTCOME_OK] = "ok",
    [LH_OUTCOME_REFUSED] = "refused",
    [LH_OUTCOME_FAILED] = "failed",
    [LH_OUTCOME_MISSING] = "missing",
};

const char *lh_outcome_name(enum lh_outcome_kind kind)
{
    return kind_names[kind];
}

/* ---- a line -------------------------------------------------------------- */

static void write_columns(struct lh_text *out, const struct lh_outcome *o)
{
    lh_text_add(out, ", \"result\": {");
    for (int i = 0; i < o->n; i++) {
        lh_text_add(out, i > 0 ? ", " : "");
        lh_text_json_string(out, o->columns[i].name);
        lh_text_add(out, ": ");
        if (o->columns[i].text != NULL) {
            lh_text_json_string(out, o->columns[i].text);
        } else {
            lh_text_json_double(out, o->columns[i].number);
        }
    }
    lh_text_add(out, "}");
}

void lh_outcome_write(struct lh_text *out, int point,
                      const struct lh_outcome *outcome)
{
    lh_text_printf(out, "{\"point\": %d, \"id\": \"%s\", \"status\": \"%s\"",
                   point, outcome->id, kind_names[outcome->kind]);
    if (outcome->kind == LH_OUTCOME_OK) {
        write_columns(out, outcome);
    } else {
        lh_text_add(out, ", \"message\": ");
        lh_text_json_string(out, outcome->message);
    }
    lh_text_add(out, "}\n");
}

/* ---- reading them all ---------------------------------------------------- */

struct reading {
    struct lh_arena *arena;
    struct lh_outcome *found;
    size_t n, capacity;
    const struct lh_outcome *last; /* whose names of columns are shared */
};

static const char *column_name(const struct reading *r, int i, const char *name)
{
    if (r->last != NULL && i < r->last->n
        && strcmp(r->last->columns[i].name, name) == 0) {
        return r->last->columns[i].name;
    }
    return lh_strdup(r->arena, name);
}

static void take_columns(struct lh_outcome *out, const struct reading *r,
                         json_t *result)
{
    const char *name;
    json_t *value;

    out->columns = LH_NEW(r->arena, struct lh_column, json_object_size(result));
    json_object_foreach(result, name, value)
    {
        struct lh_column *c = &out->columns[out->n];
        c->name = column_name(r, out->n++, name);
        c->text = json_is_string(value)
                      ? lh_strdup(r->arena, json_string_value(value))
                      : NULL;
        c->number =
            json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
}

static bool take_line(struct lh_outcome *out, const struct reading *r,
                      const json_t *line)
{
    const char *id = json_string_value(json_object_get(line, "id"));
    const char *status = json_string_value(json_object_get(line, "status"));
    const char *message = json_string_value(json_object_get(line, "message"));
    json_t *result = json_object_get(line, "result");
    int kind = 0;

    while (status != NULL && kind < LH_OUTCOME_MISSING
           && strcmp(status, kind_names[kind]) != 0) {
        kind++;
    }
    if (id == NULL || status == NULL || kind == LH_OUTCOME_MISSING
        || (kind == LH_OUTCOME_OK) != (result != NULL)) {
        return false;
    }
    *out = (struct lh_outcome){
        .id = lh_strdup(r->arena, id),
        .kind = (enum lh_outcome_kind)kind,
        .message = message != NULL ? lh_strdup(r->arena, message) : "",
    };
    if (result != NULL) {
        take_columns(out, r, result);
    }
    return true;
}

static void read_lines(struct reading *r, const char *text)
{
    const char *end;

    for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        json_t *line = json_loadb(text, (size_t)(end - text),
                                  JSON_DECODE_INT_AS_REAL, NULL);
        struct lh_outcome one;
        if (line != NULL && take_line(&one, r, line)) {
            r->found = lh_grow(r->arena, r->found, &r->capacity, r->n + 1,
                               sizeof *r->found);
            r->found[r->n] = one;
            r->n++;
        }
        json_decref(line);
        r->last = r->n > 0 ? &r->found[r->n - 1] : NULL;
    }
}

static enum lh_status read_folder(struct reading *r, const char *path,
                                  struct lh_ctx *ctx)
{
    DIR *folder = opendir(path);
    enum lh_status st = LH_OK;
    const struct dirent *entry;

    if (folder == NULL) {
        lh_error(ctx, (struct lh_where){path, 0, 0}, "cannot be read: %s",
                 strerror(errno));
        return LH_BAD_INPUT;
    }
    while (st == LH_OK && (entry = readdir(folder)) != NULL) {
        size_t n = strlen(entry->d_name);
        char *text;
        size_t n_text;
        if (n < 6 || strcmp(entry->d_name + n - 6, ".jsonl") != 0) {
            continue;
        }
        st = lh_file_read(&text, &n_text,
                          lh_format(ctx->arena, "%s/%s", path, entry->d_name),
                          ctx);
        if (st == LH_OK) {
            read_lines(r, text);
        }
    }
    closedir(folder);
    return st;
}

static int by_id(const void *a, const void *b)
{
    const struct lh_outcome *x = a;
    const struct lh_outcome *y = b;
    int ids = strcmp(x->id, y->id);

    return ids != 0 ? ids : (int)x->kind - (int)y->kind;
}

/* The first with the id, which is the best. */
static const struct lh_outcome *find(const struct reading *r, const char *id)
{
    size_t low = 0;
    size_t high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(r->found[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->n && strcmp(r->found[low].id, id) == 0 ? &r->found[low]
                                                           : NULL;
}

enum lh_status lh_store_outcomes(struct lh_outcome *out, const char *dir,
                                 const struct lh_sweep *sweep,
                                 struct lh_ctx *ctx)
{
    struct reading r = {.arena = ctx->arena};
    enum lh_status st =
        read_folder(&r, lh_format(ctx->arena, "%s/results", dir), ctx);

    if (r.n > 0) {
        qsort(r.found, r.n, sizeof *r.found, by_id);
    }
    for (int i = 0; i < sweep->n_points; i++) {
        const struct lh_outcome *found = find(&r, sweep->points[i].id);
        out[i] = found != NULL
                     ? *found
                     : (struct lh_outcome){.id = sweep->points[i].id,
                                           .kind = LH_OUTCOME_MISSING,
                                           .message = "not simulated yet"};
    }
    return st;
}
