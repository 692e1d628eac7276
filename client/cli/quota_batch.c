/* Both formats become the same row of texts by field; one function understands a row. Which fields a kind takes is a
 * table, so that a field in the wrong place is a mistake and not passed over. */
#include "client/cli/quota_batch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "client/cli/cmd_quota.h"
#include "client/cli/columns.h"
#include "client/cli/csv.h"
#include "client/cli/money.h"
#include "client/cli/programs.h"
#include "client/cli/quota_view.h"
#include "client/cli/when.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

typedef enum field {
#define X(NAME, name) FIELD_##NAME,
    QUOTA_BATCH_FIELDS(X)
#undef X
        FIELDS
} field;

static const char *const field_names[FIELDS] = {
#define X(NAME, name) name,
    QUOTA_BATCH_FIELDS(X)
#undef X
};

#define BIT(NAME) (1u << FIELD_##NAME)
#define AMOUNT_BITS (BIT(AMOUNT) | BIT(AMOUNT_FEN))
#define ENERGY_BITS (BIT(ENERGY_12M) | BIT(WHOLESALE_2M) | BIT(RETAIL_2M))
static const uint32_t always = BIT(KIND) | BIT(SUBJECT) | BIT(PROGRAM) | BIT(OPERATION) | BIT(LINKED);
static const uint32_t taken[] = {
    [XINYI_RESERVE] = AMOUNT_BITS | BIT(TTL) | BIT(TTL_MS),
    [XINYI_COMMIT] = AMOUNT_BITS | BIT(RESERVATION),
    [XINYI_RELEASE] = BIT(RESERVATION),
    [XINYI_SETTLE] = AMOUNT_BITS,
    [XINYI_PLEDGE] = AMOUNT_BITS | BIT(INSTRUMENT) | BIT(INSTRUMENT_KIND) | BIT(FROM) | BIT(TO),
    [XINYI_WITHDRAW] = BIT(INSTRUMENT),
    [XINYI_ENERGY] = ENERGY_BITS | BIT(FORECAST_12M),
    [XINYI_AMEND] = AMOUNT_BITS | BIT(INSTRUMENT) | BIT(FROM) | BIT(TO),
    [XINYI_FREEZE] = BIT(REFERENCE),
    [XINYI_UNFREEZE] = 0,
};
#define KINDS (sizeof taken / sizeof taken[0])

/* A line: texts by field, NULL or "" where there is nothing. */
typedef struct row {
    const char *text[FIELDS];
    char number[FIELDS][24]; /* numbers of JSON as texts */
} row;

typedef struct reading {
    cli *c;
    const char *path, *name;
    quota_batch *b;
    char why[1400];
} reading;

#define MISTAKE(r, ...) (snprintf((r)->why, sizeof(r)->why, __VA_ARGS__), false)

/* ------------------------------------------------------------------ a row → an operation */

static bool has(const row *w, field f) { return w->text[f] != NULL && w->text[f][0] != '\0'; }

static bool parse_id(reading *r, const row *w, field f, xinyi_operation_id *out) {
    if (xinyi_operation_parse(w->text[f], out) == 0) return true;
    return MISTAKE(r, "%s: '%.64s' is not an operation id (32 hex digits)", field_names[f], w->text[f]);
}

static bool parse_subject(reading *r, const row *w, xinyi_subject *out) {
    subject_id id;
    if (!has(w, FIELD_SUBJECT)) return MISTAKE(r, "subject is missing");
    const char *text = w->text[FIELD_SUBJECT];
    subject_finding finding = subject_parse(text, strlen(text), r->c->today, &id);
    char why[256];
    if (subject_verdict_is_error(finding.verdict))
        return MISTAKE(r, "subject: '%.64s': %s", text, subject_explain(&finding, text, why, sizeof why));
    memcpy(out->bytes, id.bytes, sizeof out->bytes);
    return true;
}

static bool parse_kind(reading *r, const row *w, uint8_t *out) {
    if (!has(w, FIELD_KIND)) return MISTAKE(r, "kind is missing: reserve, commit, release, settle, pledge, …");
    for (unsigned kind = 1; kind < KINDS; kind++) {
        if (strcmp(w->text[FIELD_KIND], quota_view_kind(kind)) != 0) continue;
        *out = (uint8_t)kind;
        return true;
    }
    return MISTAKE(r,
                   "unknown kind '%.32s'; there is: reserve commit release settle pledge withdraw energy amend freeze "
                   "unfreeze",
                   w->text[FIELD_KIND]);
}

static bool parse_linked(reading *r, const row *w, uint8_t *out) {
    static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
    if (!has(w, FIELD_LINKED)) return true;
    for (unsigned i = 0; i < 3; i++) {
        if (strcasecmp(w->text[FIELD_LINKED], yes[i]) == 0) *out = 1;
        if (strcasecmp(w->text[FIELD_LINKED], yes[i]) == 0 || strcasecmp(w->text[FIELD_LINKED], no[i]) == 0)
            return true;
    }
    return MISTAKE(r, "linked is true or false, not '%.32s'", w->text[FIELD_LINKED]);
}

static bool parse_amount(reading *r, const row *w, bool needed, int64_t *out) {
    const char *why = NULL;
    if (has(w, FIELD_AMOUNT) && has(w, FIELD_AMOUNT_FEN)) return MISTAKE(r, "amount and amount_fen: give one of them");
    if (has(w, FIELD_AMOUNT) && !money_parse(w->text[FIELD_AMOUNT], out, &why))
        return MISTAKE(r, "amount: '%.64s' %s", w->text[FIELD_AMOUNT], why);
    const char *fen = w->text[FIELD_AMOUNT_FEN];
    if (has(w, FIELD_AMOUNT_FEN) && !money_parse_count(fen, strlen(fen), LIMIT_AMOUNT_FEN, out))
        return MISTAKE(r, "amount_fen: '%.64s' is not a whole number of fen within range", fen);
    bool given = has(w, FIELD_AMOUNT) || has(w, FIELD_AMOUNT_FEN);
    if (needed && !given) return MISTAKE(r, "the amount is missing: amount (yuan) or amount_fen");
    return !given || *out > 0 || MISTAKE(r, "the amount must be more than 0");
}

static bool parse_ttl(reading *r, const row *w, uint32_t *out) {
    int64_t ms = 0;
    if (has(w, FIELD_TTL) && has(w, FIELD_TTL_MS)) return MISTAKE(r, "ttl and ttl_ms: give one of them");
    if (has(w, FIELD_TTL) && !when_parse_duration(w->text[FIELD_TTL], out))
        return MISTAKE(r, "ttl is a duration such as 300s, 10m or 1d, not '%.64s'", w->text[FIELD_TTL]);
    if (!has(w, FIELD_TTL_MS)) return true;
    const char *text = w->text[FIELD_TTL_MS];
    if (!money_parse_count(text, strlen(text), UINT32_MAX, &ms))
        return MISTAKE(r, "ttl_ms is a number of milliseconds, not '%.64s'", text);
    *out = (uint32_t)ms;
    return true;
}

static bool parse_instrument(reading *r, const row *w, xinyi_operation *op) {
    const char *text = w->text[FIELD_INSTRUMENT];
    if (!has(w, FIELD_INSTRUMENT)) return MISTAKE(r, "instrument is missing: its number");
    if (!money_parse_u64(text, strlen(text), &op->instrument) || op->instrument == 0)
        return MISTAKE(r, "instrument is a number from 1, not '%.64s'", text);
    if (op->kind == XINYI_WITHDRAW) return true;
    if (op->kind == XINYI_PLEDGE) {
        const char *kind = has(w, FIELD_INSTRUMENT_KIND) ? w->text[FIELD_INSTRUMENT_KIND] : "";
        op->instrument_kind = (uint8_t)columns_instrument_kind(kind, strlen(kind));
        if (op->instrument_kind == 0)
            return MISTAKE(r, "instrument_kind is deposit, bond or group_guarantee, not '%.32s'", kind);
        op->to_hour = WHEN_NO_END;
    }
    const char *from = w->text[FIELD_FROM], *to = w->text[FIELD_TO];
    if (has(w, FIELD_FROM) && !when_parse_hour(from, strlen(from), false, &op->from_hour))
        return MISTAKE(r, "from is a date YYYY-MM-DD or YYYY-MM-DDTHH, not '%.64s'", from);
    if (has(w, FIELD_TO) && !cmd_quota_end(to, &op->to_hour))
        return MISTAKE(r, "to is a date YYYY-MM-DD or YYYY-MM-DDTHH, or none, not '%.64s'", to);
    bool changes = has(w, FIELD_FROM) || has(w, FIELD_TO) || has(w, FIELD_AMOUNT) || has(w, FIELD_AMOUNT_FEN);
    return op->kind != XINYI_AMEND || changes || MISTAKE(r, "nothing to amend: give amount, from or to");
}

static bool parse_energy(reading *r, const row *w, xinyi_operation *op) {
    int64_t forecast = 0, *const to[] = {&op->amount_fen, &op->wholesale_2m_mwh, &op->retail_2m_mwh, &forecast};
    for (unsigned i = 0; i < 4; i++) {
        field f = FIELD_ENERGY_12M + i;
        if (!has(w, f) && f == FIELD_FORECAST_12M) continue;
        if (!has(w, f)) return MISTAKE(r, "%s is missing: an energy operation sets them all", field_names[f]);
        int64_t most = f == FIELD_FORECAST_12M ? LIMIT_ENERGY_MWH / 1000 : LIMIT_ENERGY_MWH;
        if (!money_parse_grouped(w->text[f], most, to[i]))
            return MISTAKE(r, "%s is a whole number up to %lld, not '%.64s'", field_names[f], (long long)most,
                           w->text[f]);
    }
    op->forecast_12m_gwh = (uint32_t)forecast;
    return true;
}

static bool parse_by_kind(reading *r, const row *w, xinyi_operation *op) {
    bool targets = op->kind == XINYI_COMMIT || op->kind == XINYI_RELEASE;
    if (targets && !has(w, FIELD_RESERVATION)) return MISTAKE(r, "reservation is missing: the reserve's operation id");
    if (targets && !parse_id(r, w, FIELD_RESERVATION, &op->target)) return false;
    switch (op->kind) {
    case XINYI_RESERVE: return parse_ttl(r, w, &op->ttl_ms) && parse_amount(r, w, true, &op->amount_fen);
    case XINYI_SETTLE: return parse_amount(r, w, true, &op->amount_fen);
    case XINYI_COMMIT: return parse_amount(r, w, false, &op->amount_fen);
    case XINYI_PLEDGE: return parse_instrument(r, w, op) && parse_amount(r, w, true, &op->amount_fen);
    case XINYI_AMEND: return parse_instrument(r, w, op) && parse_amount(r, w, false, &op->amount_fen);
    case XINYI_WITHDRAW: return parse_instrument(r, w, op);
    case XINYI_ENERGY: return parse_energy(r, w, op);
    case XINYI_FREEZE:
        return !has(w, FIELD_REFERENCE) || cmd_quota_reference(w->text[FIELD_REFERENCE], op, r->why, sizeof r->why);
    default: return true;
    }
}

/* The same name and line, the same id. */
static xinyi_operation_id id_of_line(const char *name, uint64_t line) {
    xinyi_operation_id id;
    char text[512];
    int n = snprintf(text, sizeof text, "%s:%llu", name, (unsigned long long)line);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text, (size_t)n));
    static_assert(sizeof canonical.digest == sizeof id.bytes, "128 bits both");
    memcpy(id.bytes, canonical.digest, sizeof id.bytes);
    return id;
}

static bool parse_row(reading *r, const row *w, uint64_t line, xinyi_operation *op) {
    unsigned program;
    *op = (xinyi_operation){0};
    if (!parse_kind(r, w, &op->kind) || !parse_subject(r, w, &op->subject)) return false;
    for (field f = 0; f < FIELDS; f++)
        if (has(w, f) && ((taken[op->kind] | always) >> f & 1) == 0)
            return MISTAKE(r, "%s does not belong to a %s", field_names[f], quota_view_kind(op->kind));
    const char *name = has(w, FIELD_PROGRAM) ? w->text[FIELD_PROGRAM] : NULL;
    if (!programs_look(r->c, name, &program, r->why, sizeof r->why)) return false;
    op->program = (uint8_t)program;
    if (!parse_linked(r, w, &op->linked) || !parse_by_kind(r, w, op)) return false;
    r->b->may_repeat |= r->name != NULL || has(w, FIELD_OPERATION);
    if (has(w, FIELD_OPERATION)) return parse_id(r, w, FIELD_OPERATION, &op->id);
    op->id = r->name != NULL ? id_of_line(r->name, line) : xinyi_operation_new();
    r->b->named &= r->name != NULL;
    return true;
}

/* ------------------------------------------------------------------ lines */

static void tell(reading *r, uint64_t line) {
    if (r->b->mistakes++ < QUOTA_BATCH_TOLD) cli_error(r->c, "%s:%llu: %s", r->path, (unsigned long long)line, r->why);
}

static bool grow(quota_batch *b) {
    if (b->count < b->capacity) return true;
    size_t want = b->capacity == 0 ? 256 : b->capacity * 2;
    xinyi_operation *operations = realloc(b->operations, want * sizeof *operations);
    if (operations != NULL) b->operations = operations;
    uint64_t *lines = realloc(b->lines, want * sizeof *lines);
    if (lines != NULL) b->lines = lines;
    if (operations == NULL || lines == NULL) return false;
    b->capacity = want;
    return true;
}

/* 0, or an exit code that ends the reading. */
static int take(reading *r, const row *w, uint64_t line) {
    quota_batch *b = r->b;
    if (b->count == QUOTA_BATCH_OPERATIONS)
        return cli_usage(r->c, "%s has more than %d operations: divide it", r->path, QUOTA_BATCH_OPERATIONS);
    if (!grow(b)) return cli_no_memory(r->c);
    if (!parse_row(r, w, line, &b->operations[b->count])) {
        tell(r, line);
        return 0;
    }
    b->lines[b->count++] = line;
    return 0;
}

static bool json_row(reading *r, const json_t *object, row *w) {
    const char *key;
    json_t *value;
    *w = (row){0};
    json_object_foreach((json_t *)object, key, value) {
        field f = 0;
        while (f < FIELDS && strcmp(key, field_names[f]) != 0) f++;
        if (f == FIELDS) return MISTAKE(r, "unknown member '%.64s'", key);
        if (f == FIELD_AMOUNT && json_is_number(value))
            return MISTAKE(r, "amount is a text such as \"1000000\" or \"100万\", in yuan; amount_fen is a number");
        w->text[f] = json_string_value(value); /* without NUL: jansson refuses them */
        if (json_is_boolean(value) && f == FIELD_LINKED) w->text[f] = json_is_true(value) ? "true" : "false";
        if (json_is_integer(value)) {
            snprintf(w->number[f], sizeof w->number[f], "%lld", (long long)json_integer_value(value));
            w->text[f] = w->number[f];
        }
        if (w->text[f] == NULL && !json_is_null(value)) return MISTAKE(r, "%s must be a text or a whole number", key);
    }
    return true;
}

static int json_line(reading *r, const char *text, size_t length, uint64_t line) {
    json_error_t problem;
    row w;
    int code = 0;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(object)) {
        (void)MISTAKE(r, "not a JSON object: %s", object != NULL ? "something else" : problem.text);
        tell(r, line);
    } else if (!json_row(r, object, &w)) {
        tell(r, line);
    } else {
        code = take(r, &w, line);
    }
    json_decref(object);
    return code;
}

static int read_json(reading *r, const char *text, size_t length) {
    uint64_t line = 1;
    int code = 0;
    for (size_t at = 0; at < length && code == 0; line++) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t n = end != NULL ? (size_t)(end - text) - at : length - at;
        size_t blank = 0;
        while (blank < n && strchr(" \t\r", text[at + blank]) != NULL && text[at + blank] != '\0') blank++;
        if (blank < n) code = json_line(r, text + at, n, line);
        at += n + 1;
    }
    return code;
}

/* ------------------------------------------------------------------ CSV */

static int csv_header(reading *r, const csv_record *header, field *places) {
    uint32_t seen = 0;
    if (header->error != NULL)
        return cli_usage(r->c, "%s:%llu: %s", r->path, (unsigned long long)header->line, header->error);
    for (size_t i = 0; i < header->count; i++) {
        field f = 0;
        const csv_field *name = &header->fields[i];
        while (f < FIELDS &&
               (strlen(field_names[f]) != name->length || memcmp(field_names[f], name->text, name->length) != 0))
            f++;
        if (f == FIELDS)
            return cli_usage(r->c, "%s:%llu: unknown column '%.*s'", r->path, (unsigned long long)header->line,
                             name->length < 64 ? (int)name->length : 64, name->text);
        if (seen >> f & 1)
            return cli_usage(r->c, "%s:%llu: column '%s' is there twice", r->path, (unsigned long long)header->line,
                             field_names[f]);
        seen |= 1u << f;
        places[i] = f;
    }
    if ((seen & BIT(KIND)) == 0 || (seen & BIT(SUBJECT)) == 0)
        return cli_usage(r->c, "%s:%llu: the first line must name the columns, kind and subject among them", r->path,
                         (unsigned long long)header->line);
    return 0;
}

static int csv_line(reading *r, const csv_record *record, const field *places, size_t count, buf *texts) {
    row w = {0};
    size_t offset[FIELDS] = {0};
    const char *why = record->error;
    if (why == NULL && record->count != count) why = "has another number of fields than the first line";
    if (why != NULL) {
        (void)MISTAKE(r, "%s", why);
        tell(r, record->line);
        return 0;
    }
    buf_clear(texts);
    for (size_t i = 0; i < count; i++) {
        offset[places[i]] = texts->size;
        buf_append(texts, record->fields[i].text, record->fields[i].length);
        buf_append(texts, "", 1);
    }
    if (buf_status(texts) != STATUS_OK) return cli_no_memory(r->c);
    for (size_t i = 0; i < count; i++) w.text[places[i]] = (const char *)texts->data + offset[places[i]];
    return take(r, &w, record->line);
}

/* The reader takes a descriptor: of what was read already, one in memory. */
static int read_csv(reading *r, const char *text, size_t length) {
    field places[CSV_FIELDS_MAX];
    csv_record record;
    buf texts = {0};
    int fd = memfd_create("quota-batch", MFD_CLOEXEC), code = 0;
    csv_reader *reader = fd >= 0 ? csv_reader_create(fd) : NULL;
    for (size_t at = 0; fd >= 0 && at < length;) {
        ssize_t n = write(fd, text + at, length - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    if (reader == NULL || lseek(fd, 0, SEEK_CUR) != (off_t)length || lseek(fd, 0, SEEK_SET) != 0)
        code = cli_no_memory(r->c);
    size_t count = 0;
    for (bool header = true; code == 0; header = false) {
        status s = csv_reader_next(reader, &record);
        if (s == STATUS_END) break;
        if (s != STATUS_OK)
            code = cli_no_memory(r->c);
        else if (!header)
            code = csv_line(r, &record, places, count, &texts);
        else if ((code = csv_header(r, &record, places)) == 0)
            count = record.count;
    }
    buf_deinit(&texts);
    csv_reader_destroy(&reader);
    if (fd >= 0) close(fd);
    return code;
}

/* ------------------------------------------------------------------ the whole */

static int slurp(reading *r, int fd, buf *to) {
    for (;;) {
        uint8_t *room = buf_reserve(to, 1u << 16);
        if (room == NULL) return cli_no_memory(r->c);
        ssize_t n = read(fd, room, 1u << 16);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            cli_error(r->c, "cannot read %s: %s", r->path, strerror(errno));
            return CLI_EXIT_REFUSED;
        }
        if (n == 0) return 0;
        to->size += (size_t)n;
        if (to->size > QUOTA_BATCH_BYTES)
            return cli_usage(r->c, "%s has more than %u MiB: divide it", r->path, QUOTA_BATCH_BYTES >> 20);
    }
}

static const quota_batch *sorted; /* for qsort; one thread */
static int by_id(const void *a, const void *b) {
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = memcmp(&sorted->operations[x].id, &sorted->operations[y].id, sizeof(xinyi_operation_id));
    return order != 0 ? order : (x > y) - (x < y);
}

/* An id that stands twice would be answered with the first one's answer, or refused: a slip of whoever made the file.
 */
static int check_ids(reading *r) {
    quota_batch *b = r->b;
    size_t *order = malloc((b->count + 1) * sizeof *order);
    if (order == NULL) return cli_no_memory(r->c);
    for (size_t i = 0; i < b->count; i++) order[i] = i;
    sorted = b;
    qsort(order, b->count, sizeof *order, by_id);
    for (size_t i = 1; i < b->count; i++) {
        const xinyi_operation *x = &b->operations[order[i - 1]], *y = &b->operations[order[i]];
        if (memcmp(&x->id, &y->id, sizeof x->id) != 0) continue;
        (void)MISTAKE(r, "the operation id is that of line %llu", (unsigned long long)b->lines[order[i - 1]]);
        tell(r, b->lines[order[i]]);
    }
    free(order);
    return 0;
}

static void check_last_chain(reading *r) {
    const quota_batch *b = r->b;
    if (b->count == 0 || b->mistakes > 0 || b->operations[b->count - 1].linked == 0) return;
    (void)MISTAKE(r, "the last operation is linked, so its chain does not end");
    tell(r, b->lines[b->count - 1]);
}

int quota_batch_read(cli *c, int fd, const char *path, const char *name, quota_batch *out) {
    reading r = {.c = c, .path = path, .name = name, .b = out};
    buf whole = {0};
    out->named = true;
    int code = slurp(&r, fd, &whole);
    const char *text = (const char *)whole.data;
    size_t length = whole.size, at = 0;
    if (code == 0 && length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) at = 3;
    size_t first = at;
    while (first < length && strchr(" \t\r\n", text[first]) != NULL && text[first] != '\0') first++;
    if (code == 0 && first == length) code = cli_usage(c, "%s is empty", path);
    if (code == 0)
        code = text[first] == '{' ? read_json(&r, text + at, length - at) : read_csv(&r, text + at, length - at);
    buf_deinit(&whole);
    if (code == 0) code = check_ids(&r);
    if (code != 0) return code;
    check_last_chain(&r);
    if (out->mistakes > QUOTA_BATCH_TOLD) cli_error(c, "… and %zu more mistakes", out->mistakes - QUOTA_BATCH_TOLD);
    if (out->mistakes > 0) return cli_usage(c, "nothing was sent: put the lines right first");
    return out->count > 0 ? 0 : cli_usage(c, "%s has no operations", path);
}

void quota_batch_deinit(quota_batch *b) {
    free(b->operations);
    free(b->lines);
    *b = (quota_batch){0};
}

size_t quota_batch_part(const quota_batch *b, size_t at, size_t part, size_t most) {
    size_t n = b->count - at < part ? b->count - at : part, cut = n;
    while (cut > 0 && b->operations[at + cut - 1].linked != 0) cut--;
    if (cut > 0) return cut;
    while (at + n < b->count && b->operations[at + n - 1].linked != 0) n++;
    return n <= most ? n : 0;
}
