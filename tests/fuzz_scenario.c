/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The scenario reader against any bytes: libFuzzer's entry point.  What is
 * accepted must be echoed as text that is accepted again and echoed alike.
 * With LH_FUZZ_MAIN defined, a program that runs the files it is given, so
 * that a corpus can be replayed by any compiler:
 *
 *     clang-14 -fsanitize=fuzzer,address,undefined ... tests/fuzz_scenario.c
 *     gcc -DLH_FUZZ_MAIN -fsanitize=address,undefined ...
 */
#include <longhaul/scenario.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder that is not there: no file is read, whatever the path. */
static const char nowhere[] = "/nonexistent/longhaul";

static const char *echo(struct lh_scenario *out, const char *text, size_t n,
                        struct lh_ctx *ctx)
{
    struct lh_text echoed = lh_text_new(ctx->arena);

    if (lh_scenario_read_text(out, "fuzz", text, n, nowhere, NULL, 0, ctx)
        != LH_OK)
        return NULL;
    lh_scenario_print_yaml(&echoed, out);
    return echoed.s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario scenario;
    const char *once = echo(&scenario, (const char *)data, size, &ctx);

    if (!once && lh_diag_count(&ctx, LH_ERROR) == 0)
        abort(); /* refused without a word */
    if (once) {
        const char *twice = echo(&scenario, once, strlen(once), &ctx);
        if (!twice || strcmp(once, twice) != 0)
            abort();
    }
    lh_ctx_end(&ctx);
    return 0;
}

#ifdef LH_FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        char *text;
        size_t n;
        if (lh_file_read(&text, &n, argv[i], &ctx) == LH_OK)
            LLVMFuzzerTestOneInput((const uint8_t *)text, n);
        lh_ctx_end(&ctx);
    }
    return 0;
}
#endif
