/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/: what the files that make a step program share.
 *
 *   fit.c, groups.c  does the plan fit; stages, chunks, sizes -> lh__fit
 *   transformer.c  layer -> segments on a device              -> lh__costs
 *   latent.c       ... attention with latent keys and values
 *   experts.c      ... MLP of routed experts; where tokens go
 *   lora.c         ... low-rank adapters beside frozen matrices
 *   schedules/     order of a stage's passes                  -> lh__slots
 *   builder.c      ops, dependencies and rows of a template   <- lh__builder
 *   context.c      attention of a sequence that accelerators share
 *   overlap.c      matrix products that hide tensor communication
 *   routes.c       chunks of stages, what goes between them
 *   transfer.c     sends and receives of a pipeline
 *   ideal.c        a model of equal layers, instead of what is above and pass.c
 *   pass.c         one micro-batch through one chunk
 *   pair.c         two passes side by side
 *   sync/          gradients, optimiser, weights
 *   memory.c, shards.c  bytes of an accelerator; what ZeRO leaves of them
 *   portions.c     micro-batches in proportion to a device's speed
 *   program.c      all of it in order
 */
#ifndef LH_WORKLOADS_WORKLOAD_H
#define LH_WORKLOADS_WORKLOAD_H

#include "kernels.h"

#include <longhaul/program.h>

/* ---- the plan, applied to the model ------------------------------------- */

/* Sizes that costs, memory and messages are made of; double because they are
 * only multiplied. */
struct lh__dims {
    double tensor;      /* t */
    double shards;      /* t with sequence parallelism, else 1 */
    double micro_batch; /* sequences, b */
    double sequence;    /* tokens, s */
    double context;     /* accelerators that share it, c */
    double tokens;      /* b s / c, of one accelerator */
    double hidden;
    double heads, kv_heads, head_dim; /* heads of one accelerator */
    double queries, keys;             /* heads x head_dim, of one accelerator */
    double ffn, vocab;                /* of one accelerator */
    double experts;                /* routed ones of one accelerator, 0: none */
    double expert_ffn, shared_ffn; /* of one accelerator */
    double visits;                 /* experts that a token visits */
    double own_frac;               /* of the tensor group's tokens, those that
                                      come to an accelerator's experts */
    double hottest; /* tokens of the most visited accelerator over the mean */
};

/* A chunk is the consecutive layers that one stage runs in one go. */
struct lh__chunk {
    int first_layer;
    int n_layers;
    bool embedding; /* before its first layer */
    bool head;      /* final norm, logits and loss after its last */
};

/* Parameters that one accelerator holds. */
struct lh__shares {
    double layer;  /* with a dense MLP */
    double sparse; /* with experts, the routed ones left out */
    double routed; /* experts of a layer */
    double embedding, head;
    double adapter; /* of a layer, in none of these */
};

/* A chunk's units in the order its backward finishes them: [head], layers
 * from the last to the first, [embedding]. */
int lh__chunk_units(const struct lh__chunk *chunk);
bool lh__unit_is_head(const struct lh__chunk *chunk, int unit);
bool lh__unit_is_embedding(const struct lh__chunk *chunk, int unit);
int lh__unit_layer(const struct lh__chunk *chunk, int unit); /* of the model */

struct lh__fit {
    const struct lh_scenario *scenario;
    struct lh__dims dims;
    struct lh__shares shares;
    int n_stages;        /* p */
    int n_chunks;        /* v, of a stage */
    int n_micro_batches; /* m */
    int64_t replicas;
    int64_t data;             /* that hold the same weights in every step, experts
                                 aside: replicas x context / islands */
    int64_t islands;          /* that agree once in sync.every steps only; data
                                 and below are of one */
    int64_t shard;            /* of these, that share what plan.zero says */
    unsigned shard_axes;      /* the axes that a shard group stands on; of
                                 routed experts without that of experts */
    int64_t group;            /* of `data`, that reduce first: a shard group, or
                                 of each site (plan.overlap.levels); else all */
    unsigned group_axes;      /* the axes that it stands on, */
    unsigned across_axes;     /* and that over the groups */
    struct lh__chunk *chunks; /* [lh__fit_places()] in order of the model */
};

enum lh_status lh__fit_make(struct lh__fit *out,
                            const struct lh_scenario *scenario,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* routes.c.  Chunks of the model; micro-batches that pass through each chunk of
 * a stage; where a stage's chunk stands in the model. */
int lh__fit_places(const struct lh__fit *fit);
int lh__fit_passes(const struct lh__fit *fit);
int lh__fit_place(const struct lh__fit *fit, int stage, int chunk);
const struct lh__chunk *lh__fit_chunk(const struct lh__fit *fit, int stage,
                                      int chunk);
/* Do micro-batches enter at both ends (dualpipe), does a stage hold both a
 * chunk and its mirror image (dualpipe, dualpipe-v)? */
bool lh__fit_goes_both_ways(const struct lh__fit *fit);
bool lh__fit_meets_itself(const struct lh__fit *fit);
double lh__unit_parameters(const struct lh__fit *fit,
                           const struct lh__chunk *chunk, int unit);
double lh__stage_parameters(const struct lh__fit *fit, int stage);
/* Of these, what gradients are made of. */
double lh__unit_trained(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit);
double lh__stage_trained(const struct lh__fit *fit, int stage);
/* Of the stage's parameters, those of layers that are cast to fp8. */
double lh__stage_cast(const struct lh__fit *fit, int stage);
bool lh__fit_is_narrow(const struct lh__fit *fit); /* fp8, mxfp8 */
bool lh__fit_is_frozen(const struct lh__fit *fit); /* but for adapters */
/* Of one weight of a layer that replicas gather. */
double lh__gather_bytes(const struct lh__fit *fit);
/* Of one gradient. */
double lh__gradient_bytes(const struct lh__fit *fit);
/* groups.c: shard, group and their axes; */
void lh__groups_make(struct lh__fit *fit);
/* are there several shard groups? */
bool lh__fit_is_hybrid(const struct lh__fit *fit);
/* Are reductions over all made in levels (plan.overlap.levels)? */
bool lh__fit_has_levels(const struct lh__fit *fit);
/* Does a bucket's update wait for the bucket alone (plan.overlap.forward)? */
bool lh__fit_updates_apart(const struct lh__fit *fit);
/* What one accelerator holds of so many, sharded: routed experts lie on the
 * replicas of the shard group that do not share them. */
double lh__shard_parameters(const struct lh__fit *fit, double dense,
                            double routed);
/* Are gradients reduced once a step, not after every backward? */
bool lh__fit_reduces_once(const struct lh__fit *fit);
/* Of routed experts, which are in the sums above as well. */
double lh__unit_routed(const struct lh__fit *fit, const struct lh__chunk *chunk,
                       int unit);
double lh__stage_routed(const struct lh__fit *fit, int stage);
bool lh__layer_is_sparse(const struct lh__fit *fit, int layer);
/* Do transfers between stages go in parts that are gathered behind them? */
bool lh__fit_scatters(const struct lh__fit *fit);
/* Word embeddings that the first and the last stage both hold. */
bool lh__fit_ties_stages(const struct lh__fit *fit);

/* ---- transformer.c ------------------------------------------------------ */

/* One direction of a sparse MLP, between its communications. */
struct lh__sparse {
    struct lh__work entry;  /* norm, router, tokens put in order */
    struct lh__work shared; /* experts that every token visits */
    struct lh__work routed;
    struct lh__work leave; /* tokens back in place, residual */
};

/* A segment's matrix products: tokens x hidden -> wide, narrow -> hidden (0:
 * there is none). */
struct lh__block {
    double wide, narrow;
};

/* Of a segment's work. */
struct lh__overlap {
    struct lh__work replaced; /* products as they are without overlap */
    struct lh__work gather;   /* what runs beside the gather, */
    struct lh__work input;    /* backward: beside a second one, of its input, */
    struct lh__work reduction; /* and beside the reduction */
};

/* Adds the products of a block.  Forward with plan.overlap.tensor only. */
void lh__overlap_add(struct lh__overlap *out, const struct lh__fit *fit,
                     const struct lh_device *device,
                     const struct lh__block *block, bool backward);
/* Does a backward gather its input again? */
bool lh__gathers_twice(const struct lh_scenario *scenario);

struct lh__costs {
    struct lh__sparse sparse_forward, sparse_backward;
    struct lh__overlap attention[2], mlp[2]; /* forward, backward */
    struct lh__overlap head;                 /* backward */
    struct lh__work attention_forward, attention_backward; /* of a parallel
                                                              block all */
    struct lh__work core; /* forward of the attention core */
    struct lh__work core_backward;
    struct lh__work mlp_forward, mlp_backward;
    struct lh__work mlp_again; /* what full recomputation that stops early runs
                                  of mlp_forward, or of a parallel block */
    struct lh__work attention_second, mlp_second; /* what `operators` runs */
    struct lh__work embedding_forward, embedding_backward;
    struct lh__work head_forward, head_backward;
};

/* Precision, and whether its weights are trained, of a layer's products. */
void lh__layer_work(struct lh__work *work, const struct lh__fit *fit);

/* Kernels that segments share.  A GEMM's backward is those of its input and of
 * its weights; the entry of a block is its norm, the exit its residual. */
void lh__pass_gemm(struct lh__work *work, const struct lh_device *device,
                   const struct lh__gemm *forward, bool backward);
void lh__block_entry(struct lh__work *work, const struct lh__fit *fit,
                     const struct lh_device *device, bool backward);
void lh__block_exit(struct lh__work *work, const struct lh__fit *fit,
                    const struct lh_device *device, bool backward);

/* lora.c: one matrix [k, n] of a layer as one accelerator holds it, split by
 * columns or by rows; parameters of a layer's adapters, what they
 * change of the bytes that a layer keeps a token, FLOPs of a token in them;
 * nothing without an adapter. */
struct lh__linear {
    double n, k;
    bool by_rows, is_qkv;
};
void lh__adapter(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, const struct lh__linear *base,
                 bool backward);
double lh__adapter_parameters(const struct lh_scenario *scenario,
                              const struct lh__dims *dims);
double lh__adapter_kept_bytes(const struct lh__fit *fit);
double lh__adapter_flops(const struct lh_scenario *scenario);

/* latent.c: what lies between norm and core, and after it; bytes that the
 * layer keeps a token, its core aside; parameters. */
void lh__latent_attention(struct lh__work *work, const struct lh__fit *fit,
                          const struct lh_device *device, bool backward);
double lh__latent_kept_bytes(const struct lh__fit *fit);
/* What fp8 operands add to it. */
double lh__latent_narrow_bytes(const struct lh__fit *fit);
double lh__latent_parameters(const struct lh_scenario *scenario);

/* experts.c */
void lh__sparse_make(struct lh__sparse *out, const struct lh__fit *fit,
                     const struct lh_device *device, bool backward);
double lh__sparse_kept_bytes(const struct lh__fit *fit);
/* What fp8 operands add to it. */
double lh__sparse_narrow_bytes(const struct lh__fit *fit);
/* Of the tokens' copies, in thousandths of the mean, what each of the replicas
 * that share the experts gets; NULL: all alike. */
int64_t *lh__routing_loads(const struct lh_scenario *scenario,
                           struct lh_arena *arena);
double lh__routing_hottest(const struct lh_scenario *scenario,
                           struct lh_arena *arena);

void lh__dims_make(struct lh__dims *out, const struct lh_scenario *scenario);
void lh__shares_make(struct lh__shares *out,
                     const struct lh_scenario *scenario);
void lh__costs_make(struct lh__costs *out, const struct lh__fit *fit,
                    const struct lh_device *device);

/* ---- schedules/ --------------------------------------------------------- */

/* Which part of a backward pass. */
enum lh__half {
    LH__WHOLE,
    LH__INPUTS,  /* gradients of inputs, which the stage before waits for */
    LH__WEIGHTS, /* gradients of weights, which nobody waits for */
};

struct lh__slot {
    bool backward;
    bool paired; /* a forward, beside the slot behind it */
    enum lh__half half;
    int chunk;
    int micro_batch; /* of those that pass through the chunk */
    bool joined;     /* transfers that block come behind the next slot */
};

struct lh__slots {
    int n;
    struct lh__slot *at; /* at most [3 v m] */
};

/* What a schedule may know. */
struct lh__pipeline {
    int n_stages, stage, n_chunks, n_micro_batches;
    bool pairs; /* forwards stand beside backwards */
};

typedef void (*lh__schedule_fn)(struct lh__slots *slots,
                                const struct lh__pipeline *pipeline);
void lh__slots_make(struct lh__slots *out, const struct lh__fit *fit, int stage,
                    struct lh_ctx *ctx);
void lh__slots_add(struct lh__slots *slots, bool backward, int chunk,
                   int micro_batch);
/* Forwards of the first micro-batches, as many as stages come after this one;
 * returns how many. */
int lh__slots_warm_up(struct lh__slots *slots,
                      const struct lh__pipeline *pipeline);
void lh__slots_add_half(struct lh__slots *slots, enum lh__half half,
                        int micro_batch);

/* ---- memory.c, flops.c -------------------------------------------------- */

void lh__memory_make(struct lh_memory *out, const struct lh__fit *fit,
                     int stage, struct lh_ctx *ctx);
/* shards.c: divides what the plan shards and adds what is whole for a while. */
void lh__shard_memory(struct lh_memory *out, const struct lh__fit *fit,
                      int stage, struct lh_ctx *ctx);
/* Bytes that one layer keeps from forward to backward for one micro-batch. */
double lh__layer_activation_bytes(const struct lh__fit *fit, int layer);

/* FLOPs of a step: the model's, and with recomputation. */
void lh__flops_make(double *model_flops, double *hardware_flops,
                    const struct lh_scenario *scenario);

/* ---- builder.c ---------------------------------------------------------- */

struct lh__rows {
    struct lh_comm *at;
    size_t capacity;
    int32_t n;
};

/* Units [first, last] of a chunk whose gradients travel together; chunk -1:
 * the whole stage. */
struct lh__bucket {
    int chunk;
    int first_unit, last_unit;
    double parameters; /* that have gradients; routed experts left out */
    double wide;       /* of these, the embedding's and the head's */
    double routed;     /* parameters of routed experts */
    int32_t backward;  /* op that completes it in this step, -1 */
    int32_t gate;      /* op of the next step that needs its weights, -1 */
};

enum { LH__NO_OP = INT32_MIN };

/* Makes one template.  Ops are emitted in program order; an op waits for the
 * one before it in the flow of data where that is on another stream. */
struct lh__builder {
    struct lh_ctx *ctx;
    const struct lh__fit *fit;
    const struct lh_device *device;
    int stage;
    struct lh__costs costs;

    struct lh_op *ops;
    size_t ops_capacity;
    int32_t n_ops;
    int32_t (*deps)[2]; /* op, what it waits for */
    size_t deps_capacity;
    int32_t n_deps;

    int32_t flow; /* op that the next one continues, LH__NO_OP */
    int32_t last_compute;
    int32_t waits[8]; /* more that the next op waits for */
    int n_waits;
    int gate; /* bucket whose weights the next compute op needs */
    int32_t compute_waits[8]; /* more that the next compute op waits for */
    int n_compute_waits;

    bool pending; /* a compute op that may still grow */
    bool merge;   /* tensor == 1: a chunk's layers are one op */
    struct lh_op pending_op;
    struct lh__work pending_work;

    double since_meeting_s; /* compute since the last blocking transfers */
    double slowest;  /* deviations by which the slowest of the job is behind */
    int micro_batch; /* of the pass being emitted */
    int32_t turn;    /* of the ops being emitted */
    int32_t first_compute; /* op, LH__NO_OP */
    int32_t n_merges;      /* of islands' fragments */
    int32_t *merges;       /* [n_merges] ops that end them, LH__NO_OP: none */
    enum lh__half half;
    bool paired;        /* the pass stands beside the next one (pair.c), */
    int32_t paired_end; /* its last communication, LH__NO_OP */

    struct lh__rows *rows; /* of the program */
    int32_t next_row;      /* of this stage */
    struct lh__shared_rows *shared; /* NULL: devices share all rows */
    const int64_t *loads;  /* of dispatch and combine; NULL: equal */
    const int32_t *sends;  /* rows of lh__route_rows() */
    int32_t norm_row;      /* -1: none */
    int32_t tied_rows;     /* two rows, -1: none */
    int32_t mirror_rows;   /* -1: none */

    int n_buckets;
    struct lh__bucket *buckets;
    int32_t *loss;  /* [m] last op of the forward with the head */
    int32_t (*turns)[2]; /* [2 m] of a pass to the stage's other chunk */

    int32_t reductions[2]; /* in flight, the older first; LH__NO_OP */
    int32_t *visits;       /* [n_visits] last op of each unit's pass */
    int n_visits;
    int *last_visit;      /* [units] index of visits, -1 */
    bool *last_forward;   /* [units] was that a forward? */
    bool *transposed;     /* [units] cast for the backward since its gather? */
    int32_t first_gather; /* of the step, LH__NO_OP */
};

/* Rows of a stage that cross replicas, in the order in which its first device
 * emits them: all devices share these, and no others, where their replicas have
 * unequal numbers of micro-batches. */
struct lh__shared_rows {
    int32_t *row;
    int32_t n, next;
    size_t capacity;
    bool is_first; /* device */
};

/* portions.c: micro-batches of a replica on each device, in proportion to
 * speed, from a program in which they are equal. */
int64_t *lh__portions(const struct lh_program *equal, const struct lh__fit *fit,
                      struct lh_ctx *ctx);

/* Expected largest of n standard normals; 0 of one. */
double lh__slowest_of(double n);
/* Deviations by which each round of `n` in a ring is longer than the mean, who
 * all wait for their two neighbours after it. */
double lh__slowest_neighbours(int n);

/* Adds work to the open compute op, or opens one. */
void lh__emit_work(struct lh__builder *b, const struct lh__work *work,
                   enum lh_category category, enum lh_task task, int layer);
/* Closes the open compute op. */
void lh__emit_flush(struct lh__builder *b);

struct lh__comm_spec {
    struct lh_comm comm; /* used where row is -1: a row of this stage */
    int32_t row;
    enum lh_stream stream;
    enum lh_task task;
    enum lh_role role;
    int layer;
};
/* Returns the op; the flow continues from it. */
int32_t lh__emit_comm(struct lh__builder *b, const struct lh__comm_spec *spec);

/* As lh__emit_comm(), beside the flow and what the next op waits for; it
 * depends on `after` alone (LH__NO_OP: nothing). */
int32_t lh__emit_beside(struct lh__builder *b, const struct lh__comm_spec *spec,
                        int32_t after);

/* The next compute op waits for `op` (LH__NO_OP: nothing). */
void lh__emit_compute_wait(struct lh__builder *b, int32_t op);
/* The next op waits for `op` as well (LH__NO_OP: nothing). */
void lh__emit_wait(struct lh__builder *b, int32_t op);
/* Breaks the flow of data: the next op continues nothing. */
void lh__emit_cut(struct lh__builder *b);
void lh__emit_dep(struct lh__builder *b, int32_t op, int32_t dep);
int32_t lh__rows_add(struct lh__rows *rows, const struct lh_comm *comm,
                     struct lh_arena *arena);
void lh__builder_finish(struct lh_template *out, struct lh__builder *b);

/* ---- context.c ---------------------------------------------------------- */

/* Kernels of the attention core beyond the first, and the bytes of adding up
 * their parts. */
double lh__context_passes(const struct lh__fit *fit);
void lh__context_merge(struct lh__work *work, const struct lh__fit *fit,
                       const struct lh_device *device, bool backward);
/* Bytes of other accelerators' keys and values, and of their gradients, while
 * a layer's attention runs. */
double lh__context_bytes(const struct lh__fit *fit);

/* Where an attention stands in the step. */
struct lh__attention {
    enum lh_category category, comm;
    enum lh_task task;
    int layer;
    bool backward;
    const struct lh__work *around; /* what runs before the core, NULL: none */
};
/* With context > 1: compute with its exchange of keys and values. */
void lh__context_attention(struct lh__builder *b,
                           const struct lh__attention *attention);

/* ---- routes.c ----------------------------------------------------------- */

int32_t *lh__route_rows(struct lh__rows *rows, const struct lh__fit *fit,
                        struct lh_ctx *ctx);
/* What a pass receives from the chunk before it, or sends: false at the ends
 * of the model; row -1: the other chunk is of this stage. */
bool lh__route_make(struct lh__comm_spec *out, const struct lh__builder *b,
                    const struct lh__slot *slot, bool send);

/* ---- transfer.c --------------------------------------------------------- */

/* What a pass gets from the stage before it, and what it sends to the next;
 * LH__NO_OP: nothing. */
int32_t lh__transfer_receive(struct lh__builder *b,
                             const struct lh__slot *slot);
int32_t lh__transfer_send(struct lh__builder *b, const struct lh__slot *slot);
/* plan.overlap.pipeline false: sends of the passes that are done and receives
 * of those that are due, for all of which the next op waits. */
void lh__transfer_batch(struct lh__builder *b, const struct lh__slots *done,
                        const struct lh__slots *due);
/* ---- pair.c ------------------------------------------------------------- */

/* Ops of a forward, from `first`, and of a backward, from `middle` to the last,
 * and the first of their dependencies. */
struct lh__pair {
    int32_t first, middle, first_dep;
};
void lh__pair_merge(struct lh__builder *b, const struct lh__pair *pair);

/* ---- pass.c ------------------------------------------------------------- */

void lh__pass_forward(struct lh__builder *b, int chunk, bool first);
/* last: the chunk's last backward of the step; of one that is split that is
 * the gradients of weights. */
void lh__pass_backward(struct lh__builder *b, int chunk, bool last);
void lh__pass_weights(struct lh__builder *b, int chunk, bool last);

/* ---- sync/levels.c ------------------------------------------------------ */

/* A communication of replicas over a shard group. */
struct lh__comm_spec lh__shard_comm(const struct lh__builder *b,
                                    enum lh_collective collective, double bytes,
                                    enum lh_task task);
/* Do routed experts have a collective of their own in a group of so many? */
bool lh__shards_routed(const struct lh__fit *fit, int64_t group, double routed);
/* What a bucket's gradients go through in the backward (last: of the step);
 * returns the op that ends its first level. */
int32_t lh__bucket_reduce(struct lh__builder *b,
                          const struct lh__bucket *bucket, bool last);
/* Weights, or gradients that are shards, whole again; returns the last op. */
int32_t lh__bucket_gather(struct lh__builder *b,
                          const struct lh__bucket *bucket, enum lh_task task);
/* The next op waits for all reductions so far. */
void lh__wait_reductions(struct lh__builder *b);

/* ---- sync/updates.c ----------------------------------------------------- */

/* The optimiser of the stage; returns the op. */
int32_t lh__update_stage(struct lh__builder *b);
/* Weights of the chunk that the next step meets first go first. */
void lh__gather_weights(struct lh__builder *b);
/* plan.overlap.forward: the end of the step; */
void lh__update_apart(struct lh__builder *b);
/* with zero 0 the first forward of a bucket's units follows its update of the
 * step before. */
void lh__sync_update(struct lh__builder *b, int bucket);

/* ---- sync/every_step.c -------------------------------------------------- */

/* Rows that stages share: the gradient norm, tied embeddings. */
void lh__sync_rows(struct lh__builder *b);
void lh__sync_buckets(struct lh__builder *b);
/* Are the bucket's gradients reduced after this backward of a chunk? */
bool lh__sync_reduces(const struct lh__builder *b, bool last);
/* A bucket's last gradient is there (the open op is closed). */
void lh__sync_bucket_done(struct lh__builder *b, int bucket, bool last);
/* A forward begins; nothing is reduced beside it (ZeRO-2 and 3). */
void lh__sync_forward(struct lh__builder *b);
/* The end of the step: what is left to reduce, optimiser, weights. */
void lh__sync_finish(struct lh__builder *b);

/* ---- sync/mirror.c: dualpipe; nothing is done under other plans ---------- */

int32_t lh__mirror_rows(struct lh__builder *b);
/* After the reduction; returns the op that has the other's, LH__NO_OP. */
int32_t lh__mirror_gradients(struct lh__builder *b);
/* After the optimiser; the gather waits for what it returns as well. */
int32_t lh__mirror_weights(struct lh__builder *b);
/* What part of its shard's optimiser an accelerator has. */
double lh__mirror_share(const struct lh__fit *fit);
/* ---- sync/outer.c: islands; nothing is done where there are none --------- */

/* Of a parameter, on the way between islands. */
double lh__payload_bytes(const struct lh_outer *outer);
int64_t lh__fragments(const struct lh_outer *outer);
/* Share of a layer that is of a fragment. */
double lh__fragment_share(const struct lh_scenario *s, int64_t layer,
                          int64_t fragment);
/* Steps of the cycle, from 1, in which a fragment is sent and merged. */
int32_t lh__send_turn(const struct lh_outer *outer, int64_t fragment);
int32_t lh__merge_turn(const struct lh_scenario *s, int64_t fragment);
/* gossip.c: rounds of a cycle, else 1; bytes of a parameter through memory at
 * the merge; sends to the partner of a round and returns the op that has its
 * own. */
int64_t lh__outer_rounds(const struct lh_scenario *s);
double lh__gossip_merge_bytes(const struct lh_outer *outer);
int32_t lh__gossip_swap(struct lh__builder *b, double bytes, int64_t round);
/* compression.c: bytes of n parameters on the way (of an all-gather: its
 * output); through memory, a parameter, before they are sent; at the merge; in
 * memory, a parameter. */
double lh__wire_bytes(const struct lh_outer *outer, double n, int64_t islands);
bool lh__is_gathered(const struct lh_outer *outer);
double lh__compressed_send_bytes(const struct lh_outer *outer);
double lh__compressed_merge_bytes(const struct lh_outer *outer, double n,
                                  int64_t islands);
double lh__compressed_state_bytes(const struct lh_outer *outer);
/* Is there anybody to agree with? */
bool lh__outer_sends(const struct lh__fit *fit);
/* A reduction over the islands; returns the op. */
int32_t lh__outer_reduce(struct lh__builder *b, enum lh_collective collective,
                         double bytes);
double lh__outer_memory_bytes(const struct lh__fit *fit, int stage);
/* Parameters that an accelerator of an island agrees on, of a fragment; the
 * mean over the stages. */
double lh__fragment_parameters(const struct lh__fit *fit, int64_t fragment);
/* After the optimiser: what islands send each other, and merge. */
void lh__outer_emit(struct lh__builder *b);
/* An op waits for what is merged in its step (carried: in the one before). */
void lh__outer_await(struct lh__builder *b, int32_t op, bool carried);

/* ---- ideal.c: a model of equal layers, instead of pass.c ----------------- */

void lh__ideal_fit(struct lh__fit *out, const struct lh_scenario *scenario);
void lh__ideal_emit(struct lh__builder *b);

/* ---- trace_simai.c: a program from SimAI's workload text ----------------- */

void lh__simai_fit(struct lh__fit *out, const struct lh_scenario *scenario);
void lh__simai_emit(struct lh__builder *b);

/* ---- trace_chakra.c, trace_own.c: programs from execution traces ---------- */

enum lh_status lh__chakra_program(struct lh_program *out,
                                  const struct lh_scenario *scenario,
                                  struct lh_ctx *ctx) LH_MUST_USE;
/* From what lh_program_chakra() made. */
enum lh_status lh__own_program(struct lh_program *out,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx) LH_MUST_USE;
const char *lh__task_name(enum lh_task task); /* print.c */
/* program.c */
void lh__devices_make(struct lh_program *out, const struct lh_scenario *scenario,
                      struct lh_ctx *ctx);

/* ---- sync/weights.c: ZeRO-3; nothing is done under other plans ----------- */

/* Parameters that a unit's pass needs whole. */
double lh__unit_weights(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit);
void lh__weights_begin(struct lh__builder *b);
/* A kernel that copies beside a gather or a reduction. */
void lh__weights_copy(struct lh__builder *b, double bytes, int layer);
/* A unit's forward or backward begins and ends. */
void lh__weights_need(struct lh__builder *b, int chunk, int unit,
                      bool backward);
void lh__weights_done(struct lh__builder *b, int chunk, int unit,
                      bool backward);
/* The first gather of the next step waits for the optimiser. */
void lh__weights_finish(struct lh__builder *b, int32_t optimizer);

#endif
