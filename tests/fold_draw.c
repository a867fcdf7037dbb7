/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random scenarios for tests/test_fold.c, and smaller ones.  One draw in four
 * is regular: many equal pods, the last of which may be short.
 *
 * Leaves out: plans that do not fit the memory of a device, which run all the
 * same.
 */
#include "fold_draw.h"

#include "unit.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t next(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

static int below(uint64_t *state, int n)
{
    return (int)(next(state) % (uint64_t)n);
}

static bool one_in(uint64_t *state, int n)
{
    return below(state, n) == 0;
}

/* ---- sizes --------------------------------------------------------------- */

int draw_chunks(const struct draw *d)
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

/* Is each replica split across sites? */
static bool is_across(const struct draw *d)
{
    return d->stages_across || d->experts_across;
}

int draw_data(const struct draw *d)
{
    return is_across(d) ? d->data : parts_of(d);
}

int draw_ranks(const struct draw *d)
{
    return d->tensor * d->context * d->pipeline * draw_data(d);
}

int draw_gpus(const struct draw *d, int site)
{
    int part =
        d->tensor * d->context * (d->stages_across ? d->data : d->pipeline);
    if (d->experts_across)
        part *= d->data / d->expert;
    return part * d->sites[site].parts + (site == 0 ? d->spare : 0);
}

int draw_exchange_members(const struct draw *d)
{
    int data = d->expert > 1 ? draw_data(d) / d->expert : draw_data(d);
    return data * (d->exchange.over_tensor ? d->tensor : 1);
}

int64_t draw_load(const struct draw *d, int64_t member)
{
    const struct exchange *e = &d->exchange;
    if (e->period > 0)
        member %= e->period;
    uint64_t drawn = mix(d->seed * 0x2545f4914f6cdd1du + (uint64_t)member);
    switch (e->loads) {
    case POWER_LOADS: return (int64_t)1 << (drawn % 8);
    case ZIPF_LOADS: return 1000 / (1 + (int64_t)(drawn % 64));
    default: return 1;
    }
}

/* ---- plans that are allowed ---------------------------------------------- */

/* As many experts as sites have parts, and a replica or two of each. */
static void settle_across(struct draw *d)
{
    if (d->n_sites == 1 || d->stages_across || d->ideal)
        d->experts_across = false;
    if (!d->experts_across)
        return;
    d->expert = d->n_sites == 2 ? 2 : 4;
    for (int i = 0; i < d->n_sites; i++)
        d->sites[i].parts = i == 2 ? 2 : 1;
    d->spare = 0;
    d->data = d->expert * (1 + d->data % 2);
    d->sequence_parallel = true;
    if (draw_ranks(d) > RANKS_MAX)
        d->data = d->expert;
    while (draw_ranks(d) > RANKS_MAX && d->context > 1)
        d->context /= 2;
    while (draw_ranks(d) > RANKS_MAX)
        d->tensor /= 2;
}

static void settle_ranks(struct draw *d)
{
    if (d->experts_across)
        return;
    while (draw_ranks(d) > RANKS_MAX && d->stages_across && d->data > 1)
        d->data--;
    while (draw_ranks(d) > RANKS_MAX && d->stages_across) {
        if (d->context > 1)
            d->context /= 2;
        else
            d->tensor /= 2;
    }
    while (draw_ranks(d) > RANKS_MAX) {
        struct site *most = &d->sites[0];
        for (int i = 1; i < d->n_sites; i++) {
            if (d->sites[i].parts > most->parts)
                most = &d->sites[i];
        }
        if (most->parts > 1)
            most->parts--;
        else if (d->context > 1)
            d->context /= 2;
        else
            d->tensor /= 2;
    }
    if (draw_ranks(d) < 4 && d->stages_across)
        d->data = 4;
    else if (draw_ranks(d) < 4)
        d->sites[0].parts += 3;
}

/* Are groups of so many replicas whole at each site? */
static bool groups_fit(const struct draw *d, int n)
{
    if (d->expert > 1 && n % d->expert != 0)
        return false;
    if (is_across(d))
        return draw_data(d) % n == 0;
    for (int i = 0; i < d->n_sites; i++) {
        if (d->sites[i].parts % n != 0)
            return false;
    }
    return true;
}

static void settle_shards(struct draw *d)
{
    bool islands = d->islands.kind != LH_SYNC_EVERY_STEP;
    int whole = d->islands.size;
    if (islands && d->shard > 0)
        d->shard = whole % 2 == 0 ? whole / 2 : 0;
    if (d->shard > 0 && d->expert > 1)
        d->shard = (d->shard > 4 ? 1 : 2) * d->expert;
    if (d->zero == 0 || d->shard < 2 || !groups_fit(d, d->shard)
        || (islands && whole % d->shard != 0))
        d->shard = 0;
    if (d->zero < 3) {
        d->prefetch = 1;
        d->keep_weights = false;
    } else if (d->schedule >= LH_SCHEDULE_DUALPIPE) {
        d->keep_weights = true;
    }
}

/* Whole groups of replicas that share experts; fewer in a group where they are
 * more than RANKS_MAX. */
static void settle_experts(struct draw *d)
{
    if (d->expert == 0 || d->experts_across) {
        d->whole = d->whole && d->tensor > 1 && d->expert > 0
                   && d->expert * d->tensor <= 16;
        return;
    }
    d->sequence_parallel = true;
    for (;; d->expert /= 2) {
        struct draw grouped = *d;
        int e = d->expert;
        grouped.data = e * ((d->data + e - 1) / e);
        for (int i = 0; !d->stages_across && i < d->n_sites; i++)
            grouped.sites[i].parts = e * ((d->sites[i].parts + e - 1) / e);
        if (e == 1 || draw_ranks(&grouped) <= RANKS_MAX) {
            *d = grouped;
            break;
        }
    }
    d->whole = d->whole && d->tensor > 1 && d->expert * d->tensor <= 16;
    d->zipf = d->zipf && (d->whole || d->expert > 1);
    d->relay = d->relay && (d->whole || d->expert > 1);
}

/* Are there several islands in a site? */
static bool has_several(const struct draw *d)
{
    for (int i = 0; !is_across(d) && i < d->n_sites; i++) {
        if (d->sites[i].parts > d->islands.size)
            return true;
    }
    return is_across(d);
}

/* Do islands end where sites do, or divide them? */
static bool islands_fit(const struct draw *d, int size)
{
    int begin = 0;
    if (is_across(d))
        return draw_data(d) % size == 0;
    for (int i = 0; i < d->n_sites; i++) {
        int here = d->sites[i].parts;
        bool within = begin % size == 0 && here % size == 0;
        if (!within && begin / size != (begin + here - 1) / size)
            return false;
        begin += here;
    }
    return begin % size == 0;
}

static void settle_gossip(struct draw *d)
{
    struct islands *s = &d->islands;
    int n = draw_data(d) / s->size;
    if (s->kind != LH_SYNC_GOSSIP)
        return;
    s->flat = s->exchanges = d->ideal = false;
    s->hypercube = s->hypercube && (n & (n - 1)) == 0;
    if (s->outer)
        s->compression = 0;
    if (s->every > 8)
        s->every = 8;
}

/* Not with hashed routes: islands that collide on cables and do not wait for
 * each other amplify the rounding that tells the engines apart; so do several
 * of a site, and take few steps, and those whose experts are across sites. */
static void settle_islands(struct draw *d)
{
    struct islands *s = &d->islands;
    if (s->kind == LH_SYNC_EVERY_STEP || d->experts_across) {
        *s = (struct islands){0};
        return;
    }
    d->hashed = false;
    s->flat = s->flat && d->zero == 0 && !s->exchanges;
    if (s->flat || s->exchanges)
        s->compression = 0;
    while (s->size > 1 && !islands_fit(d, s->size))
        s->size--;
    if (d->expert > 1 && s->size % d->expert != 0)
        s->size = d->expert;
    if (s->every < 1)
        s->every = 1;
    if (s->every > 4 && has_several(d))
        s->every = 4;
    if (s->kind != LH_SYNC_STREAMING_DILOCO) {
        s->fragments = 1;
        s->sequential = false;
    }
    if (s->kind == LH_SYNC_LOCAL_SGD || s->kind == LH_SYNC_GOSSIP)
        s->on_host = false;
    settle_gossip(d);
    if (s->fragments > s->every)
        s->fragments = s->every;
    if (s->overlap >= s->every)
        s->overlap = s->every - 1;
}

/* What one part of a plan leaves of another. */
static void settle_pairs(struct draw *d)
{
    if (d->expert > 0) {
        d->hides_tensor = d->operators = d->parallel = d->looks_near = false;
        d->rank = 0;
    }
    if (d->context > 1)
        d->looks_near = d->old_stack = false;
    if (d->operators)
        d->parallel = d->old_stack = false;
    d->blocks =
        d->blocks && d->pipeline > 1 && d->schedule < LH_SCHEDULE_DUALPIPE;
    if (d->operators || d->zero > 1 || d->schedule >= LH_SCHEDULE_ZERO_BUBBLE)
        d->rank = 0;
    if (!d->fp8 || d->zero == 0)
        d->narrow_gathers = false;
    d->few_adapters = d->few_adapters && d->rank > 0;
    if (d->schedule != LH_SCHEDULE_INTERLEAVED || d->zero > 1 || d->ideal
        || d->islands.kind != LH_SYNC_EVERY_STEP)
        d->pairs = false;
    d->blocks = d->blocks && !d->pairs;
}

/* Does a group of two or more divide the replicas of every site? */
static bool divides_all(const struct draw *d)
{
    int n = 2;
    for (; n <= d->sites[0].parts; n++) {
        bool all = true;
        for (int i = 0; i < d->n_sites; i++)
            all = all && d->sites[i].parts % n == 0;
        if (all)
            return true;
    }
    return d->context > 1;
}

/* Not what warns, or is refused. */
static void settle_overlap(struct draw *d)
{
    bool islands = d->islands.kind != LH_SYNC_EVERY_STEP;
    if (d->ideal || !d->overlap) {
        d->forward = d->levels = false;
        return;
    }
    if (d->zero == 3 || d->schedule == LH_SCHEDULE_DUALPIPE
        || (islands ? d->islands.size : draw_data(d)) * d->context == 1
        || (islands && d->zero == 0))
        d->forward = false;
    if (d->zero > 1 || d->shard > 0 || d->n_sites == 1 || is_across(d)
        || !divides_all(d) || (islands && d->islands.size <= d->sites[0].parts))
        d->levels = false;
}

/* Stages in pairs, and enough micro-batches to fill them. */
static void settle_ways(struct draw *d)
{
    if (d->schedule < LH_SCHEDULE_DUALPIPE)
        return;
    if (d->pipeline < 2
        || (d->schedule == LH_SCHEDULE_DUALPIPE && d->pipeline % 2 > 0)) {
        d->schedule = LH_SCHEDULE_1F1B;
        return;
    }
    d->micro_batches = (d->micro_batches > 2 ? 3 : 2) * d->pipeline;
}

/* Makes what was drawn (or made smaller) a plan that is allowed. */
static void settle(struct draw *d)
{
    if (d->ideal) {
        d->tensor = d->context = d->pipeline = 1;
        d->expert = d->zero = 0;
        d->stages_across = d->fp8 = d->hides_tensor = false;
        d->operators = d->parallel = d->looks_near = d->old_stack = false;
        d->rank = 0;
        d->schedule = LH_SCHEDULE_1F1B;
    }
    if (d->n_sites == 1 || d->pipeline < d->n_sites)
        d->stages_across = false;
    if (d->pipeline == 1 && d->schedule == LH_SCHEDULE_INTERLEAVED)
        d->schedule = LH_SCHEDULE_1F1B;
    settle_ways(d);
    d->interleave = d->schedule == LH_SCHEDULE_INTERLEAVED
                            || d->schedule == LH_SCHEDULE_DUALPIPE_V
                        ? 2
                        : 1;
    if (d->schedule == LH_SCHEDULE_INTERLEAVED)
        d->micro_batches = d->micro_batches > 2 ? 2 * d->pipeline : d->pipeline;
    if (draw_chunks(d) == 1)
        d->uneven = 0;
    if (d->tensor == 1 || !d->sequence_parallel)
        d->hides_tensor = false;
    for (int i = 0; i < SITES_MAX && d->fp8; i++)
        d->sites[i].a100 = false;
    for (int i = 0; d->stages_across && i < d->n_sites; i++)
        d->sites[i].parts = i == 0 ? d->pipeline - d->n_sites + 1 : 1;
    if (d->stages_across)
        d->spare = 0;
    settle_across(d);
    settle_pairs(d);
    settle_ranks(d);
    settle_experts(d);
    settle_islands(d);
    settle_shards(d);
    settle_overlap(d);
    if (d->spare >= d->tensor * d->context * d->pipeline)
        d->spare = 0;
    if (draw_exchange_members(d) < 2)
        d->exchange = (struct exchange){0};
    if (d->n_sites == 1)
        d->window = (struct window){0};
    if (d->window.streams > 0)
        d->fibres = LISTED;
}

/* ---- drawing ------------------------------------------------------------- */

static void draw_site(struct site *s, uint64_t *r)
{
    static const int nodes[] = {2, 3, 4, 4, 6, 8, 8};
    *s = (struct site){.parts = 1 + below(r, 4),
                       .fabric = (enum fabric)below(r, N_FABRICS),
                       .node = nodes[below(r, LH_COUNT(nodes))],
                       .group = {1 + below(r, 3), 2 + below(r, 2)},
                       .over = 1 << below(r, 3),
                       .a100 = one_in(r, 6),
                       .gateway_gbit = one_in(r, 4) ? 100 : 0};
    if (s->fabric == SWITCH && one_in(r, 2))
        s->fabric = RAILS;
}

static void draw_sites(struct draw *d, uint64_t *r)
{
    d->n_sites = 1 + below(r, SITES_MAX);
    draw_site(&d->sites[0], r);
    bool equal = one_in(r, 2);
    for (int i = 1; i < SITES_MAX; i++) {
        draw_site(&d->sites[i], r);
        if (equal)
            d->sites[i] = d->sites[0];
    }
}

static void draw_plan(struct draw *d, uint64_t *r)
{
    static const int tensors[] = {1, 1, 2, 2, 4, 4, 8};
    static const int contexts[] = {1, 1, 1, 2, 4};
    static const int pipelines[] = {1, 1, 2, 2, 3, 4};
    static const enum lh_schedule schedules[] = {
        LH_SCHEDULE_GPIPE,       LH_SCHEDULE_1F1B,     LH_SCHEDULE_INTERLEAVED,
        LH_SCHEDULE_ZERO_BUBBLE, LH_SCHEDULE_DUALPIPE, LH_SCHEDULE_DUALPIPE_V};
    d->tensor = tensors[below(r, LH_COUNT(tensors))];
    d->context = contexts[below(r, LH_COUNT(contexts))];
    d->gathers = one_in(r, 2);
    d->pipeline = pipelines[below(r, LH_COUNT(pipelines))];
    d->data = 1 + below(r, 8);
    d->stages_across = one_in(r, 3);
    if (d->stages_across && d->pipeline < d->n_sites)
        d->pipeline = d->n_sites;
    d->schedule = schedules[below(r, LH_COUNT(schedules))];
    d->interleave = 1;
    d->surplus = below(r, 4);
    d->uneven = one_in(r, 3) ? 1 + below(r, 3) : 0;
    d->hidden = 512 << below(r, 3);
    d->micro_batches = 1 + below(r, 4);
    d->bucket_mb = 4 << (2 * below(r, 3));
    d->zero = below(r, 4);
    d->recompute = below(r, 3);
    d->algorithm = below(r, 3);
    d->sequence_parallel = one_in(r, 2);
    d->overlap = !one_in(r, 3);
    d->spare = one_in(r, 5) ? 1 + below(r, 3) : 0;
}

/* Many equal pods of one or two nodes; the last may be short or idle. */
static void draw_regular(struct draw *d, uint64_t *r)
{
    static const int nodes[] = {2, 3, 4, 6};
    d->n_sites = one_in(r, 3) ? 2 : 1;
    d->stages_across = false;
    d->tensor = 1 << below(r, 3);
    d->pipeline = 1 + below(r, 2);
    if (d->context > 2)
        d->context = 2;
    int replica = d->tensor * d->context * d->pipeline;
    d->sites[0] = (struct site){.parts = RANKS_MAX / (d->n_sites * replica)
                                         - (one_in(r, 2) ? 1 + below(r, 2) : 0),
                                .fabric = one_in(r, 3) ? FAT_TREE : RAILS,
                                .node = nodes[below(r, LH_COUNT(nodes))],
                                .group = {1 + below(r, 2), 2},
                                .over = 1 << below(r, 3)};
    if (d->sites[0].parts < 1)
        d->sites[0].parts = 1;
    d->sites[1] = d->sites[0];
    d->spare = one_in(r, 3) ? below(r, replica) : 0;
}

static void draw_exchange(struct exchange *e, uint64_t *r)
{
    static const int periods[] = {0, 0, 2, 4};
    *e = (struct exchange){.mb = 1 << below(r, 9),
                           .over_tensor = one_in(r, 2),
                           .on_tensor = one_in(r, 3),
                           .is_awaited = one_in(r, 3),
                           .after_percent = below(r, 100),
                           .loads = (enum loads)below(r, N_LOADS),
                           .period = periods[below(r, LH_COUNT(periods))]};
}

static void draw_fault(struct fault *f, uint64_t *r)
{
    static const enum fault_kind kinds[] = {STRAGGLER, LATE_STRAGGLER,
                                            SLOW_LINK, OUTAGE};
    *f = (struct fault){.kind = kinds[below(r, LH_COUNT(kinds))],
                        .pick = next(r),
                        .at_permille = below(r, 1000),
                        .for_permille = 1 + below(r, 500),
                        .percent = 10 + below(r, 90)};
}

/* A cut with another route, where there is no fault; of its own seed. */
static void draw_detour(struct draw *d)
{
    uint64_t state = mix(d->seed + 17), *r = &state;
    if (!one_in(r, 4) || d->n_sites < 2 || d->fault.kind != NO_FAULT)
        return;
    draw_fault(&d->fault, r);
    d->fault.kind = DETOUR;
}

static void draw_window(struct draw *d, uint64_t *r)
{
    d->window = (struct window){.streams = 1 << below(r, 3),
                                .kib = 64 << (2 * below(r, 3))};
    if (d->gbit < 100)
        d->gbit *= 100;
}

/* Over few cables flows collide, over as many as a leaf has NICs few do. */
static void draw_hash(struct draw *d, uint64_t *r)
{
    d->hashed = true;
    for (int i = 0; i < SITES_MAX; i++)
        d->sites[i].cables = one_in(r, 2) ? 2 + below(r, 3) : 0;
}

/* Of their own seed, so that the other draws stay as they were. */
static void draw_shards(struct draw *d)
{
    uint64_t state = mix(d->seed + 3), *r = &state;
    d->shard = one_in(r, 2) ? 2 << below(r, 2) : 0;
    d->prefetch = one_in(r, 3) ? 1 + below(r, 3) : 0;
    d->keep_weights = one_in(r, 4);
    if (d->pipeline == 1 && one_in(r, 2))
        d->zero = one_in(r, 3) ? 2 : 3;
}

/* Of their own seed, as shards.  A fat-tree's are a leaf, or all below a switch
 * of the second level. */
static void draw_buildings(struct draw *d)
{
    uint64_t state = mix(d->seed + 5), *r = &state;
    for (int i = 0; i < SITES_MAX; i++) {
        struct site *s = &d->sites[i];
        if (one_in(r, 4) && (s->fabric == RAILS || s->fabric == FAT_TREE))
            s->building = s->fabric == RAILS ? 1 + below(r, 3)
                          : one_in(r, 2)     ? 1
                                             : s->group[1];
    }
}

/* Of their own seed: a newer library, whose all-gathers may be trees, and
 * reductions in the network too; and often a plan that uses either. */
static void draw_library(struct draw *d)
{
    uint64_t state = mix(d->seed + 7), *r = &state;
    for (int i = 0; i < SITES_MAX; i++) {
        struct site *s = &d->sites[i];
        s->new_library = one_in(r, 2);
        s->sharp = s->in_network && one_in(r, 3);
    }
    if (!one_in(r, 12) || (d->tensor == 8 && !d->sequence_parallel))
        return;
    d->sites[0].node = 4;
    d->tensor = one_in(r, 2) ? 4 : 2;
    d->hidden = 4096;
    d->zero = d->tensor == 2 ? 0 : 1;
    d->context = d->pipeline = 1;
    d->n_sites = 1;
    d->stages_across = false;
    d->algorithm = 0;
    d->sites[0].parts = 8;
}

/* Of parts of sites. */
static void draw_pairs(struct draw *d, uint64_t *r)
{
    d->islands = (struct islands){.kind = LH_SYNC_GOSSIP,
                                  .size = 1 + below(r, 4),
                                  .every = 1 + below(r, 8),
                                  .overlap = one_in(r, 2) ? 0 : 1,
                                  .payload = below(r, 4),
                                  .compression = below(r, 4),
                                  .hypercube = one_in(r, 2),
                                  .outer = one_in(r, 2)};
}

/* Three sites alike, of which one rests; after what else changes sites. */
static void draw_rest(struct draw *d)
{
    if (d->islands.kind != LH_SYNC_GOSSIP)
        return;
    d->n_sites = 3;
    d->stages_across = d->experts_across = false;
    d->sites[1].parts = d->sites[2].parts = d->sites[0].parts;
    d->islands.size = d->sites[0].parts;
}

static void draw_islands(struct draw *d)
{
    static const enum lh_sync_kind kinds[] = {LH_SYNC_LOCAL_SGD, LH_SYNC_DILOCO,
                                              LH_SYNC_STREAMING_DILOCO,
                                              LH_SYNC_STREAMING_DILOCO};
    uint64_t state = mix(d->seed + 13), *r = &state;
    if (d->shard > 0 ? !one_in(r, 5) : !one_in(r, 2)) {
        if (one_in(r, 4))
            draw_pairs(d, r);
        return;
    }
    d->islands = (struct islands){
        .kind = kinds[below(r, LH_COUNT(kinds))],
        .size = one_in(r, 3) ? 1 + below(r, 4) : d->sites[0].parts,
        .every = 1 + below(r, 24),
        .fragments = 2 + below(r, 4),
        .overlap = one_in(r, 3) ? 0 : 1 + below(r, 3),
        .payload = below(r, 4),
        .sequential = one_in(r, 2),
        .exchanges = one_in(r, 3),
        .on_host = one_in(r, 4),

        .flat = !one_in(r, 3),
        .compression = one_in(r, 2) ? 1 + below(r, 3) : 0};
    if (one_in(r, 3)) { /* a campus of two */
        d->n_sites = 3;
        d->stages_across = false;
        d->sites[2].parts = d->sites[0].parts + d->sites[1].parts;
        d->islands.size = d->sites[2].parts;
    }
    if (d->islands.flat && d->zero == 1)
        d->zero = 0;
}

/* Often a plan whose reductions have levels. */
static void draw_levels(struct draw *d)
{
    d->zero %= 2;
    d->shard = 0;
    d->overlap = true;
    d->stages_across = d->experts_across = false;
    if (d->n_sites == 1)
        d->n_sites = 2;
    for (int i = 0; i < SITES_MAX; i++)
        d->sites[i].parts += d->sites[i].parts % 2;
}

/* Of their own seed, as shards; and islands of two shard groups, or whose
 * micro-batches go both ways. */
static void draw_overlaps(struct draw *d)
{
    uint64_t state = mix(d->seed + 19), *r = &state;
    bool islands = d->islands.kind != LH_SYNC_EVERY_STEP;
    d->forward = one_in(r, 2);
    d->levels = !one_in(r, 3);
    d->experts_across = !islands && d->sequence_parallel && one_in(r, 2);
    if (!islands && !d->experts_across && d->levels && one_in(r, 2))
        draw_levels(d);
    if (!d->experts_across && one_in(r, 5))
        d->sequence_parallel = false;
    if (islands && d->pipeline > 1 && one_in(r, 3))
        d->schedule =
            one_in(r, 2) ? LH_SCHEDULE_DUALPIPE : LH_SCHEDULE_DUALPIPE_V;
    if (!islands || d->islands.size > d->sites[0].parts || d->tensor == 8
        || (d->islands.flat && d->zero == 0))
        return;
    d->tensor = d->tensor > 2 ? 2 : d->tensor;
    d->context = 1;
    d->pipeline = d->pipeline > 2 ? 2 : d->pipeline;
    d->n_sites = d->n_sites > 2 ? 2 : d->n_sites;
    d->islands.size = 4;
    for (int i = 0; i < SITES_MAX; i++)
        d->sites[i].parts = 4;
    d->zero = 1 + below(r, 3);
    d->shard = 2;
}

/* Groups of one or two nodes. */
static void draw_dragonfly(struct site *s, uint64_t *r)
{
    s->fabric = DRAGONFLY;
    s->node = 1 << below(r, 3);
    s->group[0] = 1 + below(r, 2);
    s->valiant = one_in(r, 2);
}

/* Reductions in switches, and often a plan that uses them: all-reduces of 8
 * members in one node, long enough. */
static void draw_in_network(struct draw *d, uint64_t *r)
{
    bool is_used = one_in(r, 10);
    for (int i = 0; i < SITES_MAX; i++) {
        struct site *s = &d->sites[i];
        s->in_network = s->fabric != SWITCH && !one_in(r, 3);
        if (is_used && s->fabric != SWITCH)
            s->node = 8;
    }
    if (!is_used)
        return;
    d->tensor = 8;
    d->hidden = 4096;
    d->sequence_parallel = false;
}

static void draw_side_by_side(struct draw *d, uint64_t *r)
{
    d->pairs = true;
    d->schedule = LH_SCHEDULE_INTERLEAVED;
    d->pipeline = d->pipeline > 1 ? d->pipeline : 2;
    d->zero = below(r, 2);
    d->ideal = false;
    d->islands.kind = LH_SYNC_EVERY_STEP;
}

/* Of their own seed: two devices, and batches in proportion. */
static void draw_portions(struct draw *d)
{
    uint64_t state = mix(d->seed + 19), *r = &state;
    d->portions = !one_in(r, 4) && d->n_sites > 1 && !d->stages_across
                  && d->islands.compression == 0;
    if (!d->portions)
        return;
    d->sites[1].a100 = !d->sites[0].a100;
    d->micro_batches += 3;
    if (d->zero > 1)
        d->zero = d->islands.flat ? 0 : 1;
    if (d->schedule >= LH_SCHEDULE_DUALPIPE)
        d->schedule = LH_SCHEDULE_ZERO_BUBBLE;
}

bool draw_has_portions(const struct draw *d)
{
    bool mixed = false;
    for (int i = 1; i < d->n_sites; i++)
        mixed |= d->sites[i].a100 != d->sites[0].a100;
    return d->portions && mixed && !d->ideal && !d->stages_across
           && !d->experts_across && d->exchange.mb == 0 && d->zero < 2
           && d->schedule < LH_SCHEDULE_DUALPIPE;
}

struct draw draw_make(uint64_t seed)
{
    static const int gbits[] = {1, 10, 100, 800};
    static const enum fibres fibres[] = {HUB,  HUB,    HUB,   RING,
                                         MESH, LISTED, LISTED};
    uint64_t state = seed * 0x2545f4914f6cdd1du, *r = &state;
    struct draw d = {.seed = seed};
    draw_sites(&d, r);
    draw_plan(&d, r);
    d.fibres = fibres[below(r, LH_COUNT(fibres))];
    d.gbit = gbits[below(r, LH_COUNT(gbits))];
    d.km = one_in(r, 2) ? 10 : 1000;
    if (one_in(r, 4))
        draw_regular(&d, r);
    if (one_in(r, 4))
        draw_exchange(&d.exchange, r);
    if (one_in(r, 2))
        draw_fault(&d.fault, r);
    if (one_in(r, 5))
        draw_window(&d, r);
    if (one_in(r, 4))
        draw_hash(&d, r);
    for (int i = 0; i < SITES_MAX; i++)
        if (one_in(r, 6))
            draw_dragonfly(&d.sites[i], r);
    if (one_in(r, 4)) {
        d.expert = 1 << below(r, 4);
        d.zipf = one_in(r, 2);
        d.relay = one_in(r, 2);
        d.whole = !one_in(r, 3);
    }
    draw_detour(&d);
    draw_shards(&d);
    draw_buildings(&d);
    draw_islands(&d);
    draw_in_network(&d, r);
    draw_library(&d);
    draw_overlaps(&d);
    draw_portions(&d);
    uint64_t other = mix(seed + 11);
    d.ideal = d.zero == 0 && one_in(&other, 4);
    d.fp8 = one_in(r, d.zero == 3 ? 2 : 4);
    d.hides_tensor = one_in(r, 3);
    d.operators = one_in(r, 5);
    d.blocks = one_in(r, 3);
    d.parallel = one_in(r, 4);
    d.looks_near = one_in(r, 8);
    d.old_stack = !one_in(r, 3);
    d.narrow_gathers = one_in(r, 2);
    d.rank = one_in(r, 4) ? 4 << below(r, 3) : 0;
    d.few_adapters = one_in(r, 2);
    if (one_in(r, 8))
        draw_side_by_side(&d, r);
    if (!one_in(r, 3))
        draw_rest(&d);
    settle(&d);
    return d;
}

/* ---- smaller ones -------------------------------------------------------- */

static void shrink_sites(struct draw *d, bool to_switches)
{
    static const struct site plain = {
        .parts = 1, .fabric = SWITCH, .node = 8, .group = {1, 2}, .over = 1};
    for (int i = 0; i < SITES_MAX; i++) {
        struct site *s = &d->sites[i];
        int parts = s->parts;
        if (to_switches)
            *s = plain;
        s->parts = parts;
        s->over = 1;
        s->gateway_gbit = 0;
        s->valiant = false;
        s->a100 = false;
        s->in_network = false;
        s->building = 0;
        s->new_library = s->sharp = false;
    }
}

static void shrink_plan(struct draw *d, int way)
{
    switch (way) {
    case 0: d->pipeline -= d->pipeline > 1; break;
    case 1: d->tensor = d->tensor > 1 ? d->tensor / 2 : 1; break;
    case 2: d->data = (d->data + 1) / 2; break;
    case 3: d->micro_batches = 1; break;
    case 4: d->schedule = LH_SCHEDULE_1F1B; break;
    case 5: d->uneven = 0; break;
    case 6: d->surplus = 0; break;
    case 7:
        d->zero = 0;
        d->recompute = 0;
        break;
    case 8: d->overlap = false; break;
    case 9: d->sequence_parallel = true; break;
    case 10: d->shard = 0; break;
    case 11:
        d->prefetch = 1;
        d->keep_weights = false;
        break;
    case 12: d->expert /= 2; break;
    case 13: d->zipf = d->relay = d->whole = d->pairs = false; break;
    case 14: d->fp8 = false; break;
    case 15: d->hides_tensor = false; break;
    case 16: d->context = d->context > 1 ? d->context / 2 : 1; break;
    case 17: d->operators = false; break;
    case 18: d->blocks = false; break;
    case 19: d->parallel = false; break;
    case 20: d->looks_near = false; break;
    case 21: d->old_stack = false; break;
    case 22: d->narrow_gathers = false; break;
    case 23: d->portions = d->pairs = false; break;
    case 24:
        d->rank = 0;
        d->few_adapters = false;
        break;
    case 25: d->forward = false; break;
    case 26: d->levels = false; break;
    case 27: d->experts_across = false; break;
    default: d->algorithm = 0; d->spare = 0;
    }
}

void draw_shrink(struct draw *d, int way)
{
    switch (way) {
    case 0: d->exchange = (struct exchange){0}; break;
    case 1: d->fault = (struct fault){0}; break;
    case 2: d->window = (struct window){0}; break;
    case 3: d->n_sites -= d->n_sites > 1; break;
    case 4:
    case 5:
    case 6: d->sites[way - 4].parts = (d->sites[way - 4].parts + 1) / 2; break;
    case 7: shrink_sites(d, false); break;
    case 8: shrink_sites(d, true); break;
    case 9:
        d->fibres = MESH;
        d->gbit = 100;
        d->km = 10;
        break;
    case 10:
        d->exchange.loads = EVEN_LOADS;
        d->exchange.period = 0;
        break;
    case 11: d->exchange.over_tensor = d->exchange.on_tensor = false; break;
    case 12:
        if (d->fault.kind == LATE_STRAGGLER)
            d->fault.kind = STRAGGLER;
        if (d->fault.kind == DETOUR)
            d->fault.kind = OUTAGE;
        break;
    case 13: d->hashed = false; break;
    case 14:
        d->islands = (struct islands){0};
        d->ideal = false;
        break;
    case 15: d->islands.every /= 2; break;
    case 16:
        d->islands.fragments = 1;
        d->islands.overlap = 0;
        d->islands.payload = 0;
        d->islands.exchanges = d->islands.on_host = false;
        d->islands.flat = false;
        d->islands.hypercube = d->islands.outer = false;
        d->islands.compression = 0;
        break;
    default: shrink_plan(d, way - 17);
    }
    settle(d);
}

static int extras_cost(const struct draw *d)
{
    const struct exchange *e = &d->exchange;
    int n = 0;
    if (e->mb > 0)
        n += 32 + 4 * (int)e->loads + (e->period > 0) + e->over_tensor
             + e->on_tensor;
    if (d->fault.kind != NO_FAULT)
        n += 32 + (d->fault.kind != STRAGGLER) + (d->fault.kind == DETOUR);
    if (d->window.streams > 0)
        n += 32;
    if (d->hashed)
        n += 32;
    n += 32 * d->ideal + d->islands.flat + d->islands.compression;
    if (d->islands.kind != LH_SYNC_EVERY_STEP)
        n += 32 + d->islands.every + d->islands.fragments + d->islands.overlap
             + d->islands.payload + d->islands.exchanges + d->islands.on_host;
    return n;
}

/* Falls with every step of shrinking that is kept, so that it ends. */
int draw_cost(const struct draw *d)
{
    int n = 16 * draw_ranks(d) + 16 * d->n_sites + 4 * draw_chunks(d)
            + d->surplus + d->micro_batches + d->uneven + d->zero + d->recompute
            + d->shard + (d->prefetch != 1) + d->keep_weights + d->algorithm
            + d->blocks + d->parallel + d->looks_near + d->old_stack + d->fp8
            + d->narrow_gathers + (d->rank > 0) + d->few_adapters + d->operators
            + d->hides_tensor + d->overlap + d->forward + d->levels
            + d->experts_across + d->spare + !d->sequence_parallel
            + 4 * (d->schedule != LH_SCHEDULE_1F1B) + (int)d->fibres
            + (d->gbit != 100) + (d->km != 10) + 4 * d->expert + d->zipf
            + d->relay + d->whole + d->pairs + d->portions;
    for (int i = 0; i < SITES_MAX; i++) {
        const struct site *s = &d->sites[i];
        n += 2 * (s->fabric != SWITCH) + s->over + s->a100 + s->in_network
             + (s->building > 0) + (s->gateway_gbit > 0);
    }
    return n + extras_cost(d);
}
