/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the hops of a push share: they begin together, as flows of the engine
 * (max-min; each copy's rate, at as many times its bytes as there are copies)
 * over
 *
 *   the gateways and fibres of their ways, and the NICs of whoever sends
 *
 * and a hop's rate is its bytes over the time that it takes then, at most
 * flows x the transport's cap of one path.  A single hop shares nothing: the
 * least capacity.  Also the bytes that fibres carry in a loop.
 *
 * Place in the pipeline: behind rl_push.c.
 * Leaves out: that hops begin a bucket behind the one before; links inside
 * sites between NIC and gateway.
 */
#include "rl_share.h"

#include <math.h>

/* Links of the engine: those of the topology, then senders' NICs. */
struct table {
    int32_t n;
    int64_t *key; /* link, or -1 - sender's hop.relay - 1 */
    double *capacity;
};

static bool is_shared(enum lh_link_kind kind)
{
    return kind == LH_LINK_GATEWAY || kind == LH_LINK_WAN;
}

static int32_t index_of(struct table *table, int64_t key, double capacity)
{
    int32_t i = 0;

    while (i < table->n && table->key[i] != key)
        i++;
    if (i == table->n) {
        table->key[table->n] = key;
        table->capacity[table->n++] = capacity;
    }
    return i;
}

static struct lh_channel_spec spec_of(const struct lh__hop *hop,
                                      struct table *table,
                                      const struct lh_topology *t,
                                      struct lh_ctx *ctx)
{
    int32_t *links = LH_NEW(ctx->arena, int32_t, hop->path.n_links + 1);
    int64_t *weights = LH_NEW(ctx->arena, int64_t, hop->path.n_links + 1);
    struct lh_channel_spec spec = {
        .links = links,
        .weights = weights,
        .phi = 1.0 / hop->copies,
        .cap_bytes_per_s = fmin(
            hop->leave, hop->flows * hop->path.cap_bytes_per_s / hop->copies),
    };

    links[spec.n_links++] = index_of(table, -2 - hop->relay, hop->sender);
    for (int k = 0; k < hop->path.n_links; k++) {
        lh_link link = hop->path.links[k];
        double capacity = lh_topology_link_capacity(t, link);
        if (is_shared(lh_topology_link_facts(t, link).kind)
            && isfinite(capacity))
            links[spec.n_links++] = index_of(table, link, capacity);
    }
    for (int32_t i = 0; i < spec.n_links; i++)
        weights[i] = (int64_t)hop->copies;
    return spec;
}

/* Alone on its way. */
static double least_rate(const struct lh__hop *hop, const struct lh_topology *t)
{
    double rate = hop->flows * hop->path.cap_bytes_per_s;

    for (int k = 0; k < hop->path.n_links; k++) {
        lh_link link = hop->path.links[k];
        if (is_shared(lh_topology_link_facts(t, link).kind))
            rate = fmin(rate, lh_topology_link_capacity(t, link));
    }
    return rate / hop->copies;
}

enum lh_status lh__rl_share(struct lh__hop *hops, int n, double bytes,
                            const struct lh_topology *t, struct lh_ctx *ctx)
{
    struct lh_channel_spec *specs =
        LH_NEW(ctx->arena, struct lh_channel_spec, n);
    double *sizes = LH_NEW(ctx->arena, double, n);
    double *end_s = LH_NEW(ctx->arena, double, n);
    struct table table = {.n = 0};
    int most = n;

    for (int i = 0; i < n; i++)
        most += hops[i].path.n_links;
    table.key = LH_NEW(ctx->arena, int64_t, most);
    table.capacity = LH_NEW(ctx->arena, double, most);
    for (int i = 0; i < n; i++) {
        hops[i].shared = least_rate(&hops[i], t);
        specs[i] = spec_of(&hops[i], &table, t, ctx);
        sizes[i] = bytes;
    }
    if (n == 1)
        return LH_OK;
    struct lh_flows_case c = {.n = n,
                              .specs = specs,
                              .bytes = sizes,
                              .n_links = table.n,
                              .capacity_bytes_per_s = table.capacity};
    enum lh_status st = lh_sim_flows(end_s, &c, ctx);
    for (int i = 0; i < n && st == LH_OK; i++)
        hops[i].shared = bytes / end_s[i];
    return st;
}

static struct lh_rl_fibre *fibre_of(struct lh_rl_report *out, lh_link link,
                                    const struct lh_topology *t)
{
    int i = 0;

    while (i < out->n_fibres && out->fibres[i].link != link)
        i++;
    if (i == out->n_fibres)
        out->fibres[out->n_fibres++] = (struct lh_rl_fibre){
            .name = lh_topology_link_at(t, link).name,
            .link = link,
            .capacity_bytes_per_s = lh_topology_link_capacity(t, link)};
    return &out->fibres[i];
}

void lh__rl_fibres(struct lh_rl_report *out, const struct lh__hop *hops,
                   const struct lh_topology *t, struct lh_ctx *ctx)
{
    int n = out->scenario->rl.n_fleets, most = 0;

    for (int i = 0; i < n; i++)
        most += hops[i].path.n_links;
    out->fibres = LH_NEW(ctx->arena, struct lh_rl_fibre, most);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < hops[i].path.n_links; k++) {
            lh_link link = hops[i].path.links[k];
            if (lh_topology_link_facts(t, link).kind == LH_LINK_WAN)
                fibre_of(out, link, t)->push_bytes +=
                    hops[i].copies * out->push_bytes;
        }
}

void lh_rl_push_count(struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;
    double pushes = (double)r->pushes;

    for (int i = 0; i < report->n_fibres && r->steps > 0; i++) {
        struct lh_rl_fibre *f = &report->fibres[i];
        f->step_bytes = f->push_bytes * pushes / (double)r->steps;
        f->busy_frac = r->wall_s > 0 ? f->push_bytes * pushes / r->wall_s
                                           / f->capacity_bytes_per_s
                                     : 0;
    }
}
