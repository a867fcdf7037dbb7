/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The whole run of whole_run.h.
 */
#include "whole_run.h"

#include <string.h>

#include "unit.h"

static void require(const struct whole_run *r, enum lh_status st)
{
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
}

void whole_run_build(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", settings, n, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_check(&r->program, &r->ctx);
    require(r, st);
}

static enum lh_status simulate(struct whole_run *r)
{
    struct lh_sim_point point = {&r->scenario, &r->program, r->topology};

    if (r->scenario.sync == LH_SYNC_ASYNC_DILOCO)
        return lh_async_run(&r->async, &r->result, &r->scenario, &r->program,
                            r->topology, 1, &r->ctx);
    enum lh_status st = lh_sim_run(&r->trace, &point, &r->ctx);
    return st == LH_OK ? lh_result_make(&r->result, &r->trace, &r->program,
                                        r->topology, &r->ctx)
                       : st;
}

void whole_run_simulate(struct whole_run *r)
{
    enum lh_status st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);

    require(r, st == LH_OK ? simulate(r) : st);
}

void whole_run_begin(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n)
{
    whole_run_build(r, text, settings, n);
    whole_run_simulate(r);
}

void whole_run_end(struct whole_run *r)
{
    if (r->topology)
        lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

struct tally program_tally(const struct lh_program *p, struct tally_of of)
{
    const struct lh_template *t = &p->templates[0];
    struct tally all = {0};

    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        const struct lh_comm *c = &p->comms[op->comm];

        if (op->kind != LH_OP_COMM || c->collective != of.collective
            || c->axes != of.axes
            || (of.task != TALLY_ANY && (int)op->task != of.task)
            || (of.stream != TALLY_ANY && (int)op->stream != of.stream))
            continue;
        all.n++;
        all.bytes += c->bytes;
    }
    return all;
}
