/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A collective message by message on an engine, to bound the error of its
 * coupled form.  A plan holds its channels, declared before the engine runs;
 * a run is one instance of it, and instances of one plan may overlap.
 */
#ifndef LH_SIM_MESSAGES_H
#define LH_SIM_MESSAGES_H

#include <longhaul/engine.h>

#include "flow.h"

/* Adds a channel to the engine that the runs will be on.  Links of the spec
 * are links of the topology with finite capacity; weights are 1. */
typedef lh_channel (*lh__declare)(void *data,
                                  const struct lh_channel_spec *spec);

struct lh__messages_plan;
struct lh__messages_run;

/* The algorithm is that which lh__flow_shape_make() chose for the request, as
 * must be its protocol. */
void lh__messages_plan_make(struct lh__messages_plan **out,
                            const struct lh__flow_request *request,
                            int algorithm, const struct lh_topology *t,
                            struct lh_ctx *ctx);
/* Declares the plan's channels; once, before any run. */
void lh__messages_plan_declare(struct lh__messages_plan *plan,
                               lh__declare declare, void *data,
                               struct lh_ctx *ctx);

struct lh__messages_options {
    struct lh_engine *engine;
    double bytes;                             /* S */
    void (*done)(void *data, int64_t member); /* NULL: nobody asks */
    void *data;
};

/* Memory is the plan's ctx arena. */
void lh__messages_run_make(struct lh__messages_run **out,
                           const struct lh__messages_plan *plan,
                           const struct lh__messages_options *options,
                           struct lh_ctx *ctx);
/* The member arrives now; it sends base_s later.  Each member once.  done()
 * comes when it has sent and received all that is its. */
enum lh_status lh__messages_join(struct lh__messages_run *run,
                                 int64_t member) LH_MUST_USE;
#endif
