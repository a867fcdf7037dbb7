/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine on SimGrid: caps, very unequal weights and changes of capacity in
 * mid-flow, by hand and, in random scripts, against the fake engine.
 */
#include <math.h>
#include <string.h>

#include "fake_engine.h"
#include "random.h"
#include "unit.h"

#include "../sim/collective.h"
#include "../sim/engine.h"
#include "../sim/fork.h"

/* ---- a script: what is sent, set and cancelled, and when ----------------- */

enum { LINKS_MAX = 8, CHANNELS_MAX = 24, STEPS_MAX = 2048 };

enum act { SEND, SET, CANCEL };

struct step {
    enum act act;
    double date_s;
    int what;    /* SEND: a channel; SET: a link; CANCEL: a step that sends */
    double size; /* SEND: bytes; SET: bytes/s */
    int times;   /* SEND: so often, one after the other */
};

/* Of a send: its last end; of a cancel: the bytes left of what it ends. */
struct outcome {
    double end_s[STEPS_MAX];
    double left_bytes[STEPS_MAX];
};

struct script {
    int n_links;
    double capacity[LINKS_MAX];
    int n_channels;
    struct lh_channel_spec channels[CHANNELS_MAX];
    int32_t links[CHANNELS_MAX][LINKS_MAX];
    int64_t weights[CHANNELS_MAX][LINKS_MAX];
    int n_steps;
    struct step steps[STEPS_MAX];
};

struct player;

struct actor {
    struct player *player;
    int step;
    int times; /* still to come */
    lh_flow flow;
    bool in_flight;
};

struct player {
    struct lh_engine engine;
    const struct script *script;
    struct outcome *out;
    enum lh_status status;
    struct actor actors[STEPS_MAX];
    lh_channel channels[CHANNELS_MAX];
};

/* In a callback: what fails ends the run, and the diag says why. */
static void check(struct player *p, enum lh_status st)
{
    if (st == LH_OK)
        return;
    p->status = st;
    p->engine.stop(p->engine.self);
}

static void ended(void *data);

static void send_next(struct actor *a)
{
    struct player *p = a->player;
    const struct step *s = &p->script->steps[a->step];
    struct lh_engine *e = &p->engine;
    a->times--;
    a->in_flight = true;
    check(p,
          e->send(e->self, p->channels[s->what], s->size, ended, a, &a->flow));
}

static void ended(void *data)
{
    struct actor *a = data;
    struct lh_engine *e = &a->player->engine;
    a->in_flight = false;
    a->player->out->end_s[a->step] = e->now(e->self);
    if (a->times > 0)
        send_next(a);
}

static void cancel(struct player *p, int step, struct actor *target)
{
    struct lh_engine *e = &p->engine;
    if (!target->in_flight)
        return;
    p->out->left_bytes[step] = e->left(e->self, target->flow);
    e->cancel(e->self, target->flow);
    target->in_flight = false;
}

static void on_date(void *data)
{
    struct actor *a = data;
    struct player *p = a->player;
    const struct step *s = &p->script->steps[a->step];
    struct lh_engine *e = &p->engine;
    switch (s->act) {
    case SEND:
        a->times = s->times > 0 ? s->times : 1;
        send_next(a);
        break;
    case SET: check(p, e->link_set(e->self, s->what, s->size)); break;
    default: cancel(p, a->step, &p->actors[s->what]);
    }
}

/* Plays the script on an engine of a kind. */
static enum lh_status play(struct outcome *out, const struct script *script,
                           const struct lh__engine_kind *kind,
                           struct lh_ctx *ctx)
{
    struct player *p = LH_NEW(ctx->arena, struct player, 1);
    p->script = script;
    p->out = out;
    enum lh_status st =
        kind->open(&p->engine, script->n_links, script->capacity, ctx);
    for (int c = 0; st == LH_OK && c < script->n_channels; c++) {
        struct lh_channel_spec spec = script->channels[c];
        spec.links = script->links[c];
        spec.weights = script->weights[c];
        p->channels[c] = kind->channel(&p->engine, &spec);
    }
    for (int i = 0; st == LH_OK && i < script->n_steps; i++) {
        p->actors[i] = (struct actor){.player = p, .step = i};
        st = p->engine.at(p->engine.self, script->steps[i].date_s, on_date,
                          &p->actors[i]);
    }
    if (st == LH_OK)
        st = p->engine.run(p->engine.self);
    return st == LH_OK ? p->status : st;
}

static const struct lh__engine_kind fake = {fake_engine_open,
                                            fake_engine_channel};
static const struct lh__engine_kind simgrid = {lh__engine_open,
                                               lh__engine_channel};

static enum lh_status play_simgrid(void *shared, const void *input,
                                   struct lh_ctx *ctx)
{
    return play(shared, input, &simgrid, ctx);
}

/* On SimGrid, in a child. */
static struct outcome played(const struct script *script)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__job job = {
        .bytes = sizeof(struct outcome), .input = script, .work = play_simgrid};
    LH_REQUIRE(lh__fork_all(&job, 1, 1, &ctx) == LH_OK);
    struct outcome out = *(const struct outcome *)job.shared;
    lh__fork_end(&job, 1);
    lh_ctx_end(&ctx);
    return out;
}

/* ---- scripts written by hand --------------------------------------------- */

/* A channel over link 0 at a weight, or over none at weight 0. */
static int channel(struct script *s, int64_t weight, double phi, double cap)
{
    int c = s->n_channels++;
    s->weights[c][0] = weight;
    s->channels[c] = (struct lh_channel_spec){
        .n_links = weight > 0, .phi = phi, .cap_bytes_per_s = cap};
    return c;
}

static int step(struct script *s, struct step what)
{
    s->steps[s->n_steps] = what;
    return s->n_steps++;
}

static int send(struct script *s, double date_s, int c, double bytes)
{
    return step(s, (struct step){SEND, date_s, c, bytes, 1});
}

static struct script one_link(void)
{
    return (struct script){.n_links = 1, .capacity = {1e9}};
}

static void a_cap_limits_a_flow(void)
{
    struct script s = one_link();
    int c = channel(&s, 1, 1, 0.25e9);
    s.channels[c].alpha_s = 0.5;
    int i = send(&s, 1, c, 1e9);
    LH_CHECK_NEAR(played(&s).end_s[i], 1 + 0.5 + 4, 1e-12);
}

static void what_a_cap_leaves_goes_to_others(void)
{
    struct script s = one_link();
    int i = send(&s, 0, channel(&s, 1, 1, 0.2e9), 0.4e9);
    int k = send(&s, 0, channel(&s, 1, 1, 0), 2e9);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 2, 1e-12);
    LH_CHECK_NEAR(out.end_s[k], 2 + 0.4, 1e-12);
}

/* Each takes its cap, whatever its weight on the link and its share: the link
 * is used at 0.3 + 0.3 of 1. */
static void weight_and_share_do_not_change_a_cap(void)
{
    struct script s = one_link();
    int i = send(&s, 0, channel(&s, 3, 0.25, 0.1e9), 1e9);
    int k = send(&s, 0, channel(&s, 30, 4, 0.01e9), 1e9);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 10, 1e-12);
    LH_CHECK_NEAR(out.end_s[k], 100, 1e-12);
}

static void a_cap_is_of_each_flow_of_a_channel(void)
{
    struct script s = one_link();
    int c = channel(&s, 1, 1, 0.4e9);
    int i = send(&s, 0, c, 0.4e9), k = send(&s, 0, c, 0.8e9);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 1, 1e-12);
    LH_CHECK_NEAR(out.end_s[k], 2, 1e-12);
}

/* A cap of 0.5 on a link of 1, then 0.25, then 2. */
static void a_cap_holds_when_the_link_changes(void)
{
    struct script s = one_link();
    int i = send(&s, 0, channel(&s, 1, 1, 0.5e9), 2e9);
    step(&s, (struct step){SET, 1, 0, 0.25e9, 0});
    step(&s, (struct step){SET, 3, 0, 2e9, 0});
    LH_CHECK_NEAR(played(&s).end_s[i], 3 + 2, 1e-12);
}

/* A flow over a link that is dead from 1 to 3 s, and one that it meets on
 * another link, which then has that to itself; then one that never ends. */
static void a_dead_link_stops_flows(void)
{
    struct script s = {.n_links = 2, .capacity = {1e9, 1e9}};
    int both = channel(&s, 1, 1, 0), other = channel(&s, 1, 1, 0);
    s.links[both][1] = s.links[other][0] = 1;
    s.weights[both][1] = 1;
    s.channels[both].n_links = 2;
    int i = send(&s, 0, both, 1e9), k = send(&s, 0, other, 2.5e9);
    step(&s, (struct step){SET, 1, 0, 0, 0});
    step(&s, (struct step){SET, 3, 0, 1e9, 0});
    int late = send(&s, 4, both, 1e9);
    step(&s, (struct step){SET, 4.5, 0, 0, 0});
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[k], 3, 1e-12);
    LH_CHECK_NEAR(out.end_s[i], 3.5, 1e-12);
    LH_CHECK(out.end_s[late] == 0);
}

static void a_cap_without_links_is_a_time(void)
{
    struct script s = one_link();
    int c = channel(&s, 0, 1, 0.5e9);
    s.channels[c].alpha_s = 0.25;
    int i = send(&s, 0, c, 1e9), k = send(&s, 0, c, 1e9);
    int m = send(&s, 0, c, 1e9);
    int half = step(&s, (struct step){CANCEL, 1.25, k, 0, 0});
    int begun = step(&s, (struct step){CANCEL, 0.125, m, 0, 0});
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 0.25 + 2, 1e-12);
    LH_CHECK_NEAR(out.left_bytes[half], 0.5e9, 1e-9);
    LH_CHECK_NEAR(out.left_bytes[begun], 1e9, 1e-9);
    LH_CHECK(out.end_s[k] == 0 && out.end_s[m] == 0);
}

/* Two flows of weights 1,000,000 and 1 on one link, equally important per
 * byte of the link: 1 s of the link each, at half of it. */
static void very_unequal_weights_share_a_link(void)
{
    struct script s = one_link();
    int i = send(&s, 0, channel(&s, 1000000, 1e-6, 0), 1e3);
    int k = send(&s, 0, channel(&s, 1, 1, 0), 1e9);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 2, 1e-11);
    LH_CHECK_NEAR(out.end_s[k], 2, 1e-11);
}

/* The same two at equal v: the light one takes a millionth of the link until
 * the heavy one has ended. */
static void a_light_flow_beside_a_heavy_one(void)
{
    struct script s = one_link();
    int i = send(&s, 0, channel(&s, 1000000, 1, 0), 1e3);
    int k = send(&s, 0, channel(&s, 1, 1, 0), 1e9);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 1.000001, 1e-11);
    LH_CHECK_NEAR(out.end_s[k], 1.000001 + (1e9 - 1e3) / 1e9, 1e-11);
}

/* A flow held elsewhere leaves a link all but a tenth of a millionth part. */
static void a_small_rest_of_a_link_is_used(void)
{
    struct script s = {.n_links = 2, .capacity = {1e9, 1e9 - 100}};
    int wide = channel(&s, 1, 1, 0);
    s.links[wide][1] = 1;
    s.weights[wide][1] = 1;
    s.channels[wide].n_links = 2;
    int i = send(&s, 0, wide, 1e9 - 100);
    int k = send(&s, 0, channel(&s, 1, 1e-8, 0), 100);
    struct outcome out = played(&s);
    LH_CHECK_NEAR(out.end_s[i], 1, 1e-9);
    LH_CHECK_NEAR(out.end_s[k], 1, 1e-6);
}

/* What the solver would lose is refused, not lost. */
static void flows_too_unequal_for_a_link_are_refused(void)
{
    struct script s = one_link();
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__job job = {
        .bytes = sizeof(struct outcome), .input = &s, .work = play_simgrid};
    send(&s, 0, channel(&s, 1000000, 1, 0), 1);
    send(&s, 0, channel(&s, 1, 1e-6, 0), 1);
    LH_CHECK(lh__fork_all(&job, 1, 1, &ctx) == LH_FAILED);
    LH_REQUIRE(lh_diag_count(&ctx, LH_ERROR) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "simgrid: flow: flows on one link differ in weight by more "
                  "than 2.5e9 : 1");
    lh__fork_end(&job, 1);
    lh_ctx_end(&ctx);
}

/* ---- random scripts, two engines ----------------------------------------- */

/* How weights are drawn: pairs of a ratio, or all different as those of a
 * collective over sites of unequal size. */
static const struct mix {
    const char *name;
    int64_t weight[2]; /* 0: 450 .. 950 */
} mixes[] = {{"7:3", {7, 3}},
             {"1000:1", {1000, 1}},
             {"131071:1", {131071, 1}},
             {"450 .. 950", {0, 0}}};

static int64_t draw_weight(const struct mix *mix, uint64_t *rng)
{
    return mix->weight[0] > 0 ? mix->weight[pick(rng, 2)]
                              : 450 + pick(rng, 500);
}

static void draw_channel(struct script *s, const struct mix *mix, uint64_t *rng)
{
    int c = s->n_channels++;
    struct lh_channel_spec *spec = &s->channels[c];
    int64_t heaviest = 1;
    for (int l = 0; l < s->n_links; l++) {
        if (pick(rng, 2) == 0 && !(l == s->n_links - 1 && spec->n_links == 0))
            continue;
        int64_t w = draw_weight(mix, rng);
        heaviest = w > heaviest ? w : heaviest;
        s->links[c][spec->n_links] = l;
        s->weights[c][spec->n_links++] = w;
    }
    int64_t share = heaviest < 1000 ? heaviest : 1000;
    spec->phi = 1.0 / (double)(pick(rng, 3) == 0 ? 1 + pick(rng, 4) : share);
    spec->alpha_s = pick(rng, 3) == 0 ? 0.0 : uniform(rng, 1e-6, 0.05);
    if (pick(rng, 2) == 0)
        spec->cap_bytes_per_s = uniform(rng, 0.02, 1) * 1e9 / (double)heaviest;
    if (pick(rng, 8) == 0 && spec->cap_bytes_per_s > 0)
        spec->n_links = 0;
}

/* One in eight takes a link away. */
static double draw_change(uint64_t *rng)
{
    return pick(rng, 8) == 0 ? 0.0 : uniform(rng, 0.1, 2);
}

/* Sends of some tenths of a second on a link of their own; some are cancelled;
 * links change to nothing, or to between a tenth and twice what they were. */
static struct script draw_script(uint64_t seed, const struct mix *mix)
{
    enum { STEPS = 96 };
    uint64_t rng = seed * 2654435761u + 1;
    struct script s = {.n_links = 1 + pick(&rng, LINKS_MAX)};
    for (int l = 0; l < s.n_links; l++)
        s.capacity[l] = uniform(&rng, 1e8, 4e9);
    int n = 2 + pick(&rng, CHANNELS_MAX - 2);
    for (int c = 0; c < n; c++)
        draw_channel(&s, mix, &rng);
    for (int i = 0; i < STEPS; i++) {
        int c = pick(&rng, n), l = pick(&rng, s.n_links);
        double weight = s.channels[c].n_links > 0 ? (double)s.weights[c][0] : 1;
        double date_s = uniform(&rng, 0, 3);
        if (i < 2 * STEPS / 3)
            step(&s, (struct step){SEND, date_s, c,
                                   uniform(&rng, 1e5, 3e8) / weight,
                                   1 + pick(&rng, 3)});
        else if (pick(&rng, 3) > 0)
            step(&s, (struct step){SET, date_s, l,
                                   s.capacity[l] * draw_change(&rng), 0});
        else
            step(&s, (struct step){CANCEL, date_s, pick(&rng, 2 * STEPS / 3), 0,
                                   0});
    }
    return s;
}

static double apart(double a, double b, double least)
{
    return fabs(a - b) / fmax(least, fabs(b));
}

/* The worst relative difference of any end and of any bytes left. */
static double worst_of(const struct script *s)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct outcome *right = LH_NEW(ctx.arena, struct outcome, 1);
    struct outcome out = played(s);
    double worst = 0;
    LH_REQUIRE(play(right, s, &fake, &ctx) == LH_OK);
    for (int i = 0; i < s->n_steps; i++) {
        const struct step *at = &s->steps[i];
        double sent = at->act == CANCEL ? s->steps[at->what].size : 1;
        worst = fmax(worst, apart(out.end_s[i], right->end_s[i], 1e-3));
        worst = fmax(worst, apart(out.left_bytes[i], right->left_bytes[i],
                                  fmax(sent, 1)));
    }
    lh_ctx_end(&ctx);
    return worst;
}

/* Shares that sum up inexactly, of so many flows that the sum's rounding is
 * large, leave nothing behind in the solver. */
static void thousands_of_flows_share_a_link(void)
{
    uint64_t rng = 1;
    struct script s = {.n_links = 2, .capacity = {1e9, 0.3e9}};
    for (int c = 0; c < CHANNELS_MAX; c++) {
        channel(&s, 1 + pick(&rng, 900), 1.0 / (3 + 4 * c), 0);
        s.links[c][1] = 1;
        s.weights[c][1] = 1 + pick(&rng, 900);
        s.channels[c].n_links = 1 + pick(&rng, 2);
    }
    for (int i = 0; i < STEPS_MAX; i++)
        send(&s, uniform(&rng, 0, 1e-3), pick(&rng, s.n_channels),
             uniform(&rng, 1e3, 1e6));
    LH_CHECK(worst_of(&s) <= 1e-9);
}

static void engines_agree(void)
{
    enum { DRAWS = 60 };
    for (size_t m = 0; m < LH_COUNT(mixes); m++) {
        double worst = 0;
        for (uint64_t seed = 1; seed <= DRAWS; seed++) {
            struct script s = draw_script(seed, &mixes[m]);
            double here = worst_of(&s);
            if (here > 1e-9)
                printf("weights %s, seed %d: apart by %g\n", mixes[m].name,
                       (int)seed, here);
            worst = fmax(worst, here);
        }
        printf("weights %s, %d scripts: worst difference %.1e\n", mixes[m].name,
               (int)DRAWS, worst);
        LH_CHECK(worst <= 1e-9);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a cap limits a flow", a_cap_limits_a_flow},
        {"what a cap leaves goes to others", what_a_cap_leaves_goes_to_others},
        {"weight and share do not change a cap",
         weight_and_share_do_not_change_a_cap},
        {"a cap is of each flow of a channel",
         a_cap_is_of_each_flow_of_a_channel},
        {"a cap holds when the link changes",
         a_cap_holds_when_the_link_changes},
        {"a cap without links is a time", a_cap_without_links_is_a_time},
        {"a dead link stops flows", a_dead_link_stops_flows},
        {"very unequal weights share a link",
         very_unequal_weights_share_a_link},
        {"a light flow beside a heavy one", a_light_flow_beside_a_heavy_one},
        {"a small rest of a link is used", a_small_rest_of_a_link_is_used},
        {"flows too unequal for a link are refused",
         flows_too_unequal_for_a_link_are_refused},
        {"thousands of flows share a link", thousands_of_flows_share_a_link},
        {"fake engine and SimGrid agree", engines_agree},
    };
    return lh_unit_run("engine", tests, LH_COUNT(tests));
}
