/* --backups, --verify-backup and --restore. */
#include "base/clock.h"
#include "persist/backup.h"
#include "server/document.h"
#include "server/offline_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM 1024

static const char *explain(status s, const char *problem) { return problem[0] != '\0' ? problem : status_text(s); }

static bool show_progress(void *context, uint64_t done, uint64_t total) {
    offline_progress(*(const char *const *)context, done, total);
    return true;
}

bool offline_chosen(const offline *o, uint32_t *id) {
    const char *text = o->modifiers[OFFLINE_WITH_backup];
    char *end;
    *id = 0;
    if (text == NULL) return true;
    unsigned long long number = strtoull(text, &end, 10);
    *id = (uint32_t)number;
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= 1 && number <= UINT32_MAX) return true;
    offline_fail("--backup needs a backup's number, not '%s'; --backups DIR lists them", text);
    return false;
}

static json_t *backup_document(const backup_info *b) {
    char time[CLOCK_TIME_TEXT];
    if (b->damaged) return json_pack("{s:I, s:b}", "id", (json_int_t)b->id, "damaged", 1);
    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:b}", "id", (json_int_t)b->id, "time",
                     clock_format_ms(b->time_ms, time), "sequence", (json_int_t)b->sequence, "folded_sequence",
                     (json_int_t)b->folded, "bytes", (json_int_t)b->bytes, "added_bytes", (json_int_t)b->added_bytes,
                     "files", (json_int_t)b->files, "cluster", b->cluster, "damaged", 0);
}

/* ---- list */

static double mib(uint64_t bytes) { return (double)bytes / (1 << 20); }

static void print_list(const backup_info *list, size_t count) {
    printf("%6s  %-28s %12s %12s %12s %6s  %s\n", "id", "time", "sequence", "MiB", "added MiB", "files", "cluster");
    for (size_t i = 0; i < count; i++) {
        char time[CLOCK_TIME_TEXT];
        const backup_info *b = &list[i];
        if (b->damaged)
            printf("%6" PRIu32 "  damaged: its list of contents cannot be read\n", b->id);
        else
            printf("%6" PRIu32 "  %-28s %12" PRIu64 " %12.1f %12.1f %6" PRIu32 "  %s\n", b->id,
                   clock_format_ms(b->time_ms, time), b->sequence, mib(b->bytes), mib(b->added_bytes), b->files,
                   b->cluster);
    }
    if (count == 0) puts("no backup is complete");
}

int offline_backups(const config *c) {
    backup_info *list = NULL;
    size_t count = 0;
    char problem[PROBLEM] = "";
    status s = backup_list(c->offline.argument, &list, &count, problem, sizeof problem);
    if (s != STATUS_OK) return offline_fail("%s", explain(s, problem));
    int code = 0;
    if (offline_json(&c->offline)) {
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++) document_append(&all, backup_document(&list[i]));
        code = offline_print(json_pack("{s:s, s:o}", "directory", c->offline.argument, "backups", all));
    } else {
        print_list(list, count);
    }
    free(list);
    return code;
}

/* ---- verify */

typedef struct verifying {
    const char *label; /* first: show_progress reads it */
    bool json;
    json_t *faults;
} verifying;

static void tell_fault(void *context, uint32_t id, const char *file, const char *what) {
    verifying *v = context;
    if (v->json)
        document_append(&v->faults, json_pack("{s:I, s:s, s:s}", "id", (json_int_t)id, "file", file, "message", what));
    else {
        offline_progress("", 0, 0);
        printf("backup %" PRIu32 ": %s: %s\n", id, file, what);
    }
}

int offline_verify_backup(const config *c) {
    uint32_t id;
    uint64_t files = 0, bytes = 0;
    char problem[PROBLEM] = "";
    if (!offline_chosen(&c->offline, &id)) return 2;
    verifying v = {.label = "verifying", .json = offline_json(&c->offline), .faults = json_array()};
    status s =
        backup_verify(c->offline.argument, id, tell_fault, show_progress, &v, &files, &bytes, problem, sizeof problem);
    offline_progress("", 0, 0);
    if (s != STATUS_OK && s != STATUS_CORRUPT) {
        json_decref(v.faults);
        return offline_fail("%s", explain(s, problem));
    }
    if (v.json) {
        int code =
            offline_print(json_pack("{s:s, s:b, s:I, s:I, s:o}", "directory", c->offline.argument, "ok", s == STATUS_OK,
                                    "files", (json_int_t)files, "bytes", (json_int_t)bytes, "problems", v.faults));
        return s == STATUS_OK ? code : 1;
    }
    json_decref(v.faults);
    if (s != STATUS_OK) return offline_fail("%s: not everything is as it was written", c->offline.argument);
    printf("%" PRIu64 " files, %.1f MiB read: every checksum matches\n", files, mib(bytes));
    return 0;
}

/* ---- restore */

/* What came of it, from loading it as a server would. */
static int check_restored(const config *c, const backup_info *b) {
    char problem[PROBLEM] = "", checked[PROBLEM] = "";
    offline_data d = {0};
    status s = offline_open(c->data, &d, problem, sizeof problem);
    if (s == STATUS_OK) s = offline_fill(c, &d, problem, sizeof problem);
    if (s == STATUS_OK && !engine_check(d.engine, checked, sizeof checked)) {
        s = STATUS_CORRUPT;
        snprintf(problem, sizeof problem, "%.*s", (int)sizeof problem - 1, checked);
    }
    if (s == STATUS_OK && journal_sequence(d.journal) != b->sequence) {
        s = STATUS_CORRUPT;
        snprintf(problem, sizeof problem, "it ends with group %" PRIu64 " instead of %" PRIu64,
                 journal_sequence(d.journal), b->sequence);
    }
    engine_stats stats = {0};
    if (s == STATUS_OK) engine_get_stats(d.engine, &stats);
    offline_close(&d);
    if (s != STATUS_OK) return offline_fail("%s is restored, but cannot be used: %s", c->data, explain(s, problem));
    if (!offline_json(&c->offline)) {
        printf("checked: %zu subjects, %zu accounts, %zu operations, last sequence %" PRIu64 "\n",
               stats.subjects.records, stats.accounts.records, stats.operations, b->sequence);
        printf("start it: xinyid --data %s --cluster %s\n", c->data, b->cluster);
        return 0;
    }
    json_t *document = backup_document(b);
    document_set(&document, "data", json_string(c->data));
    document_set(&document, "subjects", json_integer((json_int_t)stats.subjects.records));
    document_set(&document, "accounts", json_integer((json_int_t)stats.accounts.records));
    document_set(&document, "operations", json_integer((json_int_t)stats.operations));
    return offline_print(document);
}

int offline_restore(const config *c) {
    static const char *label = "restoring";
    uint32_t id;
    backup_info b;
    char problem[PROBLEM] = "";
    if (!offline_chosen(&c->offline, &id)) return 2;
    status s = backup_restore(c->offline.argument, id, c->data, show_progress, &label, &b, problem, sizeof problem);
    offline_progress("", 0, 0);
    if (s != STATUS_OK) return offline_fail("%s", explain(s, problem));
    if (!offline_json(&c->offline)) {
        char time[CLOCK_TIME_TEXT];
        printf("restored backup %" PRIu32 " of %s (cluster %s) to %s: %" PRIu32
               " files, %.1f MiB, every checksum matches\n",
               b.id, clock_format_ms(b.time_ms, time), b.cluster, c->data, b.files, mib(b.bytes));
        fflush(stdout);
    }
    return check_restored(c, &b);
}
