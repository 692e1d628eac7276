/* What people write about reports: ids, days, hours, rows of files; and what must not be published. */
#include "base/buf.h"
#include "base/clock.h"
#include "client/cli/masking.h"
#include "client/cli/report_import.h"
#include "client/cli/reporting.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ ids */

Test(reporting, ids_are_texts_or_digits) {
    xinyi_operation_id id;
    char text[REPORTING_ID_TEXT];
    cr_assert(reporting_parse_id("T-2026-118", 10, &id));
    cr_assert_eq(memcmp(id.bytes, "T-2026-118\0\0\0\0\0\0", 16), 0);
    cr_assert_str_eq(reporting_format_id(&id, text), "T-2026-118");
    cr_assert(reporting_parse_id("0190F3A1b2c37d8e9fa0b1c2d3e4f506", 32, &id));
    cr_assert_eq(id.bytes[1], 0x90);
    cr_assert_str_eq(reporting_format_id(&id, text), "0190f3a1b2c37d8e9fa0b1c2d3e4f506");
    cr_assert(reporting_parse_id("云税罚一二", 15, &id), "15 bytes");
    cr_assert_str_eq(reporting_format_id(&id, text), "云税罚一二");
    cr_assert(reporting_parse_id("0123456789abcdef", 16, &id), "16 bytes are a text");
    cr_assert_eq(id.bytes[0], '0');
    static const char *const bad[] = {"",
                                      "12345678901234567",
                                      "a\tb",
                                      "\xFF",
                                      "00000000000000000000000000000000",
                                      "0190f3a1b2c37d8e9fa0b1c2d3e4f50g"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(reporting_parse_id(bad[i], strlen(bad[i]), &id), "'%s'", bad[i]);
}

/* Whatever 16 bytes are: what is shown names the same id again. */
Test(reporting, what_is_shown_can_be_written) {
    unsigned seed = 20261124;
    char text[REPORTING_ID_TEXT], hex[XINYI_OPERATION_TEXT], again[REPORTING_ID_TEXT];
    for (int n = 0; n < 20000; n++) {
        xinyi_operation_id id = {0}, back;
        size_t length = (size_t)(rand_r(&seed) % 16) + 1;
        for (size_t i = 0; i < length; i++)
            id.bytes[i] = (uint8_t)(n % 2 == 0 ? rand_r(&seed) % 95 + 32 : rand_r(&seed) % 255 + 1);
        if (n % 5 == 0) id.bytes[rand_r(&seed) % 16] = 0;
        static const xinyi_operation_id zero;
        if (memcmp(&id, &zero, sizeof id) == 0) continue;
        reporting_format_id(&id, text);
        cr_assert(reporting_parse_id(text, strlen(text), &back), "'%s'", text);
        cr_assert_eq(memcmp(&id, &back, sizeof id), 0, "'%s'", text);
        cr_assert_str_eq(reporting_show_id(xinyi_operation_format(&id, hex), again), text);
    }
}

/* ------------------------------------------------------------------ days and hours */

Test(reporting, days_exist) {
    uint16_t day;
    cr_assert(reporting_parse_day("2026-11-24", 10, &day));
    cr_assert_eq(day, clock_day_from_date(2026, 11, 24));
    static const char *const bad[] = {"",           "2026-02-29", "2026-11-24T08", "24.11.2026",
                                      "1969-12-31", "1970-01-01", "2199-01-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(reporting_parse_day(bad[i], strlen(bad[i]), &day), "'%s'", bad[i]);
}

Test(reporting, hours_are_exact_to_the_minute) {
    static const struct {
        const char *text;
        uint32_t minutes;
    } good[] = {{"4", 240}, {"1.5", 90}, {"0.25", 15}, {"0.05", 3}, {"100000", 6000000}, {"2.50", 150}};
    uint32_t minutes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert(reporting_parse_hours(good[i].text, strlen(good[i].text), &minutes), "%s", good[i].text);
        cr_assert_eq(minutes, good[i].minutes, "%s", good[i].text);
    }
    static const char *const bad[] = {"",     "0",   "0.00", "-1",  "1.",     ".5", "1.333",
                                      "0.33", "1,5", "4h",   "1e3", "100001", " 4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(reporting_parse_hours(bad[i], strlen(bad[i]), &minutes), "'%s'", bad[i]);
}

/* ------------------------------------------------------------------ publication */

Test(reporting, names_keep_their_first_character) {
    char to[MASKING_NAME];
    cr_assert_str_eq(masking_name("张三丰", to), "张**");
    cr_assert_str_eq(masking_name("李四", to), "李*");
    cr_assert_str_eq(masking_name("王", to), "王");
    cr_assert_str_eq(masking_name("", to), "");
    cr_assert_str_eq(masking_name("Anna B", to), "A*****");
    char longest[97];
    memset(longest, 'x', 96);
    longest[96] = '\0';
    masking_name(longest, to);
    cr_assert_eq(strlen(to), 96);
    cr_assert_eq(strspn(to + 1, "*"), 95);
}

Test(reporting, references_name_nobody) {
    cr_assert_str_eq(masking_reference("云税罚〔2026〕1号", "张三丰"), "云税罚〔2026〕1号");
    cr_assert_str_eq(masking_reference("张三丰案", "张三丰"), "");
    cr_assert_str_eq(masking_reference("案530000199001010011", "张三丰"), "");
    cr_assert_str_eq(masking_reference("案53000019900101", "张三丰"), "案53000019900101", "14 digits are no number");
    cr_assert_str_eq(masking_reference("云信〔2026〕8号", ""), "云信〔2026〕8号");
}

/* ------------------------------------------------------------------ rows of files */

/* A line as a record. */
static csv_record record_of(const char *line, csv_field fields[16]) {
    csv_record r = {.fields = fields, .line = 2, .raw = line, .raw_length = strlen(line)};
    for (const char *p = line;; p++) {
        const char *end = p + strcspn(p, ",");
        fields[r.count++] = (csv_field){p, (size_t)(end - p)};
        if (*end == '\0') return r;
        p = end;
    }
}

static bool header(report_import_kind kind, const char *line, report_columns *k, char *why) {
    csv_field fields[16];
    csv_record r = record_of(line, fields);
    return report_columns_from_header(kind, &r, k, why, 512);
}

Test(reporting, headers_are_understood_or_explained) {
    report_columns k;
    char why[512];
    cr_assert(header(REPORT_IMPORT_RECORDS, "id,subject,day,type,ref", &k, why), "%s", why);
    cr_assert_eq(k.at[REPORT_COLUMN_SUBJECT], 1);
    cr_assert_eq(k.at[REPORT_COLUMN_ACTION], -1);
    cr_assert(header(REPORT_IMPORT_SERVICE, "subject,hours,day,id", &k, why), "%s", why);
    static const struct {
        report_import_kind kind;
        const char *line, *why;
    } bad[] = {
        {REPORT_IMPORT_RECORDS, "subject,day,type", "no column 'id'"},
        {REPORT_IMPORT_RECORDS, "subject,day,typ,id", "did you mean 'type'"},
        {REPORT_IMPORT_RECORDS, "subject,day,type,id,minutes", "unknown column 'minutes'"},
        {REPORT_IMPORT_RECORDS, "subject,day,type,id,day", "column 'day' is there twice"},
        {REPORT_IMPORT_RECORDS, "day,type,id", "no column 'subject'"},
        {REPORT_IMPORT_SERVICE, "subject,day,id", "'minutes' and 'hours'"},
        {REPORT_IMPORT_SERVICE, "subject,day,id,minutes,hours", "'minutes' and 'hours'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(header(bad[i].kind, bad[i].line, &k, why), "%s", bad[i].line);
        cr_assert(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].line, why);
    }
}

static bool row(const report_columns *k, const rulebook *book, const char *line, xinyi_report_entry *e, char *why) {
    csv_field fields[16];
    csv_record r = record_of(line, fields);
    return report_columns_parse(k, &r, book, 20800, e, why, 512);
}

Test(reporting, rows_become_reports) {
    report_columns k;
    char why[512];
    xinyi_report_entry e;
    rulebook book = {.document = json_loads("{\"types\":[{\"code\":101,\"id\":\"late_filing\"}]}", 0, NULL)};
    cr_assert(header(REPORT_IMPORT_RECORDS, "subject,type,day,id,ref,action,target", &k, why));
    cr_assert(row(&k, &book, "uscc:91530000MA00TTT099,late_filing,2026-11-02,T-1,文1,,", &e, why), "%s", why);
    cr_assert(e.kind == XINYI_RECORD_ADD && e.type == 101 && e.day == clock_day_from_date(2026, 11, 2));
    cr_assert_str_eq(e.text, "文1");
    cr_assert_eq(memcmp(e.id.bytes, "T-1", 4), 0);
    cr_assert(row(&k, &book, "uscc:91530000MA00TTT099,9,2026-11-02,T-2,,add,", &e, why), "a number stands for itself");
    cr_assert_eq(e.type, 9);
    cr_assert(row(&k, &book, "uscc:91530000MA00TTT099,,2026-11-03,T-3,,repair,T-1", &e, why), "%s", why);
    cr_assert(e.kind == XINYI_RECORD_REPAIR && e.type == 0 && memcmp(e.target.bytes, "T-1", 4) == 0);
    cr_assert(row(&k, &book, "uscc:91530000MA00TTT099,,2026-11-03,T-4,,revoke,T-1", &e, why), "%s", why);
    cr_assert(e.kind == XINYI_RECORD_REVOKE && e.day == 0);
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"uscc:91530000MA00TTT098,101,2026-11-02,T-1,,,", "subject: "},
        {"uscc:91530000MA00TTT099,late,2026-11-02,T-1,,,", "no type of the catalogue"},
        {"uscc:91530000MA00TTT099,101,02.11.2026,T-1,,,", "day: '02.11.2026' is not a day"},
        {"uscc:91530000MA00TTT099,101,2026-11-02,,,,", "id: '' is not"},
        {"uscc:91530000MA00TTT099,101,2026-11-02,T-1,,forget,", "is not add, repair or revoke"},
        {"uscc:91530000MA00TTT099,101,2026-11-02,T-1,,repair,T-0", "type: '101' must be empty"},
        {"uscc:91530000MA00TTT099,,2026-11-02,T-1,,repair,", "target: '' is not the id"},
        {"uscc:91530000MA00TTT099,101,2026-11-02,T-1,,add,T-0", "target: 'T-0' must be empty"},
        {"uscc:91530000MA00TTT099,101,2026-11-02,T-1,123456789012345678901234567890123,,", "longer than 32 bytes"},
        {"uscc:91530000MA00TTT099,101", "2 fields, but the header has 7"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(row(&k, &book, bad[i].line, &e, why), "%s", bad[i].line);
        cr_assert(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].line, why);
    }
    json_decref(book.document);
}

Test(reporting, rows_of_service) {
    report_columns k;
    char why[512];
    xinyi_report_entry e;
    rulebook none = {0};
    cr_assert(header(REPORT_IMPORT_SERVICE, "subject,hours,day,id", &k, why));
    cr_assert(row(&k, &none, "id:530000199001010011,5.5,2026-11-02,E-1", &e, why), "%s", why);
    cr_assert(e.kind == XINYI_SERVICE_ADD && e.value == 330);
    cr_assert_not(row(&k, &none, "id:530000199001010011,5.55555,2026-11-02,E-1", &e, why));
    cr_assert(header(REPORT_IMPORT_SERVICE, "minutes,subject,day,id", &k, why));
    cr_assert(row(&k, &none, "45,id:530000199001010011,2026-11-02,E-1", &e, why), "%s", why);
    cr_assert_eq(e.value, 45);
    cr_assert_not(row(&k, &none, "0,id:530000199001010011,2026-11-02,E-1", &e, why));
    cr_assert_not(row(&k, &none, "1.5,id:530000199001010011,2026-11-02,E-1", &e, why));
}
