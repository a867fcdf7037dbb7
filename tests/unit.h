/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The unit test harness: CUnit in Basic mode behind a few macros.
 *
 *     #include "unit.h"
 *
 *     static void reads_x(void) { LH_CHECK(x == 1); }
 *
 *     int main(void)
 *     {
 *         static const struct lh_unit tests[] = {{"reads x", reads_x}};
 *         return lh_unit_run("area", tests, LH_COUNT(tests));
 *     }
 *
 * A test that neither checks nor skips anything fails.  Paths of the source
 * tree begin with LH_SRCDIR, so that a test runs from any directory.
 */
#ifndef LH_UNIT_H
#define LH_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#ifndef LH_SRCDIR
#define LH_SRCDIR "."
#endif

struct lh_unit {
    const char *name; /* what holds, as a phrase: "rejects a ragged row" */
    void (*fn)(void);
};

#define LH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Runs the tests and returns what main() shall return: 0 all passed, 1 some
 * failed, 77 all were skipped.  The last line printed is
 * "N passed, N failed, N skipped", which scripts/check adds up. */
int lh_unit_run(const char *area, const struct lh_unit *tests, size_t n);

/* Marks the running test as skipped and prints why; the test returns next. */
void lh_unit_skip(const char *why);

/* The condition holds; the test goes on where it does not. */
#define LH_CHECK(condition)                                                  \
    lh_unit_check((condition), #condition, __FILE__, __LINE__)

/* As LH_CHECK, but the test ends where it does not hold: for what the rest
 * of the test stands on. */
#define LH_REQUIRE(condition)                                                \
    lh_unit_require((condition), #condition, __FILE__, __LINE__)

/* |actual - expected| <= rel_tol x |expected|; an expected 0 is exactly 0
 * and NaN is near nothing. */
#define LH_CHECK_NEAR(actual, expected, rel_tol)                             \
    lh_unit_near((actual), (expected), (rel_tol),                            \
                 #actual " near " #expected, __FILE__, __LINE__)

/* Equal texts; NULL equals NULL only. */
#define LH_CHECK_TEXT(actual, expected)                                      \
    lh_unit_text((actual), (expected), #actual, __FILE__, __LINE__)

void lh_unit_check(bool holds, const char *what, const char *file, int line);
void lh_unit_require(bool holds, const char *what, const char *file,
                     int line);
void lh_unit_near(double actual, double expected, double rel_tol,
                  const char *what, const char *file, int line);
void lh_unit_text(const char *actual, const char *expected, const char *what,
                  const char *file, int line);

#endif
