/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Accelerators of one kind are not equally fast, and a synchronous step goes at
 * the pace of the slowest.  With speeds spread normally the slowest of n is
 *
 *   E[max of n standard normals] = integral over x > 0 of
 *                                  1 - Phi(x)^n - (1 - Phi(x))^n
 *
 * deviations behind the mean (David and Nagaraja, Order Statistics, 2003,
 * section 3.1, by symmetry of the normal): 0.56 of 2, 3.2 of 1,024, 5.2 of
 * 10^7. Called by builder.c.
 *
 * Left out: that ranks which are not slow still hide communication behind the
 * time that they wait; noise that is drawn anew every step.
 */
#include "workload.h"

#include <math.h>

#define STEP 0.01
#define LAST 12.0

static double excess(double x, double n)
{
    double above = 0.5 * erfc(x / sqrt(2.0)); /* 1 - Phi(x) */

    return -expm1(n * log1p(-above)) - pow(above, n);
}

double lh__slowest_of(double n)
{
    int n_steps = (int)(LAST / STEP);
    double sum = 0.5 * excess(0.0, n);

    if (n <= 1.0)
        return 0.0;
    for (int i = 1; i <= n_steps; i++)
        sum += excess(i * STEP, n);
    return STEP * sum;
}

double lh__slowest_neighbours(int n)
{
    return n <= 3 ? lh__slowest_of(n) : 1.14 - 0.8 / n;
}
