/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Links in ascending order: their comparison and search.
 */
#include "links.h"

#include <stdlib.h>

int lh__by_link(const void *a, const void *b)
{
    lh_link x = *(const lh_link *)a, y = *(const lh_link *)b;
    return (x > y) - (x < y);
}

int32_t lh__link_search(const lh_link *ascending, int32_t n, lh_link link)
{
    if (n == 0)
        return -1;
    const lh_link *at =
        bsearch(&link, ascending, (size_t)n, sizeof link, lh__by_link);
    return at == NULL ? -1 : (int32_t)(at - ascending);
}
