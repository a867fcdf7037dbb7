/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flows that begin together on links of their own, and when each of them ends:
 * what concurrent pushes of weights share.
 *
 * Place in the pipeline: beside it, as collective.c; analysis/ says which
 * links there are.  The engine is that of the step (engine.h): max-min.
 * Leaves out: flows that begin later.
 */
#include <longhaul/trace.h>

#include "engine.h"
#include "fork.h"

struct run {
    const struct lh_flows_case *c;
    struct lh_engine engine;
    double *end_s;
    int left;
};

struct flow {
    struct run *run;
    int i;
};

static void flow_done(void *data)
{
    const struct flow *f = data;

    f->run->end_s[f->i] = f->run->engine.now(f->run->engine.self);
    f->run->left--;
}

static enum lh_status simulate(void *shared, const void *input,
                               struct lh_ctx *ctx)
{
    const struct lh_flows_case *c = input;
    struct run run = {.c = c, .end_s = shared, .left = c->n};
    struct lh_engine engine;
    struct lh__ledger *ledger;
    struct flow *flows = LH_NEW(ctx->arena, struct flow, c->n);
    lh_channel *channels = LH_NEW(ctx->arena, lh_channel, c->n);
    enum lh_status st =
        lh__engine_open(&engine, c->n_links, c->capacity_bytes_per_s, ctx);

    for (int i = 0; i < c->n && st == LH_OK; i++)
        channels[i] = lh__engine_channel(&engine, &c->specs[i]);
    if (st != LH_OK)
        return st;
    struct lh__wiring wiring = lh__engine_wiring(&engine);
    lh__ledger_open(&run.engine, &ledger, &engine, &wiring, ctx);
    for (int i = 0; i < c->n && st == LH_OK; i++) {
        flows[i] = (struct flow){&run, i};
        st = run.engine.send(run.engine.self, channels[i], c->bytes[i],
                             flow_done, &flows[i], NULL);
    }
    if (st == LH_OK)
        st = run.engine.run(run.engine.self);
    if (st == LH_OK && run.left > 0) {
        lh_error(ctx, LH_NOWHERE, "%d of %d flows do not end", run.left, c->n);
        st = LH_FAILED;
    }
    return st == LH_OK ? lh__ledger_close(ledger) : st;
}

enum lh_status lh_sim_flows(double *end_s, const struct lh_flows_case *c,
                            struct lh_ctx *ctx)
{
    struct lh__job job = {
        .bytes = (size_t)c->n * sizeof *end_s, .input = c, .work = simulate};
    enum lh_status st = lh__fork_all(&job, 1, 1, ctx);

    for (int i = 0; i < c->n && st == LH_OK; i++)
        end_s[i] = ((const double *)job.shared)[i];
    lh__fork_end(&job, 1);
    return st;
}
