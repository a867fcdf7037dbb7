/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One Chakra execution trace, .et: a GlobalMetadata and Nodes, each behind its
 * length as a varint; a file called .json is chakra_json.c's.
 * Pipeline: for model.trace, before scenario/.
 *
 * Attributes are found by name, whatever kind of number they are written as.
 * Read: is_cpu_op, num_ops, tensor_size, comm_type, comm_size, comm_src,
 * comm_dst, comm_tag, pg_name, involved_dim; METADATA nodes of PyTorch's
 * process groups.  Durations are microseconds.  data_deps are followed,
 * ctrl_deps are not: in traces of PyTorch they name the caller, which ends
 * later.
 *
 * Source: mlcommons/chakra, schema/protobuf/et_def.proto; what its attributes
 * mean: astra-sim/astra-sim, astra-sim/workload/Workload.cc.
 * Leaves out: start times, tensors, versions (any is read).
 */
#include "wire.h"

#include <math.h>
#include <string.h>

struct reader {
    struct lh_ctx *ctx;
    const char *path;
    const unsigned char *begin;
    struct lh_chakra_rank *rank;
    struct lh__chakra_draft draft;
};

static enum lh_status broken(const struct reader *r, const unsigned char *at,
                             const char *what)
{
    lh_error(r->ctx, (struct lh_where){r->path, 0, 0},
             "no Chakra trace: %s at byte %zu", what, (size_t)(at - r->begin));
    return LH_BAD_INPUT;
}

static const char *text_of(struct lh__wire w, struct lh_arena *arena)
{
    return lh_strndup(arena, (const char *)w.at, (size_t)(w.end - w.at));
}

/* ---- attributes ---------------------------------------------------------- */

enum kind { INTEGER, ZIGZAG, DOUBLE, FLOAT, FLAG, TEXT, OTHER };

/* AttributeProto.value: fields 3 .. 32, single ones odd, lists even. */
static enum kind kind_of(uint64_t field)
{
    static const enum kind kinds[] = {
        DOUBLE,  FLOAT,   INTEGER, INTEGER, INTEGER, INTEGER, ZIGZAG, ZIGZAG,
        INTEGER, INTEGER, INTEGER, INTEGER, FLAG,    TEXT,    OTHER};

    return field >= 3 && field <= 32 ? kinds[(field - 3) / 2] : OTHER;
}

struct attribute {
    const char *name;
    const char *text; /* "" */
    bool is_number;
    double value;         /* of a number */
    struct lh__wire list; /* of a list, its message */
    enum kind kind;
};

static double number_of(enum kind kind, const struct lh__field *f)
{
    switch (kind) {
    case DOUBLE: return lh__wire_double(f->value);
    case FLOAT: return lh__wire_float(f->value);
    case ZIGZAG: return (double)lh__wire_zigzag(f->value);
    case FLAG: return f->value != 0;
    case INTEGER:
        if (f->type == LH__FIXED32)
            return (double)(int32_t)(uint32_t)f->value;
        return (double)(int64_t)f->value;
    case TEXT:
    case OTHER:
    default: return 0;
    }
}

static bool attribute_read(struct attribute *out, struct lh__wire wire,
                           struct lh_arena *arena)
{
    struct lh__field f;

    *out = (struct attribute){.name = "", .text = "", .kind = OTHER};
    while (lh__wire_next(&f, &wire)) {
        if (f.number == 1 && f.type == LH__BYTES) {
            out->name = text_of(f.sub, arena);
        } else if (f.number >= 3 && f.number <= 32) {
            out->kind = kind_of(f.number);
            out->is_number = f.type != LH__BYTES;
            out->value = number_of(out->kind, &f);
            if (f.type == LH__BYTES && f.number % 2 == 0)
                out->list = f.sub;
            else if (f.type == LH__BYTES)
                out->text = text_of(f.sub, arena);
        }
    }
    return wire.at == wire.end;
}

/* Calls with the numbers of a list, packed or one a field. */
static void each(struct lh__wire list, bool is_double,
                 void (*call)(void *data, uint64_t bits), void *data)
{
    enum lh__wire_type type = is_double ? LH__FIXED64 : LH__VARINT;
    struct lh__field f;
    uint64_t bits;

    while (lh__wire_next(&f, &list)) {
        if (f.type == LH__BYTES)
            while (lh__wire_item(&bits, &f.sub, type))
                call(data, bits);
        else
            call(data, f.value);
    }
}

static void note_unset(void *data, uint64_t bits)
{
    if (bits == 0)
        *(bool *)data = true;
}

struct collected {
    struct lh__ids ids;
    struct lh_arena *arena;
};

static void collect(void *data, uint64_t bits)
{
    struct collected *c = data;

    lh__ids_add(&c->ids, bits, c->arena);
}

/* Of this program: longhaul.numbers, longhaul.values, longhaul.text. */
static void own_read(struct lh_chakra_own *out, const struct attribute *a,
                     struct lh_arena *arena)
{
    const char *name = a->name + strlen("longhaul.");
    bool is_values = strcmp(name, "values") == 0;
    struct collected c = {.arena = arena};

    if (strcmp(name, "text") == 0) {
        out->text = a->text;
        return;
    }
    if (a->list.at == NULL || (!is_values && strcmp(name, "numbers") != 0))
        return;
    each(a->list, is_values, collect, &c);
    if (is_values) {
        double *values = LH_NEW(arena, double, c.ids.n);
        for (size_t i = 0; i < c.ids.n; i++)
            values[i] = lh__wire_double(c.ids.at[i]);
        out->values = values;
        out->n_values = (int)c.ids.n;
    } else {
        out->numbers = (const int64_t *)c.ids.at;
        out->n_numbers = (int)c.ids.n;
    }
}

/* Whole numbers of a node; others are not stated. */
static int64_t whole(const struct attribute *a)
{
    return a->is_number && a->value >= 0 && a->value < 9e15 ? (int64_t)a->value
                                                            : -1;
}

static void node_attribute(struct lh_chakra_node *node, struct lh__ids *carried,
                           const struct attribute *a, struct lh_arena *arena)
{
    const char *name = a->name;

    if (strcmp(name, "is_cpu_op") == 0) {
        node->is_cpu = a->value != 0;
    } else if (strcmp(name, "num_ops") == 0) {
        node->flops = fmax(0, a->value);
    } else if (strcmp(name, "tensor_size") == 0) {
        node->tensor_bytes = fmax(0, a->value);
    } else if (strcmp(name, "comm_type") == 0) {
        int64_t coll = whole(a);
        node->coll = coll < LH_CHAKRA_COLLS ? (int)coll : -1;
    } else if (strcmp(name, "comm_size") == 0) {
        node->bytes = a->is_number ? a->value : -1;
    } else if (strcmp(name, "comm_src") == 0) {
        node->src = whole(a);
    } else if (strcmp(name, "comm_dst") == 0) {
        node->dst = whole(a);
    } else if (strcmp(name, "comm_tag") == 0) {
        node->tag = whole(a);
    } else if (strcmp(name, "pg_name") == 0) {
        node->group =
            a->is_number ? lh_format(arena, "%.0f", a->value) : a->text;
    } else if (strcmp(name, "involved_dim") == 0) {
        each(a->list, false, note_unset, &node->some_dims);
    } else if (strcmp(name, "longhaul.carried") == 0) {
        struct collected c = {.arena = arena};
        each(a->list, false, collect, &c);
        *carried = c.ids;
    } else if (strncmp(name, "longhaul.", 9) == 0) {
        own_read(&node->own, a, arena);
    }
}

/* ---- messages ------------------------------------------------------------ */

static bool deps_read(struct lh__ids *out, const struct lh__field *f,
                      struct lh_arena *arena)
{
    struct lh__wire list = f->sub;
    uint64_t id;

    if (f->type == LH__VARINT) {
        lh__ids_add(out, f->value, arena);
        return true;
    }
    while (lh__wire_varint(&id, &list))
        lh__ids_add(out, id, arena);
    return list.at == list.end;
}

/* IOInfo.values. */
static const char *values_of(struct lh__wire io, struct lh_arena *arena)
{
    struct lh__field f;

    while (lh__wire_next(&f, &io))
        if (f.number == 1 && f.type == LH__BYTES)
            return text_of(f.sub, arena);
    return "";
}

static enum lh_status node_read(struct reader *r, struct lh__wire wire)
{
    struct lh_arena *arena = r->ctx->arena;
    struct lh_chakra_node *node = lh__draft_add(&r->draft, arena);
    struct lh__ids *deps = &r->draft.deps[r->draft.n - 1];
    struct lh__ids *carried = &r->draft.carried[r->draft.n - 1];
    const char *inputs = "";
    struct attribute a;
    struct lh__field f;

    while (lh__wire_next(&f, &wire)) {
        bool bytes = f.type == LH__BYTES;

        if (f.number == 1)
            node->id = f.value;
        else if (f.number == 2 && bytes)
            node->name = text_of(f.sub, arena);
        else if (f.number == 3)
            node->type = f.value < LH_CHAKRA_TYPES
                             ? (enum lh_chakra_type)f.value
                             : LH_CHAKRA_INVALID;
        else if (f.number == 5 && !deps_read(deps, &f, arena))
            return broken(r, f.sub.at, "a broken list of dependencies");
        else if (f.number == 7)
            node->seconds = (double)f.value / 1e6;
        else if (f.number == 8 && bytes)
            inputs = values_of(f.sub, arena);
        else if (f.number == 10 && bytes) {
            if (!attribute_read(&a, f.sub, arena))
                return broken(r, f.sub.at, "a broken attribute");
            node_attribute(node, carried, &a, arena);
        }
    }
    if (wire.at != wire.end)
        return broken(r, wire.at, "a broken node");
    if (node->type == LH_CHAKRA_METADATA && *inputs)
        return lh__chakra_groups_text(r->rank, inputs, r->ctx);
    return LH_OK;
}

static enum lh_status metadata_read(struct reader *r, struct lh__wire wire)
{
    struct lh__field f;
    struct attribute a;

    while (lh__wire_next(&f, &wire)) {
        if (f.number != 2 || f.type != LH__BYTES)
            continue;
        if (!attribute_read(&a, f.sub, r->ctx->arena))
            return broken(r, f.sub.at, "a broken attribute");
        if (strncmp(a.name, "longhaul.", 9) == 0)
            own_read(&r->rank->own, &a, r->ctx->arena);
    }
    if (wire.at != wire.end)
        return broken(r, wire.at, "broken metadata");
    return LH_OK;
}

static enum lh_status messages_read(struct reader *r, struct lh__wire file)
{
    enum lh_status st = LH_OK;
    bool first = true;

    while (file.at < file.end && st == LH_OK) {
        const unsigned char *at = file.at;
        struct lh__wire message;
        uint64_t n;

        if (!lh__wire_varint(&n, &file))
            return broken(r, at, "a broken length");
        if (n > (uint64_t)(file.end - file.at))
            return broken(r, at, "a message longer than the file");
        message = (struct lh__wire){file.at, file.at + n};
        file.at += n;
        st = first ? metadata_read(r, message) : node_read(r, message);
        first = false;
    }
    return st;
}

enum lh_status lh_chakra_read_rank(struct lh_chakra_rank *out, const char *path,
                                   struct lh_ctx *ctx)
{
    struct reader r = {.ctx = ctx, .path = path, .rank = out};
    char *text;
    size_t n;
    size_t length = strlen(path);
    enum lh_status st;

    *out =
        (struct lh_chakra_rank){.path = path, .rank = -1, .own = {.text = ""}};
    if (length > 5 && strcmp(path + length - 5, ".json") == 0)
        return lh__chakra_json(out, path, ctx);
    st = lh_file_read(&text, &n, path, ctx);
    if (st != LH_OK)
        return st;
    r.begin = (const unsigned char *)text;
    st = messages_read(&r, (struct lh__wire){r.begin, r.begin + n});
    return st == LH_OK ? lh__draft_finish(out, &r.draft, ctx) : st;
}
