/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the engine costs: flows that start again when they end, so many in
 * flight, each over some of 32 links.
 *
 *   flows a second by the number in flight, weights 1 to 3
 *   time of a flow by its heaviest weight, 16 in flight
 *
 * Not a test; figures vary by machine.  usage: bench/engine
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../sim/engine.h"
#include "../sim/fork.h"

enum { LINKS = 32, FLOWS_MAX = 4096, CROSSED_MAX = LINKS };

struct load {
    int in_flight;
    int crossed; /* links of a flow */
    int64_t heaviest;
    int n_flows; /* in all */
};

struct stream {
    struct run *run;
    lh_channel channel;
    double bytes;
};

struct run {
    struct lh_engine engine;
    int left; /* flows to start */
    uint64_t random;
    struct stream streams[FLOWS_MAX];
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void flow_next(void *data)
{
    struct stream *s = data;
    struct run *run = s->run;
    struct lh_engine *e = &run->engine;
    if (run->left-- <= 0)
        return;
    double bytes = s->bytes * (1 + (double)(next_random(&run->random) % 1000));
    if (e->send(e->self, s->channel, bytes, flow_next, s, NULL) != LH_OK)
        e->stop(e->self);
}

static lh_channel channel_make(struct run *run, const struct load *load)
{
    int32_t links[CROSSED_MAX];
    int64_t weights[CROSSED_MAX];
    uint64_t first = next_random(&run->random) % LINKS;
    for (int k = 0; k < load->crossed; k++) {
        links[k] = (int32_t)((first + (uint64_t)k) % LINKS);
        weights[k] =
            1 + (int64_t)(next_random(&run->random) % (uint64_t)load->heaviest);
    }
    struct lh_channel_spec spec = {.n_links = load->crossed,
                                   .links = links,
                                   .weights = weights,
                                   .alpha_s = 1e-5,
                                   .phi = 1.0 / (double)load->heaviest};
    return lh__engine_channel(&run->engine, &spec);
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum lh_status work(void *shared, const void *input, struct lh_ctx *ctx)
{
    const struct load *load = input;
    struct run *run = LH_NEW(ctx->arena, struct run, 1);
    double capacity[LINKS];
    run->left = load->n_flows;
    for (int l = 0; l < LINKS; l++)
        capacity[l] = 1e9 * (1 + l);
    enum lh_status st = lh__engine_open(&run->engine, LINKS, capacity, ctx);
    for (int i = 0; st == LH_OK && i < load->in_flight; i++)
        run->streams[i] = (struct stream){run, channel_make(run, load),
                                          1e6 / (double)load->heaviest};
    double begin = wall_s();
    for (int i = 0; st == LH_OK && i < load->in_flight; i++)
        flow_next(&run->streams[i]);
    if (st == LH_OK)
        st = run->engine.run(run->engine.self);
    *(double *)shared = wall_s() - begin;
    return st;
}

static void print(const struct load *load)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__job job = {.bytes = sizeof(double), .input = load, .work = work};
    if (lh__fork_all(&job, 1, 1, &ctx) != LH_OK)
        exit(1);
    double s = *(const double *)job.shared;
    printf("%9d %7d %9lld  %10.0f %9.2f\n", load->in_flight, load->crossed,
           (long long)load->heaviest, (double)load->n_flows / s,
           1e6 * s / (double)load->n_flows);
    fflush(stdout);
    lh__fork_end(&job, 1);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct load loads[] = {
        {1, 4, 3, 100000},      {16, 4, 3, 100000},      {100, 4, 3, 20000},
        {1000, 4, 3, 3000},     {16, 32, 3, 20000},      {16, 32, 1000, 2000},
        {16, 32, 131071, 1000}, {16, 32, 1000000, 1000},
    };
    printf("%9s %7s %9s  %10s %9s\n", "in flight", "links", "weight", "flows/s",
           "us/flow");
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++)
        print(&loads[i]);
    return 0;
}
