/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One forked child a simulation.  A mapping shared with the child holds a
 * header (status and messages) and after it the bytes the job asked for.
 * Children die with their parent and leave through _exit, so that nothing of
 * the parent's (buffers, exit handlers) is run twice.
 */
#include "fork.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGES_MAX = 32, TEXT_MAX = 1000, FILE_MAX = 1000 };

struct header {
    enum lh_status status;
    int n_messages;
    struct {
        enum lh_severity severity;
        char text[TEXT_MAX];
        char file[FILE_MAX]; /* "": no place */
        int line, col;
    } messages[MESSAGES_MAX];
};

static size_t header_bytes(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (sizeof(struct header) + page - 1) / page * page;
}

enum lh_status lh__job_map(struct lh__job *job, struct lh_ctx *ctx)
{
    void *m = mmap(NULL, header_bytes() + job->bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) {
        lh_error(ctx, LH_NOWHERE, "no memory for a simulation's result: %s",
                 strerror(errno));
        return LH_FAILED;
    }
    job->mapping = m;
    job->shared = (char *)m + header_bytes();
    return LH_OK;
}

static void messages_pass(struct header *header, int first,
                          const struct lh_ctx *ctx)
{
    for (int i = first;
         i < lh_diag_total(ctx) && header->n_messages < MESSAGES_MAX; i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        int k = header->n_messages++;
        header->messages[k].severity = m->severity;
        snprintf(header->messages[k].text, TEXT_MAX, "%s", m->text);
        snprintf(header->messages[k].file, FILE_MAX, "%s",
                 m->where.file ? m->where.file : "");
        header->messages[k].line = m->where.line;
        header->messages[k].col = m->where.col;
    }
}

static void child_run(struct lh__job *job, pid_t parent, struct lh_ctx *ctx)
{
    struct header *header = job->mapping;
    int first = lh_diag_total(ctx);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    header->status = job->work(job->shared, job->input, ctx);
    messages_pass(header, first, ctx);
    fflush(NULL);
    _exit(0);
}

static void child_reap(struct lh__job *job, int wait_status, struct lh_ctx *ctx)
{
    const struct header *header = job->mapping;
    if (WIFSIGNALED(wait_status)) {
        lh_error(ctx, LH_NOWHERE, "a simulation died of signal %d (%s)",
                 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
        job->status = LH_FAILED;
        return;
    }
    if (WEXITSTATUS(wait_status) != 0) {
        lh_error(ctx, LH_NOWHERE, "a simulation ended with exit status %d",
                 WEXITSTATUS(wait_status));
        job->status = LH_FAILED;
        return;
    }
    job->status = header->status;
    for (int i = 0; i < header->n_messages; i++) {
        const char *text = header->messages[i].text;
        const char *file = header->messages[i].file;
        struct lh_where where = {*file ? lh_strdup(ctx->arena, file) : NULL,
                                 header->messages[i].line,
                                 header->messages[i].col};
        if (header->messages[i].severity == LH_ERROR)
            lh_error(ctx, where, "%s", text);
        else if (header->messages[i].severity == LH_WARNING)
            lh_warn(ctx, where, "%s", text);
        else
            lh_note(ctx, where, "%s", text);
    }
}

static enum lh_status wait_for(pid_t child, int *wait_status,
                               struct lh_ctx *ctx)
{
    while (waitpid(child, wait_status, 0) < 0) {
        if (errno != EINTR) {
            lh_error(ctx, LH_NOWHERE, "waitpid: %s", strerror(errno));
            return LH_FAILED;
        }
    }
    return LH_OK;
}

/* Reaps in the order of the jobs, so that messages come in a fixed order; at
 * most at_once children run. */
enum lh_status lh__fork_all(struct lh__job *jobs, int n, int at_once,
                            struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    pid_t *children = LH_NEW(ctx->arena, pid_t, n);
    pid_t self = getpid();
    int started = 0;
    for (int done = 0; done < n; done++) {
        while (started < n && started - done < at_once) {
            struct lh__job *job = &jobs[started];
            job->status = lh__job_map(job, ctx);
            children[started] = -1;
            if (job->status == LH_OK) {
                fflush(NULL);
                children[started] = fork();
                if (children[started] == 0)
                    child_run(job, self, ctx);
                if (children[started] < 0) {
                    lh_error(ctx, LH_NOWHERE, "fork: %s", strerror(errno));
                    job->status = LH_FAILED;
                }
            }
            started++;
        }
        int wait_status = 0;
        if (children[done] > 0) {
            jobs[done].status = wait_for(children[done], &wait_status, ctx);
            if (jobs[done].status == LH_OK)
                child_reap(&jobs[done], wait_status, ctx);
        }
        if (st == LH_OK)
            st = jobs[done].status;
    }
    return st;
}

void lh__job_keep(struct lh__job *job, size_t used, struct lh_ctx *ctx)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t all = header_bytes() + job->bytes;
    size_t kept = header_bytes() + (used + page - 1) / page * page;
    if (kept < all)
        munmap((char *)job->mapping + kept, all - kept);
    lh_arena_keep(ctx->arena, job->mapping, kept < all ? kept : all);
    job->mapping = NULL;
    job->shared = NULL;
}

void lh__fork_end(struct lh__job *jobs, int n)
{
    for (int i = 0; i < n; i++) {
        if (jobs[i].mapping)
            munmap(jobs[i].mapping, header_bytes() + jobs[i].bytes);
        jobs[i].mapping = NULL;
        jobs[i].shared = NULL;
    }
}
