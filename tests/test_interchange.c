/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of other simulators (interchange/, workloads/trace_*.c) against
 * arithmetic by hand, against each other, and against garbage.  L is the latency
 * of an accelerator's link to an ideal switch, B its bandwidth; two ranks' ring
 * all-reduce of S takes 4 L + S / B there: two rounds of S / 2 over two links.
 *
 *   SimAI      forward F, backward 2 F and all-reduces, waited for
 *   pipeline   1F1B of 2 stages and 2 micro-batches: 3 passes and 3 sends
 *   Chakra     one rank's file, one a rank; host beside accelerator
 *   round trip a program written and read again: the same step
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <longhaul/result.h>

#include "random.h"
#include "unit.h"
#include "whole_run.h"

/* L = 1 us, B = 1e10 bytes/s; nothing but that. */
#define SWITCH                                                                 \
    "fabric: {name: switch, nic_bandwidth: 10 GB/s, nic_latency: 1 us}"
#define SITE(gpus)                                                             \
    "sites:\n  - {gpus: " gpus ", device: h100-sxm, " SWITCH "}\n"

#define NODE(id, type, deps, rest)                                             \
    "{\"Id\": " id ", \"NodeType\": " type ", \"data_deps\": [" deps "], " rest \
    "}"
#define GRAPH(nodes) "{\"workload_graph\": [" nodes "]}"

static const double link_s = 1e-6, link_bytes_per_s = 1e10;

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(path_of(name), "wb");

    LH_REQUIRE(file != NULL);
    LH_CHECK(fwrite(bytes, 1, n, file) == n);
    fclose(file);
}

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

/* The step of a trace on an ideal switch; the software's base latency is that
 * of the default stack, told apart. */
static double step_of(const char *file, const char *site, double *base_s)
{
    struct whole_run r;
    char text[1024];
    double step_s;

    snprintf(text, sizeof text, "longhaul: 1\nmodel: {trace: %s}\n%s",
             path_of(file), site);
    whole_run_begin(&r, text, NULL, 0);
    step_s = r.result.step_time_s;
    *base_s = r.scenario.stack.collective_base_s;
    LH_CHECK(r.result.from_rest);
    LH_CHECK(r.result.tokens_per_s == 0);
    whole_run_end(&r);
    return step_s;
}

static double all_reduce_s(double bytes, double base_s)
{
    return base_s + 4 * link_s + bytes / link_bytes_per_s;
}

/* ---- SimAI --------------------------------------------------------------- */

#define HEADER(rest) "HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: " rest

static void simai_is_run_line_by_line(void)
{
    double base_s;

    put_text("s.txt", HEADER("2 ep: 1 pp: 1 vpp: 1 ga: 1 all_gpus: 2\n"
                             "2\n"
                             "a -1 1000000 ALLREDUCE 10000000 2000000 NONE 0 "
                             "3000000 NONE 0 0\n"
                             "b -1 4000000 NONE 0 5000000 ALLREDUCE 20000000 "
                             "6000000 NONE 0 7000\n"));
    double step_s = step_of("s.txt", SITE("2"), &base_s);
    LH_CHECK_NEAR(step_s,
                  21e-3 + 7e-6 + all_reduce_s(1e7, base_s)
                      + all_reduce_s(2e7, base_s),
                  1e-9);
}

/* Gradients of the last line are reduced beside what is left to compute. */
static void simai_weights_are_reduced_beside(void)
{
    double base_s;

    put_text("w.txt", HEADER("1 ep: 1 pp: 1 vpp: 1 ga: 1 all_gpus: 2\n"
                             "2\n"
                             "a -1 0 NONE 0 4000000 NONE 0 0 NONE 0 0\n"
                             "b -1 1000000 NONE 0 0 NONE 0 1000000 ALLREDUCE "
                             "10000000 0\n"));
    double step_s = step_of("w.txt", SITE("2"), &base_s);
    LH_CHECK_NEAR(step_s, 6e-3, 0.02); /* multiprocessors that it takes */
    LH_CHECK(step_s >= 6e-3 - 1e-12);
}

/* F = 3 ms, B = 9 ms a micro-batch; the last stage ends the first backward at
 * 2 F + B + .., and the first stage its second one a pass later. */
static void simai_has_a_pipeline(void)
{
    double base_s;
    double send_s = 1e7 / link_bytes_per_s + 2 * link_s;

    put_text("p.txt",
             HEADER("1 ep: 1 pp: 2 vpp: 1 ga: 2 all_gpus: 2 pp_comm: 10000000\n"
                    "4\n"
                    "head -1 1000000 NONE 0 0 NONE 0 0 NONE 0 0\n"
                    "layer -1 3000000 NONE 0 6000000 NONE 0 3000000 NONE 0 0\n"
                    "layer -1 3000000 NONE 0 6000000 NONE 0 3000000 NONE 0 0\n"
                    "tail -1 2000000 NONE 0 0 NONE 0 0 NONE 0 0\n"));
    double step_s = step_of("p.txt", SITE("2"), &base_s);
    LH_CHECK_NEAR(step_s, 1e-3 + 3 * 12e-3 + 2 * (send_s + base_s) + 2e-3,
                  1e-9);
}

static void simai_of_a_pipeline_needs_micro_batches(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_simai file;

    put_text("m.txt", HEADER("1 pp: 2 ga: 2 pp_comm: 1\n2\n"
                             "a -1 1 NONE 0 1 NONE 0 1 NONE 0 0\n"
                             "b -1 1 NONE 0 1 NONE 0 1 NONE 0 0\n"));
    LH_CHECK(lh_simai_read(&file, path_of("m.txt"), &ctx) == LH_BAD_INPUT);
    LH_CHECK(lh_diag_count(&ctx, LH_ERROR) == 1);
    lh_ctx_end(&ctx);
}

static bool is_there(const char *path)
{
    if (access(path, R_OK) == 0)
        return true;
    lh_unit_skip("no ../shared/inputs");
    return false;
}

static void simai_s_own_file_is_read(void)
{
    const char *path = LH_SRCDIR "/../shared/inputs/simai/workload_analytical.txt";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_simai f;

    if (is_there(path)) {
        LH_CHECK(lh_simai_read(&f, path, &ctx) == LH_OK);
        LH_CHECK(f.tensor == 2 && f.expert == 16 && f.pipeline == 12);
        LH_CHECK(f.chunks == 8 && f.micro_batches == 24 && f.gpus == 9216);
        LH_CHECK(f.n_lines == 1789 && f.first == 6 && f.period == 74);
        LH_CHECK(f.send_bytes == 50331648);
        LH_CHECK(f.lines[5].parts[LH_SIMAI_WEIGHTS].group == LH_SIMAI_DP_EP);
    }
    lh_ctx_end(&ctx);
}

/* All ranks one by one, or one for those that cannot be told apart. */
static void both_ways(const char *file, const char *sites)
{
    struct whole_run folded, plain;
    char text[1024];

    snprintf(text, sizeof text, "longhaul: 1\nmodel: {trace: %s}\n%s",
             path_of(file), sites);
    whole_run_begin(&folded, text, NULL, 0);
    whole_run_begin(&plain, text,
                    &(struct lh_setting){"engine.fold", "off"}, 1);
    LH_CHECK(folded.trace.n_classes < plain.trace.n_classes);
    LH_CHECK_NEAR(folded.result.step_time_s, plain.result.step_time_s, 1e-9);
    for (int i = 0; i < LH_CATEGORIES; i++)
        LH_CHECK(fabs(folded.result.breakdown_s[i]
                      - plain.result.breakdown_s[i])
                 < 1e-9 * plain.result.step_time_s);
    whole_run_end(&plain);
    whole_run_end(&folded);
}

static void folding_changes_nothing(void)
{
    static const char sites[] =
        "sites:\n"
        "  - {name: a, gpus: 32, device: h100-sxm, fabric: {group: [2]}}\n"
        "  - {name: b, gpus: 16, device: a100-sxm}\n"
        "fibres: [{between: [a, b], length: 100 km, bandwidth: 100 Gbit/s}]\n";
    struct lh_ctx ctx = lh_ctx_begin();
    uint64_t state = 11;

    for (int i = 0; i < 4; i++) {
        int tensor = 1 << pick(&state, 3), expert = 1 << pick(&state, 2);
        int stages = 1 + pick(&state, 2), chunks = 1 + pick(&state, 2);

        put_text("f.txt",
                 lh_format(ctx.arena,
                           HEADER("%d ep: %d pp: %d vpp: %d ga: 2 pp_comm %d\n"
                                  "5\n"
                                  "g -1 0 NONE 0 0 NONE 0 5000 ALLREDUCE "
                                  "300000000 100\n"
                                  "m -1 400000 ALLTOALL_EP 5000000 200000 "
                                  "ALLGATHER 6000000 1 REDUCESCATTER_DP_EP "
                                  "40000000 100\n"
                                  "n -1 700000 REDUCESCATTER 6000000 200000 "
                                  "NONE 0 90000 ALLGATHER_EP 4000000 100\n"
                                  "m -1 400000 ALLTOALL_EP 5000000 200000 "
                                  "ALLGATHER 6000000 1 REDUCESCATTER_DP_EP "
                                  "40000000 100\n"
                                  "n -1 700000 REDUCESCATTER 6000000 200000 "
                                  "NONE 0 90000 ALLGATHER_EP 4000000 100\n"),
                           tensor, expert, stages, chunks,
                           stages > 1 ? 3000000 : 0));
        both_ways("f.txt", sites);
    }
    put_text("f.json",
             GRAPH(NODE("1", "4", "", "\"runtime\": 300, \"is_cpu_op\": true")
                   "," NODE("2", "4", "1", "\"num_ops\": 1e11") ","
                   NODE("3", "4", "1", "\"runtime\": 700, \"is_cpu_op\": true")
                   "," NODE("4", "7", "2, 3",
                            "\"comm_type\": 0, \"comm_size\": 50000000")
                   "," NODE("5", "7", "4",
                            "\"comm_type\": 5, \"comm_size\": 1000000")));
    both_ways("f.json", sites);
    lh_ctx_end(&ctx);
}

/* ---- Chakra -------------------------------------------------------------- */


/* Host 1 ms, then accelerator 2 ms beside host 5 ms, then an all-gather of 1e7
 * each, which an all-gather of 2e7 is: 2 L + 1e7 / B. */
static void chakra_has_a_host_and_collectives(void)
{
    double base_s;

    put_text("c.json",
             GRAPH(NODE("1", "4", "", "\"runtime\": 1000, \"is_cpu_op\": true")
                   "," NODE("2", "4", "1", "\"runtime\": 2000") ","
                   NODE("3", "4", "1", "\"runtime\": 5000, \"is_cpu_op\": true")
                   "," NODE("9", "7", "2, 3",
                            "\"comm_type\": 2, \"comm_size\": 10000000")));
    double step_s = step_of("c.json", SITE("2"), &base_s);
    LH_CHECK_NEAR(step_s, 6e-3 + base_s + 2 * link_s + 1e7 / link_bytes_per_s,
                  1e-9);
}

/* Ops without a duration take what the device's roofline says. */
static void chakra_s_operations_have_a_roofline(void)
{
    double base_s;
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_device device;

    LH_REQUIRE(lh_device_by_name(&device, "h100-sxm", LH_NOWHERE, &ctx)
               == LH_OK);
    put_text("r.json",
             GRAPH(NODE("1", "4", "", "\"num_ops\": 1e12, \"tensor_size\": 1e6")
                   "," NODE("2", "4", "1",
                            "\"num_ops\": 1e6, \"tensor_size\": 1e9")));
    LH_CHECK_NEAR(step_of("r.json", SITE("2"), &base_s),
                  1e12 / device.bf16_flops_per_s
                      + 1e9 / device.memory_bytes_per_s,
                  1e-9);
    lh_ctx_end(&ctx);
}

/* Two stages of one rank: 1 + 1 + 2 + 2 ms and two messages. */
static void chakra_ranks_send_to_each_other(void)
{
    double base_s;
    double send_s = 1e7 / link_bytes_per_s + 2 * link_s;

    put_text("x.0.json",
             GRAPH(NODE("1", "4", "", "\"runtime\": 1000") ","
                   NODE("2", "5", "1", "\"comm_size\": 10000000, "
                        "\"comm_dst\": 1, \"comm_tag\": 7") ","
                   NODE("3", "6", "", "\"comm_size\": 10000000, "
                        "\"comm_src\": 1, \"comm_tag\": 8") ","
                   NODE("4", "4", "3", "\"runtime\": 2000")));
    put_text("x.1.json",
             GRAPH(NODE("1", "6", "", "\"comm_size\": 10000000, "
                        "\"comm_src\": 0, \"comm_tag\": 7") ","
                   NODE("2", "4", "1", "\"runtime\": 3000") ","
                   NODE("3", "5", "2", "\"comm_size\": 10000000, "
                        "\"comm_dst\": 0, \"comm_tag\": 8")));
    double step_s = step_of("x.%d.json", SITE("2"), &base_s);
    LH_CHECK_NEAR(step_s, 6e-3 + 2 * (send_s + base_s), 1e-9);
}

/* Groups of 2 a rank apart and of 4 two apart, on eight ranks: a grid. */
static void chakra_groups_make_a_grid(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_chakra t;

    put_text("g.json",
             GRAPH(NODE("1", "7", "", "\"comm_type\": 0, \"comm_size\": 8, "
                        "\"pg_name\": \"near\"") ","
                   NODE("2", "7", "1", "\"comm_type\": 0, \"comm_size\": 8, "
                        "\"pg_name\": \"far\"")));
    put_text("g.groups", "{\"near\": [0, 1], \"far\": [0, 2, 4, 6]}");
    LH_REQUIRE(lh_chakra_read(&t, path_of("g.json"), path_of("g.groups"), 8,
                              &ctx)
               == LH_OK);
    LH_CHECK(t.grid.n_dims == 2);
    LH_CHECK(t.grid.size[0] == 2 && t.grid.stride[0] == 1);
    LH_CHECK(t.grid.size[1] == 4 && t.grid.stride[1] == 2);
    LH_CHECK(lh_chakra_span(&t.grid, t.ranks, "near") == 1);
    LH_CHECK(lh_chakra_span(&t.grid, t.ranks, "far") == 2);
    LH_CHECK(lh_chakra_span(&t.grid, t.ranks, "") == 3);
    LH_CHECK(lh_chakra_read(&t, path_of("g.json"), NULL, 8, &ctx)
             == LH_BAD_INPUT);
    lh_ctx_end(&ctx);
}

/* Read in the order in which nodes wait for each other. */
static void chakra_nodes_are_put_in_order(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_chakra_rank r;

    put_text("o.json", GRAPH(NODE("5", "4", "9", "\"runtime\": 1") ","
                             NODE("9", "4", "7", "\"runtime\": 2") ","
                             NODE("7", "4", "", "\"runtime\": 3")));
    LH_REQUIRE(lh_chakra_read_rank(&r, path_of("o.json"), &ctx) == LH_OK);
    LH_CHECK(r.nodes[0].id == 7 && r.nodes[1].id == 9 && r.nodes[2].id == 5);
    LH_CHECK(r.nodes[2].n_deps == 1 && r.nodes[2].deps[0] == 1);
    put_text("o.json", GRAPH(NODE("5", "4", "9", "\"runtime\": 1") ","
                             NODE("9", "4", "5", "\"runtime\": 2")));
    LH_CHECK(lh_chakra_read_rank(&r, path_of("o.json"), &ctx) == LH_BAD_INPUT);
    lh_ctx_end(&ctx);
}

static void the_rank_of_pytorch_is_read(void)
{
    const char *path = LH_SRCDIR "/../shared/inputs/chakra/chakra.pytorch.0.et";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_chakra_rank r;
    double host_s = 0, computes_s = 0;

    if (is_there(path)) {
        LH_REQUIRE(lh_chakra_read_rank(&r, path, &ctx) == LH_OK);
        LH_CHECK(r.n_nodes == 3664);
        for (int i = 0; i < r.n_nodes; i++) {
            if (r.nodes[i].is_cpu)
                host_s += r.nodes[i].seconds;
            else if (r.nodes[i].type == LH_CHAKRA_COMP)
                computes_s += r.nodes[i].seconds;
        }
        LH_CHECK_NEAR(host_s, 52252e-6, 1e-9);
        LH_CHECK_NEAR(computes_s, 292828e-6, 1e-9);
    }
    lh_ctx_end(&ctx);
}

/* ---- a program, written and read again ----------------------------------- */

static void put_program(const struct whole_run *r, struct lh_ctx *ctx)
{
    for (int k = 0; k < r->program.n_templates; k++) {
        lh_rank rank = k * r->program.axes.stride[LH_AXIS_PIPELINE];
        struct lh_chakra_rank out;
        unsigned char *bytes;
        size_t n;

        lh_program_chakra(&out, &r->program, k, rank, &r->scenario, ctx);
        lh_chakra_write(&bytes, &n, &out, ctx);
        put_file(lh_format(ctx->arena, "t.%d.et", (int)rank), bytes, n);
    }
}

static void a_program_comes_back(void)
{
    static const char machine[] =
        "longhaul: 1\n%s"
        "sites:\n"
        "  - {name: a, gpus: 16, device: h100-sxm}\n"
        "  - {name: b, gpus: 16, device: h100-sxm}\n"
        "fibres: [{between: [a, b], length: 100 km}]\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct whole_run there, back;
    char text[1024], model[256];

    snprintf(text, sizeof text, machine,
             "model: llama-3.1-8b\n"
             "training: {global_batch: 32, sequence_length: 4096}\n"
             "plan: {tensor: 4, pipeline: 4, zero: 1, schedule: interleaved, "
             "interleave: 2}\n");
    whole_run_begin(&there, text, NULL, 0);
    put_program(&there, &ctx);
    snprintf(model, sizeof model, "model: {trace: %s}\n", path_of("t.%d.et"));
    snprintf(text, sizeof text, machine, model);
    whole_run_begin(&back, text, NULL, 0);
    LH_CHECK(back.result.steady);
    LH_CHECK_NEAR(back.result.step_time_s, there.result.step_time_s, 0);
    LH_CHECK_NEAR(back.result.mfu, there.result.mfu, 0);
    for (int i = 0; i < LH_CATEGORIES; i++)
        LH_CHECK_NEAR(back.result.breakdown_s[i], there.result.breakdown_s[i],
                      0);
    LH_CHECK_NEAR(back.program.memory[0].total, there.program.memory[0].total,
                  0);
    whole_run_end(&back);
    whole_run_end(&there);
    lh_ctx_end(&ctx);
}

/* Messages of a file one by one, as protoc reads them with Chakra's schema:
 * what it does not know it prints by number. */
static void protoc_knows_every_field(void)
{
    const char *schema = LH_SRCDIR "/../shared/inputs/chakra";
    struct lh_ctx ctx = lh_ctx_begin();
    unsigned char *bytes;
    size_t n, at = 0;
    const char *kind = "GlobalMetadata";
    int left = 6;

    if (access(schema, R_OK) != 0
        || system("command -v protoc >/dev/null 2>&1") != 0) {
        lh_unit_skip("no protoc, or no ../shared/inputs");
        lh_ctx_end(&ctx);
        return;
    }
    LH_REQUIRE(lh_file_read((char **)&bytes, &n, path_of("t.0.et"), &ctx)
               == LH_OK);
    for (; left > 0 && at < n; left--, kind = "Node") {
        size_t length = 0;
        for (int shift = 0;; shift += 7) {
            length |= (size_t)(bytes[at] & 0x7f) << shift;
            if (bytes[at++] < 0x80)
                break;
        }
        put_file("one.bin", bytes + at, length);
        at += length;
        LH_CHECK(system(lh_format(ctx.arena,
                                  "protoc -I %s --decode=ChakraProtoMsg.%s "
                                  "et_def.proto < %s > %s 2>/dev/null && "
                                  "test -s %s && ! grep -qE '^ *[0-9]+: ' %s",
                                  schema, kind, path_of("one.bin"),
                                  path_of("one.txt"), path_of("one.txt"),
                                  path_of("one.txt")))
                 == 0);
    }
    LH_CHECK(left == 0);
    lh_ctx_end(&ctx);
}

/* ---- garbage ------------------------------------------------------------- */

/* Whatever a byte is changed to, a file is read or refused with one message. */
static void broken_bytes_are_one_message(void)
{
    struct lh_ctx first = lh_ctx_begin();
    size_t n;
    char *bytes;
    uint64_t state = 7;
    int refused = 0;

    LH_REQUIRE(lh_file_read(&bytes, &n, path_of("t.0.et"), &first) == LH_OK);
    for (int i = 0; i < 400; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_chakra_rank r;
        size_t at = (size_t)pick(&state, (int)(n < 4000 ? n : 4000));
        size_t keep = i % 4 == 0 ? at : n < 6000 ? n : 6000;
        char kept = bytes[at];

        bytes[at] = (char)pick(&state, 256);
        put_file("b.et", bytes, keep);
        bytes[at] = kept;
        if (lh_chakra_read_rank(&r, path_of("b.et"), &ctx) != LH_OK) {
            refused++;
            LH_CHECK(lh_diag_count(&ctx, LH_ERROR) == 1);
        } else {
            LH_CHECK(r.n_nodes > 0);
        }
        lh_ctx_end(&ctx);
    }
    LH_CHECK(refused > 100);
    lh_ctx_end(&first);
}

/* ---- ASTRA-sim ----------------------------------------------------------- */

static enum lh_status network(struct lh_astra *out, const char *text,
                              struct lh_ctx *ctx)
{
    put_text("n.yml", text);
    return lh_astra_read(out, path_of("n.yml"), ctx);
}

static void a_network_is_read(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_astra n;

    LH_REQUIRE(network(&n,
                       "topology: [ Ring, Switch ]\nnpus_count: [ 4, 2 ]\n"
                       "bandwidth: [ 50.0, 25.0 ] # GB/s\n"
                       "latency: [ 500.0, 936.25 ]\n",
                       &ctx)
               == LH_OK);
    LH_CHECK(n.n_dims == 2);
    LH_CHECK(n.dims[0].kind == LH_ASTRA_RING && n.dims[0].npus == 4);
    LH_CHECK(n.dims[1].kind == LH_ASTRA_SWITCH && n.dims[1].npus == 2);
    LH_CHECK_NEAR(n.dims[0].bytes_per_s, 50 * 1073741824.0, 0);
    LH_CHECK_NEAR(n.dims[1].latency_s, 936.25e-9, 1e-15);
    LH_CHECK(network(&n, "topology: [Ring]\nnpus_count: [4, 2]\n"
                         "bandwidth: [1]\nlatency: [1]\n", &ctx)
             == LH_BAD_INPUT);
    LH_CHECK(network(&n, "topology: [[Ring]]\n", &ctx) == LH_BAD_INPUT);
    LH_CHECK(network(&n, "- 1\n", &ctx) == LH_BAD_INPUT);
    LH_CHECK(lh_diag_count(&ctx, LH_ERROR) == 3);
    lh_ctx_end(&ctx);
}

/* A ring of 4, each link 50 x 2^30: both ways round at once, 2 (n - 1) / n of
 * S, half of it each way. */
static void a_ring_is_a_torus(void)
{
    struct whole_run r;
    char text[512];

    put_text("n.yml", "topology: [Ring]\nnpus_count: [4]\n"
                      "bandwidth: [50]\nlatency: [0]\n");
    put_text("c.json", GRAPH(NODE("1", "7", "", "\"comm_type\": 0, "
                                  "\"comm_size\": 1e11")));
    snprintf(text, sizeof text,
             "longhaul: 1\nmodel: {trace: %s}\nsites: [{gpus: 4, device: "
             "h100-sxm, fabric: {astra_network: %s}}]\n",
             path_of("c.json"), path_of("n.yml"));
    whole_run_begin(&r, text, NULL, 0);
    LH_CHECK_NEAR(r.result.step_time_s,
                  1.5 * 1e11 / 2 / (50 * 1073741824.0), 1e-4);
    whole_run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"SimAI's lines are run one by one", simai_is_run_line_by_line},
        {"SimAI's gradients are reduced beside",
         simai_weights_are_reduced_beside},
        {"SimAI's stages are a pipeline", simai_has_a_pipeline},
        {"SimAI's pipeline needs micro-batches",
         simai_of_a_pipeline_needs_micro_batches},
        {"folding changes nothing", folding_changes_nothing},
        {"SimAI's own file is read", simai_s_own_file_is_read},
        {"Chakra: host, accelerator, collective",
         chakra_has_a_host_and_collectives},
        {"Chakra: a roofline", chakra_s_operations_have_a_roofline},
        {"Chakra: ranks send to each other", chakra_ranks_send_to_each_other},
        {"Chakra: groups make a grid", chakra_groups_make_a_grid},
        {"Chakra: nodes in order", chakra_nodes_are_put_in_order},
        {"Chakra: PyTorch's rank is read", the_rank_of_pytorch_is_read},
        {"a program comes back", a_program_comes_back},
        {"protoc knows every field", protoc_knows_every_field},
        {"broken bytes are one message", broken_bytes_are_one_message},
        {"ASTRA-sim's network is read", a_network_is_read},
        {"a ring is a torus", a_ring_is_a_torus},
    };
    char command[96];
    int status;

    snprintf(folder, sizeof folder, "/tmp/longhaul-interchange-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    status = lh_unit_run("interchange", tests, LH_COUNT(tests));
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        return 1;
    return status;
}
