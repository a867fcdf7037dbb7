/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who takes part in what: ranks, communicators and links of a step.
 *
 * A family is a kind of communication of the program: rows that agree in all
 * but their place in the step.  A skeleton is a set of axes (or a shift): it
 * cuts the ranks into communicators, numbered 0 .. n_comms-1 in the order of
 * their key rank.  A geometry is a skeleton with an algorithm: its
 * communicators cross links.  Families that cross the same links at the same
 * weights share one geometry, whatever their bytes.
 *
 * Listed are one block of each type (blocks.h) and one communicator of each
 * that the blocks repeat, with how many each stands for; uncut, everything is
 * listed once and stands for itself.  In a listed communicator x
 *
 *   member m    listed rank member_rank[m], and member_times[m] - 1 others
 *               that stand in other blocks as it does in its own
 *   use u       listed link use_link[u] at use_weight[u], and as much of
 *               use_times[u] - 1 others
 *
 * A small communication (LH__SMALL_BYTES at most, e.g. the gradient norm) takes
 * its latency and no capacity: it neither slows others nor is slowed.
 *
 * Ownership: the context's arena, but for the uses: lh__incidence_free().
 */
#ifndef LH_SIM_INCIDENCE_H
#define LH_SIM_INCIDENCE_H

#include "blocks.h"
#include "faults.h"
#include "flow.h"
#include "skeleton.h"

/* What an algorithm would take on the first communicator of a pattern. */
struct lh__option {
    enum lh_collective collective;
    int algorithm;
    bool small; /* of LH__SMALL_BYTES at most: one channel */
    const int64_t *load;
    struct lh_copies copies;
    double latency_s[LH__PROTOCOLS]; /* of a small one */
    double alphas_s[LH__PROTOCOLS];
    double bytes_per_byte[LH__PROTOCOLS];
    double s_per_byte; /* beside all communicators alike, at 1 byte a byte */
};

/* Members stand alike: the same sites and scale-up domains in rank order, and
 * where they fill a torus the same places in it. */
struct lh__pattern {
    int64_t comm; /* the first of its communicators */
    struct lh_members members;
    int n_options;
    struct lh__option *options; /* evaluated so far */
};

/* Patterns of a skeleton's communicators. */
struct lh__patterns {
    int32_t n;
    struct lh__pattern *pattern;
    size_t capacity;
    int32_t n_kinds;  /* of inner numbers that are alike in every block */
    int32_t *kind;    /* [n_inner]                                     */
    int64_t *kind_of; /* [n_kinds] the lowest inner number             */
    int32_t *outer;   /* [n_outer * n_kinds] of a spanning skeleton    */
    int32_t n_shapes;
    int32_t *block_shape; /* [blocks] of a skeleton within blocks: those of
                             one shape have the same patterns           */
    int32_t **shape;      /* [n_shapes][communicators of such a block]  */
};

struct lh__geometry {
    int32_t skeleton;
    enum lh_collective collective; /* whose hops it has */
    bool small;                    /* latency alone: uses no links */
    const int64_t *load;           /* of an all-to-all, or NULL */
    struct lh_copies copies;
    int *algorithm;                /* [patterns]; -1: a send */
    enum lh__protocol *protocol;   /* [patterns] */
    struct lh_hops *hops;          /* [patterns] of the collective; none of a
                                      lone one (lh__is_lone) */
};

struct lh__family {
    enum lh_collective collective;
    const char *algorithm;
    const int64_t *load;
    struct lh_copies copies;
    double bytes;
    int32_t skeleton;
    int32_t geometry;
};

/* Of a family on one communicator. */
struct lh__flow_figures {
    int algorithm;
    enum lh__protocol protocol;
    double alpha_s;
    double unit_frac; /* bytes at weight 1 / S, weights as in use_weight */
    double phi;
    double cap_bytes_per_s; /* of the rate at weight 1; INFINITY: none */
    bool crosses_wan;
};

/* A communicator that is listed. */
struct lh__listed_comm {
    int32_t geometry;
    int32_t pattern;
    int64_t number; /* among its skeleton's */
    int64_t count;  /* it stands for */
    double latency_s;
    double cap_bytes_per_s;
};

struct lh__incidence {
    struct lh__ranks ranks;
    const struct lh_topology *topology;
    const struct lh__faults *faults;
    double base_s; /* software latency of a communication */
    struct lh__blocks blocks;
    int32_t n_families;
    struct lh__family *families;
    int32_t *row_family; /* [program->n_comms] */
    int32_t n_skeletons;
    struct lh__skeleton *skeletons;
    struct lh__patterns *patterns; /* [n_skeletons] */
    int32_t n_geometries;
    struct lh__geometry *geometries;

    int32_t *block_first; /* [blocks] the first block of its type */
    int32_t *block_rank;  /* [blocks] listed rank of its first rank */

    int32_t n_ranks; /* listed, and so below */
    lh_rank *rank;   /* [n_ranks] ascending */
    int64_t *rank_count;
    int32_t *rank_comm; /* [2 * n_geometries][n_ranks]: as member or sender, as
                           receiver; -1: none */
    int32_t n_links;
    lh_link *link; /* [n_links] ascending; all are used */
    int64_t *link_count;
    int64_t n_comms;
    struct lh__listed_comm *comm; /* [n_comms] ascending by geometry, number */
    int64_t *member_first;        /* [n_comms + 1]; of a send: from, to */
    int32_t *member_rank;
    int64_t *member_times; /* NULL: all are 1 */
    int64_t *use_first;    /* [n_comms + 1] */
    int32_t *use_link;
    int64_t *use_weight; /* NULL: all are 1 */
    int64_t *use_times;  /* NULL: all are 1 */
};

static inline int64_t lh__member_times(const struct lh__incidence *in,
                                       int64_t member)
{
    return in->member_times ? in->member_times[member] : 1;
}

static inline int64_t lh__use_weight(const struct lh__incidence *in,
                                     int64_t use)
{
    return in->use_weight ? in->use_weight[use] : 1;
}

static inline int64_t lh__use_times(const struct lh__incidence *in, int64_t use)
{
    return in->use_times ? in->use_times[use] : 1;
}

static inline const struct lh__skeleton *
lh__comm_skeleton(const struct lh__incidence *in, int64_t comm)
{
    return &in->skeletons[in->geometries[in->comm[comm].geometry].skeleton];
}

/* The only communicator of its skeleton, and small: its latency is all that is
 * known of it (the gradient norm over all ranks). */
static inline bool lh__is_lone(const struct lh__geometry *g,
                               const struct lh__skeleton *s)
{
    return g->small && s->spans && s->n_comms == 1;
}

/* The members that a geometry's hops on a pattern are made for. */
static inline struct lh_members
lh__geometry_members(const struct lh__incidence *in,
                     const struct lh__geometry *g, int32_t pattern)
{
    struct lh_members members =
        in->patterns[g->skeleton].pattern[pattern].members;
    members.channels_max = g->small ? 1 : 0;
    members.load = g->load;
    members.copies = g->copies;
    return members;
}

/* `cut`: list what repeats once. */
enum lh_status lh__incidence_build(struct lh__incidence *out,
                                   const struct lh_sim_point *p, bool cut,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* Releases the uses, which are not in the arena. */
void lh__incidence_free(struct lh__incidence *in);

/* The listed rank, and the listed link or -1 (not used), that stand for one. */
int32_t lh__listed_rank(const struct lh__incidence *in, lh_rank rank);
int32_t lh__listed_link(const struct lh__incidence *in, lh_link link);

/* Communicators in all, listed or not. */
int64_t lh__incidence_comms(const struct lh__incidence *in);
/* The listed communicator that an op of a listed rank takes part in. */
int64_t lh__incidence_comm(const struct lh__incidence *in,
                           const struct lh_op *op, int32_t rank);
/* What a family's flows take on a listed communicator of its geometry. */
struct lh__flow_figures lh__incidence_figures(const struct lh__incidence *in,
                                              int32_t family, int64_t comm,
                                              struct lh_ctx *ctx);

/* Says that a check failed of the "fold is not" or the "blocks are not";
 * LH_FAILED. */
enum lh_status lh__inexact(struct lh_ctx *ctx, const char *of, const char *what,
                           int64_t a, int64_t b);

/* ---- how it is built ----------------------------------------------------- */

/* The members of one communicator, and where they stand. */
struct lh__stand {
    lh_rank *rank;
    int64_t *accelerator;
    int32_t *site;
    int64_t *domain;
    int64_t *place; /* in its domain, where that is a torus */
    int n_dims;     /* of the torus of the first member; 0: none */
    int64_t dims[LH_TORUS_DIMS];
};
struct lh__stand lh__stand_new(int64_t n, struct lh_arena *arena);
void lh__stand_fill(struct lh__stand *to, const struct lh__incidence *in,
                    const struct lh__skeleton *s, int64_t comm);

/* patterns.c: finds the patterns of a skeleton. */
void lh__patterns_make(struct lh__patterns *out, const struct lh__incidence *in,
                       const struct lh__skeleton *s, struct lh_arena *arena);

/* geometry.c: decides algorithms, makes geometries and their hops. */
enum lh_status lh__geometries_make(struct lh__incidence *in,
                                   struct lh_ctx *ctx) LH_MUST_USE;
/* Of a small geometry, on the first communicator of a pattern. */
enum lh_status lh__small_latency_s(double *out, struct lh__incidence *in,
                                   const struct lh__geometry *g,
                                   int32_t pattern,
                                   struct lh_ctx *ctx) LH_MUST_USE;
/* Latency and cap of a geometry's (or another) collective on a communicator
 * whose members' stand is given. */
double lh__stand_latency_s(const struct lh__incidence *in,
                           const struct lh_hops *hops, int algorithm,
                           enum lh__protocol protocol,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const struct lh__stand *stand);
double lh__stand_cap(const struct lh__incidence *in, const struct lh_hops *hops,
                     const struct lh__stand *stand);

/* A block's own link as it stands in another block of its type; -1: it is the
 * site's or another block's. */
lh_link lh__block_link(const struct lh__incidence *in, lh_link link,
                       int32_t block, int32_t other);

/* listing.c: from blocks and geometries to what is listed. */
enum lh_status lh__incidence_list(struct lh__incidence *in,
                                  struct lh_ctx *ctx) LH_MUST_USE;

#endif
