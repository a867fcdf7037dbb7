/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * "did you mean": the nearest of some words by edit distance (insertion,
 * deletion, substitution, swap of neighbours, one each; the restricted form of
 * Damerau, CACM 7(3), 1964), letters compared without case.  A word is near
 * enough within a third of its length (at least 1); failing that, a word that
 * begins with all of it, at least three letters, is offered.
 * O(length^2) a word; words longer than MAX_LENGTH are not looked at.
 */
#include <longhaul/base.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MAX_LENGTH = 80 };

static int lower(char c)
{
    return tolower((unsigned char)c);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table: of the prefix i, i-1 and i-2 of a. */
static int distance(const char *a, const char *b)
{
    int rows[3][MAX_LENGTH + 1];
    int na = (int)strlen(a);
    int nb = (int)strlen(b);

    for (int j = 0; j <= nb; j++) {
        rows[0][j] = j;
    }
    for (int i = 1; i <= na; i++) {
        int *row = rows[i % 3];
        const int *up = rows[(i + 2) % 3];
        const int *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int differ = lower(a[i - 1]) != lower(b[j - 1]);
            row[j] = smaller(up[j - 1] + differ,
                             smaller(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = smaller(row[j], up2[j - 2] + 1);
            }
        }
    }
    return rows[na % 3][nb];
}

const char *lh_nearest(const char *word, const char *const *words, int n)
{
    size_t length = strlen(word);
    int limit = length >= 6 ? (int)length / 3 : 1;
    const char *best = NULL;

    if (length == 0 || length > MAX_LENGTH) {
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        int d;
        if (strlen(words[i]) > MAX_LENGTH) {
            continue;
        }
        d = distance(word, words[i]);
        if (d <= limit && d < (int)strlen(words[i])) {
            best = words[i];
            limit = d - 1;
        }
    }
    for (int i = 0; best == NULL && length >= 3 && i < n; i++) {
        if (strncasecmp(word, words[i], length) == 0) {
            best = words[i];
        }
    }
    return best;
}
