/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * model.trace: a program from another simulator's file, in place of a model.
 * Pipeline: beside resolve.c; interchange/ reads the file.
 *
 * The file says how ranks share the work, so the plan is its own: what the
 * scenario says of it must be the same, and what it says of how a model is run
 * has no effect.  The replicas follow from the accelerators, as always; a
 * file of so many is run on others with a warning.
 */
#include "resolve.h"

#include <inttypes.h>
#include <string.h>

/* What a trace has decided. */
static const char *const idle_keys[] = {
    "training.sequence_length",
    "training.micro_batch",
    "training.precision",
    "training.gradient_precision",
    "training.lora_rank",
    "plan.dispatch",
    "plan.dispatch_precision",
    "plan.context_kind",
    "plan.zero",
    "plan.shard",
    "plan.gather_precision",
    "plan.recompute",
    "plan.sequence_parallel",
    "plan.overlap.gradients",
    "plan.overlap.tensor",
    "plan.overlap.pipeline",
    "plan.overlap.expert",
    "plan.overlap.forward",
    "plan.overlap.levels",
    "plan.whole_experts",
    "placement.replica_batch",
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);

    return n >= k && strcmp(text + n - k, end) == 0;
}

static enum lh_trace_format format_of(const struct lh_traced *t)
{
    if (t->format != LH_TRACE_AUTO)
        return t->format;
    return ends_with(t->file, ".et") || ends_with(t->file, ".json")
               ? LH_TRACE_CHAKRA
               : LH_TRACE_SIMAI;
}

/* The file's word on a size of the plan. */
static void take(struct lh__reader *r, const char *path, int64_t *key,
                 int64_t file)
{
    const struct lh__value *stated = lh__value_at(r->values, path);

    if (stated && lh__value_ok(stated) && *key != file)
        lh_error(r->ctx, stated->where,
                 "%s is %" PRId64 ", but %s was made for %" PRId64, path, *key,
                 r->root->s.traced.file, file);
    *key = file;
}

static enum lh_status take_simai(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_simai *file = LH_NEW(r->ctx->arena, struct lh_simai, 1);
    enum lh_status st = lh_simai_read(file, s->traced.file, r->ctx);

    if (st != LH_OK)
        return st;
    s->traced.simai = file;
    s->model.source = "SimAI workload text";
    take(r, "plan.tensor", &s->plan.tensor, file->tensor);
    take(r, "plan.pipeline", &s->plan.pipeline, file->pipeline);
    take(r, "plan.expert", &s->plan.expert, file->expert);
    take(r, "plan.context", &s->plan.context, 1);
    if (!lh__value_at(r->values, "plan.schedule") && file->chunks > 1
        && file->pipeline > 1)
        s->plan.schedule = LH_SCHEDULE_INTERLEAVED;
    if (s->plan.schedule == LH_SCHEDULE_INTERLEAVED)
        take(r, "plan.interleave", &s->plan.interleave, file->chunks);
    if (s->plan.schedule == LH_SCHEDULE_INTERLEAVED
        && file->micro_batches % file->pipeline != 0)
        lh_error(r->ctx, (struct lh_where){s->traced.file, 1, 0},
                 "the interleaved schedule (vpp) needs micro-batches in "
                 "multiples of the stages; %" PRId64 " (ga) are not a multiple "
                 "of %" PRId64 " (pp); plan.schedule: 1f1b has no such need",
                 file->micro_batches, file->pipeline);
    if (s->plan.schedule > LH_SCHEDULE_INTERLEAVED)
        lh_error(r->ctx, lh__key_where(r, "plan.schedule"),
                 "a trace has passes that are not split: gpipe, 1f1b or "
                 "interleaved");
    return LH_OK;
}

static int64_t all_gpus(const struct lh_scenario *s)
{
    int64_t n = 0;

    for (int i = 0; i < s->n_sites; i++)
        n += s->sites[i].gpus;
    return n;
}

/* Of a grid or, of this program's own, as they are written. */
static enum lh_status take_chakra(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_chakra *file = LH_NEW(r->ctx->arena, struct lh_chakra, 1);
    int64_t size[LH_CHAKRA_DIMS], stride[LH_CHAKRA_DIMS];
    int axis[LH_CHAKRA_DIMS];
    enum lh_status st;

    if (all_gpus(s) < 1)
        return LH_BAD_INPUT; /* said */
    st = lh_chakra_read(file, s->traced.file, s->traced.groups, all_gpus(s),
                        r->ctx);
    if (st != LH_OK)
        return st;
    s->traced.chakra = file;
    s->model.source = "Chakra execution trace";
    if (!(file->is_own ? lh_chakra_own_axes(file, size)
                       : lh_chakra_axes(&file->grid, size, stride, axis))) {
        lh_error(r->ctx, (struct lh_where){s->traced.file, 0, 0},
                 "its groups make more dims than are supported");
        return LH_BAD_INPUT;
    }
    if (file->is_own)
        s->plan.overlap_tensor =
            file->ranks[0].own.numbers[LH_OWN_OVERLAP_TENSOR] == 1;
    take(r, "plan.tensor", &s->plan.tensor, size[0]);
    take(r, "plan.context", &s->plan.context, size[1]);
    take(r, "plan.expert", &s->plan.expert, size[2]);
    take(r, "plan.pipeline", &s->plan.pipeline, size[3]);
    return LH_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* What has a program of its own. */
static void check_others(struct lh__reader *r)
{
    static const char *const others[] = {"model.name", "model.config",
                                         "model.ideal"};
    const struct lh_scenario *s = &r->root->s;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (lh__value_at(r->values, others[i]))
            lh_error(r->ctx, lh__where_at(r, others[i]),
                     "model.trace stands alone, without '%s'",
                     others[i] + strlen("model."));
    if (s->rl.on)
        lh_error(r->ctx, lh__where_at(r, "rl"),
                 "rl needs a model, not model.trace");
    if (s->sync != LH_SYNC_EVERY_STEP)
        lh_error(r->ctx, lh__key_where(r, "sync.kind"),
                 "model.trace says itself what is reduced: sync.kind must be "
                 "every-step");
    if (lh__value_get(r->values, "reliability"))
        lh_error(r->ctx, lh__where_at(r, "reliability"),
                 "reliability needs a model: a trace does not say what is "
                 "saved");
}

void lh__resolve_trace(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh__value *model = lh__value_get(r->values, "model");
    const struct lh__value *trace = lh__value_get(model, "trace");
    enum lh_status st = LH_BAD_INPUT;

    check_others(r);
    if (s->traced.file == NULL) {
        lh_error(r->ctx, trace->where, "missing key 'file' in model.trace");
        model->bad = true;
        return;
    }
    s->model.name = base_name(s->traced.file);
    for (size_t i = 0; i < sizeof idle_keys / sizeof *idle_keys; i++)
        if (lh__value_at(r->values, idle_keys[i]))
            lh__idle_key(r, idle_keys[i], "the model is a trace");
    if (format_of(&s->traced) == LH_TRACE_SIMAI)
        st = take_simai(r);
    else
        st = take_chakra(r);
    model->bad = st != LH_OK;
}

/* The file's micro-batches are those of every replica. */
void lh__check_trace(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    const struct lh_simai *file = s->traced.simai;
    int64_t used = s->plan.tensor * s->plan.pipeline * s->plan.data;

    if (file == NULL || s->plan.data == 0)
        return;
    take(r, "training.global_batch", &s->training.global_batch,
         file->micro_batches * s->plan.data);
    if (file->gpus > 0 && file->gpus != used)
        lh_warn(r->ctx, lh__where_at(r, "sites"),
                "%s was made for %" PRId64 " accelerators (all_gpus); its "
                "collectives run over the groups of these %" PRId64,
                s->traced.file, file->gpus, used);
}
