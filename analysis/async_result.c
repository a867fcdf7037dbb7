/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One result of learners that each have a step time of their own:
 *
 *   tokens/s      sum over learners of tokens / step with waiting
 *   step time     tokens of a step of all / that
 *   breakdown     step time x mean over accelerators of the share of their
 *                 time; standing still for a transfer is wan_comm (at the
 *                 server's site data_comm), for others at the server wait; who
 *                 is away waits, with what it does anew; where faults slow
 *                 it, that is compute
 *   links         bytes of the sites' learners and of pushes and answers, in
 *                 that step time
 *   bound         tokens / sum of tokens / bound of the learners
 *
 * Place in the pipeline: after the loop of async.c.  Leaves out: a critical
 * path of its own, there is none: it is the breakdown.
 */
#include "async_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void sites_sum(const struct lh__async_run *r)
{
    struct lh_async_report *out = r->out;

    for (int i = 0; i < out->n_sites; i++) {
        struct lh_async_site *site = &out->sites[i];
        double n = (double)site->learners;

        for (int64_t k = site->first; k < site->first + site->learners; k++) {
            const struct lh_async_times *t = &out->result->times[k];
            double steps = (double)t->steps, merges = (double)t->merges;

            site->step_s += t->all_s / steps / n;
            site->wan_s += t->wan_s / steps / n;
            site->wait_s += t->wait_s / steps / n;
            site->away_s += t->away_s / steps / n;
            if (t->merges == 0)
                continue;
            site->exchange_s += t->exchange_s / merges / n;
            site->held_s += t->held_s / merges / n;
        }
        out->wait_frac += n / (double)out->n
                          * (site->wan_s + site->wait_s + site->away_s)
                          / site->step_s;
    }
}

/* Tokens/s of the learners, each by its own time of a step. */
static double rate(const struct lh__async_run *r, double tokens)
{
    double sum = 0;

    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh_async_site *site = &r->out->sites[i];
        for (int64_t k = site->first; k < site->first + site->learners; k++) {
            const struct lh_async_times *t = &r->out->result->times[k];
            sum += tokens / (double)r->out->n * (double)t->steps / t->all_s;
        }
    }
    return sum;
}

/* Rounds sent and merged, over those of the steps: less where sends are
 * skipped, or from rest, where what is on its way at the end counts by half. */
static double sent_frac(const struct lh__async_run *r, int i)
{
    const struct lh_async_site *site = &r->out->sites[i];
    double k_s = site->of.send_s + site->of.merge_s, sum = 0;

    if ((!r->from_rest && !r->s->outer.async.goes_on) || k_s <= 0)
        return 1.0;
    for (int64_t k = site->first; k < site->first + site->learners; k++) {
        const struct lh_async_times *t = &r->out->result->times[k];
        sum += t->outer_s / (double)t->steps;
    }
    return sum / (double)site->learners / k_s * (double)site->of.steps;
}

/* Of a step, what faults have stretched. */
static double slower_s(const struct lh__async_run *r, int i)
{
    const struct lh_async_site *site = &r->out->sites[i];

    return site->step_s - site->of.step_s
           - (site->of.send_s + site->of.merge_s) / (double)site->of.steps
                 * sent_frac(r, i)
           - site->wan_s - site->wait_s - site->away_s;
}

/* Of a category, what a step of the site's learners has.  Slower computing is
 * what is left; a learner that is away waits. */
static double part_s(const struct lh__async_run *r, int i, int category)
{
    const struct lh_async_site *site = &r->out->sites[i];
    const struct lh__learner *l = &r->learners[i];
    double plain_s = l->result[1].breakdown_s[category];
    double every = (double)r->s->outer.every / (double)site->of.steps;
    double outer_s = (l->result[0].breakdown_s[category] - plain_s) * every;
    bool is_far = site->site != r->s->outer.async.server;

    outer_s *= sent_frac(r, i);
    if (category == LH_COMPUTE && r->s->n_faults > 0)
        outer_s += slower_s(r, i);
    return plain_s + outer_s
           + (category == (is_far ? LH_WAN_COMM : LH_DATA_COMM) ? site->wan_s
                                                                : 0)
           + (category == LH_WAIT ? site->wait_s + site->away_s : 0);
}

static enum lh_status breakdown(struct lh_result *result,
                                const struct lh__async_run *r)
{
    double sum_s = 0;

    for (int c = 0; c < LH_CATEGORIES; c++) {
        result->breakdown_s[c] = 0;
        for (int i = 0; i < r->out->n_sites; i++) {
            const struct lh_async_site *site = &r->out->sites[i];
            result->breakdown_s[c] +=
                result->step_time_s * (double)site->learners / (double)r->out->n
                * part_s(r, i, c) / site->step_s;
        }
        result->critical_path_s[c] = result->breakdown_s[c];
        sum_s += result->breakdown_s[c];
    }
    if (fabs(sum_s - result->step_time_s) < 1e-8 * result->step_time_s)
        return LH_OK;
    lh_error(r->ctx, LH_NOWHERE,
             "internal: the breakdown sums to %.17g s, not to %.17g s", sum_s,
             result->step_time_s);
    return LH_FAILED;
}

static int by_busy(const void *x, const void *y)
{
    const struct lh_link_use *a = x, *b = y;

    if (a->busy_frac != b->busy_frac)
        return a->busy_frac < b->busy_frac ? 1 : -1;
    return a->kind != b->kind ? (int)a->kind - (int)b->kind
                              : strcmp(a->name, b->name);
}

static void link_add(struct lh_result *result, struct lh_link_use link)
{
    double could = link.capacity_bytes_per_s * result->step_time_s;

    link.busy_frac = could > 0 && isfinite(could) ? link.bytes / could : 0.0;
    result->links[result->n_links++] = link;
}

/* Pushes and answers of all learners over a gateway or fibre, a step. */
static double crossing_bytes(const struct lh__async_run *r,
                             const struct lh_path *paths, lh_link link,
                             double step_s)
{
    double sum = 0;

    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh_async_site *site = &r->out->sites[i];
        double round_s =
            site->step_s * (double)site->of.steps / sent_frac(r, i);

        for (int way = 0; way < 2; way++)
            for (int k = 0; k < paths[2 * i + way].n_links; k++)
                sum += paths[2 * i + way].links[k] == link
                           ? r->out->bytes * (double)site->learners * step_s
                                 / round_s
                           : 0;
    }
    return sum;
}

static void fibres(struct lh_result *result, const struct lh__async_run *r)
{
    struct lh_path *paths =
        LH_NEW(r->ctx->arena, struct lh_path, 2 * r->out->n_sites);
    int n = lh_topology_link_count(r->topology);

    for (int i = 0; i < r->out->n_sites; i++) {
        int64_t from = lh__async_first(r, r->out->sites[i].site);
        int64_t to = lh__async_server(r, from);
        if (from == to)
            continue;
        lh_topology_path(&paths[2 * i], r->topology, from, to);
        lh_topology_path(&paths[2 * i + 1], r->topology, to, from);
    }
    for (lh_link link = 0; link < n; link++) {
        enum lh_link_kind kind = lh_topology_link_facts(r->topology, link).kind;
        struct lh_link_info info;
        double bytes;

        if (kind != LH_LINK_WAN && kind != LH_LINK_GATEWAY)
            continue;
        bytes = crossing_bytes(r, paths, link, result->step_time_s);
        if (bytes == 0)
            continue;
        info = lh_topology_link_at(r->topology, link);
        link_add(result,
                 (struct lh_link_use){info.name, kind, 1,
                                      info.capacity_bytes_per_s, bytes, 0});
    }
}

static void links(struct lh_result *result, const struct lh__async_run *r)
{
    int most = lh_topology_link_count(r->topology);

    for (int i = 0; i < r->out->n_sites; i++)
        most += r->learners[i].result[0].n_links;
    result->n_links = 0;
    result->links = LH_NEW(r->ctx->arena, struct lh_link_use, most);
    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh_async_site *site = &r->out->sites[i];
        const struct lh_result *of = &r->learners[i].result[0];

        for (int k = 0; k < of->n_links; k++) {
            struct lh_link_use link = of->links[k];
            link.count *= site->learners;
            link.bytes *= result->step_time_s / site->step_s;
            link.name = lh_format(r->ctx->arena, "%s", link.name);
            link_add(result, link);
        }
    }
    fibres(result, r);
    qsort(result->links, (size_t)result->n_links, sizeof *result->links,
          by_busy);
}

static void bound(struct lh_result *result, const struct lh__async_run *r)
{
    double tokens = 0;

    result->bound = (struct lh_bound){.cut = ""};
    for (int i = 0; i < r->out->n_sites; i++)
        tokens += (double)r->out->sites[i].learners / (double)r->out->n
                  / r->learners[i].result[0].bound.compute_s;
    result->bound.compute_s = 1.0 / tokens;
    for (int i = 0; i < result->n_links; i++) {
        const struct lh_link_use *link = &result->links[i];
        double s = link->bytes / link->capacity_bytes_per_s;
        if (s > result->bound.network_s) {
            result->bound.network_s = s;
            result->bound.cut = link->name;
        }
    }
    result->bound.bound_s =
        fmax(result->bound.compute_s, result->bound.network_s);
}

enum lh_status lh__async_result(struct lh_result *result,
                                const struct lh__async_run *r)
{
    const struct lh_program *p = r->program;
    double tokens = (double)p->tokens, peak = 0;

    sites_sum(r);
    *result = (struct lh_result){.steady = !r->from_rest, .fits = true};
    result->tokens_per_s = rate(r, tokens);
    result->step_time_s = tokens / result->tokens_per_s;
    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh_async_site *site = &r->out->sites[i];
        const struct lh_result *of = &r->learners[i].result[0];

        peak += (double)(site->learners * site->gpus)
                * r->s->sites[site->site].device.bf16_flops_per_s;
        result->fits &= of->fits;
        result->steady &= of->steady && r->learners[i].result[1].steady;
        result->steps_simulated += of->steps_simulated;
        result->events += of->events;
        result->rank_classes += of->rank_classes;
        result->group_classes += of->group_classes;
        result->link_classes += of->link_classes;
    }
    result->mfu = p->model_flops / (result->step_time_s * peak);
    result->hfu = p->hardware_flops / (result->step_time_s * peak);
    links(result, r);
    bound(result, r);
    return breakdown(result, r);
}
