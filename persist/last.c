/* Each part is written by one pwrite of 64 bytes over itself, within one sector: whole or not at all on the disks there
 * are, and its checksum where they are not. Cost: one system call a group, some 0.3 us, beside an fdatasync of 180.
 *
 * The manifest is synced before its length is noted, since RocksDB may be in the middle of appending: a length that a
 * power loss takes back would make a good directory refuse. It is only ever appended to, and replaced under a new
 * number; one under another number than the known is not judged. */
#include "persist/last.h"

#include "base/le.h"
#include "persist/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define PART 64
#define MAGIC UINT64_C(0x5453414c5958) /* "XYLAST" */
enum { PART_GROUP, PART_MANIFEST, PART_NAME, PARTS };

static uint64_t magic_of(unsigned part) { return MAGIC | (uint64_t)part << 56; }

/* The first bytes of a small file; the number of them, -1 if it cannot be read. */
static ssize_t read_small(const char *directory, const char *name, void *to, size_t room) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, to, room, 0);
    if (fd >= 0) close(fd);
    return n;
}

/* 0: unknown. */
static uint64_t database_of(const char *directory) {
    char identity[64];
    ssize_t n = read_small(directory, "db/IDENTITY", identity, sizeof identity);
    return n > 0 ? XXH3_64bits(identity, (size_t)n) : 0;
}

/* 0: CURRENT names none. */
static uint64_t manifest_number(const char *directory) {
    char text[64] = "";
    ssize_t n = read_small(directory, "db/CURRENT", text, sizeof text - 1);
    static const char prefix[] = "MANIFEST-";
    if (n <= 0 || strncmp(text, prefix, sizeof prefix - 1) != 0) return 0;
    return strtoull(text + sizeof prefix - 1, NULL, 10);
}

static bool open_manifest(const char *directory, uint64_t number, int *fd) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/db/MANIFEST-%06" PRIu64, directory, number) >= (int)sizeof path) return false;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0;
}

static bool sum_of(int fd, uint64_t bytes, uint64_t *sum) {
    XXH3_state_t *state = XXH3_createState();
    uint8_t *block = malloc(1 << 16);
    bool good = state != NULL && block != NULL && XXH3_64bits_reset(state) == XXH_OK;
    for (uint64_t at = 0; good && at < bytes;) {
        uint64_t wanted = bytes - at < 1 << 16 ? bytes - at : 1 << 16;
        ssize_t n = pread(fd, block, (size_t)wanted, (off_t)at);
        good = n > 0 && XXH3_64bits_update(state, block, (size_t)n) == XXH_OK;
        if (good) at += (uint64_t)n;
    }
    if (good) *sum = XXH3_64bits_digest(state);
    free(block);
    XXH3_freeState(state);
    return good;
}

/* ------------------------------------------------------------------ reading */

static bool part_of(const uint8_t *bytes, unsigned part, uint64_t database) {
    return le_get64(bytes) == magic_of(part) && le_get64(bytes + PART - 8) == XXH3_64bits(bytes, PART - 8) &&
           le_get64(bytes + 8) == database;
}

/* Not written yet, or of another database: not damage. */
static bool part_damaged(const uint8_t *bytes, unsigned part) {
    static const uint8_t empty[PART];
    if (memcmp(bytes, empty, PART) == 0) return false;
    return le_get64(bytes) != magic_of(part) || le_get64(bytes + PART - 8) != XXH3_64bits(bytes, PART - 8);
}

void last_read(const char *directory, last_known *out) {
    *out = (last_known){0};
    uint8_t all[PARTS * PART] = {0};
    ssize_t n = read_small(directory, LAST_ENTRY, all, sizeof all);
    uint64_t database = database_of(directory);
    if (n <= 0) return;
    for (unsigned p = 0; p < PARTS; p++) out->damaged = out->damaged || part_damaged(all + p * PART, p);
    if (n < (ssize_t)sizeof all) out->damaged = true;
    if (database == 0) return;
    const uint8_t *part = all + PART_GROUP * PART;
    if (part_of(part, PART_GROUP, database)) {
        out->group = true;
        out->sequence = le_get64(part + 16);
        out->time_ms = (int64_t)le_get64(part + 24);
        out->seed = le_get64(part + 32);
    }
    part = all + PART_MANIFEST * PART;
    if (part_of(part, PART_MANIFEST, database)) {
        out->manifest = true;
        out->manifest_number = le_get64(part + 16);
        out->manifest_bytes = le_get64(part + 24);
        out->manifest_sum = le_get64(part + 32);
    }
    part = all + PART_NAME * PART;
    if (part_of(part, PART_NAME, database)) {
        memcpy(out->name, part + 16, LAST_NAME_MAX);
        out->name[LAST_NAME_MAX] = '\0';
    }
}

status last_check_manifest(const char *directory, const last_known *known, char *problem, size_t room) {
    int fd = -1;
    if (!known->manifest || manifest_number(directory) != known->manifest_number) return STATUS_OK;
    if (!open_manifest(directory, known->manifest_number, &fd)) return STATUS_OK; /* RocksDB will tell */
    struct stat info;
    uint64_t sum = 0;
    status s = STATUS_OK;
    if (fstat(fd, &info) == 0 && (uint64_t)info.st_size < known->manifest_bytes) {
        problem_set(problem, room, "%s/db/MANIFEST-%06" PRIu64 " has %" PRIu64 " bytes, and %" PRIu64 " were durable",
                    directory, known->manifest_number, (uint64_t)info.st_size, known->manifest_bytes);
        s = STATUS_CORRUPT;
    } else if (sum_of(fd, known->manifest_bytes, &sum) && sum != known->manifest_sum) {
        problem_set(problem, room, "%s/db/MANIFEST-%06" PRIu64 " is damaged: it is not what was written", directory,
                    known->manifest_number);
        s = STATUS_CORRUPT;
    }
    close(fd);
    return s;
}

/* ------------------------------------------------------------------ writing */

void last_open(const char *directory, last_file *l) {
    char path[4096];
    *l = (last_file){.fd = -1, .database = database_of(directory)};
    if (l->database == 0 || snprintf(path, sizeof path, "%s/" LAST_ENTRY, directory) >= (int)sizeof path) return;
    l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->fd < 0) return;
    /* Parts that say nothing about this database give way; later writes find their place allocated. */
    for (unsigned p = 0; p < PARTS; p++) {
        static const uint8_t empty[PART];
        uint8_t bytes[PART] = {0};
        off_t at = (off_t)p * PART;
        if (pread(l->fd, bytes, PART, at) == PART && part_of(bytes, p, l->database)) continue;
        if (pwrite(l->fd, empty, PART, at) == PART) continue;
        close(l->fd);
        l->fd = -1;
        return;
    }
}

static void write_part(const last_file *l, unsigned part, uint8_t bytes[PART]) {
    if (l->fd < 0) return;
    le_put64(bytes, magic_of(part));
    le_put64(bytes + 8, l->database);
    le_put64(bytes + PART - 8, XXH3_64bits(bytes, PART - 8));
    /* What cannot be written is only older than it could be. */
    ssize_t ignored = pwrite(l->fd, bytes, PART, (off_t)part * PART);
    (void)ignored;
}

void last_note_group(const last_file *l, uint64_t sequence, int64_t time_ms, uint64_t seed) {
    uint8_t bytes[PART] = {0};
    le_put64(bytes + 16, sequence);
    le_put64(bytes + 24, (uint64_t)time_ms);
    le_put64(bytes + 32, seed);
    write_part(l, PART_GROUP, bytes);
}

/* Whole or not at all under its name: a copy that is cut short has another checksum than LAST says anyway. */
static bool copy_manifest(int from, uint64_t bytes, const char *directory, const char *name) {
    char path[4096], old[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    if (snprintf(old, sizeof old, "%s.new", path) >= (int)sizeof old) return false;
    int to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = to >= 0;
    for (off_t at = 0; good && (uint64_t)at < bytes;) {
        ssize_t n = copy_file_range(from, &at, to, NULL, (size_t)(bytes - (uint64_t)at), 0);
        good = n > 0;
    }
    good = good && fdatasync(to) == 0;
    if (to >= 0) close(to);
    good = good && rename(old, path) == 0;
    if (!good) unlink(old);
    return good;
}

void last_note_manifest(last_file *l, const char *directory) {
    int fd = -1;
    uint64_t number = manifest_number(directory), sum = 0;
    if (l->fd < 0 || number == 0 || !open_manifest(directory, number, &fd)) return;
    struct stat info;
    bool good = fstat(fd, &info) == 0;
    uint64_t bytes = good ? (uint64_t)info.st_size : 0;
    bool same = number == l->manifest_number && bytes == l->manifest_bytes;
    if (good && !same && fdatasync(fd) == 0 && sum_of(fd, bytes, &sum)) {
        uint8_t part[PART] = {0};
        le_put64(part + 16, number);
        le_put64(part + 24, bytes);
        le_put64(part + 32, sum);
        bool copied = copy_manifest(fd, bytes, directory, LAST_MANIFEST);
        write_part(l, PART_MANIFEST, part);
        l->manifest_number = copied ? number : 0;
        l->manifest_bytes = bytes;
    }
    close(fd);
}

bool last_restore_manifest(const char *directory, const last_known *known) {
    char path[4096], name[64];
    uint64_t sum = 0;
    struct stat info;
    if (!known->manifest || manifest_number(directory) != known->manifest_number) return false;
    if (snprintf(path, sizeof path, "%s/" LAST_MANIFEST, directory) >= (int)sizeof path) return false;
    snprintf(name, sizeof name, "db/MANIFEST-%06" PRIu64, known->manifest_number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &info) == 0 && (uint64_t)info.st_size == known->manifest_bytes &&
                sum_of(fd, known->manifest_bytes, &sum) && sum == known->manifest_sum &&
                copy_manifest(fd, known->manifest_bytes, directory, name);
    if (fd >= 0) close(fd);
    return good;
}

void last_note_name(const last_file *l, const char *name) {
    uint8_t bytes[PART] = {0};
    size_t length = strlen(name);
    if (length > LAST_NAME_MAX) return;
    memcpy(bytes + 16, name, length);
    write_part(l, PART_NAME, bytes);
}

void last_close(last_file *l) {
    if (l->fd < 0) return;
    int ignored = fdatasync(l->fd);
    (void)ignored;
    close(l->fd);
    l->fd = -1;
}
