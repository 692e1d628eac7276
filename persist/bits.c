/* A CRC is linear: flipping a bit changes it by a pattern that depends only on the bit's distance from the end. So the
 * wrong bit of a record is found in one pass over the patterns, however long the record. XXH3 is not linear: every bit
 * of a block is tried, a fraction of a second for blocks of 16 KiB. Lengths, types and checksums may be hit as well as
 * what they cover; those few bits are tried one by one. */
#include "persist/bits.h"

#include "base/le.h"
#include "persist/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define BLOCK 32768u
#define HEADER 7 /* u32 masked CRC-32C of what follows the length, u16 length, u8 type */
#define TYPE_MAX 4
#define TRAILER 5
#define SEARCH_MOST ((size_t)192 << 10) /* takes the square of a block's size: here some twenty seconds */
#define POLYNOMIAL 0x82f63b78u          /* CRC-32C, reflected */

static uint32_t crc_table[256];

static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c >> 1) ^ ((c & 1) != 0 ? POLYNOMIAL : 0);
        crc_table[i] = c;
    }
}

static uint32_t crc_of(const uint8_t *bytes, size_t size) {
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < size; i++) c = crc_table[(c ^ bytes[i]) & 255] ^ (c >> 8);
    return ~c;
}

static uint32_t mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }
static uint32_t unmask(uint32_t masked) {
    uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

/* ------------------------------------------------------------------ records */

static size_t length_of(const uint8_t *record) { return le_get16(record + 4); }

static bool record_good(const uint8_t *record, size_t left) {
    if (left < HEADER || length_of(record) > left - HEADER) return false;
    if (record[6] < 1 || record[6] > TYPE_MAX) return false;
    return mask(crc_of(record + 6, length_of(record) + 1)) == le_get32(record);
}

/* A bit of the header; the record must be good with it, and so must what follows, if it is there. */
static bool fix_header(uint8_t *record, size_t left, size_t *bit_at) {
    if (left < HEADER) return false;
    for (size_t bit = 0; bit < HEADER * 8; bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        *bit_at = bit / 8;
        if (record_good(record, left)) return true;
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    return false;
}

/* A bit of what the CRC covers, the length being right. Walks from the last bit to the first: a bit one place further
 * from the end changes the CRC by the pattern shifted once more. */
static bool fix_covered(uint8_t *record, size_t left, size_t *bit_at) {
    if (left < HEADER || length_of(record) > left - HEADER) return false;
    size_t covered = length_of(record) + 1;
    uint32_t wanted = crc_of(record + 6, covered) ^ unmask(le_get32(record)), pattern = POLYNOMIAL;
    for (size_t i = covered; i-- > 0;)
        for (unsigned bit = 8; bit-- > 0;) {
            if (pattern == wanted) {
                record[6 + i] ^= (uint8_t)(1u << bit);
                *bit_at = 6 + i;
                if (record_good(record, left)) return true;
                record[6 + i] ^= (uint8_t)(1u << bit);
            }
            pattern = (pattern >> 1) ^ ((pattern & 1) != 0 ? POLYNOMIAL : 0);
        }
    return false;
}

static bool all_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* Whether the file just ends here, as one does whose writer died: nothing but zeros follows, or too few bytes. */
static bool just_ends(const uint8_t *record, size_t left, size_t in_file) {
    if (all_zero(record, left)) return true;
    return left == in_file && (left < HEADER || length_of(record) > left - HEADER);
}

/* Where to go on behind a damaged piece: behind it, if its length is right, else with the next block. */
static size_t behind_damage(const uint8_t *bytes, size_t at, size_t left, size_t size) {
    size_t next = left >= HEADER ? at + HEADER + length_of(bytes + at) : size;
    size_t next_left = BLOCK - next % BLOCK;
    if (next < size && next - at < left && record_good(bytes + next, next_left < size - next ? next_left : size - next))
        return next;
    return at - at % BLOCK + BLOCK;
}

static status write_back(int fd, const uint8_t *bytes, size_t size, uint64_t at, const char *path, char *problem,
                         size_t room) {
    if (pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size) return STATUS_OK;
    problem_set(problem, room, "cannot write %s: %s", path, strerror(errno));
    return errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO_ERROR;
}

static status fix_file(int fd, uint8_t *bytes, size_t size, const char *path, bits_finding *out, char *problem,
                       size_t room) {
    for (size_t at = 0; at < size;) {
        size_t left = BLOCK - at % BLOCK;
        if (left < HEADER) { /* the end of a block is filled up with zeros */
            at += left;
            continue;
        }
        if (left > size - at) left = size - at;
        if (!record_good(bytes + at, left)) {
            size_t bit_at = 0;
            if (!fix_header(bytes + at, left, &bit_at) && !fix_covered(bytes + at, left, &bit_at)) {
                if (just_ends(bytes + at, left, size - at)) return STATUS_OK;
                if (!out->damaged) out->at = at;
                out->damaged = true;
                at = behind_damage(bytes, at, left, size);
                continue;
            }
            out->fixed++;
            out->bit_at = at + bit_at;
            status s = write_back(fd, bytes + at + bit_at, 1, at + bit_at, path, problem, room);
            if (s != STATUS_OK) return s;
        }
        at += HEADER + length_of(bytes + at);
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ reading and writing records */

enum { WHOLE = 1, FIRST, MIDDLE, LAST }; /* types: a record may be cut into pieces at the ends of blocks */

static void read_pieces(const uint8_t *bytes, size_t size, bits_visit visit, void *context, buf *whole) {
    bool open = false; /* the first pieces of a record are in `whole` */
    for (size_t at = 0; at < size;) {
        size_t left = BLOCK - at % BLOCK;
        if (left < HEADER) {
            at += left;
            continue;
        }
        if (left > size - at) left = size - at;
        if (!record_good(bytes + at, left)) {
            open = false;
            at = behind_damage(bytes, at, left, size);
            continue;
        }
        uint8_t type = bytes[at + 6];
        if (type == WHOLE || type == FIRST) buf_clear(whole);
        open = type == WHOLE || type == FIRST || open;
        if (open) buf_append(whole, bytes + at + HEADER, length_of(bytes + at));
        if (open && (type == WHOLE || type == LAST)) {
            if (!whole->failed) visit(context, whole->data, whole->size);
            open = false;
        }
        at += HEADER + length_of(bytes + at);
    }
}

void bits_append_record(buf *file, const uint8_t *record, size_t size) {
    static const uint8_t zeros[HEADER];
    make_table();
    for (bool first = true; first || size > 0; first = false) {
        size_t left = BLOCK - file->size % BLOCK;
        if (left < HEADER) {
            buf_append(file, zeros, left);
            left = BLOCK;
        }
        size_t piece = size < left - HEADER ? size : left - HEADER;
        size_t offset = file->size;
        uint8_t *to = buf_extend(file, HEADER + piece);
        if (to == NULL) return;
        to[6] = piece == size ? (first ? WHOLE : LAST) : first ? FIRST : MIDDLE;
        le_put16(to + 4, (uint16_t)piece);
        if (piece > 0) memcpy(to + HEADER, record, piece);
        le_put32(file->data + offset, mask(crc_of(to + 6, piece + 1)));
        record += piece;
        size -= piece;
        if (size == 0) return;
    }
}

/* ------------------------------------------------------------------ blocks */

static uint32_t block_sum(const uint8_t *bytes, size_t size) {
    return (uint32_t)XXH3_64bits(bytes, size) ^ bytes[size] * UINT32_C(0x6b9083d9);
}

static bool fix_block(uint8_t *bytes, size_t size, size_t *bit_at) {
    uint32_t stored = le_get32(bytes + size + 1), sum = block_sum(bytes, size);
    for (unsigned bit = 0; bit < 32; bit++)
        if ((stored ^ UINT32_C(1) << bit) == sum) {
            le_put32(bytes + size + 1, sum);
            *bit_at = size + 1 + bit / 8;
            return true;
        }
    if (size > SEARCH_MOST) return false;
    for (size_t bit = (size + 1) * 8; bit-- > 0;) { /* the type first */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (block_sum(bytes, size) == stored) {
            *bit_at = bit / 8;
            return true;
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    return false;
}

/* ------------------------------------------------------------------ files */

/* Reads size bytes at `at`; size 0: the whole file, and *size becomes what that is. */
static status read_part(const char *path, uint64_t at, size_t *size, int *fd, uint8_t **bytes, char *problem,
                        size_t room) {
    struct stat info;
    *bytes = NULL;
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &info) != 0) goto failed;
    if (*size == 0) *size = (size_t)info.st_size;
    *bytes = malloc(*size + 1);
    if (*bytes == NULL) return STATUS_NO_MEMORY;
    for (size_t n = 0; n < *size;) {
        ssize_t got = pread(*fd, *bytes + n, *size - n, (off_t)(at + n));
        if (got == 0) errno = ENODATA; /* shorter than the block should be */
        if (got <= 0) goto failed;
        n += (size_t)got;
    }
    return STATUS_OK;
failed:
    problem_set(problem, room, "cannot read %s: %s", path, strerror(errno));
    return STATUS_IO_ERROR;
}

static void release(int fd, uint8_t *bytes) {
    free(bytes);
    if (fd >= 0) close(fd);
}

status bits_fix_records(const char *path, bits_finding *out, char *problem, size_t room) {
    int fd = -1;
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = (bits_finding){0};
    make_table();
    status s = read_part(path, 0, &size, &fd, &bytes, problem, room);
    if (s == STATUS_OK) s = fix_file(fd, bytes, size, path, out, problem, room);
    release(fd, bytes);
    return s;
}

status bits_read_records(const char *path, bits_visit visit, void *context, char *problem, size_t room) {
    int fd = -1;
    uint8_t *bytes = NULL;
    size_t size = 0;
    buf whole = {0};
    make_table();
    status s = read_part(path, 0, &size, &fd, &bytes, problem, room);
    if (s == STATUS_OK) read_pieces(bytes, size, visit, context, &whole);
    if (s == STATUS_OK && whole.failed) s = STATUS_NO_MEMORY;
    buf_deinit(&whole);
    release(fd, bytes);
    return s;
}

status bits_fix_block(const char *path, uint64_t offset, size_t size, uint64_t *bit_at, char *problem, size_t room) {
    int fd = -1;
    uint8_t *bytes = NULL;
    size_t whole = size + TRAILER, at = 0;
    status s = read_part(path, offset, &whole, &fd, &bytes, problem, room);
    if (s == STATUS_OK && !fix_block(bytes, size, &at)) s = STATUS_NOT_FOUND;
    if (s == STATUS_OK)
        s = write_back(fd, bytes + at, whole - at < 4 ? whole - at : 4, offset + at, path, problem, room);
    *bit_at = offset + at;
    release(fd, bytes);
    return s;
}
