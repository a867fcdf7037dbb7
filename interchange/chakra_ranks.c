/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The files of a Chakra trace: one that all ranks run, or one a rank,
 * PREFIX.%d.et as ASTRA-sim names them; and the grid that their ranks make of
 * the groups that communicate and of where programs differ.
 *
 * A group of n ranks s apart lies on dims of the grid: 1, s, n s and, where
 * programs differ, the ranks in a row with the same program and the ranks after
 * which programs repeat are cuts; each must divide the next, and the dims are
 * the steps between them.  Ranks of one program may differ in times of
 * computing; the lowest one's are taken, with a warning.
 *
 * Leaves out: groups that are no such row (a warning or an error, never another
 * group instead), two dims along which programs differ.
 */
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- files --------------------------------------------------------------- */

static int by_rank(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

struct pattern {
    const char *folder, *before, *after; /* of "%d" in the last part */
};

static struct pattern pattern_of(const char *path, struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *mark = strstr(name, "%d");

    return (struct pattern){
        slash ? lh_strndup(arena, path, (size_t)(slash - path) + 1) : "./",
        lh_strndup(arena, name, (size_t)(mark - name)), mark + 2};
}

/* The rank that a file name is of; -1: none. */
static int64_t rank_of(const char *name, const struct pattern *p)
{
    size_t before = strlen(p->before), digits;
    const char *at = name + before;

    if (strncmp(name, p->before, before) != 0)
        return -1;
    digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 9 || (digits > 1 && *at == '0')
        || strcmp(at + digits, p->after) != 0)
        return -1;
    return strtoll(at, NULL, 10);
}

/* Ranks that have a file, rising. */
static enum lh_status list(struct lh__ids *out, const struct pattern *p,
                           const char *path, struct lh_ctx *ctx)
{
    struct dirent *entry;
    DIR *folder = opendir(p->folder);

    if (folder == NULL) {
        lh_error(ctx, (struct lh_where){path, 0, 0}, "cannot be read: %s",
                 strerror(errno));
        return LH_BAD_INPUT;
    }
    while ((entry = readdir(folder)) != NULL) {
        int64_t rank = rank_of(entry->d_name, p);
        if (rank >= 0)
            lh__ids_add(out, (uint64_t)rank, ctx->arena);
    }
    closedir(folder);
    if (out->n > 0) {
        qsort(out->at, out->n, sizeof *out->at, by_rank);
        return LH_OK;
    }
    lh_error(ctx, (struct lh_where){path, 0, 0},
             "no file has a number in place of %%d");
    return LH_BAD_INPUT;
}

static enum lh_status files_read(struct lh_chakra *out, const char *path,
                                 struct lh_ctx *ctx)
{
    struct pattern p = pattern_of(path, ctx->arena);
    struct lh__ids ranks = {.n = 0};
    enum lh_status st = list(&ranks, &p, path, ctx);

    out->n_ranks = (int)ranks.n;
    out->ranks = LH_NEW(ctx->arena, struct lh_chakra_rank, ranks.n);
    for (size_t i = 0; i < ranks.n && st == LH_OK; i++) {
        const char *name = lh_format(ctx->arena, "%s%s%" PRIu64 "%s", p.folder,
                                     p.before, ranks.at[i], p.after);
        st = lh_chakra_read_rank(&out->ranks[i], name, ctx);
        out->ranks[i].rank = (int64_t)ranks.at[i];
    }
    return st;
}

/* ---- groups -------------------------------------------------------------- */

/* A row of ranks `stride` apart; false: it is none. */
bool lh__chakra_row(const struct lh_chakra_group *group, int64_t *stride)
{
    *stride = group->n > 1 ? group->ranks[1] - group->ranks[0] : 1;
    for (int i = 2; i < group->n; i++)
        if (group->ranks[i] - group->ranks[i - 1] != *stride)
            return false;
    return true;
}

bool lh__chakra_is_all(const struct lh_chakra_rank *r, const char *name)
{
    const struct lh_chakra_group *group;

    if (*name == '\0')
        return true;
    group = lh__chakra_group(r, name);
    return group ? group->n == 0 : strcmp(name, "0") == 0;
}

static int dims_between(const struct lh_chakra_grid *g, int64_t stride,
                        int64_t end)
{
    int dims = 0;
    int64_t at = stride;

    for (int k = 0; k < g->n_dims; k++) {
        if (g->stride[k] != at || at >= end)
            continue;
        dims |= 1 << k;
        at *= g->size[k];
    }
    return at == end ? dims : -1;
}

int lh_chakra_span(const struct lh_chakra_grid *g,
                   const struct lh_chakra_rank *rank, const char *name)
{
    const struct lh_chakra_group *group = lh__chakra_group(rank, name);
    int64_t stride, first;

    if (lh__chakra_is_all(rank, name))
        return (1 << g->n_dims) - 1;
    if (group == NULL || !lh__chakra_row(group, &stride))
        return -1;
    first = group->ranks[0];
    if (first / stride % group->n != 0)
        return -1;
    if (rank->rank >= 0
        && (rank->rank < first || (rank->rank - first) % stride != 0
            || (rank->rank - first) / stride >= group->n))
        return -1;
    return dims_between(g, stride, stride * group->n);
}

static bool has_group(const struct lh_chakra_node *node)
{
    return node->type == LH_CHAKRA_COLL && !node->is_cpu;
}

static enum lh_status group_bad(const struct lh_chakra_rank *r,
                                const struct lh_chakra_node *node,
                                struct lh_ctx *ctx)
{
    bool known = lh__chakra_group(r, node->group) != NULL;

    lh_error(ctx, (struct lh_where){r->path, 0, 0},
             "node %" PRIu64 ": process group '%s' %s", node->id, node->group,
             known ? "is no row of equally distant ranks that this one is in "
                     "and that fits the other groups"
                   : "is not in the file");
    return LH_BAD_INPUT;
}

/* ---- the grid ------------------------------------------------------------ */

struct cuts {
    struct lh__ids at;
    struct lh_arena *arena;
};

static void cut(struct cuts *c, int64_t at)
{
    lh__ids_add(&c->at, (uint64_t)at, c->arena);
}

static enum lh_status cut_groups(struct cuts *c, const struct lh_chakra_rank *r,
                                 struct lh_ctx *ctx)
{
    const char *last = NULL;

    for (int i = 0; i < r->n_nodes; i++) {
        const struct lh_chakra_node *node = &r->nodes[i];
        const struct lh_chakra_group *group;
        int64_t stride;

        if (!has_group(node) || lh__chakra_is_all(r, node->group)
            || (last && strcmp(last, node->group) == 0))
            continue;
        group = lh__chakra_group(r, node->group);
        if (group == NULL || !lh__chakra_row(group, &stride))
            return group_bad(r, node, ctx);
        cut(c, stride);
        cut(c, stride * group->n);
        last = node->group;
    }
    return LH_OK;
}

static enum lh_status grid_make(struct lh_chakra_grid *out, struct cuts *c,
                                int64_t block, const char *path,
                                struct lh_ctx *ctx)
{
    out->n_dims = 0;
    out->program = -1;
    qsort(c->at.at, c->at.n, sizeof *c->at.at, by_rank);
    for (size_t i = 1; i < c->at.n; i++) {
        int64_t low = (int64_t)c->at.at[i - 1], high = (int64_t)c->at.at[i];

        if (low == high)
            continue;
        if (high % low != 0 || out->n_dims == LH_CHAKRA_DIMS) {
            lh_error(ctx, (struct lh_where){path, 0, 0},
                     "groups and programs of the ranks make no grid: %" PRId64
                     " and %" PRId64 " ranks do not fit each other",
                     low, high);
            return LH_BAD_INPUT;
        }
        if (low == block)
            out->program = out->n_dims;
        out->stride[out->n_dims] = low;
        out->size[out->n_dims++] = high / low;
    }
    if (out->n_dims == 0) { /* one rank */
        out->size[0] = out->stride[0] = 1;
        out->n_dims = 1;
    }
    return LH_OK;
}

static enum lh_status spans_check(const struct lh_chakra_grid *g,
                                  const struct lh_chakra_rank *r,
                                  struct lh_ctx *ctx)
{
    for (int i = 0; i < r->n_nodes; i++)
        if (has_group(&r->nodes[i])
            && lh_chakra_span(g, r, r->nodes[i].group) < 0)
            return group_bad(r, &r->nodes[i], ctx);
    return LH_OK;
}

enum { PIPELINE = 3, LAST = LH_CHAKRA_DIMS - 1 };

/* Inside the pipeline from the first axis up, outside from the last down. */
bool lh_chakra_axes(const struct lh_chakra_grid *g,
                    int64_t size[LH_CHAKRA_DIMS],
                    int64_t stride[LH_CHAKRA_DIMS],
                    int dim_axis[LH_CHAKRA_DIMS])
{
    int outer = g->program < 0 ? g->n_dims - 1 : g->program + 1;
    int64_t at = 1;

    for (int axis = 0; axis < LH_CHAKRA_DIMS; axis++)
        size[axis] = 1;
    if (g->program < 0 && outer > PIPELINE)
        outer = PIPELINE;
    for (int k = 0; k < g->n_dims; k++) {
        int axis = k == g->program ? PIPELINE
                   : k < outer     ? k
                                   : LAST - (g->n_dims - 1 - k);
        if ((k < outer && k != g->program && k >= PIPELINE)
            || (k >= outer && axis <= PIPELINE))
            return false;
        dim_axis[k] = axis;
        size[axis] = g->size[k];
    }
    for (int axis = 0; axis < LH_CHAKRA_DIMS; axis++) {
        stride[axis] = at;
        at *= size[axis];
    }
    return true;
}

bool lh_chakra_own_axes(const struct lh_chakra *trace,
                        int64_t size[LH_CHAKRA_DIMS])
{
    const struct lh_chakra_own *own = &trace->ranks[0].own;
    double ranks = 1;

    if (own->n_numbers != LH_OWN_NUMBERS)
        return false;
    for (int k = 0; k < LH_CHAKRA_DIMS; k++) {
        size[k] = own->numbers[LH_OWN_SIZE + k];
        if (size[k] < 1)
            return false;
        ranks *= (double)size[k];
    }
    return ranks < 1e12;
}

/* ---- all ----------------------------------------------------------------- */

static enum lh_status many(struct lh_chakra *t, int64_t n, const char *path,
                           struct lh_ctx *ctx)
{
    struct cuts cuts = {.arena = ctx->arena};
    int64_t block, period;
    enum lh_status st = LH_OK;

    if (t->n_ranks != n || t->ranks[n - 1].rank != n - 1) {
        lh_error(ctx, (struct lh_where){path, 0, 0},
                 "%d files of ranks for %" PRId64 " accelerators, which are "
                 "ranks 0 to %" PRId64,
                 t->n_ranks, n, n - 1);
        return LH_BAD_INPUT;
    }
    if (lh__chakra_blocks(&block, &period, t, ctx->arena))
        lh_warn(ctx, (struct lh_where){path, 0, 0},
                "ranks with one program take unequal times to compute; those "
                "of the lowest rank are taken for all");
    cut(&cuts, 1);
    cut(&cuts, block);
    cut(&cuts, period);
    cut(&cuts, n);
    for (int r = 0; r < t->n_ranks && st == LH_OK; r++)
        st = cut_groups(&cuts, &t->ranks[r], ctx);
    if (st == LH_OK)
        st = grid_make(&t->grid, &cuts, period > block ? block : -1, path, ctx);
    if (st == LH_OK && period > block
        && t->grid.size[t->grid.program] * block != period) {
        lh_error(ctx, (struct lh_where){path, 0, 0},
                 "groups lie across ranks with different programs: no "
                 "pipeline of %" PRId64 " stages",
                 period / block);
        st = LH_BAD_INPUT;
    }
    for (int r = 0; r < t->n_ranks && st == LH_OK; r++)
        st = spans_check(&t->grid, &t->ranks[r], ctx);
    t->n_programs = (int)(period / block);
    t->program_rank = LH_NEW(ctx->arena, int, (size_t)t->n_programs);
    for (int k = 0; k < t->n_programs; k++)
        t->program_rank[k] = (int)(k * block);
    return st;
}

static enum lh_status one(struct lh_chakra *t, int64_t n, const char *path,
                          struct lh_ctx *ctx)
{
    struct cuts cuts = {.arena = ctx->arena};
    enum lh_status st;

    cut(&cuts, 1);
    cut(&cuts, n);
    st = cut_groups(&cuts, t->ranks, ctx);
    if (st == LH_OK)
        st = grid_make(&t->grid, &cuts, -1, path, ctx);
    if (st == LH_OK)
        st = spans_check(&t->grid, t->ranks, ctx);
    t->n_programs = 1;
    t->program_rank = LH_NEW(ctx->arena, int, 1);
    return st;
}

/* A file of groups is that of all ranks. */
static enum lh_status groups_read(struct lh_chakra *t, const char *groups,
                                  struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    if (groups == NULL)
        return LH_OK;
    st = lh__chakra_groups_file(t->ranks, groups, ctx);
    for (int r = 1; r < t->n_ranks && st == LH_OK; r++) {
        t->ranks[r].groups = t->ranks[0].groups;
        t->ranks[r].n_groups = t->ranks[0].n_groups;
    }
    return st;
}

enum lh_status lh_chakra_read(struct lh_chakra *out, const char *path,
                              const char *groups, int64_t n, struct lh_ctx *ctx)
{
    const char *slash = strrchr(path, '/');
    bool is_many = strstr(slash ? slash : path, "%d") != NULL;
    enum lh_status st;

    *out = (struct lh_chakra){.n_ranks = 1};
    if (is_many) {
        st = files_read(out, path, ctx);
    } else {
        out->ranks = LH_NEW(ctx->arena, struct lh_chakra_rank, 1);
        st = lh_chakra_read_rank(out->ranks, path, ctx);
    }
    if (st == LH_OK)
        st = groups_read(out, groups, ctx);
    if (st != LH_OK)
        return st;
    out->is_own = out->ranks[0].own.n_numbers > 0;
    if (out->is_own)
        return LH_OK;
    return is_many ? many(out, n, path, ctx) : one(out, n, path, ctx);
}
