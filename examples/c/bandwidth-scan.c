/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The step time of a scenario over the bandwidth of its first fibre: what a
 * program of your own does with liblonghaul.
 *
 *   cc -std=c11 bandwidth-scan.c $(pkg-config --cflags --libs longhaul)
 *   ./a.out two-sites.yaml '100 Gbit/s' '400 Gbit/s' '1.6 Tbit/s'
 */
#include <longhaul/longhaul.h>

/* One line of the table; everything of the run is released with its context. */
static enum lh_status print_point(const char *path, const char *bandwidth)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text messages = lh_text_new(ctx.arena);
    const struct lh_setting setting = {"fibres[0].bandwidth", bandwidth};
    struct lh_run *run;
    enum lh_status st = lh_run_file(&run, path, &setting, 1, &ctx);

    lh_diag_write(&messages, &ctx);
    fputs(messages.s, stderr);
    if (st == LH_OK) {
        printf("%s,%.17g,%.17g\n", bandwidth, lh_run_figure(run, "step_time_s"),
               lh_run_figure(run, "efficiency"));
    }
    lh_run_free(run);
    lh_ctx_end(&ctx);
    return st;
}

int main(int argc, char **argv)
{
    enum lh_status st = LH_OK;

    if (argc < 3) {
        fprintf(stderr, "usage: %s SCENARIO BANDWIDTH...\n", argv[0]);
        return 2;
    }
    printf("bandwidth,step_time_s,efficiency\n");
    for (int i = 2; i < argc && st == LH_OK; i++) {
        st = print_point(argv[1], argv[i]);
    }
    return st == LH_OK ? 0 : 1;
}
