/* A data directory loaded without a server, for actions that read it (server/offline.h). One thread. */
#ifndef XINYI_SERVER_OFFLINE_DATA_H
#define XINYI_SERVER_OFFLINE_DATA_H

#include "engine/engine.h"
#include "persist/journal.h"
#include "server/config.h"

typedef struct offline_data {
    journal *journal;
    engine *engine;
    bool policy_invalid; /* the stored policy set does not compile with this program; everything else is there */
} offline_data;

/* Opens it for this process alone; nothing is folded while it is open. As journal_open: NOT_FOUND if there is none. */
status offline_open(const char *directory, offline_data *out, char *problem, size_t room) MUST_CHECK;
/* Loads it and checks what a start checks. CORRUPT names what is damaged. */
status offline_fill(const config *c, offline_data *d, char *problem, size_t room) MUST_CHECK;
void offline_close(offline_data *d);

/* The number that --backup gives, 0 without it. False after a message. */
bool offline_chosen(const offline *o, uint32_t *id);

/* Removes a directory that was made for the time of an action, and everything in it. What is missing is fine. */
void offline_remove(const char *directory);

#endif
