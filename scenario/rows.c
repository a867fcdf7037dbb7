/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rows of the data tables by name: accelerators, fabrics, software stacks, and
 * the reader behind them (model.c uses it for models).  Stage: scenario, when
 * names are resolved.
 *
 * A table is CSV with units in its cells, the one compiled into the program
 * joined with the user's (--data DIR), so everything is checked: columns unknown, missing
 * or ill-typed are errors with file and line.  An empty cell takes the
 * column's fallback where it has one.
 */
#include <longhaul/scenario.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

enum { MAX_LISTED = 80 }; /* names listed after "known are" */

/* ---- one cell ----------------------------------------------------------- */

/* Why text is not a count in [0, 1e15], or NULL with the count in *out. */
static const char *read_count(int64_t *out, const char *text,
                              struct lh_arena *arena)
{
    const int64_t limit = 1000000000000000;
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0') {
        return lh_format(arena, "'%s' is not a whole number of 0 or more",
                         text);
    }
    if (errno != 0 || value > limit) {
        return lh_format(arena, "'%s' is too large", text);
    }
    *out = value;
    return NULL;
}

static const char *read_flag(bool *out, const char *text,
                             struct lh_arena *arena)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        return lh_format(arena, "'%s' is neither yes nor no", text);
    }
    *out = text[0] == 'y';
    return NULL;
}

static const char *read_double(double *out, const char *text,
                               const struct lh__column *column,
                               struct lh_arena *arena)
{
    bool quantity = column->kind == LH__CELL_QUANTITY;
    double low = column->kind == LH__CELL_RATIOS ? 1 : 0;
    bool share =
        column->kind == LH__CELL_SHARE || column->kind == LH__CELL_SHARES;
    double high = share ? 1 : INFINITY;
    const char *why = NULL;
    double value = 0;

    if (lh_units_read(&value, text,
                      quantity ? column->dimension : LH_DIM_NONE, arena,
                      &why) != LH_OK) {
        return why;
    }
    if (value < low) {
        return lh_format(arena, "'%s' is below %g", text, low);
    }
    if (value > high) {
        return lh_format(arena, "'%s' is above %g", text, high);
    }
    *out = value;
    return NULL;
}

static const char *read_choice(int *out, const char *text,
                               const struct lh__column *column,
                               struct lh_arena *arena)
{
    struct lh_text known = lh_text_new(arena);

    for (int i = 0; column->choices[i] != NULL; i++) {
        if (strcmp(text, column->choices[i]) == 0) {
            *out = i;
            return NULL;
        }
        lh_text_printf(&known, "%s%s", i > 0 ? ", " : "",
                       column->choices[i]);
    }
    return lh_format(arena, "'%s' is not one of %s", text, known.s);
}

/* Words separated by blanks, into an array of counts or of ratios. */
static const char *read_list(char *field, int *n, const char *text,
                             const struct lh__column *column,
                             struct lh_arena *arena)
{
    static const char blanks[] = " \t";
    const char *why = NULL;

    *n = 0;
    for (text += strspn(text, blanks); *text != '\0' && why == NULL;) {
        size_t length = strcspn(text, blanks);
        const char *word = lh_strndup(arena, text, length);
        if (*n == column->max) {
            return lh_format(arena, "more than %d values", column->max);
        }
        why = column->kind == LH__CELL_COUNTS
                  ? read_count((int64_t *)(void *)field + *n, word, arena)
                  : read_double((double *)(void *)field + *n, word, column,
                                arena);
        ++*n;
        text += length;
        text += strspn(text, blanks);
    }
    return why;
}

/* Why the text does not suit the column, or NULL with the field filled. */
static const char *read_cell(void *out, const char *text,
                             const struct lh__column *column,
                             struct lh_arena *arena)
{
    char *field = (char *)out + column->offset;

    switch (column->kind) {
    case LH__CELL_TEXT:
        *(const char **)(void *)field = lh_strdup(arena, text);
        return NULL;
    case LH__CELL_COUNT:
        return read_count((int64_t *)(void *)field, text, arena);
    case LH__CELL_FLAG:
        return read_flag((bool *)field, text, arena);
    case LH__CELL_SHARE:
    case LH__CELL_QUANTITY:
        return read_double((double *)(void *)field, text, column, arena);
    case LH__CELL_CHOICE:
        return read_choice((int *)(void *)field, text, column, arena);
    case LH__CELL_COUNTS:
    case LH__CELL_RATIOS:
    case LH__CELL_SHARES:
        return read_list(field,
                         (int *)(void *)((char *)out + column->n_offset),
                         text, column, arena);
    }
    return NULL;
}

/* ---- one row ------------------------------------------------------------ */

static const char *list_names(const struct lh_csv *csv,
                              struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    if (csv->n_rows > MAX_LISTED) {
        lh_text_printf(&text, "see %s", csv->file);
        return text.s;
    }
    lh_text_add(&text, "known are ");
    for (int i = 0; i < csv->n_rows; i++) {
        lh_text_printf(&text, "%s%s", i > 0 ? ", " : "",
                       lh_csv_cell(csv, i, 0));
    }
    return text.s;
}

static void report_unknown_name(const struct lh_csv *csv,
                                const struct lh__table *table,
                                const char *name, struct lh_where where,
                                struct lh_ctx *ctx)
{
    const char **names = LH_NEW(ctx->arena, const char *, csv->n_rows);
    const char *nearest;

    for (int i = 0; i < csv->n_rows; i++) {
        names[i] = lh_csv_cell(csv, i, 0);
    }
    nearest = lh_nearest(name, names, csv->n_rows);
    if (nearest != NULL) {
        lh_error(ctx, where, "unknown %s '%s'; did you mean '%s'?",
                 table->thing, name, nearest);
    } else {
        lh_error(ctx, where, "unknown %s '%s'; %s", table->thing, name,
                 list_names(csv, ctx->arena));
    }
}

static bool is_column(const struct lh__table *table, const char *name)
{
    for (int i = 0; i < table->n_columns; i++) {
        if (strcmp(table->columns[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_header(const struct lh_csv *csv,
                         const struct lh__table *table, struct lh_ctx *ctx)
{
    struct lh_where where = {csv->file, 0, 0};
    const char **names = LH_NEW(ctx->arena, const char *, table->n_columns);

    for (int i = 0; i < table->n_columns; i++) {
        names[i] = table->columns[i].name;
        if (table->columns[i].fallback == NULL &&
            lh_csv_column(csv, names[i]) < 0) {
            lh_error(ctx, where, "the column '%s' is missing", names[i]);
        }
    }
    for (int i = 0; i < csv->n_columns; i++) {
        const char *name = csv->columns[i];
        if (is_column(table, name)) {
            continue;
        }
        const char *nearest = lh_nearest(name, names, table->n_columns);
        lh_error(ctx, where, "unknown column '%s'%s%s%s", name,
                 nearest != NULL ? "; did you mean '" : "",
                 nearest != NULL ? nearest : "",
                 nearest != NULL ? "'?" : "");
    }
    if (csv->n_columns > 0 && strcmp(csv->columns[0], "name") != 0) {
        lh_error(ctx, where, "the first column must be 'name'");
    }
}

static void read_cells(void *out, const struct lh_csv *csv, int row,
                       const struct lh__table *table, struct lh_ctx *ctx)
{
    struct lh_where where = {csv->files[row], csv->lines[row], 0};

    for (int i = 0; i < table->n_columns; i++) {
        const struct lh__column *column = &table->columns[i];
        int at = lh_csv_column(csv, column->name);
        const char *text = at >= 0 ? lh_csv_cell(csv, row, at) : "";
        const char *why;
        if (text[0] == '\0' && column->fallback != NULL) {
            text = column->fallback;
        } else if (text[0] == '\0') {
            lh_error(ctx, where, "%s: the cell is empty", column->name);
            continue;
        }
        why = read_cell(out, text, column, ctx->arena);
        if (why != NULL) {
            lh_error(ctx, where, "%s: %s", column->name, why);
        }
    }
}

enum lh_status lh__row_read(void *out, const struct lh__table *table,
                            const char *name, struct lh_where *row_where,
                            struct lh_where where, struct lh_ctx *ctx)
{
    int n_errors = lh_diag_count(ctx, LH_ERROR);
    struct lh_csv csv;
    enum lh_status st;
    int row;

    st = lh_data_read(&csv, table->file, ctx);
    if (st != LH_OK) {
        return st;
    }
    check_header(csv.own != NULL ? csv.own : &csv, table, ctx);
    if (lh_diag_count(ctx, LH_ERROR) > n_errors) {
        return LH_BAD_INPUT;
    }
    row = lh_csv_find(&csv, name);
    if (row < 0) {
        report_unknown_name(&csv, table, name, where, ctx);
        return LH_BAD_INPUT;
    }
    if (row_where != NULL) {
        *row_where = (struct lh_where){csv.files[row], csv.lines[row], 0};
    }
    for (int i = row + 1; i < csv.n_rows; i++) {
        if (strcmp(lh_csv_cell(&csv, i, 0), name) == 0) {
            lh_error(ctx, (struct lh_where){csv.files[i], csv.lines[i], 0},
                     "a second row is named '%s', the first is in line %d",
                     name, csv.lines[row]);
        }
    }
    read_cells(out, &csv, row, table, ctx);
    return lh_diag_count(ctx, LH_ERROR) > n_errors ? LH_BAD_INPUT : LH_OK;
}

/* ---- the tables --------------------------------------------------------- */

#define AT(field) offsetof(struct ROW, field)
#define TEXT(column, field) {column, LH__CELL_TEXT, AT(field), NULL, 0, 0, 0, 0}
#define COUNT(column, field, fallback) \
    {column, LH__CELL_COUNT, AT(field), fallback, 0, 0, 0, 0}
#define FLAG(column, field) {column, LH__CELL_FLAG, AT(field), NULL, 0, 0, 0, 0}
#define OPTIONAL_FLAG(column, field, fallback) \
    {column, LH__CELL_FLAG, AT(field), fallback, 0, 0, 0, 0}
#define SHARE(column, field, fallback) \
    {column, LH__CELL_SHARE, AT(field), fallback, 0, 0, 0, 0}
#define QUANTITY(column, field, dimension, fallback) \
    {column, LH__CELL_QUANTITY, AT(field), fallback, dimension, 0, 0, 0}
#define N(array) ((int)(sizeof(array) / sizeof(array)[0]))

#define ROW lh_device
static const struct lh__column device_columns[] = {
    TEXT("name", name),
    QUANTITY("bf16_peak", bf16_flops_per_s, LH_DIM_FLOPS, NULL),
    QUANTITY("fp8_peak", fp8_flops_per_s, LH_DIM_FLOPS, "0 FLOP/s"),
    SHARE("gemm_bf16_frac", gemm_bf16_frac, NULL),
    SHARE("gemm_fp8_frac", gemm_fp8_frac, "0"),
    SHARE("gemm_sustained_frac", gemm_sustained_frac, NULL),
    SHARE("gemm_sustained_fp8_frac", gemm_sustained_fp8_frac, "0"),
    SHARE("mxfp8_frac", mxfp8_frac, "0"),
    QUANTITY("memory", memory_bytes, LH_DIM_BYTES, NULL),
    QUANTITY("memory_bandwidth", memory_bytes_per_s, LH_DIM_BANDWIDTH, NULL),
    SHARE("memory_frac", memory_frac, NULL),
    COUNT("multiprocessors", multiprocessors, NULL),
    COUNT("tile_m", tile_m, NULL),
    COUNT("tile_n", tile_n, NULL),
    SHARE("attention_forward_frac", attention_forward_frac, NULL),
    SHARE("attention_backward_frac", attention_backward_frac, NULL),
    SHARE("flash_1_forward_frac", flash_1_forward_frac, NULL),
    SHARE("flash_1_backward_frac", flash_1_backward_frac, NULL),
    SHARE("flash_2_frac", flash_2_frac, "1"),
    QUANTITY("kernel_gap", kernel_gap_s, LH_DIM_TIME, "0 s"),
    SHARE("speed_spread_frac", speed_spread_frac, "0"),
    QUANTITY("power", power_w, LH_DIM_POWER, NULL),
    TEXT("source", source),
};
#undef ROW

enum lh_status lh_device_by_name(struct lh_device *out, const char *name,
                                 struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "accelerators", "accelerator", device_columns, N(device_columns)};
    struct lh_device device = {0};
    struct lh_where row;
    enum lh_status st;

    st = lh__row_read(&device, &table, name, &row, where, ctx);
    if (st != LH_OK) {
        return st;
    }
    if (device.bf16_flops_per_s == 0 || device.gemm_bf16_frac == 0 ||
        device.memory_bytes == 0 || device.memory_bytes_per_s == 0 ||
        device.memory_frac == 0 || device.multiprocessors == 0 ||
        device.tile_m == 0 || device.tile_n == 0 ||
        device.attention_forward_frac == 0 ||
        device.attention_backward_frac == 0 ||
        device.gemm_sustained_frac == 0 || device.flash_2_frac == 0 ||
        device.flash_1_forward_frac == 0 ||
        device.flash_1_backward_frac == 0 ||
        (device.fp8_flops_per_s > 0 && device.gemm_fp8_frac == 0)) {
        lh_error(ctx, row, "'%s': peaks, shares of them, memory, "
                           "multiprocessors and tiles must be above 0", name);
        return LH_BAD_INPUT;
    }
    if (device.gemm_sustained_fp8_frac == 0)
        device.gemm_sustained_fp8_frac = device.gemm_sustained_frac;
    *out = device;
    return LH_OK;
}

static const char *const fabric_kinds[] = {
    [LH_FABRIC_SWITCH] = "switch",
    [LH_FABRIC_RAILS] = "rails",
    [LH_FABRIC_FAT_TREE] = "fat-tree",
    [LH_FABRIC_TORUS] = "torus",
    [LH_FABRIC_DRAGONFLY] = "dragonfly",
    NULL};

static const char *const fabric_routings[] = {
    [LH_ROUTING_MINIMAL] = "minimal",
    [LH_ROUTING_VALIANT] = "valiant",
    NULL};

static const char *const in_network_kinds[] = {
    [LH_IN_NETWORK_NONE] = "none", [LH_IN_NETWORK_NVLS] = "nvls",
    [LH_IN_NETWORK_SHARP] = "sharp", NULL};

#define ROW lh_library
#define PROTOCOL(prefix, i, fallback)                                          \
    QUANTITY(prefix "_base", protocol[i].base_s, LH_DIM_TIME, fallback),       \
        QUANTITY(prefix "_scale_up", protocol[i].scale_up_s, LH_DIM_TIME,      \
                 fallback),                                                    \
        QUANTITY(prefix "_network", protocol[i].network_s, LH_DIM_TIME,        \
                 fallback)
#define NETWORK(prefix, i)                                                     \
    QUANTITY(prefix "_base", protocol[i].base_s, LH_DIM_TIME, "0 s"),          \
        QUANTITY(prefix "_network", protocol[i].network_s, LH_DIM_TIME, "0 s")
static const struct lh__column library_columns[] = {
    TEXT("name", name),
    PROTOCOL("ll", LH_PROTOCOL_LL, "0 s"),
    PROTOCOL("ll128", LH_PROTOCOL_LL128, "0 s"),
    PROTOCOL("simple", LH_PROTOCOL_SIMPLE, NULL),
    PROTOCOL("tree", LH_PROTOCOL_TREE, "0 s"),
    QUANTITY("nvls_base", protocol[LH_PROTOCOL_NVLS].base_s, LH_DIM_TIME,
             "0 s"),
    QUANTITY("nvls_scale_up", protocol[LH_PROTOCOL_NVLS].scale_up_s,
             LH_DIM_TIME, "0 s"),
    COUNT("ring_scale_up_sms", sms.ring_scale_up, "0"),
    COUNT("ring_network_sms", sms.ring_network, "0"),
    COUNT("nvls_sms", sms.nvls, "0"),
    COUNT("send_scale_up_sms", sms.send_scale_up, "0"),
    COUNT("send_network_sms", sms.send_network, "0"),
    COUNT("exchange_sms", sms.exchange, "0"),
    COUNT("relay_sms", sms.relay, "0"),
    COUNT("buffered_gather_sms", sms.buffered_gather, "0"),
    COUNT("buffered_reduce_sms", sms.buffered_reduce, "0"),
    NETWORK("nvls_tree", LH_PROTOCOL_NVLS_TREE),
    NETWORK("sharp", LH_PROTOCOL_SHARP),
    NETWORK("pat", LH_PROTOCOL_PAT),
    QUANTITY("pat_member", pat_member_s, LH_DIM_TIME, "0 s"),
    SHARE("pat_frac", pat_frac, "1"),
    QUANTITY("hop_window", hop_window_bytes, LH_DIM_BYTES, "0 B"),
    TEXT("source", source),
};
#undef NETWORK
#undef PROTOCOL
#undef ROW

enum lh_status lh_library_by_name(struct lh_library *out, const char *name,
                                  struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "protocols", "collective library", library_columns,
        N(library_columns)};
    struct lh_library library = {0};
    struct lh_where row;
    enum lh_status st = lh__row_read(&library, &table, name, &row, where, ctx);

    if (st == LH_OK && library.protocol[LH_PROTOCOL_SIMPLE].base_s == 0) {
        lh_error(ctx, row, "'%s': simple_base must be above 0", name);
        st = LH_BAD_INPUT;
    }
    if (st == LH_OK && library.pat_frac == 0) {
        lh_error(ctx, row, "'%s': pat_frac must be above 0", name);
        st = LH_BAD_INPUT;
    }
    *out = library;
    return st;
}

#define ROW lh_fabric
static const struct lh__column fabric_columns[] = {
    TEXT("name", name),
    {"kind", LH__CELL_CHOICE, AT(kind), NULL, 0, fabric_kinds, 0, 0},
    COUNT("scale_up_gpus", scale_up_gpus, "1"),
    QUANTITY("scale_up_bandwidth", scale_up_bytes_per_s, LH_DIM_BANDWIDTH,
             "0 bit/s"),
    QUANTITY("scale_up_latency", scale_up_latency_s, LH_DIM_TIME, "0 s"),
    SHARE("scale_up_frac", scale_up_frac, "1"),
    QUANTITY("nic_bandwidth", nic_bytes_per_s, LH_DIM_BANDWIDTH, NULL),
    QUANTITY("nic_latency", nic_latency_s, LH_DIM_TIME, NULL),
    SHARE("nic_frac", nic_frac, "1"),
    QUANTITY("switch_latency", switch_latency_s, LH_DIM_TIME, "0 s"),
    SHARE("spread_frac", spread_frac, "1"),
    {"group", LH__CELL_COUNTS, AT(group), "", 0, 0, AT(n_levels),
     LH_FABRIC_LEVELS},
    {"oversubscription", LH__CELL_RATIOS, AT(oversubscription), "1", 0, 0,
     AT(n_oversubscription), LH_FABRIC_LEVELS},
    {"cables", LH__CELL_COUNTS, AT(cables), "", 0, 0, AT(n_cables),
     LH_FABRIC_LEVELS},
    COUNT("building_gpus", building_gpus, "0"),
    QUANTITY("building_oversubscription", building_oversubscription,
             LH_DIM_NONE, "1"),
    QUANTITY("building_length", building_length_m, LH_DIM_LENGTH, "1 km"),
    {"routing", LH__CELL_CHOICE, AT(routing), "minimal", 0, fabric_routings,
     0, 0},
    {"dims", LH__CELL_COUNTS, AT(dims), "", 0, 0, AT(n_dims), LH_TORUS_DIMS},
    {"dims_bandwidth", LH__CELL_SHARES, AT(dims_frac), "", 0, 0,
     AT(n_dims_frac), LH_TORUS_DIMS},
    {"in_network", LH__CELL_CHOICE, AT(in_network), "none", 0,
     in_network_kinds, 0, 0},
    SHARE("in_network_frac", in_network_frac, "1"),
    {"library", LH__CELL_TEXT, AT(library.name), "", 0, 0, 0, 0},
    TEXT("source", source),
};
#undef ROW

int64_t lh_fabric_slice_gpus(const struct lh_fabric *fabric)
{
    int64_t gpus = 1;

    for (int d = 0; d < fabric->n_dims; d++)
        gpus *= fabric->dims[d];
    return gpus;
}

/* The dims of a torus make its scale_up_gpus, where no cell states them. */
static enum lh_status torus_row(struct lh_fabric *fabric, struct lh_where row,
                                struct lh_ctx *ctx)
{
    enum { SIDE_MAX = 65536 };
    int64_t slice;

    for (int d = 0; d < fabric->n_dims; d++) {
        if (fabric->dims[d] < 1 || fabric->dims[d] > SIDE_MAX) {
            lh_error(ctx, row, "dims: a side of a torus is 1 to %d long",
                     SIDE_MAX);
            return LH_BAD_INPUT;
        }
    }
    if ((fabric->n_dims == 0) != (fabric->kind != LH_FABRIC_TORUS)) {
        lh_error(ctx, row, "dims: a torus has one to %d, other fabrics none",
                 LH_TORUS_DIMS);
        return LH_BAD_INPUT;
    }
    for (int d = 0; d < fabric->n_dims_frac; d++) {
        if (fabric->n_dims_frac != fabric->n_dims || fabric->dims_frac[d] == 0) {
            lh_error(ctx, row,
                     "dims_bandwidth: a torus has a share above 0 for each of "
                     "its dims, or none");
            return LH_BAD_INPUT;
        }
    }
    slice = lh_fabric_slice_gpus(fabric);
    if (fabric->n_dims > 0 && fabric->scale_up_gpus == 1)
        fabric->scale_up_gpus = slice;
    if (fabric->n_dims > 0 && fabric->scale_up_gpus != slice) {
        lh_error(ctx, row, "scale_up_gpus: it is %lld, dims make %lld",
                 (long long)fabric->scale_up_gpus, (long long)slice);
        return LH_BAD_INPUT;
    }
    return LH_OK;
}

enum lh_status lh_fabric_by_name(struct lh_fabric *out, const char *name,
                                 struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "fabrics", "fabric", fabric_columns, N(fabric_columns)};
    struct lh_fabric fabric = {0};
    struct lh_where row;
    enum lh_status st;

    st = lh__row_read(&fabric, &table, name, &row, where, ctx);
    if (st == LH_OK)
        st = torus_row(&fabric, row, ctx);
    if (st == LH_OK && fabric.library.name[0] != '\0')
        st = lh_library_by_name(&fabric.library, fabric.library.name, row, ctx);
    else
        fabric.library.name = NULL;
    if (st != LH_OK) {
        return st;
    }
    if (fabric.in_network_frac == 0 || fabric.scale_up_gpus == 0 || fabric.scale_up_frac == 0 ||
        fabric.nic_bytes_per_s == 0 || fabric.nic_frac == 0 ||
        fabric.spread_frac == 0 ||
        (fabric.scale_up_gpus > 1 && fabric.scale_up_bytes_per_s == 0)) {
        lh_error(ctx, row, "'%s': bandwidths, shares of them and "
                           "scale_up_gpus must be above 0", name);
        return LH_BAD_INPUT;
    }
    for (int i = 0; i < fabric.n_levels; i++) {
        if (fabric.group[i] == 0) {
            lh_error(ctx, row, "group: a group has at least 1 member");
            return LH_BAD_INPUT;
        }
    }
    for (int i = 0; i < fabric.n_cables; i++) {
        if (fabric.cables[i] < 1 || fabric.cables[i] > LH_CABLES_MAX) {
            lh_error(ctx, row, "cables: an uplink is 1 to %d cables",
                     LH_CABLES_MAX);
            return LH_BAD_INPUT;
        }
    }
    *out = fabric;
    return LH_OK;
}

#define ROW lh_serving
static const struct lh__column serving_columns[] = {
    TEXT("name", name),
    QUANTITY("iteration", iteration_s, LH_DIM_TIME, NULL),
    QUANTITY("sequence", sequence_s, LH_DIM_TIME, NULL),
    QUANTITY("kernel", kernel_s, LH_DIM_TIME, NULL),
    QUANTITY("sample", sample_s, LH_DIM_TIME, NULL),
    SHARE("experts_frac", experts_frac, NULL),
    SHARE("memory_frac", memory_frac, NULL),
    COUNT("max_sequences", max_sequences, NULL),
    QUANTITY("load", load_bytes_per_s, LH_DIM_BANDWIDTH, NULL),
    QUANTITY("gather", gather_s, LH_DIM_TIME, NULL),
    QUANTITY("host", host_bytes_per_s, LH_DIM_BANDWIDTH, NULL),
    TEXT("source", source),
};
#undef ROW

enum lh_status lh_serving_by_name(struct lh_serving *out, const char *name,
                                  struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "engines", "engine", serving_columns, N(serving_columns)};
    struct lh_serving serving = {0};
    struct lh_where row;
    enum lh_status st = lh__row_read(&serving, &table, name, &row, where, ctx);

    if (st != LH_OK) {
        return st;
    }
    if (serving.load_bytes_per_s <= 0 || serving.host_bytes_per_s <= 0
        || serving.max_sequences < 1) {
        lh_error(ctx, row, "'%s': load, host and max_sequences must be above 0",
                 name);
        return LH_BAD_INPUT;
    }
    *out = serving;
    return LH_OK;
}

#define ROW lh_stack
static const struct lh__column stack_columns[] = {
    TEXT("name", name),
    QUANTITY("dispatch", dispatch_s, LH_DIM_TIME, NULL),
    FLAG("fused_attention", fused_attention),
    COUNT("flash_version", flash_version, "0"),
    QUANTITY("elementwise", elementwise, LH_DIM_NONE, "1"),
    QUANTITY("norm", norm, LH_DIM_NONE, "0"),
    QUANTITY("loss", loss_bytes, LH_DIM_BYTES, "52 B"),
    QUANTITY("loss_backward", loss_backward_bytes, LH_DIM_BYTES, "14 B"),
    QUANTITY("logit", logit_bytes, LH_DIM_BYTES, "4 B"),
    OPTIONAL_FLAG("grouped_gemm", grouped_gemm, "yes"),
    OPTIONAL_FLAG("early_stop", early_stop, "no"),
    OPTIONAL_FLAG("compiled", compiled, "no"),
    OPTIONAL_FLAG("joined", joined, "yes"),
    QUANTITY("order", order_bytes, LH_DIM_BYTES, "4 B"),
    QUANTITY("tensor_copy", tensor_copy_bytes, LH_DIM_BYTES, "0 B"),
    QUANTITY("gather_copy", gather_copy_bytes, LH_DIM_BYTES, "0 B"),
    QUANTITY("reduce_copy", reduce_copy_bytes, LH_DIM_BYTES, "0 B"),
    OPTIONAL_FLAG("backward_overlap", backward_overlap, "no"),
    OPTIONAL_FLAG("bias_gradients", bias_gradients, "no"),
    OPTIONAL_FLAG("scattered_sends", scattered_sends, "no"),
    QUANTITY("collective_base", collective_base_s, LH_DIM_TIME, NULL),
    QUANTITY("reserved", reserved_bytes, LH_DIM_BYTES, NULL),
    TEXT("source", source),
};
#undef ROW

enum lh_status lh_stack_by_name(struct lh_stack *out, const char *name,
                                struct lh_where where, struct lh_ctx *ctx)
{
    static const struct lh__table table = {
        "stacks", "software stack", stack_columns, N(stack_columns)};
    struct lh_stack stack = {0};
    struct lh_where row;
    enum lh_status st;

    st = lh__row_read(&stack, &table, name, &row, where, ctx);
    if (st != LH_OK) {
        return st;
    }
    if (stack.elementwise == 0) {
        lh_error(ctx, row, "'%s': elementwise must be above 0", name);
        return LH_BAD_INPUT;
    }
    if (stack.norm == 0) {
        stack.norm = stack.elementwise;
    }
    if (stack.loss_bytes < stack.loss_backward_bytes) {
        lh_error(ctx, row, "'%s': loss must be at least loss_backward, %g B, "
                           "those of its gradient",
                 name, stack.loss_backward_bytes);
        return LH_BAD_INPUT;
    }
    *out = stack;
    return LH_OK;
}
