/* Whole small files and directory listings. Everything read becomes the caller's. */
#ifndef XINYI_BASE_FILE_H
#define XINYI_BASE_FILE_H

#include "base/buf.h"

/* Appends the file's bytes to *into. NOT_FOUND, IO_ERROR, TOO_LARGE (over max_bytes) or NO_MEMORY; errno is kept. */
status file_read(const char *path, size_t max_bytes, buf *into) MUST_CHECK;

typedef struct file_list {
    char **names; /* sorted, without the directory; owned */
    size_t count;
} file_list;

/* The regular files of a directory whose names end with `suffix`, sorted bytewise. Free with file_list_deinit. */
status file_list_dir(const char *directory, const char *suffix, file_list *out) MUST_CHECK;
void file_list_deinit(file_list *list);

#endif
