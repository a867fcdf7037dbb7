/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chakra in JSON: a file's "workload_graph", as ASTRA-sim's feeder reads it,
 * and process groups, which PyTorch's traces and ASTRA-sim's files of groups
 * both have as JSON.  Beside chakra.c, by jansson.
 *
 *   {"workload_graph": [{"Id": 4, "Name": "ncclKernel", "NodeType": 7,
 *     "data_deps": [3], "runtime": 85, "is_cpu_op": false, "comm_type": 0,
 *     "comm_size": 1048576}]}
 *   [{"pg_name": "1", "ranks": [0, 1]}]         in the inputs of a METADATA
 * node
 *
 * Source: mlcommons/chakra, src/feeder (JSONNode); astra-sim/astra-sim,
 * Workload.cc, issue_pytorch_pg_metadata().
 */
#include "wire.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static double number_at(const json_t *node, const char *key, double otherwise)
{
    const json_t *value = json_object_get(node, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static int64_t whole_at(const json_t *node, const char *key)
{
    double value = number_at(node, key, -1);

    return value >= 0 && value < 9e15 ? (int64_t)value : -1;
}

static void node_numbers(struct lh_chakra_node *out, const json_t *json,
                         struct lh_arena *arena)
{
    const json_t *group = json_object_get(json, "pg_name");
    int64_t coll = whole_at(json, "comm_type");

    out->is_cpu = json_is_true(json_object_get(json, "is_cpu_op"));
    out->seconds = fmax(0, number_at(json, "runtime", 0)) / 1e6;
    out->flops = fmax(0, number_at(json, "num_ops", 0));
    out->tensor_bytes = fmax(0, number_at(json, "tensor_size", 0));
    out->coll = coll < LH_CHAKRA_COLLS ? (int)coll : -1;
    out->bytes = number_at(json, "comm_size", -1);
    out->src = whole_at(json, "comm_src");
    out->dst = whole_at(json, "comm_dst");
    out->tag = whole_at(json, "comm_tag");
    if (json_is_string(group))
        out->group = lh_strdup(arena, json_string_value(group));
    else if (json_is_integer(group))
        out->group =
            lh_format(arena, "%lld", (long long)json_integer_value(group));
}

/* False: it has no id, type or list of dependencies that can be read. */
static bool node_read(struct lh__chakra_draft *draft, const json_t *json,
                      struct lh_arena *arena)
{
    struct lh_chakra_node *node = lh__draft_add(draft, arena);
    const json_t *name = json_object_get(json, "Name");
    const json_t *deps = json_object_get(json, "data_deps"), *dep;
    int64_t id = whole_at(json, "Id"), type = whole_at(json, "NodeType");
    size_t i;

    if (id < 0 || type < 0 || type >= LH_CHAKRA_TYPES)
        return false;
    node->id = (uint64_t)id;
    node->type = (enum lh_chakra_type)type;
    if (json_is_string(name))
        node->name = lh_strdup(arena, json_string_value(name));
    node_numbers(node, json, arena);
    if (deps && !json_is_array(deps))
        return false;
    json_array_foreach(deps, i, dep)
    {
        if (!json_is_integer(dep) || json_integer_value(dep) < 0)
            return false;
        lh__ids_add(&draft->deps[draft->n - 1],
                    (uint64_t)json_integer_value(dep), arena);
    }
    return true;
}

static enum lh_status graph_read(struct lh_chakra_rank *out, const json_t *root,
                                 struct lh_ctx *ctx)
{
    const json_t *graph = json_object_get(root, "workload_graph"), *json;
    struct lh__chakra_draft draft = {.n = 0};
    struct lh_where where = {out->path, 0, 0};
    size_t i;

    if (!json_is_array(graph)) {
        lh_error(ctx, where, "no Chakra trace: no list 'workload_graph'");
        return LH_BAD_INPUT;
    }
    json_array_foreach(graph, i, json)
    {
        if (node_read(&draft, json, ctx->arena))
            continue;
        lh_error(ctx, where,
                 "workload_graph[%zu] needs an 'Id', a 'NodeType' from 0 to 7 "
                 "and a list 'data_deps' of ids",
                 i);
        return LH_BAD_INPUT;
    }
    return lh__draft_finish(out, &draft, ctx);
}

enum lh_status lh__chakra_json(struct lh_chakra_rank *out, const char *path,
                               struct lh_ctx *ctx)
{
    json_error_t error;
    char *text;
    size_t n;
    json_t *root;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);

    if (st != LH_OK)
        return st;
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        lh_error(ctx, (struct lh_where){path, error.line, error.column}, "%s",
                 error.text);
        return LH_BAD_INPUT;
    }
    st = graph_read(out, root, ctx);
    json_decref(root);
    return st;
}

/* ---- process groups ------------------------------------------------------ */

const struct lh_chakra_group *lh__chakra_group(const struct lh_chakra_rank *r,
                                               const char *name)
{
    /* ASTRA-sim lets a later one replace an earlier one. */
    for (int i = r->n_groups - 1; i >= 0; i--)
        if (strcmp(r->groups[i].name, name) == 0)
            return &r->groups[i];
    return NULL;
}

/* Rising ranks. */
static bool ranks_read(struct lh_chakra_group *out, const json_t *list,
                       struct lh_arena *arena)
{
    size_t n = json_array_size(list);
    int64_t *ranks = LH_NEW(arena, int64_t, n);

    for (size_t i = 0; i < n; i++) {
        const json_t *rank = json_array_get(list, i);

        if (!json_is_integer(rank) || json_integer_value(rank) < 0
            || json_integer_value(rank) > 1000000000
            || (i > 0 && json_integer_value(rank) <= ranks[i - 1]))
            return false;
        ranks[i] = json_integer_value(rank);
    }
    out->ranks = ranks;
    out->n = (int)n;
    return json_is_array(list) && n < 100000000;
}

static void group_add(struct lh_chakra_rank *out, struct lh_chakra_group group,
                      const char *name, struct lh_arena *arena)
{
    group.name = lh_strdup(arena, name);
    out->groups = lh_grow(arena, out->groups, &out->groups_capacity,
                          (size_t)out->n_groups + 1, sizeof *out->groups);
    out->groups[out->n_groups++] = group;
}

static bool groups_add(struct lh_chakra_rank *out, const json_t *list,
                       struct lh_arena *arena)
{
    const json_t *json;
    size_t i;

    json_array_foreach(list, i, json)
    {
        const json_t *name = json_object_get(json, "pg_name");
        struct lh_chakra_group group;

        if (!json_is_string(name)
            || !ranks_read(&group, json_object_get(json, "ranks"), arena))
            return false;
        group_add(out, group, json_string_value(name), arena);
    }
    return json_is_array(list);
}

enum lh_status lh__chakra_groups_file(struct lh_chakra_rank *out,
                                      const char *path, struct lh_ctx *ctx)
{
    struct lh_where where = {path, 0, 0};
    struct lh_chakra_group group;
    json_error_t error;
    const char *name;
    json_t *root, *list;
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);

    if (st != LH_OK)
        return st;
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        lh_error(ctx, (struct lh_where){path, error.line, error.column}, "%s",
                 error.text);
        return LH_BAD_INPUT;
    }
    json_object_foreach(root, name, list)
    {
        if (ranks_read(&group, list, ctx->arena)) {
            group_add(out, group, name, ctx->arena);
            continue;
        }
        lh_error(ctx, where, "group '%s' is no list of rising ranks", name);
        st = LH_BAD_INPUT;
        break;
    }
    if (!json_is_object(root)) {
        lh_error(ctx, where, "groups are {\"name\": [rising ranks], ..}");
        st = LH_BAD_INPUT;
    }
    json_decref(root);
    return st;
}

/* The list stands in brackets and quotes of its own: ['[{..}]']. */
enum lh_status lh__chakra_groups_text(struct lh_chakra_rank *out,
                                      const char *text, struct lh_ctx *ctx)
{
    const char *begin = strstr(text, "[{"), *end = strrchr(text, '}');
    json_error_t error;
    json_t *list;
    bool good;

    if (begin == NULL || end == NULL || end < begin)
        return LH_OK; /* metadata of another kind */
    list = json_loadb(begin, (size_t)(end - begin) + 2, JSON_DISABLE_EOF_CHECK,
                      &error);
    good = list && groups_add(out, list, ctx->arena);
    json_decref(list);
    if (good)
        return LH_OK;
    lh_error(ctx, (struct lh_where){out->path, 0, 0},
             "process groups of a METADATA node are no list of "
             "{\"pg_name\": text, \"ranks\": [rising numbers]}");
    return LH_BAD_INPUT;
}
