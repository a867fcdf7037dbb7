/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the reader of tables does not see: the comment before a file's header,
 * whose first paragraph is the citation and whose others say what was assumed,
 * and where on its line a cell begins.
 *
 * Place in the pipeline: while rows are read (validate_read.c), and where a
 * cell of a data table is replaced (calibrate_table.c).
 */
#include <string.h>

#include "validate.h"

/* ---- places ---------------------------------------------------------------
 */

static const char *line_begin(const char *text, int line)
{
    for (int i = 1; i < line && text; i++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text;
}

struct lh_where lh__cell_where(const char *file, const char *text, int line,
                               int cell)
{
    struct lh_where where = {file, line, 0};
    const char *begin = line_begin(text, line);
    bool quoted = false;
    for (const char *p = begin; p && *p && *p != '\n'; p++) {
        if (cell == 0) {
            where.col = (int)(p - begin) + 1;
            break;
        }
        quoted ^= *p == '"';
        cell -= *p == ',' && !quoted;
    }
    return where;
}

int lh__header_line(const char *text)
{
    int line = 1;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (text && (*text == '#' || text[strspn(text, " \t\r")] == '\n')) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
        line++;
    }
    return line;
}

/* ---- the comment ----------------------------------------------------------
 */

void lh__read_comment(struct lh_validation_source *source, const char *text,
                      struct lh_arena *arena)
{
    struct lh_text title = lh_text_new(arena), remarks = lh_text_new(arena);
    struct lh_text *out = &title;
    bool begins = true;
    while (text && *text == '#') {
        const char *line = text + 1 + strspn(text + 1, " ");
        int n = (int)strcspn(line, "\r\n");
        if (n == 0 && title.n > 0) {
            if (out == &remarks)
                lh_text_add(&remarks, "\n\n");
            out = &remarks;
            begins = true;
        } else if (n > 0) {
            lh_text_printf(out, "%s%.*s", begins ? "" : " ", n, line);
            begins = false;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    source->title = title.s;
    source->remarks = remarks.s;
}
