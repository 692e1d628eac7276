/* A ring of batches: filled at the head, sent, and retired at the tail once every request of the batch is answered.
 * Invariant: tail ≤ head, head − tail ≤ WINDOW; the batch at head is being filled and not sent yet. Cost per row: one
 * copy of its text (kept for rejects), one put entry. */
#include "client/cli/importer.h"

#include "base/clock.h"
#include "base/purpose.h"
#include "client/cli/importer_batch.h"
#include "client/cli/money.h"
#include "client/cli/rejects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 24                /* batches on the way */
#define WAIT_MS 200              /* of one poll */
#define SILENCE_MS_DEFAULT 30000 /* without any answer */
#define AGAIN_MS_MAX 30000       /* how long an overloaded server is asked again */
#define AGAIN_FIRST_MS 50
#define AGAIN_SAY_MS 2000
#define TAG_PART_BITS 16
#define NO_FIELD PROFILE_FIELD_COUNT /* a PUT was refused for no field of its own */

struct importer {
    cli *c;
    const columns *cols;
    size_t batch;
    bool dry_run, accounts_loaded;
    rejects bad;
    buf why;
    importer_batch ring[WINDOW + 1];
    uint64_t head, tail; /* of batches */
    accounts known;
    importer_totals totals;
    columns_row row;
    uint32_t now_hour;
    uint64_t last_answer_ns;
    int broken;   /* a status that ended the connection */
    bool no_room; /* a reason found no memory */
};

static importer_batch *at(importer *i, uint64_t number) { return &i->ring[number % (WINDOW + 1)]; }

/* ------------------------------------------------------------------ answers */

static void reject(importer *i, importer_batch *b, size_t row, unsigned code, unsigned field) {
    char why[160];
    b->rows[row].put_refused = true;
    const profile_field *f = code == STATUS_BAD_VALUE || code == STATUS_BAD_FIELD ? profile_field_at(field) : NULL;
    snprintf(why, sizeof why, "%s%s%s%s", f != NULL ? f->name : "", f != NULL ? ": " : "", xinyi_status_text((int)code),
             code == STATUS_BAD_FIELD && b->flags != 0 ? ", or not this source's to write" : "");
    if (!importer_batch_reject(b, row, why)) i->no_room = true;
}

static bool is_again(unsigned code) {
    status_class class = status_classify(code);
    return class == STATUS_CLASS_AGAIN || class == STATUS_CLASS_UNKNOWN;
}

static void put_status(importer *i, importer_batch *b, size_t row, unsigned code, unsigned field) {
    if (code == 0) return;
    if (is_again(code))
        b->again = (int)code;
    else
        reject(i, b, row, code, field);
}

/* A refusal is kept with its id, so one that came only because the PUT before it was put off must not be repeated. */
static void operation_status(importer_batch *b, size_t index, unsigned code) {
    b->operation_refused[index] = is_again(code) ? 0 : (uint16_t)code;
    if (is_again(code)) b->again = (int)code;
}

/* part 0 is the PUT, part n the operations from (n − 1) × max on. */
static void on_reply(void *context, const xinyi_reply *reply) {
    importer *i = context;
    importer_batch *b = at(i, reply->tag >> TAG_PART_BITS);
    size_t part = reply->tag & ((1u << TAG_PART_BITS) - 1), max = xinyi_max_entries(i->c->x);
    i->last_answer_ns = clock_mono_ns();
    b->pending--;
    if (reply->status != 0 && status_classify((unsigned)reply->status) == STATUS_CLASS_LOCAL) {
        i->broken = reply->status;
        return;
    }
    size_t first = part == 0 ? 0 : (part - 1) * max;
    size_t whole = part == 0 ? b->put_count : b->operation_count - first < max ? b->operation_count - first : max;
    for (size_t k = 0; k < whole; k++) {
        bool answered = reply->status == 0 && k < reply->count;
        unsigned code = reply->status != 0 ? (unsigned)reply->status : STATUS_BAD_ENTRY;
        if (part > 0)
            operation_status(b, first + k, answered ? reply->operations[k].status : code);
        else if (answered)
            put_status(i, b, b->put_row[k], reply->puts[k].status, reply->puts[k].field);
        else
            put_status(i, b, b->put_row[k], code, NO_FIELD);
    }
}

/* ------------------------------------------------------------------ rejects */

static int certain(const importer *i) {
    char rows[MONEY_TEXT];
    cli_error(i->c, "%s %s, up to line %llu, %s certain; running the same import again is safe",
              money_format_count((int64_t)i->totals.certain_rows, rows), i->totals.certain_rows == 1 ? "row" : "rows",
              (unsigned long long)i->totals.certain_line, i->totals.certain_rows == 1 ? "is" : "are");
    return i->totals.certain_rows > i->totals.rejected ? CLI_EXIT_PARTLY : CLI_EXIT_NO_CONNECTION;
}

int importer_keep_rejects(importer *i) { return rejects_keep(&i->bad); }

static int retire(importer *i) {
    importer_batch *b = at(i, i->tail);
    size_t operation = 0;
    for (size_t k = 0; k < b->row_count; k++) {
        const importer_row *row = &b->rows[k];
        bool rejected = importer_batch_verdict(b, k, &operation, &i->why);
        if (buf_status(&i->why) != STATUS_OK) return cli_no_memory(i->c);
        i->totals.certain_rows++;
        i->totals.certain_line = row->line;
        i->totals.subjects += row->has_put && !row->put_refused;
        if (rejected) {
            i->totals.rejected++;
            int code =
                rejects_write(&i->bad, row->line, i->why.data, i->why.size, b->raw.data + row->raw, row->raw_length);
            if (code != 0) {
                certain(i);
                return code;
            }
        } else {
            i->totals.accounts += row->has_account;
            i->totals.ended += row->ended;
        }
    }
    importer_batch_clear(b);
    i->tail++;
    return 0;
}

/* ------------------------------------------------------------------ sending */

static int send_batch(importer *i, uint64_t number) {
    importer_batch *b = at(i, number);
    size_t max = xinyi_max_entries(i->c->x);
    uint64_t tag = number << TAG_PART_BITS;
    int code = 0;
    if (b->put_count > 0) {
        b->pending++;
        code = xinyi_send_put(i->c->x, tag, b->puts, b->put_count);
    }
    for (size_t first = 0; code == 0 && first < b->operation_count; first += max) {
        size_t n = b->operation_count - first < max ? b->operation_count - first : max;
        b->pending++;
        code = xinyi_send_operate(i->c->x, tag + 1 + first / max, b->operations + first, n);
    }
    return code;
}

static int lost(importer *i, int code) {
    int exit_code = cli_failed(i->c, code);
    certain(i);
    return exit_code;
}

static bool silent(const importer *i) {
    uint64_t limit = i->c->timeout_ms > 0 ? i->c->timeout_ms : SILENCE_MS_DEFAULT;
    return (clock_mono_ns() - i->last_answer_ns) / 1000000 > limit;
}

/* Waits until no batch from `tail` up to `until` has an answer outstanding. */
static int wait_for(importer *i, uint64_t until) {
    i->last_answer_ns = clock_mono_ns(); /* silence is counted from here: reading may have been slow */
    for (uint64_t n = i->tail; n < until; n++) {
        while (at(i, n)->pending > 0) {
            int code = xinyi_poll(i->c->x, WAIT_MS);
            if (i->broken != 0 || code != 0) return lost(i, i->broken != 0 ? i->broken : code);
            if (i->no_room) return cli_no_memory(i->c);
            if (silent(i)) return lost(i, XINYI_TIMEOUT);
        }
    }
    return 0;
}

static int first_again(importer *i, uint64_t *number) {
    for (uint64_t n = i->tail; n < i->head; n++) {
        *number = n;
        if (at(i, n)->again != 0) return at(i, n)->again;
    }
    return 0;
}

/* Being overloaded for a moment is ordinary; anything else is told before it is waited for. */
static void say_waiting(const importer *i, int again, int64_t waited_ms, int64_t limit_ms, bool *said) {
    if (*said || (again == XINYI_OVERLOADED && waited_ms < AGAIN_SAY_MS)) return;
    cli_error(i->c, "%s; waiting up to %lld s for it", xinyi_status_text(again), (long long)(limit_ms + 999) / 1000);
    *said = true;
}

/* Sends again, in order, everything from the first batch that the server did not execute. */
static int send_again(importer *i) {
    int64_t pause_ms = AGAIN_FIRST_MS, waited_ms = 0, limit_ms = i->c->timeout_ms > 0 ? i->c->timeout_ms : AGAIN_MS_MAX;
    uint64_t number;
    bool said = false;
    for (;;) {
        int code = wait_for(i, i->head);
        if (code != 0) return code;
        int again = first_again(i, &number);
        if (again == 0) return 0;
        if (waited_ms >= limit_ms) {
            cli_error(i->c, "gave up after %lld s: %s", (long long)(waited_ms + 999) / 1000, xinyi_status_text(again));
            return certain(i);
        }
        say_waiting(i, again, waited_ms, limit_ms, &said);
        nanosleep(&(struct timespec){.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000}, NULL);
        waited_ms += pause_ms;
        pause_ms = pause_ms * 2 < 2000 ? pause_ms * 2 : 2000;
        for (uint64_t n = number; n < i->head; n++) importer_batch_reset(at(i, n));
        for (uint64_t n = number; n < i->head; n++)
            if ((code = send_batch(i, n)) != 0) return lost(i, code);
    }
}

/* Retires what is answered; with the window full, waits for room. */
static int make_room(importer *i, size_t allowed) {
    while (i->tail < i->head) {
        uint64_t number;
        if (i->head - i->tail > allowed) {
            int code = wait_for(i, i->tail + 1);
            if (code != 0) return code;
        }
        if (i->broken != 0) return lost(i, i->broken);
        if (first_again(i, &number) != 0) {
            int code = send_again(i);
            if (code != 0) return code;
        }
        if (at(i, i->tail)->pending > 0) return 0;
        int code = retire(i);
        if (code != 0) return code;
    }
    return 0;
}

static int close_batch(importer *i) {
    int code = 0;
    if (at(i, i->head)->row_count == 0) return 0;
    if (!i->dry_run) {
        code = send_batch(i, i->head);
        if (code != 0) return lost(i, i->broken != 0 ? i->broken : code);
    }
    i->head++;
    if (!i->dry_run) {
        code = xinyi_poll(i->c->x, 0);
        if (code != 0 || i->broken != 0) return lost(i, i->broken != 0 ? i->broken : code);
    }
    if (i->no_room) return cli_no_memory(i->c);
    return make_room(i, WINDOW - 1);
}

/* ------------------------------------------------------------------ records */

importer *importer_create(cli *c, const columns *cols, size_t batch, bool dry_run, const char *rejects_path) {
    importer *i = calloc(1, sizeof *i);
    if (i == NULL) return NULL;
    i->c = c;
    i->cols = cols;
    i->batch = batch;
    i->dry_run = dry_run;
    i->now_hour = (uint32_t)(clock_wall_ms() / CLOCK_MS_PER_HOUR);
    (void)rejects_init(&i->bad, c, rejects_path, "");
    for (size_t k = 0; k < WINDOW + 1; k++)
        if (!importer_batch_init(&i->ring[k], batch)) importer_destroy(&i);
    if (i != NULL && !dry_run) xinyi_on(c->x, on_reply, i);
    return i;
}

void importer_set_source(importer *i, unsigned source) {
    for (size_t k = 0; k < WINDOW + 1; k++) i->ring[k].flags = XINYI_PUT_SOURCE(source);
}

void importer_destroy(importer **i) {
    if (i == NULL || *i == NULL) return;
    for (size_t k = 0; k < WINDOW + 1; k++) importer_batch_deinit(&(*i)->ring[k]);
    importer_keep_rejects(*i);
    buf_deinit(&(*i)->why);
    if ((*i)->c->x != NULL) xinyi_on((*i)->c->x, NULL, NULL);
    accounts_deinit(&(*i)->known);
    free(*i);
    *i = NULL;
}

/* The accounts are read before anything is sent: synchronous calls and pipelining do not mix. */
static int load_accounts(importer *i) {
    i->accounts_loaded = true;
    if (i->dry_run || !i->cols->has_account) return 0;
    int code = accounts_load(&i->known, i->c->x, PURPOSE_DATA_MAINTENANCE);
    return code != 0 ? cli_failed(i->c, code) : 0;
}

int importer_record(importer *i, const csv_record *record) {
    char why[512];
    if (!i->accounts_loaded) {
        int code = load_accounts(i);
        if (code != 0) return code;
    }
    importer_batch *b = at(i, i->head);
    bool good = columns_parse(i->cols, record, i->c->today, &i->row, why, sizeof why);
    i->totals.rows++;
    if (!importer_batch_add(b, record, &i->row, good ? NULL : why, &i->known, i->now_hour)) return cli_no_memory(i->c);
    return b->row_count == i->batch ? close_batch(i) : 0;
}

int importer_finish(importer *i) {
    int code = close_batch(i);
    if (code == 0) code = make_room(i, 0);
    int kept = importer_keep_rejects(i);
    return code != 0 ? code : kept;
}

const importer_totals *importer_get_totals(const importer *i) { return &i->totals; }
bool importer_wrote_rejects(const importer *i) { return i->bad.kept; }
