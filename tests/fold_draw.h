/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A scenario drawn at random for tests/test_fold.c: what was drawn, how it is
 * written as YAML, and how it is made smaller.
 */
#ifndef LH_FOLD_DRAW_H
#define LH_FOLD_DRAW_H

#include <longhaul/program.h>

enum { RANKS_MAX = 64, SITES_MAX = 3, SHRINKS = 46 };

enum fabric { RAILS, FAT_TREE, SWITCH, N_FABRICS, DRAGONFLY = N_FABRICS };
enum fibres { MESH, RING, HUB, LISTED };

struct site {
    int parts; /* replicas; stages or experts' parts where those are split */
    enum fabric fabric;
    int node, group[2]; /* scale-up domain; children of a switch */
    int over;           /* oversubscription */
    int cables;         /* of an uplink that is hashed over; 0: derived */
    int building;       /* pods or leaves of one; 0: one building */
    bool valiant;       /* of a dragonfly */
    bool a100;
    bool in_network;  /* reductions in the scale-up switch */
    bool sharp;       /* and in those of the network */
    bool new_library; /* with all-gathers by trees */
    int gateway_gbit; /* 0: no limit */
};

/* An all-to-all beside what the plan does, which no scenario can say. */
enum loads { EVEN_LOADS, POWER_LOADS, ZIPF_LOADS, N_LOADS };
struct exchange {
    int mb;            /* what a member sends; 0: there is none */
    bool over_tensor;  /* over tensor x data, else over data */
    bool on_tensor;    /* on the stream of tensor, else of data */
    bool is_awaited;   /* by the next compute operation, else by the last */
    int after_percent; /* of the compute operations */
    enum loads loads;
    int period; /* members after which loads repeat; 0: never */
};

enum fault_kind {
    NO_FAULT,
    STRAGGLER,
    LATE_STRAGGLER,
    SLOW_LINK,
    OUTAGE,
    DETOUR
};
struct fault {
    enum fault_kind kind;
    uint64_t pick;    /* of a rank, or of a communication and its link */
    int at_permille;  /* of the step or the communication */
    int for_permille; /* of the step */
    int percent;      /* slowdown, or capacity that is left */
};

/* Of the transport over listed fibres. */
struct window {
    int streams; /* 0: ideal */
    int kib;
};

/* Islands of replicas that agree once in some steps. */
struct islands {
    enum lh_sync_kind kind; /* every-step: there are none */
    int size;               /* replicas */
    int every, fragments, overlap, payload;
    bool sequential, exchanges, on_host;
    int compression;
    bool flat;             /* one reduction of everything */
    bool hypercube, outer; /* pairs; what they average */
};

struct draw {
    uint64_t seed;
    int n_sites;
    struct site sites[SITES_MAX];
    int tensor, context, pipeline;
    int data; /* of stages or experts across sites */
    bool gathers; /* context by all-gather, else by ring */
    bool stages_across, experts_across;
    enum lh_schedule schedule;
    int interleave;
    int surplus; /* layers beside one a chunk */
    int uneven;  /* 0: as even as possible; else where surplus goes */
    int hidden, micro_batches, bucket_mb;
    int zero, recompute, algorithm;
    int shard; /* replicas of a group; 0: all */
    int prefetch;
    bool keep_weights; /* from forward to backward */
    int expert;        /* replicas that share experts; 0: a dense model */
    bool whole;        /* experts are not split over tensor */
    bool pairs;        /* forwards stand beside backwards, interleaved */
    bool zipf;         /* routing */
    bool relay;        /* dispatch, once a node */
    bool fp8, hides_tensor;
    bool operators;      /* recomputed, on eager PyTorch; else Megatron */
    bool blocks;         /* transfers between stages */
    bool parallel;       /* attention and MLP side by side */
    bool looks_near;     /* through a window */
    bool old_stack;      /* unfused attention, scattered sends */
    bool narrow_gathers; /* weights are gathered in fp8 */
    int rank;            /* of adapters beside frozen weights; 0: none */
    bool few_adapters;   /* beside queries, keys and values alone */
    bool sequence_parallel, overlap;
    bool forward, levels; /* of the overlap */
    bool portions; /* micro-batches in proportion to speed, where allowed */
    int spare;     /* idle accelerators of the first site */
    enum fibres fibres;
    int gbit, km;
    struct islands islands;
    bool ideal; /* no model, but a time */
    struct exchange exchange;
    struct fault fault;
    struct window window;
    bool hashed; /* routes */
};

struct draw draw_make(uint64_t seed);
/* Do replicas have unequal batches? */
bool draw_has_portions(const struct draw *d);
/* One of SHRINKS ways to make it smaller. */
void draw_shrink(struct draw *d, int way);
/* What is larger costs more. */
int draw_cost(const struct draw *d);
int draw_chunks(const struct draw *d);
int draw_data(const struct draw *d);
int draw_ranks(const struct draw *d);
int draw_gpus(const struct draw *d, int site);
int draw_exchange_members(const struct draw *d);
/* The load of a member of its exchange. */
int64_t draw_load(const struct draw *d, int64_t member);

/* The scenario, `faults` at its end; and the config.json that it names. */
void draw_put(struct lh_text *t, const struct draw *d, const char *faults);
void draw_config_write(const char *path, const struct draw *d);

#endif
