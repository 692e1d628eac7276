/* What a backup consists of, as a text: a line a fact, a line a file, and a last line with the checksum of all before.
 *
 *   xinyi backup 1
 *   id 3
 *   time 1795543210123
 *   origin 0123456789abcdef
 *   sequence 1234
 *   folded 1200
 *   added 56789
 *   cluster NAME
 *   file SIZE CHECKSUM NAME [NAME IN files/]
 *   end CHECKSUM
 *
 * Written beside its place, synced and renamed: it is there whole or not at all. */
#include "base/file.h"
#include "persist/backup_internal.h"
#include "persist/problem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "xinyi backup "
#define VERSION "1"
#define CONTENTS_MAX ((size_t)64 << 20)

void contents_deinit(backup_contents *c) {
    free(c->files);
    *c = (backup_contents){0};
}

backup_file *contents_add(backup_contents *c) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 64 : 2 * c->capacity;
        backup_file *grown = realloc(c->files, capacity * sizeof *grown);
        if (grown == NULL) return NULL;
        c->files = grown;
        c->capacity = capacity;
    }
    c->files[c->count] = (backup_file){0};
    return &c->files[c->count++];
}

/* ---- write */

static void print(buf *text, const backup_contents *c) {
    buf_printf(text, HEAD VERSION "\nid %" PRIu32 "\ntime %" PRId64 "\norigin %016" PRIx64 "\n", c->info.id,
               c->info.time_ms, c->origin);
    buf_printf(text, "sequence %" PRIu64 "\nfolded %" PRIu64 "\nadded %" PRIu64 "\ncluster %s\n", c->info.sequence,
               c->info.folded, c->info.added_bytes, c->info.cluster);
    for (size_t i = 0; i < c->count; i++) {
        const backup_file *f = &c->files[i];
        buf_printf(text, "file %" PRIu64 " %016" PRIx64 "%016" PRIx64 " %s%s%s\n", f->size, (uint64_t)f->sum.high64,
                   (uint64_t)f->sum.low64, f->name, f->shared[0] != '\0' ? " " : "", f->shared);
    }
    XXH128_hash_t sum = XXH3_128bits(text->data, text->size);
    buf_printf(text, "end %016" PRIx64 "%016" PRIx64 "\n", (uint64_t)sum.high64, (uint64_t)sum.low64);
}

static status write_text(const char *path, const buf *text, char *problem, size_t room) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return backup_failed("cannot make", path, problem, room);
    status s = STATUS_OK;
    for (size_t at = 0; s == STATUS_OK && at < text->size;) {
        ssize_t n = write(fd, text->data + at, text->size - at);
        if (n <= 0) s = backup_failed("cannot write", path, problem, room);
        at += n > 0 ? (size_t)n : 0;
    }
    if (s == STATUS_OK && fsync(fd) != 0) s = backup_failed("cannot sync", path, problem, room);
    if (close(fd) != 0 && s == STATUS_OK) s = backup_failed("cannot write", path, problem, room);
    return s;
}

status contents_write(const char *set, const backup_contents *c, char *problem, size_t room) {
    char directory[BACKUP_PATH], partial[BACKUP_PATH], path[BACKUP_PATH];
    backup_path(directory, "%s/backup-%06" PRIu32, set, c->info.id);
    backup_path(partial, "%s/contents.partial", directory);
    backup_path(path, "%s/contents", directory);
    buf text = {0};
    print(&text, c);
    status s = buf_status(&text);
    if (s == STATUS_OK) s = write_text(partial, &text, problem, room);
    if (s == STATUS_OK && rename(partial, path) != 0) s = backup_failed("cannot make", path, problem, room);
    if (s == STATUS_OK) s = backup_sync_directory(directory, problem, room);
    buf_deinit(&text);
    return s;
}

/* ---- read */

static bool take_sum(const char *text, XXH128_hash_t *out) {
    char half[17] = "";
    if (strspn(text, "0123456789abcdef") < 32) return false;
    memcpy(half, text, 16);
    out->high64 = strtoull(half, NULL, 16);
    memcpy(half, text + 16, 16);
    out->low64 = strtoull(half, NULL, 16);
    return true;
}

/* A name is never a way to another directory. */
static bool good_name(const char *name) { return name[0] != '.' && strchr(name, '/') == NULL; }

static bool take_file(backup_contents *c, const char *line) {
    char sum[34], name[BACKUP_NAME], shared[BACKUP_NAME] = "";
    static_assert(BACKUP_NAME == 80, "79 below");
    uint64_t size;
    int fields = sscanf(line, "file %" SCNu64 " %33s %79s %79s", &size, sum, name, shared);
    backup_file *f = fields >= 3 ? contents_add(c) : NULL;
    if (f == NULL || !take_sum(sum, &f->sum) || !good_name(name) || !good_name(shared)) return false;
    f->size = size;
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->shared, sizeof f->shared, "%s", shared);
    c->info.bytes += size;
    c->info.files++;
    return true;
}

static bool take_line(backup_contents *c, const char *line) {
    static_assert(LIMIT_NAME_MAX == 63, "63 below");
    if (strncmp(line, "file ", 5) == 0) return take_file(c, line);
    return sscanf(line, "id %" SCNu32, &c->info.id) == 1 || sscanf(line, "time %" SCNd64, &c->info.time_ms) == 1 ||
           sscanf(line, "origin %" SCNx64, &c->origin) == 1 ||
           sscanf(line, "sequence %" SCNu64, &c->info.sequence) == 1 ||
           sscanf(line, "folded %" SCNu64, &c->info.folded) == 1 ||
           sscanf(line, "added %" SCNu64, &c->info.added_bytes) == 1 ||
           sscanf(line, "cluster %63[^\n]", c->info.cluster) == 1;
}

static status parse(char *text, uint32_t id, backup_contents *out, const char **why) {
    *why = "it is not complete";
    if (strncmp(text, HEAD, strlen(HEAD)) == 0 && strncmp(text + strlen(HEAD), VERSION "\n", 2) != 0) {
        *why = "it was written by another version of this program";
        return STATUS_UNSUPPORTED_VERSION;
    }
    char *end = strstr(text, "\nend ");
    XXH128_hash_t said;
    if (strncmp(text, HEAD, strlen(HEAD)) != 0 || end == NULL || !take_sum(end + 5, &said)) return STATUS_CORRUPT;
    *why = "its checksum does not match";
    if (!XXH128_isEqual(XXH3_128bits(text, (size_t)(end + 1 - text)), said)) return STATUS_CORRUPT;
    *why = "a line of it cannot be understood";
    end[1] = '\0';
    char *rest = strchr(text, '\n') + 1;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';)
        if (!take_line(out, line)) return STATUS_CORRUPT;
    *why = "it is another backup's";
    return out->info.id == id ? STATUS_OK : STATUS_CORRUPT;
}

status contents_read(const char *set, uint32_t id, backup_contents *out, char *problem, size_t room) {
    char path[BACKUP_PATH];
    const char *why = "";
    buf text = {0};
    *out = (backup_contents){0};
    backup_path(path, "%s/backup-%06" PRIu32 "/contents", set, id);
    status s = file_read(path, CONTENTS_MAX, &text);
    if (s == STATUS_OK) {
        buf_append(&text, "", 1);
        s = buf_status(&text);
    } else if (s == STATUS_NOT_FOUND) {
        problem_set(problem, room, "there is no backup %" PRIu32 " in %s", id, set);
    } else {
        s = backup_failed("cannot read", path, problem, room);
    }
    if (s == STATUS_OK) {
        s = parse((char *)text.data, id, out, &why);
        if (s != STATUS_OK) problem_set(problem, room, "%s is damaged: %s", path, why);
    }
    buf_deinit(&text);
    if (s != STATUS_OK) contents_deinit(out);
    out->info.id = id;
    return s;
}
