/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The collective algorithms, one line each: LH_ALGORITHM(name) stands for
 * struct lh_algorithm lh__name_algorithm in name.c.  Of equally fast ones
 * "auto" takes the first in this order.
 *
 * Included once a use, with LH_ALGORITHM defined; without it, it declares what
 * the files share.
 */
#ifdef LH_ALGORITHM
LH_ALGORITHM(ring)
LH_ALGORITHM(tree)
LH_ALGORITHM(hierarchical)
LH_ALGORITHM(pairwise)
LH_ALGORITHM(relay)
LH_ALGORITHM(torus)
LH_ALGORITHM(hamiltonian)
LH_ALGORITHM(nvls)
LH_ALGORITHM(nvls_tree)
LH_ALGORITHM(sharp)
LH_ALGORITHM(pat)
LH_ALGORITHM(server)
#else
#ifndef LH_COLLECTIVES_LIST_H
#define LH_COLLECTIVES_LIST_H

#include <longhaul/program.h>

/* Arrays of n hops; weights are 0, unit_frac and phi are 1. */
void lh__hops_new(struct lh_hops *out, int64_t n, struct lh_ctx *ctx);
/* Divides the weights by their greatest common divisor, which goes into
 * unit_frac, and sets phi to 1 / the heaviest weight. */
void lh__hops_reduce(struct lh_hops *hops);
/* Largest sum of `steps` consecutive values of a cycle of n. */
double lh__cycle_max(const double *values, int64_t n, int64_t steps);

/* Channels: the same members in several orders.  A run is a maximal sequence
 * of members, in rank order, in one scale-up domain.  Channel c visits the runs
 * in order and starts a run of k members at its member c mod k; so each channel
 * enters and leaves a domain at another NIC.  Members that all stand in one
 * domain have one channel and are runs of their own. */
struct lh__channels {
    int64_t n;            /* members */
    int64_t count;        /* channels, >= 1 */
    int64_t n_runs;
    int64_t *first;       /* [n_runs + 1] first member of a run */
};

/* Of the n members with these domains; at most channels_max (0: any). */
void lh__channels_make(struct lh__channels *out, const int64_t *domain,
                       int64_t n, int64_t channels_max, struct lh_ctx *ctx);
/* order[0 .. n-1] are the members in the order of channel c. */
void lh__channels_order(int64_t *order, const struct lh__channels *channels,
                        int64_t c);
/* The member that channel c comes to first in a run. */
int64_t lh__channels_head(const struct lh__channels *channels, int64_t c,
                          int64_t run);
int64_t lh__lcm(int64_t a, int64_t b);
/* Latency of what sends everything in one round: the longest hop's. */
double lh__longest_hop_s(const struct lh_hops *hops,
                         enum lh_collective collective,
                         const struct lh_members *members,
                         const double *latency_s);

/* Arrays of n pipes with no gates, `rounds` in all and `gates` in all. */
void lh__pipes_new(struct lh_pipes *out, int64_t n, int64_t rounds,
                   int64_t gates, struct lh_ctx *ctx);
/* One pipe a hop; the hops are rings of n, one after the other, each of which
 * passes 1/n of its part of the buffer in each of `steps` rounds. */
void lh__pipes_ring(struct lh_pipes *out, const struct lh_hops *hops,
                    int64_t n, int64_t steps, struct lh_ctx *ctx);

/* tree.c: parent[r] of run r in one of the two trees over n runs, -1: the
 * root; the latency of the deepest path down from a root and up to it, and the
 * gates, of the 2 n_edges hops (pipes) from `first` on, up and down by run,
 * whose ends `runs` holds as runs. */
void lh__tree_of_runs(int64_t *parent, int tree, int64_t n,
                      struct lh_ctx *ctx);
double lh__tree_depth_s(const struct lh_hops *runs, int64_t first,
                        int64_t n_edges, const double *latency_s);
void lh__tree_gates(struct lh_pipes *out, const struct lh_hops *runs,
                    int64_t first, int64_t n_edges);

/* nvls_tree.c: do they stand in several domains, each with two or more of them
 * and none twice?  And the hops inside, one a member, of a weight. */
bool lh__in_several_switches(const struct lh_members *members);
void lh__switch_hops(struct lh_hops *hops, const struct lh__channels *channels,
                     int64_t weight);

/* The sides of a torus that are longer than 1, and how far a step along them is
 * in place numbers (torus.c). */
struct lh__torus_sides {
    int n_dims;
    int64_t size[LH_TORUS_DIMS], stride[LH_TORUS_DIMS];
};
/* Are the members all accelerators of one torus? */
bool lh__torus_whole(struct lh__torus_sides *out,
                     const struct lh_members *members);
/* [place] member of a whole torus */
int64_t *lh__torus_members(const struct lh_members *members,
                           struct lh_ctx *ctx);

#endif
#endif
