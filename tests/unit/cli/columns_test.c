#include "client/cli/columns.h"

#include "base/clock.h"
#include "client/cli/when.h"

#include <criterion/criterion.h>
#include <string.h>

#define TODAY 20781 /* 2026-11-24 */

/* Splits at commas, as csv_reader would for a line without quotes. */
static csv_record record_of(const char *text, csv_field fields[CSV_FIELDS_MAX]) {
    csv_record r = {.fields = fields, .line = 1, .raw = text, .raw_length = strlen(text)};
    const char *p = text;
    for (;;) {
        size_t n = strcspn(p, ",");
        fields[r.count++] = (csv_field){p, n};
        if (p[n] == '\0') return r;
        p += n + 1;
    }
}

static csv_field header_fields[CSV_FIELDS_MAX], row_fields[CSV_FIELDS_MAX];
static columns cols;
static columns_row row;
static char why[2048];

static void header(const char *text) {
    csv_record r = record_of(text, header_fields);
    cr_assert(columns_from_header(&r, &cols, why, sizeof why), "%s: %s", text, why);
}
static const char *bad_header(const char *text) {
    csv_record r = record_of(text, header_fields);
    cr_assert(!columns_from_header(&r, &cols, why, sizeof why), "%s", text);
    return why;
}
static void good(const char *text) {
    csv_record r = record_of(text, row_fields);
    cr_assert(columns_parse(&cols, &r, TODAY, &row, why, sizeof why), "%s: %s", text, why);
}
static const char *bad(const char *text) {
    csv_record r = record_of(text, row_fields);
    cr_assert(!columns_parse(&cols, &r, TODAY, &row, why, sizeof why), "%s", text);
    return why;
}
#define CONTAINS(text, part) cr_expect(strstr(text, part) != NULL, "<%s> has no <%s>", text, part)
#define BIT(name) (UINT64_C(1) << FIELD_##name)

Test(columns, header) {
    header("subject,tax_grade,energy_12m_mwh");
    cr_expect_eq(cols.subject, 0);
    cr_expect_eq(cols.field[1]->number, FIELD_tax_grade);
    cr_expect_eq(cols.account[2], COLUMNS_ENERGY_12M);
    cr_expect(cols.has_account);
    header("tax_grade,id");
    cr_expect_eq(cols.subject, 1);
    cr_expect_not(cols.has_account);
}

Test(columns, header_mistakes_are_named) {
    CONTAINS(bad_header("subject,tax_grad"), "unknown column 'tax_grad'; did you mean 'tax_grade'?");
    CONTAINS(bad_header("subject,xyzzyxyzzy"), "deposit_fen");
    CONTAINS(bad_header("subject,bond_fe"), "did you mean 'bond_fen'?");
    CONTAINS(bad_header("subject,tax_grade,tax_grade"), "there twice");
    CONTAINS(bad_header("subject,bond_fen,bond_fen"), "there twice");
    CONTAINS(bad_header("subject,id"), "two columns");
    CONTAINS(bad_header("tax_grade"), "no column 'subject'");
    CONTAINS(bad_header("subject,change_day"), "computed by the server");
    CONTAINS(bad_header("subject;tax_grade"), "commas");
    CONTAINS(bad_header("\xFF\xFEs"), "UTF-16");
    CONTAINS(bad_header("id:530000199001010011,A"), "unknown column");
}

Test(columns, a_row_sets_what_it_gives) {
    header("subject,tax_grade,public_score,retailer,negative_points,since_day,sector,division,consent_loan");
    good("uscc:91530000MA00TTT099,A,812,true,3.5,2019-02-03,D44,530102,0");
    cr_expect_eq(row.mask, BIT(tax_grade) | BIT(public_score) | BIT(retailer) | BIT(negative_points) | BIT(since_day) |
                               BIT(sector) | BIT(division) | BIT(consent_loan));
    cr_expect_eq(row.fields.tax_grade, TAX_A);
    cr_expect_eq(row.fields.public_score, 812);
    cr_expect_eq(row.fields.roles, PROFILE_ROLE_RETAILER);
    cr_expect_eq(row.fields.negative_points, 350);
    cr_expect_eq(row.fields.since_day, clock_day_from_date(2019, 2, 3));
    cr_expect_eq(row.fields.sector, 444);
    cr_expect_eq(row.fields.division, 530102);
    cr_expect_eq(row.fields.flags, 0);
    cr_expect_eq(row.account, 0);
}

Test(columns, empty_cells_leave_and_dashes_clear) {
    header("subject,tax_grade,public_score,retailer");
    good("id:530000199001010011,,,");
    cr_expect_eq(row.mask, 0);
    good("id:530000199001010011,-,-,-");
    cr_expect_eq(row.mask, BIT(tax_grade) | BIT(public_score) | BIT(retailer));
    cr_expect_eq(row.fields.tax_grade, TAX_UNRATED);
    cr_expect_eq(row.fields.public_score, PROFILE_UNRATED);
    /* nothing is left over from the row before */
    good("id:530000199001010011,A,1,true");
    good("id:530000199001010011,,,");
    cr_expect_eq(row.mask, 0);
    cr_expect_eq(row.fields.tax_grade, TAX_UNRATED);
}

Test(columns, row_mistakes_are_named) {
    header("subject,tax_grade,public_score,energy_12m_mwh,deposit_fen,bond_fen,bond_from,bond_to");
    CONTAINS(bad("id:530000199001010012,,,,,,,"), "subject: 'id:530000199001010012'");
    CONTAINS(bad("530000199001010011,,,,,,,"), "subject");
    CONTAINS(bad(",,,,,,,"), "subject");
    CONTAINS(bad("id:530000209912310011,,,,,,,"), "subject"); /* born in the future */
    CONTAINS(bad("id:530000199001010011,Q,,,,,,"), "tax_grade: 'Q' is not one of D C B A M");
    /* shortened between characters */
    CONTAINS(bad("id:530000199001010011,一二三四五六七八九十一二三四五,,,,,,"),
             "tax_grade: '一二三四五六七八九十一二三…' is not");
    CONTAINS(bad("id:530000199001010011,xy一二三四五六七八九十一二三四五,,,,,,"),
             "tax_grade: 'xy一二三四五六七八九十一二…' is not");
    CONTAINS(bad("id:530000199001010011,,1001,,,,,"), "public_score: '1001' is not 0 to 1000");
    CONTAINS(bad("id:530000199001010011,,-1,,,,,"), "public_score");
    CONTAINS(bad("id:530000199001010011,,,1.5,,,,"), "energy_12m_mwh: '1.5'");
    CONTAINS(bad("id:530000199001010011,,,,0,,,"), "deposit_fen: '0'");
    CONTAINS(bad("id:530000199001010011,,,,-5,,,"), "deposit_fen");
    CONTAINS(bad("id:530000199001010011,,,,1000000000000001,,,"), "deposit_fen");
    CONTAINS(bad("id:530000199001010011,,,,,100,2026-02-30,"), "bond_from: '2026-02-30'");
    CONTAINS(bad("id:530000199001010011,,,,,100,,soon"), "bond_to: 'soon'");
    CONTAINS(bad("id:530000199001010011,,,,,,2026-01-01,"), "need a bond_fen");
    CONTAINS(bad("id:530000199001010011,A"), "2 fields, but the header has 8");
    CONTAINS(bad("id:530000199001010011,,,,,,,,"), "9 fields, but the header has 8");
    csv_record broken = {.error = "a quoted field is not closed"};
    cr_expect_not(columns_parse(&cols, &broken, TODAY, &row, why, sizeof why));
    cr_expect_str_eq(why, "a quoted field is not closed");
}

Test(columns, accounts) {
    header("subject,energy_12m_mwh,retail_2m_mwh,forecast_12m_gwh,deposit_fen,bond_fen,bond_from,bond_to,other_"
           "instruments");
    good("uscc:91530000MA00TTT099,1200000,,7,500,900,2026-01-01,2026-12-31,group_guarantee:9:100::;bond:3:5:2026-01-"
         "01T09:2027-01-01");
    cr_expect_eq(row.account, 1u << COLUMNS_ENERGY_12M | 1u << COLUMNS_FORECAST_12M | 1u << COLUMNS_DEPOSIT |
                                  1u << COLUMNS_BOND | 1u << COLUMNS_BOND_FROM | 1u << COLUMNS_BOND_TO |
                                  1u << COLUMNS_OTHER);
    cr_expect_eq(row.energy[COLUMNS_ENERGY_12M], 1200000);
    cr_expect_eq(row.energy[COLUMNS_FORECAST_12M], 7);
    cr_assert_eq(row.instrument_count, 4);
    const xinyi_instrument *i = row.instruments;
    cr_expect(i[0].id == 1 && i[0].kind == XINYI_DEPOSIT && i[0].amount_fen == 500 && i[0].from_hour == 0 &&
              i[0].to_hour == WHEN_NO_END);
    cr_expect(i[1].id == 2 && i[1].kind == XINYI_BOND && i[1].amount_fen == 900);
    cr_expect_eq(i[1].to_hour - i[1].from_hour, 365 * 24);
    cr_expect(i[2].id == 9 && i[2].kind == XINYI_GROUP_GUARANTEE && i[2].amount_fen == 100 &&
              i[2].to_hour == WHEN_NO_END);
    cr_expect(i[3].id == 3 && i[3].from_hour == i[1].from_hour + 9);
    good("uscc:91530000MA00TTT099,,,,,,,,");
    cr_expect_eq(row.instrument_count, 0);
    CONTAINS(bad("uscc:91530000MA00TTT099,,,,,,,,bond:3"), "other_instruments");
    CONTAINS(bad("uscc:91530000MA00TTT099,,,,,,,,paper:3:5::"), "deposit, bond or group_guarantee");
    CONTAINS(bad("uscc:91530000MA00TTT099,,,,,,,,bond:0:5::"), "number");
    CONTAINS(bad("uscc:91530000MA00TTT099,,,,,,,,bond:3:x::"), "fen");
    CONTAINS(bad("uscc:91530000MA00TTT099,,,,,,,,bond:1:1::;bond:2:1::;bond:3:1::;bond:4:1::;bond:5:1::;bond:6:1::;"
                 "bond:7:1::;bond:8:1::;bond:9:1::"),
             "more than an account can hold");
}

/* What export writes is what import reads: every field, every kind of instrument. */
Test(columns, written_rows_parse_to_the_same) {
    subject_id id;
    cr_assert_eq(subject_parse("uscc:91530000MA00TTT099", 23, TODAY, &id).verdict, SUBJECT_VALID);
    profile p;
    profile_init(&p, &id);
    p.public_score = 812, p.tax_grade = TAX_M, p.public_grade = PUBLIC_EXCELLENT, p.negative_points = 305;
    p.division = 530102, p.sector = 444, p.flags = PROFILE_FLAG_RED_LIST | PROFILE_FLAG_CONSENT_POWER;
    p.roles = PROFILE_ROLE_USER, p.since_day = 12345, p.volunteer_minutes = 4000000000u, p.slots[2] = 7;
    p.form = FORM_COOPERATIVE, p.market_grade = MARKET_AAA, p.open_commitments = 255;
    uint32_t now = 498744;
    const xinyi_instrument instruments[] = {
        {.id = 1, .kind = XINYI_DEPOSIT, .amount_fen = 55, .from_hour = now - 5, .to_hour = WHEN_NO_END},
        {.id = 2, .kind = XINYI_BOND, .amount_fen = 66, .from_hour = now - 77, .to_hour = now + 1001},
        {.id = UINT64_MAX, .kind = XINYI_GROUP_GUARANTEE, .amount_fen = 77, .from_hour = now, .to_hour = WHEN_NO_END},
        {.id = 4, .kind = XINYI_DEPOSIT, .amount_fen = 88, .from_hour = now + 3, .to_hour = now + 24},
    };
    columns_export a = {.energy = {1, 2, 3, 4}, .instruments = instruments, .instrument_count = 4};
    buf head = {0}, line = {0};
    columns_write_header(&head);
    columns_write_row(&line, &id, &p, &a, now);
    head.size--, line.size--; /* without the newlines */
    header(buf_cstr(&head));
    good(buf_cstr(&line));
    cr_expect_eq(row.mask & BIT(tax_grade), BIT(tax_grade));
    cr_expect_eq(row.mask & BIT(composite_score), 0); /* missing: an empty cell */
    cr_expect_arr_eq(&row.fields, &p, sizeof p);
    for (int i = 0; i < COLUMNS_ENERGIES; i++) cr_expect_eq(row.energy[i], i + 1);
    cr_assert_eq(row.instrument_count, 4);
    cr_expect_eq(row.instruments[0].from_hour, 0); /* a deposit that is valid already: from now */
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(row.instruments[i].id, instruments[i].id, "%d", i);
        cr_expect_eq(row.instruments[i].kind, instruments[i].kind, "%d", i);
        cr_expect_eq(row.instruments[i].amount_fen, instruments[i].amount_fen, "%d", i);
        if (i > 0) cr_expect_eq(row.instruments[i].from_hour, instruments[i].from_hour, "%d", i);
        cr_expect_eq(row.instruments[i].to_hour, instruments[i].to_hour, "%d", i);
    }
    /* without account, without profile */
    buf_clear(&line);
    columns_write_row(&line, &id, NULL, NULL, now);
    line.size--;
    good(buf_cstr(&line));
    cr_expect_eq(row.mask, 0);
    cr_expect_eq(row.account, 0);
    buf_deinit(&head);
    buf_deinit(&line);
}
