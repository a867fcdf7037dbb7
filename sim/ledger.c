/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ledger of an engine: bytes sent = arrived + in flight + cancelled, flow
 * by flow as the engine reports them, against what the links can do:
 *
 *   a flow ends      with nothing left that has not moved, and not sooner than
 *                    alpha + bytes x max(weight / capacity, 1 / cap)
 *   a link carries   sum over its flows of weight x what they moved
 *                    <= integral of its capacity over the time of the run
 *
 * Place in the pipeline: around the engine that runs a step (run.c), learners
 * (dynamic.c) or pushes (flows.c); audit.c holds its sums against the program.
 * Leaves out: communications that are alone on their links, which no engine
 * sees (alone.c; audit.c counts them).
 */
#include "ledger.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Of bytes and times: the rounding of an engine's many small steps. */
static const double slack = 1e-9;
/* What happens within 1e-12 s is one instant to SimGrid (surf/precision), for
 * each of the events that a flow shares its links with; and the clock is a
 * double that each event adds to, a flow's latency and end and a date: 1e-13
 * for some hundreds of them, or as many as there were. */
static const double instant_s = 1e-11;
static const double clock_slack = 1e-13;
static const double clock_slack_an_event = 4 * DBL_EPSILON;

struct entry {
    struct lh__ledger *ledger;
    lh_channel channel;
    double bytes, start_s;
    int64_t n_before; /* events of the ledger */
    lh_flow flow;     /* of the engine */
    lh_callback call;
    void *data;
    int64_t id;
    int64_t next_free; /* -1: the last; its own id while in use */
};

struct lh__ledger {
    const struct lh_engine *engine;
    const struct lh__wiring *wiring;
    struct lh_ctx *ctx;
    struct lh__ledger_sum *sums; /* [n_channels] */
    double *moved;               /* [n_channels] of flows that were cancelled */
    int64_t *flows;              /* [n_channels] begun */
    double *least_s_per_byte;    /* [n_channels] after alpha */
    double *capacity, *most;     /* [n_links] now, and at any time so far */
    double *since_s, *room_bytes; /* [n_links] at capacity since; before */
    struct entry **entries;       /* a pool; an entry never moves */
    size_t n_entries, entry_capacity;
    int64_t free_entry; /* -1: none */
    int64_t n_events;   /* flows begun and ended, dates asked for */
    double stop_s;
    enum lh_status st;
};

static double now_of(const struct lh__ledger *l)
{
    return l->engine->now(l->engine->self);
}

/* ---- flows --------------------------------------------------------------- */

static struct entry *entry_new(struct lh__ledger *l)
{
    int64_t id = l->free_entry;
    if (id >= 0) {
        l->free_entry = l->entries[id]->next_free;
    } else {
        id = (int64_t)l->n_entries++;
        l->entries = lh_grow(l->ctx->arena, l->entries, &l->entry_capacity,
                             l->n_entries, sizeof(struct entry *));
        l->entries[id] = LH_NEW(l->ctx->arena, struct entry, 1);
    }
    l->entries[id]->id = l->entries[id]->next_free = id;
    return l->entries[id];
}

static void entry_free(struct entry *e)
{
    e->next_free = e->ledger->free_entry;
    e->ledger->free_entry = e->id;
}

static void fault(struct lh__ledger *l, const char *text)
{
    if (l->st != LH_OK)
        return;
    lh_error(l->ctx, LH_NOWHERE, "internal: %s", text);
    l->st = LH_FAILED; /* the run goes on, so that this is what is said */
}

static void check_flow(struct lh__ledger *l, const struct entry *e, double left)
{
    const struct lh_channel_spec *c = &l->wiring->channels[e->channel];
    double took_s = now_of(l) - e->start_s;
    double least_s = c->alpha_s + e->bytes * l->least_s_per_byte[e->channel];
    if (!(fabs(left) <= slack * e->bytes))
        fault(l, lh_format(l->ctx->arena,
                           "a flow of %.17g bytes on channel %d ended when "
                           "%.17g bytes had not arrived",
                           e->bytes, (int)e->channel, left));
    double rounding_s =
        fmax(clock_slack,
             clock_slack_an_event * (double)(l->n_events - e->n_before))
        * now_of(l);
    if (took_s < least_s * (1 - slack) - instant_s - rounding_s)
        fault(l, lh_format(l->ctx->arena,
                           "a flow of %.17g bytes on channel %d arrived after "
                           "%.12g s, but its links take %.12g s",
                           e->bytes, (int)e->channel, took_s, least_s));
}

static void flow_ended(void *data)
{
    struct entry *e = data;
    struct lh__ledger *l = e->ledger;
    lh_callback call = e->call;
    double left = l->engine->left(l->engine->self, e->flow);
    data = e->data;
    l->n_events++;
    check_flow(l, e, left);
    l->sums[e->channel].arrived += e->bytes - left;
    entry_free(e);
    call(data);
}

static enum lh_status ledger_send(void *self, lh_channel channel, double bytes,
                                  lh_callback call, void *data, lh_flow *flow)
{
    struct lh__ledger *l = self;
    struct entry *e = entry_new(l);
    e->ledger = l;
    e->channel = channel;
    e->bytes = bytes;
    e->start_s = now_of(l);
    e->n_before = l->n_events++;
    e->call = call;
    e->data = data;
    l->sums[channel].sent += bytes;
    l->flows[channel]++;
    if (flow)
        *flow = e->id;
    return l->engine->send(l->engine->self, channel, bytes, flow_ended, e,
                           &e->flow);
}

static double ledger_left(void *self, lh_flow flow)
{
    const struct lh__ledger *l = self;
    return l->engine->left(l->engine->self, l->entries[flow]->flow);
}

static void ledger_cancel(void *self, lh_flow flow)
{
    struct lh__ledger *l = self;
    struct entry *e = l->entries[flow];
    double left = ledger_left(l, flow);
    l->sums[e->channel].cancelled += e->bytes;
    l->moved[e->channel] += e->bytes - left;
    l->engine->cancel(l->engine->self, e->flow);
    entry_free(e);
}

/* ---- links --------------------------------------------------------------- */

static void least_make(struct lh__ledger *l)
{
    for (int32_t i = 0; i < l->wiring->n_channels; i++) {
        const struct lh_channel_spec *c = &l->wiring->channels[i];
        double least = c->cap_bytes_per_s > 0 ? 1 / c->cap_bytes_per_s : 0;
        for (int32_t k = 0; k < c->n_links; k++)
            least = fmax(least, (double)c->weights[k] / l->most[c->links[k]]);
        l->least_s_per_byte[i] = least;
    }
}

/* What it can have carried until now. */
static void room_advance(struct lh__ledger *l, int32_t link)
{
    l->room_bytes[link] += l->capacity[link] * (now_of(l) - l->since_s[link]);
    l->since_s[link] = now_of(l);
}

static enum lh_status ledger_link_set(void *self, int32_t link,
                                      double capacity_bytes_per_s)
{
    struct lh__ledger *l = self;
    room_advance(l, link);
    l->capacity[link] = capacity_bytes_per_s;
    if (capacity_bytes_per_s > l->most[link]) {
        l->most[link] = capacity_bytes_per_s;
        least_make(l);
    }
    return l->engine->link_set(l->engine->self, link, capacity_bytes_per_s);
}

/* What the flows of each link may seem to have more, by instants. */
static double *instants_bytes(const struct lh__ledger *l)
{
    double *bytes = LH_NEW(l->ctx->arena, double, l->wiring->n_links);
    for (int32_t i = 0; i < l->wiring->n_channels; i++) {
        const struct lh_channel_spec *c = &l->wiring->channels[i];
        for (int32_t k = 0; k < c->n_links; k++)
            bytes[c->links[k]] +=
                (double)l->flows[i] * instant_s * l->most[c->links[k]];
    }
    return bytes;
}

static void check_links(struct lh__ledger *l, const double *used_bytes)
{
    const double *more = instants_bytes(l);
    for (int32_t i = 0; i < l->wiring->n_links; i++) {
        room_advance(l, i);
        if (used_bytes[i] > l->room_bytes[i] * (1 + slack) + more[i])
            fault(l, lh_format(l->ctx->arena,
                               "link %d carried %.17g bytes in %.12g s, but "
                               "has room for %.17g",
                               (int)i, used_bytes[i], now_of(l),
                               l->room_bytes[i]));
    }
}

/* ---- all ----------------------------------------------------------------- */

/* The rest of the face goes to the engine as it is. */
static double ledger_now(void *self)
{
    return now_of(self);
}

static double ledger_next(void *self)
{
    const struct lh__ledger *l = self;
    return l->engine->next(l->engine->self);
}

static enum lh_status ledger_at(void *self, double date_s, lh_callback call,
                                void *data)
{
    struct lh__ledger *l = self;
    l->n_events++;
    return l->engine->at(l->engine->self, date_s, call, data);
}

static enum lh_status ledger_run(void *self)
{
    const struct lh__ledger *l = self;
    return l->engine->run(l->engine->self);
}

static void ledger_stop(void *self)
{
    struct lh__ledger *l = self;
    for (size_t i = 0; isinf(l->stop_s) && i < l->n_entries; i++) {
        const struct entry *e = l->entries[i];
        if (e->next_free == e->id)
            l->sums[e->channel].moved += e->bytes - ledger_left(l, e->id);
    }
    l->stop_s = fmin(l->stop_s, now_of(l));
    l->engine->stop(l->engine->self);
}

void lh__ledger_open(struct lh_engine *out, struct lh__ledger **ledger,
                     const struct lh_engine *engine,
                     const struct lh__wiring *wiring, struct lh_ctx *ctx)
{
    struct lh_arena *arena = ctx->arena;
    struct lh__ledger *l = LH_NEW(arena, struct lh__ledger, 1);
    size_t n = (size_t)wiring->n_links;
    l->engine = engine;
    l->wiring = wiring;
    l->ctx = ctx;
    l->free_entry = -1;
    l->stop_s = (double)INFINITY;
    l->sums = LH_NEW(arena, struct lh__ledger_sum, wiring->n_channels);
    l->moved = LH_NEW(arena, double, wiring->n_channels);
    l->flows = LH_NEW(arena, int64_t, wiring->n_channels);
    l->least_s_per_byte = LH_NEW(arena, double, wiring->n_channels);
    l->capacity = LH_NEW(arena, double, n);
    l->most = LH_NEW(arena, double, n);
    l->since_s = LH_NEW(arena, double, n);
    l->room_bytes = LH_NEW(arena, double, n);
    for (size_t i = 0; i < n; i++)
        l->capacity[i] = l->most[i] = wiring->capacity_bytes_per_s[i];
    least_make(l);
    *ledger = l;
    *out = (struct lh_engine){.self = l,
                              .now = ledger_now,
                              .next = engine->next ? ledger_next : NULL,
                              .at = ledger_at,
                              .send = ledger_send,
                              .left = ledger_left,
                              .cancel = ledger_cancel,
                              .link_set = ledger_link_set,
                              .run = ledger_run,
                              .stop = ledger_stop};
}

struct lh__ledger_sum lh__ledger_sum(const struct lh__ledger *ledger,
                                     lh_channel channel)
{
    return ledger->sums[channel];
}

double lh__ledger_stop_s(const struct lh__ledger *ledger)
{
    return ledger->stop_s;
}

enum lh_status lh__ledger_close(struct lh__ledger *l)
{
    struct lh_arena *arena = l->ctx->arena;
    double *moved = LH_NEW(arena, double, l->wiring->n_channels);
    double *used_bytes = LH_NEW(arena, double, l->wiring->n_links);
    for (int32_t i = 0; i < l->wiring->n_channels; i++)
        moved[i] = l->moved[i] + l->sums[i].arrived;
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct entry *e = l->entries[i];
        if (e->next_free == e->id)
            moved[e->channel] += e->bytes - ledger_left(l, e->id);
    }
    for (int32_t i = 0; i < l->wiring->n_channels; i++) {
        const struct lh_channel_spec *c = &l->wiring->channels[i];
        for (int32_t k = 0; k < c->n_links; k++)
            used_bytes[c->links[k]] += (double)c->weights[k] * moved[i];
    }
    check_links(l, used_bytes);
    return l->st;
}
