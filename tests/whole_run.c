/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The whole run of whole_run.h.
 */
#include "whole_run.h"

#include <string.h>

#include "unit.h"

void whole_run_begin(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", settings, n, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_check(&r->program, &r->ctx);
    struct lh_sim_point point = {&r->scenario, &r->program, r->topology};
    if (st == LH_OK)
        st = lh_sim_run(&r->trace, &point, &r->ctx);
    if (st == LH_OK)
        st = lh_result_make(&r->result, &r->trace, &r->program, r->topology,
                            &r->ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
}

void whole_run_end(struct whole_run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}
