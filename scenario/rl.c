/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the keys of rl say together: sites and engines by name, the file of
 * lengths, whether roles fit their sites and replicas their accelerators; and
 * the trainer as a scenario of its own.
 * Pipeline: in resolve.c, before plan.c, whose accelerators are the trainer's.
 *
 * Source: docs/model.md, "RL loop".  Left out: faults and background, which
 * would be those of one step.
 */
#include "resolve.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const double NO_LIMIT = 1e18; /* bytes/s, the most that a fibre has */

/* The index of the site a key names; the first where it names none; -1: said.
 */
static int site_of(struct lh__reader *r, const char *path, const char *name)
{
    struct lh__value *value = lh__value_at(r->values, path);

    return name && value ? lh__find_site(r, value) : 0;
}

/* Engine, replicas and experts of accelerators that run a model. */
static void resolve_engine(struct lh__reader *r, struct lh_rl_fleet *f,
                           const struct lh_model *model)
{
    int64_t replica = f->tensor * f->pipeline * f->expert;
    const char *engine = lh_format(r->ctx->arena, "%s.engine", f->key);

    if (lh_serving_by_name(&f->engine, f->engine_name, lh__where_at(r, engine),
                           r->ctx)
        != LH_OK)
        lh__mark_bad(r, f->key);
    if (f->memory_frac > 0)
        f->engine.memory_frac = f->memory_frac;
    if (f->gpus % replica != 0)
        lh_error(r->ctx, f->where,
                 "%s.gpus is %" PRId64 ", no whole number of replicas of "
                 "%" PRId64 " (tensor x pipeline x expert)",
                 f->key, f->gpus, replica);
    if (f->expert > 1
        && (model->experts == 0 || model->experts % f->expert != 0))
        lh_error(r->ctx, f->where,
                 "%s%s.expert is %" PRId64 ", which does not divide the "
                 "model's %" PRId64 " routed experts",
                 f->key, model == &r->root->s.model ? ".plan" : "", f->expert,
                 model->experts);
}

static void resolve_fleet(struct lh__reader *r, int i)
{
    struct lh_rl_fleet *f = &r->root->s.rl.fleets[i];
    const char *path = lh_format(r->ctx->arena, "rl.generators[%d]", i);

    f->key = path;
    f->where = lh__where_at(r, path);
    if (!lh__value_ok(lh__value_at(r->values, path)))
        return;
    f->site =
        site_of(r, lh_format(r->ctx->arena, "%s.site", path), f->site_name);
    resolve_engine(r, f, &r->root->s.model);
    if (f->chunk > 0 && f->chunk <= f->drafted)
        lh_error(r->ctx, f->where,
                 "%s.chunked_prefill is %" PRId64 " tokens; a sequence takes "
                 "%" PRId64 " of an iteration (speculative.tokens, and one)",
                 path, f->chunk, f->drafted + 1);
    if (f->site >= 0)
        f->site_name = r->root->s.sites[f->site].name;
}

/* Of a site, what generators and models that judge take; shared ones take
 * nothing. */
static int64_t taken(const struct lh_rl *rl, int site)
{
    int64_t sum = 0;

    for (int i = 0; i < rl->n_fleets; i++)
        if (rl->fleets[i].site == site && !rl->fleets[i].shared)
            sum += rl->fleets[i].gpus;
    for (int i = 0; i < rl->n_verifiers; i++)
        if (rl->verifiers[i].site == site
            && rl->verifiers[i].kind != LH_JUDGE_RULE)
            sum += rl->verifiers[i].on.gpus;
    return sum;
}

static void check_roles(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_rl *rl = &s->rl;

    for (int i = 0; i < s->n_sites; i++) {
        int64_t trainer = i == rl->trainer_site ? rl->trainer_gpus : 0;
        if (taken(rl, i) + trainer <= s->sites[i].gpus)
            continue;
        lh_error(r->ctx, lh__where_at(r, "rl.generators"),
                 "the roles at site '%s' take %" PRId64 " accelerators; it has "
                 "%" PRId64,
                 s->sites[i].name, taken(rl, i) + trainer, s->sites[i].gpus);
    }
}

/* Shared generators stand where the trainer does, in mode co-located alone. */
static void check_shared(struct lh__reader *r)
{
    struct lh_rl *rl = &r->root->s.rl;
    bool together = rl->mode == LH_RL_CO_LOCATED;
    int64_t shared = 0;

    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_fleet *f = &rl->fleets[i];
        if (f->shared != together)
            lh_error(r->ctx, f->where,
                     "rl.generators[%d]: mode %s needs 'shared: %s'", i,
                     together ? "co-located" : "other than co-located",
                     together ? "true" : "false");
        else if (together && f->site != rl->trainer_site)
            lh_error(r->ctx, f->where,
                     "rl.generators[%d] shares the trainer's accelerators, "
                     "but stands at another site",
                     i);
        shared += f->shared ? f->gpus : 0;
    }
    if (together && shared > rl->trainer_gpus)
        lh_error(r->ctx, lh__where_at(r, "rl.generators"),
                 "the generators share %" PRId64 " accelerators; the trainer "
                 "has %" PRId64,
                 shared, rl->trainer_gpus);
}

static void resolve_lengths(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_rl *rl = &s->rl;
    int64_t answers = (rl->turns - 1) * rl->tool_tokens;
    int64_t room = s->training.sequence_length - rl->prompt_length - answers;
    struct lh_where where = lh__where_at(r, "rl.output_length");

    if (answers > 0 && (room < 1 || rl->length_max > room)) {
        lh_error(r->ctx, where,
                 "prompt_length %" PRId64 ", %" PRId64 " tokens of answers and "
                 "responses of up to %" PRId64
                 " do not fit training.sequence_length %" PRId64,
                 rl->prompt_length, answers,
                 rl->length_max > 0 ? rl->length_max : 1,
                 s->training.sequence_length);
        return;
    }
    if (room < 1 || rl->length_max > room) {
        lh_error(r->ctx, where,
                 "prompt_length %" PRId64 " and responses of up to %" PRId64
                 " tokens do not fit training.sequence_length %" PRId64,
                 rl->prompt_length, rl->length_max > 0 ? rl->length_max : 1,
                 s->training.sequence_length);
        return;
    }
    if (rl->length_max == 0)
        rl->length_max = room;
    if ((rl->lengths == LH_LENGTHS_FILE) != (rl->length_file != NULL)
        && rl->lengths == LH_LENGTHS_FILE)
        lh_error(r->ctx, where,
                 "missing key 'file' in rl.output_length: the lengths that "
                 "kind file reads");
}

/* Rows of the column `tokens`. */
static void read_lengths(struct lh__reader *r)
{
    struct lh_rl *rl = &r->root->s.rl;
    struct lh_csv csv;

    if (rl->lengths != LH_LENGTHS_FILE || !rl->length_file
        || lh_csv_read_file(&csv, rl->length_file, r->ctx) != LH_OK)
        return;
    int column = lh_csv_column(&csv, "tokens");
    if (column < 0 || csv.n_rows == 0) {
        lh_error(r->ctx, (struct lh_where){rl->length_file, 1, 0},
                 "it needs a column 'tokens' with a row or more");
        return;
    }
    rl->length_rows = LH_NEW(r->ctx->arena, double, csv.n_rows);
    for (int i = 0; i < csv.n_rows; i++) {
        const char *cell = lh_csv_cell(&csv, i, column);
        char *end;
        double tokens = strtod(cell, &end);
        if (!*cell || *end || !(tokens >= 1 && tokens <= 1e8)) {
            lh_error(r->ctx,
                     (struct lh_where){rl->length_file, csv.lines[i], 0},
                     "'%s' is no number of tokens, 1 or more", cell);
            return;
        }
        rl->length_rows[i] = tokens;
    }
    rl->n_length_rows = csv.n_rows;
}

static void resolve_verifiers(struct lh__reader *r)
{
    struct lh_rl *rl = &r->root->s.rl;

    for (int i = 0; i < rl->n_verifiers; i++) {
        struct lh_rl_verifier *v = &rl->verifiers[i];
        const char *path = lh_format(r->ctx->arena, "rl.verifiers[%d]", i);
        const char *model = lh_format(r->ctx->arena, "%s.model", path);
        v->site =
            site_of(r, lh_format(r->ctx->arena, "%s.site", path), v->site_name);
        if (v->site >= 0)
            v->site_name = r->root->s.sites[v->site].name;
        if (v->kind == LH_JUDGE_RULE)
            continue;
        v->on.site = v->site;
        v->on.pipeline = 1;
        v->on.key = path;
        v->on.where = lh__where_at(r, path);
        v->model = r->root->s.model;
        if (v->kind == LH_JUDGE_REFERENCE)
            v->output = 0;
        else if (v->model_name
                 && lh_model_by_name(&v->model, v->model_name,
                                     lh__where_at(r, model), r->ctx)
                        != LH_OK)
            lh__mark_bad(r, path);
        resolve_engine(r, &v->on, &v->model);
    }
}

static void check_steps(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_rl *rl = &s->rl;

    if (rl->warmup_steps >= rl->steps)
        lh_error(r->ctx, lh__where_at(r, "rl.warmup_steps"),
                 "rl.warmup_steps is %" PRId64 " of %" PRId64 " steps; at "
                 "least one must be left to take means of",
                 rl->warmup_steps, rl->steps);
    if (rl->mode == LH_RL_ASYNC && rl->push_interval_s < 0
        && rl->max_staleness < rl->push_every - 1)
        lh_error(r->ctx, lh__where_at(r, "rl.max_staleness"),
                 "rl.max_staleness is %" PRId64 ", but weights are pushed "
                 "every %" PRId64 " steps; no sample would be fresh enough",
                 rl->max_staleness, rl->push_every);
    for (int i = 0; i < rl->n_fleets; i++)
        if (rl->fleets[i].up_s > 0 && rl->mode == LH_RL_CO_LOCATED)
            lh_error(r->ctx, rl->fleets[i].where,
                     "%s.up_time: generators that share the trainer's "
                     "accelerators stay",
                     rl->fleets[i].key);
    if (s->n_faults > 0 || s->n_background > 0)
        lh_error(r->ctx,
                 lh__where_at(r, s->n_faults > 0 ? "faults" : "background"),
                 "faults and background are not supported with rl");
    if (s->across_sites != LH_ACROSS_DATA)
        lh_error(r->ctx, lh__where_at(r, "placement.across_sites"),
                 "the trainer of rl stands at one site; stages across sites "
                 "are not supported");
    if (lh__value_at(r->values, "training.global_batch"))
        lh_warn(r->ctx, lh__key_where(r, "training.global_batch"),
                "training.global_batch has no effect because rl says what a "
                "step trains on");
    s->training.global_batch = 0;
}

void lh__resolve_rl(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_rl *rl = &s->rl;
    const struct lh__value *value = lh__value_get(r->values, "rl");

    if (!rl->on || !lh__value_ok(value))
        return;
    rl->trainer_site = site_of(r, "rl.trainer.site", rl->trainer_site_name);
    for (int i = 0; i < rl->n_fleets; i++)
        resolve_fleet(r, i);
    resolve_verifiers(r);
    rl->push_fp8 = rl->precision == LH_PUSH_FP8;
    resolve_lengths(r);
    read_lengths(r);
    check_steps(r);
    if (rl->trainer_site < 0 || !lh__value_ok(value))
        return;
    rl->trainer_site_name = s->sites[rl->trainer_site].name;
    if (rl->trainer_gpus == 0)
        rl->trainer_gpus =
            s->sites[rl->trainer_site].gpus - taken(rl, rl->trainer_site);
    if (rl->trainer_gpus < 1)
        rl->trainer_gpus = 1; /* said below */
    check_roles(r);
    check_shared(r);
}

void lh_scenario_rl_near(struct lh_scenario *out, const struct lh_scenario *s,
                         struct lh_ctx *ctx)
{
    *out = *s;
    out->sites = LH_NEW(ctx->arena, struct lh_site, s->n_sites);
    for (int i = 0; i < s->n_sites; i++) {
        out->sites[i] = s->sites[i];
        out->sites[i].gateway_bytes_per_s = (double)INFINITY;
        out->sites[i].node = NULL;
    }
    out->n_fibres = 0;
    out->fibres = NULL;
    out->layout = (struct lh_layout){.kind = LH_LAYOUT_MESH,
                                     .length_m = 0,
                                     .bytes_per_s = NO_LIMIT,
                                     .transport = LH_TRANSPORT_IDEAL,
                                     .where = s->layout.where};
}

void lh_scenario_trainer(struct lh_scenario *out, const struct lh_scenario *s,
                         int64_t batch, int64_t window, struct lh_ctx *ctx)
{
    struct lh_scenario at_site = *s;

    at_site.sites = LH_NEW(ctx->arena, struct lh_site, 1);
    at_site.sites[0] = s->sites[s->rl.trainer_site];
    lh_scenario_one_site(out, &at_site, ctx);
    out->sync_algorithm = s->sync_algorithm;
    out->training.global_batch = batch;
    out->rl.on = false;
    if (window > 0
        && (out->model.attention_window == 0
            || window < out->model.attention_window))
        out->model.attention_window = window;
}
