/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The stages between a scenario and its simulation, and the warnings about
 * what they find.
 *
 * Place in the pipeline: behind every stage; api/run.c and the commands of
 * cli/ that simulate something else than one run.
 */
#include <longhaul/longhaul.h>

#include <string.h>

enum lh_status lh_stages_build(struct lh_topology **topology,
                               struct lh_program *program,
                               struct lh_scenario *s, struct lh_ctx *ctx)
{
    enum lh_status st;
    enum lh_status program_st;

    if (s->rl.on) {
        struct lh_scenario *asked = LH_NEW(ctx->arena, struct lh_scenario, 1);
        *asked = *s;
        lh_rl_trainer(s, asked, ctx);
    }
    /* Both, so that the faults of both are said at once. */
    st = lh_topology_build(topology, s, ctx);
    if (st != LH_OK) {
        *topology = NULL;
    }
    program_st = lh_program_build(program, s, ctx);
    if (st == LH_OK) {
        st = program_st;
    }
    if (st == LH_OK) {
        st = lh_topology_check(*topology, ctx);
    }
    if (st == LH_OK) {
        st = lh_program_check(program, ctx);
    }
    return st;
}

enum lh_status lh_loop_run(struct lh_rl_report *out,
                           const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_topology *topology;
    enum lh_status st = lh_topology_build(&topology, s, ctx);

    if (st != LH_OK) {
        return st;
    }
    st = lh_rl_run(out, s, topology, ctx);
    lh_topology_free(topology);
    return st;
}

/* The baseline has one device and one fabric, those of the first site. */
void lh_warn_of_unlike_sites(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    for (int i = 1; i < s->n_sites && !s->rl.on; i++) {
        if (strcmp(s->sites[i].device_name, s->sites[0].device_name) == 0) {
            continue;
        }
        lh_warn(ctx, s->sites[i].where,
                "the one-site baseline takes all accelerators as %s, those of "
                "%s; %s has %s",
                s->sites[0].device_name, s->sites[0].name, s->sites[i].name,
                s->sites[i].device_name);
        return;
    }
}

/* On a plan that does not fit the run goes on: the figures say by how much. */
void lh_warn_of_memory(const struct lh_program *program,
                       const struct lh_scenario *s, bool fits,
                       struct lh_ctx *ctx)
{
    struct lh_fullest m = lh_memory_fullest(program, s);
    const double gib = 1024.0 * 1024.0 * 1024.0;

    if (!fits) {
        lh_warn(ctx, (struct lh_where){s->file, 0, 0},
                "the plan does not fit: stage %d of %d needs %.1f GiB on an "
                "accelerator, %s has %.1f GiB",
                m.stage, program->n_stages, m.bytes / gib, m.device->name,
                m.device->memory_bytes / gib);
    }
}
