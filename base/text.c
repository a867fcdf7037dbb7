/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Text buffers, and the two ways numbers and strings are written everywhere:
 * doubles as the shortest decimal that reads back as the same bits, strings as
 * JSON.  Used by every stage that prints.
 *
 * Shortest here means the first of 15, 16 and 17 significant digits that reads
 * back; 17 always do (IEEE 754 binary64).  The decimal point is that of the C
 * locale: the program never calls setlocale.  UTF-8 is as in RFC 3629, JSON as
 * in RFC 8259.
 */
#include <longhaul/base.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct lh_text lh_text_new(struct lh_arena *arena)
{
    struct lh_text text = {.arena = arena};

    text.s = lh_grow(arena, NULL, &text.capacity, 64, 1);
    return text;
}

static void add_bytes(struct lh_text *text, const char *s, size_t n)
{
    text->s = lh_grow(text->arena, text->s, &text->capacity,
                      text->n + n + 1, 1);
    memcpy(text->s + text->n, s, n);
    text->n += n;
    text->s[text->n] = '\0';
}

void lh_text_add(struct lh_text *text, const char *s)
{
    add_bytes(text, s, strlen(s));
}

void lh_text_printf(struct lh_text *text, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n <= 0) {
        return;
    }
    text->s = lh_grow(text->arena, text->s, &text->capacity,
                      text->n + (size_t)n + 1, 1);
    va_start(args, fmt);
    vsnprintf(text->s + text->n, (size_t)n + 1, fmt, args);
    va_end(args);
    text->n += (size_t)n;
}

void lh_text_double(struct lh_text *text, double value)
{
    char s[40];

    if (isnan(value)) {
        lh_text_add(text, "nan");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, value);
        if (strtod(s, NULL) == value) {
            break;
        }
    }
    lh_text_add(text, s);
}

void lh_text_json_double(struct lh_text *text, double value)
{
    if (isfinite(value)) {
        lh_text_double(text, value);
    } else {
        lh_text_add(text, "null");
    }
}

int lh__utf8_length(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    int n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2
            : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;

    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f)) {
        return 0;
    }
    return n;
}

static void add_json_ascii(struct lh_text *text, char c)
{
    switch (c) {
    case '"': lh_text_add(text, "\\\""); break;
    case '\\': lh_text_add(text, "\\\\"); break;
    case '\n': lh_text_add(text, "\\n"); break;
    case '\t': lh_text_add(text, "\\t"); break;
    case '\r': lh_text_add(text, "\\r"); break;
    default:
        if ((unsigned char)c < 0x20) {
            lh_text_printf(text, "\\u%04x", (unsigned)(unsigned char)c);
        } else {
            add_bytes(text, &c, 1);
        }
    }
}

void lh_text_json_string(struct lh_text *text, const char *s)
{
    lh_text_add(text, "\"");
    while (*s != '\0') {
        int n = lh__utf8_length(s);
        if (n == 0) {
            lh_text_add(text, "\\ufffd");
            n = 1;
        } else if (n == 1) {
            add_json_ascii(text, *s);
        } else {
            add_bytes(text, s, (size_t)n);
        }
        s += n;
    }
    lh_text_add(text, "\"");
}
