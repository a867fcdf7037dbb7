/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a bucket's gradients and weights go through over the data axis.  Called
 * by every_step.c, which says when.
 *
 *   one level   zero 0: all-reduce; zero 1+: reduce-scatter of the gradients,
 *               all-gather of the weights
 *   groups      plan.shard: what a group has summed is summed over the groups
 *               by an all-reduce of each shard, once a step, on a stream of its
 *               own (FSDP's hybrid shard)
 *   levels      plan.overlap.levels: reduce-scatter over the replicas of a
 *               site, then over the sites an all-reduce (zero 0) or a
 *               reduce-scatter (zero 1), on two streams of their own in
 *               turn; all-gathers over the sites, then inside each, on another.
 *               So two buckets are on the fibre, one's latency behind the
 *               other's bytes, while the next one is reduced inside the site
 *               (the phases of Mikami et al. 2018, a bucket each)
 *
 * plan.overlap.forward: gradients (zero 0) are reduce-scattered in the
 * backward and gathered in the order of the next forward (DeAR: Zhang et al.
 * 2023, arXiv:2302.12445), in either form; with zero 1 and 2 weights are.
 *
 * Routed experts on X = plan.expert replicas are held by data/X of them, and
 * are reduced and gathered inside a group over those alone: a second collective
 * beside that of all others.  Over groups or sites an accelerator has both in
 * one: its part of either.
 *
 * Left out: padding of buckets to equal shards.
 */
#include "../workload.h"

struct lh__comm_spec lh__shard_comm(const struct lh__builder *b,
                                    enum lh_collective collective, double bytes,
                                    enum lh_task task)
{
    /* What sync.algorithm names is for all replicas, for the groups, or
     * for islands. */
    bool part = b->fit->group < b->fit->data
                || b->fit->scenario->sync != LH_SYNC_EVERY_STEP;

    return (struct lh__comm_spec){
        .comm =
            {
                .collective = collective,
                .axes = b->fit->shard_axes,
                .bytes = bytes,
                .category = LH_DATA_COMM,
                .algorithm = part ? "auto" : b->fit->scenario->sync_algorithm,
            },
        .row = -1,
        .stream = LH_STREAM_DATA,
        .task = task,
        .role = LH_ROLE_MEMBER,
        .layer = -1,
    };
}

bool lh__shards_routed(const struct lh__fit *fit, int64_t group, double routed)
{
    int64_t expert = lh_expert_replicas(&fit->scenario->plan);

    return expert > 1 && routed > 0.0 && group > expert;
}

/* Bytes of a bucket on the way.  Adapters, embedding and head are gathered in
 * bf16. */
struct load {
    double dense, routed;
};

static struct load load_of(const struct lh__builder *b,
                           const struct lh__bucket *bucket, enum lh_task task)
{
    bool weights = task == LH_TASK_WEIGHTS;
    double wide = weights ? 2.0 : lh__gradient_bytes(b->fit);
    double bytes =
        weights && !lh__fit_is_frozen(b->fit) ? lh__gather_bytes(b->fit) : wide;

    return (struct load){
        .dense =
            bytes * (bucket->parameters - bucket->wide) + wide * bucket->wide,
        .routed = bytes * bucket->routed,
    };
}

/* Over a group, or all; routed experts last. */
static int32_t within(struct lh__builder *b, struct load load,
                      enum lh_collective collective, enum lh_task task,
                      enum lh_stream stream)
{
    bool alike = lh_expert_replicas(&b->fit->scenario->plan) == 1;
    struct lh__comm_spec spec = lh__shard_comm(
        b, collective, load.dense + (alike ? load.routed : 0.0), task);
    int32_t op;

    spec.comm.axes = b->fit->group_axes;
    spec.stream = stream;
    op = lh__emit_comm(b, &spec);
    if (lh__shards_routed(b->fit, b->fit->group, load.routed)) {
        spec.comm.bytes = load.routed;
        spec.comm.axes &= ~LH_AXIS_BIT(LH_AXIS_EXPERT);
        op = lh__emit_comm(b, &spec);
    }
    return op;
}

/* Of an accelerator's part, over the groups. */
static int32_t across(struct lh__builder *b, struct load load,
                      enum lh_collective collective, enum lh_task task,
                      enum lh_stream stream)
{
    double expert = (double)lh_expert_replicas(&b->fit->scenario->plan);
    double bytes = (load.dense + expert * load.routed) / (double)b->fit->group;
    struct lh__comm_spec spec = lh__shard_comm(b, collective, bytes, task);

    spec.comm.axes = b->fit->across_axes;
    if (b->fit->scenario->sync == LH_SYNC_EVERY_STEP)
        spec.comm.algorithm = b->fit->scenario->sync_algorithm;
    spec.stream = stream;
    return lh__emit_comm(b, &spec);
}

/* Is a gradient whole again in the backward? */
static bool gathers_at_once(const struct lh__fit *fit)
{
    return fit->scenario->plan.zero == 0 && !lh__fit_updates_apart(fit);
}

/* Two buckets are between sites at a time, so that the latency of one is behind
 * the bytes of the other. */
static enum lh_stream stream_across(const struct lh__builder *b,
                                    const struct lh__bucket *bucket)
{
    bool second = (bucket - b->buckets) % 2 > 0;

    return second && lh__fit_has_levels(b->fit) ? LH_STREAM_SITES
                                                : LH_STREAM_REPLICAS;
}

int32_t lh__bucket_reduce(struct lh__builder *b,
                          const struct lh__bucket *bucket, bool last)
{
    const enum lh_task task = LH_TASK_GRADIENTS;
    enum lh_stream stream = stream_across(b, bucket);
    bool levels = lh__fit_has_levels(b->fit);
    bool at_once = gathers_at_once(b->fit);
    struct load load = load_of(b, bucket, task);
    int32_t op =
        within(b, load, at_once && !levels ? LH_ALL_REDUCE : LH_REDUCE_SCATTER,
               task, LH_STREAM_DATA);

    if (last && lh__fit_is_hybrid(b->fit))
        across(b, load, LH_ALL_REDUCE, task, stream);
    if (!levels)
        return op;
    across(b, load, at_once ? LH_ALL_REDUCE : LH_REDUCE_SCATTER, task, stream);
    if (at_once)
        within(b, load, LH_ALL_GATHER, task, LH_STREAM_WEIGHTS);
    return op;
}

int32_t lh__bucket_gather(struct lh__builder *b,
                          const struct lh__bucket *bucket, enum lh_task task)
{
    struct load load = load_of(b, bucket, task);

    if (!lh__fit_has_levels(b->fit))
        return within(b, load, LH_ALL_GATHER, task, LH_STREAM_DATA);
    across(b, load, LH_ALL_GATHER, task, stream_across(b, bucket));
    return within(b, load, LH_ALL_GATHER, task, LH_STREAM_WEIGHTS);
}

static bool is_one_of(enum lh_stream stream, unsigned streams)
{
    return (streams & 1u << stream) != 0;
}

static int32_t last_on(const struct lh__builder *b, unsigned streams)
{
    for (int32_t i = b->n_ops - 1; i >= 0; i--)
        if (is_one_of(b->ops[i].stream, streams))
            return i;
    return LH__NO_OP;
}

/* The last op of a stream ends after the others; that of the last stream that a
 * bucket passes after those of its other streams. */
void lh__wait_reductions(struct lh__builder *b)
{
    if (!lh__fit_has_levels(b->fit)) {
        lh__emit_wait(
            b, last_on(b, 1u << LH_STREAM_DATA | 1u << LH_STREAM_REPLICAS));
    } else if (gathers_at_once(b->fit)) {
        lh__emit_wait(b, last_on(b, 1u << LH_STREAM_WEIGHTS));
    } else {
        lh__emit_wait(b, last_on(b, 1u << LH_STREAM_REPLICAS));
        lh__emit_wait(b, last_on(b, 1u << LH_STREAM_SITES));
    }
}
