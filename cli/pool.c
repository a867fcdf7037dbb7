/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tasks in forked children of a warm parent, one child a task, at most so many
 * at a time; the next begins as soon as one ends.
 *
 * A child dies with its parent (prctl(2), PR_SET_PDEATHSIG), also where the
 * parent died before it could say so, and leaves through _exit, so that
 * nothing of the parent's is run twice.  Unlike sim/fork.c results are not
 * handed back: a task writes them where it was told.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

enum { HEAP_BYTES = 64 << 20 };

struct slot {
    pid_t child; /* 0: free */
    int task;
};

/* A simulation takes some tens of MiB once and gives none back: from the kernel
 * in one piece, of huge pages where it has them.  Saves a tenth of a short
 * one; a matter of speed alone, so that nothing needs to succeed. */
static void take_memory(void)
{
    const uintptr_t huge = (uintptr_t)2 << 20;
    void *volatile first; /* so that it is not left out */
    uintptr_t begin;

    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, HEAP_BYTES);
    begin = ((uintptr_t)sbrk(0) + huge - 1) / huge * huge;
    first = malloc(HEAP_BYTES);
    free(first);
    madvise((void *)begin, ((uintptr_t)sbrk(0) - begin) / huge * huge,
            MADV_HUGEPAGE);
}

static pid_t begin(const struct lh__pool *pool, int task, int slot)
{
    pid_t parent = getpid();
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        take_memory();
        _exit(pool->work(pool->data, task, slot));
    }
    return child;
}

static int slot_of(const struct slot *slots, int n, pid_t child)
{
    for (int i = 0; i < n; i++) {
        if (slots[i].child == child) {
            return i;
        }
    }
    return -1;
}

static pid_t wait_for_any(int *wait_status)
{
    pid_t child;

    do {
        child = waitpid(-1, wait_status, 0);
    } while (child < 0 && errno == EINTR);
    return child;
}

enum lh_status lh__pool_run(const struct lh__pool *pool, struct lh_ctx *ctx)
{
    struct slot *slots = LH_NEW(ctx->arena, struct slot, pool->jobs);
    enum lh_status st = LH_OK;
    int begun = 0;
    int running = 0;
    bool going = true;

    while (running > 0 || (going && begun < pool->n)) {
        int status;
        int slot = slot_of(slots, pool->jobs, 0);
        pid_t child;
        if (going && begun < pool->n && slot >= 0) {
            slots[slot] = (struct slot){begin(pool, begun, slot), begun};
            if (slots[slot].child < 0) {
                lh_error(ctx, LH_NOWHERE, "fork: %s", strerror(errno));
                st = LH_FAILED;
                slots[slot].child = 0;
                going = false;
                continue;
            }
            running++;
            begun++;
            continue;
        }
        child = wait_for_any(&status);
        if (child < 0) {
            lh_error(ctx, LH_NOWHERE, "waitpid: %s", strerror(errno));
            return LH_FAILED;
        }
        slot = slot_of(slots, pool->jobs, child);
        if (slot >= 0) {
            going &= pool->done(pool->data, slots[slot].task, slot, status);
            slots[slot].child = 0;
            running--;
        }
    }
    return st;
}

void *lh__pool_memory(size_t bytes, struct lh_ctx *ctx)
{
    void *memory = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        lh_error(ctx, LH_NOWHERE, "no memory to share: %s", strerror(errno));
        return NULL;
    }
    return memory;
}
