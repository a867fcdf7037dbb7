/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The placed program: rank classes, groups (row of communication x class of
 * communicators) and the channels their flows take.  Folded or not it is the
 * same struct; unfolded every rank is a class of size 1.
 *
 *   record of (class c, op o)   r = class_first[c] + o
 *   group g                     members group_record[group_first[g] ..)
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_PLACE_H
#define LH_SIM_PLACE_H

#include <longhaul/engine.h>
#include <longhaul/trace.h>

#include "fold.h"

/* Operations of all classes together that a step may have. */
enum { LH__RECORDS_MAX = 1 << 24 };

/* What the flows of a family on a class of communicators take. */
struct lh__shape {
    int32_t family;
    int32_t comm_class;
    int algorithm; /* index for lh_algorithm_at; -1: a send */
    enum lh__protocol protocol;
    int32_t n_links;
    int32_t *links;   /* [n_links] link classes */
    int64_t *weights; /* [n_links] on one link, of the whole class */
    double alpha_s;
    double unit_frac; /* bytes at weight 1 / S */
    double phi;
    double cap_bytes_per_s; /* v is at most this; INFINITY: no cap */
    bool crosses_wan;
};

struct lh__placed {
    const struct lh_program *program;
    const struct lh_topology *topology;
    struct lh__incidence incidence;
    struct lh__fold fold;

    int32_t n_classes;
    int64_t *class_size; /* ranks it stands for */
    lh_rank *class_rank; /* representative */
    int32_t *class_template;
    double *class_speed;                        /* of compute, 1 = nominal */
    const struct lh__schedule **class_schedule; /* where it changes, else NULL;
                                                   NULL: nowhere */
    int64_t *class_sms;   /* multiprocessors; 0: nothing takes any; NULL: 0 */
    int64_t *class_first; /* [n_classes + 1] */

    int64_t n_records;
    int32_t *record_group; /* -1: compute */

    int32_t n_groups;
    int32_t *group_comm;   /* row of the program */
    int32_t *group_shape;  /* index into shapes, and channel */
    double *group_bytes;   /* at weight 1 */
    double *group_alone_s; /* its duration where no flow can share its
                              links, else < 0; NULL: all share */
    int64_t *group_sms;    /* multiprocessors that its kernel takes of each
                              member's; NULL: none */
    int64_t *group_count;  /* groups it stands for */
    int64_t *group_first;  /* [n_groups + 1] */
    int64_t *group_record; /* member records */

    int32_t n_shapes;
    struct lh__shape *shapes;

    int32_t n_links;       /* link classes */
    double *link_capacity; /* [n_links] bytes/s, at the step's begin */
    const struct lh__schedule **link_schedule; /* as class_schedule */
    double *link_bytes; /* [n_links] of one link in the mean step */

    struct lh_channel_spec *channels; /* [n_shapes] over engine links */
    int32_t n_engine_links;
    double *engine_capacity;
    struct lh__schedule *engine_schedule; /* [n_engine_links] n = 0: constant;
                                             NULL: all are */
};

enum lh_status lh__place(struct lh__placed *out, const struct lh_sim_point *p,
                         struct lh_ctx *ctx) LH_MUST_USE;

/* Finds the groups that have their links to themselves (group_alone_s); after
 * lh__place_reduce(). */
void lh__place_alone(struct lh__placed *p, struct lh_ctx *ctx);

/* What communications take of multiprocessors: group_sms and class_sms. */
void lh__place_steal(struct lh__placed *p, const struct lh_scenario *scenario,
                     struct lh_ctx *ctx);

/* The links that can limit: of those crossed by the same shapes at the same
 * weights (or multiples) only the slowest is kept.  Fills channels,
 * n_engine_links and engine_capacity. */
void lh__place_reduce(struct lh__placed *p, struct lh_ctx *ctx);

#endif
