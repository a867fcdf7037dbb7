/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sites of the report and what joins them: on a map where all places have
 * coordinates and stand far enough from one another, else around a circle.  A
 * cable is as thick as it is fast (a step a decade), and says how busy it is
 * where there is room.
 */
#include <math.h>
#include <string.h>

#include "report.h"

enum {
    CIRCLE_HEIGHT = 340,
    PAIR_HEIGHT = 130,
    LONE_HEIGHT = 90,
    LABELS = 40,
    WAY = 24
};

static double height_around(const struct lh__places *places)
{
    return places->n > 2   ? CIRCLE_HEIGHT
           : places->n > 1 ? PAIR_HEIGHT
                           : LONE_HEIGHT;
}

/* Sites first (they are); on an ellipse, two of them side by side. */
static void put_around(struct lh__places *places)
{
    double height = height_around(places);

    for (int i = 0; i < places->n; i++) {
        double turn = M_PI + 2 * M_PI * i / places->n;
        places->at[i].x = LH__WIDTH / 2.0 + 0.36 * LH__WIDTH * cos(turn);
        places->at[i].y = height / 2 + 0.36 * height * sin(turn);
    }
    if (places->n == 1)
        places->at[0].x = LH__WIDTH / 2.0;
}

static double thickness(double bytes_per_s)
{
    double decades = log10(fmax(bytes_per_s, 1e7) / 1e7);

    return isfinite(bytes_per_s) ? 1.5 + 0.9 * fmin(decades, 7) : 8;
}

/* Ways of a picture without a map are straight. */
static void put_cable(struct lh__page *p, const struct lh__view *view,
                      const struct lh__places *places,
                      const struct lh__cable *c)
{
    const struct lh__place *a = &places->at[c->a], *b = &places->at[c->b];
    const char *classes = c->busy_frac == 0 ? "way idle" : "way";

    lh_text_printf(p->out, "<g stroke-width=\"%.1f\">",
                   thickness(c->capacity_bytes_per_s));
    if (view != NULL)
        lh__view_way(p, view, a, b, classes);
    else
        lh__svg_line(p, (double[]){a->x, a->y}, (double[]){b->x, b->y},
                     classes);
    lh_text_add(p->out, "</g>\n");
}

static const char *cable_says(const struct lh__cable *c, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    lh_text_add(&text, isfinite(c->capacity_bytes_per_s) ? lh_units_human(
                           arena, c->capacity_bytes_per_s, LH_DIM_BANDWIDTH)
                                                         : "no limit");
    if (c->length_m > 0)
        lh_text_printf(&text, ", %s",
                       lh_units_human(arena, c->length_m, LH_DIM_LENGTH));
    if (c->busy_frac >= 0)
        lh_text_printf(&text, ", %.0f %% busy", 100 * c->busy_frac);
    return text.s;
}

/* Of few cables all, of more how busy they are, of many the table says it. */
static const char *cable_label(const struct lh__places *places, int i,
                               struct lh_arena *arena)
{
    const struct lh__cable *c = &places->cables[i];

    if (places->n_cables <= 2)
        return cable_says(c, arena);
    if (places->n_cables > 40 || !(c->busy_frac > 0))
        return "";
    return lh_format(arena, "%.0f %%", 100 * c->busy_frac);
}

/* ---- texts -----------------------------------------------------------------
 */

struct map {
    const struct lh__places *places;
    const struct lh__view *view; /* NULL: none */
    struct lh__labels labels;
};

static void on_way(double at[2], const struct map *m, const struct lh__cable *c,
                   double share)
{
    const struct lh__place *a = &m->places->at[c->a], *b = &m->places->at[c->b];

    if (m->view != NULL) {
        lh__view_between(at, m->view, a, b, share);
        return;
    }
    at[0] = a->x + share * (b->x - a->x);
    at[1] = a->y + share * (b->y - a->y);
}

static void take_places(struct map *m)
{
    const struct lh__places *places = m->places;

    for (int i = 0; i < places->n; i++)
        lh__label_point(&m->labels, places->at[i].x, places->at[i].y,
                        places->at[i].is_site ? 9 : 5);
    for (int i = 0; i < places->n_cables && i < LABELS; i++) {
        for (int k = 0; k <= WAY; k++) {
            double at[2];
            on_way(at, m, &places->cables[i], (double)k / WAY);
            lh__label_way(&m->labels, at);
        }
    }
}

/* Two lines beside, above or below a place: corner of the box from it, where
 * the text is anchored (0, 0.5, 1 of its width). */
static const struct side {
    double x, y, anchor;
} sides[] = {{10, 5, 0},   {-10, 5, 1},   {10, -34, 0}, {-10, -34, 1},
             {13, -15, 0}, {-13, -15, 1}, {0, 11, 0.5}, {0, -42, 0.5}};
enum { SIDES = (int)(sizeof sides / sizeof sides[0]) };

static const char *anchor_class(double anchor)
{
    return anchor == 0 ? "" : anchor == 1 ? " end" : " middle";
}

static void put_label(struct lh__page *p, struct map *m,
                      const struct lh__place *at)
{
    const char *name = lh__clipped(p->arena, at->name, 24);
    const char *words = lh__clipped(p->arena, at->words, 26);
    double width =
        fmax(lh__text_width(name, true), lh__text_width(words, false));
    struct lh__box boxes[SIDES];
    const struct side *side;
    int best;

    for (int i = 0; i < SIDES; i++)
        boxes[i] = (struct lh__box){
            at->x + sides[i].x - sides[i].anchor * width, at->y + sides[i].y,
            width, *words != '\0' ? 30 : 16};
    best = lh__label_place(&m->labels, boxes, SIDES, at->is_site ? 200 : 40);
    if (best < 0)
        return;
    side = &sides[best];
    lh__svg_text(
        p, at->x + side->x, boxes[best].y + 13,
        lh_format(p->arena, "strong halo%s", anchor_class(side->anchor)), name);
    if (*words != '\0')
        lh__svg_text(
            p, at->x + side->x, boxes[best].y + 27,
            lh_format(p->arena, "dim halo%s", anchor_class(side->anchor)),
            words);
}

/* How much a way rises or falls under a text of a width. */
static double climb(const struct map *m, const struct lh__cable *c,
                    double share, double width)
{
    double from[2], to[2];

    on_way(from, m, c, share - 0.02);
    on_way(to, m, c, share + 0.02);
    return fmin(fabs(to[1] - from[1]) / fmax(fabs(to[0] - from[0]), 0.01)
                    * width / 2,
                60);
}

/* Over, under or, if there is no room, on a point of the way. */
static void put_cable_label(struct lh__page *p, struct map *m,
                            const struct lh__cable *c, const char *label)
{
    static const double shares[] = {0.5, 0.42, 0.58, 0.34, 0.66, 0.75, 0.25};
    enum {
        SHARES = (int)(sizeof shares / sizeof shares[0]),
        EACH = 3,
        HIGH = 14
    };
    double width = lh__text_width(label, false);
    struct lh__box boxes[SHARES * EACH];
    int best;

    for (int i = 0; i < SHARES; i++) {
        double at[2], off = climb(m, c, shares[i], width) + 6;
        const double ys[EACH] = {-off - HIGH, off, -HIGH / 2.0};
        on_way(at, m, c, shares[i]);
        for (int k = 0; k < EACH; k++)
            boxes[i * EACH + k] =
                (struct lh__box){at[0] - width / 2, at[1] + ys[k], width, HIGH};
    }
    best = lh__label_place(&m->labels, boxes, SHARES * EACH,
                           m->places->n_cables > 2 ? 19 : 1000);
    if (best >= 0)
        lh__svg_text(p, boxes[best].x + width / 2, boxes[best].y + 11,
                     "dim middle halo", label);
}

/* Sites have the first choice. */
static void put_texts(struct lh__page *p, struct map *m)
{
    const struct lh__places *places = m->places;

    take_places(m);
    for (int i = 0; i < places->n && i < LABELS; i++)
        put_label(p, m, &places->at[i]);
    for (int i = 0; i < places->n_cables; i++) {
        const char *label = cable_label(places, i, p->arena);
        if (*label != '\0')
            put_cable_label(p, m, &places->cables[i], label);
    }
}

static void put_points(struct lh__page *p, const struct lh__places *places)
{
    for (int i = 0; i < places->n; i++) {
        const struct lh__place *at = &places->at[i];
        lh_text_printf(p->out,
                       "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" "
                       "class=\"%s\"/>\n",
                       at->x, at->y, at->is_site ? 8 : 4,
                       at->is_site ? "site" : "node");
    }
}

static void put_table(struct lh__page *p, const struct lh__places *places)
{
    static const char *const heads[] = {"fibre", "length", "round trip",
                                        "each way", "busy"};
    static const char *const site_heads[] = {"site", "accelerators"};
    bool cables = places->n_cables > 0;

    lh__table_begin(p, cables ? heads : site_heads, cables ? 5 : 2);
    for (int i = 0; i < places->n && !cables; i++) {
        const char *cells[] = {places->at[i].name, places->at[i].words};
        lh__table_row(p, cells, 2);
    }
    for (int i = 0; i < places->n_cables; i++) {
        const struct lh__cable *c = &places->cables[i];
        const char *cells[] = {
            lh__link_words(p->arena, c->name),
            c->length_m >= 0
                ? lh_units_human(p->arena, c->length_m, LH_DIM_LENGTH)
                : "",
            c->latency_s >= 0 ? lh__seconds(p->arena, 2 * c->latency_s) : "",
            isfinite(c->capacity_bytes_per_s) ? lh_units_human(
                p->arena, c->capacity_bytes_per_s, LH_DIM_BANDWIDTH)
                                              : "no limit",
            c->busy_frac >= 0 ? lh__share_text(p->arena, c->busy_frac) : ""};
        lh__table_row(p, cells, 5);
    }
    lh__table_end(p);
}

void lh__report_map(struct lh__page *p)
{
    struct lh__places places;
    struct lh__view view;
    double height;
    bool map;

    if (lh__places_find(&places, p->in->report, p->ctx) != LH_OK)
        return; /* it was built before: the loop ran on it */
    map = places.located && lh__view_find(&view, &places);
    if (!map)
        put_around(&places);
    height = map ? view.height : height_around(&places);
    lh__section_begin(
        p, "map", places.n_cables > 0 ? "Sites and fibres" : "Sites",
        places.n_cables == 0 ? ""
        : map ? "Land by Natural Earth.  A fibre is drawn along the great "
                "circle, as thick as it is fast, grey where nothing crosses it."
              : "Not to scale.  A fibre is as thick as it is fast, grey where "
                "nothing crosses it.");
    lh__svg_begin(p, "Sites and the fibres between them", height);
    lh__svg_rect(p, (double[]){0, 0, LH__WIDTH, height}, "sea", NULL);
    if (map)
        lh__view_land(p, &view);
    for (int i = 0; i < places.n_cables; i++)
        put_cable(p, map ? &view : NULL, &places, &places.cables[i]);
    put_points(p, &places);
    put_texts(p, &(struct map){&places,
                               map ? &view : NULL,
                               {.arena = p->arena, .height = height}});
    lh__svg_end(p);
    put_table(p, &places);
    lh__section_end(p);
}
