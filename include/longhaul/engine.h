/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine: simulated time and flows that share links max-min fairly.  A
 * table of function pointers; sim/engine.c fills it with SimGrid, tests/ with
 * a small fake.  Executor and dynamic workloads see only this.
 *
 * A flow on a channel moves `bytes` at one rate v over links that it consumes
 * at weight x v; v / phi is shared max-min fairly, where v is not at its cap;
 * the flow ends alpha_s + bytes / v after its start.
 */
#ifndef LONGHAUL_ENGINE_H
#define LONGHAUL_ENGINE_H

#include <longhaul/base.h>

typedef int32_t lh_channel;
typedef int64_t lh_flow; /* valid until its callback returns or its cancel */

/* Called at the instant it was asked for; may send, cancel, set and ask for
 * further calls.  Simultaneous calls come in a fixed but arbitrary order. */
typedef void (*lh_callback)(void *data);

/* One channel: where its flows go.  links index the capacities that the engine
 * was made with. */
struct lh_channel_spec {
    int32_t n_links;
    const int32_t *links;
    const int64_t *weights;
    double alpha_s;
    double phi;              /* > 0 */
    double cap_bytes_per_s;  /* v is at most this; 0, INFINITY: no cap */
};

struct lh_engine {
    void *self;
    double (*now)(void *self);
    /* When it would next call back or share rates anew, if nothing more is
     * asked of it; INFINITY: never.  NULL: it does not tell. */
    double (*next)(void *self);
    /* Calls back at simulated time date_s >= now. */
    enum lh_status (*at)(void *self, double date_s, lh_callback call,
                         void *data);
    /* Starts `bytes` >= 0 (at weight 1) on a channel; calls back at its end. */
    enum lh_status (*send)(void *self, lh_channel channel, double bytes,
                           lh_callback call, void *data, lh_flow *flow);
    double (*left)(void *self, lh_flow flow); /* bytes not yet moved */
    void (*cancel)(void *self, lh_flow flow); /* its callback never comes */
    /* >= 0; a flow that crosses a link of 0 stands still until it is set
     * again. */
    enum lh_status (*link_set)(void *self, int32_t link,
                               double capacity_bytes_per_s);
    /* Runs until nothing is left to happen or stop() was called. */
    enum lh_status (*run)(void *self);
    void (*stop)(void *self);
};

#endif
