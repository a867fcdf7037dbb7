/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One draw, folded and unfolded: built from one scenario and one program, run
 * on SimGrid and on the fake engine, and compared.
 */
#ifndef LH_FOLD_PAIR_H
#define LH_FOLD_PAIR_H

#include <longhaul/result.h>

#include "../sim/exec.h"
#include "../sim/place.h"
#include "fold_draw.h"

enum { FOLDED, UNFOLDED, SIDES };

/* The fault of a draw at a link, rank and time of its step. */
struct mishap {
    enum fault_kind kind; /* NO_FAULT: none, or nothing that could fail */
    lh_link link;
    lh_rank rank;
    double at_s, for_s;
    const char *text; /* of the scenario */
};

struct pair {
    struct lh_ctx ctx;
    struct lh_scenario scenario[SIDES];
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point[SIDES];
    struct lh__placed placed[SIDES];
    struct lh_trace trace[SIDES];
    struct lh_result result[SIDES];
    struct mishap mishap;
    int32_t exchange_row; /* of the first stage; -1: none */
    bool is_sensitive;    /* rounding moves its ends: two engines differ */
    char *text;
};

/* A folder for what scenarios refer to, from a name as of mkdtemp(). */
char *pair_folder(char *name);
void pair_folder_remove(const char *dir);

struct pair pair_begin(void);
enum lh_status pair_build(struct pair *p, const struct draw *d,
                          const struct mishap *mishap, const char *dir);
enum lh_status pair_run(struct pair *p);
void pair_end(struct pair *p);
/* What differs, in the pair's arena, or NULL. */
const char *pair_differs(struct pair *p);
/* The unfolded side's shapes against those of sim/flow.c; as above. */
const char *shapes_differ(struct pair *p);
/* What is computed against what communication takes of multiprocessors, on
 * both sides; as above. */
const char *stealing_differs(struct pair *p);
/* An operation takes longer because of communication beside it. */
bool computing_is_slowed(const struct pair *p);
/* How the fold whose repeated blocks are listed once differs from that of
 * everything listed, in the pair's arena, or NULL. */
const char *generated_differs(struct pair *p);
/* Tests: so are the folds of steps on thousands of accelerators; a listing
 * that counts wrongly is refused. */
void generated_equals_refined_at_thousands(void);
void generated_equals_refined_with_a_part_domain(void);
void a_planted_wrong_count_is_refused(void);
/* The placed step on the fake engine, where groups alone on their links are
 * flows like all; false: it deadlocks. */
bool pair_run_fake(struct lh__exec_output *out, struct pair *p,
                   const struct lh__placed *placed);
bool apart(double a, double b, double tol);

/* Adds the draw's all-to-all to the program; returns its row of stage 0, which
 * those of the other stages follow. */
int32_t exchange_append(struct lh_program *p, const struct draw *d,
                        struct lh_ctx *ctx);

/* Does this build read such keys of a scenario?  One that says that it does
 * not support them may; any other error is a failure of the test. */
bool faults_are_read(void);
bool windows_are_read(void);
/* Where and when a fault strikes, by the step of the healthy pair. */
struct mishap mishap_of(const struct fault *f, const struct pair *healthy,
                        struct lh_arena *arena);
/* Something ran on the link or the rank meanwhile. */
bool mishap_acts(const struct pair *p);

#endif
