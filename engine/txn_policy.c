/* Policy sets within a group, and their recovery. A set that is activated is staged in the archive at once, so that
 * publishing needs no memory; nobody sees it there before that.
 *
 * The texts are stored, not what they compile to. A rollback is an activation like any other, of texts that are kept
 * already: it gets the next version, so history only grows and every decision's version stays what it was. */
#include "base/check.h"
#include "base/rcu.h"
#include "engine/txn_internal.h"

#include <string.h>

#define IMAGE_DIRECTORY 1
#define HASH_TEXT 32

/* ------------------------------------------------------------------ within a group */

static status record_policy(txn *t, uint32_t version, const policy_image *image) {
    if (version <= t->policy_newest) return STATUS_VERSION_CONFLICT;
    buf value = {0};
    uint8_t key[4] = {(uint8_t)(version >> 24), (uint8_t)(version >> 16), (uint8_t)(version >> 8), (uint8_t)version};
    status code = policy_image_encode(&value, image);
    if (code == STATUS_OK && buf_reserve(&t->policy_changes, CHANGE_HEADER + sizeof key + value.size) == NULL) {
        t->policy_changes.failed = false; /* nothing is missing: nothing was appended */
        code = STATUS_NO_MEMORY;
    }
    if (code == STATUS_OK)
        code = policy_archive_stage(t->e->archive, version, image->rollback_of, image->activated_ms, image->files,
                                    image->count);
    if (code == STATUS_OK) {
        size_t before = t->policy_changes.size;
        change_append(&t->policy_changes, CHANGE_POLICIES, key, sizeof key, value.data, value.size);
        t->bytes += t->policy_changes.size - before;
    }
    buf_deinit(&value);
    return code;
}

static status activate(txn *t, policy_set *set, const policy_image *image) {
    status code = sweep_take_back(t, policy_credit(set));
    if (code == STATUS_OK) code = record_policy(t, policy_version(set), image);
    if (code != STATUS_OK) {
        policy_destroy(&set);
        return code;
    }
    policy_destroy(&t->policy); /* one that was activated earlier in this group */
    t->policy = set;
    txn_rules_changed(t);
    t->policy_newest = policy_version(set);
    return STATUS_OK;
}

status txn_activate(txn *t, policy_set *set, const policy_file *files, size_t count) {
    CHECK(t->phase == TXN_OPEN);
    const policy_image image = {.activated_ms = t->at.now_ms, .files = files, .count = count};
    return activate(t, set, &image);
}

status txn_rollback(txn *t, policy_set *set, uint32_t version) {
    CHECK(t->phase == TXN_OPEN);
    policy_archive_entry old;
    if (!policy_archive_find(t->e->archive, version, &old) || strcmp(old.hash, policy_hash(set)) != 0) {
        policy_destroy(&set);
        return STATUS_UNKNOWN_POLICY;
    }
    const policy_image image = {
        .activated_ms = t->at.now_ms, .rollback_of = version, .files = old.files, .count = old.file_count};
    return activate(t, set, &image);
}

static void free_policy(void *set) {
    policy_set *old = set;
    policy_destroy(&old);
}

void txn_publish_policies(txn *t) {
    if (t->directory[0] != '\0') memcpy(t->e->directory, t->directory, sizeof t->directory);
    if (t->policy == NULL) return;
    rcu_retire(atomic_exchange(&t->e->policy, t->policy), free_policy);
    t->e->policy_newest = t->policy_newest;
    policy_archive_settle(t->e->archive, true);
    sweep_rules(t->e, policy_credit(t->policy));
}

void txn_abort_policies(txn *t) {
    policy_destroy(&t->policy);
    policy_archive_settle(t->e->archive, false);
}

status txn_policy_directory(txn *t, const char *hash) {
    CHECK(t->phase == TXN_OPEN && strlen(hash) == HASH_TEXT);
    uint8_t value[1 + HASH_TEXT] = {IMAGE_DIRECTORY};
    memcpy(value + 1, hash, HASH_TEXT);
    size_t n = sizeof STATE_DIRECTORY - 1, before = t->state.size;
    if (buf_reserve(&t->state, CHANGE_HEADER + n + sizeof value) == NULL) {
        t->state.failed = false;
        return STATUS_NO_MEMORY;
    }
    change_append(&t->state, CHANGE_STATE, STATE_DIRECTORY, n, value, sizeof value);
    t->bytes += t->state.size - before;
    memcpy(t->directory, hash, sizeof t->directory);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ recovery */

bool engine_is_directory(const change *record) {
    size_t n = sizeof STATE_DIRECTORY - 1;
    return record->key_length == n && memcmp(record->key, STATE_DIRECTORY, n) == 0;
}

status engine_apply_directory(engine *e, const change *record) {
    if (record->value_length != 1 + HASH_TEXT || record->value[0] != IMAGE_DIRECTORY) return STATUS_CORRUPT;
    for (unsigned i = 0; i < HASH_TEXT; i++)
        if (record->value[1 + i] == 0 || strchr("0123456789abcdef", record->value[1 + i]) == NULL)
            return STATUS_CORRUPT;
    memcpy(e->directory, record->value + 1, HASH_TEXT);
    return STATUS_OK;
}

/* A set never changes, so a record that comes a second time, from the tables and from the log, says nothing new. */
status engine_apply_policies(engine *e, const change *record) {
    if (record->key_length != 4) return STATUS_CORRUPT;
    const uint8_t *key = record->key;
    uint32_t version = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
    if (version == 0) return STATUS_CORRUPT;
    policy_archive_entry known;
    buf memory = {0};
    policy_image image;
    status code = policy_image_decode(record->value, record->value_length, &memory, &image);
    if (code == STATUS_OK && !policy_archive_find(e->archive, version, &known))
        code = policy_archive_add(e->archive, version, image.rollback_of, image.activated_ms, image.files, image.count);
    buf_deinit(&memory);
    if (code == STATUS_OK && version > e->policy_newest) e->policy_newest = version;
    return code;
}

status engine_compile_stored(engine *e) {
    policy_archive_entry newest;
    if (!policy_archive_find(e->archive, e->policy_newest, &newest)) return STATUS_OK;
    policy_set *set = NULL;
    policy_findings findings = {0};
    status code = policy_load(newest.files, newest.file_count, newest.version, &findings, &set);
    policy_findings_deinit(&findings);
    if (code != STATUS_OK) return code;
    policy_set *old = atomic_exchange(&e->policy, set);
    policy_destroy(&old); /* no reader has started */
    return STATUS_OK;
}

/* ------------------------------------------------------------------ from the outside */

uint32_t engine_policy_newest(const engine *e) { return e->policy_newest; }
const policy_archive *engine_archive(const engine *e) { return e->archive; }
const char *engine_policy_directory(const engine *e) { return e->directory; }
