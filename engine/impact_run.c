/* The loops over records. A pass takes 128 profiles out of the snapshot, finds their groups, and for each scenario has
 * both sets decide all of them (policy_decide_batch: the tables stay in the cache), then counts. Accounts are looked at
 * one by one: there are few, and each costs the cache misses of a profile.
 *
 * Samples are those with the lowest seeded hashes of their ids, so they do not depend on the order of the walk; almost
 * all candidates fail at the bar, which needs no lock.
 *
 * Cost: bench/micro_impact.c; three quarters are deciding, the rest counting and memory. */
#include "base/check.h"
#include "engine/impact_internal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

#define PROVINCE 53u

/* ------------------------------------------------------------------ groups and profiles */

void impact_groups_of(const profile *p, uint16_t groups[IMPACT_DIMENSIONS]) {
    unsigned province = p->division / 10000, prefecture = p->division / 100 % 100, letter = p->sector / 100;
    unsigned place = province == PROVINCE && prefecture != 0 ? 100 + prefecture : province;
    groups[IMPACT_FORM] = (uint16_t)(IMPACT_AT_FORM + (p->form < IMPACT_FORMS ? p->form : 0));
    groups[IMPACT_GRADE] = (uint16_t)(IMPACT_AT_GRADE + (p->composite_grade < IMPACT_GRADES ? p->composite_grade : 0));
    groups[IMPACT_DIVISION] = (uint16_t)(IMPACT_AT_DIVISION + (place < IMPACT_PLACES ? place : 0));
    groups[IMPACT_SECTOR] = (uint16_t)(IMPACT_AT_SECTOR + (letter < IMPACT_LETTERS ? letter : 0));
}

static bool is_due(const profile *p, int32_t day) { return p->change_day != 0 && p->change_day <= day; }

static void derive(const impact *i, impact_space *s, unsigned which, const profile *stored, int32_t day, profile *out) {
    const dossier *d = stored->side != 0 ? dossiers_at(i->dossiers, stored->side) : NULL;
    /* versions wrap at 31 bits */
    s->newer += d != NULL && (int32_t)((d->version - profile_version(stored)) << 1) > 0;
    credit_derive(i->rules[which], d, stored, day, out);
}

/* What both sets decide on, from what is stored, which lies in *before. *after is filled only if the two may differ. */
static void prepare(const impact *i, impact_space *s, profile *before, profile *after) {
    uint64_t newer = s->newer;
    if (i->apart) {
        if (i->derive_again || is_due(before, i->options.at_new.day))
            derive(i, s, 1, before, i->options.at_new.day, after);
        else
            *after = *before;
    }
    if (is_due(before, i->options.at.day)) {
        profile stored = *before;
        derive(i, s, 0, &stored, i->options.at.day, before);
    }
    if (s->newer > newer) s->newer = newer + 1; /* of a subject once */
}

/* ------------------------------------------------------------------ samples */

static void keep_sample(const impact_run *r, impact_box *box, unsigned most, uint64_t hash, const impact_sample *what) {
    CHECK(pthread_mutex_lock(r->by) == 0);
    if (hash < atomic_load_explicit(&box->bar, memory_order_relaxed)) {
        uint32_t at = box->count, highest = 0;
        if (at < most) {
            box->count++;
        } else {
            for (uint32_t k = at = 0; k < most; k++)
                if (box->hash[k] > box->hash[at]) at = k;
        }
        box->hash[at] = hash;
        box->item[at] = *what;
        for (uint32_t k = 0; k < box->count; k++)
            if (box->hash[k] > box->hash[highest]) highest = k;
        if (box->count == most) atomic_store_explicit(&box->bar, box->hash[highest], memory_order_relaxed);
    }
    CHECK(pthread_mutex_unlock(r->by) == 0);
}

static void offer(const impact *i, const impact_run *r, const subject_id *subject, const decision *before,
                  const decision *after, uint64_t gained, uint64_t lost) {
    uint64_t hash = XXH3_64bits_withSeed(subject, sizeof *subject, i->options.seed);
    for (uint64_t left = gained | lost; left != 0; left &= left - 1) {
        unsigned code = (unsigned)__builtin_ctzll(left);
        impact_box *box = &r->boxes[r->place[code] * 2u + (lost >> code & 1)];
        if (hash >= atomic_load_explicit(&box->bar, memory_order_relaxed)) continue;
        impact_sample what = {.subject = *subject, .before = *before, .after = *after};
        keep_sample(r, box, i->options.samples, hash, &what);
    }
}

/* ------------------------------------------------------------------ counting */

static void count_shares(const impact_run *r, impact_space *s, const uint16_t *groups, uint64_t held, uint64_t gained,
                         uint64_t lost) {
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++) {
        impact_share *shares = s->shares + r->first_share + (size_t)groups[d] * r->benefits;
        for (uint64_t left = held; left != 0; left &= left - 1) shares[r->place[__builtin_ctzll(left)]].held++;
        for (uint64_t left = gained; left != 0; left &= left - 1) shares[r->place[__builtin_ctzll(left)]].gained++;
        for (uint64_t left = lost; left != 0; left &= left - 1) shares[r->place[__builtin_ctzll(left)]].lost++;
    }
}

static void count(const impact *i, const impact_run *r, impact_space *s, unsigned n) {
    const decision *before = &s->decided[0][n], *after = &s->decided[1][n];
    if (before->status != STATUS_OK && after->status != STATUS_OK) return;
    const uint64_t held = before->benefits & r->known, holds = after->benefits & r->known;
    const uint64_t gained = holds & ~held, lost = held & ~holds;
    const unsigned move = (before->outcome & 3u) * 4 + (after->outcome & 3u);
    const bool amounts = (before->amount_fen | after->amount_fen) != 0;
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++) {
        impact_cell *c = s->cells + r->first_cell + s->groups[n][d];
        c->moves[move]++;
        c->held += held != 0;
        c->holds += holds != 0;
        c->gained += gained != 0;
        c->lost += lost != 0;
        if (!amounts) continue;
        c->before_fen += before->amount_fen;
        c->after_fen += after->amount_fen;
    }
    if ((held | holds) != 0) count_shares(r, s, s->groups[n], held, gained, lost);
    if ((gained | lost) != 0 && r->boxes != NULL) offer(i, r, &s->before[n].id, before, after, gained, lost);
}

static void run_pass(impact *i, impact_space *s, size_t n) {
    for (size_t k = 0; k < n; k++) {
        prepare(i, s, &s->before[k], &s->after[k]);
        impact_groups_of(&s->before[k], s->groups[k]);
        for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++) s->population[s->groups[k][d]]++;
        if (!i->derive_again) continue;
        s->up += s->after[k].composite_grade > s->before[k].composite_grade;
        s->down += s->after[k].composite_grade < s->before[k].composite_grade;
    }
    const profile *after = i->apart ? s->after : s->before;
    for (unsigned r = 0; r < i->run_count; r++) {
        const impact_run *run = &i->runs[r];
        policy_decide_batch(i->active, &run->scenario, 0, s->before, NULL, n, i->options.at, s->decided[0]);
        policy_decide_batch(i->candidate, &run->scenario, 0, after, NULL, n, i->options.at_new, s->decided[1]);
        for (unsigned k = 0; k < n; k++) count(i, run, s, k);
    }
}

void impact_run_subjects(impact *i, impact_space *s, unsigned part) {
    store_cursor cursor = 0;
    size_t n;
    while ((n = store_snapshot_scan(i->subjects_then, part, &cursor, s->before, IMPACT_PASS)) > 0) {
        s->subjects += n;
        run_pass(i, s, n);
    }
}

/* ------------------------------------------------------------------ accounts */

static void stand(const policy_set *set, unsigned program, const account *a, const profile *p, policy_moment at,
                  quota *out) {
    guarantee_terms terms;
    status code = p == NULL ? STATUS_UNKNOWN_SUBJECT : policy_terms(set, program, p, at, &terms);
    if (code == STATUS_OK)
        ledger_quota(a, &terms, at, out);
    else
        ledger_quota_without_terms(a, code, at, out);
}

static void add_quota(impact_pledge *g, unsigned when, const quota *q) {
    g->covered[when] += (q->flags & QUOTA_COVERED) != 0;
    g->exempt[when] += (q->flags & QUOTA_EXEMPT) != 0;
    g->suspended[when] += (q->flags & QUOTA_SUSPENDED) != 0;
    g->lacking[when] += (q->flags & QUOTA_SHORT) != 0;
    g->required_fen[when] += q->required_fen;
    g->limit_fen[when] += q->limit_fen;
    g->available_fen[when] += q->available_fen;
}

static void run_account(impact *i, impact_space *s, unsigned place, const account *a) {
    unsigned program = i->programs[place];
    subject_id subject = account_subject(a);
    profile *before = &s->before[0], *after = &s->after[0];
    uint64_t newer = s->newer; /* counted with the subject */
    bool known = store_snapshot_read(i->subjects_then, &subject, before);
    if (known)
        prepare(i, s, before, after);
    else
        profile_init(before, &subject);
    s->newer = newer;
    if (!i->apart) after = before;
    quota then, now;
    stand(i->active, program, a, known ? before : NULL, i->options.at, &then);
    stand(i->candidate, program, a, known ? after : NULL, i->options.at_new, &now);
    impact_groups_of(before, s->groups[0]);
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++) {
        impact_pledge *g = &s->pledges[place * (size_t)IMPACT_GROUPS + s->groups[0][d]];
        g->accounts++;
        add_quota(g, 0, &then);
        add_quota(g, 1, &now);
    }
}

void impact_run_accounts(impact *i, impact_space *s, unsigned part) {
    store_cursor cursor = 0;
    size_t n;
    while ((n = store_snapshot_scan(i->accounts_then, part, &cursor, s->accounts, IMPACT_ACCOUNTS)) > 0) {
        for (size_t k = 0; k < n; k++)
            for (unsigned place = 0; place < i->program_count; place++)
                if (i->programs[place] == account_program(&s->accounts[k])) run_account(i, s, place, &s->accounts[k]);
    }
}
