/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * New weights on their way from the trainer to generators: a pipeline of
 * buckets, as long as its slowest stage for all bytes and the others for one
 * bucket.
 *
 *   P       what travels: parameters x 2 (fp8: 1; delta: 2 x fraction)
 *   gather  tensors x seconds each (data/engines.csv), the trainer stands still
 *   leave   NICs of n accelerators, n = min(sender's, the entry's)
 *   fibre   what sites share (rl_share.c), at most n x the transport's cap of
 *           one path
 *   arrive  NICs of one replica; relay: and on to the next at the same rate
 *   load    P / load (data/engines.csv), a replica stands still
 *
 *   direct  the trainer sends a copy to each replica: leave and fibre carry as
 *           many
 *   relay   one to each site; the entries of a site behind another that has
 *           generators get theirs from there, the others of a site from its
 *           first.  Each hop adds its stages to the pipeline.
 *
 * In modes whose generators wait for the weights, load is a stage of the
 * pipeline; else weights come into memory beside generation, and load comes
 * after.  Co-located: no transfer, but optimiser state and gradients go to the
 * host before generation and come back before training.  A replica that comes
 * back needs W: from another one (relay) or as the entry gets its own (direct).
 * Sources: reference 07c (checkpoint-engine: broadcast bucket by bucket, bound
 * by copy and load); relay: one node of a site passes on (PRIME-RL, SHARDCAST).
 * The trainer stands still; what both lose where it does not: rl_beside.c.
 * Leaves out: the generators' own traffic over the same NICs, and links between
 * NIC and gateway.
 */
#include "rl_share.h"

#include <math.h>

int64_t lh_rl_first_gpu(const struct lh_scenario *s, int fleet)
{
    const struct lh_rl *rl = &s->rl;
    int site = rl->fleets[fleet].site;
    int64_t first = 0;

    for (int i = 0; i < site; i++)
        first += s->sites[i].gpus;
    if (site == rl->trainer_site && !rl->fleets[fleet].shared)
        first += rl->trainer_gpus;
    for (int i = 0; i < fleet; i++)
        if (rl->fleets[i].site == site)
            first += rl->fleets[i].gpus;
    return first;
}

int64_t lh_rl_judge_gpu(const struct lh_scenario *s, int verifier)
{
    const struct lh_rl *rl = &s->rl;
    int site = rl->verifiers[verifier].site;
    int64_t first = site == rl->trainer_site ? rl->trainer_gpus : 0;

    for (int i = 0; i < site; i++)
        first += s->sites[i].gpus;
    for (int i = 0; i < rl->n_fleets; i++)
        if (rl->fleets[i].site == site && !rl->fleets[i].shared)
            first += rl->fleets[i].gpus;
    for (int i = 0; i < verifier; i++)
        if (rl->verifiers[i].site == site
            && rl->verifiers[i].kind != LH_JUDGE_RULE)
            first += rl->verifiers[i].on.gpus;
    return first;
}

static int64_t trainer_first(const struct lh_scenario *s)
{
    int64_t first = 0;

    for (int i = 0; i < s->rl.trainer_site; i++)
        first += s->sites[i].gpus;
    return first;
}

/* ---- hops -----------------------------------------------------------------
 */

/* The first entry at a site; -1: none. */
static int entry_at(const struct lh_rl *rl, int site)
{
    int i = 0;

    while (i < rl->n_fleets && rl->fleets[i].site != site)
        i++;
    return i < rl->n_fleets ? i : -1;
}

/* Who hands weights on to an entry, whose way from the trainer is known. */
static int relay_of(const struct lh_rl *rl, const struct lh_topology *t,
                    const struct lh_path *path, int fleet)
{
    int site = rl->fleets[fleet].site, relay = -1;
    int first = entry_at(rl, site);

    if (rl->route == LH_ROUTE_DIRECT || site == rl->trainer_site)
        return -1;
    if (first != fleet)
        return first;
    for (int k = 0; k < path->n_links; k++) {
        struct lh_link_info link = lh_topology_link_facts(t, path->links[k]);
        if (link.kind == LH_LINK_WAN && link.site_to != site
            && link.site_to != rl->trainer_site
            && entry_at(rl, link.site_to) >= 0)
            relay = entry_at(rl, link.site_to);
    }
    return relay;
}

static double replica_gpus(const struct lh_rl_fleet *f)
{
    return (double)(f->tensor * f->pipeline * f->expert);
}

static double nics(const struct lh_scenario *s, int site, double gpus)
{
    const struct lh_fabric *f = &s->sites[site].fabric;

    return gpus * f->nic_bytes_per_s * f->nic_frac;
}

static struct lh__hop hop_of(const struct lh_rl_report *report,
                             const struct lh_topology *t, int fleet)
{
    const struct lh_scenario *s = report->scenario;
    const struct lh_rl *rl = &s->rl;
    const struct lh_rl_fleet *f = &rl->fleets[fleet];
    int64_t to = lh_rl_first_gpu(s, fleet);
    struct lh__hop hop = {.relay = -1, .copies = 1};

    lh_topology_path(&hop.path, t, trainer_first(s), to);
    hop.relay = relay_of(rl, t, &hop.path, fleet);
    const struct lh_rl_fleet *from =
        hop.relay < 0 ? NULL : &rl->fleets[hop.relay];
    int site = from ? from->site : rl->trainer_site;
    double gpus = (double)(from ? from->gpus : rl->trainer_gpus);
    if (from)
        lh_topology_path(&hop.path, t, lh_rl_first_gpu(s, hop.relay), to);
    if (rl->route == LH_ROUTE_DIRECT)
        hop.copies = (double)f->gpus / replica_gpus(f);
    hop.flows = fmin(gpus, (double)f->gpus);
    hop.leave = nics(s, site, hop.flows) / hop.copies;
    hop.sender = nics(s, site, gpus);
    hop.arrive = nics(s, f->site, replica_gpus(f));
    return hop;
}

/* ---- pipelines ------------------------------------------------------------
 */

struct pipe {
    double slowest, fill_s, latency_s;
};

/* A stage: rate INFINITY does not limit. */
static void stage(struct pipe *pipe, double rate, double bucket)
{
    pipe->slowest = fmin(pipe->slowest, rate);
    pipe->fill_s += bucket / rate;
}

static struct pipe pipe_to(const struct lh__hop *hops, int fleet, double bucket)
{
    const struct lh__hop *hop = &hops[fleet];
    struct pipe pipe = {(double)INFINITY, 0, 0};

    if (hop->relay >= 0)
        pipe = pipe_to(hops, hop->relay, bucket);
    stage(&pipe, hop->leave, bucket);
    stage(&pipe, hop->shared, bucket);
    stage(&pipe, hop->arrive, bucket);
    pipe.latency_s += hop->path.latency_s;
    return pipe;
}

static double piped_s(const struct pipe *pipe, double bytes, double bucket)
{
    return bytes / pipe->slowest + pipe->fill_s - bucket / pipe->slowest
           + pipe->latency_s;
}

static struct lh_rl_push push_of(const struct lh_rl_report *report,
                                 const struct lh__hop *hops, int fleet)
{
    const struct lh_rl *rl = &report->scenario->rl;
    bool waits = rl->mode == LH_RL_SYNC;
    double load = rl->fleets[fleet].engine.load_bytes_per_s;
    double bucket = fmin(rl->bucket_bytes, report->push_bytes);
    struct pipe pipe = pipe_to(hops, fleet, bucket);
    double fetch_s = rl->route == LH_ROUTE_RELAY
                         ? report->weight_bytes / hops[fleet].arrive
                         : piped_s(&pipe, report->weight_bytes, bucket);

    if (waits)
        stage(&pipe, load, bucket);
    return (struct lh_rl_push){
        .transfer_s = piped_s(&pipe, report->push_bytes, bucket),
        .load_s = waits ? 0 : report->push_bytes / load,
        .join_s = fetch_s + report->weight_bytes / load,
        .bytes = hops[fleet].copies * report->push_bytes,
        .to_each = rl->route == LH_ROUTE_DIRECT,
        .join_bytes = report->weight_bytes,
    };
}

/* ---- all ------------------------------------------------------------------
 */

static void together_make(struct lh_rl_report *out)
{
    const struct lh_rl *rl = &out->scenario->rl;

    for (int i = 0; i < rl->n_fleets; i++)
        out->fleets[i].push.load_s =
            out->switch_s
            + out->push_bytes / rl->fleets[i].engine.load_bytes_per_s;
}

static enum lh_status apart_make(struct lh_rl_report *out,
                                 const struct lh_topology *t,
                                 struct lh_ctx *ctx)
{
    int n = out->scenario->rl.n_fleets;
    struct lh__hop *hops = LH_NEW(ctx->arena, struct lh__hop, n);
    enum lh_status st;

    for (int i = 0; i < n; i++) {
        hops[i] = hop_of(out, t, i);
        out->relay[i] = hops[i].relay;
        out->copies[i] = hops[i].copies;
        out->flows[i] = hops[i].flows;
        if (hops[i].path.crosses_wan)
            out->wan_bytes[i] = hops[i].copies * out->push_bytes;
    }
    st = lh__rl_share(hops, n, out->push_bytes, t, ctx);
    for (int i = 0; i < n && st == LH_OK; i++)
        out->fleets[i].push = push_of(out, hops, i);
    lh__rl_fibres(out, hops, t, ctx);
    return st;
}

enum lh_status lh_rl_push_make(struct lh_rl_report *out,
                               const struct lh_scenario *s,
                               const struct lh_topology *topology,
                               double state_bytes, struct lh_ctx *ctx)
{
    const struct lh_rl *rl = &s->rl;
    const struct lh_serving *engine = &rl->fleets[0].engine;

    out->weight_bytes =
        (double)s->model.parameters * (rl->push_fp8 ? 1.0 : 2.0);
    out->push_bytes = out->weight_bytes
                      * (rl->precision == LH_PUSH_DELTA ? rl->delta_frac : 1.0);
    out->gather_s = lh_rl_tensors(&s->model, rl->push_fp8) * engine->gather_s;
    out->wan_bytes = LH_NEW(ctx->arena, double, rl->n_fleets);
    out->relay = LH_NEW(ctx->arena, int, rl->n_fleets);
    out->copies = LH_NEW(ctx->arena, double, rl->n_fleets);
    out->flows = LH_NEW(ctx->arena, double, rl->n_fleets);
    for (int i = 0; i < rl->n_fleets; i++)
        out->relay[i] = -1;
    if (rl->mode != LH_RL_CO_LOCATED)
        return apart_make(out, topology, ctx);
    out->switch_s = state_bytes / engine->host_bytes_per_s;
    together_make(out);
    return LH_OK;
}
