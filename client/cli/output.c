/* The lock on NAME.partial belongs to the file, not to its name: between opening and locking another run may have
 * renamed it into its place, so the name is looked at again under the lock. The rename happens before the descriptor
 * is closed, while the lock is still held. */
#include "client/cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PARTIAL ".partial"
#define LOCK_TRIES 8

static bool failed(char *why, const char *what, const char *name) {
    snprintf(why, OUTPUT_WHY, "cannot %s %s: %s", what, name, strerror(errno));
    return false;
}

static void forget(output *o) {
    free(o->name);
    free(o->place);
    free(o->partial);
    *o = (output){.fd = -1};
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool open_direct(output *o, char *why) {
    o->fd = open(o->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    return o->fd >= 0 || failed(why, "write", o->name);
}

/* One try. *again: the name belongs to another file by now. */
static bool open_partial(output *o, mode_t mode, bool *again, char *why) {
    struct stat mine, named;
    *again = false;
    /* O_NONBLOCK: a pipe of that name must not keep us waiting */
    o->fd = open(o->partial, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (o->fd < 0 || fstat(o->fd, &mine) != 0) return failed(why, "write", o->partial);
    if (!S_ISREG(mine.st_mode)) {
        snprintf(why, OUTPUT_WHY, "cannot write %s: it is no regular file; remove it", o->partial);
        return false;
    }
    if (flock(o->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        snprintf(why, OUTPUT_WHY, "another run is writing %s: wait for it or choose another file", o->name);
        return false;
    }
    *again = lstat(o->partial, &named) != 0 || !same_file(&mine, &named);
    if (*again) return true;
    /* left over from an earlier run, perhaps readable for more people than it should be */
    if (ftruncate(o->fd, 0) != 0 || ((mine.st_mode & 0777 & ~mode) != 0 && fchmod(o->fd, mine.st_mode & mode) != 0))
        return failed(why, "write", o->partial);
    return true;
}

static bool open_beside(output *o, mode_t mode, char *why) {
    bool again = true;
    if (asprintf(&o->partial, "%s" PARTIAL, o->place) < 0) {
        o->partial = NULL;
        return failed(why, "write", o->name);
    }
    for (int tries = 0; again && tries < LOCK_TRIES; tries++) {
        if (o->fd >= 0) close(o->fd);
        o->fd = -1;
        if (!open_partial(o, mode, &again, why)) return false;
    }
    if (again) snprintf(why, OUTPUT_WHY, "another run is writing %s: wait for it or choose another file", o->name);
    return !again;
}

bool output_open(output *o, const char *path, mode_t mode, char why[OUTPUT_WHY]) {
    struct stat about;
    bool ok;
    *o = (output){.fd = -1, .standard = strcmp(path, "-") == 0};
    o->name = strdup(o->standard ? "standard output" : path);
    if (o->name == NULL) return failed(why, "write", path);
    if (o->standard) {
        o->fd = STDOUT_FILENO;
        return true;
    }
    bool there = stat(path, &about) == 0, dangling = !there && lstat(path, &about) == 0;
    if ((there && !S_ISREG(about.st_mode)) || dangling) {
        ok = open_direct(o, why);
    } else {
        o->place = there ? realpath(path, NULL) : strdup(path);
        if (o->place != NULL)
            ok = open_beside(o, mode, why);
        else if (errno == ENOENT) /* a file that has no name any more, under /proc */
            ok = open_direct(o, why);
        else
            ok = failed(why, "write", path);
    }
    if (ok) return true;
    if (o->fd >= 0) close(o->fd);
    forget(o);
    return false;
}

bool output_write(output *o, const void *bytes, size_t n, char why[OUTPUT_WHY]) {
    for (const char *at = bytes; n > 0;) {
        ssize_t wrote = write(o->fd, at, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return failed(why, "write", o->name);
        at += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

bool output_close(output *o, bool keep, char why[OUTPUT_WHY]) {
    bool ok = true;
    if (o->fd < 0 || o->standard) {
        forget(o);
        return true;
    }
    if (keep && o->partial != NULL) {
        ok = fsync(o->fd) == 0 || failed(why, "write", o->name);
        if (ok && rename(o->partial, o->place) != 0) {
            snprintf(why, OUTPUT_WHY, "cannot rename %s to %s: %s", o->partial, o->place, strerror(errno));
            ok = false;
        }
    }
    if ((!keep || !ok) && o->partial != NULL) unlink(o->partial);
    if (close(o->fd) != 0 && ok && keep) ok = failed(why, "write", o->name);
    forget(o);
    return ok;
}

bool output_touches(const char *path, const struct stat *about) {
    struct stat there;
    if (stat(path, &there) == 0 && S_ISREG(there.st_mode) && same_file(&there, about)) return true;
    char *place = realpath(path, NULL), *partial = NULL;
    bool touches = asprintf(&partial, "%s" PARTIAL, place != NULL ? place : path) >= 0 && stat(partial, &there) == 0 &&
                   same_file(&there, about);
    free(partial);
    free(place);
    return touches;
}
