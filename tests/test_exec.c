/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The executor: by hand on the fake engine, and 200 random programs on which
 * the fake engine and SimGrid must agree in every time of every operation.
 */
#include <math.h>
#include <string.h>

#include "fake_engine.h"
#include "random.h"
#include "unit.h"

#include "../sim/agenda.h"
#include "../sim/engine.h"
#include "../sim/exec.h"
#include "../sim/fork.h"
#include "../sim/pace.h"

/* ---- a placed program written down op by op ------------------------------ */

enum { OPS_MAX = 64, RANKS_MAX = 8, COMMS_MAX = 64, LINKS_MAX = 8 };

struct world {
    struct lh_ctx ctx;
    struct lh_program program;
    struct lh__placed placed;
    struct lh_op ops[RANKS_MAX][OPS_MAX];
    int32_t deps[RANKS_MAX][OPS_MAX][4];
    int n_deps[RANKS_MAX][OPS_MAX];
    int n_ops[RANKS_MAX];
    int n_ranks;
    int n_comms;
    struct lh_comm comms[COMMS_MAX];
    struct lh_channel_spec channels[COMMS_MAX];
    double bytes[COMMS_MAX];
    int n_links;
    double capacity[LINKS_MAX];
};

static struct world *world_new(int n_ranks, int n_links)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct world *w = LH_NEW(ctx.arena, struct world, 1);
    w->ctx = ctx;
    w->n_ranks = n_ranks;
    w->n_links = n_links;
    for (int i = 0; i < n_links; i++)
        w->capacity[i] = 1e9;
    return w;
}

static void world_free(struct world *w)
{
    struct lh_ctx ctx = w->ctx;
    lh_ctx_end(&ctx);
}

static int add_op(struct world *w, int rank, struct lh_op op)
{
    int o = w->n_ops[rank]++;
    w->ops[rank][o] = op;
    return o;
}

static int compute(struct world *w, int rank, double seconds)
{
    return add_op(w, rank,
                  (struct lh_op){.kind = LH_OP_COMPUTE,
                                 .comm = -1,
                                 .stream = LH_STREAM_COMPUTE,
                                 .seconds = seconds,
                                 .micro_batch = -1});
}

static void depend(struct world *w, int rank, int op, int on)
{
    w->deps[rank][op][w->n_deps[rank][op]++] = on;
}

/* A communication over one link; its members add themselves with comm(). */
static int comm_row(struct world *w, int link, double bytes, double alpha_s)
{
    int row = w->n_comms++;
    int32_t *links = LH_NEW(w->ctx.arena, int32_t, 1);
    int64_t *weights = LH_NEW(w->ctx.arena, int64_t, 1);
    links[0] = link;
    weights[0] = 1;
    w->comms[row] = (struct lh_comm){
        .collective = LH_ALL_REDUCE, .bytes = bytes, .algorithm = "ring"};
    w->channels[row] = (struct lh_channel_spec){
        .n_links = 1, .links = links, .weights = weights,
        .alpha_s = alpha_s, .phi = 1};
    w->bytes[row] = bytes;
    return row;
}

static int comm(struct world *w, int rank, int row, enum lh_stream stream)
{
    return add_op(w, rank,
                  (struct lh_op){.kind = LH_OP_COMM,
                                 .comm = row,
                                 .stream = stream,
                                 .micro_batch = -1});
}

static void templates_make(struct world *w)
{
    struct lh_arena *arena = w->ctx.arena;
    w->program.n_templates = w->n_ranks;
    w->program.templates = LH_NEW(arena, struct lh_template, w->n_ranks);
    w->program.comms = w->comms;
    w->program.n_comms = w->n_comms;
    for (int r = 0; r < w->n_ranks; r++) {
        struct lh_template *t = &w->program.templates[r];
        t->name = lh_format(arena, "rank %d's", r);
        t->n_ops = w->n_ops[r];
        t->ops = w->ops[r];
        t->dep_begin = LH_NEW(arena, int32_t, t->n_ops + 1);
        t->deps = LH_NEW(arena, int32_t, 4 * OPS_MAX);
        for (int o = 0; o < t->n_ops; o++) {
            t->dep_begin[o + 1] = t->dep_begin[o] + w->n_deps[r][o];
            for (int k = 0; k < w->n_deps[r][o]; k++)
                t->deps[t->dep_begin[o] + k] = w->deps[r][o][k];
        }
    }
}

static void placed_make(struct world *w)
{
    struct lh_arena *arena = w->ctx.arena;
    struct lh__placed *p = &w->placed;
    p->program = &w->program;
    p->n_classes = w->n_ranks;
    p->class_size = LH_NEW(arena, int64_t, w->n_ranks);
    p->class_rank = LH_NEW(arena, lh_rank, w->n_ranks);
    p->class_template = LH_NEW(arena, int32_t, w->n_ranks);
    p->class_speed = LH_NEW(arena, double, w->n_ranks);
    p->class_first = LH_NEW(arena, int64_t, w->n_ranks + 1);
    for (int r = 0; r < w->n_ranks; r++) {
        p->class_size[r] = 1;
        p->class_rank[r] = r;
        p->class_template[r] = r;
        p->class_speed[r] = 1.0;
        p->class_first[r + 1] = p->class_first[r] + w->n_ops[r];
    }
    p->n_records = p->class_first[w->n_ranks];
    p->record_group = LH_NEW(arena, int32_t, p->n_records);
    p->n_groups = w->n_comms;
    p->group_comm = LH_NEW(arena, int32_t, w->n_comms);
    p->group_shape = LH_NEW(arena, int32_t, w->n_comms);
    p->group_bytes = w->bytes;
    p->group_first = LH_NEW(arena, int64_t, w->n_comms + 1);
    p->group_record = LH_NEW(arena, int64_t, p->n_records);
    int64_t n = 0;
    for (int g = 0; g < w->n_comms; g++) {
        p->group_comm[g] = p->group_shape[g] = g;
        for (int64_t r = 0; r < p->n_records; r++) {
            int c = 0;
            while (p->class_first[c + 1] <= r)
                c++;
            if (w->ops[c][r - p->class_first[c]].comm == g)
                p->group_record[n++] = r;
        }
        p->group_first[g + 1] = n;
    }
    for (int c = 0; c < w->n_ranks; c++) {
        for (int o = 0; o < w->n_ops[c]; o++)
            p->record_group[p->class_first[c] + o] = w->ops[c][o].comm;
    }
}

static struct lh__exec_output output_new(struct world *w)
{
    templates_make(w);
    placed_make(w);
    struct lh_arena *arena = w->ctx.arena;
    size_t n = (size_t)w->placed.n_records;
    return (struct lh__exec_output){
        .posted_s = LH_NEW(arena, double, n),
        .start_s = LH_NEW(arena, double, n),
        .end_s = LH_NEW(arena, double, n),
        .late = LH_NEW(arena, int64_t, n),
        .class_begin_s = LH_NEW(arena, double, w->n_ranks),
        .class_end_s = LH_NEW(arena, double, w->n_ranks)};
}

static enum lh_status run_fake(struct world *w, struct lh__exec_output *out,
                               int steps_max)
{
    struct lh_engine engine;
    enum lh_status st =
        fake_engine_open(&engine, w->n_links, w->capacity, &w->ctx);
    if (st != LH_OK)
        return st;
    for (int i = 0; i < w->n_comms; i++)
        fake_engine_channel(&engine, &w->channels[i]);
    struct lh__exec_options options = {.steps_max = steps_max};
    return lh__exec_run(out, &w->placed, &engine, &options, &w->ctx);
}

/* ---- by hand ------------------------------------------------------------- */

static void starts_when_the_last_is_ready(void)
{
    struct world *w = world_new(2, 1);
    int row = comm_row(w, 0, 0.5e9, 0.25);
    for (int r = 0; r < 2; r++) {
        int before = compute(w, r, r == 0 ? 1.0 : 2.0);
        int c = comm(w, r, row, LH_STREAM_DATA);
        depend(w, r, c, before);
        int after = compute(w, r, 1.0);
        depend(w, r, after, c);
    }
    struct lh__exec_output out = output_new(w);
    LH_CHECK(run_fake(w, &out, 8) == LH_OK);
    LH_CHECK(out.steady);
    LH_CHECK(out.steps == 1);
    LH_CHECK_NEAR(out.posted_s[1], 1.0, 1e-12);
    LH_CHECK_NEAR(out.start_s[1], 2.0, 1e-12);
    LH_CHECK_NEAR(out.end_s[1], 2.75, 1e-12);
    LH_CHECK(out.late[1] == w->placed.class_first[1] + 1);
    LH_CHECK_NEAR(out.class_end_s[0], 3.75, 1e-12);
    world_free(w);
}

static void streams_are_first_in_first_out(void)
{
    struct world *w = world_new(1, 1);
    int first = comm_row(w, 0, 1e9, 0);
    int second = comm_row(w, 0, 1e9, 0);
    int slow = compute(w, 0, 3.0);
    depend(w, 0, comm(w, 0, first, LH_STREAM_DATA), slow);
    comm(w, 0, second, LH_STREAM_DATA); /* free to go, but behind the first */
    struct lh__exec_output out = output_new(w);
    LH_CHECK(run_fake(w, &out, 1) == LH_OK);
    LH_CHECK_NEAR(out.posted_s[2], 4.0, 1e-12);
    LH_CHECK_NEAR(out.end_s[2], 5.0, 1e-12);
    world_free(w);
}

/* Weights gathered after the optimiser are waited for by the next step:
 * compute 1 s, gather 2 s, of which nothing is hidden: 3 s a step. */
static void a_dependency_on_the_step_before(void)
{
    struct world *w = world_new(2, 1);
    int row = comm_row(w, 0, 2e9, 0);
    for (int r = 0; r < 2; r++) {
        int c = compute(w, r, 1.0);
        int gather = comm(w, r, row, LH_STREAM_DATA);
        depend(w, r, gather, c);
        depend(w, r, c, ~gather);
    }
    struct lh__exec_output out = output_new(w);
    LH_CHECK(run_fake(w, &out, 8) == LH_OK);
    LH_CHECK(out.steady);
    LH_CHECK(out.steps == 2);
    LH_CHECK_NEAR(out.class_end_s[0] - out.class_begin_s[0], 3.0, 1e-12);
    world_free(w);
}

static void says_who_waits_for_what(void)
{
    struct world *w = world_new(2, 1);
    int a = comm_row(w, 0, 1e9, 0);
    int b = comm_row(w, 0, 1e9, 0);
    /* Both on one stream, in opposite order. */
    comm(w, 0, a, LH_STREAM_TENSOR);
    comm(w, 0, b, LH_STREAM_TENSOR);
    comm(w, 1, b, LH_STREAM_TENSOR);
    comm(w, 1, a, LH_STREAM_TENSOR);
    struct lh__exec_output out = output_new(w);
    LH_CHECK(run_fake(w, &out, 1) == LH_FAILED);
    LH_CHECK(lh_diag_count(&w->ctx, LH_ERROR) == 2);
    LH_CHECK_TEXT(
        lh_diag_at(&w->ctx, 0)->text,
        "deadlock in step 0: rank 0 (rank 0's) operation 0 (all-reduce, "
        "micro-batch -1) waits for rank 1 (rank 1's) operation 1 "
        "(all-reduce, micro-batch -1), which is not ready");
    world_free(w);
}

/* Compute 1 s a step, but 2 s of communication that nobody waits for: the data
 * stream falls behind by 1 s every step. */
static void a_growing_backlog_is_not_steady(void)
{
    struct world *w = world_new(1, 1);
    int row = comm_row(w, 0, 2e9, 0);
    int c = compute(w, 0, 1.0);
    depend(w, 0, comm(w, 0, row, LH_STREAM_DATA), c);
    struct lh__exec_output out = output_new(w);
    LH_CHECK(run_fake(w, &out, 4) == LH_OK);
    LH_CHECK(!out.steady);
    LH_CHECK(out.steps == 4);
    world_free(w);
}

/* ---- multiprocessors ----------------------------------------------------- */

/* Each rank has 132; what a row takes goes to `taken` before it is run. */
static struct lh__exec_output run_taking(struct world *w, const int64_t *taken,
                                         bool alone)
{
    struct lh__exec_output out = output_new(w);
    struct lh_arena *arena = w->ctx.arena;
    w->placed.class_sms = LH_NEW(arena, int64_t, w->n_ranks);
    for (int r = 0; r < w->n_ranks; r++)
        w->placed.class_sms[r] = 132;
    w->placed.group_sms = LH_NEW(arena, int64_t, w->n_comms);
    memcpy(w->placed.group_sms, taken, (size_t)w->n_comms * sizeof *taken);
    if (alone)
        w->placed.group_alone_s = LH_NEW(arena, double, w->n_comms);
    for (int g = 0; alone && g < w->n_comms; g++)
        w->placed.group_alone_s[g] = w->channels[g].alpha_s + w->bytes[g] / 1e9;
    LH_CHECK(run_fake(w, &out, 1) == LH_OK);
    return out;
}

/* 0.4 s beside 1 s of computing, of which a quarter is taken: 0.3 s are done
 * when the communication ends, 0.7 s are left, so that it ends at 1.1 s. */
static void what_communicates_slows_what_computes(void)
{
    for (int alone = 0; alone < 2; alone++) {
        struct world *w = world_new(1, 1);
        int64_t taken[] = {33};
        comm(w, 0, comm_row(w, 0, 0.4e9, 0), LH_STREAM_DATA);
        compute(w, 0, 1.0);
        struct lh__exec_output out = run_taking(w, taken, alone);
        LH_CHECK_NEAR(out.end_s[0], 0.4, 1e-12);
        LH_CHECK_NEAR(out.end_s[1], 1.1, 1e-12);
        world_free(w);
    }
}

/* Of x s in flight from the beginning, x >= 4/3: 1 s / (3/4). */
static void what_is_beside_all_of_it_slows_all_of_it(void)
{
    struct world *w = world_new(1, 1);
    int64_t taken[] = {33};
    comm(w, 0, comm_row(w, 0, 1.5e9, 0), LH_STREAM_DATA);
    compute(w, 0, 1.0);
    struct lh__exec_output out = run_taking(w, taken, false);
    LH_CHECK_NEAR(out.end_s[1], 4.0 / 3.0, 1e-12);
    world_free(w);
}

/* Rank 1 is ready at 0.5 s, so that the communication takes from 0.5 to 0.9 s:
 * rank 0, which waits for it, computes undisturbed until then (its 1 s ends at
 * 1.1 s), and so does what rank 1 begins at 0.5 s (0.3 s until 0.9 s, and its
 * 0.5 s ends at 1.1 s). */
static void it_is_taken_from_the_common_start_on(void)
{
    struct world *w = world_new(2, 1);
    int64_t taken[] = {33};
    int row = comm_row(w, 0, 0.4e9, 0);
    comm(w, 0, row, LH_STREAM_DATA);
    compute(w, 0, 1.0);
    int before = compute(w, 1, 0.5);
    depend(w, 1, comm(w, 1, row, LH_STREAM_DATA), before);
    compute(w, 1, 0.5);
    struct lh__exec_output out = run_taking(w, taken, false);
    LH_CHECK_NEAR(out.start_s[0], 0.5, 1e-12);
    LH_CHECK_NEAR(out.end_s[1], 1.1, 1e-12);
    LH_CHECK_NEAR(out.start_s[4], 0.5, 1e-12);
    LH_CHECK_NEAR(out.end_s[4], 1.1, 1e-12);
    world_free(w);
}

/* 11 and 44 of 132 from 0 to 0.6 s (7/12 are left, 0.35 s of work), 44 until
 * 1.2 s (2/3, 0.4 s), and 0.25 s without: 1.45 s.  On links of their own. */
static void what_is_taken_adds_up(void)
{
    struct world *w = world_new(1, 2);
    int64_t taken[] = {11, 44};
    comm(w, 0, comm_row(w, 0, 0.6e9, 0), LH_STREAM_DATA);
    comm(w, 0, comm_row(w, 1, 1.2e9, 0), LH_STREAM_TENSOR);
    compute(w, 0, 1.0);
    struct lh__exec_output out = run_taking(w, taken, false);
    LH_CHECK_NEAR(out.end_s[2], 1.45, 1e-12);
    world_free(w);
}

/* 60 and 60 of 132 are more than a half: half is left until 0.6 s (0.3 s of
 * work), 72/132 until 0.6 s later (3.6/11 s), and the rest without. */
static void half_is_left_at_least(void)
{
    struct world *w = world_new(1, 2);
    int64_t taken[] = {60, 60};
    comm(w, 0, comm_row(w, 0, 0.6e9, 0), LH_STREAM_DATA);
    comm(w, 0, comm_row(w, 1, 1.2e9, 0), LH_STREAM_TENSOR);
    compute(w, 0, 1.0);
    struct lh__exec_output out = run_taking(w, taken, false);
    LH_CHECK_NEAR(out.end_s[2], 1.2 + 0.7 - 3.6 / 11, 1e-12);
    world_free(w);
}

/* What nobody computes beside takes as long as it did; of a slow rank a part of
 * its speed is taken: 1 s at half the speed is 2 s, and 0.4 s at a quarter less
 * puts off its end by 0.1 s. */
static void a_slow_rank_is_slowed_in_proportion(void)
{
    struct world *w = world_new(1, 1);
    int64_t taken[] = {33, 33};
    comm(w, 0, comm_row(w, 0, 0.4e9, 0), LH_STREAM_DATA);
    int c = compute(w, 0, 1.0);
    depend(w, 0, comm(w, 0, comm_row(w, 0, 0.4e9, 0), LH_STREAM_TENSOR), c);
    struct lh__exec_output out = output_new(w);
    w->placed.class_speed[0] = 0.5;
    w->placed.class_sms = LH_NEW(w->ctx.arena, int64_t, 1);
    w->placed.class_sms[0] = 132;
    w->placed.group_sms = taken;
    LH_CHECK(run_fake(w, &out, 1) == LH_OK);
    LH_CHECK_NEAR(out.end_s[1], 2.1, 1e-12);
    LH_CHECK_NEAR(out.end_s[2], 2.5, 1e-12);
    world_free(w);
}

/* Full speed for 1 s, then half of it: of 2 s 1 s is done at 1 s, and without
 * communication the end would come at 3 s.  A quarter is taken from 0.5 s to
 * 2.5 s: 0.5 + 0.375 + 0.5625 s are done then, 0.5625 s are left at half the
 * speed. */
static void dated_faults_and_what_is_taken(void)
{
    struct lh__change changes[] = {{0, 1.0}, {1.0, 0.5}};
    struct lh__schedule speed = {2, changes};
    struct lh__pace pace = {.schedule = &speed, .sms = 132};
    lh__pace_begin(&pace, 0, 2.0);
    LH_CHECK_NEAR(lh__pace_end_s(&pace), 3.0, 1e-12);
    LH_CHECK(lh__pace_take(&pace, 0.5, 33));
    LH_CHECK_NEAR(lh__pace_end_s(&pace), 1.0 + (1.5 - 0.375) / 0.375, 1e-12);
    LH_CHECK(lh__pace_take(&pace, 2.5, -33));
    LH_CHECK_NEAR(lh__pace_end_s(&pace), 2.5 + 0.5625 / 0.5, 1e-12);
}

/* A rank whose fabric has no library (0 multiprocessors) gives nothing away. */
static void without_a_library_nothing_is_taken(void)
{
    struct lh__pace pace = {.speed = 1, .sms = 0};
    lh__pace_begin(&pace, 0, 1.0);
    LH_CHECK(!lh__pace_take(&pace, 0.5, 33));
    LH_CHECK_NEAR(lh__pace_end_s(&pace), 1.0, 1e-12);
}

static void an_agenda_is_in_the_order_of_dates(void)
{
    enum { SLOTS = 200, ROUNDS = 20000 };
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__agenda a;
    uint64_t rng = 99;
    double date_s[SLOTS], last_s = 0;
    lh__agenda_make(&a, SLOTS, ctx.arena);
    for (int i = 0; i < SLOTS; i++)
        date_s[i] = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        int slot = pick(&rng, SLOTS);
        if (a.n == 0 || pick(&rng, 3)) {
            date_s[slot] = last_s + pick(&rng, 50);
            lh__agenda_put(&a, slot, date_s[slot]);
            continue;
        }
        int first = 0;
        for (int k = 1; k < SLOTS; k++)
            first = date_s[k] < date_s[first] ? k : first;
        last_s = lh__agenda_first_s(&a);
        LH_REQUIRE(last_s == date_s[first]);
        LH_REQUIRE(lh__agenda_pop(&a) == first);
        date_s[first] = INFINITY;
    }
    lh_ctx_end(&ctx);
}

/* ---- random programs, two engines ---------------------------------------- */

static void random_channel(struct world *w, int row, uint64_t *rng)
{
    struct lh_channel_spec *c = &w->channels[row];
    int32_t *links = LH_NEW(w->ctx.arena, int32_t, w->n_links);
    int64_t *weights = LH_NEW(w->ctx.arena, int64_t, w->n_links);
    c->n_links = 0;
    for (int l = 0; l < w->n_links; l++) {
        if (pick(rng, 2) == 0)
            continue;
        links[c->n_links] = l;
        weights[c->n_links++] = 1 + pick(rng, 5);
    }
    if (c->n_links == 0) {
        links[0] = 0;
        weights[c->n_links++] = 1;
    }
    c->links = links;
    c->weights = weights;
    c->phi = 1.0 / (1 + pick(rng, 4));
    c->alpha_s = pick(rng, 3) == 0 ? 0.0 : uniform(rng, 1e-6, 0.05);
}

/* Communications are drawn in one order for all ranks, so nothing deadlocks. */
static struct world *random_world(uint64_t seed)
{
    uint64_t rng = seed * 2654435761u + 1;
    struct world *w =
        world_new(2 + pick(&rng, RANKS_MAX - 2), 1 + pick(&rng, LINKS_MAX - 1));
    for (int l = 0; l < w->n_links; l++)
        w->capacity[l] = uniform(&rng, 1e8, 4e9);
    int n = 4 + pick(&rng, 12);
    for (int i = 0; i < n; i++) {
        int row = comm_row(w, 0, uniform(&rng, 1e6, 1e9), 0);
        random_channel(w, row, &rng);
        enum lh_stream stream =
            pick(&rng, 2) ? LH_STREAM_DATA : LH_STREAM_TENSOR;
        for (int r = 0; r < w->n_ranks; r++) {
            if (pick(&rng, 3) == 0 && r > 0)
                continue;
            int before = compute(w, r, pick(&rng, 4) * 0.1);
            int c = comm(w, r, row, stream);
            depend(w, r, c, before);
            if (pick(&rng, 2))
                depend(w, r, compute(w, r, uniform(&rng, 0, 0.3)), c);
        }
    }
    return w;
}

struct both {
    struct world *world;
    struct lh__exec_output out;
};

/* A third of the communications takes nothing. */
static void take_at_random(struct world *w, uint64_t seed)
{
    uint64_t rng = seed * 40503 + 7;
    struct lh__placed *p = &w->placed;
    p->class_sms = LH_NEW(w->ctx.arena, int64_t, w->n_ranks);
    p->group_sms = LH_NEW(w->ctx.arena, int64_t, w->n_comms);
    for (int r = 0; r < w->n_ranks; r++)
        p->class_sms[r] = pick(&rng, 2) ? 132 : 108;
    for (int g = 0; g < w->n_comms; g++)
        p->group_sms[g] = pick(&rng, 3) * 24;
}

static enum lh_status run_simgrid(void *shared, const void *input,
                                  struct lh_ctx *ctx)
{
    const struct both *b = input;
    struct world *w = b->world;
    struct lh_engine engine;
    enum lh_status st = lh__engine_open(&engine, w->n_links, w->capacity, ctx);
    if (st != LH_OK)
        return st;
    for (int i = 0; i < w->n_comms; i++)
        lh__engine_channel(&engine, &w->channels[i]);
    struct lh__exec_options options = {.steps_max = 3};
    struct lh__exec_output out = b->out;
    st = lh__exec_run(&out, &w->placed, &engine, &options, ctx);
    memcpy(shared, out.end_s, (size_t)w->placed.n_records * sizeof(double));
    return st;
}

static void engines_agree(void)
{
    enum { DRAWS = 200 };
    double worst = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        struct both b = {.world = random_world(seed)};
        b.out = output_new(b.world);
        take_at_random(b.world, seed);
        int64_t n = b.world->placed.n_records;
        struct lh__job job = {.bytes = (size_t)n * sizeof(double),
                              .input = &b,
                              .work = run_simgrid};
        LH_CHECK(lh__fork_all(&job, 1, 1, &b.world->ctx) == LH_OK);
        LH_CHECK(run_fake(b.world, &b.out, 3) == LH_OK);
        const double *simgrid = job.shared;
        for (int64_t r = 0; r < n; r++) {
            double error =
                fabs(simgrid[r] - b.out.end_s[r]) / fmax(1e-3, b.out.end_s[r]);
            if (error > 1e-9)
                printf("seed %d: record %d ends at %.15g, fake %.15g\n",
                       (int)seed, (int)r, simgrid[r], b.out.end_s[r]);
            worst = fmax(worst, error);
        }
        lh__fork_end(&job, 1);
        world_free(b.world);
    }
    printf("worst difference of %d programs: %g\n", DRAWS, worst);
    LH_CHECK(worst <= 1e-9);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"starts when the last is ready", starts_when_the_last_is_ready},
        {"streams are first in, first out", streams_are_first_in_first_out},
        {"a dependency on the step before", a_dependency_on_the_step_before},
        {"says who waits for what", says_who_waits_for_what},
        {"a growing backlog is not steady", a_growing_backlog_is_not_steady},
        {"what communicates slows what computes",
         what_communicates_slows_what_computes},
        {"what is beside all of it slows all of it",
         what_is_beside_all_of_it_slows_all_of_it},
        {"it is taken from the common start on",
         it_is_taken_from_the_common_start_on},
        {"what is taken adds up", what_is_taken_adds_up},
        {"half is left at least", half_is_left_at_least},
        {"a slow rank is slowed in proportion",
         a_slow_rank_is_slowed_in_proportion},
        {"dated faults and what is taken", dated_faults_and_what_is_taken},
        {"without a library nothing is taken",
         without_a_library_nothing_is_taken},
        {"an agenda is in the order of dates",
         an_agenda_is_in_the_order_of_dates},
        {"fake engine and SimGrid agree", engines_agree},
    };
    return lh_unit_run("exec", tests, LH_COUNT(tests));
}
