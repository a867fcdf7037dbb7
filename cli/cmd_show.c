/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul show: what a stage made, as text.
 *
 * scenario: canonical YAML (or JSON), every default filled in; reading it
 * again gives the same result.  topology: the machine.  program: the step, not
 * placed.  fold: the classes that are simulated, as text or as a picture (SVG).
 * trace: when every operation ran, which needs a simulation.
 */
#include <string.h>

#include "cli.h"

enum what {
    WHAT_SCENARIO, WHAT_TOPOLOGY, WHAT_PROGRAM, WHAT_FOLD, WHAT_TRACE, N_WHAT
};
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SVG, N_FORMATS };

static const char *const whats[N_WHAT] = {"scenario", "topology", "program",
                                          "fold", "trace"};
static const char *const formats[N_FORMATS] = {"text", "json", "svg"};

struct show {
    struct lh__input input;
    enum what what;
    enum format format;
};

static const struct argp_option options[] = {
    {"output", 'o', "FORMAT", 0, 
     "text (default); json of the scenario and the topology; svg of the fold", 0},
    {0},
};

static void read_format(struct show *show, const char *arg,
                        const struct argp_state *state)
{
    for (int i = 0; i < N_FORMATS; i++) {
        if (strcmp(arg, formats[i]) == 0) {
            show->format = (enum format)i;
            return;
        }
    }
    lh__choice_error(state, "output", arg, formats, N_FORMATS);
}

static bool has_format(const struct show *show)
{
    switch (show->format) {
    case FORMAT_JSON:
        return show->what == WHAT_SCENARIO || show->what == WHAT_TOPOLOGY;
    case FORMAT_SVG: return show->what == WHAT_FOLD;
    default: return true;
    }
}

static void read_what(struct show *show, const char *arg,
                      const struct argp_state *state)
{
    for (int i = 0; i < N_WHAT; i++) {
        if (strcmp(arg, whats[i]) == 0) {
            show->what = (enum what)i;
            return;
        }
    }
    lh__choice_error(state, "stage", arg, whats, N_WHAT);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct show *show = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &show->input; return 0;
    case 'o':
        read_format(show, arg, state);
        return 0;
    case ARGP_KEY_ARG:
        if (show->what != N_WHAT) {
            return ARGP_ERR_UNKNOWN; /* the scenario */
        }
        read_what(show, arg, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a stage is needed: scenario, topology, program, "
                          "fold or trace");
        return 0;
    case ARGP_KEY_END:
        if (show->what != N_WHAT && !has_format(show)) {
            argp_error(state, "'%s' is not shown as %s", whats[show->what],
                       formats[show->format]);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum lh_status print_trace(struct lh_text *out,
                                  const struct lh__stages *stages,
                                  struct lh_ctx *ctx)
{
    struct lh_sim_point point = {&stages->scenario, &stages->program,
                                 stages->topology};
    struct lh_trace trace;
    enum lh_status st = lh_sim_run(&trace, &point, ctx);

    if (st == LH_OK) {
        lh_trace_print(out, &trace, &stages->program);
    }
    return st;
}

static enum lh_status print_fold(struct lh_text *out,
                                 const struct lh__stages *stages,
                                 const struct show *show)
{
    struct lh_sim_point point = {&stages->scenario, &stages->program,
                                 stages->topology};

    if (show->format == FORMAT_SVG) {
        return lh_sim_fold_svg(out, &point, show->input.ctx);
    }
    return lh_sim_fold_print(out, &point, show->input.ctx);
}

static enum lh_status print(struct lh_text *out, struct lh__stages *stages,
                            const struct show *show)
{
    enum lh_status st = lh__stages_read(stages, &show->input);

    if (st == LH_OK && show->what != WHAT_SCENARIO) {
        st = lh__stages_build(stages, show->input.ctx);
    }
    if (st != LH_OK) {
        return st;
    }
    switch (show->what) {
    case WHAT_SCENARIO:
        if (show->format == FORMAT_JSON) {
            lh_scenario_print_json(out, &stages->scenario, 0);
            lh_text_add(out, "\n");
        } else {
            lh_scenario_print_yaml(out, &stages->scenario);
        }
        return LH_OK;
    case WHAT_TOPOLOGY:
        if (show->format == FORMAT_JSON) {
            lh_topology_print_json(out, stages->topology);
        } else {
            lh_topology_print(out, stages->topology);
        }
        return LH_OK;
    case WHAT_PROGRAM: lh_program_print(out, &stages->program); return LH_OK;
    case WHAT_FOLD: return print_fold(out, stages, show);
    case WHAT_TRACE:
    case N_WHAT:
    default: return print_trace(out, stages, show->input.ctx);
    }
}

int lh__cmd_show(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "scenario|topology|program|fold|trace FILE",
        "Prints what one stage makes of the scenario FILE.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct show show = {.input = {.ctx = &ctx}, .what = N_WHAT};
    struct lh__stages stages = {.topology = NULL};
    struct lh_text text = lh_text_new(ctx.arena);
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &show);
    st = print(&text, &stages, &show);
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = lh__print_result(&text);
    }
    lh__stages_free(&stages);
    lh_ctx_end(&ctx);
    return status;
}
