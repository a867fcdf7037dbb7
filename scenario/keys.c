/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of all keys of a scenario: one row each, in the order of the
 * canonical echo.  Defaults are those of docs/keys.md, which is made from this
 * table, as are `longhaul explain` and the JSON Schema.
 *
 * Sources of defaults: route_factor 1.4, fibre of 4.9 us/km and ideal
 * transport as in the design documents; a gradient bucket of
 * max(40 million, 1 million x data) elements is that of Megatron-LM's
 * distributed data parallel (megatron/core/distributed).
 */
#include "schema.h"

#include <math.h>

#define ROOT(field)  offsetof(struct lh__root, field)
#define SITE(field)  offsetof(struct lh_site, field)
#define FIBRE(field) offsetof(struct lh_fibre, field)
#define FAULT(field) offsetof(struct lh_fault, field)
#define OTHERS(field) offsetof(struct lh_background, field)
#define FAILS(field) ROOT(s.reliability.field)
#define FLEET(field) offsetof(struct lh_rl_fleet, field)
#define CHECKER(field) offsetof(struct lh_rl_verifier, field)

#define BIT_PER_S    0.125
#define BYTES_PER_S  .type = LH__QUANTITY, .dimension = LH_DIM_BANDWIDTH
#define SECONDS      .type = LH__QUANTITY, .dimension = LH_DIM_TIME
#define METRES       .type = LH__QUANTITY, .dimension = LH_DIM_LENGTH
#define WATTS        .type = LH__QUANTITY, .dimension = LH_DIM_POWER
#define BYTES        .type = LH__QUANTITY, .dimension = LH_DIM_BYTES

#define LAID         "fibre_layout.kind=mesh|ring|hub|tree|graphml"
#define SCALE_UP     "sites[].fabric.kind=rails|fat-tree|torus|dragonfly"
#define TREES        "sites[].fabric.kind=rails|fat-tree|torus"
#define SWITCHED     "sites[].fabric.kind=rails|fat-tree|dragonfly"
#define BUILDINGS    TREES "&sites[].fabric.building_gpus=!0"
#define SPRAYED      SCALE_UP "&engine.routing=spray"
#define HASHED       TREES "&engine.routing=ecmp"

/* The names of workloads/collectives/list.h, which is a later stage;
 * tests/test_scenario.c holds the two against each other. */
#define ALGORITHMS "auto|ring|flat-ring|tree|hierarchical|torus|hamiltonian" \
                   "|nvls|nvls-tree|sharp|server"

#define COLLECTIVE   "sync.kind=local-sgd|diloco|streaming-diloco"
#define FRAGMENTS    "sync.kind=streaming-diloco|async-diloco"
#define COMPRESSED   COLLECTIVE "|gossip"
#define ISLANDS      COMPRESSED "|async-diloco"

enum { AXIS_MAX = 65536 };

static const struct lh__key keys[] = {
    {"longhaul", LH__COUNT, LH__REQUIRED, .offset = ROOT(extra.version),
     .min = 1, .max = 1e6, .supported_max = "1", .example = "1",
     .help = "Version of the format of this file."},
    {"name", LH__TEXT, .offset = ROOT(s.name),
     .derived = "the name of the file, without its ending",
     .help = "Name of the scenario in results.", .example = "two-sites"},
    {"seed", LH__COUNT, .offset = ROOT(s.seed), .min = 0, .max = 1e15,
     .fallback = "1",
     .help = "Seed of every random draw, and of the hash of routing ecmp."},

    {"time_of_day", SECONDS, .offset = ROOT(s.time_of_day_s), .absent = -1,
     .max = 86400, .derived = "none: background has its mean over the day",
     .example = "20 h",
     .help = "When the step runs, from midnight: it picks the level of "
             "background that has a 'day'."},

    {"model", LH__GROUP, LH__REQUIRED, .bare = "name",
     .example = "llama-3.1-8b",
     .help = "The model: a name, or a file that describes it."},
    {"model.name", LH__NAME, .offset = ROOT(extra.model_name),
     .derived = "none; either name or config must be given",
     .example = "llama-3.1-8b",
     .help = "A row of data/models.csv (longhaul list models)."},
    {"model.config", LH__FILE, .offset = ROOT(extra.model_config),
     .derived = "none; either name or config must be given",
     .example = "path/to/config.json",
     .help = "A HuggingFace config.json, from which the shape is read."},
    {"model.parallel_block", LH__FLAG, LH__ROW,
     .offset = ROOT(s.model.parallel_block),
     .derived = "what the model's row or config.json says",
     .help = "Attention and MLP of a layer side by side, from one norm and "
             "summed once (GPT-J, PaLM, MegaScale)."},
    {"model.attention_window", LH__COUNT, LH__ROW,
     .offset = ROOT(s.model.attention_window), .min = 0, .max = 1e8,
     .derived = "what the model's row or config.json says",
     .unit = "tokens", .example = "1024",
     .help = "Last tokens that a token sees, itself included; 0: all before "
             "it."},

    {"model.ideal", LH__GROUP,
     .help = "Instead of a model one of which only this is known: equal layers "
             "and the time of computing.  No device, kernels or memory."},
    {"model.ideal.layers", LH__COUNT, .offset = ROOT(s.ideal.layers), .min = 1,
     .max = 100000, .derived = "none; an ideal model needs it", .example = "24",
     .help = "Layers, of which each is reduced by itself."},
    {"model.ideal.parameters", LH__NUMBER, LH__POSITIVE,
     .offset = ROOT(s.ideal.parameters), .max = 1e18, .example = "1e9",
     .derived = "none; an ideal model needs it", .help = "Of all layers."},
    {"model.ideal.step_time", .flags = LH__POSITIVE, SECONDS,
     .offset = ROOT(s.ideal.step_s), .absent = -1, .max = 1e9,
     .derived = "none; an ideal model needs it", .example = "100 ms",
     .help = "What a replica computes in a step."},
    {"model.ideal.backward", LH__NUMBER, LH__POSITIVE,
     .offset = ROOT(s.ideal.backward_frac), .absent = -1, .max = 1,
     .unit = "share", .example = "0.6667",
     .derived = "(2 layers - 1) / (3 layers - 1): forward, gradient of inputs "
                "(but of the first layer) and of weights of a layer are "
                "equally long",
     .help = "Share of step_time, the same in every layer."},

    {"model.trace", LH__GROUP, .count = ROOT(s.traced.on), .bare = "file",
     .example = "workload.txt",
     .help = "Instead of a model: what another simulator runs.  The file says "
             "what is computed, how long, and what is communicated; plan, batch "
             "and memory are not of this scenario (docs/interchange.md)."},
    {"model.trace.file", LH__FILE, .offset = ROOT(s.traced.file),
     .derived = "none; a trace needs it", .example = "workload.txt",
     .help = "SimAI's workload text, or a Chakra execution trace, which all "
             "ranks run; with %d for a rank, one a rank."},
    {"model.trace.format", LH__CHOICE, .offset = ROOT(s.traced.format),
     .choices = "auto|simai|chakra", .fallback = "auto",
     .when = "model.trace.file=any",
     .help = "auto: chakra where the file's name ends in .et or .json, else "
             "simai."},
    {"model.trace.groups", LH__FILE, .offset = ROOT(s.traced.groups),
     .derived = "none: the trace has its process groups", .example = "groups.json",
     .when = "model.trace.file=any",
     .help = "Process groups of a Chakra trace that names them only: JSON, "
             "{\"name\": [ranks]}, as ASTRA-sim reads it."},

    {"training", LH__GROUP, .help = "What is trained on, and with what."},
    {"training.global_batch", LH__COUNT,
     .offset = ROOT(s.training.global_batch), .min = 1, .max = 1e9,
     .unit = "sequences a step", .example = "512",
     .derived = "data x micro_batch x pipeline: as many micro-batches a "
                "replica as it has pipeline stages",
     .help = "Sequences a step, a multiple of data x micro_batch."},
    {"training.sequence_length", LH__COUNT,
     .offset = ROOT(s.training.sequence_length), .min = 1, .max = 1e8,
     .fallback = "8192", .unit = "tokens", .help = "Tokens of a sequence."},
    {"training.micro_batch", LH__COUNT, .offset = ROOT(s.training.micro_batch),
     .min = 1, .max = 1e6, .fallback = "1", .unit = "sequences",
     .help = "Sequences a replica works on at once."},
    {"training.precision", LH__CHOICE, .offset = ROOT(s.training.precision),
     .choices = "bf16|fp8|mxfp8", .fallback = "bf16",
     .help = "Number format of the layers' matrix products: fp8 with a scale a "
             "tensor, mxfp8 with one for 32 values (Blackwell)."},
    {"training.gradient_precision", LH__CHOICE,
     .offset = ROOT(s.training.gradient_precision), .choices = "fp32|bf16",
     .fallback = "fp32",
     .help = "Number format in which gradients are kept and reduced."},
    {"training.lora_rank", LH__COUNT, .offset = ROOT(s.training.lora_rank),
     .min = 0, .max = 1e6, .fallback = "0",
     .help = "Trains adapters of this rank beside the layers' matrices, which "
             "stay frozen; 0 trains all."},
    {"training.lora_target", LH__CHOICE, .offset = ROOT(s.training.lora_target),
     .choices = "all|qkv", .fallback = "all",
     .help = "Which matrices of a layer have adapters: all four, or that of "
             "queries, keys and values."},
    {"training.optimizer", LH__WORD, .offset = ROOT(s.training.optimizer),
     .choices = "adamw", .fallback = "adamw", .help = "The optimizer."},
    {"training.routing", LH__GROUP, .bare = "kind",
     .help = "How tokens choose among the routed experts."},
    {"training.routing.kind", LH__CHOICE, .offset = ROOT(s.training.routing),
     .choices = "balanced|zipf", .fallback = "balanced",
     .help = "All experts equally often; or the i-th most popular one in "
             "proportion to i^-exponent, at most once a token."},
    {"training.routing.exponent", LH__NUMBER,
     .offset = ROOT(s.training.routing_exponent), .max = 10, .fallback = "0.5",
     .when = "training.routing.kind=zipf",
     .help = "How fast popularity falls; 0 is balanced."},
    {"training.routing.nodes_max", LH__COUNT,
     .offset = ROOT(s.training.routing_domains), .min = 0, .max = AXIS_MAX,
     .fallback = "0", .unit = "scale-up domains", .when = "plan.dispatch=relay",
     .help = "Scale-up domains (nodes) that a token visits at most; 0: any."},
    {"training.stack", LH__NAME, .offset = ROOT(s.training.stack_name),
     .fallback = "megatron",
     .help = "The software between model and machine: a row of "
             "data/stacks.csv (longhaul list stacks)."},

    {"plan", LH__GROUP, .help = "How the model is split over accelerators."},
    {"plan.tensor", LH__COUNT, .offset = ROOT(s.plan.tensor), .min = 1,
     .max = AXIS_MAX, .fallback = "1", .unit = "accelerators",
     .help = "Tensor parallelism: accelerators that share each layer."},
    {"plan.pipeline", LH__COUNT, .offset = ROOT(s.plan.pipeline), .min = 1,
     .max = AXIS_MAX, .fallback = "1", .unit = "stages",
     .help = "Pipeline parallelism: stages that the layers are split into."},
    {"plan.context", LH__COUNT, .offset = ROOT(s.plan.context), .min = 1,
     .max = AXIS_MAX, .fallback = "1", .unit = "accelerators",
     .help = "Context parallelism: accelerators that share a sequence."},
    {"plan.context_kind", LH__CHOICE, .offset = ROOT(s.plan.context_kind),
     .choices = "ring|all-gather", .fallback = "ring",
     .help = "How they see each other's keys and values: blocks passed round "
             "a ring beside the attention, or all gathered before it."},
    {"plan.expert", LH__COUNT, .offset = ROOT(s.plan.expert), .min = 1,
     .max = AXIS_MAX, .fallback = "1", .unit = "replicas",
     .help = "Expert parallelism: replicas that share the routed experts; "
             "divides plan.data and the model's experts."},
    {"plan.whole_experts", LH__FLAG, .offset = ROOT(s.plan.whole_experts),
     .fallback = "false",
     .help = "Experts are not split over the tensor group (expert tensor "
             "parallelism is 1 in place of plan.tensor), and plan.expert "
             "counts accelerators: whole tensor groups."},
    {"plan.dispatch", LH__CHOICE, .offset = ROOT(s.plan.dispatch),
     .choices = "direct|relay", .fallback = "direct",
     .help = "How tokens travel to their experts: a copy to each; or one to "
             "each node, which is handed on inside, once to an accelerator."},
    {"plan.dispatch_precision", LH__CHOICE,
     .offset = ROOT(s.plan.dispatch_precision), .choices = "bf16|fp8",
     .fallback = "bf16",
     .help = "Number format in which tokens travel to their experts; they "
             "come back in bf16."},
    {"plan.data", LH__COUNT, .offset = ROOT(s.plan.data), .min = 1,
     .max = 16777216, .unit = "replicas",
     .derived = "accelerators / (tensor x pipeline x context)", .example = "16",
     .help = "Data parallelism: replicas of the model.  Derived; where it is "
             "given it is checked."},
    {"plan.schedule", LH__CHOICE, .offset = ROOT(s.plan.schedule),
     .choices = "gpipe|1f1b|interleaved|zero-bubble|dualpipe|dualpipe-v",
     .fallback = "1f1b",
     .help = "Order of a pipeline's forward and backward passes."},
    {"plan.interleave", LH__COUNT, .offset = ROOT(s.plan.interleave), .min = 1,
     .max = 4096, .fallback = "1", .unit = "chunks",
     .when = "plan.schedule=interleaved",
     .help = "Chunks of the model a pipeline stage holds."},
    {"plan.stage_layers", LH__COUNTS, .offset = ROOT(s.plan.stage_layers),
     .count = ROOT(s.plan.n_stage_layers), .min = 1, .max = 1e6,
     .unit = "layers",
     .derived = "as even as possible; first and last stages "
                "get the fewer",
     .example = "[7, 8, 8, 9]",
     .help = "Layers of each of pipeline x interleave chunks, in the order of "
             "the model."},
    {"plan.zero", LH__COUNT, .offset = ROOT(s.plan.zero), .min = 0, .max = 3,
     .fallback = "0",
     .help = "What replicas share instead of each holding it: 0 nothing, "
             "1 optimizer state, 2 and gradients, 3 and weights (FSDP)."},
    {"plan.shard", LH__COUNT, .offset = ROOT(s.plan.shard), .min = 2,
     .max = 16777216, .unit = "replicas", .when = "plan.zero=1|2|3",
     .derived = "all replicas", .example = "8",
     .help = "Neighbouring replicas that share what plan.zero says; the "
             "groups are replicas of each other (hybrid shard). A multiple of "
             "plan.expert; with plan.context a group is as many times larger."},
    {"plan.prefetch", LH__COUNT, .offset = ROOT(s.plan.prefetch), .min = 0,
     .max = 1000, .fallback = "1", .unit = "units", .when = "plan.zero=3",
     .help = "Layers whose weights are gathered ahead of the one that "
             "computes; 0 gathers and computes in turn."},
    {"plan.reshard_after_forward", LH__FLAG,
     .offset = ROOT(s.plan.reshard_after_forward), .fallback = "true",
     .when = "plan.zero=3",
     .help = "A layer's gathered weights are freed after its forward and "
             "gathered again for its backward; with a pipeline torchtitan has "
             "false."},
    {"plan.gather_precision", LH__CHOICE,
     .offset = ROOT(s.plan.gather_precision), .choices = "bf16|fp8",
     .fallback = "bf16", .when = "plan.zero=1|2|3",
     .help = "Number format in which the layers' weights are gathered; fp8 "
             "needs training.precision fp8."},
    {"plan.recompute", LH__CHOICE, .offset = ROOT(s.plan.recompute),
     .choices = "none|selective|operators|full", .fallback = "selective",
     .help = "What the backward pass computes again instead of keeping it: "
             "nothing, the attention core, every second matrix product and "
             "all that is no product (PyTorch's selective checkpointing), or "
             "every layer."},
    {"plan.sequence_parallel", LH__FLAG,
     .offset = ROOT(s.plan.sequence_parallel), .fallback = "true",
     .help = "Norms and residuals are split by tokens over the tensor group."},
    {"plan.overlap", LH__GROUP, .help = "What runs beside the computation."},
    {"plan.overlap.gradients", LH__FLAG,
     .offset = ROOT(s.plan.overlap_gradients), .fallback = "true",
     .help = "Gradients are reduced bucket by bucket during the backward "
             "pass."},
    {"plan.overlap.tensor", LH__FLAG, .offset = ROOT(s.plan.overlap_tensor),
     .fallback = "false",
     .help = "Tensor communication is hidden behind matrix products, chunk by "
             "chunk; needs sequence_parallel."},
    {"plan.overlap.expert", LH__FLAG, .offset = ROOT(s.plan.overlap_expert),
     .fallback = "false",
     .help = "A stage runs a forward beside the backward of another "
             "micro-batch, so that dispatch and combine of one hide behind "
             "the computation of the other; the interleaved schedule then "
             "warms up with one forward more.  DualPipe's always do."},
    {"plan.overlap.pipeline", LH__FLAG,
     .offset = ROOT(s.plan.overlap_pipeline), .fallback = "true",
     .help = "Transfers between stages run beside the computation; false: "
             "the next pass waits for the sends of the last one and for what "
             "it receives, which is awaited only then."},
    {"plan.overlap.forward", LH__FLAG, .offset = ROOT(s.plan.overlap_forward),
     .fallback = "false",
     .help = "A layer of the next step's forward waits for its own reduction "
             "and update only, not for all.  Gradients are reduce-scattered in "
             "the backward and gathered in the forward (zero 0), or weights "
             "are (1, 2); there is no norm of all gradients."},
    {"plan.overlap.levels", LH__FLAG, .offset = ROOT(s.plan.overlap_levels),
     .fallback = "false",
     .when = "sites=many&plan.overlap.gradients=true&plan.zero=0|1",
     .help = "Reductions over sites are made in levels, inside the sites and "
             "between them, and a bucket is on the fibre while the next one "
             "is reduced inside its site."},
    {"plan.bucket", .flags = LH__POSITIVE, BYTES,
     .offset = ROOT(s.plan.bucket_bytes), .absent = -1, .max = 1e15,
     .when = "plan.overlap.gradients=true", .example = "160 MB",
     .derived = "40 million gradients, or a million a replica if that is more "
                "(160 MB in fp32), as in Megatron-LM",
     .help = "Size of a bucket of overlapped gradients."},

    {"sites", LH__GROUPS, LH__REQUIRED, .offset = ROOT(s.sites),
     .count = ROOT(s.n_sites), .size = sizeof(struct lh_site), .n_min = 1,
     .n_max = 1000, .help = "The places where accelerators stand."},
    {"sites[].name", LH__NAME, .offset = SITE(name),
     .derived = "site0, site1, ...", .example = "ashburn",
     .help = "Name of the site: letters, digits, '.', '_' and '-'."},
    {"sites[].location", LH__LOCATION, .offset = SITE(latitude_deg),
     .count = SITE(has_location), .unit = "degrees north, degrees east",
     .derived = "none", .example = "[39.04, -77.49]",
     .help = "Where the site is; needed where a fibre's length is not given."},
    {"sites[].gpus", LH__COUNT, LH__REQUIRED, .offset = SITE(gpus), .min = 1,
     .max = 16777216, .unit = "accelerators", .example = "64",
     .help = "Accelerators of the site."},
    {"sites[].device", LH__NAME, LH__REQUIRED, .offset = SITE(device_name),
     .example = "h100-sxm",
     .help = "Their kind: a row of data/accelerators.csv (longhaul list "
             "accelerators)."},
    {"sites[].fabric", LH__GROUP, .bare = "name", .enter = lh__enter_fabric,
     .help = "The network inside the site: a row of data/fabrics.csv, and "
             "keys that override its cells."},
    {"sites[].fabric.name", LH__NAME, LH__ROW, .offset = SITE(fabric.name),
     .derived = "the usual one of the device", .example = "dgx-h100-rails",
     .help = "A row of data/fabrics.csv (longhaul list fabrics)."},
    {"sites[].fabric.astra_network", LH__FILE, LH__SILENT,
     .offset = SITE(fabric.astra_network),
     .derived = "none", .example = "network.yml",
     .help = "In place of a row: ASTRA-sim's network.yml, whose dims are "
             "those of all accelerators of the site (docs/interchange.md)."},
    {"sites[].fabric.kind", LH__CHOICE, LH__ROW, .offset = SITE(fabric.kind),
     .choices = "switch|rails|fat-tree|torus|dragonfly",
     .help = "One switch for all; or one leaf a rail and a spine; or a tree "
             "of switches; or slices that are tori of accelerators, and a "
             "tree of switches over them; or groups of nodes and cables "
             "between every two groups."},
    {"sites[].fabric.routing", LH__CHOICE, LH__ROW,
     .offset = SITE(fabric.routing), .choices = "minimal|valiant",
     .when = "sites[].fabric.kind=dragonfly",
     .help = "From group to group over the bundle between the two; or spread "
             "evenly over all groups, first to one of them and from there to "
             "its destination."},
    {"sites[].fabric.dims", LH__COUNTS, LH__ROW | LH__INLINE,
     .offset = SITE(fabric.dims), .count = SITE(fabric.n_dims), .min = 1,
     .max = AXIS_MAX, .n_min = 1, .n_max = LH_TORUS_DIMS,
     .when = "sites[].fabric.kind=torus", .unit = "accelerators",
     .example = "[16, 16, 16]",
     .help = "Accelerators of a slice along x, y and z.  A cable joins every "
             "two neighbours; the last is a neighbour of the first."},
    {"sites[].fabric.dims_bandwidth", LH__NUMBERS, LH__ROW | LH__INLINE,
     .offset = SITE(fabric.dims_frac), .count = SITE(fabric.n_dims_frac),
     .min = 0.0009765625, .max = 1, .n_max = LH_TORUS_DIMS,
     .when = "sites[].fabric.kind=torus", .unit = "share",
     .example = "[1, 1, 0.5]",
     .help = "Share of scale_up_bandwidth that a link along x, y and z has.  "
             "Empty: all links are equal."},
    {"sites[].fabric.scale_up_gpus", LH__COUNT, LH__ROW,
     .offset = SITE(fabric.scale_up_gpus), .min = 1, .max = 16777216,
     .unit = "accelerators", .when = SCALE_UP,
     .help = "Accelerators of a scale-up domain (a node or a rack).  Of a "
             "torus the product of dims, derived; where it is given it is "
             "checked."},
    {"sites[].fabric.scale_up_bandwidth", .flags = LH__ROW,
     BYTES_PER_S, .min = BIT_PER_S, .offset = SITE(fabric.scale_up_bytes_per_s), .max = 1e18,
     .when = SCALE_UP,
     .help = "Of one accelerator into its scale-up domain, each direction; "
             "of a torus that of one link, of which an accelerator has two a "
             "dimension."},
    {"sites[].fabric.scale_up_latency", .flags = LH__ROW, SECONDS,
     .offset = SITE(fabric.scale_up_latency_s), .max = 3600, .when = SCALE_UP,
     .help = "From an accelerator to its scale-up switch; in a torus to its "
             "neighbour."},
    {"sites[].fabric.scale_up_efficiency", LH__NUMBER, LH__ROW | LH__POSITIVE,
     .offset = SITE(fabric.scale_up_frac), .max = 1, .when = SCALE_UP,
     .unit = "share",
     .help = "Share of scale_up_bandwidth that collectives reach."},
    {"sites[].fabric.nic_bandwidth", .flags = LH__ROW,
     BYTES_PER_S, .min = BIT_PER_S, .offset = SITE(fabric.nic_bytes_per_s), .max = 1e18,
     .help = "Of one accelerator's network card, each direction."},
    {"sites[].fabric.nic_latency", .flags = LH__ROW, SECONDS,
     .offset = SITE(fabric.nic_latency_s), .max = 3600,
     .help = "From an accelerator to its leaf switch."},
    {"sites[].fabric.nic_efficiency", LH__NUMBER, LH__ROW | LH__POSITIVE,
     .offset = SITE(fabric.nic_frac), .max = 1, .unit = "share",
     .help = "Share of nic_bandwidth that collectives reach."},
    {"sites[].fabric.switch_latency", .flags = LH__ROW, SECONDS,
     .offset = SITE(fabric.switch_latency_s), .max = 3600,
     .help = "From a switch to the next; in a dragonfly from group to "
             "group."},
    {"sites[].fabric.spread_efficiency", LH__NUMBER, LH__ROW | LH__POSITIVE,
     .offset = SITE(fabric.spread_frac), .max = 1, .unit = "share",
     .when = SPRAYED,
     .help = "Share of the links between switches that sprayed traffic "
             "reaches."},
    {"sites[].fabric.group", LH__COUNTS, LH__ROW | LH__INLINE,
     .offset = SITE(fabric.group), .count = SITE(fabric.n_levels), .min = 1,
     .max = 16777216, .n_max = LH_FABRIC_LEVELS, .when = SCALE_UP,
     .example = "[32]",
     .help = "rails: nodes of a pod.  dragonfly: nodes of a group.  fat-tree and torus: children of a "
             "switch, level by level from below; the lowest children are "
             "nodes or slices."},
    {"sites[].fabric.oversubscription", LH__NUMBERS, LH__ROW | LH__INLINE,
     .offset = SITE(fabric.oversubscription),
     .count = SITE(fabric.n_oversubscription), .min = 0.015625, .max = 1024,
     .n_min = 1, .n_max = LH_FABRIC_LEVELS, .when = SCALE_UP, .example = "1",
     .help = "Capacity below a switch over capacity above it: one number, or "
             "one a level.  dragonfly: of a group's network cards over that of "
             "all its cables to other groups."},
    {"sites[].fabric.cables", LH__COUNTS, LH__ROW | LH__INLINE,
     .offset = SITE(fabric.cables), .count = SITE(fabric.n_cables), .min = 1,
     .max = LH_CABLES_MAX, .n_max = LH_FABRIC_LEVELS, .when = HASHED,
     .unit = "cables", .example = "[32]",
     .derived = "the NICs below a leaf, and above it the children of a switch, "
                "over oversubscription",
     .help = "Equal parallel cables that the uplink of a switch is, level by "
             "level from below; a connection takes one of them by its hash."},
    {"sites[].fabric.building_gpus", LH__COUNT, LH__ROW,
     .offset = SITE(fabric.building_gpus), .min = 0, .max = 16777216,
     .unit = "accelerators", .when = TREES,
     .help = "Accelerators of a building, whole nodes and groups of them: a "
             "larger site stands in as many as it needs, joined by a campus "
             "core.  0: one building."},
    {"sites[].fabric.building_oversubscription", LH__NUMBER,
     LH__ROW, .offset = SITE(fabric.building_oversubscription),
     .min = 0.015625, .max = 1024, .when = BUILDINGS,
     .help = "Network cards of a building over its links to the campus core."},
    {"sites[].fabric.building_length", .flags = LH__ROW, METRES,
     .offset = SITE(fabric.building_length_m), .max = 200e3, .when = BUILDINGS,
     .help = "Of the fibre from one building to another, over the core."},
    {"sites[].fabric.in_network", LH__CHOICE, LH__ROW,
     .offset = SITE(fabric.in_network), .choices = "none|nvls|sharp",
     .when = SCALE_UP,
     .help = "Whether scale-up switches can add up what passes them, which "
             "the algorithms nvls and nvls-tree need (NVLink SHARP), or those "
             "of the network too, which the algorithm sharp needs."},
    {"sites[].fabric.library", LH__NAME, LH__ROW,
     .offset = SITE(fabric.library.name), .when = SWITCHED,
     .example = "nccl-2.23",
     .help = "The library of collectives: a row of data/protocols.csv, or "
             "none, whose collectives take the stack's collective_base and "
             "the latencies of their paths alone."},
    {"sites[].gateway_bandwidth", BYTES_PER_S, .min = BIT_PER_S,
     .offset = SITE(gateway_bytes_per_s), .absent = INFINITY, .max = 1e18,
     .derived = "no limit", .when = "sites=many",
     .help = "Capacity between the site's network and all its fibres, each "
             "direction."},
    {"sites[].gpus_max", LH__COUNT, .offset = SITE(gpus_max), .absent = 0,
     .min = 1, .max = 16777216, .unit = "accelerators", .derived = "no limit",
     .help = "Accelerators that the site has room for; more are an error."},
    {"sites[].power_cap", .flags = LH__POSITIVE, WATTS,
     .offset = SITE(power_cap_w), .absent = INFINITY, .max = 1e12,
     .derived = "no limit", .example = "150 MW",
     .help = "Power that the site can draw; accelerators that need more with "
             "their hosts and cooling are an error."},
    {"sites[].power_overhead", LH__NUMBER, .offset = SITE(power_overhead),
     .absent = -1, .min = 1, .max = 10, .unit = "ratio", .example = "2.1",
     .derived = "2.1 where power_cap is given (1.5 kW an H100 of 700 W, all in)",
     .help = "Power of the site over the power of its accelerators alone."},
    {"sites[].node", LH__TEXT, .offset = SITE(node),
     .derived = "the node named as the site, else the nearest one",
     .when = "fibre_layout.kind=graphml", .example = "Washington",
     .help = "Label of the map's node where the site is joined."},

    {"fibres", LH__GROUPS, .offset = ROOT(s.fibres), .count = ROOT(s.n_fibres),
     .size = sizeof(struct lh_fibre), .n_max = 10000, .derived = "none",
     .help = "Connections between sites, given one by one."},
    {"fibres[].between", LH__PAIR, LH__REQUIRED, .offset = FIBRE(site_a),
     .count = FIBRE(site_b), .example = "[ashburn, memphis]",
     .help = "Names of the two sites it joins."},
    {"fibres[].length", METRES, .offset = FIBRE(length_m), .absent = -1,
     .max = 1e9, .derived = "geodesic of the sites x route_factor",
     .help = "Length of the fibre."},
    {"fibres[].route_factor", LH__NUMBER, .offset = FIBRE(route_factor),
     .min = 1, .max = 3, .fallback = "1.4", .when = "fibres[].length=none",
     .unit = "ratio", .help = "Length of the fibre over the geodesic."},
    {"fibres[].bandwidth", BYTES_PER_S, .min = BIT_PER_S,
     .offset = FIBRE(bytes_per_s), .max = 1e18, .fallback = "400 Gbit/s",
     .help = "Usable, in each direction."},
    {"fibres[].wavelengths", LH__COUNT, .offset = FIBRE(light.wavelengths),
     .absent = -1, .min = 1, .max = 10000, .unit = "wavelengths",
     .derived = "none", .example = "64",
     .help = "Of a fibre pair.  Given instead of bandwidth, that is pairs x "
             "wavelengths x rate x framing."},
    {"fibres[].pairs", LH__COUNT, .offset = FIBRE(light.pairs),
     .absent = -1, .min = 1, .max = 10000, .derived = "1", .example = "2",
     .unit = "fibre pairs",
     .when = "fibres[].wavelengths=any", .help = "Fibre pairs."},
    {"fibres[].rate", BYTES_PER_S, .min = BIT_PER_S,
     .offset = FIBRE(light.line_bytes_per_s), .absent = -1, .max = 1e18,
     .derived = "400 Gbit/s", .when = "fibres[].wavelengths=any",
     .help = "Line rate of a wavelength."},
    {"fibres[].framing", LH__NUMBER, .flags = LH__POSITIVE,
     .offset = FIBRE(light.framing_frac), .absent = -1, .max = 1,
     .derived = "0.95", .example = "0.93",
     .unit = "share", .when = "fibres[].wavelengths=any",
     .help = "What framing and protocols leave of the line rate."},
    {"fibres[].equipment_latency", SECONDS,
     .offset = FIBRE(equipment_latency_s), .absent = -1, .max = 3600,
     .derived = "20 us; with amplifier_spacing that of amplifiers and "
                "transponders",
     .help = "What the equipment of the fibre adds, one way."},
    {"fibres[].amplifier_spacing", .flags = LH__POSITIVE, METRES,
     .offset = FIBRE(light.amplifier_spacing_m), .absent = -1, .max = 1e6,
     .when = "fibres[].equipment_latency=none", .derived = "none",
     .example = "80 km",
     .help = "A span between amplifiers.  Given instead of "
             "equipment_latency, that is of the amplifiers (one more than "
             "spans) and two transponders."},
    {"fibres[].amplifier_latency", SECONDS,
     .offset = FIBRE(light.amplifier_latency_s), .absent = -1, .max = 1,
     .derived = "150 ns",
     .when = "fibres[].equipment_latency=none&fibres[].amplifier_spacing=any",
     .help = "Of one amplifier."},
    {"fibres[].transponder_latency", SECONDS,
     .offset = FIBRE(light.transponder_latency_s), .absent = -1, .max = 1,
     .derived = "10 us",
     .when = "fibres[].equipment_latency=none&fibres[].amplifier_spacing=any",
     .help = "Of the transponder at each end, with its error correction."},
    {"fibres[].transport", LH__GROUP, .bare = "kind",
     .help = "What carries the data over the fibre."},
    {"fibres[].transport.kind", LH__CHOICE, .offset = FIBRE(transport),
     .choices = "ideal|tcp|rdma", .fallback = "ideal",
     .help = "ideal: the bandwidth is used in full and shared fairly.  tcp: so "
             "too, but a transfer is no faster than its connections' windows "
             "and losses allow.  rdma: than go-back-N and the collective "
             "library's window do."},
    {"fibres[].transport.streams", LH__COUNT, .offset = FIBRE(tcp.streams),
     .min = 1, .max = 1e6, .fallback = "1",
     .when = "fibres[].transport.kind=tcp|rdma", .unit = "connections",
     .help = "Connections (rdma: queue pairs) of one transfer from an "
             "accelerator to another."},
    {"fibres[].transport.window", BYTES, .min = 1, .max = 1e15,
     .offset = FIBRE(tcp.window_bytes), .fallback = "64 MiB",
     .when = "fibres[].transport.kind=tcp",
     .help = "What one connection may have sent and not yet heard of."},
    {"fibres[].transport.loss", LH__NUMBER, .offset = FIBRE(tcp.loss),
     .max = 0.1, .fallback = "0", .when = "fibres[].transport.kind=tcp|rdma",
     .unit = "share", .help = "Lost packets of those sent, at random."},
    {"fibres[].transport.mtu", BYTES, .min = 576, .max = 65535,
     .offset = FIBRE(tcp.mtu_bytes), .fallback = "1500 B",
     .when = "fibres[].transport.kind=tcp|rdma",
     .help = "Longest packet, with 40 B of IP and TCP headers; of rdma its "
             "data, 4096 B where it is not given."},
    {"fibres[].transport.library_window", .flags = LH__ZERO, BYTES,
     .max = 1e15, .offset = FIBRE(tcp.library_bytes), .absent = -1,
     .when = "fibres[].transport.kind=tcp|rdma",
     .derived = "of rdma that of the site's collective library "
                "(data/protocols.csv), else 0",
     .example = "8 MiB",
     .help = "What the collective library has in flight of one transfer: "
             "channels of a network hop x buffer (NCCL_BUFFSIZE).  0: any."},
    {"fibres[].transport.buffer", BYTES, .min = 1, .max = 1e15,
     .offset = FIBRE(tcp.buffer_bytes), .absent = INFINITY,
     .when = "fibres[].transport.kind=rdma",
     .derived = "bandwidth x round trip of the fibre: enough",
     .help = "What either end can hold so that nothing is lost; less lets "
             "only buffer / round trip pass."},

    {"fibres[].duct", LH__NAME, .offset = FIBRE(duct), .derived = "its own",
     .example = "river-crossing",
     .help = "What it lies in: fibres of one duct are cut together (faults[]."
             "duct)."},

    {"fibre_layout", LH__GROUP, .bare = "kind",
     .help = "Connections between sites made by a rule or read from a map."},
    {"fibre_layout.kind", LH__CHOICE, .offset = ROOT(s.layout.kind),
     .choices = "none|mesh|ring|hub|tree|graphml", .fallback = "none",
     .when = "sites=many",
     .help = "mesh: every pair.  ring: in the order of sites.  hub: the first "
             "site with every other.  tree: site i with site (i-1)/2.  "
             "graphml: a map."},
    {"fibre_layout.file", LH__FILE, .offset = ROOT(s.layout.file),
     .derived = "none; graphml needs it", .when = "fibre_layout.kind=graphml",
     .example = "maps/backbone.graphml", .help = "The map: GraphML or GML."},
    {"fibre_layout.length", METRES, .offset = ROOT(s.layout.length_m),
     .absent = -1, .max = 1e9, .when = LAID,
     .derived = "geodesic x route_factor",
     .help = "Length of every fibre; of a map's, where neither it nor the "
             "coordinates of its ends are known."},
    {"fibre_layout.route_factor", LH__NUMBER,
     .offset = ROOT(s.layout.route_factor), .min = 1, .max = 3,
     .fallback = "1.4", .when = LAID, .unit = "ratio",
     .help = "Length of a fibre over the geodesic."},
    {"fibre_layout.bandwidth", BYTES_PER_S, .min = BIT_PER_S,
     .offset = ROOT(s.layout.bytes_per_s), .max = 1e18,
     .fallback = "400 Gbit/s", .when = LAID,
     .help = "Usable, in each direction; of a map where it states none."},
    {"fibre_layout.equipment_latency", SECONDS,
     .offset = ROOT(s.layout.equipment_latency_s), .max = 3600,
     .fallback = "20 us", .when = LAID,
     .help = "What the equipment of a fibre adds, one way."},
    {"fibre_layout.transport", LH__GROUP, .bare = "kind",
     .help = "What carries the data over the fibres."},
    {"fibre_layout.transport.kind", LH__CHOICE,
     .offset = ROOT(s.layout.transport), .choices = "ideal|tcp|rdma",
     .fallback = "ideal", .when = LAID,
     .help = "As fibres[].transport.kind, of every fibre."},
    {"fibre_layout.transport.streams", LH__COUNT,
     .offset = ROOT(s.layout.tcp.streams), .min = 1, .max = 1e6, .fallback = "1",
     .when = "fibre_layout.transport.kind=tcp|rdma", .unit = "connections",
     .help = "Connections (rdma: queue pairs) of one transfer from an "
             "accelerator to another."},
    {"fibre_layout.transport.window", BYTES, .min = 1, .max = 1e15,
     .offset = ROOT(s.layout.tcp.window_bytes), .fallback = "64 MiB",
     .when = "fibre_layout.transport.kind=tcp",
     .help = "What one connection may have sent and not yet heard of."},
    {"fibre_layout.transport.loss", LH__NUMBER, .offset = ROOT(s.layout.tcp.loss),
     .max = 0.1, .fallback = "0", .when = "fibre_layout.transport.kind=tcp|rdma",
     .unit = "share", .help = "Lost packets of those sent, at random."},
    {"fibre_layout.transport.mtu", BYTES, .min = 576, .max = 65535,
     .offset = ROOT(s.layout.tcp.mtu_bytes), .fallback = "1500 B",
     .when = "fibre_layout.transport.kind=tcp|rdma",
     .help = "Longest packet, with 40 B of IP and TCP headers; of rdma its "
             "data, 4096 B where it is not given."},
    {"fibre_layout.transport.library_window", .flags = LH__ZERO, BYTES,
     .max = 1e15, .offset = ROOT(s.layout.tcp.library_bytes), .absent = -1,
     .when = "fibre_layout.transport.kind=tcp|rdma",
     .derived = "of rdma that of the site's collective library "
                "(data/protocols.csv), else 0",
     .example = "8 MiB",
     .help = "What the collective library has in flight of one transfer: "
             "channels of a network hop x buffer (NCCL_BUFFSIZE).  0: any."},
    {"fibre_layout.transport.buffer", BYTES, .min = 1, .max = 1e15,
     .offset = ROOT(s.layout.tcp.buffer_bytes), .absent = INFINITY,
     .when = "fibre_layout.transport.kind=rdma",
     .derived = "bandwidth x round trip of the fibre: enough",
     .help = "What either end can hold so that nothing is lost; less lets "
             "only buffer / round trip pass."},

    {"placement", LH__GROUP, .help = "Which part of the plan stands where."},
    {"placement.across_sites", LH__CHOICE, .offset = ROOT(s.across_sites),
     .choices = "data|pipeline|expert", .fallback = "data",
     .when = "sites=many",
     .help = "What is split across sites: whole replicas, or pipeline stages "
             "in the order of sites, or the experts that replicas share."},
    {"placement.replica_batch", LH__CHOICE, .offset = ROOT(s.replica_batch),
     .choices = "equal|proportional", .fallback = "equal", .when = "sites=many",
     .help = "Of sites with different devices: every replica has as many "
             "micro-batches, or as many as its device is fast, to whole ones; "
             "the global batch is the same."},

    {"sync", LH__GROUP, .bare = "kind",
     .help = "How replicas agree on the weights."},
    {"sync.kind", LH__CHOICE, .offset = ROOT(s.sync),
     .choices = "every-step|local-sgd|diloco|streaming-diloco|gossip"
                "|async-diloco",
     .fallback = "every-step",
     .help = "every-step: gradients are reduced in every step.  The others do "
             "so inside islands of replicas, which agree with each other once "
             "in 'every' steps: by the mean of their weights (local-sgd), by "
             "an outer optimizer (diloco), by one fragment of the model after "
             "the other (streaming-diloco), each with one other island at a "
             "time (gossip), or with a server that each island tells when it "
             "is ready (async-diloco)."},
    {"sync.algorithm", LH__WORD, .offset = ROOT(s.sync_algorithm),
     .choices = ALGORITHMS, .fallback = "auto",
     .when = "sync.kind=every-step|local-sgd|diloco|streaming-diloco",
     .help = "Collective of the gradients, or between islands (longhaul list "
             "collectives); auto takes the fastest."},
    {"sync.every", LH__COUNT, .offset = ROOT(s.outer.every), .min = 1,
     .max = 100000, .fallback = "100", .unit = "steps", .when = ISLANDS,
     .help = "Steps from one agreement of the islands to the next (H)."},
    {"sync.island", LH__COUNT, .offset = ROOT(s.outer.island), .min = 1,
     .max = 16777216, .unit = "replicas", .when = ISLANDS, .example = "8",
     .derived = "the replicas of a site, where all have as many",
     .help = "Neighbouring replicas that agree in every step: a part of a "
             "site, or whole sites (a campus)."},
    {"sync.fragments", LH__COUNT, .offset = ROOT(s.outer.fragments), .min = 1,
     .max = 100000, .when = FRAGMENTS, .example = "8",
     .derived = "one for every three layers; of async-diloco 1",
     .help = "Parts of the model, of which each is sent in a step of its own."},
    {"sync.pattern", LH__CHOICE, .offset = ROOT(s.outer.pattern),
     .choices = "strided|sequential|slices", .fallback = "strided",
     .when = FRAGMENTS,
     .help = "Layers of a fragment: every fragments-th one, or neighbours; "
             "or a slice of every layer."},
    {"sync.overlap", LH__COUNT, .offset = ROOT(s.outer.overlap), .min = 0,
     .max = 100000, .unit = "steps", .when = ISLANDS, .example = "1",
     .absent = -1, .derived = "0; 1 of streaming-diloco",
     .help = "Steps that go on while it is on the way, until it is merged; 0: "
             "all wait."},
    {"sync.payload_bits", LH__CHOICE, .offset = ROOT(s.outer.payload),
     .choices = "32|16|8|4", .fallback = "32", .when = ISLANDS,
     .help = "Bits of a parameter on the way between islands."},
    {"sync.reduction", LH__CHOICE, .offset = ROOT(s.outer.reduction),
     .choices = "all-reduce|exchange|flat", .fallback = "all-reduce",
     .when = COLLECTIVE,
     .help = "all-reduce: partial sums travel in the payload's format.  "
             "exchange: an all-to-all, sums in fp32 and an all-gather.  flat: "
             "one all-reduce of everything over all accelerators of all "
             "islands, instead of parts of it side by side."},
    {"sync.compression", LH__CHOICE, .offset = ROOT(s.outer.compression),
     .choices = "none|top-k|demo|low-rank", .fallback = "none",
     .when = COMPRESSED,
     .help = "Of what islands send: the largest numbers, the largest "
             "coefficients of a transform, or two thin factors."},
    {"sync.keep", LH__NUMBER, LH__POSITIVE, .offset = ROOT(s.outer.keep_frac),
     .max = 1, .fallback = "0.01", .unit = "share",
     .when = "sync.compression=top-k|demo|low-rank",
     .help = "Numbers sent, of the parameters."},
    {"sync.pairs", LH__CHOICE, .offset = ROOT(s.outer.pairs),
     .choices = "tournament|hypercube", .fallback = "tournament",
     .when = "sync.kind=gossip",
     .help = "Who meets whom, round by round: all meet all in turn "
             "(tournament), or after log2 of them, a power of two, all have "
             "heard of all (hypercube)."},
    {"sync.average", LH__CHOICE, .offset = ROOT(s.outer.average),
     .choices = "weights|outer", .fallback = "weights",
     .when = "sync.kind=gossip",
     .help = "What two islands average: weights, or the pseudo-gradient and "
             "the outer parameters of an outer optimizer (NoLoCo), which is "
             "twice as much."},
    {"sync.server", LH__NAME, .offset = ROOT(s.outer.async.server_name),
     .when = "sync.kind=async-diloco", .derived = "the first site",
     .example = "ashburn",
     .help = "Site of the server that has the outer parameters."},
    {"sync.quorum", LH__COUNT, .offset = ROOT(s.outer.async.quorum), .min = 1,
     .max = 65536, .fallback = "1", .unit = "islands",
     .when = "sync.kind=async-diloco",
     .help = "The server makes an outer step as soon as so many islands have "
             "pushed; all of them: nobody runs ahead."},
    {"sync.grace", SECONDS, .offset = ROOT(s.outer.async.grace_s), .min = 0,
     .max = 1e9, .fallback = "0 s", .when = "sync.kind=async-diloco",
     .help = "From the quorum on it waits so long for more."},
    {"sync.max_staleness", LH__COUNT,
     .offset = ROOT(s.outer.async.max_staleness), .min = 0, .max = 1e9,
     .absent = -1, .derived = "any: nobody is waited for",
     .unit = "outer steps", .when = "sync.kind=async-diloco", .example = "4",
     .help = "What is pushed may be so many outer steps behind: before one "
             "would be more, the server waits for it.  0: as a quorum of all."},
    {"sync.drop_stale", LH__FLAG, .offset = ROOT(s.outer.async.drops),
     .fallback = "false", .when = "sync.kind=async-diloco",
     .help = "What is more than max_staleness behind is dropped, its island "
             "answered with what there is, and nobody waited for."},
    {"sync.go_on", LH__FLAG, .offset = ROOT(s.outer.async.goes_on),
     .fallback = "false", .when = "sync.kind=async-diloco",
     .help = "An island to which the answer is not back after 'overlap' steps "
             "goes on, and merges it after the step in which it comes "
             "(decoupled DiLoCo); false: it waits."},
    {"sync.local_steps", LH__CHOICE, .offset = ROOT(s.outer.async.local_steps),
     .choices = "fixed|by-speed", .fallback = "fixed",
     .when = "sync.kind=async-diloco",
     .help = "Steps before a push: 'every' of all islands, or of the fastest, "
             "and of the others in proportion to their speed (dynamic local "
             "updates)."},
    {"sync.server_bandwidth", .flags = LH__POSITIVE, BYTES_PER_S,
     .offset = ROOT(s.outer.async.server_bytes_per_s), .absent = INFINITY,
     .max = 1e18, .derived = "no limit: an outer step takes no time",
     .when = "sync.kind=async-diloco", .example = "10 TB/s",
     .help = "Memory of the server, all of its machines, through which the "
             "outer optimizer goes."},
    {"sync.rounds", LH__COUNT, .offset = ROOT(s.outer.async.rounds), .min = 1,
     .max = 100000, .fallback = "20", .unit = "rounds",
     .when = "sync.kind=async-diloco",
     .help = "Pushes of the slowest island that are simulated, after 5 that "
             "are left out (none where faults or background have dates)."},
    {"sync.on_host", LH__FLAG, .offset = ROOT(s.outer.on_host),
     .fallback = "false",
     .when = "sync.kind=diloco|streaming-diloco",
     .help = "Outer parameters and momentum are in the memory of the host, "
             "and updated there."},
    {"sync.host_bandwidth", .flags = LH__POSITIVE, BYTES_PER_S,
     .offset = ROOT(s.outer.host_bytes_per_s), .max = 1e18,
     .fallback = "50 GB/s", .when = "sync.on_host=true",
     .help = "Of an accelerator to the memory of its host, in each "
             "direction."},
    {"sync.equal_loss", LH__FLAG, .offset = ROOT(s.equal_loss.on),
     .fallback = "false", .when = ISLANDS,
     .help = "Say too what a step is worth at equal loss: its time times the "
             "tokens that the method needs over those of every-step, of the "
             "nearest published run (data/loss.csv)."},
    {"sync.tokens_factor", LH__NUMBER, LH__POSITIVE,
     .offset = ROOT(s.equal_loss.stated), .max = 1000,
     .derived = "of the nearest published run", .unit = "ratio",
     .example = "1.05", .when = "sync.equal_loss=true",
     .help = "Tokens to equal loss over those of every-step, as you know "
             "better."},

    {"rl", LH__GROUP, .count = ROOT(s.rl.on), .derived = "none: plain training",
     .help = "The loop of online reinforcement learning: generators, "
             "verifiers, the trainer, and the weights that travel."},
    {"rl.mode", LH__CHOICE, .offset = ROOT(s.rl.mode),
     .choices = "co-located|sync|one-step-off|async", .fallback = "async",
     .help = "co-located: generation and training take turns on the same "
             "accelerators.  sync: on different ones, in turns.  "
             "one-step-off: a batch is generated while the one before is "
             "trained on.  async: neither waits but for samples and for "
             "max_staleness."},
    {"rl.engine", LH__CHOICE, .offset = ROOT(s.rl.engine),
     .choices = "auto|exact|order-statistics", .fallback = "auto",
     .help = "Which replicas are simulated.  exact: all.  order-statistics: "
             "some hundred, each for as many, and the last of a batch as the "
             "longest of all; the error is printed.  auto: exact up to 1,000 "
             "replicas."},
    {"rl.steps", LH__COUNT, .offset = ROOT(s.rl.steps), .min = 1, .max = 100000,
     .fallback = "20", .unit = "steps", .help = "Loop steps simulated."},
    {"rl.warmup_steps", LH__COUNT, .offset = ROOT(s.rl.warmup_steps), .min = 0,
     .max = 100000, .fallback = "2", .unit = "steps",
     .help = "First steps, which means leave out."},
    {"rl.prompts_per_step", LH__COUNT, .offset = ROOT(s.rl.prompts), .min = 1,
     .max = 1e6, .fallback = "256", .unit = "prompts",
     .help = "Prompts whose samples are generated and verified for a step; "
             "verifiers[].keep of them are trained on."},
    {"rl.samples_per_prompt", LH__COUNT, .offset = ROOT(s.rl.samples), .min = 1,
     .max = 65536, .fallback = "16", .unit = "samples",
     .help = "Samples of each prompt (the group)."},
    {"rl.mini_batches", LH__COUNT, .offset = ROOT(s.rl.mini_batches), .min = 1,
     .max = 1024, .fallback = "1", .unit = "optimizer steps",
     .help = "Parts that the samples of a step are trained on in turn."},
    {"rl.deal", LH__CHOICE, .offset = ROOT(s.rl.deal),
     .choices = "tokens|samples", .fallback = "tokens",
     .help = "How a mini-batch is split over the trainer's replicas: into equal "
             "parts by tokens, or by samples, and all wait for the one that "
             "has most tokens."},
    {"rl.log_prob_passes", LH__COUNT, .offset = ROOT(s.rl.log_prob_passes),
     .min = 0, .max = 16, .fallback = "1", .unit = "forward passes",
     .help = "Forward passes of the trainer over the samples before it trains "
             "on them: log-probabilities of the policy, and of a reference."},
    {"rl.max_staleness", LH__COUNT, .offset = ROOT(s.rl.max_staleness),
     .min = 0, .max = 1000, .fallback = "2", .unit = "trainer steps",
     .when = "rl.mode=async",
     .help = "Trainer steps that the weights of a sample's first token may be "
             "behind those that train on it."},
    {"rl.partial_rollouts", LH__FLAG, .offset = ROOT(s.rl.partial_rollouts),
     .fallback = "true", .when = "rl.mode=async&rl.weights.apply=at-once",
     .help = "A sample that is being generated goes on with new weights; "
             "false: it is thrown away and begun again."},
    {"rl.prompt_length", LH__COUNT, .offset = ROOT(s.rl.prompt_length),
     .min = 1, .max = 1e8, .fallback = "1024", .unit = "tokens",
     .help = "Tokens of a prompt."},
    {"rl.output_length", LH__GROUP, .bare = "median",
     .help = "Tokens of a sample's response, drawn by seed, prompt and "
             "sample."},
    {"rl.output_length.kind", LH__CHOICE, .offset = ROOT(s.rl.lengths),
     .choices = "fixed|lognormal|pareto|file", .fallback = "lognormal",
     .help = "fixed: all the median.  pareto: with tail exponent shape.  file: "
             "rows of a file, drawn evenly."},
    {"rl.output_length.median", LH__NUMBER, .offset = ROOT(s.rl.length_median),
     .min = 1, .max = 1e8, .fallback = "4000", .unit = "tokens",
     .when = "rl.output_length.kind=fixed|lognormal|pareto",
     .help = "Median of the responses."},
    {"rl.output_length.sigma", LH__NUMBER, .offset = ROOT(s.rl.length_sigma),
     .min = 0, .max = 10, .fallback = "0.8",
     .when = "rl.output_length.kind=lognormal",
     .help = "Standard deviation of the logarithm."},
    {"rl.output_length.shape", LH__NUMBER, LH__POSITIVE,
     .offset = ROOT(s.rl.length_shape), .max = 100, .fallback = "1.5",
     .when = "rl.output_length.kind=pareto", .help = "Exponent of the tail."},
    {"rl.output_length.max", LH__COUNT, .offset = ROOT(s.rl.length_max),
     .min = 1, .max = 1e8, .unit = "tokens", .example = "15360",
     .derived = "training.sequence_length - prompt_length",
     .help = "Longer responses are cut here."},
    {"rl.output_length.file", LH__FILE, .offset = ROOT(s.rl.length_file),
     .derived = "none; kind file needs it", .example = "lengths.csv",
     .when = "rl.output_length.kind=file",
     .help = "CSV with a column tokens."},
    {"rl.trainer", LH__GROUP, .help = "Where training runs, by plan."},
    {"rl.trainer.site", LH__NAME, .offset = ROOT(s.rl.trainer_site_name),
     .derived = "the first site", .example = "ashburn",
     .help = "Name of its site."},
    {"rl.trainer.gpus", LH__COUNT, .offset = ROOT(s.rl.trainer_gpus), .min = 1,
     .max = 16777216, .unit = "accelerators", .example = "256",
     .derived = "all of its site that the generators leave",
     .help = "Accelerators of the trainer."},
    {"rl.generators", LH__GROUPS, .offset = ROOT(s.rl.fleets),
     .count = ROOT(s.rl.n_fleets), .size = sizeof(struct lh_rl_fleet),
     .n_min = 1, .n_max = LH_RL_FLEETS, .flags = LH__REQUIRED,
     .help = "Engines that generate, one entry a site or kind."},
    {"rl.generators[].site", LH__NAME, .offset = FLEET(site_name),
     .derived = "the first site", .example = "memphis",
     .help = "Name of their site."},
    {"rl.generators[].gpus", LH__COUNT, LH__REQUIRED, .offset = FLEET(gpus),
     .min = 1, .max = 16777216, .unit = "accelerators", .example = "512",
     .help = "Their accelerators, a whole number of replicas."},
    {"rl.generators[].shared", LH__FLAG, .offset = FLEET(shared),
     .fallback = "false",
     .help = "They are the trainer's own; mode co-located needs it."},
    {"rl.generators[].plan", LH__GROUP,
     .help = "How a replica of the engine splits the model."},
    {"rl.generators[].plan.tensor", LH__COUNT, .offset = FLEET(tensor),
     .min = 1, .max = 1024, .fallback = "1", .unit = "accelerators",
     .help = "Accelerators that share each layer."},
    {"rl.generators[].plan.pipeline", LH__COUNT, .offset = FLEET(pipeline),
     .min = 1, .max = 1024, .fallback = "1", .unit = "stages",
     .help = "Stages of layers."},
    {"rl.generators[].plan.expert", LH__COUNT, .offset = FLEET(expert),
     .min = 1, .max = 1024, .fallback = "1", .unit = "tensor groups",
     .help = "Tensor groups that share the routed experts, each with its part "
             "of the sequences."},
    {"rl.generators[].max_concurrency", LH__COUNT, LH__AUTO,
     .offset = FLEET(max_concurrency), .absent = 0, .min = 1, .max = 1e7,
     .unit = "sequences", .derived = "auto: what memory and the engine allow",
     .help = "Sequences that run in a replica at once."},
    {"rl.generators[].kv_precision", LH__CHOICE, .offset = FLEET(kv_fp8),
     .choices = "bf16|fp8", .fallback = "bf16",
     .help = "Number format of keys and values that are kept."},
    {"rl.generators[].engine", LH__NAME, .offset = FLEET(engine_name),
     .fallback = "vllm",
     .help = "A row of data/engines.csv (longhaul list engines)."},
    {"rl.generators[].chunked_prefill", LH__COUNT, .offset = FLEET(chunk),
     .absent = 0, .min = 1, .max = 1e7, .unit = "tokens", .example = "8192",
     .derived = "none: running samples wait while prompts are computed whole",
     .help = "Tokens that an iteration has at most, those of running samples "
             "first, the rest parts of prompts (vLLM: max_num_batched_tokens; "
             "SGLang: chunked_prefill_size); of each pipeline stage and "
             "expert's tensor group."},
    {"rl.generators[].speculative", LH__GROUP, .count = FLEET(speculates),
     .bare = "tokens", .derived = "none",
     .help = "Speculative decoding: tokens are drafted, and the model checks "
             "them in one iteration."},
    {"rl.generators[].speculative.tokens", LH__COUNT, LH__REQUIRED,
     .offset = FLEET(drafted), .min = 1, .max = 64, .unit = "tokens",
     .example = "3", .help = "Drafted for a sequence in each iteration."},
    {"rl.generators[].speculative.acceptance", LH__NUMBER,
     .offset = FLEET(accepted_frac), .min = 0, .max = 1, .unit = "share",
     .fallback = "0.8",
     .help = "Of drafted tokens that follow accepted ones, those that the "
             "model accepts."},
    {"rl.generators[].speculative.draft", LH__NUMBER,
     .offset = FLEET(draft_frac), .min = 0, .max = 10, .unit = "share",
     .fallback = "0.05",
     .help = "Time to draft a token, over an iteration of the model without "
             "speculation."},
    {"rl.generators[].up_time", .flags = LH__POSITIVE, SECONDS,
     .offset = FLEET(up_s), .absent = -1, .max = 1e9,
     .derived = "none: they stay", .example = "6 h",
     .help = "Mean time until a replica is taken away, drawn by seed and "
             "replica (exponential).  Its samples begin again elsewhere."},
    {"rl.generators[].down_time", SECONDS, .offset = FLEET(down_s),
     .max = 1e9, .fallback = "10 min",
     .when = "rl.generators[].up_time=any",
     .help = "Mean time until it comes back, drawn likewise; it then fetches "
             "weights."},
    {"rl.generators[].memory_frac", LH__NUMBER, .offset = FLEET(memory_frac),
     .absent = -1, .min = 0.05, .max = 1, .unit = "share", .example = "0.6",
     .derived = "the engine's (data/engines.csv)",
     .help = "Of the device's memory, for weights, keys and values."},
    {"rl.turns", LH__GROUP, .help = "Turns of a dialogue with an environment."},
    {"rl.turns.count", LH__COUNT, .offset = ROOT(s.rl.turns), .min = 1,
     .max = 1000, .fallback = "1", .unit = "turns",
     .help = "Turns of a sample; each generates an equal part of the "
             "response, then tools or the environment answer."},
    {"rl.turns.tool_time", SECONDS, .offset = ROOT(s.rl.tool_s), .max = 1e6,
     .fallback = "0 s", .when = "rl.turns.count=!1",
     .help = "Median time between two turns, drawn by seed, prompt, sample "
             "and turn."},
    {"rl.turns.tool_sigma", LH__NUMBER, .offset = ROOT(s.rl.tool_sigma),
     .min = 0, .max = 10, .fallback = "0", .when = "rl.turns.count=!1",
     .help = "Standard deviation of the logarithm of tool_time; 0: all are "
             "the median."},
    {"rl.turns.tool_tokens", LH__COUNT, .offset = ROOT(s.rl.tool_tokens),
     .min = 0, .max = 1e8, .fallback = "0", .unit = "tokens",
     .when = "rl.turns.count=!1",
     .help = "Tokens of an answer, which the next turn begins with; no "
             "response tokens."},
    {"rl.turns.keep_kv", LH__FLAG, .offset = ROOT(s.rl.turn_keeps_kv),
     .fallback = "true", .when = "rl.turns.count=!1",
     .help = "A sample keeps its keys and values, and its place among those "
             "that run, between turns; false: it queues for a place, and its "
             "whole context is computed again."},
    {"rl.verifiers", LH__GROUPS, .offset = ROOT(s.rl.verifiers),
     .count = ROOT(s.rl.n_verifiers), .size = sizeof(struct lh_rl_verifier),
     .n_max = LH_RL_VERIFIERS, .derived = "none",
     .help = "Who judges samples, one after another."},
    {"rl.verifiers[].kind", LH__CHOICE, .offset = CHECKER(kind),
     .choices = "rule|model|reference", .fallback = "rule",
     .help = "rule: workers that take some time a sample.  model: a reward "
             "model or judge on accelerators of its own, which reads the "
             "sample and writes output tokens.  reference: log-probabilities "
             "of the model itself, likewise, which writes nothing."},
    {"rl.verifiers[].site", LH__NAME, .offset = CHECKER(site_name),
     .derived = "the first site", .example = "memphis",
     .help = "Name of their site; samples take no time on their way there."},
    {"rl.verifiers[].workers", LH__COUNT, .offset = CHECKER(workers), .min = 1,
     .max = 1e7, .fallback = "512", .unit = "workers",
     .when = "rl.verifiers[].kind=rule", .help = "Samples judged at once."},
    {"rl.verifiers[].time", SECONDS, .offset = CHECKER(time_s), .max = 1e6,
     .fallback = "0.5 s", .when = "rl.verifiers[].kind=rule",
     .help = "Of a worker for a sample."},
    {"rl.verifiers[].model", LH__NAME, .offset = CHECKER(model_name),
     .derived = "the scenario's", .example = "llama-3.1-8b",
     .when = "rl.verifiers[].kind=model",
     .help = "A row of data/models.csv."},
    {"rl.verifiers[].gpus", LH__COUNT, .offset = CHECKER(on.gpus), .min = 1,
     .max = 16777216, .fallback = "8", .unit = "accelerators",
     .when = "rl.verifiers[].kind=model|reference",
     .help = "Its accelerators, a whole number of replicas; no other role "
             "has them."},
    {"rl.verifiers[].tensor", LH__COUNT, .offset = CHECKER(on.tensor),
     .min = 1, .max = 1024, .fallback = "1", .unit = "accelerators",
     .when = "rl.verifiers[].kind=model|reference",
     .help = "Accelerators of a replica that share each layer."},
    {"rl.verifiers[].expert", LH__COUNT, .offset = CHECKER(on.expert),
     .min = 1, .max = 1024, .fallback = "1", .unit = "tensor groups",
     .when = "rl.verifiers[].kind=model|reference",
     .help = "Tensor groups of a replica that share the routed experts."},
    {"rl.verifiers[].engine", LH__NAME, .offset = CHECKER(on.engine_name),
     .fallback = "vllm", .when = "rl.verifiers[].kind=model|reference",
     .help = "A row of data/engines.csv (longhaul list engines)."},
    {"rl.verifiers[].output", LH__COUNT, .offset = CHECKER(output),
     .max = 1e8, .fallback = "0", .unit = "tokens",
     .when = "rl.verifiers[].kind=model",
     .help = "Tokens that it writes on a sample; 0: it only reads, as a reward "
             "model does."},
    {"rl.verifiers[].keep", LH__NUMBER, LH__POSITIVE,
     .offset = CHECKER(keep_frac), .max = 1,
     .fallback = "1", .unit = "share",
     .help = "Share of the prompts whose samples are kept, all of them or "
             "none."},
    {"rl.weights", LH__GROUP, .help = "How generators get new weights."},
    {"rl.weights.every", LH__COUNT, .offset = ROOT(s.rl.push_every), .min = 1,
     .max = 1000, .fallback = "1", .unit = "trainer steps",
     .when = "rl.weights.interval=none&rl.mode=async",
     .help = "Trainer steps from a push to the next."},
    {"rl.weights.interval", .flags = LH__POSITIVE, SECONDS,
     .offset = ROOT(s.rl.push_interval_s), .absent = -1, .max = 1e7,
     .when = "rl.mode=async", .derived = "none: by steps", .example = "30 s",
     .help = "Time between pushes, instead of every."},
    {"rl.weights.precision", LH__CHOICE, .offset = ROOT(s.rl.precision),
     .choices = "bf16|fp8|delta", .fallback = "bf16",
     .help = "Number format in which weights travel and generate.  delta: what "
             "changed since the push before travels, in bf16."},
    {"rl.weights.fraction", LH__NUMBER, LH__POSITIVE,
     .offset = ROOT(s.rl.delta_frac), .max = 2, .fallback = "0.2",
     .unit = "share", .when = "rl.weights.precision=delta",
     .help = "Bytes of a delta, values and places, over those of all weights "
             "in bf16."},
    {"rl.weights.route", LH__CHOICE, .offset = ROOT(s.rl.route),
     .choices = "direct|relay", .fallback = "relay",
     .help = "direct: a copy from the trainer to every replica.  relay: one to "
             "each site, handed on there and to the sites behind it."},
    {"rl.weights.bucket", .flags = LH__POSITIVE, BYTES,
     .offset = ROOT(s.rl.bucket_bytes), .max = 1e15, .fallback = "1 GiB",
     .help = "Weights travel in parts of so much, one behind the other."},
    {"rl.weights.apply", LH__CHOICE, .offset = ROOT(s.rl.apply),
     .choices = "at-once|between-requests|drain", .fallback = "at-once",
     .when = "rl.mode=async",
     .help = "at-once: a replica stops where it is.  between-requests: it "
             "takes no new samples until those it has are done.  drain: so "
             "too, and all replicas of an entry wait for each other."},
    {"rl.weights.keep_kv", LH__FLAG, .offset = ROOT(s.rl.keep_kv),
     .fallback = "false", .when = "rl.mode=async&rl.weights.apply=at-once",
     .help = "Samples go on with keys and values of old weights; false: they "
             "are computed again."},

    {"faults", LH__GROUPS, .offset = ROOT(s.faults), .count = ROOT(s.n_faults),
     .size = sizeof(struct lh_fault), .n_max = 10000, .derived = "none",
     .help = "What fails or slows down, and when.  Without 'at' and 'for' it "
             "holds always; else one step from rest is simulated."},
    {"faults[].at", SECONDS, .offset = FAULT(at_s), .max = 1e9,
     .fallback = "0 s", .help = "When, from the beginning of the step."},
    {"faults[].for", .flags = LH__POSITIVE, SECONDS, .offset = FAULT(for_s),
     .absent = INFINITY, .max = 1e9, .derived = "from then on",
     .help = "How long."},
    {"faults[].rank", LH__COUNT, .offset = FAULT(rank), .absent = -1,
     .max = 1e9, .derived = "none; one of rank, site, link, between and duct",
     .example = "5",
     .help = "A rank that computes more slowly.  Ranks count from 0, tensor "
             "innermost, then context, pipeline and data (stages across "
             "sites: data, then pipeline)."},
    {"faults[].site", LH__NAME, .offset = FAULT(site_name), .example = "memphis",
     .derived = "none; one of rank, site, link, between and duct",
     .help = "All ranks of a site: they compute more slowly; or, without "
             "'slowdown' (sync.kind: async-diloco), its islands are away: what "
             "they had on the way and had begun is lost, and they fetch the "
             "outer parameters when they are back."},
    {"faults[].slowdown", LH__NUMBER, .offset = FAULT(slowdown), .absent = -1,
     .min = 1, .max = 1e6, .derived = "none; a rank needs it", .unit = "ratio",
     .example = "1.3", .help = "Its compute takes so many times as long."},
    {"faults[].link", LH__TEXT, .offset = FAULT(link),
     .derived = "none; one of rank, site, link, between and duct",
     .example = "fibre ashburn->memphis",
     .help = "A link, one direction of a cable, by its name (longhaul run "
             "--links all, longhaul show topology)."},
    {"faults[].between", LH__PAIR, .offset = FAULT(site_a),
     .count = FAULT(site_b), .example = "[ashburn, memphis]",
     .derived = "none; one of rank, site, link, between and duct",
     .help = "All fibres that join two sites, in both directions."},
    {"faults[].duct", LH__NAME, .offset = FAULT(duct),
     .derived = "none; one of rank, site, link, between and duct",
     .example = "river-crossing",
     .help = "All fibres that lie in a duct, in both directions."},
    {"faults[].capacity", .flags = LH__ZERO, BYTES_PER_S,
     .offset = FAULT(bytes_per_s), .absent = -1, .max = 1e18,
     .derived = "none; a link needs it",
     .help = "What the link has instead of its own.  0: nothing passes."},
    {"faults[].reroute", LH__FLAG, .offset = FAULT(reroute),
     .fallback = "false", .when = "faults[].capacity=0 bit/s",
     .help = "Traffic of fibres that are cut takes the best routes without "
             "them, until the fault ends."},
    {"faults[].switch_time", SECONDS, .offset = FAULT(switch_time_s),
     .absent = -1, .max = 1e6, .derived = "50 ms",
     .when = "faults[].reroute=true",
     .help = "From the cut until other routes are taken.  A cut that holds "
             "always was found before the step."},
    {"background", LH__GROUPS, .offset = ROOT(s.background),
     .count = ROOT(s.n_background), .size = sizeof(struct lh_background),
     .n_max = 10000, .derived = "none",
     .help = "Traffic of others on the same links, which is taken off their "
             "capacity."},
    {"background[].at", SECONDS, .offset = OTHERS(at_s), .max = 1e9,
     .fallback = "0 s", .help = "When, from the beginning of the step."},
    {"background[].for", .flags = LH__POSITIVE, SECONDS,
     .offset = OTHERS(for_s), .absent = INFINITY, .max = 1e9,
     .derived = "from then on", .help = "How long."},
    {"background[].link", LH__TEXT, .offset = OTHERS(link),
     .derived = "none; one of link and between",
     .example = "fibre ashburn->memphis",
     .help = "The link, one direction of a cable, by its name."},
    {"background[].between", LH__PAIR, .offset = OTHERS(site_a),
     .count = OTHERS(site_b), .example = "[ashburn, memphis]",
     .derived = "none; one of link and between",
     .help = "All fibres that join two sites, in both directions."},
    {"background[].bandwidth", .flags = LH__REQUIRED, BYTES_PER_S,
     .min = BIT_PER_S, .offset = OTHERS(bytes_per_s), .absent = -1,
     .max = 1e18, .example = "100 Gbit/s", .help = "Of each link named."},
    {"background[].day", LH__NUMBERS, .offset = OTHERS(day),
     .count = OTHERS(n_day), .max = 1, .n_max = 1440, .unit = "shares",
     .derived = "always all of the bandwidth",
     .example = "[0.2, 0.2, 0.5, 0.9, 1, 0.6]",
     .help = "Shares of the bandwidth over equal parts of the day from "
             "midnight; 24 of them: hour by hour."},

    {"reliability", LH__GROUP,
     .help = "What fails how often and what that costs: goodput, in closed "
             "form, beside the step.  Off unless mtbf or span_mtbf is given."},
    {"reliability.mtbf", .flags = LH__POSITIVE, SECONDS,
     .offset = FAILS(mtbf_s), .absent = -1, .max = 1e12,
     .derived = "accelerators do not fail", .example = "2100 d",
     .help = "Mean time between failures of one accelerator, with all that "
             "stops it: host, network card, software."},
    {"reliability.span_mtbf", .flags = LH__POSITIVE, SECONDS,
     .offset = FAILS(span_mtbf_s), .absent = -1, .max = 1e12,
     .derived = "fibres do not fail", .example = "130 d",
     .help = "Mean time between failures of one span of fibre that stop the "
             "training."},
    {"reliability.span_length", .flags = LH__POSITIVE, METRES,
     .offset = FAILS(span_length_m), .absent = -1, .max = 1e9,
     .derived = "a fibre is one span", .example = "1000 km",
     .help = "Length of a span; a fibre has length / span_length of them."},
    {"reliability.restart", SECONDS, .offset = FAILS(restart_s), .absent = -1,
     .max = 1e9, .derived = "10 min",
     .help = "From a failure until training goes on, without reading the "
             "checkpoint: detection, replacement, start."},
    {"reliability.islands", LH__COUNT, .offset = FAILS(islands), .absent = 0,
     .min = 1, .max = 16777216, .unit = "islands", .example = "2",
     .derived = "those of sync.kind; 1 of every-step: a failure stops all",
     .help = "Equal groups of accelerators that are loosely coupled: a failure "
             "stops one of them, the others go on."},
    {"reliability.checkpoint", LH__GROUP, .help = "How the state is saved."},
    {"reliability.checkpoint.every", .flags = LH__POSITIVE, SECONDS,
     .offset = FAILS(every_s), .absent = -1, .max = 1e9,
     .derived = "the optimum of Young and Daly", .example = "30 min",
     .help = "Training between two checkpoints."},
    {"reliability.checkpoint.size", .flags = LH__POSITIVE, BYTES,
     .offset = FAILS(checkpoint_bytes), .absent = -1, .max = 1e18,
     .derived = "14 B a parameter: weights and Adam's state, each once",
     .example = "5.7 TB", .help = "Bytes of one checkpoint of one island."},
    {"reliability.checkpoint.bandwidth", BYTES_PER_S, .min = BIT_PER_S,
     .offset = FAILS(storage_bytes_per_s), .absent = -1, .max = 1e18,
     .derived = "2 TB/s", .example = "2 TB/s",
     .help = "Of the storage, for all accelerators together."},
    {"reliability.checkpoint.mode", LH__WORD, .offset = FAILS(checkpoint_mode),
     .choices = "blocking|asynchronous", .derived = "blocking",
     .help = "Training waits until it is written, or only until it is copied "
             "to the hosts."},
    {"reliability.checkpoint.copy_bandwidth", BYTES_PER_S, .min = BIT_PER_S,
     .offset = FAILS(copy_bytes_per_s), .absent = -1, .max = 1e18,
     .derived = "50 GB/s", .example = "50 GB/s",
     .when = "reliability.checkpoint.mode=asynchronous",
     .help = "Of one accelerator to its host."},

    {"tables", LH__GROUP, LH__SILENT,
     .help = "CSV tables instead of lists in this file.  Columns are the "
             "keys, e.g. fabric.name; also latitude and longitude, a and b."},
    {"tables.sites", LH__FILE, LH__SILENT, .offset = ROOT(extra.sites_file),
     .derived = "none", .example = "sites.csv",
     .help = "One site a row, instead of sites."},
    {"tables.fibres", LH__FILE, LH__SILENT, .offset = ROOT(extra.fibres_file),
     .derived = "none", .example = "fibres.csv",
     .help = "One fibre a row, instead of fibres."},

    {"engine", LH__GROUP, .help = "How it is simulated."},
    {"engine.collectives", LH__CHOICE, .offset = ROOT(s.collectives),
     .choices = "coupled|messages", .fallback = "coupled",
     .help = "A collective as one flow, or message by message."},
    {"engine.routing", LH__CHOICE, .offset = ROOT(s.routing),
     .choices = "spray|ecmp", .fallback = "spray",
     .help = "How traffic is spread over the parallel cables of an uplink.  "
             "spray: packet by packet, the bundle acts as one link.  ecmp: "
             "each connection on the one that a hash of its ends says."},
    {"engine.fold", LH__FLAG, .offset = ROOT(s.fold), .choices = "off|auto",
     .fallback = "auto",
     .help = "auto: equal ranks are simulated once where that is exact."},
};

int lh__key_count(void)
{
    return (int)(sizeof keys / sizeof keys[0]);
}

const struct lh__key *lh__key_at(int i)
{
    return &keys[i];
}
