/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The C face of SimGrid: links, flows over a given list of links, timers.
 * One process, one engine (SimGrid allows no second).  Every function that can
 * fail returns -1 and keeps a text for lh__simgrid_error(); no exception
 * crosses into C.  Bytes, bytes/s and seconds throughout.
 */
#ifndef LH_SIM_SIMGRID_H
#define LH_SIM_SIMGRID_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A flow: `bytes` at one rate v <= cap, link i consumed at weights[i] x v,
 * v / phi shared max-min, ended alpha_s + bytes / v after the start. */
struct lh__simgrid_flow {
    double bytes;           /* > 0 */
    double alpha_s;         /* >= 0 */
    double phi;             /* > 0 */
    double cap_bytes_per_s; /* 0: none */
    int32_t n_links;        /* > 0 */
    const int32_t *links;   /* no two equal */
    const int64_t *weights; /* >= 1 */
    void (*call)(void *data);
    void *data;
};

const char *lh__simgrid_error(void);
const char *lh__simgrid_version(void);
int lh__simgrid_open(void);
/* Capacities >= 0; flows that a link of 0 holds for ever never end. */
int lh__simgrid_link(double capacity_bytes_per_s); /* id, or -1 */
int lh__simgrid_seal(void);                        /* before the first flow */
/* Flows will cross the link at this weight x phi.  Told before the first flow
 * is sent, it keeps very unequal flows on one link exact. */
void lh__simgrid_expect(int32_t link, double use);
int lh__simgrid_link_set(int32_t link, double capacity_bytes_per_s);
int64_t lh__simgrid_send(const struct lh__simgrid_flow *flow); /* id or -1 */
double lh__simgrid_left(int64_t flow);                         /* bytes */
double lh__simgrid_ended_left(void); /* of the flow whose call runs */
void lh__simgrid_cancel(int64_t flow);
int lh__simgrid_at(double date_s, void (*call)(void *), void *data);
int lh__simgrid_run(void);
double lh__simgrid_now(void);
/* Until then it calls nobody and no rate changes, if nothing more is asked of
 * it; INFINITY: never; -1: an error. */
double lh__simgrid_next(void);

#ifdef __cplusplus
}
#endif
#endif
