/* Public structs to wire entries and back. Where a public struct has the wire's layout (asserted) this is a copy. */
#include "client/internal.h"

#include "base/le.h"

#include <string.h>

static_assert(sizeof(xinyi_subject) == sizeof(subject_id), "a subject is its 12 bytes");
static_assert(sizeof(xinyi_operation_id) == sizeof(((wire_operation *)0)->id), "an operation id is its 16 bytes");

/* Replies that the public interface hands out where they lie, or copies whole: every field at its place. */
#define SAME_SIZE(public, wire) static_assert(sizeof(public) == sizeof(wire), #public " has the wire's layout")
#define SAME(public, wire, member)                                                                                     \
    static_assert(offsetof(public, member) == offsetof(wire, member) &&                                                \
                      sizeof(((public *)0)->member) == sizeof(((wire *)0)->member),                                    \
                  #public "." #member " lies where the wire has it")
#define DECISION(member) SAME(xinyi_decision, wire_decision, member)
SAME_SIZE(xinyi_decision, wire_decision);
DECISION(status);
DECISION(outcome);
DECISION(tier);
DECISION(row);
DECISION(percent_bp);
DECISION(benefits);
DECISION(amount_fen);
DECISION(rate_bp);
DECISION(data_day);
DECISION(policy_version);
#define ANSWER(member) SAME(xinyi_quota_answer, wire_quota_check, member)
SAME_SIZE(xinyi_quota_answer, wire_quota_check);
ANSWER(status);
ANSWER(warning);
ANSWER(flags);
ANSWER(usage_percent);
ANSWER(required_fen);
ANSWER(limit_fen);
ANSWER(used_fen);
ANSWER(available_fen);
ANSWER(policy_version);
ANSWER(account_version);
ANSWER(violations);
#define QUOTA(member) SAME(xinyi_quota, wire_quota_show, member)
SAME_SIZE(xinyi_quota, wire_quota_show);
QUOTA(status);
QUOTA(warning);
QUOTA(flags);
QUOTA(usage_percent);
QUOTA(base_fen);
QUOTA(required_fen);
QUOTA(lodged_fen);
QUOTA(limit_fen);
QUOTA(reserved_fen);
QUOTA(committed_fen);
QUOTA(used_fen);
QUOTA(available_fen);
QUOTA(shortfall_fen);
QUOTA(next_expiry_ms);
QUOTA(policy_version);
QUOTA(account_version);
QUOTA(factor_bp);
QUOTA(unsecured_bp);
QUOTA(energy_12m_mwh);
QUOTA(wholesale_2m_mwh);
QUOTA(retail_2m_mwh);
QUOTA(forecast_12m_mwh);
QUOTA(open_reservations);
QUOTA(instrument_count);
SAME_SIZE(xinyi_put_reply, wire_put_reply);
SAME(xinyi_put_reply, wire_put_reply, status);
SAME(xinyi_put_reply, wire_put_reply, field);
SAME(xinyi_put_reply, wire_put_reply, version);
#define OPERATION(member) SAME(xinyi_operation_reply, wire_operation_reply, member)
SAME_SIZE(xinyi_operation_reply, wire_operation_reply);
OPERATION(status);
OPERATION(warning);
OPERATION(flags);
OPERATION(account_version);
OPERATION(amount_fen);
OPERATION(limit_fen);
OPERATION(used_fen);
OPERATION(available_fen);
OPERATION(expires_ms);
OPERATION(committed_fen);
OPERATION(violations);

#define REPORT(member) SAME(xinyi_report_reply, wire_report_reply, member)
SAME_SIZE(xinyi_report_reply, wire_report_reply);
REPORT(status);
REPORT(flags);
REPORT(version);
REPORT(number);
REPORT(until);

/* Two whole words: the checksum that reads them next would have to wait for bytes stored one by one. */
void encode_decide(const xinyi_subject *subject, unsigned scenario, unsigned purpose, uint8_t *to) {
    uint64_t low = le_get64(subject->bytes), high = le_get32(subject->bytes + 8);
    le_put64(to, low);
    le_put64(to + 8, high | (uint64_t)(scenario & 0xFF) << 32 | (uint64_t)(purpose & 0xFF) << 40);
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

/* The server's values are taken as they are: a value whose meaning this library does not know is not its business. */
static void profile_from_wire(const uint8_t *from, xinyi_profile *p) {
#define U8(member) from[offsetof(profile, member)]
#define U16(member) le_get16(from + offsetof(profile, member))
#define U32(member) le_get32(from + offsetof(profile, member))
    *p = (xinyi_profile){.version = U32(seq) >> 1,
                         .division = U32(division),
                         .sector = U16(sector),
                         .form = U8(form),
                         .roles = U8(roles),
                         .flags = U32(flags),
                         .public_score = U16(public_score),
                         .public_grade = U8(public_grade),
                         .market_grade = U8(market_grade),
                         .tax_grade = U8(tax_grade),
                         .composite_grade = U8(composite_grade),
                         .composite_score = U16(composite_score),
                         .volunteer_minutes = U32(volunteer_minutes),
                         .negative_points = U16(negative_points),
                         .positive_points = U16(positive_points),
                         .open_commitments = U8(open_commitments),
                         .broken_commitments = U8(broken_commitments),
                         .since_day = U16(since_day),
                         .change_day = U16(change_day),
                         .data_day = U16(data_day),
                         .slots = {U16(slots[0]), U16(slots[1]), U16(slots[2]), U16(slots[3])}};
    memcpy(&p->id, from, sizeof p->id);
#undef U8
#undef U16
#undef U32
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
    wire_operation w = {.program = o->program,
                        .kind = o->kind,
                        .instrument_kind = o->instrument_kind,
                        .flags = o->linked != 0 ? WIRE_LINKED : 0,
                        .amount_fen = o->amount_fen};
    memcpy(w.id, o->id.bytes, sizeof w.id);
    memcpy(&w.subject, &o->subject, sizeof w.subject);
    switch (o->kind) {
    case XINYI_RESERVE: w.a = o->ttl_ms; break;
    case XINYI_COMMIT:
    case XINYI_RELEASE: memcpy(w.target, o->target.bytes, sizeof w.target); break;
    case XINYI_PLEDGE:
    case XINYI_AMEND:
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
    case XINYI_FREEZE: memcpy(w.target, o->reference, strnlen(o->reference, sizeof w.target)); break;
    default: break;
    }
    memcpy(to, &w, sizeof w);
}

static void operation_from_wire(const wire_operation *w, xinyi_operation *o) {
    *o = (xinyi_operation){.program = w->program,
                           .kind = w->kind,
                           .instrument_kind = w->instrument_kind,
                           .linked = (w->flags & WIRE_LINKED) != 0,
                           .amount_fen = w->amount_fen};
    memcpy(o->id.bytes, w->id, sizeof w->id);
    memcpy(&o->subject, &w->subject, sizeof o->subject);
    switch (w->kind) {
    case XINYI_RESERVE: o->ttl_ms = w->a; break;
    case XINYI_COMMIT:
    case XINYI_RELEASE: memcpy(o->target.bytes, w->target, sizeof w->target); break;
    case XINYI_PLEDGE:
    case XINYI_AMEND:
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
    case XINYI_FREEZE: memcpy(o->reference, w->target, sizeof w->target); break;
    default: break;
    }
}

/* ------------------------------------------------------------------ reports */

void encode_report(const xinyi_report_entry *r, uint8_t *to) {
    wire_report w = {.kind = r->kind,
                     .purpose = r->purpose,
                     .source = r->source,
                     .type = r->type,
                     .day = r->day,
                     .until = r->until,
                     .value = r->value};
    memcpy(w.id, r->id.bytes, sizeof w.id);
    memcpy(&w.subject, &r->subject, sizeof w.subject);
    memcpy(w.target, r->target.bytes, sizeof w.target);
    memcpy(w.text, r->text, strnlen(r->text, sizeof w.text));
    memcpy(to, &w, sizeof w);
}

void decode_report_reply(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_report_reply)); }

/* ------------------------------------------------------------------ replies */

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
    static_assert(offsetof(xinyi_operation_reply, committed_fen) == sizeof w.reply, "the rest of a reply is behind it");
    memcpy(&o->reply, &w.reply, sizeof w.reply);
    o->reply.committed_fen = w.committed_fen;
    o->reply.violations = w.violations;
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
                         .instrument_count = w.instrument_count,
                         .flags = w.account_flags,
                         .warned = w.warned,
                         .topup_day = w.topup_day};
    memcpy(a->freeze_reference, w.freeze_reference, sizeof w.freeze_reference);
    memcpy(&a->subject, &w.key, sizeof a->subject);
    a->subject.bytes[0] &= 0x0F;
    for (unsigned i = 0; i < LIMIT_INSTRUMENTS; i++)
        a->instruments[i] = (xinyi_instrument){.id = w.instruments[i].id,
                                               .amount_fen = w.instruments[i].amount_fen,
                                               .from_hour = w.instruments[i].from_hour,
                                               .to_hour = w.instruments[i].to_hour,
                                               .kind = w.instruments[i].kind};
}

void decode_account_reply(const uint8_t *wire, void *out) {
    static_assert(offsetof(wire_account_reply, key) == offsetof(wire_account, key), "an account, behind 8 bytes");
    xinyi_account_reply *r = out;
    memcpy(&r->status, wire, sizeof r->status);
    decode_account(wire, &r->account);
}
