/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The arena: memory of a run, taken from large blocks and released at once.
 * Used by every stage.
 *
 * Blocks form a list; a request that fits into the rest of the newest block is
 * cut from it, a large one gets a block of its own.  Memory is zeroed and
 * aligned for any type.  Running out of memory aborts (base.h says why).
 * Left out: freeing one object, and threads.
 */
#include <longhaul/base.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCK_BYTES = 64 * 1024, LARGE_BYTES = BLOCK_BYTES / 4 };
/* Pages of 2 MiB for blocks that hold several: fewer faults of pages. */
static const size_t huge_page_bytes = (size_t)2 << 20;

struct block {
    struct block *next;
    size_t used;
    size_t capacity;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct kept {
    struct kept *next;
    void *mapping;
    size_t bytes;
};

struct lh_arena {
    struct block *current; /* small requests are cut from here */
    struct block *large;   /* one request each                 */
    struct kept *kept;
};

static void die_out_of_memory(void)
{
    fputs("longhaul: out of memory\n", stderr);
    abort();
}

/* Only speed depends on it, so a refusal does not matter. */
static void prefer_huge_pages(struct block *block, size_t bytes)
{
    uintptr_t first = ((uintptr_t)block + huge_page_bytes - 1)
                      / huge_page_bytes * huge_page_bytes;
    uintptr_t end =
        ((uintptr_t)block + bytes) / huge_page_bytes * huge_page_bytes;

    if (first < end) {
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    }
}

static struct block *block_new(size_t capacity, struct block *next)
{
    struct block *block = NULL;

    if (capacity <= SIZE_MAX - sizeof(struct block)) {
        block = calloc(1, sizeof(struct block) + capacity);
    }
    if (block == NULL) {
        die_out_of_memory();
    }
    if (capacity >= 4 * huge_page_bytes) {
        prefer_huge_pages(block, sizeof(struct block) + capacity);
    }
    block->next = next;
    block->capacity = capacity;
    return block;
}

static void block_free_list(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

struct lh_arena *lh_arena_new(void)
{
    struct lh_arena *arena = calloc(1, sizeof(struct lh_arena));

    if (arena == NULL) {
        die_out_of_memory();
    }
    return arena;
}

void lh_arena_free(struct lh_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (struct kept *k = arena->kept; k != NULL; k = k->next) {
        (void)munmap(k->mapping, k->bytes);
    }
    block_free_list(arena->current);
    block_free_list(arena->large);
    free(arena);
}

void *lh_alloc(struct lh_arena *arena, size_t n, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    size_t bytes;
    void *result;

    if (size != 0 && n > (SIZE_MAX - align) / size) {
        die_out_of_memory();
    }
    bytes = n * size;
    if (bytes == 0) {
        bytes = 1;
    }
    bytes = (bytes + align - 1) / align * align;
    if (bytes > LARGE_BYTES) {
        arena->large = block_new(bytes, arena->large);
        arena->large->used = bytes;
        return arena->large->bytes;
    }
    if (arena->current == NULL ||
        arena->current->capacity - arena->current->used < bytes) {
        arena->current = block_new(BLOCK_BYTES, arena->current);
    }
    result = arena->current->bytes + arena->current->used;
    arena->current->used += bytes;
    return result;
}

void lh_arena_keep(struct lh_arena *arena, void *mapping, size_t bytes)
{
    struct kept *kept = LH_NEW(arena, struct kept, 1);

    *kept = (struct kept){arena->kept, mapping, bytes};
    arena->kept = kept;
}

char *lh_strndup(struct lh_arena *arena, const char *text, size_t n)
{
    char *copy = LH_NEW(arena, char, n + 1);

    if (n > 0) {
        memcpy(copy, text, n);
    }
    return copy;
}

char *lh_strdup(struct lh_arena *arena, const char *text)
{
    return lh_strndup(arena, text, strlen(text));
}

char *lh_format(struct lh_arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        return lh_strdup(arena, "");
    }
    text = LH_NEW(arena, char, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

void *lh_grow(struct lh_arena *arena, void *array, size_t *capacity,
              size_t need, size_t size)
{
    size_t wanted = *capacity > 0 ? *capacity : 8;
    void *grown;

    if (need <= *capacity) {
        return array;
    }
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) {
            die_out_of_memory();
        }
        wanted *= 2;
    }
    grown = lh_alloc(arena, wanted, size);
    if (*capacity > 0) {
        memcpy(grown, array, *capacity * size);
    }
    *capacity = wanted;
    return grown;
}
