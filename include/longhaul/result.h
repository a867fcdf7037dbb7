/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result: a breakdown of the steady step and the figures derived from it.
 * One definition each, in docs/model.md.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_RESULT_H
#define LONGHAUL_RESULT_H

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

#endif
