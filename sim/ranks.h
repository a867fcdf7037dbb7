/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ranks on accelerators: site by site, each filled in rank order.
 */
#ifndef LH_SIM_RANKS_H
#define LH_SIM_RANKS_H

#include <longhaul/trace.h>

struct lh__ranks {
    const struct lh_axes *axes;
    const struct lh_program *program;
    int64_t n;
    int n_sites;
    int64_t *site_rank;        /* [n_sites + 1] first rank of a site */
    int64_t *site_accelerator; /* [n_sites] its first accelerator */
};

enum lh_status lh__ranks_place(struct lh__ranks *out,
                               const struct lh_sim_point *p,
                               struct lh_ctx *ctx) LH_MUST_USE;
int lh__rank_site(const struct lh__ranks *ranks, lh_rank rank);
int64_t lh__rank_accelerator(const struct lh__ranks *ranks, lh_rank rank);
int32_t lh__rank_template(const struct lh__ranks *ranks, lh_rank rank);

#endif
