/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the sections of the report are written with: escaped text, tables,
 * legends and the few elements of SVG that they need.
 *
 * The page is HTML that is XML too (XHTML syntax), so that any reader of XML
 * can check it: every element is closed, and of names from the input nothing
 * remains that is markup, a control character or no UTF-8.  Coordinates have
 * one decimal, so that the same figures give the same bytes.
 */
#include <math.h>
#include <string.h>

#include "report.h"

#define MINUS "\xe2\x88\x92" /* as wide as the plus */

/* ---- text ---------------------------------------------------------------- */

/* Length of the UTF-8 sequence at s, 0 where there is none (RFC 3629). */
static int sequence(const unsigned char *s)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        int n;
    } kinds[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int n = kinds[i].n;
        if (s[0] < kinds[i].low || s[0] > kinds[i].high)
            continue;
        if (n > 1
            && (s[1] < kinds[i].second_low || s[1] > kinds[i].second_high))
            return 0;
        for (int k = 2; k < n; k++) {
            if (s[k] < 0x80 || s[k] > 0xbf)
                return 0;
        }
        return n;
    }
    return 0;
}

/* U+0080 to U+009F, U+FFFE and U+FFFF are valid UTF-8 and no text. */
static bool is_text(const unsigned char *s, int n)
{
    if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
        return false;
    return n != 3 || s[0] != 0xef || s[1] != 0xbf || s[2] < 0xbe;
}

void lh__escaped(struct lh_text *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s != '\0') {
        int n = sequence(s);
        switch (*s) {
        case '&': lh_text_add(out, "&amp;"); break;
        case '<': lh_text_add(out, "&lt;"); break;
        case '>': lh_text_add(out, "&gt;"); break;
        case '"': lh_text_add(out, "&quot;"); break;
        case '\'': lh_text_add(out, "&#39;"); break;
        default:
            if (n > 0 && is_text(s, n))
                lh_text_printf(out, "%.*s", n, (const char *)s);
            else
                lh_text_add(out, "\xef\xbf\xbd");
        }
        s += n > 0 ? n : 1;
    }
}

const char *lh__link_words(struct lh_arena *arena, const char *name)
{
    const char *arrow = strstr(name, "->");

    if (arrow == NULL)
        return name;
    return lh_format(arena, "%.*s → %s", (int)(arrow - name), name, arrow + 2);
}

const char *lh__seconds(struct lh_arena *arena, double seconds)
{
    return lh_units_human(arena, seconds, LH_DIM_TIME);
}

const char *lh__share_text(struct lh_arena *arena, double frac)
{
    return lh_format(arena, "%.1f %%", 100 * frac);
}

const char *lh__change_text(struct lh_arena *arena, double by_frac)
{
    const char *size = lh_format(arena, "%.1f", 100 * fabs(by_frac));
    const char *sign = strcmp(size, "0.0") == 0 ? ""
                       : by_frac > 0            ? "+"
                                                : MINUS;

    return lh_format(arena, "%s%s %%", sign, size);
}

const char *lh__sentence(struct lh_arena *arena, const char *s)
{
    size_t n = strlen(s);

    if (n == 0)
        return s;
    return lh_format(arena, "%c%s%s",
                     s[0] >= 'a' && s[0] <= 'z' ? s[0] - 'a' + 'A' : s[0],
                     s + 1, s[n - 1] == '.' ? "" : ".");
}

/* Whole below a million, with commas. */
const char *lh__count_text(struct lh_arena *arena, double n)
{
    if (n >= 1e6)
        return lh_format(arena, "%.4g million", n / 1e6);
    if (n >= 1e3)
        return lh_format(arena, "%.0f,%03.0f", floor(round(n) / 1e3),
                         fmod(round(n), 1e3));
    return lh_format(arena, "%.4g", n);
}

const char *lh__gib(struct lh_arena *arena, double bytes)
{
    return lh_format(arena, "%.1f GiB", bytes / (1024.0 * 1024.0 * 1024.0));
}

/* Where the i-th character begins. */
static size_t offset_of(const char *s, int i)
{
    size_t at = 0;

    for (int seen = 0; s[at] != '\0'; at++) {
        if (((unsigned char)s[at] & 0xc0) != 0x80 && seen++ == i)
            break;
    }
    return at;
}

const char *lh__clipped(struct lh_arena *arena, const char *s, int n)
{
    int length = 0;

    for (size_t i = 0; s[i] != '\0'; i++)
        length += ((unsigned char)s[i] & 0xc0) != 0x80;
    if (length <= n)
        return s;
    return lh_format(arena, "%.*s…%s", (int)offset_of(s, n / 2), s,
                     s + offset_of(s, length - (n - n / 2 - 1)));
}

/* ---- sections and tables ------------------------------------------------- */

void lh__section_begin(struct lh__page *p, const char *id, const char *heading,
                       const char *caption)
{
    lh_text_printf(p->out, "<section id=\"%s", id);
    if (p->number > 0)
        lh_text_printf(p->out, "-%d", p->number + 1);
    lh_text_add(p->out, "\">\n<h2>");
    if (p->in->label != NULL && strcmp(id, "parts") != 0
        && strcmp(id, "loop") != 0) /* these have bars of all */
        lh_text_printf(p->out, "%s: ", p->in->label);
    lh__escaped(p->out, heading);
    lh_text_add(p->out, "</h2>\n");
    if (*caption != '\0') {
        lh_text_add(p->out, "<p>");
        lh__escaped(p->out, caption);
        lh_text_add(p->out, "</p>\n");
    }
}

void lh__section_end(struct lh__page *p)
{
    lh_text_add(p->out, "</section>\n");
}

void lh__table_begin(struct lh__page *p, const char *const *heads, int n)
{
    lh_text_add(p->out, "<details><summary>Table</summary>\n<table>\n<thead>"
                        "<tr>");
    for (int i = 0; i < n; i++) {
        lh_text_add(p->out, "<th scope=\"col\">");
        lh__escaped(p->out, heads[i]);
        lh_text_add(p->out, "</th>");
    }
    lh_text_add(p->out, "</tr></thead>\n<tbody>\n");
}

static bool is_figure(const char *s)
{
    s += *s == '+' || *s == '-'                     ? 1
         : strncmp(s, MINUS, sizeof MINUS - 1) == 0 ? sizeof MINUS - 1
                                                    : 0;
    return (*s >= '0' && *s <= '9') || *s == '\0';
}

void lh__table_row(struct lh__page *p, const char *const *cells, int n)
{
    lh_text_add(p->out, "<tr>");
    for (int i = 0; i < n; i++) {
        lh_text_add(p->out, i == 0                ? "<th scope=\"row\">"
                            : is_figure(cells[i]) ? "<td class=\"figure\">"
                                                  : "<td>");
        lh__escaped(p->out, cells[i]);
        lh_text_add(p->out, i == 0 ? "</th>" : "</td>");
    }
    lh_text_add(p->out, "</tr>\n");
}

void lh__table_end(struct lh__page *p)
{
    lh_text_add(p->out, "</tbody></table></details>\n");
}

/* ---- pictures ------------------------------------------------------------ */

void lh__svg_begin(struct lh__page *p, const char *title, double height)
{
    lh_text_printf(p->out,
                   "<figure><svg xmlns=\"http://www.w3.org/2000/svg\" "
                   "viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>",
                   LH__WIDTH, height);
    lh__escaped(p->out, title);
    lh_text_add(p->out, "</title>\n");
}

void lh__svg_end(struct lh__page *p)
{
    lh_text_add(p->out, "</svg></figure>\n");
}

void lh__svg_text(struct lh__page *p, double x, double y, const char *classes,
                  const char *text)
{
    lh_text_printf(p->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y,
                   classes);
    lh__escaped(p->out, text);
    lh_text_add(p->out, "</text>\n");
}

void lh__svg_rect(struct lh__page *p, const double box[4], const char *classes,
                  const char *tooltip)
{
    lh_text_printf(p->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                   "height=\"%.1f\" class=\"%s\"",
                   box[0], box[1], box[2], box[3], classes);
    if (tooltip == NULL) {
        lh_text_add(p->out, "/>\n");
        return;
    }
    lh_text_add(p->out, "><title>");
    lh__escaped(p->out, tooltip);
    lh_text_add(p->out, "</title></rect>\n");
}

void lh__svg_line(struct lh__page *p, const double from[2], const double to[2],
                  const char *classes)
{
    lh_text_printf(p->out,
                   "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                   "class=\"%s\"/>\n",
                   from[0], from[1], to[0], to[1], classes);
}

void lh__legend_begin(struct lh__page *p)
{
    lh_text_add(p->out, "<ul class=\"legend\">\n");
}

void lh__legend_item(struct lh__page *p, const char *classes, const char *text)
{
    lh_text_printf(p->out,
                   "<li><svg xmlns=\"http://www.w3.org/2000/svg\" "
                   "viewBox=\"0 0 14 14\" class=\"swatch\" "
                   "aria-hidden=\"true\"><rect width=\"14\" height=\"14\" "
                   "class=\"%s\"/></svg> ",
                   classes);
    lh__escaped(p->out, text);
    lh_text_add(p->out, "</li>\n");
}

void lh__legend_end(struct lh__page *p)
{
    lh_text_add(p->out, "</ul>\n");
}
