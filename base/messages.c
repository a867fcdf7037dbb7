/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Messages as text: "file:line:col: error: text"; what is not known is left
 * out.  They are sorted by file, line and column, ties in the order found;
 * those without a place come last, and none is said twice.
 */
#include <longhaul/base.h>

#include <stdlib.h>
#include <string.h>

struct placed {
    const struct lh_message *message;
    int order;
};

static int compare_places(const struct lh_where *p, const struct lh_where *q)
{
    int files;

    if (p->file == NULL || q->file == NULL) {
        files = (p->file == NULL) - (q->file == NULL);
    } else {
        files = strcmp(p->file, q->file);
    }
    if (files != 0) {
        return files;
    }
    if (p->line != q->line) {
        return p->line < q->line ? -1 : 1;
    }
    return (p->col > q->col) - (p->col < q->col);
}

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    int places = compare_places(&x->message->where, &y->message->where);

    return places != 0 ? places : x->order - y->order;
}

static bool same(const struct lh_message *a, const struct lh_message *b)
{
    return a->severity == b->severity
           && compare_places(&a->where, &b->where) == 0
           && strcmp(a->text, b->text) == 0;
}

static void write_message(struct lh_text *out, const struct lh_message *message)
{
    static const char *const severities[] = {
        [LH_NOTE] = "note", [LH_WARNING] = "warning", [LH_ERROR] = "error"};
    const struct lh_where *where = &message->where;

    if (where->file != NULL) {
        lh_text_printf(out, "%s:", where->file);
        if (where->line > 0) {
            lh_text_printf(out, "%d:", where->line);
        }
        if (where->line > 0 && where->col > 0) {
            lh_text_printf(out, "%d:", where->col);
        }
        lh_text_add(out, " ");
    }
    lh_text_printf(out, "%s: %s\n", severities[message->severity],
                   message->text);
}

void lh_diag_write(struct lh_text *out, const struct lh_ctx *ctx)
{
    int n = lh_diag_total(ctx);
    struct placed *placed = LH_NEW(ctx->arena, struct placed, n);

    for (int i = 0; i < n; i++) {
        placed[i] = (struct placed){lh_diag_at(ctx, i), i};
    }
    qsort(placed, (size_t)n, sizeof *placed, by_place);
    for (int i = 0; i < n; i++) {
        /* Two stages, or a scenario and its baseline, may find the same. */
        if (i == 0 || !same(placed[i].message, placed[i - 1].message)) {
            write_message(out, placed[i].message);
        }
    }
}
