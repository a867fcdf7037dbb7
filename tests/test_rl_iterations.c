/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Iterations that carry parts of prompts (chunked prefill) and drafted tokens
 * (speculative decoding): by hand, and against a replica that goes iteration by
 * iteration.
 */
#include "rl_loop.h"

enum { SAMPLES = 400 };

/* `prompts` prompts of 10 tokens, a sample of 10 tokens each; an iteration
 * takes a second, a token of a prompt 0.1 s. */
static void batch_make(struct loop *l, int64_t prompts)
{
    loop_make(l);
    l->rl.steps = 1;
    l->rl.warmup_steps = 0;
    l->rl.prompts = prompts;
    l->rl.samples = 1;
    l->rl.prompt_length = 10;
    l->inputs[0].rates =
        (struct lh_rl_rates){.cpu_s = 1, .prefill_s = 0.1, .concurrency = 4};
}

/* Until all are generated. */
static double batch_s(struct loop *l)
{
    struct lh_rl_result r = loop_run(l);

    LH_CHECK(r.tokens_generated == r.tokens_trained);
    return r.trainer.wait_s;
}

/* ---- chunks ----------------------------------------------------------------
 */

/* One prompt: iterations of 4, 4 and 2 tokens, then ten.  Two: 4, 4, and 2 of
 * the first with 2 of the second; then 3, 3 and 2 of the second beside a token
 * of the first, which has 7 left; both run for 7, and the second 3 alone. */
static void fills_in_chunks(void)
{
    struct loop l;

    batch_make(&l, 1);
    l.inputs[0].rates.chunk = 4;
    LH_CHECK_NEAR(batch_s(&l), 3 + 10 + 10 * 0.1, 1e-12);
    l.inputs[0].rates.chunk = 10;
    LH_CHECK_NEAR(batch_s(&l), 1 + 10 + 10 * 0.1, 1e-12);
    batch_make(&l, 2);
    l.inputs[0].rates.chunk = 4;
    LH_CHECK_NEAR(batch_s(&l), 3 + 3 + 7 + 3 + 20 * 0.1, 1e-12);
    l.inputs[0].rates.chunk = 0; /* whole: all wait for both */
    LH_CHECK_NEAR(batch_s(&l), 2 * 10 * 0.1 + 10, 1e-12);
}

/* Weights take 2 s to read: they are read once for a token and three of a
 * prompt, whose products take 0.3 s. */
static void reads_weights_once(void)
{
    struct lh_rl_rates r = {.dense_s = 2, .flops_s = 0.1, .prefill_s = 0.1};

    LH_CHECK_NEAR(lh_rl_mixed_s(&r, 1, 3), 2, 1e-12);
    LH_CHECK_NEAR(lh_rl_mixed_s(&r, 1, 39), 4, 1e-12);
    r.visit_frac = 0.5; /* four tokens visit 15/16 of the experts */
    r.experts_s = 16;
    LH_CHECK_NEAR(lh_rl_mixed_s(&r, 1, 3), 2 + 15, 1e-12);
}

/* Samples of a prompt run when it is there: one computes it. */
static void shares_prompts(void)
{
    struct loop l;

    batch_make(&l, 1);
    l.rl.samples = 4;
    l.inputs[0].rates.chunk = 5;
    LH_CHECK_NEAR(batch_s(&l), 2 + 10 + 10 * 0.1, 1e-12);
}

/* Attention of 10 tokens in chunks of 4, 4 and 2 is that of all 10: each sees
 * those before it; reading them, 4 and 8, takes longer where it does. */
static void sees_what_is_before(void)
{
    struct loop l;

    batch_make(&l, 1);
    l.rl.length_median = 1;
    l.inputs[0].rates.chunk = 4;
    l.inputs[0].rates.prefill_core_s = 0.5;
    LH_CHECK_NEAR(batch_s(&l), 3 + 1 + 1 + 0.5 * 45, 1e-12);
    l.inputs[0].rates.kv_s = 3; /* more than 0.5 x 4 and 0.5 x 2 */
    LH_CHECK_NEAR(batch_s(&l),
                  3 + 1 + 1 + 3 * (4 + 8) + 0.5 * (6 + 6 + 1) + 3 * 10, 1e-12);
}

/* Two prompts of 40 tokens and responses of two turns, a token each.  The first
 * fills 8 iterations of 5, whose attention is 0.01 x (25 j + 10); then it runs
 * once beside 4 tokens of the second, and its tools work for 3 s.  It comes
 * back within the third of the second's 7 iterations of 5, behind it; one token
 * is left for the next.  Then both run once, tools work, and the second runs.
 */
static void is_looked_at_between(void)
{
    double first_s = 8 + 0.01 * (25 * 28 + 80);
    double second_s = 1 + 0.06 + 7 + 0.01 * (7 * 30 + 25 * 21) + 1 + 0.39;
    struct loop l;

    batch_make(&l, 2);
    l.rl.prompt_length = 40;
    l.rl.length_median = 2;
    l.rl.turns = 2;
    l.rl.tool_s = 3;
    l.rl.turn_keeps_kv = true;
    l.inputs[0].rates.prefill_s = 0;
    l.inputs[0].rates.prefill_core_s = 0.01;
    l.inputs[0].rates.chunk = 5;
    LH_CHECK_NEAR(batch_s(&l), first_s + second_s + 1 + 3 + 1, 1e-12);
}

/* ---- drafted tokens --------------------------------------------------------
 */

/* Of four tokens, 0.8 each: (1 - 0.8^4) / 0.2 = 2.952 an iteration (Leviathan
 * et al. 2023, equation 1). */
static void accepts_a_share(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: llama-3.1-8b\n"
        "sites: [{name: a, gpus: 4, device: h100-sxm}]\n"
        "rl: {mode: sync, trainer: {gpus: 2}, generators: [{gpus: 2, plan: "
        "{pipeline: 2}, chunked_prefill: 2048, speculative: 3}], "
        "output_length: {kind: fixed, median: 1000}}\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_rl_rates r;

    LH_REQUIRE(lh_scenario_read_text(&s, "x.yaml", text, strlen(text), ".",
                                     NULL, 0, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_rl_rates_make(&r, &s, 0, &ctx) == LH_OK);
    LH_CHECK_NEAR(lh_rl_pace(&r), 2.952, 1e-12);
    LH_CHECK_NEAR(r.draft_frac, 0.05, 0);
    LH_CHECK_NEAR(r.chunk, 2 * 2048, 0); /* two stages */
    LH_CHECK(r.max_sequences == 2 * 2048 / 4);
    s.rl.fleets[0].accepted_frac = 1;
    LH_REQUIRE(lh_rl_rates_make(&r, &s, 0, &ctx) == LH_OK);
    LH_CHECK_NEAR(lh_rl_pace(&r), 4, 1e-12);
    lh_ctx_end(&ctx);
}

/* Where memory bounds, checking takes what a token does, and three drafts take
 * 3/20 of it: 2.952 / 1.15 times as fast (theorem 3.8); else four tokens are
 * products of four. */
static void drafts_and_checks(void)
{
    struct lh_rl_rates r = {.dense_s = 2,
                            .kv_s = 0.5,
                            .drafted = 3,
                            .accepted = 1.952,
                            .draft_frac = 0.05};
    double plain_s = 2 + 0.5 * 10;

    LH_CHECK_NEAR(plain_s / (lh_rl_decode_s(&r, 1, 10, 1) / lh_rl_pace(&r)),
                  2.952 / 1.15, 1e-12);
    r.flops_s = 1;
    LH_CHECK_NEAR(lh_rl_iteration_s(&r, 1), 4 + 0.15 * 2, 1e-12);
    /* Two sequences: context grows by 2 x 2.952. */
    LH_CHECK_NEAR(lh_rl_read_s(&r, 2, 10, 2), 0.5 * 1.15 * (20 + 2 * 2.952),
                  1e-12);
}

/* Ten tokens at 2.5 an iteration: four; eleven: five. */
static void takes_fewer_iterations(void)
{
    struct loop l;

    batch_make(&l, 1);
    l.inputs[0].rates.drafted = 2;
    l.inputs[0].rates.accepted = 1.5;
    l.inputs[0].rates.draft_frac = 0.25;
    LH_CHECK_NEAR(batch_s(&l), 1 + 4 * 1.5, 1e-12);
    l.rl.length_median = 11;
    LH_CHECK_NEAR(batch_s(&l), 1 + 5 * 1.5, 1e-12);
    l.inputs[0].rates.chunk = 6; /* 6 and 4 of the prompt, nothing drafted */
    LH_CHECK_NEAR(batch_s(&l), 2 + 1 + 5 * 1.5, 1e-12);
}

/* ---- against iteration by iteration ----------------------------------------
 */

struct one {
    int64_t length, had; /* tokens, and those when it was taken in */
    double fill, filled; /* of its context: to compute, there */
    int64_t ran;         /* iterations */
    bool runs;
};

struct stepped {
    const struct loop *l;
    const struct lh_rl_rates *rates;
    struct one all[SAMPLES];
    int64_t n, next;               /* not yet met */
    int64_t in[SAMPLES], n_in;     /* in the order of being taken in */
    int64_t back[SAMPLES], n_back; /* put back, the last one first */
    bool prompt_there[SAMPLES];    /* of a group */
    double seconds;
};

static double pace(const struct stepped *s)
{
    return 1 + s->rates->accepted;
}

static double held(const struct stepped *s, int64_t i)
{
    const struct one *o = &s->all[i];

    return (double)(s->l->rl.prompt_length + o->had) + (double)o->ran * pace(s);
}

static int64_t tokens(const struct stepped *s, int64_t i)
{
    const struct one *o = &s->all[i];
    int64_t made = (int64_t)floor((double)o->ran * pace(s)) + o->had;

    return made < o->length ? made : o->length;
}

/* Has a prompt of the first n places been seen before? */
static bool shares(const struct stepped *s, int64_t n, int64_t i)
{
    int64_t samples = s->l->rl.samples;

    for (int64_t k = 0; k < n; k++)
        if (s->in[k] / samples == i / samples)
            return true;
    return false;
}

/* What is in, with another one if it is not -1; a prompt once a group. */
static bool fits(const struct stepped *s, int64_t other)
{
    double prompt = (double)s->l->rl.prompt_length, sum = 0;
    int64_t n = s->n_in + (other >= 0);

    for (int64_t k = 0; k < n; k++) {
        int64_t i = k < s->n_in ? s->in[k] : other;
        sum += held(s, i) - (shares(s, k, i) ? prompt : 0);
    }
    return n <= 1
           || sum + (double)n * (1 + s->rates->drafted) <= s->rates->kv_tokens;
}

static void put_back(struct stepped *s)
{
    int64_t i = s->in[--s->n_in];
    struct one *o = &s->all[i];

    if (!o->runs && o->fill + o->filled > 0 && o->had == 0)
        s->prompt_there[i / s->l->rl.samples] = false;
    o->had = tokens(s, i);
    o->ran = 0;
    o->runs = false;
    s->back[s->n_back++] = i;
}

static bool takes(struct stepped *s)
{
    int64_t i = s->n_back > 0 ? s->back[s->n_back - 1] : s->next;

    if (i == s->n || s->n_in == s->rates->concurrency || !fits(s, i))
        return false;
    struct one *o = &s->all[i];
    bool *there = &s->prompt_there[i / s->l->rl.samples];
    o->fill = o->had > 0 || !*there ? held(s, i) : 0;
    o->filled = 0;
    *there = *there || o->had == 0;
    s->n_back > 0 ? s->n_back-- : s->next++;
    s->in[s->n_in++] = i;
    return true;
}

/* Those at the head of what fills that have nothing to compute. */
static void begin(struct stepped *s)
{
    for (int64_t k = 0; k < s->n_in; k++) {
        struct one *o = &s->all[s->in[k]];
        if (!o->runs && o->fill > 0)
            return;
        o->runs = true;
    }
}

static void iterate(struct stepped *s)
{
    const struct lh_rl_rates *r = s->rates;
    double running = 0, context = 0, prompts = 0, core_s = 0;

    for (int64_t k = 0; k < s->n_in; k++) {
        if (!s->all[s->in[k]].runs)
            continue;
        running++;
        context += held(s, s->in[k]);
        s->all[s->in[k]].ran++;
    }
    double budget = fmax(0, r->chunk - running * (1 + r->drafted));
    for (int64_t k = 0; k < s->n_in; k++) {
        struct one *o = &s->all[s->in[k]];
        double part = fmin(budget - prompts, o->fill);
        if (o->runs || part <= 0)
            continue;
        core_s += fmax(part * r->prefill_core_s, r->kv_s) * o->filled
                  + r->prefill_core_s * part * (part - 1) / 2;
        o->filled += part;
        o->fill -= part;
        prompts += part;
    }
    s->seconds += lh_rl_mixed_s(r, running, prompts) + core_s
                  + r->kv_s * (1 + r->drafted * r->draft_frac) * context;
}

static void step(struct stepped *s)
{
    int64_t kept = 0;
    bool full = !fits(s, -1);

    while (!fits(s, -1))
        put_back(s);
    while (!full && takes(s))
        continue;
    begin(s);
    iterate(s);
    for (int64_t k = 0; k < s->n_in; k++)
        if (tokens(s, s->in[k]) < s->all[s->in[k]].length)
            s->in[kept++] = s->in[k];
    s->n_in = kept;
}

static double stepped_s(const struct loop *l)
{
    static struct stepped s;

    memset(&s, 0, sizeof s);
    s.l = l;
    s.rates = &l->inputs[0].rates;
    s.n = l->rl.prompts * l->rl.samples;
    for (int64_t i = 0; i < s.n; i++)
        s.all[i].length = lh_rl_length(&l->rl, l->input.seed, i / l->rl.samples,
                                       i % l->rl.samples);
    do
        step(&s);
    while (s.next < s.n || s.n_back > 0 || s.n_in > 0);
    return s.seconds;
}

static void draw(struct loop *l, uint64_t *random)
{
    struct lh_rl_rates *r = &l->inputs[0].rates;

    loop_make(l);
    l->rl.steps = 1;
    l->rl.warmup_steps = 0;
    l->rl.prompts = 1 + pick(random, 40);
    l->rl.samples = 1 + pick(random, 8);
    l->rl.prompt_length = 1 + pick(random, 200);
    l->rl.lengths = LH_LENGTHS_LOGNORMAL;
    l->rl.length_median = 50;
    l->input.seed = pick(random, 1000);
    r->sequence_s = 1e-4;
    r->dense_s = 7e-3;
    r->flops_s = 2e-3;
    r->prefill_core_s = pick(random, 2) ? 1e-7 : 0;
    r->comm = (struct lh_rl_comm){2, {1, 100}, {1e-3, 5e-3}};
    r->chunk = 8 + (double)pick(random, 400);
    r->drafted = (double)pick(random, 4);
    r->accepted = r->drafted * (double)pick(random, 5) / 4;
    r->draft_frac = 0.05;
    r->concurrency = 1 + pick(random, (int)(r->chunk / (1 + r->drafted)));
    r->kv_tokens = 300 + (double)pick(random, 4000);
}

static void equals_stepping(void)
{
    uint64_t random = 5;

    for (int i = 0; i < 120; i++) {
        struct loop l;
        draw(&l, &random);
        LH_CHECK_NEAR(batch_s(&l), stepped_s(&l), 1e-10);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"prompts fill iterations", fills_in_chunks},
        {"weights are read once for both", reads_weights_once},
        {"a group computes its prompt once", shares_prompts},
        {"chunks see what is before them", sees_what_is_before},
        {"who comes back waits for an iteration", is_looked_at_between},
        {"drafted tokens are accepted", accepts_a_share},
        {"drafts cost, and what checks them", drafts_and_checks},
        {"fewer iterations for a sample", takes_fewer_iterations},
        {"completions equal iterations", equals_stepping},
    };
    return lh_unit_run("rl iterations", tests, LH_COUNT(tests));
}
