/* What engine.c, engine_check.c and the transactions share: the engine's parts and the images of its records. Private
 * to the engine. */
#ifndef XINYI_ENGINE_STATE_H
#define XINYI_ENGINE_STATE_H

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/operations.h"

#include <stdatomic.h>

struct engine {
    store *subjects, *accounts;
    dossiers *dossiers; /* NULL: nothing has been reported about anybody */
    _Atomic(policy_set *) policy; /* never NULL */
    operations operations;
    int64_t operations_kept_ms;
    uint32_t policy_newest; /* the newest version that is stored, whether it compiles or not */
    buf policy_texts;       /* recovery: the value of that record, until it is compiled */
};

/* First byte of each table's values. */
#define IMAGE_SUBJECT 1
#define IMAGE_ACCOUNT 1
#define IMAGE_OPERATION 1
#define IMAGE_POLICIES 1

#define KEY_RECORD (1 + sizeof(subject_id)) /* shard and id: subjects and accounts */

/* The value of a POLICIES record: image version, u16 count, then per file u16 name length, name, u32 text length, text.
 * TOO_LARGE over LIMIT_RECORD_BYTES; otherwise failures latch in the buffer. */
status policy_image_encode(buf *to, const policy_file *files, size_t count) MUST_CHECK;
/* Reads it into an array of files; the names and the array are `memory`'s, the texts lie in `value`. CORRUPT,
 * NO_MEMORY. */
status policy_image_decode(const uint8_t *value, size_t length, buf *memory, const policy_file **files,
                           size_t *count) MUST_CHECK;

/* Every open reservation belongs to an account, and each account's reserved_fen and open_reservations are the sum and
 * the number of its open reservations. NO_MEMORY, or CORRUPT with one sentence. */
status engine_check_ledger(const engine *e, char *problem, size_t room) MUST_CHECK;

#endif
