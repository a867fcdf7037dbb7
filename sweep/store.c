/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The folder of a sweep: what was asked (sweep.json), its points
 * (points.jsonl), and the files that workers write to.
 *
 * sweep.json is renamed into place when all else is there: a folder without it
 * is no store yet.  A worker's file is new each time (host, process, number),
 * so that nobody writes behind a line that a killed one left half done.
 * Place in the pipeline: beside the commands; nothing here simulates.  Leaves
 * out locks: two that run one shard at once do work twice, and agree.
 */
#include <longhaul/sweep.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] = "longhaul.sweep/1";

static const char *in_dir(const char *dir, const char *name,
                          struct lh_arena *arena)
{
    return lh_format(arena, "%s/%s", dir, name);
}

static enum lh_status failed(const char *path, const char *what,
                             struct lh_ctx *ctx)
{
    lh_error(ctx, (struct lh_where){path, 0, 0}, "%s: %s", what,
             strerror(errno));
    return LH_FAILED;
}

/* ---- writing ------------------------------------------------------------- */

static bool write_all(int file, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(file, bytes, n);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        bytes += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

bool lh_store_put(int file, const struct lh_text *line)
{
    return write_all(file, line->s, line->n) && fsync(file) == 0;
}

/* Under a name of its own first, so that it is there whole or not at all. */
static enum lh_status put_file(const char *path, const struct lh_text *text,
                               struct lh_ctx *ctx)
{
    const char *new = lh_format(ctx->arena, "%s.%ld.new", path, (long)getpid());
    int file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = file >= 0 && lh_store_put(file, text);

    if (file >= 0 && close(file) != 0) {
        good = false;
    }
    if (!good || rename(new, path) != 0) {
        return failed(path, "cannot be written", ctx);
    }
    return LH_OK;
}

static enum lh_status make_folder(const char *path, struct lh_ctx *ctx)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return failed(path, "cannot be made", ctx);
    }
    return LH_OK;
}

static void string(struct lh_text *out, const char *before, const char *name,
                   const char *value)
{
    lh_text_printf(out, "%s\"%s\": ", before, name);
    if (value != NULL) {
        lh_text_json_string(out, value);
    } else {
        lh_text_add(out, "null");
    }
}

static void write_sweep(struct lh_text *out, const struct lh_sweep *s)
{
    string(out, "{\n  ", "schema", schema);
    string(out, ",\n  ", "id", s->id);
    string(out, ",\n  ", "version", s->version);
    string(out, ",\n  ", "file", s->file);
    string(out, ",\n  ", "data", s->data_dir);
    lh_text_add(out, ",\n  \"settings\": [");
    for (int i = 0; i < s->n_settings; i++) {
        string(out, i > 0 ? ",\n    {" : "\n    {", "path",
               s->settings[i].path);
        string(out, ", ", "value", s->settings[i].value);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "],\n  \"vary\": [");
    for (int i = 0; i < s->n_vary; i++) {
        lh_text_add(out, i > 0 ? ",\n    " : "\n    ");
        lh_text_json_string(out, s->vary_texts[i]);
    }
    lh_text_printf(out, "],\n  \"zip\": %s,\n  \"points\": %d\n}\n",
                   s->zip ? "true" : "false", s->n_points);
}

static void write_points(struct lh_text *out, const struct lh_sweep *s)
{
    for (int i = 0; i < s->n_points; i++) {
        lh_text_printf(out, "{\"point\": %d", i);
        string(out, ", ", "id", s->points[i].id);
        string(out, ", ", "baseline", s->points[i].baseline);
        string(out, ", ", "title", lh_sweep_title(s, i, out->arena));
        lh_text_add(out, "}\n");
    }
}

/* ---- reading ------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name,
                           struct lh_arena *arena)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? lh_strdup(arena, text) : NULL;
}

static enum lh_status bad(const char *path, struct lh_ctx *ctx)
{
    lh_error(ctx, (struct lh_where){path, 0, 0},
             "this is not the plan of a sweep of this version");
    return LH_BAD_INPUT;
}

static void read_lists(struct lh_sweep *out, const json_t *root,
                       struct lh_arena *arena)
{
    const json_t *settings = json_object_get(root, "settings");
    const json_t *vary = json_object_get(root, "vary");
    const char *text;

    out->settings = LH_NEW(arena, struct lh_setting, json_array_size(settings));
    for (size_t i = 0; i < json_array_size(settings); i++) {
        const json_t *one = json_array_get(settings, i);
        const char *path = text_of(one, "path", arena);
        const char *value = text_of(one, "value", arena);
        if (path != NULL && value != NULL) {
            out->settings[out->n_settings++] = (struct lh_setting){path, value};
        }
    }
    out->vary_texts = LH_NEW(arena, const char *, json_array_size(vary));
    for (size_t i = 0; i < json_array_size(vary); i++) {
        text = json_string_value(json_array_get(vary, i));
        if (text != NULL) {
            out->vary_texts[out->n_vary++] = lh_strdup(arena, text);
        }
    }
}

static enum lh_status take_sweep(struct lh_sweep *out, const json_t *root,
                                 const char *path, struct lh_ctx *ctx)
{
    const char *said = json_string_value(json_object_get(root, "schema"));
    const char *id = json_string_value(json_object_get(root, "id"));

    if (said == NULL || strcmp(said, schema) != 0 || id == NULL
        || strlen(id) != LH_ID_LENGTH) {
        return bad(path, ctx);
    }
    *out = (struct lh_sweep){
        .file = text_of(root, "file", ctx->arena),
        .data_dir = text_of(root, "data", ctx->arena),
        .version = text_of(root, "version", ctx->arena),
        .zip = json_is_true(json_object_get(root, "zip")),
    };
    memcpy(out->id, id, LH_ID_LENGTH);
    read_lists(out, root, ctx->arena);
    if (out->file == NULL || out->version == NULL || out->n_vary == 0) {
        return bad(path, ctx);
    }
    return LH_OK;
}

static enum lh_status read_sweep(struct lh_sweep *out, const char *path,
                                 struct lh_ctx *ctx)
{
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);
    json_t *root;

    if (st != LH_OK) {
        return st;
    }
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    st = root != NULL ? take_sweep(out, root, path, ctx) : bad(path, ctx);
    json_decref(root);
    return st;
}

static bool take_point(struct lh_planned *out, const json_t *line)
{
    const char *id = json_string_value(json_object_get(line, "id"));
    const char *baseline = json_string_value(json_object_get(line, "baseline"));

    if (id == NULL || strlen(id) != LH_ID_LENGTH || baseline == NULL
        || strlen(baseline) > LH_ID_LENGTH) {
        return false;
    }
    strcpy(out->id, id);
    strcpy(out->baseline, baseline);
    return true;
}

static enum lh_status read_points(struct lh_sweep *out, const char *path,
                                  struct lh_ctx *ctx)
{
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);
    int i = 0;

    for (char *end; st == LH_OK && i < out->n_points; i++, text = end + 1) {
        json_t *line = NULL;
        end = strchr(text, '\n');
        if (end != NULL) {
            line = json_loadb(text, (size_t)(end - text), 0, NULL);
        }
        if (line == NULL || !take_point(&out->points[i], line)) {
            st = bad(path, ctx);
        }
        json_decref(line);
    }
    return st;
}

/* ---- doors --------------------------------------------------------------- */

enum lh_status lh_store_read(struct lh_sweep *out, const char *dir,
                             struct lh_ctx *ctx)
{
    enum lh_status st =
        read_sweep(out, in_dir(dir, "sweep.json", ctx->arena), ctx);

    if (st == LH_OK) {
        ctx->data_dir = out->data_dir;
        st = lh_sweep_make(out, ctx);
    }
    if (st == LH_OK) {
        st = read_points(out, in_dir(dir, "points.jsonl", ctx->arena), ctx);
    }
    return st;
}

static enum lh_status check_same(const char *path, const struct lh_sweep *sweep,
                                 struct lh_ctx *ctx)
{
    struct lh_sweep old;
    enum lh_status st = read_sweep(&old, path, ctx);

    if (st == LH_OK && strcmp(old.id, sweep->id) != 0) {
        lh_error(ctx, (struct lh_where){path, 0, 0},
                 "the store holds another sweep (%s; scenario, --vary, --set, "
                 "data or version differ): name another --store",
                 old.id);
        st = LH_BAD_INPUT;
    }
    return st;
}

enum lh_status lh_store_begin(const char *dir, const struct lh_sweep *sweep,
                              struct lh_ctx *ctx)
{
    const char *path = in_dir(dir, "sweep.json", ctx->arena);
    struct lh_text points = lh_text_new(ctx->arena);
    struct lh_text text = lh_text_new(ctx->arena);
    enum lh_status st = make_folder(dir, ctx);

    if (st == LH_OK && access(path, F_OK) == 0) {
        return check_same(path, sweep, ctx);
    }
    if (st == LH_OK) {
        st = make_folder(in_dir(dir, "results", ctx->arena), ctx);
    }
    if (st == LH_OK) {
        write_points(&points, sweep);
        st = put_file(in_dir(dir, "points.jsonl", ctx->arena), &points, ctx);
    }
    if (st == LH_OK) {
        write_sweep(&text, sweep);
        st = put_file(path, &text, ctx);
    }
    return st;
}

int lh_store_open(const char *dir, int worker, struct lh_ctx *ctx)
{
    char host[256] = "";
    const char *path = NULL;
    int file = -1;

    if (gethostname(host, sizeof host - 1) != 0) {
        strcpy(host, "host");
    }
    for (int i = 0; file < 0 && i < 10000; i++) {
        path = lh_format(ctx->arena, "%s/results/%s.%ld.%d.%d.jsonl", dir, host,
                         (long)getpid(), i, worker);
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC,
                    0666);
        if (file < 0 && errno != EEXIST) {
            break;
        }
    }
    if (file < 0) {
        enum lh_status st = failed(path, "cannot be written", ctx);
        (void)st; /* said */
    }
    return file;
}
