/* The guarantee quota of given subjects: where their accounts stand, and the accounts as they are. */
#include "server/reads.h"

#include "base/purpose.h"

#include <string.h>

#define CHUNK 64 /* quotas on the stack at once */

static void fill_quota(const engine *e, const quota_request *asked, const quota *q, wire_quota_show *out) {
    *out = (wire_quota_show){.status = q->status,
                             .warning = q->warning,
                             .flags = q->flags,
                             .usage_percent = q->usage_percent,
                             .base_fen = q->base_fen,
                             .required_fen = q->required_fen,
                             .lodged_fen = q->lodged_fen,
                             .limit_fen = q->limit_fen,
                             .reserved_fen = q->reserved_fen,
                             .committed_fen = q->committed_fen,
                             .used_fen = q->used_fen,
                             .available_fen = q->available_fen,
                             .shortfall_fen = q->shortfall_fen,
                             .next_expiry_ms = q->next_expiry_ms,
                             .policy_version = q->policy_version,
                             .account_version = q->account_version,
                             .factor_bp = q->factor_bp,
                             .unsecured_bp = q->unsecured_bp};
    account a;
    if (q->status != STATUS_OK || !engine_account(e, &asked->subject, asked->program, &a)) return;
    out->energy_12m_mwh = a.energy_12m_mwh;
    out->wholesale_2m_mwh = a.wholesale_2m_mwh;
    out->retail_2m_mwh = a.retail_2m_mwh;
    out->forecast_12m_mwh = a.forecast_12m_mwh;
    out->open_reservations = a.open_reservations;
    out->instrument_count = a.instrument_count;
}

void reads_quotas(connection *c, const frame_view *f) {
    worker *w = c->worker;
    size_t n = f->header.entry_count, body_bytes = n * sizeof(wire_quota_show), offset = reads_open(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t part = n - at < CHUNK ? n - at : CHUNK;
        quota_request asked[CHUNK];
        quota quotas[CHUNK];
        for (size_t i = 0; i < part; i++)
            memcpy(&asked[i], f->body + (at + i) * f->header.entry_length, sizeof asked[i]);
        engine_quota(w->server->engine, asked, part, w->at, quotas, NULL);
        for (size_t i = 0; i < part; i++) {
            wire_quota_show reply;
            fill_quota(w->server->engine, &asked[i], &quotas[i], &reply);
            memcpy(w->output.data + offset + FRAME_HEADER + (at + i) * sizeof reply, &reply, sizeof reply);
        }
    }
    reads_finish(c, offset, reads_header(f, sizeof(wire_quota_show), (uint16_t)n), body_bytes);
}

/* The account's bytes go straight into the reply; a subject is looked for only where there is none. */
static status account_reply(const engine *e, const wire_quota *asked, policy_moment at, uint8_t *to) {
    account found;
    profile p;
    status s = message_entry_status(MESSAGE_QUOTA_ACCOUNT, asked);
    if (s != STATUS_OK) return s;
    if (purpose_name(asked->purpose) == NULL) return STATUS_BAD_PURPOSE;
    if (!subject_is_valid(&asked->subject)) return STATUS_BAD_SUBJECT;
    if (asked->program == 0 || asked->program > PROGRAM_MAX) return STATUS_UNKNOWN_PROGRAM;
    if (!engine_account(e, &asked->subject, asked->program, &found))
        return engine_profile(e, &asked->subject, at, &p) ? STATUS_NO_ACCOUNT : STATUS_UNKNOWN_SUBJECT;
    account_encode(&found, to);
    return STATUS_OK;
}

void reads_accounts(connection *c, const frame_view *f) {
    worker *w = c->worker;
    size_t n = f->header.entry_count, body_bytes = n * sizeof(wire_account_reply), offset = reads_open(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (size_t i = 0; i < n; i++) {
        uint8_t *to = w->output.data + offset + FRAME_HEADER + i * sizeof(wire_account_reply);
        wire_quota asked;
        memcpy(&asked, f->body + i * f->header.entry_length, sizeof asked);
        memset(to, 0, sizeof(wire_account_reply));
        uint16_t code =
            (uint16_t)account_reply(w->server->engine, &asked, w->at, to + offsetof(wire_account_reply, key));
        memcpy(to, &code, sizeof code);
    }
    reads_finish(c, offset, reads_header(f, sizeof(wire_account_reply), (uint16_t)n), body_bytes);
}
