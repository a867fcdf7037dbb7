/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What placement says that a communication takes, against sim/flow.c, which
 * lays the same hops on the same links by itself: the bytes on every link,
 * alpha, and phi.  An error that the folded and the unfolded side share, say
 * in a common divisor, is seen here.
 */
#include <math.h>

#include "../sim/flow.h"
#include "fold_pair.h"
#include "unit.h"

static const struct lh_op *op_of(const struct lh__placed *p, int64_t record,
                                 lh_rank *rank)
{
    int32_t c = 0;
    while (p->class_first[c + 1] <= record)
        c++;
    *rank = p->class_rank[c];
    return &p->program->templates[p->class_template[c]]
                .ops[record - p->class_first[c]];
}

/* The members of an unfolded group, in rank order; of a send the sender
 * first. */
static int64_t *members_of(const struct lh__placed *p, int32_t group,
                           struct lh_arena *arena)
{
    int64_t first = p->group_first[group];
    int64_t n = p->group_first[group + 1] - first;
    int64_t *accelerators = LH_NEW(arena, int64_t, n);
    for (int64_t i = 0; i < n; i++) {
        lh_rank rank;
        const struct lh_op *op = op_of(p, p->group_record[first + i], &rank);
        int64_t at = op->role == LH_ROLE_SENDER     ? 0
                     : op->role == LH_ROLE_RECEIVER ? 1
                                                    : i;
        accelerators[at] = lh__rank_accelerator(&p->incidence.ranks, rank);
    }
    return accelerators;
}

static double weight_on(const struct lh__flow_shape *s, lh_link link)
{
    for (int32_t k = 0; k < s->n_links; k++) {
        if (s->links[k] == link)
            return (double)s->weights[k];
    }
    return NAN;
}

static bool is_near(double a, double b)
{
    return !apart(a, b, 1e-12 * fabs(b));
}

static bool agrees(const struct lh__placed *p, const struct lh__shape *placed,
                   const struct lh__flow_shape *alone)
{
    bool is_small = placed->n_links == 0; /* it uses no links */
    bool agree = is_near(placed->alpha_s, alone->alpha_s)
                 && placed->algorithm == alone->algorithm
                 && placed->crosses_wan == alone->crosses_wan;
    if (is_small)
        return agree;
    agree = agree && placed->n_links == alone->n_links
            && is_near(placed->phi / placed->unit_frac,
                       alone->phi / alone->unit_frac)
            && (isinf(placed->cap_bytes_per_s)
                    ? isinf(alone->cap_bytes_per_s)
                    : is_near(placed->cap_bytes_per_s / placed->unit_frac,
                              alone->cap_bytes_per_s / alone->unit_frac));
    for (int32_t k = 0; k < placed->n_links && agree; k++) {
        lh_link link = lh__fold_link(&p->fold, placed->links[k]);
        agree = is_near((double)placed->weights[k] * placed->unit_frac,
                        weight_on(alone, link) * alone->unit_frac);
    }
    return agree;
}

const char *shapes_differ(struct pair *p)
{
    const struct lh__placed *placed = &p->placed[UNFOLDED];
    bool *seen = LH_NEW(p->ctx.arena, bool, placed->n_shapes);
    for (int32_t g = 0; g < placed->n_groups; g++) {
        int32_t i = placed->group_shape[g];
        const struct lh__shape *shape = &placed->shapes[i];
        const struct lh_comm *row = &p->program.comms[placed->group_comm[g]];
        if (seen[i])
            continue;
        seen[i] = true;
        struct lh__flow_request request = {
            .collective = row->collective,
            .algorithm = shape->algorithm < 0
                             ? "auto"
                             : lh_algorithm_at(shape->algorithm)->name,
            .n = placed->group_first[g + 1] - placed->group_first[g],
            .accelerators = members_of(placed, g, p->ctx.arena),
            .bytes = row->bytes,
            .base_s = placed->incidence.base_s,
            .protocol = shape->protocol,
            .load = row->load,
            .copies = row->copies};
        struct lh__flow_shape alone;
        LH_REQUIRE(lh__flow_shape_make(&alone, &request, p->topology, &p->ctx)
                   == LH_OK);
        if (!agrees(placed, shape, &alone))
            return lh_format(p->ctx.arena,
                             "row %d, group %d: placed with another shape "
                             "than it has alone",
                             placed->group_comm[g], g);
    }
    return NULL;
}
