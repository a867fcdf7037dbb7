/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/rl/: samples, replicas that generate them (replica.c),
 * the trainer and its pushes (trainer.c), and the loop between (loop.c).
 */
#ifndef LH_WORKLOADS_RL_LOOP_H
#define LH_WORKLOADS_RL_LOOP_H

#include <longhaul/rl.h>

struct lh__loop;

struct lh__group;

struct lh__sample {
    struct lh__group *group;
    struct lh__sample *next; /* in a replica's queue */
    int64_t tokens;          /* of the whole response */
    int64_t end;             /* iteration of its replica that ends it; 0:
                                it waits in the queue */
    int64_t order;           /* of issue, among all samples */
    int64_t version;         /* of the weights of its first token */
    int64_t had;             /* tokens when it was taken in last: it had been
                                put back for want of memory */
    int64_t taken;           /* how many its replica had taken in before */
};

/* A prompt and its samples, all on one replica. */
struct lh__group {
    struct lh__loop *loop;
    struct lh__group *next; /* in the buffer */
    struct lh__sample *samples;
    int64_t prompt;
    int64_t left; /* samples not yet generated */
    const struct lh__replica *replica;
    int64_t least_version; /* of the weights that it may begin with */
    bool prefilled;        /* its replica holds the prompt */
    bool used;             /* trained on or thrown away */
};

struct lh__replica {
    struct lh__loop *loop;
    int fleet;
    const struct lh_rl_rates *rates;
    int64_t version;          /* of its weights */
    int64_t coming;           /* newer ones that are there; else -1 */
    bool loading;             /* stands still for them, until due_s */
    bool drained;             /* waits for the others of its entry */
    struct lh__sample **heap; /* running, the first to end on top */
    int64_t n_running, n_taken;
    size_t capacity;
    struct lh__sample *first, *last; /* queue */
    int64_t outstanding;             /* running and queued */
    double peak;                     /* tokens a second at full concurrency */
    int64_t iteration;
    double context;              /* tokens that running samples have */
    double since_s;              /* boundary of `iteration` */
    double due_s;                /* next boundary where something happens */
    int64_t due_n;               /* iterations until then */
    int64_t tokens;              /* generated */
    double generate_s, update_s; /* since the last reset */
};

struct lh__loop {
    const struct lh_rl_input *in;
    const struct lh_rl *rl;
    const struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh_rl_result *out;
    enum lh_status status;
    bool ended;

    double mean_length; /* of responses; 0: not asked for yet */
    int n_replicas;
    struct lh__replica *replicas;
    int *fleet_first;       /* [n_fleets + 1] */
    int *fleet_drained;     /* [n_fleets] */
    int64_t *fleet_arrived; /* [n_fleets] version that is there */

    struct lh__group **groups; /* all issued, in order */
    size_t groups_capacity;
    int64_t n_issued;
    int64_t n_stale; /* of these, thrown away for it */
    int64_t n_samples;
    struct lh__group *buffer, *buffer_last; /* verified, in order */
    int64_t n_buffer;
    double **free_s;      /* [verifiers][workers] */
    int64_t *next_worker; /* [verifiers] */
    double verify_sum_s;
    int64_t n_verified;

    int64_t batch_left;       /* samples of the batch that are not generated */
    double generated_until_s; /* its last sample */
    double tail_from_s, tail_sum_s;
    double exposed_s; /* since the reset, as all sums below */

    int64_t version;            /* of the trainer: steps done */
    int64_t ticks;              /* of the interval, in this step */
    int64_t pushed;             /* version on its way or there */
    int pushing;                /* entries that it has not reached */
    bool busy;                  /* the trainer */
    struct lh__group *training; /* list */
    double free_since_s, trained_until_s, push_begin_s;
    double *version_s;          /* [steps + 1] when the trainer had it */
    bool issues;                /* at the end of this instant */
    double log_prob_s, train_s; /* of the step that runs */
    double push_sum_s;

    double reset_s; /* end of warm-up */
    int64_t trained_before, generated_before, samples_before;
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

/* ---- loop.c ---------------------------------------------------------------
 */

void lh__loop_generated(struct lh__replica *r, struct lh__sample *sample);
void lh__loop_updated(struct lh__replica *r);
/* A fleet has new weights, or replicas may have become free for them. */
void lh__loop_offer(struct lh__loop *l);
/* Samples for whoever has room, as far as staleness allows. */
void lh__loop_issue_more(struct lh__loop *l);
/* Sums begin anew. */
void lh__loop_reset(struct lh__loop *l);
int64_t lh__group_version(const struct lh__group *g, int64_t samples);
int64_t lh__group_tokens(const struct lh__group *g, int64_t samples);

/* ---- trainer.c ------------------------------------------------------------
 */

/* Trains if it is free and has a batch. */
void lh__trainer_try(struct lh__loop *l);
/* Pushes at dates, where that is asked for. */
void lh__trainer_begin(struct lh__loop *l);

#endif
