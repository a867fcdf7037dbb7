/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The generated quotient against the refined one: the fold of a step whose
 * repeated blocks are listed once must have the classes, in the same order, of
 * the same sizes, first members and weights, as where everything is listed.
 */
#include "fold_pair.h"
#include "unit.h"

static const char *ranks_differ(struct pair *p, const struct lh__fold *a,
                                const struct lh__fold *b)
{
    for (lh_rank r = 0; r < b->in->ranks.n; r++) {
        int32_t i = lh__fold_rank_class(a, r), j = b->rank_class[r];
        if (i != j || a->rank_size[i] != b->rank_size[j]
            || lh__fold_rank(a, i) != lh__fold_rank(b, j))
            return lh_format(p->ctx.arena,
                             "rank %lld: generated class %d, refined %d",
                             (long long)r, i, j);
    }
    return NULL;
}

static const char *links_differ(struct pair *p, const struct lh__fold *a,
                                const struct lh__fold *b)
{
    for (lh_link l = 0; l < lh_topology_link_count(p->topology); l++) {
        int32_t i = lh__fold_link_class(a, l), j = lh__fold_link_class(b, l);
        if (i != j
            || (i >= 0
                && (a->link_size[i] != b->link_size[j]
                    || lh__fold_link(a, i) != lh__fold_link(b, j))))
            return lh_format(p->ctx.arena,
                             "link %s: generated class %d, refined %d",
                             lh_topology_link_at(p->topology, l).name, i, j);
    }
    return NULL;
}

static bool same_weights(const struct lh__fold *a, const struct lh__fold *b,
                         int32_t i)
{
    int64_t n = a->weight_first[i + 1] - a->weight_first[i];
    if (n != b->weight_first[i + 1] - b->weight_first[i])
        return false;
    for (int64_t k = 0; k < n; k++) {
        int64_t x = a->weight_first[i] + k, y = b->weight_first[i] + k;
        if (a->weight_link[x] != b->weight_link[y]
            || a->weight[x] != b->weight[y])
            return false;
    }
    return true;
}

static const char *comms_differ(struct pair *p, const struct lh__fold *a,
                                const struct lh__fold *b)
{
    for (int32_t i = 0; i < b->n_comms; i++) {
        const struct lh__listed_comm *x = &a->in->comm[a->comm_first[i]];
        const struct lh__listed_comm *y = &b->in->comm[b->comm_first[i]];
        if (x->geometry != y->geometry || x->number != y->number
            || x->latency_s != y->latency_s
            || x->cap_bytes_per_s != y->cap_bytes_per_s
            || a->comm_size[i] != b->comm_size[i] || !same_weights(a, b, i))
            return lh_format(p->ctx.arena,
                             "class %d of communicators: generated %lld like "
                             "number %lld, refined %lld like number %lld",
                             i, (long long)a->comm_size[i],
                             (long long)x->number, (long long)b->comm_size[i],
                             (long long)y->number);
    }
    return NULL;
}

static const char *folds_differ(struct pair *p, const struct lh__fold *a,
                                const struct lh__fold *b)
{
    const char *why;
    if (a->n_ranks != b->n_ranks || a->n_comms != b->n_comms
        || a->n_links != b->n_links)
        return lh_format(p->ctx.arena,
                         "classes: generated %d, %d, %d, refined %d, %d, %d",
                         a->n_ranks, a->n_comms, a->n_links, b->n_ranks,
                         b->n_comms, b->n_links);
    why = ranks_differ(p, a, b);
    if (why == NULL)
        why = links_differ(p, a, b);
    return why != NULL ? why : comms_differ(p, a, b);
}

const char *generated_differs(struct pair *p)
{
    struct lh__incidence all;
    struct lh__fold refined;
    const char *why = "everything listed: an error";
    if (lh__incidence_build(&all, &p->point[FOLDED], false, &p->ctx) == LH_OK) {
        lh__fold_refine(&refined, &all, &p->ctx);
        why = folds_differ(p, &p->placed[FOLDED].fold, &refined);
    }
    lh__incidence_free(&all);
    return why;
}

/* The 405B example with settings, folded. */
static struct pair large_begin(const struct lh_setting *settings, int n)
{
    struct pair p = pair_begin();
    LH_REQUIRE(lh_scenario_read(&p.scenario[FOLDED],
                                LH_SRCDIR "/examples/llama-405b-two-sites.yaml",
                                settings, n, &p.ctx)
               == LH_OK);
    LH_REQUIRE(lh_program_build(&p.program, &p.scenario[FOLDED], &p.ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&p.topology, &p.scenario[FOLDED], &p.ctx)
               == LH_OK);
    return p;
}

static void large_fold(struct pair *p)
{
    struct lh__placed *placed = &p->placed[FOLDED];
    p->point[FOLDED] =
        (struct lh_sim_point){&p->scenario[FOLDED], &p->program, p->topology};
    LH_REQUIRE(lh__fold_point(&placed->fold, &placed->incidence,
                              &p->point[FOLDED], &p->ctx)
               == LH_OK);
}

static bool is_listed_once(const struct pair *p)
{
    const struct lh__incidence *in = &p->placed[FOLDED].incidence;
    return 2 * in->n_ranks <= in->ranks.n;
}

static void large_is_the_same(const struct lh_setting *settings, int n,
                              bool repeats)
{
    struct pair p = large_begin(settings, n);
    large_fold(&p);
    LH_CHECK(!repeats || is_listed_once(&p));
    const char *why = generated_differs(&p);
    LH_CHECK_TEXT(why ? why : "the same", "the same");
    pair_end(&p);
}

void generated_equals_refined_at_thousands(void)
{
    const struct lh_setting equal[] = {{"sites[0].gpus", "4096"},
                                       {"sites[1].gpus", "4096"},
                                       {"training.global_batch", "1024"}};
    const struct lh_setting short_pod[] = {{"sites[0].gpus", "4096"},
                                           {"sites[1].gpus", "3968"},
                                           {"training.global_batch", "1008"}};
    const struct lh_setting stages[] = {{"sites[0].gpus", "4096"},
                                        {"sites[1].gpus", "4096"},
                                        {"training.global_batch", "1024"},
                                        {"placement.across_sites", "pipeline"}};
    const struct lh_setting tree[] = {
        {"sites[0].gpus", "4096"},
        {"sites[1].gpus", "4096"},
        {"training.global_batch", "1024"},
        {"sites[0].fabric.name", "h100-roce-pods"},
        {"sites[0].fabric.group", "[2, 16]"}};
    const struct lh_setting pairs[] = {{"sites[0].gpus", "4096"},
                                       {"sites[1].gpus", "2048"},
                                       {"training.global_batch", "768"},
                                       {"sync.kind", "gossip"},
                                       {"sync.island", "16"}};
    large_is_the_same(equal, LH_COUNT(equal), true);
    large_is_the_same(pairs, LH_COUNT(pairs), true);
    large_is_the_same(short_pod, LH_COUNT(short_pod), true);
    large_is_the_same(stages, LH_COUNT(stages), true);
    large_is_the_same(tree, LH_COUNT(tree), true);
}

/* The last domain of the second site has 2 accelerators of 6: on rails hops
 * from there end otherwise than those from a full one, and of the members of a
 * communicator only those of some inner numbers stand there. */
void generated_equals_refined_with_a_part_domain(void)
{
    const struct lh_setting settings[] = {
        {"plan.tensor", "2"},
        {"plan.pipeline", "4"},
        {"training.global_batch", "181"},
        {"sites[0].gpus", "720"},
        {"sites[0].fabric.scale_up_gpus", "6"},
        {"sites[0].fabric.group", "[2]"},
        {"sites[1].gpus", "728"},
        {"sites[1].fabric.scale_up_gpus", "6"},
        {"sites[1].fabric.group", "[2]"}};
    large_is_the_same(settings, LH_COUNT(settings), false);
}

static bool is_refused(struct pair *p)
{
    const struct lh__fold *f = &p->placed[FOLDED].fold;
    return lh__fold_check(f, &p->ctx) == LH_FAILED;
}

/* A listing that says of one entry that it stands for one more. */
void a_planted_wrong_count_is_refused(void)
{
    const struct lh_setting settings[] = {{"sites[0].gpus", "1024"},
                                          {"sites[1].gpus", "1024"},
                                          {"training.global_batch", "256"}};
    struct pair p = large_begin(settings, LH_COUNT(settings));
    large_fold(&p);
    LH_CHECK(is_listed_once(&p));
    struct lh__incidence *in = &p.placed[FOLDED].incidence;
    int n = 0, refused = 0;
    LH_CHECK(!is_refused(&p));
    for (int64_t u = 0; u < in->use_first[in->n_comms]; u += 97) {
        in->use_times[u]++;
        refused += is_refused(&p);
        in->use_times[u]--;
        n++;
    }
    for (int64_t x = 0; x < in->n_comms; x += 13) {
        if (in->use_first[x] == in->use_first[x + 1])
            continue;
        in->comm[x].count++;
        refused += is_refused(&p);
        in->comm[x].count--;
        n++;
    }
    LH_CHECK(n > 50);
    LH_CHECK(refused == n);
    pair_end(&p);
}
