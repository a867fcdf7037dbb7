/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul run: a step of the scenario and, where it has several sites, of
 * the same accelerators in one site, simulated side by side.
 */
#include <limits.h>
#include <string.h>

#include "cli.h"

struct run {
    struct lh__input input;
    const struct lh_output *output;
    const char *trace_path; /* NULL: none */
    const char *chakra;     /* folder; NULL: none */
    const char *ranks;      /* NULL: one of every template */
    struct lh__pictures pictures;
    int max_links;          /* < 0: all; UNSAID: the output's default */
    int jobs;
    bool timing;
    bool strict;
};

enum { UNSAID = INT_MIN };
enum { OPTION_TRACE = 256, OPTION_LINKS, OPTION_TIMING, OPTION_STRICT,
       OPTION_CHAKRA, OPTION_RANKS };

/* The scenario [0] and its one-site baseline [1]. */
enum { HERE, ONE_SITE, POINTS };

struct simulated {
    int n; /* 1 or POINTS */
    struct lh__stages stages[POINTS];
    struct lh_trace traces[POINTS];
    struct lh_result results[POINTS];
    struct lh_family_error validation;
    struct lh_rl_report rl;       /* of the loop, where there is one */
    struct lh_async_report async; /* of learners and a server, likewise */
};

static const struct argp_option options[] = {
    {"output", 'o', "FORMAT", 0, "text (default), json or csv", 0},
    {"trace", OPTION_TRACE, "FILE", 0,
     "Write the step as a trace that ui.perfetto.dev opens", 0},
    {"chakra", OPTION_CHAKRA, "DIR", 0,
     "Write the program as Chakra execution traces, DIR/rank.R.et", 0},
    {"ranks", OPTION_RANKS, "R,R,..", 0,
     "Of these ranks (of each stage on each device the first)", 0},
    {"links", OPTION_LINKS, "N|all", 0,
     "List the N busiest links (text: 6, json: 20)", 0},
    {"jobs", 'j', "N", 0, "Simulate N points at a time (2)", 0},
    {"strict", OPTION_STRICT, 0, 0,
     "Exit with 1 if the plan does not fit into memory", 0},
    {"timing", OPTION_TIMING, 0, 0,
     "Say how long the simulation took: engine.wall_s", 0},
    {0},
};

static const struct lh_output *read_output(const struct argp_state *state,
                                           const char *name)
{
    const struct lh_output *output = lh_output_find(name);
    const char *names[16];
    int n = 0;

    for (; n < lh_output_count() && n < 16; n++) {
        names[n] = lh_output_at(n)->name;
    }
    if (output == NULL) {
        lh__choice_error(state, "output", name, names, n);
    }
    return output;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run *run = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &run->input;
        state->child_inputs[1] = &run->pictures;
        return 0;
    case 'o': run->output = read_output(state, arg); return 0;
    case 'j': run->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case OPTION_LINKS:
        run->max_links = strcmp(arg, "all") == 0
                             ? -1
                             : lh__read_count(state, "--links", arg, 0);
        return 0;
    case OPTION_TRACE: run->trace_path = arg; return 0;
    case OPTION_CHAKRA: run->chakra = arg; return 0;
    case OPTION_RANKS: run->ranks = arg; return 0;
    case ARGP_KEY_END:
        if (run->ranks != NULL && run->chakra == NULL) {
            argp_error(state, "--ranks says of which --chakra DIR writes");
        }
        return 0;
    case OPTION_TIMING: run->timing = true; return 0;
    case OPTION_STRICT: run->strict = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum lh_status build(struct simulated *out, const struct run *run)
{
    struct lh_ctx *ctx = run->input.ctx;
    enum lh_status st = lh__stages_read(&out->stages[HERE], &run->input);

    if (st == LH_OK) {
        st = lh__stages_build(&out->stages[HERE], ctx);
    }
    out->n = HERE + 1;
    if (st == LH_OK && out->stages[HERE].scenario.n_sites > 1) {
        out->stages[ONE_SITE] = (struct lh__stages){.topology = NULL};
        lh_scenario_one_site(&out->stages[ONE_SITE].scenario,
                             &out->stages[HERE].scenario, ctx);
        out->n = POINTS;
        lh__warn_of_unlike_sites(&out->stages[HERE].scenario, ctx);
        st = lh__stages_build(&out->stages[ONE_SITE], ctx);
    }
    return st;
}

static enum lh_status simulate(struct simulated *s, const struct run *run)
{
    struct lh_sim_point points[POINTS];
    enum lh_status statuses[POINTS];
    enum lh_status st;
    int first = lh__is_async(&s->stages[HERE].scenario) ? ONE_SITE : HERE;

    for (int i = first; i < s->n; i++) {
        points[i] =
            (struct lh_sim_point){&s->stages[i].scenario, &s->stages[i].program,
                                  s->stages[i].topology};
    }
    st = lh_sim_run_many(s->traces + first, statuses, points + first,
                         s->n - first, run->jobs, run->input.ctx);
    if (st == LH_OK && first > HERE) {
        const struct lh__stages *here = &s->stages[HERE];
        st = lh_async_run(&s->async, &s->results[HERE], &here->scenario,
                          &here->program, here->topology, run->jobs,
                          run->input.ctx);
    }
    for (int i = first; i < s->n && st == LH_OK; i++) {
        st =
            lh_result_make(&s->results[i], &s->traces[i], &s->stages[i].program,
                           s->stages[i].topology, run->input.ctx);
    }
    return st;
}

static int write_results(const struct simulated *s, const struct run *run)
{
    struct lh_arena *arena = run->input.ctx->arena;
    const struct lh__stages *here = &s->stages[HERE];
    struct lh_report report = {
        .scenario = &here->scenario,
        .program = &here->program,
        .topology = here->topology,
        .trace = &s->traces[HERE],
        .result = &s->results[HERE],
        .one_site = s->n > ONE_SITE ? &s->results[ONE_SITE] : NULL,
        .validation = &s->validation,
        .rl = here->asked.rl.on ? &s->rl : NULL,
        .async = lh__is_async(&here->scenario) ? &s->async : NULL,
        .max_links =
            run->max_links == UNSAID ? run->output->max_links : run->max_links,
        .timing = run->timing,
    };
    struct lh_text text = lh_text_new(arena);
    int status = LH__EXIT_OK;

    if (run->trace_path != NULL) {
        struct lh_text trace = lh_text_new(arena);
        lh_write_perfetto(&trace, &report);
        status = lh__print_file(run->trace_path, &trace);
    }
    if (run->chakra != NULL && status == LH__EXIT_OK) {
        status = lh__chakra_put(run->chakra, run->ranks, here, report.trace,
                                run->input.ctx);
    }
    if (lh__pictures_write(&run->pictures, &report, run->input.ctx)
        != LH__EXIT_OK) {
        status = LH__EXIT_NO;
    }
    run->output->write(&text, &report);
    if (lh__print_result(&text) != LH__EXIT_OK) {
        status = LH__EXIT_NO;
    }
    return status;
}

static void print_timing(const struct simulated *s)
{
    fprintf(stderr, "wall time: %.3f s", s->traces[HERE].wall_s);
    if (s->n > ONE_SITE) {
        fprintf(stderr, ", one site %.3f s", s->traces[ONE_SITE].wall_s);
    }
    fputc('\n', stderr);
}

int lh__cmd_run(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&lh__input_argp, 0, 0, 0}, {&lh__pictures_argp, 0, 0, 0}, {0}};
    static const struct argp argp = {
        options,
        parse,
        "FILE",
        "Simulates one training step of the scenario FILE, and of the same "
        "accelerators in one site, and prints where the time goes.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct run run = {.input = {.ctx = &ctx},
                      .output = lh_output_at(0),
                      .max_links = UNSAID,
                      .jobs = 2};
    struct simulated s = {.n = 0};
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &run);
    st = lh__input_load(&run.input);
    if (st == LH_OK) {
        st = build(&s, &run);
    }
    if (st == LH_OK && (run.trace_path != NULL || run.chakra != NULL)
        && lh__is_async(&s.stages[HERE].scenario)) {
        lh_error(&ctx, LH_NOWHERE,
                 "%s shows a step; sync.kind: async-diloco has none of "
                 "all islands", run.chakra != NULL ? "--chakra" : "--trace");
        st = LH_BAD_INPUT;
    }
    if (st == LH_OK && run.chakra != NULL
        && s.stages[HERE].program.device_batches != NULL) {
        lh_error(&ctx, LH_NOWHERE,
                 "--chakra does not write the programs of replicas with "
                 "unequal batches (placement.replica_batch: proportional)");
        st = LH_BAD_INPUT;
    }
    if (st == LH_OK && run.trace_path != NULL
        && lh__file_touch(run.trace_path) != LH__EXIT_OK) {
        st = LH_FAILED;
    }
    if (st == LH_OK) {
        st = simulate(&s, &run);
    }
    if (st == LH_OK && s.stages[HERE].asked.rl.on) {
        st = lh__loop_run(&s.rl, &s.stages[HERE].asked, &ctx);
    }
    if (st == LH_OK) {
        st = lh__pictures_run(&run.pictures, &run.input, &s.stages[HERE],
                              run.jobs);
    }
    if (st == LH_OK) {
        st =
            lh_family_error_read(&s.validation, &s.stages[HERE].scenario, &ctx);
    }
    if (st == LH_OK) {
        lh__warn_of_memory(&s.stages[HERE], &s.results[HERE], &ctx);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = write_results(&s, &run);
        if (run.timing) {
            print_timing(&s);
        }
        if (run.strict && !s.results[HERE].fits) {
            status = LH__EXIT_NO;
        }
    }
    for (int i = 0; i < s.n; i++) {
        lh__stages_free(&s.stages[i]);
    }
    lh_ctx_end(&ctx);
    return status;
}
