/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to base/: one test of UTF-8, for texts that go to a terminal
 * (diag.c) or into JSON (text.c).
 */
#ifndef LONGHAUL_BASE_UTF8_H
#define LONGHAUL_BASE_UTF8_H

/* Length of the valid UTF-8 sequence that begins at s (NUL-terminated): 1 to
 * 4, or 0 if the bytes are not valid (RFC 3629: no overlong form, no
 * surrogate, nothing above U+10FFFF). */
int lh__utf8_length(const char *s);

#endif
