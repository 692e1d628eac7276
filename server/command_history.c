/* What was ever active: the list of sets, their texts, and decisions made again by them. */
#include "base/clock.h"
#include "engine/receipt.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/document.h"
#include "server/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_TOLD 500         /* the newest */
#define TEXTS_WHOLE (400u << 10) /* of all files, so that the document fits a frame whatever is escaped … */
#define TEXT_PART (256u << 10)   /* … and of one part */

/* ------------------------------------------------------------------ the list */

typedef struct list_call {
    const server *s;
    policy_archive_entry *entries; /* malloc'd; newest first */
    size_t count, total;
} list_call;

static void copy_entries(void *arg) {
    list_call *l = arg;
    const policy_archive *a = engine_archive(l->s->engine);
    l->total = policy_archive_count(a);
    l->count = l->total < HISTORY_TOLD ? l->total : HISTORY_TOLD;
    l->entries = malloc((l->count + 1) * sizeof *l->entries);
    for (size_t i = 0; l->entries != NULL && i < l->count; i++) policy_archive_at(a, l->total - 1 - i, &l->entries[i]);
}

static json_t *moment(int64_t ms) {
    char text[CLOCK_TIME_TEXT];
    return ms != 0 ? json_string(clock_format_ms(ms, text)) : json_null();
}

static json_t *entry_document(const policy_archive_entry *e) {
    size_t bytes = 0;
    for (size_t i = 0; i < e->file_count; i++) bytes += e->files[i].length;
    return json_pack("{s:I, s:s, s:o, s:o, s:I, s:I}", "version", (json_int_t)e->version, "hash", e->hash, "activated",
                     moment(e->activated_ms), "rollback_of",
                     e->rollback_of != 0 ? json_integer(e->rollback_of) : json_null(), "files",
                     (json_int_t)e->file_count, "bytes", (json_int_t)bytes);
}

status command_policy_list(command_run *r) {
    list_call l = {.s = r->s};
    commit_call(r->s, copy_entries, &l);
    if (l.entries == NULL) return STATUS_NO_MEMORY;
    policy_set *active = command_active(r->s);
    command_put(r, "version", json_integer(policy_version(active)));
    command_put(r, "hash", json_string(policy_hash(active)));
    policy_destroy(&active);
    json_t *history = json_array();
    for (size_t i = 0; i < l.count; i++) document_append(&history, entry_document(&l.entries[i]));
    command_put(r, "sets", json_integer((json_int_t)l.total));
    command_put(r, "history", history);
    free(l.entries);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ texts */

/* The end of a part that begins at `from`: never within a character. */
static size_t part_end(const policy_file *f, size_t from) {
    size_t end = f->length - from > TEXT_PART ? from + TEXT_PART : f->length;
    while (end < f->length && end > from && ((uint8_t)f->text[end] & 0xC0) == 0x80) end--;
    return end;
}

static status put_part(command_run *r, const policy_archive_entry *e, const char *name, size_t offset) {
    for (size_t i = 0; i < e->file_count; i++) {
        const policy_file *f = &e->files[i];
        if (strcmp(f->name, name) != 0) continue;
        if (offset > f->length)
            return command_fail(r, STATUS_BAD_COMMAND, "'offset': %s has %zu bytes", name, f->length);
        size_t end = part_end(f, offset);
        command_put(r, "name", json_string(f->name));
        command_put(r, "length", json_integer((json_int_t)f->length));
        command_put(r, "offset", json_integer((json_int_t)offset));
        command_put(r, "next", end < f->length ? json_integer((json_int_t)end) : json_null());
        command_put(r, "text", json_stringn(f->text + offset, end - offset));
        return STATUS_OK;
    }
    return command_fail(r, STATUS_BAD_COMMAND, "version %u has no file '%.64s'", e->version, name);
}

status command_policy_texts(command_run *r) {
    int64_t version = 0, offset = 0;
    const char *file = NULL;
    policy_archive_entry e;
    status s = command_need_number(r, "version", 1, UINT32_MAX, &version);
    if (s == STATUS_OK) s = command_string(r, "file", NULL, &file);
    if (s == STATUS_OK) s = command_number(r, "offset", 0, UINT32_MAX, NULL, &offset);
    if (s == STATUS_OK) s = command_archived(r, (uint32_t)version, &e);
    if (s != STATUS_OK) return s;
    command_put(r, "version", json_integer((json_int_t)version));
    command_put(r, "hash", json_string(e.hash));
    if (file != NULL) return put_part(r, &e, file, (size_t)offset);
    size_t bytes = 0;
    for (size_t i = 0; i < e.file_count; i++) bytes += e.files[i].length;
    json_t *files = json_array();
    for (size_t i = 0; i < e.file_count; i++) {
        json_t *one = json_pack("{s:s, s:I}", "name", e.files[i].name, "length", (json_int_t)e.files[i].length);
        if (bytes <= TEXTS_WHOLE) document_set(&one, "text", json_stringn(e.files[i].text, e.files[i].length));
        document_append(&files, one);
    }
    command_put(r, "files", files);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ replay */

typedef struct hash_call {
    const server *s;
    const char *hash;
    bool found;
    policy_archive_entry entry;
} hash_call;

static void find_hash(void *arg) {
    hash_call *h = arg;
    h->found = policy_archive_find_hash(engine_archive(h->s->engine), h->hash, &h->entry);
}

/* The set of a receipt, kept: who replays one often replays many. */
static status set_of(command_run *r, const char *hash, policy_set **out) {
    job_state *state = jobs_state(r->s);
    if (state->replayed == NULL || strcmp(policy_hash(state->replayed), hash) != 0) {
        hash_call h = {.s = r->s, .hash = hash};
        commit_call(r->s, find_hash, &h);
        if (!h.found)
            return command_fail(r, STATUS_UNKNOWN_POLICY, "no policy set with the hash %s is kept here", hash);
        policy_set *set = NULL;
        status s = command_compile(r, h.entry.files, h.entry.file_count, &set, NULL);
        if (s != STATUS_OK) return s;
        policy_destroy(&state->replayed);
        state->replayed = set;
    }
    *out = state->replayed;
    return STATUS_OK;
}

status command_replay(command_run *r) {
    const char *text = NULL;
    receipt given;
    char hash[33], day[CLOCK_DATE_TEXT];
    policy_set *set = NULL;
    decision again;
    status s = command_string(r, "receipt", NULL, &text);
    if (s != STATUS_OK) return s;
    if (text == NULL) return command_fail(r, STATUS_BAD_COMMAND, "'receipt' is missing: a text, xr1-…");
    if (receipt_parse(text, strlen(text), &given) != STATUS_OK) return STATUS_BAD_RECEIPT;
    s = set_of(r, receipt_policy_hash(&given, hash), &set);
    if (s != STATUS_OK) return s;
    bool same = receipt_replay(&given, set, &again);
    const char *scenario = policy_scenario_name(set, given.scenario);
    command_put(r, "same", json_boolean(same));
    command_put(r, "scenario", document_optional(scenario));
    command_put(r, "day", json_string(clock_format_day(clock_day_of_ms(given.now_ms), day)));
    command_put(r, "policy_version", json_integer(given.policy_version));
    command_put(r, "policy_hash", json_string(hash));
    command_put(r, "profile_version", json_integer(given.profile_version));
    command_put(r, "result", command_decision(set, given.scenario, &given.result));
    command_put(r, "again", command_decision(set, given.scenario, &again));
    return STATUS_OK;
}
