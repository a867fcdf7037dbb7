/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fold as a picture (`longhaul show fold -o svg`): the quotient's classes
 * of ranks, communicators and links in three columns, a line where a class of
 * ranks is a member, or a class of links is crossed.  Integers only, so that
 * the same fold gives the same bytes.
 */
#include <math.h>

#include "fold_show.h"

enum {
    MARGIN = 20, TOP = 62, BOX_WIDTH = 250, BOX_HEIGHT = 38, ROW = 46,
    COLUMN = 365, WIDTH = 2 * MARGIN + 2 * COLUMN + BOX_WIDTH
};
enum column { RANKS, COMMS, LINKS };

struct picture {
    struct lh_text *out;
    int32_t n[LINKS + 1];
    int height;
};

static int left_of(enum column column)
{
    return MARGIN + (int)column * COLUMN;
}

/* Middle of a box; shorter columns are centred. */
static int middle_of(const struct picture *p, enum column column, int32_t i)
{
    int used = (int)p->n[column] * ROW;
    int room = p->height - TOP - MARGIN;
    return TOP + (room - used) / 2 + (int)i * ROW + ROW / 2;
}

static void put_escaped(struct lh_text *out, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&': lh_text_add(out, "&amp;"); break;
        case '<': lh_text_add(out, "&lt;"); break;
        case '>': lh_text_add(out, "&gt;"); break;
        default: lh_text_printf(out, "%c", *s);
        }
    }
}

static void put_text(struct lh_text *out, int x, int y, const char *style,
                     const char *s)
{
    lh_text_printf(out, "<text x=\"%d\" y=\"%d\" %s>", x, y, style);
    put_escaped(out, s);
    lh_text_add(out, "</text>\n");
}

static void put_box(const struct picture *p, enum column column, int32_t i,
                    const char *head, const char *body)
{
    static const char *const fill[] = {"#dceaf7", "#fbe8cd", "#d9f0e5"};
    int x = left_of(column), y = middle_of(p, column, i);
    lh_text_printf(p->out,
                   "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                   "rx=\"4\" fill=\"%s\" stroke=\"#888888\"/>\n",
                   x, y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT,
                   fill[column]);
    put_text(p->out, x + 8, y - 3, "font-size=\"12\" font-weight=\"bold\"",
             head);
    put_text(p->out, x + 8, y + 12, "font-size=\"11\"", body);
}

static void put_line(const struct picture *p, enum column from, int32_t i,
                     int32_t j)
{
    int x = left_of(from) + BOX_WIDTH, to = left_of(from) + COLUMN;
    int y = middle_of(p, from, i), end = middle_of(p, from + 1, j);
    int bend = (to - x) / 2;
    lh_text_printf(p->out,
                   "<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" "
                   "stroke=\"%s\"/>\n",
                   x, y, x + bend, y, to - bend, end, to, end,
                   from == RANKS ? "#0072b2" : "#d55e00");
}

static void put_lines(const struct picture *p,
                      const struct lh__fold_show *show)
{
    const struct lh__fold *f = &show->fold;
    for (int32_t i = 0; i < f->n_comms; i++) {
        for (int64_t k = show->member_first[i]; k < show->member_first[i + 1];
             k++)
            put_line(p, RANKS, show->member_class[k], i);
        for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++)
            put_line(p, COMMS, i, f->weight_link[k]);
    }
}

static void put_ranks(const struct picture *p,
                      const struct lh__fold_show *show)
{
    struct lh_arena *arena = p->out->arena;
    for (int32_t c = 0; c < p->n[RANKS]; c++)
        put_box(p, RANKS, c,
                lh_format(arena, "r%d: %lld ranks, %s", c,
                          (long long)show->fold.rank_size[c],
                          lh__fold_site(show, c)),
                lh__fold_template(show, c));
}

static void put_comms(const struct picture *p,
                      const struct lh__fold_show *show)
{
    struct lh_arena *arena = p->out->arena;
    for (int32_t i = 0; i < p->n[COMMS]; i++) {
        const char *algorithm = lh__fold_algorithm(show, i, arena);
        put_box(p, COMMS, i,
                lh_format(arena, "c%d: %lld, %lld members each", i,
                          (long long)show->fold.comm_size[i],
                          (long long)lh__fold_members(show, i)),
                lh_format(arena, "%s%s%s", lh__fold_axes(show, i, arena),
                          *algorithm ? ", " : "", algorithm));
    }
}

static void put_links(const struct picture *p,
                      const struct lh__fold_show *show)
{
    struct lh_arena *arena = p->out->arena;
    for (int32_t j = 0; j < p->n[LINKS]; j++) {
        struct lh_link_info link = lh_topology_link_at(
            show->point->topology, lh__fold_link(&show->fold, j));
        const char *capacity =
            isfinite(link.capacity_bytes_per_s)
                ? lh_units_human(arena, link.capacity_bytes_per_s,
                                 LH_DIM_BANDWIDTH)
                : "no limit";
        put_box(p, LINKS, j,
                lh_format(arena, "l%d: %lld %s, %s", j,
                          (long long)show->fold.link_size[j],
                          lh__link_kind_word(link.kind), capacity),
                link.name);
    }
}

static void put_heads(const struct picture *p,
                      const struct lh__fold_show *show)
{
    static const char *const what[] = {
        "classes of ranks", "classes of communicators", "classes of links"};
    struct lh_text *out = p->out;
    const char *title = lh_format(
        out->arena, "%s: %lld ranks in %d classes",
        show->point->scenario->name, (long long)show->incidence.ranks.n,
        p->n[RANKS]);
    lh_text_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                   "height=\"%d\" viewBox=\"0 0 %d %d\" "
                   "font-family=\"sans-serif\" role=\"img\">\n<title>",
                   WIDTH, p->height, WIDTH, p->height);
    put_escaped(out, title);
    lh_text_printf(out,
                   "</title>\n<rect width=\"%d\" height=\"%d\" "
                   "fill=\"#ffffff\"/>\n",
                   WIDTH, p->height);
    put_text(out, MARGIN, 24, "font-size=\"15\"", title);
    for (int column = RANKS; column <= LINKS; column++)
        put_text(out, left_of((enum column)column), 50, "font-size=\"13\"",
                 what[column]);
}

enum lh_status lh_sim_fold_svg(struct lh_text *out,
                               const struct lh_sim_point *point,
                               struct lh_ctx *ctx)
{
    struct lh__fold_show show;
    enum lh_status st = lh__fold_show_make(&show, point, ctx);
    if (st != LH_OK)
        goto out;
    struct picture p = {.out = out,
                        .n = {show.fold.n_ranks, show.fold.n_comms,
                              show.fold.n_links}};
    int32_t most = 1;
    for (int column = RANKS; column <= LINKS; column++) {
        if (p.n[column] > most)
            most = p.n[column];
    }
    p.height = TOP + (int)most * ROW + MARGIN;
    put_heads(&p, &show);
    put_lines(&p, &show);
    put_ranks(&p, &show);
    put_comms(&p, &show);
    put_links(&p, &show);
    lh_text_add(out, "</svg>\n");
out:
    lh__fold_show_free(&show);
    return st;
}
