/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of a scenario, end to end: rates of the engines with their
 * communication timed on the topology, pushes (rl_push.c), the trainer's step
 * simulated once a batch shape, and the state machines of workloads/rl/.
 *
 *   rows of a step     ceil(tokens / sequence_length / mini_batches), up to
 *                      data x micro_batch x k (interleaved: pipeline) of them;
 *                      pipelined: over the share of a row that whole samples
 *                      fill (pack.c), since stages hand on whole rows; else
 *                      the time is cut to the share of them that is filled
 *   window             s - sqrt(s (s - L)), L = mean of l^2 over mean of l:
 *                      packed samples of l tokens see in all what a window of
 *                      so many tokens sees in a row of s (docs/model.md)
 *   log-probabilities  passes x step x forward FLOPs / FLOPs with recomputation
 *
 *   step of B rows     simulated up to 2 x pipeline micro-batches a replica;
 *                      beyond on the line through 1 and 2 x pipeline
 *   uneven             rl.deal samples: training takes as long as the replica
 *                      that has most tokens (pack.c); log-probabilities do not
 *
 * Leaves out: that other batches share links with pushes to another extent.
 */
#include <longhaul/result.h>

#include <inttypes.h>
#include <math.h>

struct shape {
    int64_t batch;
    double step_s, forward_frac;
};

struct trainer {
    const struct lh_scenario *asked;
    struct lh_topology *topology;
    struct lh_ctx *ctx;
    int64_t window;
    double uneven;
    struct shape *shapes;
    size_t capacity;
    int64_t n_shapes;
};

static int64_t window_of(const struct lh_scenario *s)
{
    double row = (double)s->training.sequence_length;
    double length = lh_rl_moments(&s->rl, s->seed).weighted;

    if (length >= row || s->model.attention == LH_ATTENTION_MLA
        || s->plan.context > 1) /* a window is not supported there */
        return 0;
    return (int64_t)fmax(1.0, round(row - sqrt(row * (row - length))));
}

/* Rows that the tokens of a step fill a mini-batch. */
static double rows_of(const struct lh_scenario *s, double tokens)
{
    double row = (double)s->training.sequence_length;

    if (s->plan.pipeline > 1) /* stages hand on whole rows */
        row *= lh_rl_packed_frac(&s->rl, s->seed, s->training.sequence_length);
    return tokens / row / (double)s->rl.mini_batches;
}

/* What is simulated for them. */
static int64_t batch_of(const struct lh_scenario *s, double tokens)
{
    double unit = (double)(s->plan.data * s->training.micro_batch);
    double rows = ceil(rows_of(s, tokens));

    if (s->plan.schedule == LH_SCHEDULE_INTERLEAVED)
        unit *= (double)s->plan.pipeline;
    return (int64_t)(unit * fmax(1.0, ceil(rows / unit)));
}

void lh_rl_trainer(struct lh_scenario *out, const struct lh_scenario *s,
                   struct lh_ctx *ctx)
{
    const struct lh_rl *rl = &s->rl;
    double keep = 1.0;
    double sample =
        (double)lh_rl_other_tokens(rl) + lh_rl_moments(rl, s->seed).mean;

    for (int i = 0; i < rl->n_verifiers; i++)
        keep *= rl->verifiers[i].keep_frac;
    lh_scenario_trainer(
        out, s,
        batch_of(s, keep * sample * (double)(rl->prompts * rl->samples)),
        window_of(s), ctx);
}

/* ---- the trainer's step ----------------------------------------------------
 */

static void pass_on(const struct trainer *t, const struct lh_ctx *ctx)
{
    for (int i = 0; i < lh_diag_total(ctx); i++)
        lh_error(t->ctx, lh_diag_at(ctx, i)->where, "%s",
                 lh_diag_at(ctx, i)->text);
}

/* In a context of its own, which a program of many micro-batches would fill. */
static enum lh_status simulate(struct shape *out, const struct trainer *t)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program program;
    struct lh_trace trace;
    enum lh_status st;

    ctx.data_dir = t->ctx->data_dir;
    lh_scenario_trainer(&s, t->asked, out->batch, t->window, &ctx);
    st = lh_program_build(&program, &s, &ctx);
    if (st == LH_OK) {
        struct lh_sim_point point = {&s, &program, t->topology};
        st = lh_sim_run(&trace, &point, &ctx);
    }
    if (st == LH_OK) {
        out->step_s = trace.step_time_s;
        out->forward_frac = program.model_flops / 3.0 / program.hardware_flops;
    }
    if (st != LH_OK)
        pass_on(t, &ctx);
    lh_ctx_end(&ctx);
    return st;
}

/* The same beside a push. */
static enum lh_status beside(struct lh_rl_report *out, const struct trainer *t,
                             int64_t batch)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program program;
    struct lh_sim_point point = {&s, &program, t->topology};
    enum lh_status st;

    ctx.data_dir = t->ctx->data_dir;
    lh_scenario_trainer(&s, t->asked, batch, t->window, &ctx);
    st = lh_program_build(&program, &s, &ctx);
    if (st == LH_OK)
        st = lh_rl_beside(out, &point, &ctx);
    if (st != LH_OK)
        pass_on(t, &ctx);
    lh_ctx_end(&ctx);
    return st;
}

static enum lh_status simulated(struct shape *out, struct trainer *t,
                                int64_t batch)
{
    enum lh_status st;

    for (int64_t i = 0; i < t->n_shapes; i++)
        if (t->shapes[i].batch == batch) {
            *out = t->shapes[i];
            return LH_OK;
        }
    *out = (struct shape){.batch = batch};
    st = simulate(out, t);
    t->shapes = lh_grow(t->ctx->arena, t->shapes, &t->capacity,
                        (size_t)t->n_shapes + 1, sizeof *t->shapes);
    t->shapes[t->n_shapes++] = *out;
    return st;
}

/* Micro-batches of a replica from which on each more takes the same time. */
static int64_t few_of(const struct lh_scenario *s)
{
    return s->plan.data * s->training.micro_batch * s->plan.pipeline;
}

/* Of any batch: from some micro-batches on, each more takes the same time. */
static enum lh_status step_of(struct shape *out, struct trainer *t,
                              int64_t batch)
{
    const struct lh_scenario *s = t->asked;
    int64_t few = few_of(s);
    struct shape less, more;
    enum lh_status st;

    if (batch <= 2 * few)
        return simulated(out, t, batch);
    st = simulated(&less, t, few);
    if (st == LH_OK)
        st = simulated(&more, t, 2 * few);
    if (st != LH_OK)
        return st;
    *out = more;
    out->step_s +=
        (more.step_s - less.step_s) * ((double)(batch - 2 * few) / (double)few);
    return LH_OK;
}

static enum lh_status train(void *self, int64_t tokens, double *log_prob_s,
                            double *train_s)
{
    struct trainer *t = self;
    struct shape shape;
    int64_t batch = batch_of(t->asked, (double)tokens);
    enum lh_status st = step_of(&shape, t, batch);

    if (st != LH_OK)
        return st;
    *train_s = shape.step_s * (double)t->asked->rl.mini_batches;
    if (t->asked->plan.pipeline == 1) /* rows need not be full */
        *train_s *= rows_of(t->asked, (double)tokens) / (double)batch;
    *log_prob_s =
        *train_s * shape.forward_frac * (double)t->asked->rl.log_prob_passes;
    *train_s *= t->uneven;
    return LH_OK;
}

/* ---- communication of an iteration ------------------------------------------
 */

struct ring {
    enum lh_collective collective;
    int64_t first, n, stride; /* members */
    double bytes;
};

static enum lh_status timed(double *sum_s, double times, struct ring ring,
                            const struct lh_scenario *s,
                            const struct lh_topology *t, struct lh_ctx *ctx)
{
    int64_t *members = LH_NEW(ctx->arena, int64_t, ring.n);
    struct lh_collective_case one = {
        .collective = ring.collective,
        .algorithm = "auto",
        .n = ring.n,
        .accelerators = members,
        .bytes = ring.bytes,
        .base_s = s->stack.collective_base_s,
    };
    double seconds;

    for (int64_t i = 0; i < ring.n; i++)
        members[i] = ring.first + i * ring.stride;
    enum lh_status st = lh_sim_collective(&seconds, &one, t, ctx);
    if (st == LH_OK)
        *sum_s += times * seconds;
    return st;
}

/* Of `sequences` in a replica: sums over tensor, tokens to experts and back,
 * and from stage to stage. */
static enum lh_status comm_of(double *sum_s, double sequences,
                              const struct lh_scenario *s, int64_t first,
                              const struct lh_topology *t, struct lh_ctx *ctx)
{
    const struct lh_rl_fleet *f = &s->rl.fleets[0];
    const struct lh_model *m = &s->model;
    double tokens =
        fmax(1.0, ceil(sequences / (double)(f->pipeline * f->expert)));
    double bytes = 2.0 * tokens * (double)m->hidden;
    double sparse = (double)(m->layers - m->dense_layers);
    enum lh_status st = LH_OK;

    *sum_s = 0;
    if (f->tensor > 1)
        st = timed(sum_s, 2.0 * (double)m->layers,
                   (struct ring){LH_ALL_REDUCE, first, f->tensor, 1, bytes}, s,
                   t, ctx);
    if (st == LH_OK && f->expert > 1)
        st = timed(sum_s, 2.0 * sparse,
                   (struct ring){LH_ALL_TO_ALL, first, f->expert, f->tensor,
                                 bytes * (double)m->experts_per_token},
                   s, t, ctx);
    if (st == LH_OK && f->pipeline > 1)
        st = timed(
            sum_s, (double)f->pipeline,
            (struct ring){LH_SEND, first, 2, f->tensor * f->expert, bytes}, s,
            t, ctx);
    return st;
}

/* Of the scenario's only entry, which begins at an accelerator. */
static enum lh_status rates_make(struct lh_rl_rates *out,
                                 const struct lh_scenario *s, int64_t first,
                                 const struct lh_topology *t,
                                 struct lh_ctx *ctx)
{
    static const double sizes[] = {1, 8, 32, 128, 512, 2048};
    const struct lh_rl_fleet *f = &s->rl.fleets[0];
    enum lh_status st = lh_rl_rates_make(out, s, 0, ctx);

    if (f->tensor * f->pipeline * f->expert == 1)
        return st;
    for (int i = 0; i < 6 && st == LH_OK; i++) {
        out->comm.tokens[i] = sizes[i];
        st = comm_of(&out->comm.seconds[i], sizes[i], s, first, t, ctx);
        out->comm.n = i + 1;
    }
    return st;
}

/* The scenario of one entry alone: its fleets[0]. */
static struct lh_scenario entry_alone(const struct lh_scenario *s, int fleet)
{
    struct lh_scenario alone = *s;

    alone.rl.fleets = &s->rl.fleets[fleet];
    alone.rl.n_fleets = 1;
    return alone;
}

/* A judge as if it generated; its weights are bf16. */
static struct lh_scenario judge_alone(const struct lh_scenario *s, int verifier)
{
    struct lh_rl_verifier *v = &s->rl.verifiers[verifier];
    struct lh_scenario alone = *s;

    alone.model = v->model;
    alone.rl.fleets = &v->on;
    alone.rl.n_fleets = 1;
    alone.rl.push_fp8 = false;
    alone.rl.prompt_length += v->output;
    alone.rl.samples = 1; /* no prompt that samples share */
    return alone;
}

enum lh_status lh_rl_check(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_rl_rates rates;
    enum lh_status st = LH_OK;

    for (int i = 0; i < s->rl.n_fleets && st == LH_OK; i++)
        st = lh_rl_rates_make(&rates, s, i, ctx);
    for (int i = 0; i < s->rl.n_verifiers && st == LH_OK; i++) {
        struct lh_scenario alone = judge_alone(s, i);
        if (s->rl.verifiers[i].kind != LH_JUDGE_RULE)
            st = lh_rl_rates_make(&rates, &alone, 0, ctx);
    }
    return st;
}

static enum lh_status engines_make(struct lh_rl_report *out,
                                   const struct lh_scenario *s,
                                   const struct lh_topology *t,
                                   struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < s->rl.n_fleets && st == LH_OK; i++) {
        struct lh_scenario alone = entry_alone(s, i);
        const struct lh_rl_fleet *f = &s->rl.fleets[i];
        out->fleets[i].replicas =
            f->gpus / (f->tensor * f->pipeline * f->expert);
        st = rates_make(&out->fleets[i].rates, &alone, lh_rl_first_gpu(s, i), t,
                        ctx);
    }
    for (int i = 0; i < s->rl.n_verifiers && st == LH_OK; i++) {
        struct lh_scenario alone = judge_alone(s, i);
        const struct lh_rl_fleet *f = &s->rl.verifiers[i].on;
        if (s->rl.verifiers[i].kind == LH_JUDGE_RULE)
            continue;
        out->judges[i].replicas = f->gpus / (f->tensor * f->expert);
        st = rates_make(&out->judges[i].rates, &alone, lh_rl_judge_gpu(s, i), t,
                        ctx);
    }
    return st;
}

/* ---- all -------------------------------------------------------------------
 */

/* What leaves an accelerator of the trainer while it generates. */
static double state_bytes(const struct lh_program *program)
{
    double most = 0;

    for (int i = 0; i < program->n_stages; i++) {
        const struct lh_memory *m = &program->memory[i];
        most = fmax(most, m->optimizer + m->gradients);
    }
    return most;
}

static bool trains_beside_pushes(const struct lh_rl *rl)
{
    return rl->mode == LH_RL_ASYNC || rl->mode == LH_RL_ONE_STEP_OFF;
}

static enum lh_status prepare(struct lh_rl_report *out, struct trainer *t,
                              const struct lh_scenario *s,
                              const struct lh_topology *topology,
                              struct lh_ctx *ctx)
{
    struct lh_scenario step;
    struct lh_program program;
    enum lh_status st;

    lh_rl_trainer(&step, s, ctx);
    st = lh_topology_build(&t->topology, &step, ctx);
    if (st != LH_OK) {
        t->topology = NULL;
        return st;
    }
    st = lh_program_build(&program, &step, ctx);
    if (st == LH_OK)
        st = engines_make(out, s, topology, ctx);
    if (st == LH_OK)
        st = lh_rl_push_make(out, s, topology, state_bytes(&program), ctx);
    if (st == LH_OK && trains_beside_pushes(&s->rl)) {
        int64_t batch = step.training.global_batch, most = 2 * few_of(s);
        st = beside(out, t, batch < most ? batch : most);
    }
    return st;
}

/* What each accelerator of the trainer does for its samples between two turns;
 * async hands them on one by one, beside the rest. */
static double between_s(const struct lh_scenario *s)
{
    double samples =
        (double)(s->rl.prompts * s->rl.samples) / (double)s->rl.trainer_gpus;

    return s->rl.mode == LH_RL_ASYNC
               ? 0
               : samples * s->rl.fleets[0].engine.sample_s;
}

/* Share of what is used after warm-up from which on it is said. */
static const double BACKLOG_FRAC = 0.1;

/* Of what is used after warm-up, the share that was generated before and that
 * the generators could not make, did they never wait: a longer run is slower.
 */
static double backlog_frac(const struct lh_rl_result *r)
{
    double works_s = r->step_time_s - r->generators.wait_s;

    if (!(r->tokens_used_per_s > 0 && works_s > 0))
        return 0;
    return 1
           - r->tokens_generated_per_s * (r->step_time_s / works_s)
                 / r->tokens_used_per_s;
}

/* What asks for more than there is, or for nothing. */
static void warn_asked(const struct lh_rl_report *report, struct lh_ctx *ctx)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;

    if (rl->engine == LH_RL_ORDER_STATISTICS && r->each <= 1)
        lh_warn(ctx, LH_NOWHERE,
                "rl.engine has no effect: %" PRId64 " replicas and %" PRId64
                " prompts are too few for order statistics",
                r->replicas, rl->prompts);
    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_rates *rates = &report->fleets[i].rates;
        if (rl->fleets[i].max_concurrency > 0
            && rates->concurrency < rates->max_sequences)
            lh_warn(ctx, rl->fleets[i].where,
                    "%s.max_concurrency is %" PRId64 "; memory holds %" PRId64
                    " sequences of mean length",
                    rl->fleets[i].key, rl->fleets[i].max_concurrency,
                    rates->concurrency);
    }
}

/* What the figures do not show. */
static void warn(const struct lh_rl_report *report, struct lh_ctx *ctx)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;
    double before = backlog_frac(r);

    warn_asked(report, ctx);
    if (r->samples_trained == 0)
        lh_warn(ctx, LH_NOWHERE,
                "rl.verifiers[].keep leaves none of %" PRId64
                " prompts to train on: the loop has no optimizer step",
                rl->prompts * rl->steps);
    if (rl->mode == LH_RL_ASYNC && before > BACKLOG_FRAC)
        lh_warn(
            ctx, LH_NOWHERE,
            "%.0f %% of the tokens that the steps after warm-up use are a "
            "backlog from before it: a longer run is slower (rl.steps %" PRId64
            ", rl.warmup_steps %" PRId64 ", rl.max_staleness %" PRId64 ")",
            100 * before, rl->steps, rl->warmup_steps, rl->max_staleness);
}

enum lh_status lh_rl_run(struct lh_rl_report *out, const struct lh_scenario *s,
                         const struct lh_topology *topology, struct lh_ctx *ctx)
{
    struct trainer trainer = {
        .asked = s, .ctx = ctx, .window = window_of(s), .uneven = 1};
    struct lh_engine clock;
    enum lh_status st;

    *out = (struct lh_rl_report){.scenario = s};
    out->fleets = LH_NEW(ctx->arena, struct lh_rl_fleet_input, s->rl.n_fleets);
    out->judges =
        LH_NEW(ctx->arena, struct lh_rl_judge_input, s->rl.n_verifiers);
    if (s->rl.deal)
        trainer.uneven = lh_rl_uneven(&s->rl, s->seed, s->plan.data, ctx);
    st = prepare(out, &trainer, s, topology, ctx);
    if (st == LH_OK) {
        struct lh_rl_input input = {
            .rl = &s->rl,
            .seed = s->seed,
            .n_fleets = s->rl.n_fleets,
            .fleets = out->fleets,
            .judges = out->judges,
            .spans = &out->spans,
            .gather_s = out->gather_s,
            .switch_s = out->switch_s + between_s(s),
            .train_extra = out->train_extra,
            .push_extra = out->push_extra,
            .train = train,
            .self = &trainer,
        };
        lh_rl_clock(&clock, ctx);
        st = lh_rl_loop(&out->result, &input, &clock, ctx);
        lh_rl_push_count(out);
        if (st == LH_OK)
            warn(out, ctx);
    }
    out->train_shapes = trainer.n_shapes;
    lh_topology_free(trainer.topology);
    return st;
}
