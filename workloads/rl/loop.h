/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/rl/: samples, replicas that generate them (replica.c,
 * room.c, heap.c), what these compute before (fill.c), their turns (turns.c)
 * and absences (absence.c), verifiers (verify.c), the trainer (trainer.c), its
 * pushes (push.c) and what both share (beside.c), the loop between (loop.c) and
 * its accounts (account.c); fewer replicas for many (sampled.c).
 */
#ifndef LH_WORKLOADS_RL_LOOP_H
#define LH_WORKLOADS_RL_LOOP_H

#include <longhaul/rl.h>

struct lh__loop;

struct lh__group;

/* Tokens to compute before a sample runs, behind others that are there. */
struct lh__fill {
    double before, tokens;
};

struct lh__sample {
    struct lh__group *group;
    struct lh__sample *next; /* in a queue */
    int64_t tokens;          /* of the whole response */
    int64_t done;            /* of turns that are complete */
    int64_t part;            /* of the turn that runs or comes */
    int64_t turn;            /* from 0 on */
    bool running, complete;
    int64_t had;   /* of the turn, when it was taken in last: it had been
                      put back for want of memory */
    int64_t taken; /* how many its replica had taken in before */
    int64_t begun; /* iteration of its replica when it began to run */
    int64_t end;   /* iteration of its replica that ends the turn */
    bool filling;  /* its context is computed, in chunks */
    bool fills;    /* it had something to compute */
    struct lh__fill fill;
    int64_t order;      /* of issue, among all samples */
    int64_t version;    /* of the weights of its first token */
    int64_t kv_version; /* of those that computed what it keeps */
    double back_s;      /* when tools have answered; < 0: they do not work */
};

/* A prompt and its samples, all on one replica. */
struct lh__group {
    struct lh__loop *loop;
    struct lh__group *next;            /* in the buffer, or spare */
    struct lh__group *before, *behind; /* alive */
    struct lh__group *above, *below;   /* of its replica, not complete */
    struct lh__sample *samples;
    int64_t prompt;
    int64_t left; /* samples not yet generated */
    struct lh__replica *replica;
    int64_t least_version; /* of the weights that it may begin with */
    bool prefilled;        /* its replica holds the prompt */
    int64_t inside;        /* samples that its replica has tokens of */
};

struct lh__queue {
    struct lh__sample *first, *last;
};

struct lh__other;

struct lh__replica {
    struct lh__loop *loop;
    int fleet;
    int64_t index; /* among all */
    const struct lh_rl_rates *rates;
    int64_t version;          /* of its weights */
    int64_t coming;           /* newer ones that are there; else -1 */
    bool loading;             /* stands still for them, until due_s */
    bool drained;             /* waits for the others of its entry */
    struct lh__sample **heap; /* running, the first to end on top */
    int64_t n_running, n_taken;
    size_t capacity;
    struct lh__queue queue; /* new ones */
    struct lh__queue back;  /* of a turn before, with their place */
    struct lh__queue again; /* put back, or of a turn before, without */
    int64_t n_parked;       /* places of samples between turns */
    double parked;          /* tokens that these keep */
    struct lh__queue fill;  /* taken in, their context is computed in chunks */
    int64_t n_filling;
    double filling; /* tokens that these will have */
    double shared;  /* of prompts, of all in these three but once a group */
    double chunk;   /* tokens of them an iteration until due_n; 0: none */
    double chunk_s, chunk_more_s; /* attention of the first of these iterations,
                                     and how much more of each after it */
    struct lh__group *groups;     /* not complete */
    int64_t outstanding;          /* samples not complete */
    double peak;                  /* tokens a second at full concurrency */
    int64_t iteration;
    double context;              /* tokens that running samples have */
    double since_s;              /* boundary of `iteration` */
    double due_s;                /* next boundary where something happens */
    int64_t due_n;               /* iterations until then */
    int64_t tokens;              /* generated */
    double generate_s, update_s; /* since the last reset */

    bool away; /* or on its way back */
    int64_t spells;
    double away_since_s, away_s;

    struct lh__other *others; /* replicas that it stands for (sampled.c) */
    double ghost_until_s;     /* the last of them ends its batch; < 0: none */

    double span_from_s; /* < 0: idle */
};

/* Workers of a rule; or replicas of a model, each with places. */
struct lh__verifier {
    const struct lh_rl_judge_input *judge; /* NULL: a rule */
    int64_t n, places;
    double *free_s; /* [n][places] */
    int64_t next;
    double busy_s;            /* since the reset, booked ahead included */
    double service_s, wait_s; /* sums of samples since then */
    int64_t judged;
};

/* What goes on at a speed that changes: training, or weights on their way. */
struct lh__work {
    struct lh__loop *loop;
    double left_s, since_s; /* at full speed, from then on */
    double speed;
    int64_t serial; /* of the alarm that counts */
    bool runs;
    lh_callback done;
    void *data;
};

/* Weights on their way to an entry. */
struct lh__arrival {
    struct lh__loop *loop;
    int fleet;
    int64_t version;
    bool under_way;
    struct lh__work transfer;
};

struct lh__loop {
    const struct lh_rl_input *in;
    const struct lh_rl *rl;
    const struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh_rl_result *out;
    enum lh_status status;
    bool ended;

    int n_replicas;
    struct lh__replica *replicas;
    int *fleet_first;       /* [n_fleets + 1] */
    int *fleet_drained;     /* [n_fleets] */
    int *fleet_up;          /* [n_fleets] replicas that are there */
    int64_t *fleet_arrived; /* [n_fleets] version that is there */

    struct lh__group *alive, *spare; /* issued and not used; used */
    struct lh__group *orphans;       /* no replica is there for them */
    int64_t n_issued;
    int64_t n_stale; /* of these, thrown away for it */
    int64_t n_samples;
    struct lh__group *buffer, *buffer_last; /* verified, in order */
    int64_t n_buffer;
    struct lh__verifier *verifiers;
    double verify_sum_s;
    int64_t n_verified;
    double environment_sum_s;
    double mean_tokens; /* of a response */

    double each;   /* prompts that one stands for */
    double copies; /* of a sample, that verifiers have not seen yet */
    int64_t n_ghosts;

    bool batch_open;          /* some of it is not generated */
    int64_t batch_version;    /* that it needs */
    int64_t batch_left;       /* samples of the batch that are not generated */
    double generated_until_s; /* its last sample */
    double tail_from_s, tail_sum_s;
    double exposed_s; /* since the reset, as all sums below */

    int64_t version;  /* of the trainer: steps done */
    int64_t spells;   /* departures in this step */
    int64_t pushed;   /* version on its way or there */
    int pushing;      /* entries that it has not reached */
    bool awaits_date; /* of the interval, to push */
    bool busy;        /* the trainer */
    double free_since_s, trained_until_s, push_begin_s;
    double *version_s;          /* [steps + 1] when the trainer had it */
    bool issues;                /* at the end of this instant */
    double log_prob_s, train_s; /* of the step that runs */
    double train_begin_s;       /* where pushes slow it down */
    double push_sum_s, push_cost_s;
    struct lh__arrival *arrivals; /* [n_fleets] */
    struct lh__work training;
    int n_transfers; /* that run */

    double reset_s; /* end of warm-up */
    int64_t trained_before, discarded_before, generated_before, samples_before;
};

/* Do replicas wait for whole batches? */
static inline bool lh__loop_batches(const struct lh__loop *l)
{
    return l->rl->mode != LH_RL_ASYNC;
}

double lh__loop_now(const struct lh__loop *l);
void lh__loop_at(struct lh__loop *l, double date_s, lh_callback call,
                 void *data);

/* ---- replica.c ------------------------------------------------------------
 */

void lh__replica_make(struct lh__replica *r, struct lh__loop *l, int fleet);
void lh__replica_load(struct lh__replica *r, double seconds);
/* All of its entry that are there have drained: they load together. */
void lh__replica_drained(struct lh__loop *l, int fleet);
void lh__replica_add(struct lh__replica *r, struct lh__sample *sample);
/* Something changed: looks again at its next boundary. */
void lh__replica_poke(struct lh__replica *r);
/* Newer weights are there. */
void lh__replica_offer(struct lh__replica *r, int64_t version);
/* Books what it did until now. */
void lh__replica_advance(struct lh__replica *r);
/* Tokens that a sample of it has so far. */
int64_t lh__replica_tokens(const struct lh__replica *r,
                           const struct lh__sample *sample);

/* Does it have samples in iterations? */
static inline bool lh__replica_works(const struct lh__replica *r)
{
    return r->n_running + r->n_filling > 0;
}

/* ---- room.c ---------------------------------------------------------------
 */

void lh__queue_add(struct lh__queue *q, struct lh__sample *sample);
/* The first of it; NULL: it is empty. */
struct lh__sample *lh__queue_take(struct lh__queue *q);
/* Puts back those that have no room; true: there were some. */
bool lh__room_make(struct lh__replica *r);
/* Its tokens leave memory. */
void lh__room_leave(struct lh__replica *r, struct lh__sample *sample);
/* Takes what there is room for; seconds of prompts that are computed whole. */
double lh__room_admit(struct lh__replica *r);
/* Iterations until a sample ends or memory is full; without any that runs, as
 * many as there may be. */
int64_t lh__room_iterations(const struct lh__replica *r);

/* ---- heap.c ---------------------------------------------------------------
 */

void lh__heap_push(struct lh__replica *r, struct lh__sample *sample);
/* The sample at `i`, whose place another takes from below. */
struct lh__sample *lh__heap_take(struct lh__replica *r, int64_t i);

/* ---- fill.c ---------------------------------------------------------------
 */

/* Iterations that add so many tokens to a sample. */
int64_t lh__iterations(const struct lh__replica *r, int64_t tokens);
/* Seconds of computing it whole. */
double lh__fill_s(const struct lh__replica *r, struct lh__fill fill);
/* Tokens that a sample has, with the turns before. */
double lh__sample_context(const struct lh__replica *r,
                          const struct lh__sample *sample);
/* Its context is there. */
void lh__sample_run(struct lh__replica *r, struct lh__sample *sample);
/* It runs when its context is there. */
void lh__fill_add(struct lh__replica *r, struct lh__sample *sample,
                  struct lh__fill fill);
void lh__fill_remove(struct lh__replica *r, struct lh__sample *sample);
/* Those whose context is there run. */
void lh__fill_start(struct lh__replica *r);
/* Newer weights: all contexts are computed again, or begin again. */
void lh__fill_renew(struct lh__replica *r);
/* What the next iterations compute, n at most: how many do the same. */
int64_t lh__fill_plan(struct lh__replica *r, int64_t n);
double lh__fill_decode_s(const struct lh__replica *r, int64_t n);
void lh__fill_book(struct lh__replica *r, int64_t n);

/* ---- groups.c -------------------------------------------------------------
 */

/* The next prompt, without its samples' lengths. */
struct lh__group *lh__group_new(struct lh__loop *l);
/* To the replica that generates what is left of it. */
void lh__group_to(struct lh__group *g, struct lh__replica *r);
/* All its samples are generated. */
void lh__group_from(struct lh__group *g);
/* Trained on or thrown away. */
void lh__group_end(struct lh__loop *l, struct lh__group *g);
int64_t lh__group_version(const struct lh__group *g, int64_t samples);
int64_t lh__group_tokens(const struct lh__group *g, int64_t samples);

/* ---- turns.c --------------------------------------------------------------
 */

/* Sets done, turn and part. */
void lh__turn_first(struct lh__sample *sample, const struct lh_rl *rl);
/* Tokens of context before the turn's own. */
double lh__turn_context(const struct lh__sample *sample,
                        const struct lh_rl *rl);
/* What it keeps while tools work. */
double lh__turn_kept(const struct lh__sample *sample, const struct lh_rl *rl);
/* A turn has ended that is not the last: tools work. */
void lh__turn_park(struct lh__replica *r, struct lh__sample *sample);
/* It comes back, or had been put back: what is to be computed of its context.
 */
struct lh__fill lh__turn_back(struct lh__replica *r, struct lh__sample *sample);

/* ---- absence.c ------------------------------------------------------------
 */

/* Asks for the dates of departures, where there are any. */
void lh__absence_begin(struct lh__loop *l);
/* It has its weights again. */
void lh__absence_over(struct lh__replica *r);

/* ---- verify.c -------------------------------------------------------------
 */

void lh__verifiers_make(struct lh__loop *l);
/* The date when a sample that is generated now has been judged by all. */
double lh__verify(struct lh__loop *l, const struct lh__sample *sample);
void lh__verifiers_reset(struct lh__loop *l);
void lh__verifiers_account(struct lh__loop *l, double window_s);

/* ---- sampled.c ------------------------------------------------------------
 */

/* A loop of fewer prompts and replicas, or the same one. */
struct lh__sampled {
    struct lh_rl rl;
    struct lh_rl_input input;
    struct lh_rl_fleet_input fleets[LH_RL_FLEETS];
    double each, rounding_frac;
};
void lh__sampled_make(struct lh__sampled *out, const struct lh_rl_input *in);
/* The prompt, among all of the loop, that the i-th simulated is. */
int64_t lh__sampled_prompt(const struct lh__loop *l, int64_t i);
/* A sample is complete: those that it stands for. */
void lh__ghost_see(struct lh__replica *r, const struct lh__sample *sample);
/* All samples of a replica are complete: until those of the others are. */
void lh__ghost_wait(struct lh__replica *r);
/* It is taken away. */
void lh__ghost_end(struct lh__replica *r);
/* May the trainer not yet have the batch that it would take? */
bool lh__ghosts_hold(const struct lh__loop *l);

/* ---- spans.c --------------------------------------------------------------
 */

void lh__span(struct lh__loop *l, int lane, const char *name, double begin_s,
              double end_s);
/* The first replica of an entry begins or ends to generate. */
void lh__span_generate(struct lh__replica *r, bool runs, double date_s);
void lh__span_step(struct lh__loop *l);

/* ---- account.c ------------------------------------------------------------
 */

/* Sums begin anew. */
void lh__account_reset(struct lh__loop *l);
void lh__account(struct lh__loop *l);
/* Counts of all that the simulated stand for. */
void lh__account_scale(struct lh_rl_result *out);

/* ---- loop.c ---------------------------------------------------------------
 */

void lh__loop_generated(struct lh__replica *r, struct lh__sample *sample);
void lh__loop_updated(struct lh__replica *r);
/* A fleet has new weights, or replicas may have become free for them. */
void lh__loop_offer(struct lh__loop *l);
/* Samples for whoever has room, as far as staleness allows. */
void lh__loop_issue_more(struct lh__loop *l);
/* A replica for the samples of a group that are not complete. */
void lh__loop_place(struct lh__loop *l, struct lh__group *g);
/* A replica is there again. */
void lh__loop_joined(struct lh__replica *r);
/* The last of a batch may have been generated. */
void lh__loop_batch_over(struct lh__loop *l);

/* ---- trainer.c ------------------------------------------------------------
 */

/* Trains if it is free and has a batch. */
void lh__trainer_try(struct lh__loop *l);

/* ---- push.c ---------------------------------------------------------------
 */

/* Pushes at dates, where that is asked for. */
void lh__push_begin(struct lh__loop *l);
/* Unless one is on its way, or the version is not one to be pushed. */
void lh__push_if_due(struct lh__loop *l);
/* A replica that is back begins to fetch weights; it has them. */
void lh__push_fetch(const struct lh__replica *r);
void lh__push_fetched(const struct lh__replica *r);
/* At the end of the run: what is in flight; sent = received + lost + that. */
enum lh_status lh__push_check(struct lh__loop *l);

/* ---- beside.c -------------------------------------------------------------
 */

/* Do training and pushes slow each other down? */
static inline bool lh__beside(const struct lh__loop *l)
{
    return l->in->train_extra > 0 || l->in->push_extra > 0;
}

/* So many seconds at full speed, from now on; then done(data). */
void lh__beside_train(struct lh__loop *l, double seconds, lh_callback done);
void lh__beside_transfer(struct lh__arrival *a, double seconds,
                         lh_callback done);

#endif
