/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The standing texts of docs/validation.md.
 *
 * Place in the pipeline: validate_markdown.c puts them around its tables.
 */
#include "validate.h"

const char lh__markdown_intro[] =
    "# Validation\n\n"
    "Made by `make validate` (`longhaul validate -o markdown`); do not "
    "edit.\n\n"
    "Published runs, simulated.  An error is simulated / published - 1 in the "
    "quantity that was published: of a time, positive is slower than "
    "measured; of a rate, faster ([definitions](model.md#validation)).  Rows "
    "that do not count are left out of medians and shares: they repeat "
    "another row or measure something else; their note says which.  What this "
    "version refuses stands here with its reason.  Of bus bandwidth, medians "
    "are over sizes from 8 MiB on, and from 0.5 to 8 MiB.\n\n"
    "![Step times, simulated over published](validation.svg)\n\n";

const char lh__markdown_own_rows[] =
    "## Your own rows\n\n"
    "`longhaul validate FILE.csv...` takes files of the form of "
    "`validation/rows/*.csv`: a header row, and a published figure a row.\n\n"
    "| column | holds |\n|---|---|\n"
    "| `row` | its name |\n"
    "| `quantity` | what is published, see below |\n"
    "| `published` | the figure |\n"
    "| `unit` | its unit; empty: the first of its quantity's |\n"
    "| `convention` | how `tflops_per_gpu` counts FLOPs: `model` (without "
    "recomputation), `hardware` (with what the plan recomputes), "
    "`megatron-sc21` (equation 3 of arXiv:2104.04473: every layer's forward "
    "pass twice) |\n"
    "| `counts` | `true` (default) or `false`: in medians and shares |\n"
    "| `confidence`, `note` | texts |\n"
    "| `collective`, `size`, `algorithm` | of `busbw`: all-reduce, .., the "
    "size as nccl-tests counts it, `auto` (default) or an algorithm of "
    "`longhaul list collectives`; all accelerators take part, and the stack's "
    "dispatch of one kernel is added |\n"
    "| `over` | of `rl_speed_up`: the row that takes longer; the other is the "
    "row of `rl_step_time` of the same name |\n"
    "| `ablates` | a row of the file: this one is the same with one assumption "
    "changed, where its own cells are not empty; it never counts |\n"
    "| `scenario` | the base scenario, in the file's folder; without it the "
    "file's own name with `.yaml` |\n"
    "| any key | `plan.tensor`, `sites[0].gpus`, ...: set in the base "
    "scenario as `--set` does; an empty cell sets nothing |\n\n"
    "Lines that begin with `#` before the header are the citation (the first "
    "paragraph) and what was assumed (the others).  A row that the program "
    "refuses is listed with the reason, with exit status 0; a file at fault "
    "ends with `file:line:col: error:` and 2.\n\n"
    "`longhaul calibrate FILE.csv --fit accelerators:NAME.COLUMN --write DIR` "
    "fits a constant of your own device to such rows and writes the table that "
    "`--data DIR` then takes.  `scripts/vtrain-rows` turns a published table "
    "into a file of rows.\n\n"
    "| quantity | meaning |\n|---|---|\n";
