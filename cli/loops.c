/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loops of scenarios with `rl', beside the trainer's steps that points.c
 * simulates, and each with its sites side by side: what `efficiency' is over.
 *
 * Near loops are told apart by the canonical echo of their scenario: a fibre of
 * another bandwidth has the same one, which is then simulated once.
 * Leaves out: several at a time.
 */
#include <string.h>

#include "cli.h"

struct lh__near {
    const char *echo;
    struct lh_scenario scenario;
    struct lh_rl_report rl;
    enum lh_status status;
    struct lh__near *next;
};

static void hand_on(const struct lh_ctx *from, struct lh_ctx *to)
{
    for (int i = 0; i < lh_diag_total(from); i++) {
        const struct lh_message *m = lh_diag_at(from, i);
        if (m->severity == LH_ERROR) {
            lh_error(to, m->where, "%s", m->text);
        } else {
            lh_warn(to, m->where, "%s", m->text);
        }
    }
}

/* Its result alone: the rest is as large as the loop is long. */
static enum lh_status result_of(struct lh_rl_report *out,
                                const struct lh_scenario *asked,
                                struct lh_ctx *ctx)
{
    struct lh_ctx own = lh_ctx_begin();
    struct lh_rl_report all;
    enum lh_status st;

    own.data_dir = ctx->data_dir;
    st = lh_loop_run(&all, asked, &own);
    *out = (struct lh_rl_report){.scenario = asked};
    if (st == LH_OK) {
        out->result = all.result;
    }
    hand_on(&own, ctx);
    lh_ctx_end(&own);
    return st;
}

static struct lh__near *near_of(struct lh__baselines *all,
                                const struct lh_scenario *asked)
{
    struct lh_scenario scenario;
    struct lh_text echo = lh_text_new(all->ctx->arena);
    struct lh__near **at = &all->near;

    lh_scenario_rl_near(&scenario, asked, all->ctx);
    lh_scenario_print_yaml(&echo, &scenario);
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->echo, echo.s) == 0) {
            return *at;
        }
    }
    *at = LH_NEW(all->ctx->arena, struct lh__near, 1);
    (*at)->echo = echo.s;
    (*at)->scenario = scenario;
    (*at)->status = result_of(&(*at)->rl, &(*at)->scenario, all->ctx);
    return *at;
}

void lh__loop_near(const struct lh__point *point,
                   struct lh__baselines *baselines)
{
    const struct lh_scenario *asked = &point->stages.asked;

    if (point->status == LH_OK && asked->rl.on && asked->n_sites > 1) {
        near_of(baselines, asked);
    }
}

enum lh_status lh__loop_point(struct lh__point *point,
                              struct lh__baselines *baselines)
{
    const struct lh_scenario *asked = &point->stages.asked;

    if (point->status != LH_OK || !asked->rl.on) {
        return point->status;
    }
    point->rl = LH_NEW(point->ctx->arena, struct lh_rl_report, 1);
    point->status = result_of(point->rl, asked, point->ctx);
    if (point->status == LH_OK && asked->n_sites > 1) {
        struct lh__near *near = near_of(baselines, asked);
        point->status = near->status;
        point->rl_near = &near->rl;
    }
    return point->status;
}
