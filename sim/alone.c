/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups that have their links to themselves.  Operations of one rank on one
 * stream never overlap; so if every group that crosses a link has an operation
 * on the same stream of the same rank class, no two flows ever share the link.
 * A group whose links are all of that kind takes
 *
 *   alpha + bytes x max over its links of weight / capacity, and of 1 / cap
 *
 * whatever else runs; a group with a link whose capacity changes in the course
 * of the step is left to the engine.
 */
#include "place.h"

#include <math.h>

enum { NONE = -1, MIXED = -2 };

/* The rank class and stream of each group's first member, as one number. */
static int64_t *owners(const struct lh__placed *p, struct lh_arena *arena)
{
    int64_t *owner = LH_NEW(arena, int64_t, p->n_groups);
    for (int32_t g = 0; g < p->n_groups; g++)
        owner[g] = NONE;
    for (int32_t c = 0; c < p->n_classes; c++) {
        const struct lh_template *t =
            &p->program->templates[p->class_template[c]];
        for (int32_t o = 0; o < t->n_ops; o++) {
            int32_t g = p->record_group[p->class_first[c] + o];
            if (g >= 0 && owner[g] == NONE)
                owner[g] = (int64_t)c * LH_STREAMS + t->ops[o].stream;
        }
    }
    return owner;
}

static void own(int64_t *owner, int64_t by)
{
    if (*owner == NONE)
        *owner = by;
    else if (*owner != by)
        *owner = MIXED;
}

static bool changes(const struct lh__placed *p, int32_t engine_link)
{
    return p->engine_schedule && p->engine_schedule[engine_link].n > 0;
}

void lh__place_alone(struct lh__placed *p, struct lh_ctx *ctx)
{
    const int64_t *group = owners(p, ctx->arena);
    int64_t *shape = LH_NEW(ctx->arena, int64_t, p->n_shapes);
    int64_t *link = LH_NEW(ctx->arena, int64_t, p->n_engine_links);
    for (int32_t s = 0; s < p->n_shapes; s++)
        shape[s] = NONE;
    for (int32_t j = 0; j < p->n_engine_links; j++)
        link[j] = NONE;
    for (int32_t g = 0; g < p->n_groups; g++)
        own(&shape[p->group_shape[g]], group[g]);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        if (shape[s] == NONE) /* of no group: of what runs beside (beside.c) */
            shape[s] = MIXED;
        for (int32_t k = 0; k < p->channels[s].n_links; k++)
            own(&link[p->channels[s].links[k]], shape[s]);
    }
    p->group_alone_s = LH_NEW(ctx->arena, double, p->n_groups);
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh_channel_spec *c = &p->channels[p->group_shape[g]];
        double s_per_byte =
            c->cap_bytes_per_s > 0 ? 1.0 / c->cap_bytes_per_s : 0.0;
        bool alone = true;
        for (int32_t k = 0; k < c->n_links; k++) {
            int32_t j = c->links[k];
            alone = alone && link[j] >= 0 && !changes(p, j);
            s_per_byte =
                fmax(s_per_byte, (double)c->weights[k] / p->engine_capacity[j]);
        }
        p->group_alone_s[g] =
            alone ? c->alpha_s + p->group_bytes[g] * s_per_byte : -1.0;
    }
}
