/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The unit test harness: runs one area's tests through CUnit's Basic mode
 * and counts passed, failed and skipped tests for the exit status.  CUnit
 * knows no skipping, so the count is kept here.  This file and the tests may
 * have mutable statics: they are not part of the library.
 */
#include "unit.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned n_skipped;
static unsigned n_asserts_before;
static bool is_skipped;

static void begin_test(void)
{
    is_skipped = false;
    n_asserts_before = CU_get_number_of_asserts();
}

static void end_test(void)
{
    if (is_skipped)
        n_skipped++;
    else
        lh_unit_check(CU_get_number_of_asserts() > n_asserts_before,
                      "the test checks something", __FILE__, __LINE__);
}

void lh_unit_skip(const char *why)
{
    is_skipped = true;
    printf("skipped: %s ... ", why);
}

static void report(bool holds, bool is_fatal, const char *text,
                   const char *file, int line)
{
    CU_assertImplementation(holds, (unsigned)line, text, file, "", is_fatal);
}

void lh_unit_check(bool holds, const char *what, const char *file, int line)
{
    report(holds, false, what, file, line);
}

void lh_unit_require(bool holds, const char *what, const char *file, int line)
{
    report(holds, true, what, file, line);
}

void lh_unit_near(double actual, double expected, double rel_tol,
                  const char *what, const char *file, int line)
{
    char text[1024];
    bool holds = actual == expected
                 || fabs(actual - expected) <= rel_tol * fabs(expected);

    snprintf(text, sizeof text,
             "%s: got %.17g, expected %.17g, off by %.3g of it, allowed %.3g",
             what, actual, expected,
             fabs(actual - expected) / fabs(expected), rel_tol);
    report(holds, false, text, file, line);
}

void lh_unit_text(const char *actual, const char *expected, const char *what,
                  const char *file, int line)
{
    char text[4096];
    bool holds = actual != NULL && expected != NULL
                     ? strcmp(actual, expected) == 0
                     : actual == expected;

    snprintf(text, sizeof text, "%s:\n      got      \"%s\"\n"
             "      expected \"%s\"", what, actual ? actual : "(null)",
             expected ? expected : "(null)");
    report(holds, false, text, file, line);
}

static bool add_tests(const char *area, const struct lh_unit *tests, size_t n)
{
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown(
        area, NULL, NULL, begin_test, end_test);

    if (!suite)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!CU_add_test(suite, tests[i].name, tests[i].fn))
            return false;
    return true;
}

int lh_unit_run(const char *area, const struct lh_unit *tests, size_t n)
{
    unsigned n_run, n_failed;

    /* Unbuffered: forked children must not print our text again. */
    setvbuf(stdout, NULL, _IONBF, 0);
    if (n == 0 || CU_initialize_registry() != CUE_SUCCESS
        || !add_tests(area, tests, n)) {
        fprintf(stderr, "%s: CUnit: %s\n", area, CU_get_error_msg());
        return 1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    n_run = CU_get_number_of_tests_run();
    n_failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    if (n_run != n)
        n_failed += (unsigned)n - n_run;
    /* A test may fail and then skip: it counts as failed. */
    if (n_failed + n_skipped > n)
        n_skipped = (unsigned)n - n_failed;
    printf("%u passed, %u failed, %u skipped\n",
           (unsigned)n - n_failed - n_skipped, n_failed, n_skipped);
    if (n_failed)
        return 1;
    return n_skipped == n ? 77 : 0;
}
