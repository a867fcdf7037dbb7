/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plan of a sweep: every scenario is read, in blocks in children, for the
 * point's id and its one-site baseline.
 *
 * Place: between cmd_sweep.c and the reader of scenarios.
 */
#include <string.h>

#include "sweep.h"

enum { BLOCK = 16 };

/* ---- reading a point ----------------------------------------------------- */

enum lh_status lh__sweep_read(struct lh__stages *out,
                              const struct lh__sweeping *s, int point,
                              struct lh_ctx *ctx)
{
    struct lh__input input = {.ctx = ctx, .path = s->sweep->file};
    int n;

    input.settings = lh_sweep_settings(s->sweep, point, &n, ctx->arena);
    input.n_settings = (size_t)n;
    ctx->data_dir = s->sweep->data_dir;
    return lh__stages_read(out, &input);
}

/* The first fault, with the option that it stands in. */
const char *lh__sweep_first_error(struct lh_ctx *ctx)
{
    for (int i = 0; i < lh_diag_total(ctx); i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        if (m->severity == LH_ERROR && m->where.file != NULL
            && strncmp(m->where.file, "--", 2) == 0) {
            return lh_format(ctx->arena, "%s: %s", m->where.file, m->text);
        }
        if (m->severity == LH_ERROR) {
            return m->text;
        }
    }
    return "no reason is known";
}

/* ---- the plan ------------------------------------------------------------ */

struct planning {
    const struct lh__sweeping *s;
    bool *refused; /* shared, as the sweep's points are */
};

static int plan_block(void *data, int task, int slot)
{
    const struct planning *p = data;
    const struct lh_sweep *sweep = p->s->sweep;
    int end = (task + 1) * BLOCK;

    (void)slot;
    for (int i = task * BLOCK; i < end && i < sweep->n_points; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh__stages stages;
        p->refused[i] = lh__sweep_read(&stages, p->s, i, &ctx) != LH_OK;
        lh_sweep_identify(&sweep->points[i], sweep, i,
                          p->refused[i] ? NULL : &stages.scenario, &ctx);
        lh_ctx_end(&ctx);
    }
    return 0;
}

static bool plan_done(void *data, int task, int slot, int wait_status)
{
    (void)data, (void)task, (void)slot;
    return wait_status == 0;
}

/* Their own warnings are those of all, but for the values. */
static void warn_of_first(const struct lh__sweeping *s, int point)
{
    struct lh__stages stages;
    enum lh_status st = lh__sweep_read(&stages, s, point, s->ctx);

    if (st == LH_OK) {
        lh_warn_of_unlike_sites(&stages.scenario, s->ctx);
    }
}

enum lh_status lh__sweep_plan(const struct lh__sweeping *s)
{
    struct lh_sweep *sweep = s->sweep;
    int n = sweep->n_points;
    struct planning p = {s, lh__pool_memory((size_t)n, s->ctx)};
    struct lh__pool pool = {.n = (n + BLOCK - 1) / BLOCK,
                            .jobs = s->jobs,
                            .data = &p,
                            .work = plan_block,
                            .done = plan_done};
    enum lh_status st;
    int first = 0;

    sweep->points = lh__pool_memory((size_t)n * sizeof *sweep->points, s->ctx);
    if (p.refused == NULL || sweep->points == NULL) {
        return LH_FAILED;
    }
    st = lh__pool_run(&pool, s->ctx);
    for (int i = 0; i < n && st == LH_OK; i++) {
        if (sweep->points[i].id[0] == '\0') {
            lh_error(s->ctx, LH_NOWHERE, "the plan: a process died");
            st = LH_FAILED;
        }
    }
    while (first < n && p.refused[first]) {
        first++;
    }
    if (st == LH_OK) {
        warn_of_first(s, first < n ? first : 0);
        st = first < n ? LH_OK : LH_BAD_INPUT;
    }
    lh_sweep_seal(sweep, s->ctx->arena);
    return st;
}
