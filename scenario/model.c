/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shapes of models: rows of data/models.csv, the check that a shape's numbers
 * go together, and the count of parameters.  Stage: scenario, when names are
 * resolved.  config.json is read by model_config.c.
 *
 * Count, with h hidden, V vocabulary, L layers, a heads of d, g kv heads of d,
 * f the inner width, m = 3 matrices of a gated MLP or 2 of a plain one:
 *   embedding       V h, once more for an output matrix of its own
 *   positions       P h where they are learned
 *   GQA             h a d + 2 h g d + a d h
 *   MLA             h q + q a (n + r)  [or h a (n + r)]
 *                   + h (k + r) + k a (n + v) + a v h, norms q + k
 *   MLP             m h f; an expert likewise with its own width
 *   router          h E, one correction more per expert where it has them
 *   norms           two of h a layer (one where attention and MLP share it)
 *                   and a last one; 2 d a layer for QK norms
 * (n, r, v: head dims without position, with position, of values; q, k: the
 * low ranks), and the biases the shape says it has.  Vaswani et al. 2017;
 * Shazeer 2020 (arXiv:2002.05202); DeepSeek-V2 (arXiv:2405.04434) for MLA.
 * Active parameters leave out the experts a token does not visit; they keep
 * both embeddings, as the published active counts do.
 * Left out: multi-token-prediction modules, vision towers.
 */
#include <longhaul/scenario.h>

#include "model.h"
#include "rows.h"

/* ---- count -------------------------------------------------------------- */

/* In double: exact below 2^53, and no overflow on absurd shapes, which
 * lh__model_check refuses. */
static double count_gqa(const struct lh_model *m)
{
    double h = (double)m->hidden;
    double q = (double)m->heads * (double)m->head_dim;
    double kv = (double)m->kv_heads * (double)m->head_dim;
    double n = h * q + 2 * h * kv + q * h;

    if (m->attention_bias) {
        n += q + 2 * kv + (m->qkv_bias_only ? 0 : h);
    }
    if (m->qk_norm) {
        n += 2 * (double)m->head_dim;
    }
    return n;
}

static double count_mla(const struct lh_model *m)
{
    double h = (double)m->hidden;
    double heads = (double)m->heads;
    double rank_q = (double)m->q_lora_rank;
    double rank_kv = (double)m->kv_lora_rank;
    double nope = (double)m->qk_nope_head_dim;
    double rope = (double)m->qk_rope_head_dim;
    double value = (double)m->v_head_dim;
    double n = h * (rank_kv + rope) + rank_kv +
               rank_kv * heads * (nope + value) + heads * value * h;

    if (rank_q > 0) {
        n += h * rank_q + rank_q + rank_q * heads * (nope + rope);
    } else {
        n += h * heads * (nope + rope);
    }
    if (m->attention_bias) { /* on the two projections down and on O */
        n += rank_q + rank_kv + rope + h;
    }
    return n;
}

static double count_mlp(const struct lh_model *m, double width)
{
    double h = (double)m->hidden;
    double up = m->gated_mlp ? 2 : 1;
    double n = (up + 1) * h * width;

    if (m->mlp_bias) {
        n += up * width + h;
    }
    return n;
}

static double count_norm(const struct lh_model *m)
{
    return (double)m->hidden * (m->norm_bias ? 2 : 1);
}

int64_t lh_model_layer_norms(const struct lh_model *model)
{
    return model->parallel_block && !model->parallel_norms ? 1 : 2;
}

/* Parameters, with `experts` of the routed ones in a layer. */
static double count_all(const struct lh_model *m, double experts)
{
    double h = (double)m->hidden;
    double layers = (double)m->layers;
    double sparse = m->experts > 0 ? layers - (double)m->dense_layers : 0;
    double router = (double)m->experts * (h + (m->router_bias ? 1 : 0));
    double attention = m->attention == LH_ATTENTION_MLA ? count_mla(m)
                                                        : count_gqa(m);
    double expert = count_mlp(m, (double)m->expert_ffn);
    double norms = (double)lh_model_layer_norms(m);

    return (double)m->vocab * h * (m->tied_embeddings ? 1 : 2) +
           (double)m->positions * h +
           layers * (attention + norms * count_norm(m)) + count_norm(m) +
           (layers - sparse) * count_mlp(m, (double)m->ffn) +
           sparse * (router +
                     (experts + (double)m->shared_experts) * expert);
}

static int64_t saturate(double count)
{
    return count < 9e18 ? (int64_t)count : INT64_MAX;
}

void lh_model_count(struct lh_model *model)
{
    model->parameters = saturate(count_all(model, (double)model->experts));
    model->active_parameters =
        saturate(count_all(model, (double)model->experts_per_token));
}

/* ---- check -------------------------------------------------------------- */

static void check_positive(const struct lh_model *m, struct lh_where where,
                           struct lh_ctx *ctx)
{
    bool mla = m->attention == LH_ATTENTION_MLA;
    bool sparse = m->experts > 0;
    const struct {
        const char *name;
        int64_t value;
        bool needed;
    } fields[] = {
        {"the number of layers", m->layers, true},
        {"the hidden size", m->hidden, true},
        {"the number of heads", m->heads, true},
        {"the number of kv heads", m->kv_heads, true},
        {"the head dimension", m->head_dim, true},
        {"the vocabulary", m->vocab, true},
        {"the MLP's inner width", m->ffn,
         !sparse || m->dense_layers > 0},
        {"the low rank of keys and values", m->kv_lora_rank, mla},
        {"the head dimension without position", m->qk_nope_head_dim, mla},
        {"the head dimension with position", m->qk_rope_head_dim, mla},
        {"the head dimension of values", m->v_head_dim, mla},
        {"the number of experts a token visits", m->experts_per_token,
         sparse},
        {"the experts' inner width", m->expert_ffn, sparse},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].needed && fields[i].value < 1) {
            lh_error(ctx, where, "model '%s': %s must be at least 1", m->name,
                     fields[i].name);
        }
    }
}

enum lh_status lh__model_check(struct lh_model *model, struct lh_where where,
                               struct lh_ctx *ctx)
{
    const int64_t limit = 1000000000000000;
    int n_errors = lh_diag_count(ctx, LH_ERROR);
    const struct lh_model *m = model;

    check_positive(m, where, ctx);
    if (m->layers > LH__LAYERS_LIMIT) {
        lh_error(ctx, where, "model '%s': more than %d layers", m->name,
                 (int)LH__LAYERS_LIMIT);
    }
    if (m->attention == LH_ATTENTION_GQA && m->kv_heads > 0 &&
        m->heads % m->kv_heads != 0) {
        lh_error(ctx, where, "model '%s': %lld heads do not divide among "
                             "%lld kv heads", m->name, (long long)m->heads,
                 (long long)m->kv_heads);
    }
    if (m->experts_per_token > m->experts) {
        lh_error(ctx, where, "model '%s': a token visits %lld of %lld "
                             "experts", m->name,
                 (long long)m->experts_per_token, (long long)m->experts);
    }
    if (m->dense_layers > m->layers) {
        lh_error(ctx, where, "model '%s': %lld dense layers of %lld layers",
                 m->name, (long long)m->dense_layers, (long long)m->layers);
    }
    lh_model_count(model);
    if (lh_diag_count(ctx, LH_ERROR) == n_errors && m->parameters > limit) {
        lh_error(ctx, where, "model '%s' has more than 1e15 parameters",
                 m->name);
    }
    return lh_diag_count(ctx, LH_ERROR) > n_errors ? LH_BAD_INPUT : LH_OK;
}

/* ---- data/models.csv ---------------------------------------------------- */

static const char *const attentions[] = {
    [LH_ATTENTION_GQA] = "gqa", [LH_ATTENTION_MLA] = "mla", NULL};

#define AT(field) offsetof(struct lh_model, field)
#define TEXT(field) {#field, LH__CELL_TEXT, AT(field), NULL, 0, 0, 0, 0}
#define NEEDED(field) {#field, LH__CELL_COUNT, AT(field), NULL, 0, 0, 0, 0}
#define COUNT(field) {#field, LH__CELL_COUNT, AT(field), "0", 0, 0, 0, 0}
#define FLAG(field) {#field, LH__CELL_FLAG, AT(field), "no", 0, 0, 0, 0}

static const struct lh__column model_columns[] = {
    TEXT(name),
    NEEDED(layers),
    NEEDED(hidden),
    NEEDED(heads),
    COUNT(kv_heads),
    COUNT(head_dim),
    COUNT(ffn),
    NEEDED(vocab),
    FLAG(gated_mlp),
    FLAG(tied_embeddings),
    FLAG(attention_bias),
    FLAG(qkv_bias_only),
    FLAG(mlp_bias),
    FLAG(norm_bias),
    FLAG(qk_norm),
    COUNT(positions),
    {"attention", LH__CELL_CHOICE, AT(attention), "gqa", 0, attentions, 0, 0},
    COUNT(q_lora_rank),
    COUNT(kv_lora_rank),
    COUNT(qk_nope_head_dim),
    COUNT(qk_rope_head_dim),
    COUNT(v_head_dim),
    COUNT(experts),
    COUNT(experts_per_token),
    COUNT(shared_experts),
    COUNT(expert_ffn),
    COUNT(dense_layers),
    FLAG(router_bias),
    FLAG(parallel_block),
    FLAG(parallel_norms),
    COUNT(attention_window),
    TEXT(source),
};

enum lh_status lh_model_by_name(struct lh_model *out, const char *name,
                                struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "models", "model", model_columns,
        (int)(sizeof model_columns / sizeof model_columns[0])};
    struct lh_model model = {0};
    struct lh_where row;
    enum lh_status st;

    st = lh__row_read(&model, &table, name, &row, where, ctx);
    if (st != LH_OK) {
        return st;
    }
    if (model.kv_heads == 0) {
        model.kv_heads = model.heads;
    }
    if (model.head_dim == 0 && model.heads > 0) {
        model.head_dim = model.hidden / model.heads;
    }
    st = lh__model_check(&model, row, ctx);
    if (st == LH_OK) {
        *out = model;
    }
    return st;
}
