/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Diagnostics: what is wrong with the user's input, in the order found, one
 * line each, and the context that every stage is handed.  cli/ prints them.
 *
 * A message may quote the user's bytes, so it is made safe for a terminal:
 * a newline becomes \n, other control characters (C0, DEL, C1) and bytes that
 * are not UTF-8 become \xNN.
 */
#include <longhaul/base.h>

#include <string.h>

#include "utf8.h"

struct lh_diag {
    struct lh_message *messages;
    size_t n;
    size_t capacity;
    int count[LH_ERROR + 1]; /* by severity */
};

struct lh_ctx lh_ctx_begin(void)
{
    struct lh_ctx ctx = {.arena = lh_arena_new()};

    ctx.diag = LH_NEW(ctx.arena, struct lh_diag, 1);
    return ctx;
}

void lh_ctx_end(struct lh_ctx *ctx)
{
    lh_arena_free(ctx->arena);
    ctx->arena = NULL;
    ctx->diag = NULL;
}

static bool is_c1_control(const char *s, int n)
{
    return n == 2 && (unsigned char)s[0] == 0xc2 &&
           (unsigned char)s[1] < 0xa0;
}

static const char *escape(struct lh_arena *arena, const char *s)
{
    struct lh_text out = lh_text_new(arena);

    while (*s != '\0') {
        int n = lh__utf8_length(s);
        if (*s == '\n') {
            lh_text_add(&out, "\\n");
        } else if (n == 0 || (n == 1 && ((unsigned char)*s < 0x20 ||
                                         *s == 0x7f))) {
            n = 1;
            lh_text_printf(&out, "\\x%02x", (unsigned)(unsigned char)*s);
        } else if (is_c1_control(s, n)) {
            lh_text_printf(&out, "\\xc2\\x%02x",
                           (unsigned)(unsigned char)s[1]);
        } else {
            lh_text_printf(&out, "%.*s", n, s);
        }
        s += n;
    }
    return out.s;
}

static void add(struct lh_ctx *ctx, enum lh_severity severity,
                struct lh_where where, const char *fmt, va_list args)
{
    struct lh_diag *diag = ctx->diag;
    struct lh_message *message;
    va_list again;
    char *raw;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    raw = LH_NEW(ctx->arena, char, (size_t)(n > 0 ? n : 0) + 1);
    vsnprintf(raw, (size_t)(n > 0 ? n : 0) + 1, fmt, args);

    diag->messages = lh_grow(ctx->arena, diag->messages, &diag->capacity,
                             diag->n + 1, sizeof *diag->messages);
    message = &diag->messages[diag->n++];
    message->severity = severity;
    message->where = where;
    if (where.file != NULL) {
        message->where.file = escape(ctx->arena, where.file);
    }
    message->text = escape(ctx->arena, raw);
    diag->count[severity]++;
}

void lh_error(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(ctx, LH_ERROR, where, fmt, args);
    va_end(args);
}

void lh_warn(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(ctx, LH_WARNING, where, fmt, args);
    va_end(args);
}

void lh_note(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(ctx, LH_NOTE, where, fmt, args);
    va_end(args);
}

int lh_diag_count(const struct lh_ctx *ctx, enum lh_severity severity)
{
    return ctx->diag->count[severity];
}

int lh_diag_total(const struct lh_ctx *ctx)
{
    return (int)ctx->diag->n;
}

const struct lh_message *lh_diag_at(const struct lh_ctx *ctx, int i)
{
    return &ctx->diag->messages[i];
}
