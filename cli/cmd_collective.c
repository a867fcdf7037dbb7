/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul collective: one collective alone on the machine of a scenario, size
 * by size, as nccl-tests prints it.
 *
 *   algbw   size / time
 *   busbw   algbw x 2(n-1)/n (all-reduce), x (n-1)/n (reduce-scatter,
 *           all-gather, all-to-all), x 1 (send)
 *
 * Size is the buffer of an all-reduce, the input of a reduce-scatter, the
 * output of an all-gather, what a member of an all-to-all sends (itself
 * included), the message of a send: nccl-tests counts so too.  The members are
 * the first --ranks accelerators of the scenario; GB is 10^9 bytes.
 *
 * Source: nccl-tests, doc/PERFORMANCE.md.
 * Leaves out: other traffic; what a model would send.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { SIZES_MAX = 512, OPTION_SIZES = 256, OPTION_ALGORITHM, OPTION_DISPATCH };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV, N_FORMATS };

static const char *const formats[N_FORMATS] = {"text", "json", "csv"};

struct point {
    double bytes;
    double time_s;
    double algbw_bytes_per_s;
    double busbw_bytes_per_s;
    struct lh_collective_choice choice;
};

struct collective {
    struct lh__input input;
    int which; /* enum lh_collective, -1: not read yet */
    enum format format;
    const char *algorithm;
    int64_t ranks; /* 0: all */
    bool dispatch;
    int n;
    struct point point[SIZES_MAX];
};

static const struct argp_option options[] = {
    {"sizes", OPTION_SIZES, "LIST", 0,
     "Sizes and ranges with commas between them, e.g. 64KiB,1MiB..1GiB:x4; a "
     "range is doubled if :xK is missing (default: 1KiB..1GiB)",
     0},
    {"ranks", 'n', "N", 0,
     "The first N accelerators take part (default: all; of a send the first "
     "and the last of them)",
     0},
    {"algorithm", OPTION_ALGORITHM, "NAME", 0,
     "One of `longhaul list collectives' (default: auto, by size)", 0},
    {"dispatch", OPTION_DISPATCH, 0, 0,
     "Add the software stack's dispatch of one kernel, which a benchmark sees "
     "that waits for every call",
     0},
    {"output", 'o', "FORMAT", 0, "text (default), json or csv", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static void read_which(struct collective *c, const char *arg,
                       const struct argp_state *state)
{
    const char *names[LH_COLLECTIVES];

    for (int i = 0; i < LH_COLLECTIVES; i++) {
        names[i] = lh_collective_name((enum lh_collective)i);
        if (strcmp(arg, names[i]) == 0) {
            c->which = i;
            return;
        }
    }
    lh__choice_error(state, "collective", arg, names, LH_COLLECTIVES);
}

static void read_format(struct collective *c, const char *arg,
                        const struct argp_state *state)
{
    for (int i = 0; i < N_FORMATS; i++) {
        if (strcmp(arg, formats[i]) == 0) {
            c->format = (enum format)i;
            return;
        }
    }
    lh__choice_error(state, "output", arg, formats, N_FORMATS);
}

static void read_ranks(struct collective *c, const char *arg,
                       const struct argp_state *state)
{
    char *end;
    long long n = strtoll(arg, &end, 10);

    if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || n < 2
        || n > INT32_MAX) {
        argp_error(state, "--ranks needs a whole number of 2 or more, not '%s'",
                   arg);
    }
    c->ranks = n;
}

static void read_algorithm(struct collective *c, const char *arg,
                           const struct argp_state *state)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX] = {"auto"};
    int n = 1;

    c->algorithm = arg;
    if (strcmp(arg, "auto") == 0 || lh_algorithm_find(arg) != NULL) {
        return;
    }
    for (int i = 0; i < lh_algorithm_count() && n < NAMES_MAX; i++) {
        names[n++] = lh_algorithm_at(i)->name;
    }
    lh__choice_error(state, "algorithm", arg, names, n);
}

static double read_size(const struct collective *c, const char *text,
                        const struct argp_state *state)
{
    const char *why = NULL;
    double bytes = 0;

    if (lh_units_read(&bytes, text, LH_DIM_BYTES, c->input.ctx->arena, &why)
        != LH_OK) {
        argp_error(state, "--sizes: %s", why);
    }
    if (bytes < 1 || bytes > 1e15) {
        argp_error(state, "--sizes: '%s' is not between 1 B and 1000 TB", text);
    }
    return bytes;
}

static double read_factor(const char *text, const struct argp_state *state)
{
    char *end;
    double factor = strtod(text, &end);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || factor < 1.01
        || factor > 1e6) {
        argp_error(state,
                   "--sizes: the factor of a range is x1.01 to x1000000, not "
                   "'x%s'",
                   text);
    }
    return factor;
}

static void add_size(struct collective *c, double bytes,
                     const struct argp_state *state)
{
    if (c->n == SIZES_MAX) {
        argp_error(state, "--sizes: more than %d sizes", SIZES_MAX);
        return;
    }
    c->point[c->n++].bytes = floor(bytes + 0.5);
}

/* "A" or "A..B" or "A..B:xK"; B is taken if the factor hits it. */
static void read_range(struct collective *c, char *text,
                       const struct argp_state *state)
{
    char *to = strstr(text, "..");
    char *by = to ? strstr(to, ":x") : NULL;
    double factor = by ? read_factor(by + 2, state) : 2.0;

    if (by) {
        *by = '\0';
    }
    if (to) {
        *to = '\0';
    }
    double first = read_size(c, text, state);
    double last = to ? read_size(c, to + 2, state) : first;
    if (last < first) {
        argp_error(state, "--sizes: a range goes up, not from '%s' to '%s'",
                   text, to + 2);
    }
    for (double bytes = first; bytes <= last * (1 + 1e-9); bytes *= factor) {
        add_size(c, bytes, state);
    }
}

static void read_sizes(struct collective *c, const char *arg,
                       const struct argp_state *state)
{
    char *text = lh_strdup(c->input.ctx->arena, arg);

    c->n = 0;
    while (text != NULL) {
        char *comma = strchr(text, ',');
        if (comma) {
            *comma = '\0';
        }
        read_range(c, text, state);
        text = comma ? comma + 1 : NULL;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct collective *c = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &c->input; return 0;
    case OPTION_SIZES: read_sizes(c, arg, state); return 0;
    case OPTION_ALGORITHM: read_algorithm(c, arg, state); return 0;
    case OPTION_DISPATCH: c->dispatch = true; return 0;
    case 'n': read_ranks(c, arg, state); return 0;
    case 'o': read_format(c, arg, state); return 0;
    case ARGP_KEY_ARG:
        if (c->which >= 0) {
            return ARGP_ERR_UNKNOWN; /* the scenario */
        }
        read_which(c, arg, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a collective is needed: all-reduce, "
                          "reduce-scatter, all-gather, all-to-all or send");
        return 0;
    case ARGP_KEY_END:
        if (c->n == 0) {
            read_sizes(c, "1KiB..1GiB", state);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the points ---------------------------------------------------------- */

static enum lh_status measure(struct collective *c,
                              const struct lh__stages *stages)
{
    struct lh_ctx *ctx = c->input.ctx;
    int64_t n = c->which == LH_SEND ? 2 : c->ranks;
    int64_t *members = LH_NEW(ctx->arena, int64_t, n);
    const struct lh_stack *stack = &stages->scenario.stack;
    enum lh_status st = LH_OK;

    for (int64_t i = 0; i < n; i++) {
        members[i] = i;
    }
    members[n - 1] = c->ranks - 1;
    for (int i = 0; i < c->n && st == LH_OK; i++) {
        struct point *p = &c->point[i];
        struct lh_collective_case one = {
            .collective = (enum lh_collective)c->which,
            .algorithm = c->algorithm,
            .n = n,
            .accelerators = members,
            .bytes = p->bytes,
            .base_s = stack->collective_base_s,
        };
        st = lh_sim_collective(&p->time_s, &one, stages->topology, ctx);
        if (st == LH_OK) {
            st = lh_sim_collective_choice(&p->choice, &one, stages->topology,
                                          ctx);
        }
        p->time_s += c->dispatch ? stack->dispatch_s : 0;
        p->algbw_bytes_per_s = p->bytes / p->time_s;
        p->busbw_bytes_per_s = p->algbw_bytes_per_s * lh_bus_factor((enum lh_collective)c->which, n);
    }
    return st;
}

static enum lh_status run(struct collective *c, struct lh__stages *stages)
{
    struct lh_ctx *ctx = c->input.ctx;
    enum lh_status st = lh__stages_read(stages, &c->input);
    int64_t all;

    if (st == LH_OK) {
        st = lh_topology_build(&stages->topology, &stages->scenario, ctx);
    }
    if (st != LH_OK) {
        stages->topology = NULL;
        return st;
    }
    st = lh_topology_check(stages->topology, ctx);
    if (st != LH_OK) {
        return st;
    }
    all = lh_topology_accelerator_count(stages->topology);
    if (c->ranks == 0) {
        c->ranks = all;
    }
    if (c->ranks > all) {
        lh_error(ctx, (struct lh_where){c->input.path, 0, 0},
                 "--ranks: the scenario has %" PRId64 " accelerators, not "
                 "%" PRId64,
                 all, c->ranks);
        return LH_BAD_INPUT;
    }
    return measure(c, stages);
}

/* ---- what is printed ----------------------------------------------------- */

static void print_text(struct lh_text *out, const struct collective *c)
{
    lh_text_printf(out, "%s, %s%" PRId64 " ranks of %s; GB is 10^9 bytes\n",
                   lh_collective_name((enum lh_collective)c->which),
                   c->which == LH_SEND ? "first to last of " : "", c->ranks,
                   c->input.path);
    lh_text_printf(out, "%15s %12s %12s %12s  %-12s %s\n", "size B", "time us",
                   "algbw GB/s", "busbw GB/s", "algorithm", "protocol");
    for (int i = 0; i < c->n; i++) {
        const struct point *p = &c->point[i];
        lh_text_printf(out, "%15.0f %12.2f %12.3f %12.3f  %-12s %s\n", p->bytes,
                       p->time_s * 1e6, p->algbw_bytes_per_s / 1e9,
                       p->busbw_bytes_per_s / 1e9, p->choice.algorithm,
                       p->choice.protocol);
    }
}

static void print_csv(struct lh_text *out, const struct collective *c)
{
    lh_text_add(out, "collective,ranks,size_bytes,time_s,algbw_bytes_per_s,"
                     "busbw_bytes_per_s,algorithm,protocol\n");
    for (int i = 0; i < c->n; i++) {
        const struct point *p = &c->point[i];
        const double values[] = {p->bytes, p->time_s, p->algbw_bytes_per_s,
                                 p->busbw_bytes_per_s};
        lh_text_printf(out, "%s,%" PRId64,
                       lh_collective_name((enum lh_collective)c->which),
                       c->ranks);
        for (int k = 0; k < 4; k++) {
            lh_text_add(out, ",");
            lh_text_double(out, values[k]);
        }
        lh_text_printf(out, ",%s,%s\n", p->choice.algorithm,
                       p->choice.protocol);
    }
}

static void print_json(struct lh_text *out, const struct collective *c)
{
    static const char *const names[] = {
        "size_bytes", "time_s", "algbw_bytes_per_s", "busbw_bytes_per_s"};

    lh_text_printf(out,
                   "{\n  \"collective\": \"%s\",\n  \"ranks\": %" PRId64
                   ",\n  \"points\": [",
                   lh_collective_name((enum lh_collective)c->which), c->ranks);
    for (int i = 0; i < c->n; i++) {
        const struct point *p = &c->point[i];
        const double values[] = {p->bytes, p->time_s, p->algbw_bytes_per_s,
                                 p->busbw_bytes_per_s};
        lh_text_add(out, i > 0 ? ",\n    {" : "\n    {");
        for (int k = 0; k < 4; k++) {
            lh_text_printf(out, "\"%s\": ", names[k]);
            lh_text_json_double(out, values[k]);
            lh_text_add(out, ", ");
        }
        lh_text_printf(out, "\"algorithm\": \"%s\", \"protocol\": \"%s\"}",
                       p->choice.algorithm, p->choice.protocol);
    }
    lh_text_add(out, "\n  ]\n}\n");
}

static void print(struct lh_text *out, const struct collective *c)
{
    switch (c->format) {
    case FORMAT_JSON: print_json(out, c); break;
    case FORMAT_CSV: print_csv(out, c); break;
    case FORMAT_TEXT:
    case N_FORMATS:
    default: print_text(out, c); break;
    }
}

int lh__cmd_collective(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "all-reduce|reduce-scatter|all-gather|all-to-all|send FILE",
        "Prints how long one collective alone takes on the machine of the "
        "scenario FILE, size by size: time, algorithm bandwidth (size / time) "
        "and bus bandwidth, as nccl-tests defines them.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct collective *c = LH_NEW(ctx.arena, struct collective, 1);
    struct lh__stages stages = {.topology = NULL};
    struct lh_text text = lh_text_new(ctx.arena);
    enum lh_status st;
    int status;

    *c = (struct collective){
        .input = {.ctx = &ctx}, .which = -1, .algorithm = "auto"};
    argp_parse(&argp, argc, argv, 0, NULL, c);
    st = run(c, &stages);
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        print(&text, c);
        status = lh__print_result(&text);
    }
    lh__stages_free(&stages);
    lh_ctx_end(&ctx);
    return status;
}
