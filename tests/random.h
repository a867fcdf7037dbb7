/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Numbers for tests that draw what two engines run: the same from a state on
 * every machine.  The generator is Knuth's MMIX one.
 */
#ifndef LH_TESTS_RANDOM_H
#define LH_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static inline int pick(uint64_t *state, int n)
{
    return (int)(next_random(state) % (uint64_t)n);
}

static inline double uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)next_random(state) / 2147483648.0;
}

#endif
