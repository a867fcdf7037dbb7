/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Turns of a sample: it generates a part of its response, tools or an
 * environment work for a while and answer, and the next turn begins with what
 * they said.  Between replica.c, which runs turns, and the loop.
 *
 *   part of turn k of n   tokens (k+1)/n - tokens k/n, each rounded down
 *   back with its keys and values   prefill of the answer behind the context
 *   without, or with old ones       prefill of the whole context
 *   put back for want of memory     likewise
 *
 * A sample that keeps its place is one of those that run, though nothing is
 * read for it.  With new weights meanwhile it goes on as those that run do: its
 * context is computed again (unless keep_kv), or it begins again (without
 * partial_rollouts).
 * Leaves out: tools as a resource that could be short; keys and values moved
 * to the host.
 */
#include "loop.h"

static int64_t part(const struct lh__sample *sample, const struct lh_rl *rl)
{
    int64_t n = rl->turns > 1 ? rl->turns : 1;

    return sample->tokens * (sample->turn + 1) / n
           - sample->tokens * sample->turn / n;
}

void lh__turn_first(struct lh__sample *sample, const struct lh_rl *rl)
{
    sample->done = sample->turn = sample->had = 0;
    sample->part = part(sample, rl);
}

double lh__turn_context(const struct lh__sample *sample, const struct lh_rl *rl)
{
    return (double)(rl->prompt_length + sample->done
                    + sample->turn * rl->tool_tokens);
}

double lh__turn_kept(const struct lh__sample *sample, const struct lh_rl *rl)
{
    return lh__turn_context(sample, rl) - (double)rl->tool_tokens;
}

static void back(void *data)
{
    struct lh__sample *sample = data;
    struct lh__replica *r = sample->group->replica;
    bool keeps = r->loop->rl->turn_keeps_kv;

    if (r->loop->ended || sample->back_s != lh__loop_now(r->loop))
        return; /* its replica went away meanwhile */
    sample->back_s = -1;
    lh__queue_add(keeps ? &r->back : &r->again, sample);
    lh__replica_poke(r);
}

void lh__turn_park(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;
    const struct lh__group *g = sample->group;
    double tool_s = lh_rl_tool_s(l->rl, l->in->seed, g->prompt,
                                 sample - g->samples, sample->turn);

    sample->turn++;
    sample->part = part(sample, l->rl);
    sample->back_s = lh__loop_now(l) + tool_s;
    if (l->rl->turn_keeps_kv) {
        r->n_parked++;
        r->parked += lh__turn_kept(sample, l->rl);
    }
    l->environment_sum_s += tool_s;
    lh__loop_at(l, sample->back_s, back, sample);
}

struct lh__fill lh__turn_back(struct lh__replica *r, struct lh__sample *sample)
{
    const struct lh_rl *rl = r->loop->rl;
    bool renewed = sample->kv_version != r->version;
    bool at_once = rl->apply == LH_APPLY_AT_ONCE;
    double context;

    if (renewed && at_once && !rl->partial_rollouts) {
        r->loop->out->tokens_discarded += sample->done + sample->had;
        lh__turn_first(sample, rl);
        sample->version = r->version;
    }
    context = lh__turn_context(sample, rl) + (double)sample->had;
    if (sample->turn == 0 || sample->had > 0 || !rl->turn_keeps_kv
        || (renewed && !(at_once && rl->keep_kv)))
        return (struct lh__fill){0, context};
    return (struct lh__fill){context - (double)rl->tool_tokens,
                             (double)rl->tool_tokens};
}
