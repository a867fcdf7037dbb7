/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of other simulators as plain structures: what a file says, not yet what
 * it means on a machine.  SimAI's workload text, Chakra's execution traces (in
 * and out), ASTRA-sim's network.yml.  docs/interchange.md has the formats.
 *
 * Units are SI.  A fault of a file is one message at its line or, of a binary
 * file, with its byte.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_INTERCHANGE_H
#define LONGHAUL_INTERCHANGE_H

#include <longhaul/base.h>

/* ---- SimAI: workload text ------------------------------------------------ */

enum lh_simai_comm { LH_SIMAI_NONE, LH_SIMAI_ALL_REDUCE, LH_SIMAI_REDUCE_SCATTER,
                     LH_SIMAI_ALL_GATHER, LH_SIMAI_ALL_TO_ALL };
/* Over whom: tensor, all replicas, those that share experts, those that hold
 * the same experts. */
enum lh_simai_group { LH_SIMAI_TP, LH_SIMAI_DP, LH_SIMAI_EP, LH_SIMAI_DP_EP };

enum { LH_SIMAI_FORWARD, LH_SIMAI_INPUTS, LH_SIMAI_WEIGHTS, LH_SIMAI_PARTS };

struct lh_simai_part {
    double compute_s;
    enum lh_simai_comm comm;
    enum lh_simai_group group;
    double bytes;
};

struct lh_simai_line {
    const char *name;
    struct lh_simai_part parts[LH_SIMAI_PARTS];
    double update_s;          /* after a communication that is waited for */
};

struct lh_simai {
    int64_t tensor, expert, pipeline, chunks, micro_batches;
    int64_t gpus;             /* 0: not stated */
    double send_bytes;        /* from stage to stage, of one accelerator */
    int n_lines;
    struct lh_simai_line *lines;
    int first, period;        /* pipeline > 1: lines first .. first + period x
                                 micro_batches - 1 are micro-batches alike;
                                 else all lines are one */
};

enum lh_status lh_simai_read(struct lh_simai *out, const char *path,
                             struct lh_ctx *ctx) LH_MUST_USE;

/* ---- ASTRA-sim: network.yml ---------------------------------------------- */

enum lh_astra_kind { LH_ASTRA_RING, LH_ASTRA_FULLY_CONNECTED, LH_ASTRA_SWITCH };

struct lh_astra_dim {
    enum lh_astra_kind kind;
    int64_t npus;
    double bytes_per_s;       /* of a link, each direction */
    double latency_s;         /* of a link */
};

enum { LH_ASTRA_DIMS = 8 };

struct lh_astra {
    int n_dims;
    struct lh_astra_dim dims[LH_ASTRA_DIMS]; /* the first the innermost */
};

enum lh_status lh_astra_read(struct lh_astra *out, const char *path,
                             struct lh_ctx *ctx) LH_MUST_USE;

/* ---- Chakra: execution traces --------------------------------------------- */

/* As in the schema (mlcommons/chakra, et_def.proto). */
enum lh_chakra_type { LH_CHAKRA_INVALID, LH_CHAKRA_METADATA, LH_CHAKRA_MEM_LOAD,
                      LH_CHAKRA_MEM_STORE, LH_CHAKRA_COMP, LH_CHAKRA_SEND,
                      LH_CHAKRA_RECV, LH_CHAKRA_COLL };
enum { LH_CHAKRA_TYPES = LH_CHAKRA_COLL + 1 };
enum lh_chakra_coll { LH_CHAKRA_ALL_REDUCE, LH_CHAKRA_REDUCE,
                      LH_CHAKRA_ALL_GATHER, LH_CHAKRA_GATHER, LH_CHAKRA_SCATTER,
                      LH_CHAKRA_BROADCAST, LH_CHAKRA_ALL_TO_ALL,
                      LH_CHAKRA_REDUCE_SCATTER, LH_CHAKRA_REDUCE_SCATTER_BLOCK,
                      LH_CHAKRA_BARRIER };
enum { LH_CHAKRA_COLLS = LH_CHAKRA_BARRIER + 1 };

/* What this program writes of its own beside what the schema has, so that it
 * reads the same operation again: numbers in an order of the writer's. */
struct lh_chakra_own {
    int n_numbers, n_values;
    const int64_t *numbers;
    const double *values;
    const char *text;         /* "" */
};

/* Of a file, its numbers; values: FLOPs, then the memory of the stage; text:
 * the device. */
enum { LH_OWN_VERSION, LH_OWN_STAGE, LH_OWN_STAGES, LH_OWN_COMMS, LH_OWN_CYCLE,
       LH_OWN_MICRO_BATCHES, LH_OWN_ONCE, LH_OWN_OVERLAP_TENSOR, LH_OWN_TOKENS,
       LH_OWN_LAYERS, LH_OWN_SIZE, LH_OWN_STRIDE = LH_OWN_SIZE + 7,
       LH_OWN_NUMBERS = LH_OWN_STRIDE + 7 };
enum { LH_OWN_VALUES = 9 };

struct lh_chakra_node {
    uint64_t id;
    const char *name;
    enum lh_chakra_type type;
    bool is_cpu;
    double seconds;           /* recorded; 0: not */
    double flops, tensor_bytes; /* num_ops and tensor_size; 0: not stated */
    int coll;                 /* enum lh_chakra_coll; -1: not stated */
    double bytes;             /* comm_size; < 0: not stated */
    const char *group;        /* pg_name; "": none */
    int64_t src, dst, tag;    /* -1: not stated */
    bool some_dims;           /* involved_dim leaves some out */
    int n_deps;
    int32_t *deps;            /* indices of nodes, all before this one */
    int n_carried;
    int32_t *carried;         /* indices of nodes of the step before */
    struct lh_chakra_own own;
};

struct lh_chakra_group {
    const char *name;
    int n;
    const int64_t *ranks;     /* [n] rising; n 0: all */
};

/* One file. */
struct lh_chakra_rank {
    const char *path;
    int64_t rank;             /* -1: any */
    int n_nodes;
    struct lh_chakra_node *nodes;
    int n_groups;
    struct lh_chakra_group *groups;
    size_t groups_capacity;
    struct lh_chakra_own own;
};

/* How ranks share the work: rank = sum of coordinate x stride over dims, the
 * first the fastest. */
enum { LH_CHAKRA_DIMS = 7 };
struct lh_chakra_grid {
    int n_dims;
    int64_t size[LH_CHAKRA_DIMS], stride[LH_CHAKRA_DIMS];
    int program;              /* dim along which ranks run different programs,
                                 -1: none */
};

/* The files of a trace. */
struct lh_chakra {
    int n_ranks;
    struct lh_chakra_rank *ranks; /* [n_ranks] rising */
    bool is_own;              /* written by this program: one a template */
    struct lh_chakra_grid grid; /* of others: of the ranks asked for */
    int n_programs;
    int *program_rank;        /* [n_programs] index into ranks; of own: 0 */
};

/* One file, whatever it is called. */
enum lh_status lh_chakra_read_rank(struct lh_chakra_rank *out, const char *path,
                                   struct lh_ctx *ctx) LH_MUST_USE;
/* A file that all `n` ranks run, or one a rank where path has "%d"; groups: a
 * file of process groups, NULL: none. */
enum lh_status lh_chakra_read(struct lh_chakra *out, const char *path,
                              const char *groups, int64_t n,
                              struct lh_ctx *ctx) LH_MUST_USE;
/* The dims of a grid that a group of a rank's spans, a set of bits; "" : all.
 * -1: a group that the file does not know, or that is no part of the grid. */
int lh_chakra_span(const struct lh_chakra_grid *grid,
                   const struct lh_chakra_rank *rank, const char *group);
/* The grid's dims on axes in the order of enum lh_axis of program.h; dim_axis[k]
 * is that of dim k.  False: there are not enough of them. */
bool lh_chakra_axes(const struct lh_chakra_grid *grid,
                    int64_t size[LH_CHAKRA_DIMS],
                    int64_t stride[LH_CHAKRA_DIMS],
                    int dim_axis[LH_CHAKRA_DIMS]);
/* Sizes of the axes of one that this program wrote; false: it is broken. */
bool lh_chakra_own_axes(const struct lh_chakra *trace,
                        int64_t size[LH_CHAKRA_DIMS]);
/* The bytes of a file; nodes' deps and carried are indices. */
void lh_chakra_write(unsigned char **out, size_t *n,
                     const struct lh_chakra_rank *rank, struct lh_ctx *ctx);

#endif
