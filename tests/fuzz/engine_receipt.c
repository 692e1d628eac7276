/* Any bytes and any text as a receipt: refused, or a receipt that encodes to the same and can be decided again. Since a
 * checksum stops the fuzzer at the door, the bytes are tried with the right one too. */
#include "base/check.h"
#include "base/le.h"
#include "engine/receipt.h"

#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const receipt *r, const uint8_t bytes[RECEIPT_BYTES]) {
    static policy_set *set;
    if (!set) CHECK(policy_empty(&set) == STATUS_OK);
    uint8_t again[RECEIPT_BYTES];
    char text[RECEIPT_TEXT], hash[33];
    receipt back;
    decision d;
    receipt_encode(r, again);
    if (bytes) CHECK(memcmp(again, bytes, RECEIPT_BYTES) == 0);
    receipt_format(r, text);
    CHECK(receipt_parse(text, strlen(text), &back) == STATUS_OK && memcmp(&back, r, sizeof back) == 0);
    CHECK(strlen(receipt_policy_hash(r, hash)) == 32);
    receipt_replay(r, set, &d);
    CHECK(d.policy_version == r->policy_version);
}

static void try_bytes(const uint8_t bytes[RECEIPT_BYTES]) {
    receipt r;
    status s = receipt_decode(bytes, &r);
    CHECK(s == STATUS_OK || s == STATUS_BAD_RECEIPT);
    if (s == STATUS_OK) use(&r, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    receipt r;
    status s = receipt_parse((const char *)data, size, &r);
    CHECK(s == STATUS_OK || s == STATUS_BAD_RECEIPT);
    if (s == STATUS_OK) use(&r, NULL);
    if (size >= RECEIPT_BYTES) {
        uint8_t bytes[RECEIPT_BYTES];
        memcpy(bytes, data, sizeof bytes);
        try_bytes(bytes);
        le_put64(bytes + RECEIPT_BYTES - 8, XXH3_64bits(bytes, RECEIPT_BYTES - 8));
        try_bytes(bytes);
    }
    return 0;
}
