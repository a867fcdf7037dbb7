/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What occurred in the draws of tests/test_fold.c, so that a run that no longer
 * draws a kind, or draws it where it does nothing, fails.  What can be seen in
 * the trace is looked for there.
 */
#include "fold_features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

enum feature {
    FOLDS,
    TWINS,
    LISTED_ONCE,
    TIES,
    TWO_STREAMS,
    SLOWED,
    OUTAGES,
    DETOURS,
    WINDOWED,
    HASHED,
    EXCHANGES,
    UNEVEN,
    STRAGGLERS,
    LATE_STRAGGLERS,
    SLOW_LINKS,
    EVEN_EXCHANGES,
    SKEWED,
    IN_NETWORK,
    SWITCH_TREES,
    SHARP,
    PAT,
    BY_SIZE,
    EQUAL_PODS,
    PART_NODE,
    PART_GROUP,
    IDLE,
    UNEQUAL_SITES,
    THREE_SITES,
    STAGES_ACROSS,
    EXPERTS_ACROSS,
    GPIPE,
    INTERLEAVED,
    ZERO_BUBBLE,
    DUALPIPE,
    DUALPIPE_V,
    EIGHT_BIT,
    EIGHT_BIT_EXPERTS,
    EIGHT_BIT_SHARDS,
    EIGHT_BIT_GATHERS,
    ADAPTERS,
    HIDES_TENSOR,
    HIDES_BACKWARD,
    BLOCKS,
    SCATTERED,
    PARALLEL,
    RINGS,
    GATHERS,
    ZERO,
    ZERO_2,
    ZERO_3,
    IN_TURN,
    HYBRID,
    SHARDED_STAGES,
    SHARDED_SEQUENCES,
    SHARDED_EXPERTS,
    OVERLAP,
    UPDATES_APART,
    LEVELS,
    LEVELS_APART,
    RECOMPUTE,
    OPERATORS,
    NO_SEQUENCE,
    ISLANDS,
    ISLAND_SHARDS,
    ISLAND_WAYS,
    FLAT_ISLANDS,
    CAMPUSES,
    PORTIONS,
    COMPRESSED,
    PAIRS,
    RESTS,
    IDEAL,
    STREAMS_LAYERS,
    MERGES_LATER,
    LEAVES_OUT,
    EXPERTS,
    SIDE_BY_SIDE,
    WHOLE_EXPERTS,
    POPULAR_EXPERTS,
    RELAYED,
    ON_RAILS,
    ON_TREE,
    ON_SWITCH,
    MINIMAL,
    VALIANT,
    BUILDINGS,
    OVERSUBSCRIBED,
    FLAT,
    HIERARCHICAL,
    UNEQUAL_FIBRES,
    HUBS,
    SLOW_FIBRE,
    UNSTEADY,
    MULTI_STEP
};
_Static_assert(MULTI_STEP + 1 == N_FEATURES, "features are counted");

static const char *const feature_names[N_FEATURES] = {
    [FOLDS] = "1 < classes < ranks / 2",
    [TWINS] = "classes run once for several sites",
    [LISTED_ONCE] = "repeated blocks listed once",
    [TIES] = "two groups end at one instant",
    [TWO_STREAMS] = "two streams in flight",
    [SLOWED] = "communication takes multiprocessors",
    [OUTAGES] = "outages of a link in use",
    [DETOURS] = "cuts of a fibre in use that traffic is routed around",
    [WINDOWED] = "flows at the cap of their window",
    [HASHED] = "hashed routes",
    [EXCHANGES] = "skewed all-to-all beside other flows",
    [UNEVEN] = "uneven stages",
    [STRAGGLERS] = "stragglers",
    [LATE_STRAGGLERS] = "stragglers for a while",
    [SLOW_LINKS] = "a slow link in use",
    [EVEN_EXCHANGES] = "equal all-to-all",
    [SKEWED] = "unequal weights",
    [IN_NETWORK] = "reductions in a switch",
    [SWITCH_TREES] = "trees between switches that reduce",
    [SHARP] = "reductions in the network",
    [PAT] = "all-gathers by trees",
    [BY_SIZE] = "an algorithm with two protocols",
    [EQUAL_PODS] = "8 full pods or more in a site",
    [PART_NODE] = "partly filled node",
    [PART_GROUP] = "partly filled pod",
    [IDLE] = "idle accelerators",
    [UNEQUAL_SITES] = "unequal sites",
    [THREE_SITES] = "three sites",
    [STAGES_ACROSS] = "stages across sites",
    [EXPERTS_ACROSS] = "experts across sites",
    [GPIPE] = "gpipe",
    [INTERLEAVED] = "interleaved",
    [ZERO_BUBBLE] = "zero-bubble",
    [DUALPIPE] = "dualpipe",
    [DUALPIPE_V] = "dualpipe-v",
    [EIGHT_BIT] = "fp8",
    [EIGHT_BIT_EXPERTS] = "fp8 with experts",
    [EIGHT_BIT_SHARDS] = "fp8 with zero 3",
    [EIGHT_BIT_GATHERS] = "weights gathered in fp8",
    [ADAPTERS] = "adapters beside frozen weights",
    [HIDES_TENSOR] = "tensor communication beside products",
    [HIDES_BACKWARD] = "of the backward alone",
    [BLOCKS] = "transfers that block",
    [SCATTERED] = "scattered sends",
    [PARALLEL] = "parallel blocks",
    [RINGS] = "context by ring",
    [GATHERS] = "context by all-gather",
    [ZERO] = "zero 1",
    [ZERO_2] = "zero 2",
    [ZERO_3] = "zero 3",
    [IN_TURN] = "zero 3 without prefetch",
    [HYBRID] = "shard groups of some replicas",
    [SHARDED_STAGES] = "zero 2 or 3 with a pipeline",
    [SHARDED_SEQUENCES] = "zero 2 or 3 with context",
    [SHARDED_EXPERTS] = "zero 2 or 3 with experts over replicas",
    [OVERLAP] = "overlap",
    [UPDATES_APART] = "overlap with the next forward",
    [LEVELS] = "reductions in levels",
    [LEVELS_APART] = "both",
    [RECOMPUTE] = "full recomputation",
    [OPERATORS] = "recomputation by operators, eager PyTorch",
    [NO_SEQUENCE] = "no sequence parallelism",
    [ISLANDS] = "islands that agree now and then",
    [ISLAND_SHARDS] = "islands of several shard groups",
    [ISLAND_WAYS] = "islands with dualpipe",
    [PORTIONS] = "batches in proportion to speed",
    [CAMPUSES] = "islands of several sites",
    [FLAT_ISLANDS] = "islands, all in one reduction",
    [COMPRESSED] = "islands that compress",
    [PAIRS] = "islands that meet in pairs",
    [RESTS] = "of which one rests",
    [IDEAL] = "ideal models",
    [STREAMS_LAYERS] = "fragments, one after the other",
    [MERGES_LATER] = "fragments merged steps later",
    [LEAVES_OUT] = "steps of a cycle left out",
    [EXPERTS] = "experts over replicas",
    [SIDE_BY_SIDE] = "forwards beside backwards, interleaved",
    [WHOLE_EXPERTS] = "experts over tensor and replicas",
    [POPULAR_EXPERTS] = "popular experts",
    [RELAYED] = "relayed dispatch",
    [ON_RAILS] = "rails",
    [ON_TREE] = "fat-tree",
    [ON_SWITCH] = "switch",
    [MINIMAL] = "dragonfly of three groups or more, minimal routes",
    [VALIANT] = "the same, Valiant's routes",
    [BUILDINGS] = "a site of several buildings",
    [OVERSUBSCRIBED] = "oversubscribed",
    [FLAT] = "flat-ring",
    [HIERARCHICAL] = "hierarchical",
    [UNEQUAL_FIBRES] = "unequal fibres",
    [HUBS] = "hub",
    [SLOW_FIBRE] = "fibre of 1 Gbit/s",
    [UNSTEADY] = "not steady",
    [MULTI_STEP] = "more than one step"};

/* ---- in the trace -------------------------------------------------------- */

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
                if (t->group[k] >= 0 && t->start_s[i] >= 0 && t->start_s[k] >= 0
                    && ops[i - first].stream != ops[k - first].stream
                    && t->start_s[i] < t->end_s[k] * (1 - 1e-9)
                    && t->start_s[k] < t->end_s[i] * (1 - 1e-9))
                    return true;
            }
        }
    }
    return false;
}

static bool is_skewed(const struct lh__shape *s)
{
    for (int32_t k = 1; k < s->n_links; k++) {
        if (s->weights[k] != s->weights[0])
            return true;
    }
    return false;
}

static bool has_skewed_weights(const struct pair *p)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        if (is_skewed(&placed->shapes[i]))
            return true;
    }
    return false;
}

static bool share_a_link(const struct lh__shape *a, const struct lh__shape *b)
{
    for (int32_t i = 0; i < a->n_links; i++) {
        for (int32_t k = 0; k < b->n_links; k++) {
            if (a->links[i] == b->links[k])
                return true;
        }
    }
    return false;
}

/* Another group is in flight on a link of the record's, which may be another
 * communicator's of the same row. */
static bool has_rivals(const struct pair *p, int64_t record)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    const struct lh__placed *placed = &p->placed[FOLDED];
    int32_t g = t->group[record];
    const struct lh__shape *own = &placed->shapes[placed->group_shape[g]];
    for (int64_t r = 0; r < t->n_records; r++) {
        int32_t h = t->group[r];
        if (h >= 0 && h != g && t->start_s[r] < t->end_s[record]
            && t->start_s[record] < t->end_s[r]
            && share_a_link(own, &placed->shapes[placed->group_shape[h]]))
            return true;
    }
    return false;
}

/* The all-to-all of unequal loads has unequal weights on its links and shares
 * one with another flow. */
static bool has_skewed_exchange(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    const struct lh__placed *placed = &p->placed[FOLDED];
    if (p->exchange_row < 0 || p->program.comms[p->exchange_row].load == NULL)
        return false;
    for (int64_t r = 0; r < t->n_records; r++) {
        int32_t g = t->group[r];
        if (g >= 0 && placed->group_comm[g] >= p->exchange_row
            && is_skewed(&placed->shapes[placed->group_shape[g]])
            && has_rivals(p, r))
            return true;
    }
    return false;
}

/* A flow moves at its cap from its first byte to its last. */
static bool has_binding_window(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int64_t r = 0; r < t->n_records; r++) {
        int32_t g = t->group[r];
        if (g < 0)
            continue;
        const struct lh_channel_spec *c =
            &placed->channels[placed->group_shape[g]];
        double s = t->end_s[r] - t->start_s[r] - c->alpha_s;
        if (c->cap_bytes_per_s > 0 && placed->group_bytes[g] > 0
            && !apart(s * c->cap_bytes_per_s, placed->group_bytes[g],
                      1e-6 * placed->group_bytes[g]))
            return true;
    }
    return false;
}

/* Two cables of an uplink, and of one direction, carry different bytes. */
static bool has_hashed_routes(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[UNFOLDED];
    const struct lh__fold *f = &p->placed[UNFOLDED].fold;
    lh_link n = lh_topology_first_fibre(p->topology);
    if (!lh_topology_is_hashed(p->topology))
        return false;
    for (lh_link l = 2; l < n; l++) {
        struct lh_link_info a = lh_topology_link_facts(p->topology, l - 2);
        struct lh_link_info b = lh_topology_link_facts(p->topology, l);
        int32_t i = lh__fold_link_class(f, l - 2);
        int32_t j = lh__fold_link_class(f, l);
        double x = i < 0 ? 0 : t->link_bytes[i];
        double y = j < 0 ? 0 : t->link_bytes[j];
        if (a.from == b.from && a.to == b.to && apart(x, y, 1e-6 * y))
            return true;
    }
    return false;
}

static bool has_protocol(const struct pair *p, enum lh__protocol protocol)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        if (placed->shapes[i].protocol == protocol)
            return true;
    }
    return false;
}

static bool has_two_protocols(const struct pair *p)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    for (int32_t i = 0; i < placed->n_shapes; i++) {
        for (int32_t k = 0; k < i; k++) {
            if (placed->shapes[i].algorithm == placed->shapes[k].algorithm
                && placed->shapes[i].protocol != placed->shapes[k].protocol)
                return true;
        }
    }
    return false;
}

/* ---- in what was drawn --------------------------------------------------- */

static bool sites_differ(const struct draw *d)
{
    for (int i = 1; i < d->n_sites; i++) {
        const struct site *a = &d->sites[0], *b = &d->sites[i];
        if (a->parts != b->parts || a->fabric != b->fabric || a->a100 != b->a100
            || a->node != b->node)
            return true;
    }
    return false;
}

static void sites_tally(bool *has, const struct draw *d)
{
    for (int i = 0; i < d->n_sites; i++) {
        const struct site *s = &d->sites[i];
        bool nodes = s->fabric != SWITCH;
        int gpus = draw_gpus(d, i);
        int n_nodes = (gpus + s->node - 1) / s->node;
        has[EQUAL_PODS] |= nodes && gpus / (s->node * s->group[0]) >= 8;
        has[PART_NODE] |= nodes && gpus % s->node != 0;
        has[PART_GROUP] |=
            nodes && n_nodes > s->group[0] && n_nodes % s->group[0] != 0;
        has[OVERSUBSCRIBED] |= nodes && s->over > 1 && n_nodes > s->group[0];
        has[ON_RAILS] |= s->fabric == RAILS;
        has[ON_TREE] |= s->fabric == FAT_TREE;
        has[ON_SWITCH] |= s->fabric == SWITCH;
        has[BUILDINGS] |=
            s->building > 0 && gpus > s->node * s->group[0] * s->building;
        bool groups = s->fabric == DRAGONFLY && n_nodes > 2 * s->group[0];
        has[MINIMAL] |= groups && !s->valiant;
        has[VALIANT] |= groups && s->valiant;
    }
}

static void plan_tally(bool *has, const struct draw *d)
{
    bool sites = d->n_sites > 1;
    has[UNEVEN] = d->uneven > 0 && d->surplus > 0;
    has[IDLE] = d->spare > 0;
    has[UNEQUAL_SITES] = sites_differ(d);
    has[THREE_SITES] = d->n_sites == 3;
    has[STAGES_ACROSS] = d->stages_across;
    has[EXPERTS_ACROSS] = d->experts_across;
    has[GPIPE] = d->pipeline > 1 && d->schedule == LH_SCHEDULE_GPIPE;
    has[INTERLEAVED] = d->schedule == LH_SCHEDULE_INTERLEAVED;
    has[ZERO_BUBBLE] =
        d->pipeline > 1 && d->schedule == LH_SCHEDULE_ZERO_BUBBLE;
    has[DUALPIPE] = d->schedule == LH_SCHEDULE_DUALPIPE;
    has[DUALPIPE_V] = d->schedule == LH_SCHEDULE_DUALPIPE_V;
    has[EIGHT_BIT] = d->fp8;
    has[EIGHT_BIT_EXPERTS] = d->fp8 && d->expert > 0;
    has[EIGHT_BIT_SHARDS] = d->fp8 && d->zero == 3;
    has[EIGHT_BIT_GATHERS] = d->narrow_gathers;
    has[ADAPTERS] = d->rank > 0;
    has[HIDES_TENSOR] = d->hides_tensor;
    has[HIDES_BACKWARD] = d->tensor > 1 && !d->hides_tensor;
    has[BLOCKS] = d->blocks;
    has[SCATTERED] = d->old_stack && d->tensor > 1 && d->pipeline > 1
                     && !d->sequence_parallel;
    has[PARALLEL] = d->parallel;
    has[RINGS] = d->context > 1 && !d->gathers;
    has[GATHERS] = d->context > 1 && d->gathers;
    has[ZERO] = d->zero == 1;
    has[ZERO_2] = d->zero == 2;
    has[ZERO_3] = d->zero == 3;
    has[IN_TURN] = d->zero == 3 && d->prefetch == 0;
    has[HYBRID] = d->shard > 0 && d->shard < draw_data(d);
    has[SHARDED_STAGES] = d->zero >= 2 && d->pipeline > 1;
    has[SHARDED_SEQUENCES] = d->zero >= 2 && d->context > 1;
    has[SHARDED_EXPERTS] = d->zero >= 2 && d->expert > 1;
    has[OVERLAP] = d->overlap;
    has[UPDATES_APART] = d->forward;
    has[LEVELS] = d->levels;
    has[LEVELS_APART] = d->forward && d->levels;
    has[RECOMPUTE] = d->recompute == 2 && !d->operators;
    has[OPERATORS] = d->operators;
    has[NO_SEQUENCE] = d->tensor > 1 && !d->sequence_parallel;
    has[ISLANDS] =
        d->islands.kind != LH_SYNC_EVERY_STEP && d->islands.size < draw_data(d);
    has[ISLAND_SHARDS] =
        has[ISLANDS] && d->shard > 0 && d->shard < d->islands.size;
    has[ISLAND_WAYS] = has[ISLANDS] && d->schedule >= LH_SCHEDULE_DUALPIPE;
    has[CAMPUSES] = has[ISLANDS] && !d->stages_across && !d->experts_across
                    && d->islands.size > d->sites[0].parts;
    has[FLAT_ISLANDS] = has[ISLANDS] && d->islands.flat;
    has[COMPRESSED] = has[ISLANDS] && d->islands.compression > 0;
    has[PAIRS] = has[ISLANDS] && d->islands.kind == LH_SYNC_GOSSIP;
    has[RESTS] = has[PAIRS] && draw_data(d) / d->islands.size % 2 == 1;
    has[IDEAL] = d->ideal;
    has[STREAMS_LAYERS] = has[ISLANDS] && d->islands.fragments > 1;
    has[MERGES_LATER] = has[ISLANDS] && d->islands.overlap > 0;
    has[EXPERTS] = d->expert > 1;
    has[SIDE_BY_SIDE] = d->pairs;
    has[WHOLE_EXPERTS] = d->whole;
    has[POPULAR_EXPERTS] = d->zipf;
    has[RELAYED] = d->relay;
    has[FLAT] =
        sites && !d->stages_across && !d->experts_across && d->algorithm == 1;
    has[HIERARCHICAL] =
        sites && !d->stages_across && !d->experts_across && d->algorithm == 2;
    has[UNEQUAL_FIBRES] = d->n_sites == 3 && d->fibres == LISTED;
    has[HUBS] = d->n_sites == 3 && d->fibres == HUB;
    has[SLOW_FIBRE] = sites && d->gbit == 1;
}

/* Devices have unequal numbers of micro-batches. */
static bool has_portions(const struct pair *p)
{
    const int64_t *batches = p->program.device_batches;
    for (int i = 1; batches && i < p->program.n_devices; i++) {
        if (batches[i] != batches[0])
            return true;
    }
    return false;
}

static void run_tally(bool *has, const struct draw *d, struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    enum fault_kind hit = mishap_acts(p) ? p->mishap.kind : NO_FAULT;
    int classes = t->n_classes;
    has[FOLDS] = classes > 1 && 2 * classes < draw_ranks(d);
    has[TWINS] = t->class_twin != NULL;
    has[PORTIONS] = has_portions(p);
    has[LISTED_ONCE] = p->placed[FOLDED].incidence.n_ranks < draw_ranks(d);
    has[TIES] = has_ties(p);
    has[TWO_STREAMS] = has_two_streams(p);
    has[SLOWED] = computing_is_slowed(p);
    has[OUTAGES] = hit == OUTAGE;
    has[DETOURS] = hit == DETOUR;
    has[WINDOWED] = has_binding_window(p);
    has[HASHED] = has_hashed_routes(p);
    has[EXCHANGES] = has_skewed_exchange(p);
    has[STRAGGLERS] = hit == STRAGGLER;
    has[LATE_STRAGGLERS] = hit == LATE_STRAGGLER;
    has[SLOW_LINKS] = hit == SLOW_LINK;
    has[EVEN_EXCHANGES] = d->exchange.mb > 0 && d->exchange.loads == EVEN_LOADS;
    has[SKEWED] = has_skewed_weights(p);
    has[IN_NETWORK] = has_protocol(p, LH__NVLS);
    has[SWITCH_TREES] = has_protocol(p, LH__NVLS_TREE);
    has[SHARP] = has_protocol(p, LH__SHARP);
    has[PAT] = has_protocol(p, LH__PAT);
    has[BY_SIZE] = has_two_protocols(p);
    for (int32_t i = 0; i < lh_trace_steps(t); i++)
        has[LEAVES_OUT] |= t->step_repeats[i] > 0;
    has[UNSTEADY] = !t->steady;
    has[MULTI_STEP] = t->steps_simulated > 1;
}

void features_count(int *count, const struct draw *d, struct pair *p)
{
    bool has[N_FEATURES] = {0};
    run_tally(has, d, p);
    plan_tally(has, d);
    sites_tally(has, d);
    for (int f = 0; f < N_FEATURES; f++)
        count[f] += has[f];
}

/* ---- enough of each ------------------------------------------------------ */

static bool is_fault(enum feature f)
{
    return f == OUTAGES || f == DETOURS || f == STRAGGLERS
           || f == LATE_STRAGGLERS || f == SLOW_LINKS;
}

/* Of five hundred draws.  The steady state is found at once or not: the last
 * two just happen. */
static int least_of(enum feature f, const struct drawable *can)
{
    if (f == UNSTEADY || f == MULTI_STEP)
        return 0;
    if ((is_fault(f) && !can->faults) || (f == WINDOWED && !can->windows))
        return 0;
    return f == FOLDS ? 150 : 20;
}

static const char *remark_on(enum feature f, const struct drawable *can)
{
    bool is_left_out =
        (is_fault(f) && !can->faults) || (f == WINDOWED && !can->windows);
    return is_left_out ? " (not supported by this build)" : "";
}

void features_check(const int *count, int n_draws, int n_few,
                    const struct drawable *can)
{
    for (int f = 0; f < N_FEATURES; f++) {
        int least = least_of((enum feature)f, can);
        printf("  %4d  %s%s\n", count[f], feature_names[f],
               remark_on((enum feature)f, can));
        if (n_draws >= 500)
            LH_CHECK(count[f] >= least);
        else if (n_draws >= n_few)
            LH_CHECK(least == 0 || count[f] > 0);
    }
}
