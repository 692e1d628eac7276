/* --verify: everything in a data directory is read and checked, from the blocks of the sorted files up to the balances
 * of every account, and each check is told with what it covered.
 *
 *   files     RocksDB's checksum of every block, ours of every value, no group missing   (persist/verify.h)
 *   load      every record is one that the engine understands
 *   engine    stores, indexes, dossiers, open reservations and reserved amounts add up      (engine_check)
 *   history   the events of each account follow each other, and the last ends where the account stands
 *
 * Damage in the files is told place by place; the later checks need what they read, so they are left out then. */
#include "base/rcu.h"
#include "base/subject.h"
#include "persist/verify.h"
#include "server/document.h"
#include "server/offline_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM 1024
#define KEY_SUBJECT 13 /* shard and id: how the keys of these tables begin */
#define SCAN 64

typedef struct checking {
    const config *c;
    bool json;
    offline_data data;
    json_t *checks, *problems; /* for the document */
    uint64_t problem_count;
} checking;

/* ---- telling */

static void add_check(checking *v, const char *name, uint64_t count, const char *unit, uint64_t bytes, uint64_t bad,
                      bool done) {
    const char *result = !done ? "not checked" : bad > 0 ? "damaged" : "ok";
    if (v->json) {
        document_append(&v->checks,
                        json_pack("{s:s, s:I, s:s, s:I, s:I, s:s}", "check", name, "count", (json_int_t)count, "unit",
                                  unit, "bytes", (json_int_t)bytes, "problems", (json_int_t)bad, "result", result));
        return;
    }
    printf("%-28s %12" PRIu64 " %-12s ", name, count, unit);
    if (bytes > 0)
        printf("%10.1f MiB  ", (double)bytes / (1 << 20));
    else
        printf("%16s", "");
    if (bad > 0)
        printf("%" PRIu64 " DAMAGED\n", bad);
    else
        puts(done ? "OK" : "not checked");
}

static void add_problem(checking *v, const char *file, const char *table, const char *key, const char *subject,
                        const char *what) {
    v->problem_count++;
    if (v->json) {
        document_append(&v->problems, json_pack("{s:s?, s:s?, s:s?, s:s?, s:s}", "file", file, "table", table, "key",
                                                key, "subject", subject, "message", what));
        return;
    }
    offline_progress("", 0, 0);
    printf("problem: %s", what);
    if (table != NULL) printf("\n  table   %s", table);
    if (key != NULL) printf("\n  key     %s", key);
    if (subject != NULL) printf("\n  subject %s", subject);
    if (file != NULL) printf("\n  file    %s", file);
    putchar('\n');
}

/* The subject that a key is about, if its table is one of subjects and it is one. */
static const char *subject_of(const verify_problem *p, char text[SUBJECT_TEXT]) {
    static const unsigned tables[] = {CHANGE_SUBJECTS, CHANGE_RECORDS, CHANGE_ACCOUNTS};
    bool about_one = false;
    subject_id id;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(p->table, change_table_name(tables[i])) == 0) about_one = true;
    if (!about_one || p->key_length < KEY_SUBJECT) return NULL;
    memcpy(id.bytes, p->key + 1, sizeof id.bytes);
    id.bytes[0] &= 0x0f; /* an account's program is above */
    return subject_is_valid(&id) ? subject_format(&id, text) : NULL;
}

static void tell_problem(void *context, const verify_problem *p) {
    checking *v = context;
    char hex[2 * LIMIT_KEY_BYTES + 1] = "", subject[SUBJECT_TEXT], what[PROBLEM];
    size_t n = p->key_length < LIMIT_KEY_BYTES ? p->key_length : LIMIT_KEY_BYTES;
    for (size_t i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", p->key[i]);
    snprintf(what, sizeof what, "%s%s", p->block ? "unreadable after this key: " : "", p->what);
    add_problem(v, p->file[0] != '\0' ? p->file : NULL, p->table, n > 0 ? hex : NULL, subject_of(p, subject), what);
}

static void read_progress(void *context, uint64_t values) {
    (void)context;
    offline_progress("reading, values", values, 0);
}

/* ---- the checks */

static void check_files(checking *v) {
    verify_report *r = calloc(1, sizeof *r);
    if (r == NULL) {
        add_problem(v, NULL, NULL, NULL, NULL, "out of memory");
        return;
    }
    status s = journal_verify(v->data.journal, tell_problem, read_progress, v, r);
    offline_progress("", 0, 0);
    add_check(v, "sorted files", r->files, "files", r->file_bytes, 0, true);
    for (size_t i = 0; i < r->table_count; i++) {
        const verify_table *t = &r->tables[i];
        char name[48];
        snprintf(name, sizeof name, "table %s", t->name);
        add_check(v, name, t->values, "values", t->bytes, t->damaged, true);
    }
    if (s != STATUS_OK && r->problems == 0) add_problem(v, NULL, NULL, NULL, NULL, status_text(s));
    free(r);
}

static bool load(checking *v) {
    char problem[PROBLEM] = "";
    status s = offline_fill(v->c, &v->data, problem, sizeof problem);
    engine_stats stats = {0};
    if (s == STATUS_OK)
        engine_get_stats(v->data.engine, &stats);
    else
        add_problem(v, NULL, NULL, NULL, NULL, problem);
    add_check(v, "loaded", stats.subjects.records, "subjects", 0, s != STATUS_OK, true);
    if (s != STATUS_OK) return false;
    add_check(v, "loaded", stats.accounts.records, "accounts", 0, 0, true);
    add_check(v, "loaded", stats.operations, "operations", 0, 0, true);
    if (v->data.policy_invalid)
        add_problem(v, NULL, "policies", NULL, NULL, "the stored policy set does not compile with this program");
    return true;
}

static void check_engine(checking *v) {
    char problem[PROBLEM] = "";
    engine_stats stats;
    engine_get_stats(v->data.engine, &stats);
    bool well = engine_check(v->data.engine, problem, sizeof problem);
    if (!well) add_problem(v, NULL, NULL, NULL, NULL, problem);
    add_check(v, "engine's invariants", stats.subjects.records + stats.accounts.records, "records", 0, !well, true);
}

/* All kept events of an account, newest page first. *events grows by what there is. */
static status check_account(const engine *e, const account *a, account_event *page, uint64_t *events) {
    subject_id subject = account_subject(a);
    uint32_t before = 0;
    int64_t reserved = 0, committed = 0;
    bool more = true;
    while (more) {
        size_t n = 0;
        status s = engine_history(e, &subject, account_program(a), before, LIMIT_HISTORY_EVENTS, page, &n, &more);
        if (s != STATUS_OK) return s;
        if (n == 0) break;
        const account_event *last = &page[n - 1];
        if (before != 0 && (last->reserved_fen != reserved || last->committed_fen != committed)) return STATUS_CORRUPT;
        before = page[0].version;
        reserved = page[0].reserved_before_fen;
        committed = page[0].committed_before_fen;
        *events += n;
    }
    return STATUS_OK;
}

static void check_accounts(checking *v, account *found, account_event *page) {
    const engine *e = v->data.engine;
    uint64_t accounts = 0, events = 0, bad = 0;
    store_cursor cursor = 0;
    rcu_enter();
    for (size_t n; (n = engine_scan_accounts(e, &cursor, found, NULL, SCAN)) > 0; rcu_pass()) {
        for (size_t i = 0; i < n; i++) {
            char text[SUBJECT_TEXT], what[160];
            status s = check_account(e, &found[i], page, &events);
            accounts++;
            if (s == STATUS_OK) continue;
            bad++;
            subject_id subject = account_subject(&found[i]);
            subject_format(&subject, text);
            bool profile_gone = s == STATUS_UNKNOWN_SUBJECT;
            if (profile_gone)
                snprintf(what, sizeof what,
                         "an account of program %u has no profile: it is whole again after xinyi set %s --create",
                         account_program(&found[i]), text);
            else
                snprintf(what, sizeof what, "the history of program %u does not add up: %s", account_program(&found[i]),
                         status_text(s));
            add_problem(v, NULL, profile_gone ? "accounts" : "history", NULL, text, what);
        }
        offline_progress("histories, accounts", accounts, 0);
    }
    rcu_leave();
    offline_progress("", 0, 0);
    add_check(v, "histories that add up", accounts, "accounts", 0, bad, true);
    add_check(v, "histories that add up", events, "events", 0, 0, true);
}

static void check_histories(checking *v) {
    account *found = calloc(SCAN, sizeof *found);
    account_event *page = calloc(LIMIT_HISTORY_EVENTS, sizeof *page);
    if (found != NULL && page != NULL)
        check_accounts(v, found, page);
    else
        add_problem(v, NULL, NULL, NULL, NULL, "out of memory");
    free(found);
    free(page);
}

static void check_all(checking *v) {
    check_files(v);
    bool readable = v->problem_count == 0, loaded = readable && load(v);
    if (!readable) add_check(v, "loaded", 0, "subjects", 0, 0, false);
    if (loaded)
        check_engine(v);
    else
        add_check(v, "engine's invariants", 0, "records", 0, 0, false);
    if (loaded)
        check_histories(v);
    else
        add_check(v, "histories that add up", 0, "accounts", 0, 0, false);
}

int offline_verify(const config *c) {
    char problem[PROBLEM] = "";
    checking v = {.c = c, .json = offline_json(&c->offline), .checks = json_array(), .problems = json_array()};
    status s = offline_open(c->data, &v.data, problem, sizeof problem);
    if (s == STATUS_OK)
        check_all(&v);
    else if (s == STATUS_CORRUPT)
        add_problem(&v, NULL, NULL, NULL, NULL, problem);
    uint64_t sequence = s == STATUS_OK ? journal_sequence(v.data.journal) : 0;
    offline_close(&v.data);
    bool well = s == STATUS_OK && v.problem_count == 0;
    int code = well ? 0 : 1;
    if (s != STATUS_OK && s != STATUS_CORRUPT)
        code = offline_fail("%s", problem);
    else if (v.json &&
             offline_print(json_pack("{s:s, s:b, s:I, s:O, s:O}", "data", c->data, "ok", well, "last_sequence",
                                     (json_int_t)sequence, "checks", v.checks, "problems", v.problems)) != 0)
        code = 1;
    else if (!v.json && well)
        printf("%s is well; last sequence %" PRIu64 "\n", c->data, sequence);
    else if (!v.json)
        code = offline_fail("%s: %" PRIu64 " problem%s; what can be done about it: xinyid --repair --data %s", c->data,
                            v.problem_count, v.problem_count == 1 ? "" : "s", c->data);
    json_decref(v.checks);
    json_decref(v.problems);
    return code;
}
