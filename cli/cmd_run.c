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
    int max_links; /* < 0: all; UNSAID: the output's default */
    int jobs;
    bool timing;
    bool strict;
};

enum { UNSAID = INT_MIN };
enum {
    OPTION_TRACE = 256,
    OPTION_LINKS,
    OPTION_TIMING,
    OPTION_STRICT,
    OPTION_CHAKRA,
    OPTION_RANKS
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

static enum lh_status build(struct lh_run **out, const struct run *run)
{
    struct lh__stages read;
    enum lh_status st = lh__stages_read(&read, &run->input);

    return st == LH_OK ? lh_run_build(out, &read.scenario, run->input.ctx) : st;
}

static bool is_async(const struct lh_run *made)
{
    return lh__is_async(&made->scenario[LH_HERE]);
}

/* Is there a step to trace, and a file to write it to? */
static enum lh_status check_trace(const struct lh_run *made,
                                  const struct run *run)
{
    struct lh_ctx *ctx = run->input.ctx;

    if ((run->trace_path != NULL || run->chakra != NULL) && is_async(made)) {
        lh_error(ctx, LH_NOWHERE,
                 "%s shows a step; sync.kind: async-diloco has none of "
                 "all islands",
                 run->chakra != NULL ? "--chakra" : "--trace");
        return LH_BAD_INPUT;
    }
    if (run->chakra != NULL && made->program[LH_HERE].device_batches != NULL) {
        lh_error(ctx, LH_NOWHERE,
                 "--chakra does not write the programs of replicas with "
                 "unequal batches (placement.replica_batch: proportional)");
        return LH_BAD_INPUT;
    }
    return run->trace_path == NULL
                   || lh__file_touch(run->trace_path) == LH__EXIT_OK
               ? LH_OK
               : LH_FAILED;
}

static struct lh__stages stages_of(const struct lh_run *made)
{
    return (struct lh__stages){.scenario = made->scenario[LH_HERE],
                               .asked = made->asked,
                               .topology = made->topology[LH_HERE],
                               .program = made->program[LH_HERE]};
}

static enum lh_status draw(struct run *run, struct lh_run *made)
{
    struct lh__stages here = stages_of(made);

    if (run->trace_path != NULL || run->pictures.html_path != NULL
        || run->pictures.plot_prefix != NULL) {
        lh_trace_tell(&made->trace[LH_HERE], run->input.ctx);
    }
    return lh__pictures_run(&run->pictures, &run->input, &here, run->jobs);
}

static int write_results(const struct lh_run *made, const struct run *run)
{
    struct lh_arena *arena = run->input.ctx->arena;
    struct lh_report report = made->report;
    struct lh_text text = lh_text_new(arena);
    int status = LH__EXIT_OK;

    report.max_links =
        run->max_links == UNSAID ? run->output->max_links : run->max_links;
    report.timing = run->timing;
    if (run->trace_path != NULL) {
        struct lh_text trace = lh_text_new(arena);
        lh_write_perfetto(&trace, &report);
        status = lh__print_file(run->trace_path, &trace);
    }
    if (run->chakra != NULL && status == LH__EXIT_OK) {
        struct lh__stages here = stages_of(made);
        status = lh__chakra_put(run->chakra, run->ranks, &here, report.trace,
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

static void print_timing(const struct lh_run *made)
{
    fprintf(stderr, "wall time: %.3f s", made->trace[LH_HERE].wall_s);
    if (made->n_sides > LH_ONE_SITE) {
        fprintf(stderr, ", one site %.3f s", made->trace[LH_ONE_SITE].wall_s);
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
    struct lh_run *made = NULL;
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &run);
    st = lh__input_load(&run.input);
    if (st == LH_OK) {
        st = build(&made, &run);
    }
    if (st == LH_OK) {
        st = check_trace(made, &run);
    }
    if (st == LH_OK) {
        st = lh_run_simulate(made, run.jobs, &ctx);
    }
    if (st == LH_OK) {
        st = draw(&run, made);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = write_results(made, &run);
        if (run.timing) {
            print_timing(made);
        }
        if (run.strict && !made->result[LH_HERE].fits) {
            status = LH__EXIT_NO;
        }
    }
    lh_run_free(made);
    lh_ctx_end(&ctx);
    return status;
}
