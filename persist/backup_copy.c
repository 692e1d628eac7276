/* Moving bytes: every copy is hashed as it is read, synced before it counts, and dropped from the page cache, which is
 * the database's. Cost: the disk's; the checksum runs at 10 GB/s and more. */
#include "persist/backup_internal.h"
#include "persist/problem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
#define TAIL (64 << 10)

status backup_failed(const char *what, const char *path, char *problem, size_t room) {
    int error = errno;
    problem_set(problem, room, "%s %s: %s", what, path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_NO_SPACE : STATUS_IO_ERROR;
}

void backup_path(char path[BACKUP_PATH], const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, BACKUP_PATH, format, args);
    va_end(args);
    if (n < 0 || n >= BACKUP_PATH) snprintf(path, BACKUP_PATH, "/dev/null/too-long");
}

status backup_sync_directory(const char *path, char *problem, size_t room) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status s = fd >= 0 && fsync(fd) == 0 ? STATUS_OK : backup_failed("cannot sync", path, problem, room);
    if (fd >= 0) close(fd);
    return s;
}

/* Not what a link leads to. */
void backup_remove_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(path);
}

static bool write_all(int fd, const uint8_t *bytes, size_t n) {
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

static status copy_bytes(copying *c, int in, int out, const char *from, const char *to, uint8_t *chunk,
                         XXH3_state_t *state, uint64_t *size, char *problem, size_t room) {
    *size = 0;
    for (;;) {
        ssize_t n = read(in, chunk, CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return backup_failed("cannot read", from, problem, room);
        if (n == 0) return STATUS_OK;
        XXH3_128bits_update(state, chunk, (size_t)n);
        if (out >= 0 && !write_all(out, chunk, (size_t)n)) return backup_failed("cannot write", to, problem, room);
        *size += (uint64_t)n;
        c->done += (uint64_t)n;
        if (c->progress != NULL && !c->progress(c->context, c->done, c->total)) {
            problem_set(problem, room, "given up");
            return STATUS_UNAVAILABLE;
        }
    }
}

static status open_both(const char *from, const char *to, int *in, int *out, char *problem, size_t room) {
    *in = open(from, O_RDONLY | O_CLOEXEC);
    if (*in < 0) return backup_failed("cannot open", from, problem, room);
    if (to == NULL) return STATUS_OK;
    *out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *out >= 0 ? STATUS_OK : backup_failed("cannot make", to, problem, room);
}

status copy_file(copying *c, const char *from, const char *to, uint64_t *size, XXH128_hash_t *sum, char *problem,
                 size_t room) {
    int in = -1, out = -1;
    uint8_t *chunk = malloc(CHUNK);
    XXH3_state_t *state = XXH3_createState();
    status s = chunk != NULL && state != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK) s = open_both(from, to, &in, &out, problem, room);
    if (s == STATUS_OK) {
        XXH3_128bits_reset(state);
        s = copy_bytes(c, in, out, from, to, chunk, state, size, problem, room);
    }
    if (s == STATUS_OK) *sum = XXH3_128bits_digest(state);
    if (s == STATUS_OK && out >= 0 && fsync(out) != 0) s = backup_failed("cannot sync", to, problem, room);
    if (in >= 0) posix_fadvise(in, 0, 0, POSIX_FADV_DONTNEED);
    if (out >= 0) posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
    if (in >= 0) close(in);
    if (out >= 0 && close(out) != 0 && s == STATUS_OK) s = backup_failed("cannot write", to, problem, room);
    if (s != STATUS_OK && out >= 0) unlink(to);
    XXH3_freeState(state);
    free(chunk);
    return s;
}

status copy_identity(const char *path, uint64_t *size, uint64_t *identity, char *problem, size_t room) {
    uint8_t *tail = malloc(TAIL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    status s = tail != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK && (fd < 0 || fstat(fd, &info) != 0)) s = backup_failed("cannot open", path, problem, room);
    if (s == STATUS_OK) {
        off_t at = info.st_size > TAIL ? info.st_size - TAIL : 0;
        ssize_t n = pread(fd, tail, TAIL, at);
        if (n < 0 || n != info.st_size - at) {
            s = backup_failed("cannot read", path, problem, room);
        } else {
            *size = (uint64_t)info.st_size;
            *identity = XXH3_64bits_withSeed(tail, (size_t)n, *size);
        }
    }
    if (fd >= 0) close(fd);
    free(tail);
    return s;
}
