/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program: finds the command and hands it the rest of the line.
 *
 * Place in the pipeline: the outermost; each command is a file cmd_NAME.c and
 * a line in cli.h.  Exit status: 0 ok, 1 cannot be met or the machine failed,
 * 2 the user's input, 3 points of a sweep that failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define LH_COMMAND(name, summary) {#name, summary, lh__cmd_##name},
    LH__COMMANDS
#undef LH_COMMAND
};

enum { N_COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

enum { OPTION_VERSION = 'V' };

static const struct argp_option options[] = {
    {"version", OPTION_VERSION, 0, 0, "Print the version", -1},
    {0},
};

/* Where the command stands in argv. */
static error_t parse(int key, char *arg, struct argp_state *state)
{
    int *command = state->input;

    (void)arg;
    switch (key) {
    case OPTION_VERSION:
        printf("longhaul %s\n", PACKAGE_VERSION);
        *command = 0;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_ARG:
        *command = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (*command < 0) {
            argp_error(state, "a command is needed");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const char *help(struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    lh_text_add(&text,
                "Simulates training steps on accelerators in one site or in "
                "several, joined by fibre.\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        lh_text_printf(&text, "  %-11s %s\n", commands[i].name,
                       commands[i].summary);
    }
    lh_text_add(&text, "\nOptions:\v"
                       "`longhaul COMMAND --help' describes a command.  The "
                       "result goes to standard output, everything else to "
                       "standard error.  Exit status: 0 ok; 1 cannot be met, "
                       "or the machine failed; 2 bad input; 3 points of a "
                       "sweep failed or are missing.");
    return text.s;
}

static int unknown(const char *name)
{
    const char *names[N_COMMANDS];
    const char *near;

    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    near = lh_nearest(name, names, N_COMMANDS);
    fprintf(stderr, "longhaul: error: unknown command '%s'", name);
    if (access(name, R_OK) == 0) {
        fprintf(stderr, "; did you mean `longhaul run %s'?\n", name);
    } else if (near != NULL) {
        fprintf(stderr, "; did you mean '%s'?\n", near);
    } else {
        fprintf(stderr, "; see `longhaul --help'\n");
    }
    return LH__EXIT_INPUT;
}

/* A descriptor 0, 1 or 2 that the caller left closed would be taken by the
 * first file that is opened, and messages would end up in it. */
static void reserve_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
            if (open("/dev/null", mode) != fd) {
                exit(LH__EXIT_NO);
            }
        }
    }
}

static int run_command(struct lh_ctx *ctx, int argc, char **argv)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            argv[0] = lh_format(ctx->arena, "longhaul %s", argv[0]);
            return commands[i].run(argc, argv);
        }
    }
    return unknown(argv[0]);
}

int main(int argc, char **argv)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct argp argp = {.options = options,
                        .parser = parse,
                        .args_doc = "COMMAND [ARGUMENT...]"};
    int command = -1;
    int status = LH__EXIT_OK;

    reserve_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    argp_err_exit_status = LH__EXIT_INPUT;
    argp.doc = help(&ctx);
    if (argc > 0) {
        argv[0] = lh_strdup(ctx.arena, "longhaul");
    }
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &command);
    if (command > 0) {
        status = run_command(&ctx, argc - command, argv + command);
    } else {
        struct lh_text nothing = lh_text_new(ctx.arena);
        status = lh__print_result(&nothing); /* flushes --version */
    }
    lh_ctx_end(&ctx);
    return status;
}
