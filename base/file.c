/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reads a whole file of the user into the arena.  A missing file, a folder or
 * one that is far too large is one line in the diag.
 */
#include <longhaul/base.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const size_t limit_bytes = (size_t)256 << 20;

static enum lh_status read_all(char **out, size_t *n, FILE *file,
                               struct lh_where where, struct lh_ctx *ctx)
{
    size_t capacity = 0;
    size_t length = 0;
    char *text = lh_grow(ctx->arena, NULL, &capacity, 4096, 1);

    for (;;) {
        size_t got = fread(text + length, 1, capacity - length - 1, file);
        length += got;
        if (got == 0) {
            break;
        }
        if (length > limit_bytes) {
            lh_error(ctx, where, "cannot be read: larger than %zu MiB",
                     limit_bytes >> 20);
            return LH_BAD_INPUT;
        }
        text = lh_grow(ctx->arena, text, &capacity, length + 2, 1);
    }
    if (ferror(file)) {
        lh_error(ctx, where, "cannot be read: %s", strerror(errno));
        return LH_BAD_INPUT;
    }
    text[length] = '\0';
    *out = text;
    *n = length;
    return LH_OK;
}

enum lh_status lh_file_read(char **out, size_t *n, const char *path,
                            struct lh_ctx *ctx)
{
    struct lh_where where = {path, 0, 0};
    enum lh_status st = LH_BAD_INPUT;
    struct stat info;
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        lh_error(ctx, where, "cannot be read: %s", strerror(errno));
        return LH_BAD_INPUT;
    }
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        lh_error(ctx, where, "cannot be read: it is a folder");
        goto out;
    }
    st = read_all(out, n, file, where, ctx);
out:
    fclose(file);
    return st;
}
