/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of output formats (analysis/list.h) and what the writers share:
 * the fullest accelerators, the busiest link, the efficiency
 *
 *     efficiency = step time in one site / step time here.
 *
 * Place in the pipeline: after lh_result_make(); nothing here simulates.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

static const struct lh_output outputs[] = {
#define LH_OUTPUT(name, links, help) {#name, help, links, lh_write_##name},
#include "list.h"
};

int lh_output_count(void)
{
    return (int)(sizeof outputs / sizeof outputs[0]);
}

const struct lh_output *lh_output_at(int i)
{
    return &outputs[i];
}

const struct lh_output *lh_output_find(const char *name)
{
    for (int i = 0; i < lh_output_count(); i++) {
        if (strcmp(outputs[i].name, name) == 0) {
            return &outputs[i];
        }
    }
    return NULL;
}

/* Where stages are split across sites, a stage stands in one site: the sites
 * hold contiguous stages in their order.  Else every site holds all stages. */
static bool site_holds_stage(const struct lh_scenario *scenario,
                             const struct lh_program *program, int site,
                             int stage)
{
    int64_t first = 0;
    int64_t rank = stage * program->axes.stride[LH_AXIS_PIPELINE];

    if (scenario->across_sites != LH_ACROSS_PIPELINE) {
        return true;
    }
    for (int i = 0; i < site; i++) {
        first += scenario->sites[i].gpus;
    }
    return rank >= first && rank < first + scenario->sites[site].gpus;
}

struct lh_fullest lh_memory_fullest(const struct lh_program *program,
                                    const struct lh_scenario *scenario)
{
    struct lh_fullest fullest = {0, &scenario->sites[0].device,
                                 program->memory[0].total};
    double most = -1.0;

    for (int stage = 0; stage < program->n_stages; stage++) {
        for (int site = 0; site < scenario->n_sites; site++) {
            const struct lh_device *device = &scenario->sites[site].device;
            double bytes = program->memory[stage].total;
            double share = bytes / device->memory_bytes;
            if (share > most
                && site_holds_stage(scenario, program, site, stage)) {
                most = share;
                fullest = (struct lh_fullest){stage, device, bytes};
            }
        }
    }
    return fullest;
}

double lh__efficiency(const struct lh_report *report)
{
    if (report->rl != NULL) {
        return report->rl_near != NULL ? report->rl_near->result.step_time_s
                                             / report->rl->result.step_time_s
                                       : NAN;
    }
    return report->one_site != NULL
               ? report->one_site->step_time_s / report->result->step_time_s
               : NAN;
}

int lh__link_rows(const struct lh_report *report)
{
    int n = report->result->n_links;

    return report->max_links >= 0 && report->max_links < n ? report->max_links
                                                           : n;
}

const struct lh_link_use *lh__busiest(const struct lh_result *result,
                                      enum lh__where where)
{
    const struct lh_link_use *best = NULL;

    for (int i = 0; i < result->n_links; i++) {
        const struct lh_link_use *link = &result->links[i];
        bool wan =
            link->kind == LH_LINK_WAN || link->kind == LH_LINK_GATEWAY;
        if ((where == LH__ON_WAN && !wan) || (where == LH__IN_SITES && wan)
            || !(link->busy_frac > 0)) {
            continue;
        }
        if (best == NULL || link->busy_frac > best->busy_frac) {
            best = link;
        }
    }
    return best;
}

const char *lh__link_kind_name(enum lh_link_kind kind)
{
    static const char *const names[LH_LINK_KINDS] = {
        [LH_LINK_SCALE_UP] = "scale-up", [LH_LINK_NIC] = "nic",
        [LH_LINK_LEAF] = "leaf",         [LH_LINK_SPINE] = "spine",
        [LH_LINK_CORE] = "core",         [LH_LINK_GATEWAY] = "gateway",
        [LH_LINK_WAN] = "wan",
    };

    return names[kind];
}
