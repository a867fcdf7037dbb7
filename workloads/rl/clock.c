/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A clock with the face of the engine: dates and no flows.  The loop of
 * reinforcement learning runs on it, in the caller's process.
 * Leaves out: send, cancel, link_set; channels do not exist.
 */
#include <longhaul/rl.h>

struct alarm {
    double date_s;
    int64_t order; /* of asking */
    lh_callback call;
    void *data;
};

struct clock {
    struct lh_arena *arena;
    double now_s;
    int64_t asked;
    bool stopped;
    struct alarm *heap;
    size_t n, capacity;
};

static bool before(const struct alarm *a, const struct alarm *b)
{
    return a->date_s < b->date_s
           || (a->date_s == b->date_s && a->order < b->order);
}

static double now(void *self)
{
    return ((struct clock *)self)->now_s;
}

static enum lh_status at(void *self, double date_s, lh_callback call,
                         void *data)
{
    struct clock *c = self;
    struct alarm alarm = {date_s, c->asked++, call, data};
    size_t i = c->n++;

    c->heap = lh_grow(c->arena, c->heap, &c->capacity, c->n, sizeof *c->heap);
    for (; i > 0 && before(&alarm, &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = alarm;
    return LH_OK;
}

static struct alarm take(struct clock *c)
{
    struct alarm first = c->heap[0], last = c->heap[--c->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < c->n) {
        if (child + 1 < c->n && before(&c->heap[child + 1], &c->heap[child]))
            child++;
        if (!before(&c->heap[child], &last))
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = last;
    return first;
}

static enum lh_status run(void *self)
{
    struct clock *c = self;

    for (c->stopped = false; c->n > 0 && !c->stopped;) {
        struct alarm alarm = take(c);
        c->now_s = alarm.date_s;
        alarm.call(alarm.data);
    }
    return LH_OK;
}

static void stop(void *self)
{
    ((struct clock *)self)->stopped = true;
}

void lh_rl_clock(struct lh_engine *out, struct lh_ctx *ctx)
{
    struct clock *c = LH_NEW(ctx->arena, struct clock, 1);

    c->arena = ctx->arena;
    *out = (struct lh_engine){
        .self = c, .now = now, .at = at, .run = run, .stop = stop};
}
