/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a scenario to its step program: axes, communication rows that stages
 * share, then one template a stage and device.  Third stage of the path of
 * the data; knows no links and no hosts.
 *
 * Axes: tensor has stride 1, then context, then expert; replicas across sites:
 * pipeline, then data outermost; stages across sites: data, then pipeline
 * outermost.  Expert is taken out of data (Megatron-Core's order tp-cp-ep), so
 * that the accelerators of an all-to-all stand as near as they can; experts
 * across sites: it is outermost.  Data is two axes where groups of plan.shard
 * replicas share their state, or reductions have levels: shard within (beside
 * context and expert), data over the groups; and where islands of replicas
 * agree now and then: shard within an island, or within its groups and group
 * over these, data over the islands.
 *
 * transfer.c says when stages send to each other, routes.c what.
 */
#include "workload.h"

#include <string.h>

static const char *const category_names[LH_CATEGORIES] = {
    "compute",         "recompute",    "tensor_comm",
    "expert_comm",     "context_comm", "pipeline_comm",
    "pipeline_bubble", "data_comm",    "wan_comm",
    "optimizer",       "wait",         "other",
};

static const char *const collective_names[LH_COLLECTIVES] = {
    "all-reduce", "reduce-scatter", "all-gather", "all-to-all", "send",
};

const char *lh_category_name(enum lh_category category)
{
    return category_names[category];
}

const char *lh_collective_name(enum lh_collective c)
{
    return collective_names[c];
}

lh_rank lh_axes_ranks(const struct lh_axes *axes)
{
    lh_rank n = 1;

    for (int i = 0; i < LH_AXES; i++)
        n *= axes->size[i];
    return n;
}

int64_t lh_axes_replicas(const struct lh_axes *axes)
{
    return axes->size[LH_AXIS_EXPERT] * axes->size[LH_AXIS_SHARD]
           * axes->size[LH_AXIS_GROUP] * axes->size[LH_AXIS_DATA];
}

int64_t lh_axes_coordinate(const struct lh_axes *axes, lh_rank rank,
                           enum lh_axis axis)
{
    return rank / axes->stride[axis] % axes->size[axis];
}

/* Is what is computed given, not worked out of a model? */
static bool is_given(const struct lh_scenario *s)
{
    return s->ideal.layers > 0 || s->traced.file;
}

static void axes_make(struct lh_axes *out, const struct lh__fit *fit)
{
    const struct lh_scenario *s = fit->scenario;
    static const enum lh_axis orders[][LH_AXES] = {
        [LH_ACROSS_DATA] = {LH_AXIS_TENSOR, LH_AXIS_CONTEXT, LH_AXIS_EXPERT,
                            LH_AXIS_PIPELINE, LH_AXIS_SHARD, LH_AXIS_GROUP,
                            LH_AXIS_DATA},
        [LH_ACROSS_PIPELINE] = {LH_AXIS_TENSOR, LH_AXIS_CONTEXT, LH_AXIS_EXPERT,
                                LH_AXIS_SHARD, LH_AXIS_GROUP, LH_AXIS_DATA,
                                LH_AXIS_PIPELINE},
        [LH_ACROSS_EXPERT] = {LH_AXIS_TENSOR, LH_AXIS_CONTEXT, LH_AXIS_PIPELINE,
                              LH_AXIS_SHARD, LH_AXIS_GROUP, LH_AXIS_DATA,
                              LH_AXIS_EXPERT},
    };
    const enum lh_axis *order = orders[s->across_sites];
    int64_t stride = 1;

    out->size[LH_AXIS_TENSOR] = s->plan.tensor;
    out->size[LH_AXIS_CONTEXT] = s->plan.context;
    out->size[LH_AXIS_PIPELINE] = s->plan.pipeline;
    out->size[LH_AXIS_EXPERT] = lh_expert_replicas(&s->plan);
    out->size[LH_AXIS_SHARD] = out->size[LH_AXIS_GROUP] = 1;
    if (fit->shard_axes & LH_AXIS_BIT(LH_AXIS_SHARD))
        out->size[LH_AXIS_SHARD] =
            fit->group / s->plan.context / out->size[LH_AXIS_EXPERT];
    if (s->sync != LH_SYNC_EVERY_STEP)
        out->size[LH_AXIS_GROUP] = fit->data / fit->group;
    out->size[LH_AXIS_DATA] =
        fit->replicas / out->size[LH_AXIS_EXPERT]
        / (out->size[LH_AXIS_SHARD] * out->size[LH_AXIS_GROUP]);
    for (int i = 0; i < LH_AXES; i++) {
        out->stride[order[i]] = stride;
        stride *= out->size[order[i]];
    }
}

void lh__devices_make(struct lh_program *out, const struct lh_scenario *s,
                      struct lh_ctx *ctx)
{
    size_t n = (size_t)s->n_sites;

    out->n_devices = 0;
    out->devices = LH_NEW(ctx->arena, const struct lh_device *, n);
    out->site_device = LH_NEW(ctx->arena, int, n);
    for (int i = 0; i < s->n_sites; i++) {
        int d = 0;

        while (d < out->n_devices
               && strcmp(out->devices[d]->name, s->sites[i].device.name) != 0)
            d++;
        if (d == out->n_devices)
            out->devices[out->n_devices++] = &s->sites[i].device;
        out->site_device[i] = d;
    }
}

/* What is left of a chunk's passes while slots are run. */
struct chunk_state {
    bool begun;
    int left; /* backwards */
};

static void emit_slot(struct lh__builder *b, const struct lh__slot *slot,
                      struct chunk_state *state)
{
    b->micro_batch = slot->micro_batch;
    b->half = slot->half;
    if (slot->half == LH__INPUTS) {
        lh__pass_backward(b, slot->chunk, false);
    } else if (slot->half == LH__WEIGHTS) {
        lh__pass_weights(b, slot->chunk, --state->left == 0);
    } else if (slot->backward) {
        lh__pass_backward(b, slot->chunk, --state->left == 0);
    } else {
        lh__pass_forward(b, slot->chunk, !state->begun);
        state->begun = true;
    }
}

/* The passes from `first` on that no blocking transfer interrupts. */
static struct lh__slots slots_group(const struct lh__slots *slots, int first)
{
    struct lh__slots group = {.at = &slots->at[first]};

    while (first + group.n < slots->n) {
        group.n++;
        if (!slots->at[first + group.n - 1].joined)
            break;
    }
    return group;
}

/* Runs the stage's slots in order; a chunk's first forward and last backward
 * are told so. */
static void emit_slots(struct lh__builder *b)
{
    struct lh__slots slots, group = {0}, next;
    bool blocking = !b->fit->scenario->plan.overlap_pipeline;
    int begin = 0;
    size_t n_chunks = (size_t)b->fit->n_chunks;
    struct chunk_state *chunks =
        LH_NEW(b->ctx->arena, struct chunk_state, n_chunks);
    struct lh__pair pair = {0};

    for (size_t c = 0; c < n_chunks; c++)
        chunks[c].left = lh__fit_passes(b->fit);
    lh__slots_make(&slots, b->fit, b->stage, b->ctx);
    for (int i = 0; i < slots.n; i++) {
        const struct lh__slot *slot = &slots.at[i];

        if (blocking && i == begin + group.n) {
            next = slots_group(&slots, i);
            lh__transfer_batch(b, &group, &next);
            group = next;
            begin = i;
        }
        if (slot->paired) {
            lh__emit_cut(b);
            pair = (struct lh__pair){.first = b->n_ops, .first_dep = b->n_deps};
            b->paired_end = LH__NO_OP;
        }
        b->paired = slot->paired;
        emit_slot(b, slot, &chunks[slot->chunk]);
        lh__emit_flush(b);
        if (slot->paired)
            pair.middle = b->n_ops;
        else if (i > 0 && slots.at[i - 1].paired)
            lh__pair_merge(b, &pair);
    }
    b->half = LH__WHOLE;
    next = (struct lh__slots){0};
    if (blocking)
        lh__transfer_batch(b, &group, &next);
}

static void emit_transformer(struct lh__builder *b)
{
    struct lh_arena *arena = b->ctx->arena;

    b->merge = b->fit->dims.tensor * b->fit->dims.context == 1.0
               && b->fit->scenario->plan.expert == 1;
    b->loss = LH_NEW(arena, int32_t, (size_t)b->fit->n_micro_batches);
    b->turns =
        lh_alloc(arena, 2 * (size_t)b->fit->n_micro_batches, sizeof *b->turns);
    b->loads = lh__routing_loads(b->fit->scenario, arena);
    lh__costs_make(&b->costs, b->fit, b->device);
    lh__sync_buckets(b);
    lh__weights_begin(b);
    emit_slots(b);
    lh__sync_finish(b);
}

/* `shared` has the plan, the rows and what stages share. */
static void template_make(struct lh_template *out,
                          const struct lh__builder *shared, int stage,
                          const struct lh_device *device)
{
    struct lh__builder b = *shared;
    struct lh_arena *arena = b.ctx->arena;

    b.stage = stage;
    b.device = device;
    b.flow = b.last_compute = b.first_compute = LH__NO_OP;
    b.gate = -1;
    if (b.fit->scenario->ideal.layers > 0)
        lh__ideal_emit(&b);
    else if (b.fit->scenario->traced.simai)
        lh__simai_emit(&b);
    else
        emit_transformer(&b);
    lh__builder_finish(out, &b);
    out->stage = stage;
    out->name = lh_format(arena, "stage %d of %d on %s", stage, b.fit->n_stages,
                          device->name);
}

/* What replicas of a device have of their own. */
struct of_device {
    struct lh__fit fit;
    int32_t *sends;
};

/* `devices`: NULL where all have equally many micro-batches. */
static void templates_make(struct lh_program *out, struct lh__builder *b,
                           const struct of_device *devices)
{
    int n_devices = out->n_devices;
    struct lh__shared_rows shared = {0};

    out->n_templates = b->fit->n_stages * n_devices;
    out->templates =
        LH_NEW(b->ctx->arena, struct lh_template, (size_t)out->n_templates);
    for (int stage = 0; stage < b->fit->n_stages; stage++) {
        b->next_row = b->rows->n;
        shared.n = 0;
        for (int d = 0; d < n_devices; d++) {
            struct lh_template *t = &out->templates[stage * n_devices + d];

            if (devices) {
                b->fit = &devices[d].fit;
                b->sends = devices[d].sends;
                b->shared = &shared;
                shared.is_first = d == 0;
                shared.next = 0;
            }
            template_make(t, b, stage, out->devices[d]);
            t->device = d;
        }
    }
}

static void stages_make(struct lh_program *out, const struct lh__fit *fit,
                        struct lh_ctx *ctx)
{
    size_t n = (size_t)fit->n_stages;

    out->n_stages = fit->n_stages;
    out->memory = LH_NEW(ctx->arena, struct lh_memory, n);
    out->stage_layers = LH_NEW(ctx->arena, int64_t, n);
    for (int stage = 0; stage < fit->n_stages; stage++) {
        if (is_given(fit->scenario)) {
            out->memory[stage].parameters = fit->scenario->ideal.parameters;
            out->stage_layers[stage] = fit->scenario->ideal.layers;
            continue;
        }
        lh__memory_make(&out->memory[stage], fit, stage, ctx);
        for (int c = 0; c < fit->n_chunks; c++)
            out->stage_layers[stage] += lh__fit_chunk(fit, stage, c)->n_layers;
    }
}

/* Of all accelerators that wait for each other in every step. */
static double slowest(const struct lh_axes *axes, const struct lh_scenario *s)
{
    int64_t islands =
        s->sync == LH_SYNC_EVERY_STEP ? 1 : axes->size[LH_AXIS_DATA];

    return lh__slowest_of((double)(lh_axes_ranks(axes) / islands));
}

/* The first device's rows come first, as where all are equal. */
static struct of_device *devices_fit(struct lh__rows *rows,
                                     const struct lh__fit *fit,
                                     const int64_t *batches, int n,
                                     struct lh_ctx *ctx)
{
    struct of_device *devices = LH_NEW(ctx->arena, struct of_device, (size_t)n);

    for (int d = 0; d < n; d++) {
        devices[d].fit = *fit;
        devices[d].fit.n_micro_batches = (int)batches[d];
        devices[d].sends = lh__route_rows(rows, &devices[d].fit, ctx);
    }
    return devices;
}

/* What learners push, one after the other. */
static void fragments_make(struct lh_program *out, const struct lh__fit *fit,
                           struct lh_ctx *ctx)
{
    const struct lh_scenario *s = fit->scenario;

    if (s->sync != LH_SYNC_ASYNC_DILOCO || s->ideal.layers > 0)
        return;
    out->n_fragments = lh__fragments(&s->outer);
    out->fragment_parameters =
        LH_NEW(ctx->arena, double, (size_t)out->n_fragments);
    for (int64_t f = 0; f < out->n_fragments; f++)
        out->fragment_parameters[f] = lh__fragment_parameters(fit, f);
}

/* batches: of a replica on each device; NULL: all alike. */
static void program_make(struct lh_program *out, const struct lh__fit *fit,
                         int64_t *batches, struct lh_ctx *ctx)
{
    const struct lh_scenario *scenario = fit->scenario;
    struct lh__fit most = *fit;
    struct lh__rows rows = {0};
    struct lh__builder b = {.ctx = ctx, .fit = fit, .rows = &rows};
    struct lh_program program = {.device_batches = batches};
    struct of_device *devices = NULL;
    bool given = is_given(scenario);

    axes_make(&program.axes, fit);
    b.slowest = given ? 0.0 : slowest(&program.axes, scenario);
    lh__devices_make(&program, scenario, ctx);
    for (int d = 0; batches && d < program.n_devices; d++)
        if (batches[d] > most.n_micro_batches)
            most.n_micro_batches = (int)batches[d];
    stages_make(&program, &most, ctx);
    fragments_make(&program, fit, ctx);
    if (batches)
        devices = devices_fit(&rows, fit, batches, program.n_devices, ctx);
    else
        b.sends = lh__route_rows(&rows, fit, ctx);
    if (!given)
        lh__sync_rows(&b);
    templates_make(&program, &b, devices);
    program.n_comms = rows.n;
    program.comms = rows.at;
    program.micro_batches = fit->n_micro_batches;
    program.cycle_steps =
        scenario->sync == LH_SYNC_EVERY_STEP
            ? 1
            : scenario->outer.every * lh__outer_rounds(scenario);
    program.once = scenario->traced.file != NULL;
    program.tokens = program.once ? 0 :
        scenario->training.global_batch * scenario->training.sequence_length;
    if (!given)
        lh__flops_make(&program.model_flops, &program.hardware_flops, scenario);
    *out = program;
}

enum lh_status lh_program_build(struct lh_program *out,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx)
{
    struct lh__fit fit;
    enum lh_status st = LH_OK;

    if (scenario->traced.chakra)
        return lh__chakra_program(out, scenario, ctx);
    if (scenario->ideal.layers > 0)
        lh__ideal_fit(&fit, scenario);
    else if (scenario->traced.simai)
        lh__simai_fit(&fit, scenario);
    else
        st = lh__fit_make(&fit, scenario, ctx);
    if (st != LH_OK)
        return st;
    program_make(out, &fit, NULL, ctx);
    if (scenario->replica_batch == LH_BATCH_PROPORTIONAL)
        program_make(out, &fit, lh__portions(out, &fit, ctx), ctx);
    return LH_OK;
}
