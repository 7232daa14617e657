/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netrig iperf: set a loop up, stand on the kernel's sockets or on a port with a stack, and run a
 * client or a server until it is done or interrupted.
 */
#include "cli/cmd.h"
#include "cli/iperf_output.h"

#include "port/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READY_TIMEOUT_NS (10 * RIG_NS_PER_S)

struct session {
    struct rig_iperf_args args;
    struct rig_iperf_output output;
    FILE *file;
    struct rig_loop *loop;
    struct rig_port *port;
    struct rig_stack *stack;
    struct rig_net *net;
    struct rig_iperf2_client *client;
    struct rig_iperf2_server *server;
    struct rig_watch signals;
    int signal_fd;
    bool interrupted;
    enum rig_exit code;
    struct rig_err err; /* why it could not start; empty: the run itself has said what is wrong */
};

static void give_up(struct session *session, enum rig_exit code)
{
    session->code = code;
    rig_loop_stop(session->loop);
}

/* ---- what the run tells ---- */

/* A measurement that nobody can read was not made. A client ends; a server has peers to serve. */
static void check_written(struct session *session, int error)
{
    if (!ferror(session->file) || session->err.text[0])
        return;
    rig_err_set(&session->err, error ? -error : -EIO, "cannot write the reports: %s",
                strerror(error ? error : EIO));
    session->code = RIG_EXIT_CANNOT;
    if (!session->args.server)
        rig_loop_stop(session->loop);
}

static void on_report(void *ctx, const struct rig_iperf2_report *report)
{
    struct session *session = ctx;
    errno = 0;
    rig_iperf_output_report(&session->output, report);
    check_written(session, errno);
}

static void on_done(void *ctx, int error)
{
    struct session *session = ctx;
    if (error)
        session->code = RIG_EXIT_CANNOT;
    rig_loop_stop(session->loop);
}

static void warn_of_fragments(const struct session *session)
{
    const struct rig_iperf_args *args = &session->args;
    if (args->server || !args->iperf.udp)
        return;
    uint32_t max_bytes = rig_net_udp_payload_max(session->net, &args->iperf.peer.addr);
    if (max_bytes && args->iperf.len_bytes > max_bytes)
        fprintf(stderr,
                "netrig iperf: warning: -l %u is above the %u bytes that fit the MTU: each "
                "datagram goes in fragments\n",
                args->iperf.len_bytes, max_bytes);
}

static void start_run(struct session *session)
{
    struct rig_iperf2_hooks hooks = {.report = on_report, .done = on_done, .ctx = session};
    const struct rig_iperf2_config *config = &session->args.iperf;
    warn_of_fragments(session);
    int rc =
        session->args.server
            ? rig_iperf2_server_new(&session->server, session->net, config, &hooks, &session->err)
            : rig_iperf2_client_new(&session->client, session->net, config, &hooks, &session->err);
    if (rc < 0)
        give_up(session, RIG_EXIT_CANNOT);
}

/* ---- signals ---- */

static void on_signal(void *ctx, uint32_t events)
{
    struct session *session = ctx;
    struct signalfd_siginfo info;
    (void)events;
    if (read(session->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    bool again = session->interrupted;
    session->interrupted = true;
    if (session->client && !again)
        rig_iperf2_client_stop(session->client);
    else if (session->server && !again)
        rig_iperf2_server_stop(session->server);
    else
        rig_loop_stop(session->loop);
    if (!session->client && !session->server) {
        session->code = RIG_EXIT_CANNOT;
        rig_err_set(&session->err, -EINTR, "interrupted before %s was ready", session->args.on);
    }
}

static int watch_signal_fd(struct session *session, struct rig_err *err)
{
    return rig_loop_add_fd(session->loop, &session->signals, session->signal_fd, RIG_LOOP_IN,
                           on_signal, session, err);
}

static int watch_signals(struct session *session, struct rig_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (session->signal_fd < 0)
        return rig_err_set(err, -errno, "cannot watch signals: %s", strerror(errno));
    return watch_signal_fd(session, err);
}

/* ---- where it stands ---- */

static void on_ready(void *ctx, int error, const char *sentence)
{
    struct session *session = ctx;
    if (error) {
        rig_err_set(&session->err, error, "%s", sentence);
        give_up(session, RIG_EXIT_CANNOT);
        return;
    }
    rig_iperf_output_ready(&session->output, session->stack);
    start_run(session);
}

static void on_gone(void *ctx, int error)
{
    struct session *session = ctx;
    if (session->client)
        rig_iperf2_client_stop(session->client);
    if (session->server)
        rig_iperf2_server_stop(session->server);
    rig_err_set(&session->err, error, "%s: the interface is gone", session->args.on);
    session->code = RIG_EXIT_CANNOT;
    if (!session->client && !session->server)
        rig_loop_stop(session->loop);
}

static int stand_on_port(struct session *session, struct rig_err *err)
{
    struct rig_stack_config *config = &session->args.stack;
    if (getrandom(&config->seed, sizeof(config->seed), 0) != sizeof(config->seed))
        config->seed = rig_clock_ns();
    int rc = rig_port_open(&session->port, session->args.on, err);
    if (rc == 0)
        rc = rig_stack_new(&session->stack, session->loop, session->port, config, err);
    if (rc == 0)
        rc = rig_net_stack_new(&session->net, session->loop, session->stack, err);
    if (rc < 0)
        return rc;
    rig_stack_on_gone(session->stack, on_gone, session);
    rig_stack_on_ready(session->stack, READY_TIMEOUT_NS, on_ready, session);
    return 0;
}

static int stand(struct session *session, struct rig_err *err)
{
    int rc = rig_loop_new(&session->loop, err);
    if (rc == 0)
        rc = watch_signals(session, err);
    if (rc < 0)
        return rc;
    if (session->args.on)
        return stand_on_port(session, err);
    rc = rig_net_kernel_new(&session->net, session->loop, err);
    if (rc == 0)
        start_run(session);
    return rc;
}

static void tear_down(struct session *session)
{
    rig_iperf2_client_free(session->client);
    rig_iperf2_server_free(session->server);
    rig_net_free(session->net);
    rig_stack_free(session->stack);
    rig_port_close(session->port);
    if (session->loop && session->signals.added)
        rig_loop_remove(session->loop, &session->signals);
    if (session->signal_fd >= 0)
        close(session->signal_fd);
    rig_loop_free(session->loop);
    if (session->file && session->file != stdout)
        fclose(session->file);
}

/* ---- life ---- */

/* A server holds a descriptor for each client; the soft limit is often a thousand. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_output(struct session *session, struct rig_err *err)
{
    session->file = stdout;
    if (session->args.output) {
        session->file = fopen(session->args.output, "we");
        if (!session->file)
            return rig_err_set(err, -errno, "cannot write '%s': %s", session->args.output,
                               strerror(errno));
    }
    rig_iperf_output_init(&session->output, session->file, &session->args);
    return 0;
}

static void leave_terminal(void)
{
    setsid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return;
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDERR_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    close(null_fd);
}

/* After the set-up, so that whoever started it hears what went wrong with that. */
static int go_to_background(struct session *session, struct rig_err *err)
{
    if (!session->args.daemon)
        return 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return rig_err_set(err, -errno, "cannot run in the background: %s", strerror(errno));
    if (pid > 0) {
        printf("The server runs in the background as process %d\n", (int)pid);
        fflush(stdout);
        _exit(RIG_EXIT_OK);
    }
    leave_terminal();
    /* An epoll hears a signalfd for the process that added it, which is no more. */
    rig_loop_remove(session->loop, &session->signals);
    return watch_signal_fd(session, err);
}

static enum rig_exit run(struct session *session)
{
    struct rig_err *err = &session->err;
    session->code = RIG_EXIT_OK;
    raise_descriptor_limit();
    int rc = rig_iperf_args_resolve(&session->args, err);
    if (rc == 0)
        rc = stand(session, err);
    if (rc == 0 && session->code == RIG_EXIT_OK)
        rc = go_to_background(session, err);
    if (rc == 0 && session->code == RIG_EXIT_OK)
        rc = rig_loop_run(session->loop, err);
    if (rc < 0)
        session->code = rc == -EINVAL ? RIG_EXIT_USAGE : RIG_EXIT_CANNOT;
    if (!err->text[0])
        return session->code;
    rig_iperf_output_error(&session->output, err->text);
    return rig_cmd_fail("iperf", session->code, err);
}

int rig_cmd_iperf(int argc, char **argv)
{
    struct session session = {.signal_fd = -1};
    int rc = rig_iperf_args_parse(&session.args, argc, argv, &session.err);
    if (rc == RIG_OPTIONS_HELP)
        return rig_cmd_help(rig_cmd_iperf_options());
    if (rc < 0)
        return rig_cmd_fail("iperf", RIG_EXIT_USAGE, &session.err);
    if (open_output(&session, &session.err) < 0)
        return rig_cmd_fail("iperf", RIG_EXIT_CANNOT, &session.err);
    int code = run(&session);
    tear_down(&session);
    return code;
}
