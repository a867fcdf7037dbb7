/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A Chakra execution trace, .et, from a rank: GlobalMetadata and Nodes of
 * mlcommons/chakra's et_def.proto, each behind its length.  Attributes have the
 * names that ASTRA-sim reads; what only this program knows is in longhaul.*.
 *
 * Durations are whole microseconds, as the schema has them, at least 1 where
 * there is any; longhaul.values has them exactly.
 */
#include "wire.h"

#include <math.h>
#include <string.h>

enum field {
    INT64_VAL = 9,
    INT64_LIST = 10,
    DOUBLE_LIST = 4,
    BOOL_VAL = 27,
    STRING_VAL = 29
};

static struct lh__bytes bytes_new(struct lh_ctx *ctx)
{
    return (struct lh__bytes){.arena = ctx->arena};
}

/* An attribute whose value is in `value`, a field of it. */
static void put_attribute(struct lh__bytes *out, uint64_t field,
                          const char *name, const struct lh__bytes *value,
                          struct lh_ctx *ctx)
{
    struct lh__bytes a = bytes_new(ctx);

    lh__put_bytes(&a, 1, name, strlen(name));
    a.at = lh_grow(a.arena, a.at, &a.capacity, a.n + value->n, 1);
    memcpy(a.at + a.n, value->at, value->n);
    a.n += value->n;
    lh__put_bytes(out, field, a.at, a.n);
}

static void put_number(struct lh__bytes *out, const char *name, enum field kind,
                       int64_t number, struct lh_ctx *ctx)
{
    struct lh__bytes value = bytes_new(ctx);

    lh__put_uint(&value, kind, (uint64_t)number);
    put_attribute(out, 10, name, &value, ctx);
}

static void put_text(struct lh__bytes *out, uint64_t field, const char *name,
                     const char *text, struct lh_ctx *ctx)
{
    struct lh__bytes value = bytes_new(ctx);

    lh__put_bytes(&value, STRING_VAL, text, strlen(text));
    put_attribute(out, field, name, &value, ctx);
}

static void put_numbers(struct lh__bytes *out, uint64_t field, const char *name,
                        const int64_t *numbers, int n, struct lh_ctx *ctx)
{
    struct lh__bytes packed = bytes_new(ctx), list = bytes_new(ctx);
    struct lh__bytes value = bytes_new(ctx);

    if (n == 0)
        return;
    for (int i = 0; i < n; i++)
        lh__put_varint(&packed, (uint64_t)numbers[i]);
    lh__put_bytes(&list, 1, packed.at, packed.n);
    lh__put_bytes(&value, INT64_LIST, list.at, list.n);
    put_attribute(out, field, name, &value, ctx);
}

static void put_values(struct lh__bytes *out, uint64_t field, const char *name,
                       const double *values, int n, struct lh_ctx *ctx)
{
    struct lh__bytes list = bytes_new(ctx), value = bytes_new(ctx);

    if (n == 0)
        return;
    for (int i = 0; i < n; i++)
        lh__put_double(&list, 1, values[i]);
    lh__put_bytes(&value, DOUBLE_LIST, list.at, list.n);
    put_attribute(out, field, name, &value, ctx);
}

static void put_own(struct lh__bytes *out, uint64_t field,
                    const struct lh_chakra_own *own, struct lh_ctx *ctx)
{
    put_numbers(out, field, "longhaul.numbers", own->numbers, own->n_numbers,
                ctx);
    put_values(out, field, "longhaul.values", own->values, own->n_values, ctx);
    if (*own->text)
        put_text(out, field, "longhaul.text", own->text, ctx);
}

static void put_stated(struct lh__bytes *out, const char *name, int64_t number,
                       struct lh_ctx *ctx)
{
    if (number >= 0)
        put_number(out, name, INT64_VAL, number, ctx);
}

static void put_node(struct lh__bytes *out, const struct lh_chakra_rank *rank,
                     const struct lh_chakra_node *node, struct lh_ctx *ctx)
{
    struct lh__bytes deps = bytes_new(ctx);
    int64_t *carried = LH_NEW(ctx->arena, int64_t, (size_t)node->n_carried);

    lh__put_uint(out, 1, node->id);
    lh__put_bytes(out, 2, node->name, strlen(node->name));
    lh__put_uint(out, 3, node->type);
    for (int k = 0; k < node->n_deps; k++)
        lh__put_varint(&deps, rank->nodes[node->deps[k]].id);
    if (deps.n > 0)
        lh__put_bytes(out, 5, deps.at, deps.n);
    if (node->seconds > 0)
        lh__put_uint(out, 7, (uint64_t)fmax(1, nearbyint(node->seconds * 1e6)));
    put_number(out, "is_cpu_op", BOOL_VAL, node->is_cpu, ctx);
    put_stated(out, "comm_type", node->coll, ctx);
    put_stated(out, "comm_size",
               node->bytes < 0 ? -1 : (int64_t)nearbyint(node->bytes), ctx);
    put_stated(out, "comm_src", node->src, ctx);
    put_stated(out, "comm_dst", node->dst, ctx);
    put_stated(out, "comm_tag", node->tag, ctx);
    if (*node->group)
        put_text(out, 10, "pg_name", node->group, ctx);
    for (int k = 0; k < node->n_carried; k++)
        carried[k] = (int64_t)rank->nodes[node->carried[k]].id;
    put_numbers(out, 10, "longhaul.carried", carried, node->n_carried, ctx);
    put_own(out, 10, &node->own, ctx);
}

static void put_message(struct lh__bytes *out, const struct lh__bytes *message)
{
    lh__put_varint(out, message->n);
    out->at =
        lh_grow(out->arena, out->at, &out->capacity, out->n + message->n, 1);
    memcpy(out->at + out->n, message->at, message->n);
    out->n += message->n;
}

void lh_chakra_write(unsigned char **out, size_t *n,
                     const struct lh_chakra_rank *rank, struct lh_ctx *ctx)
{
    struct lh__bytes file = bytes_new(ctx), metadata = bytes_new(ctx);

    lh__put_bytes(&metadata, 1, "0.0.4", 5);
    put_own(&metadata, 2, &rank->own, ctx);
    put_message(&file, &metadata);
    for (int i = 0; i < rank->n_nodes; i++) {
        struct lh__bytes node = bytes_new(ctx);

        put_node(&node, rank, &rank->nodes[i], ctx);
        put_message(&file, &node);
    }
    *out = file.at;
    *n = file.n;
}
