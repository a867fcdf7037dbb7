/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * struct lh_engine on SimGrid: channels, pooled flows and timers, and the
 * cases that SimGrid does not take: a flow of 0 bytes and a flow that crosses
 * no limiting link are timers, the latter of bytes / cap, if it has a cap.
 */
#include "engine.h"

#include <math.h>
#include <string.h>

#include "simgrid.h"

struct event {
    struct engine *engine;
    lh_callback call;
    void *data;
    lh_channel channel;
    int64_t simgrid_id; /* -1: a timer */
    double end_s;       /* of a timer */
    double bytes;       /* of a capped flow that is a timer */
    bool is_over;       /* a flow of SimGrid that has ended, when so many */
    double over_left;   /* bytes had not moved */
    bool cancelled;
    int64_t next_free;
};

struct engine {
    struct lh_ctx *ctx;
    struct lh_channel_spec *channels;
    int32_t n_links;
    double *capacity; /* [n_links] as the engine was made */
    size_t n_channels;
    size_t channel_capacity;
    struct event **events; /* pool; an event never moves */
    size_t n_events;
    size_t event_capacity;
    int64_t free_event;
    bool stopped;
    int64_t n_calls;
};

static double engine_now(void *self)
{
    (void)self;
    return lh__simgrid_now();
}

static double engine_next(void *self)
{
    (void)self;
    return lh__simgrid_next();
}

static int64_t event_new(struct engine *e, lh_callback call, void *data)
{
    int64_t id = e->free_event;
    if (id >= 0) {
        e->free_event = e->events[id]->next_free;
    } else {
        id = (int64_t)e->n_events++;
        e->events = lh_grow(e->ctx->arena, e->events, &e->event_capacity,
                            e->n_events, sizeof *e->events);
        e->events[id] = LH_NEW(e->ctx->arena, struct event, 1);
    }
    *e->events[id] = (struct event){
        .engine = e, .call = call, .data = data, .simgrid_id = -1};
    e->events[id]->next_free = id; /* its own id while in use */
    return id;
}

static void event_free(struct event *event)
{
    struct engine *e = event->engine;
    int64_t id = event->next_free;
    event->next_free = e->free_event;
    e->free_event = id;
}

static void event_call(struct event *event)
{
    struct engine *e = event->engine;
    lh_callback call = event->call;
    void *data = event->data;
    bool silent = event->cancelled || e->stopped;
    event_free(event);
    if (silent)
        return;
    e->n_calls++;
    call(data);
}

static void timer_rang(void *data)
{
    event_call(data);
}

static enum lh_status failed(struct engine *e, const char *what)
{
    lh_error(e->ctx, LH_NOWHERE, "simgrid: %s: %s", what, lh__simgrid_error());
    return LH_FAILED;
}

static enum lh_status engine_at(void *self, double date_s, lh_callback call,
                                void *data)
{
    struct engine *e = self;
    int64_t id = event_new(e, call, data);
    if (lh__simgrid_at(date_s, timer_rang, e->events[id]) != 0)
        return failed(e, "timer");
    return LH_OK;
}

static void flow_ended(void *data)
{
    struct event *event = data;
    event->is_over = true;
    event->over_left = lh__simgrid_ended_left();
    event_call(event);
}

static enum lh_status flow_start(struct event *event, double bytes)
{
    const struct lh_channel_spec *c = &event->engine->channels[event->channel];
    struct lh__simgrid_flow flow = {.bytes = bytes,
                                    .alpha_s = c->alpha_s,
                                    .phi = c->phi,
                                    .cap_bytes_per_s = c->cap_bytes_per_s,
                                    .n_links = c->n_links,
                                    .links = c->links,
                                    .weights = c->weights,
                                    .call = flow_ended,
                                    .data = event};
    event->simgrid_id = lh__simgrid_send(&flow);
    if (event->simgrid_id < 0)
        return failed(event->engine, "flow");
    return LH_OK;
}

static enum lh_status delay_start(struct event *event, double bytes)
{
    struct engine *e = event->engine;
    const struct lh_channel_spec *c = &e->channels[event->channel];
    event->bytes = c->cap_bytes_per_s > 0 ? bytes : 0.0;
    event->end_s = lh__simgrid_now() + c->alpha_s;
    if (event->bytes > 0)
        event->end_s += event->bytes / c->cap_bytes_per_s;
    if (lh__simgrid_at(event->end_s, timer_rang, event) != 0)
        return failed(e, "timer");
    return LH_OK;
}

static enum lh_status engine_send(void *self, lh_channel channel, double bytes,
                                  lh_callback call, void *data, lh_flow *flow)
{
    struct engine *e = self;
    const struct lh_channel_spec *c = &e->channels[channel];
    int64_t id = event_new(e, call, data);
    struct event *event = e->events[id];
    event->channel = channel;
    if (flow)
        *flow = id;
    if (bytes > 0 && c->n_links > 0)
        return flow_start(event, bytes);
    return delay_start(event, bytes);
}

/* Of a flow that is a timer: what its cap moves until the end. */
static double timer_left(const struct event *event)
{
    const struct lh_channel_spec *c = &event->engine->channels[event->channel];
    if (event->bytes <= 0)
        return 0.0;
    return fmin(event->bytes,
                (event->end_s - lh__simgrid_now()) * c->cap_bytes_per_s);
}

static double engine_left(void *self, lh_flow flow)
{
    const struct event *event = ((struct engine *)self)->events[flow];
    if (event->is_over)
        return event->over_left;
    if (event->simgrid_id < 0)
        return timer_left(event);
    return lh__simgrid_left(event->simgrid_id);
}

static void engine_cancel(void *self, lh_flow flow)
{
    struct event *event = ((struct engine *)self)->events[flow];
    if (event->simgrid_id < 0) {
        event->cancelled = true; /* freed when its timer rings */
        return;
    }
    lh__simgrid_cancel(event->simgrid_id);
    event_free(event);
}

static enum lh_status engine_link_set(void *self, int32_t link,
                                      double capacity_bytes_per_s)
{
    if (lh__simgrid_link_set(link, capacity_bytes_per_s) != 0)
        return failed(self, "link");
    return LH_OK;
}

static enum lh_status engine_run(void *self)
{
    if (lh__simgrid_run() != 0)
        return failed(self, "run");
    return LH_OK;
}

static void engine_stop(void *self)
{
    ((struct engine *)self)->stopped = true;
}

enum lh_status lh__engine_open(struct lh_engine *out, int32_t n_links,
                               const double *capacity_bytes_per_s,
                               struct lh_ctx *ctx)
{
    struct engine *e = LH_NEW(ctx->arena, struct engine, 1);
    e->ctx = ctx;
    e->free_event = -1;
    e->n_links = n_links;
    e->capacity = LH_NEW(ctx->arena, double, n_links);
    if (lh__simgrid_open() != 0)
        return failed(e, "start");
    for (int32_t i = 0; i < n_links; i++) {
        e->capacity[i] = capacity_bytes_per_s[i];
        if (lh__simgrid_link(capacity_bytes_per_s[i]) != i)
            return failed(e, "link");
    }
    if (lh__simgrid_seal() != 0)
        return failed(e, "seal");
    *out = (struct lh_engine){.self = e,
                              .now = engine_now,
                              .next = engine_next,
                              .at = engine_at,
                              .send = engine_send,
                              .left = engine_left,
                              .cancel = engine_cancel,
                              .link_set = engine_link_set,
                              .run = engine_run,
                              .stop = engine_stop};
    return LH_OK;
}

lh_channel lh__engine_channel(struct lh_engine *engine,
                              const struct lh_channel_spec *spec)
{
    struct engine *e = engine->self;
    struct lh_arena *arena = e->ctx->arena;
    size_t n = (size_t)spec->n_links;
    struct lh_channel_spec copy = *spec;
    int32_t *links = LH_NEW(arena, int32_t, n);
    int64_t *weights = LH_NEW(arena, int64_t, n);
    if (n > 0) {
        memcpy(links, spec->links, n * sizeof *links);
        memcpy(weights, spec->weights, n * sizeof *weights);
    }
    for (size_t i = 0; i < n; i++)
        lh__simgrid_expect(links[i], (double)weights[i] * spec->phi);
    copy.links = links;
    copy.weights = weights;
    if (!isfinite(copy.cap_bytes_per_s))
        copy.cap_bytes_per_s = 0;
    e->channels = lh_grow(arena, e->channels, &e->channel_capacity,
                          e->n_channels + 1, sizeof *e->channels);
    e->channels[e->n_channels] = copy;
    return (lh_channel)e->n_channels++;
}

struct lh__wiring lh__engine_wiring(const struct lh_engine *engine)
{
    const struct engine *e = engine->self;
    return (struct lh__wiring){.n_links = e->n_links,
                               .capacity_bytes_per_s = e->capacity,
                               .n_channels = (int32_t)e->n_channels,
                               .channels = e->channels};
}

struct lh__engine_stats lh__engine_stats(const struct lh_engine *engine)
{
    const struct engine *e = engine->self;
    return (struct lh__engine_stats){.events = e->n_calls};
}
