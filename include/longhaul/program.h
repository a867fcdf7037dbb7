/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program: what one training step runs, not where.  Ranks are coordinates
 * on axes.  Everything is stored once a template, never once a rank.
 *
 *   template t   ops[0 .. n_ops)            each on a stream, FIFO in order
 *                dep_begin[op] .. [op+1)  -> deps[]   (CSR)
 *   comms[]      one row a communication of the step; an op of kind COMM names
 *                a row; the ranks that take part in one instance of the row
 *                are found from the row's axes (or shift) and a rank.
 *
 * Dependencies: deps[k] = d >= 0 is op d of the same step; d < 0 is op ~d of
 * the step before (satisfied in the first step).  Ops of one stream run in
 * order, over step boundaries as well; that order is implied, not stored.
 *
 * Cycles: an op with a `turn` runs in one step of every cycle_steps, and is
 * absent from the others: nobody waits for it there.  Where both ends of a
 * dependency have turns, an op waits for the last run of the other before its
 * own (in the same step too, unless the dependency is of the step before).
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_PROGRAM_H
#define LONGHAUL_PROGRAM_H

#include <longhaul/scenario.h>

typedef int64_t lh_rank;

/* Replicas are data = EXPERT x SHARD x GROUP x DATA: expert parallel ranks are
 * inner to the pipeline; the ranks of a shard group (or of a site, where
 * reductions have levels) are inner to data, and 1 where what is sharded is
 * sharded over all replicas (or nothing is).  With islands DATA is over these,
 * and GROUP over the groups of one; else it is 1. */
enum lh_axis { LH_AXIS_TENSOR, LH_AXIS_CONTEXT, LH_AXIS_EXPERT, LH_AXIS_PIPELINE, LH_AXIS_SHARD,
               LH_AXIS_GROUP, LH_AXIS_DATA };
enum { LH_AXES = LH_AXIS_DATA + 1 };
#define LH_AXIS_BIT(axis) (1u << (axis))

/* rank = sum of coordinate x stride.  Tensor is innermost, then context, then
 * expert; the shard is inside data; outermost is the axis that is split across
 * sites. */
struct lh_axes {
    int64_t size[LH_AXES];
    int64_t stride[LH_AXES];
};

lh_rank lh_axes_ranks(const struct lh_axes *axes);
int64_t lh_axes_replicas(const struct lh_axes *axes);
int64_t lh_axes_coordinate(const struct lh_axes *axes, lh_rank rank,
                           enum lh_axis axis);

/* One name a key of breakdown_s. */
enum lh_category {
    LH_COMPUTE, LH_RECOMPUTE, LH_TENSOR_COMM, LH_EXPERT_COMM, LH_CONTEXT_COMM,
    LH_PIPELINE_COMM, LH_PIPELINE_BUBBLE, LH_DATA_COMM, LH_WAN_COMM,
    LH_OPTIMIZER, LH_WAIT, LH_OTHER,
};
enum { LH_CATEGORIES = LH_OTHER + 1 };
const char *lh_category_name(enum lh_category category); /* "tensor_comm" */

enum lh_stream {
    LH_STREAM_COMPUTE,
    LH_STREAM_TENSOR,
    LH_STREAM_CONTEXT,       /* keys and values of the rest of a sequence */
    LH_STREAM_FORWARD_SEND,  /* pipeline, activations  */
    LH_STREAM_FORWARD_RECV,
    LH_STREAM_BACKWARD_SEND, /* pipeline, gradients    */
    LH_STREAM_BACKWARD_RECV,
    LH_STREAM_DATA,
    LH_STREAM_WEIGHTS,       /* gathers of what is sharded (ZeRO-3), or inside sites */
    LH_STREAM_REPLICAS,      /* of a shard, over its replicas; between sites */
    LH_STREAM_RETURN_FORWARD_SEND, /* pipeline, of chunks that micro-batches */
    LH_STREAM_RETURN_FORWARD_RECV, /* pass the other way                     */
    LH_STREAM_RETURN_BACKWARD_SEND,
    LH_STREAM_RETURN_BACKWARD_RECV,
    LH_STREAM_PEER_SEND,     /* what pairs of islands exchange */
    LH_STREAM_PEER_RECV,
    LH_STREAM_SITES,         /* every second bucket between sites */
    LH_STREAM_HOST,          /* computes beside the accelerator (traces) */
};
enum { LH_STREAMS = LH_STREAM_HOST + 1 };

enum lh_op_kind { LH_OP_COMPUTE, LH_OP_COMM };
enum lh_role { LH_ROLE_MEMBER, LH_ROLE_SENDER, LH_ROLE_RECEIVER };

/* What an op does, for prints and traces. */
enum lh_task {
    LH_TASK_FORWARD, LH_TASK_BACKWARD, LH_TASK_RECOMPUTE, LH_TASK_EMBEDDING,
    LH_TASK_HEAD, LH_TASK_OPTIMIZER, LH_TASK_GRADIENTS, LH_TASK_NORM,
    LH_TASK_WEIGHTS, LH_TASK_ACTIVATIONS, LH_TASK_DISPATCH, LH_TASK_COMBINE,
    LH_TASK_WEIGHT_GRADIENTS, /* where backward is split */
    LH_TASK_OUTER,            /* agreement of islands */
};

struct lh_op {
    enum lh_op_kind kind;
    enum lh_stream stream;
    enum lh_category category;
    enum lh_task task;
    enum lh_role role;     /* COMM */
    int32_t comm;          /* COMM: row; COMPUTE: -1 */
    double seconds;        /* COMPUTE: at speed 1, gaps included */
    double gap_s;          /* COMPUTE: part of seconds that is launch gaps */
    double slowest_s;      /* COMPUTE: part of seconds that a mean accelerator
                              waits for the slowest of the job */
    int32_t micro_batch;   /* -1: none */
    int32_t layer;         /* of the model, -1: none */
    int32_t turn;          /* 0: in every step; n: in step n - 1 of a cycle */
};

struct lh_template {
    const char *name;      /* "stage 3 of 8 on h100-sxm" */
    int stage;             /* coordinate on the pipeline axis */
    int device;            /* index into program->devices */
    int32_t n_ops;
    struct lh_op *ops;
    int32_t *dep_begin;    /* [n_ops + 1] */
    int32_t *deps;
};

enum lh_collective {
    LH_ALL_REDUCE, LH_REDUCE_SCATTER, LH_ALL_GATHER, LH_ALL_TO_ALL, LH_SEND,
};
enum { LH_COLLECTIVES = LH_SEND + 1 };
const char *lh_collective_name(enum lh_collective c); /* "all-reduce" */

/* Of an all-to-all of tokens that visit several members each: what may be sent
 * once instead of once a visit.  visits 0: nothing. */
struct lh_copies {
    int64_t visits;            /* of a token, to members */
    int64_t domains_max;       /* scale-up domains that it visits at most; 0: any */
};

static inline bool lh_copies_equal(struct lh_copies a, struct lh_copies b)
{
    return a.visits == b.visits && a.domains_max == b.domains_max;
}

/* To whom a place of an axis of `size` sends.  The pairs of a round send to
 * each other: of a tournament, in which all meet all, and of a hypercube (size
 * a power of two), in which the places differ in bit `round`. */
enum lh_shift { LH_SHIFT_CYCLIC, LH_SHIFT_TOURNAMENT, LH_SHIFT_HYPERCUBE };
int64_t lh_shift_to(enum lh_shift kind, int shift_or_round, int64_t size,
                    int64_t from);
/* Rounds until all pairs have met. */
int64_t lh_shift_rounds(enum lh_shift kind, int64_t size);

/* One communication of the step.  Collective: the members are all ranks that
 * agree with a rank outside `axes`.  Send: from a rank to the one `shift`
 * further (cyclic) on `shift_axis`, or to its partner there in round
 * `shift`. */
struct lh_comm {
    enum lh_collective collective;
    unsigned axes;             /* set of LH_AXIS_BIT; 0 for a send */
    enum lh_axis shift_axis;
    enum lh_shift shift_kind;
    int shift;
    double bytes;              /* S: all-reduce: the buffer; reduce-scatter: the
                                  input; all-gather: the output; all-to-all:
                                  what a member sends, itself included; send:
                                  message */
    const int64_t *load;       /* all-to-all: [members] weight >= 1 of what each
                                  gets of every sender; NULL: equal */
    struct lh_copies copies;   /* all-to-all */
    enum lh_category category; /* its dimension; wan_comm is decided in place */
    const char *algorithm;     /* "auto" or a name in collectives/list.h */
    int32_t n_ops;             /* members a group needs is found at placement */
};

struct lh_memory {             /* bytes of one accelerator of a stage */
    double weights, gradients, optimizer, activations, reserved, total;
    double parameters;         /* that it works with, a number */
};

struct lh_program {
    struct lh_axes axes;
    int n_devices;             /* distinct devices of the scenario's sites */
    const struct lh_device **devices;
    int *site_device;          /* [n_sites] index into devices */
    int n_templates;           /* stages x devices: [stage * n_devices + dev] */
    struct lh_template *templates;
    int32_t n_comms;
    struct lh_comm *comms;
    int n_stages;
    struct lh_memory *memory;  /* [n_stages] */
    int64_t *stage_layers;     /* [n_stages] */
    int64_t micro_batches;     /* of one replica a step, the mean */
    int64_t *device_batches;   /* [n_devices] of one replica there; NULL: all
                                  have equally many.  Templates of a stage then
                                  differ, and so do rows within a replica */
    int64_t cycle_steps;       /* after which steps repeat; 0, 1: all alike */
    int64_t n_fragments;       /* of async-diloco, else 0 */
    double *fragment_parameters; /* [n_fragments] that an accelerator trains and
                                  pushes, the mean of stages and of an island */
    bool once;                 /* run once, from rest: steps do not repeat */
    int64_t tokens;            /* of a step, all replicas; 0: not known */
    double model_flops;        /* of a step: 6 N-like, no recomputation */
    double hardware_flops;     /* with recomputation */
};

static inline int64_t lh_cycle_steps(const struct lh_program *p)
{
    return p->cycle_steps > 1 ? p->cycle_steps : 1;
}
/* Does the op run in step `step` >= 0? */
static inline bool lh_op_runs(const struct lh_op *op, int64_t step, int64_t cycle)
{
    return op->turn == 0 || step % cycle == op->turn - 1;
}
/* How many steps before a run of `op` that of `before` is which it waits for;
 * there is none where `before` does not run in that step. */
static inline int64_t lh_op_lag(const struct lh_op *before, const struct lh_op *op,
                                bool carried, int64_t cycle)
{
    int64_t lag = carried;
    if (before->turn > 0 && op->turn > 0) {
        lag = (op->turn - before->turn + cycle) % cycle;
        if (lag == 0 && carried)
            lag = cycle;
    }
    return lag;
}

/* The step of a scenario.  LH_BAD_INPUT when the plan does not fit the model
 * or the accelerators (heads / tensor, layers / stages, batch / data ...). */
enum lh_status lh_program_build(struct lh_program *out,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx) LH_MUST_USE;
/* CSR in range, no cycle, every comm row referenced, streams legal. */
enum lh_status lh_program_check(const struct lh_program *program,
                                struct lh_ctx *ctx) LH_MUST_USE;
void lh_program_print(struct lh_text *out, const struct lh_program *program);

/* The template as a rank's Chakra trace; what only this program knows is in it
 * too, so that a trace of every template is the same program (model.trace). */
void lh_program_chakra(struct lh_chakra_rank *out, const struct lh_program *program,
                       int index, lh_rank rank,
                       const struct lh_scenario *scenario, struct lh_ctx *ctx);

/* The pipeline schedules that programs can be built with; NULL after the
 * last. */
const struct lh_choice *lh_schedule_at(int i);

/* ---- collectives: one file an algorithm, workloads/collectives/ ----------- */

/* The members of a group in rank order, with where they stand. */
struct lh_members {
    int64_t n;
    const int32_t *site;    /* [n] site of each member */
    const int64_t *domain;  /* [n] scale-up domain of each member */
    int64_t channels_max;   /* 0: as many as a domain has members */
    const int64_t *place;   /* [n] index in its domain, where domains are tori;
                               else NULL */
    int n_dims;             /* of the torus; 0: domains are switched */
    int64_t dims[LH_TORUS_DIMS]; /* x first, the fastest */
    const int64_t *load;    /* [n] all-to-all: weight >= 1 of what each member
                               gets; NULL: equal */
    struct lh_copies copies; /* all-to-all */
    bool has_library;       /* their fabric has a library with protocols */
    bool in_network;        /* its scale-up switches can reduce */
    bool nvls_tree;         /* and its library joins them by trees */
    bool sharp;             /* those of its network reduce too */
    bool pat;               /* the library has all-gathers by trees */
    double in_network_bytes; /* time of a byte that they reduce over that of
                               one on a scale-up link */
};

/* A collective as hops between members that all run at one common rate.
 * Hop h carries weight[h] x unit bytes, unit = unit_frac x S. */
struct lh_hops {
    int64_t n;
    int64_t *from, *to;     /* [n] member indices */
    int64_t *weight;        /* [n] >= 1 */
    double unit_frac;       /* unit bytes / S */
    double phi;             /* sharing weight: 1 / the heaviest hop's weight */
};

/* The same collective message by message.  A pipe is the messages of one hop;
 * the buffer is cut into chunks, and each chunk passes in rounds:
 *
 *   round 0      waits until the gates have delivered all rounds of the chunk
 *   round k > 0  waits until `chain` has delivered round k - 1 of the chunk
 *
 * chain and gates are pipes into the pipe's `from`.  A pipe sends one message
 * at a time, the lowest chunk that is ready first. */
struct lh_pipes {
    int64_t n;
    int64_t chunks;
    int64_t *from, *to;     /* [n] member indices */
    int64_t *chain;         /* [n] pipe, -1: none (then one round) */
    int64_t *round_begin;   /* [n + 1] into round_frac */
    double *round_frac;     /* bytes of a round / S, all chunks together */
    int64_t *gate_begin;    /* [n + 1] into gates */
    int64_t *gates;
};

struct lh_algorithm {
    const char *name;
    const char *help;
    bool by_name; /* never taken by "auto" */
    /* Is the collective defined by this algorithm for these members? */
    bool (*defined)(enum lh_collective collective,
                    const struct lh_members *members);
    void (*hops)(struct lh_hops *out, enum lh_collective collective,
                 const struct lh_members *members, struct lh_ctx *ctx);
    /* Latency without the software base: the chain of hops that the last byte
     * waits for.  latency_s[h] belongs to hop h. */
    double (*latency)(const struct lh_hops *hops,
                      enum lh_collective collective,
                      const struct lh_members *members,
                      const double *latency_s);
    void (*pipes)(struct lh_pipes *out, enum lh_collective collective,
                  const struct lh_members *members, struct lh_ctx *ctx);
};

int lh_algorithm_count(void);
const struct lh_algorithm *lh_algorithm_at(int i);
/* By name; "flat-ring" is the ring.  NULL: none. */
const struct lh_algorithm *lh_algorithm_find(const char *name);

#endif
