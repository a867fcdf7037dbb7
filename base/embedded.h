/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to base/: the files compiled into the program.  The definitions are
 * written by scripts/embed-data into embedded-data.c at build time.
 */
#ifndef LONGHAUL_BASE_EMBEDDED_H
#define LONGHAUL_BASE_EMBEDDED_H

#include <stddef.h>

struct lh__embedded_file {
    const char *name;          /* without folders: "models.csv"            */
    const unsigned char *text; /* [size], then a NUL                       */
    size_t size;
};

extern const struct lh__embedded_file lh__embedded_files[];
extern const int lh__n_embedded_files;

#endif
