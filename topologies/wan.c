/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fibres between sites: by hand, or by rule as mesh, ring, hub or tree
 * (maps: map.c).  One link each direction, of the usable bandwidth given;
 *
 *     latency = length x latency_per_km + equipment_latency       (length.c)
 *
 * Fibres between the same two ends whose length, latency and transport are
 * equal are one bundle: their capacities add, and traffic is taken to be
 * spread over it.  Other parallel fibres stay links of their own, and a route
 * takes one of them (route.c).
 *
 * Place: topology.c builds sites, asks here for the WAN, then makes links.
 * Where amplifier_spacing is given instead of equipment_latency:
 *
 *     equipment_latency = (ceil(length / spacing) + 1) x amplifier_latency
 *                         + 2 x transponder_latency
 *
 * Leaves out: wavelengths one by one, transport (transport.c).
 */
#include <math.h>

#include "topology.h"

int lh__wan_node_add(struct lh__wan *wan, struct lh__wan_node node,
                     struct lh_ctx *ctx)
{
    size_t n = (size_t)wan->n_nodes;

    wan->nodes = lh_grow(ctx->arena, wan->nodes, &wan->node_capacity, n + 1,
                         sizeof *wan->nodes);
    wan->nodes[n] = node;
    return wan->n_nodes++;
}

/* Amplifiers stand at both ends and between spans. */
static double equipment_s(const struct lh__span *span, double length_m)
{
    const struct lh_light *light = span->light;

    if (span->equipment_latency_s >= 0)
        return span->equipment_latency_s;
    double spans = fmax(1, ceil(length_m / light->amplifier_spacing_m));
    return (spans + 1) * light->amplifier_latency_s
           + 2 * light->transponder_latency_s;
}

/* Fills length and latency of a fibre. */
static enum lh_status fibre_measure(struct lh__fibre *fibre,
                                    const struct lh__wan *wan,
                                    const struct lh__span *span,
                                    struct lh_ctx *ctx)
{
    const struct lh__wan_node *a = &wan->nodes[span->a];
    const struct lh__wan_node *b = &wan->nodes[span->b];

    fibre->geodesic_m = -1;
    fibre->length_m = span->length_m;
    if (!(span->length_m >= 0)) {
        const struct lh__wan_node *missing = a->has_location ? b : a;

        if (!a->has_location || !b->has_location) {
            lh_error(ctx, span->where,
                     "the fibre between '%s' and '%s' has no "
                     "length, and '%s' no location to compute it from",
                     a->name, b->name, missing->name);
            return LH_BAD_INPUT;
        }
        fibre->geodesic_m = lh__geodesic_m(a, b);
        fibre->route_factor = span->route_factor;
        fibre->length_m = fibre->geodesic_m * span->route_factor;
    }
    fibre->latency_s = fibre->length_m * wan->latency_s_per_m
                       + equipment_s(span, fibre->length_m);
    if (isfinite(fibre->latency_s) && fibre->latency_s >= 0)
        return LH_OK;
    lh_error(ctx, span->where,
             "the latency of the fibre between '%s' and "
             "'%s' is out of range",
             a->name, b->name);
    return LH_BAD_INPUT;
}

static bool same_ends(const struct lh__fibre *f, const struct lh__span *span)
{
    return (f->a == span->a && f->b == span->b)
           || (f->a == span->b && f->b == span->a);
}

/* Equality is exact on purpose: equal input gives equal doubles. */
static bool same_bundle(const struct lh__fibre *f, const struct lh__fibre *g)
{
    return f->length_m == g->length_m && f->latency_s == g->latency_s
           && lh__transport_equal(f, g)
           && (f->geodesic_m < 0) == (g->geodesic_m < 0);
}

/* RDMA without loss: what the ends cannot hold must not be sent. */
static void buffers_apply(struct lh__fibre *fibre, const struct lh__wan *wan,
                          const struct lh__span *span, struct lh_ctx *ctx)
{
    double wanted = fmax(fibre->bytes_per_s[0], fibre->bytes_per_s[1]) * 2
                    * fibre->latency_s;

    if (fibre->transport != LH_TRANSPORT_RDMA
        || fibre->tcp.buffer_bytes >= wanted)
        return;
    lh_warn(ctx, span->where,
            "the fibre between '%s' and '%s' needs buffers of %s at its ends "
            "to lose nothing, and has %s: %s pass",
            wan->nodes[span->a].name, wan->nodes[span->b].name,
            lh_units_human(ctx->arena, wanted, LH_DIM_BYTES),
            lh_units_human(ctx->arena, fibre->tcp.buffer_bytes, LH_DIM_BYTES),
            lh_units_human(ctx->arena,
                           lh__transport_lossless(fibre, fibre->bytes_per_s[0]),
                           LH_DIM_BANDWIDTH));
    for (int way = 0; way < 2; way++)
        fibre->bytes_per_s[way] =
            lh__transport_lossless(fibre, fibre->bytes_per_s[way]);
}

/* A cable of a bundle, which lies the same way round or is turned. */
static void strand_add(struct lh__fibre *bundle, const struct lh__fibre *cable,
                       const struct lh__span *span, int turned,
                       struct lh_ctx *ctx)
{
    struct lh__strand *strand = LH_NEW(ctx->arena, struct lh__strand, 1);

    *strand = (struct lh__strand){.duct = span->duct,
                                  .bytes_per_s = {cable->bytes_per_s[turned],
                                                  cable->bytes_per_s[!turned]},
                                  .next = bundle->strands};
    bundle->strands = strand;
}

enum lh_status lh__wan_add(struct lh__wan *wan, const struct lh__span *span,
                           struct lh_ctx *ctx)
{
    struct lh__fibre fibre = {
        .a = span->a,
        .b = span->b,
        .bytes_per_s = {span->bytes_per_s[0], span->bytes_per_s[1]},
        .transport = span->transport,
        .tcp = span->tcp,
        .n_cables = 1,
        .ordinal = 1,
    };
    size_t n = (size_t)wan->n_fibres;

    if (!(span->bytes_per_s[0] > 0) || !(span->bytes_per_s[1] > 0)) {
        lh_error(ctx, span->where,
                 "the fibre between '%s' and '%s' has no "
                 "bandwidth; give one, e.g. 'bandwidth: 400 Gbit/s'",
                 wan->nodes[span->a].name, wan->nodes[span->b].name);
        return LH_BAD_INPUT;
    }
    enum lh_status st = fibre_measure(&fibre, wan, span, ctx);
    if (st != LH_OK)
        return st;
    buffers_apply(&fibre, wan, span, ctx);
    for (int i = 0; i < wan->n_fibres; i++) {
        struct lh__fibre *f = &wan->fibres[i];
        int turned = f->a != span->a;

        if (!same_ends(f, span))
            continue;
        if (same_bundle(f, &fibre)) {
            strand_add(f, &fibre, span, turned, ctx);
            f->bytes_per_s[0] += fibre.bytes_per_s[turned];
            f->bytes_per_s[1] += fibre.bytes_per_s[!turned];
            f->n_cables++;
            return LH_OK;
        }
        fibre.ordinal++;
    }
    strand_add(&fibre, &fibre, span, 0, ctx);
    wan->fibres = lh_grow(ctx->arena, wan->fibres, &wan->fibre_capacity, n + 1,
                          sizeof *wan->fibres);
    wan->fibres[wan->n_fibres++] = fibre;
    return LH_OK;
}

/* ---- layouts ------------------------------------------------------------- */

static enum lh_status layout_span(struct lh__wan *wan,
                                  const struct lh_layout *layout, int a, int b,
                                  struct lh_ctx *ctx)
{
    const struct lh__span span = {
        .a = a,
        .b = b,
        .length_m = layout->length_m,
        .route_factor = layout->route_factor,
        .equipment_latency_s = layout->equipment_latency_s,
        .bytes_per_s = {layout->bytes_per_s, layout->bytes_per_s},
        .transport = layout->transport,
        .tcp = layout->tcp,
        .where = layout->where,
    };

    return lh__wan_add(wan, &span, ctx);
}

static enum lh_status mesh_add(struct lh__wan *wan,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int a = 0; st == LH_OK && a < wan->n_sites; a++)
        for (int b = a + 1; st == LH_OK && b < wan->n_sites; b++)
            st = layout_span(wan, &scenario->layout, a, b, ctx);
    return st;
}

static enum lh_status ring_add(struct lh__wan *wan,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int a = 0; st == LH_OK && a + 1 < wan->n_sites; a++)
        st = layout_span(wan, &scenario->layout, a, a + 1, ctx);
    if (st == LH_OK && wan->n_sites > 2) /* of two sites: one fibre */
        st = layout_span(wan, &scenario->layout, wan->n_sites - 1, 0, ctx);
    return st;
}

static enum lh_status hub_add(struct lh__wan *wan,
                              const struct lh_scenario *scenario,
                              struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int b = 1; st == LH_OK && b < wan->n_sites; b++)
        st = layout_span(wan, &scenario->layout, 0, b, ctx);
    return st;
}

static enum lh_status tree_add(struct lh__wan *wan,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int b = 1; st == LH_OK && b < wan->n_sites; b++)
        st = layout_span(wan, &scenario->layout, (b - 1) / 2, b, ctx);
    return st;
}

typedef enum lh_status layout_fn(struct lh__wan *wan,
                                 const struct lh_scenario *scenario,
                                 struct lh_ctx *ctx);

static layout_fn *const layouts[] = {
#define LH_LAYOUT(id, name, add, help) [LH_LAYOUT_##id] = add,
#include "list.h"
};

/* ---- all of it ----------------------------------------------------------- */

static enum lh_status by_hand(struct lh__wan *wan,
                              const struct lh_scenario *scenario,
                              struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < scenario->n_fibres; i++) {
        const struct lh_fibre *f = &scenario->fibres[i];
        const struct lh__span span = {
            .a = f->site_a,
            .b = f->site_b,
            .length_m = f->length_m,
            .route_factor = f->route_factor,
            .equipment_latency_s = f->equipment_latency_s,
            .light = &f->light,
            .bytes_per_s = {f->bytes_per_s, f->bytes_per_s},
            .transport = f->transport,
            .tcp = f->tcp,
            .duct = f->duct,
            .where = f->where,
        };
        enum lh_status one = lh__wan_add(wan, &span, ctx);

        if (one != LH_OK)
            st = one;
    }
    return st;
}

enum lh_status lh__wan_build(struct lh__wan *out,
                             const struct lh_scenario *scenario,
                             struct lh_ctx *ctx)
{
    enum lh_status st;

    *out = (struct lh__wan){.n_sites = scenario->n_sites};
    for (int i = 0; i < scenario->n_sites; i++) {
        const struct lh_site *site = &scenario->sites[i];

        lh__wan_node_add(out,
                         (struct lh__wan_node){site->name, site->has_location,
                                               site->latitude_deg,
                                               site->longitude_deg},
                         ctx);
    }
    if (scenario->n_sites < 2)
        return LH_OK;
    st = lh__fibre_constants(out, ctx);
    if (st == LH_OK)
        st = by_hand(out, scenario, ctx);
    if (st == LH_OK && scenario->layout.kind != LH_LAYOUT_NONE)
        st = layouts[scenario->layout.kind](out, scenario, ctx);
    return st;
}
