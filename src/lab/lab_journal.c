/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal of a lab on the host: <run>/lab/NAME.journal, where <run> is
 * $XDG_RUNTIME_DIR/netrig, or /run/netrig without it.
 *
 * A line is a record: "UNDO NS NAME WHAT", with "-" for what is empty. A step's undo is on its
 * medium before the step is begun, so a kill at any moment leaves at most an undo of something
 * that does not exist, and that is success. A last line without its newline was being written when
 * the kill came: its step was never begun.
 *
 * Who can write a journal decides what root deletes; so a journal that is not its reader's own is
 * refused. The folder is locked while a lab is made or undone.
 */
#include "lab/lab_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_JOURNAL_BYTES_MAX 131072 /* well above RIG_LAB_RECORDS_MAX of the longest lines */
#define RIG_FILE_MAX          (RIG_LAB_NAME_MAX + 16)

static const char *const undo_names[] = {
    [RIG_LAB_UNDO_NS] = "ns",     [RIG_LAB_UNDO_LINK] = "link",
    [RIG_LAB_UNDO_PORT] = "port", [RIG_LAB_UNDO_ADDR] = "addr",
    [RIG_LAB_UNDO_MTU] = "mtu",   [RIG_LAB_UNDO_ROUTE] = "route",
    [RIG_LAB_UNDO_MADE] = "made", [RIG_LAB_UNDO_COMPLETE] = "complete",
    [RIG_LAB_UNDO_DOWN] = "down",
};

static void file_name(char file[static RIG_FILE_MAX], const char *lab)
{
    snprintf(file, RIG_FILE_MAX, "%s.journal", lab);
}

/* Open a folder, made first if wanted; a link in its place is not followed. */
static int open_folder(int at_fd, const char *path, bool make)
{
    if (make && mkdirat(at_fd, path, 0755) != 0 && errno != EEXIST)
        return -errno;
    int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : -errno;
}

static const char *runtime_folder(void)
{
    const char *path = getenv("XDG_RUNTIME_DIR");
    return path != NULL && path[0] == '/' ? path : "/run";
}

static int open_below(const char *base, bool make)
{
    int base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base_fd < 0)
        return -errno;
    int run_fd = open_folder(base_fd, "netrig", make);
    close(base_fd);
    if (run_fd < 0)
        return run_fd;
    int fd = open_folder(run_fd, "lab", make);
    close(run_fd);
    return fd;
}

int rig_lab_journal_folder(bool make, struct rig_err *err)
{
    const char *base = runtime_folder();
    int fd = open_below(base, make);
    if (fd < 0)
        return rig_err_set(err, fd, "cannot open the folder of the journals %.128s/netrig/lab: %s",
                           base, strerror(-fd));
    if (flock(fd, LOCK_EX) != 0) {
        int code =
            rig_err_set(err, -errno, "cannot lock %.128s/netrig/lab: %s", base, strerror(errno));
        close(fd);
        return code;
    }
    return fd;
}

int rig_lab_journal_create(int folder_fd, const char *lab, struct rig_err *err)
{
    char file[RIG_FILE_MAX];
    file_name(file, lab);
    int fd = openat(folder_fd, file,
                    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot make the journal %s: %s", file, strerror(errno));
    if (fsync(folder_fd) != 0) {
        int code =
            rig_err_set(err, -errno, "cannot write the folder of %s: %s", file, strerror(errno));
        close(fd);
        return code;
    }
    return fd;
}

int rig_lab_journal_append(int folder_fd, const char *lab, struct rig_err *err)
{
    char file[RIG_FILE_MAX];
    file_name(file, lab);
    int fd = openat(folder_fd, file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot open the journal %s: %s", file, strerror(errno));
    return fd;
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

int rig_lab_journal_write(int fd, const struct rig_lab_record *record, struct rig_err *err)
{
    char line[RIG_LAB_NAME_MAX * 2 + RIG_LAB_WHAT_MAX + 16];
    int len = snprintf(line, sizeof(line), "%s %s %s %s\n", undo_names[record->undo],
                       or_dash(record->ns), or_dash(record->name), or_dash(record->what));
    ssize_t done = write(fd, line, (size_t)len);
    if (done == len && fsync(fd) == 0)
        return 0;
    int code = done >= 0 && done != len ? -ENOSPC : -errno;
    return rig_err_set(err, code, "cannot write the journal: %s", strerror(-code));
}

static bool take_field(char *to, size_t size, char **rest)
{
    char *text = strsep(rest, " ");
    if (text == NULL || *text == '\0' || strlen(text) >= size)
        return false;
    snprintf(to, size, "%s", strcmp(text, "-") == 0 ? "" : text);
    return true;
}

static bool parse_record(struct rig_lab_record *record, char *line)
{
    char undo[16];
    *record = (struct rig_lab_record){0};
    if (!take_field(undo, sizeof(undo), &line) ||
        !take_field(record->ns, sizeof(record->ns), &line) ||
        !take_field(record->name, sizeof(record->name), &line) ||
        !take_field(record->what, sizeof(record->what), &line) || line != NULL)
        return false;
    for (uint32_t i = 0; i < sizeof(undo_names) / sizeof(undo_names[0]); i++) {
        if (strcmp(undo, undo_names[i]) == 0) {
            record->undo = (enum rig_lab_undo)i;
            return true;
        }
    }
    return false;
}

static int parse_journal(struct rig_lab_journal *journal, char *text, const char *file,
                         struct rig_err *err)
{
    journal->n_records = 0;
    for (char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        *end = '\0';
        if (journal->n_records == RIG_LAB_RECORDS_MAX ||
            !parse_record(&journal->records[journal->n_records], text))
            return rig_err_set(err, -EBADMSG,
                               "line %u of the journal %s is damaged: undo by hand what the file "
                               "says and remove it",
                               journal->n_records + 1, file);
        journal->n_records++;
    }
    return 0;
}

static int check_owner(int fd, const char *file, struct rig_err *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return rig_err_set(err, -errno, "cannot look at the journal %s: %s", file, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return rig_err_set(
            err, -EPERM, "the journal %s is not a plain file that only this user can write", file);
    if (status.st_size > RIG_JOURNAL_BYTES_MAX)
        return rig_err_set(err, -EFBIG, "the journal %s has more than %d bytes", file,
                           RIG_JOURNAL_BYTES_MAX);
    return 0;
}

static int read_text(int fd, char *text, const char *file, struct rig_err *err)
{
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, text + len, RIG_JOURNAL_BYTES_MAX - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    return got == 0
               ? 0
               : rig_err_set(err, -errno, "cannot read the journal %s: %s", file, strerror(errno));
}

int rig_lab_journal_read(int folder_fd, const char *lab, struct rig_lab_journal *journal,
                         struct rig_err *err)
{
    char file[RIG_FILE_MAX];
    file_name(file, lab);
    int fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot open the journal %s: %s", file, strerror(errno));
    int code = check_owner(fd, file, err);
    char *text = calloc(1, RIG_JOURNAL_BYTES_MAX + 1);
    if (code == 0 && text == NULL)
        code = rig_err_set(err, -ENOMEM, "no memory for the journal %s", file);
    if (code == 0)
        code = read_text(fd, text, file, err);
    if (code == 0)
        code = parse_journal(journal, text, file, err);
    free(text);
    close(fd);
    return code;
}

int rig_lab_journal_remove(int folder_fd, const char *lab, struct rig_err *err)
{
    char file[RIG_FILE_MAX];
    file_name(file, lab);
    if (unlinkat(folder_fd, file, 0) == 0 || errno == ENOENT)
        return 0;
    return rig_err_set(err, -errno, "cannot remove the journal %s: %s", file, strerror(errno));
}
