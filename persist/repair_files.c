/* Before RocksDB opens: the stamp, the name of the manifest, single bits of the manifest and the log; then the opening
 * itself, which tells by its errors what else is wrong. Where the log cannot be read it is opened past the damage, and
 * where the manifest or a sorted file is gone RocksDB's own repair makes a manifest of the files that can be read. */
#include "persist/bits.h"
#include "persist/directory.h"
#include "persist/repair_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCKS_MOST 64 /* blocks put right while opening; more is a disk that goes */

/* ------------------------------------------------------------------ small files */

static status read_text(repair *r, const char *name, char text[64]) {
    char path[REPAIR_PATH];
    memset(text, 0, 64);
    if (!repair_path(r, path, "%s/%s", r->copy, name)) return STATUS_IO_ERROR;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return STATUS_NOT_FOUND;
    ssize_t n = read(fd, text, 63);
    close(fd);
    return n >= 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

static status stamp(repair *r) {
    char text[64], path[REPAIR_PATH];
    status s = read_text(r, "JOURNAL", text);
    static const char complete[] = DIRECTORY_COMPLETE;
    bool known =
        s == STATUS_OK && strncmp(text, complete, sizeof complete - 2) == 0 && strlen(text) == sizeof complete - 1;
    char state = known ? text[sizeof complete - 2] : '\0';
    if (state == complete[sizeof complete - 2] || state == DIRECTORY_FRESH) return STATUS_OK;
    if (!repair_path(r, path, "%s/JOURNAL", r->copy)) return STATUS_IO_ERROR;
    repair_tell(r, REPAIR_HARMLESS, "JOURNAL %s; it says the same in every directory: it is written again",
                s == STATUS_OK ? "is damaged" : "is gone");
    unlink(path);
    return directory_adopt(r->copy, r->problem, r->room);
}

/* The manifest with the highest number; 0: none. */
static uint64_t newest_manifest(const repair *r) {
    uint64_t newest = 0;
    DIR *d = opendir(r->db);
    if (d == NULL) return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, "MANIFEST-", 9) == 0) {
            uint64_t number = strtoull(e->d_name + 9, NULL, 10);
            if (number > newest) newest = number;
        }
    closedir(d);
    return newest;
}

static status current(repair *r) {
    char text[64], wanted[64], path[REPAIR_PATH];
    uint64_t newest = newest_manifest(r);
    status s = read_text(r, "db/CURRENT", text);
    snprintf(wanted, sizeof wanted, "MANIFEST-%06" PRIu64 "\n", newest);
    if (newest == 0 || (s == STATUS_OK && strcmp(text, wanted) == 0)) return STATUS_OK;
    /* A name that is well and leads somewhere is not ours to judge. */
    if (s == STATUS_OK && strlen(text) == strlen(wanted) && text[strlen(text) - 1] == '\n') {
        char named[64];
        snprintf(named, sizeof named, "%.*s", (int)strlen(text) - 1, text);
        if (repair_path(r, path, "%s/%s", r->db, named) && strchr(named, '/') == NULL && access(path, F_OK) == 0)
            return STATUS_OK;
    }
    if (!repair_path(r, path, "%s/CURRENT", r->db)) return STATUS_IO_ERROR;
    repair_tell(r, REPAIR_HARMLESS, "db/CURRENT %s; it is to name the manifest, and there is MANIFEST-%06" PRIu64,
                s == STATUS_OK ? "is damaged" : "is gone", newest);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, wanted, strlen(wanted)) == (ssize_t)strlen(wanted) && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (good) return STATUS_OK;
    problem_set(r->problem, r->room, "cannot write %s: %s", path, strerror(errno));
    return STATUS_IO_ERROR;
}

status repair_small_files(repair *r) {
    status s = stamp(r);
    if (s == STATUS_OK) s = current(r);
    if (s == STATUS_OK && r->known.damaged)
        repair_tell(r, REPAIR_HARMLESS, LAST_ENTRY " is damaged; it only guards the rest: it is written again");
    return s;
}

/* ------------------------------------------------------------------ single bits */

static status fix_records(repair *r, const char *name, bool log, bool *damaged) {
    char path[REPAIR_PATH];
    bits_finding found;
    if (!repair_path(r, path, "%s/%s", r->db, name)) return STATUS_IO_ERROR;
    status s = bits_fix_records(path, &found, r->problem, r->room);
    if (s != STATUS_OK) return s;
    if (found.fixed == 1)
        repair_tell(r, REPAIR_HARMLESS,
                    "db/%s: one bit of byte %" PRIu64 " is wrong; it is put back, the checksum is right then", name,
                    found.bit_at);
    else if (found.fixed > 1)
        repair_tell(r, REPAIR_HARMLESS, "db/%s: %" PRIu64 " records have one wrong bit each; they are put back", name,
                    found.fixed);
    *damaged = found.damaged;
    if (!found.damaged || !log) return STATUS_OK;
    r->log_damaged = true;
    repair_tell(r, REPAIR_HARMLESS, "db/%s: damaged at byte %" PRIu64 "; what that means is told below", name,
                found.at);
    return STATUS_OK;
}

/* The manifest: single bits, then the copy that LAST knows; else it is dealt with when it is opened. */
static status manifest(repair *r) {
    char text[64], path[REPAIR_PATH];
    bool damaged = false;
    status s = read_text(r, "db/CURRENT", text);
    text[strcspn(text, "\n")] = '\0';
    if (s != STATUS_OK || strncmp(text, "MANIFEST-", 9) != 0 || !repair_path(r, path, "%s/%s", r->db, text))
        return STATUS_OK;
    bool gone = access(path, F_OK) != 0;
    s = gone ? STATUS_OK : fix_records(r, text, false, &damaged);
    if (s != STATUS_OK) return s;
    char ignored[PROBLEM_ROOM];
    if (!gone && !damaged && last_check_manifest(r->copy, &r->known, ignored, sizeof ignored) == STATUS_OK)
        return STATUS_OK;
    r->manifest_restored = last_restore_manifest(r->copy, &r->known);
    if (r->manifest_restored)
        repair_tell(r, REPAIR_HARMLESS, "db/%s is %s: it is put back as it was when a copy was made of it", text,
                    gone ? "gone" : "damaged");
    return STATUS_OK;
}

status repair_records(repair *r) {
    status s = manifest(r);
    if (s != STATUS_OK) return s;
    DIR *d = opendir(r->db);
    if (d == NULL) return STATUS_IO_ERROR;
    bool damaged;
    for (struct dirent *e; s == STATUS_OK && (e = readdir(d)) != NULL;) {
        size_t length = strlen(e->d_name);
        if (length > 4 && strcmp(e->d_name + length - 4, ".log") == 0) s = fix_records(r, e->d_name, true, &damaged);
    }
    closedir(d);
    return s;
}

bool repair_own_file(repair *r, const char *path) {
    char copy[REPAIR_PATH];
    struct stat info;
    if (stat(path, &info) != 0) return false;
    if (info.st_nlink == 1) return true;
    if (!repair_path(r, copy, "%s.own", path)) return false;
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = from >= 0 && to >= 0;
    for (off_t left = info.st_size; good && left > 0;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
        good = n > 0;
        left -= n;
    }
    good = good && fsync(to) == 0;
    if (from >= 0) close(from);
    if (to >= 0) close(to);
    return good && rename(copy, path) == 0;
}

/* The file and place that RocksDB's text is about. */
static bool parse_block(repair *r, const char *text, char file[REPAIR_PATH], unsigned long long *offset,
                        unsigned long long *size) {
    const char *at = strstr(text, "block checksum mismatch"), *in = at != NULL ? strstr(at, " in ") : NULL;
    char word[512];
    if (in == NULL || sscanf(in, " in %511s offset %llu size %llu", word, offset, size) != 3) return false;
    const char *name = strrchr(word, '/');
    return name != NULL && *size <= UINT32_MAX && repair_path(r, file, "%s%s", r->db, name);
}

status repair_block(repair *r, rocks *db, const char *text) {
    char file[REPAIR_PATH];
    unsigned long long offset = 0, size = 0;
    uint64_t bit_at = 0;
    if (!parse_block(r, text, file, &offset, &size) || !repair_own_file(r, file)) return STATUS_NOT_FOUND;
    bool was_open = db->db != NULL;
    rocks_close(db);
    status s = bits_fix_block(file, offset, (size_t)size, &bit_at, r->problem, r->room);
    if (s == STATUS_OK)
        repair_tell(r, REPAIR_HARMLESS,
                    "db%s: one bit of byte %" PRIu64 " is wrong; it is put back, the checksum is right then",
                    strrchr(file, '/'), bit_at);
    status opened = was_open ? rocks_open(db, r->db, false, r->problem, r->room) : STATUS_OK;
    if (opened != STATUS_OK) return opened;
    return s == STATUS_OK ? s : STATUS_NOT_FOUND;
}

/* ------------------------------------------------------------------ opening */

/* Past what cannot be read of the write-ahead log, and without what is missing of it. */
static void forgive_log(rocks *db) {
    rocksdb_options_t *forgiving = rocksdb_options_create();
    char *error = NULL;
    rocksdb_options_set_wal_recovery_mode(db->general, rocksdb_skip_any_corrupted_records_recovery);
    rocksdb_get_options_from_string(db->general, "track_and_verify_wals_in_manifest=false", forgiving, &error);
    if (error == NULL) {
        rocksdb_options_destroy(db->general);
        db->general = forgiving;
    } else {
        rocksdb_free(error);
        rocksdb_options_destroy(forgiving);
    }
}

/* RocksDB's own: reads the log and every sorted file it finds, and makes a manifest of them. */
static status rebuild(repair *r, rocks *db, const char *why) {
    char *error = NULL;
    rocksdb_repair_db(db->general, r->db, &error);
    status s = rocks_status(error, r->problem, r->room);
    if (s != STATUS_OK) return s;
    repair_tell(r, REPAIR_LOST,
                "the database's list of files or a file is lost (%s): the list is made anew from the files that can be "
                "read; what was only in one that cannot is lost, and something that was removed may be back",
                why);
    return STATUS_OK;
}

/* Whether a sorted file is there that the database does not know, after the manifest was put back: then the copy is too
 * old. Looks without writing. */
static bool copy_too_old(repair *r, rocks *db) {
    const char *names[ROCKS_FAMILIES];
    const rocksdb_options_t *options[ROCKS_FAMILIES];
    rocksdb_column_family_handle_t *families[ROCKS_FAMILIES];
    char *error = NULL;
    for (unsigned f = 0; f < ROCKS_FAMILIES; f++) {
        names[f] = rocks_family_name(f);
        options[f] = db->table;
    }
    rocksdb_t *look = rocksdb_open_for_read_only_column_families(db->general, r->db, ROCKS_FAMILIES, names, options,
                                                                 families, 0, &error);
    if (error != NULL) {
        rocksdb_free(error);
        return true;
    }
    const rocksdb_livefiles_t *live = rocksdb_livefiles(look);
    DIR *d = opendir(r->db);
    bool unknown = d == NULL;
    for (struct dirent *e; !unknown && (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".sst") == NULL) continue;
        unknown = true;
        for (int i = 0; unknown && i < rocksdb_livefiles_count(live); i++)
            if (strcmp(rocksdb_livefiles_name(live, i) + 1, e->d_name) == 0) unknown = false;
    }
    if (d != NULL) closedir(d);
    rocksdb_livefiles_destroy(live);
    for (unsigned f = 0; f < ROCKS_FAMILIES; f++) rocksdb_column_family_handle_destroy(families[f]);
    rocksdb_close(look);
    return unknown;
}

/* Before the first try: a manifest that is known to be wrong must not be opened, since files that it does not name
 * would be removed. */
static status judge_manifest(repair *r, rocks *db, bool *rebuilt) {
    char text[PROBLEM_ROOM] = "the copy of the manifest is too old";
    if (r->manifest_restored) {
        if (!copy_too_old(r, db)) return STATUS_OK;
    } else if (last_check_manifest(r->copy, &r->known, text, sizeof text) != STATUS_CORRUPT) {
        return STATUS_OK;
    }
    *rebuilt = true;
    forgive_log(db);
    return rebuild(r, db, text);
}

status repair_open(repair *r, rocks *db) {
    bool forgiven = r->log_damaged, rebuilt = false;
    char text[PROBLEM_ROOM];
    status s = rocks_init(db, r->problem, r->room);
    if (s != STATUS_OK) return s;
    if (forgiven) forgive_log(db);
    s = judge_manifest(r, db, &rebuilt);
    if (s != STATUS_OK) return s;
    for (int tries = 0; tries < BLOCKS_MOST; tries++) {
        s = rocks_open(db, r->db, false, text, sizeof text);
        if (s == STATUS_OK) return s;
        if (s == STATUS_NO_SPACE || s == STATUS_UNSUPPORTED_VERSION) break;
        if (repair_block(r, db, text) == STATUS_OK) continue;
        if (!forgiven) { /* harmless if that is not it */
            forgiven = true;
            forgive_log(db);
            continue;
        }
        if (rebuilt) break;
        rebuilt = true;
        s = rebuild(r, db, text);
        if (s != STATUS_OK) return s;
    }
    problem_set(r->problem, r->room, "the database cannot be opened (%s): restore a backup", text);
    return STATUS_CORRUPT;
}
