/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The topology as text: sites with their classes of equal links, fibres,
 * routes between sites with length, round-trip time, capacity, minimum cut and
 * the number of cuts that part the two, and, up to 64
 * accelerators, every link on a line of its own.
 *
 * Place: `longhaul show topology`.  Stable: golden tests compare it.
 */
#include <math.h>

#include "topology.h"

enum { ALL_LINKS_MAX = 64 };

static const char *const kind_names[LH_LINK_KINDS] = {
    [LH_LINK_SCALE_UP] = "scale-up", [LH_LINK_NIC] = "nic",
    [LH_LINK_LEAF] = "leaf",         [LH_LINK_SPINE] = "spine",
    [LH_LINK_CORE] = "core",         [LH_LINK_GATEWAY] = "gateway",
    [LH_LINK_WAN] = "wan",
};

static const char *const fabric_names[] = {
#define LH_FABRIC(id, name, shape, help) [LH_FABRIC_##id] = name,
#include "list.h"
};

static const char *rate(const struct lh_text *out, double bytes_per_s)
{
    return isfinite(bytes_per_s)
               ? lh_units_human(out->arena, bytes_per_s, LH_DIM_BANDWIDTH)
               : "no limit";
}

static const char *duration(const struct lh_text *out, double seconds)
{
    return lh_units_human(out->arena, seconds, LH_DIM_TIME);
}

static const char *distance(const struct lh_text *out, double metres)
{
    return lh_units_human(out->arena, metres, LH_DIM_LENGTH);
}

static bool equal_blocks(const struct lh__block *a, const struct lh__block *b)
{
    return a->kind == b->kind && a->latency_s == b->latency_s
           && a->capacity_bytes_per_s == b->capacity_bytes_per_s;
}

static lh_link block_end(const struct lh__site *site, int i)
{
    return i + 1 < site->n_blocks ? site->blocks[i + 1].first : site->end_link;
}

/* Neighbouring blocks of equal links are one line; empty ones none. */
static void classes_print(struct lh_text *out, const struct lh__site *site)
{
    for (int i = 0, next; i < site->n_blocks; i = next) {
        const struct lh__block *b = &site->blocks[i];

        next = i + 1;
        if (block_end(site, i) == b->first)
            continue;
        while (next < site->n_blocks
               && (block_end(site, next) == site->blocks[next].first
                   || equal_blocks(b, &site->blocks[next])))
            next++;
        lh_text_printf(out, "  %-9s %6d links  %-12s %s\n", kind_names[b->kind],
                       block_end(site, next - 1) - b->first,
                       rate(out, b->capacity_bytes_per_s),
                       duration(out, b->latency_s));
    }
}

/* Of uplinks that traffic is hashed over. */
static void cables_print(struct lh_text *out, const struct lh__site *site)
{
    for (int k = 0; k < lh__top_level(site); k++)
        if (site->shape.cables[k] > 1)
            lh_text_printf(out, ", %lld hashed cables up from a %s",
                           (long long)site->shape.cables[k],
                           lh__level_name(site, k));
}

static void site_print(struct lh_text *out, const struct lh__site *site)
{
    const struct lh__shape *shape = &site->shape;

    lh_text_printf(out, "site %s: %lld accelerators", site->name,
                   (long long)site->gpus);
    if (lh__is_torus(site))
        lh_text_add(out, lh__torus_text(out->arena, site));
    else if (shape->scale_up_gpus > 1)
        lh_text_printf(out, " in %lld node%s of %lld", (long long)site->nodes,
                       site->nodes == 1 ? "" : "s",
                       (long long)shape->scale_up_gpus);
    lh_text_printf(out, ", %s", fabric_names[site->fabric.kind]);
    if (site->fabric.name != NULL)
        lh_text_printf(out, " (%s)", site->fabric.name);
    if (shape->is_campus)
        lh_text_printf(out, ", %lld buildings of %lld",
                       (long long)((site->gpus + site->fabric.building_gpus - 1)
                                   / site->fabric.building_gpus),
                       (long long)site->fabric.building_gpus);
    for (int k = 0; k < shape->n_levels; k++)
        lh_text_printf(out, ", %lld %s%s", (long long)shape->count[k],
                       site->fabric.kind == LH_FABRIC_SWITCH
                           ? "switch"
                           : lh__level_name(site, k),
                       shape->count[k] == 1                       ? ""
                       : site->fabric.kind == LH_FABRIC_DRAGONFLY ? "s"
                       : k == 0                                   ? " switches"
                                                                  : " layers");
    cables_print(out, site);
    lh_text_add(out, "\n");
    classes_print(out, site);
}

static void transport_print(struct lh_text *out, const struct lh__fibre *f)
{
    double in_flight = fmax(f->bytes_per_s[0], f->bytes_per_s[1]) * 2
                       * f->latency_s / f->n_cables;

    if (f->transport == LH_TRANSPORT_IDEAL) {
        lh_text_add(out, ", ideal");
        return;
    }
    if (f->transport == LH_TRANSPORT_TCP)
        lh_text_printf(
            out, ", tcp of %lld x %s", (long long)f->tcp.streams,
            lh_units_human(out->arena, f->tcp.window_bytes, LH_DIM_BYTES));
    else
        lh_text_printf(out, ", rdma with buffers of %s",
                       lh_units_human(out->arena, in_flight, LH_DIM_BYTES));
    if (f->tcp.loss > 0)
        lh_text_printf(out, ", loss %g", f->tcp.loss);
}

static void fibre_print(struct lh_text *out, const struct lh_topology *t,
                        const struct lh__fibre *f)
{
    lh_text_printf(out, "fibre %s - %s", t->wan.nodes[f->a].name,
                   t->wan.nodes[f->b].name);
    if (f->ordinal > 1)
        lh_text_printf(out, " #%d", f->ordinal);
    lh_text_printf(out, ": %s", distance(out, f->length_m));
    if (f->geodesic_m >= 0)
        lh_text_printf(out, " (geodesic %s x %g)", distance(out, f->geodesic_m),
                       f->route_factor);
    lh_text_printf(out, ", RTT %s, %s", duration(out, 2 * f->latency_s),
                   rate(out, f->bytes_per_s[0]));
    if (f->bytes_per_s[1] != f->bytes_per_s[0])
        lh_text_printf(out, " there, %s back", rate(out, f->bytes_per_s[1]));
    if (f->n_cables > 1)
        lh_text_printf(out, " in %d parallel fibres", f->n_cables);
    transport_print(out, f);
    lh_text_add(out, "\n");
}

/* Round trips gateway to gateway; nodes passed on the way there. */
static void route_print(struct lh_text *out, const struct lh_topology *t, int a,
                        int b)
{
    const struct lh__route *there = &t->routes[a * t->n_sites + b];
    const struct lh__route *back = &t->routes[b * t->n_sites + a];
    struct lh__route_facts facts = lh__route_facts(t, a, b);
    int cuts = lh__cuts_to_part(t, a, b);
    int at = a;

    lh_text_printf(out, "route %s -> %s: %d fibre%s", t->sites[a].name,
                   t->sites[b].name, there->n_links,
                   there->n_links == 1 ? "" : "s");
    for (int i = 0; i + 1 < there->n_links; i++) {
        const struct lh__fibre *f =
            &t->wan.fibres[(there->links[i] - t->first_wan) / 2];

        at = f->a == at ? f->b : f->a;
        lh_text_printf(out, "%s%s", i == 0 ? " over " : ", ",
                       t->wan.nodes[at].name);
    }
    lh_text_printf(out, ", %s, RTT %s, %s; cut %s there, %s back; parted by "
                        "%d cut%s\n",
                   distance(out, facts.length_m),
                   duration(out, there->latency_s + back->latency_s),
                   rate(out, facts.bytes_per_s),
                   rate(out, lh_topology_cut(t, a, b)),
                   rate(out, lh_topology_cut(t, b, a)), cuts,
                   cuts == 1 ? "" : "s");
}

static void links_print(struct lh_text *out, const struct lh_topology *t)
{
    lh_text_add(out, "links\n");
    for (lh_link l = 0; l < t->n_links; l++) {
        struct lh_link_info link = lh_topology_link_at(t, l);

        lh_text_printf(out, "  %4d  %-8s  %-12s  %-10s  %s\n", l,
                       kind_names[link.kind],
                       rate(out, link.capacity_bytes_per_s),
                       duration(out, link.latency_s), link.name);
    }
}

void lh_topology_print(struct lh_text *out, const struct lh_topology *t)
{
    lh_text_printf(out,
                   "topology: %lld accelerators, %d site%s, %d vertices, "
                   "%d links\n",
                   (long long)t->n_accelerators, t->n_sites,
                   t->n_sites == 1 ? "" : "s", t->n_vertices, t->n_links);
    for (int i = 0; i < t->n_sites; i++)
        site_print(out, &t->sites[i]);
    if (t->wan.map != NULL)
        lh_text_printf(out, "map: %d nodes that are no site\n",
                       t->wan.n_nodes - t->n_sites);
    for (int i = 0; i < t->wan.n_fibres; i++)
        fibre_print(out, t, &t->wan.fibres[i]);
    for (int a = 0; a < t->n_sites; a++)
        for (int b = a + 1; b < t->n_sites; b++)
            route_print(out, t, a, b);
    if (t->n_accelerators <= ALL_LINKS_MAX)
        links_print(out, t);
}
