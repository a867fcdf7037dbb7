/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul init: prints one of the example scenarios compiled into the
 * program.  NAME is a file name without .yaml, or part of one: then the default
 * where that has it, else the shortest name, the first in the alphabet among
 * these.
 */
#include <string.h>

#include "cli.h"

enum { OPTION_LIST = 256, MAX_EXAMPLES = 64 };

static const char suffix[] = ".yaml";
static const char default_name[] = "llama-8b-two-sites";

struct init {
    struct lh_ctx *ctx;
    const char *name; /* NULL: the default */
    bool list;
};

static const struct argp_option options[] = {
    {"list", OPTION_LIST, 0, 0, "List the examples instead", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct init *init = state->input;

    switch (key) {
    case OPTION_LIST: init->list = true; return 0;
    case ARGP_KEY_ARG:
        if (init->name != NULL) {
            argp_error(state, "one example at a time, not also '%s'", arg);
        }
        init->name = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* Names of the examples, without .yaml; "validation:..." is none. */
static int examples(const char **names, struct lh_ctx *ctx)
{
    const char *file;
    int n = 0;

    for (int i = 0; (file = lh_data_name_at(i)) != NULL; i++) {
        size_t length = strlen(file);
        if (length > strlen(suffix) && n < MAX_EXAMPLES
            && strchr(file, ':') == NULL
            && strcmp(file + length - strlen(suffix), suffix) == 0) {
            names[n++] = lh_strndup(ctx->arena, file, length - strlen(suffix));
        }
    }
    return n;
}

static const char *find(const char *wanted, const char *const *names, int n)
{
    const char *best = NULL;

    if (wanted[0] != '\0' && strstr(default_name, wanted) != NULL) {
        return default_name;
    }
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        if (strcmp(names[i], wanted) == 0) {
            return names[i];
        }
        if (wanted[0] != '\0' && strstr(names[i], wanted) != NULL
            && (best == NULL || length < strlen(best)
                || (length == strlen(best) && strcmp(names[i], best) < 0))) {
            best = names[i];
        }
    }
    return best;
}

static const char *without_suffix(const char *name, struct lh_ctx *ctx)
{
    const char *dot = strstr(name, suffix);

    return dot != NULL && strcmp(dot, suffix) == 0
               ? lh_strndup(ctx->arena, name, (size_t)(dot - name))
               : name;
}

/* Does an example read another file, which init does not print? */
static bool needs_files(const char *text)
{
    return strstr(text, "{config: ") != NULL
           || strstr(text, "\n  file: ") != NULL;
}

/* The first line of an example is its question, a comment. */
static void print_list(struct lh_text *out, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        const char *text =
            lh_data_text(lh_format(out->arena, "%s%s", names[i], suffix));
        int length = (int)strcspn(text, "\n");
        int skip = (int)strspn(text, "# ");
        lh_text_printf(out, "%-26s %.*s%s\n", names[i],
                       skip < length ? length - skip : 0, text + skip,
                       needs_files(text) ? " (with a file of examples/)" : "");
    }
}

static enum lh_status print_example(struct lh_text *out,
                                    const struct init *init,
                                    const char *const *names, int n)
{
    struct lh_ctx *ctx = init->ctx;
    const char *wanted = init->name != NULL ? init->name : default_name;
    const char *name = find(without_suffix(wanted, ctx), names, n);
    const char *near = lh_nearest(wanted, names, n);

    if (name != NULL) {
        lh_text_add(out,
                    lh_data_text(lh_format(ctx->arena, "%s%s", name, suffix)));
        return LH_OK;
    }
    if (near != NULL) {
        lh_error(ctx, LH_NOWHERE,
                 "there is no example '%s'; did you mean '%s'?", wanted, near);
    } else {
        lh_error(ctx, LH_NOWHERE,
                 "there is no example '%s'; see `longhaul init --list'",
                 wanted);
    }
    return LH_BAD_INPUT;
}

int lh__cmd_init(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[NAME]",
        "Prints a commented example scenario: NAME, or two sites joined by a "
        "fibre.",
        0,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct init init = {.ctx = &ctx};
    struct lh_text text = lh_text_new(ctx.arena);
    const char *names[MAX_EXAMPLES];
    enum lh_status st = LH_OK;
    int status;
    int n;

    argp_parse(&argp, argc, argv, 0, NULL, &init);
    n = examples(names, &ctx);
    if (init.list) {
        print_list(&text, names, n);
    } else {
        st = print_example(&text, &init, names, n);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = lh__print_result(&text);
    }
    lh_ctx_end(&ctx);
    return status;
}
