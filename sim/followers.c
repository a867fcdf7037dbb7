/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every edge of a template the other way round: from what an operation waits
 * for to those that wait for it.
 *
 * Place in the pipeline: what exec.c counts down.
 */
#include "followers.h"

struct edge {
    int32_t from;
    int32_t to; /* ~op: that op of the next step */
};

/* Every edge of a template: its dependencies, and the order of each stream,
 * which closes over the step boundary.  Returns their number. */
static int32_t edges_list(struct edge *out, const struct lh_template *t)
{
    int32_t n = 0;
    int32_t last[LH_STREAMS], head[LH_STREAMS];
    for (int s = 0; s < LH_STREAMS; s++)
        last[s] = head[s] = -1;
    for (int32_t o = 0; o < t->n_ops; o++) {
        int s = t->ops[o].stream;
        for (int32_t k = t->dep_begin[o]; k < t->dep_begin[o + 1]; k++) {
            int32_t d = t->deps[k];
            out[n++] = d >= 0 ? (struct edge){d, o} : (struct edge){~d, ~o};
        }
        if (last[s] >= 0)
            out[n++] = (struct edge){last[s], o};
        else
            head[s] = o;
        last[s] = o;
    }
    for (int s = 0; s < LH_STREAMS; s++) {
        if (head[s] >= 0)
            out[n++] = (struct edge){last[s], ~head[s]};
    }
    return n;
}

void lh__followers_build(struct lh__followers *f, const struct lh_template *t,
                         struct lh_arena *arena)
{
    size_t n = (size_t)t->n_ops;
    size_t edges_max = (size_t)t->dep_begin[n] + n + LH_STREAMS;
    struct edge *edges = LH_NEW(arena, struct edge, edges_max);
    int32_t n_edges = edges_list(edges, t);
    f->first = LH_NEW(arena, int32_t, n + 2);
    f->op = LH_NEW(arena, int32_t, n_edges);
    f->waits = LH_NEW(arena, uint16_t, n);
    f->carried = LH_NEW(arena, uint16_t, n);
    for (int32_t e = 0; e < n_edges; e++) {
        int32_t to = edges[e].to;
        f->first[edges[e].from + 2]++;
        (*(to >= 0 ? &f->waits[to] : &f->carried[~to]))++;
    }
    for (size_t o = 0; o < n; o++)
        f->first[o + 2] += f->first[o + 1];
    for (int32_t e = 0; e < n_edges; e++)
        f->op[f->first[edges[e].from + 1]++] = edges[e].to;
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream == LH_STREAM_COMPUTE)
            f->last_compute = o;
    }
    for (int32_t k = 0; k < t->dep_begin[n]; k++)
        f->any_carried |= t->deps[k] < 0;
}
