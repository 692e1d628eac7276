/* Every policy set that was ever active: version, hash, when, and its texts, so that receipts can be replayed, sets
 * compared and an older one made active again. Texts that are the same in several sets are kept once.
 *
 * On disk each is one record of table POLICIES (key: version); value image version 2 carries the moment of activation
 * and the number of the version that it brings back (rollback), 0 otherwise; version 1 of earlier data has neither.
 *
 * One thread (the writer), or under the caller's lock. */
#ifndef XINYI_ENGINE_POLICY_ARCHIVE_H
#define XINYI_ENGINE_POLICY_ARCHIVE_H

#include "engine/policy.h"

typedef struct policy_archive policy_archive;

typedef struct policy_archive_entry {
    uint32_t version;
    uint32_t rollback_of; /* 0: new texts */
    int64_t activated_ms; /* 0: not known */
    char hash[33];
    size_t file_count;
    const policy_file *files; /* lives as long as the archive */
} policy_archive_entry;

status policy_archive_create(policy_archive **out) MUST_CHECK;
void policy_archive_destroy(policy_archive **a); /* accepts NULL */
/* Copies what is new of the texts. VERSION_CONFLICT unless the version is new, NO_MEMORY. Entries may come in any
 * order. */
status policy_archive_add(policy_archive *a, uint32_t version, uint32_t rollback_of, int64_t activated_ms,
                          const policy_file *files, size_t count) MUST_CHECK;
/* As policy_archive_add, for versions above all others, but shown to nobody until it is settled: what a transaction
 * activates. */
status policy_archive_stage(policy_archive *a, uint32_t version, uint32_t rollback_of, int64_t activated_ms,
                            const policy_file *files, size_t count) MUST_CHECK;
/* Shows what was staged, or drops it; cannot fail. */
void policy_archive_settle(policy_archive *a, bool keep);
size_t policy_archive_count(const policy_archive *a);
void policy_archive_at(const policy_archive *a, size_t index, policy_archive_entry *out); /* by version, ascending */
bool policy_archive_find(const policy_archive *a, uint32_t version, policy_archive_entry *out);
/* The newest set with this content hash (32 hex digits). */
bool policy_archive_find_hash(const policy_archive *a, const char *hash, policy_archive_entry *out);
size_t policy_archive_bytes(const policy_archive *a);

/* The hash that policy_hash would give these files, without loading them. */
void policy_files_hash(const policy_file *files, size_t count, char hash[33]);

#endif
