/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The formats of `longhaul run -o`, one line each:
 *
 *     LH_OUTPUT(name, rows of links unless --links says, help)
 *
 * NAME is written by lh_write_NAME() in analysis/write_NAME.c.  Include with
 * LH_OUTPUT defined; the list undefines it.
 */
LH_OUTPUT(text, 6, "for people: the breakdown with its bottleneck")
LH_OUTPUT(json, 20, "one object with every figure and the full scenario")
LH_OUTPUT(csv, 20, "a header row and one row, to stack many runs")
#undef LH_OUTPUT
