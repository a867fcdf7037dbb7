/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many tokens a sample has, and which prompts are kept: drawn by (seed,
 * prompt, sample) alone, so that neither order nor plan changes a draw.
 *
 *   u         two uniform numbers of a hash (splitmix64, Steele et al. 2014)
 *   lognormal median exp(sigma z), z = sqrt(-2 ln u1) cos(2 pi u2) (Box and
 *             Muller 1958)
 *   pareto    median (2 u)^(-1/shape): least value median / 2^(1/shape)
 *   file      row floor(u n)
 *
 * rounded to whole tokens, at least 1 and at most max.  Times between turns:
 * lognormal, by the turn too; spells of replicas: -mean ln u.
 */
#include <longhaul/rl.h>

#include <math.h>

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* In (0, 1). */
static double uniform(int64_t seed, int64_t prompt, int64_t sample,
                      uint64_t which)
{
    uint64_t x = mix((uint64_t)seed);

    x = mix(x ^ (uint64_t)prompt);
    x = mix(x ^ (uint64_t)sample);
    x = mix(x ^ which);
    return ((double)(x >> 11) + 0.5) / 9007199254740992.0;
}

static double drawn(const struct lh_rl *rl, double u, double v)
{
    const double two_pi = 6.283185307179586;

    switch (rl->lengths) {
    case LH_LENGTHS_LOGNORMAL:
        return rl->length_median
               * exp(rl->length_sigma * sqrt(-2 * log(u)) * cos(two_pi * v));
    case LH_LENGTHS_PARETO:
        return rl->length_median * pow(2 * u, -1 / rl->length_shape);
    case LH_LENGTHS_FILE: return rl->length_rows[(int)(u * rl->n_length_rows)];
    case LH_LENGTHS_FIXED: break;
    }
    return rl->length_median;
}

int64_t lh_rl_length(const struct lh_rl *rl, int64_t seed, int64_t prompt,
                     int64_t sample)
{
    double u = uniform(seed, prompt, sample, 1);
    double v = uniform(seed, prompt, sample, 2);
    double tokens = fmin(drawn(rl, u, v), (double)rl->length_max);

    return tokens < 1 ? 1 : llround(tokens);
}

int64_t lh_rl_other_tokens(const struct lh_rl *rl)
{
    return rl->prompt_length + (rl->turns - 1) * rl->tool_tokens;
}

double lh_rl_tool_s(const struct lh_rl *rl, int64_t seed, int64_t prompt,
                    int64_t sample, int64_t turn)
{
    const double two_pi = 6.283185307179586;
    uint64_t which = 4 + 2 * (uint64_t)turn;

    if (rl->tool_sigma <= 0)
        return rl->tool_s;
    double u = uniform(seed, prompt, sample, which);
    double v = uniform(seed, prompt, sample, which + 1);
    return rl->tool_s
           * exp(rl->tool_sigma * sqrt(-2 * log(u)) * cos(two_pi * v));
}

double lh_rl_spell_s(int64_t seed, int64_t replica, int64_t k, double mean_s)
{
    return -mean_s * log(uniform(seed, replica, -2 - k, 0));
}

bool lh_rl_kept(const struct lh_rl *rl, int64_t seed, int64_t prompt)
{
    double keep = 1;

    for (int i = 0; i < rl->n_verifiers; i++)
        keep *= rl->verifiers[i].keep_frac;
    return uniform(seed, prompt, -1, 3) < keep;
}

struct lh_rl_moments lh_rl_moments(const struct lh_rl *rl, int64_t seed)
{
    const int64_t most = 65536;
    int64_t n = rl->prompts * rl->samples * rl->steps;
    double sum = 0, squares = 0;
    double others = (double)lh_rl_other_tokens(rl);

    n = n < most ? n : most;
    for (int64_t i = 0; i < n; i++) {
        double l =
            (double)lh_rl_length(rl, seed, i / rl->samples, i % rl->samples);
        sum += l;
        l += others;
        squares += l * l;
    }
    return (struct lh_rl_moments){sum / (double)n,
                                  squares / (sum + (double)n * others)};
}
