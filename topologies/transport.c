/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Transport over fibre: what one hop from an accelerator to another may move a
 * second, whatever the capacity of the links.  TCP, of n streams:
 *
 *     n x min(window / RTT, loss-limited rate)
 *     loss-limited   max(MSS / RTT sqrt(3 / 2p),
 *                        1.054 MSS / (RTT^(1/4) p^(3/4)))       MSS = MTU - 40
 *
 * RDMA, whose network cards go back to a lost packet and send all after it
 * again, n queue pairs that each send at 1/n of the line (the slowest link of
 * the path):
 *
 *     line (1-p) / (1-p + p W)       W = line / n x RTT / MTU, packets a window
 *
 * and no more than the collective library has in flight, window / RTT.  A fibre
 * whose ends hold less than bandwidth x its own RTT carries buffer / RTT.
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
 * Go-back-N: Bertsekas and Gallager, Data Networks, section 2.4; that network
 * cards do so: Mittal et al., Revisiting network support for RDMA, SIGCOMM
 * 2018. Library: NCCL_BUFFSIZE, a channel's (data/protocols.csv). Leaves out:
 * slow start and recovery (a flow has its mean rate at once), losses that the
 * flows make themselves, queues (RTT grows with them), losses added up over
 * several fibres, what is sent again on links that others share, selective
 * repeat.
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

static double tcp_rate(const struct lh_tcp *tcp, double rtt_s)
{
    double bytes_per_s = tcp->window_bytes / rtt_s;

    if (tcp->loss > 0)
        bytes_per_s = fmin(bytes_per_s, loss_limited(tcp, rtt_s));
    return (double)tcp->streams * bytes_per_s;
}

/* Each stream sends at its share of the line; 1 / goodput = 1 / line + what
 * the windows cost that are sent again. */
static double rdma_rate(const struct lh_tcp *tcp, const struct lh__trip *trip)
{
    double p = tcp->loss;

    if (p == 0)
        return (double)INFINITY;
    return 1
           / (1 / trip->line_bytes_per_s
              + p * trip->rtt_s
                    / ((1 - p) * tcp->mtu_bytes * (double)tcp->streams));
}

double lh__transport_cap(const struct lh__fibre *fibre,
                         const struct lh__trip *trip)
{
    const struct lh_tcp *tcp = &fibre->tcp;
    double window_bytes =
        tcp->library_bytes < 0 ? trip->library_bytes : tcp->library_bytes;

    if (fibre->transport == LH_TRANSPORT_IDEAL || !(trip->rtt_s > 0))
        return (double)INFINITY;
    double bytes_per_s = fibre->transport == LH_TRANSPORT_TCP
                             ? tcp_rate(tcp, trip->rtt_s)
                             : rdma_rate(tcp, trip);
    return window_bytes > 0 ? fmin(bytes_per_s, window_bytes / trip->rtt_s)
                            : bytes_per_s;
}

double lh__transport_lossless(const struct lh__fibre *fibre, double bytes_per_s)
{
    return fmin(bytes_per_s, fibre->tcp.buffer_bytes / (2 * fibre->latency_s));
}

bool lh__transport_equal(const struct lh__fibre *f, const struct lh__fibre *g)
{
    return f->transport == g->transport && f->tcp.streams == g->tcp.streams
           && f->tcp.window_bytes == g->tcp.window_bytes
           && f->tcp.loss == g->tcp.loss && f->tcp.mtu_bytes == g->tcp.mtu_bytes
           && f->tcp.library_bytes == g->tcp.library_bytes
           && f->tcp.buffer_bytes == g->tcp.buffer_bytes;
}

static double line_rate(const struct lh_path *path, const struct lh_topology *t)
{
    double bytes_per_s = (double)INFINITY;

    for (int i = 0; i < path->n_links; i++)
        bytes_per_s =
            fmin(bytes_per_s, lh_topology_link_capacity(t, path->links[i]));
    return bytes_per_s;
}

void lh__transport_limit(struct lh_path *path, const struct lh_topology *t,
                         int from_site)
{
    struct lh__trip trip = {
        .rtt_s = 2 * path->latency_s,
        .line_bytes_per_s = (double)INFINITY,
        .library_bytes = t->sites[from_site].fabric.library.hop_window_bytes};

    path->cap_bytes_per_s = (double)INFINITY;
    for (int i = 0; i < path->n_links; i++) {
        lh_link link = path->links[i];

        if (link < t->first_wan || link >= t->n_links)
            continue;
        const struct lh__fibre *f = &t->wan.fibres[(link - t->first_wan) / 2];
        if (f->transport == LH_TRANSPORT_RDMA && f->tcp.loss > 0)
            trip.line_bytes_per_s = line_rate(path, t);
        path->cap_bytes_per_s =
            fmin(path->cap_bytes_per_s, lh__transport_cap(f, &trip));
    }
}
