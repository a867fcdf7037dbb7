/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The files of goldens: those of a folder in the order of their names, and the
 * path from a folder to a scenario, which a golden keeps so that a checkout may
 * stand anywhere.
 *
 * Place: beside cmd_golden.c.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add(const char ***list, size_t *n, size_t *capacity,
                const char *text, struct lh_arena *arena)
{
    *list = lh_grow(arena, *list, capacity, *n + 1, sizeof **list);
    (*list)[(*n)++] = text;
}

/* The files of a folder in their order, or the file itself. */
enum lh_status lh__golden_files(const char ***out, size_t *n, const char *path,
                                struct lh_ctx *ctx)
{
    size_t capacity = 0;
    size_t n_path = strlen(path);
    DIR *folder;
    const struct dirent *entry;

    *out = NULL;
    *n = 0;
    if (!is_folder(path)) {
        add(out, n, &capacity, path, ctx->arena);
        return LH_OK;
    }
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".json") == 0) {
            add(out, n, &capacity,
                lh_format(ctx->arena, "%s%s%s", path,
                          path[n_path - 1] == '/' ? "" : "/", entry->d_name),
                ctx->arena);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    if (*n == 0) {
        lh_error(ctx, (struct lh_where){path, 0, 0},
                 "no golden (*.json) is there; --add SCENARIO makes one");
        return LH_BAD_INPUT;
    }
    qsort(*out, *n, sizeof **out, by_name);
    return LH_OK;
}

/* From one folder to a file: "../../examples/x.yaml". */
const char *lh__relative_path(const char *folder, const char *file,
                              struct lh_arena *arena)
{
    char *from = realpath(folder, NULL);
    char *to = realpath(file, NULL);
    struct lh_text text = lh_text_new(arena);
    size_t same = 0;

    if (from == NULL || to == NULL) {
        free(from);
        free(to);
        return file;
    }
    for (size_t i = 0; from[i] == to[i] || (!from[i] && to[i] == '/'); i++) {
        if (to[i] == '/') {
            same = i;
        }
        if (!from[i]) {
            break;
        }
    }
    for (const char *c = from + same; *c != '\0'; c++) {
        lh_text_add(&text, *c == '/' && c[1] != '\0' ? "../" : "");
    }
    lh_text_add(&text, to + same + 1);
    free(from);
    free(to);
    return text.s;
}
