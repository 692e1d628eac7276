/* Public structs to wire entries and back. Where a public struct has the wire's layout (asserted) this is a copy. */
#include "client/internal.h"

#include <string.h>

static_assert(sizeof(xinyi_subject) == sizeof(subject_id), "a subject is its 12 bytes");
static_assert(sizeof(xinyi_decision) == sizeof(wire_decision), "decisions are used in place");
static_assert(sizeof(xinyi_quota_answer) == sizeof(wire_quota_check), "quota answers are used in place");
static_assert(sizeof(xinyi_quota) == sizeof(wire_quota_show), "quotas are copied");
static_assert(sizeof(xinyi_put_reply) == sizeof(wire_put_reply), "put replies are used in place");
static_assert(sizeof(xinyi_operation_reply) == sizeof(wire_operation_reply), "operation replies are used in place");

void encode_decide(const xinyi_subject *subject, unsigned scenario, unsigned purpose, uint8_t *to) {
    memcpy(to, subject->bytes, sizeof subject->bytes);
    to[12] = (uint8_t)scenario;
    to[13] = (uint8_t)purpose;
    to[14] = to[15] = 0;
}

void encode_get(const xinyi_subject *subject, unsigned purpose, uint8_t *to) { encode_decide(subject, 0, purpose, to); }

void encode_quota(const xinyi_quota_ask *ask, unsigned program, unsigned purpose, uint8_t *to) {
    encode_decide(&ask->subject, program, purpose, to);
    memcpy(to + 16, &ask->amount_fen, sizeof ask->amount_fen);
}

/* ------------------------------------------------------------------ profiles */

static void profile_to_wire(const xinyi_profile *p, uint8_t to[PROFILE_SIZE]) {
    profile w = {.seq = p->version << 1,
                 .division = p->division,
                 .sector = p->sector,
                 .form = p->form,
                 .roles = p->roles,
                 .flags = p->flags,
                 .public_score = p->public_score,
                 .public_grade = p->public_grade,
                 .market_grade = p->market_grade,
                 .tax_grade = p->tax_grade,
                 .composite_grade = p->composite_grade,
                 .composite_score = p->composite_score,
                 .volunteer_minutes = p->volunteer_minutes,
                 .negative_points = p->negative_points,
                 .positive_points = p->positive_points,
                 .open_commitments = p->open_commitments,
                 .broken_commitments = p->broken_commitments,
                 .since_day = p->since_day,
                 .change_day = p->change_day,
                 .data_day = p->data_day};
    memcpy(&w.id, &p->id, sizeof w.id);
    memcpy(w.slots, p->slots, sizeof w.slots);
    profile_encode(&w, to);
}

/* The server's bytes are copied as they are: a field this library does not know the domain of is not its business. */
static void profile_from_wire(const uint8_t *from, xinyi_profile *p) {
    profile w;
    memcpy(&w, from, sizeof w);
    *p = (xinyi_profile){.version = w.seq >> 1,
                         .division = w.division,
                         .sector = w.sector,
                         .form = w.form,
                         .roles = w.roles,
                         .flags = w.flags,
                         .public_score = w.public_score,
                         .public_grade = w.public_grade,
                         .market_grade = w.market_grade,
                         .tax_grade = w.tax_grade,
                         .composite_grade = w.composite_grade,
                         .composite_score = w.composite_score,
                         .volunteer_minutes = w.volunteer_minutes,
                         .negative_points = w.negative_points,
                         .positive_points = w.positive_points,
                         .open_commitments = w.open_commitments,
                         .broken_commitments = w.broken_commitments,
                         .since_day = w.since_day,
                         .change_day = w.change_day,
                         .data_day = w.data_day};
    memcpy(&p->id, &w.id, sizeof p->id);
    memcpy(p->slots, w.slots, sizeof p->slots);
}

void encode_put(const xinyi_put_entry *entry, uint8_t *to) {
    wire_put w = {.mask = entry->mask, .flags = entry->flags, .expected_version = entry->expected_version};
    profile_to_wire(&entry->profile, w.profile);
    memcpy(to, &w, sizeof w);
}

void decode_profile_reply(const uint8_t *wire, void *out) {
    xinyi_profile_reply *r = out;
    memcpy(&r->status, wire, sizeof r->status);
    profile_from_wire(wire + 8, &r->profile);
}

void decode_scan(const uint8_t *wire, void *out) { profile_from_wire(wire + 8, out); }

/* ------------------------------------------------------------------ quota */

void encode_operation(const xinyi_operation *o, uint8_t *to) {
    wire_operation w = {
        .program = o->program, .kind = o->kind, .instrument_kind = o->instrument_kind, .amount_fen = o->amount_fen};
    memcpy(w.id, o->id.bytes, sizeof w.id);
    memcpy(&w.subject, &o->subject, sizeof w.subject);
    switch (o->kind) {
    case XINYI_RESERVE: w.a = o->ttl_ms; break;
    case XINYI_COMMIT:
    case XINYI_RELEASE: memcpy(w.target, o->target.bytes, sizeof w.target); break;
    case XINYI_PLEDGE:
        w.a = o->from_hour;
        w.b = o->to_hour;
        memcpy(w.target, &o->instrument, sizeof o->instrument);
        break;
    case XINYI_WITHDRAW: memcpy(w.target, &o->instrument, sizeof o->instrument); break;
    case XINYI_ENERGY:
        w.a = o->forecast_12m_gwh;
        memcpy(w.target, &o->wholesale_2m_mwh, 8);
        memcpy(w.target + 8, &o->retail_2m_mwh, 8);
        break;
    default: break;
    }
    memcpy(to, &w, sizeof w);
}

static void operation_from_wire(const wire_operation *w, xinyi_operation *o) {
    *o = (xinyi_operation){
        .program = w->program, .kind = w->kind, .instrument_kind = w->instrument_kind, .amount_fen = w->amount_fen};
    memcpy(o->id.bytes, w->id, sizeof w->id);
    memcpy(&o->subject, &w->subject, sizeof o->subject);
    switch (w->kind) {
    case XINYI_RESERVE: o->ttl_ms = w->a; break;
    case XINYI_COMMIT:
    case XINYI_RELEASE: memcpy(o->target.bytes, w->target, sizeof w->target); break;
    case XINYI_PLEDGE:
        o->from_hour = w->a;
        o->to_hour = w->b;
        memcpy(&o->instrument, w->target, sizeof o->instrument);
        break;
    case XINYI_WITHDRAW: memcpy(&o->instrument, w->target, sizeof o->instrument); break;
    case XINYI_ENERGY:
        o->forecast_12m_gwh = w->a;
        memcpy(&o->wholesale_2m_mwh, w->target, 8);
        memcpy(&o->retail_2m_mwh, w->target + 8, 8);
        break;
    default: break;
    }
}

void decode_decision(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_decision)); }
void decode_put_reply(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_put_reply)); }
void decode_quota_show(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_quota)); }
void decode_quota_answer(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_quota_answer)); }
void decode_operation_reply(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_operation_reply)); }

void decode_outcome(const uint8_t *wire, void *out) {
    wire_outcome_reply w;
    memcpy(&w, wire, sizeof w);
    xinyi_outcome_reply *o = out;
    *o = (xinyi_outcome_reply){.status = w.status, .state = w.state, .at_ms = w.at_ms};
    operation_from_wire(&w.request, &o->request);
    memcpy(&o->reply, &w.reply, sizeof o->reply);
}

void decode_account(const uint8_t *wire, void *out) {
    wire_account w;
    memcpy(&w, wire, sizeof w);
    xinyi_account *a = out;
    *a = (xinyi_account){.program = w.key.bytes[0] >> 4,
                         .version = w.seq >> 1,
                         .reserved_fen = w.reserved_fen,
                         .committed_fen = w.committed_fen,
                         .settled_fen = w.settled_fen,
                         .energy_12m_mwh = w.energy_12m_mwh,
                         .wholesale_2m_mwh = w.wholesale_2m_mwh,
                         .retail_2m_mwh = w.retail_2m_mwh,
                         .forecast_12m_mwh = w.forecast_12m_mwh,
                         .opened_ms = w.opened_ms,
                         .open_reservations = w.open_reservations,
                         .instrument_count = w.instrument_count};
    memcpy(&a->subject, &w.key, sizeof a->subject);
    a->subject.bytes[0] &= 0x0F;
    for (unsigned i = 0; i < LIMIT_INSTRUMENTS; i++)
        a->instruments[i] = (xinyi_instrument){.id = w.instruments[i].id,
                                               .amount_fen = w.instruments[i].amount_fen,
                                               .from_hour = w.instruments[i].from_hour,
                                               .to_hour = w.instruments[i].to_hour,
                                               .kind = w.instruments[i].kind};
}
