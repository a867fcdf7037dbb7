/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sites[].fabric.astra_network: the dims of an ASTRA-sim network as a fabric.
 * Pipeline: beside resolve.c, when a fabric's row is read; its keys override
 * what is found here, as they do a row.
 *
 *   Switch                        switch: all NPUs on one
 *   Ring (up to three)            torus: a cable from each NPU to the next
 *   FullyConnected of 2, 3        Ring: there every two are neighbours
 *   FullyConnected of n > 3       a switch with n - 1 links' bandwidth for each
 *                                 NPU and half of its latency to it: as fast
 *                                 where all links are used at once, faster
 * where one pair talks.  A warning says so a Switch over one of these    rails:
 * NPU i of every node on a leaf of its own; over rings NICs on one switch
 *   another Switch over that      the spine of these leaves, of which an NPU
 *                                 has the dim's bandwidth; its NIC carries both
 *                                 dims here, two in ASTRA-sim (a warning)
 *
 * No efficiencies, no library: bandwidths and latencies are the file's.
 * Source: astra-sim/astra-network-analytical, congestion_aware and
 * congestion_unaware.  Refused: everything else, above all a Ring over a
 * Switch.
 */
#include "resolve.h"

#include <inttypes.h>

struct maker {
    struct lh__reader *r;
    struct lh_where where; /* of the file */
    struct lh_astra network;
    struct lh_fabric *out;
    int at; /* dim that comes next */
};

static bool is_ring(const struct lh_astra_dim *d)
{
    return d->kind == LH_ASTRA_RING
           || (d->kind == LH_ASTRA_FULLY_CONNECTED && d->npus <= 3);
}

static bool fail(struct maker *m, const char *text)
{
    lh_error(m->r->ctx, m->where, "%s", text);
    return false;
}

/* Rings, from the first dim on. */
static bool make_torus(struct maker *m)
{
    const struct lh_astra_dim *dims = m->network.dims;
    struct lh_fabric *f = m->out;
    int n = 0;

    while (n < m->network.n_dims && is_ring(&dims[n]))
        n++;
    if (n > LH_TORUS_DIMS)
        return fail(m, "more than three dims of Ring are not supported");
    f->kind = LH_FABRIC_TORUS;
    f->n_dims = f->n_dims_frac = n;
    f->scale_up_gpus = 1;
    f->scale_up_latency_s = dims[0].latency_s;
    for (int i = 0; i < n; i++) {
        f->dims[i] = dims[i].npus;
        f->scale_up_gpus *= dims[i].npus;
        f->scale_up_bytes_per_s =
            fmax(f->scale_up_bytes_per_s, dims[i].bytes_per_s);
        if (dims[i].latency_s != dims[0].latency_s)
            return fail(m, "dims of Ring with unequal latencies are not "
                           "supported");
    }
    for (int i = 0; i < n; i++)
        f->dims_frac[i] = dims[i].bytes_per_s / f->scale_up_bytes_per_s;
    m->at = n;
    return true;
}

/* A node: a Switch, or what is as good as one. */
static void make_node(struct maker *m)
{
    const struct lh_astra_dim *d = m->network.dims;
    double links = 1, hops = 1;

    if (d->kind == LH_ASTRA_FULLY_CONNECTED) {
        links = (double)(d->npus - 1);
        hops = 0.5;
        lh_warn(m->r->ctx, m->where,
                "FullyConnected of %" PRId64 " stands here as a switch with "
                "the bandwidth of %" PRId64 " links for each accelerator",
                d->npus, d->npus - 1);
    }
    m->out->kind = LH_FABRIC_RAILS;
    m->out->scale_up_gpus = d->npus;
    m->out->scale_up_bytes_per_s = links * d->bytes_per_s;
    m->out->scale_up_latency_s = hops * d->latency_s;
    m->at = 1;
}

/* One Switch alone: NICs on it. */
static void make_switch(struct maker *m)
{
    make_node(m);
    m->out->kind = LH_FABRIC_SWITCH;
    m->out->nic_bytes_per_s = m->out->scale_up_bytes_per_s;
    m->out->nic_latency_s = m->out->scale_up_latency_s;
    m->out->scale_up_gpus = 1;
    m->out->scale_up_bytes_per_s = 0;
}

/* The NIC of an accelerator, and what stands over its leaf. */
static bool make_network(struct maker *m)
{
    const struct lh_astra_dim *d = &m->network.dims[m->at];
    int left = m->network.n_dims - m->at;
    struct lh_fabric *f = m->out;

    f->n_levels = f->n_oversubscription = 1;
    f->oversubscription[0] = 1;
    f->group[0] = left > 0 ? d[0].npus : 1;
    f->nic_bytes_per_s = left > 0 ? d[0].bytes_per_s : f->scale_up_bytes_per_s;
    f->nic_latency_s = left > 0 ? d[0].latency_s : f->scale_up_latency_s;
    f->switch_latency_s = 0;
    for (int i = 0; i < left; i++)
        if (d[i].kind != LH_ASTRA_SWITCH)
            return fail(m, "a dim above the first is a Switch; only Rings "
                           "stand beside each other");
    if (left > 2)
        return fail(m, "more than two dims of Switch above the first are not "
                       "supported");
    if (left < 2)
        return true;
    if (d[1].bytes_per_s > d[0].bytes_per_s || d[1].latency_s < d[0].latency_s)
        return fail(m, "the last dim has more bandwidth or less latency than "
                       "the one below it, over which it goes here");
    lh_warn(m->r->ctx, m->where,
            "the last two dims share an accelerator's network card here");
    f->oversubscription[0] = d[0].bytes_per_s / d[1].bytes_per_s;
    f->switch_latency_s = d[1].latency_s - d[0].latency_s;
    return true;
}

enum lh_status lh__astra_fabric(struct lh__reader *r,
                                const struct lh__value *file,
                                struct lh_site *site)
{
    const char *path = lh__join_path(r->ctx->arena, r->dir, file->text);
    struct maker m = {.r = r, .where = {path, 0, 0}, .out = &site->fabric};
    enum lh_status st = lh_astra_read(&m.network, path, r->ctx);
    int64_t npus = 1;
    bool good = true;

    if (st == LH_OK)
        st = lh_fabric_by_name(&site->fabric, "switch", file->where, r->ctx);
    if (st != LH_OK)
        return st;
    for (int i = 0; i < m.network.n_dims; i++)
        npus *= m.network.dims[i].npus;
    if (site->gpus > 0 && npus != site->gpus) {
        lh_error(r->ctx, file->where,
                 "the network has %" PRId64 " NPUs, the site %" PRId64
                 " accelerators",
                 npus, site->gpus);
        return LH_BAD_INPUT;
    }
    site->fabric.library = (struct lh_library){.name = "none"};
    if (m.network.n_dims == 1 && !is_ring(m.network.dims)) {
        make_switch(&m);
        return LH_OK;
    }
    if (is_ring(m.network.dims))
        good = make_torus(&m);
    else
        make_node(&m);
    return good && make_network(&m) ? LH_OK : LH_BAD_INPUT;
}
