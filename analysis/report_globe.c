/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The map of the report: degrees become coordinates of the picture, land its
 * outline (data/land.csv, Natural Earth), a cable the great circle between its
 * ends.
 *
 *     x = (longitude - west) k cos(middle latitude)
 *     y = (north - latitude) k
 *
 * An equirectangular projection, true to shape in the middle.  The way of a
 * cable is that on a sphere and for the eye alone: lengths come from
 * topologies/length.c.  West is chosen so that the places stand together, over
 * the date line too.
 */
#include <math.h>
#include <stdlib.h>

#include "report.h"

enum { STEPS = 48, MARGIN_DEG = 2, NEAR = 14 };

static double radians(double deg)
{
    return deg * M_PI / 180;
}

/* ---- which part of the Earth --------------------------------------------- */

/* deg, plus or minus full turns, from `west` on. */
static double east_of(double west_deg, double deg)
{
    return deg - 360 * floor((deg - west_deg) / 360);
}

/* The place after which the widest gap to the next in the east ends. */
static double western_end(const struct lh__places *places)
{
    double best = places->at[0].longitude_deg, widest = -1;

    for (int i = 0; i < places->n; i++) {
        double west = places->at[i].longitude_deg, span = 0;
        for (int k = 0; k < places->n; k++)
            span =
                fmax(span, east_of(west, places->at[k].longitude_deg) - west);
        if (360 - span > widest) {
            widest = 360 - span;
            best = west;
        }
    }
    return best;
}

struct box {
    double west, east, south, north;
};

static struct box box_of(const struct lh__places *places)
{
    struct box box = {western_end(places), 0, 90, -90};

    box.east = box.west;
    for (int i = 0; i < places->n; i++) {
        const struct lh__place *at = &places->at[i];
        box.east = fmax(box.east, east_of(box.west, at->longitude_deg));
        box.south = fmin(box.south, at->latitude_deg);
        box.north = fmax(box.north, at->latitude_deg);
    }
    return box;
}

/* Room around the places, and north of them for the ways. */
static void widen(struct box *box)
{
    double wide = box->east - box->west;
    double high = box->north - box->south;

    box->west -= MARGIN_DEG + 0.18 * wide;
    box->east += MARGIN_DEG + 0.18 * wide;
    box->south -= MARGIN_DEG + 0.25 * high + 0.03 * wide;
    box->north += MARGIN_DEG + 0.25 * high + (wide > 60 ? 0.2 : 0.04) * wide;
    box->south = fmax(box->south, -88);
    box->north = fmin(box->north, 88);
    if (box->east - box->west > 360) {
        double middle = (box->east + box->west) / 2;
        box->west = middle - 180;
        box->east = middle + 180;
    }
}

bool lh__view_find(struct lh__view *out, struct lh__places *places)
{
    struct box box = box_of(places);
    double squeeze;

    widen(&box);
    squeeze = cos(radians((box.south + box.north) / 2));
    out->width = LH__WIDTH;
    out->x_per_deg = out->width / (box.east - box.west);
    out->y_per_deg = out->x_per_deg / fmax(squeeze, 0.2);
    out->height = (box.north - box.south) * out->y_per_deg;
    if (out->height > 460) {
        out->x_per_deg *= 460 / out->height;
        out->y_per_deg *= 460 / out->height;
        box.west -= (out->width / out->x_per_deg - (box.east - box.west)) / 2;
        out->height = 460;
    }
    out->west_deg = box.west;
    out->north_deg = box.north;
    for (int i = 0; i < places->n; i++) {
        struct lh__place *at = &places->at[i];
        at->x =
            (east_of(box.west, at->longitude_deg) - box.west) * out->x_per_deg;
        at->y = (box.north - at->latitude_deg) * out->y_per_deg;
        for (int k = 0; k < i; k++) {
            if (hypot(at->x - places->at[k].x, at->y - places->at[k].y) < NEAR
                && at->is_site && places->at[k].is_site)
                return false;
        }
    }
    return true;
}

/* ---- land ---------------------------------------------------------------- */

/* A ring of the outline, so many degrees further east; left out where none of
 * it is in view. */
static void put_ring(struct lh__page *p, const struct lh__view *view,
                     const char *points, double by_deg)
{
    struct lh_text path = lh_text_new(p->arena);
    double west = INFINITY, east = -INFINITY, top = INFINITY, low = -INFINITY;
    double before = NAN;
    char *at = (char *)points;

    while (*at != '\0') {
        double longitude = (double)strtol(at, &at, 10) / 10;
        double latitude = (double)strtol(at, &at, 10) / 10;
        /* over the date line; Antarctica's ring runs along it */
        if (isfinite(before) && latitude > -60)
            longitude = east_of(before - 180, longitude);
        before = longitude;
        double x = (longitude + by_deg - view->west_deg) * view->x_per_deg;
        double y = (view->north_deg - latitude) * view->y_per_deg;
        lh_text_printf(&path, "%s%.0f %.0f", path.n > 0 ? "L" : "M", x, y);
        west = fmin(west, x);
        east = fmax(east, x);
        top = fmin(top, y);
        low = fmax(low, y);
    }
    if (east < 0 || west > view->width || low < 0 || top > view->height)
        return;
    lh_text_printf(p->out, "%sZ", path.s);
}

void lh__view_land(struct lh__page *p, const struct lh__view *view)
{
    int column = lh_csv_column(p->land, "points");

    lh_text_add(p->out, "<path class=\"land\" d=\"M0 0");
    for (int i = 0; i < p->land->n_rows && column >= 0; i++) {
        const char *points = lh_csv_cell(p->land, i, column);
        for (int turn = -1; turn <= 1; turn++)
            put_ring(p, view, points, 360 * turn);
    }
    lh_text_add(p->out, "\"/>\n");
}

/* ---- ways ---------------------------------------------------------------- */

struct vector {
    double x, y, z;
};

static struct vector vector_of(const struct lh__place *at)
{
    double latitude = radians(at->latitude_deg);
    double longitude = radians(at->longitude_deg);

    return (struct vector){cos(latitude) * cos(longitude),
                           cos(latitude) * sin(longitude), sin(latitude)};
}

/* A share of the way from a to b; the arc between them is not 0 or 180. */
static struct vector between(struct vector a, struct vector b, double share)
{
    double arc = acos(fmax(-1, fmin(1, a.x * b.x + a.y * b.y + a.z * b.z)));
    double of_a = sin((1 - share) * arc) / sin(arc);
    double of_b = sin(share * arc) / sin(arc);

    if (!(sin(arc) > 1e-9))
        return a;
    return (struct vector){of_a * a.x + of_b * b.x, of_a * a.y + of_b * b.y,
                           of_a * a.z + of_b * b.z};
}

/* The way, so many turns further east. */
static void put_way(struct lh_text *path, const struct lh__view *view,
                    const struct lh__place *a, const struct lh__place *b,
                    int turn)
{
    double longitude = east_of(view->west_deg, a->longitude_deg) + 360 * turn;

    for (int i = 0; i <= STEPS; i++) {
        struct vector v =
            between(vector_of(a), vector_of(b), (double)i / STEPS);
        double deg = atan2(v.y, v.x) * 180 / M_PI;
        double latitude = atan2(v.z, hypot(v.x, v.y)) * 180 / M_PI;
        /* no step goes half around the Earth */
        longitude = east_of(longitude - 180, deg);
        lh_text_printf(path, "%s%.1f %.1f", i > 0 ? "L" : "M",
                       (longitude - view->west_deg) * view->x_per_deg,
                       (view->north_deg - latitude) * view->y_per_deg);
    }
}

void lh__view_between(double at[2], const struct lh__view *view,
                      const struct lh__place *a, const struct lh__place *b,
                      double share)
{
    struct vector v = between(vector_of(a), vector_of(b), share);
    double longitude = east_of(view->west_deg, atan2(v.y, v.x) * 180 / M_PI);

    at[0] = (longitude - view->west_deg) * view->x_per_deg;
    at[1] = (view->north_deg - atan2(v.z, hypot(v.x, v.y)) * 180 / M_PI)
            * view->y_per_deg;
}

void lh__view_way(struct lh__page *p, const struct lh__view *view,
                  const struct lh__place *a, const struct lh__place *b,
                  const char *classes)
{
    struct lh_text path = lh_text_new(p->arena);

    for (int turn = -1; turn <= 1; turn++)
        put_way(&path, view, a, b, turn);
    lh_text_printf(p->out, "<path class=\"%s\" d=\"%s\"/>\n", classes, path.s);
}
