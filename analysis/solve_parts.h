/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the writers of `solve` share: values of the key in words and units, the
 * answer with the curve as text and as markdown, the curve as JSON
 * (solve_parts.c).
 */
#ifndef LH_ANALYSIS_SOLVE_PARTS_H
#define LH_ANALYSIS_SOLVE_PARTS_H

#include "writers.h"

struct lh__solve_unit {
    const char *name; /* "" of plain numbers */
    double si;        /* of one */
};

/* The unit in which people would read a value of the key. */
struct lh__solve_unit lh__solve_unit(const struct lh_solve_report *r,
                                     double value, struct lh_arena *arena);
/* A value as a scenario would have it; for people, where that is the same
 * value; and in the curve, where the answer's is in full. */
const char *lh__solve_setting(const struct lh_solve_report *r, double value,
                              struct lh_arena *arena);
const char *lh__solve_value(const struct lh_solve_report *r, double value,
                            struct lh_arena *arena);
const char *lh__solve_curve_value(const struct lh_solve_report *r,
                                  const struct lh_trial *trial,
                                  struct lh_arena *arena);

const char *lh__solve_figure(const struct lh_solve_report *r, double value,
                             struct lh_arena *arena);

/* Text and markdown: a sentence, another or "", and the curve, in which
 * is_answer says what is marked. */
struct lh__solve_words {
    const char *verdict;
    const char *note;
    bool (*is_answer)(const struct lh_solve_report *r,
                      const struct lh_trial *trial);
};
void lh__solve_text(struct lh_text *out, const struct lh_solve_report *r,
                    const struct lh__solve_words *words);
void lh__solve_markdown(struct lh_text *out, const struct lh_solve_report *r,
                        const struct lh__solve_words *words);

/* JSON: the next members of an object. */
void lh__solve_key(struct lh_text *out, const char *name, const char *value);
void lh__solve_number(struct lh_text *out, const char *name, double value);
void lh__solve_curve(struct lh_text *out, const struct lh_search *search,
                     struct lh__solve_unit unit);

#endif
