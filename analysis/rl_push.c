/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * New weights on their way from the trainer to generators: a pipeline of
 * buckets, as long as its slowest stage for all bytes and the others for one
 * bucket.
 *
 *   W       parameters x 2 (fp8: 1)
 *   gather  tensors x seconds each (data/engines.csv), the trainer stands still
 *   leave   NICs of n accelerators, n = min(trainer's, the entry's)
 *   fibre   min over links that a site shares of capacity / entries that
 *           cross it, at most n x the transport's cap of one path
 *   arrive  NICs of one replica; relay: and on to the next at the same rate
 *   load    W / load (data/engines.csv), a replica stands still
 *
 *   direct  leave and fibre carry a copy a replica, relay one an entry
 *
 * In modes whose generators wait for the weights, load is a stage of the
 * pipeline; else weights come into memory beside generation, and load comes
 * after.  Co-located: no transfer, but optimiser state and gradients go to the
 * host before generation and come back before training.
 * Sources: reference 07c (checkpoint-engine: broadcast bucket by bucket, bound
 * by copy and load); relay: one node of a site passes on (PRIME-RL, SHARDCAST).
 * Leaves out: contention with the trainer's and the generators' own traffic,
 * and between pushes to entries inside one site.
 */
#include <longhaul/result.h>

#include <math.h>

enum { STAGES = 4 };

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

static int64_t trainer_first(const struct lh_scenario *s)
{
    int64_t first = 0;

    for (int i = 0; i < s->rl.trainer_site; i++)
        first += s->sites[i].gpus;
    return first;
}

static bool is_shared(enum lh_link_kind kind)
{
    return kind == LH_LINK_GATEWAY || kind == LH_LINK_WAN;
}

static double nics(const struct lh_scenario *s, int site, double gpus)
{
    const struct lh_fabric *f = &s->sites[site].fabric;

    return gpus * f->nic_bytes_per_s * f->nic_frac;
}

/* Entries whose way crosses a link. */
static int users(const struct lh_path *paths, int n, lh_link link)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        for (int k = 0; k < paths[i].n_links; k++)
            sum += paths[i].links[k] == link;
    return sum;
}

/* Bytes a second of all flows to an entry over what sites share. */
static double fibre_rate(const struct lh_path *paths, int n, int fleet,
                         const struct lh_topology *t, double flows)
{
    const struct lh_path *path = &paths[fleet];
    double rate = flows * path->cap_bytes_per_s;

    for (int k = 0; k < path->n_links; k++) {
        lh_link link = path->links[k];
        if (is_shared(lh_topology_link_facts(t, link).kind))
            rate = fmin(rate, lh_topology_link_capacity(t, link)
                                  / (double)users(paths, n, link));
    }
    return rate;
}

/* Rates of the stages; INFINITY: does not limit. */
static double piped_s(const double rate[STAGES], double bytes, double bucket)
{
    double slowest = (double)INFINITY, fill_s = 0;

    bucket = fmin(bucket, bytes);
    for (int i = 0; i < STAGES; i++) {
        slowest = fmin(slowest, rate[i]);
        fill_s += bucket / rate[i];
    }
    return bytes / slowest + fill_s - bucket / slowest;
}

static struct lh_rl_push push_of(const struct lh_rl_report *report,
                                 const struct lh_scenario *s,
                                 const struct lh_topology *t,
                                 const struct lh_path *paths, int fleet)
{
    const struct lh_rl *rl = &s->rl;
    const struct lh_rl_fleet *f = &rl->fleets[fleet];
    double replica = (double)(f->tensor * f->pipeline * f->expert);
    double copies =
        rl->route == LH_ROUTE_DIRECT ? (double)f->gpus / replica : 1.0;
    double flows = fmin((double)rl->trainer_gpus, (double)f->gpus);
    bool waits = rl->mode == LH_RL_SYNC;
    double load = f->engine.load_bytes_per_s;
    double rate[STAGES] = {
        nics(s, rl->trainer_site, flows) / copies,
        fibre_rate(paths, rl->n_fleets, fleet, t, flows) / copies,
        nics(s, f->site, replica),
        waits ? load : (double)INFINITY,
    };

    return (struct lh_rl_push){
        .transfer_s = piped_s(rate, report->weight_bytes, rl->bucket_bytes)
                      + paths[fleet].latency_s,
        .load_s = waits ? 0 : report->weight_bytes / load,
    };
}

static void wan_make(struct lh_rl_report *out, const struct lh_scenario *s,
                     const struct lh_path *paths)
{
    for (int i = 0; i < s->rl.n_fleets; i++) {
        const struct lh_rl_fleet *f = &s->rl.fleets[i];
        double replica = (double)(f->tensor * f->pipeline * f->expert);
        double copies =
            s->rl.route == LH_ROUTE_DIRECT ? (double)f->gpus / replica : 1.0;
        out->wan_bytes[i] =
            paths[i].crosses_wan ? copies * out->weight_bytes : 0;
    }
}

void lh_rl_push_make(struct lh_rl_report *out, const struct lh_scenario *s,
                     const struct lh_topology *topology, double state_bytes,
                     struct lh_ctx *ctx)
{
    const struct lh_rl *rl = &s->rl;
    const struct lh_serving *engine = &rl->fleets[0].engine;
    struct lh_path *paths = LH_NEW(ctx->arena, struct lh_path, rl->n_fleets);
    bool together = rl->mode == LH_RL_CO_LOCATED;

    out->weight_bytes =
        (double)s->model.parameters * (rl->push_fp8 ? 1.0 : 2.0);
    out->gather_s = lh_rl_tensors(&s->model, rl->push_fp8) * engine->gather_s;
    out->switch_s = together ? state_bytes / engine->host_bytes_per_s : 0;
    out->wan_bytes = LH_NEW(ctx->arena, double, rl->n_fleets);
    for (int i = 0; i < rl->n_fleets && !together; i++)
        lh_topology_path(&paths[i], topology, trainer_first(s),
                         lh_rl_first_gpu(s, i));
    wan_make(out, s, paths);
    for (int i = 0; i < rl->n_fleets; i++)
        out->fleets[i].push =
            together
                ? (struct lh_rl_push){.load_s =
                                          out->switch_s
                                          + out->weight_bytes
                                                / rl->fleets[i]
                                                      .engine.load_bytes_per_s}
                : push_of(out, s, topology, paths, i);
}
