/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Goodput: the share of the time in which a run makes steps that last, with
 * failures, checkpoints and restarts, in closed form beside the simulated step.
 *
 *   rate of an island's failures  1/M = (N/K)/mtbf + S/span_mtbf
 *       N accelerators, K islands, S spans of fibre; with K > 1 a span that
 *       fails stops nobody, for islands wait for none
 *   checkpoint  B = K x size;  pause d = B/storage (blocking) or
 *       B/(N copy_bandwidth) (asynchronous: it is then written within W =
 *       B/storage beside the training, and is of no use before)
 *   interval    t: given, or Daly's optimum, d < 2M:
 *       t = sqrt(2 d M) (1 + sqrt(d/(2M))/3 + d/(18M)) - d, else M; at least W
 *       and a step
 *   after a failure  R = restart + size/storage + W
 *   goodput     t / (M exp(R/M) (exp((t + d)/M) - 1))
 *
 * J. W. Young, "A first order approximation to the optimum checkpoint
 * interval", CACM 17 (1974); J. T. Daly, "A higher order estimate of the
 * optimum checkpoint interval for restart dumps", FGCS 22 (2006): failures are
 * a Poisson process, and may happen during a restart or a checkpoint too. Place
 * in the pipeline: after lh_result_make().  Leaves out: planned stops, spares
 * that run out, failures that come in bursts, traffic of checkpoints in the
 * network, repairs of a cut fibre (the run goes on after `restart`), and what a
 * lost island costs in convergence.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

/* bf16 weights, and Adam's fp32 copy and two moments. */
static const double state_bytes_a_parameter = 14;

double lh_checkpoint_interval(double mtbf_s, double pause_s)
{
    double x = pause_s / (2 * mtbf_s);

    if (x >= 1)
        return mtbf_s;
    return sqrt(2 * pause_s * mtbf_s) * (1 + sqrt(x) / 3 + x / 9) - pause_s;
}

double lh_goodput_frac(double mtbf_s, double every_s, double pause_s,
                       double after_s)
{
    double cycle_s =
        mtbf_s * exp(after_s / mtbf_s) * expm1((every_s + pause_s) / mtbf_s);

    return every_s / cycle_s;
}

static double spans_of(const struct lh_report *report)
{
    const struct lh_topology *t = report->topology;
    double span_m = report->scenario->reliability.span_length_m;
    int n = t != NULL ? lh_topology_link_count(t) : 0;
    double spans = 0;

    for (int i = t != NULL ? lh_topology_first_fibre(t) : 0; i < n; i++) {
        struct lh_link_info link = lh_topology_link_facts(t, (lh_link)i);
        if (link.from < link.to)
            spans += span_m > 0 ? link.length_m / span_m : 1;
    }
    return spans;
}

/* All figures where `islands` fail alone. */
static struct lh_goodput with_islands(const struct lh_report *report,
                                      double islands)
{
    const struct lh_reliability *r = &report->scenario->reliability;
    double n = (double)lh_axes_ranks(&report->program->axes);
    double size = r->checkpoint_bytes > 0
                      ? r->checkpoint_bytes
                      : state_bytes_a_parameter
                            * (double)report->scenario->model.parameters;
    struct lh_goodput g = {.islands = islands, .spans = spans_of(report)};
    double rate = r->mtbf_s > 0 ? n / islands / r->mtbf_s : 0;
    double write_s = islands * size / r->storage_bytes_per_s;
    bool beside = strcmp(r->checkpoint_mode, "asynchronous") == 0;

    if (islands == 1 && r->span_mtbf_s > 0)
        rate += g.spans / r->span_mtbf_s;
    g.mtbf_s = 1 / rate;
    g.checkpoint_bytes = islands * size;
    g.pause_s = beside ? islands * size / (n * r->copy_bytes_per_s) : write_s;
    g.write_s = beside ? write_s : 0;
    g.every_s = r->every_s > 0 ? r->every_s
                               : lh_checkpoint_interval(g.mtbf_s, g.pause_s);
    g.every_s = fmax(g.every_s, fmax(g.write_s, report->result->step_time_s));
    g.restart_s = r->restart_s + size / r->storage_bytes_per_s;
    g.frac = rate > 0 ? lh_goodput_frac(g.mtbf_s, g.every_s, g.pause_s,
                                        g.restart_s + g.write_s)
                      : 1;
    g.tokens_per_s = g.frac * report->result->tokens_per_s;
    return g;
}

bool lh_goodput_make(struct lh_goodput *out, const struct lh_report *report)
{
    const struct lh_reliability *r = &report->scenario->reliability;

    if (!lh_reliability_is_on(r))
        return false;
    *out = with_islands(report, (double)r->islands);
    out->coupled_frac = with_islands(report, 1).frac;
    return true;
}
