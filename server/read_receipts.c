/* Decisions with all that is needed to make them again. The profile is read once and decided on, so that receipt and
 * decision cannot be of two moments. They count as decisions given. */
#include "server/reads.h"

#include "base/purpose.h"
#include "engine/receipt.h"

#include <string.h>

static status make_receipt(worker *w, const policy_set *set, const wire_decide *asked, receipt *out) {
    profile p;
    decision d;
    status s = reads_check(MESSAGE_RECEIPT, asked, asked->purpose, &asked->subject);
    if (s == STATUS_OK && !engine_profile(w->server->engine, &asked->subject, w->at, &p)) s = STATUS_UNKNOWN_SUBJECT;
    if (s != STATUS_OK) return s;
    policy_decide(set, asked->scenario, &p, w->at, &d);
    if (d.status != STATUS_OK) return (status)d.status;
    if (asked->purpose != PURPOSE_BENCHMARK)
        tally_decision(w->tally, tally_month(w->at.day), asked->scenario, p.division, &d);
    receipt_make(set, asked->scenario, asked->purpose, &p, w->at, &d, out);
    return STATUS_OK;
}

void reads_receipts(connection *c, const frame_view *f) {
    worker *w = c->worker;
    const policy_set *set = engine_policy(w->server->engine);
    size_t n = f->header.entry_count, body_bytes = n * sizeof(wire_receipt), offset = reads_open(w, body_bytes);
    if (offset == SIZE_MAX) return;
    static_assert(sizeof(((wire_receipt *)0)->receipt) == RECEIPT_BYTES, "a receipt fits its place");
    for (size_t i = 0; i < n; i++) {
        wire_decide asked;
        wire_receipt reply = {0};
        receipt made;
        memcpy(&asked, f->body + i * f->header.entry_length, sizeof asked);
        reply.status = (uint16_t)make_receipt(w, set, &asked, &made);
        if (reply.status == STATUS_OK) receipt_encode(&made, reply.receipt);
        memcpy(w->output.data + offset + FRAME_HEADER + i * sizeof reply, &reply, sizeof reply);
    }
    reads_finish(c, offset, reads_header(f, sizeof(wire_receipt), (uint16_t)n), body_bytes);
}
