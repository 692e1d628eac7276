/* Everything that is stored, as text: JSON Lines, so that it can be read, kept and brought elsewhere without this
 * program. docs/FORMAT.md describes it field by field; this is its writer and its reader.
 *
 * A dump is a header line, the records of all tables, a line each, in the order in which journal_load hands them over,
 * and an end line with the number of lines of each table and a checksum: a dump that was cut off is noticed. A record
 * of HISTORY (a group's events) becomes a line for each event.
 *
 * Lossless: what a line is parsed to is the record that it was written of, byte for byte, but for what belongs to one
 * data directory: the shards in keys are computed anew by the seed of the directory that is filled, and groups of
 * events are numbered by whoever fills it. Ids are written in the notation of base/subject.h, days as YYYY-MM-DD,
 * moments as Unix time in ms, numbers as they are stored (some need 64 bits), bytes in hexadecimal. A field that is not
 * there is 0, empty or missing.
 *
 * The texts follow the stored images, not the structs in memory: engine/dump_layout.h names their fields.
 *
 * Pure functions; a parser belongs to one thread. */
#ifndef XINYI_ENGINE_DUMP_H
#define XINYI_ENGINE_DUMP_H

#include "base/buf.h"
#include "engine/change.h"

#define DUMP_FORMAT 1
#define DUMP_PROBLEM 200

typedef struct dump_head {
    char cluster[LIMIT_NAME_MAX + 1];
    uint64_t sequence; /* of the last group in it */
    int64_t time_ms;   /* when it was made */
} dump_head;

typedef struct dump_end {
    uint64_t lines[CHANGE_TABLE_END]; /* by table */
    uint64_t sum;                     /* XXH3-64 of all lines before, their ends included */
} dump_end;

/* ------------------------------------------------------------------ writing */

/* Each appends whole lines, with their ends; memory failures latch in the buffer. */
void dump_write_head(const dump_head *head, buf *to);
void dump_write_end(const dump_end *end, buf *to);
/* A record as stored. CORRUPT, and nothing appended, if it is not one that this program writes. *lines: how many. */
status dump_write(const change *record, buf *to, size_t *lines) MUST_CHECK;

/* ------------------------------------------------------------------ counting, for both */

typedef struct dump_totals dump_totals;
status dump_totals_create(dump_totals **out) MUST_CHECK;
void dump_totals_destroy(dump_totals **t); /* accepts NULL */
/* Whole lines, their ends included; table 0: the header. */
void dump_totals_add(dump_totals *t, unsigned table, size_t lines, const void *bytes, size_t length);
void dump_totals_get(const dump_totals *t, dump_end *out);

/* ------------------------------------------------------------------ reading */

typedef enum dump_kind { DUMP_HEAD, DUMP_RECORD, DUMP_EVENT, DUMP_END } dump_kind;

typedef struct dump_parser {
    uint64_t seed; /* of the data directory that is filled */
    uint8_t key[LIMIT_KEY_BYTES];
    buf value, text;
    char problem[DUMP_PROBLEM];
} dump_parser;
void dump_parser_init(dump_parser *p, uint64_t seed);
void dump_parser_deinit(dump_parser *p);

typedef struct dump_parsed {
    dump_kind kind;
    dump_head head; /* DUMP_HEAD */
    dump_end end;   /* DUMP_END */
    change record;  /* DUMP_RECORD; key and value are the parser's until the next line. DUMP_EVENT: the value is one
                       event as engine/history.h stores it, without a head; no key */
    uint64_t group; /* DUMP_EVENT: events of one group have the same number, those of a later one a higher */
    int64_t at_ms;  /* DUMP_EVENT: its moment */
} dump_parsed;

/* One line, without its end. CORRUPT with a sentence in p->problem (which field, what is wrong), UNSUPPORTED_VERSION
 * (likewise), NO_MEMORY. What is parsed is valid by itself; whether records fit together is not looked at. */
status dump_parse(dump_parser *p, const char *line, size_t length, dump_parsed *out) MUST_CHECK;

#endif
