/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * base/: arena, diagnostics, text, units, CSV, built-in files, did-you-mean.
 */
#include "unit.h"

#include <longhaul/base.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- arena -------------------------------------------------------------- */

static void arena_is_zeroed_and_aligned(void)
{
    struct lh_arena *arena = lh_arena_new();
    bool zero = true, aligned = true;

    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = lh_alloc(arena, n, 1);
        aligned = aligned && (uintptr_t)p % _Alignof(max_align_t) == 0;
        for (size_t i = 0; i < n; i++) {
            zero = zero && p[i] == 0;
        }
        if (n > 0) {
            memset(p, 0xff, n);
        }
    }
    LH_CHECK(zero);
    LH_CHECK(aligned);
    lh_arena_free(arena);
    lh_arena_free(NULL);
}

static void arena_gives_large_blocks(void)
{
    struct lh_arena *arena = lh_arena_new();
    double *large = LH_NEW(arena, double, 1000000);
    int *small = LH_NEW(arena, int, 1);

    large[999999] = 1;
    *small = 7;
    LH_CHECK(large[0] == 0 && large[999999] == 1 && *small == 7);
    LH_CHECK_TEXT(lh_format(arena, "%s-%d", "a", 12), "a-12");
    LH_CHECK_TEXT(lh_strndup(arena, "abcdef", 3), "abc");
    lh_arena_free(arena);
}

static void grow_keeps_contents(void)
{
    struct lh_arena *arena = lh_arena_new();
    size_t capacity = 0;
    int *array = NULL;
    bool kept = true;

    for (size_t i = 0; i < 1000; i++) {
        array = lh_grow(arena, array, &capacity, i + 1, sizeof *array);
        kept = kept && array[i] == 0;
        array[i] = (int)i;
    }
    for (int i = 0; i < 1000; i++) {
        kept = kept && array[i] == i;
    }
    LH_CHECK(kept);
    LH_CHECK(capacity >= 1000);
    lh_arena_free(arena);
}

/* ---- diagnostics -------------------------------------------------------- */

static void diag_counts_and_escapes(void)
{
    struct lh_ctx ctx = lh_ctx_begin();

    lh_error(&ctx, (struct lh_where){"a\nb", 3, 4}, "got '%s'",
             "x\n\x1b[31m\t\xff\xc2\x9b\xc3\xa9");
    lh_warn(&ctx, LH_NOWHERE, "w %d", 1);
    lh_note(&ctx, LH_NOWHERE, "n");
    LH_CHECK(lh_diag_total(&ctx) == 3);
    LH_CHECK(lh_diag_count(&ctx, LH_ERROR) == 1);
    LH_CHECK(lh_diag_count(&ctx, LH_WARNING) == 1);
    LH_CHECK(lh_diag_count(&ctx, LH_NOTE) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "got 'x\\n\\x1b[31m\\x09\\xff\\xc2\\x9b\xc3\xa9'");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "a\\nb");
    LH_CHECK(lh_diag_at(&ctx, 0)->where.line == 3);
    LH_CHECK(lh_diag_at(&ctx, 0)->where.col == 4);
    LH_CHECK(lh_diag_at(&ctx, 1)->where.file == NULL);
    lh_ctx_end(&ctx);
}

/* ---- text --------------------------------------------------------------- */

static const char *as_double(struct lh_arena *arena, double value)
{
    struct lh_text text = lh_text_new(arena);

    lh_text_double(&text, value);
    return text.s;
}

static void doubles_are_short_and_exact(void)
{
    struct lh_arena *arena = lh_arena_new();
    uint64_t bits = 88172645463325252ull;
    int n_wrong = 0;

    LH_CHECK_TEXT(as_double(arena, 0.1), "0.1");
    LH_CHECK_TEXT(as_double(arena, 1.0 / 3), "0.3333333333333333");
    LH_CHECK_TEXT(as_double(arena, 0.1 + 0.2), "0.30000000000000004");
    LH_CHECK_TEXT(as_double(arena, 1e22), "1e+22");
    LH_CHECK_TEXT(as_double(arena, -0.0), "-0");
    for (int i = 0; i < 10000; i++) {
        double value;
        bits ^= bits << 13; /* xorshift64 */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value) &&
            strtod(as_double(arena, value), NULL) != value) {
            n_wrong++;
        }
    }
    LH_CHECK(n_wrong == 0);
    lh_arena_free(arena);
}

static void json_is_valid_whatever_the_bytes(void)
{
    struct lh_arena *arena = lh_arena_new();
    struct lh_text text = lh_text_new(arena);

    lh_text_json_string(&text, "q\" b\\ \n\t\r\x01 \xc3\xa9 \xff "
                               "\xed\xa0\x80 \xc0\x80 \xf0\x9f\x98\x80 \xe2");
    LH_CHECK_TEXT(text.s,
                  "\"q\\\" b\\\\ \\n\\t\\r\\u0001 \xc3\xa9 \\ufffd "
                  "\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd \xf0\x9f\x98\x80 "
                  "\\ufffd\"");
    text = lh_text_new(arena);
    lh_text_json_double(&text, NAN);
    lh_text_add(&text, " ");
    lh_text_json_double(&text, -INFINITY);
    lh_text_printf(&text, " %s", "x");
    LH_CHECK_TEXT(text.s, "null null x");
    lh_arena_free(arena);
}

/* ---- units -------------------------------------------------------------- */

static void units_read_exactly(void)
{
    static const struct {
        const char *text;
        enum lh_dimension dimension;
        double value;
    } cases[] = {
        {"400 Gbit/s", LH_DIM_BANDWIDTH, 50e9},
        {"400Gbps", LH_DIM_BANDWIDTH, 50e9},
        {"400 Gb/s", LH_DIM_BANDWIDTH, 50e9},
        {"25.6 Tbit/s", LH_DIM_BANDWIDTH, 3.2e12},
        {"0.1 Gbit/s", LH_DIM_BANDWIDTH, 12.5e6},
        {"3.35 TB/s", LH_DIM_BANDWIDTH, 3.35e12},
        {"1 GiB/s", LH_DIM_BANDWIDTH, 1073741824},
        {"1000 km", LH_DIM_LENGTH, 1e6},
        {"1 m", LH_DIM_LENGTH, 1},
        {"20 us", LH_DIM_TIME, 20e-6},
        {"20 \xc2\xb5s", LH_DIM_TIME, 20e-6},
        {"20 \xce\xbcs", LH_DIM_TIME, 20e-6},
        {"6.6us", LH_DIM_TIME, 6.6e-6},
        {"47 ns", LH_DIM_TIME, 47e-9},
        {"1.5 min", LH_DIM_TIME, 90},
        {"0.1 h", LH_DIM_TIME, 360},
        {"2 d", LH_DIM_TIME, 172800},
        {" 5 ms ", LH_DIM_TIME, 5e-3},
        {"1e-3 s", LH_DIM_TIME, 1e-3},
        {"1E3 s", LH_DIM_TIME, 1e3},
        {"64 MiB", LH_DIM_BYTES, 67108864},
        {"80 GB", LH_DIM_BYTES, 80e9},
        {"8 b", LH_DIM_BYTES, 1},
        {"8 Gbit", LH_DIM_BYTES, 1e9},
        {"700 W", LH_DIM_POWER, 700},
        {"1.2 GW", LH_DIM_POWER, 1.2e9},
        {"2 $", LH_DIM_MONEY, 2},
        {"989.4 TFLOP/s", LH_DIM_FLOPS, 989.4e12},
        {"1 EFLOP/s", LH_DIM_FLOPS, 1e18},
        {"-3 m", LH_DIM_LENGTH, -3},
        {"1.25", LH_DIM_NONE, 1.25},
        {".5", LH_DIM_NONE, 0.5},
        {"0 s", LH_DIM_TIME, 0},
        {"0e-999999999999999999999 s", LH_DIM_TIME, 0},
    };
    struct lh_arena *arena = lh_arena_new();

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        const char *why = "";
        double value = NAN;
        LH_CHECK(lh_units_read(&value, cases[i].text, cases[i].dimension,
                               arena, &why) == LH_OK);
        LH_CHECK_TEXT(why, "");
        LH_CHECK_NEAR(value, cases[i].value, 0);
    }
    lh_arena_free(arena);
}

static void units_say_what_is_wrong(void)
{
    static const struct {
        const char *text;
        enum lh_dimension dimension;
        const char *why;
    } cases[] = {
        {"400 Gb", LH_DIM_BANDWIDTH,
         "'400 Gb' is a size; a bandwidth needs bit/s or B/s, "
         "e.g. '400 Gbit/s'"},
        {"400", LH_DIM_BANDWIDTH,
         "'400' has no unit; a bandwidth needs bit/s or B/s, "
         "e.g. '400 Gbit/s'"},
        {"10 kmh", LH_DIM_LENGTH,
         "'10 kmh' has an unknown unit 'kmh'; a length needs m or km, "
         "e.g. '1000 km'"},
        {"10 KM", LH_DIM_LENGTH,
         "'10 KM' has an unknown unit 'KM'; a length needs m or km, "
         "e.g. '1000 km'"},
        {"10 KB", LH_DIM_BYTES,
         "'10 KB' has an unknown unit 'KB'; a size needs B or b, "
         "e.g. '64 MiB'"},
        {"10 km 5 m", LH_DIM_LENGTH,
         "'10 km 5 m' goes on after the unit: '5 m'; a length needs m or "
         "km, e.g. '1000 km'"},
        {"fast", LH_DIM_TIME,
         "'fast' is not a number; a time needs s, ms, us, ns, min, h or d, "
         "e.g. '30 s'"},
        {"", LH_DIM_POWER,
         "'' is not a number; a power needs W, kW, MW or GW, e.g. '700 W'"},
        {"nan s", LH_DIM_TIME,
         "'nan s' is not a number; a time needs s, ms, us, ns, min, h or d, "
         "e.g. '30 s'"},
        {"inf", LH_DIM_NONE,
         "'inf' is not a number; a plain number needs no unit, e.g. '1.5'"},
        {"0x10 m", LH_DIM_LENGTH,
         "'0x10 m' is not a decimal number; a length needs m or km, "
         "e.g. '1000 km'"},
        {"1e999 s", LH_DIM_TIME, "'1e999 s' is too large"},
        {"1e999999999999999999999 s", LH_DIM_TIME,
         "'1e999999999999999999999 s' is too large"},
        {"1e-999 s", LH_DIM_TIME, "'1e-999 s' is too small"},
        {"12 s", LH_DIM_NONE,
         "'12 s' is a time; a plain number needs no unit, e.g. '1.5'"},
        {"1_000 m", LH_DIM_LENGTH,
         "'1_000 m' has an unknown unit '_000'; a length needs m or km, "
         "e.g. '1000 km'"},
    };
    struct lh_arena *arena = lh_arena_new();

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        const char *why = "";
        double value = 42;
        LH_CHECK(lh_units_read(&value, cases[i].text, cases[i].dimension,
                               arena, &why) == LH_BAD_INPUT);
        LH_CHECK_TEXT(why, cases[i].why);
        LH_CHECK(value == 42);
    }
    lh_arena_free(arena);
}

static void canonical_units_are_short(void)
{
    static const struct {
        double value;
        enum lh_dimension dimension;
        const char *text;
    } cases[] = {
        {50e9, LH_DIM_BANDWIDTH, "400 Gbit/s"},
        {3.2e12, LH_DIM_BANDWIDTH, "25.6 Tbit/s"},
        {1e6, LH_DIM_LENGTH, "1000 km"},
        {1, LH_DIM_LENGTH, "1 m"},
        {20e-6, LH_DIM_TIME, "20 us"},
        {6.6e-6, LH_DIM_TIME, "6.6 us"},
        {0, LH_DIM_TIME, "0 s"},
        {67108864, LH_DIM_BYTES, "64 MiB"},
        {80e9, LH_DIM_BYTES, "80 GB"},
        {0, LH_DIM_BYTES, "0 B"},
        {700, LH_DIM_POWER, "700 W"},
        {989e12, LH_DIM_FLOPS, "989 TFLOP/s"},
        {1.5, LH_DIM_NONE, "1.5"},
        {0, LH_DIM_BANDWIDTH, "0 bit/s"},
    };
    struct lh_arena *arena = lh_arena_new();

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        LH_CHECK_TEXT(lh_units_canonical(arena, cases[i].value,
                                         cases[i].dimension),
                      cases[i].text);
    }
    lh_arena_free(arena);
}

/* Any double that is not absurd comes back with the same bits. */
static void canonical_units_round_trip(void)
{
    struct lh_arena *arena = lh_arena_new();
    uint64_t bits = 1;
    int n_wrong = 0;

    for (int i = 0; i < 4000; i++) {
        enum lh_dimension dimension = (enum lh_dimension)(i % 8);
        const char *why, *text;
        double value, back = NAN;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        value = ldexp((double)(bits >> 11), (int)(i % 100) - 90);
        text = lh_units_canonical(arena, value, dimension);
        if (lh_units_read(&back, text, dimension, arena, &why) != LH_OK ||
            back != value) {
            n_wrong++;
        }
    }
    LH_CHECK(n_wrong == 0);
    lh_arena_free(arena);
}

static void human_units_have_four_digits(void)
{
    static const struct {
        double value;
        enum lh_dimension dimension;
        const char *text;
    } cases[] = {
        {4.8123, LH_DIM_TIME, "4.812 s"},
        {0.0060004, LH_DIM_TIME, "6 ms"},
        {100, LH_DIM_TIME, "100 s"},
        {7200, LH_DIM_TIME, "2 h"},
        {50e9, LH_DIM_BANDWIDTH, "400 Gbit/s"},
        {999.97e9, LH_DIM_BYTES, "1 TB"},
        {67108864, LH_DIM_BYTES, "67.11 MB"},
        {1e6, LH_DIM_LENGTH, "1000 km"},
        {20000e3, LH_DIM_LENGTH, "20000 km"},
        {0, LH_DIM_TIME, "0 s"},
        {0.25, LH_DIM_BYTES, "0.25 B"},
        {1.23456, LH_DIM_NONE, "1.235"},
    };
    struct lh_arena *arena = lh_arena_new();

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        LH_CHECK_TEXT(lh_units_human(arena, cases[i].value,
                                     cases[i].dimension),
                      cases[i].text);
    }
    LH_CHECK_TEXT(lh_dimension_name(LH_DIM_BANDWIDTH), "a bandwidth");
    LH_CHECK_TEXT(lh_dimension_example(LH_DIM_TIME), "30 s");
    lh_arena_free(arena);
}

/* ---- CSV ---------------------------------------------------------------- */

static enum lh_status read_csv(struct lh_csv *out, const char *text,
                               struct lh_ctx *ctx)
{
    return lh_csv_read_text(out, "t.csv", text, strlen(text), ctx);
}

static void csv_reads_cells_and_lines(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;

    LH_REQUIRE(read_csv(&csv,
                        "\xef\xbb\xbf# a comment, with commas\n"
                        "name, a ,b\r\n"
                        "\n"
                        "x,1,\"two, \"\"2\"\"\"\n"
                        "# y,1,2\n"
                        "z,,\"over\n#two lines\"\n"
                        "last,3,4",
                        &ctx) == LH_OK);
    LH_CHECK(csv.n_columns == 3 && csv.n_rows == 3);
    LH_CHECK(lh_csv_column(&csv, "a") == 1);
    LH_CHECK(lh_csv_column(&csv, "c") == -1);
    LH_CHECK_TEXT(lh_csv_cell(&csv, 0, 2), "two, \"2\"");
    LH_CHECK_TEXT(lh_csv_cell(&csv, 1, 1), "");
    LH_CHECK_TEXT(lh_csv_cell(&csv, 1, 2), "over\n#two lines");
    LH_CHECK(csv.lines[0] == 4 && csv.lines[1] == 6 && csv.lines[2] == 8);
    LH_CHECK(lh_csv_find(&csv, "last") == 2);
    LH_CHECK(lh_csv_find(&csv, "a") == -1);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    lh_ctx_end(&ctx);
}

static void csv_faults_have_their_line(void)
{
    static const struct {
        const char *text;
        int n;
        int line;
        const char *message;
    } cases[] = {
        {"a,b\n1,2\n3\n", 1, 3, "the row has 1 cell, the header has 2"},
        {"a,b\n1,2,3\n\n4\n", 2, 2, "the row has 3 cells, the header has 2"},
        {"a,b,a\n", 1, 1, "column 'a' appears twice"},
        {"a,,c\n1,2,3\n", 1, 1, "column 2 has no name"},
        {"a,b\n1,2\n3,\"open\n4,5\n", 1, 3,
         "a quote that opens in this row never ends"},
        {"a,b\n1,x\"y\n", 1, 2,
         "a stray quote: a cell with quotes in it is enclosed in quotes, "
         "each doubled inside"},
        {"", 1, 0, "the table is empty: it needs a header row"},
        {"# only this\n\n", 1, 0,
         "the table is empty: it needs a header row"},
    };

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_csv csv;
        LH_CHECK(read_csv(&csv, cases[i].text, &ctx) == LH_BAD_INPUT);
        LH_CHECK(lh_diag_total(&ctx) == cases[i].n);
        LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, cases[i].message);
        LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "t.csv");
        LH_CHECK(lh_diag_at(&ctx, 0)->where.line == cases[i].line);
        lh_ctx_end(&ctx);
    }
}

static void csv_refuses_what_is_not_text(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text many = lh_text_new(ctx.arena);
    struct lh_csv csv;

    LH_CHECK(lh_csv_read_text(&csv, "t.csv", "a\0b\n", 4, &ctx) ==
             LH_BAD_INPUT);
    lh_text_add(&many, "a,b\n");
    for (int i = 0; i < 1000; i++) {
        lh_text_add(&many, "1\n");
    }
    LH_CHECK(read_csv(&csv, many.s, &ctx) == LH_BAD_INPUT);
    LH_CHECK(lh_diag_count(&ctx, LH_ERROR) < 30);
    lh_ctx_end(&ctx);
}

/* ---- files, built-in files, did-you-mean -------------------------------- */

static void files_that_cannot_be_read_are_one_line(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;
    char *text;
    size_t n;

    LH_CHECK(lh_file_read(&text, &n, "/nonexistent/x", &ctx) ==
             LH_BAD_INPUT);
    LH_CHECK(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "cannot be read: No such file or directory");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "/nonexistent/x");
    LH_CHECK(lh_csv_read_file(&csv, "/", &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 1)->text, "cannot be read: it is a folder");
    lh_ctx_end(&ctx);
}

static void built_in_files_equal_their_sources(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    char *text = NULL;
    size_t n = 0;

    LH_REQUIRE(lh_file_read(&text, &n, LH_SRCDIR "/data/models.csv", &ctx) ==
               LH_OK);
    LH_CHECK(n > 0 && n == strlen(text));
    LH_CHECK_TEXT(lh_data_text("models.csv"), text);
    LH_CHECK(lh_data_text("nothing.csv") == NULL);
    lh_ctx_end(&ctx);
}

static void data_folder_stands_before_built_in(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;

    ctx.data_dir = LH_SRCDIR "/data";
    LH_REQUIRE(lh_data_read(&csv, "models", &ctx) == LH_OK);
    LH_CHECK_TEXT(csv.file, LH_SRCDIR "/data/models.csv");
    LH_CHECK_TEXT(csv.files[0], LH_SRCDIR "/data/models.csv");
    ctx.data_dir = LH_SRCDIR "/tests"; /* has no models.csv */
    LH_REQUIRE(lh_data_read(&csv, "models", &ctx) == LH_OK);
    LH_CHECK_TEXT(csv.file, "data/models.csv");
    ctx.data_dir = "/nonexistent";
    LH_CHECK(lh_data_read(&csv, "models", &ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "the data folder (--data) is not a folder");
    ctx.data_dir = NULL;
    LH_CHECK(lh_data_read(&csv, "nothing", &ctx) == LH_FAILED);
    lh_ctx_end(&ctx);
}

static void nearest_word_is_offered(void)
{
    static const char *const words[] = {"gpus", "bandwidth", "location",
                                        "h100-sxm", "gb200-nvl72"};
    const int n = (int)LH_COUNT(words);
    char *long_word;
    struct lh_arena *arena = lh_arena_new();

    LH_CHECK_TEXT(lh_nearest("gpuss", words, n), "gpus");
    LH_CHECK_TEXT(lh_nearest("GPUS", words, n), "gpus");
    LH_CHECK_TEXT(lh_nearest("gups", words, n), "gpus");
    LH_CHECK_TEXT(lh_nearest("bandwdith", words, n), "bandwidth");
    LH_CHECK_TEXT(lh_nearest("h100", words, n), "h100-sxm");
    LH_CHECK_TEXT(lh_nearest("GB200", words, n), "gb200-nvl72");
    LH_CHECK(lh_nearest("colour", words, n) == NULL);
    LH_CHECK(lh_nearest("", words, n) == NULL);
    long_word = LH_NEW(arena, char, 100001);
    memset(long_word, 'g', 100000);
    LH_CHECK(lh_nearest(long_word, words, n) == NULL);
    lh_arena_free(arena);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"arena is zeroed and aligned", arena_is_zeroed_and_aligned},
        {"arena gives large blocks", arena_gives_large_blocks},
        {"grow keeps contents", grow_keeps_contents},
        {"diag counts and escapes", diag_counts_and_escapes},
        {"doubles are short and exact", doubles_are_short_and_exact},
        {"JSON is valid whatever the bytes", json_is_valid_whatever_the_bytes},
        {"units read exactly", units_read_exactly},
        {"units say what is wrong", units_say_what_is_wrong},
        {"canonical units are short", canonical_units_are_short},
        {"canonical units round-trip", canonical_units_round_trip},
        {"human units have four digits", human_units_have_four_digits},
        {"CSV reads cells and lines", csv_reads_cells_and_lines},
        {"CSV faults have their line", csv_faults_have_their_line},
        {"CSV refuses what is not text", csv_refuses_what_is_not_text},
        {"files that cannot be read are one line",
         files_that_cannot_be_read_are_one_line},
        {"built-in files equal their sources",
         built_in_files_equal_their_sources},
        {"data folder stands before built-in",
         data_folder_stands_before_built_in},
        {"nearest word is offered", nearest_word_is_offered},
    };

    return lh_unit_run("base", tests, LH_COUNT(tests));
}
