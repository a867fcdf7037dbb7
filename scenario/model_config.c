/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A model's shape from a HuggingFace config.json (jansson).  Stage: scenario,
 * for `model: {config: FILE}`.
 *
 * Numbers come from the keys below, each under the names that publishers use
 * for it.  What the file does not state, a family (model_type) implies: gated
 * MLP, biases, kind of norm, QK norm, learned positions, as in the families'
 * code in huggingface/transformers.  An unknown family, a window of some layers,
 * linear or state-space layers, dense layers between sparse ones are refused: their
 * attention or their order is not what the rest of the program computes.
 * A nested text_config is read, a vision tower beside it is not.
 * jansson has no positions of values; a key that occurs once in the text is
 * looked up there.
 */
#include <longhaul/scenario.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

#define N(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* The file at hand. */
struct config {
    struct lh_ctx *ctx;
    const char *path;
    const char *text;
    json_t *root;
    json_t *keys; /* root, or the text_config in it */
};

/* ---- families ----------------------------------------------------------- */

struct family {
    const char *model_type;
    bool plain_mlp;
    bool norm_bias;
    bool attention_bias; /* where the key attention_bias is absent */
    bool qkv_bias;       /* always, and none on O                  */
    bool mlp_bias;
    bool qk_norm;
    bool tied;           /* where tie_word_embeddings is absent    */
    bool router_bias;    /* where topk_method is absent            */
    bool learned_positions;
    bool parallel;       /* where use_parallel_residual is absent  */
    bool parallel_norms;
    bool is_falcon;      /* whose flags have names of their own    */
};

static const struct family families[] = {
    {.model_type = "llama"},
    {.model_type = "mistral"},
    {.model_type = "mixtral"},
    {.model_type = "qwen2", .qkv_bias = true},
    {.model_type = "qwen3", .qk_norm = true},
    {.model_type = "qwen3_moe", .qk_norm = true},
    {.model_type = "deepseek_v2"},
    {.model_type = "deepseek_v3", .router_bias = true},
    {.model_type = "kimi_k2", .router_bias = true},
    {.model_type = "gpt_neox", .plain_mlp = true, .norm_bias = true,
     .attention_bias = true, .mlp_bias = true, .parallel = true,
     .parallel_norms = true},
    {.model_type = "gptj", .plain_mlp = true, .norm_bias = true,
     .mlp_bias = true, .parallel = true},
    {.model_type = "falcon", .plain_mlp = true, .norm_bias = true,
     .tied = true, .is_falcon = true},
    {.model_type = "gpt2", .plain_mlp = true, .norm_bias = true,
     .attention_bias = true, .mlp_bias = true, .tied = true,
     .learned_positions = true},
};

/* ---- keys --------------------------------------------------------------- */

struct count_key {
    const char *names[4]; /* NULL-terminated unless all are used */
    size_t offset;
    bool needed;
    int64_t low;
    int64_t high; /* 0: count_limit */
};

#define AT(field) offsetof(struct lh_model, field)
static const struct count_key count_keys[] = {
    {{"num_hidden_layers", "n_layer", "num_layers"}, AT(layers), true, 1,
     LH__LAYERS_LIMIT},
    {{"hidden_size", "n_embd", "d_model"}, AT(hidden), true, 1, 0},
    {{"num_attention_heads", "n_head"}, AT(heads), true, 1, 0},
    {{"num_key_value_heads", "num_kv_heads"}, AT(kv_heads), false, 1, 0},
    {{"head_dim"}, AT(head_dim), false, 1, 0},
    {{"intermediate_size", "ffn_dim", "n_inner"}, AT(ffn), false, 1, 0},
    {{"vocab_size"}, AT(vocab), true, 1, 0},
    {{"n_routed_experts", "num_routed_experts", "num_local_experts",
      "num_experts"}, AT(experts), false, 0, 0},
    {{"num_experts_per_tok", "moe_topk"}, AT(experts_per_token), false, 0, 0},
    {{"moe_intermediate_size"}, AT(expert_ffn), false, 1, 0},
    {{"n_shared_experts", "num_shared_experts"}, AT(shared_experts), false,
     0, 0},
    {{"first_k_dense_replace"}, AT(dense_layers), false, 0, 0},
    {{"q_lora_rank"}, AT(q_lora_rank), false, 1, 0},
    {{"kv_lora_rank"}, AT(kv_lora_rank), false, 1, 0},
    {{"qk_nope_head_dim"}, AT(qk_nope_head_dim), false, 1, 0},
    {{"qk_rope_head_dim"}, AT(qk_rope_head_dim), false, 1, 0},
    {{"v_head_dim"}, AT(v_head_dim), false, 1, 0},
    {{"n_positions", "max_position_embeddings", "n_ctx"}, AT(positions),
     false, 1, 0},
};

static const int64_t count_limit = 100000000;

/* Where "key" stands in the text, if it stands there once; else the file. */
static struct lh_where find_key(const struct config *c, const char *key)
{
    const char *quoted = lh_format(c->ctx->arena, "\"%s\"", key);
    struct lh_where where = {c->path, 0, 0};
    const char *found = NULL;

    for (const char *at = strstr(c->text, quoted); at != NULL;
         at = strstr(at + 1, quoted)) {
        const char *after = at + strlen(quoted);
        after += strspn(after, " \t\r\n");
        if (*after == ':' && found != NULL) {
            return where;
        }
        if (*after == ':') {
            found = at;
        }
    }
    if (found != NULL) {
        const char *line = c->text;
        where.line = 1;
        for (const char *at = c->text; at < found; at++) {
            if (*at == '\n') {
                where.line++;
                line = at + 1;
            }
        }
        where.col = (int)(found - line) + 1;
    }
    return where;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "text";
    case JSON_INTEGER: return "a whole number";
    case JSON_REAL: return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "unknown";
}

/* The key's value; NULL if it is absent or null. */
static json_t *value_of(const struct config *c, const char *name)
{
    json_t *value = json_object_get(c->keys, name);

    return json_is_null(value) ? NULL : value;
}

static void wrong_type(const struct config *c, const char *name,
                       const char *expected, const json_t *value)
{
    lh_error(c->ctx, find_key(c, name), "'%s' must be %s, it is %s", name,
             expected, type_name(value));
}

/* A whole number in the key's range; false after an error. */
static bool check_count(int64_t *out, const struct config *c,
                        const char *name, const json_t *value,
                        const struct count_key *key)
{
    int64_t high = key->high > 0 ? key->high : count_limit;

    if (!json_is_integer(value)) {
        wrong_type(c, name, "a whole number", value);
        return false;
    }
    if (json_integer_value(value) < key->low ||
        json_integer_value(value) > high) {
        lh_error(c->ctx, find_key(c, name),
                 "'%s' is %lld, it must be in %lld to %lld", name,
                 (long long)json_integer_value(value), (long long)key->low,
                 (long long)high);
        return false;
    }
    *out = json_integer_value(value);
    return true;
}

static void report_missing(const struct config *c,
                           const struct count_key *key)
{
    struct lh_text also = lh_text_new(c->ctx->arena);

    for (int i = 1; i < N(key->names) && key->names[i] != NULL; i++) {
        lh_text_printf(&also, "%s'%s'", i == 1 ? " (or " : ", ",
                       key->names[i]);
    }
    if (also.n > 0) {
        lh_text_add(&also, ")");
    }
    lh_error(c->ctx, (struct lh_where){c->path, 0, 0},
             "the key '%s'%s is missing", key->names[0], also.s);
}

/* Reads one number under any of its names; they may not contradict. */
static void read_count(struct lh_model *out, const struct config *c,
                       const struct count_key *key)
{
    int64_t *field = (int64_t *)(void *)((char *)out + key->offset);
    const char *first = NULL;
    bool many = key->offset == AT(positions); /* differ where rotary */

    for (int i = 0; i < N(key->names) && key->names[i] != NULL; i++) {
        const char *name = key->names[i];
        json_t *value = value_of(c, name);
        int64_t count;
        if (value == NULL || !check_count(&count, c, name, value, key)) {
            first = first == NULL && value != NULL ? name : first;
            continue;
        }
        if (first != NULL && *field != count && *field != 0 && !many) {
            lh_error(c->ctx, find_key(c, name),
                     "'%s' is %lld but '%s' is %lld", name, (long long)count,
                     first, (long long)*field);
        }
        if (first == NULL) {
            first = name;
            *field = count;
        }
    }
    if (first == NULL && key->needed) {
        report_missing(c, key);
    }
}

static bool read_flag(const struct config *c, const char *name, bool fallback)
{
    json_t *value = value_of(c, name);

    if (value == NULL) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        wrong_type(c, name, "true or false", value);
        return fallback;
    }
    return json_is_true(value);
}

static const char *read_word(const struct config *c, const char *name)
{
    json_t *value = value_of(c, name);

    if (value != NULL && !json_is_string(value)) {
        wrong_type(c, name, "text", value);
        return NULL;
    }
    return json_string_value(value); /* of NULL: NULL */
}

/* ---- family and attention ----------------------------------------------- */

static const char *list_families(struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    for (int i = 0; i < N(families); i++) {
        lh_text_printf(&text, "%s%s", i > 0 ? ", " : "",
                       families[i].model_type);
    }
    return text.s;
}

/* A file without model_type is Llama's kind if nothing speaks against it. */
static const struct family *family_of_untyped(const struct config *c)
{
    json_t *name = json_array_get(value_of(c, "architectures"), 0);
    const char *architecture = json_string_value(name);
    struct lh_where where = {c->path, 0, 0};

    if (architecture != NULL &&
        strcmp(architecture, "LlamaForCausalLM") != 0) {
        lh_error(c->ctx, where, "the key 'model_type' is missing");
        return NULL;
    }
    lh_note(c->ctx, where, "no 'model_type': read as Llama's kind (RMSNorm, "
                           "gated MLP, rotary positions, no biases)");
    return &families[0];
}

static const struct family *find_family(const struct config *c)
{
    json_t *value = value_of(c, "model_type");
    const char *name = read_word(c, "model_type");

    if (value == NULL) {
        return family_of_untyped(c);
    }
    if (name == NULL) {
        return NULL; /* not text, which has been said */
    }
    for (int i = 0; i < N(families); i++) {
        if (strcmp(name, families[i].model_type) == 0) {
            return &families[i];
        }
    }
    lh_error(c->ctx, find_key(c, "model_type"),
             "model_type '%s' is not supported by this version: its "
             "attention may be of another kind; supported are %s",
             name, list_families(c->ctx->arena));
    return NULL;
}

/* Every layer of the list looks through a window. */
static bool all_slide(json_t *types)
{
    json_t *type;
    size_t i;

    json_array_foreach(types, i, type) {
        const char *name = json_string_value(type);
        if (name == NULL || strcmp(name, "sliding_attention") != 0) {
            return false;
        }
    }
    return json_array_size(types) > 0;
}

static void check_layer_types(const struct config *c)
{
    json_t *types = value_of(c, "layer_types");
    json_t *type;
    size_t i;

    if (types != NULL && !json_is_array(types)) {
        wrong_type(c, "layer_types", "a list", types);
        return;
    }
    json_array_foreach(types, i, type) {
        const char *name = json_string_value(type);
        if (all_slide(types)) {
            return;
        }
        if (name == NULL || strcmp(name, "full_attention") != 0) {
            lh_error(c->ctx, find_key(c, "layer_types"),
                     "layers of type '%s' (layer_types[%zu]) are not "
                     "supported by this version: only 'full_attention' is",
                     name != NULL ? name : type_name(type), i);
            return;
        }
    }
}

/* Qwen's switch is for the layers from max_window_layers on. */
static bool all_look_through_it(const struct config *c, int64_t layers)
{
    static const struct count_key key = {.low = 0};
    json_t *value = value_of(c, "max_window_layers");
    int64_t first = 0;

    if (json_is_array(value_of(c, "layer_types"))) {
        return all_slide(value_of(c, "layer_types"));
    }
    if (value != NULL && read_flag(c, "use_sliding_window", false) &&
        !check_count(&first, c, "max_window_layers", value, &key)) {
        return false;
    }
    if (first > 0 && first < layers) {
        lh_error(c->ctx, find_key(c, "max_window_layers"),
                 "attention in a sliding window in some layers of %lld "
                 "('max_window_layers') is not supported by this version",
                 (long long)layers);
    }
    return first == 0;
}

/* The window of all layers; 0: there is none. */
static int64_t read_window(const struct config *c, int64_t layers)
{
    static const struct count_key key = {.low = 1};
    json_t *window = value_of(c, "sliding_window");
    json_t *reach = value_of(c, "max_position_embeddings");
    const char *type = json_string_value(value_of(c, "model_type"));
    bool by_switch = type != NULL && strncmp(type, "qwen", 4) == 0;
    int64_t tokens;

    if (window == NULL || json_is_false(window) ||
        !read_flag(c, "use_sliding_window", !by_switch) ||
        !check_count(&tokens, c, "sliding_window", window, &key) ||
        !all_look_through_it(c, layers)) {
        return 0;
    }
    if (json_is_integer(reach) && tokens >= json_integer_value(reach)) {
        return 0; /* wider than any sequence */
    }
    return tokens;
}

/* Keys that only models with another kind of attention have. */
static bool tells_other_attention(const char *key)
{
    static const char *const prefixes[] = {"linear_", "ssm_", "mamba_",
                                           "rwkv_", "index_", "conv_"};
    static const char *const names[] = {
        "attention_chunk_size", "attention_types", "attn_layer_period",
        "attn_type_list", "block_types", "full_attention_interval",
        "global_attn_every_n_layers", "hybrid_override_pattern",
        "layers_block_type", "sliding_window_pattern", "state_size",
        "alibi", "is_encoder_decoder"};

    for (int i = 0; i < N(prefixes); i++) {
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    for (int i = 0; i < N(names); i++) {
        if (strcmp(key, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_attention(const struct config *c)
{
    const char *key;
    json_t *value;

    json_object_foreach(c->keys, key, value) {
        if (tells_other_attention(key) && !json_is_null(value) &&
            !json_is_false(value)) {
            lh_error(c->ctx, find_key(c, key),
                     "the key '%s' tells of another kind of attention, "
                     "which is not supported by this version", key);
        }
    }
    check_layer_types(c);
}

/* ---- sparse layers ------------------------------------------------------ */

static bool list_has(json_t *list, int64_t number)
{
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value) {
        if (json_is_integer(value) && json_integer_value(value) == number) {
            return true;
        }
    }
    return false;
}

/* A period of layers, 1 or more; 1 after an error. */
static int64_t read_period(const struct config *c, const char *name)
{
    static const struct count_key key = {.low = 1};
    json_t *value = value_of(c, name);
    int64_t period = 1;

    if (value == NULL || !check_count(&period, c, name, value, &key)) {
        return 1;
    }
    return period;
}

/* moe_layer_freq is a period, or a 1 or 0 for each layer. */
static bool listed_dense(json_t *list, int64_t layer)
{
    json_t *value = json_array_get(list, (size_t)layer);

    return value != NULL && json_is_integer(value) &&
           json_integer_value(value) == 0;
}

/* Counts the layers that keep a dense MLP; they must be the first ones. */
static void count_dense_layers(struct lh_model *m, const struct config *c)
{
    int64_t first = m->dense_layers;
    int64_t step = read_period(c, "decoder_sparse_step");
    json_t *only = value_of(c, "mlp_only_layers");
    json_t *listed = value_of(c, "moe_layer_freq");
    int64_t period = 1;
    bool sparse_seen = false;

    if (!json_is_array(listed)) {
        period = read_period(c, "moe_layer_freq");
    }
    if (only != NULL && !json_is_array(only)) {
        wrong_type(c, "mlp_only_layers", "a list", only);
        return;
    }
    m->dense_layers = 0;
    for (int64_t i = 0; i < m->layers; i++) {
        bool dense = i < first || (i + 1) % step != 0 || i % period != 0 ||
                     list_has(only, i) || listed_dense(listed, i);
        if (dense && sparse_seen) {
            lh_error(c->ctx, (struct lh_where){c->path, 0, 0},
                     "layer %lld is dense behind a sparse one: only dense "
                     "layers at the beginning are supported by this version",
                     (long long)i);
            return;
        }
        sparse_seen = sparse_seen || !dense;
        m->dense_layers += dense;
    }
}

static void read_experts(struct lh_model *m, const struct config *c,
                         const struct family *family)
{
    const char *method = read_word(c, "topk_method");

    if (m->experts == 0) {
        m->experts_per_token = 0;
        m->shared_experts = 0;
        m->expert_ffn = 0;
        m->dense_layers = 0;
        return;
    }
    if (m->expert_ffn == 0) {
        m->expert_ffn = m->ffn;
    }
    if (m->experts_per_token == 0) {
        lh_error(c->ctx, (struct lh_where){c->path, 0, 0},
                 "the key 'num_experts_per_tok' (or 'moe_topk') is missing");
    }
    m->router_bias = method != NULL ? strcmp(method, "noaux_tc") == 0
                                    : family->router_bias;
    count_dense_layers(m, c);
}

/* ---- the whole shape ---------------------------------------------------- */

/* Beside kv_lora_rank, which tells of MLA, its three head dims are needed. */
static void read_mla(struct lh_model *m, const struct config *c)
{
    for (int i = 0; i < N(count_keys); i++) {
        size_t at = count_keys[i].offset;
        if ((at == AT(qk_nope_head_dim) && m->qk_nope_head_dim == 0) ||
            (at == AT(qk_rope_head_dim) && m->qk_rope_head_dim == 0) ||
            (at == AT(v_head_dim) && m->v_head_dim == 0)) {
            report_missing(c, &count_keys[i]);
        }
    }
    m->attention = LH_ATTENTION_MLA;
    m->head_dim = m->qk_nope_head_dim + m->qk_rope_head_dim;
}

static void read_heads(struct lh_model *m, const struct config *c)
{
    if (m->kv_heads == 0) {
        m->kv_heads = m->heads;
    }
    if (m->kv_lora_rank > 0) {
        read_mla(m, c);
        return;
    }
    m->q_lora_rank = 0;
    m->qk_nope_head_dim = m->qk_rope_head_dim = m->v_head_dim = 0;
    if (m->head_dim > 0) {
        return;
    }
    if (m->hidden % m->heads != 0) {
        lh_error(c->ctx, (struct lh_where){c->path, 0, 0},
                 "the hidden size %lld does not divide among %lld heads, and "
                 "the key 'head_dim' is missing", (long long)m->hidden,
                 (long long)m->heads);
    }
    m->head_dim = m->hidden / m->heads;
}

/* A switch stands beside the language model's keys or around them. */
static bool read_tied(const struct config *c, bool fallback)
{
    struct config around = *c;

    around.keys = c->root;
    return read_flag(c, "tie_word_embeddings",
                     read_flag(&around, "tie_word_embeddings", fallback));
}

/* One key/value head for all, or in the new architecture groups of heads and a
 * norm each for attention and MLP. */
static void read_falcon(struct lh_model *m, const struct config *c)
{
    bool grouped = read_flag(c, "new_decoder_architecture", false);

    if (!grouped) {
        m->kv_heads = read_flag(c, "multi_query", true) ? 1 : m->heads;
    }
    m->attention_bias = m->mlp_bias = read_flag(c, "bias", false);
    m->parallel_block = read_flag(c, "parallel_attn", true) || grouped;
    m->parallel_norms = grouped;
}

static void read_shape(struct lh_model *m, const struct config *c,
                       const struct family *family)
{
    int n_errors = lh_diag_count(c->ctx, LH_ERROR);

    for (int i = 0; i < N(count_keys); i++) {
        read_count(m, c, &count_keys[i]);
    }
    m->gated_mlp = !family->plain_mlp;
    m->norm_bias = family->norm_bias;
    m->qk_norm = family->qk_norm;
    m->qkv_bias_only = family->qkv_bias;
    m->attention_bias = family->qkv_bias ||
        read_flag(c, "attention_bias", family->attention_bias);
    m->mlp_bias = family->mlp_bias || read_flag(c, "mlp_bias", false);
    m->tied_embeddings = read_tied(c, family->tied);
    m->parallel_block =
        read_flag(c, "use_parallel_residual", family->parallel);
    m->parallel_norms = m->parallel_block && family->parallel_norms;
    m->attention_window = read_window(c, m->layers);
    if (family->is_falcon) {
        read_falcon(m, c);
    }
    if (!family->learned_positions) {
        m->positions = 0;
    } else if (m->positions == 0) {
        m->positions = 1024; /* of GPT-2 */
    }
    if (lh_diag_count(c->ctx, LH_ERROR) > n_errors) {
        return; /* what follows divides by what is missing */
    }
    if (m->ffn == 0) {
        m->ffn = 4 * m->hidden;
    }
    read_heads(m, c);
    read_experts(m, c, family);
}

/* ".../llama/config.json" is llama, ".../llama.json" too. */
static const char *name_from_path(const char *path, struct lh_arena *arena)
{
    const char *base = strrchr(path, '/');
    const char *folder;
    size_t n;

    base = base != NULL ? base + 1 : path;
    if (strcmp(base, "config.json") == 0 && base - path > 1) {
        for (folder = base - 1; folder > path && folder[-1] != '/';
             folder--) {
        }
        return lh_strndup(arena, folder, (size_t)(base - 1 - folder));
    }
    n = strlen(base);
    if (n > 5 && strcmp(base + n - 5, ".json") == 0) {
        n -= 5;
    }
    return lh_strndup(arena, base, n);
}

static enum lh_status read_object(struct lh_model *out, struct config *c)
{
    int n_errors = lh_diag_count(c->ctx, LH_ERROR);
    struct lh_where where = {c->path, 0, 0};
    const struct family *family;
    struct lh_model model = {0};
    const char *slash;
    json_t *nested;
    enum lh_status st;

    c->keys = c->root;
    if (!json_is_object(c->root)) {
        lh_error(c->ctx, where, "a config.json holds an object, this is %s",
                 type_name(c->root));
        return LH_BAD_INPUT;
    }
    nested = value_of(c, "text_config");
    if (nested != NULL && !json_is_object(nested)) {
        wrong_type(c, "text_config", "an object", nested);
        return LH_BAD_INPUT;
    }
    if (nested != NULL) {
        c->keys = nested;
    }
    family = find_family(c);
    check_attention(c);
    if (family == NULL || lh_diag_count(c->ctx, LH_ERROR) > n_errors) {
        return LH_BAD_INPUT;
    }
    model.name = name_from_path(c->path, c->ctx->arena);
    /* Without folders: the same however the scenario names the file. */
    slash = strrchr(c->path, '/');
    model.source = slash != NULL ? slash + 1 : c->path;
    read_shape(&model, c, family);
    if (lh_diag_count(c->ctx, LH_ERROR) > n_errors) {
        return LH_BAD_INPUT;
    }
    st = lh__model_check(&model, where, c->ctx);
    if (st == LH_OK) {
        *out = model;
    }
    return st;
}

/* jansson says -1 where it does not know. */
static int at_least_0(int n)
{
    return n > 0 ? n : 0;
}

enum lh_status lh_model_read_config(struct lh_model *out, const char *path,
                                    struct lh_where where, struct lh_ctx *ctx)
{
    struct config c = {.ctx = ctx, .path = lh_strdup(ctx->arena, path)};
    json_error_t error;
    enum lh_status st;
    char *text;
    size_t n;

    if (access(path, R_OK) != 0) {
        lh_error(ctx, where, "the model's config '%s' cannot be read: %s",
                 path, strerror(errno));
        return LH_BAD_INPUT;
    }
    st = lh_file_read(&text, &n, path, ctx);
    if (st != LH_OK) {
        return st;
    }
    c.text = text;
    c.root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                        &error);
    if (c.root == NULL) {
        lh_error(ctx, (struct lh_where){c.path, at_least_0(error.line),
                                       at_least_0(error.column)},
                 "not a config.json: %s", error.text);
        return LH_BAD_INPUT;
    }
    st = read_object(out, &c);
    json_decref(c.root);
    return st;
}
