/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A collective message by message: the pipes of its algorithm as flows of an
 * engine, one message of a pipe at a time.
 *
 *   a message of pipe p, chunk c, round k leaves its sender when
 *     - the sender has joined (and base_s has passed),
 *     - the pipe's message before it has left,
 *     - round k - 1 of the chunk was delivered by the chain, or, k = 0, all
 *       rounds of the chunk were by all gates
 *   it has left when its bytes are through, and is delivered the latency of
 *   its path later; the sender does not wait for that.
 *
 * A receiver that has not joined yet takes messages all the same, and passes
 * none on.  A send is one pipe with one message.
 *
 * Place in the pipeline: the executor and `longhaul collective` run it where
 * engine.collectives is "messages".
 * Leaves out: windows and credits of a real library, which would let a sender
 * stall on a long path; the cost of a message beyond bytes and latency.
 */
#include "messages.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct lh__messages_plan {
    struct lh_pipes pipes;
    int64_t n_members;
    double base_s;
    double bytes_per_byte;
    struct lh_path *path;   /* [pipes] limiting links only */
    lh_channel *channel;    /* [pipes] */
    int64_t *message_begin; /* [pipes + 1] messages of the pipes before */
    int64_t *heirs_begin;   /* [pipes + 1] pipes that wait for a pipe */
    int64_t *heirs;
    int64_t *out_begin; /* [members + 1] pipes from a member */
    int64_t *out;
    int64_t *member_messages; /* [members] sent and received */
};

struct pipe {
    struct lh__messages_run *run;
    int64_t index;
    int64_t first_open; /* chunks below have left in full */
    int64_t n_left;     /* messages */
    int64_t n_delivered;
    bool busy;
};

struct joiner {
    struct lh__messages_run *run;
    int64_t member;
};

struct lh__messages_run {
    const struct lh__messages_plan *plan;
    struct lh_engine *engine;
    double bytes;
    void (*done)(void *data, int64_t member);
    void *data;
    struct pipe *pipes;
    int32_t *sent;          /* [pipes * chunks] rounds that left */
    int32_t *delivered;     /* [pipes * chunks] rounds delivered */
    int32_t *order;         /* [messages] chunk of a message that left */
    struct joiner *joiners; /* [members] */
    bool *joined;           /* [members] */
    int64_t *rest;          /* [members] messages to come */
};

static int64_t rounds_of(const struct lh_pipes *pipes, int64_t p)
{
    return pipes->round_begin[p + 1] - pipes->round_begin[p];
}

/* One pipe, one message. */
static void send_pipes(struct lh_pipes *out, struct lh_ctx *ctx)
{
    *out = (struct lh_pipes){
        .n = 1,
        .chunks = 1,
        .from = LH_NEW(ctx->arena, int64_t, 1),
        .to = LH_NEW(ctx->arena, int64_t, 1),
        .chain = LH_NEW(ctx->arena, int64_t, 1),
        .round_begin = LH_NEW(ctx->arena, int64_t, 2),
        .round_frac = LH_NEW(ctx->arena, double, 1),
        .gate_begin = LH_NEW(ctx->arena, int64_t, 2),
        .gates = LH_NEW(ctx->arena, int64_t, 0),
    };
    out->to[0] = 1;
    out->chain[0] = -1;
    out->round_begin[1] = 1;
    out->round_frac[0] = 1.0;
}

/* Lists of values under keys 0 .. n_keys-1, in the order of the pairs. */
struct pairs {
    int64_t n;
    int64_t *key;
    int64_t *value;
};

static void lists_make(int64_t **begin, int64_t **list, int64_t n_keys,
                       const struct pairs *pairs, struct lh_ctx *ctx)
{
    int64_t *next = LH_NEW(ctx->arena, int64_t, n_keys + 1);
    *begin = LH_NEW(ctx->arena, int64_t, n_keys + 1);
    *list = LH_NEW(ctx->arena, int64_t, pairs->n);
    for (int64_t i = 0; i < pairs->n; i++)
        (*begin)[pairs->key[i] + 1]++;
    for (int64_t k = 0; k < n_keys; k++)
        (*begin)[k + 1] += (*begin)[k];
    memcpy(next, *begin, (size_t)(n_keys + 1) * sizeof *next);
    for (int64_t i = 0; i < pairs->n; i++)
        (*list)[next[pairs->key[i]]++] = pairs->value[i];
}

static void plan_heirs(struct lh__messages_plan *plan, struct lh_ctx *ctx)
{
    const struct lh_pipes *pipes = &plan->pipes;
    int64_t most = pipes->n + pipes->gate_begin[pipes->n];
    struct pairs pairs = {0, LH_NEW(ctx->arena, int64_t, most),
                          LH_NEW(ctx->arena, int64_t, most)};
    for (int64_t p = 0; p < pipes->n; p++) {
        if (pipes->chain[p] >= 0) {
            pairs.key[pairs.n] = pipes->chain[p];
            pairs.value[pairs.n++] = p;
        }
        for (int64_t g = pipes->gate_begin[p]; g < pipes->gate_begin[p + 1];
             g++) {
            pairs.key[pairs.n] = pipes->gates[g];
            pairs.value[pairs.n++] = p;
        }
    }
    lists_make(&plan->heirs_begin, &plan->heirs, pipes->n, &pairs, ctx);
}

static void plan_members(struct lh__messages_plan *plan, struct lh_ctx *ctx)
{
    const struct lh_pipes *pipes = &plan->pipes;
    struct pairs pairs = {pipes->n, pipes->from,
                          LH_NEW(ctx->arena, int64_t, pipes->n)};
    plan->message_begin = LH_NEW(ctx->arena, int64_t, pipes->n + 1);
    plan->member_messages = LH_NEW(ctx->arena, int64_t, plan->n_members);
    for (int64_t p = 0; p < pipes->n; p++) {
        int64_t messages = rounds_of(pipes, p) * pipes->chunks;
        pairs.value[p] = p;
        plan->message_begin[p + 1] = plan->message_begin[p] + messages;
        plan->member_messages[pipes->from[p]] += messages;
        plan->member_messages[pipes->to[p]] += messages;
    }
    lists_make(&plan->out_begin, &plan->out, plan->n_members, &pairs, ctx);
}

/* The path of a pipe; the latency stays that of all its links. */
static void limiting_path(struct lh_path *out, const struct lh_topology *t,
                          int64_t from, int64_t to)
{
    int n = 0;
    lh_topology_path(out, t, from, to);
    for (int i = 0; i < out->n_links; i++) {
        double capacity = lh_topology_link_capacity(t, out->links[i]);
        if (!isinf(capacity))
            out->links[n++] = out->links[i];
    }
    out->n_links = n;
}

void lh__messages_plan_make(struct lh__messages_plan **out,
                            const struct lh__flow_request *request,
                            int algorithm, const struct lh_topology *t,
                            struct lh_ctx *ctx)
{
    struct lh__messages_plan *plan =
        LH_NEW(ctx->arena, struct lh__messages_plan, 1);
    struct lh_members members = lh__flow_members(request, t, ctx);
    plan->n_members = request->n;
    plan->base_s =
        lh__protocol_base_s(request->protocol, &members, t, request->base_s);
    plan->bytes_per_byte = lh__protocol_bytes(request->protocol, &members, t);
    if (algorithm < 0)
        send_pipes(&plan->pipes, ctx);
    else
        lh_algorithm_at(algorithm)->pipes(&plan->pipes, request->collective,
                                          &members, ctx);
    plan->path = LH_NEW(ctx->arena, struct lh_path, plan->pipes.n);
    plan->channel = LH_NEW(ctx->arena, lh_channel, plan->pipes.n);
    for (int64_t p = 0; p < plan->pipes.n; p++) {
        int64_t from = plan->pipes.from[p], to = plan->pipes.to[p];
        limiting_path(&plan->path[p], t, request->accelerators[from],
                      request->accelerators[to]);
        plan->path[p].latency_s = lh__protocol_hop_s(
            request->protocol, &members, t, from, to, plan->path[p].latency_s);
    }
    plan_heirs(plan, ctx);
    plan_members(plan, ctx);
    *out = plan;
}

void lh__messages_plan_declare(struct lh__messages_plan *plan,
                               lh__declare declare, void *data,
                               struct lh_ctx *ctx)
{
    int64_t *ones = LH_NEW(ctx->arena, int64_t, LH_PATH_MAX);
    for (int i = 0; i < LH_PATH_MAX; i++)
        ones[i] = 1;
    for (int64_t p = 0; p < plan->pipes.n; p++) {
        struct lh_channel_spec spec = {
            .n_links = plan->path[p].n_links,
            .links = plan->path[p].links,
            .weights = ones,
            .phi = 1.0,
            .cap_bytes_per_s = plan->path[p].cap_bytes_per_s,
        };
        plan->channel[p] = declare(data, &spec);
    }
}

static int64_t plan_messages(const struct lh__messages_plan *plan)
{
    return plan->message_begin[plan->pipes.n];
}

static void run_begin(struct lh__messages_run *run, double bytes, void *data)
{
    const struct lh__messages_plan *plan = run->plan;
    run->bytes = bytes * plan->bytes_per_byte;
    run->data = data;
    for (int64_t p = 0; p < plan->pipes.n; p++)
        run->pipes[p] = (struct pipe){.run = run, .index = p};
    for (int64_t m = 0; m < plan->n_members; m++) {
        run->joiners[m] = (struct joiner){run, m};
        run->rest[m] = plan->member_messages[m];
    }
}

void lh__messages_run_make(struct lh__messages_run **out,
                           const struct lh__messages_plan *plan,
                           const struct lh__messages_options *options,
                           struct lh_ctx *ctx)
{
    struct lh__messages_run *run =
        LH_NEW(ctx->arena, struct lh__messages_run, 1);
    int64_t n_pipes = plan->pipes.n;
    int64_t n_slots = n_pipes * plan->pipes.chunks;
    run->plan = plan;
    run->engine = options->engine;
    run->done = options->done;
    run->pipes = LH_NEW(ctx->arena, struct pipe, n_pipes);
    run->sent = LH_NEW(ctx->arena, int32_t, n_slots);
    run->delivered = LH_NEW(ctx->arena, int32_t, n_slots);
    run->order = LH_NEW(ctx->arena, int32_t, plan_messages(plan));
    run->joiners = LH_NEW(ctx->arena, struct joiner, plan->n_members);
    run->joined = LH_NEW(ctx->arena, bool, plan->n_members);
    run->rest = LH_NEW(ctx->arena, int64_t, plan->n_members);
    run_begin(run, options->bytes, options->data);
    *out = run;
}

/* Is the next round of a chunk free to leave, as far as others matter? */
static bool is_ready(const struct lh__messages_run *run, int64_t p,
                     int64_t chunk)
{
    const struct lh_pipes *pipes = &run->plan->pipes;
    int32_t round = run->sent[p * pipes->chunks + chunk];
    if (round > 0)
        return run->delivered[pipes->chain[p] * pipes->chunks + chunk] >= round;
    for (int64_t g = pipes->gate_begin[p]; g < pipes->gate_begin[p + 1]; g++) {
        int64_t gate = pipes->gates[g];
        if (run->delivered[gate * pipes->chunks + chunk]
            < rounds_of(pipes, gate))
            return false;
    }
    return true;
}

/* The lowest chunk of a pipe that is ready, or -1.  Chunks whose first round
 * is not ready end the search: gates deliver chunks in order. */
static int64_t chunk_next(struct pipe *pipe)
{
    const struct lh__messages_run *run = pipe->run;
    const struct lh_pipes *pipes = &run->plan->pipes;
    int64_t rounds = rounds_of(pipes, pipe->index);
    const int32_t *sent = run->sent + pipe->index * pipes->chunks;
    while (pipe->first_open < pipes->chunks && sent[pipe->first_open] == rounds)
        pipe->first_open++;
    for (int64_t c = pipe->first_open; c < pipes->chunks; c++) {
        if (sent[c] == rounds)
            continue;
        if (is_ready(run, pipe->index, c))
            return c;
        if (sent[c] == 0)
            return -1;
    }
    return -1;
}

static void message_left(void *data);

static enum lh_status pipe_try(struct pipe *pipe)
{
    struct lh__messages_run *run = pipe->run;
    const struct lh__messages_plan *plan = run->plan;
    const struct lh_pipes *pipes = &plan->pipes;
    if (pipe->busy || !run->joined[pipes->from[pipe->index]])
        return LH_OK;
    int64_t chunk = chunk_next(pipe);
    if (chunk < 0)
        return LH_OK;
    int32_t round = run->sent[pipe->index * pipes->chunks + chunk];
    double bytes = pipes->round_frac[pipes->round_begin[pipe->index] + round]
                   * run->bytes / (double)pipes->chunks;
    run->order[plan->message_begin[pipe->index] + pipe->n_left] =
        (int32_t)chunk;
    pipe->busy = true;
    return run->engine->send(run->engine->self, plan->channel[pipe->index],
                             bytes, message_left, pipe, NULL);
}

static void check(struct lh__messages_run *run, enum lh_status st)
{
    if (st != LH_OK)
        run->engine->stop(run->engine->self); /* the diag says why */
}

static void member_progress(struct lh__messages_run *run, int64_t member)
{
    if (--run->rest[member] == 0 && run->done)
        run->done(run->data, member);
}

/* A message arrives: messages of one pipe arrive in the order they left. */
static void message_delivered(void *data)
{
    struct pipe *pipe = data;
    struct lh__messages_run *run = pipe->run;
    const struct lh__messages_plan *plan = run->plan;
    int32_t chunk =
        run->order[plan->message_begin[pipe->index] + pipe->n_delivered++];
    run->delivered[pipe->index * plan->pipes.chunks + chunk]++;
    for (int64_t i = plan->heirs_begin[pipe->index];
         i < plan->heirs_begin[pipe->index + 1]; i++)
        check(run, pipe_try(&run->pipes[plan->heirs[i]]));
    member_progress(run, plan->pipes.to[pipe->index]);
}

static void message_left(void *data)
{
    struct pipe *pipe = data;
    struct lh__messages_run *run = pipe->run;
    const struct lh__messages_plan *plan = run->plan;
    struct lh_engine *engine = run->engine;
    double latency_s = plan->path[pipe->index].latency_s;
    int32_t chunk =
        run->order[plan->message_begin[pipe->index] + pipe->n_left++];
    run->sent[pipe->index * plan->pipes.chunks + chunk]++;
    pipe->busy = false;
    check(run, pipe_try(pipe));
    if (latency_s > 0)
        check(run,
              engine->at(engine->self, engine->now(engine->self) + latency_s,
                         message_delivered, pipe));
    else
        message_delivered(pipe);
    member_progress(run, plan->pipes.from[pipe->index]);
}

static void member_starts(void *data)
{
    struct joiner *joiner = data;
    struct lh__messages_run *run = joiner->run;
    const struct lh__messages_plan *plan = run->plan;
    run->joined[joiner->member] = true;
    for (int64_t i = plan->out_begin[joiner->member];
         i < plan->out_begin[joiner->member + 1]; i++)
        check(run, pipe_try(&run->pipes[plan->out[i]]));
}

enum lh_status lh__messages_join(struct lh__messages_run *run, int64_t member)
{
    struct lh_engine *engine = run->engine;
    double base_s = run->plan->base_s;
    assert(!run->joined[member]);
    if (base_s > 0)
        return engine->at(engine->self, engine->now(engine->self) + base_s,
                          member_starts, &run->joiners[member]);
    member_starts(&run->joiners[member]);
    return LH_OK;
}
