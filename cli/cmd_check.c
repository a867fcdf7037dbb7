/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul check: reads a scenario and builds topology and program, so that
 * every fault is found that a run would find before it simulates.
 */
#include <inttypes.h>

#include "cli.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->input;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void summary(struct lh_text *out, const struct lh__stages *stages,
                    const char *path)
{
    const struct lh_scenario *s = &stages->scenario;
    const struct lh_program *program = &stages->program;
    const int64_t *size = program->axes.size;
    struct lh_fullest m = lh_memory_fullest(program, s);
    const double gib = 1024.0 * 1024.0 * 1024.0;

    lh_text_printf(out, "%s: ok: %s, %" PRId64 " accelerators in %d site%s, ",
                   path, s->model.name,
                   lh_topology_accelerator_count(stages->topology), s->n_sites,
                   s->n_sites == 1 ? "" : "s");
    lh_text_printf(out, "TP %" PRId64 " PP %" PRId64 " ", size[LH_AXIS_TENSOR],
                   size[LH_AXIS_PIPELINE]);
    if (size[LH_AXIS_CONTEXT] > 1)
        lh_text_printf(out, "CP %" PRId64 " ", size[LH_AXIS_CONTEXT]);
    lh_text_printf(out, "DP %" PRId64 ", memory %.1f of %.1f GiB\n",
                   lh_axes_replicas(&program->axes), m.bytes / gib,
                   m.device->memory_bytes / gib);
}

int lh__cmd_check(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        NULL,
        parse,
        "FILE",
        "Reads the scenario FILE and builds everything, without simulating.  "
        "Prints one line if all is well, else every fault at once.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__input input = {.ctx = &ctx};
    struct lh__stages stages = {.topology = NULL};
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &input);
    st = lh__stages_read(&stages, &input);
    if (st == LH_OK) {
        st = lh__stages_build(&stages, &ctx);
    }
    if (st == LH_OK) {
        struct lh_sim_point point = {&stages.scenario, &stages.program,
                                     stages.topology};
        st = lh_sim_check(&point, &ctx);
        if (st == LH_OK && stages.asked.rl.on) {
            st = lh_rl_check(&stages.asked, &ctx);
        }
    }
    if (st == LH_OK) {
        struct lh_fullest m =
            lh_memory_fullest(&stages.program, &stages.scenario);
        lh_warn_of_memory(&stages.program, &stages.scenario,
                          m.bytes <= m.device->memory_bytes, &ctx);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        struct lh_text text = lh_text_new(ctx.arena);
        summary(&text, &stages, input.path);
        status = lh__print_result(&text);
    }
    lh__stages_free(&stages);
    lh_ctx_end(&ctx);
    return status;
}
