/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step of one collective: the rank's operations are the collective and, when
 * it has ended, a short computation that ends the step.
 */
#include "lone_comm.h"

#include <math.h>

static struct lh_scenario scenario_of(const struct lone_comm *c,
                                      struct lh_site *site)
{
    *site = (struct lh_site){.name = "site",
                             .gpus = c->ranks,
                             .fabric = c->fabric,
                             .gateway_bytes_per_s = (double)INFINITY};
    return (struct lh_scenario){.name = "lone collective",
                                .n_sites = 1,
                                .sites = site,
                                .stack = {.collective_base_s = c->base_s},
                                .fold = !c->unfolded};
}

/* The arrays of a program that all ranks run alike. */
struct parts {
    struct lh_comm comm;
    struct lh_op ops[2];
    int32_t dep_begin[3];
    int32_t deps[1];
    struct lh_template template;
    const struct lh_device *devices[1];
    struct lh_device device;
    int site_device[1];
};

static struct lh_program program_of(const struct lone_comm *c, struct parts *p)
{
    *p = (struct parts){
        .comm = {.collective = c->collective,
                 .axes = LH_AXIS_BIT(LH_AXIS_DATA),
                 .bytes = c->bytes,
                 .category = LH_DATA_COMM,
                 .algorithm = c->algorithm},
        .ops = {{.kind = LH_OP_COMM,
                 .stream = LH_STREAM_DATA,
                 .category = LH_DATA_COMM,
                 .task = LH_TASK_GRADIENTS,
                 .comm = 0},
                {.kind = LH_OP_COMPUTE,
                 .stream = LH_STREAM_COMPUTE,
                 .category = LH_OPTIMIZER,
                 .task = LH_TASK_OPTIMIZER,
                 .comm = -1,
                 .seconds = 1e-3}},
        .dep_begin = {0, 0, 1},
        .deps = {0},
        .template = {.name = "a rank",
                     .n_ops = 2,
                     .ops = p->ops,
                     .dep_begin = p->dep_begin,
                     .deps = p->deps},
        .devices = {&p->device},
    };
    return (struct lh_program){
        .axes = {.size = {1, 1, 1, 1, 1, 1, c->ranks}, .stride = {1, 1, 1, 1, 1, 1, 1}},
        .n_devices = 1,
        .devices = p->devices,
        .site_device = p->site_device,
        .n_templates = 1,
        .templates = &p->template,
        .n_comms = 1,
        .comms = &p->comm,
        .n_stages = 1,
    };
}

enum lh_status lone_comm_run(struct lone_comm_result *out,
                             const struct lone_comm *c, struct lh_ctx *ctx)
{
    struct lh_site site;
    struct parts parts;
    struct lh_scenario scenario = scenario_of(c, &site);
    struct lh_program program = program_of(c, &parts);
    struct lh_sim_point point = {.scenario = &scenario, .program = &program};
    struct lh_topology *topology;
    struct lh_trace trace;
    enum lh_status st = lh_topology_build(&topology, &scenario, ctx);

    if (st != LH_OK)
        return st;
    point.topology = topology;
    st = lh_sim_run(&trace, &point, ctx);
    if (st == LH_OK)
        *out = (struct lone_comm_result){
            .time_s = trace.end_s[0] - trace.start_s[0],
            .algorithm = lh_algorithm_at(trace.group_algorithm[0])->name,
            .rank_classes = trace.n_classes};
    lh_topology_free(topology);
    return st;
}
