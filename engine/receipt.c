/* A receipt is encoded field by field in the order of the struct, little-endian, so that the bytes are the same on
 * every machine; the checksum is over these bytes. The text form is copied by people: white space within it — a line
 * that a letter broke — is skipped, anything else must be exactly what receipt_format writes, the unused low bits of
 * the last character included, so that no damaged character passes.
 *
 * Invariant: a receipt that was decoded encodes to the same bytes. */
#include "engine/receipt.h"

#include "base/clock.h"
#include "base/le.h"

#include <string.h>
#include <xxhash.h>

#define RECEIPT_FORMAT 1
#define CHECKED (RECEIPT_BYTES - 8)
#define PREFIX "xr1-"
#define PREFIX_LENGTH (sizeof PREFIX - 1)
#define DIGITS ((RECEIPT_BYTES * 8 + 5) / 6)
static_assert(PREFIX_LENGTH + DIGITS < RECEIPT_TEXT, "the text and its NUL fit");
static_assert(RECEIPT_BYTES % 3 == 1, "the last byte is two characters");

/* ------------------------------------------------------------------ bytes */

static unsigned hex_value(char c) { return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10); }

static void put_decision(uint8_t *to, const decision *d) {
    le_put16(to, d->status);
    to[2] = d->outcome;
    to[3] = d->tier;
    le_put16(to + 4, d->row);
    le_put16(to + 6, d->percent_bp);
    le_put64(to + 8, d->benefits);
    le_put64(to + 16, (uint64_t)d->amount_fen);
    le_put16(to + 24, (uint16_t)d->rate_bp);
    le_put16(to + 26, d->data_day);
    le_put32(to + 28, d->policy_version);
}

static decision get_decision(const uint8_t *from) {
    return (decision){.status = le_get16(from),
                      .outcome = from[2],
                      .tier = from[3],
                      .row = le_get16(from + 4),
                      .percent_bp = le_get16(from + 6),
                      .benefits = le_get64(from + 8),
                      .amount_fen = (int64_t)le_get64(from + 16),
                      .rate_bp = (int16_t)le_get16(from + 24),
                      .data_day = le_get16(from + 26),
                      .policy_version = le_get32(from + 28)};
}

void receipt_encode(const receipt *r, uint8_t to[RECEIPT_BYTES]) {
    memset(to, 0, RECEIPT_BYTES);
    to[0] = r->format;
    to[1] = r->scenario;
    to[2] = r->purpose;
    le_put32(to + offsetof(receipt, policy_version), r->policy_version);
    le_put32(to + offsetof(receipt, profile_version), r->profile_version);
    le_put64(to + offsetof(receipt, now_ms), (uint64_t)r->now_ms);
    memcpy(to + offsetof(receipt, policy_hash), r->policy_hash, sizeof r->policy_hash);
    profile_encode(&r->inputs, to + offsetof(receipt, inputs));
    put_decision(to + offsetof(receipt, result), &r->result);
    le_put64(to + CHECKED, XXH3_64bits(to, CHECKED));
}

static bool is_zero(const uint8_t *bytes, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= bytes[i];
    return any == 0;
}

status receipt_decode(const uint8_t from[RECEIPT_BYTES], receipt *r) {
    receipt got = {.format = from[0],
                   .scenario = from[1],
                   .purpose = from[2],
                   .policy_version = le_get32(from + offsetof(receipt, policy_version)),
                   .profile_version = le_get32(from + offsetof(receipt, profile_version)),
                   .now_ms = (int64_t)le_get64(from + offsetof(receipt, now_ms)),
                   .result = get_decision(from + offsetof(receipt, result)),
                   .checksum = le_get64(from + CHECKED)};
    memcpy(got.policy_hash, from + offsetof(receipt, policy_hash), sizeof got.policy_hash);
    bool whole = got.checksum == XXH3_64bits(from, CHECKED) && got.format == RECEIPT_FORMAT &&
                 is_zero(from + offsetof(receipt, zero), sizeof got.zero) &&
                 is_zero(from + offsetof(receipt, zero_more), sizeof got.zero_more);
    if (!whole || profile_decode(from + offsetof(receipt, inputs), &got.inputs, NULL) != STATUS_OK)
        return STATUS_BAD_RECEIPT;
    if (profile_version(&got.inputs) != got.profile_version || got.now_ms < 0 || got.now_ms > RECEIPT_NOW_MAX_MS)
        return STATUS_BAD_RECEIPT;
    *r = got;
    return STATUS_OK;
}

void receipt_make(const policy_set *set, unsigned scenario, unsigned purpose, const profile *p, policy_moment at,
                  const decision *d, receipt *out) {
    const char *hash = policy_hash(set);
    *out = (receipt){.format = RECEIPT_FORMAT,
                     .scenario = (uint8_t)scenario,
                     .purpose = (uint8_t)purpose,
                     .policy_version = policy_version(set),
                     .profile_version = profile_version(p),
                     .now_ms = at.now_ms,
                     .inputs = *p,
                     .result = *d};
    out->inputs.side = 0;
    for (size_t i = 0; i < sizeof out->policy_hash; i++)
        out->policy_hash[i] = (uint8_t)(hex_value(hash[2 * i]) << 4 | hex_value(hash[2 * i + 1]));
    uint8_t bytes[RECEIPT_BYTES];
    receipt_encode(out, bytes);
    out->checksum = le_get64(bytes + CHECKED);
}

const char *receipt_policy_hash(const receipt *r, char hash[33]) {
    for (size_t i = 0; i < sizeof r->policy_hash; i++) {
        hash[2 * i] = "0123456789abcdef"[r->policy_hash[i] >> 4];
        hash[2 * i + 1] = "0123456789abcdef"[r->policy_hash[i] & 15];
    }
    hash[32] = '\0';
    return hash;
}

/* ------------------------------------------------------------------ text */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char *receipt_format(const receipt *r, char buffer[RECEIPT_TEXT]) {
    uint8_t bytes[RECEIPT_BYTES];
    receipt_encode(r, bytes);
    char *to = buffer + PREFIX_LENGTH;
    memcpy(buffer, PREFIX, PREFIX_LENGTH);
    for (size_t i = 0; i < DIGITS; i++) {
        size_t bit = i * 6, byte = bit / 8;
        unsigned two = (unsigned)bytes[byte] << 8 | (byte + 1 < RECEIPT_BYTES ? bytes[byte + 1] : 0u);
        *to++ = ALPHABET[two >> (10 - bit % 8) & 63];
    }
    *to = '\0';
    return buffer;
}

static int digit_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : (c == '_' ? 63 : -1);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

status receipt_parse(const char *text, size_t length, receipt *r) {
    uint8_t bytes[RECEIPT_BYTES] = {0};
    size_t n = 0; /* characters that are not white space */
    unsigned held = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_space(text[i])) continue;
        if (n >= PREFIX_LENGTH + DIGITS) return STATUS_BAD_RECEIPT;
        if (n < PREFIX_LENGTH) {
            if (text[i] != PREFIX[n++]) return STATUS_BAD_RECEIPT;
            continue;
        }
        int v = digit_value(text[i]);
        if (v < 0) return STATUS_BAD_RECEIPT;
        size_t bits = (n++ - PREFIX_LENGTH) * 6; /* before this one */
        held = (held << 6 | (unsigned)v) & 0xFFF;
        if ((bits + 6) / 8 > bits / 8) bytes[bits / 8] = (uint8_t)(held >> ((bits + 6) % 8));
    }
    if (n != PREFIX_LENGTH + DIGITS || (held & 0xF) != 0) return STATUS_BAD_RECEIPT;
    return receipt_decode(bytes, r);
}

/* ------------------------------------------------------------------ deciding again */

bool receipt_replay(const receipt *r, const policy_set *set, decision *again) {
    policy_moment at = {.now_ms = r->now_ms, .day = clock_day_of_ms(r->now_ms)};
    policy_decide(set, r->scenario, &r->inputs, at, again);
    decision want = r->result;
    again->policy_version = want.policy_version = r->policy_version;
    return memcmp(again, &want, sizeof want) == 0;
}
