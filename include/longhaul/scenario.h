/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The scenario: what the user describes, in SI units, every default filled in,
 * every name resolved against the data tables, checked.  The names of keys are
 * those of docs/keys.md; scenario/schema.c holds the one table behind them.
 *
 * Ownership: all of it lives in the context's arena.
 */
#ifndef LONGHAUL_SCENARIO_H
#define LONGHAUL_SCENARIO_H

#include <longhaul/interchange.h>

enum lh_attention { LH_ATTENTION_GQA, LH_ATTENTION_MLA };

/* Shape of a decoder-only transformer. */
struct lh_model {
    const char *name;
    const char *source;      /* where the shape comes from */
    int64_t layers;
    int64_t hidden;
    int64_t heads;
    int64_t kv_heads;
    int64_t head_dim;
    int64_t ffn;             /* inner width of the dense MLP */
    int64_t vocab;
    bool gated_mlp;          /* SwiGLU: three matrices, else two */
    bool tied_embeddings;
    bool attention_bias;     /* biases on Q, K, V, O */
    bool qkv_bias_only;      /* ... of which none on O (Qwen2) */
    bool mlp_bias;
    bool norm_bias;          /* LayerNorm (weight and bias), else RMSNorm */
    bool qk_norm;            /* a norm of head_dim on Q and on K */
    bool parallel_block;     /* attention and MLP side by side, summed once */
    bool parallel_norms;     /* ... with a norm each, else of one */
    int64_t attention_window; /* last tokens that a token sees, itself
                                 included; 0: all before it */
    int64_t positions;       /* learned position embeddings, 0 = rotary */
    enum lh_attention attention;
    int64_t q_lora_rank, kv_lora_rank;          /* MLA; q 0 = no low rank */
    int64_t qk_nope_head_dim, qk_rope_head_dim, v_head_dim;
    int64_t experts;         /* 0 = dense */
    int64_t experts_per_token;
    int64_t shared_experts;
    int64_t expert_ffn;
    int64_t dense_layers;    /* layers that keep the dense MLP */
    bool router_bias;        /* one correction a routed expert */
    int64_t parameters;      /* all */
    int64_t active_parameters; /* used by one token */
};

/* Norms before the attention and the MLP of a layer, 1 or 2. */
int64_t lh_model_layer_norms(const struct lh_model *model);
/* A model of which no more is known than this; layers 0: there is none. */
struct lh_ideal {
    int64_t layers;           /* equal ones */
    double parameters;
    double step_s;            /* of computing, of one replica */
    double backward_frac;     /* of it; < 0: derived */
};

/* A program from a file of another simulator; file NULL: there is none. */
enum lh_trace_format { LH_TRACE_AUTO, LH_TRACE_SIMAI, LH_TRACE_CHAKRA };
struct lh_traced {
    bool on;                  /* the scenario has a key `model.trace` */
    const char *file;         /* with "%d" for a rank: one file a rank */
    enum lh_trace_format format;
    const char *groups;       /* file of Chakra's process groups; NULL: none */
    const struct lh_simai *simai;   /* one of these, the other NULL */
    const struct lh_chakra *chakra;
};

enum lh_precision { LH_BF16, LH_FP8, LH_MXFP8 };
enum lh_gradient_precision { LH_GRADIENT_FP32, LH_GRADIENT_BF16 };
enum lh_recompute { LH_RECOMPUTE_NONE, LH_RECOMPUTE_SELECTIVE,
                    LH_RECOMPUTE_OPERATORS, LH_RECOMPUTE_FULL };
enum lh_schedule { LH_SCHEDULE_GPIPE, LH_SCHEDULE_1F1B,
                   LH_SCHEDULE_INTERLEAVED, LH_SCHEDULE_ZERO_BUBBLE,
                   LH_SCHEDULE_DUALPIPE, LH_SCHEDULE_DUALPIPE_V };

enum lh_expert_routing { LH_ROUTING_BALANCED, LH_ROUTING_ZIPF };
/* How the accelerators that share a sequence see each other's K and V. */
enum lh_context_kind { LH_CONTEXT_RING, LH_CONTEXT_ALL_GATHER };

/* The matrices of a layer that have adapters. */
enum lh_lora_target { LH_LORA_ALL, LH_LORA_QKV };

struct lh_training {
    int64_t global_batch;     /* sequences a step */
    int64_t sequence_length;  /* tokens */
    int64_t micro_batch;      /* sequences */
    enum lh_precision precision;
    enum lh_gradient_precision gradient_precision;
    int64_t lora_rank;        /* of adapters beside frozen matrices; 0: none */
    enum lh_lora_target lora_target;
    const char *optimizer;    /* "adamw" */
    enum lh_expert_routing routing;  /* of tokens to experts */
    int64_t routing_domains;  /* scale-up domains a token visits at most; 0: any */
    double routing_exponent;  /* zipf: the i-th expert's popularity is i^-it */
    const char *stack_name;   /* data/stacks.csv */
};

enum lh_dispatch { LH_DISPATCH_DIRECT, LH_DISPATCH_RELAY };

struct lh_plan {
    int64_t tensor, pipeline, context, expert;
    bool whole_experts;       /* experts are not split over tensor, and expert
                                 counts accelerators of tensor groups */
    enum lh_dispatch dispatch;
    enum lh_precision dispatch_precision; /* bf16 | fp8 */
    enum lh_context_kind context_kind;
    int64_t data;             /* derived from the accelerators, then checked */
    enum lh_schedule schedule;
    int64_t interleave;       /* model chunks a stage */
    int64_t zero;             /* 0 | 1 | 2 | 3 */
    int64_t shard;            /* replicas of a shard group; 0: all */
    int64_t prefetch;         /* ZeRO-3: units gathered ahead */
    bool reshard_after_forward;
    enum lh_precision gather_precision; /* bf16 | fp8, of weights */
    enum lh_recompute recompute;
    bool sequence_parallel;
    bool overlap_gradients;
    bool overlap_tensor;
    bool overlap_pipeline;    /* transfers between stages; else they block */
    bool overlap_expert;      /* a forward beside another's backward */
    bool overlap_forward;     /* of the next step, with reductions */
    bool overlap_levels;      /* of reductions over sites, with each other */
    double bucket_bytes;      /* of overlapped gradients */
    int n_stage_layers;       /* 0: as even as possible */
    int64_t *stage_layers;    /* [pipeline * interleave] in order of the model */
};

/* Replicas that share the routed experts, at least 1. */
static inline int64_t lh_expert_replicas(const struct lh_plan *plan)
{
    if (!plan->whole_experts || plan->expert < plan->tensor)
        return plan->expert;
    return plan->expert / plan->tensor;
}

/* One row of data/accelerators.csv. */
struct lh_device {
    const char *name;
    double bf16_flops_per_s;      /* dense peak */
    double fp8_flops_per_s;       /* 0 = not supported */
    double gemm_bf16_frac;        /* best-shape share of peak that GEMMs reach */
    double gemm_fp8_frac;
    double gemm_sustained_frac;   /* of that, what a training step sustains */
    double gemm_sustained_fp8_frac; /* the same in fp8; not 0 */
    double mxfp8_frac;            /* rate of products that scale blocks, of
                                     fp8's; 0 = not supported */
    double memory_bytes;
    double memory_bytes_per_s;
    double memory_frac;           /* share of it that streaming kernels reach */
    int64_t multiprocessors;
    int64_t tile_m, tile_n;       /* output tile of the usual GEMM kernel */
    double attention_forward_frac;  /* of peak, flash attention, long rows */
    double attention_backward_frac;
    double flash_1_forward_frac;    /* of peak, its first version */
    double flash_1_backward_frac;
    double flash_2_frac;            /* of the newest, its second version */
    double kernel_gap_s;          /* between kernels of a stream */
    double speed_spread_frac;     /* standard deviation of time among equals */
    double power_w;
    const char *source;
};

/* One row of data/stacks.csv: the software between model and machine. */
struct lh_stack {
    const char *name;
    double dispatch_s;              /* CPU time a kernel, eager; 0 = graphs */
    bool fused_attention;           /* flash attention, else unfused softmax */
    int64_t flash_version;          /* 1, 2; else the newest of the device */
    double elementwise;             /* bytes of streaming kernels over fused */
    double norm;                    /* the same of norms */
    double loss_bytes;              /* a logit, forward and backward */
    double loss_backward_bytes;     /* of these */
    double logit_bytes;             /* held a logit, at most */
    bool grouped_gemm;              /* one kernel for all experts, else one each */
    bool compiled;                  /* nothing is kept or run in vain */
    bool joined;                    /* products of one input are one kernel */
    double order_bytes;             /* a value of tokens put into another order */
    double tensor_copy_bytes;       /* a value gathered or summed over tensor */
    double gather_copy_bytes;       /* a weight gathered in bf16 (ZeRO-3) */
    double reduce_copy_bytes;       /* a gradient reduced in fp32 (ZeRO-3) */
    bool early_stop;                /* full recomputation spares the last GEMM */
    bool backward_overlap;          /* tensor communication of a backward runs
                                       beside the products that allow it */
    bool bias_gradients;            /* in kernels of their own */
    bool scattered_sends;           /* without sequence parallelism a tensor
                                       group sends each value once */
    double collective_base_s;       /* software latency of one collective */
    double reserved_bytes;          /* of memory, by libraries and allocator */
    const char *source;
};

/* The protocols of a collective library.  Simple is slower on trees than on
 * rings, since a hop passes on whole chunks. */
enum {
    LH_PROTOCOL_LL, LH_PROTOCOL_LL128, LH_PROTOCOL_SIMPLE, LH_PROTOCOL_TREE,
    LH_PROTOCOL_NVLS, LH_PROTOCOL_NVLS_TREE, LH_PROTOCOL_SHARP,
    LH_PROTOCOL_PAT,
};
enum { LH_PROTOCOLS = LH_PROTOCOL_PAT + 1 };

/* Software latencies of one protocol. */
struct lh_protocol {
    double base_s;         /* once a collective; 0: the library lacks it */
    double scale_up_s;     /* of a hop inside a scale-up domain, in all */
    double network_s;      /* of any other hop, beside that of its path */
};

/* Multiprocessors that a kernel of the library takes from computation. */
struct lh_library_sms {
    int64_t ring_scale_up; /* rings, trees: members in one scale-up domain */
    int64_t ring_network;  /* in several */
    int64_t nvls;
    int64_t send_scale_up, send_network;
    int64_t exchange;      /* an all-to-all, every message its own way */
    int64_t relay;         /* one that sends a token once a domain */
    int64_t buffered_gather, buffered_reduce; /* plan.overlap.tensor */
};

/* One row of data/protocols.csv: the library of collectives of a fabric. */
struct lh_library {
    const char *name;      /* NULL or "none": the stack's collective_base and
                              the paths are all that is known */
    struct lh_protocol protocol[LH_PROTOCOLS];
    struct lh_library_sms sms;
    double pat_member_s;   /* of a member, once, beside the log2 n hops */
    double pat_frac;       /* share of a ring's bandwidth */
    double hop_window_bytes; /* in flight of a network hop; 0: not known */
    const char *source;
};

/* What the switches of a fabric can do with data that pass: those of scale-up
 * domains, or those of the network too. */
enum lh_in_network { LH_IN_NETWORK_NONE, LH_IN_NETWORK_NVLS,
                     LH_IN_NETWORK_SHARP };

enum lh_fabric_kind { LH_FABRIC_SWITCH, LH_FABRIC_RAILS, LH_FABRIC_FAT_TREE,
                      LH_FABRIC_TORUS, LH_FABRIC_DRAGONFLY };
/* Of a dragonfly. */
enum lh_fabric_routing { LH_ROUTING_MINIMAL, LH_ROUTING_VALIANT };
enum { LH_FABRIC_LEVELS = 6 };
/* Most dimensions of a torus. */
enum { LH_TORUS_DIMS = 3 };
/* Most parallel cables of an uplink. */
enum { LH_CABLES_MAX = 65536 };

/* A site's network: a scale-up domain (node or rack) of scale_up_gpus, then
 * one NIC an accelerator into levels of switches.
 * switch:   no scale-up; every NIC on one non-blocking switch.
 * rails:    NIC i of a node goes to leaf i of its pod of group[0] nodes; the
 *           leaves of all pods meet in one spine layer.
 * fat-tree: group[k] children a switch at level k+1, last level spans the site.
 * torus:    the domain is a slice, a torus of dims[0] x dims[1] x .. with a cable
 *           between neighbours instead of a switch; above it as a fat-tree.
 * dragonfly: groups of group[0] nodes, between every two of them a bundle of
 *           cables.
 * oversubscription[k]: capacity below a level-(k+1) switch / above it.
 * cables[k]: parallel cables of the uplink of a level-(k+1) switch, where
 *           traffic is hashed over them; of further levels derived. */
struct lh_fabric {
    const char *name;
    enum lh_fabric_kind kind;
    int64_t scale_up_gpus;         /* torus: product of dims */
    double scale_up_bytes_per_s;   /* of one accelerator, each direction;
                                      torus: of one link */
    double scale_up_latency_s;     /* one link: accelerator to switch; torus:
                                      to its neighbour */
    double scale_up_frac;          /* share that collectives reach */
    double nic_bytes_per_s;        /* of one accelerator, each direction */
    double nic_latency_s;          /* one link: accelerator to leaf */
    double nic_frac;
    double switch_latency_s;       /* one link between switches */
    double spread_frac;            /* of switch-to-switch links under spraying */
    int n_levels;
    int64_t group[LH_FABRIC_LEVELS];
    int n_oversubscription;        /* 1: the same at every level */
    double oversubscription[LH_FABRIC_LEVELS];
    int n_cables;
    int64_t cables[LH_FABRIC_LEVELS];
    int64_t building_gpus;         /* 0, or not below the site's: one building */
    double building_oversubscription; /* its NICs over its links to the core */
    double building_length_m;      /* of fibre from one to another, over it */
    enum lh_fabric_routing routing; /* of a dragonfly */
    int n_dims;                    /* of a torus; else unused */
    int64_t dims[LH_TORUS_DIMS];   /* x first, the fastest */
    int n_dims_frac;               /* n_dims; 0: all links are equal */
    double dims_frac[LH_TORUS_DIMS]; /* of scale_up_bytes_per_s, of a link */
    enum lh_in_network in_network;
    double in_network_frac;        /* share of scale_up_bytes_per_s at which S
                                      bytes of an all-reduce pass, each way */
    struct lh_library library;
    const char *source;
    const char *astra_network;     /* file that all of this is from; NULL: row */
};

/* Accelerators of a slice: the product of a torus's dims. */
int64_t lh_fabric_slice_gpus(const struct lh_fabric *fabric);

struct lh_site {
    const char *name;
    bool has_location;
    double latitude_deg, longitude_deg; /* north, east */
    int64_t gpus;
    const char *device_name;
    struct lh_device device;
    struct lh_fabric fabric;
    double gateway_bytes_per_s;    /* each direction; INFINITY = no limit */
    int64_t gpus_max;              /* the site has room for; 0: any number */
    double power_cap_w;            /* INFINITY: no limit */
    double power_overhead;         /* power of the site over its devices' */
    const char *node;              /* label in a GraphML map; NULL: its name,
                                      else the nearest node */
    struct lh_where where;
};

enum lh_transport { LH_TRANSPORT_IDEAL, LH_TRANSPORT_TCP, LH_TRANSPORT_RDMA };

/* Of LH_TRANSPORT_TCP and LH_TRANSPORT_RDMA. */
struct lh_tcp {
    int64_t streams;               /* connections of one hop, >= 1 */
    double window_bytes;           /* tcp: of one connection */
    double loss;                   /* lost packets over sent ones */
    double mtu_bytes;              /* an IP packet's; rdma: its data */
    double library_bytes;          /* in flight of one hop; 0: any; -1: what
                                      the site's collective library has */
    double buffer_bytes;           /* rdma: at an end; INFINITY: enough */
};

/* What a fibre's bandwidth and equipment latency may be derived from. */
struct lh_light {
    int64_t pairs;
    int64_t wavelengths;           /* of a pair; -1: none given */
    double line_bytes_per_s;       /* of a wavelength */
    double framing_frac;           /* of it that is usable */
    double amplifier_spacing_m;    /* -1: none given */
    double amplifier_latency_s;
    double transponder_latency_s;  /* at each end */
};

struct lh_fibre {
    int site_a, site_b;
    double length_m;               /* < 0: geodesic x route_factor */
    double route_factor;
    double bytes_per_s;            /* usable, in each direction */
    struct lh_light light;
    double equipment_latency_s;    /* one way; -1: from light */
    enum lh_transport transport;
    struct lh_tcp tcp;
    const char *duct;              /* fibres of one duct are cut together;
                                      NULL: its own */
    struct lh_where where;
};

enum lh_layout_kind { LH_LAYOUT_NONE, LH_LAYOUT_MESH, LH_LAYOUT_RING,
                      LH_LAYOUT_HUB, LH_LAYOUT_TREE, LH_LAYOUT_GRAPHML };

/* Fibres made by rule between sites in their order (hub: the first site;
 * tree: site i to site (i-1)/2), or read from a map. */
struct lh_layout {
    enum lh_layout_kind kind;
    const char *file;              /* GraphML, resolved path */
    double length_m;               /* < 0: geodesic x route_factor */
    double route_factor;
    double bytes_per_s;            /* graphml: where an edge states none */
    double equipment_latency_s;
    enum lh_transport transport;
    struct lh_tcp tcp;
    struct lh_where where;
};

/* A rank that computes more slowly, or a link (or all fibres between two
 * sites, in both directions) of another capacity.  Dates count from the
 * beginning of the step; one of rank, link, sites and duct is given. */
struct lh_fault {
    double at_s;
    double for_s;                  /* INFINITY: from then on */
    int64_t rank;                  /* -1: none */
    double slowdown;               /* >= 1; -1: none; of a site: it is away */
    const char *link;              /* name; NULL: none */
    int site_a, site_b;            /* -1: none */
    const char *site_name;         /* NULL: none */
    int site;                      /* of it */
    const char *duct;              /* NULL: none */
    double bytes_per_s;            /* capacity then; -1: none */
    bool reroute;                  /* of capacity 0: traffic takes other routes
                                      after switch_time_s */
    double switch_time_s;
    struct lh_where where;
};

/* Traffic of others on a link, or in each direction on the fibres between two
 * sites. */
struct lh_background {
    double at_s, for_s;            /* as of a fault */
    const char *link;              /* NULL: none */
    int site_a, site_b;            /* -1: none */
    double bytes_per_s;
    int n_day;
    double *day;                   /* [n_day] shares of it over equal parts of
                                      the day; none: all of it, always */
    double level_frac;             /* the share that holds in this run */
    struct lh_where where;
};

/* What fails how often, and what that costs; -1 where not given. */
struct lh_reliability {
    double mtbf_s;                 /* of one accelerator */
    double span_mtbf_s;            /* of one span of fibre */
    double span_length_m;          /* -1: a fibre is one span */
    double restart_s;              /* from a failure to training */
    int64_t islands;               /* that fail alone; 0: not given */
    double every_s;                /* work between checkpoints; -1: optimum */
    double checkpoint_bytes;       /* -1: of the model and its optimiser */
    double storage_bytes_per_s;    /* of all accelerators together */
    const char *checkpoint_mode;   /* "blocking", "asynchronous", NULL */
    double copy_bytes_per_s;       /* of one accelerator to its host */
    struct lh_where where;
};
/* Is anything given that fails? */
bool lh_reliability_is_on(const struct lh_reliability *r);

enum lh_across { LH_ACROSS_DATA, LH_ACROSS_PIPELINE, LH_ACROSS_EXPERT };
enum lh_replica_batch { LH_BATCH_EQUAL, LH_BATCH_PROPORTIONAL };
enum lh_sync_kind { LH_SYNC_EVERY_STEP, LH_SYNC_LOCAL_SGD, LH_SYNC_DILOCO,
                    LH_SYNC_STREAMING_DILOCO, LH_SYNC_GOSSIP,
                    LH_SYNC_ASYNC_DILOCO };
enum lh_payload { LH_PAYLOAD_32, LH_PAYLOAD_16, LH_PAYLOAD_8, LH_PAYLOAD_4 };
enum lh_reduction { LH_REDUCTION_ALL_REDUCE, LH_REDUCTION_EXCHANGE,
                    LH_REDUCTION_FLAT };
enum lh_pattern { LH_PATTERN_STRIDED, LH_PATTERN_SEQUENTIAL,
                  LH_PATTERN_SLICES };

enum lh_compression { LH_COMPRESSION_NONE, LH_COMPRESSION_TOP_K,
                      LH_COMPRESSION_DEMO, LH_COMPRESSION_LOW_RANK };

/* Of gossip: which islands meet, and what of them is averaged. */
enum lh_pairs { LH_PAIRS_TOURNAMENT, LH_PAIRS_HYPERCUBE };
enum lh_average { LH_AVERAGE_WEIGHTS, LH_AVERAGE_OUTER };

/* Steps of a round: as many of all, or in proportion to speed. */
enum lh_local_steps { LH_STEPS_FIXED, LH_STEPS_BY_SPEED };

/* Of async-diloco: when a server makes an outer step, of learners (islands)
 * that push on their own. */
struct lh_async {
    const char *server_name;  /* site */
    int server;
    int64_t quorum;           /* pushes that make a step */
    double grace_s;           /* it waits for more of them */
    int64_t max_staleness;    /* outer steps; -1: any */
    bool drops;               /* what is more is dropped, nobody waited for */
    bool goes_on;             /* a learner without what it is due */
    enum lh_local_steps local_steps;
    double server_bytes_per_s; /* memory of the server; INFINITY: no limit */
    int64_t rounds;           /* simulated, of the slowest learner */
};

/* Of islands (neighbouring replicas that agree in every step) with each other,
 * once in `every` steps. */
struct lh_outer {
    int64_t every;
    int64_t island;           /* replicas of one */
    int64_t fragments;        /* of the model, each sent in a step of its own */
    enum lh_pattern pattern;  /* layers of a fragment */
    int64_t overlap;          /* steps from sending to merging */
    enum lh_payload payload;  /* bits of a parameter on the way */
    enum lh_reduction reduction;
    enum lh_compression compression;
    double keep_frac;         /* numbers sent over parameters */
    enum lh_pairs pairs;
    enum lh_average average;
    struct lh_async async;
    bool on_host;             /* outer parameters and momentum */
    double host_bytes_per_s;  /* of an accelerator to its host, each way */
};
enum lh_collectives { LH_COUPLED, LH_MESSAGES };
/* Over the parallel cables of an uplink. */
enum lh_routing { LH_SPRAY, LH_ECMP };

/* ---- the loop of reinforcement learning (docs/model.md, "RL loop") --------- */

enum lh_rl_mode { LH_RL_CO_LOCATED, LH_RL_SYNC, LH_RL_ONE_STEP_OFF, LH_RL_ASYNC };
enum lh_rl_lengths { LH_LENGTHS_FIXED, LH_LENGTHS_LOGNORMAL, LH_LENGTHS_PARETO,
                     LH_LENGTHS_FILE };
enum lh_rl_route { LH_ROUTE_DIRECT, LH_ROUTE_RELAY };
enum lh_rl_apply { LH_APPLY_AT_ONCE, LH_APPLY_BETWEEN_REQUESTS, LH_APPLY_DRAIN };
/* Which replicas are simulated. */
enum lh_rl_engine { LH_RL_AUTO, LH_RL_EXACT, LH_RL_ORDER_STATISTICS };
enum lh_rl_judge { LH_JUDGE_RULE, LH_JUDGE_MODEL, LH_JUDGE_REFERENCE };
enum lh_rl_precision { LH_PUSH_BF16, LH_PUSH_FP8, LH_PUSH_DELTA };
enum { LH_RL_FLEETS = 64 };    /* entries of rl.generators at most */
enum { LH_RL_VERIFIERS = 16 };

/* One row of data/engines.csv: the software that generates. */
struct lh_serving {
    const char *name;
    double iteration_s;            /* CPU and scheduler, once an iteration */
    double sequence_s;             /* and for each sequence that runs */
    double kernel_s;               /* a kernel beside its bytes, in a graph */
    double sample_s;               /* of an accelerator's, between turns */
    double memory_frac;            /* of the device, for weights and KV */
    int64_t max_sequences;         /* that run in a replica at most */
    double load_bytes_per_s;       /* of new weights into a replica, in all */
    double experts_frac;           /* memory bandwidth of products of routed
                                      experts, over that of others */
    double gather_s;               /* a tensor of the weights, before it leaves */
    double host_bytes_per_s;       /* device to host and back, each */
    const char *source;
};

/* Generators of one kind at one site. */
struct lh_rl_fleet {
    const char *site_name;
    int site;
    int64_t gpus;
    bool shared;                   /* the trainer's accelerators */
    int64_t tensor, pipeline, expert; /* of a replica of the engine */
    int64_t max_concurrency;       /* sequences of a replica; 0: auto */
    int kv_fp8;                    /* bf16 | fp8 */
    double memory_frac;            /* of the device; -1: the engine's */
    int64_t chunk;                 /* tokens of an iteration; 0: prompts whole */
    bool speculates;
    int64_t drafted;               /* tokens; 0: none */
    double accepted_frac;          /* of drafted tokens, each */
    double draft_frac;             /* of the model's iteration, a token */
    const char *engine_name;
    struct lh_serving engine;
    double up_s, down_s;           /* mean times; up_s < 0: they stay */
    const char *key;               /* "rl.generators[0]" */
    struct lh_where where;
};

struct lh_rl_verifier {
    enum lh_rl_judge kind;
    const char *site_name;
    int site;
    int64_t workers;               /* rule */
    double time_s;                 /* of one sample on one worker */
    double keep_frac;              /* of prompts, whose samples are trained on */
    const char *model_name;        /* model, reference: NULL: the scenario's */
    struct lh_model model;
    int64_t output;                /* model: tokens that it writes */
    struct lh_rl_fleet on;         /* model, reference: its accelerators */
};

struct lh_rl {
    bool on;                       /* the scenario has a key `rl` */
    enum lh_rl_mode mode;
    int64_t steps, warmup_steps;
    int deal;                      /* tokens | samples */
    int64_t prompts, samples;      /* prompts a step, samples a prompt */
    int64_t mini_batches;          /* optimiser steps a loop step */
    int64_t log_prob_passes;       /* forward passes over what is trained on */
    int64_t max_staleness;         /* trainer steps */
    bool partial_rollouts;
    int64_t prompt_length;
    enum lh_rl_lengths lengths;
    double length_median;
    double length_sigma;
    double length_shape;
    int64_t length_max;
    const char *length_file;
    int n_length_rows;             /* of the file */
    double *length_rows;
    int64_t turns;                 /* of a sample */
    double tool_s;                 /* median time between two turns */
    double tool_sigma;             /* lognormal; 0: all the median */
    int64_t tool_tokens;           /* that a turn begins with */
    bool turn_keeps_kv;            /* and its place in the replica */
    enum lh_rl_engine engine;
    const char *trainer_site_name;
    int trainer_site;
    int64_t trainer_gpus;
    int n_fleets;
    struct lh_rl_fleet *fleets;
    int n_verifiers;
    struct lh_rl_verifier *verifiers;
    int64_t push_every;
    double push_interval_s;        /* < 0: every so many steps */
    enum lh_rl_precision precision;
    bool push_fp8;                 /* weights of generators are fp8 */
    double delta_frac;             /* bytes of a delta over those of bf16 */
    enum lh_rl_route route;
    double bucket_bytes;
    enum lh_rl_apply apply;
    bool keep_kv;                  /* over an update */
};

/* The price of loose agreement in tokens (scenario/loss.c). */
struct lh_equal_loss {
    bool on;
    double stated;            /* 0: a published figure */
    double tokens_factor;     /* tokens to equal loss over those of every-step;
                                 NAN: off, or no published figure */
    double low, high;         /* by the digits that the source prints */
    const char *basis, *source;
};

struct lh_scenario {
    const char *file;
    const char *name;
    int64_t seed;
    struct lh_model model;
    struct lh_ideal ideal;         /* instead of a transformer */
    struct lh_traced traced;       /* likewise */
    struct lh_training training;
    struct lh_stack stack;
    struct lh_plan plan;
    int n_sites;
    struct lh_site *sites;
    int n_fibres;
    struct lh_fibre *fibres;
    struct lh_layout layout;
    enum lh_across across_sites;
    enum lh_replica_batch replica_batch;
    enum lh_sync_kind sync;
    struct lh_outer outer;         /* where sync is not every-step */
    struct lh_equal_loss equal_loss;
    const char *sync_algorithm;    /* "auto" or a name of `longhaul list` */
    int n_faults;
    struct lh_fault *faults;
    double time_of_day_s;          /* -1: background has its daily mean */
    int n_background;
    struct lh_background *background;
    struct lh_reliability reliability;
    enum lh_collectives collectives;
    enum lh_routing routing;
    bool fold;                     /* auto | off */
    struct lh_rl rl;
    struct lh_values *values;      /* private to scenario/: key -> value, place */
};

/* One --set PATH=VALUE. */
struct lh_setting {
    const char *path;
    const char *value;
};

/* Reads, fills defaults, resolves and checks.  All faults go to the diag at
 * once; LH_BAD_INPUT if there is any. */
enum lh_status lh_scenario_read(struct lh_scenario *out, const char *path,
                                const struct lh_setting *settings,
                                int n_settings, struct lh_ctx *ctx)
    LH_MUST_USE;
/* The same from text; relative paths are resolved against `dir`. */
enum lh_status lh_scenario_read_text(struct lh_scenario *out, const char *name,
                                     const char *text, size_t n,
                                     const char *dir,
                                     const struct lh_setting *settings,
                                     int n_settings, struct lh_ctx *ctx)
    LH_MUST_USE;

/* Canonical scenario: same keys, every default, values as strings with units,
 * paths as absolute.  As YAML, or as a JSON object indented by `indent`.
 * Reading it again gives an equal scenario. */
void lh_scenario_print_yaml(struct lh_text *out, const struct lh_scenario *s);
void lh_scenario_print_json(struct lh_text *out, const struct lh_scenario *s,
                            int indent);

/* The largest number of replicas that divides those of every site; of replicas
 * that are split across sites whole. */
int64_t lh_common_replicas(const struct lh_scenario *s);

/* The same accelerators in one site: the first site's fabric recipe extended
 * to the sum, no fibres, every-step sync with algorithm auto. */
void lh_scenario_one_site(struct lh_scenario *out, const struct lh_scenario *s,
                          struct lh_ctx *ctx);

/* Numbers that a key may have. */
struct lh_range {
    enum lh_dimension dimension;
    bool whole;
    bool above_min;                /* min itself is none of them */
    double min, max;               /* max INFINITY: any */
    const char *unit;              /* of plain numbers, in words; or "" */
};
/* As a scenario would have it. */
const char *lh_range_text(const struct lh_range *range, double value,
                          struct lh_arena *arena);

/* One --vary: "KEY=a,b,c", "KEY=lo..hi:xK", "KEY=lo..hi:+S", "KEY=lo..hi", or
 * "KEY" for all of its range. */
struct lh_vary {
    const char *path;
    bool is_number;                /* else no range and no numbers */
    struct lh_range range;
    bool span;                     /* from lo to hi without steps: n is 0 */
    double lo, hi;
    int n;
    const char **values;           /* [n] as --set takes them */
    double *numbers;               /* [n] */
};
enum lh_status lh_vary_read(struct lh_vary *out, const char *text,
                            struct lh_ctx *ctx) LH_MUST_USE;

/* A key in which two scenarios differ. */
struct lh_difference {
    const char *path;
    const char *a, *b;             /* values as text; "-": none */
};
/* In the order of the keys; names and files are no difference. */
int lh_scenario_differences(struct lh_difference **out,
                            const struct lh_scenario *a,
                            const struct lh_scenario *b,
                            struct lh_arena *arena);
/* A learner of async-diloco at a site as a scenario of its own, with its part
 * of the batch. */
void lh_scenario_learner(struct lh_scenario *out, const struct lh_scenario *s,
                         int site, struct lh_ctx *ctx);
/* The trainer of an RL scenario as a scenario of its own: its accelerators in
 * one site, a step of `batch` packed sequences, whose tokens see on average as
 * much as in a window of `window` tokens (0: all). */
void lh_scenario_trainer(struct lh_scenario *out, const struct lh_scenario *s,
                         int64_t batch, int64_t window, struct lh_ctx *ctx);

/* The same with its sites side by side: what goes from one to another has no
 * way and no limit but the NICs. */
void lh_scenario_rl_near(struct lh_scenario *out, const struct lh_scenario *s,
                         struct lh_ctx *ctx);

/* Help from the schema table. */
enum lh_status lh_schema_explain(struct lh_text *out, const char *key,
                                 struct lh_ctx *ctx) LH_MUST_USE; /* NULL: all */
void lh_schema_print_json_schema(struct lh_text *out, struct lh_ctx *ctx);
void lh_schema_print_markdown(struct lh_text *out, struct lh_ctx *ctx);

/* Model shape from data/models.csv, or from a HuggingFace config.json. */
enum lh_status lh_model_by_name(struct lh_model *out, const char *name,
                                struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
enum lh_status lh_model_read_config(struct lh_model *out, const char *path,
                                    struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
/* Fills parameters and active_parameters from the shape (docs/model.md). */
void lh_model_count(struct lh_model *model);

/* Rows of data/accelerators.csv, data/fabrics.csv, data/stacks.csv. */
enum lh_status lh_device_by_name(struct lh_device *out, const char *name,
                                 struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
enum lh_status lh_library_by_name(struct lh_library *out, const char *name,
                                  struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
enum lh_status lh_fabric_by_name(struct lh_fabric *out, const char *name,
                                 struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
enum lh_status lh_stack_by_name(struct lh_stack *out, const char *name,
                                struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;
enum lh_status lh_serving_by_name(struct lh_serving *out, const char *name,
                                  struct lh_where where, struct lh_ctx *ctx)
    LH_MUST_USE;

#endif
