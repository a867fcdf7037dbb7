/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The two scripts that hand a sweep to Slurm: an array with one task a shard
 * (shards are far fewer than points: a task costs 0.1 to 0.6 s of scheduling),
 * and the merge, which comes after the array however that ended.
 * https://slurm.schedmd.com/job_array.html
 *
 * Place in the pipeline: beside the store, which all nodes must see under one
 * path.  Leaves out partitions, accounts and limits: these are options of the
 * user's for sbatch.
 */
#include <longhaul/sweep.h>

#include <string.h>

/* For a shell: 'it'\''s'. */
static void add_word(struct lh_text *out, const char *word)
{
    lh_text_add(out, " '");
    for (const char *c = word; *c != '\0'; c++) {
        lh_text_printf(out, *c == '\'' ? "'\\''" : "%c", *c);
    }
    lh_text_add(out, "'");
}

/* The user's options come last: the last one counts. */
static void add_options(struct lh_text *out, const struct lh_slurm *slurm,
                        const char *log)
{
    lh_text_printf(out, "#SBATCH --output=\"%s/%s\"\n", slurm->dir, log);
    for (int i = 0; i < slurm->n_options; i++) {
        lh_text_printf(out, "#SBATCH %s\n", slurm->options[i]);
    }
}

static void add_call(struct lh_text *out, const struct lh_slurm *slurm,
                     const char *verb)
{
    lh_text_add(out, "exec");
    add_word(out, slurm->program);
    lh_text_printf(out, " sweep %s --store", verb);
    add_word(out, slurm->dir);
}

void lh_slurm_array(struct lh_text *out, const struct lh_slurm *slurm)
{
    lh_text_printf(out,
                   "#!/bin/sh\n"
                   "#SBATCH --job-name=longhaul-sweep\n"
                   "#SBATCH --array=1-%d\n"
                   "#SBATCH --cpus-per-task=%d\n",
                   slurm->shards, slurm->jobs);
    add_options(out, slurm, "slurm-%A_%a.log");
    add_call(out, slurm, "run");
    lh_text_printf(out, " --shard \"$SLURM_ARRAY_TASK_ID/%d\" --jobs %d\n",
                   slurm->shards, slurm->jobs);
}

void lh_slurm_merge(struct lh_text *out, const struct lh_slurm *slurm)
{
    lh_text_add(out, "#!/bin/sh\n#SBATCH --job-name=longhaul-merge\n");
    add_options(out, slurm, "slurm-%j-merge.log");
    add_call(out, slurm, "merge");
    if (slurm->csv != NULL) {
        lh_text_add(out, " --csv");
        add_word(out, slurm->csv);
    }
    if (slurm->sqlite != NULL) {
        lh_text_add(out, " --sqlite");
        add_word(out, slurm->sqlite);
    }
    lh_text_add(out, "\n");
}
