/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to cli/: the commands and what they share.  Only this folder prints
 * and exits; every command returns its exit status to main().
 */
#ifndef LONGHAUL_CLI_CLI_H
#define LONGHAUL_CLI_CLI_H

#include <argp.h>

#include <longhaul/longhaul.h>

enum {
    LH__EXIT_OK = 0,
    LH__EXIT_NO = 1,    /* cannot be met, does not fit, the machine failed */
    LH__EXIT_INPUT = 2, /* the user's input or command line                */
    LH__EXIT_SOME = 3,  /* some points of a sweep failed or are missing    */
};

/* One command: LH_COMMAND(name, summary); lh__cmd_NAME() is in cmd_NAME.c.
 * argv[0] is "longhaul NAME". */
#define LH__COMMANDS                                                           \
    LH_COMMAND(run, "simulate a step and print where its time goes")           \
    LH_COMMAND(compare, "simulate scenarios and print them side by side")      \
    LH_COMMAND(solve, "find the value of a key that reaches a target")         \
    LH_COMMAND(sweep, "simulate a scenario with many values of its keys")       \
    LH_COMMAND(golden, "compare results with those kept, for regression tests") \
    LH_COMMAND(validate, "simulate published runs and print the errors")       \
    LH_COMMAND(calibrate, "fit constants of devices and stacks to figures")     \
    LH_COMMAND(check, "read a scenario, build everything, simulate nothing")   \
    LH_COMMAND(show, "print a stage: scenario, topology, program, fold, ...")  \
    LH_COMMAND(collective, "time one collective on a scenario's machine")      \
    LH_COMMAND(list, "print what can be chosen: topologies, models, ...")      \
    LH_COMMAND(explain, "print what a key of the scenario means")              \
    LH_COMMAND(init, "print a commented example scenario to start from")

#define LH_COMMAND(name, summary) int lh__cmd_##name(int argc, char **argv);
LH__COMMANDS
#undef LH_COMMAND

/* ---- the scenario and its options -------------------------------------- */

/* What --set, --data and the FILE argument say. */
struct lh__input {
    struct lh_ctx *ctx;
    const char *path; /* "-": standard input */
    const char *text; /* of standard input, once lh__input_load() read it */
    size_t n_text;
    struct lh_setting *settings;
    size_t n_settings;
    size_t setting_capacity;
};

/* Child parser; its input is a struct lh__input with ctx set. */
extern const struct argp lh__input_argp;

/* Reads standard input where that is the file, for who reads the scenario
 * more than once. */
enum lh_status lh__input_load(struct lh__input *input) LH_MUST_USE;
/* The same input with one setting more, behind all others. */
struct lh__input lh__input_with(const struct lh__input *input, const char *path,
                                const char *value);

/* A scenario and what is built from it; with rl, that of the trainer's step. */
struct lh__stages {
    struct lh_scenario scenario;
    struct lh_scenario asked; /* with rl: the whole */
    struct lh_topology *topology; /* lh__stages_free() */
    struct lh_program program;
};

enum lh_status lh__stages_read(struct lh__stages *out,
                               const struct lh__input *input) LH_MUST_USE;
/* Topology and program of the scenario, both checked. */
enum lh_status lh__stages_build(struct lh__stages *stages,
                                struct lh_ctx *ctx) LH_MUST_USE;
void lh__stages_free(struct lh__stages *stages);
/* In a child of its own, once: without a fork where it can be. */
enum lh_status lh__stages_simulate(struct lh_result *out,
                                   const struct lh__stages *stages,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* Learners and a server, which are no step that repeats? */
static inline bool lh__is_async(const struct lh_scenario *s)
{
    return s->sync == LH_SYNC_ASYNC_DILOCO;
}
/* The loop of such: its result alone. */
enum lh_status lh__stages_async(struct lh_result *out,
                                const struct lh__stages *stages, int jobs,
                                struct lh_ctx *ctx) LH_MUST_USE;

/* ---- several scenarios at once (points.c) ------------------------------- */

/* One-site baselines, each simulated once however many points have it. */
struct lh__baselines {
    struct lh_ctx *ctx;
    struct lh__baseline *first;
    struct lh__near *near; /* loops */
};

struct lh__point {
    struct lh_ctx *ctx; /* where it is built, and its messages go */
    struct lh__stages stages;
    enum lh_status status;
    struct lh_result result;
    const struct lh_result *one_site; /* NULL: the scenario has one site */
    struct lh__baseline *baseline;
    struct lh_rl_report *rl;            /* NULL: the scenario has no loop */
    const struct lh_rl_report *rl_near; /* NULL: neither, or one site */
};

/* Reads and builds; the status is the point's too. */
enum lh_status lh__point_build(struct lh__point *point,
                               const struct lh__input *input) LH_MUST_USE;
/* Simulates the points that are built, at most `jobs` at a time.  Each has its
 * status; the first that is not LH_OK is returned. */
enum lh_status lh__points_run(struct lh__point *points, int n,
                              struct lh__baselines *baselines,
                              int jobs) LH_MUST_USE;
/* The one-site baselines alone, of points that are read. */
void lh__baselines_run(struct lh__point *points, int n,
                       struct lh__baselines *baselines, int jobs);
/* A point's, where it has one, and the same with its sites side by side. */
enum lh_status lh__loop_point(struct lh__point *point,
                              struct lh__baselines *baselines) LH_MUST_USE;
/* Simulates the loop with its sites side by side, if no point had it yet. */
void lh__loop_near(const struct lh__point *point,
                   struct lh__baselines *baselines);
/* What the figures are read from. */
struct lh_report lh__point_report(const struct lh__point *point);
void lh__baselines_free(struct lh__baselines *baselines);

/* ---- pictures of a run (report.c) ---------------------------------------- */

struct lh__pictures {
    const char *html_path;       /* NULL: none */
    const char *plot_prefix;     /* NULL: none */
    const char *vary_text;       /* NULL: no variants */
    int n_bars;
    struct lh_report_bar *bars;
    bool has_grid, grid_asked;
    struct lh_report_grid grid; /* as large as it is asked for; 0: none */
};

/* Child parser; its input is a zeroed struct lh__pictures. */
extern const struct argp lh__pictures_argp;
/* Simulates what the pictures need beside `here`; nothing where none is asked
 * for. */
enum lh_status lh__pictures_run(struct lh__pictures *pictures,
                                const struct lh__input *input,
                                const struct lh__stages *here,
                                int jobs) LH_MUST_USE;
/* Returns the exit status. */
int lh__pictures_write(const struct lh__pictures *pictures,
                       const struct lh_report *report, struct lh_ctx *ctx);

/* Its size, of --report-grid ("7x7", "off"); ends where that is neither. */
struct lh_report_grid lh__report_grid_default(void);
void lh__report_grid_read(struct lh_report_grid *out, const char *text,
                          const struct argp_state *state);
/* Simulates the points of a heat map; *any: there are fibres to vary.  Leaves
 * base_s to the caller, but for a loop. */
enum lh_status lh__report_grid_run(struct lh_report_grid *out, bool *any,
                                   const struct lh__stages *here, int jobs,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* The page of a comparison (report_compare.c); simulates again what its points
 * have not kept. */
struct lh__compare_page {
    const char *path;
    const struct lh_comparison *of;
    const struct lh__point *points; /* [of->n] */
    struct lh_report_grid grid;     /* its size */
    int jobs;
};
enum lh_status lh__compare_write(const struct lh__compare_page *page,
                                 struct lh_ctx *ctx) LH_MUST_USE;

/* ---- Chakra traces of a run (chakra.c) ------------------------------------ */

/* ranks: NULL, or what --ranks says.  Returns the exit status. */
int lh__chakra_put(const char *folder, const char *ranks,
                   const struct lh__stages *stages,
                   const struct lh_trace *trace, struct lh_ctx *ctx);

/* ---- files of goldens (golden_files.c) ----------------------------------- */

/* The *.json of a folder by name, or the file itself; none is an error. */
enum lh_status lh__golden_files(const char ***out, size_t *n, const char *path,
                                struct lh_ctx *ctx) LH_MUST_USE;
/* From a folder to a file, "../../examples/x.yaml". */
const char *lh__relative_path(const char *folder, const char *file,
                              struct lh_arena *arena);

/* ---- tasks in forked children (pool.c) ---------------------------------- */

struct lh__pool {
    int n;    /* tasks */
    int jobs; /* at a time; a task's slot is below it */
    void *data;
    int (*work)(void *data, int task, int slot); /* its child's exit status */
    /* In the parent; false: no more are begun. */
    bool (*done)(void *data, int task, int slot, int wait_status);
};
/* Children die with their parent. */
enum lh_status lh__pool_run(const struct lh__pool *pool,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* Zeroed memory that parent and children share, until the end of the
 * program; NULL with a message. */
void *lh__pool_memory(size_t bytes, struct lh_ctx *ctx);

/* ---- what goes out ----------------------------------------------------- */

/* Can the file be written?  Says so where it cannot; a status as below. */
int lh__file_touch(const char *path);
/* Messages to standard error, sorted by place. */
void lh__print_messages(const struct lh_ctx *ctx);
/* The result to standard output; a failed write is said on standard error.
 * Returns the exit status. */
int lh__print_result(const struct lh_text *text);
/* Same for a file. */
int lh__print_file(const char *path, const struct lh_text *text);
int lh__exit_status(enum lh_status st);

/* Ends with argp's message, "did you mean", and exit status 2. */
void lh__choice_error(const struct argp_state *state, const char *what,
                      const char *got, const char *const *choices, int n);

/* A whole number from least on; else argp's message and exit status 2. */
int lh__read_count(const struct argp_state *state, const char *option,
                   const char *text, int least);

#endif
