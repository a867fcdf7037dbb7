/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the map of the report shows: sites, nodes of a map that fibres join, and
 * the fibres, each cable once with the busier of its two ways.  Of a loop of
 * reinforcement learning the sites of the whole scenario, and of its fibres how
 * busy they are with weights, since the step is the trainer's alone.
 */
#include <math.h>
#include <string.h>

#include "report.h"

static const char *site_words(const struct lh_site *site,
                              struct lh_arena *arena)
{
    return lh_format(arena, "%s %s", lh__count_text(arena, (double)site->gpus),
                     site->device_name);
}

static void add_site(struct lh__places *out, const struct lh_site *site,
                     struct lh_arena *arena)
{
    out->at[out->n++] = (struct lh__place){
        .name = site->name,
        .words = site_words(site, arena),
        .is_site = true,
        .latitude_deg = site->has_location ? site->latitude_deg : NAN,
        .longitude_deg = site->has_location ? site->longitude_deg : NAN};
}

/* ---- fibres and their ends ----------------------------------------------- */

struct network {
    const struct lh_scenario *scenario;
    const struct lh_topology *topology;
    const struct lh_result *result; /* of a step; NULL with rl */
    const struct lh_rl_report *rl;
};

/* The row of result->links that a link is in, or NULL: nothing crosses it. */
static const struct lh_link_use *use_of(const struct network *net, lh_link link)
{
    const struct lh_topology *t = net->topology;
    struct lh_link_info is = lh_topology_link_facts(t, link);
    const struct lh_link_use *alike = NULL;

    for (int i = 0; i < net->result->n_links; i++) {
        const struct lh_link_use *use = &net->result->links[i];
        lh_link first =
            use->kind == LH_LINK_WAN ? lh_topology_link_find(t, use->name) : -1;
        struct lh_link_info row;
        if (first < 0)
            continue;
        if (first == link)
            return use;
        row = lh_topology_link_facts(t, first);
        if (use->count > 1 && row.latency_s == is.latency_s
            && use->capacity_bytes_per_s == is.capacity_bytes_per_s)
            alike = use;
    }
    return alike;
}

static double busy_of(const struct network *net, lh_link link)
{
    const struct lh_link_use *use;

    if (net->rl == NULL) {
        use = use_of(net, link);
        return use != NULL ? use->busy_frac : 0;
    }
    for (int i = 0; i < net->rl->n_fibres; i++) {
        if (net->rl->fibres[i].link == link)
            return net->rl->fibres[i].busy_frac;
    }
    return 0;
}

/* A node has coordinates where the map gave them, to a site too. */
static int place_of(struct lh__places *out, const struct lh_topology *t,
                    lh_node node)
{
    struct lh_wan_place at;

    if (!lh_topology_wan_place(&at, t, node))
        return -1;
    for (int i = 0; i < out->n; i++) {
        if (strcmp(out->at[i].name, at.name) != 0
            || out->at[i].is_site != at.is_site)
            continue;
        if (at.has_location) {
            out->at[i].latitude_deg = at.latitude_deg;
            out->at[i].longitude_deg = at.longitude_deg;
        }
        return i;
    }
    out->at[out->n] = (struct lh__place){
        .name = at.name,
        .words = "",
        .latitude_deg = at.has_location ? at.latitude_deg : NAN,
        .longitude_deg = at.has_location ? at.longitude_deg : NAN};
    return out->n++;
}

/* The cable that a way is the second of, or NULL. */
static struct lh__cable *other_way(struct lh__places *out, int a, int b,
                                   double length_m)
{
    for (int i = 0; i < out->n_cables; i++) {
        struct lh__cable *c = &out->cables[i];
        if (c->a == b && c->b == a && c->length_m == length_m)
            return c;
    }
    return NULL;
}

static void add_way(struct lh__places *out, const struct network *net,
                    lh_link link, struct lh_arena *arena)
{
    struct lh_link_info info = lh_topology_link_facts(net->topology, link);
    int a = place_of(out, net->topology, info.from);
    int b = place_of(out, net->topology, info.to);
    double busy = busy_of(net, link);
    struct lh__cable *back;

    if (a < 0 || b < 0)
        return;
    back = other_way(out, a, b, info.length_m);
    if (back != NULL) {
        back->busy_frac = fmax(back->busy_frac, busy);
        back->capacity_bytes_per_s =
            fmin(back->capacity_bytes_per_s, info.capacity_bytes_per_s);
        return;
    }
    info = lh_topology_link_at(net->topology, link);
    out->cables[out->n_cables++] =
        (struct lh__cable){a,
                           b,
                           lh_format(arena, "%s", info.name),
                           info.length_m,
                           info.latency_s,
                           info.capacity_bytes_per_s,
                           busy};
}

static void find(struct lh__places *out, const struct network *net,
                 struct lh_arena *arena)
{
    const struct lh_scenario *s = net->scenario;
    lh_link first = lh_topology_first_fibre(net->topology);
    lh_link end = lh_topology_link_count(net->topology);

    out->at = LH_NEW(arena, struct lh__place, s->n_sites + 2 * (end - first));
    out->cables = LH_NEW(arena, struct lh__cable, end - first);
    for (int i = 0; i < s->n_sites; i++)
        add_site(out, &s->sites[i], arena);
    for (lh_link l = first; l < end; l++)
        add_way(out, net, l, arena);
}

/* The topology of all sites, which the trainer's step has not. */
static enum lh_status find_of_loop(struct lh__places *out,
                                   const struct lh_report *report,
                                   struct lh_ctx *ctx)
{
    struct network net = {.scenario = report->rl->scenario, .rl = report->rl};
    struct lh_topology *topology;
    enum lh_status st = lh_topology_build(&topology, net.scenario, ctx);

    if (st != LH_OK)
        return st;
    net.topology = topology;
    find(out, &net, ctx->arena);
    for (int i = 0; i < out->n; i++) /* names of nodes are the topology's */
        out->at[i].name = lh_format(ctx->arena, "%s", out->at[i].name);
    lh_topology_free(topology);
    return LH_OK;
}

enum lh_status lh__places_find(struct lh__places *out,
                               const struct lh_report *report,
                               struct lh_ctx *ctx)
{
    struct network net = {report->scenario, report->topology, report->result,
                          NULL};
    enum lh_status st = LH_OK;

    *out = (struct lh__places){.located = true};
    if (report->rl != NULL)
        st = find_of_loop(out, report, ctx);
    else
        find(out, &net, ctx->arena);
    for (int i = 0; i < out->n; i++) {
        if (isnan(out->at[i].latitude_deg) || isnan(out->at[i].longitude_deg))
            out->located = false;
    }
    return st;
}
