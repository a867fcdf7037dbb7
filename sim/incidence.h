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
 *   comm x of all geometries   its uses are link[use_first[x] ..), weight[..]
 *
 * A small communication (LH__SMALL_BYTES at most, e.g. the gradient norm) takes
 * its latency and no capacity: it neither slows others nor is slowed.
 *
 * Ownership: the context's arena, but for the uses: lh__incidence_free().
 */
#ifndef LH_SIM_INCIDENCE_H
#define LH_SIM_INCIDENCE_H

#include <longhaul/trace.h>

#include "flow.h"

/* Ranks on accelerators: site by site, each filled in rank order. */
struct lh__ranks {
    const struct lh_axes *axes;
    const struct lh_program *program;
    int64_t n;
    int n_sites;
    int64_t *site_rank;        /* [n_sites + 1] first rank of a site */
    int64_t *site_accelerator; /* [n_sites] its first accelerator */
};

enum lh_status lh__ranks_place(struct lh__ranks *out,
                               const struct lh_sim_point *p,
                               struct lh_ctx *ctx) LH_MUST_USE;
int lh__rank_site(const struct lh__ranks *ranks, lh_rank rank);
int64_t lh__rank_accelerator(const struct lh__ranks *ranks, lh_rank rank);
int32_t lh__rank_template(const struct lh__ranks *ranks, lh_rank rank);

/* What an algorithm would take on the first communicator of a pattern. */
struct lh__option {
    enum lh_collective collective;
    int algorithm;
    bool small; /* of LH__SMALL_BYTES at most: one channel */
    double alpha_s;
    double s_per_byte; /* beside all communicators alike */
};

/* Members stand alike: the same sites and scale-up domains in rank order. */
struct lh__pattern {
    int64_t comm; /* the first of its communicators */
    struct lh_members members;
    int n_options;
    struct lh__option *options; /* evaluated so far */
};

/* Of a family on one communicator. */
struct lh__flow_figures {
    int algorithm;
    double alpha_s;
    double unit_frac; /* bytes at weight 1 / S, weights as in use_weight */
    double phi;
    double cap_bytes_per_s; /* INFINITY: no cap */
    bool crosses_wan;
};

struct lh__skeleton {
    unsigned axes; /* spanned; 0: a send */
    enum lh_axis shift_axis;
    int shift;
    int64_t n_members;
    int64_t *offset;        /* [n_members] rank - key rank; of a send unused */
    int64_t *delta;         /* [n_slots] of a send: receiver - sender */
    int64_t radix[LH_AXES]; /* of the comm number; 0: spanned */
    int n_slots;            /* stages that take part (senders), if it does not
                               span the pipeline; else 1 */
    int32_t *slot;          /* [stages] -1: takes no part */
    int32_t *slot_stage;    /* [n_slots] */
    int64_t n_comms;
    int32_t n_patterns;
    struct lh__pattern *patterns;
    int32_t *pattern; /* [n_comms] */
};

struct lh__geometry {
    int32_t skeleton;
    enum lh_collective collective; /* whose hops it has */
    bool small;                    /* latency alone: uses no links */
    int *algorithm;                /* [n_patterns]; -1: a send */
    double *unit_frac, *phi;       /* [n_patterns] of the collective */
    int64_t first_comm;            /* among the comms of all geometries */
};

struct lh__family {
    enum lh_collective collective;
    const char *algorithm;
    double bytes;
    int32_t skeleton;
    int32_t geometry;
};

struct lh__incidence {
    struct lh__ranks ranks;
    const struct lh_topology *topology;
    double base_s; /* software latency of a communication */
    int32_t n_families;
    struct lh__family *families;
    int32_t *row_family; /* [program->n_comms] */
    int32_t n_skeletons;
    struct lh__skeleton *skeletons;
    int32_t n_geometries;
    struct lh__geometry *geometries;
    int64_t n_comms;    /* of all geometries */
    int64_t *use_first; /* [n_comms + 1] */
    lh_link *use_link;
    int64_t *use_weight;     /* NULL: all weights are 1 */
    double *latency_s;       /* [n_comms] of the geometry's collective */
    double *cap_bytes_per_s; /* [n_comms] of the rate at weight 1; INFINITY */
    int n_links;             /* of the topology */
};

static inline int64_t lh__use_weight(const struct lh__incidence *in,
                                     int64_t use)
{
    return in->use_weight ? in->use_weight[use] : 1;
}

enum lh_status lh__incidence_build(struct lh__incidence *out,
                                   const struct lh_sim_point *p,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* Releases use_link and use_weight, which are not in the arena. */
void lh__incidence_free(struct lh__incidence *in);

/* The communicator (of its geometry's numbering, all geometries) that an op of
 * a rank takes part in. */
int64_t lh__incidence_comm(const struct lh__incidence *in,
                           const struct lh_op *op, lh_rank rank);
bool lh__skeleton_spans(const struct lh__skeleton *s, int axis);
/* Numbers the communicators and lists the members of each relative to its key
 * rank; needs axes, shift, slot and slot_stage. */
void lh__skeleton_number(struct lh__skeleton *s, const struct lh_axes *axes,
                         struct lh_arena *arena);
/* The number of a rank's communicator; of a send's receiver it is the
 * sender's. */
int64_t lh__skeleton_comm(const struct lh__skeleton *s,
                          const struct lh_axes *axes, lh_rank rank,
                          bool is_receiver);

/* All communicators of a skeleton in their order, without a division each:
 *
 *   struct lh__walk w = lh__walk_begin(s, ranks);
 *   for (int64_t i = 0; i < s->n_comms; i++, lh__walk_next(&w))
 *       member m of communicator i is lh__walk_member(&w, m)
 */
struct lh__walk {
    const struct lh__skeleton *s;
    const struct lh_axes *axes;
    int order[LH_AXES]; /* axes not spanned, innermost first */
    int n_axes;
    int64_t digit[LH_AXES];
    int64_t slot; /* of the pipeline's digit */
    lh_rank key;
};
struct lh__walk lh__walk_begin(const struct lh__skeleton *s,
                               const struct lh__ranks *ranks);
void lh__walk_next(struct lh__walk *w);
static inline lh_rank lh__walk_member(const struct lh__walk *w, int64_t m)
{
    const struct lh__skeleton *s = w->s;
    if (s->axes != 0)
        return w->key + s->offset[m];
    return m == 0 ? w->key : w->key + s->delta[w->slot];
}

/* Members of a skeleton's communicator in rank order (a send: from, to). */
void lh__skeleton_members(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks, int64_t comm,
                          lh_rank *out);
/* What a family's flows take on a communicator of its geometry. */
struct lh__flow_figures lh__incidence_figures(const struct lh__incidence *in,
                                              int32_t family, int64_t comm,
                                              struct lh_ctx *ctx);

#endif
