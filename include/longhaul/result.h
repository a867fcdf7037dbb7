/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result: a breakdown of the steady step and the figures derived from it.
 * One definition each, in docs/model.md.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_RESULT_H
#define LONGHAUL_RESULT_H

#include <longhaul/async.h>
#include <longhaul/rl.h>
#include <longhaul/trace.h>

/* Links that cannot be told apart: kind, sites, capacity, latency and bytes. */
struct lh_link_use {
    const char *name;            /* of the first of them */
    enum lh_link_kind kind;
    int64_t count;
    double capacity_bytes_per_s; /* of one */
    double bytes;                /* of one in one step */
    double busy_frac;            /* bytes / (capacity x step time) */
};

struct lh_bound {
    double compute_s;            /* of the busiest accelerator, no gaps */
    double network_s;            /* bytes over capacity of the busiest link */
    double bound_s;              /* the larger */
    const char *cut;             /* the busiest link's name */
};

/* Of a step, the mean over the ranks of a site. */
struct lh_site_time {
    int64_t ranks;               /* 0: none stands there */
    double busy_s;               /* computes: compute, recompute, optimizer */
    double wan_s;                /* waits for what is in flight between sites */
    double wait_s;               /* waits for ranks of other sites */
    int waits_for;               /* index of the site waited for longest; -1 */
};

struct lh_result {
    double step_time_s;
    double tokens_per_s;
    double mfu;
    double hfu;
    bool fits;
    bool from_rest;              /* of a step with dated faults */
    bool steady;
    int steps_simulated;
    double breakdown_s[LH_CATEGORIES];     /* mean over ranks, sums to step */
    double critical_path_s[LH_CATEGORIES]; /* of the last rank to end, same sum */
    int n_sites;
    struct lh_site_time *sites;            /* in the scenario's order */
    int n_links;
    struct lh_link_use *links;             /* busiest first */
    struct lh_bound bound;
    int64_t events;
    int64_t rank_classes, group_classes, link_classes;
};

/* Fails (LH_FAILED) if a breakdown does not sum to its step to 1e-9. */
enum lh_status lh_result_make(struct lh_result *out,
                              const struct lh_trace *trace,
                              const struct lh_program *program,
                              const struct lh_topology *topology,
                              struct lh_ctx *ctx) LH_MUST_USE;

/* Device and kinds of parallelism: "h100-sxm with tensor+pipeline". */
const char *lh_family(const struct lh_scenario *scenario,
                      struct lh_arena *arena);
/* What data/validated.csv says of a family; n_rows 0: nothing. */
struct lh_family_error {
    const char *family;
    int n_rows;
    double median_abs_error, within_10_frac; /* NAN: no row */
};
enum lh_status lh_family_error_read(struct lh_family_error *out,
                                    const struct lh_scenario *scenario,
                                    struct lh_ctx *ctx) LH_MUST_USE;
/* ---- the loop of reinforcement learning ------------------------------------ */

/* A fibre in one direction. */
struct lh_rl_fibre {
    const char *name;
    lh_link link;
    double capacity_bytes_per_s;
    double push_bytes;             /* of one push */
    double step_bytes;             /* mean of a loop step */
    double busy_frac;
};

struct lh_rl_report {
    const struct lh_scenario *scenario; /* the whole, not the trainer's alone */
    struct lh_rl_fleet_input *fleets;   /* [rl.n_fleets] */
    struct lh_rl_judge_input *judges;   /* [rl.n_verifiers] */
    double weight_bytes;                /* of all weights */
    double push_bytes;                  /* of a push, one copy */
    double gather_s, switch_s;
    double train_extra, push_extra;     /* as lh_rl_input's */
    double *wan_bytes;                  /* [rl.n_fleets] of a push over each
                                           fibre of the way to an entry */
    int *relay;                         /* [rl.n_fleets] the entry that hands
                                           weights on to it; -1: the trainer */
    double *copies, *flows;             /* [rl.n_fleets] of a push to an entry,
                                           and NICs that it leaves by */
    int n_fibres;
    struct lh_rl_fibre *fibres;         /* that pushes cross */
    struct lh_rl_spans spans;
    int64_t train_shapes;               /* trainer steps simulated */
    struct lh_rl_result result;
};

/* The trainer's step on as many tokens as are expected, as a scenario. */
void lh_rl_trainer(struct lh_scenario *out, const struct lh_scenario *s,
                   struct lh_ctx *ctx);
/* Simulates the loop of a scenario on the topology of all its sites. */
enum lh_status lh_rl_run(struct lh_rl_report *out, const struct lh_scenario *s,
                         const struct lh_topology *topology,
                         struct lh_ctx *ctx) LH_MUST_USE;
/* Gathering, transfer and load of new weights: sets weight_bytes, push_bytes,
 * gather_s, switch_s, wan_bytes, relay, fibres and the fleets' push. */
enum lh_status lh_rl_push_make(struct lh_rl_report *out,
                               const struct lh_scenario *s,
                               const struct lh_topology *topology,
                               double state_bytes, struct lh_ctx *ctx)
    LH_MUST_USE;
/* What a step of the trainer (the point) and a push lose beside each other:
 * sets train_extra and push_extra, once the fleets' push is set. */
enum lh_status lh_rl_beside(struct lh_rl_report *out,
                            const struct lh_sim_point *step,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* What fibres carried in a loop that has run. */
void lh_rl_push_count(struct lh_rl_report *report);
/* Do replicas have room for a sample?  Without simulating. */
enum lh_status lh_rl_check(const struct lh_scenario *s, struct lh_ctx *ctx)
    LH_MUST_USE;
/* The first accelerator of an entry, in the numbers of the topology; and of a
 * verifier's. */
int64_t lh_rl_first_gpu(const struct lh_scenario *s, int fleet);
int64_t lh_rl_judge_gpu(const struct lh_scenario *s, int verifier);

/* ---- learners and a server ------------------------------------------------- */

/* Of the learners of a site, which are alike. */
struct lh_async_site {
    int site;
    int64_t learners, first;     /* of all, in the order of the sites */
    int64_t gpus;                /* of a learner */
    struct lh_async_learner of;
    double step_s;               /* waiting included, mean of them */
    double wan_s, wait_s;        /* of these, a step */
    double away_s;               /* and absences, with what they spoil */
    double exchange_s, held_s;   /* of a fragment */
};

struct lh_async_report {
    int n_sites;                 /* that hold learners */
    struct lh_async_site *sites;
    int64_t n;                   /* learners */
    double bytes;                /* of a push, one copy */
    double apply_s;
    double wait_frac;            /* of the accelerators' time: still */
    struct lh_async_result *result;
};

/* Simulates the learners of every site and the loop between them; the result
 * is of as much time as all together take for a step's tokens. */
enum lh_status lh_async_run(struct lh_async_report *out,
                            struct lh_result *result,
                            const struct lh_scenario *s,
                            const struct lh_program *program,
                            const struct lh_topology *topology, int jobs,
                            struct lh_ctx *ctx) LH_MUST_USE;

/* What the writers are handed. one_site: NULL for one-site scenarios. */
struct lh_report {
    const struct lh_scenario *scenario;
    const struct lh_program *program;
    const struct lh_topology *topology;
    const struct lh_trace *trace;
    const struct lh_result *result;
    const struct lh_result *one_site;
    const struct lh_family_error *validation; /* of the run's family */
    int max_links;               /* rows of links; < 0: all */
    bool timing;                 /* adds engine.wall_s, which no result else
                                    holds: it is never the same twice */
    const struct lh_rl_report *rl; /* NULL: plain training; else all above is
                                      the trainer's step */
    const struct lh_async_report *async; /* NULL: islands agree in steps */
    const struct lh_rl_report *rl_near; /* the loop with its sites side by
                                      side; NULL: nobody asked, or one site */
};

/* The fullest accelerators: of the stage, and on the device of it, whose need
 * is the largest share of the memory there. */
struct lh_fullest {
    int stage;
    const struct lh_device *device;
    double bytes;                /* needed, of device->memory_bytes */
};
struct lh_fullest lh_memory_fullest(const struct lh_program *program,
                                    const struct lh_scenario *scenario);

/* The formats of `run -o`, one line each in analysis/list.h. */
struct lh_output {
    const char *name;
    const char *help;
    int max_links;               /* unless the user says how many */
    void (*write)(struct lh_text *out, const struct lh_report *report);
};
int lh_output_count(void);
const struct lh_output *lh_output_at(int i);
const struct lh_output *lh_output_find(const char *name); /* or NULL */

void lh_write_text(struct lh_text *out, const struct lh_report *report);
void lh_write_json(struct lh_text *out, const struct lh_report *report);
void lh_write_csv(struct lh_text *out, const struct lh_report *report);
/* Chrome/Perfetto JSON of the steady step: one process a rank class, one
 * thread a stream, counters for link use. */
void lh_write_perfetto(struct lh_text *out, const struct lh_report *report);

/* ---- the report: a page with pictures, and figures for papers -------------- */

/* One bar of the parts of a step. */
struct lh_report_bar {
    const char *title;
    const struct lh_result *result;
    const struct lh_rl_result *loop; /* NULL: the scenario has none */
};

/* Step times (of the loop, with rl) over bandwidth and length of the fibres. */
struct lh_report_grid {
    int n_bandwidths, n_lengths;
    double *bandwidths_bytes_per_s, *lengths_m;
    double *step_s;              /* [length * n_bandwidths + bandwidth]; NAN:
                                    the scenario was refused */
    double own_bytes_per_s, own_m; /* of the scenario: of the slowest, of the
                                    longest fibre; 0: none */
    double base_s;               /* in one site; of a loop, with its sites side
                                    by side */
    bool several;                /* fibres, which are varied together */
    bool unlike_bandwidths, unlike_lengths; /* and keep their proportions */
};

/* A scenario beside the first, with pictures of its own. */
struct lh_report_more {
    const char *label;           /* "B" */
    const struct lh_report *report;
    const struct lh_report_grid *grid; /* NULL: none */
};

struct lh_report_page {
    const struct lh_report *report;
    int n_bars;                  /* variants, beside here and one site */
    const struct lh_report_bar *bars;
    const char *title;           /* of report; NULL: "as it stands" */
    int n_notes;                 /* sentences under the parts */
    const char *const *notes;
    const struct lh_report_grid *grid; /* NULL: none */
    const char *label;           /* of report, in headings; NULL: the only one */
    int n_more;
    const struct lh_report_more *more;
};
/* One file of HTML that is XML too: no script, nothing from elsewhere. */
enum lh_status lh_write_html(struct lh_text *out,
                             const struct lh_report_page *page,
                             struct lh_ctx *ctx) LH_MUST_USE;

/* Tables behind the pictures as CSV, and the gnuplot script that draws them;
 * NULL after the last.  False: there is nothing of this kind. */
struct lh_figure_file {
    const char *ending;          /* "-parts.csv", ".gp" */
    bool (*write)(struct lh_text *out, const struct lh_report_page *page,
                  const char *name);
};
const struct lh_figure_file *lh_figure_file_at(int i);
/* One cell of the row that `run -o csv` prints. */
struct lh_column {
    const char *name;
    const char *text;            /* NULL: a number */
    double number;               /* NAN: the result has none */
};
/* Returns how many there are; some only where the scenario asks for them. */
int lh_report_columns(struct lh_column **out, const struct lh_report *report,
                      struct lh_arena *arena);
/* As a field of CSV; quoted where RFC 4180 says so. */
void lh_csv_cell_write(struct lh_text *out, const char *text);
void lh_column_write(struct lh_text *out, const struct lh_column *column);

/* ---- goodput ----------------------------------------------------------------- */

/* Of the islands that fail alone; one island: all. */
struct lh_goodput {
    double islands;
    double spans;                /* of fibre, in all */
    double mtbf_s;               /* between failures of one island */
    double checkpoint_bytes;     /* of all islands */
    double pause_s;              /* training stands still for a checkpoint */
    double write_s;              /* asynchronous: until it can be used */
    double every_s;              /* training between two */
    double restart_s;            /* with reading the checkpoint back */
    double frac;                 /* of the time that makes lasting steps */
    double coupled_frac;         /* the same if a failure stops all */
    double tokens_per_s;         /* result's x frac */
};
/* False: the scenario says nothing of failures. */
bool lh_goodput_make(struct lh_goodput *out, const struct lh_report *report);
/* Daly's optimum of the training between two checkpoints. */
double lh_checkpoint_interval(double mtbf_s, double pause_s);
/* after_s: from a failure to training, and training lost for sure. */
double lh_goodput_frac(double mtbf_s, double every_s, double pause_s,
                       double after_s);

/* ---- equal loss ------------------------------------------------------------- */

/* NAN: no factor is known, or there is no other site. */
struct lh_at_equal_loss {
    double step_time_s;          /* step time x factor of tokens */
    double tokens_per_s;         /* that count as those of every-step */
    double efficiency;           /* one site's step over step_time_s */
};
/* False: the scenario does not ask for it, or its step is every-step's. */
bool lh_equal_loss_make(struct lh_at_equal_loss *out,
                        const struct lh_report *report);

/* ---- figures by name, targets --------------------------------------------- */

struct lh_figure {
    const char *name;            /* "efficiency", "breakdown.wan_comm" */
    const char *help;
    enum lh_dimension dimension;
};
/* False after the last. */
bool lh_figure_at(struct lh_figure *out, int i, struct lh_arena *arena);
/* NAN: the report has no such figure. */
double lh_figure_value(const struct lh_figure *figure,
                       const struct lh_report *report);
/* For people. */
const char *lh_figure_text(const struct lh_figure *figure, double value,
                           struct lh_arena *arena);

struct lh_target {
    struct lh_figure figure;
    bool at_least;               /* >=, else <= */
    bool extreme;                /* no bound: the largest (at_least), or the
                                    smallest, that there is */
    double bound;
    const char *text;            /* "efficiency >= 0.95", "largest mfu" */
};
/* "FIGURE >= VALUE", "FIGURE <= VALUE" */
enum lh_status lh_target_read(struct lh_target *out, const char *text,
                              struct lh_ctx *ctx) LH_MUST_USE;
/* The largest or smallest of a figure; option: that names it, for messages. */
enum lh_status lh_extreme_read(struct lh_target *out, const char *figure,
                               bool largest, const char *option,
                               struct lh_ctx *ctx) LH_MUST_USE;
bool lh_target_reached(const struct lh_target *target, double value);

/* ---- why one step is longer than another ---------------------------------- */

/* What a step loses to: the category that it has most of beyond the one-site
 * step, or of all where there is no shorter one. */
struct lh_loss {
    const char *kind;            /* "latency", "site bandwidth", "compute" */
    const char *text;            /* a sentence */
};
struct lh_loss lh_loss_of(const struct lh_report *report,
                          struct lh_arena *arena);
/* What keeps a step from the target: the same, or "tokens". */
struct lh_loss lh_target_loss(const struct lh_target *target,
                              const struct lh_report *report,
                              struct lh_arena *arena);

/* ---- search: the last value of a key that reaches a target ---------------- */

/* What came of one value. */
struct lh_trial {
    double value;
    double figure;               /* NAN: the scenario was refused */
    struct lh_loss loss;         /* text: why it was refused, if it was */
};

struct lh_search {
    struct lh_arena *arena;
    struct lh_vary vary;         /* span: any value from lo to hi */
    struct lh_target target;
    double resolution;           /* of the answer, a share */
    double near;                 /* where to begin; 0: at both ends */
    bool begun;
    int rounds;                  /* since then, to take turns */
    double x0;
    int n_trials;
    size_t capacity;
    struct lh_trial *trials;     /* values go up */
};

struct lh_solution {
    bool reached;
    bool everywhere;             /* by every value that was simulated */
    bool smallest;               /* the figure improves with the key */
    bool monotone, has_effect;
    struct lh_trial answer, beyond; /* the edge's two sides; where reached */
    struct lh_trial best;
    struct lh_trial breaks[2];   /* where it is not monotone */
};

enum { LH_SEARCH_ROUND = 10 };   /* values asked for at once, at most */

enum lh_status lh_search_begin(struct lh_search *out,
                               const struct lh_vary *vary,
                               const struct lh_target *target,
                               double resolution, struct lh_ctx *ctx)
    LH_MUST_USE;
/* Values to be tried now; 0: the search has ended. */
int lh_search_next(struct lh_search *search, double *out);
void lh_search_add(struct lh_search *search, const struct lh_trial *trial);
void lh_search_solution(struct lh_solution *out,
                        const struct lh_search *search);

/* ---- the value with which a figure is best --------------------------------- */

/* Of an extreme target.  Figures that differ by less than 1e-9 of the largest
 * are equal. */
struct lh_extreme {
    struct lh_trial best;        /* of equals the lowest value */
    int n_ties;                  /* others with the same figure */
    double *ties;                /* [n_ties] going up */
    bool has_effect;
    bool at_end;                 /* nothing was tried beyond */
    bool one_peak;
    struct lh_trial other;       /* the next best peak, if not */
};
void lh_extreme_make(struct lh_extreme *out, const struct lh_search *search);

/* What `solve` found, for its writers. */
struct lh_solve_report {
    const struct lh_search *search;
    const struct lh_solution *solution;
    const struct lh_scenario *scenario;
    const char *batch;           /* what is fixed, in words */
    const struct lh_extreme *extreme; /* of an extreme target: in place of the
                                    solution */
};
struct lh_solve_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_solve_report *report);
};
const struct lh_solve_output *lh_solve_output_at(int i); /* NULL: no more */
/* The same for an extreme target. */
const struct lh_solve_output *lh_extreme_output_at(int i);

/* ---- scenarios side by side ------------------------------------------------ */

/* One of them; `over` are its differences from the first. */
struct lh_compared {
    const char *label;           /* "A" */
    const char *title;           /* its file, or what was set in it */
    struct lh_report report;
    int64_t accelerators;
    double batch_per_gpu;        /* sequences of a step */
    int n_keys;
    struct lh_difference *keys;  /* a: of the first, b: of this */
    const char *cause;           /* a sentence; of the first "" */
};

/* What all of them have equal. */
enum lh_equal_batch { LH_BATCH_GLOBAL, LH_BATCH_PER_GPU, LH_BATCH_NEITHER };
struct lh_comparison {
    int n;
    struct lh_compared *of;
    enum lh_equal_batch batch;
    const char *batch_text;      /* a sentence */
};
/* titles: [n]. */
void lh_compare(struct lh_comparison *out, const struct lh_report *reports,
                const char *const *titles, int n, struct lh_ctx *ctx);

struct lh_compare_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_comparison *c);
};
const struct lh_compare_output *lh_compare_output_at(int i); /* NULL: no more */

/* ---- validation: simulated beside published (docs/validation.md) ---------- */

/* What a figure is of: a step of training, or a collective alone. */
enum lh_row_kind { LH_ROW_TRAINING, LH_ROW_BUSBW, LH_ROW_RL };

/* One published figure, and the scenario that it is of. */
struct lh_validation_row {
    const char *name;
    const char *quantity;        /* "step_time", .. lh_quantity_at() */
    enum lh_row_kind kind;       /* of the quantity */
    const char *unit;
    const char *convention;      /* of FLOPs; "": none */
    const char *published_text;  /* as in the file */
    double published;
    bool judged;                 /* in the medians of its kind */
    bool counts;                 /* so, and of training: in the totals */
    const char *ablates;         /* row of which it changes an assumption; or "" */
    const char *confidence, *note;
    enum lh_collective collective; /* of busbw, with the next two */
    const char *algorithm;
    double size_bytes;           /* as nccl-tests counts it */
    const char *over;            /* of rl_speed_up: the row it is faster than */
    const char *scenario;        /* file of the base scenario */
    int n_settings;
    struct lh_setting *settings;
    struct lh_where where;
    const char *unsupported;     /* why it was refused; NULL: simulated */
    double simulated;            /* in the same unit; NAN: unsupported */
    double error;                /* simulated / published - 1; NAN likewise */
    double step_time_s;          /* simulated; NAN likewise, and for busbw */
    bool fits;
    const char *model;           /* simulated: the name of its model, and */
    const char *family;          /* lh_family(); else NULL */
};

/* Of a size: from LH_BUSBW_LARGE_BYTES on, or from LH_BUSBW_MIDDLE_BYTES. */
enum { LH_BUSBW_MIDDLE_BYTES = 1 << 19, LH_BUSBW_LARGE_BYTES = 1 << 23 };
struct lh_busbw_totals {
    int n_rows;
    int n_large, n_middle;       /* judged and simulated */
    double median_large, median_middle; /* of the absolute error; NAN: none */
};

/* Rows of the RL loop by what they are: steps of the loop or of its trainer,
 * pushes of weights, speed-ups.  Medians as above. */
struct lh_rl_totals {
    int n_rows;
    int n_steps, n_syncs, n_speed_ups; /* judged and simulated */
    double median_steps, within_30_frac;
    double median_syncs, worst_sync;
    double median_speed_ups;
};

/* Of training rows that count: median and share are over the compared ones,
 * which are those that were simulated; NAN where there is none.  Rows that
 * ablate are of neither kind. */
struct lh_validation_totals {
    int n_rows, n_counted, n_compared, n_unsupported;
    double median_abs_error;
    double within_10_frac;
    struct lh_busbw_totals busbw;
    struct lh_rl_totals rl;
};

/* One file of rows. */
struct lh_validation_source {
    const char *name;            /* of the file, without folder and ending */
    const char *title;           /* first paragraph of the file's comment */
    const char *remarks;         /* the other paragraphs, by empty lines */
    int n_rows;
    struct lh_validation_row *rows;
    struct lh_validation_totals totals;
};

struct lh_validation {
    int n_sources;
    struct lh_validation_source *sources;
    const struct lh_csv *calibrated; /* data/calibrated.csv; NULL: the rows are
                                        not those compiled in */
    struct lh_validation_totals totals;
    double median_of_medians;    /* over sources that have one; else NAN */
};

/* Reads files of rows; n = 0: those compiled into the program. */
enum lh_status lh_validation_read(struct lh_validation *out,
                                  const char *const *paths, int n,
                                  struct lh_ctx *ctx) LH_MUST_USE;
/* Simulates every row, `jobs` at a time.  A row that is refused says so and
 * is no failure. */
enum lh_status lh_validation_run(struct lh_validation *v, int jobs,
                                 struct lh_ctx *ctx) LH_MUST_USE;

/* Quantities that rows can have; NULL after the last. */
const struct lh_choice *lh_quantity_at(int i);
/* Bus over algorithm bandwidth of n members. */
double lh_bus_factor(enum lh_collective collective, int64_t n);

/* The formats of `validate -o`; NULL after the last. */
struct lh_validation_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_validation *v);
};
const struct lh_validation_output *lh_validation_output_at(int i);

/* ---- calibration: constants of data tables fitted to rows ----------------- */

/* One cell of a data table, or the same column of several rows, which keep
 * their proportions.  Values are in the unit of the (first) cell. */
struct lh_constant {
    const char *name;            /* "accelerators:a100-sxm.kernel_gap" */
    const char *table, *column;
    int n_rows;
    const char **rows;
    double *cells;               /* [n_rows] numbers of the table's cells */
    const char *unit;            /* " us", "" */
    double low, high;            /* bounds, 0 < low < high */
    double value;                /* the table's, then the fitted one */
    int n_used, n_models;        /* training rows that use it; models of them */
    int n_busbw;                 /* judged rows of bus bandwidth that use it */
};

/* "TABLE:ROW[+ROW...].COLUMN[=LOW..HIGH]"; without bounds those of
 * data/fitted.csv, else half and twice the cell. */
enum lh_status lh_constant_read(struct lh_constant *out, const char *text,
                                struct lh_ctx *ctx) LH_MUST_USE;
/* Those of data/fitted.csv that are of training rows. */
enum lh_status lh_constants_fitted(struct lh_constant **out, int *n,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* One source in a calibration: medians of the absolute error; NAN: no row. */
struct lh_calibrated_source {
    const char *name;
    int n_rows;                  /* that are fitted to */
    int n_training;              /* of these */
    double before, after;
    double left_out;             /* with all fitted without it */
};

struct lh_calibration {
    bool median;                 /* of a source's |log error|; else the mean */
    bool fit;                    /* else the uses only */
    bool leave_one_out;
    int jobs;
    int n_constants;
    struct lh_constant *constants;
    double *before;              /* [n_constants] values before */
    int n_sources;
    struct lh_calibrated_source *sources;
    double loss_before, loss_after; /* mean over sources */
    int64_t simulations;         /* of a row */
};

/* Fills what follows `constants`; jobs >= 1.  Rows that count are fitted to, and
 * where a constant moves them those of bus bandwidth from 0.5 MiB on; every
 * source weighs the same. */
enum lh_status lh_calibrate(struct lh_calibration *c, struct lh_validation *v,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* The constants' table, whole, with the values in it. */
enum lh_status lh_calibrated_table(struct lh_text *out, const char *table,
                                   const struct lh_calibration *c,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* The formats of `calibrate -o`; NULL after the last. */
struct lh_calibration_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_calibration *c);
};
const struct lh_calibration_output *lh_calibration_output_at(int i);

#endif
