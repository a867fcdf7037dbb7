/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shapes of models: data/models.csv, config.json, counts of parameters; and
 * the rows of the other data tables.
 */
#include "unit.h"

#include <longhaul/scenario.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUTS LH_SRCDIR "/../shared/inputs/hf-config/"

static const struct lh_where here = {"s.yaml", 5, 9};

/* ---- counts ------------------------------------------------------------- */

/* The two printed digits are the publishers' (../shared/inputs/MANIFEST.md for
 * the first ten); the totals to the last parameter guard against change.
 * DeepSeek-V3 is without its multi-token-prediction module. */
static const struct published {
    const char *name;
    const char *config; /* under INPUTS, or NULL */
    int64_t parameters;
    double billions, active_billions; /* as printed by the publisher */
} published[] = {
    {"llama-3.1-8b", "llama-3.1-8b-instruct_config.json", 8030261248, 8.03,
     8.03},
    {"llama-3.1-70b", "llama-3.1-70b-instruct_config.json", 70553706496, 70.55,
     70.55},
    {"llama-3.1-405b", "reconstructed/llama-3.1-405b_config.json", 405853388800,
     405.85, 405.85},
    {"deepseek-v3", "deepseek-v3_config.json", 671026419200, 671.03, 37.55},
    {"deepseek-v3", "deepseek_v3_simai-edited_config.json", 671026419200,
     671.03, 37.55},
    {"qwen3-8b", "qwen3-8B_config.json", 8190735360, 8.19, 8.19},
    {"qwen3-30b-a3b", "qwen3-30B-A3B_config.json", 30532122624, 30.53, 3.35},
    {"qwen3-235b-a22b", "qwen3-235B-A22B_config.json", 235093634560, 235.09,
     22.19},
    {"mixtral-8x7b", "reconstructed/mixtral-8x7b_config.json", 46702792704,
     46.70, 12.88},
    {"gpt-neox-20b", "reconstructed/gpt-neox-20b_config.json", 20554567680,
     20.55, 20.55},
    {"llama-3-8b", NULL, 8030261248, 8.03, 8.03},
    {"llama-3-70b", NULL, 70553706496, 70.55, 70.55},
    {"llama-2-7b", NULL, 6738415616, 6.74, 6.74},
    {"llama-2-13b", NULL, 13015864320, 13.02, 13.02},
    {"llama-2-70b", NULL, 68976648192, 68.98, 68.98},
    {"qwen2.5-7b", NULL, 7615616512, 7.62, 7.62},
    {"qwen2.5-32b", NULL, 32763876352, 32.76, 32.76},
    {"qwen2.5-72b", NULL, 72706203648, 72.71, 72.71},
    {"mpt-125m", NULL, 125311488, 0.13, 0.13},
    {"mpt-350m", NULL, 355985408, 0.36, 0.36},
    {"mpt-760m", NULL, 760470528, 0.76, 0.76},
    {"mpt-1b", NULL, 1315950592, 1.32, 1.32},
    {"mpt-3b", NULL, 2651837440, 2.65, 2.65},
    {"mpt-7b", NULL, 6658859008, 6.66, 6.66},
    {"mpt-13b", NULL, 12853954560, 12.85, 12.85},
    {"mpt-30b", NULL, 29975214080, 29.98, 29.98},
    {"mpt-70b", NULL, 64862437376, 64.86, 64.86},
};

/* As printed: half of the last of two digits after the point. */
static void check_count(const struct lh_model *model, const struct published *p)
{
    double all = (double)model->parameters / 1e9;
    double active = (double)model->active_parameters / 1e9;

    LH_CHECK(model->parameters == p->parameters);
    LH_CHECK(all > p->billions - 0.005 && all < p->billions + 0.005);
    LH_CHECK(active > p->active_billions - 0.005
             && active < p->active_billions + 0.005);
}

static void named_models_have_published_counts(void)
{
    for (size_t i = 0; i < LH_COUNT(published); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_model model = {0};
        LH_REQUIRE(lh_model_by_name(&model, published[i].name, here, &ctx)
                   == LH_OK);
        LH_CHECK_TEXT(model.name, published[i].name);
        LH_CHECK(strlen(model.source) > 10);
        check_count(&model, &published[i]);
        lh_ctx_end(&ctx);
    }
}

static bool same_shape(const struct lh_model *a, const struct lh_model *b)
{
    return a->layers == b->layers && a->hidden == b->hidden
           && a->heads == b->heads && a->kv_heads == b->kv_heads
           && a->head_dim == b->head_dim && a->ffn == b->ffn
           && a->vocab == b->vocab && a->gated_mlp == b->gated_mlp
           && a->tied_embeddings == b->tied_embeddings
           && a->attention_bias == b->attention_bias
           && a->qkv_bias_only == b->qkv_bias_only && a->mlp_bias == b->mlp_bias
           && a->norm_bias == b->norm_bias && a->qk_norm == b->qk_norm
           && a->positions == b->positions && a->attention == b->attention
           && a->q_lora_rank == b->q_lora_rank
           && a->kv_lora_rank == b->kv_lora_rank
           && a->qk_nope_head_dim == b->qk_nope_head_dim
           && a->qk_rope_head_dim == b->qk_rope_head_dim
           && a->v_head_dim == b->v_head_dim && a->experts == b->experts
           && a->experts_per_token == b->experts_per_token
           && a->shared_experts == b->shared_experts
           && a->expert_ffn == b->expert_ffn
           && a->dense_layers == b->dense_layers
           && a->router_bias == b->router_bias;
}

static void published_configs_read_as_the_table_says(void)
{
    if (access(INPUTS, R_OK) != 0) {
        lh_unit_skip("no ../shared/inputs/hf-config");
        return;
    }
    for (size_t i = 0; i < LH_COUNT(published); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_model model = {0}, row = {0};
        const char *path;
        if (published[i].config != NULL) {
            path = lh_format(ctx.arena, "%s%s", INPUTS, published[i].config);
            LH_REQUIRE(lh_model_read_config(&model, path, here, &ctx) == LH_OK);
            LH_CHECK(lh_diag_total(&ctx) == 0);
            check_count(&model, &published[i]);
            LH_REQUIRE(lh_model_by_name(&row, published[i].name, here, &ctx)
                       == LH_OK);
            LH_CHECK(same_shape(&model, &row));
        }
        lh_ctx_end(&ctx);
    }
}

/* Narayanan et al. 2021, eq. (2): P = 12 l h^2 (1 + 13/(12 h) +
 * (V + s)/(12 l h)), which leaves out the last norm's 2 h. */
static void megatron_rows_follow_their_equation(void)
{
    static const struct {
        const char *name;
        double billions; /* in the name, and in the papers' tables */
    } rows[] = {
        {"megatron-1.7b", 1.7},   {"megatron-7.5b", 7.5},
        {"megatron-39.1b", 39.1}, {"megatron-145.6b", 145.6},
        {"megatron-22b", 22},     {"megatron-175b", 175},
        {"megatron-530b", 530},   {"megatron-1t", 1000},
    };

    for (size_t i = 0; i < LH_COUNT(rows); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_model m = {0};
        double l, h, v;
        LH_REQUIRE(lh_model_by_name(&m, rows[i].name, here, &ctx) == LH_OK);
        l = (double)m.layers;
        h = (double)m.hidden;
        v = (double)m.vocab;
        LH_CHECK_NEAR((double)m.parameters,
                      12 * l * h * h
                              * (1 + 13 / (12 * h) + (v + 2048) / (12 * l * h))
                          + 2 * h,
                      1e-15);
        LH_CHECK_NEAR((double)m.parameters, rows[i].billions * 1e9, 0.04);
        lh_ctx_end(&ctx);
    }
}

static void every_row_of_the_table_reads(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;

    LH_REQUIRE(lh_data_read(&csv, "models", &ctx) == LH_OK);
    LH_CHECK(csv.n_rows >= 20);
    for (int i = 0; i < csv.n_rows; i++) {
        struct lh_model model = {0};
        LH_CHECK(lh_model_by_name(&model, lh_csv_cell(&csv, i, 0), here, &ctx)
                 == LH_OK);
        LH_CHECK(model.active_parameters > 0
                 && model.active_parameters <= model.parameters);
    }
    LH_CHECK(lh_diag_total(&ctx) == 0);
    lh_ctx_end(&ctx);
}

static void unknown_model_is_one_line(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model model;

    LH_CHECK(lh_model_by_name(&model, "llama-3.1-8", here, &ctx)
             == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "unknown model 'llama-3.1-8'; did you mean 'llama-3.1-8b'?");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "s.yaml");
    LH_CHECK(lh_diag_at(&ctx, 0)->where.line == 5);
    LH_CHECK(lh_model_by_name(&model, "bert", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK(strncmp(lh_diag_at(&ctx, 1)->text,
                     "unknown model 'bert'; known are llama-3.1-8b, ", 46)
             == 0);
    lh_ctx_end(&ctx);
}

/* ---- config.json -------------------------------------------------------- */

/* Writes text to a file of its own, reads it as config.json, removes it. */
static enum lh_status read_config(struct lh_model *out, const char *text,
                                  struct lh_ctx *ctx)
{
    char path[] = "/tmp/longhaul-test-XXXXXX";
    int fd = mkstemp(path);
    enum lh_status st;

    LH_REQUIRE(fd >= 0);
    LH_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    st = lh_model_read_config(out, path, here, ctx);
    unlink(path);
    return st;
}

static void aliases_and_defaults_are_read(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model m = {0};

    LH_REQUIRE(read_config(&m,
                           "{\"model_type\": \"gpt2\", \"n_layer\": 48, "
                           "\"n_embd\": 1600, \"n_head\": 25, "
                           "\"n_positions\": 1024, \"n_inner\": null, "
                           "\"vocab_size\": 50257}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.parameters == 1557611200); /* of GPT-2 XL */
    LH_CHECK(m.ffn == 6400 && m.kv_heads == 25 && m.head_dim == 64);
    LH_CHECK(m.tied_embeddings && !m.gated_mlp && m.norm_bias);

    LH_REQUIRE(read_config(&m,
                           "{\"text_config\": {\"model_type\": \"llama\", "
                           "\"num_layers\": 2, \"d_model\": 64, "
                           "\"num_attention_heads\": 4, \"head_dim\": 32, "
                           "\"ffn_dim\": 128, \"vocab_size\": 100}, "
                           "\"hidden_size\": 7, "
                           "\"tie_word_embeddings\": true}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.hidden == 64 && m.head_dim == 32 && m.tied_embeddings);
    /* 100 64 + 2 (4 64 128 + 3 64 128 + 2 64) + 64 */
    LH_CHECK(m.parameters == 121408);

    LH_REQUIRE(read_config(&m,
                           "{\"model_type\": \"qwen3_moe\", "
                           "\"num_hidden_layers\": 4, \"hidden_size\": 64, "
                           "\"num_attention_heads\": 4, \"vocab_size\": 100, "
                           "\"intermediate_size\": 128, \"moe_topk\": 2, "
                           "\"num_experts\": 4, \"mlp_only_layers\": [0, 1]}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.dense_layers == 2 && m.experts_per_token == 2);
    LH_CHECK(m.expert_ffn == 128);
    LH_CHECK(m.parameters - m.active_parameters == 2 * 2 * 3 * 64 * 128);

    LH_REQUIRE(read_config(&m,
                           "{\"model_type\": \"qwen2\", "
                           "\"num_hidden_layers\": 28, \"hidden_size\": 3584,"
                           "\"num_attention_heads\": 28, "
                           "\"num_key_value_heads\": 4, "
                           "\"intermediate_size\": 18944, "
                           "\"sliding_window\": 131072, "
                           "\"use_sliding_window\": false, "
                           "\"vocab_size\": 152064}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.parameters == 7615616512); /* of Qwen2.5-7B */
    LH_CHECK(lh_diag_total(&ctx) == 0);

    LH_REQUIRE(read_config(&m,
                           "{\"num_hidden_layers\": 1, "
                           "\"hidden_size\": 8, \"vocab_size\": 10, "
                           "\"num_attention_heads\": 2}",
                           &ctx)
               == LH_OK);
    LH_CHECK(lh_diag_count(&ctx, LH_NOTE) == 1); /* says what it took */
    lh_ctx_end(&ctx);
}

#define SHAPE                                                                  \
    "\"num_hidden_layers\": 2, "                                               \
    "\"hidden_size\": 64, \"num_attention_heads\": 4, "                        \
    "\"vocab_size\": 100"
#define LLAMA "\"model_type\": \"llama\", " SHAPE
#define MOE                                                                    \
    "\"model_type\": \"qwen3_moe\", \"num_hidden_layers\": 4, "                \
    "\"hidden_size\": 64, \"num_attention_heads\": 4, "                        \
    "\"vocab_size\": 100, \"num_experts\": 4"

static void windows_and_parallel_blocks_are_read(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model m, serial, falcon;

    LH_REQUIRE(read_config(&m, "{" LLAMA ", \"sliding_window\": 4096}", &ctx)
               == LH_OK);
    LH_CHECK(m.attention_window == 4096 && !m.parallel_block);
    LH_REQUIRE(read_config(&m,
                           "{" LLAMA ", \"sliding_window\": 4096, "
                           "\"max_position_embeddings\": 4096}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.attention_window == 0);
    LH_REQUIRE(read_config(&m,
                           "{" LLAMA ", \"sliding_window\": 32, "
                           "\"layer_types\": [\"sliding_attention\", "
                           "\"sliding_attention\"]}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.attention_window == 32);
    LH_REQUIRE(read_config(&m,
                           "{" LLAMA ", \"sliding_window\": 32, "
                           "\"layer_types\": [\"full_attention\", "
                           "\"full_attention\"]}",
                           &ctx)
               == LH_OK);
    LH_CHECK(m.attention_window == 0);
    LH_REQUIRE(
        read_config(&m, "{" SHAPE ", \"model_type\": \"gpt_neox\"}", &ctx)
        == LH_OK);
    LH_CHECK(m.parallel_block && m.parallel_norms);
    LH_REQUIRE(read_config(&serial,
                           "{" SHAPE ", \"model_type\": "
                           "\"gpt_neox\", "
                           "\"use_parallel_residual\": false}",
                           &ctx)
               == LH_OK);
    LH_CHECK(!serial.parallel_block && serial.parameters == m.parameters);
    LH_REQUIRE(read_config(&m, "{" SHAPE ", \"model_type\": \"gptj\"}", &ctx)
               == LH_OK);
    LH_CHECK(m.parallel_block && !m.parallel_norms);
    /* Falcon-7B and -40B, counted by huggingface/transformers */
    LH_REQUIRE(read_config(&falcon, "{\"model_type\": \"falcon\", "
                                    "\"num_hidden_layers\": 32, "
                                    "\"hidden_size\": 4544, "
                                    "\"num_attention_heads\": 71, "
                                    "\"vocab_size\": 65024, \"alibi\": false, "
                                    "\"multi_query\": true}", &ctx) == LH_OK);
    LH_CHECK(falcon.parameters == 6921720704 && falcon.kv_heads == 1);
    LH_CHECK(falcon.parallel_block && !falcon.parallel_norms);
    LH_REQUIRE(read_config(&falcon, "{\"model_type\": \"falcon\", "
                                    "\"num_hidden_layers\": 60, "
                                    "\"hidden_size\": 8192, "
                                    "\"num_attention_heads\": 128, "
                                    "\"num_kv_heads\": 8, "
                                    "\"vocab_size\": 65024, "
                                    "\"new_decoder_architecture\": true}",
                           &ctx) == LH_OK);
    LH_CHECK(falcon.parameters == 41303293952 && falcon.parallel_norms);
    /* one norm of 2 x 64 a layer less, and no biases of attention */
    LH_CHECK(serial.parameters - m.parameters == 2 * (2 * 64 + 4 * 64));
    lh_ctx_end(&ctx);
}

static const struct {
    const char *text;
    int n; /* errors */
    int line, col;
    const char *message; /* the first */
} faults[] = {
    {"{" LLAMA ",\n \"hidden_size\": 64}", 1, 2, 14,
     "not a config.json: duplicate object key near '\"hidden_size\"'"},
    {"# yaml: 1\n", 1, 1, 1, "not a config.json: invalid token near '#'"},
    {"", 1, 1, 0, "not a config.json: unexpected token near end of file"},
    {"[1]", 1, 0, 0, "a config.json holds an object, this is a list"},
    {"{\"model_type\": \"llama\"}", 4, 0, 0,
     "the key 'num_hidden_layers' (or 'n_layer', 'num_layers') is missing"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2,\n"
     " \"hidden_size\": \"64\", \"num_attention_heads\": true,\n"
     " \"vocab_size\": 0}",
     3, 2, 2, "'hidden_size' must be a whole number, it is text"},
    {"{" LLAMA ", \"n_layer\": 3}", 1, 1, 113,
     "'n_layer' is 3 but 'num_hidden_layers' is 2"},
    {"{" LLAMA ", \"num_key_value_heads\": 3}", 1, 0, 0, NULL},
    {"{" LLAMA ", \"attention_bias\": 1}", 1, 1, 113,
     "'attention_bias' must be true or false, it is a whole number"},
    {"{\"model_type\": \"mamba\", \"hidden_size\": 64}", 1, 1, 2,
     "model_type 'mamba' is not supported by this version: its attention "
     "may be of another kind; supported are llama, mistral, mixtral, qwen2, "
     "qwen3, qwen3_moe, deepseek_v2, deepseek_v3, kimi_k2, gpt_neox, gptj, "
     "falcon, gpt2"},
    {"{\"architectures\": [\"FalconForCausalLM\"]}", 1, 0, 0,
     "the key 'model_type' is missing"},
    {"{" LLAMA ", \"sliding_window\": \"far\"}", 1, 1, 113,
     "'sliding_window' must be a whole number, it is text"},
    {"{" LLAMA ", \"sliding_window\": 64, \"use_sliding_window\": true, "
     "\"max_window_layers\": 1}",
     1, 1, 163,
     "attention in a sliding window in some layers of 2 "
     "('max_window_layers') is not supported by this version"},
    {"{" LLAMA ", \"layer_types\": [\"sliding_attention\", "
     "\"full_attention\"]}",
     1, 1, 113,
     "layers of type 'sliding_attention' (layer_types[0]) are not supported "
     "by this version: only 'full_attention' is"},
    {"{" LLAMA ", \"layer_types\": [\"full_attention\", "
     "\"linear_attention\"]}",
     1, 1, 113,
     "layers of type 'linear_attention' (layer_types[1]) are not supported "
     "by this version: only 'full_attention' is"},
    {"{" LLAMA ", \"linear_num_value_heads\": 32}", 1, 1, 113,
     "the key 'linear_num_value_heads' tells of another kind of attention, "
     "which is not supported by this version"},
    {"{" LLAMA ", \"ssm_state_size\": 16}", 1, 1, 113,
     "the key 'ssm_state_size' tells of another kind of attention, which is "
     "not supported by this version"},
    {"{" MOE "}", 1, 0, 0,
     "the key 'num_experts_per_tok' (or 'moe_topk') is missing"},
    {"{" MOE ", \"moe_topk\": 2, \"mlp_only_layers\": [2]}", 1, 0, 0,
     "layer 2 is dense behind a sparse one: only dense layers at the "
     "beginning are supported by this version"},
    {"{" MOE ", \"moe_topk\": 5}", 1, 0, 0, NULL},
    {"{" LLAMA ", \"text_config\": 3}", 1, 1, 113,
     "'text_config' must be an object, it is a whole number"},
    {"{" LLAMA ", \"kv_lora_rank\": 8}", 3, 0, 0,
     "the key 'qk_nope_head_dim' is missing"},
};

static void faults_of_a_config_are_said(void)
{
    for (size_t i = 0; i < LH_COUNT(faults); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_model model = {.layers = 42};
        const struct lh_message *first;
        LH_CHECK(read_config(&model, faults[i].text, &ctx) == LH_BAD_INPUT);
        LH_CHECK(lh_diag_count(&ctx, LH_ERROR) == faults[i].n);
        LH_CHECK(model.layers == 42);
        LH_REQUIRE(lh_diag_total(&ctx) > 0);
        first = lh_diag_at(&ctx, 0);
        if (faults[i].message != NULL) {
            LH_CHECK_TEXT(first->text, faults[i].message);
        }
        LH_CHECK(first->where.line == faults[i].line);
        LH_CHECK(first->where.col == faults[i].col);
        lh_ctx_end(&ctx);
    }
}

static void what_is_no_config_is_one_line(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model model;

    LH_CHECK(lh_model_read_config(&model, "/nonexistent/c.json", here, &ctx)
             == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "the model's config '/nonexistent/c.json' cannot be read: "
                  "No such file or directory");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "s.yaml");
    lh_ctx_end(&ctx);
}

static void megatron_style_file_is_refused(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model model;

    if (access(INPUTS, R_OK) != 0) {
        lh_unit_skip("no ../shared/inputs/hf-config");
    } else {
        LH_CHECK(lh_model_read_config(&model,
                                      INPUTS "gpt-neox-20B.megatron-style.yml",
                                      here, &ctx)
                 == LH_BAD_INPUT);
        LH_REQUIRE(lh_diag_total(&ctx) == 1);
        LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                      "not a config.json: invalid token near '#'");
    }
    lh_ctx_end(&ctx);
}

/* ---- the other tables --------------------------------------------------- */

/* A folder with one table, for --data. */
struct folder {
    char path[40];
    char file[80];
};

static struct folder folder_with(const char *name, const char *text)
{
    struct folder folder = {.path = "/tmp/longhaul-data-XXXXXX"};
    FILE *file;

    LH_REQUIRE(mkdtemp(folder.path) != NULL);
    snprintf(folder.file, sizeof folder.file, "%s/%s", folder.path, name);
    file = fopen(folder.file, "w");
    LH_REQUIRE(file != NULL);
    fputs(text, file);
    fclose(file);
    return folder;
}

static void folder_remove(const struct folder *folder)
{
    unlink(folder->file);
    rmdir(folder->path);
}

static void fabric_rows_are_read_in_si(void)
{
    struct folder folder = folder_with(
        "fabrics.csv",
        "name,kind,scale_up_gpus,scale_up_bandwidth,scale_up_latency,"
        "scale_up_frac,nic_bandwidth,nic_latency,nic_frac,switch_latency,"
        "spread_frac,group,oversubscription,source\n"
        "mine,fat-tree,8,450 GB/s,1 us,0.8,400 Gbit/s,2 us,0.9,500 ns,1,"
        "8 16  32,1 1.5,test\n"
        "flat,switch,,,,,100 Gbit/s,1 us,,,,,,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_fabric f = {0};

    ctx.data_dir = folder.path;
    LH_REQUIRE(lh_fabric_by_name(&f, "mine", here, &ctx) == LH_OK);
    LH_CHECK(f.kind == LH_FABRIC_FAT_TREE && f.scale_up_gpus == 8);
    LH_CHECK_NEAR(f.scale_up_bytes_per_s, 450e9, 0);
    LH_CHECK_NEAR(f.nic_bytes_per_s, 50e9, 0);
    LH_CHECK_NEAR(f.switch_latency_s, 5e-7, 0);
    LH_CHECK(f.n_levels == 3 && f.group[2] == 32);
    LH_CHECK(f.n_oversubscription == 2 && f.oversubscription[1] == 1.5);
    LH_REQUIRE(lh_fabric_by_name(&f, "flat", here, &ctx) == LH_OK);
    LH_CHECK(f.kind == LH_FABRIC_SWITCH && f.scale_up_gpus == 1);
    LH_CHECK(f.n_levels == 0 && f.n_oversubscription == 1);
    LH_CHECK(f.oversubscription[0] == 1 && f.nic_frac == 1);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    LH_CHECK(lh_fabric_by_name(&f, "minee", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "unknown fabric 'minee'; did you mean 'mine'?");
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

static void stack_rows_are_read_in_si(void)
{
    struct folder folder = folder_with(
        "stacks.csv",
        "name,dispatch,fused_attention,collective_base,reserved,source\n"
        "mine,8 us,yes,14 us,1.5 GiB,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_stack s = {0};

    ctx.data_dir = folder.path;
    LH_REQUIRE(lh_stack_by_name(&s, "mine", here, &ctx) == LH_OK);
    LH_CHECK_NEAR(s.dispatch_s, 8e-6, 0);
    LH_CHECK(s.fused_attention);
    LH_CHECK_NEAR(s.reserved_bytes, 1610612736, 0);
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

static void stack_rows_have_their_usual_cells(void)
{
    struct folder folder = folder_with(
        "stacks.csv",
        "name,dispatch,fused_attention,flash_version,elementwise,norm,"
        "early_stop,compiled,joined,loss,logit,tensor_copy,gather_copy,"
        "reduce_copy,collective_base,reserved,source\n"
        "usual,8 us,yes,,,,,,,,,,,,14 us,1 GB,test\n"
        "mine,8 us,yes,2,1.25,7,yes,yes,no,20 B,12 B,4 B,3 B,6 B,14 us,1 GB,"
        "test\n"
        "half,8 us,yes,2,1.25,,yes,,,20 B,,,,,14 us,1 GB,test\n"
        "none,8 us,yes,2,0,,yes,,,20 B,,,,,14 us,1 GB,test\n"
        "less,8 us,yes,2,1,,yes,,,13 B,,,,,14 us,1 GB,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_stack s = {0};

    ctx.data_dir = folder.path;
    LH_REQUIRE(lh_stack_by_name(&s, "usual", here, &ctx) == LH_OK);
    LH_CHECK(s.flash_version == 0 && s.elementwise == 1 && !s.early_stop);
    LH_CHECK(s.loss_bytes == 52 && s.loss_backward_bytes == 14);
    LH_CHECK(s.grouped_gemm && s.logit_bytes == 4 && s.norm == 1);
    LH_CHECK(!s.compiled && s.joined && s.tensor_copy_bytes == 0);
    LH_CHECK(s.gather_copy_bytes == 0 && s.reduce_copy_bytes == 0);
    LH_REQUIRE(lh_stack_by_name(&s, "half", here, &ctx) == LH_OK);
    LH_CHECK(s.norm == 1.25); /* as elementwise */
    LH_REQUIRE(lh_stack_by_name(&s, "mine", here, &ctx) == LH_OK);
    LH_CHECK(s.flash_version == 2 && s.elementwise == 1.25 && s.early_stop);
    LH_CHECK(s.norm == 7 && s.compiled && !s.joined && s.logit_bytes == 12);
    LH_CHECK(s.tensor_copy_bytes == 4 && s.gather_copy_bytes == 3
             && s.reduce_copy_bytes == 6);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    LH_CHECK(lh_stack_by_name(&s, "none", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "'none': elementwise must be above 0");
    LH_CHECK(lh_stack_by_name(&s, "less", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(
        lh_diag_at(&ctx, 1)->text,
        "'less': loss must be at least loss_backward, 14 B, those of its "
        "gradient");
    LH_CHECK(s.loss_bytes == 20);
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

static void faults_of_a_table_have_their_line(void)
{
    struct folder folder = folder_with(
        "stacks.csv",
        "name,dispatch,fused_attention,collective_base,reserved,source\n"
        "mine,8,maybe,-14 us,,test\n"
        "mine,8 us,yes,14 us,1 GB,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_stack s = {.dispatch_s = 42};
    static const struct {
        int line;
        const char *text;
    } expected[] = {
        {3, "a second row is named 'mine', the first is in line 2"},
        {2, "dispatch: '8' has no unit; a time needs s, ms, us, ns, min, h "
            "or d, e.g. '30 s'"},
        {2, "fused_attention: 'maybe' is neither yes nor no"},
        {2, "collective_base: '-14 us' is below 0"},
        {2, "reserved: the cell is empty"},
    };

    ctx.data_dir = folder.path;
    LH_CHECK(lh_stack_by_name(&s, "mine", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK(s.dispatch_s == 42);
    LH_REQUIRE(lh_diag_total(&ctx) == (int)LH_COUNT(expected));
    for (int i = 0; i < (int)LH_COUNT(expected); i++) {
        LH_CHECK_TEXT(lh_diag_at(&ctx, i)->text, expected[i].text);
        LH_CHECK_TEXT(lh_diag_at(&ctx, i)->where.file, folder.file);
        LH_CHECK(lh_diag_at(&ctx, i)->where.line == expected[i].line);
    }
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

/* What is in the folder is joined to the built-in rows: a name of theirs is
 * replaced whole, in its place, a new one follows at the end. */
static void rows_of_a_folder_are_joined_to_the_built_in_ones(void)
{
    struct folder folder = folder_with(
        "stacks.csv",
        "source,name,dispatch,fused_attention,collective_base,reserved\n");
    struct folder joined = folder_with(
        "stacks.csv",
        "name,dispatch,fused_attention,collective_base,reserved,source\n"
        "mine,8 us,yes,14 us,1.5 GiB,test\n"
        "pytorch-eager,9 us,no,14 us,1 GB,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv built_in, csv;
    struct lh_stack s = {0};
    int row;

    LH_REQUIRE(lh_data_read(&built_in, "stacks", &ctx) == LH_OK);
    row = lh_csv_find(&built_in, "pytorch-eager");
    LH_REQUIRE(row >= 0 && built_in.n_rows > 1 && built_in.own == NULL);
    LH_REQUIRE(lh_stack_by_name(&s, "pytorch-eager", here, &ctx) == LH_OK);
    LH_CHECK(s.dispatch_s != 9e-6 && s.flash_version == 2);
    ctx.data_dir = joined.path;
    LH_REQUIRE(lh_data_read(&csv, "stacks", &ctx) == LH_OK);
    LH_CHECK(csv.n_rows == built_in.n_rows + 1 && csv.own->n_rows == 2);
    LH_CHECK(lh_csv_find(&csv, "pytorch-eager") == row && csv.lines[row] == 3);
    LH_CHECK_TEXT(csv.files[row], joined.file);
    LH_CHECK(lh_csv_find(&csv, "mine") == built_in.n_rows);
    LH_CHECK_TEXT(csv.files[row == 0], "data/stacks.csv");
    LH_REQUIRE(lh_stack_by_name(&s, "pytorch-eager", here, &ctx) == LH_OK);
    LH_CHECK(s.dispatch_s == 9e-6 && !s.fused_attention);
    LH_CHECK(s.flash_version == 0); /* not the built-in row's cell */
    LH_REQUIRE(lh_stack_by_name(&s, lh_csv_cell(&built_in, row == 0, 0), here,
                                &ctx) == LH_OK);
    ctx.data_dir = folder.path; /* its header is checked, rows or none */
    LH_CHECK(lh_stack_by_name(&s, "pytorch-eager", here, &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, "the first column must be 'name'");
    lh_ctx_end(&ctx);
    folder_remove(&folder);
    folder_remove(&joined);
}

static void columns_are_checked(void)
{
    struct folder folder = folder_with(
        "stacks.csv",
        "name,dispach,fused_attention,collective_base,reserved,source\n"
        "mine,8 us,yes,14 us,1 GB,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_stack s;

    ctx.data_dir = folder.path;
    LH_CHECK(lh_stack_by_name(&s, "mine", here, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 2);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "the column 'dispatch' is missing");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 1)->text,
                  "unknown column 'dispach'; did you mean 'dispatch'?");
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

static void user_model_with_bad_numbers_is_refused(void)
{
    struct folder folder = folder_with(
        "models.csv", "name,layers,hidden,heads,kv_heads,vocab,ffn,source\n"
                      "good,2,64,4,2,100,128,test\n"
                      "bad,2,64,4,3,100,0,test\n");
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_model m = {0};

    ctx.data_dir = folder.path;
    LH_CHECK(lh_model_by_name(&m, "good", here, &ctx) == LH_OK);
    LH_CHECK(m.head_dim == 16 && !m.gated_mlp);
    LH_CHECK(lh_model_by_name(&m, "bad", here, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 2);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "model 'bad': the MLP's inner width must be at least 1");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 1)->text,
                  "model 'bad': 4 heads do not divide among 3 kv heads");
    LH_CHECK(lh_diag_at(&ctx, 1)->where.line == 3);
    lh_ctx_end(&ctx);
    folder_remove(&folder);
}

/* Every row that is shipped passes its own check. */
static void shipped_tables_read(void)
{
    static const char *const tables[] = {"accelerators", "fabrics", "stacks"};

    for (int t = 0; t < 3; t++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_csv csv;
        LH_REQUIRE(lh_data_read(&csv, tables[t], &ctx) == LH_OK);
        LH_CHECK(csv.n_rows > 0);
        for (int i = 0; i < csv.n_rows; i++) {
            const char *name = lh_csv_cell(&csv, i, 0);
            struct lh_device device;
            struct lh_fabric fabric;
            struct lh_stack stack;
            LH_CHECK((t == 0   ? lh_device_by_name(&device, name, here, &ctx)
                      : t == 1 ? lh_fabric_by_name(&fabric, name, here, &ctx)
                               : lh_stack_by_name(&stack, name, here, &ctx))
                     == LH_OK);
        }
        if (lh_diag_total(&ctx) > 0) {
            LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, "");
        }
        lh_ctx_end(&ctx);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"named models have published counts",
         named_models_have_published_counts},
        {"published configs read as the table says",
         published_configs_read_as_the_table_says},
        {"Megatron rows follow their equation",
         megatron_rows_follow_their_equation},
        {"every row of the table reads", every_row_of_the_table_reads},
        {"unknown model is one line", unknown_model_is_one_line},
        {"aliases and defaults are read", aliases_and_defaults_are_read},
        {"windows and parallel blocks are read",
         windows_and_parallel_blocks_are_read},
        {"faults of a config are said", faults_of_a_config_are_said},
        {"what is no config is one line", what_is_no_config_is_one_line},
        {"Megatron-style file is refused", megatron_style_file_is_refused},
        {"fabric rows are read in SI", fabric_rows_are_read_in_si},
        {"stack rows are read in SI", stack_rows_are_read_in_si},
        {"stack rows have their usual cells",
         stack_rows_have_their_usual_cells},
        {"faults of a table have their line",
         faults_of_a_table_have_their_line},
        {"columns are checked", columns_are_checked},
        {"rows of a folder are joined to the built-in ones",
         rows_of_a_folder_are_joined_to_the_built_in_ones},
        {"user model with bad numbers is refused",
         user_model_with_bad_numbers_is_refused},
        {"shipped tables read", shipped_tables_read},
    };

    return lh_unit_run("model", tests, LH_COUNT(tests));
}
