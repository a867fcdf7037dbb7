/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The library: a scenario file and settings in, the figures of its step out,
 * as `longhaul run' prints them.  Includes every other header; this one has
 * the few functions that most callers need (examples/c/bandwidth-scan.c).
 *
 *     struct lh_ctx ctx = lh_ctx_begin();
 *     struct lh_setting setting = {"fibres[0].bandwidth", "1 Tbit/s"};
 *     struct lh_run *run;
 *     struct lh_text messages = lh_text_new(ctx.arena);
 *     enum lh_status st = lh_run_file(&run, "two.yaml", &setting, 1, &ctx);
 *
 *     lh_diag_write(&messages, &ctx);
 *     fputs(messages.s, stderr);
 *     if (st == LH_OK) {
 *         printf("%g s\n", lh_run_figure(run, "step_time_s"));
 *     }
 *     lh_run_free(run);
 *     lh_ctx_end(&ctx);
 *
 * Units: SI in every number (seconds, bytes, bytes/s); names carry them.  The
 * values of settings are texts with units, as of --set.
 * Errors: a function that fails returns another status than LH_OK, and what is
 * wrong is in the context's diag; nothing is printed and nothing exits, but
 * for memory that has run out, which aborts.  Warnings leave the status LH_OK.
 * Ownership: everything lives in the context's arena, and lh_ctx_end() frees
 * it; a run holds graphs beside that, for lh_run_free() before.
 * Processes: a simulation runs in a forked child and is waited for, so that
 * SIGCHLD must not be ignored; of the threads of a process one at a time
 * calls the library.
 */
#ifndef LONGHAUL_LONGHAUL_H
#define LONGHAUL_LONGHAUL_H

#include <longhaul/golden.h>
#include <longhaul/sweep.h>

/* "0.1.0" */
const char *lh_version(void);

/* The scenario, and beside it the same accelerators in one site. */
enum lh_side { LH_HERE, LH_ONE_SITE, LH_SIDES };

struct lh_run {
    struct lh_scenario asked;    /* as it was read */
    int n_sides;                 /* 1: it has one site */
    struct lh_scenario scenario[LH_SIDES]; /* with rl: of the trainer */
    struct lh_topology *topology[LH_SIDES];
    struct lh_program program[LH_SIDES];
    struct lh_trace trace[LH_SIDES]; /* lh_trace_tell() before it is drawn */
    struct lh_result result[LH_SIDES];
    struct lh_family_error validation;
    struct lh_rl_report rl;
    struct lh_async_report async;
    struct lh_report report;     /* of it all, for lh_write_json() and others */
};

/* Reads a scenario, builds and simulates it, two sides at a time.  On failure
 * *out is NULL. */
enum lh_status lh_run_file(struct lh_run **out, const char *path,
                           const struct lh_setting *settings, int n_settings,
                           struct lh_ctx *ctx) LH_MUST_USE;
/* The two halves of it, for a scenario from lh_scenario_read_text(): all that
 * can be refused is refused by the first. */
enum lh_status lh_run_build(struct lh_run **out, const struct lh_scenario *s,
                            struct lh_ctx *ctx) LH_MUST_USE;
enum lh_status lh_run_simulate(struct lh_run *run, int jobs,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* A figure by its name: "step_time_s", "efficiency", "breakdown.wan_comm"
 * (lh_figure_at() has all).  NAN: the run has no such figure. */
double lh_run_figure(const struct lh_run *run, const char *name);
void lh_run_free(struct lh_run *run); /* NULL is allowed */

/* ---- stages, for who goes through them one by one --------------------------- */

/* Topology and program of a scenario, both checked; one with rl becomes its
 * trainer's.  On failure too *topology is NULL or for lh_topology_free(). */
enum lh_status lh_stages_build(struct lh_topology **topology,
                               struct lh_program *program,
                               struct lh_scenario *s, struct lh_ctx *ctx)
    LH_MUST_USE;
/* The loop of a scenario with rl, on the machine of all its sites. */
enum lh_status lh_loop_run(struct lh_rl_report *out, const struct lh_scenario *s,
                           struct lh_ctx *ctx) LH_MUST_USE;
/* Warnings: the one-site baseline has one device (a loop has none); the plan
 * does not fit. */
void lh_warn_of_unlike_sites(const struct lh_scenario *s, struct lh_ctx *ctx);
void lh_warn_of_memory(const struct lh_program *program,
                       const struct lh_scenario *s, bool fits,
                       struct lh_ctx *ctx);

#endif
