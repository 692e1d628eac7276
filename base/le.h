/* Little-endian loads and stores at any alignment. Wire and disk are little-endian everywhere; on a big-endian
 * machine these swap. No bounds are checked here: callers check a length once, then read fields. */
#ifndef XINYI_BASE_LE_H
#define XINYI_BASE_LE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LE_DEFINE(bits)                                                                                                \
    static inline uint##bits##_t le_get##bits(const void *from) {                                                      \
        uint##bits##_t v;                                                                                              \
        memcpy(&v, from, sizeof v);                                                                                    \
        return le##bits##toh(v);                                                                                       \
    }                                                                                                                  \
    static inline void le_put##bits(void *to, uint##bits##_t v) {                                                      \
        v = htole##bits(v);                                                                                            \
        memcpy(to, &v, sizeof v);                                                                                      \
    }
LE_DEFINE(16)
LE_DEFINE(32)
LE_DEFINE(64)
#undef LE_DEFINE

static inline uint8_t le_get8(const void *from) { return *(const uint8_t *)from; }
static inline void le_put8(void *to, uint8_t v) { *(uint8_t *)to = v; }

/* Reserved bytes, unused fields, padding. */
static inline bool bytes_are_zero(const void *bytes, size_t n) {
    const uint8_t *b = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= b[i];
    return any == 0;
}

#endif
