/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The trace: when every operation of every rank class ran in one steady step,
 * and what the simulation did.  Flat arrays, no pointers between objects; made
 * by a forked child that initialises SimGrid, read by the parent.
 *
 *   record of (class c, op o):  r = class_first[c] + o
 *
 * Of a program with cycles the steps of one cycle, those left out that repeat
 * the one before them (step_repeats).  Step i has its records at i * n_records
 * and its classes' begin and end at i * n_classes.
 *
 * Power states follow from the records: an accelerator computes while a
 * compute op runs, communicates while only communications are in flight, and
 * idles else.
 *
 * Ownership: the context's arena, which keeps the memory that the child wrote.
 */
#ifndef LONGHAUL_TRACE_H
#define LONGHAUL_TRACE_H

#include <longhaul/engine.h>
#include <longhaul/program.h>
#include <longhaul/topology.h>

/* An operation in one step, as the executor leaves it. */
struct lh_times {
    double posted_s; /* its rank had all that it needs */
    double start_s;  /* -1: it does not run */
    double end_s;
    int32_t late;   /* the member that was ready last; -1: of none */
    uint16_t waits; /* for so many others; UINT16_MAX: it does not run */
};

struct lh_trace {
    int32_t n_classes;
    int64_t *class_size;      /* [n_classes] ranks it stands for            */
    lh_rank *class_rank;      /* [n_classes] representative                 */
    int32_t *class_template;  /* [n_classes]                                */
    int64_t *class_first;     /* [n_classes + 1] first record               */
    double *class_speed;      /* [n_classes] of compute, 1 = nominal; where it
                                 changes in the step the highest             */
    int32_t *class_site;      /* [n_classes] index of a site; NULL: one        */
    int32_t n_sites;
    int32_t *class_twin;      /* [n_classes] the first class that does the same
                                 at the same times; NULL: each its own       */
    int32_t n_steps;          /* kept; 0 is 1                                */
    int64_t phase;            /* step of the cycle that the first of them is */
    int64_t *step_number;     /* [n_steps] counted from the first; NULL: 0   */
    int64_t *step_repeats;    /* [n_steps] steps after it that are like it;
                                 NULL: none                                  */
    double *class_begin_s;    /* [n_steps x n_classes] end of the step before */
    double *class_end_s;      /* [n_steps x n_classes] end of this step; of a
                                 step from rest that of its last op, for all
                                 classes                                     */

    int64_t n_records;
    /* of posted_s .. late: [n_steps x n_records]; an op that does not run in a
     * step has start_s < 0 there. */
    double *posted_s;   /* the rank had everything it needs itself           */
    double *start_s;    /* compute: runs; comm: the last member was ready     */
    double *end_s;
    int64_t *late;      /* comm: record of the member that was ready last     */
    /* A brief trace has no such arrays but, of each step, the times of the
     * classes that were run; the ops of a class are those from class_shared
     * on, which may be another's too.  late is the first of those that share
     * the times of the one that was ready last. */
    const struct lh_times **times; /* [n_steps]; NULL: the trace is not brief */
    int64_t *class_shared;         /* [n_classes]                             */
    int32_t *group;     /* comm: its group, compute: -1                       */

    int32_t n_groups;
    uint8_t *group_wan;       /* [n_groups] crosses a WAN link                */
    int32_t *group_algorithm; /* [n_groups] index for lh_algorithm_at, -1     */
    int64_t *group_count;     /* [n_groups] groups it stands for              */
    int32_t *group_comm;      /* [n_groups] row of the program                */
    int64_t *group_sms;       /* [n_groups] multiprocessors that its kernel
                                 takes of a member's while it is in flight    */

    int32_t n_links;          /* classes of links that something crosses      */
    lh_link *link_first;      /* [n_links] representative                     */
    int64_t *link_count;      /* [n_links] links it stands for                */
    double *link_bytes;       /* [n_links] carried by one in one step         */
    double *link_capacity;    /* [n_links] bytes/s of one; where it changes in
                                 the step the highest                         */

    bool from_rest;           /* faults have dates: one step that begins for
                                 all at 0, with nothing before it             */
    bool steady;              /* the state at step boundaries repeats         */
    int steps_simulated;
    double step_time_s;
    int64_t events;           /* callbacks of the engine                      */
    double wall_s;            /* of the child; never in a result              */
};

static inline int32_t lh_trace_steps(const struct lh_trace *t)
{
    return t->n_steps > 1 ? t->n_steps : 1;
}

struct lh_sim_point {
    const struct lh_scenario *scenario;
    const struct lh_program *program;
    const struct lh_topology *topology;
};

/* Simulates one point in a forked child; SimGrid is never initialised in the
 * caller.  Errors: a deadlock (who waits for what), a child that died. */
enum lh_status lh_sim_run(struct lh_trace *out, const struct lh_sim_point *point,
                          struct lh_ctx *ctx) LH_MUST_USE;
/* n points, at most `jobs` at a time, in order; status[i] and out[i] belong to
 * point i.  The traces may be brief.  Returns the first status that is not LH_OK. */
enum lh_status lh_sim_run_many(struct lh_trace *out, enum lh_status *status,
                               const struct lh_sim_point *points, int n,
                               int jobs, struct lh_ctx *ctx) LH_MUST_USE;
/* Gives each class of a brief trace times of its own, as whoever draws a trace
 * wants them. */
void lh_trace_tell(struct lh_trace *trace, struct lh_ctx *ctx);
/* Places a point without simulating it: what lh_sim_run() would refuse. */
enum lh_status lh_sim_check(const struct lh_sim_point *point,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* One point without a fork, once a process; the trace may be brief. */
enum lh_status lh_sim_run_here(struct lh_trace *out,
                               const struct lh_sim_point *point,
                               struct lh_ctx *ctx) LH_MUST_USE;

/* A workload that decides as it goes, in a forked child: a state machine that
 * sees the engine alone.  Channel i is route i: `flows` transfers side by side,
 * from accelerators that stand as `from` does to such as `to` (equal: by the
 * software alone), each over a NIC and a scale-up link of its own, all over the
 * same gateways and fibres; what is sent on it is the bytes of one. */
struct lh_sim_route {
    int64_t from, to;
    int64_t flows;
};
struct lh_sim_dynamic {
    const struct lh_sim_point *point; /* faults and background of its fibres */
    int32_t n_routes;
    const struct lh_sim_route *routes;
    double base_s;             /* software latency, as of a collective case   */
    enum lh_status (*work)(void *out, const struct lh_engine *engine,
                           const void *input, struct lh_ctx *ctx);
    const void *input;
};
/* out: `bytes`, flat, zeroed before. */
enum lh_status lh_sim_dynamic(void *out, size_t bytes,
                              const struct lh_sim_dynamic *d,
                              struct lh_ctx *ctx) LH_MUST_USE;

void lh_trace_print(struct lh_text *out, const struct lh_trace *trace,
                    const struct lh_program *program);
/* The classes that a run of the point would simulate, and what tells them
 * apart; and a picture of them as SVG. */
enum lh_status lh_sim_fold_print(struct lh_text *out,
                                 const struct lh_sim_point *point,
                                 struct lh_ctx *ctx) LH_MUST_USE;
enum lh_status lh_sim_fold_svg(struct lh_text *out,
                               const struct lh_sim_point *point,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* What the engine was set to, e.g. {"simgrid": "3.32", "network/model": ...}. */
void lh_sim_settings_json(struct lh_text *out);

/* One collective alone on a topology: members are accelerators in rank order.
 * Coupled or message by message (n <= 256); arrivals_s: when each member
 * joins, NULL = all at 0.  *time_s from the last arrival to the end for
 * coupled, and to the last member's end for messages. */
struct lh_collective_case {
    enum lh_collective collective;
    const char *algorithm;
    int64_t n;
    const int64_t *accelerators;
    double bytes;
    const int64_t *load;       /* as lh_comm.load; NULL: equal                */
    struct lh_copies copies;   /* as lh_comm.copies                           */
    const double *arrivals_s;
    double base_s;             /* software latency, where the fabric has no
                                  library of its own                          */
    enum lh_collectives mode;
    int64_t rescale;           /* weights and 1/phi x this, bytes / this; 1   */
};
enum lh_status lh_sim_collective(double *end_s,
                                 const struct lh_collective_case *c,
                                 const struct lh_topology *topology,
                                 struct lh_ctx *ctx) LH_MUST_USE;
/* Flows that begin together, on channels over links of their own: when each
 * ends. */
struct lh_flows_case {
    int n;
    const struct lh_channel_spec *specs;
    const double *bytes;
    int32_t n_links;
    const double *capacity_bytes_per_s;
};
enum lh_status lh_sim_flows(double *end_s, const struct lh_flows_case *c,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* A step beside flows that are no part of its program: `bytes` out of each
 * accelerator's NIC, from the step's beginning on, at most at a rate. */
struct lh_sim_beside {
    double bytes;                  /* INFINITY: all the time; else of one step
                                      from rest                               */
    double cap_bytes_per_s;        /* > 0; INFINITY: that of the NIC          */
};
struct lh_sim_beside_result {
    double step_time_s;
    double bytes_per_s;            /* out of a NIC, mean over them and the run;
                                      0: the program's ranks use no NIC       */
};
/* Coupled, folded; the program has no cycles.  Errors as lh_sim_run(). */
enum lh_status lh_sim_beside(struct lh_sim_beside_result *out,
                             const struct lh_sim_point *point,
                             const struct lh_sim_beside *beside,
                             struct lh_ctx *ctx) LH_MUST_USE;
/* What a case takes: "ring" and "LL128"; a send is "send", and the protocol of
 * a fabric without a library "-". */
struct lh_collective_choice {
    const char *algorithm;
    const char *protocol;
};
enum lh_status lh_sim_collective_choice(struct lh_collective_choice *out,
                                        const struct lh_collective_case *c,
                                        const struct lh_topology *topology,
                                        struct lh_ctx *ctx) LH_MUST_USE;

#endif
