/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lab that lives as long as one command.
 *
 * Two processes of ours:
 *   - the caller, which stays where it is, hands signals on and waits;
 *   - the holder, process 1 of a new PID namespace (and of new network, mount and, without
 *     privilege, user namespaces). It makes the plan, holds a descriptor of each network
 *     namespace, runs the command and ends with its status.
 *
 * When process 1 of a PID namespace ends, the kernel ends all others in it, and when the last
 * process and descriptor of a network namespace are gone, the kernel takes down what is in it.
 * The holder asks to be killed when the caller dies (PR_SET_PDEATHSIG), so every way out, kill -9
 * of the caller included, leaves nothing, and there is no undo to write.
 *
 * The two speak over a SOCK_SEQPACKET pair, one note a message:
 *     holder READY -> caller GO     the holder's death signal is set and the caller still lives
 *     holder STARTED -> caller GO   the command's process waits behind a gate, which GO opens
 *     holder FAILED                 the lab or its command could not be made
 *     caller SIGNAL n               give the command signal n
 *
 * Signals: Ctrl-C on a terminal reaches the command itself, as it is in the same process group;
 * the kernel sends it (si_code SI_KERNEL) and the caller only goes on waiting. One that a process
 * sent to the caller is handed on. Before the command has started both end the lab. The gate is
 * there so that the caller has changed from the one to the other before the command does anything;
 * its process exists by then, with signals blocked, and takes what came meanwhile.
 */
#include "lab/lab_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum note_kind { NOTE_READY, NOTE_GO, NOTE_STARTED, NOTE_FAILED, NOTE_SIGNAL };

struct note {
    enum note_kind kind;
    int value; /* FAILED: -errno; SIGNAL: its number */
    struct rig_err err;
};

/* What both processes know. */
struct lab {
    const struct rig_lab_plan *plan;
    char *const *argv;
    bool user_ns;
    uid_t uid;
    gid_t gid;
    sigset_t mask_before; /* the caller's, and the command's */
    int caller_fd;
    int holder_fd;
};

static int send_note(int fd, enum note_kind kind, int value, const struct rig_err *err)
{
    struct note note = {.kind = kind, .value = value};
    if (err != NULL)
        note.err = *err;
    return send(fd, &note, sizeof(note), MSG_NOSIGNAL) == (ssize_t)sizeof(note) ? 0 : -errno;
}

static bool receive_note(int fd, struct note *note, int flags)
{
    ssize_t got;
    do
        got = recv(fd, note, sizeof(*note), flags);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(*note);
}

/* ---- the holder ---- */

static int write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int code = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return code;
}

/* The caller becomes root of the user namespace, and nobody else is in it. */
static int map_to_root(const struct lab *lab, struct rig_err *err)
{
    char map[32];
    int code = write_map("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1\n", lab->uid);
    if (code == 0)
        code = write_map("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1\n", lab->gid);
    if (code == 0)
        code = write_map("/proc/self/gid_map", map);
    if (code == 0)
        return 0;
    return rig_err_set(err, code,
                       "this host lets no ordinary user be root of a user namespace (%s); see "
                       "sysctl kernel.apparmor_restrict_unprivileged_userns, or run it as root",
                       strerror(-code));
}

static int own_mounts(struct rig_err *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return rig_err_set(err, -errno, "cannot take the mounts apart from the host's: %s",
                           strerror(errno));
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) != 0)
        return rig_err_set(err, -errno, "cannot mount the lab's own /proc: %s", strerror(errno));
    rig_lab_show_sysfs();
    return 0;
}

static int make_plan(const struct lab *lab, struct rig_lab_net **net, struct rig_err *err)
{
    int code = rig_lab_net_new(net, err);
    if (code != 0)
        return code;
    code = rig_lab_ns_prepare((*net)->ns[0].nl, err);
    for (uint32_t i = 0; i < lab->plan->n_steps && code == 0; i++)
        code = rig_lab_step_make(*net, &lab->plan->steps[i], NULL, err);
    return code;
}

static _Noreturn void run_command(const struct lab *lab, const int gate[2])
{
    struct rig_err err;
    char nothing;
    close(gate[1]);
    while (read(gate[0], &nothing, 1) < 0 && errno == EINTR) {
    }
    sigprocmask(SIG_SETMASK, &lab->mask_before, NULL);
    execvp(lab->argv[0], lab->argv);
    int code = rig_err_set(&err, -errno, "cannot run '%s': %s", lab->argv[0], strerror(errno));
    send_note(lab->holder_fd, NOTE_FAILED, code, &err);
    _exit(127);
}

static int status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Process 1 is the parent of all orphans. Returns once there is nobody to reap, or ends with the
 * command. */
static void reap(pid_t command)
{
    int status = 0;
    for (;;) {
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        if (pid == command)
            _exit(status_of(status));
    }
}

static _Noreturn void hold(const struct lab *lab, int signal_fd, pid_t command, int gate_fd)
{
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                            {.fd = lab->holder_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(127);
        struct signalfd_siginfo info;
        if (fds[0].revents != 0 && read(signal_fd, &info, sizeof(info)) > 0)
            reap(command);
        struct note note;
        if (fds[1].revents == 0)
            continue;
        if (!receive_note(lab->holder_fd, &note, 0))
            _exit(128 + SIGKILL); /* the caller is gone */
        if (note.kind == NOTE_GO)
            close(gate_fd);
        if (note.kind == NOTE_SIGNAL)
            kill(command, note.value);
    }
}

static int watch_children(struct rig_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd >= 0 ? fd : rig_err_set(err, -errno, "cannot watch signals: %s", strerror(errno));
}

/* Everything up to the command's start; the holder ends itself when this returns. */
static int set_up_and_hold(const struct lab *lab, struct rig_err *err)
{
    int code = lab->user_ns ? map_to_root(lab, err) : 0;
    if (code == 0)
        code = own_mounts(err);
    struct rig_lab_net *net = NULL;
    if (code == 0)
        code = make_plan(lab, &net, err);
    if (code == 0)
        code = rig_lab_publish(net, err);
    int signal_fd = code == 0 ? watch_children(err) : code;
    if (signal_fd < 0)
        return signal_fd;

    int gate[2];
    pid_t command = pipe2(gate, O_CLOEXEC) == 0 ? fork() : -1;
    if (command < 0)
        return rig_err_set(err, -errno, "cannot start a process: %s", strerror(errno));
    if (command == 0)
        run_command(lab, gate);
    close(gate[0]);
    send_note(lab->holder_fd, NOTE_STARTED, 0, NULL);
    hold(lab, signal_fd, command, gate[1]);
}

static _Noreturn void be_holder(const struct lab *lab)
{
    struct rig_err err = {""};
    struct note note;
    close(lab->caller_fd);
    /* The caller may have died before this is set: it must answer after. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    send_note(lab->holder_fd, NOTE_READY, 0, NULL);
    if (!receive_note(lab->holder_fd, &note, 0))
        _exit(127);
    int code = set_up_and_hold(lab, &err);
    send_note(lab->holder_fd, NOTE_FAILED, code, &err);
    _exit(127);
}

/* ---- the caller ---- */

/* fork() into new namespaces. glibc's clone() wants a second stack, and a child that leaves on
 * another stack is what AddressSanitizer warns of; the system call without one is fork(). */
static pid_t fork_into(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static pid_t start_holder(struct lab *lab, struct rig_err *err)
{
    const unsigned long flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID;
    pid_t pid = -1;
    lab->user_ns = geteuid() != 0;
    if (!lab->user_ns)
        pid = fork_into(flags);
    if (pid < 0 && (lab->user_ns || errno == EPERM)) {
        lab->user_ns = true; /* also for a root that a container has stripped */
        pid = fork_into(flags | CLONE_NEWUSER);
    }
    if (pid == 0)
        be_holder(lab);
    if (pid > 0)
        return pid;
    if (errno == EPERM || errno == ENOSPC || errno == EUSERS)
        return rig_err_set(err, -errno,
                           "this host lets no ordinary user make a user namespace (%s); see sysctl "
                           "user.max_user_namespaces and kernel.unprivileged_userns_clone, or run "
                           "it as root",
                           strerror(errno));
    return rig_err_set(err, -errno, "cannot start a process in new namespaces: %s",
                       strerror(errno));
}

/* What the caller has heard. */
struct watch {
    pid_t holder;
    bool started;
    bool ended;
    int status;      /* of the holder, once ended */
    int signal;      /* that ended the lab before the command started */
    int failed_code; /* 0: it did not fail */
};

static void take_notes(const struct lab *lab, struct watch *watch, struct rig_err *err)
{
    struct note note;
    while (receive_note(lab->caller_fd, &note, MSG_DONTWAIT)) {
        if (note.kind == NOTE_STARTED)
            watch->started = true;
        if (note.kind == NOTE_READY || note.kind == NOTE_STARTED)
            send_note(lab->caller_fd, NOTE_GO, 0, NULL);
        if (note.kind == NOTE_FAILED)
            watch->failed_code = rig_err_set(err, note.value, "%s", note.err.text);
    }
}

static void take_signal(const struct lab *lab, struct watch *watch,
                        const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;
    if (number == SIGCHLD) {
        int status = 0;
        if (waitpid(watch->holder, &status, WNOHANG) == watch->holder) {
            watch->ended = true;
            watch->status = status_of(status);
        }
        return;
    }
    if (!watch->started) {
        watch->signal = number;
        kill(watch->holder, SIGKILL);
    } else if (info->ssi_code <= 0) {
        send_note(lab->caller_fd, NOTE_SIGNAL, number, NULL);
    }
}

static void wait_for_end(const struct lab *lab, struct watch *watch, int signal_fd,
                         struct rig_err *err)
{
    /* The socket of an ended holder is always readable: then only its status is awaited. */
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                            {.fd = lab->caller_fd, .events = POLLIN}};
    while (!watch->ended) {
        if (poll(fds, 2, -1) < 0)
            continue;
        take_notes(lab, watch, err);
        if ((fds[1].revents & POLLHUP) != 0)
            fds[1].fd = -1;
        struct signalfd_siginfo info;
        if (fds[0].revents != 0 && read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            take_signal(lab, watch, &info);
    }
    take_notes(lab, watch, err);
}

static int run_with(struct lab *lab, int signal_fd, struct rig_err *err)
{
    struct watch watch = {.holder = start_holder(lab, err)};
    close(lab->holder_fd);
    lab->holder_fd = -1;
    if (watch.holder < 0)
        return watch.holder;
    wait_for_end(lab, &watch, signal_fd, err);
    if (watch.failed_code != 0)
        return watch.failed_code;
    if (watch.signal != 0)
        return 128 + watch.signal;
    if (!watch.started)
        return rig_err_set(err, -ECHILD, "the lab was killed before its command started");
    return watch.status;
}

/* The signals that the caller takes by descriptor while the lab lives. */
static sigset_t watched_signals(void)
{
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    return set;
}

int rig_lab_run(const struct rig_lab_plan *plan, char *const argv[], struct rig_err *err)
{
    struct lab lab = {.plan = plan, .argv = argv, .uid = geteuid(), .gid = getegid()};
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return rig_err_set(err, -errno, "cannot make a socket pair: %s", strerror(errno));
    lab.caller_fd = fds[0];
    lab.holder_fd = fds[1];

    /* A parent that ignores SIGCHLD would have the kernel reap the holder in our place. */
    struct sigaction child_before;
    const struct sigaction child_default = {.sa_handler = SIG_DFL};
    sigset_t watched = watched_signals();
    sigaction(SIGCHLD, &child_default, &child_before);
    sigprocmask(SIG_BLOCK, &watched, &lab.mask_before);

    int code;
    int signal_fd = signalfd(-1, &watched, SFD_CLOEXEC);
    if (signal_fd < 0) {
        code = rig_err_set(err, -errno, "cannot watch signals: %s", strerror(errno));
        close(lab.holder_fd);
    } else {
        code = run_with(&lab, signal_fd, err);
        close(signal_fd);
    }
    close(lab.caller_fd);
    sigprocmask(SIG_SETMASK, &lab.mask_before, NULL);
    sigaction(SIGCHLD, &child_before, NULL);
    return code;
}
