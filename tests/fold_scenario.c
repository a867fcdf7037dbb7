/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A draw as the text of a scenario, so that one that fails can be printed and
 * run by hand.  What no scenario can say, an all-to-all over data, is a
 * comment.
 */
#include <stdio.h>

#include "fold_draw.h"
#include "unit.h"

void draw_config_write(const char *path, const struct draw *d)
{
    FILE *f = fopen(path, "w");
    LH_REQUIRE(f != NULL);
    fprintf(f,
            "{\"model_type\": \"%s\",\n"
            "\"num_hidden_layers\": %d, \"hidden_size\": %d,\n"
            "\"num_attention_heads\": 16, \"num_key_value_heads\": 8,\n"
            "\"intermediate_size\": %d, \"vocab_size\": 8192,\n"
            "%s"
            "\"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\"}\n",
            d->expert > 0 ? "mixtral" : "llama", draw_chunks(d) + d->surplus,
            d->hidden, 4 * d->hidden,
            d->expert > 0 ? "\"num_local_experts\": 16, "
                            "\"num_experts_per_tok\": 2,\n"
                          : "");
    LH_REQUIRE(fclose(f) == 0);
}

static void put_stage_layers(struct lh_text *t, const struct draw *d)
{
    int chunks = draw_chunks(d);
    int heavy = d->uneven == 1 ? 0 : d->uneven == 2 ? chunks - 1 : chunks / 2;
    for (int i = 0; i < chunks; i++)
        lh_text_printf(t, "%s%d", i == 0 ? ",\n   stage_layers: [" : ", ",
                       1 + (i == heavy ? d->surplus : 0));
    lh_text_add(t, "]");
}

static void put_plan(struct lh_text *t, const struct draw *d)
{
    static const char *const schedules[] = {
        [LH_SCHEDULE_GPIPE] = "gpipe",
        [LH_SCHEDULE_1F1B] = "1f1b",
        [LH_SCHEDULE_INTERLEAVED] = "interleaved, interleave: 2",
        [LH_SCHEDULE_ZERO_BUBBLE] = "zero-bubble",
        [LH_SCHEDULE_DUALPIPE] = "dualpipe",
        [LH_SCHEDULE_DUALPIPE_V] = "dualpipe-v"};
    static const char *const recompute[] = {"none", "selective", "full"};
    lh_text_printf(t,
                   "plan:\n  {tensor: %d, context: %d, context_kind: %s,\n"
                   "   pipeline: %d, schedule: %s,\n"
                   "   zero: %d, recompute: %s, sequence_parallel: %s",
                   d->tensor, d->context, d->gathers ? "all-gather" : "ring",
                   d->pipeline, schedules[d->schedule], d->zero,
                   d->operators ? "operators" : recompute[d->recompute],
                   d->sequence_parallel ? "true" : "false");
    if (d->shard > 0)
        lh_text_printf(t, ", shard: %d", d->shard);
    if (d->narrow_gathers)
        lh_text_add(t, ", gather_precision: fp8");
    if (d->zero == 3)
        lh_text_printf(t, ",\n   prefetch: %d, reshard_after_forward: %s",
                       d->prefetch, d->keep_weights ? "false" : "true");
    if (d->expert > 0)
        lh_text_printf(t, ", expert: %d%s, dispatch: %s",
                       d->expert * (d->whole ? d->tensor : 1),
                       d->whole ? ", whole_experts: true" : "",
                       d->relay ? "relay" : "direct");
    if (d->overlap)
        lh_text_printf(t, ",\n   bucket: %d MB", d->bucket_mb);
    bool forward = d->forward || (d->ideal && d->recompute > 0);
    lh_text_printf(
        t, ",\n   overlap: {gradients: %s, tensor: %s%s%s%s%s}",
        d->overlap ? "true" : "false", d->hides_tensor ? "true" : "false",
        forward ? ", forward: true" : "", d->levels ? ", levels: true" : "",
        d->blocks ? ", pipeline: false" : "",
        d->pairs ? ", expert: true" : "");
    if (d->uneven > 0)
        put_stage_layers(t, d);
    lh_text_add(t, "}\n");
}

/* Of every level. */
static const char *cables_text(struct lh_text *t, const struct draw *d,
                               const struct site *s)
{
    if (!d->hashed || s->cables == 0)
        return "";
    return s->fabric == RAILS ? lh_format(t->arena, ", cables: [%d]", s->cables)
                              : lh_format(t->arena, ", cables: [%d, %d]",
                                          s->cables, s->cables);
}

static const char *buildings_text(struct lh_text *t, const struct site *s)
{
    if (s->building == 0)
        return "";
    return lh_format(t->arena,
                     ",\n     building_gpus: %d, building_oversubscription: "
                     "%d, building_length: %d km",
                     s->node * s->group[0] * s->building, s->over, s->over);
}

static const char *switches_text(const struct site *s)
{
    return s->sharp ? "sharp" : s->in_network ? "nvls" : "none";
}

static const char *library_text(const struct site *s)
{
    return s->new_library ? "nccl-2.23" : "nccl";
}

static void put_site(struct lh_text *t, const struct draw *d, int i)
{
    const struct site *s = &d->sites[i];
    lh_text_printf(t, "  - {name: s%d, gpus: %d, device: %s,\n", i,
                   draw_gpus(d, i), s->a100 ? "a100-sxm" : "h100-sxm");
    if (s->gateway_gbit > 0 && d->n_sites > 1)
        lh_text_printf(t, "     gateway_bandwidth: %d Gbit/s,\n",
                       s->gateway_gbit);
    switch (s->fabric) {
    case RAILS:
        lh_text_printf(t,
                       "     fabric: {name: dgx-h100-rails, scale_up_gpus: "
                       "%d, group: [%d], oversubscription: %d%s%s, in_network: "
                       "%s, library: %s}}\n",
                       s->node, s->group[0], s->over, cables_text(t, d, s),
                       buildings_text(t, s), switches_text(s), library_text(s));
        break;
    case FAT_TREE:
        lh_text_printf(t,
                       "     fabric: {name: h100-roce-pods, scale_up_gpus: "
                       "%d, group: [%d, %d], oversubscription: [1, %d]%s%s, "
                       "in_network: %s, library: %s}}\n",
                       s->node, s->group[0], s->group[1], s->over,
                       cables_text(t, d, s), buildings_text(t, s),
                       switches_text(s), library_text(s));
        break;
    case DRAGONFLY:
        lh_text_printf(t,
                       "     fabric: {name: dgx-h100-rails, kind: dragonfly, "
                       "scale_up_gpus: %d, group: [%d], oversubscription: %d, "
                       "routing: %s, in_network: %s, library: %s}}\n",
                       s->node, s->group[0], s->over,
                       s->valiant ? "valiant" : "minimal", switches_text(s),
                       library_text(s));
        break;
    default: lh_text_add(t, "     fabric: {name: switch}}\n");
    }
}

static void put_window(struct lh_text *t, const struct window *w)
{
    if (w->streams == 2)
        lh_text_printf(t,
                       ",\n     transport: {kind: rdma, loss: 1e-5, "
                       "library_window: %d KiB}",
                       2 * w->kib);
    else if (w->streams > 0)
        lh_text_printf(t,
                       ",\n     transport: {kind: tcp, streams: %d, window: "
                       "%d KiB}",
                       w->streams, w->kib);
}

static void put_fibres(struct lh_text *t, const struct draw *d)
{
    static const char *const kinds[] = {"mesh", "ring", "hub"};
    if (d->n_sites == 1)
        return;
    if (d->fibres != LISTED) {
        lh_text_printf(t,
                       "fibre_layout: {kind: %s, length: %d km, bandwidth: "
                       "%d Gbit/s}\n",
                       kinds[d->fibres], d->km, d->gbit);
        return;
    }
    lh_text_add(t, "fibres:\n");
    for (int i = 1; i < d->n_sites; i++) {
        lh_text_printf(t,
                       "  - {between: [s%d, s%d], length: %d km, bandwidth: "
                       "%d Gbit/s",
                       i - 1, i, i * d->km, (i + 1) * d->gbit);
        put_window(t, &d->window);
        lh_text_add(t, "}\n");
    }
}

static void put_exchange(struct lh_text *t, const struct draw *d)
{
    const struct exchange *e = &d->exchange;
    if (e->mb == 0)
        return;
    lh_text_printf(t,
                   "# and an all-to-all of %d MB over %sdata on the stream of "
                   "%s, after %d %% of the compute operations, awaited by the "
                   "%s, loads",
                   e->mb, e->over_tensor ? "tensor x " : "",
                   e->on_tensor ? "tensor" : "data", e->after_percent,
                   e->is_awaited ? "next" : "last");
    for (int i = 0; i < draw_exchange_members(d); i++)
        lh_text_printf(t, " %lld", (long long)draw_load(d, i));
    lh_text_add(t, "\n");
}

static void put_islands(struct lh_text *t, const struct islands *s)
{
    static const char *const kinds[] = {[LH_SYNC_LOCAL_SGD] = "local-sgd",
                                        [LH_SYNC_DILOCO] = "diloco",
                                        [LH_SYNC_STREAMING_DILOCO] =
                                            "streaming-diloco",
                                        [LH_SYNC_GOSSIP] = "gossip"};
    if (s->kind == LH_SYNC_EVERY_STEP)
        return;
    lh_text_printf(t,
                   ", kind: %s,\n  island: %d, every: %d, overlap: %d, "
                   "payload_bits: %d",
                   kinds[s->kind], s->size, s->every, s->overlap,
                   32 >> s->payload);
    if (s->kind == LH_SYNC_GOSSIP)
        lh_text_printf(t, ", pairs: %s, average: %s",
                       s->hypercube ? "hypercube" : "tournament",
                       s->outer ? "outer" : "weights");
    else
        lh_text_printf(t, ", reduction: %s",
                       s->exchanges ? "exchange"
                       : s->flat    ? "flat"
                                    : "all-reduce");
    static const char *const compressions[] = {"none", "top-k", "demo",
                                               "low-rank"};
    lh_text_printf(t, ", compression: %s", compressions[s->compression]);
    if (s->kind == LH_SYNC_STREAMING_DILOCO)
        lh_text_printf(t, ",\n  fragments: %d, pattern: %s", s->fragments,
                       s->sequential ? "sequential" : "strided");
    if (s->kind != LH_SYNC_LOCAL_SGD && s->kind != LH_SYNC_GOSSIP)
        lh_text_printf(t, ", on_host: %s", s->on_host ? "true" : "false");
}

static const char *model_text(struct lh_text *t, const struct draw *d)
{
    if (d->ideal)
        return "{ideal: {layers: 5, parameters: 1e8, step_time: 10 ms}}";
    return lh_format(t->arena, "{config: c.json%s%s}",
                     d->parallel ? ", parallel_block: true" : "",
                     d->looks_near ? ", attention_window: 512" : "");
}

void draw_put(struct lh_text *t, const struct draw *d, const char *faults)
{
    static const char *const algorithms[] = {"auto", "flat-ring",
                                             "hierarchical"};
    lh_text_printf(t,
                   "longhaul: 1\nname: drawn\nmodel: %s\n"
                   "training: {global_batch: %d, sequence_length: 2048, "
                   "precision: %s%s%s, lora_rank: %d%s}\n",
                   model_text(t, d), d->micro_batches * draw_data(d),
                   d->fp8 ? "fp8" : "bf16",
                   d->operators   ? ", stack: pytorch-eager"
                   : d->old_stack ? ", stack: megatron-2022"
                                  : "",
                   d->zipf ? ", routing: zipf" : "", d->rank,
                   d->few_adapters ? ", lora_target: qkv" : "");
    put_plan(t, d);
    lh_text_add(t, "sites:\n");
    for (int i = 0; i < d->n_sites; i++)
        put_site(t, d, i);
    put_fibres(t, d);
    if (d->stages_across)
        lh_text_add(t, "placement: {across_sites: pipeline}\n");
    if (d->experts_across)
        lh_text_add(t, "placement: {across_sites: expert}\n");
    if (draw_has_portions(d))
        lh_text_add(t, "placement: {replica_batch: proportional}\n");
    bool named = d->n_sites > 1 && !d->stages_across && !d->experts_across;
    lh_text_printf(t, "sync: {algorithm: %s",
                   algorithms[named ? d->algorithm : 0]);
    put_islands(t, &d->islands);
    lh_text_add(t, "}\n");
    if (d->hashed)
        lh_text_printf(t, "seed: %d\nengine: {routing: ecmp}\n",
                       (int)(d->seed % 1000));
    lh_text_add(t, faults);
    put_exchange(t, d);
}
