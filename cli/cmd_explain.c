/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul explain: help from the schema table, the same table that reads
 * scenarios: a key, all keys, the JSON Schema, the reference page.
 */
#include "cli.h"

enum { OPTION_ALL = 256, OPTION_JSON_SCHEMA, OPTION_MARKDOWN };

struct explain {
    struct lh_ctx *ctx;
    const char *key; /* NULL: the form */
    int form;        /* an option, 0: the key */
};

static const struct argp_option options[] = {
    {"all", OPTION_ALL, 0, 0, "Every key", 0},
    {"json-schema", OPTION_JSON_SCHEMA, 0, 0,
     "The JSON Schema of scenarios, for editors", 0},
    {"markdown", OPTION_MARKDOWN, 0, 0, "The reference page, docs/keys.md", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct explain *explain = state->input;

    switch (key) {
    case OPTION_ALL:
    case OPTION_JSON_SCHEMA:
    case OPTION_MARKDOWN:
    case ARGP_KEY_ARG:
        if (explain->form != 0 || explain->key != NULL) {
            argp_error(state, "one of KEY, --all, --json-schema and "
                              "--markdown at a time");
        }
        if (key == ARGP_KEY_ARG) {
            explain->key = arg;
        } else {
            explain->form = key;
        }
        return 0;
    case ARGP_KEY_END:
        if (explain->form == 0 && explain->key == NULL) {
            argp_error(state, "a key is needed, e.g. fibres[].length, or "
                              "--all");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum lh_status print(struct lh_text *out, const struct explain *explain)
{
    switch (explain->form) {
    case OPTION_JSON_SCHEMA:
        lh_schema_print_json_schema(out, explain->ctx);
        return LH_OK;
    case OPTION_MARKDOWN:
        lh_schema_print_markdown(out, explain->ctx);
        return LH_OK;
    default: return lh_schema_explain(out, explain->key, explain->ctx);
    }
}

int lh__cmd_explain(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "KEY\n--all\n--json-schema\n--markdown",
        "Prints what a key of the scenario means: unit, range, default.",
        0,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct explain explain = {.ctx = &ctx};
    struct lh_text text = lh_text_new(ctx.arena);
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &explain);
    st = print(&text, &explain);
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = lh__print_result(&text);
    }
    lh_ctx_end(&ctx);
    return status;
}
