/* A directory is ours if it holds JOURNAL, 16 bytes that are written and synced before the database is made. Its last
 * byte tells a directory still being made from a complete one; one byte cannot be half written. The lock is on this
 * file and not RocksDB's own, because healing closes the database for a moment and nobody may slip in then. */
#include "persist/directory.h"

#include "persist/problem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STAMP_FILE "JOURNAL"
#define STAMP "xinyi journal 1"
#define STAMP_SIZE 16 /* with the state behind it */
#define STATE_FRESH DIRECTORY_FRESH
#define STATE_COMPLETE 'r'

static status failed(const char *what, const char *path, char *problem, size_t room) {
    problem_set(problem, room, "%s %s: %s", what, path, strerror(errno));
    return errno == ENOSPC || errno == EDQUOT ? STATUS_NO_SPACE : STATUS_IO_ERROR;
}

/* Makes the entries of a directory durable. */
static status sync_directory(int at, const char *path, char *problem, size_t room) {
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 ? -1 : fsync(fd);
    status s = code == 0 ? STATUS_OK : failed("cannot sync", path, problem, room);
    if (fd >= 0) close(fd);
    return s;
}

/* An entry that is not our own business, NULL if there is none. What mkfs makes does not count. */
static bool stranger(int at, char *name, size_t room) {
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0) close(fd);
        snprintf(name, room, "something unreadable");
        return true;
    }
    bool found = false;
    for (struct dirent *e; !found && (e = readdir(dir)) != NULL;) {
        static const char *const known[] = {".", "..", "lost+found"};
        found = true;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(e->d_name, known[i]) == 0) found = false;
        if (found) snprintf(name, room, "%s", e->d_name);
    }
    closedir(dir);
    return found;
}

static status open_directory(const char *path, bool may_create, int *at, char *problem, size_t room) {
    if (may_create) {
        if (mkdir(path, 0700) == 0) {
            char parent[4096];
            if (snprintf(parent, sizeof parent, "%s/..", path) < (int)sizeof parent) {
                status s = sync_directory(AT_FDCWD, parent, problem, room);
                if (s != STATUS_OK) return s;
            }
        } else if (errno != EEXIST) {
            return failed("cannot make", path, problem, room);
        }
    }
    *at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*at >= 0) return STATUS_OK;
    if (errno == ENOENT) {
        problem_set(problem, room, "there is no journal in %s, and no cluster name was given to make one", path);
        return STATUS_NOT_FOUND;
    }
    return failed("cannot open", path, problem, room);
}

static status open_stamp(int at, const char *path, bool may_create, int *fd, char *problem, size_t room) {
    *fd = openat(at, STAMP_FILE, O_RDWR | O_CLOEXEC);
    if (*fd >= 0) return STATUS_OK;
    if (errno != ENOENT) return failed("cannot open " STAMP_FILE " in", path, problem, room);
    if (faccessat(at, "db/CURRENT", F_OK, 0) == 0 && faccessat(at, "LAST", F_OK, 0) == 0) {
        problem_set(problem, room, "%s has lost its " STAMP_FILE, path);
        return STATUS_CORRUPT;
    }
    char other[256];
    if (stranger(at, other, sizeof other)) {
        problem_set(problem, room, "%s is not empty and no journal of ours (it holds %s): name another directory", path,
                    other);
        return STATUS_WRONG_CLUSTER;
    }
    if (!may_create) {
        problem_set(problem, room, "%s is empty, and no cluster name was given to make a journal", path);
        return STATUS_NOT_FOUND;
    }
    *fd = openat(at, STAMP_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *fd >= 0 ? STATUS_OK : failed("cannot make " STAMP_FILE " in", path, problem, room);
}

/* Under the lock. An empty stamp is one whose maker was stopped before writing it. */
static status read_stamp(int at, int fd, const char *path, bool *fresh, char *problem, size_t room) {
    char stamp[STAMP_SIZE + 1] = {0};
    ssize_t n = pread(fd, stamp, sizeof stamp, 0);
    if (n < 0) return failed("cannot read " STAMP_FILE " in", path, problem, room);
    if (n == 0) {
        char text[STAMP_SIZE + 1];
        snprintf(text, sizeof text, "%s%c", STAMP, STATE_FRESH);
        if (pwrite(fd, text, STAMP_SIZE, 0) != STAMP_SIZE || fsync(fd) != 0)
            return failed("cannot write " STAMP_FILE " in", path, problem, room);
        *fresh = true;
        return sync_directory(at, ".", problem, room);
    }
    char state = stamp[STAMP_SIZE - 1];
    if (n == STAMP_SIZE && memcmp(stamp, STAMP, STAMP_SIZE - 1) == 0 &&
        (state == STATE_FRESH || state == STATE_COMPLETE)) {
        *fresh = state == STATE_FRESH;
        return STATUS_OK;
    }
    if (n >= STAMP_SIZE && memcmp(stamp, STAMP, STAMP_SIZE - 2) == 0 &&
        stamp[STAMP_SIZE - 2] != STAMP[STAMP_SIZE - 2]) {
        problem_set(problem, room, "%s was written by another version of this program", path);
        return STATUS_UNSUPPORTED_VERSION;
    }
    problem_set(problem, room, "%s/" STAMP_FILE " is damaged", path);
    return STATUS_CORRUPT;
}

static status make_sub(int at, const char *name, char *problem, size_t room) {
    if (mkdirat(at, name, 0700) == 0 || errno == EEXIST) return STATUS_OK;
    return failed("cannot make", name, problem, room);
}

/* Files of a fold that was interrupted: their images are in the log still. */
static status sweep(int at, const char *name, char *problem, size_t room) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); /* where a link leads is not ours */
    if (fd < 0) return failed("cannot open", name, problem, room);
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return failed("cannot read", name, problem, room);
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') unlinkat(fd, e->d_name, 0);
    closedir(dir);
    return STATUS_OK;
}

/* Links of a backup that was interrupted. */
static void sweep_snapshot(int at) {
    static const char *const names[] = {"snapshot", "snapshot.tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char ignored[1];
        if (faccessat(at, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
            sweep(at, names[i], ignored, sizeof ignored) == STATUS_OK)
            unlinkat(at, names[i], AT_REMOVEDIR);
    }
}

status directory_claim(const char *path, bool may_create, int *fd, bool *fresh, char *problem, size_t room) {
    int at = -1;
    *fd = -1;
    status s = open_directory(path, may_create, &at, problem, room);
    if (s == STATUS_OK) s = open_stamp(at, path, may_create, fd, problem, room);
    if (s == STATUS_OK && flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        s = STATUS_LOCKED;
        problem_set(problem, room, "another process is using %s", path);
    }
    if (s == STATUS_OK) s = read_stamp(at, *fd, path, fresh, problem, room);
    if (s == STATUS_OK && !*fresh && faccessat(at, "db/CURRENT", R_OK, 0) != 0) {
        problem_set(problem, room, "%s has lost its database (db/CURRENT: %s)", path, strerror(errno));
        s = STATUS_CORRUPT;
    }
    if (s == STATUS_OK) s = make_sub(at, "db", problem, room);
    if (s == STATUS_OK) s = make_sub(at, "fold", problem, room);
    if (s == STATUS_OK) s = sweep(at, "fold", problem, room);
    if (s == STATUS_OK) sweep_snapshot(at);
    if (s == STATUS_OK) s = sync_directory(at, ".", problem, room);
    if (at >= 0) close(at);
    if (s != STATUS_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return s;
}

status directory_adopt(const char *path, char *problem, size_t room) {
    char text[STAMP_SIZE + 1];
    snprintf(text, sizeof text, "%s%c", STAMP, STATE_COMPLETE);
    int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    status s = at < 0 ? failed("cannot open", path, problem, room) : make_sub(at, "fold", problem, room);
    if (s == STATUS_OK) fd = openat(at, STAMP_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s == STATUS_OK && (fd < 0 || pwrite(fd, text, STAMP_SIZE, 0) != STAMP_SIZE || fsync(fd) != 0))
        s = failed("cannot write " STAMP_FILE " in", path, problem, room);
    if (s == STATUS_OK) s = sync_directory(at, ".", problem, room);
    if (fd >= 0) close(fd);
    if (at >= 0) close(at);
    return s;
}

status directory_complete(int fd, char *problem, size_t room) {
    char state = STATE_COMPLETE;
    if (pwrite(fd, &state, 1, STAMP_SIZE - 1) == 1 && fsync(fd) == 0) return STATUS_OK;
    return failed("cannot write", STAMP_FILE, problem, room);
}

uint64_t directory_free_bytes(const char *path) {
    struct statvfs info;
    if (statvfs(path, &info) != 0) return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}

uint64_t directory_file_bytes(const char *path, const char *suffix) {
    uint64_t total = 0;
    size_t suffix_length = strlen(suffix);
    DIR *dir = opendir(path);
    if (dir == NULL) return 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat info;
        size_t length = strlen(e->d_name);
        if (length < suffix_length || strcmp(e->d_name + length - suffix_length, suffix) != 0) continue;
        if (fstatat(dirfd(dir), e->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
            total += (uint64_t)info.st_size;
    }
    closedir(dir);
    return total;
}
