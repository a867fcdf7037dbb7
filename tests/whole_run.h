/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A scenario from its text to its result, as `longhaul run` has it: read,
 * built, checked, simulated on SimGrid in a child.  Tests hold the result to
 * closed forms; what fails on the way fails the test, with its message.
 * Leaves out: the same in one site, the loop of rl.
 */
#ifndef LH_TESTS_WHOLE_RUN_H
#define LH_TESTS_WHOLE_RUN_H

#include <longhaul/result.h>

/* Ownership: its own, until whole_run_end(). */
struct whole_run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_trace trace;
    struct lh_result result;
};

/* settings: [n] as of --set. */
void whole_run_begin(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n);
void whole_run_end(struct whole_run *r);

#endif
