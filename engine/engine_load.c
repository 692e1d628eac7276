/* Recovery of the operations: the history in order, the table of version 1, and then, once, the chain of operations of
 * each account. What is loaded is trusted no further than its checks. */
#include "base/check.h"
#include "engine/history.h"
#include "engine/state.h"

#include <string.h>

/* ------------------------------------------------------------------ the history */

/* The end of a reservation that is not known any more was cut off with it: nobody needs it. */
static status end_reservation(engine *e, const operation_id *id, operation_state state, int64_t at_ms,
                              uint32_t version) {
    uint32_t ref = operations_find(&e->operations, operations_hash(&e->operations, id), id);
    if (ref == OPERATIONS_NONE) return STATUS_OK;
    operation_entry ended = *operations_at(&e->operations, ref);
    if (ended.state != OPERATION_OPEN) return STATUS_CORRUPT; /* it ends once */
    ended.state = (uint8_t)state;
    ended.resolved_s = operation_seconds(state == OPERATION_EXPIRED ? ended.at_ms + ended.life_ms : at_ms);
    ended.resolved_version = version;
    return operations_load(&e->operations, &ended);
}

/* An id that turns up again was forgotten in between, and is the newest now; what holds exposure is never forgotten.
 * What is the same, of the same moment, is in a group that is tried again. */
static status load_operation(engine *e, const operation_entry *entry) {
    uint32_t ref =
        operations_find(&e->operations, operations_hash(&e->operations, &entry->request.id), &entry->request.id);
    if (ref != OPERATIONS_NONE) {
        const operation_entry *known = operations_at(&e->operations, ref);
        bool same =
            known->at_ms == entry->at_ms && memcmp(&known->request, &entry->request, sizeof known->request) == 0;
        if (same) return STATUS_OK;
        if (known->state == OPERATION_OPEN) return STATUS_CORRUPT;
        operations_unload(&e->operations, &entry->request.id);
    }
    return operations_load(&e->operations, entry);
}

/* What the history tells was moved out of the table of version 1, whose record may still be there and loaded already: a
 * removal of it that follows in the log is that move, and takes nothing away. */
static status note_moved(engine *e, const history_event *event) {
    const operation_id *id = &event->entry.request.id;
    uint64_t hash = operations_hash(&e->operations, id);
    operation_id *kept = overlay_find(&e->kept, hash, id);
    if (kept != NULL) *kept = (operation_id){0};
    if (event->kind != HISTORY_KEPT || overlay_find(&e->moved, hash, id) != NULL) return STATUS_OK;
    if (!overlay_reserve(&e->moved, 1)) return STATUS_NO_MEMORY;
    *(operation_id *)overlay_add(&e->moved, hash) = *id;
    return STATUS_OK;
}

static status apply_event(engine *e, const history_event *event) {
    if (event->kind == HISTORY_EXPIRY)
        return end_reservation(e, &event->reservation, OPERATION_EXPIRED, event->at_ms, event->account_version);
    const operation_entry *entry = &event->entry;
    bool kept = event->kind == HISTORY_KEPT;
    status code = kept ? operations_load(&e->operations, entry) : load_operation(e, entry);
    if (code == STATUS_OK) code = note_moved(e, event);
    if (code != STATUS_OK || kept || entry->status != STATUS_OK) return code;
    if (entry->request.kind == OPERATION_COMMIT)
        code = end_reservation(e, &entry->request.target, OPERATION_COMMITTED, entry->at_ms, entry->account_version);
    else if (entry->request.kind == OPERATION_RELEASE)
        code = end_reservation(e, &entry->request.target, OPERATION_RELEASED, entry->at_ms, entry->account_version);
    return code;
}

status engine_apply_history(engine *e, const change *record) {
    uint64_t sequence = 0, previous;
    size_t at;
    if (record->key_length != sizeof sequence) return STATUS_CORRUPT;
    for (size_t i = 0; i < sizeof sequence; i++) sequence = sequence << 8 | record->key[i];
    status code = history_head(record->value, record->value_length, &at, &previous);
    if (code != STATUS_OK) return code;
    /* of the first that is kept nobody knows what was before */
    bool follows = e->history_last == 0 ? previous < sequence : previous == e->history_last && sequence > previous;
    if (!follows) return STATUS_CORRUPT;
    history_event event;
    while ((code = history_next(record->value, record->value_length, &at, &event)) == STATUS_OK) {
        code = apply_event(e, &event);
        if (code != STATUS_OK) return code;
    }
    if (code != STATUS_END) return code;
    e->history_last = sequence;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the table of version 1 */

/* The history knows better than such a record: it was loaded first, and the record may be older than its move. */
status engine_apply_operation(engine *e, const change *record) {
    operation_id id;
    if (record->key_length != sizeof id) return STATUS_CORRUPT;
    memcpy(&id, record->key, sizeof id);
    uint64_t hash = operations_hash(&e->operations, &id);
    bool known = operations_find(&e->operations, hash, &id) != OPERATIONS_NONE;
    bool kept = overlay_find(&e->kept, hash, &id) != NULL;
    if (record->removed) {
        if (kept) operations_unload(&e->operations, &id);
        return STATUS_OK;
    }
    operation_entry entry;
    if (record->value_length != 1 + OPERATION_IMAGE || record->value[0] != IMAGE_OPERATION_1) return STATUS_CORRUPT;
    status code = operation_entry_decode_v1(record->value + 1, &entry);
    if (code != STATUS_OK) return code;
    if (memcmp(&entry.request.id, &id, sizeof id) != 0) return STATUS_CORRUPT;
    if (known && !kept) return STATUS_OK;
    if (!kept && !overlay_reserve(&e->kept, 1)) return STATUS_NO_MEMORY;
    code = operations_load(&e->operations, &entry);
    if (code == STATUS_OK && !kept) *(operation_id *)overlay_add(&e->kept, hash) = id;
    return code;
}

/* ------------------------------------------------------------------ chains */

typedef struct chain_head {
    subject_id key;
    uint32_t newest;  /* reference */
    uint32_t version; /* of the account, by the last of its events */
} chain_head;

static bool changed_account(const operation_entry *e) { return e->status == STATUS_OK && e->account_version != 0; }

/* Versions wrap at 2^31. */
static bool is_later(uint32_t version, uint32_t than) { return (int32_t)((version - than) << 1) > 0; }

static status link_one(engine *e, overlay *heads, uint32_t ref) {
    const operation_entry *entry = operations_at(&e->operations, ref);
    operations_set_previous(&e->operations, ref, OPERATIONS_NONE);
    if (!changed_account(entry)) return STATUS_OK;
    subject_id key = account_key(&entry->request.subject, entry->request.program);
    uint64_t hash = store_hash(e->accounts, &key);
    chain_head *head = overlay_find(heads, hash, &key);
    if (head != NULL) {
        operations_set_previous(&e->operations, ref, head->newest);
    } else {
        if (!overlay_reserve(heads, 1)) return STATUS_NO_MEMORY;
        head = overlay_add(heads, hash);
        head->key = key;
        head->version = entry->account_version;
    }
    head->newest = ref;
    if (is_later(entry->account_version, head->version)) head->version = entry->account_version;
    bool expired = entry->state == OPERATION_EXPIRED;
    if (expired && is_later(entry->resolved_version, head->version)) head->version = entry->resolved_version;
    return STATUS_OK;
}

/* The last of an account's events is missing if its id was forgotten and used again: then its history is not known, and
 * begins with what comes next. */

static status remember_heads(engine *e, const overlay *heads) {
    status code = STATUS_OK;
    for (uint32_t i = 0; i < heads->count && code == STATUS_OK; i++) {
        const chain_head *head = overlay_at(heads, i);
        account a;
        if (!store_read(e->accounts, &head->key, &a)) return STATUS_CORRUPT; /* changed, and not there */
        a.newest = head->version == a.seq >> 1 ? head->newest + 1 : 0;
        code = store_write(e->accounts, &a);
    }
    return code;
}

/* Those of version 1 lie in the order of their ids, and what was committed after each is not known: their accounts'
 * chains begin with what came after, whether they have moved already or not. */
status engine_link_operations(engine *e) {
    overlay heads;
    overlay_init(&heads, sizeof(chain_head), sizeof(subject_id));
    static const operation_id none;
    status code = STATUS_OK;
    uint32_t end = operations_end(&e->operations);
    for (uint32_t ref = 0; ref < end && code == STATUS_OK; ref++) {
        const operation_id *id = &operations_at(&e->operations, ref)->request.id;
        bool in_use = memcmp(id, &none, sizeof none) != 0;
        uint64_t hash = operations_hash(&e->operations, id);
        if (in_use && overlay_find(&e->kept, hash, id) == NULL && overlay_find(&e->moved, hash, id) == NULL)
            code = link_one(e, &heads, ref);
    }
    if (code == STATUS_OK) code = remember_heads(e, &heads);
    overlay_deinit(&heads);
    overlay_deinit(&e->moved);
    return code;
}
