/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Planted wrong folds: each must be refused by lh__fold_check() or, where it is
 * behind the check, change the times.  And what tells all-to-alls apart.
 */
#include "fold_planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold_pair.h"
#include "unit.h"

/* A step on two unequal sites with small pods, where gradients' buckets and
 * activations share the links between sites and pods. */
static const struct draw planted = {
    .n_sites = 2,
    .sites =
        {{.parts = 4, .fabric = RAILS, .node = 4, .group = {1, 2}, .over = 4},
         {.parts = 3, .fabric = RAILS, .node = 4, .group = {1, 2}, .over = 4}},
    .tensor = 2,
    .context = 1,
    .pipeline = 2,
    .schedule = LH_SCHEDULE_1F1B,
    .interleave = 1,
    .surplus = 2,
    .hidden = 2048,
    .micro_batches = 3,
    .bucket_mb = 16,
    .sequence_parallel = true,
    .overlap = true,
    .algorithm = 1,
    .fibres = MESH,
    .gbit = 100,
    .km = 10};

struct plant {
    struct pair pair;
    struct lh__incidence incidence;
    struct lh__fold fold;
};

static void plant_begin(struct plant *plant)
{
    struct pair *p = &plant->pair;
    char name[] = "/tmp/longhaul-fold-XXXXXX";
    char *dir = pair_folder(name);
    *p = pair_begin();
    enum lh_status st =
        pair_build(p, &planted, &(struct mishap){.kind = NO_FAULT}, dir);
    if (st == LH_OK)
        st = lh__place(&p->placed[FOLDED], &p->point[FOLDED], &p->ctx);
    if (st == LH_OK)
        st = lh__incidence_build(&plant->incidence, &p->point[FOLDED], false,
                                 &p->ctx);
    pair_folder_remove(dir);
    LH_REQUIRE(st == LH_OK);
    lh__fold_refine(&plant->fold, &plant->incidence, &p->ctx);
}

static void plant_end(struct plant *plant)
{
    lh__incidence_free(&plant->incidence);
    pair_end(&plant->pair);
}

static int64_t weight_of(const struct lh__incidence *in, int64_t use)
{
    return in->use_weight == NULL ? 1 : in->use_weight[use];
}

static bool accepted(struct plant *p, const struct lh__fold *f)
{
    int before = lh_diag_count(&p->pair.ctx, LH_ERROR);
    enum lh_status st = lh__fold_check(f, &p->pair.ctx);
    int said = lh_diag_count(&p->pair.ctx, LH_ERROR) - before;
    LH_CHECK((st == LH_OK) == (said == 0));
    return st == LH_OK;
}

static void *copied(struct plant *p, const void *from, int64_t n, size_t size)
{
    void *to = lh_alloc(p->pair.ctx.arena, (size_t)n, size);
    memcpy(to, from, (size_t)n * size);
    return to;
}

/* Sizes, first members and weights as they follow from the classes. */
static void recount_class(const int32_t *class, int64_t n, int32_t n_classes,
                          int64_t *size, int32_t *first)
{
    for (int32_t i = 0; i < n_classes; i++)
        size[i] = 0;
    for (int64_t x = n - 1; x >= 0; x--) {
        if (class[x] < 0)
            continue;
        size[class[x]]++;
        first[class[x]] = (int32_t)x;
    }
}

static void recount_weights(struct plant *p, struct lh__fold *f)
{
    const struct lh__incidence *in = f->in;
    int64_t n_links = f->n_links, n = 0;
    int64_t *sum = LH_NEW(p->pair.ctx.arena, int64_t, f->n_comms * n_links);
    for (int64_t x = 0; x < in->n_comms; x++) {
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
            sum[f->comm_class[x] * n_links + f->link_class[in->use_link[u]]] +=
                weight_of(in, u);
    }
    f->weight_first = LH_NEW(p->pair.ctx.arena, int64_t, f->n_comms + 1);
    f->weight_link = LH_NEW(p->pair.ctx.arena, int32_t, f->n_comms * n_links);
    f->weight = LH_NEW(p->pair.ctx.arena, int64_t, f->n_comms * n_links);
    for (int32_t i = 0; i < f->n_comms; i++) {
        for (int32_t j = 0; j < n_links; j++) {
            if (sum[i * n_links + j] == 0)
                continue;
            f->weight_link[n] = j;
            f->weight[n++] = sum[i * n_links + j] / f->link_size[j];
        }
        f->weight_first[i + 1] = n;
    }
}

static void recount(struct plant *p, struct lh__fold *f)
{
    const struct lh__incidence *in = f->in;
    recount_class(f->rank_class, in->ranks.n, f->n_ranks, f->rank_size,
                  f->rank_first);
    recount_class(f->comm_class, in->n_comms, f->n_comms, f->comm_size,
                  f->comm_first);
    recount_class(f->link_class, in->n_links, f->n_links, f->link_size,
                  f->link_first);
    recount_weights(p, f);
}

static struct lh__fold fold_copy(struct plant *p)
{
    struct lh__fold f = p->fold;
    const struct lh__incidence *in = f.in;
    size_t wide = sizeof(int64_t);
    f.rank_class = copied(p, f.rank_class, in->ranks.n, sizeof(int32_t));
    f.comm_class = copied(p, f.comm_class, in->n_comms, sizeof(int32_t));
    f.link_class = copied(p, f.link_class, in->n_links, sizeof(int32_t));
    f.rank_size = copied(p, f.rank_size, f.n_ranks, wide);
    f.comm_size = copied(p, f.comm_size, f.n_comms, wide);
    f.link_size = copied(p, f.link_size, f.n_links, wide);
    f.rank_first = copied(p, f.rank_first, f.n_ranks, sizeof(int32_t));
    f.comm_first = copied(p, f.comm_first, f.n_comms, sizeof(int32_t));
    f.link_first = copied(p, f.link_first, f.n_links, sizeof(int32_t));
    f.weight = copied(p, f.weight, f.weight_first[f.n_comms], wide);
    return f;
}

/* Class b becomes part of class a < b, the last class takes its number. */
static void merge(int32_t *class, int64_t n, int32_t *n_classes, int32_t a,
                  int32_t b)
{
    int32_t last = --*n_classes;
    for (int64_t x = 0; x < n; x++) {
        if (class[x] == b)
            class[x] = a;
        else if (class[x] == last)
            class[x] = b;
    }
}

/* Where the fold is right, so is what recount() makes of it: what is refused
 * below is refused for what was planted. */
void the_right_fold_is_accepted(void)
{
    struct plant p;
    plant_begin(&p);
    struct lh__fold f = fold_copy(&p);
    LH_CHECK(f.n_ranks > 2 && 2 * f.n_ranks < f.in->ranks.n);
    LH_CHECK(f.n_comms > 4 && f.n_links > 4);
    LH_CHECK(accepted(&p, &f));
    recount(&p, &f);
    LH_CHECK(accepted(&p, &f));
    lh__fold_trivial(&f, f.in, &p.pair.ctx);
    LH_CHECK(accepted(&p, &f));
    plant_end(&p);
}

enum kind { RANKS, COMMS, LINKS };

static bool merged_is_accepted(struct plant *p, enum kind kind, int32_t a,
                               int32_t b)
{
    struct lh__fold f = fold_copy(p);
    const struct lh__incidence *in = f.in;
    switch (kind) {
    case RANKS: merge(f.rank_class, in->ranks.n, &f.n_ranks, a, b); break;
    case COMMS: merge(f.comm_class, in->n_comms, &f.n_comms, a, b); break;
    default: merge(f.link_class, in->n_links, &f.n_links, a, b);
    }
    recount(p, &f);
    return accepted(p, &f);
}

/* What a collision of two colours would make: ranks whose operations come in
 * another order or on other communicators, links of other capacity, ... */
void a_planted_colliding_hash_is_refused(void)
{
    struct plant p;
    plant_begin(&p);
    const struct lh__fold *f = &p.fold;
    int32_t n[] = {
        [RANKS] = f->n_ranks, [COMMS] = f->n_comms, [LINKS] = f->n_links};
    for (int kind = RANKS; kind <= LINKS; kind++) {
        int tried = 0, passed = 0;
        for (int32_t b = 1; b < n[kind]; b++) {
            for (int32_t a = 0; a < b; a++, tried++)
                passed += merged_is_accepted(&p, (enum kind)kind, a, b);
        }
        LH_CHECK(tried >= 3);
        LH_CHECK(passed == 0);
    }
    plant_end(&p);
}

static void move_one(int32_t *class, int64_t x, int32_t n_classes)
{
    class[x] = (class[x] + 1) % n_classes;
}

void one_moved_to_another_class_is_refused(void)
{
    struct plant p;
    plant_begin(&p);
    const struct lh__fold *right = &p.fold;
    const struct lh__incidence *in = right->in;
    int tried = 0, passed = 0;
    for (lh_rank r = 0; r < in->ranks.n; r++) {
        if (right->rank_size[right->rank_class[r]] == 1)
            continue;
        struct lh__fold f = fold_copy(&p);
        move_one(f.rank_class, r, f.n_ranks);
        recount(&p, &f);
        passed += accepted(&p, &f);
        tried++;
    }
    for (int64_t x = 0; x < in->n_comms; x++) {
        if (right->comm_size[right->comm_class[x]] == 1)
            continue;
        struct lh__fold f = fold_copy(&p);
        move_one(f.comm_class, x, f.n_comms);
        recount(&p, &f);
        passed += accepted(&p, &f);
        tried++;
    }
    LH_CHECK(tried > 20);
    LH_CHECK(passed == 0);
    plant_end(&p);
}

/* Weights off by one, or by a common divisor. */
void a_planted_wrong_weight_is_refused(void)
{
    struct plant p;
    plant_begin(&p);
    struct lh__fold f = fold_copy(&p);
    int tried = 0, passed = 0;
    for (int64_t k = 0; k < f.weight_first[f.n_comms]; k++) {
        int64_t right = f.weight[k];
        int64_t wrong[] = {right + 1, 2 * right, right / 2, 0};
        for (size_t i = 0; i < LH_COUNT(wrong); i++, tried++) {
            f.weight[k] = wrong[i];
            passed += accepted(&p, &f);
        }
        f.weight[k] = right;
    }
    LH_CHECK(tried > 20);
    LH_CHECK(passed == 0);
    plant_end(&p);
}

void another_latency_in_a_class_is_refused(void)
{
    struct plant p;
    plant_begin(&p);
    struct lh__incidence *in = &p.incidence;
    const struct lh__fold *f = &p.fold;
    int tried = 0, passed = 0;
    for (int64_t x = 0; x < in->n_comms; x++) {
        if (f->comm_size[f->comm_class[x]] == 1)
            continue;
        double right_s = in->comm[x].latency_s;
        in->comm[x].latency_s = right_s * (1 + 1e-12);
        passed += accepted(&p, f);
        in->comm[x].latency_s = right_s;
        tried++;
    }
    LH_CHECK(tried > 4);
    LH_CHECK(passed == 0);
    plant_end(&p);
}

/* ---- behind the check: what the comparison must see ---------------------- */

static bool same_times(struct pair *p, const struct lh__exec_output *right,
                       const struct lh__placed *placed)
{
    struct lh__exec_output now;
    if (!pair_run_fake(&now, p, placed))
        return false;
    for (int64_t r = 0; r < placed->n_records; r++) {
        if (apart(now.end_s[r], right->end_s[r], 1e-9 * right->end_s[r]))
            return false;
    }
    return true;
}

/* Exchanges the communications of two operations of one class of ranks. */
static void exchange(struct lh__placed *placed, int64_t r, int64_t q)
{
    int32_t g = placed->record_group[r], h = placed->record_group[q];
    for (int64_t k = placed->group_first[g]; k < placed->group_first[g + 1];
         k++) {
        if (placed->group_record[k] == r)
            placed->group_record[k] = q;
    }
    for (int64_t k = placed->group_first[h]; k < placed->group_first[h + 1];
         k++) {
        if (placed->group_record[k] == q)
            placed->group_record[k] = r;
    }
    placed->record_group[r] = h;
    placed->record_group[q] = g;
}

/* Two operations of class 0 on the stream of gradients. */
static bool two_buckets(const struct pair *p, int64_t record[2])
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    const struct lh_template *t =
        &p->program.templates[placed->class_template[0]];
    int n = 0;
    for (int32_t o = 0; o < t->n_ops && n < 2; o++) {
        if (t->ops[o].stream == LH_STREAM_DATA)
            record[n++] = placed->class_first[0] + o;
    }
    return n == 2;
}

void a_planted_dropped_order_is_seen(void)
{
    struct plant p;
    struct lh__exec_output right;
    int64_t record[2] = {0, 0};
    plant_begin(&p);
    LH_REQUIRE(pair_run_fake(&right, &p.pair, &p.pair.placed[FOLDED]));
    LH_CHECK(same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    LH_REQUIRE(two_buckets(&p.pair, record));
    exchange(&p.pair.placed[FOLDED], record[0], record[1]);
    LH_CHECK(!same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    exchange(&p.pair.placed[FOLDED], record[0], record[1]);
    LH_CHECK(same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    plant_end(&p);
}

enum spoil { ALPHA, PHI, GCD };

static void spoil(struct lh__shape *s, enum spoil what)
{
    switch (what) {
    case ALPHA: s->alpha_s *= 1.01; break;
    case PHI: s->phi *= 4; break;
    default: /* the divisor taken from the weights, not given to the unit */
        for (int32_t k = 0; k < s->n_links; k++)
            s->weights[k] *= 2;
    }
}

struct seen {
    int n_shapes, n_crossing, n_seen;
};

/* Spoils one shape after another; each must show where it can matter. */
static struct seen spoil_each(enum spoil what)
{
    struct plant p;
    struct lh__exec_output right;
    plant_begin(&p);
    struct lh__placed *placed = &p.pair.placed[FOLDED];
    struct seen seen = {.n_shapes = placed->n_shapes};
    LH_REQUIRE(pair_run_fake(&right, &p.pair, placed));
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        struct lh__shape *s = &placed->shapes[i], kept = *s;
        s->weights = copied(&p, kept.weights, kept.n_links, sizeof *s->weights);
        spoil(s, what);
        lh__place_reduce(placed, &p.pair.ctx);
        seen.n_seen += !same_times(&p.pair, &right, placed);
        seen.n_crossing += kept.n_links > 0;
        *s = kept;
    }
    lh__place_reduce(placed, &p.pair.ctx);
    LH_CHECK(same_times(&p.pair, &right, placed));
    plant_end(&p);
    printf("(%d of %d shapes, %d on links) ", seen.n_seen, seen.n_shapes,
           seen.n_crossing);
    LH_CHECK(seen.n_crossing > 4);
    return seen;
}

void a_planted_wrong_alpha_is_seen(void)
{
    struct seen seen = spoil_each(ALPHA);
    LH_CHECK(seen.n_seen == seen.n_shapes);
}

void a_planted_wrong_gcd_is_seen(void)
{
    struct seen seen = spoil_each(GCD);
    LH_CHECK(seen.n_seen == seen.n_crossing);
}

/* It shows where a flow shares a link that limits it. */
void a_planted_wrong_phi_is_seen(void)
{
    struct seen seen = spoil_each(PHI);
    LH_CHECK(seen.n_seen >= 1);
}

/* One multiprocessor more shows where the group has computing beside it. */
void a_planted_wrong_share_is_seen(void)
{
    struct plant p;
    struct lh__exec_output right;
    int n_seen = 0;
    plant_begin(&p);
    struct lh__placed *placed = &p.pair.placed[FOLDED];
    LH_REQUIRE(pair_run_fake(&right, &p.pair, placed));
    for (int32_t g = 0; g < placed->n_groups; g++) {
        placed->group_sms[g]++;
        n_seen += !same_times(&p.pair, &right, placed);
        placed->group_sms[g]--;
    }
    LH_CHECK(same_times(&p.pair, &right, placed));
    printf("(%d of %d groups) ", n_seen, placed->n_groups);
    plant_end(&p);
    LH_CHECK(n_seen > 4);
}

/* ---- loads --------------------------------------------------------------- */

static int64_t link_bytes_differ(const struct lh__placed *placed, int32_t row_a,
                                 int32_t row_b)
{
    int64_t n = 0;
    const struct lh__shape *of[2] = {NULL, NULL};
    for (int32_t g = 0; g < placed->n_groups; g++) {
        if (placed->group_comm[g] == row_a)
            of[0] = &placed->shapes[placed->group_shape[g]];
        if (placed->group_comm[g] == row_b)
            of[1] = &placed->shapes[placed->group_shape[g]];
    }
    LH_REQUIRE(of[0] != NULL && of[1] != NULL
               && of[0]->n_links == of[1]->n_links);
    for (int32_t k = 0; k < of[0]->n_links; k++)
        n += apart((double)of[0]->weights[k] * of[0]->unit_frac,
                   (double)of[1]->weights[k] * of[1]->unit_frac, 1e-12);
    return n;
}

/* Rows that differ in their loads alone are other families and geometries;
 * those of equal loads, listed twice, are one. */
void loads_tell_rows_apart(void)
{
    struct plant p;
    struct draw d = planted;
    int32_t row[3];
    plant_begin(&p);
    d.exchange = (struct exchange){.mb = 64, .loads = ZIPF_LOADS};
    for (int i = 0; i < 3; i++) {
        d.seed = i == 1 ? 7 : 8;
        row[i] = exchange_append(&p.pair.program, &d, &p.pair.ctx);
    }
    LH_CHECK(lh_program_check(&p.pair.program, &p.pair.ctx) == LH_OK);
    lh__incidence_free(&p.pair.placed[FOLDED].incidence);
    struct lh__placed *placed = &p.pair.placed[FOLDED];
    LH_REQUIRE(lh__place(placed, &p.pair.point[UNFOLDED], &p.pair.ctx)
               == LH_OK);
    const int32_t *family = placed->incidence.row_family;
    LH_CHECK(family[row[0]] != family[row[1]]);
    LH_CHECK(family[row[0]] == family[row[2]]);
    LH_CHECK(link_bytes_differ(placed, row[0], row[1]) > 0);
    LH_CHECK(link_bytes_differ(placed, row[0], row[2]) == 0);
    plant_end(&p);
}

/* Of four ranks on one switch, with an all-to-all that is waited for. */
static double step_with(enum lh_collectives mode, enum loads loads)
{
    struct draw d = {
        .n_sites = 1,
        .sites = {{.parts = 4, .fabric = SWITCH}},
        .tensor = 1,
        .context = 1,
        .pipeline = 1,
        .schedule = LH_SCHEDULE_1F1B,
        .interleave = 1,
        .hidden = 512,
        .micro_batches = 1,
        .sequence_parallel = true,
        .exchange = {.mb = 512, .is_awaited = true, .loads = loads}};
    struct pair p = pair_begin();
    char name[] = "/tmp/longhaul-fold-XXXXXX";
    char *dir = pair_folder(name);
    enum lh_status st =
        pair_build(&p, &d, &(struct mishap){.kind = NO_FAULT}, dir);
    p.scenario[UNFOLDED].collectives = mode;
    if (st == LH_OK)
        st = lh_sim_run(&p.trace[UNFOLDED], &p.point[UNFOLDED], &p.ctx);
    double step_s = p.trace[UNFOLDED].step_time_s;
    pair_folder_remove(dir);
    pair_end(&p);
    LH_REQUIRE(st == LH_OK);
    return step_s;
}

/* All members are there at once, so that both forms take as long. */
void messages_know_the_loads(void)
{
    double even_s = step_with(LH_COUPLED, EVEN_LOADS);
    double skewed_s = step_with(LH_COUPLED, POWER_LOADS);
    LH_CHECK(skewed_s > 1.2 * even_s);
    LH_CHECK_NEAR(step_with(LH_MESSAGES, EVEN_LOADS), even_s, 1e-3);
    LH_CHECK_NEAR(step_with(LH_MESSAGES, POWER_LOADS), skewed_s, 1e-3);
}
