/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: what the sections of the HTML report share.  A section
 * is a heading, a picture (inline SVG, coloured by classes of the page's style)
 * and the table behind it.
 */
#ifndef LONGHAUL_ANALYSIS_REPORT_H
#define LONGHAUL_ANALYSIS_REPORT_H

#include "writers.h"

struct lh__page {
    struct lh_text *out;
    struct lh_arena *arena;
    const struct lh_report_page *in;
    const struct lh_csv *land;     /* data/land.csv */
    const struct lh_csv *families; /* data/validated.csv */
    struct lh_ctx *ctx;
    int number; /* of the scenario that sections are of; the first is 0 */
};

/* ---- report_put.c: HTML and SVG -------------------------------------------
 */

/* The text with & < > " ' escaped; what XML cannot hold becomes U+FFFD. */
void lh__escaped(struct lh_text *out, const char *s);
/* "fibre a->b" as "fibre a → b". */
const char *lh__link_words(struct lh_arena *arena, const char *name);

/* caption: text, not HTML; "" for none.  Of several scenarios the heading names
 * the one, and the id its number from the second on. */
void lh__section_begin(struct lh__page *p, const char *id, const char *heading,
                       const char *caption);
void lh__section_end(struct lh__page *p);

enum { LH__WIDTH = 860 }; /* of every picture, in its own units */
void lh__svg_begin(struct lh__page *p, const char *title, double height);
void lh__svg_end(struct lh__page *p);
/* classes: of the style; attributes beside may stand in `more`. */
void lh__svg_text(struct lh__page *p, double x, double y, const char *classes,
                  const char *text);
/* With a tooltip, unless NULL. */
void lh__svg_rect(struct lh__page *p, const double box[4], const char *classes,
                  const char *tooltip);
void lh__svg_line(struct lh__page *p, const double from[2], const double to[2],
                  const char *classes);

/* A table inside <details>; rows are arrays of n cells. */
void lh__table_begin(struct lh__page *p, const char *const *heads, int n);
void lh__table_row(struct lh__page *p, const char *const *cells, int n);
void lh__table_end(struct lh__page *p);

/* A swatch of colour and what it means. */
void lh__legend_begin(struct lh__page *p);
void lh__legend_item(struct lh__page *p, const char *classes, const char *text);
void lh__legend_end(struct lh__page *p);

const char *lh__seconds(struct lh_arena *arena, double seconds);
const char *lh__share_text(struct lh_arena *arena, double frac);
const char *lh__change_text(struct lh_arena *arena, double by_frac);
const char *lh__gib(struct lh_arena *arena, double bytes);
/* At most n characters of s, dots in the middle where there are more. */
const char *lh__clipped(struct lh_arena *arena, const char *s, int n);

/* With a capital at its beginning and a full stop. */
const char *lh__sentence(struct lh_arena *arena, const char *s);
const char *lh__count_text(struct lh_arena *arena, double n);

/* ---- report_axis.c: pictures over time ------------------------------------- */

/* 1, 2 or 5 times a power of ten, at most so many in the range. */
double lh__round_step(double range, int most);
/* Ticks from x on, and their texts under the height. */
void lh__time_axis(struct lh__page *p, double x, double width, double height,
                   double seconds);
struct lh__columns {
    int n, n_kinds;
    double x, width; /* of all */
    const char *(*class_of)(int kind);
};
/* A lane; kinds: [n] of the columns, -1: nothing. */
void lh__svg_columns(struct lh__page *p, const struct lh__columns *columns,
                     const int *kinds, double y, double height);

/* ---- report_style.c
 * ---------------------------------------------------------- */

extern const char lh__report_style[];
extern const char lh__report_patterns[];
/* The class that colours a category. */
const char *lh__category_class(enum lh_category category);

/* ---- report_words.c
 * ---------------------------------------------------------- */

/* The largest category beside computing, its link and how busy it is. */
const char *lh__headline(const struct lh_report *report,
                         struct lh_arena *arena);

/* With rl, the same of the trainer's optimizer step. */
const char *lh__trainer_line(const struct lh_report *report,
                             struct lh_arena *arena);
/* Whole, but below 1 %. */
const char *lh__busy_text(struct lh_arena *arena, double frac);

/* ---- bars: a label, parts one after the other, a figure behind ------------
 */

struct lh__part {
    double value;
    const char *classes;
    const char *name;
};
struct lh__bar {
    const char *label;
    const char *figure; /* behind the bar */
    int n;
    const struct lh__part *parts;
    double mark; /* a line at this value; NAN: none */
    bool strong; /* the label in bold */
};
/* Bars from 0 to `most`. */
void lh__bars(struct lh__page *p, const char *title, const struct lh__bar *bars,
              int n, double most);

/* ---- sections
 * ----------------------------------------------------------------- */

void lh__report_map(struct lh__page *p);
void lh__report_gantt(struct lh__page *p);
void lh__report_parts(struct lh__page *p);
void lh__report_grid(struct lh__page *p);
void lh__report_links(struct lh__page *p);
void lh__report_memory(struct lh__page *p);
void lh__report_validation(struct lh__page *p);
void lh__report_loop(struct lh__page *p);
void lh__report_loop_time(struct lh__page *p);
void lh__report_push(struct lh__page *p);
void lh__report_async(struct lh__page *p);
void lh__report_sites(struct lh__page *p);

/* ---- report_places.c: sites, nodes of a map, fibres ------------------------
 */

struct lh__place {
    const char *name, *words; /* words: what stands there */
    bool is_site;
    double latitude_deg, longitude_deg;
    double x, y; /* of the picture */
};
struct lh__cable {
    int a, b; /* places */
    const char *name;
    double length_m;             /* < 0: not known */
    double latency_s;            /* < 0: not known */
    double capacity_bytes_per_s; /* of the two ways the smaller */
    double busy_frac; /* of the two ways the larger; < 0: not known */
};
struct lh__places {
    int n, n_cables;
    struct lh__place *at;
    struct lh__cable *cables;
    bool located; /* all of them */
};
enum lh_status lh__places_find(struct lh__places *out,
                               const struct lh_report *report,
                               struct lh_ctx *ctx) LH_MUST_USE;

/* ---- report_globe.c: a map of the ends and ways of cables -------------------
 */

/* Sets x and y; false: they are too near one another for a map. */
struct lh__view {
    double west_deg, north_deg;
    double x_per_deg, y_per_deg;
    double width, height;
};
bool lh__view_find(struct lh__view *out, struct lh__places *places);
void lh__view_land(struct lh__page *p, const struct lh__view *view);
/* A share of the way from a to b. */
void lh__view_between(double at[2], const struct lh__view *view,
                      const struct lh__place *a, const struct lh__place *b,
                      double share);
/* The great circle from a to b, as a path. */
void lh__view_way(struct lh__page *p, const struct lh__view *view,
                  const struct lh__place *a, const struct lh__place *b,
                  const char *classes);

/* ---- report_labels.c: where texts of the map stand -------------------------- */

struct lh__box {
    double x, y, width, height;
};
struct lh__labels {
    struct lh_arena *arena;
    double height; /* of the picture */
    size_t n_texts, n_points, n_ways;
    size_t texts_capacity, points_capacity, ways_capacity;
    struct lh__box *texts, *points;
    double (*ways)[2];
};
/* About as wide as it will be. */
double lh__text_width(const char *s, bool bold);
/* Which of the boxes is taken; -1: all lie on more than `most`. */
int lh__label_place(struct lh__labels *all, const struct lh__box *boxes, int n,
                    double most);
/* What texts shall not lie on. */
void lh__label_point(struct lh__labels *all, double x, double y, double radius);
void lh__label_way(struct lh__labels *all, const double at[2]);

/* ---- report_lanes.c: what runs when
 * ------------------------------------------- */

/* One more kind than there are categories. */
enum { LH__BACKWARD = LH_CATEGORIES, LH__LANE_KINDS };
struct lh__lane {
    const char *label;
    const char *more; /* under the label; NULL: the lane above has
                         said it */
    bool thin;
    double *busy_s; /* [LH__LANE_COLUMNS * LH__LANE_KINDS] */
};
enum { LH__LANE_COLUMNS = 900 };
struct lh__lanes {
    int n;
    size_t capacity;
    struct lh__lane *lanes;
    int64_t step; /* in the trace */
    double begin_s, end_s;
    double period_s; /* of a cycle; 0: it does not repeat */
    int left_out;    /* classes of ranks without a lane */
};
void lh__lanes_find(struct lh__lanes *out, const struct lh_report *report,
                    struct lh_arena *arena);

#endif
