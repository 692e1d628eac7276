/* Index → subject: a Feistel permutation over the index shuffles the rows; the permuted index says whether it is a
 * person or an entity, and which one. A person's rank is looked up in the cumulative numbers of births by day, which
 * gives birth date and sequence number; an entity's rank is spread over the organisation codes by an affine map. Both
 * are one to one, so numbers are unique without remembering any. What else a row holds comes from a generator seeded by
 * seed and rank.
 *
 * Cost: about 0.3 µs a row; memory: 26,000 birth dates and a lookup table of counties. */
#include "client/cli/province.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/division.h"
#include "base/profile.h"
#include "base/subject.h"

#include <stdlib.h>
#include <string.h>

#define AGE_MIN 18
#define AGE_MAX 90
#define COUNTY_SLOTS 4096
#define ORGANISATIONS UINT64_C(887503681) /* 31^6 */
#define ROUNDS 6                          /* even, so that the halves of the permutation end where they began */

typedef struct birth {
    uint64_t weight_before; /* of all days before this one */
    uint32_t date;          /* 19900101 */
    uint32_t first_number;  /* where the day's sequence numbers begin */
} birth;

struct province {
    province_options options;
    province_counts counts;
    uint64_t keys[ROUNDS];
    unsigned left_bits, right_bits;
    uint64_t organisation_offset;
    size_t days;   /* births[days] is the end: the weight of all */
    birth *births; /* owned */
    uint32_t counties[COUNTY_SLOTS];
};

/* ------------------------------------------------------------------ chance */

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* splitmix64 */
typedef struct dice {
    uint64_t state;
} dice;

static uint64_t roll(dice *d) { return mix(d->state += UINT64_C(0x9e3779b97f4a7c15)); }
static uint32_t below(dice *d, uint32_t n) { return (uint32_t)((roll(d) >> 32) * n >> 32); }
static bool chance(dice *d, uint32_t per_10000) { return below(d, 10000) < per_10000; }
static int64_t between(dice *d, int64_t low, int64_t high) { return low + below(d, (uint32_t)(high - low + 1)); }

/* Bell-shaped: the sum of four 16-bit values has mean 131,070 and standard deviation 37,837. */
static int64_t bell(dice *d, int64_t mean, int64_t deviation, int64_t low, int64_t high) {
    uint64_t r = roll(d);
    int64_t sum = (int64_t)((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48));
    int64_t v = mean + (sum - 131070) * deviation / 37837;
    return v < low ? low : v > high ? high : v;
}

/* Which entry of a table of shares; the shares add up to `total`. */
static size_t pick(dice *d, const uint16_t *shares, size_t n, uint32_t total) {
    uint32_t r = below(d, total);
    size_t i = 0;
    while (i + 1 < n && r >= shares[i]) r -= shares[i++];
    return i;
}

/* ------------------------------------------------------------------ the permutation of rows */

static void permutation_init(province *p) {
    unsigned bits = 2;
    while (UINT64_C(1) << bits < p->options.subjects) bits++;
    p->left_bits = bits / 2;
    p->right_bits = bits - p->left_bits;
    for (unsigned i = 0; i < ROUNDS; i++) p->keys[i] = mix(p->options.seed ^ mix(i + 1)) | 1;
}

/* Walks along the cycle until it is below `subjects` again: less than two steps on average. */
static uint64_t permute(const province *p, uint64_t index) {
    do {
        unsigned a = p->left_bits, b = p->right_bits;
        uint64_t left = index >> b, right = index & ((UINT64_C(1) << b) - 1);
        for (unsigned i = 0; i < ROUNDS; i++) {
            uint64_t f = (right + p->keys[i]) * p->keys[i];
            f = (f ^ f >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 32;
            uint64_t turned = (left ^ f) & ((UINT64_C(1) << a) - 1);
            left = right;
            right = turned;
            unsigned c = a;
            a = b;
            b = c;
        }
        index = left << b | right;
    } while (index >= p->options.subjects);
    return index;
}

/* ------------------------------------------------------------------ people and places */

/* Relative number of people by age, from 18 in steps of five years: 18–19, 20–24, … 85–90. */
static unsigned age_weight(int age) {
    static const uint8_t weight[] = {11, 11, 13, 17, 16, 14, 15, 18, 16, 11, 10, 7, 4, 3, 1};
    int step = age / 5 - 3;
    int last = (int)sizeof weight - 1;
    return weight[step > last ? last : step];
}

static status births_init(province *p) {
    int32_t first = clock_add_months(p->options.day, -AGE_MAX * 12),
            last = clock_add_months(p->options.day, -AGE_MIN * 12);
    p->days = (size_t)(last - first) + 1;
    p->births = calloc(p->days + 1, sizeof *p->births);
    if (p->births == NULL) return STATUS_NO_MEMORY;
    uint64_t weight = 0;
    unsigned most = 0;
    for (size_t i = 0; i < p->days; i++) {
        int y, m, d;
        clock_date_from_day(first + (int32_t)i, &y, &m, &d);
        unsigned w = age_weight((int)((p->options.day - first - (int32_t)i) * INT64_C(10000) / 3652425));
        p->births[i] = (birth){.weight_before = weight,
                               .date = (uint32_t)(y * 10000 + m * 100 + d),
                               .first_number = (uint32_t)(mix(p->options.seed ^ (uint64_t)i << 20) % 1000)};
        weight += w;
        if (w > most) most = w;
    }
    p->births[p->days].weight_before = weight;
    CHECK(p->counts.persons * most / weight + 1 <= 100000); /* PROVINCE_SUBJECTS_MAX sees to it */
    return STATUS_OK;
}

/* How many persons were born before day i. */
static uint64_t born_before(const province *p, size_t i) {
    return p->counts.persons * p->births[i].weight_before / p->births[p->days].weight_before;
}

/* Population of the prefectures in thousands (2020 census). */
static const struct {
    uint32_t code;
    uint32_t thousands;
} prefectures[] = {
    {530100, 8460}, {530300, 5766}, {530400, 2250}, {530500, 2431}, {530600, 5093}, {530700, 1254},
    {530800, 2405}, {530900, 2258}, {532300, 2417}, {532500, 4478}, {532600, 3503}, {532800, 1301},
    {532900, 3338}, {533100, 1316}, {533300, 553},  {533400, 388},
};

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

/* Within a prefecture, districts weigh 4, cities 3 and counties 2; 0 for what is no current county. */
static uint32_t county_weight(const division *d) {
    if (d->retired || d->level != DIVISION_COUNTY) return 0;
    return ends_with(d->name, "区") ? 4 : ends_with(d->name, "市") ? 3 : 2;
}

static void counties_init(province *p) {
    size_t n;
    const division *all = division_all(&n);
    uint64_t province_total = 0, before = 0;
    for (size_t i = 0; i < sizeof prefectures / sizeof *prefectures; i++) province_total += prefectures[i].thousands;
    for (size_t i = 0; i < sizeof prefectures / sizeof *prefectures; i++) {
        uint32_t total = 0, weight_before = 0;
        for (size_t k = 0; k < n; k++)
            if (division_covers(prefectures[i].code, all[k].code)) total += county_weight(&all[k]);
        for (size_t k = 0; k < n; k++) {
            if (!division_covers(prefectures[i].code, all[k].code) || county_weight(&all[k]) == 0) continue;
            weight_before += county_weight(&all[k]);
            uint64_t here = before * total + (uint64_t)prefectures[i].thousands * weight_before;
            uint64_t end = here * COUNTY_SLOTS / (province_total * total);
            uint64_t from =
                (before * total + (uint64_t)prefectures[i].thousands * (weight_before - county_weight(&all[k]))) *
                COUNTY_SLOTS / (province_total * total);
            for (uint64_t slot = from; slot < end; slot++) p->counties[slot] = all[k].code;
        }
        before += prefectures[i].thousands;
    }
    for (size_t i = 0; i < COUNTY_SLOTS; i++) CHECK(p->counties[i] != 0);
}

/* ------------------------------------------------------------------ creation */

static uint64_t at_least(uint64_t n, uint64_t least) { return n > least ? n : least; }
static uint64_t at_most(uint64_t n, uint64_t most) { return n < most ? n : most; }

static void counts_init(province *p) {
    uint64_t n = p->options.subjects, entities = n * p->options.entity_percent / 100;
    bool guaranteed = p->options.entity_percent > 0 && n >= PROVINCE_PARTICIPANTS_FROM;
    if (guaranteed) entities = at_least(entities, PROVINCE_PARTICIPANTS_MIN);
    p->counts.entities = entities;
    p->counts.persons = n - entities;
    p->counts.retailers = at_most(at_least(n / 20000, 3), entities);
    p->counts.generators = at_most(at_least(n / 10000, 2), entities - p->counts.retailers);
    p->counts.users = at_most(at_least(n / 500 - n / 10000, 5), entities - p->counts.retailers - p->counts.generators);
}

status province_create(const province_options *options, province **out) {
    *out = NULL;
    if (options->subjects == 0 || options->subjects > PROVINCE_SUBJECTS_MAX || options->entity_percent > 100 ||
        options->day < clock_day_from_date(2000, 1, 1) || options->day > clock_day_from_date(2100, 12, 31))
        return STATUS_BAD_VALUE;
    province *p = calloc(1, sizeof *p);
    if (p == NULL) return STATUS_NO_MEMORY;
    p->options = *options;
    counts_init(p);
    permutation_init(p);
    counties_init(p);
    p->organisation_offset = mix(options->seed ^ UINT64_C(0x7454)) % ORGANISATIONS;
    status s = births_init(p);
    if (s != STATUS_OK) province_destroy(&p);
    *out = p;
    return s;
}

void province_destroy(province **p) {
    if (*p == NULL) return;
    free((*p)->births);
    free(*p);
    *p = NULL;
}

const province_counts *province_count(const province *p) { return &p->counts; }

/* ------------------------------------------------------------------ numbers of subjects */

/* Writes the check character behind 17 characters: the parser tells the right one. */
static void complete(subject_kind kind, char number[18]) {
    number[17] = '0';
    subject_id id;
    subject_finding f = subject_parse_number(kind, number, 18, INT32_MAX, &id);
    if (f.verdict == SUBJECT_BAD_CHECK) number[17] = f.expected;
    CHECK(f.verdict == SUBJECT_BAD_CHECK || !subject_verdict_is_error(f.verdict));
}

static char *put_padded(char *at, uint64_t value, unsigned digits) {
    for (unsigned i = digits; i > 0; i--, value /= 10) at[i - 1] = (char)('0' + value % 10);
    return at + digits;
}

static void person_number(const province *p, uint64_t rank, char number[18]) {
    size_t low = 0, high = p->days; /* the last day with born_before ≤ rank */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (born_before(p, middle) <= rank)
            low = middle;
        else
            high = middle;
    }
    uint64_t of_day = rank - born_before(p, low);
    uint64_t block = of_day / 1000;
    char *at = put_padded(number, block == 0 ? 530000 : 530100 - block, 6);
    at = put_padded(at, p->births[low].date, 8);
    put_padded(at, (of_day % 1000 * 387 + p->births[low].first_number) % 1000, 3);
    complete(SUBJECT_PERSON, number);
}

/* The check character of an organisation code (GB 11714). */
static char organisation_check(const char body[8]) {
    static const uint8_t weight[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (int i = 0; i < 8; i++) sum += (unsigned)(body[i] <= '9' ? body[i] - '0' : body[i] - 'A' + 10) * weight[i];
    return "0X987654321"[sum % 11];
}

static void entity_number(const province *p, uint64_t rank, const char prefix[2], uint32_t county, char number[18]) {
    uint64_t organisation = (rank * UINT64_C(554321987) + p->organisation_offset) % ORGANISATIONS;
    memcpy(number, prefix, 2);
    put_padded(number + 2, county, 6);
    char *body = number + 8;
    body[0] = body[1] = 'T';
    for (int i = 7; i >= 2; i--, organisation /= 31) body[i] = "0123456789ABCDEFGHJKLMNPQRTUWXY"[organisation % 31];
    body[8] = organisation_check(body);
    complete(SUBJECT_ENTITY, number);
}

/* ------------------------------------------------------------------ what a subject is like */

typedef enum role { ROLE_NONE, ROLE_RETAILER, ROLE_GENERATOR, ROLE_USER } role;

typedef struct account_row {
    int64_t energy_12m, wholesale_2m, retail_2m; /* MWh */
    int64_t deposit, bond;                       /* fen */
    int32_t bond_from, bond_to;                  /* days; bond 0: none */
} account_row;

typedef struct forms_row {
    profile_form form;
    char prefix[3];
    uint16_t share; /* per 10,000 */
} forms_row;
static const forms_row forms[] = {
    {FORM_INDIVIDUAL_BUSINESS, "92", 6200},
    {FORM_ENTERPRISE, "91", 2840},
    {FORM_COOPERATIVE, "93", 300},
    {FORM_VILLAGE_COLLECTIVE, "N2", 120},
    {FORM_PUBLIC_INSTITUTION, "12", 180},
    {FORM_PRIVATE_NONENTERPRISE, "52", 120},
    {FORM_ASSOCIATION, "51", 100},
    {FORM_GOVERNMENT, "11", 60},
    {FORM_OTHER, "Y1", 40},
    {FORM_LAW_FIRM, "31", 30},
    {FORM_FOUNDATION, "53", 10},
};

static const forms_row *pick_form(dice *d) {
    uint32_t r = below(d, 10000);
    size_t i = 0;
    while (r >= forms[i].share) r -= forms[i++].share;
    return &forms[i];
}

#define SECTOR(letter, division) (((letter) - 'A' + 1) * 100 + (division))

static uint16_t pick_sector(dice *d, profile_form form, role r) {
    static const uint16_t business[] = {
        SECTOR('F', 52), SECTOR('F', 51), SECTOR('H', 62), SECTOR('H', 61), SECTOR('O', 80),
        SECTOR('E', 50), SECTOR('L', 72), SECTOR('G', 54), SECTOR('C', 13), SECTOR('I', 65),
        SECTOR('M', 75), SECTOR('K', 70), SECTOR('A', 1),  SECTOR('A', 3),
    };
    static const uint16_t business_share[] = {30, 14, 16, 4, 7, 5, 6, 4, 4, 3, 2, 2, 2, 1};
    static const uint16_t works[] = {SECTOR('C', 32), SECTOR('C', 30), SECTOR('C', 26), SECTOR('C', 31),
                                     SECTOR('C', 39), SECTOR('B', 9),  SECTOR('C', 13), SECTOR('I', 64)};
    switch (r) {
    case ROLE_RETAILER:
    case ROLE_GENERATOR: return SECTOR('D', 44);
    case ROLE_USER: return works[below(d, sizeof works / sizeof *works)];
    case ROLE_NONE: break;
    }
    switch (form) {
    case FORM_COOPERATIVE:
    case FORM_VILLAGE_COLLECTIVE: return (uint16_t)(SECTOR('A', 1) + below(d, 3));
    case FORM_GOVERNMENT: return SECTOR('S', 92);
    case FORM_PUBLIC_INSTITUTION: return chance(d, 5000) ? SECTOR('P', 83) : SECTOR('Q', 84);
    case FORM_PRIVATE_NONENTERPRISE: return chance(d, 6000) ? SECTOR('P', 83) : SECTOR('Q', 85);
    case FORM_ASSOCIATION:
    case FORM_FOUNDATION:
    case FORM_OTHER: return SECTOR('S', 95);
    case FORM_LAW_FIRM: return SECTOR('L', 72);
    default: return business[pick(d, business_share, sizeof business_share / sizeof *business_share, 100)];
    }
}

static uint8_t public_grade_of(int64_t score) {
    return score >= 850 ? PUBLIC_EXCELLENT : score >= 700 ? PUBLIC_GOOD : score >= 550 ? PUBLIC_FAIR : PUBLIC_POOR;
}
static uint8_t market_grade_of(int64_t score) { /* 0–100 */
    return score >= 90   ? MARKET_AAA
           : score >= 80 ? MARKET_AA
           : score >= 70 ? MARKET_A
           : score >= 60 ? MARKET_B
                         : MARKET_C;
}
static uint8_t tax_grade_of(int64_t score) { /* 0–100 */
    return score >= 90 ? TAX_A : score >= 70 ? TAX_B : score >= 40 ? TAX_C : TAX_D;
}

/* Per 10,000, by public grade (unrated first): adverse records are rare among the good and common among the poor. */
static const uint16_t serious_share[] = {5, 500, 20, 0, 0};
static const uint16_t adverse_share[] = {200, 6000, 1200, 300, 50};
static const uint16_t adverse_most[] = {300, 1400, 800, 300, 100}; /* points, in hundredths */

static void roll_public(dice *d, profile *s, uint32_t unrated_share) {
    if (chance(d, unrated_share)) return;
    s->public_score = (uint16_t)bell(d, 730, 110, 300, 1000);
    s->public_grade = public_grade_of(s->public_score);
}

static void roll_records(dice *d, profile *s) {
    if (chance(d, adverse_share[s->public_grade]))
        s->negative_points = (uint16_t)between(d, 10, adverse_most[s->public_grade]);
    if (s->public_grade >= PUBLIC_GOOD && chance(d, 2500)) s->positive_points = (uint16_t)(between(d, 1, 40) * 50);
    if (chance(d, serious_share[s->public_grade])) s->flags |= PROFILE_FLAG_SERIOUS_LIST;
    if (chance(d, 60)) s->broken_commitments = (uint8_t)between(d, 1, 2);
    if (s->broken_commitments > 0 && chance(d, 7000)) s->flags |= PROFILE_FLAG_GAPS_BARRED;
}

static void roll_red_list(dice *d, profile *s, uint32_t share) {
    uint32_t clean =
        (s->flags & (PROFILE_FLAG_SERIOUS_LIST | PROFILE_FLAG_GAPS_BARRED)) == 0 && s->negative_points < 100;
    if (clean && chance(d, share)) s->flags |= PROFILE_FLAG_RED_LIST;
}

static void roll_composite(profile *s, int64_t other, int64_t other_percent) {
    if (s->public_score == PROFILE_UNRATED) return;
    int64_t score = (s->public_score * (100 - other_percent) + other * other_percent) / 100 - s->negative_points / 20;
    s->composite_score = (uint16_t)(score < 0 ? 0 : score > 1000 ? 1000 : score);
    s->composite_grade = market_grade_of(s->composite_score / 10);
}

static void roll_person(dice *d, profile *s) {
    static const uint32_t consents[] = {PROFILE_FLAG_CONSENT_LOAN, PROFILE_FLAG_CONSENT_TRAVEL,
                                        PROFILE_FLAG_CONSENT_POWER, PROFILE_FLAG_CONSENT_APPROVAL,
                                        PROFILE_FLAG_CONSENT_VOLUNTEER};
    s->form = FORM_PERSON;
    for (size_t i = 0; i < sizeof consents / sizeof *consents; i++)
        if (chance(d, 7000)) s->flags |= consents[i];
    roll_public(d, s, 1500);
    roll_records(d, s);
    if (chance(d, 1500)) { /* each doubling of the hours, from 40 to 2560, is half as frequent */
        unsigned doublings = (unsigned)__builtin_ctzll(roll(d) | 1u << 6);
        s->volunteer_minutes = (uint32_t)between(d, 30, 2400 << doublings);
    }
    bool three_stars = s->volunteer_minutes >= 600 * 60;
    roll_red_list(d, s, s->public_grade == PUBLIC_EXCELLENT ? 7000 : three_stars ? 5000 : 0);
    roll_composite(s, 1000, s->volunteer_minutes >= 100 * 60 ? 10 : 0);
}

static void roll_entity(dice *d, profile *s, int32_t today, role r) {
    bool firm = s->form == FORM_ENTERPRISE,
         trader = firm || s->form == FORM_INDIVIDUAL_BUSINESS || s->form == FORM_COOPERATIVE;
    /* Most are young: squared, at most 25 years. Who trades power was there before its 12 months of history. */
    uint64_t u = roll(d) >> 44, least = r == ROLE_NONE ? 0 : 400;
    int32_t age = (int32_t)(least + ((u * u >> 20) * (9131 - least) >> 20));
    s->since_day = (uint16_t)(today - age);
    roll_public(d, s, 800);
    roll_records(d, s);
    if (r != ROLE_NONE && s->negative_points == 0 && chance(d, 2500)) {
        int64_t a = between(d, 50, 1500), b = between(d, 50, 1500);
        s->negative_points = (uint16_t)(a < b ? a : b);
    }
    int64_t known = s->public_score == PROFILE_UNRATED ? 700 : s->public_score;
    int64_t market = bell(d, known / 10, 7, 0, 100);
    if (r != ROLE_NONE ? chance(d, 9500) : chance(d, firm ? 4000 : trader ? 1000 : 0))
        s->market_grade = market_grade_of(market);
    if (age < 365 ? firm : chance(d, firm ? 9000 : trader ? 2000 : 0))
        s->tax_grade = age < 365 ? TAX_M : tax_grade_of(bell(d, known / 10 + 6, 11, 0, 100));
    if (chance(d, 200)) s->open_commitments = (uint8_t)between(d, 1, 2);
    if (chance(d, r == ROLE_NONE ? 50 : 400)) s->flags |= PROFILE_FLAG_ARREARS;
    if (r != ROLE_NONE) {
        if (chance(d, 500)) s->flags |= PROFILE_FLAG_LATE_SETTLEMENT;
        if (s->negative_points >= 900) s->flags |= PROFILE_FLAG_OBSERVED;
        if (s->negative_points >= 1200) s->flags |= PROFILE_FLAG_SUSPENDED;
    }
    roll_red_list(d, s, s->public_grade == PUBLIC_EXCELLENT ? 7000 : s->tax_grade == TAX_A ? 2000 : 0);
    roll_composite(s, market * 10, s->market_grade != MARKET_UNRATED ? 40 : 0);
}

/* Guarantees of 60–140 % of the base requirement, as deposit, bond or both; exempt generators and users often have
 * none. */
static void roll_account(dice *d, account_row *a, const profile *s, role r, int32_t today) {
    *a = (account_row){0};
    int64_t least = r == ROLE_RETAILER ? 50000 : r == ROLE_GENERATOR ? 20000 : 1000;
    a->energy_12m = (least << below(d, r == ROLE_USER ? 7 : 6)) * between(d, 1000, 1999) / 1000;
    a->wholesale_2m = a->energy_12m * between(d, 750, 1250) / 6000;
    if (r == ROLE_RETAILER) a->retail_2m = a->wholesale_2m * between(d, 850, 1150) / 1000;
    if (r == ROLE_USER) a->retail_2m = a->wholesale_2m * between(d, 0, 300) / 1000;
    int64_t two_months = a->wholesale_2m > a->retail_2m ? a->wholesale_2m : a->retail_2m;
    int64_t base = a->energy_12m * 800 > two_months * 5000 ? a->energy_12m * 800 : two_months * 5000;
    int64_t lodged = base * between(d, 600, 1400) / 1000;
    bool exempt = r != ROLE_RETAILER && s->market_grade >= MARKET_A &&
                  (s->flags & (PROFILE_FLAG_OBSERVED | PROFILE_FLAG_ARREARS)) == 0;
    uint32_t style = below(d, 100);
    int64_t share = style < 30 ? 100 : style < 55 ? 0 : between(d, 20, 80); /* percent in cash */
    int32_t ends = (int32_t)between(d, -120, 730), began = (int32_t)between(d, 1, 300);
    if (exempt && chance(d, 6000)) return;
    a->deposit = lodged * share / 100;
    a->bond = lodged - a->deposit;
    a->bond_to = today + ends;
    a->bond_from = ends - 365 < -began ? a->bond_to - 365 : today - began;
}

/* ------------------------------------------------------------------ text */

/*  Columns in order: the profile's fields by name, then those of the account. */
#define FLAG_COLUMNS(X)                                                                                                \
    X(red_list, RED_LIST)                                                                                              \
    X(serious_list, SERIOUS_LIST)                                                                                      \
    X(gaps_barred, GAPS_BARRED)                                                                                        \
    X(observed, OBSERVED)                                                                                              \
    X(suspended, SUSPENDED)                                                                                            \
    X(arrears, ARREARS)                                                                                                \
    X(late_settlement, LATE_SETTLEMENT)                                                                                \
    X(consent_loan, CONSENT_LOAN)                                                                                      \
    X(consent_travel, CONSENT_TRAVEL)                                                                                  \
    X(consent_power, CONSENT_POWER)                                                                                    \
    X(consent_approval, CONSENT_APPROVAL)                                                                              \
    X(consent_volunteer, CONSENT_VOLUNTEER)

static const char header[] = "subject,division,sector,form,retailer,generator,power_user,"
#define X(name, flag) #name ","
    FLAG_COLUMNS(X)
#undef X
        "public_score,public_grade,market_grade,tax_grade,composite_score,composite_grade,volunteer_minutes,negative_"
        "points,"
        "positive_points,open_commitments,broken_commitments,since_day,data_day,"
        "energy_12m_mwh,wholesale_2m_mwh,retail_2m_mwh,deposit_fen,bond_fen,bond_from,bond_to\n";
static_assert(sizeof header <= PROVINCE_ROW_MAX, "the header fits");

size_t province_header(char *to) {
    memcpy(to, header, sizeof header - 1);
    return sizeof header - 1;
}

/* Each put_* ends with the comma behind the cell. */
static char *put_comma(char *at) {
    *at = ',';
    return at + 1;
}

static char *put_number(char *at, uint64_t value) {
    char digits[20];
    unsigned n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0) *at++ = digits[--n];
    return put_comma(at);
}

static char *put_flag(char *at, bool value) {
    *at = value ? '1' : '0';
    return put_comma(at + 1);
}

static char *put_text(char *at, const char *text) {
    size_t n = strlen(text);
    memcpy(at, text, n);
    return put_comma(at + n);
}

/* Empty where a value is missing. */
static char *put_enum(char *at, unsigned field, uint8_t value) {
    return value == 0 ? put_comma(at) : put_text(at, profile_field_at(field)->names[value]);
}

static char *put_score(char *at, uint16_t value) {
    return value == PROFILE_UNRATED ? put_comma(at) : put_number(at, value);
}

static char *put_hundredths(char *at, uint16_t value) {
    at = put_number(at, value / 100u);
    if (value % 100 == 0) return at;
    at[-1] = '.';
    at = put_padded(at, value % 100, 2);
    if (at[-1] == '0') at--;
    return put_comma(at);
}

static char *put_day(char *at, int32_t day) {
    int y, m, d;
    clock_date_from_day(day, &y, &m, &d);
    at = put_padded(at, (uint64_t)y, 4);
    *at++ = '-';
    at = put_padded(at, (uint64_t)m, 2);
    *at++ = '-';
    return put_comma(put_padded(at, (uint64_t)d, 2));
}

static char *put_profile(char *at, const profile *s) {
    at = put_number(at, s->division);
    if (s->sector == 0) {
        at = put_comma(at);
    } else {
        *at++ = (char)('A' + s->sector / 100 - 1);
        at = put_comma(put_padded(at, s->sector % 100, 2));
    }
    at = put_enum(at, FIELD_form, s->form);
    at = put_flag(at, s->roles & PROFILE_ROLE_RETAILER);
    at = put_flag(at, s->roles & PROFILE_ROLE_GENERATOR);
    at = put_flag(at, s->roles & PROFILE_ROLE_USER);
#define X(name, flag) at = put_flag(at, s->flags & PROFILE_FLAG_##flag);
    FLAG_COLUMNS(X)
#undef X
    at = put_score(at, s->public_score);
    at = put_enum(at, FIELD_public_grade, s->public_grade);
    at = put_enum(at, FIELD_market_grade, s->market_grade);
    at = put_enum(at, FIELD_tax_grade, s->tax_grade);
    at = put_score(at, s->composite_score);
    at = put_enum(at, FIELD_composite_grade, s->composite_grade);
    at = put_number(at, s->volunteer_minutes);
    at = put_hundredths(at, s->negative_points);
    at = put_hundredths(at, s->positive_points);
    at = put_number(at, s->open_commitments);
    at = put_number(at, s->broken_commitments);
    at = s->since_day == 0 ? put_comma(at) : put_day(at, s->since_day);
    return put_day(at, s->data_day);
}

static char *put_account(char *at, const account_row *a) {
    at = put_number(at, (uint64_t)a->energy_12m);
    at = put_number(at, (uint64_t)a->wholesale_2m);
    at = put_number(at, (uint64_t)a->retail_2m);
    at = a->deposit == 0 ? put_comma(at) : put_number(at, (uint64_t)a->deposit); /* empty: no such instrument */
    at = a->bond == 0 ? put_comma(at) : put_number(at, (uint64_t)a->bond);
    at = a->bond == 0 ? put_comma(at) : put_day(at, a->bond_from);
    return a->bond == 0 ? put_comma(at) : put_day(at, a->bond_to);
}

/* ------------------------------------------------------------------ rows */

/* Market participants are the first entities by rank; the permutation scatters them over the rows. */
static role role_of(const province_counts *c, uint64_t rank) {
    if (rank < c->retailers) return ROLE_RETAILER;
    rank -= c->retailers;
    if (rank < c->generators) return ROLE_GENERATOR;
    return rank - c->generators < c->users ? ROLE_USER : ROLE_NONE;
}

size_t province_row(const province *p, uint64_t index, char *to) {
    static const uint8_t bits[] = {0, PROFILE_ROLE_RETAILER, PROFILE_ROLE_GENERATOR, PROFILE_ROLE_USER};
    CHECK(index < p->options.subjects);
    uint64_t rank = permute(p, index);
    dice d = {.state = mix(p->options.seed) ^ mix(~rank)};
    subject_id nobody = {0};
    profile s;
    profile_init(&s, &nobody);
    s.division = p->counties[below(&d, COUNTY_SLOTS)];
    role r = ROLE_NONE;
    char *at = to;
    if (rank < p->counts.persons) {
        memcpy(at, "id:", 3);
        person_number(p, rank, at + 3);
        at += 3 + 18;
        roll_person(&d, &s);
    } else {
        rank -= p->counts.persons;
        r = role_of(&p->counts, rank);
        const forms_row *form = r != ROLE_NONE ? &forms[1] : pick_form(&d);
        memcpy(at, "uscc:", 5);
        entity_number(p, rank, form->prefix, s.division, at + 5);
        at += 5 + 18;
        s.form = (uint8_t)form->form;
        s.roles = bits[r];
        s.sector = pick_sector(&d, form->form, r);
        roll_entity(&d, &s, p->options.day, r);
    }
    at = put_comma(at);
    s.data_day = (uint16_t)(p->options.day - (int32_t)below(&d, 61));
    if (s.data_day < s.since_day) s.data_day = s.since_day;
    at = put_profile(at, &s);
    if (r == ROLE_NONE) {
        memset(at, ',', 7);
        at += 7;
    } else {
        account_row a;
        roll_account(&d, &a, &s, r, p->options.day);
        at = put_account(at, &a);
    }
    at[-1] = '\n'; /* in place of the last comma */
    return (size_t)(at - to);
}
