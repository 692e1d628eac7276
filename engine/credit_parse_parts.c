/* The small parts: commitments and their deadlines, the calendar that working days follow, volunteer service. */
#include "engine/credit_parse.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ commitments */

static bool read_deadline(policy_loader *l, const policy_node *node, const char *what, period *out) {
    if (!credit_read_period(l, node, what, out)) return false;
    if (out->unit != PERIOD_NONE) return true;
    policy_error(l, node, "a commitment without a deadline is never breached; give %s a time", what);
    return false;
}

static void check_matter(policy_loader *l, const policy_node *node, const commitment_matter *list, unsigned count,
                         const commitment_matter *m) {
    for (unsigned i = 0; i < count; i++) {
        if (list[i].code == m->code)
            policy_error(l, node,
                         "matter code %u is taken by '%s'; a code means one matter for ever, give each its own",
                         m->code, list[i].id);
        if (strcmp(list[i].id, m->id) == 0)
            policy_error(l, node, "the matter '%s' is defined twice; rename or remove one", m->id);
    }
}

static bool read_matter(policy_loader *l, const policy_node *node, commitment_matter *out) {
    policy_key k[] = {{.name = "code", .required = true},
                      {.name = "id", .required = true},
                      {.name = "title"},
                      {.name = "deadline"},
                      {.name = "extension"},
                      {.name = "note"}};
    int64_t code;
    *out = (commitment_matter){0};
    if (!policy_read_keys(l, node, "a matter", k, 6) || !k[0].value || !k[1].value) return false;
    bool good = policy_read_number(l, k[0].value, "a matter's code", 1, UINT16_MAX, &code);
    out->id = policy_read_name(l, k[1].value, "a matter's id");
    out->title = k[2].value ? policy_read_text(l, k[2].value, "a matter's title") : out->id;
    if (k[3].value) good &= read_deadline(l, k[3].value, "'deadline'", &out->deadline);
    if (k[4].value) good &= read_deadline(l, k[4].value, "'extension'", &out->extension);
    if (k[5].value) (void)policy_read_text(l, k[5].value, "a note");
    if (good) out->code = (uint16_t)code;
    return good && out->id && out->title;
}

static int by_matter(const void *a, const void *b) {
    const commitment_matter *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

static void read_matters(policy_loader *l, const policy_node *node, credit_rules *out) {
    if (!policy_is_list(l, node, "'matters'")) return;
    if (node->count > LIMIT_MATTERS) {
        policy_error(l, node, "%u matters; a set has at most %d", node->count, LIMIT_MATTERS);
        return;
    }
    commitment_matter *list = CREDIT_KEEP(l, commitment_matter, node->count);
    if (!list) return;
    for (const policy_node *n = node->first; n; n = n->next) {
        commitment_matter *m = &list[out->matter_count];
        if (!read_matter(l, n, m)) continue;
        check_matter(l, n, list, out->matter_count, m);
        out->matter_count++;
    }
    qsort(list, out->matter_count, sizeof *list, by_matter);
    out->matters = list;
}

void credit_parse_commitments(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { COMMITMENTS, DEADLINE, EXTENSION, BREACH, MATTERS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[COMMITMENTS] = {.name = "commitments", .required = true},
                           [DEADLINE] = {.name = "deadline"},
                           [EXTENSION] = {.name = "extension"},
                           [BREACH] = {.name = "breach"},
                           [MATTERS] = {.name = "matters", .required = true}};
    if (!credit_read_head(l, root, "a file of commitments", k, COUNT)) return;
    if (k[COMMITMENTS].value) (void)policy_read_name(l, k[COMMITMENTS].value, "this file's id");
    if (k[DEADLINE].value) read_deadline(l, k[DEADLINE].value, "'deadline'", &c->rules->commitment_deadline);
    if (k[EXTENSION].value) read_deadline(l, k[EXTENSION].value, "'extension'", &c->rules->commitment_extension);
    if (k[BREACH].value) {
        c->breach = policy_read_name(l, k[BREACH].value, "'breach'");
        c->breach_mark = policy_mark_of(k[BREACH].value);
    } else
        policy_say(l, POLICY_WARNING, root,
                   "a breach has no consequence but being counted; write 'breach:' with the id of a record type");
    if (k[MATTERS].value) read_matters(l, k[MATTERS].value, c->rules);
}

/* ------------------------------------------------------------------ calendar */

typedef struct calendar_reader {
    policy_loader *l;
    uint16_t *days; /* of the list that is read */
    unsigned count, left;
} calendar_reader;

static bool read_day(policy_loader *l, const policy_node *node, const char *text, size_t length, int32_t *day) {
    if (clock_parse_day(text, length, day) && *day > 0 && *day < UINT16_MAX) return true;
    policy_error(l, node, "'%.*s' is no day; write 2026-05-01, or 2026-05-01..2026-05-05 in quotes", (int)length, text);
    return false;
}

static void read_days_of(calendar_reader *r, const policy_node *node) {
    int32_t from, to;
    if (node->kind != NODE_TEXT || node->length > 32) {
        policy_error(r->l, node, "a day is written 2026-05-01, several as '2026-05-01..2026-05-05'");
        return;
    }
    const char *dots = strstr(node->text, "..");
    size_t first = dots ? (size_t)(dots - node->text) : node->length;
    if (!read_day(r->l, node, node->text, first, &from)) return;
    to = from;
    if (dots && !read_day(r->l, node, dots + 2, node->length - first - 2, &to)) return;
    if (to < from) {
        policy_error(r->l, node, "the range ends before it begins; write the earlier day first");
        return;
    }
    if ((uint32_t)(to - from) >= r->left) {
        policy_error(r->l, node, "more than %d days; keep a calendar of fewer years", LIMIT_CALENDAR_DAYS);
        return;
    }
    for (int32_t day = from; day <= to; day++) {
        char date[CLOCK_DATE_TEXT];
        for (unsigned i = 0; i < r->count; i++)
            if (r->days[i] == day)
                policy_say(r->l, POLICY_WARNING, node, "%s stands here twice; remove one", clock_format_day(day, date));
        r->days[r->count++] = (uint16_t)day;
        r->left--;
    }
}

static int by_day(const void *a, const void *b) { return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b; }

static const uint16_t *read_days(calendar_reader *r, const policy_node *node, const char *what, unsigned *count) {
    *count = 0;
    r->count = 0;
    r->days = CREDIT_KEEP(r->l, uint16_t, r->left);
    if (!node || !r->days || !policy_is_list(r->l, node, what)) return NULL;
    for (const policy_node *n = node->first; n; n = n->next) read_days_of(r, n);
    qsort(r->days, r->count, sizeof *r->days, by_day);
    *count = r->count;
    return r->days;
}

static void read_weekend(policy_loader *l, const policy_node *node, credit_rules *out) {
    static const char *const DAYS[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    unsigned day;
    if (!policy_is_list(l, node, "'weekend'")) return;
    out->weekend = 0;
    for (const policy_node *n = node->first; n; n = n->next)
        if (credit_read_word(l, n, "day of the week", DAYS, 7, &day)) out->weekend |= (uint8_t)(1u << day);
    if (out->weekend == 0x7F) policy_error(l, node, "a week without working days; leave some out");
}

static void check_calendar(policy_loader *l, const policy_node *workdays, const credit_rules *r) {
    char date[CLOCK_DATE_TEXT];
    credit_rules plain = {.weekend = r->weekend};
    for (unsigned i = 0; i < r->workday_count; i++) {
        int32_t day = r->workdays[i];
        bool holiday = r->holiday_count > 0 &&
                       bsearch(&r->workdays[i], r->holidays, r->holiday_count, sizeof *r->holidays, by_day) != NULL;
        if (holiday)
            policy_error(l, workdays, "%s is a holiday and a shifted working day; remove it from one of them",
                         clock_format_day(day, date));
        else if (credit_is_working_day(&plain, day))
            policy_say(l, POLICY_WARNING, workdays,
                       "%s is a working day anyway; 'workdays' are weekend days on which people work",
                       clock_format_day(day, date));
    }
}

void credit_parse_calendar(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { CALENDAR, WEEKEND, HOLIDAYS, WORKDAYS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[CALENDAR] = {.name = "calendar", .required = true},
                           [WEEKEND] = {.name = "weekend"},
                           [HOLIDAYS] = {.name = "holidays", .required = true},
                           [WORKDAYS] = {.name = "workdays"}};
    credit_rules *out = c->rules;
    calendar_reader r = {.l = l, .left = LIMIT_CALENDAR_DAYS};
    if (!credit_read_head(l, root, "a calendar", k, COUNT)) return;
    if (k[CALENDAR].value) (void)policy_read_name(l, k[CALENDAR].value, "a calendar's id");
    if (k[WEEKEND].value) read_weekend(l, k[WEEKEND].value, out);
    out->holidays = read_days(&r, k[HOLIDAYS].value, "'holidays'", &out->holiday_count);
    out->workdays = read_days(&r, k[WORKDAYS].value, "'workdays'", &out->workday_count);
    if (k[WORKDAYS].value) check_calendar(l, k[WORKDAYS].value, out);
}

/* ------------------------------------------------------------------ service */

#define MINUTES_A_DAY 1440
#define STARS_MAX 10

/* "100 h", "90 min". A number alone is refused: whether hours or minutes were meant cannot be seen. */
static bool read_minutes(policy_loader *l, const policy_node *node, uint32_t *minutes) {
    uint64_t n = 0;
    size_t at = 0, length = node->kind == NODE_TEXT ? node->length : 0;
    for (; at < length && at < 8 && node->text[at] >= '0' && node->text[at] <= '9'; at++)
        n = n * 10 + (uint64_t)(node->text[at] - '0');
    const char *unit = length ? node->text + at : "?";
    bool hours = strcmp(unit, " h") == 0;
    if (at == 0 || n == 0 || !(hours || strcmp(unit, " min") == 0)) {
        policy_error(l, node, "service is counted in hours or minutes: '100 h', '90 min'");
        return false;
    }
    n *= hours ? 60 : 1;
    if (n > UINT32_MAX) {
        policy_error(l, node, "more hours than can be counted");
        return false;
    }
    *minutes = (uint32_t)n;
    return true;
}

static void read_stars(policy_loader *l, const policy_node *node, credit_rules *out) {
    if (!policy_is_list(l, node, "'stars'")) return;
    if (node->count == 0 || node->count > STARS_MAX) {
        policy_error(l, node, "%u stars; write 1 to %d rising times", node->count, STARS_MAX);
        return;
    }
    uint32_t *stars = CREDIT_KEEP(l, uint32_t, node->count);
    unsigned n = 0;
    if (!stars) return;
    for (const policy_node *star = node->first; star; star = star->next) {
        if (!read_minutes(l, star, &stars[n])) return;
        if (n > 0 && stars[n] <= stars[n - 1]) {
            policy_error(l, star, "each star takes more than the one before; write rising times");
            return;
        }
        n++;
    }
    out->star_minutes = stars;
    out->star_count = n;
}

void credit_parse_service(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { SERVICE, A_DAY, STARS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[SERVICE] = {.name = "service", .required = true},
                           [A_DAY] = {.name = "max_minutes_a_day"},
                           [STARS] = {.name = "stars"}};
    int64_t minutes;
    if (!credit_read_head(l, root, "a file of volunteer service", k, COUNT)) return;
    if (k[SERVICE].value) (void)policy_read_name(l, k[SERVICE].value, "this file's id");
    if (k[A_DAY].value && policy_read_number(l, k[A_DAY].value, "max_minutes_a_day", 1, MINUTES_A_DAY, &minutes))
        c->rules->service_minutes_a_day = (uint32_t)minutes;
    if (k[STARS].value) read_stars(l, k[STARS].value, c->rules);
}
