#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

status file_read(const char *path, size_t max_bytes, buf *into) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO_ERROR;
    status result = STATUS_OK;
    size_t total = 0;
    for (;;) {
        uint8_t *at = buf_reserve(into, 65536);
        if (at == NULL) {
            result = STATUS_NO_MEMORY;
            break;
        }
        ssize_t n = read(fd, at, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) result = STATUS_IO_ERROR;
        if (n <= 0) break;
        total += (size_t)n;
        if (total > max_bytes) {
            result = STATUS_TOO_LARGE;
            break;
        }
        into->size += (size_t)n;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

status file_list_dir(const char *directory, const char *suffix, file_list *out) {
    *out = (file_list){0};
    DIR *dir = opendir(directory);
    if (dir == NULL) return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO_ERROR;
    status result = STATUS_OK;
    size_t suffix_length = strlen(suffix), room = 0;
    for (struct dirent *entry; result == STATUS_OK && (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || length < suffix_length ||
            strcmp(entry->d_name + length - suffix_length, suffix) != 0)
            continue;
        struct stat info;
        /* a link that leads nowhere is listed: to miss it in silence would be to lose a file */
        if (fstatat(dirfd(dir), entry->d_name, &info, 0) == 0 && !S_ISREG(info.st_mode)) continue;
        if (out->count == room) {
            room = room == 0 ? 16 : room * 2;
            char **grown = realloc(out->names, room * sizeof *grown);
            if (grown == NULL) {
                result = STATUS_NO_MEMORY;
                break;
            }
            out->names = grown;
        }
        out->names[out->count] = strdup(entry->d_name);
        if (out->names[out->count] == NULL)
            result = STATUS_NO_MEMORY;
        else
            out->count++;
    }
    closedir(dir);
    if (result != STATUS_OK) {
        file_list_deinit(out);
        return result;
    }
    if (out->count > 1) qsort(out->names, out->count, sizeof *out->names, by_name);
    return STATUS_OK;
}

void file_list_deinit(file_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
    *list = (file_list){0};
}
