/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The shape of a communication on a topology: what one coupled flow of it
 * takes.  For S bytes it moves unit_frac x S at one rate v, consumes link l
 * at weight x v, and ends alpha_s + unit_frac x S / v after its start.
 */
#ifndef LH_SIM_FLOW_H
#define LH_SIM_FLOW_H

#include <longhaul/program.h>
#include <longhaul/topology.h>

#include "protocol.h"

/* A collective of at most so many bytes takes one channel, and in a step its
 * latency alone. */
#define LH__SMALL_BYTES 65536.0

struct lh__flow_request {
    enum lh_collective collective;
    const char *algorithm;       /* "auto" or a name; of a send ignored */
    int64_t n;                   /* members, >= 2; a send's are 2 */
    const int64_t *accelerators; /* [n] in rank order, no two equal */
    double bytes;                /* S, which "auto" decides by */
    double base_s;               /* software latency, where no library has one */
    enum lh__protocol protocol;  /* LH__PROTOCOL_ANY: that of the least time */
    int64_t together;            /* alike communicators that run at once and
                                    share the links between sites; 0, 1: it is
                                    alone */
    const int64_t *load;         /* as lh_comm.load */
    struct lh_copies copies;     /* as lh_comm.copies */
};

struct lh__flow_shape {
    int algorithm;          /* index for lh_algorithm_at; -1: a send */
    enum lh__protocol protocol;
    double alphas_s[LH__PROTOCOLS]; /* of each that is defined, else INFINITY */
    double bytes_per_byte[LH__PROTOCOLS];
    double plain_s_per_byte; /* s_per_byte / bytes_per_byte[protocol] */
    int32_t n_links;        /* links that the communication crosses */
    int32_t n_limiting;     /* the first of them have finite capacities */
    lh_link *links;         /* [n_links] ascending within both parts */
    int64_t *weights;       /* [n_links] >= 1, greatest common divisor 1 */
    double alpha_s;         /* base + the algorithm's latency */
    double unit_frac;       /* bytes at weight 1 / S */
    double phi;             /* sharing weight at these weights */
    double cap_bytes_per_s; /* v is at most this; INFINITY: no cap */
    double s_per_byte;      /* after alpha_s, of S, beside those alike */
    bool crosses_wan;
};

/* LH_BAD_INPUT: no such algorithm, or not defined for these members.  "auto"
 * takes the least uncontended time, the first in the list among equals.
 * O(hops x path), a sort on top. */
enum lh_status lh__flow_shape_make(struct lh__flow_shape *out,
                                   const struct lh__flow_request *request,
                                   const struct lh_topology *t,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* Is algorithm i the one named (or is any asked for by "auto"), and defined for
 * this collective of these members? */
bool lh__flow_candidate(int i, const char *algorithm,
                        enum lh_collective collective,
                        const struct lh_members *members);

/* Of the time alphas_s[p] + bytes_per_byte[p] x s_per_byte x bytes the least,
 * the first protocol among equals. */
enum lh__protocol lh__flow_protocol(const double *alphas_s,
                                    const double *bytes_per_byte,
                                    double s_per_byte, double bytes);

/* Where members stand; site and domain are arrays of the ctx's arena. */
struct lh_members lh__flow_members(const struct lh__flow_request *request,
                                   const struct lh_topology *t,
                                   struct lh_ctx *ctx);

/* Greatest common divisor; of a and 0 it is a. */
int64_t lh__divisor(int64_t a, int64_t b);

/* The most that v, the rate at weight 1, may be for a hop of this weight. */
static inline double lh__hop_cap(const struct lh_path *path, int64_t weight)
{
    return path->cap_bytes_per_s / (double)weight;
}

/* A send as one hop from member 0 to member 1. */
void lh__send_hops(struct lh_hops *out, struct lh_ctx *ctx);

#endif
