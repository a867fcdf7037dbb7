/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A scenario from its text to its result, as `longhaul run` has it: read,
 * built, checked, simulated on SimGrid in a child; and what its program
 * communicates.  Tests hold both to closed forms; what fails on the way fails
 * the test, with its message.
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
    struct lh_async_report async; /* of learners and a server */
};

/* settings: [n] as of --set.  Up to the program, checked; then the rest. */
void whole_run_build(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n);
void whole_run_simulate(struct whole_run *r);
/* All of it. */
void whole_run_begin(struct whole_run *r, const char *text,
                     const struct lh_setting *settings, int n);
void whole_run_end(struct whole_run *r);

/* Communications of stage 0 on its first device. */
struct tally {
    int n;
    double bytes;
};
enum { TALLY_ANY = -1 };
struct tally_of {
    enum lh_collective collective;
    unsigned axes; /* exactly these */
    int task;      /* enum lh_task, or TALLY_ANY */
    int stream;    /* enum lh_stream, likewise */
};
struct tally program_tally(const struct lh_program *p, struct tally_of of);

#endif
