/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sites of the report and what joins them: on a map where all places have
 * coordinates and stand far enough from one another, else around a circle.  A
 * cable is as thick as it is fast (a step a decade), and says how busy it is.
 */
#include <math.h>
#include <string.h>

#include "report.h"

enum { CIRCLE_HEIGHT = 340, LONE_HEIGHT = 90, LABELS = 40 };

/* Sites first (they are); on an ellipse, two of them side by side. */
static void put_around(struct lh__places *places)
{
    for (int i = 0; i < places->n; i++) {
        double turn = M_PI + 2 * M_PI * i / places->n;
        places->at[i].x = LH__WIDTH / 2.0 + 0.36 * LH__WIDTH * cos(turn);
        places->at[i].y =
            CIRCLE_HEIGHT / 2.0 + 0.36 * CIRCLE_HEIGHT * sin(turn);
    }
    if (places->n == 1) {
        places->at[0].x = LH__WIDTH / 2.0;
        places->at[0].y = LONE_HEIGHT / 2.0;
    }
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

/* So high above the middle of a way that the way does not cross it. */
static double above(const struct lh__place *a, const struct lh__place *b,
                    const char *label)
{
    double slope = fabs(a->y - b->y) / fmax(fabs(a->x - b->x), 1);

    return 10 + fmin(3.4 * (double)strlen(label) * slope, 60);
}

static void put_cable_words(struct lh__page *p, const struct lh__view *view,
                            const struct lh__places *places)
{
    for (int i = 0; i < places->n_cables; i++) {
        const struct lh__cable *c = &places->cables[i];
        const struct lh__place *a = &places->at[c->a], *b = &places->at[c->b];
        const char *label = cable_label(places, i, p->arena);
        double at[2] = {(a->x + b->x) / 2, (a->y + b->y) / 2};
        if (view != NULL)
            lh__view_middle(at, view, a, b);
        at[0] = fmin(fmax(at[0], 4 * (double)strlen(label)),
                     LH__WIDTH - 4 * (double)strlen(label));
        at[1] = fmax(at[1] - above(a, b, label), 14);
        if (*label != '\0')
            lh__svg_text(p, at[0], at[1], "dim middle halo", label);
    }
}

struct label {
    double x, y, width;
};

/* Lower, as long as it would lie on one before. */
static double free_y(const struct label *before, int n, struct label at)
{
    for (int tries = 0; tries < n + 1; tries++) {
        bool moved = false;
        for (int i = 0; i < n; i++) {
            if (fabs(before[i].y - at.y) < 30 && before[i].x < at.x + at.width
                && at.x < before[i].x + before[i].width) {
                at.y = before[i].y + 30;
                moved = true;
            }
        }
        if (!moved)
            break;
    }
    return at.y;
}

/* Beside the place, on the left where it is far on the right; without a map
 * outside the circle. */
static struct label label_of(const struct lh__place *at, bool map)
{
    double width =
        8.5 * fmax((double)strlen(at->name), (double)strlen(at->words));
    bool left = at->x > 0.75 * LH__WIDTH;
    bool above =
        !map && at->y < CIRCLE_HEIGHT / 2.0 - 20 && at->y > LONE_HEIGHT / 2.0;

    return (struct label){left ? at->x - 10 - width : at->x + 10,
                          above ? at->y - 22 : at->y + 18, width};
}

static void put_label(struct lh__page *p, const struct lh__place *at,
                      const struct label *label)
{
    bool left = label->x < at->x;
    double x = left ? at->x - 10 : at->x + 10;

    lh__svg_text(p, x, label->y, left ? "strong halo end" : "strong halo",
                 lh__clipped(p->arena, at->name, 24));
    lh__svg_text(p, x, label->y + 14, left ? "dim halo end" : "dim halo",
                 lh__clipped(p->arena, at->words, 26));
}

static void put_places(struct lh__page *p, const struct lh__places *places,
                       const struct lh__view *view)
{
    double height = view != NULL ? view->height : CIRCLE_HEIGHT;
    struct label labels[LABELS];
    int n = 0;

    for (int i = 0; i < places->n; i++) {
        const struct lh__place *at = &places->at[i];
        lh_text_printf(p->out,
                       "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" "
                       "class=\"%s\"/>\n",
                       at->x, at->y, at->is_site ? 8 : 4,
                       at->is_site ? "site" : "node");
        if (n == LABELS)
            continue;
        labels[n] = label_of(at, view != NULL);
        labels[n].y = free_y(labels, n, labels[n]);
        if (labels[n].y < height - 20)
            put_label(p, at, &labels[n++]);
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
    height = map ? view.height : places.n > 1 ? CIRCLE_HEIGHT : LONE_HEIGHT;
    lh__section_begin(
        p, "map", places.n_cables > 0 ? "Sites and fibres" : "Sites",
        map ? "Land by Natural Earth.  A fibre is drawn along the great "
              "circle, as thick as it is fast, grey where nothing crosses it."
            : "Not to scale.  A fibre is as thick as it is fast, grey where "
              "nothing crosses it.");
    lh__svg_begin(p, "Sites and the fibres between them", height);
    lh__svg_rect(p, (double[]){0, 0, LH__WIDTH, height}, "sea", NULL);
    if (map)
        lh__view_land(p, &view);
    for (int i = 0; i < places.n_cables; i++)
        put_cable(p, map ? &view : NULL, &places, &places.cables[i]);
    put_cable_words(p, map ? &view : NULL, &places);
    put_places(p, &places, map ? &view : NULL);
    lh__svg_end(p);
    put_table(p, &places);
    lh__section_end(p);
}
