/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Folding: random scenarios of 4 to 64 ranks, folded and unfolded, must agree
 * in every time of every operation of every rank, in every category and in
 * the bytes of every link, and the folded one with the exact fake engine; a
 * scenario that does not is made smaller while it still disagrees, and
 * printed.  And planted wrong folds must be refused by lh__fold_check(), or,
 * where they are behind it, change the times.
 *
 * usage: test_fold [DRAWS [SEED]]; draw i of seed s is draw 0 of seed s + i.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <longhaul/result.h>

#include "fake_engine.h"
#include "unit.h"

#include "../sim/exec.h"
#include "../sim/place.h"

enum { RANKS_MAX = 64, SITES_MAX = 3, CHUNKS_MAX = 16, DRAWS = 100 };
static const uint64_t seed_default = 20260;

/* ---- a scenario drawn ---------------------------------------------------- */

enum fabric { RAILS, FAT_TREE, SWITCH, N_FABRICS };
enum fibres { MESH, RING, HUB, LISTED };

struct site {
    int parts;          /* replicas; stages where those are split */
    enum fabric fabric;
    int node, group[2]; /* scale-up domain; children of a switch */
    int over;           /* oversubscription */
    bool a100;
    int gateway_gbit;   /* 0: no limit */
};

struct draw {
    uint64_t seed;
    int n_sites;
    struct site sites[SITES_MAX];
    int tensor, pipeline, data; /* data: of stages across sites */
    bool stages_across;
    enum lh_schedule schedule;
    int interleave;
    int surplus;        /* layers beside one a chunk */
    int uneven;         /* 0: as even as possible; else where surplus goes */
    int hidden, micro_batches, bucket_mb;
    int zero, recompute, algorithm;
    bool sequence_parallel, overlap;
    int spare;          /* idle accelerators of the first site */
    enum fibres fibres;
    int gbit, km;
    int window_kib;     /* of TCP; 0: transport is ideal */
};

static uint64_t next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int below(uint64_t *state, int n)
{
    return (int)(next(state) % (uint64_t)n);
}

static bool one_in(uint64_t *state, int n)
{
    return below(state, n) == 0;
}

static int chunks_of(const struct draw *d)
{
    return d->pipeline * d->interleave;
}

static int parts_of(const struct draw *d)
{
    int n = 0;
    for (int i = 0; i < d->n_sites; i++)
        n += d->sites[i].parts;
    return n;
}

static int ranks_of(const struct draw *d)
{
    int replica = d->tensor * d->pipeline;
    return replica * (d->stages_across ? d->data : parts_of(d));
}

/* Makes what was drawn (or made smaller) a plan that is allowed. */
static void settle(struct draw *d)
{
    if (d->n_sites == 1 || d->pipeline < d->n_sites)
        d->stages_across = false;
    if (d->pipeline == 1 && d->schedule == LH_SCHEDULE_INTERLEAVED)
        d->schedule = LH_SCHEDULE_1F1B;
    d->interleave = d->schedule == LH_SCHEDULE_INTERLEAVED ? 2 : 1;
    if (d->interleave == 2)
        d->micro_batches = d->micro_batches > 2 ? 2 * d->pipeline
                                                : d->pipeline;
    if (chunks_of(d) == 1)
        d->uneven = 0;
    for (int i = 0; d->stages_across && i < d->n_sites; i++)
        d->sites[i].parts = i == 0 ? d->pipeline - d->n_sites + 1 : 1;
    if (d->stages_across)
        d->spare = 0;
    while (ranks_of(d) > RANKS_MAX && d->stages_across)
        d->data--;
    while (ranks_of(d) > RANKS_MAX) {
        struct site *most = &d->sites[0];
        for (int i = 1; i < d->n_sites; i++) {
            if (d->sites[i].parts > most->parts)
                most = &d->sites[i];
        }
        if (most->parts > 1)
            most->parts--;
        else
            d->tensor /= 2;
    }
    if (ranks_of(d) < 4 && d->stages_across)
        d->data = 4;
    else if (ranks_of(d) < 4)
        d->sites[0].parts += 3;
    if (d->spare >= d->tensor * d->pipeline)
        d->spare = 0;
}

static void draw_site(struct site *s, uint64_t *r)
{
    *s = (struct site){.parts = 1 + below(r, 4),
                       .fabric = (enum fabric)below(r, N_FABRICS),
                       .node = 2 << below(r, 3),
                       .group = {1 + below(r, 3), 2 + below(r, 2)},
                       .over = 1 << below(r, 3),
                       .a100 = one_in(r, 6),
                       .gateway_gbit = one_in(r, 4) ? 100 : 0};
    if (s->fabric == SWITCH && one_in(r, 2))
        s->fabric = RAILS;
}

static struct draw draw_make(uint64_t seed)
{
    static const int tensors[] = {1, 1, 2, 2, 4, 4, 8};
    static const int pipelines[] = {1, 1, 2, 2, 3, 4};
    static const int gbits[] = {1, 10, 100, 800};
    static const enum lh_schedule schedules[] = {
        LH_SCHEDULE_GPIPE, LH_SCHEDULE_1F1B, LH_SCHEDULE_INTERLEAVED};
    static const enum fibres fibres[] = {HUB, HUB, RING, MESH, LISTED, LISTED};
    uint64_t state = seed * 0x2545f4914f6cdd1du, *r = &state;
    struct draw d = {.seed = seed, .n_sites = 1 + below(r, SITES_MAX)};
    draw_site(&d.sites[0], r);
    bool equal = one_in(r, 2);
    for (int i = 1; i < SITES_MAX; i++) {
        draw_site(&d.sites[i], r);
        if (equal)
            d.sites[i] = d.sites[0];
    }
    d.tensor = tensors[below(r, LH_COUNT(tensors))];
    d.pipeline = pipelines[below(r, LH_COUNT(pipelines))];
    d.data = 1 + below(r, 8);
    d.stages_across = one_in(r, 3);
    if (d.stages_across && d.pipeline < d.n_sites)
        d.pipeline = d.n_sites;
    d.schedule = schedules[below(r, LH_COUNT(schedules))];
    d.interleave = 1;
    d.surplus = below(r, 4);
    d.uneven = one_in(r, 3) ? 1 + below(r, 3) : 0;
    d.hidden = 512 << below(r, 3);
    d.micro_batches = 1 + below(r, 4);
    d.bucket_mb = 4 << (2 * below(r, 3));
    d.zero = below(r, 2);
    d.recompute = below(r, 3);
    d.algorithm = below(r, 3);
    d.sequence_parallel = one_in(r, 2);
    d.overlap = !one_in(r, 3);
    d.spare = one_in(r, 5) ? 1 + below(r, 3) : 0;
    d.fibres = fibres[below(r, LH_COUNT(fibres))];
    d.gbit = gbits[below(r, LH_COUNT(gbits))];
    d.km = one_in(r, 2) ? 10 : 1000;
    d.window_kib = one_in(r, 3) ? 64 << (2 * below(r, 5)) : 0;
    settle(&d);
    return d;
}

/* ---- its text ------------------------------------------------------------ */

static void config_write(const char *path, const struct draw *d)
{
    FILE *f = fopen(path, "w");
    LH_REQUIRE(f != NULL);
    fprintf(f,
            "{\"model_type\": \"llama\", "
            "\"architectures\": [\"LlamaForCausalLM\"],\n"
            "\"num_hidden_layers\": %d, \"hidden_size\": %d,\n"
            "\"num_attention_heads\": 16, \"num_key_value_heads\": 8,\n"
            "\"intermediate_size\": %d, \"vocab_size\": 8192,\n"
            "\"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\"}\n",
            chunks_of(d) + d->surplus, d->hidden, 4 * d->hidden);
    LH_REQUIRE(fclose(f) == 0);
}

static void put_plan(struct lh_text *t, const struct draw *d)
{
    static const char *const schedules[] = {
        [LH_SCHEDULE_GPIPE] = "gpipe",
        [LH_SCHEDULE_1F1B] = "1f1b",
        [LH_SCHEDULE_INTERLEAVED] = "interleaved, interleave: 2"};
    static const char *const recompute[] = {"none", "selective", "full"};
    lh_text_printf(t,
                   "plan:\n  {tensor: %d, pipeline: %d, schedule: %s,\n"
                   "   zero: %d, recompute: %s, sequence_parallel: %s",
                   d->tensor, d->pipeline, schedules[d->schedule], d->zero,
                   recompute[d->recompute],
                   d->sequence_parallel ? "true" : "false");
    if (d->overlap)
        lh_text_printf(t, ",\n   bucket: %d MB", d->bucket_mb);
    else
        lh_text_add(t, ",\n   overlap: {gradients: false}");
    int chunks = chunks_of(d);
    int heavy = d->uneven == 1   ? 0
                : d->uneven == 2 ? chunks - 1
                                 : chunks / 2;
    for (int i = 0; d->uneven > 0 && i < chunks; i++)
        lh_text_printf(t, "%s%d", i == 0 ? ",\n   stage_layers: [" : ", ",
                       1 + (i == heavy ? d->surplus : 0));
    lh_text_add(t, d->uneven > 0 ? "]}\n" : "}\n");
}

static int gpus_of(const struct draw *d, int i)
{
    int part = d->tensor * (d->stages_across ? d->data : d->pipeline);
    return part * d->sites[i].parts + (i == 0 ? d->spare : 0);
}

static void put_site(struct lh_text *t, const struct draw *d, int i)
{
    const struct site *s = &d->sites[i];
    lh_text_printf(t, "  - {name: s%d, gpus: %d, device: %s,\n", i,
                   gpus_of(d, i), s->a100 ? "a100-sxm" : "h100-sxm");
    if (s->gateway_gbit > 0 && d->n_sites > 1)
        lh_text_printf(t, "     gateway_bandwidth: %d Gbit/s,\n",
                       s->gateway_gbit);
    switch (s->fabric) {
    case RAILS:
        lh_text_printf(t,
                       "     fabric: {name: dgx-h100-rails, scale_up_gpus: "
                       "%d, group: [%d], oversubscription: %d}}\n",
                       s->node, s->group[0], s->over);
        break;
    case FAT_TREE:
        lh_text_printf(t,
                       "     fabric: {name: h100-roce-pods, scale_up_gpus: "
                       "%d, group: [%d, %d], oversubscription: [1, %d]}}\n",
                       s->node, s->group[0], s->group[1], s->over);
        break;
    default: lh_text_add(t, "     fabric: {name: switch}}\n");
    }
}

static void put_transport(struct lh_text *t, const struct draw *d)
{
    if (d->window_kib > 0)
        lh_text_printf(t, ", transport: {kind: tcp, window: %d KiB}",
                       d->window_kib);
}

/* Of fibres listed, the last has the transport drawn. */
static void put_fibres(struct lh_text *t, const struct draw *d)
{
    static const char *const kinds[] = {"mesh", "ring", "hub"};
    if (d->n_sites == 1)
        return;
    if (d->fibres != LISTED) {
        lh_text_printf(t,
                       "fibre_layout: {kind: %s, length: %d km, bandwidth: "
                       "%d Gbit/s",
                       kinds[d->fibres], d->km, d->gbit);
        put_transport(t, d);
        lh_text_add(t, "}\n");
        return;
    }
    lh_text_add(t, "fibres:\n");
    for (int i = 1; i < d->n_sites; i++) {
        lh_text_printf(t,
                       "  - {between: [s%d, s%d], length: %d km, bandwidth: "
                       "%d Gbit/s",
                       i - 1, i, i * d->km, (i + 1) * d->gbit);
        if (i == d->n_sites - 1)
            put_transport(t, d);
        lh_text_add(t, "}\n");
    }
}

static void put_scenario(struct lh_text *t, const struct draw *d)
{
    static const char *const algorithms[] = {"auto", "flat-ring",
                                             "hierarchical"};
    int data = d->stages_across ? d->data : parts_of(d);
    lh_text_printf(t,
                   "longhaul: 1\nname: drawn\nmodel: {config: c.json}\n"
                   "training: {global_batch: %d, sequence_length: 2048}\n",
                   d->micro_batches * data);
    put_plan(t, d);
    lh_text_add(t, "sites:\n");
    for (int i = 0; i < d->n_sites; i++)
        put_site(t, d, i);
    put_fibres(t, d);
    if (d->stages_across)
        lh_text_add(t, "placement: {across_sites: pipeline}\n");
    else if (d->n_sites > 1)
        lh_text_printf(t, "sync: {algorithm: %s}\n",
                       algorithms[d->algorithm]);
}

/* ---- folded and unfolded ------------------------------------------------- */

enum { FOLDED, UNFOLDED, SIDES };

struct pair {
    struct lh_ctx ctx;
    struct lh_scenario scenario[SIDES];
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point[SIDES];
    struct lh__placed placed[SIDES];
    struct lh_trace trace[SIDES];
    struct lh_result result[SIDES];
    char *text;
};

static enum lh_status pair_build(struct pair *p, const struct draw *d,
                                 const char *dir)
{
    config_write(lh_format(p->ctx.arena, "%s/c.json", dir), d);
    struct lh_text text = lh_text_new(p->ctx.arena);
    put_scenario(&text, d);
    p->text = text.s;
    enum lh_status st =
        lh_scenario_read_text(&p->scenario[FOLDED], "drawn.yaml", text.s,
                              text.n, dir, NULL, 0, &p->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&p->topology, &p->scenario[FOLDED], &p->ctx);
    if (st == LH_OK)
        st = lh_program_build(&p->program, &p->scenario[FOLDED], &p->ctx);
    p->scenario[UNFOLDED] = p->scenario[FOLDED];
    p->scenario[UNFOLDED].fold = false;
    for (int i = 0; i < SIDES; i++)
        p->point[i] = (struct lh_sim_point){&p->scenario[i], &p->program,
                                            p->topology};
    return st;
}

static enum lh_status pair_run(struct pair *p)
{
    enum lh_status status[SIDES];
    enum lh_status st =
        lh_sim_run_many(p->trace, status, p->point, SIDES, 2, &p->ctx);
    for (int i = 0; i < SIDES && st == LH_OK; i++) {
        st = lh_result_make(&p->result[i], &p->trace[i], &p->program,
                            p->topology, &p->ctx);
        if (st == LH_OK)
            st = lh__place(&p->placed[i], &p->point[i], &p->ctx);
    }
    return st;
}

static void pair_end(struct pair *p)
{
    for (int i = 0; i < SIDES; i++)
        lh__incidence_free(&p->placed[i].incidence);
    lh_topology_free(p->topology);
    lh_ctx_end(&p->ctx);
}

/* What differs, in the pair's arena, or NULL.  One function a promise. */

static bool apart(double a, double b, double tol)
{
    return !(fabs(a - b) <= tol);
}

static const char *result_differs(struct pair *p)
{
    const struct lh_result *a = &p->result[FOLDED], *b = &p->result[UNFOLDED];
    double tol = 1e-9 * b->step_time_s;
    if (apart(a->step_time_s, b->step_time_s, tol))
        return lh_format(p->ctx.arena, "step_time_s %.17g, unfolded %.17g",
                         a->step_time_s, b->step_time_s);
    for (int c = 0; c < LH_CATEGORIES; c++) {
        const char *name = lh_category_name((enum lh_category)c);
        if (apart(a->breakdown_s[c], b->breakdown_s[c], tol))
            return lh_format(p->ctx.arena, "breakdown %s %.17g, unfolded %.17g",
                             name, a->breakdown_s[c], b->breakdown_s[c]);
        if (apart(a->critical_path_s[c], b->critical_path_s[c], tol))
            return lh_format(p->ctx.arena,
                             "critical path %s %.17g, unfolded %.17g", name,
                             a->critical_path_s[c], b->critical_path_s[c]);
    }
    return NULL;
}

static const char *link_differs(struct pair *p)
{
    const struct lh__fold *a = &p->placed[FOLDED].fold;
    const struct lh__fold *b = &p->placed[UNFOLDED].fold;
    for (int l = 0; l < lh_topology_link_count(p->topology); l++) {
        int32_t i = a->link_class[l], j = b->link_class[l];
        double x = i < 0 ? 0 : p->trace[FOLDED].link_bytes[i];
        double y = j < 0 ? 0 : p->trace[UNFOLDED].link_bytes[j];
        if (apart(x, y, 1e-9 * y))
            return lh_format(p->ctx.arena,
                             "link %s: %.17g bytes, unfolded %.17g",
                             lh_topology_link_at(p->topology, l).name, x, y);
    }
    return NULL;
}

/* Bytes of all links of a kind, as users see them. */
static const char *kind_differs(struct pair *p)
{
    double sum[SIDES][LH_LINK_KINDS] = {{0}};
    for (int s = 0; s < SIDES; s++) {
        const struct lh_result *r = &p->result[s];
        for (int i = 0; i < r->n_links; i++)
            sum[s][r->links[i].kind] +=
                (double)r->links[i].count * r->links[i].bytes;
    }
    for (int k = 0; k < LH_LINK_KINDS; k++) {
        if (apart(sum[FOLDED][k], sum[UNFOLDED][k], 1e-9 * sum[UNFOLDED][k]))
            return lh_format(p->ctx.arena,
                             "links of kind %d: %.17g bytes, unfolded %.17g",
                             k, sum[FOLDED][k], sum[UNFOLDED][k]);
    }
    return NULL;
}

/* Every operation of a rank at the same time as its class's; where the sides
 * simulated different numbers of steps, counted from the step's begin. */
static const char *rank_differs(struct pair *p, lh_rank rank)
{
    const struct lh_trace *a = &p->trace[FOLDED], *b = &p->trace[UNFOLDED];
    int32_t i = p->placed[FOLDED].fold.rank_class[rank];
    int32_t j = p->placed[UNFOLDED].fold.rank_class[rank];
    double tol = 1e-9 * b->step_time_s;
    bool same_step = a->steps_simulated == b->steps_simulated;
    double from_a = same_step ? 0 : a->class_begin_s[i];
    double from_b = same_step ? 0 : b->class_begin_s[j];
    if (apart(a->class_end_s[i] - from_a, b->class_end_s[j] - from_b, tol))
        return lh_format(p->ctx.arena, "rank %lld ends %.17g, unfolded %.17g",
                         (long long)rank, a->class_end_s[i],
                         b->class_end_s[j]);
    int64_t n = a->class_first[i + 1] - a->class_first[i];
    if (n != b->class_first[j + 1] - b->class_first[j])
        return "a rank has another template than its class";
    for (int64_t o = 0; o < n; o++) {
        int64_t x = a->class_first[i] + o, y = b->class_first[j] + o;
        if (apart(a->posted_s[x] - from_a, b->posted_s[y] - from_b, tol) ||
            apart(a->start_s[x] - from_a, b->start_s[y] - from_b, tol) ||
            apart(a->end_s[x] - from_a, b->end_s[y] - from_b, tol))
            return lh_format(p->ctx.arena,
                             "rank %lld, op %lld: posted start end %.17g "
                             "%.17g %.17g, unfolded %.17g %.17g %.17g",
                             (long long)rank, (long long)o, a->posted_s[x],
                             a->start_s[x], a->end_s[x], b->posted_s[y],
                             b->start_s[y], b->end_s[y]);
    }
    return NULL;
}

/* The placed step on the fake engine, where groups alone on their links are
 * flows like all; false: it deadlocks. */
static bool run_fake(struct lh__exec_output *out, struct pair *p,
                     const struct lh__placed *placed)
{
    struct lh__placed shared = *placed;
    shared.group_alone_s = NULL;
    struct lh_arena *arena = p->ctx.arena;
    size_t n = (size_t)placed->n_records;
    size_t classes = (size_t)placed->n_classes;
    struct lh__exec_options exec = {.steps_max = LH__STEPS_MAX};
    struct lh_engine engine;
    *out = (struct lh__exec_output){
        .posted_s = LH_NEW(arena, double, n),
        .start_s = LH_NEW(arena, double, n),
        .end_s = LH_NEW(arena, double, n),
        .late = LH_NEW(arena, int64_t, n),
        .class_begin_s = LH_NEW(arena, double, classes),
        .class_end_s = LH_NEW(arena, double, classes)};
    LH_REQUIRE(fake_engine_open(&engine, placed->n_engine_links,
                                placed->engine_capacity, &p->ctx) == LH_OK);
    for (int32_t i = 0; i < placed->n_shapes; i++)
        (void)fake_engine_channel(&engine, &placed->channels[i]);
    return lh__exec_run(out, &shared, &engine, &exec, &p->ctx) == LH_OK;
}

/* The engine: the fake one gives the same times, with groups that are alone on
 * their links as flows. */
static const char *engine_differs(struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    struct lh__exec_output fake;
    if (!run_fake(&fake, p, &p->placed[FOLDED]))
        return "the fake engine fails";
    if (fake.steps != t->steps_simulated)
        return NULL;
    for (int64_t r = 0; r < t->n_records; r++) {
        if (apart(t->end_s[r], fake.end_s[r], 1e-9 * t->step_time_s))
            return lh_format(p->ctx.arena,
                             "record %lld ends %.17g, on the fake engine "
                             "%.17g",
                             (long long)r, t->end_s[r], fake.end_s[r]);
    }
    return NULL;
}

static const char *pair_differs(struct pair *p)
{
    const char *why = result_differs(p);
    if (why == NULL)
        why = link_differs(p);
    if (why == NULL)
        why = kind_differs(p);
    if (why == NULL &&
        p->trace[FOLDED].steady != p->trace[UNFOLDED].steady)
        why = "only one of both is steady";
    for (lh_rank r = 0; r < lh_axes_ranks(&p->program.axes) && !why; r++)
        why = rank_differs(p, r);
    return why != NULL ? why : engine_differs(p);
}

/* ---- what occurs --------------------------------------------------------- */

enum feature {
    FOLDS, TIES, TWO_STREAMS, UNEVEN, SKEWED, PART_NODE, PART_GROUP, IDLE,
    UNEQUAL_SITES, THREE_SITES, STAGES_ACROSS, GPIPE, INTERLEAVED, ZERO,
    OVERLAP, RECOMPUTE, NO_SEQUENCE, ON_RAILS, ON_TREE, ON_SWITCH,
    OVERSUBSCRIBED, FLAT, HIERARCHICAL, UNEQUAL_FIBRES, HUBS, SLOW_FIBRE,
    WINDOW, UNSTEADY, MULTI_STEP, N_FEATURES
};

static const char *const feature_names[N_FEATURES] = {
    "1 < classes < ranks / 2", "two groups end at one instant",
    "two streams in flight", "uneven stages", "unequal weights",
    "partly filled node", "partly filled pod", "idle accelerators",
    "unequal sites", "three sites", "stages across sites", "gpipe",
    "interleaved", "zero 1", "overlap", "full recomputation",
    "no sequence parallelism", "rails", "fat-tree", "switch",
    "oversubscribed", "flat-ring", "hierarchical", "unequal fibres", "hub",
    "fibre of 1 Gbit/s", "a window that limits", "not steady", "more than one step"};

/* The steady state is found at once or not: these two just happen. */
static bool is_required(int f)
{
    return f != UNSTEADY && f != MULTI_STEP;
}

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Two groups of the folded step end at the same instant. */
static bool has_ties(struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    double *end = LH_NEW(p->ctx.arena, double, t->n_groups);
    for (int64_t r = 0; r < t->n_records; r++) {
        if (t->group[r] >= 0)
            end[t->group[r]] = t->end_s[r];
    }
    qsort(end, (size_t)t->n_groups, sizeof *end, by_value);
    for (int32_t g = 1; g < t->n_groups; g++) {
        if (end[g] - end[g - 1] <= 1e-13 * end[g])
            return true;
    }
    return false;
}

/* A rank has communications of two streams in flight at once. */
static bool has_two_streams(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    for (int32_t c = 0; c < t->n_classes; c++) {
        const struct lh_op *ops =
            p->program.templates[t->class_template[c]].ops;
        int64_t first = t->class_first[c];
        for (int64_t i = first; i < t->class_first[c + 1]; i++) {
            for (int64_t k = first; t->group[i] >= 0 && k < i; k++) {
                if (t->group[k] >= 0 &&
                    ops[i - first].stream != ops[k - first].stream &&
                    t->start_s[i] < t->end_s[k] * (1 - 1e-9) &&
                    t->start_s[k] < t->end_s[i] * (1 - 1e-9))
                    return true;
            }
        }
    }
    return false;
}

static bool has_skewed_weights(const struct pair *p)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        const struct lh__shape *s = &placed->shapes[i];
        for (int32_t k = 1; k < s->n_links; k++) {
            if (s->weights[k] != s->weights[0])
                return true;
        }
    }
    return false;
}

/* A flow's cap is below what its links would give it alone. */
static bool has_limiting_window(const struct pair *p)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        const struct lh_channel_spec *c = &placed->channels[i];
        double rate = INFINITY;
        for (int32_t k = 0; k < c->n_links; k++)
            rate = fmin(rate, placed->engine_capacity[c->links[k]] /
                                  (double)c->weights[k]);
        if (c->cap_bytes_per_s < rate)
            return true;
    }
    return false;
}

static bool sites_differ(const struct draw *d)
{
    for (int i = 1; i < d->n_sites; i++) {
        const struct site *a = &d->sites[0], *b = &d->sites[i];
        if (a->parts != b->parts || a->fabric != b->fabric ||
            a->a100 != b->a100 || a->node != b->node)
            return true;
    }
    return false;
}

static void sites_tally(bool *has, const struct draw *d)
{
    for (int i = 0; i < d->n_sites; i++) {
        const struct site *s = &d->sites[i];
        bool nodes = s->fabric != SWITCH;
        int gpus = gpus_of(d, i);
        int n_nodes = (gpus + s->node - 1) / s->node;
        has[PART_NODE] |= nodes && gpus % s->node != 0;
        has[PART_GROUP] |= nodes && n_nodes > s->group[0] &&
                           n_nodes % s->group[0] != 0;
        has[OVERSUBSCRIBED] |= nodes && s->over > 1 && n_nodes > s->group[0];
        has[ON_RAILS] |= s->fabric == RAILS;
        has[ON_TREE] |= s->fabric == FAT_TREE;
        has[ON_SWITCH] |= s->fabric == SWITCH;
    }
}

static void tally(int *count, const struct draw *d, struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    bool sites = d->n_sites > 1;
    bool has[N_FEATURES] = {
        [FOLDS] = t->n_classes > 1 && 2 * t->n_classes < ranks_of(d),
        [TIES] = has_ties(p),
        [TWO_STREAMS] = has_two_streams(p),
        [UNEVEN] = d->uneven > 0 && d->surplus > 0,
        [SKEWED] = has_skewed_weights(p),
        [IDLE] = d->spare > 0,
        [UNEQUAL_SITES] = sites_differ(d),
        [THREE_SITES] = d->n_sites == 3,
        [STAGES_ACROSS] = d->stages_across,
        [GPIPE] = d->pipeline > 1 && d->schedule == LH_SCHEDULE_GPIPE,
        [INTERLEAVED] = d->schedule == LH_SCHEDULE_INTERLEAVED,
        [ZERO] = d->zero == 1,
        [OVERLAP] = d->overlap,
        [RECOMPUTE] = d->recompute == 2,
        [NO_SEQUENCE] = d->tensor > 1 && !d->sequence_parallel,
        [FLAT] = sites && !d->stages_across && d->algorithm == 1,
        [HIERARCHICAL] = sites && !d->stages_across && d->algorithm == 2,
        [UNEQUAL_FIBRES] = d->n_sites == 3 && d->fibres == LISTED,
        [HUBS] = d->n_sites == 3 && d->fibres == HUB,
        [SLOW_FIBRE] = sites && d->gbit == 1,
        [WINDOW] = has_limiting_window(p),
        [UNSTEADY] = !t->steady,
        [MULTI_STEP] = t->steps_simulated > 1};
    sites_tally(has, d);
    for (int f = 0; f < N_FEATURES; f++)
        count[f] += has[f];
}

/* ---- smaller scenarios that still fail ----------------------------------- */

enum { SHRINKS = 18 };

/* One way to make it smaller; settle() and a comparison follow. */
static void shrink(struct draw *d, int way)
{
    static const struct site plain = {
        .parts = 1, .fabric = SWITCH, .node = 8, .group = {1, 2}, .over = 1};
    switch (way) {
    case 0: d->n_sites -= d->n_sites > 1; break;
    case 1: d->pipeline -= d->pipeline > 1; break;
    case 2: d->tensor = d->tensor > 1 ? d->tensor / 2 : 1; break;
    case 3: d->data = (d->data + 1) / 2; break;
    case 4: case 5: case 6:
        d->sites[way - 4].parts = (d->sites[way - 4].parts + 1) / 2;
        break;
    case 7: d->micro_batches = 1; break;
    case 8: d->schedule = LH_SCHEDULE_1F1B; break;
    case 9: d->uneven = 0; break;
    case 10: d->surplus = 0; break;
    case 11: d->zero = 0; d->recompute = 0; break;
    case 12: d->overlap = false; break;
    case 13: d->sequence_parallel = true; break;
    case 14: d->algorithm = 0; d->spare = 0; break;
    case 15:
        d->fibres = MESH;
        d->gbit = 100;
        d->km = 10;
        d->window_kib = 0;
        break;
    case 16:
        for (int i = 0; i < SITES_MAX; i++) {
            d->sites[i].over = 1;
            d->sites[i].gateway_gbit = 0;
            d->sites[i].a100 = false;
        }
        break;
    default:
        for (int i = 0; i < SITES_MAX; i++) {
            int parts = d->sites[i].parts;
            d->sites[i] = plain;
            d->sites[i].parts = parts;
        }
    }
    settle(d);
}

struct outcome {
    bool refused; /* not a scenario */
    bool failed;
    bool failed_to_run;
    char text[4096], why[1024];
};

static void say(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text);
}

/* Runs one draw; counts its features where `count` is not NULL. */
static void try(struct outcome *out, const struct draw *d, const char *dir,
                int *count)
{
    struct pair p = {.ctx = lh_ctx_begin()};
    const char *why = NULL;
    *out = (struct outcome){0};
    enum lh_status st = pair_build(&p, d, dir);
    out->refused = st == LH_BAD_INPUT;
    if (st == LH_OK)
        st = pair_run(&p);
    if (st != LH_OK) {
        int n = lh_diag_total(&p.ctx);
        why = n > 0 ? lh_diag_at(&p.ctx, n - 1)->text : "no message";
        out->failed_to_run = !out->refused;
    } else {
        why = pair_differs(&p);
        if (count != NULL)
            tally(count, d, &p);
    }
    if (why != NULL)
        say(out->why, sizeof out->why, why);
    out->failed = why != NULL && !out->refused;
    say(out->text, sizeof out->text, p.text);
    pair_end(&p);
}

/* Falls with every step that is taken, so that shrinking ends. */
static int cost(const struct draw *d)
{
    int n = 16 * ranks_of(d) + 16 * d->n_sites + 4 * chunks_of(d) +
            d->surplus + d->micro_batches + d->uneven + d->zero +
            d->recompute + d->algorithm + d->overlap + d->spare +
            !d->sequence_parallel + 4 * (d->schedule != LH_SCHEDULE_1F1B) +
            (int)d->fibres + (d->gbit != 100) + (d->km != 10);
    for (int i = 0; i < SITES_MAX; i++) {
        const struct site *s = &d->sites[i];
        n += 2 * (s->fabric != SWITCH) + s->over + s->a100 +
             (s->gateway_gbit > 0);
    }
    return n;
}

static bool shrinks(struct outcome *worst, struct draw *d, int way,
                    const char *dir)
{
    struct draw smaller = *d;
    struct outcome now;
    shrink(&smaller, way);
    if (cost(&smaller) >= cost(d))
        return false;
    try(&now, &smaller, dir, NULL);
    if (!now.failed || now.failed_to_run != worst->failed_to_run)
        return false;
    *d = smaller;
    *worst = now;
    return true;
}

static void report(const struct outcome *first, struct draw d, const char *dir)
{
    struct outcome worst = *first;
    printf("seed %llu: %s\n%s", (unsigned long long)d.seed, worst.why,
           worst.text);
    for (bool again = true; again;) {
        again = false;
        for (int way = 0; way < SHRINKS; way++)
            again |= shrinks(&worst, &d, way, dir);
    }
    printf("smallest that fails (layers %d, hidden %d): %s\n%s",
           chunks_of(&d) + d.surplus, d.hidden, worst.why, worst.text);
}

/* ---- the property -------------------------------------------------------- */

/* Set by main() alone. */
static struct {
    int draws;
    uint64_t seed;
} options;

static char *folder_make(char *name)
{
    char *dir = mkdtemp(name);
    LH_REQUIRE(dir != NULL);
    return dir;
}

static void folder_remove(const char *dir)
{
    char path[256];
    snprintf(path, sizeof path, "%s/c.json", dir);
    (void)remove(path);
    (void)rmdir(dir);
}

/* Of five hundred draws at least 150 fold, and 20 have each feature; of fewer
 * at least one. */
static void tally_check(const int *count)
{
    for (int f = 0; f < N_FEATURES; f++) {
        int least = f == FOLDS ? 150 : is_required(f) ? 20 : 0;
        printf("  %4d  %s\n", count[f], feature_names[f]);
        if (options.draws >= 500)
            LH_CHECK(count[f] >= least);
        else if (options.draws >= DRAWS)
            LH_CHECK(least == 0 || count[f] > 0);
    }
}

static void folded_equals_unfolded(void)
{
    char name[] = "/tmp/longhaul-fold-XXXXXX";
    char *dir = folder_make(name);
    int count[N_FEATURES] = {0}, n_failed = 0, n_refused = 0, n_done = 0;
    uint64_t seed = options.seed;
    printf("%d draws from seed %llu\n", options.draws,
           (unsigned long long)seed);
    for (; n_done < options.draws && n_failed < 3; seed++) {
        struct draw d = draw_make(seed);
        struct outcome out;
        try(&out, &d, dir, count);
        n_refused += out.refused;
        n_done += !out.refused;
        if (out.refused && n_refused == 1)
            printf("refused: %s\n%s", out.why, out.text);
        if (out.failed) {
            report(&out, d, dir);
            n_failed++;
        }
    }
    folder_remove(dir);
    LH_CHECK(n_failed == 0);
    LH_CHECK(n_done == options.draws);
    LH_CHECK(n_refused == 0);
    if (n_failed == 0)
        tally_check(count);
}

/* ---- planted wrong folds ------------------------------------------------- */

/* A step on two unequal sites with small pods, where gradients' buckets and
 * activations share the links between sites and pods. */
static const struct draw planted = {
    .n_sites = 2,
    .sites = {{.parts = 4, .fabric = RAILS, .node = 4, .group = {1, 2},
               .over = 4},
              {.parts = 3, .fabric = RAILS, .node = 4, .group = {1, 2},
               .over = 4}},
    .tensor = 2, .pipeline = 2, .schedule = LH_SCHEDULE_1F1B,
    .interleave = 1, .surplus = 2, .hidden = 2048, .micro_batches = 3,
    .bucket_mb = 16, .sequence_parallel = true, .overlap = true,
    .algorithm = 1, .fibres = MESH, .gbit = 100, .km = 10};

struct plant {
    struct pair pair;
    struct lh__incidence incidence;
    struct lh__fold fold;
};

static void plant_begin(struct plant *plant)
{
    struct pair *p = &plant->pair;
    char name[] = "/tmp/longhaul-fold-XXXXXX";
    char *dir = folder_make(name);
    *p = (struct pair){.ctx = lh_ctx_begin()};
    enum lh_status st = pair_build(p, &planted, dir);
    if (st == LH_OK)
        st = lh__place(&p->placed[FOLDED], &p->point[FOLDED], &p->ctx);
    if (st == LH_OK)
        st = lh__incidence_build(&plant->incidence, &p->point[FOLDED],
                                 &p->ctx);
    folder_remove(dir);
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
                          int64_t *size, int64_t *first)
{
    for (int32_t i = 0; i < n_classes; i++)
        size[i] = 0;
    for (int64_t x = n - 1; x >= 0; x--) {
        if (class[x] < 0)
            continue;
        size[class[x]]++;
        first[class[x]] = x;
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
    int64_t *link_first = LH_NEW(p->pair.ctx.arena, int64_t, f->n_links);
    recount_class(f->rank_class, in->ranks.n, f->n_ranks, f->rank_size,
                  f->rank_first);
    recount_class(f->comm_class, in->n_comms, f->n_comms, f->comm_size,
                  f->comm_first);
    recount_class(f->link_class, in->n_links, f->n_links, f->link_size,
                  link_first);
    for (int32_t j = 0; j < f->n_links; j++)
        f->link_first[j] = (lh_link)link_first[j];
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
    f.rank_first = copied(p, f.rank_first, f.n_ranks, wide);
    f.comm_first = copied(p, f.comm_first, f.n_comms, wide);
    f.link_first = copied(p, f.link_first, f.n_links, sizeof(lh_link));
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
static void the_right_fold_is_accepted(void)
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
static void classes_that_collide_are_refused(void)
{
    struct plant p;
    plant_begin(&p);
    const struct lh__fold *f = &p.fold;
    int32_t n[] = {[RANKS] = f->n_ranks, [COMMS] = f->n_comms,
                   [LINKS] = f->n_links};
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

static void one_moved_to_another_class_is_refused(void)
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
static void a_wrong_weight_is_refused(void)
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

static void another_latency_in_a_class_is_refused(void)
{
    struct plant p;
    plant_begin(&p);
    struct lh__incidence *in = &p.incidence;
    const struct lh__fold *f = &p.fold;
    int tried = 0, passed = 0;
    for (int64_t x = 0; x < in->n_comms; x++) {
        if (f->comm_size[f->comm_class[x]] == 1)
            continue;
        double right_s = in->latency_s[x];
        in->latency_s[x] = right_s * (1 + 1e-12);
        passed += accepted(&p, f);
        in->latency_s[x] = right_s;
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
    if (!run_fake(&now, p, placed))
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

static void a_dropped_order_is_seen(void)
{
    struct plant p;
    struct lh__exec_output right;
    int64_t record[2] = {0, 0};
    plant_begin(&p);
    LH_REQUIRE(run_fake(&right, &p.pair, &p.pair.placed[FOLDED]));
    LH_CHECK(same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    LH_REQUIRE(two_buckets(&p.pair, record));
    exchange(&p.pair.placed[FOLDED], record[0], record[1]);
    LH_CHECK(!same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    exchange(&p.pair.placed[FOLDED], record[0], record[1]);
    LH_CHECK(same_times(&p.pair, &right, &p.pair.placed[FOLDED]));
    plant_end(&p);
}

enum spoil { ALPHA, PHI, GCD, CAP, N_SPOILS };

static void spoil(struct lh__shape *s, enum spoil what)
{
    switch (what) {
    case ALPHA: s->alpha_s *= 1.01; break;
    case PHI: s->phi *= 4; break;
    case CAP: s->cap_bytes_per_s = 1e6; break;
    default: /* the divisor taken from the weights, not given to the unit */
        for (int32_t k = 0; k < s->n_links; k++)
            s->weights[k] *= 2;
    }
}

/* Shapes whose spoiling shows: the alpha of all, the unit of all that cross
 * links, the phi of those that share a link that limits. */
static void a_wrong_shape_is_seen(void)
{
    struct plant p;
    struct lh__exec_output right;
    int seen[N_SPOILS] = {0}, n_crossing = 0;
    plant_begin(&p);
    struct lh__placed *placed = &p.pair.placed[FOLDED];
    LH_REQUIRE(run_fake(&right, &p.pair, placed));
    for (int32_t i = 0; i < placed->n_shapes; i++)
        n_crossing += placed->shapes[i].n_links > 0;
    for (int what = 0; what < N_SPOILS; what++) {
        for (int32_t i = 0; i < placed->n_shapes; i++) {
            struct lh__shape *s = &placed->shapes[i], kept = *s;
            s->weights = copied(&p, kept.weights, kept.n_links,
                                sizeof *s->weights);
            spoil(s, (enum spoil)what);
            lh__place_reduce(placed, &p.pair.ctx);
            seen[what] += !same_times(&p.pair, &right, placed);
            *s = kept;
        }
    }
    lh__place_reduce(placed, &p.pair.ctx);
    LH_CHECK(same_times(&p.pair, &right, placed));
    printf("(of %d shapes, %d on links, seen: alpha %d, phi %d, gcd %d, "
           "cap %d) ",
           placed->n_shapes, n_crossing, seen[ALPHA], seen[PHI], seen[GCD],
           seen[CAP]);
    LH_CHECK(seen[ALPHA] == placed->n_shapes);
    LH_CHECK(n_crossing > 4 && seen[GCD] == n_crossing);
    LH_CHECK(seen[CAP] == n_crossing);
    LH_CHECK(seen[PHI] >= 1);
    plant_end(&p);
}

int main(int argc, char **argv)
{
    static const struct lh_unit tests[] = {
        {"the right fold is accepted", the_right_fold_is_accepted},
        {"classes that collide are refused", classes_that_collide_are_refused},
        {"one moved to another class is refused",
         one_moved_to_another_class_is_refused},
        {"a wrong weight is refused", a_wrong_weight_is_refused},
        {"another latency in a class is refused",
         another_latency_in_a_class_is_refused},
        {"a dropped order is seen", a_dropped_order_is_seen},
        {"a wrong shape is seen", a_wrong_shape_is_seen},
        {"folded equals unfolded", folded_equals_unfolded},
    };
    options.draws = argc > 1 ? atoi(argv[1]) : DRAWS;
    options.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed_default;
    return lh_unit_run("fold", tests, LH_COUNT(tests));
}
