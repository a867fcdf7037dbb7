/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A planned sweep handed to Slurm: two scripts in the store, sbatch called for
 * each, the merge after the array (afterany: also after one that failed).
 * Submitted again, a sweep goes on: shards leave out what is there.
 *
 * Place: between cmd_sweep.c and the programs of Slurm, found in the PATH.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep.h"

enum { JOB_MAX = 64 };

void lh__submission_option(struct lh__submission *s, const char *option)
{
    s->options = lh_grow(s->arena, s->options, &s->option_capacity,
                         s->n_options + 1, sizeof *s->options);
    s->options[s->n_options++] = option;
}

static const char *absolute(const char *path, struct lh_arena *arena)
{
    char buffer[PATH_MAX];

    if (path == NULL || *path == '/' || getcwd(buffer, sizeof buffer) == NULL) {
        return path;
    }
    return lh_format(arena, "%s/%s", buffer, path);
}

static struct lh_slurm slurm_of(const struct lh__submission *s, const char *dir)
{
    char program[PATH_MAX] = "longhaul";
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    struct lh_slurm slurm = {
        .dir = absolute(dir, s->arena),
        .shards = s->shards,
        .jobs = s->jobs,
        .n_options = (int)s->n_options,
        .options = s->options,
        .csv = absolute(s->csv, s->arena),
        .sqlite = absolute(s->sqlite, s->arena),
    };

    program[n > 0 ? n : 8] = '\0';
    slurm.program = lh_strdup(s->arena, program);
    if (s->csv == NULL && s->sqlite == NULL) {
        slurm.csv = lh_format(s->arena, "%s/sweep.csv", slurm.dir);
    }
    return slurm;
}

/* The child's part: sbatch with its answer into the pipe. */
static void call_sbatch(const int *ends, const char *after, const char *script)
{
    const char *argv[] = {"sbatch", "--parsable", script, NULL, NULL};

    if (after != NULL) {
        argv[2] = after;
        argv[3] = script;
    }
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp("sbatch", (char *const *)argv);
    fprintf(stderr, "longhaul: error: sbatch: %s\n", strerror(errno));
    _exit(127);
}

/* The number of the job, without the cluster's name (12;cluster). */
static bool read_job(char *job, int pipe)
{
    size_t n = 0;
    ssize_t got;

    while (n < JOB_MAX - 1
           && ((got = read(pipe, job + n, JOB_MAX - 1 - n)) > 0
               || (got < 0 && errno == EINTR))) {
        n += got > 0 ? (size_t)got : 0;
    }
    job[n] = '\0';
    job[strcspn(job, ";\n")] = '\0';
    return isdigit((unsigned char)job[0]);
}

static enum lh_status submit(char *job, const char *after, const char *script,
                             struct lh_ctx *ctx)
{
    int ends[2];
    int wait_status = -1;
    bool read;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0) {
        lh_error(ctx, LH_NOWHERE, "sbatch: %s", strerror(errno));
        return LH_FAILED;
    }
    if (child == 0) {
        call_sbatch(ends, after, script);
    }
    close(ends[1]);
    read = read_job(job, ends[0]);
    close(ends[0]);
    while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
    }
    if (wait_status != 0 || !read) {
        lh_error(ctx, (struct lh_where){script, 0, 0},
                 "sbatch did not take the script");
        return LH_FAILED;
    }
    return LH_OK;
}

static enum lh_status print_scripts(const struct lh_text *array,
                                    const struct lh_text *merge)
{
    struct lh_text text = lh_text_new(array->arena);

    lh_text_printf(&text, "%s\n%s", array->s, merge->s);
    return lh__print_result(&text) == LH__EXIT_OK ? LH_OK : LH_FAILED;
}

static enum lh_status submit_both(const char *array, const char *merge,
                                  struct lh_ctx *ctx)
{
    char array_job[JOB_MAX], merge_job[JOB_MAX];
    struct lh_text text = lh_text_new(ctx->arena);
    enum lh_status st = submit(array_job, NULL, array, ctx);

    if (st == LH_OK) {
        st =
            submit(merge_job,
                   lh_format(ctx->arena, "--dependency=afterany:%s", array_job),
                   merge, ctx);
    }
    if (st == LH_OK) {
        lh_text_printf(&text, "array %s\nmerge %s\n", array_job, merge_job);
        st = lh__print_result(&text) == LH__EXIT_OK ? LH_OK : LH_FAILED;
    }
    return st;
}

enum lh_status lh__submit(const struct lh__submission *s, const char *dir,
                          struct lh_ctx *ctx)
{
    struct lh_slurm slurm = slurm_of(s, dir);
    struct lh_text array = lh_text_new(ctx->arena);
    struct lh_text merge = lh_text_new(ctx->arena);
    const char *array_path = lh_format(ctx->arena, "%s/array.sh", slurm.dir);
    const char *merge_path = lh_format(ctx->arena, "%s/merge.sh", slurm.dir);

    lh_slurm_array(&array, &slurm);
    lh_slurm_merge(&merge, &slurm);
    if (s->dry_run) {
        return print_scripts(&array, &merge);
    }
    if (lh__print_file(array_path, &array) != LH__EXIT_OK
        || lh__print_file(merge_path, &merge) != LH__EXIT_OK) {
        return LH_FAILED;
    }
    return submit_both(array_path, merge_path, ctx);
}
