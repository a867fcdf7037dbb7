/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result: a breakdown of the steady step and the figures derived from it.
 * One definition each, in docs/model.md.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_RESULT_H
#define LONGHAUL_RESULT_H

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

/* ---- the loop of reinforcement learning ------------------------------------ */

struct lh_rl_report {
    const struct lh_scenario *scenario; /* the whole, not the trainer's alone */
    struct lh_rl_fleet_input *fleets;   /* [rl.n_fleets] */
    double weight_bytes;                /* of a push, one copy */
    double gather_s, switch_s;
    double *wan_bytes;                  /* [rl.n_fleets] of a push over each
                                           fibre of the way to an entry */
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
/* Gathering, transfer and load of new weights: sets weight_bytes, gather_s,
 * switch_s, wan_bytes and the fleets' push. */
void lh_rl_push_make(struct lh_rl_report *out, const struct lh_scenario *s,
                     const struct lh_topology *topology, double state_bytes,
                     struct lh_ctx *ctx);
/* The first accelerator of an entry, in the numbers of the topology. */
int64_t lh_rl_first_gpu(const struct lh_scenario *s, int fleet);

/* What the writers are handed. one_site: NULL for one-site scenarios. */
struct lh_report {
    const struct lh_scenario *scenario;
    const struct lh_program *program;
    const struct lh_topology *topology;
    const struct lh_trace *trace;
    const struct lh_result *result;
    const struct lh_result *one_site;
    int max_links;               /* rows of links; < 0: all */
    bool timing;                 /* adds engine.wall_s, which no result else
                                    holds: it is never the same twice */
    const struct lh_rl_report *rl; /* NULL: plain training; else all above is
                                      the trainer's step */
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

/* ---- validation: simulated beside published (docs/validation.md) ---------- */

/* One published figure, and the scenario that it is of. */
struct lh_validation_row {
    const char *name;
    const char *quantity;        /* "step_time", .. lh_quantity_at() */
    const char *unit;
    const char *convention;      /* of FLOPs; "": none */
    const char *published_text;  /* as in the file */
    double published;
    bool counts;                 /* in the totals */
    const char *confidence, *note;
    const char *scenario;        /* file of the base scenario */
    int n_settings;
    struct lh_setting *settings;
    struct lh_where where;
    const char *unsupported;     /* why it was refused; NULL: simulated */
    double simulated;            /* in the same unit; NAN: unsupported */
    double error;                /* simulated / published - 1; NAN likewise */
    double step_time_s;          /* simulated; NAN likewise */
    bool fits;
};

/* Of rows that count: median and share are over the compared ones, which are
 * those that were simulated; NAN where there is none. */
struct lh_validation_totals {
    int n_rows, n_counted, n_compared, n_unsupported;
    double median_abs_error;
    double within_10_frac;
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

/* The formats of `validate -o`; NULL after the last. */
struct lh_validation_output {
    const char *name;
    void (*write)(struct lh_text *out, const struct lh_validation *v);
};
const struct lh_validation_output *lh_validation_output_at(int i);

#endif
