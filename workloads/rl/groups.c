/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Prompts with their samples: on the lists of the loop and of their replica,
 * and used again when they have been trained on or thrown away.  Under loop.c.
 *
 * Leaves out: when all this happens.
 */
#include "loop.h"

int64_t lh__group_version(const struct lh__group *g, int64_t samples)
{
    int64_t least = g->samples[0].version;

    for (int64_t i = 1; i < samples; i++)
        if (g->samples[i].version < least)
            least = g->samples[i].version;
    return least;
}

int64_t lh__group_tokens(const struct lh__group *g, int64_t samples)
{
    int64_t tokens = 0;

    for (int64_t i = 0; i < samples; i++)
        tokens += g->samples[i].tokens;
    return tokens;
}

struct lh__group *lh__group_new(struct lh__loop *l)
{
    struct lh__group *g = l->spare;
    struct lh__sample *samples;

    if (g) {
        l->spare = g->next;
        samples = g->samples;
    } else {
        g = LH_NEW(l->ctx->arena, struct lh__group, 1);
        samples = LH_NEW(l->ctx->arena, struct lh__sample, l->rl->samples);
    }
    *g = (struct lh__group){.loop = l,
                            .prompt = lh__sampled_prompt(l, l->n_issued++),
                            .samples = samples,
                            .left = l->rl->samples,
                            .behind = l->alive};
    if (l->alive)
        l->alive->before = g;
    l->alive = g;
    return g;
}

void lh__group_end(struct lh__loop *l, struct lh__group *g)
{
    if (g->behind)
        g->behind->before = g->before;
    if (g->before)
        g->before->behind = g->behind;
    else
        l->alive = g->behind;
    g->next = l->spare;
    l->spare = g;
}

void lh__group_to(struct lh__group *g, struct lh__replica *r)
{
    g->replica = r;
    g->prefilled = false;
    g->inside = 0;
    g->above = NULL;
    g->below = r->groups;
    if (r->groups)
        r->groups->above = g;
    r->groups = g;
    for (int64_t i = 0; i < r->loop->rl->samples; i++)
        if (!g->samples[i].complete)
            lh__replica_add(r, &g->samples[i]);
}

void lh__group_from(struct lh__group *g)
{
    if (g->below)
        g->below->above = g->above;
    if (g->above)
        g->above->below = g->below;
    else
        g->replica->groups = g->below;
}
