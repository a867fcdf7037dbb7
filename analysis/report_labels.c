/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the texts of the map stand: of the places around a point the one that
 * lies least on other texts, points and ways, and the first of equals.
 *
 * Widths of texts are estimated, as the page brings no font.  Greedy: a text
 * does not move for one that comes later.
 */
#include <math.h>
#include <string.h>

#include "report.h"

static const double on_text = 50, on_point = 20, on_way = 1;

static double characters(const char *s)
{
    double n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

double lh__text_width(const char *s, bool bold)
{
    return characters(s) * (bold ? 8.3 : 7.1);
}

static bool meet(const struct lh__box *a, const struct lh__box *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width
           && a->y < b->y + b->height && b->y < a->y + a->height;
}

static bool holds(const struct lh__box *box, const double at[2])
{
    return at[0] > box->x && at[0] < box->x + box->width && at[1] > box->y
           && at[1] < box->y + box->height;
}

/* Outside the picture there is no place at all. */
static double cost_of(const struct lh__labels *all, const struct lh__box *box)
{
    double cost = 0;

    if (box->x < 2 || box->x + box->width > LH__WIDTH - 2 || box->y < 2
        || box->y + box->height > all->height - 2)
        return INFINITY;
    for (size_t i = 0; i < all->n_texts; i++)
        cost += meet(box, &all->texts[i]) ? on_text : 0;
    for (size_t i = 0; i < all->n_points; i++)
        cost += meet(box, &all->points[i]) ? on_point : 0;
    for (size_t i = 0; i < all->n_ways; i++)
        cost += holds(box, all->ways[i]) ? on_way : 0;
    return cost;
}

int lh__label_place(struct lh__labels *all, const struct lh__box *boxes, int n,
                    double most)
{
    double least = INFINITY;
    int best = -1;

    for (int i = 0; i < n; i++) {
        double cost = cost_of(all, &boxes[i]);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    if (best < 0 || least > most)
        return -1;
    all->texts = lh_grow(all->arena, all->texts, &all->texts_capacity,
                         all->n_texts + 1, sizeof *all->texts);
    all->texts[all->n_texts++] = boxes[best];
    return best;
}

void lh__label_point(struct lh__labels *all, double x, double y, double radius)
{
    all->points = lh_grow(all->arena, all->points, &all->points_capacity,
                          all->n_points + 1, sizeof *all->points);
    all->points[all->n_points++] =
        (struct lh__box){x - radius, y - radius, 2 * radius, 2 * radius};
}

void lh__label_way(struct lh__labels *all, const double at[2])
{
    all->ways = lh_grow(all->arena, all->ways, &all->ways_capacity,
                        all->n_ways + 1, sizeof *all->ways);
    memcpy(all->ways[all->n_ways++], at, sizeof *all->ways);
}
