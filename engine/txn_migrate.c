/* Operations of a directory of version 1 lie in a table under their ids. They move into the history once, some
 * thousands a group: the group removes them from the table and keeps them as events, at once or not at all. */
#include "base/check.h"
#include "engine/history.h"
#include "engine/txn_internal.h"

bool engine_wants_migration(const engine *e) { return e->kept_moved < e->kept.count; }

static const operation_id *moving(const txn *t, uint32_t i) { return overlay_at(&t->e->kept, t->e->kept_moved + i); }

/* What was forgotten meanwhile is only removed. */
static const operation_entry *moving_entry(const txn *t, uint32_t i) {
    const operation_id *id = moving(t, i);
    return txn_operation(t, operations_hash(&t->e->operations, id), id);
}

bool txn_migrate(txn *t, size_t budget) {
    CHECK(t->phase == TXN_OPEN && t->moved == 0);
    const engine *e = t->e;
    size_t left = e->kept.count - e->kept_moved;
    t->moved = (uint32_t)(left < budget ? left : budget);
    t->bytes += t->moved * TXN_REMOVAL_BYTES;
    for (uint32_t i = 0; i < t->moved; i++)
        if (moving_entry(t, i) != NULL) t->event_bytes += HISTORY_KEPT_BYTES;
    return t->moved < left;
}

void txn_append_removed(const txn *t, buf *to) {
    for (uint32_t i = 0; i < t->moved; i++)
        change_append_removed(to, CHANGE_OPERATIONS, moving(t, i), sizeof(operation_id));
}

void txn_append_kept(txn *t, buf *history) {
    for (uint32_t i = 0; i < t->moved; i++) {
        const operation_entry *entry = moving_entry(t, i);
        if (entry != NULL) history_add_kept(history, entry);
    }
}

void txn_publish_kept(txn *t) {
    t->e->kept_moved += t->moved;
    if (t->moved > 0 && !engine_wants_migration(t->e)) {
        overlay_deinit(&t->e->kept); /* its memory is not needed again */
        t->e->kept_moved = 0;
    }
}
