/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plan's arithmetic: how many replicas the accelerators give, and whether
 * batch, stages and layers go into one another.
 *
 *   replica = tensor x pipeline x context; expert of them are dealt out
 *             together, and data is a multiple of expert
 *   data    = sum over sites of floor(gpus / replica)     replicas across sites
 *   data    = (sum over sites of gpus) / replica          stages, or experts,
 *             across sites; each site a whole number of tensor x context x data
 *             (or of tensor x context x pipeline x data / expert)
 *   global_batch = data x micro_batch x pipeline          where not given
 *             (twice that for dualpipe and dualpipe-v, which need it)
 *   bucket  = max(40e6, 1e6 x data) gradients             where not given
 *             (Megatron-LM, megatron/core/distributed)
 *
 *   replicas of a site = whole number of shard groups   (plan.shard)
 *
 * Source of the rest: docs/keys.md.  A check is left out where one of its keys
 * is at fault already.
 */
#include "resolve.h"

#include <inttypes.h>
#include <string.h>

static bool is_ok(const struct lh__reader *r, const char *path)
{
    return lh__value_ok(lh__value_at(r->values, path));
}

static bool axes_known(const struct lh__reader *r)
{
    const struct lh__value *plan = lh__value_get(r->values, "plan");

    return (!plan || (plan->kind == LH__MAPPING && !plan->bad))
           && is_ok(r, "plan.tensor") && is_ok(r, "plan.pipeline")
           && is_ok(r, "plan.context") && is_ok(r, "plan.expert");
}

static bool gpus_known(const struct lh__reader *r)
{
    for (int i = 0; i < r->root->s.n_sites; i++) {
        const struct lh__value *site =
            lh__value_at(r->values, lh_format(r->ctx->arena, "sites[%d]", i));
        if (r->root->s.sites[i].gpus < 1
            || !lh__value_ok(lh__value_get(site, "gpus")))
            return false;
    }
    return true;
}

/* Where the accelerators of the plan stand: all sites; of rl the trainer's. */
static int plan_sites(const struct lh__reader *r, struct lh_site *trainer,
                      const struct lh_site **sites)
{
    const struct lh_scenario *s = &r->root->s;

    *sites = s->sites;
    if (!s->rl.on)
        return s->n_sites;
    *trainer = s->sites[s->rl.trainer_site > 0 ? s->rl.trainer_site : 0];
    trainer->gpus = s->rl.trainer_gpus;
    *sites = trainer;
    return 1;
}

static struct lh_where gpus_where(const struct lh__reader *r, int i)
{
    if (r->root->s.rl.on)
        return lh__where_at(r, "rl.trainer.gpus");
    return lh__where_at(r, lh_format(r->ctx->arena, "sites[%d].gpus", i));
}

/* Whole replicas at each site; 0: a fault, reported. */
static int64_t replicas_by_site(struct lh__reader *r, int64_t replica)
{
    const struct lh_scenario *s = &r->root->s;
    const char *axes = lh_expert_replicas(&s->plan) > 1
                           ? "expert replicas (tensor x pipeline x context)"
                           : "one replica (tensor x pipeline x context)";
    int64_t group = replica * lh_expert_replicas(&s->plan);
    int64_t data = 0;
    bool good = true;
    struct lh_site trainer;
    const struct lh_site *sites;
    int n_sites = plan_sites(r, &trainer, &sites);

    for (int i = 0; i < n_sites; i++) {
        int64_t here = sites[i].gpus / group;
        int64_t idle = sites[i].gpus % group;
        data += here * lh_expert_replicas(&s->plan);
        if (here == 0) {
            lh_error(r->ctx, gpus_where(r, i),
                     "site '%s' has %" PRId64 " accelerators; %s %s "
                     "%" PRId64,
                     sites[i].name, sites[i].gpus, axes,
                     lh_expert_replicas(&s->plan) > 1 ? "need" : "needs",
                     group);
            good = false;
        } else if (idle > 0) {
            lh_warn(r->ctx, gpus_where(r, i),
                    "%" PRId64 " of the %" PRId64 " accelerators of site '%s' "
                    "are idle: %s %" PRId64,
                    idle, sites[i].gpus, sites[i].name,
                    lh_expert_replicas(&s->plan) > 1 ? "expert replicas need"
                                                     : "a replica needs",
                    group);
        }
    }
    return good ? data : 0;
}

static bool is_across(const struct lh_scenario *s)
{
    return s->across_sites != LH_ACROSS_DATA && s->n_sites > 1;
}

/* Contiguous stages, or accelerators that hold the same experts, at each site;
 * 0: a fault, reported. */
static int64_t replicas_of_parts(struct lh__reader *r, int64_t replica)
{
    const struct lh_scenario *s = &r->root->s;
    bool stages = s->across_sites == LH_ACROSS_PIPELINE;
    int64_t total = 0;
    bool good = true;

    if (!stages && lh_expert_replicas(&s->plan) == 1) {
        lh_error(r->ctx, lh__where_at(r, "placement.across_sites"),
                 "experts across sites need plan.expert above 1");
        return 0;
    }
    for (int i = 0; i < s->n_sites; i++)
        total += s->sites[i].gpus;
    if (total % replica != 0) {
        lh_error(r->ctx, lh__where_at(r, "sites"),
                 "%" PRId64 " accelerators are not a whole number of replicas "
                 "of %" PRId64 " (tensor x pipeline x context); with %s "
                 "across sites all must be used",
                 total, replica, stages ? "stages" : "experts");
        return 0;
    }
    int64_t data = total / replica;
    int64_t parts = stages ? s->plan.pipeline : lh_expert_replicas(&s->plan);
    int64_t part = replica * data / parts;
    if (replica * data % parts != 0)
        return data; /* derive_data() says so */
    for (int i = 0; i < s->n_sites; i++) {
        if (s->sites[i].gpus % part == 0)
            continue;
        lh_error(r->ctx, gpus_where(r, i),
                 "the %" PRId64 " accelerators of site '%s' are not a whole "
                 "number of %s of %" PRId64 " (tensor x context x %s)",
                 s->sites[i].gpus, s->sites[i].name,
                 stages ? "pipeline stages" : "parts of the experts", part,
                 stages ? "data" : "pipeline x data / expert");
        good = false;
    }
    return good ? data : 0;
}

static int64_t derive_data(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    int64_t replica = s->plan.tensor * s->plan.pipeline * s->plan.context;
    int64_t sharing = lh_expert_replicas(&s->plan);
    int64_t data;

    if (s->plan.whole_experts && s->plan.expert % s->plan.tensor != 0) {
        lh_error(r->ctx, lh__where_at(r, "plan.expert"),
                 "plan.expert is %" PRId64 ", no multiple of plan.tensor "
                 "(%" PRId64 "): with plan.whole_experts whole tensor groups "
                 "share experts",
                 s->plan.expert, s->plan.tensor);
        return 0;
    }
    data = is_across(s) ? replicas_of_parts(r, replica)
                        : replicas_by_site(r, replica);
    if (data % sharing != 0) {
        lh_error(r->ctx, lh__where_at(r, "plan.expert"),
                 "%" PRId64 " replicas share experts (plan.expert), which does "
                 "not divide the %" PRId64 " replicas",
                 sharing, data);
        return 0;
    }
    if (data > 0 && s->plan.data > 0 && s->plan.data != data
        && is_ok(r, "plan.data")) {
        lh_error(r->ctx, lh__where_at(r, "plan.data"),
                 "plan.data is %" PRId64 ", but the accelerators make %" PRId64
                 " replicas of %" PRId64 " (tensor x pipeline x context)",
                 s->plan.data, data, replica);
        return 0;
    }
    s->plan.data = data;
    return data;
}

static void derive_batch(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    int64_t part = s->plan.data * s->training.micro_batch;
    int64_t batch = s->training.global_batch;
    int64_t full = s->plan.schedule >= LH_SCHEDULE_DUALPIPE ? 2 : 1;

    if (!is_ok(r, "training.global_batch") || !is_ok(r, "training.micro_batch"))
        return;
    if (batch == 0) {
        s->training.global_batch = batch = part * s->plan.pipeline * full;
    } else if (batch % part != 0) {
        lh_error(r->ctx, lh__where_at(r, "training.global_batch"),
                 "global_batch %" PRId64 " is not a multiple of %" PRId64
                 " (data %" PRId64 " x micro_batch %" PRId64 ")",
                 batch, part, s->plan.data, s->training.micro_batch);
        return;
    }
    if (s->plan.schedule == LH_SCHEDULE_INTERLEAVED
        && batch / part % s->plan.pipeline != 0)
        lh_error(r->ctx, lh__where_at(r, "training.global_batch"),
                 "the interleaved schedule needs micro-batches in multiples "
                 "of pipeline; %" PRId64 " are not a multiple of %" PRId64,
                 batch / part, s->plan.pipeline);
}

/* Replicas of unequal batches: on different devices, whose gradients are
 * reduced once in a step. */
static void check_replica_batch(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_where where = lh__where_at(r, "placement.replica_batch");
    const char *why = NULL;
    bool mixed = false;

    if (s->replica_batch == LH_BATCH_EQUAL)
        return;
    for (int i = 0; i < s->n_sites; i++) {
        if (s->sites[i].device_name == NULL)
            return; /* which is said already */
        mixed =
            mixed
            || strcmp(s->sites[i].device_name, s->sites[0].device_name) != 0;
    }
    if (!mixed || s->ideal.layers > 0) {
        lh_warn(r->ctx, where,
                "placement.replica_batch has no effect because %s",
                mixed ? "model.ideal has one step time"
                      : "all sites have one device");
        s->replica_batch = LH_BATCH_EQUAL;
        return;
    }
    if (s->across_sites != LH_ACROSS_DATA)
        why =
            "placement.across_sites other than data, where every replica is on "
            "all sites";
    else if (s->plan.zero >= 2)
        why = "plan.zero 2 or 3, which reduces or gathers for every "
              "micro-batch";
    else if (s->plan.schedule >= LH_SCHEDULE_DUALPIPE)
        why = "the schedules dualpipe and dualpipe-v";
    if (why)
        lh_error(r->ctx, where,
                 "placement.replica_batch: proportional is not supported by "
                 "this version with %s",
                 why);
}

/* Shard groups are whole at each site, and of whole groups of replicas that
 * share experts. */
static void check_shard(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    const struct lh_plan *plan = &s->plan;
    bool across = is_across(s);
    int64_t replica = plan->tensor * plan->pipeline * plan->context;
    int64_t sharing = lh_expert_replicas(plan);
    int64_t group = replica * sharing;

    if (plan->zero == 0 || plan->shard == 0)
        return;
    if (plan->shard % sharing != 0) {
        lh_error(r->ctx, lh__where_at(r, "plan.shard"),
                 "shard groups of %" PRId64 " replicas are no whole number of "
                 "the %" PRId64 " replicas that share experts (plan.expert)",
                 plan->shard, sharing);
        return;
    }
    for (int i = 0; i < (across ? 1 : s->n_sites); i++) {
        int64_t here = across ? plan->data : s->sites[i].gpus / group * sharing;
        if (here % plan->shard == 0)
            continue;
        lh_error(r->ctx, lh__where_at(r, "plan.shard"),
                 "the %" PRId64 " replicas%s%s are no whole number of shard "
                 "groups of %" PRId64,
                 here, across ? "" : " of site ",
                 across ? "" : s->sites[i].name, plan->shard);
        return;
    }
}

static void derive_bucket(struct lh_scenario *s)
{
    double gradients = fmax(40e6, 1e6 * (double)s->plan.data);
    bool fp32 = s->training.gradient_precision == LH_GRADIENT_FP32;

    if (s->plan.bucket_bytes < 0)
        s->plan.bucket_bytes = gradients * (fp32 ? 4 : 2);
}

/* Chunks of the model and the layers in each. */
static void check_stages(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    bool interleaved = s->plan.schedule == LH_SCHEDULE_INTERLEAVED;
    bool back = s->plan.schedule == LH_SCHEDULE_DUALPIPE_V;
    int64_t chunks = s->plan.pipeline
                     * (interleaved ? s->plan.interleave
                        : back      ? 2
                                    : 1);
    int64_t layers = s->model.layers;
    int64_t sum = 0;

    if (interleaved && s->plan.interleave < 2) {
        lh_error(r->ctx, lh__key_where(r, "plan.schedule"),
                 "the interleaved schedule needs an interleave of 2 or more");
        return;
    }
    if (layers > 0 && layers < chunks) {
        lh_error(r->ctx, lh__where_at(r, "plan.pipeline"),
                 "the model's %" PRId64 " layers do not fill %" PRId64
                 " stages (pipeline x interleave)",
                 layers, chunks);
        return;
    }
    if (s->plan.n_stage_layers == 0)
        return;
    for (int i = 0; i < s->plan.n_stage_layers; i++)
        sum += s->plan.stage_layers[i];
    if (s->plan.n_stage_layers != chunks)
        lh_error(r->ctx, lh__where_at(r, "plan.stage_layers"),
                 "stage_layers has %d entries for %" PRId64
                 " stages (pipeline x interleave)",
                 s->plan.n_stage_layers, chunks);
    else if (layers > 0 && sum != layers)
        lh_error(r->ctx, lh__where_at(r, "plan.stage_layers"),
                 "stage_layers makes %" PRId64
                 " layers; the model has %" PRId64,
                 sum, layers);
}

/* A key that the scenario cannot use: a warning, and back to its default. */
void lh__idle_key(struct lh__reader *r, const char *path, const char *because)
{
    const struct lh__key *key = lh__key_find(path);

    if (lh__key_is_default(key, r->root, r->ctx->arena))
        return;
    lh_warn(r->ctx, lh__key_where(r, path), "%s has no effect because %s", path,
            because);
    lh__key_store_default(key, r->root, r->ctx->arena);
}

static void check_idle_keys(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    if (s->model.layers > 0 && s->model.experts == 0)
        lh__idle_key(r, "training.routing.kind", "the model has no experts");
    if (s->training.lora_rank == 0)
        lh__idle_key(r, "training.lora_target", "training.lora_rank is 0");
    if (s->plan.expert == 1) {
        lh__idle_key(r, "plan.dispatch", "plan.expert is 1");
        lh__idle_key(r, "plan.dispatch_precision", "plan.expert is 1");
    }
    if (s->model.layers > 0 && s->model.experts == 0)
        lh__idle_key(r, "plan.whole_experts", "the model has no experts");
    else if (s->plan.tensor == 1)
        lh__idle_key(r, "plan.whole_experts", "plan.tensor is 1");
    if (s->plan.pipeline == 1)
        lh__idle_key(r, "plan.overlap.pipeline", "plan.pipeline is 1");
}

static int64_t divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : divisor(b, a % b);
}

int64_t lh_common_replicas(const struct lh_scenario *s)
{
    const struct lh_plan *plan = &s->plan;
    int64_t sharing = lh_expert_replicas(plan);
    int64_t group = plan->tensor * plan->pipeline * plan->context * sharing;
    int64_t n = 0;

    for (int i = 0; i < s->n_sites; i++)
        n = divisor(n, s->sites[i].gpus / group);
    return n * sharing;
}

/* Of replicas that are known. */
static void check_idle_overlap(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    const struct lh_plan *plan = &s->plan;
    const char *levels = NULL;

    if (s->ideal.layers == 0 && plan->data * plan->context == 1)
        lh__idle_key(r, "plan.overlap.forward", "there is one replica");
    if (s->ideal.layers > 0)
        levels = "model.ideal has one level";
    else if (s->rl.on)
        levels = "the trainer of rl stands at one site";
    else if (s->across_sites != LH_ACROSS_DATA)
        levels = "replicas are not split across sites whole";
    else if (plan->zero == 1 && plan->shard > 0)
        levels = "plan.shard makes levels";
    else if (lh_common_replicas(s) * plan->context == 1)
        levels = "no number of replicas divides those of every site";
    if (levels)
        lh__idle_key(r, "plan.overlap.levels", levels);
}

void lh__resolve_plan(struct lh__reader *r)
{
    if (!axes_known(r))
        return;
    check_idle_keys(r);
    if (is_ok(r, "plan.schedule") && is_ok(r, "plan.interleave")
        && is_ok(r, "plan.stage_layers"))
        check_stages(r);
    if (!gpus_known(r) || !is_ok(r, "placement") || derive_data(r) == 0)
        return;
    derive_batch(r);
    check_replica_batch(r);
    if (is_ok(r, "plan.zero") && is_ok(r, "plan.shard"))
        check_shard(r);
    check_idle_overlap(r);
    derive_bucket(&r->root->s);
}
