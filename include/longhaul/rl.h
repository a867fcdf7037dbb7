/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of online reinforcement learning: what its state machines are
 * handed, and what they find.  Equations and limits: docs/model.md, "RL loop".
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_RL_H
#define LONGHAUL_RL_H

#include <longhaul/engine.h>
#include <longhaul/scenario.h>

/* ---- one replica of an engine -------------------------------------------- */

enum { LH_RL_SIZES = 8 };

/* Time of communication of an iteration by the tokens in it: straight lines
 * between points, the last one continued. */
struct lh_rl_comm {
    int n;                         /* 0: there is none */
    double tokens[LH_RL_SIZES];    /* ascending */
    double seconds[LH_RL_SIZES];
};

/* A decode iteration of B sequences with K tokens of context in all takes
 * lh_rl_iteration_s(B) + K kv_s (1 + drafted draft_frac). */
struct lh_rl_rates {
    double cpu_s;                  /* once an iteration, kernels' latency too */
    double sequence_s;             /* CPU, a sequence */
    double dense_s;                /* reading all weights but routed experts */
    double experts_s;              /* reading all routed experts */
    double visit_frac;             /* of routed experts, that a token visits */
    double flops_s;                /* a sequence's matrix products */
    double kv_s;                   /* reading a token of context */
    struct lh_rl_comm comm;
    double prefill_s;              /* a token's matrix products */
    double prefill_core_s;         /* and for each token before it */
    int64_t concurrency;           /* sequences that run at once, on average */
    int64_t max_sequences;         /* at most; 0: concurrency */
    double kv_tokens;              /* that memory holds beside the weights; 0:
                                      any number */
    double weight_bytes;           /* of an accelerator */
    double chunk;                  /* tokens of an iteration, those of decoding
                                      included; 0: prompts are computed whole */
    double drafted;                /* tokens a sequence and iteration */
    double accepted;               /* that an iteration adds beside the one it
                                      always does, on average */
    double draft_frac;             /* of an iteration without, a drafted one */
};

/* Tensors that weights travel as: of experts one a projection of each; fp8 has
 * scales beside. */
double lh_rl_tensors(const struct lh_model *model, bool fp8);
/* Leaves out comm.  LH_BAD_INPUT where weights leave no room for a sample. */
enum lh_status lh_rl_rates_make(struct lh_rl_rates *out,
                                const struct lh_scenario *s, int fleet,
                                struct lh_ctx *ctx) LH_MUST_USE;
double lh_rl_comm_s(const struct lh_rl_comm *comm, double tokens);
double lh_rl_iteration_s(const struct lh_rl_rates *r, double sequences);
/* With so many tokens of prompts beside, without their attention. */
double lh_rl_mixed_s(const struct lh_rl_rates *r, double sequences,
                     double prompts);
/* Mean tokens that an iteration adds to a sequence. */
double lh_rl_pace(const struct lh_rl_rates *r);
/* n iterations in a row, from `context` tokens on. */
double lh_rl_decode_s(const struct lh_rl_rates *r, double sequences,
                      double context, double n);
/* Reading context in n iterations, from `context` tokens on. */
double lh_rl_read_s(const struct lh_rl_rates *r, double sequences,
                    double context, double n);
/* Of a sequence of so many tokens, from the first on. */
double lh_rl_prefill_s(const struct lh_rl_rates *r, double tokens);

/* Tokens of a response, keyed by seed, prompt and sample. */
int64_t lh_rl_length(const struct lh_rl *rl, int64_t seed, int64_t prompt,
                     int64_t sample);
/* Of a sample: its prompt and what tools answer. */
int64_t lh_rl_other_tokens(const struct lh_rl *rl);
/* Seconds between a turn of a sample and the next, likewise. */
double lh_rl_tool_s(const struct lh_rl *rl, int64_t seed, int64_t prompt,
                    int64_t sample, int64_t turn);
/* How long a replica stays or is away, the k-th time: exponential. */
double lh_rl_spell_s(int64_t seed, int64_t replica, int64_t k, double mean_s);
/* Are the samples of a prompt trained on? */
bool lh_rl_kept(const struct lh_rl *rl, int64_t seed, int64_t prompt);

/* Mean over the prompts of the first steps, and mean of squares / mean of what
 * a row of training has of a sample. */
struct lh_rl_moments {
    double mean, weighted;
};
struct lh_rl_moments lh_rl_moments(const struct lh_rl *rl, int64_t seed);

/* Tokens over places in rows of so many that are filled with whole samples,
 * first fit, the longest first. */
double lh_rl_packed_frac(const struct lh_rl *rl, int64_t seed,
                         int64_t row_tokens);

/* Samples of a mini-batch dealt to so many replicas in turn: tokens of the one
 * that has most over the mean, mean of the mini-batches of the first step. */
double lh_rl_uneven(const struct lh_rl *rl, int64_t seed, int64_t replicas,
                    struct lh_ctx *ctx);

/* ---- the loop -------------------------------------------------------------- */

/* Weights on their way to the generators of an entry. */
struct lh_rl_push {
    double transfer_s;             /* until the last byte is there */
    double load_s;                 /* a replica stands still for them */
    double join_s;                 /* a replica that comes back has fetched and
                                      loaded them, all of them */
    double bytes;                  /* that go to the entry, all copies */
    bool to_each;                  /* a copy to each replica; else one to all */
    double join_bytes;             /* that a replica fetches that comes back */
};

struct lh_rl_fleet_input {
    int64_t replicas;
    struct lh_rl_rates rates;
    struct lh_rl_push push;
};

/* Accelerators that judge: none of a rule. */
struct lh_rl_judge_input {
    int64_t replicas;
    struct lh_rl_rates rates;
};

/* What happened on a lane: trainer, weights, the first replica of each entry,
 * the first worker of each verifier. */
struct lh_rl_span {
    int lane;
    const char *name;
    double begin_s, end_s;
};
enum { LH_RL_LANE_TRAINER, LH_RL_LANE_WEIGHTS, LH_RL_LANE_ROLES };
/* At the end of a trainer's step: samples that run in each entry. */
struct lh_rl_spans {
    int64_t n_spans;
    size_t spans_capacity;
    struct lh_rl_span *spans;
    int64_t n_steps;
    size_t steps_capacity;
    double *step_s;
    size_t running_capacity;
    int64_t *running;              /* [n_steps][fleets] */
};

struct lh_rl_input {
    const struct lh_rl *rl;
    int64_t seed;
    int n_fleets;
    const struct lh_rl_fleet_input *fleets;
    const struct lh_rl_judge_input *judges; /* [n_verifiers]; NULL: rules */
    struct lh_rl_spans *spans;     /* NULL: nobody asks */
    double gather_s;               /* the trainer stands still before a push */
    double switch_s;               /* co-located: before training */
    /* While both go on, training takes (1 + train_extra) x as long, and the way
     * of weights (1 + push_extra) x; 0: they share nothing. */
    double train_extra, push_extra;
    /* Seconds of the forward passes and of training on so many tokens, prompts
     * included, that see each other as lh_rl_moments() says. */
    enum lh_status (*train)(void *self, int64_t tokens, double *log_prob_s,
                            double *train_s);
    void *self;
};

enum { LH_RL_STALENESS_MAX = 1024 };

/* Seconds are means of a loop step after warm-up. */
struct lh_rl_result {
    double step_time_s;
    double wall_s;                 /* simulated, of all steps */
    int64_t steps;
    struct {
        double log_prob_s, train_s, gather_s, switch_s, wait_s;
    } trainer;                     /* sum to the step */
    struct {
        double generate_s, update_s, away_s, wait_s;
    } generators;                  /* mean over accelerators, sum to the step */
    double fleet_busy_frac[LH_RL_FLEETS];
    double fleet_away_frac[LH_RL_FLEETS];
    struct {
        double busy_frac;          /* of workers, or of places of replicas */
        double wait_s, service_s;  /* mean of a sample */
    } verifiers[LH_RL_VERIFIERS];
    double tail_s;                 /* not async: from nine tenths of a batch's
                                      samples to the last */
    double verify_s;               /* mean of a sample, queue included */
    double weight_sync_exposed_s;  /* somebody stands still for weights */
    double weight_sync_s;          /* gathering to the last replica's arrival,
                                      mean of a push */
    double weight_sync_hidden_s;   /* gathering, transfer and load of a step
                                      beside which all work */
    double push_cost_s;            /* what pushes add to train_s */
    struct {
        double sent_bytes, received_bytes, lost_bytes, in_flight_bytes;
    } weights;                     /* of the whole run, fetched ones included;
                                      lost: on the way to who had gone away */
    double environment_s;          /* between turns, mean of a sample */
    int64_t departures;            /* of replicas */
    int64_t pushes;
    int64_t replicas, simulated;   /* each for as many others */
    double each;                   /* prompts that one stands for; 1: exact */
    double rounding_frac;          /* of an entry's replicas, at most */
    double step_error_s;           /* standard error of the mean step */
    int64_t tokens_generated, tokens_trained, tokens_discarded,
        tokens_in_flight;
    int64_t samples_trained, samples_discarded;
    double tokens_trained_per_s;   /* after warm-up */
    double tokens_generated_per_s;
    double tokens_used_per_s;      /* trained on or discarded */
    double samples_per_s;          /* trained on */
    int staleness_n;               /* largest + 1 */
    int64_t staleness[LH_RL_STALENESS_MAX]; /* trained samples */
    int64_t events;
};

/* Runs rl->steps steps.  LH_FAILED if a response token is lost, or
 * a byte of weights. */
enum lh_status lh_rl_loop(struct lh_rl_result *out,
                          const struct lh_rl_input *input,
                          const struct lh_engine *engine, struct lh_ctx *ctx)
    LH_MUST_USE;

/* An engine that has dates and no flows; calls of one instant come in the order
 * in which they were asked for. */
void lh_rl_clock(struct lh_engine *out, struct lh_ctx *ctx);

#endif
