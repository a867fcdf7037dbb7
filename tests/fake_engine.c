/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A fluid engine: flows wait alpha, then share the links.  Rates by
 * progressive filling: the level of v / phi rises for all flows alike until a
 * link is full or a flow is at its cap, and what is full or capped is then
 * fixed; and so on (Bertsekas and Gallager, Data Networks, 6.5.2).  Rates are solved anew where flows or capacities
 * changed; events are found by a scan.  Simple, not fast.
 */
#include "fake_engine.h"

#include <math.h>
#include <string.h>

enum state { FREE, TIMER, DELAYED, MOVING };

struct event {
    enum state state;
    double date_s;      /* of a timer, or when a flow begins to move */
    double left_bytes;
    double rate;
    double least_bytes; /* what counts as nothing left */
    int64_t order;      /* ties go by age */
    const struct lh_channel_spec *channel;
    lh_callback call;
    void *data;
};

struct fake {
    struct lh_ctx *ctx;
    double now_s;
    int32_t n_links;
    double *capacity, *room, *slope; /* [n_links] */
    struct lh_channel_spec **channels;
    size_t n_channels, channel_capacity;
    struct event *events;
    size_t n_events, event_capacity;
    int64_t n_made;
    bool rates_stale, stopped;
};

static double fake_now(void *self) { return ((struct fake *)self)->now_s; }

static struct event *event_new(struct fake *f, lh_callback call, void *data)
{
    size_t i = 0;
    while (i < f->n_events && f->events[i].state != FREE)
        i++;
    if (i == f->n_events)
        f->events = lh_grow(f->ctx->arena, f->events, &f->event_capacity,
                            ++f->n_events, sizeof *f->events);
    f->events[i] = (struct event){
        .call = call, .data = data, .order = f->n_made++};
    return &f->events[i];
}

static enum lh_status fake_at(void *self, double date_s, lh_callback call,
                              void *data)
{
    struct event *e = event_new(self, call, data);
    e->state = TIMER;
    e->date_s = fmax(date_s, fake_now(self));
    return LH_OK;
}

static bool is_limited(const struct lh_channel_spec *c)
{
    return c->n_links > 0 || c->cap_bytes_per_s > 0;
}

static enum lh_status fake_send(void *self, lh_channel channel, double bytes,
                                lh_callback call, void *data, lh_flow *flow)
{
    struct fake *f = self;
    struct event *e = event_new(f, call, data);
    e->channel = f->channels[channel];
    e->date_s = f->now_s + e->channel->alpha_s;
    e->state = bytes > 0 && is_limited(e->channel) ? DELAYED : TIMER;
    e->left_bytes = bytes;
    e->least_bytes = 1e-13 * bytes;
    if (flow)
        *flow = e - f->events;
    return LH_OK;
}

static double fake_left(void *self, lh_flow flow)
{
    return ((struct fake *)self)->events[flow].left_bytes;
}

static void fake_cancel(void *self, lh_flow flow)
{
    struct fake *f = self;
    f->events[flow].state = FREE;
    f->rates_stale = true;
}

static enum lh_status fake_link_set(void *self, int32_t link,
                                    double capacity_bytes_per_s)
{
    struct fake *f = self;
    f->capacity[link] = capacity_bytes_per_s;
    f->rates_stale = true;
    return LH_OK;
}

static void fake_stop(void *self) { ((struct fake *)self)->stopped = true; }

/* The level of v / phi at which a flow is at its cap. */
static double level_of_cap(const struct lh_channel_spec *c)
{
    return c->cap_bytes_per_s > 0 ? c->cap_bytes_per_s / c->phi : INFINITY;
}

/* Room left and demand per level of the flows not yet fixed (rate < 0); the
 * level at which the next link is full or the next flow at its cap. */
static double level_next(struct fake *f)
{
    double level = INFINITY;
    memset(f->slope, 0, (size_t)f->n_links * sizeof *f->slope);
    for (size_t i = 0; i < f->n_events; i++) {
        const struct event *e = &f->events[i];
        if (e->state != MOVING || e->rate >= 0)
            continue;
        level = fmin(level, level_of_cap(e->channel));
        for (int32_t k = 0; k < e->channel->n_links; k++)
            f->slope[e->channel->links[k]] +=
                (double)e->channel->weights[k] * e->channel->phi;
    }
    for (int32_t l = 0; l < f->n_links; l++) {
        if (f->slope[l] > 0)
            level = fmin(level, f->room[l] / f->slope[l]);
    }
    return level;
}

static bool is_fixed_at(const struct fake *f, const struct event *e,
                        double level)
{
    if (level_of_cap(e->channel) <= level * (1 + 1e-13))
        return true;
    for (int32_t k = 0; k < e->channel->n_links; k++) {
        int32_t l = e->channel->links[k];
        if (f->room[l] <= level * f->slope[l] * (1 + 1e-13))
            return true;
    }
    return false;
}

static void rates_solve(struct fake *f)
{
    double level;
    memcpy(f->room, f->capacity, (size_t)f->n_links * sizeof *f->room);
    for (size_t i = 0; i < f->n_events; i++)
        f->events[i].rate = -1;
    while (level = level_next(f), isfinite(level)) {
        for (size_t i = 0; i < f->n_events; i++) {
            struct event *e = &f->events[i];
            if (e->state == MOVING && e->rate < 0 && is_fixed_at(f, e, level))
                e->rate = -2; /* fixed now; room is used up below */
        }
        for (size_t i = 0; i < f->n_events; i++) {
            struct event *e = &f->events[i];
            if (e->state != MOVING || e->rate != -2)
                continue;
            e->rate = level * e->channel->phi;
            for (int32_t k = 0; k < e->channel->n_links; k++)
                f->room[e->channel->links[k]] -=
                    (double)e->channel->weights[k] * e->rate;
        }
    }
    f->rates_stale = false;
}

static double event_date(const struct fake *f, const struct event *e)
{
    if (e->state == FREE)
        return INFINITY;
    return e->state == MOVING ? f->now_s + e->left_bytes / e->rate : e->date_s;
}

static void advance_to(struct fake *f, double date_s)
{
    for (size_t i = 0; i < f->n_events; i++) {
        struct event *e = &f->events[i];
        if (e->state != MOVING)
            continue;
        e->left_bytes -= e->rate * (date_s - f->now_s);
        if (e->left_bytes < e->least_bytes)
            e->left_bytes = 0;
    }
    f->now_s = date_s;
}

/* The event that is due first, or NULL. */
static struct event *event_first(struct fake *f)
{
    struct event *first = NULL;
    double first_s = INFINITY;
    for (size_t i = 0; i < f->n_events; i++) {
        struct event *e = &f->events[i];
        double date_s = event_date(f, e);
        if (date_s < first_s ||
            (first && date_s == first_s && e->order < first->order)) {
            first = e;
            first_s = date_s;
        }
    }
    return first;
}

static enum lh_status fake_run(void *self)
{
    struct fake *f = self;
    struct event *e;
    while (!f->stopped) {
        if (f->rates_stale)
            rates_solve(f);
        e = event_first(f);
        if (!e)
            break;
        advance_to(f, event_date(f, e));
        struct event ended = *e;
        f->rates_stale = f->rates_stale || e->state != TIMER;
        e->state = e->state == DELAYED ? MOVING : FREE;
        if (e->state == FREE) {
            e->left_bytes = 0;
            ended.call(ended.data);
        }
    }
    return LH_OK;
}

enum lh_status fake_engine_open(struct lh_engine *out, int32_t n_links,
                                const double *capacity_bytes_per_s,
                                struct lh_ctx *ctx)
{
    struct fake *f = LH_NEW(ctx->arena, struct fake, 1);
    f->ctx = ctx;
    f->n_links = n_links;
    f->capacity = LH_NEW(ctx->arena, double, n_links);
    f->room = LH_NEW(ctx->arena, double, n_links);
    f->slope = LH_NEW(ctx->arena, double, n_links);
    for (int32_t l = 0; l < n_links; l++)
        f->capacity[l] = capacity_bytes_per_s[l];
    *out = (struct lh_engine){
        .self = f, .now = fake_now, .at = fake_at, .send = fake_send,
        .left = fake_left, .cancel = fake_cancel, .link_set = fake_link_set,
        .run = fake_run, .stop = fake_stop};
    return LH_OK;
}

lh_channel fake_engine_channel(struct lh_engine *engine,
                               const struct lh_channel_spec *spec)
{
    struct fake *f = engine->self;
    struct lh_arena *arena = f->ctx->arena;
    struct lh_channel_spec *copy = LH_NEW(arena, struct lh_channel_spec, 1);
    int32_t *links = LH_NEW(arena, int32_t, spec->n_links);
    int64_t *weights = LH_NEW(arena, int64_t, spec->n_links);
    for (int32_t k = 0; k < spec->n_links; k++) {
        links[k] = spec->links[k];
        weights[k] = spec->weights[k];
    }
    *copy = *spec;
    copy->links = links;
    copy->weights = weights;
    if (!isfinite(copy->cap_bytes_per_s))
        copy->cap_bytes_per_s = 0;
    f->channels = lh_grow(arena, f->channels, &f->channel_capacity,
                          f->n_channels + 1, sizeof *f->channels);
    f->channels[f->n_channels] = copy;
    return (lh_channel)f->n_channels++;
}
