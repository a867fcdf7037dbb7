/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Transport over fibre: what one hop from an accelerator to another may move a
 * second, whatever the capacity of the links.  TCP, of n streams:
 *
 *     n x min(window / RTT, loss-limited rate)
 *     loss-limited   max(MSS / RTT sqrt(3 / 2p),
 *                        1.054 MSS / (RTT^(1/4) p^(3/4)))       MSS = MTU - 40
 *
 * RTT is twice the latency of the whole path.  Over several fibres the least
 * of what each would allow on that RTT.
 *
 * Place: route.c asks for every path between sites; sim/ makes it the cap of a
 * flow.
 * Sources: CUBIC, RFC 9438, section 5.1: the mean window at C = 0.4 and
 * beta = 0.7, which is never below that of Reno (section 4.3; Mathis et al.,
 * CCR 27, 1997, without delayed acknowledgements).  Headers of 20 B each: RFC
 * 791, RFC 9293.
 * Leaves out: slow start and recovery (a flow has its mean rate at once),
 * losses that the flows make themselves, queues (RTT grows with them), losses
 * added up over several fibres.
 */
#include <math.h>

#include "topology.h"

static const double headers_bytes = 40;

static double loss_limited(const struct lh_tcp *tcp, double rtt_s)
{
    double mss_bytes = tcp->mtu_bytes - headers_bytes;
    double p = tcp->loss;
    double reno = mss_bytes / rtt_s * sqrt(3 / (2 * p));
    double cubic = 1.054 * mss_bytes / (pow(rtt_s, 0.25) * pow(p, 0.75));

    return fmax(reno, cubic);
}

double lh__transport_cap(const struct lh__fibre *fibre, double rtt_s)
{
    const struct lh_tcp *tcp = &fibre->tcp;
    double bytes_per_s;

    if (fibre->transport != LH_TRANSPORT_TCP || !(rtt_s > 0))
        return (double)INFINITY;
    bytes_per_s = tcp->window_bytes / rtt_s;
    if (tcp->loss > 0)
        bytes_per_s = fmin(bytes_per_s, loss_limited(tcp, rtt_s));
    return (double)tcp->streams * bytes_per_s;
}

bool lh__transport_equal(const struct lh__fibre *f, const struct lh__fibre *g)
{
    return f->transport == g->transport && f->tcp.streams == g->tcp.streams
           && f->tcp.window_bytes == g->tcp.window_bytes
           && f->tcp.loss == g->tcp.loss
           && f->tcp.mtu_bytes == g->tcp.mtu_bytes;
}

void lh__transport_limit(struct lh_path *path, const struct lh_topology *t)
{
    path->cap_bytes_per_s = (double)INFINITY;
    for (int i = 0; i < path->n_links; i++) {
        lh_link link = path->links[i];

        if (link < t->first_wan)
            continue;
        const struct lh__fibre *f = &t->wan.fibres[(link - t->first_wan) / 2];
        path->cap_bytes_per_s = fmin(path->cap_bytes_per_s,
                                     lh__transport_cap(f, 2 * path->latency_s));
    }
}
