/* Rows, in the order of the bytes. Where the meaning of bytes follows from the kind there is a row for each meaning,
 * and one that says they are zero for all other kinds. */
#include "engine/dump_layout.h"

#include "base/profile.h"
#include "engine/alert.h"
#include "engine/dossier.h"
#include "engine/history.h"
#include "engine/ledger.h"

#include <string.h>

#define ROW(name_, type_, offset_, size_)                                                                              \
    { .name = (name_), .type = LAYOUT_##type_, .offset = (offset_), .size = (size_) }
#define SHOWN(name_, type_, offset_, size_)                                                                            \
    { .name = (name_), .type = LAYOUT_##type_, .always = true, .offset = (offset_), .size = (size_) }
#define NAMED(name_, offset_, size_, names_)                                                                           \
    { .name = (name_), .type = LAYOUT_NAMED, .always = true, .offset = (offset_), .size = (size_), .names = (names_) }
#define OF(name_, type_, offset_, size_, kinds_)                                                                       \
    { .name = (name_), .type = LAYOUT_##type_, .offset = (offset_), .size = (size_), .kinds = (kinds_) }
#define ZERO(offset_, size_)                                                                                           \
    { .type = LAYOUT_ZERO, .offset = (offset_), .size = (size_) }
#define ZERO_OF(offset_, size_, kinds_)                                                                                \
    { .type = LAYOUT_ZERO, .offset = (offset_), .size = (size_), .kinds = (kinds_) }
#define LAYOUT(name, size, kind_at, rows)                                                                              \
    const layout layout_##name = {(size), (kind_at), (rows), sizeof(rows) / sizeof *(rows)}

/* ------------------------------------------------------------------ items of dossiers */

static const char *item_name(unsigned kind) {
    static const char *const names[] = {
        [ITEM_ERASED] = "erased",
        [ITEM_RECORD] = "record",
        [ITEM_REPAIR] = "repair",
        [ITEM_REVOKE] = "revoke",
        [ITEM_SERVICE] = "service",
        [ITEM_SERVICE_REVERSE] = "service_reverse",
        [ITEM_COMMITMENT] = "commitment",
        [ITEM_COMMITMENT_STEP] = "commitment_step",
        [ITEM_LISTING] = "listing",
        [ITEM_DELISTING] = "delisting",
        [ITEM_CLAIM] = "claim",
        [ITEM_NAME] = "name",
        [ITEM_USE] = "use",
    };
    static_assert(sizeof names / sizeof *names == ITEM_KIND_END, "every kind has its name");
    return kind < ITEM_KIND_END ? names[kind] : NULL;
}

#define ITEM(kind) (1u << ITEM_##kind)
#define ITEM_OTHERS (~(ITEM(CLAIM) | ITEM(NAME)))

static const layout_field item_rows[] = {
    NAMED("kind", 0, 1, item_name),
    {.name = "state",
     .type = LAYOUT_NAMED,
     .offset = 1,
     .size = 1,
     .kinds = ITEM(COMMITMENT_STEP),
     .names = commitment_state_name},
    OF("part", U8, 1, 1, ITEM(NAME)),
    ZERO_OF(1, 1, ~(ITEM(COMMITMENT_STEP) | ITEM(NAME))),
    ROW("source", U16, 2, 2),
    ROW("day", DAY, 4, 2),
    ROW("reported", DAY, 6, 2),
    OF(NULL, OTHER, 8, 56, ITEM(CLAIM)),
    OF("name", TEXT, 8, 56, ITEM(NAME)),
    OF("type", U16, 8, 2, ITEM_OTHERS),
    OF("until", DAY, 10, 2, ITEM_OTHERS),
    OF("minutes", U32, 12, 4, ITEM(SERVICE)),
    OF("value", U32, 12, 4, ITEM(ERASED) | ITEM(RECORD) | ITEM(COMMITMENT) | ITEM(LISTING) | ITEM(USE)),
    OF("target", U32, 12, 4,
       ITEM(REPAIR) | ITEM(REVOKE) | ITEM(SERVICE_REVERSE) | ITEM(COMMITMENT_STEP) | ITEM(DELISTING)),
    OF("id", HEX, 16, 16, ITEM_OTHERS),
    OF("text", TEXT, 32, 32, ITEM_OTHERS),
};
LAYOUT(item, ITEM_IMAGE, 0, item_rows);

/* ------------------------------------------------------------------ accounts */

static const layout_field account_rows[] = {
    {.type = LAYOUT_OTHER, .offset = 0, .size = 12}, /* the key */
    SHOWN("version", VERSION, 12, 4),
    SHOWN("reserved_fen", I64, 16, 8),
    SHOWN("committed_fen", I64, 24, 8),
    ROW("settled_fen", I64, 32, 8),
    ROW("energy_12m_mwh", I64, 40, 8),
    ROW("wholesale_2m_mwh", I64, 48, 8),
    ROW("retail_2m_mwh", I64, 56, 8),
    ROW("forecast_12m_mwh", I64, 64, 8),
    ROW("opened_ms", I64, 72, 8),
    ROW("open_reservations", U32, 80, 4),
    {.type = LAYOUT_OTHER, .offset = 84, .size = 4}, /* how many instruments */
    ROW("flags", U8, 88, 1),
    ROW("warned", U8, 89, 1),
    ROW("topup_day", DAY, 90, 2),
    ZERO(92, 4),
    ROW("freeze_reference", TEXT, 96, 16),
    ZERO(112, 16),
    {.type = LAYOUT_OTHER, .offset = 128, .size = 256}, /* the instruments */
};
LAYOUT(account, ACCOUNT_IMAGE, -1, account_rows);

static const layout_field instrument_rows[] = {
    SHOWN("id", U64, 0, 8),
    SHOWN("amount_fen", I64, 8, 8),
    ROW("from_hour", U32, 16, 4),
    ROW("to_hour", U32, 20, 4),
    NAMED("kind", 24, 1, instrument_name),
    ROW("alerted", U8, 25, 1),
    ZERO(26, 6),
};
LAYOUT(instrument, 32, -1, instrument_rows);

static const layout_field balance_rows[] = {
    SHOWN("version", VERSION, 0, 4), SHOWN("reserved_fen", I64, 4, 8),     SHOWN("committed_fen", I64, 12, 8),
    ROW("settled_fen", I64, 20, 8),  ROW("open_reservations", U32, 28, 4), ZERO(32, 4),
};
LAYOUT(balance, BALANCE_IMAGE, -1, balance_rows);

static const layout_field alert_rows[] = {
    SHOWN("number", U64, 0, 8),
    ROW("at_ms", I64, 8, 8),
    ROW("subject", SUBJECT, 16, 12),
    ROW("program", U8, 28, 1),
    NAMED("kind", 29, 1, alert_kind_name),
    ROW("level", U8, 30, 1),
    {.name = "instrument_kind", .type = LAYOUT_NAMED, .offset = 31, .size = 1, .names = instrument_name},
    ROW("account_version", U32, 32, 4),
    ROW("usage_percent", U32, 36, 4),
    ROW("limit_fen", I64, 40, 8),
    ROW("used_fen", I64, 48, 8),
    ROW("required_fen", I64, 56, 8),
    ROW("lodged_fen", I64, 64, 8),
    ROW("instrument", U64, 72, 8),
    ROW("due_ms", I64, 80, 8),
    ZERO(88, 8),
};
LAYOUT(alert, ALERT_IMAGE, -1, alert_rows);

/* ------------------------------------------------------------------ operations */

/* NULL for a code that has no row: its name would not lead back to it. */
static const char *status_of_row(unsigned code) {
    const char *name = status_name(code);
    return strcmp(name, "unknown_status") != 0 ? name : NULL;
}

#define OP(kind) (1u << OPERATION_##kind)
#define OP_TARGET (OP(COMMIT) | OP(RELEASE))
#define OP_INSTRUMENT (OP(PLEDGE) | OP(WITHDRAW) | OP(AMEND))
#define OP_HOURS (OP(PLEDGE) | OP(AMEND))

#define REQUEST_ROWS                                                                                                   \
    SHOWN("id", HEX, 0, 16), SHOWN("subject", SUBJECT, 16, 12), ROW("program", U8, 28, 1),                             \
        NAMED("kind", 29, 1, operation_name),                                                                          \
        {.name = "instrument_kind", .type = LAYOUT_NAMED, .offset = 30, .size = 1, .names = instrument_name},          \
        ROW("request_flags", U8, 31, 1), OF("energy_12m_mwh", I64, 32, 8, OP(ENERGY)),                                 \
        OF("amount_fen", I64, 32, 8, ~OP(ENERGY)), OF("target", HEX, 40, 16, OP_TARGET),                               \
        OF("instrument", U64, 40, 8, OP_INSTRUMENT), ZERO_OF(48, 8, OP_INSTRUMENT),                                    \
        OF("reference", TEXT, 40, 16, OP(FREEZE)), OF("wholesale_2m_mwh", I64, 40, 8, OP(ENERGY)),                     \
        OF("retail_2m_mwh", I64, 48, 8, OP(ENERGY)),                                                                   \
        ZERO_OF(40, 16, ~(OP_TARGET | OP_INSTRUMENT | OP(FREEZE) | OP(ENERGY))),                                       \
        OF("ttl_ms", U32, 56, 4, OP(RESERVE)), OF("from_hour", U32, 56, 4, OP_HOURS),                                  \
        OF("forecast_gwh", U32, 56, 4, OP(ENERGY)), ZERO_OF(56, 4, ~(OP(RESERVE) | OP_HOURS | OP(ENERGY))),            \
        OF("to_hour", U32, 60, 4, OP_HOURS), ZERO_OF(60, 4, ~OP_HOURS)

#define ANSWER_ROWS                                                                                                    \
    SHOWN("at_ms", I64, 64, 8), ROW("effective_fen", I64, 72, 8), ROW("limit_fen", I64, 80, 8),                        \
        ROW("used_fen", I64, 88, 8), ROW("committed_fen", I64, 96, 8), ROW("account_version", U32, 104, 4),            \
        ROW("life_ms", U32, 108, 4), NAMED("status", 112, 2, status_of_row), ROW("violations", U16, 114, 2),           \
        ROW("warning", U8, 116, 1), ROW("flags", U8, 117, 1), NAMED("state", 118, 1, operation_state_name),            \
        ZERO(119, 1)

static const layout_field operation_rows[] = {REQUEST_ROWS, ANSWER_ROWS, ROW("resolved_s", U32, 120, 4),
                                              ROW("resolved_version", U32, 124, 4)};
LAYOUT(operation, OPERATION_IMAGE, 29, operation_rows);

static const layout_field event_rows[] = {REQUEST_ROWS, ANSWER_ROWS};
LAYOUT(event, OPERATION_IMAGE - 8, 29, event_rows);

static const layout_field operation_v1_rows[] = {
    REQUEST_ROWS,
    NAMED("status", 64, 2, status_of_row),
    ROW("warning", U8, 66, 1),
    ROW("flags", U8, 67, 1),
    ROW("account_version", U32, 68, 4),
    ROW("effective_fen", I64, 72, 8),
    ROW("limit_fen", I64, 80, 8),
    ROW("used_fen", I64, 88, 8),
    ROW("available_fen", I64, 96, 8),
    ROW("expires_ms", I64, 104, 8),
    SHOWN("at_ms", I64, 112, 8),
    NAMED("state", 120, 1, operation_state_name),
    ZERO(121, 3),
    ROW("resolved_s", U32, 124, 4),
};
LAYOUT(operation_v1, OPERATION_IMAGE, 29, operation_v1_rows);

static const layout_field expiry_rows[] = {
    SHOWN("reservation", HEX, 0, 16),
    ROW("account_version", U32, 16, 4),
    SHOWN("at_ms", I64, 20, 8),
};
LAYOUT(expiry, HISTORY_EXPIRY_BYTES - 1, -1, expiry_rows);
