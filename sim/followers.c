/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The edges of a template: its dependencies, and the order of each stream,
 * which closes over the step boundary.  First step of the executor.
 *
 * In a program with cycles an op with a turn runs in one step of each cycle.
 * A dependency between ops of turns spans lh_op_lag() steps.  On a stream,
 * between two ops a and b of every step,
 *
 *   a -> b, a -> q and q -> b for every op q with a turn that stands between,
 *   q -> r for the next such r of the same turn
 *
 * and on a stream where all ops have turns they are a ring in the order in
 * which they run.
 */
#include "followers.h"

#include <stdlib.h>
#include <string.h>

struct edges {
    const struct lh_template *t;
    int64_t cycle;
    struct lh__edge *at;
    int32_t n;
    int32_t *before;                            /* [n_ops] on its stream, -1 */
    int32_t head[LH_STREAMS], last[LH_STREAMS]; /* of every step, -1 */
    int32_t end[LH_STREAMS];                    /* last op of all, -1 */
};

static bool is_turned(const struct edges *e, int32_t op)
{
    return e->t->ops[op].turn > 0;
}

static void edge(struct edges *e, int32_t from, int32_t to, int64_t lag)
{
    e->at[e->n++] = (struct lh__edge){from, to, (int32_t)lag};
}

static void streams_find(struct edges *e)
{
    for (int s = 0; s < LH_STREAMS; s++)
        e->head[s] = e->last[s] = e->end[s] = -1;
    for (int32_t o = 0; o < e->t->n_ops; o++) {
        int s = e->t->ops[o].stream;
        e->before[o] = e->end[s];
        e->end[s] = o;
        if (is_turned(e, o))
            continue;
        if (e->head[s] < 0)
            e->head[s] = o;
        e->last[s] = o;
    }
}

static void dependencies(struct edges *e, int32_t o)
{
    const struct lh_template *t = e->t;
    for (int32_t k = t->dep_begin[o]; k < t->dep_begin[o + 1]; k++) {
        bool carried = t->deps[k] < 0;
        int32_t d = carried ? ~t->deps[k] : t->deps[k];
        edge(e, d, o, lh_op_lag(&t->ops[d], &t->ops[o], carried, e->cycle));
    }
}

/* What stands before an op on a stream that has ops of every step. */
static void stream_order(struct edges *e, int32_t o)
{
    int s = e->t->ops[o].stream;
    bool linked = false;
    int32_t q = e->before[o];
    for (; q >= 0 && is_turned(e, q); q = e->before[q]) {
        bool same = e->t->ops[q].turn == e->t->ops[o].turn;
        if (!is_turned(e, o) || (same && !linked))
            edge(e, q, o, 0);
        linked |= same;
    }
    if (q >= 0)
        edge(e, q, o, 0);
    else if (is_turned(e, o))
        edge(e, e->last[s], o, 1);
}

static void stream_wrap(struct edges *e, int s)
{
    edge(e, e->last[s], e->head[s], 1);
    for (int32_t q = e->end[s]; is_turned(e, q); q = e->before[q])
        edge(e, q, e->head[s], 1);
}

/* Order of running in a cycle, then in the template. */
struct turn {
    int32_t turn, op;
};

static int by_turn(const void *x, const void *y)
{
    const struct turn *a = x, *b = y;
    return a->turn != b->turn ? a->turn - b->turn : a->op - b->op;
}

static void ring(struct edges *e, int s, struct lh_arena *arena)
{
    struct turn *all = LH_NEW(arena, struct turn, e->t->n_ops);
    int32_t n = 0;
    for (int32_t q = e->end[s]; q >= 0; q = e->before[q])
        all[n++] = (struct turn){e->t->ops[q].turn, q};
    qsort(all, (size_t)n, sizeof *all, by_turn);
    for (int32_t i = 0; i + 1 < n; i++)
        edge(e, all[i].op, all[i + 1].op, all[i + 1].turn - all[i].turn);
    edge(e, all[n - 1].op, all[0].op,
         e->cycle - (all[n - 1].turn - all[0].turn));
}

static void edges_list(struct edges *e, struct lh_arena *arena)
{
    streams_find(e);
    for (int32_t o = 0; o < e->t->n_ops; o++) {
        dependencies(e, o);
        if (e->head[e->t->ops[o].stream] >= 0)
            stream_order(e, o);
    }
    for (int s = 0; s < LH_STREAMS; s++) {
        if (e->head[s] >= 0)
            stream_wrap(e, s);
        else if (e->end[s] >= 0)
            ring(e, s, arena);
    }
}

/* At most: a dependency each; of the order of streams, what stands between two
 * ops of every step counts twice, and once for its turn. */
static size_t edges_max(const struct lh_template *t)
{
    return (size_t)t->dep_begin[t->n_ops] + 4 * (size_t)t->n_ops
           + 2 * LH_STREAMS;
}

static bool carries(const struct lh_template *t)
{
    for (int32_t o = 0; o < t->n_ops; o++) {
        for (int32_t k = t->dep_begin[o]; k < t->dep_begin[o + 1]; k++) {
            int32_t d = t->deps[k];
            if (d < 0
                || (t->ops[o].turn > 0 && t->ops[o].turn < t->ops[d].turn))
                return true;
        }
    }
    return false;
}

void lh__followers_make(struct lh__followers *f, const struct lh_template *t,
                        int64_t cycle, struct lh_arena *arena)
{
    size_t n = (size_t)t->n_ops;
    struct edges e = {.t = t,
                      .cycle = cycle,
                      .at = LH_NEW(arena, struct lh__edge, edges_max(t)),
                      .before = LH_NEW(arena, int32_t, n)};
    edges_list(&e, arena);
    *f = (struct lh__followers){.first = LH_NEW(arena, int32_t, n + 2),
                                .of = LH_NEW(arena, struct lh__follower, e.n),
                                .n_of = e.n,
                                .waits = LH_NEW(arena, uint16_t, n),
                                .carried = LH_NEW(arena, uint16_t, n),
                                .turned = LH_NEW(arena, struct lh__edge, e.n),
                                .turns = LH_NEW(arena, int32_t, n),
                                .any_carried = carries(t)};
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (is_turned(&e, o))
            f->turns[f->n_turns++] = o;
    }
    for (int32_t i = 0; i < e.n; i++) {
        f->first[e.at[i].from + 2]++;
        if (is_turned(&e, e.at[i].from) || is_turned(&e, e.at[i].to))
            f->turned[f->n_turned++] = e.at[i];
        else
            (e.at[i].lag == 0 ? f->waits : f->carried)[e.at[i].to]++;
    }
    for (size_t o = 0; o < n; o++)
        f->first[o + 2] += f->first[o + 1];
    for (int32_t i = 0; i < e.n; i++) {
        int32_t to = e.at[i].to;
        f->of[f->first[e.at[i].from + 1]++] =
            (struct lh__follower){to, e.at[i].lag, t->ops[to].turn};
    }
}

static bool same(const void *a, const void *b, size_t n, size_t size)
{
    return n == 0 || memcmp(a, b, n * size) == 0;
}

bool lh__followers_same(const struct lh__followers *f,
                        const struct lh__followers *known, int32_t n_ops)
{
    size_t n = (size_t)n_ops;
    size_t n_turned = (size_t)f->n_turned, n_turns = (size_t)f->n_turns;
    return f->n_of == known->n_of && f->n_turned == known->n_turned
           && f->n_turns == known->n_turns
           && f->any_carried == known->any_carried
           && same(f->first, known->first, n + 1, sizeof *f->first)
           && same(f->of, known->of, (size_t)f->n_of, sizeof *f->of)
           && same(f->waits, known->waits, n, sizeof *f->waits)
           && same(f->carried, known->carried, n, sizeof *f->carried)
           && same(f->turned, known->turned, n_turned, sizeof *f->turned)
           && same(f->turns, known->turns, n_turns, sizeof *f->turns);
}

void lh__followers_waits(uint16_t *waits, const struct lh__followers *f,
                         const struct lh_template *t, int64_t step,
                         int64_t cycle)
{
    for (int32_t o = 0; o < t->n_ops; o++)
        waits[o] = (uint16_t)(f->waits[o] + (step > 0 ? f->carried[o] : 0));
    for (int32_t i = 0; i < f->n_turns; i++) {
        if (!lh_op_runs(&t->ops[f->turns[i]], step, cycle))
            waits[f->turns[i]] = UINT16_MAX;
    }
    for (int32_t i = 0; i < f->n_turned; i++) {
        const struct lh__edge *e = &f->turned[i];
        if (waits[e->to] != UINT16_MAX && step >= e->lag
            && lh_op_runs(&t->ops[e->from], step - e->lag, cycle))
            waits[e->to]++;
    }
}
