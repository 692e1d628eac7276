/* The guarantee accounts of a server, by subject: read once with a walk, used by export to join them to profiles and by
 * import to send only what is not there already. About 60 bytes an account and 32 an instrument.
 * Owned by the caller, one thread. */
#ifndef XINYI_CLI_ACCOUNTS_H
#define XINYI_CLI_ACCOUNTS_H

#include "base/status.h"
#include "client/cli/columns.h"
#include "client/xinyi.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct accounts_entry {
    uint8_t subject[12];
    bool used, seen; /* seen: free for the caller */
    uint8_t instrument_count, instrument_room;
    int64_t energy[COLUMNS_ENERGIES]; /* forecast in GWh */
    size_t first;                     /* index of its instruments */
} accounts_entry;

typedef struct accounts {
    accounts_entry *entries; /* open addressing, a power of two */
    size_t capacity, count;
    xinyi_instrument *instruments;
    size_t instrument_count, instrument_capacity;
    size_t foreign; /* accounts of other programs, left out */
} accounts;         /* start with {0} */

void accounts_deinit(accounts *a);
/* The entry of a subject, NULL if there is none. Valid until accounts_open. */
accounts_entry *accounts_find(const accounts *a, const uint8_t subject[12]);
/* The same, made if it is missing. NULL without memory. */
accounts_entry *accounts_open(accounts *a, const uint8_t subject[12]);
const xinyi_instrument *accounts_instruments(const accounts *a, const accounts_entry *e);
/* Adds one to an account; false without memory or room. */
bool accounts_pledge(accounts *a, accounts_entry *e, const xinyi_instrument *instrument);

/* Reads all accounts of program `power`. 0 or the library's code; NO_MEMORY. */
int accounts_load(accounts *a, xinyi *x, unsigned purpose);

#endif
