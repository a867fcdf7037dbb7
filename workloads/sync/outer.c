/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Islands of replicas that agree with each other once in H = sync.every steps;
 * inside an island every step is that of every_step.c.  Ops with turns at the
 * end of a template.
 *
 *   local-sgd         the mean of the islands' weights (Stich 2019,
 *                     arXiv:1805.09767)
 *   diloco            pseudo-gradient, the outer parameters less the island's;
 *                     its mean into an outer optimiser, Nesterov momentum
 *                     (Douillard et al. 2023, arXiv:2311.08105)
 *   gossip            with one other island at a time (gossip.c)
 *   async-diloco      with a server, when an island is ready (async.c): here is
 *                     what goes through memory before and after
 *   streaming-diloco  the same fragment by fragment, P of them, merged tau =
 *                     sync.overlap steps after they are sent (Douillard et al.
 *                     2025, arXiv:2501.18512)
 *
 * Fragment f = 0 .. P - 1 is sent at the end of step (f + 1) H / P - 1, rounded
 * down, of a cycle, and merged at the end of the step tau later.  Layers go to
 * fragments l mod P (strided) or l P / L (sequential), or 1 / P of each to all
 * (slices); the embedding with the first layer, the head with the last.
 *
 * An island's n accelerators that hold the same weights each take 1 / n of a
 * fragment, the shard that ZeRO gives them, and reduce it with the same of the
 * other islands, all at once:
 *
 *   send    memory 12 bytes a parameter (outer and inner fp32 in, difference
 *           out); local-sgd 4 (the weights)
 *   reduce  all-reduce of the payload; or an all-to-all of it and an
 * all-gather; or (flat) one all-reduce of all of it over all accelerators merge
 * memory 26 (difference, momentum and outer parameters in; momentum, outer,
 * inner and bf16 weights out); local-sgd 10; outer state on the host: 10, and 4
 * in and 4 out over the link to the host, one after the other then all-gather
 * of the bf16 weights in the island, where they are whole (zero 0); under ZeRO
 * the step's own gather has them, in shard groups of an island once the groups
 * have gathered their parts of each shard
 *
 * A send computes behind the step's optimiser, a merge before the next step.
 *
 * Left out: the kernels that quantise and sum (bytes of the payload through
 * memory); mixing of merged weights, which costs nothing more.
 */
#include "../workload.h"

/* Bytes a parameter through memory. */
static const double send_bytes = 12.0, merge_bytes = 26.0;
static const double mean_send_bytes = 4.0, mean_merge_bytes = 10.0;
static const double learner_merge_bytes = 14.0, learner_state_bytes = 4.0;
static const double host_merge_bytes = 10.0, host_link_bytes = 8.0;

double lh__payload_bytes(const struct lh_outer *outer)
{
    switch (outer->payload) {
    case LH_PAYLOAD_16: return 2.0;
    case LH_PAYLOAD_8: return 1.0;
    case LH_PAYLOAD_4: return 0.5;
    case LH_PAYLOAD_32: break;
    }
    return 4.0;
}

static bool is_gossip(const struct lh__fit *fit)
{
    return fit->scenario->sync == LH_SYNC_GOSSIP;
}

static bool is_async(const struct lh__fit *fit)
{
    return fit->scenario->sync == LH_SYNC_ASYNC_DILOCO;
}

/* Without an outer optimiser? */
static bool is_mean(const struct lh__fit *fit)
{
    return fit->scenario->sync == LH_SYNC_LOCAL_SGD
           || (is_gossip(fit)
               && fit->scenario->outer.average == LH_AVERAGE_WEIGHTS);
}

/* Islands whose numbers arrive where they are compressed one by one. */
static int64_t islands_heard(const struct lh__fit *fit)
{
    return is_gossip(fit) ? 1 : fit->islands;
}

/* ---- fragments ----------------------------------------------------------- */

int64_t lh__fragments(const struct lh_outer *outer)
{
    return outer->fragments > 1 ? outer->fragments : 1;
}

/* Of a cycle: fragments, each once, or rounds of the whole. */
static int64_t agreements(const struct lh__fit *fit)
{
    return lh__fragments(&fit->scenario->outer)
           * lh__outer_rounds(fit->scenario);
}

double lh__fragment_share(const struct lh_scenario *s, int64_t layer,
                          int64_t fragment)
{
    int64_t n = lh__fragments(&s->outer);

    switch (s->outer.pattern) {
    case LH_PATTERN_STRIDED: return layer % n == fragment;
    case LH_PATTERN_SEQUENTIAL: return layer * n / s->model.layers == fragment;
    case LH_PATTERN_SLICES: break;
    }
    return 1.0 / (double)n;
}

/* The layer with which a unit goes. */
static int64_t layer_of(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit)
{
    if (lh__unit_is_head(chunk, unit))
        return fit->scenario->model.layers - 1;
    return lh__unit_is_embedding(chunk, unit) ? 0 : lh__unit_layer(chunk, unit);
}

/* Parameters of a stage that an accelerator holds, of a fragment. */
struct share {
    double all, routed;
};

static struct share share_of(const struct lh__fit *fit, int stage,
                             int64_t agreement)
{
    struct share sum = {0.0, 0.0};
    int64_t fragment = is_gossip(fit) ? 0 : agreement;

    for (int c = 0; c < fit->n_chunks; c++) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);

        for (int u = 0; u < lh__chunk_units(chunk); u++) {
            double part = lh__fragment_share(fit->scenario,
                                             layer_of(fit, chunk, u), fragment);

            sum.all += part * lh__unit_trained(fit, chunk, u);
            sum.routed += part * lh__unit_routed(fit, chunk, u);
        }
    }
    return sum;
}

/* Those that one accelerator of an island agrees on with the other islands. */
static double shard_parameters(const struct lh__fit *fit, struct share share)
{
    double expert = (double)lh_expert_replicas(&fit->scenario->plan);

    if (fit->scenario->outer.reduction == LH_REDUCTION_FLAT)
        return share.all;
    return lh__mirror_share(fit)
           * (share.all - share.routed + share.routed * expert)
           / (double)fit->data;
}

/* The step of the cycle, from 1, in which it is sent, or merged. */
int32_t lh__send_turn(const struct lh_outer *outer, int64_t fragment)
{
    return (int32_t)((fragment + 1) * outer->every / lh__fragments(outer));
}

int32_t lh__merge_turn(const struct lh_scenario *s, int64_t fragment)
{
    int64_t turn = lh__send_turn(&s->outer, fragment) + s->outer.overlap;

    return (int32_t)((turn - 1) % (s->outer.every * lh__outer_rounds(s)) + 1);
}

/* Of what is on its way: of gossip the partner's is received beside it, of a
 * learner what the server has made of it. */
static double copies(const struct lh__fit *fit)
{
    if (is_async(fit))
        return 2.0;
    if (!is_gossip(fit))
        return 1.0;
    return fit->scenario->outer.average == LH_AVERAGE_OUTER ? 4.0 : 2.0;
}

/* Of an accelerator of a stage, beside the inner optimiser's: 8 bytes a
 * parameter of its shard, and the payload of fragments on their way. */
double lh__outer_memory_bytes(const struct lh__fit *fit, int stage)
{
    const struct lh_outer *outer = &fit->scenario->outer;
    double most = 0.0, sum = 0.0;
    double state = is_mean(fit)    ? 0.0
                   : is_async(fit) ? learner_state_bytes
                                   : 8.0;
    int64_t flying;

    if (fit->scenario->sync == LH_SYNC_EVERY_STEP)
        return 0.0;
    flying = 1 + outer->overlap * lh__fragments(outer) / outer->every;
    for (int64_t f = 0; f < lh__fragments(outer); f++) {
        double n = shard_parameters(fit, share_of(fit, stage, f));

        sum += n;
        if (n > most)
            most = n;
    }
    return (outer->on_host ? 0.0 : state) * sum
           + lh__compressed_state_bytes(outer) * sum
           + (double)flying * copies(fit)
                 * lh__wire_bytes(outer, most, islands_heard(fit));
}

double lh__fragment_parameters(const struct lh__fit *fit, int64_t fragment)
{
    int n = (int)fit->scenario->plan.pipeline;
    double sum = 0.0;

    for (int stage = 0; stage < n; stage++)
        sum += shard_parameters(fit, share_of(fit, stage, fragment));
    return sum / n;
}

/* ---- ops ----------------------------------------------------------------- */

static int32_t compute(struct lh__builder *b, double bytes, double host_bytes)
{
    struct lh__work work = {0};

    lh__work_bytes(&work, b->device, bytes);
    work.kernel_s += host_bytes / b->fit->scenario->outer.host_bytes_per_s;
    lh__emit_work(b, &work, LH_OPTIMIZER, LH_TASK_OUTER, -1);
    lh__emit_flush(b);
    return b->last_compute;
}

bool lh__outer_sends(const struct lh__fit *fit)
{
    bool flat = fit->scenario->outer.reduction == LH_REDUCTION_FLAT;

    return !is_async(fit) && (fit->islands > 1 || (flat && fit->data > 1));
}

int32_t lh__outer_reduce(struct lh__builder *b, enum lh_collective collective,
                         double bytes)
{
    struct lh__comm_spec spec =
        lh__shard_comm(b, collective, bytes, LH_TASK_OUTER);

    spec.comm.axes = LH_AXIS_BIT(LH_AXIS_DATA);
    if (b->fit->scenario->outer.reduction == LH_REDUCTION_FLAT)
        spec.comm.axes |= b->fit->shard_axes;
    spec.comm.algorithm =
        collective == LH_ALL_REDUCE ? b->fit->scenario->sync_algorithm : "auto";
    spec.stream = LH_STREAM_REPLICAS;
    return lh__emit_comm(b, &spec);
}

/* Returns the op after which it has arrived. */
static int32_t send(struct lh__builder *b, int64_t agreement)
{
    const struct lh_outer *outer = &b->fit->scenario->outer;
    double n = shard_parameters(b->fit, share_of(b->fit, b->stage, agreement));
    double bytes = lh__wire_bytes(outer, n, islands_heard(b->fit));
    double memory = (is_mean(b->fit) ? mean_send_bytes : send_bytes)
                    + lh__compressed_send_bytes(outer);
    int32_t op;

    lh__emit_cut(b);
    b->turn = lh__send_turn(outer, agreement);
    op = compute(b, n * memory, 0.0);
    if (!lh__outer_sends(b->fit))
        return op;
    if (is_gossip(b->fit))
        return lh__gossip_swap(b, bytes, agreement);
    if (lh__is_gathered(outer))
        return lh__outer_reduce(b, LH_ALL_GATHER, bytes);
    if (outer->reduction != LH_REDUCTION_EXCHANGE)
        return lh__outer_reduce(b, LH_ALL_REDUCE, bytes);
    lh__outer_reduce(b, LH_ALL_TO_ALL, bytes);
    return lh__outer_reduce(b, LH_ALL_GATHER, bytes);
}

/* The groups' parts of a shard: each has merged one (plan.shard). */
static int32_t gather_groups(struct lh__builder *b, struct share share)
{
    double n =
        lh__mirror_share(b->fit)
        * lh__shard_parameters(b->fit, share.all - share.routed, share.routed);
    struct lh__comm_spec spec =
        lh__shard_comm(b, LH_ALL_GATHER, 2.0 * n, LH_TASK_WEIGHTS);

    spec.comm.axes = b->fit->across_axes;
    return lh__emit_comm(b, &spec);
}

/* The island's weights whole again; the next step waits for them. */
static void gather(struct lh__builder *b, struct share share)
{
    struct lh__comm_spec spec = lh__shard_comm(
        b, LH_ALL_GATHER, 2.0 * (share.all - share.routed), LH_TASK_WEIGHTS);
    int64_t expert = lh_expert_replicas(&b->fit->scenario->plan);
    int32_t op;

    if (expert == 1)
        spec.comm.bytes = 2.0 * share.all;
    spec.comm.algorithm = "auto";
    op = lh__emit_comm(b, &spec);
    if (expert > 1 && share.routed > 0.0 && b->fit->data > expert) {
        spec.comm.bytes = 2.0 * share.routed;
        spec.comm.axes &= ~LH_AXIS_BIT(LH_AXIS_EXPERT);
        op = lh__emit_comm(b, &spec);
    }
    lh__emit_dep(b, b->first_compute, ~op);
}

static int32_t merge(struct lh__builder *b, int64_t agreement)
{
    const struct lh_scenario *s = b->fit->scenario;
    struct share share = share_of(b->fit, b->stage, agreement);
    double n = shard_parameters(b->fit, share);
    double bytes = is_gossip(b->fit)  ? lh__gossip_merge_bytes(&s->outer)
                   : is_async(b->fit) ? learner_merge_bytes
                   : is_mean(b->fit)  ? mean_merge_bytes
                   : s->outer.on_host ? host_merge_bytes
                                      : merge_bytes;
    bool in_part = s->plan.zero == 0 && s->outer.reduction != LH_REDUCTION_FLAT;
    int32_t op;

    lh__emit_cut(b);
    b->turn = lh__merge_turn(s, agreement);
    b->merges[agreement] = op = compute(
        b,
        n * bytes
            + lh__compressed_merge_bytes(&s->outer, n, islands_heard(b->fit)),
        s->outer.on_host ? n * host_link_bytes : 0.0);
    if (in_part && b->fit->data > 1)
        gather(b, share);
    if (lh__fit_is_hybrid(b->fit))
        b->merges[agreement] = gather_groups(b, share);
    return op;
}

/* Fragments of which the stage has a part: `each` returns an op for it, which
 * is put beside it. */
static void for_fragments(struct lh__builder *b, int32_t *ops,
                          int32_t (*each)(struct lh__builder *, int64_t))
{
    for (int64_t f = 0; f < agreements(b->fit); f++)
        ops[f] =
            share_of(b->fit, b->stage, f).all > 0.0 ? each(b, f) : LH__NO_OP;
    lh__emit_cut(b);
    b->turn = 0;
}

/* What is merged in the step in which it is sent waits there; else it is merged
 * first, as it was sent in a step before. */
static void send_and_merge(struct lh__builder *b)
{
    const struct lh_outer *outer = &b->fit->scenario->outer;
    int64_t n = agreements(b->fit);
    int32_t *sent = LH_NEW(b->ctx->arena, int32_t, (size_t)n);
    int32_t *merges = LH_NEW(b->ctx->arena, int32_t, (size_t)n);

    if (outer->overlap == 0) {
        for_fragments(b, sent, send);
        for_fragments(b, merges, merge);
    } else {
        for_fragments(b, merges, merge);
        for_fragments(b, sent, send);
    }
    for (int64_t f = 0; f < n; f++)
        if (sent[f] != LH__NO_OP)
            lh__emit_dep(b, merges[f],
                         outer->overlap == 0 ? sent[f] : ~sent[f]);
}

void lh__outer_emit(struct lh__builder *b)
{
    if (b->fit->scenario->sync == LH_SYNC_EVERY_STEP)
        return;
    b->n_merges = (int32_t)agreements(b->fit);
    b->merges = LH_NEW(b->ctx->arena, int32_t, (size_t)b->n_merges);
    for (int32_t f = 0; f < b->n_merges; f++)
        b->merges[f] = LH__NO_OP;
    send_and_merge(b);
}

void lh__outer_await(struct lh__builder *b, int32_t op, bool carried)
{
    for (int32_t f = 0; f < b->n_merges && op != LH__NO_OP; f++)
        if (b->merges[f] != LH__NO_OP)
            lh__emit_dep(b, op, carried ? ~b->merges[f] : b->merges[f]);
}
