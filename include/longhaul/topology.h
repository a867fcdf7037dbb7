/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine: a directed multigraph of accelerators, switches and site
 * gateways, one edge per direction of a cable or of a bundle of equal parallel
 * cables that traffic is sprayed over; where it is hashed (routing: ecmp) the
 * cables of an uplink are edges of their own.
 *
 * Accelerators are numbered 0 .. n-1, site by site in the scenario's order,
 * within a site node by node (scale-up domain by scale-up domain).
 *
 * Sites are regular, so links and paths are computed, not kept: a topology
 * takes some kilobytes a site, whatever its size.  An igraph of it is made when
 * the check needs one.
 *
 * Ownership: lh_topology_free() releases that graph; everything else lives in
 * the context's arena that it was built with.
 */
#ifndef LONGHAUL_TOPOLOGY_H
#define LONGHAUL_TOPOLOGY_H

#include <longhaul/scenario.h>

typedef int32_t lh_node;
typedef int32_t lh_link;

enum lh_link_kind {
    LH_LINK_SCALE_UP, /* accelerator - scale-up switch; torus: neighbours */
    LH_LINK_NIC,      /* accelerator - leaf            */
    LH_LINK_LEAF,     /* leaf - next level; dragonfly: group - group */
    LH_LINK_SPINE,    /* further levels up             */
    LH_LINK_CORE,
    LH_LINK_GATEWAY,  /* top level - site gateway      */
    LH_LINK_WAN,      /* between sites                 */
};
enum { LH_LINK_KINDS = LH_LINK_WAN + 1 };

struct lh_link_info {
    lh_node from, to;
    double capacity_bytes_per_s; /* > 0; INFINITY: does not limit        */
    double latency_s;            /* >= 0; one way                        */
    double length_m;             /* of a fibre; 0 elsewhere              */
    enum lh_link_kind kind;
    int site_from, site_to;      /* -1: a WAN node that is no site       */
    const char *name;            /* unique: "ashburn/node3/gpu5->nvswitch",
                                    "ashburn/pod0/leaf2->spine#5",
                                    "fibre ashburn->memphis"             */
};

/* A path: links in order of travel. */
enum { LH_PATH_MAX = 128 };
struct lh_path {
    int n_links;
    lh_link links[LH_PATH_MAX];
    double latency_s;            /* sum over the links                   */
    bool crosses_wan;
    double cap_bytes_per_s;      /* of one hop along it, by the transport of its
                                    fibres; INFINITY: none                */
};

struct lh_topology;

/* Errors: a map that cannot be read, sites that no fibre joins, a fibre of
 * unknown length without locations. */
enum lh_status lh_topology_build(struct lh_topology **out,
                                 const struct lh_scenario *scenario,
                                 struct lh_ctx *ctx) LH_MUST_USE;
void lh_topology_free(struct lh_topology *topology); /* NULL is allowed */

int lh_topology_link_count(const struct lh_topology *t);
/* Each call makes the name anew in the topology's arena, where it stays: for
 * links that are shown, not in loops over all. */
struct lh_link_info lh_topology_link_at(const struct lh_topology *t,
                                        lh_link link);
/* The same without the name (NULL). */
struct lh_link_info lh_topology_link_facts(const struct lh_topology *t,
                                           lh_link link);
/* Only the capacity: O(1), no name is made. */
double lh_topology_link_capacity(const struct lh_topology *t, lh_link link);
/* The fibres are the links from this one on. */
lh_link lh_topology_first_fibre(const struct lh_topology *t);
/* An end of a fibre: a site, or a node of a map that is none. */
struct lh_wan_place {
    const char *name;
    bool is_site;
    bool has_location;
    double latitude_deg, longitude_deg;
};
/* False: no fibre ends at that node. */
bool lh_topology_wan_place(struct lh_wan_place *out,
                           const struct lh_topology *t, lh_node node);
/* The link of that name, or -1.  O(length of the name), times the logarithm of
 * the number of sites or fibres. */
lh_link lh_topology_link_find(const struct lh_topology *t, const char *name);

/* Reroutes (topologies/outage.c).  From each date on the routes of a set hold;
 * the first is from 0 on, and there is one at least.  A fibre is a link of its
 * own in every set: those of sets above 0 stand at link_count() up to
 * link_end(), and have no limit but what sim/faults.c gives them. */
struct lh_reroute {
    double from_s;
    int set;
};
int lh_topology_reroutes(const struct lh_topology *t,
                         const struct lh_reroute **out);
lh_link lh_topology_link_end(const struct lh_topology *t);
int lh_topology_link_set(const struct lh_topology *t, lh_link link);
/* Of a fibre; set 0: as the rest of the program knows it. */
lh_link lh_topology_link_in_set(const struct lh_topology *t, lh_link link,
                                int set);
/* What a fibre of set 0 has where each of its cables in a duct has at most so
 * much; -1: none lies there. */
double lh_topology_duct_left(const struct lh_topology *t, lh_link link,
                             const char *duct, double each_bytes_per_s);

/* A site is made of units: runs of so many consecutive accelerators (its last
 * one may be short) that are wired alike.  A path inside a site crosses only
 * links of its two ends' units and links of the site as a whole. */
int64_t lh_topology_unit(const struct lh_topology *t, int site);
/* The first accelerator of the unit that a link stands in; -1: it belongs to
 * its site as a whole, or to no site. */
int64_t lh_topology_link_unit(const struct lh_topology *t, lh_link link);
/* The link that stands as `link` does, `accelerators` further in the site (a
 * multiple of the unit, either sign), or -1: the site has none there.  A link
 * of no unit is its own. */
lh_link lh_topology_link_shift(const struct lh_topology *t, lh_link link,
                               int64_t accelerators);
/* latency_s of lh_topology_path() without the list. */
double lh_topology_latency(const struct lh_topology *t, int64_t from,
                           int64_t to);

/* What a site's network was built from. */
const struct lh_fabric *lh_topology_fabric(const struct lh_topology *t,
                                           int site);

int64_t lh_topology_accelerator_count(const struct lh_topology *t);
int lh_topology_accelerator_site(const struct lh_topology *t, int64_t a);
/* The scale-up domain an accelerator stands in, numbered over all sites. */
int64_t lh_topology_accelerator_domain(const struct lh_topology *t, int64_t a);

/* How many accelerators stand in its scale-up domain; the last one of a site
 * may be partly filled. */
int64_t lh_topology_domain_size(const struct lh_topology *t,
                                int64_t accelerator);

/* How many dimensions the torus has that an accelerator stands in, and its
 * dims, x first; 0: its domain is switched. */
int lh_topology_torus(const struct lh_topology *t, int64_t accelerator,
                      int64_t dims[LH_TORUS_DIMS]);
/* Its index in its scale-up domain; in a torus x + dims[0] (y + dims[1] z). */
int64_t lh_topology_accelerator_place(const struct lh_topology *t,
                                      int64_t accelerator);

/* The kinds of networks inside sites and of layouts between them, as listed in
 * topologies/list.h; NULL after the last. */
const struct lh_choice *lh_topology_kind_at(int i);

/* Of several sets of routes the fibres of all of them, set by set; latency and
 * cap are those of the first.
 * The route of traffic from one accelerator to another (from != to): inside a
 * scale-up domain over its switch (in a torus x, y, z, each the shorter way
 * round); else over the NICs, up to the lowest common
 * level and down; on rails first over the scale-up domain to the peer's rail;
 * between sites by the least latency over fibres (ties: fewest links, then
 * lowest link ids).  Of the parallel cables of an uplink the one that the hash
 * of seed, from, to and level says, the same upwards and, from the switch that
 * it leads to, downwards.  O(path). */
void lh_topology_path(struct lh_path *out, const struct lh_topology *t,
                      int64_t from, int64_t to);

/* Does the cable that a path takes depend on a hash of its ends?  Then ranks
 * that stand alike may have paths that do not. */
bool lh_topology_is_hashed(const struct lh_topology *t);

/* Capacity of the minimum cut between two sites' gateways over the fibres, in
 * bytes/s from site a to site b. */
double lh_topology_cut(const struct lh_topology *t, int site_a, int site_b);

/* Invariants: capacities > 0, latencies >= 0, every cable has both directions,
 * a link has one name that finds it, every accelerator reaches every other,
 * every sampled path is a walk in the graph whose length is not below igraph's
 * shortest.  Of more than 2^14 links, of one accelerator of each kind
 * (topologies/graph.c).  Internal errors are LH_FAILED. */
enum lh_status lh_topology_check(const struct lh_topology *t,
                                 struct lh_ctx *ctx) LH_MUST_USE;
void lh_topology_print(struct lh_text *out, const struct lh_topology *t);
/* Sites, fibres and routes between sites. */
void lh_topology_print_json(struct lh_text *out, const struct lh_topology *t);

#endif
