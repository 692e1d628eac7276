/* A receipt: everything a decision depended on, so that it can be made again later, after policies and profiles have
 * changed: policy set by hash, scenario, moment, the derived profile, and the decision itself; checksummed. 160 bytes;
 * as text "xr1-" and base64url (RFC 4648 section 5, no padding).
 *
 * A checksum finds damage, not forgery: a receipt proves nothing by itself, replaying it does. */
#ifndef XINYI_ENGINE_RECEIPT_H
#define XINYI_ENGINE_RECEIPT_H

#include "engine/policy.h"

#define RECEIPT_BYTES 160
#define RECEIPT_TEXT 224                            /* with a NUL */
#define RECEIPT_NOW_MAX_MS INT64_C(253402271999999) /* the last moment of the year 9999 in China */

typedef struct receipt {
    uint8_t format; /* 1 */
    uint8_t scenario, purpose;
    uint8_t zero[5];
    uint32_t policy_version;
    uint32_t profile_version;
    int64_t now_ms;
    uint8_t policy_hash[16]; /* policy_hash as bytes */
    uint8_t zero_more[16];
    profile inputs; /* side 0 */
    decision result;
    uint64_t checksum; /* XXH3-64 of what is before */
} receipt;
static_assert(sizeof(receipt) == RECEIPT_BYTES, "a receipt has no padding");

void receipt_make(const policy_set *set, unsigned scenario, unsigned purpose, const profile *p, policy_moment at,
                  const decision *d, receipt *out);
void receipt_encode(const receipt *r, uint8_t to[RECEIPT_BYTES]);
/* BAD_RECEIPT: damaged, unknown format, a profile or a moment that is none. */
status receipt_decode(const uint8_t from[RECEIPT_BYTES], receipt *r) MUST_CHECK;
const char *receipt_format(const receipt *r, char buffer[RECEIPT_TEXT]);
/* White space around and within the text is skipped: letters break lines. BAD_RECEIPT. */
status receipt_parse(const char *text, size_t length, receipt *r) MUST_CHECK;
/* The set's hash as policy_hash gives it: 32 hex digits. Returns hash. */
const char *receipt_policy_hash(const receipt *r, char hash[33]);

/* Decides again with the set of that hash (the caller finds it: engine/policy_archive.h) and compares every field but
 * policy_version, which is that of the receipt. True if equal. */
bool receipt_replay(const receipt *r, const policy_set *set, decision *again);

#endif
