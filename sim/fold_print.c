/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fold as text (`longhaul show fold`): classes of ranks, and what tells
 * each apart from the one before it of the same template; classes of
 * communicators with their members; classes of links with what crosses them.
 * Stable: golden tests compare it.
 */
#include <math.h>

#include "fold_show.h"

/* Entries of a list in one line; the rest is counted. */
enum { LIST_MAX = 8 };

static void list_rest(struct lh_text *out, int64_t n)
{
    if (n > LIST_MAX)
        lh_text_printf(out, " and %lld more", (long long)(n - LIST_MAX));
}

static void ranks_head(struct lh_text *out)
{
    lh_text_printf(out, "\nranks\n  %-6s %9s %10s  %-12s %11s  %s\n", "class",
                   "count", "first", "site", "accelerator",
                   "what it runs, and what tells it apart");
}

/* The class before `c` with the same template; -1: none. */
static int32_t like(const struct lh__fold_show *show, int32_t c)
{
    const struct lh__ranks *ranks = &show->incidence.ranks;
    int32_t template = lh__rank_template(ranks, lh__fold_rank(&show->fold, c));
    int32_t before = c - 1;
    while (before >= 0
           && lh__rank_template(ranks, lh__fold_rank(&show->fold, before))
                  != template)
        before--;
    return before;
}

/* The site, or the first communication that the two have with others. */
static void put_difference(struct lh_text *out,
                           const struct lh__fold_show *show, int32_t c,
                           int32_t before)
{
    const struct lh__fold *f = &show->fold;
    const struct lh__incidence *in = &show->incidence;
    const struct lh_template *t =
        &show->point->program
             ->templates[lh__rank_template(&in->ranks, lh__fold_rank(f, c))];
    if (lh__fold_site(show, c) != lh__fold_site(show, before)) {
        lh_text_printf(out, "; as r%d, but in %s", before,
                       lh__fold_site(show, c));
        return;
    }
    for (int32_t o = 0; o < t->n_ops; o++) {
        const struct lh_op *op = &t->ops[o];
        if (op->kind != LH_OP_COMM)
            continue;
        int64_t here = lh__incidence_comm(in, op, f->rank_first[c]);
        int64_t there = lh__incidence_comm(in, op, f->rank_first[before]);
        int32_t own = f->comm_class[here], other = f->comm_class[there];
        if (own == other)
            continue;
        lh_text_printf(out, "; as r%d, but %s in c%d, not c%d", before,
                       lh__fold_axes(show, own, out->arena), own, other);
        return;
    }
}

static void print_ranks(struct lh_text *out, const struct lh__fold_show *show)
{
    const struct lh__fold *f = &show->fold;
    ranks_head(out);
    for (int32_t c = 0; c < f->n_ranks; c++) {
        lh_rank first = lh__fold_rank(f, c);
        int32_t before = like(show, c);
        lh_text_printf(
            out, "  r%-5d %9lld %10lld  %-12s %11lld  %s", c,
            (long long)f->rank_size[c], (long long)first,
            lh__fold_site(show, c),
            (long long)lh__rank_accelerator(&show->incidence.ranks, first),
            lh__fold_template(show, c));
        if (before >= 0)
            put_difference(out, show, c, before);
        lh_text_add(out, "\n");
    }
}

static void print_comms(struct lh_text *out, const struct lh__fold_show *show)
{
    const struct lh__fold *f = &show->fold;
    lh_text_printf(out, "\ncommunicators\n  %-6s %9s  %-24s %-27s %-9s  %s\n",
                   "class", "count", "axes", "algorithm", "latency",
                   "members of one");
    for (int32_t i = 0; i < f->n_comms; i++) {
        int64_t from = show->member_first[i], to = show->member_first[i + 1];
        double latency_s = show->incidence.comm[f->comm_first[i]].latency_s;
        lh_text_printf(out, "  c%-5d %9lld  %-24s %-27s %-9s ", i,
                       (long long)f->comm_size[i],
                       lh__fold_axes(show, i, out->arena),
                       lh__fold_algorithm(show, i, out->arena),
                       lh_units_human(out->arena, latency_s, LH_DIM_TIME));
        for (int64_t k = from; k < to && k < from + LIST_MAX; k++)
            lh_text_printf(out, " %lld of r%d",
                           (long long)show->member_count[k],
                           show->member_class[k]);
        list_rest(out, to - from);
        lh_text_add(out, "\n");
    }
}

/* What crosses a class of links: CSR over link classes. */
struct crossings {
    int64_t *first; /* [links + 1] */
    int32_t *comm;
    int64_t *weight;
};

static struct crossings crossings_make(const struct lh__fold *f,
                                       struct lh_arena *arena)
{
    int64_t n = f->weight_first[f->n_comms];
    struct crossings x = {.first =
                              LH_NEW(arena, int64_t, (size_t)f->n_links + 2),
                          .comm = LH_NEW(arena, int32_t, n),
                          .weight = LH_NEW(arena, int64_t, n)};
    for (int64_t k = 0; k < n; k++)
        x.first[f->weight_link[k] + 2]++;
    for (int32_t j = 0; j < f->n_links; j++)
        x.first[j + 2] += x.first[j + 1];
    for (int32_t i = 0; i < f->n_comms; i++) {
        for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++) {
            int64_t at = x.first[f->weight_link[k] + 1]++;
            x.comm[at] = i;
            x.weight[at] = f->weight[k];
        }
    }
    return x;
}

static void print_links(struct lh_text *out, const struct lh__fold_show *show)
{
    const struct lh__fold *f = &show->fold;
    struct crossings x = crossings_make(f, out->arena);
    lh_text_printf(out, "\nlinks\n  %-6s %9s  %-9s %-13s %-32s %s\n", "class",
                   "count", "kind", "capacity", "first",
                   "weight that crosses one");
    for (int32_t j = 0; j < f->n_links; j++) {
        struct lh_link_info link =
            lh_topology_link_at(show->point->topology, f->link_first[j]);
        lh_text_printf(
            out, "  l%-5d %9lld  %-9s %-13s %-32s", j,
            (long long)f->link_size[j], lh__link_kind_word(link.kind),
            isfinite(link.capacity_bytes_per_s) ? lh_units_human(
                out->arena, link.capacity_bytes_per_s, LH_DIM_BANDWIDTH)
                                                : "no limit",
            link.name);
        int64_t from = x.first[j], to = x.first[j + 1];
        for (int64_t k = from; k < to && k < from + LIST_MAX; k++)
            lh_text_printf(out, " %lld of c%d", (long long)x.weight[k],
                           x.comm[k]);
        list_rest(out, to - from);
        lh_text_add(out, "\n");
    }
}

/* What was listed once for many, if anything was. */
static void print_blocks(struct lh_text *out, const struct lh__incidence *in)
{
    const struct lh__blocks *blocks = &in->blocks;
    int32_t n_types = 0;
    if (!blocks->cut)
        return;
    for (int32_t b = 0; b < blocks->n; b++)
        n_types += in->block_first[b] == b;
    lh_text_printf(out,
                   "listed: %d ranks, of %d blocks of %lld ranks (cut along "
                   "%s) one of each of %d types\n",
                   in->n_ranks, blocks->n, (long long)blocks->ranks,
                   lh__axis_word(blocks->axis), n_types);
}

enum lh_status lh_sim_fold_print(struct lh_text *out,
                                 const struct lh_sim_point *point,
                                 struct lh_ctx *ctx)
{
    struct lh__fold_show show;
    enum lh_status st = lh__fold_show_make(&show, point, ctx);
    if (st != LH_OK)
        goto out;
    int64_t links = 0;
    for (int32_t j = 0; j < show.fold.n_links; j++)
        links += show.fold.link_size[j];
    lh_text_printf(out,
                   "fold: %lld ranks in %d classes, %lld communicators in "
                   "%d, %lld of %d links in %d\n",
                   (long long)show.incidence.ranks.n, show.fold.n_ranks,
                   (long long)lh__incidence_comms(&show.incidence),
                   show.fold.n_comms, (long long)links,
                   lh_topology_link_count(point->topology), show.fold.n_links);
    print_blocks(out, &show.incidence);
    print_ranks(out, &show);
    print_comms(out, &show);
    print_links(out, &show);
out:
    lh__fold_show_free(&show);
    return st;
}
