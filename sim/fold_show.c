/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A fold prepared for people: made as sim/place.c makes it for a run, the
 * members of each class of communicators counted by class of ranks, and names
 * for what a class is.
 */
#include "fold_show.h"

/* The representative of a class of communicators. */
static const struct lh__listed_comm *
comm_of(const struct lh__fold_show *show, int32_t comm)
{
    return &show->incidence.comm[show->fold.comm_first[comm]];
}

static const struct lh__geometry *geometry_of(const struct lh__fold_show *show,
                                              int32_t comm)
{
    return &show->incidence.geometries[comm_of(show, comm)->geometry];
}

static const struct lh__skeleton *skeleton_of(const struct lh__fold_show *show,
                                              int32_t comm)
{
    return &show->incidence.skeletons[geometry_of(show, comm)->skeleton];
}

int64_t lh__fold_members(const struct lh__fold_show *show, int32_t comm)
{
    return skeleton_of(show, comm)->n_members;
}

/* Members of the representative of class `comm` added to count[]. */
static void members_add(const struct lh__fold_show *show, int32_t comm,
                        int64_t *count)
{
    const struct lh__incidence *in = &show->incidence;
    int64_t x = show->fold.comm_first[comm];
    for (int64_t m = in->member_first[x]; m < in->member_first[x + 1]; m++)
        count[show->fold.rank_class[in->member_rank[m]]] +=
            lh__member_times(in, m);
}

static void members_count(struct lh__fold_show *show, struct lh_ctx *ctx)
{
    const struct lh__fold *f = &show->fold;
    struct lh_arena *scratch = lh_arena_new();
    int64_t *count = LH_NEW(scratch, int64_t, f->n_ranks);
    size_t class_capacity = 0, count_capacity = 0, n = 0;
    show->member_first = LH_NEW(ctx->arena, int64_t, f->n_comms + 1);
    for (int32_t i = 0; i < f->n_comms; i++) {
        members_add(show, i, count);
        for (int32_t c = 0; c < f->n_ranks; c++) {
            if (count[c] == 0)
                continue;
            show->member_class =
                lh_grow(ctx->arena, show->member_class, &class_capacity,
                        n + 1, sizeof *show->member_class);
            show->member_count =
                lh_grow(ctx->arena, show->member_count, &count_capacity,
                        n + 1, sizeof *show->member_count);
            show->member_class[n] = c;
            show->member_count[n++] = count[c];
            count[c] = 0;
        }
        show->member_first[i + 1] = (int64_t)n;
    }
    lh_arena_free(scratch);
}

enum lh_status lh__fold_show_make(struct lh__fold_show *out,
                                  const struct lh_sim_point *point,
                                  struct lh_ctx *ctx)
{
    *out = (struct lh__fold_show){.point = point};
    enum lh_status st =
        lh__fold_point(&out->fold, &out->incidence, point, ctx);
    if (st == LH_OK)
        members_count(out, ctx);
    return st;
}

void lh__fold_show_free(struct lh__fold_show *show)
{
    lh__incidence_free(&show->incidence);
}

/* ---- words --------------------------------------------------------------- */

static const char *const axis_words[LH_AXES] = {
    [LH_AXIS_TENSOR] = "tensor",
    [LH_AXIS_CONTEXT] = "context",
    [LH_AXIS_EXPERT] = "expert",
    [LH_AXIS_PIPELINE] = "pipeline",
    [LH_AXIS_SHARD] = "shard",
    [LH_AXIS_GROUP] = "group",
    [LH_AXIS_DATA] = "data",
};

const char *lh__axis_word(int axis)
{
    return axis_words[axis];
}

const char *lh__link_kind_word(enum lh_link_kind kind)
{
    static const char *const words[LH_LINK_KINDS] = {
        [LH_LINK_SCALE_UP] = "scale-up", [LH_LINK_NIC] = "nic",
        [LH_LINK_LEAF] = "leaf",         [LH_LINK_SPINE] = "spine",
        [LH_LINK_CORE] = "core",         [LH_LINK_GATEWAY] = "gateway",
        [LH_LINK_WAN] = "wan"};
    return words[kind];
}

const char *lh__fold_axes(const struct lh__fold_show *show, int32_t comm,
                          struct lh_arena *arena)
{
    const struct lh__skeleton *s = skeleton_of(show, comm);
    if (s->axes == 0 && s->shift_kind != LH_SHIFT_CYCLIC)
        return lh_format(arena, "%s pairs, round %d", axis_words[s->shift_axis],
                         s->shift + 1);
    if (s->axes == 0)
        return lh_format(arena, "%s send %+d", axis_words[s->shift_axis],
                         s->shift);
    struct lh_text text = lh_text_new(arena);
    for (int a = 0; a < LH_AXES; a++) {
        if ((s->axes & LH_AXIS_BIT(a)) == 0 ||
            show->point->program->axes.size[a] == 1)
            continue;
        lh_text_printf(&text, "%s%s", text.n > 0 ? " x " : "", axis_words[a]);
    }
    return text.s;
}

const char *lh__fold_algorithm(const struct lh__fold_show *show, int32_t comm,
                               struct lh_arena *arena)
{
    const struct lh__geometry *g = geometry_of(show, comm);
    int algorithm = g->algorithm[comm_of(show, comm)->pattern];
    if (algorithm < 0)
        return "";
    const struct lh_algorithm *a = lh_algorithm_at(algorithm);
    const char *small = g->small ? ", latency" : "";
    if (a == lh_algorithm_find("ring")) /* the same for every collective */
        return lh_format(arena, "%s%s", a->name, small);
    return lh_format(arena, "%s %s%s", a->name,
                     lh_collective_name(g->collective), small);
}

const char *lh__fold_site(const struct lh__fold_show *show, int32_t rank)
{
    int site = lh__rank_site(&show->incidence.ranks,
                             lh__fold_rank(&show->fold, rank));
    return show->point->scenario->sites[site].name;
}

const char *lh__fold_template(const struct lh__fold_show *show, int32_t rank)
{
    int32_t t = lh__rank_template(&show->incidence.ranks,
                                  lh__fold_rank(&show->fold, rank));
    return show->point->program->templates[t].name;
}
