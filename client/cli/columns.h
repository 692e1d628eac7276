/* The CSV format of import and export: which columns there are, and what a row of cells means.
 *
 *   subject (or id)      "id:…" or "uscc:…"; the only column that must be there
 *   profile fields       by their names; an empty cell leaves the field as it is, "-" clears it
 *   account columns      the guarantee account of program `power`: energy history and instruments
 *
 * Instruments have fixed ids so that importing again names the same ones: the deposit is 1, the bond 2; all others go
 * into other_instruments as kind:id:amount_fen:from:to, separated by ";". Dates of validity as in when.h: bond_to is
 * the last day on which the bond is valid.
 *
 * Pure functions; any thread. */
#ifndef XINYI_CLI_COLUMNS_H
#define XINYI_CLI_COLUMNS_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/profile.h"
#include "client/cli/csv.h"
#include "client/xinyi.h"

/*  X(NAME, name, title) in the order of export. The energy columns come first. */
#define COLUMNS_ACCOUNT(X)                                                                                             \
    X(ENERGY_12M, "energy_12m_mwh", "wholesale energy of the past 12 months, MWh")                                     \
    X(WHOLESALE_2M, "wholesale_2m_mwh", "wholesale energy of the past 2 months, MWh")                                  \
    X(RETAIL_2M, "retail_2m_mwh", "retail energy of the past 2 months, MWh")                                           \
    X(FORECAST_12M, "forecast_12m_gwh", "forecast of 12 months, GWh; used without history")                            \
    X(DEPOSIT, "deposit_fen", "deposit (保证金), fen")                                                                 \
    X(BOND, "bond_fen", "bond (履约保函), fen")                                                                        \
    X(BOND_FROM, "bond_from", "first day of the bond; empty: now")                                                     \
    X(BOND_TO, "bond_to", "last day of the bond; empty: no end")                                                       \
    X(OTHER, "other_instruments", "kind:id:amount_fen:from:to;…")

typedef enum columns_account {
#define X(NAME, name, title) COLUMNS_##NAME,
    COLUMNS_ACCOUNT(X)
#undef X
        COLUMNS_ACCOUNT_COUNT
} columns_account;
#define COLUMNS_ENERGIES 4

#define COLUMNS_DEPOSIT_ID 1
#define COLUMNS_BOND_ID 2

typedef struct columns {
    size_t count;
    int16_t subject;                            /* index of the subject's column */
    bool has_account;                           /* any account column */
    const profile_field *field[CSV_FIELDS_MAX]; /* NULL: not a profile field */
    int8_t account[CSV_FIELDS_MAX];             /* columns_account, -1 */
} columns;

/* Understands the header. False with one sentence in `why`: unknown column (with the known ones and the nearest),
 * repeated, read-only, no subject. */
bool columns_from_header(const csv_record *header, columns *out, char *why, size_t room);

typedef struct columns_row {
    uint64_t mask; /* profile fields given */
    profile fields;
    uint32_t account;                                /* account columns given: 1 << columns_account */
    int64_t energy[COLUMNS_ENERGIES];                /* forecast in GWh */
    xinyi_instrument instruments[LIMIT_INSTRUMENTS]; /* from_hour 0: now */
    size_t instrument_count;
} columns_row;

/* False with one sentence in `why`. today: a China day, for birth dates. */
bool columns_parse(const columns *c, const csv_record *record, int32_t today, columns_row *out, char *why, size_t room);

/* ------------------------------------------------------------------ writing */

/* What export knows of an account. */
typedef struct columns_export {
    int64_t energy[COLUMNS_ENERGIES]; /* forecast in GWh */
    const xinyi_instrument *instruments;
    size_t instrument_count;
} columns_export;

void columns_write_header(buf *to);
/* `p` may be NULL (an account whose subject has no profile), `a` may be NULL (no account). now_hour tells deposits that
 * are valid already. */
void columns_write_row(buf *to, const subject_id *subject, const profile *p, const columns_export *a,
                       uint32_t now_hour);

/* "deposit" "bond" "group_guarantee"; 0 and NULL if unknown. */
unsigned columns_instrument_kind(const char *text, size_t length);
const char *columns_instrument_name(unsigned kind);

#endif
