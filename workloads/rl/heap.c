/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Samples that run in a replica, the first to end on top: a binary heap
 * (Williams 1964) by the iteration of the end, then by issue.  Under replica.c
 * and fill.c.
 *
 * Leaves out: what else a replica holds.
 */
#include "loop.h"

static bool ends_before(const struct lh__sample *a, const struct lh__sample *b)
{
    return a->end < b->end || (a->end == b->end && a->order < b->order);
}

void lh__heap_push(struct lh__replica *r, struct lh__sample *sample)
{
    int64_t i = r->n_running++;

    r->heap = lh_grow(r->loop->ctx->arena, r->heap, &r->capacity,
                      (size_t)r->n_running, sizeof *r->heap);
    for (; i > 0 && ends_before(sample, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = sample;
}

struct lh__sample *lh__heap_take(struct lh__replica *r, int64_t i)
{
    struct lh__sample *first = r->heap[i], *last = r->heap[--r->n_running];
    int64_t child;

    if (i == r->n_running)
        return first;
    for (; i > 0 && ends_before(last, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    while ((child = 2 * i + 1) < r->n_running) {
        if (child + 1 < r->n_running
            && ends_before(r->heap[child + 1], r->heap[child]))
            child++;
        if (!ends_before(r->heap[child], last))
            break;
        r->heap[i] = r->heap[child];
        i = child;
    }
    r->heap[i] = last;
    return first;
}
