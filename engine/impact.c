/* An impact from its beginning to its end: what is run, the slices, who works on them.
 *
 * A slice is a part of a snapshot, about a MiB of neighbouring records. Threads take slices under a lock, once every
 * millisecond or so; a thread brings no memory of its own, it borrows a space of counters for a slice. Spaces are made
 * when a thread more than before is at work, so the loops over records allocate nothing.
 *
 * Invariants (under the lock): inside = slices being worked on; finished + inside ≤ next ≤ parts; every space is idle
 * or in use by one of those inside. Whoever leaves last once nothing more will be begun adds everything up: it is
 * alone.
 *
 * Cost beside the run: the two snapshots, see store_snapshot.c, and some 100 KiB of counters a scenario and thread. */
#include "engine/impact.h"

#include "base/check.h"
#include "engine/arena.h"
#include "engine/impact_internal.h"
#include "engine/policy_model.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ what is run */

static bool has_pilots(const policy_table *tables, unsigned count) {
    for (unsigned t = 0; t < count; t++)
        if (tables[t].restriction_count != 0) return true;
    return false;
}

static bool names_areas(const policy *p) {
    const policy_guarantee *g = p->guarantee;
    return has_pilots(p->tables, p->table_count) || (p->scope != NULL && has_pilots(p->scope, 1)) ||
           (g != NULL && has_pilots(g->tables, g->table_count));
}

static bool differs(const impact *i, unsigned scenario) {
    const policy *before, *after;
    status old = policy_in_force(i->active, scenario, i->options.at, &before);
    status new = policy_in_force(i->candidate, scenario, i->options.at_new, &after);
    if (old != STATUS_OK && new != STATUS_OK) return false;
    if (old != new || i->derive_again || i->options.at.day != i->options.at_new.day) return true;
    if (before->text_hash != after->text_hash) return true;
    return names_areas(before) && strcmp(policy_hash(i->active), policy_hash(i->candidate)) != 0;
}

static bool is_known(const impact *i, unsigned scenario) {
    return policy_scenario_name(i->active, scenario) != NULL || policy_scenario_name(i->candidate, scenario) != NULL;
}

static void note_benefits(impact_run *r, const policy_set *set) {
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++)
        if (policy_benefit_of(set, r->scenario, code) != NULL) r->known |= UINT64_C(1) << code;
}

static void add_run(impact *i, unsigned scenario) {
    impact_run *r = &i->runs[i->run_count++];
    r->scenario = (uint8_t)scenario;
    note_benefits(r, i->active);
    note_benefits(r, i->candidate);
    for (uint64_t left = r->known; left != 0; left &= left - 1)
        r->place[__builtin_ctzll(left)] = (uint8_t)r->benefits++;
    r->first_cell = i->cells;
    r->first_share = i->shares;
    r->by = &i->sampling;
    i->cells += IMPACT_GROUPS;
    i->shares += (size_t)IMPACT_GROUPS * r->benefits;
}

static bool is_run(const impact *i, unsigned scenario) {
    for (unsigned r = 0; r < i->run_count; r++)
        if (i->runs[r].scenario == scenario) return true;
    return false;
}

static status choose(impact *i) {
    unsigned only = i->options.scenario;
    if (only != 0) {
        if (only > SCENARIO_MAX || !is_known(i, only)) return STATUS_UNKNOWN_SCENARIO;
        add_run(i, only);
    }
    for (unsigned s = 1; only == 0 && s <= SCENARIO_MAX; s++)
        if (differs(i, s)) add_run(i, s);
    for (unsigned p = 1; p <= PROGRAM_MAX; p++) {
        unsigned old = i->active->program_of[p], new = i->candidate->program_of[p];
        if ((old != 0 && is_run(i, old)) || (new != 0 && is_run(i, new))) i->programs[i->program_count++] = (uint8_t)p;
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ beginning and ending */

static status make_boxes(impact *i) {
    unsigned most = i->options.samples;
    for (unsigned r = 0; most > 0 && r < i->run_count; r++) {
        size_t count = (size_t)i->runs[r].benefits * 2;
        if (count == 0) continue;
        impact_box *boxes = i->runs[r].boxes = arena_calloc(count, sizeof *boxes);
        if (boxes == NULL) return STATUS_NO_MEMORY;
        for (size_t b = 0; b < count; b++) {
            atomic_init(&boxes[b].bar, UINT64_MAX);
            boxes[b].hash = arena_calloc(most, sizeof *boxes[b].hash);
            boxes[b].item = arena_calloc(most, sizeof *boxes[b].item);
            if (boxes[b].hash == NULL || boxes[b].item == NULL) return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}

static void drop_boxes(impact_run *r) {
    for (size_t b = 0; r->boxes != NULL && b < (size_t)r->benefits * 2; b++) {
        free(r->boxes[b].hash);
        free(r->boxes[b].item);
    }
    free(r->boxes);
}

static status take_snapshots(impact *i) {
    uint32_t most = i->options.max_changes;
    status code = store_snapshot_begin(i->subjects, most != 0 ? most : LIMIT_IMPACT_CHANGES, &i->subjects_then);
    if (code == STATUS_OK && i->program_count > 0)
        code = store_snapshot_begin(i->accounts, most != 0 ? most : LIMIT_IMPACT_ACCOUNT_CHANGES, &i->accounts_then);
    if (code != STATUS_OK) return code;
    i->account_parts = i->accounts_then != NULL ? store_snapshot_parts(i->accounts_then) : 0;
    i->parts = i->account_parts + store_snapshot_parts(i->subjects_then);
    i->population = store_snapshot_count(i->subjects_then);
    return STATUS_OK;
}

/* Makes a space more; NULL without memory. */
static impact_space *add_space(impact *i) {
    impact_space *s = arena_calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->cells = arena_calloc(i->cells + 1, sizeof *s->cells);
    s->shares = arena_calloc(i->shares + 1, sizeof *s->shares);
    s->pledges = arena_calloc((size_t)i->program_count * IMPACT_GROUPS + 1, sizeof *s->pledges);
    i->spaces[i->space_count++] = s;
    return s->cells != NULL && s->shares != NULL && s->pledges != NULL ? s : NULL;
}

static void drop_space(impact_space *s) {
    free(s->cells);
    free(s->shares);
    free(s->pledges);
    free(s);
}

status impact_begin(engine *e, const policy_set *candidate, const impact_options *options, impact **out) {
    *out = NULL;
    impact *i = arena_calloc(1, sizeof *i);
    if (i == NULL) return STATUS_NO_MEMORY;
    CHECK(pthread_mutex_init(&i->lock, NULL) == 0 && pthread_mutex_init(&i->sampling, NULL) == 0);
    i->active = policy_hold(engine_policy(e));
    i->candidate = candidate;
    i->rules[0] = policy_credit(i->active);
    i->rules[1] = policy_credit(candidate);
    i->dossiers = e->dossiers;
    i->options = *options;
    if (i->options.samples > LIMIT_IMPACT_SAMPLES) i->options.samples = LIMIT_IMPACT_SAMPLES;
    i->subjects = e->subjects;
    i->accounts = e->accounts;
    i->derive_again = i->rules[0]->hash != i->rules[1]->hash;
    i->apart = i->derive_again || options->at.day != options->at_new.day;
    status code = choose(i);
    if (code == STATUS_OK) code = make_boxes(i);
    if (code == STATUS_OK) code = take_snapshots(i);
    if (code == STATUS_OK && (i->idle = add_space(i)) == NULL) code = STATUS_NO_MEMORY;
    if (code != STATUS_OK) {
        impact_end(i);
        impact_destroy(&i);
        return code;
    }
    if (i->parts == 0) {
        impact_add_up(i);
        atomic_store(&i->done, true);
    }
    *out = i;
    return STATUS_OK;
}

void impact_end(impact *i) {
    CHECK(i->inside == 0);
    if (!atomic_load(&i->done) && i->outcome == STATUS_OK) i->outcome = STATUS_UNAVAILABLE;
    i->next = i->parts;
    store_snapshot_end(i->subjects, &i->subjects_then);
    store_snapshot_end(i->accounts, &i->accounts_then);
}

void impact_destroy(impact **i) {
    if (*i == NULL) return;
    impact *old = *i;
    CHECK(old->subjects_then == NULL && old->accounts_then == NULL);
    for (unsigned s = 0; s < old->space_count; s++) drop_space(old->spaces[s]);
    for (unsigned r = 0; r < old->run_count; r++) drop_boxes(&old->runs[r]);
    policy_set *active = (policy_set *)old->active;
    policy_destroy(&active);
    CHECK(pthread_mutex_destroy(&old->lock) == 0 && pthread_mutex_destroy(&old->sampling) == 0);
    free(old);
    *i = NULL;
}

/* ------------------------------------------------------------------ working */

static bool spoilt(const impact *i) {
    return store_snapshot_spoilt(i->subjects_then) ||
           (i->accounts_then != NULL && store_snapshot_spoilt(i->accounts_then));
}

static bool more(const impact *i) { return i->outcome == STATUS_OK && i->next < i->parts; }

/* With the lock: a slice and a space, or NULL. */
static impact_space *enter(impact *i, unsigned *part) {
    if (!more(i)) return NULL;
    impact_space *s = i->idle;
    if (s != NULL) {
        i->idle = s->next;
    } else {
        if (i->space_count == LIMIT_THREADS_MAX) return NULL;
        s = add_space(i);
        if (s == NULL) {
            i->outcome = STATUS_NO_MEMORY;
            return NULL;
        }
    }
    i->inside++;
    *part = i->next++;
    return s;
}

/* With the lock. */
static void finish(impact *i) {
    if (i->inside > 0 || more(i) || atomic_load_explicit(&i->done, memory_order_relaxed)) return;
    if (i->outcome == STATUS_OK) impact_add_up(i);
    atomic_store_explicit(&i->done, true, memory_order_release);
}

bool impact_work(impact *i) {
    unsigned part;
    CHECK(pthread_mutex_lock(&i->lock) == 0);
    impact_space *s = enter(i, &part);
    if (s == NULL) finish(i);
    CHECK(pthread_mutex_unlock(&i->lock) == 0);
    if (s == NULL) return false;
    if (part < i->account_parts)
        impact_run_accounts(i, s, part);
    else
        impact_run_subjects(i, s, part - i->account_parts);
    bool failed = spoilt(i);
    atomic_fetch_add_explicit(&i->finished, 1, memory_order_relaxed);
    CHECK(pthread_mutex_lock(&i->lock) == 0);
    s->next = i->idle;
    i->idle = s;
    i->inside--;
    if (failed && i->outcome == STATUS_OK) i->outcome = STATUS_OVERLOADED;
    bool goes_on = more(i);
    finish(i);
    CHECK(pthread_mutex_unlock(&i->lock) == 0);
    return goes_on;
}

uint32_t impact_progress(const impact *i) {
    if (i->parts == 0 || atomic_load_explicit(&i->done, memory_order_acquire)) return 1000000;
    return (uint32_t)((uint64_t)atomic_load_explicit(&i->finished, memory_order_relaxed) * 1000000 / i->parts);
}

bool impact_done(const impact *i) { return atomic_load_explicit(&i->done, memory_order_acquire); }

void impact_took(impact *i, double seconds) { i->seconds = seconds; }
