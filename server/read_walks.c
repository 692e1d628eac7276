/* Walks: over all profiles or accounts, and over those who are on a list. What a walk looks at in one turn is bounded,
 * so that it holds up nobody; where it found nothing it still says where to go on. */
#include "server/reads.h"

#include "base/purpose.h"

#include <string.h>

#define CHUNK 64                  /* profiles or accounts on the stack at once */
#define LIST_LOOKED_AT (1u << 16) /* profiles of one LIST request */

/* How many entries of a walk fit the client's frame and its wish. */
static size_t walk_room(const connection *c, uint32_t wish, size_t entry) {
    size_t room = (c->max_frame - FRAME_HEADER - 8) / entry;
    if (room > c->max_entries) room = c->max_entries;
    return wish != 0 && wish < room ? wish : room;
}

/* Cuts the reply to the entries that came. */
static void send_walk(connection *c, const frame_view *f, size_t offset, size_t entry, size_t n) {
    c->worker->output.size = offset + frame_length(n * entry);
    reads_finish(c, offset, reads_header(f, (uint16_t)entry, (uint16_t)n), n * entry);
}

void reads_scan(connection *c, const frame_view *f) {
    worker *w = c->worker;
    wire_scan asked;
    memcpy(&asked, f->body, sizeof asked);
    if (asked.purpose > UINT8_MAX || purpose_name(asked.purpose) == NULL) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_BAD_PURPOSE, NULL);
        return;
    }
    bool accounts = f->header.type == MESSAGE_QUOTA_SCAN;
    size_t entry = accounts ? sizeof(wire_account) : sizeof(wire_scan_reply);
    size_t room = walk_room(c, asked.max, entry), n = 0, offset = reads_open(w, room * entry);
    if (offset == SIZE_MAX) return;
    uint8_t *body = w->output.data + offset + FRAME_HEADER;
    store_cursor cursor = asked.cursor;
    while (n < room) {
        store_cursor after[CHUNK];
        size_t part = room - n < CHUNK ? room - n : CHUNK, got;
        if (accounts) {
            account found[CHUNK];
            got = engine_scan_accounts(w->server->engine, &cursor, found, after, part);
            for (size_t i = 0; i < got; i++) {
                uint8_t *to = body + (n + i) * entry;
                memcpy(to, &after[i], sizeof after[i]);
                account_encode(&found[i], to + 8);
            }
        } else {
            profile found[CHUNK];
            got = engine_scan_profiles(w->server->engine, &cursor, w->at, found, after, part);
            for (size_t i = 0; i < got; i++) {
                uint8_t *to = body + (n + i) * entry;
                memcpy(to, &after[i], sizeof after[i]);
                profile_encode(&found[i], to + 8);
            }
        }
        n += got;
        if (got < part) break;
    }
    send_walk(c, f, offset, entry, n);
}

/* ------------------------------------------------------------------ lists */

/* The field that a list's flag is. */
static unsigned field_of_flag(uint32_t flag) {
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        if (field->type == PROFILE_FLAG && field->offset == offsetof(profile, flags) && field->bit == flag) return i;
    }
    return PROFILE_FIELD_COUNT;
}

typedef struct list_walk {
    const credit_rules *rules;
    const credit_list *list;
    unsigned field;
    int32_t day;
} list_walk;

/* The newest listing in force, or the source that says so without one. False: the flag is there for another reason, a
 * record's effect, and the subject is on no list. */
static bool fill_from_dossier(const list_walk *l, const dossier *d, wire_list_reply *out) {
    uint16_t numbers[LIMIT_DOSSIER_ITEMS];
    listing_standing standings[LIMIT_DOSSIER_ITEMS];
    for (unsigned n = credit_listing_standings(l->rules, d, l->day, numbers, standings); n > 0; n--) {
        const item *it = &d->items[numbers[n - 1]];
        if (it->type != l->list->code || !standings[n - 1].active) continue;
        out->source = it->source;
        out->from_day = it->day;
        out->until_day = standings[n - 1].until;
        memcpy(out->text, it->text, sizeof out->text);
        return true;
    }
    int32_t winner = credit_winner(l->rules, d, l->field);
    if (winner < 0) return false;
    profile claimed;
    claim_to_profile(&d->items[winner], &claimed);
    out->source = d->items[winner].source;
    out->from_day = d->items[winner].day;
    return (claimed.flags & l->list->flag) != 0;
}

static bool fill_entry(const list_walk *l, const profile *p, const dossier *d, wire_list_reply *out) {
    if ((p->flags & l->list->flag) == 0) return false;
    *out = (wire_list_reply){.subject = p->id, .division = p->division, .form = p->form};
    if (d == NULL) return true;
    char name[DOSSIER_NAME_MAX + 1];
    static_assert(sizeof out->text == ITEM_TEXT && sizeof out->name == DOSSIER_NAME_MAX, "texts fit their places");
    dossier_name(d, name);
    memcpy(out->name, name, strlen(name));
    return fill_from_dossier(l, d, out);
}

/* Looks at up to LIST_LOOKED_AT profiles; the last entry names nobody if there may be more behind. */
static size_t walk_list(worker *w, const list_walk *l, store_cursor cursor, size_t room, uint8_t *body) {
    size_t n = 0;
    for (size_t looked = 0; looked < LIST_LOOKED_AT && n < room; looked += CHUNK) {
        profile found[CHUNK];
        store_cursor after[CHUNK];
        size_t got = engine_scan_profiles(w->server->engine, &cursor, w->at, found, after, CHUNK);
        for (size_t i = 0; i < got; i++) {
            profile p;
            const dossier *d;
            wire_list_reply entry;
            if ((found[i].flags & l->list->flag) == 0) continue;
            if (!engine_dossier(w->server->engine, &found[i].id, w->at, &p, &d) || !fill_entry(l, &p, d, &entry))
                continue;
            entry.cursor = after[i];
            memcpy(body + n++ * sizeof entry, &entry, sizeof entry);
            if (n == room) return n;
        }
        if (got < CHUNK) return n;
    }
    wire_list_reply more = {.cursor = cursor};
    memcpy(body + n++ * sizeof more, &more, sizeof more);
    return n;
}

void reads_list(connection *c, const frame_view *f) {
    worker *w = c->worker;
    wire_list asked;
    memcpy(&asked, f->body, sizeof asked);
    const credit_rules *rules = policy_credit(engine_policy(w->server->engine));
    list_walk l = {.rules = rules, .list = credit_list_of(rules, asked.list), .day = w->at.day};
    status s = message_entry_status(MESSAGE_LIST, &asked);
    if (s == STATUS_OK && purpose_name(asked.purpose) == NULL) s = STATUS_BAD_PURPOSE;
    if (s == STATUS_OK && l.list == NULL) s = STATUS_UNKNOWN_RECORD_TYPE;
    if (s != STATUS_OK) {
        connection_error(c, f->header.type, f->header.request_id, s,
                         s == STATUS_UNKNOWN_RECORD_TYPE ? "the policy set has no list with this number" : NULL);
        return;
    }
    l.field = field_of_flag(l.list->flag);
    size_t entry = sizeof(wire_list_reply), room = walk_room(c, asked.max, entry);
    size_t offset = reads_open(w, room * entry);
    if (offset == SIZE_MAX) return;
    size_t n = walk_list(w, &l, asked.cursor, room, w->output.data + offset + FRAME_HEADER);
    send_walk(c, f, offset, entry, n);
}
