/* What the handlers of requests that are answered at once share (server/reads.c, server/read_*.c). Replies are built in
 * place in the worker's output; everything here belongs to the worker's thread. */
#ifndef XINYI_SERVER_READS_H
#define XINYI_SERVER_READS_H

#include "server/connection.h"

/* The header of a reply to f. */
frame_header reads_header(const frame_view *f, uint16_t entry_length, uint16_t count);
/* Room for a reply frame in the output; its offset, or SIZE_MAX without memory. */
size_t reads_open(worker *w, size_t body_bytes);
void reads_finish(connection *c, size_t offset, frame_header header, size_t body_bytes);

/* Judges what every entry about one subject has: reserved bits, purpose, the id. */
status reads_check(unsigned type, const void *entry, unsigned asked_for, const subject_id *subject);

/* read_quota.c: QUOTA_SHOW, QUOTA_ACCOUNT */
void reads_quotas(connection *c, const frame_view *f);
void reads_accounts(connection *c, const frame_view *f);
/* read_walks.c: SCAN, QUOTA_SCAN, LIST */
void reads_scan(connection *c, const frame_view *f);
void reads_list(connection *c, const frame_view *f);
/* read_documents.c: one document (owned from here on; NULL: no memory), and one an entry */
void reads_send_document(connection *c, const frame_view *f, char *text);
void reads_documents(connection *c, const frame_view *f);
/* Commands that are answered with what the worker can see. */
/* read_receipts.c */
void reads_receipts(connection *c, const frame_view *f);

#endif
