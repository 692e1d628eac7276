/* The credit profile of one subject: one 64-byte cache line, the same on the wire, on disk and in memory.
 *
 * This lives in base because engine and protocol, which never include each other, both speak of it: it is their
 * common vocabulary. All integers are little-endian in encoded form; the struct has no padding.
 *
 * Missing is not zero: every grade has 0 = unrated, every score PROFILE_UNRATED, every day 0 = none.
 *
 * PROFILE_FIELDS is the schema: one row adds a field to policies, CSV columns, `set`, JSON, and the protocol's field
 * mask. Numbers are positions in that mask and are never reused. */
#ifndef XINYI_BASE_PROFILE_H
#define XINYI_BASE_PROFILE_H

#include "base/status.h"
#include "base/subject.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_SIZE 64
#define PROFILE_UNRATED 0xFFFFu /* a 16-bit score or slot without a value */
#define PROFILE_SLOTS 4

typedef struct profile {
    subject_id id;                 /* 0  */
    uint32_t seq;                  /* 12 version << 1; the low bit is set only while the writer is inside (store.h) */
    uint32_t division;             /* 16 six digits, where the subject is registered or lives; 0 unknown */
    uint16_t sector;               /* 20 GB/T 4754: letter (A=1) * 100 + two digits; D44 = 444; 0 unknown */
    uint8_t form;                  /* 22 enum profile_form */
    uint8_t roles;                 /* 23 bits of PROFILE_ROLE_* */
    uint32_t flags;                /* 24 bits of PROFILE_FLAG_* */
    uint16_t public_score;         /* 28 public credit evaluation, 0–1000 (DOMAIN: 公共信用综合评价) */
    uint8_t public_grade;          /* 30 enum: unrated 差 中 良 优 */
    uint8_t market_grade;          /* 31 enum: unrated C B A AA AAA */
    uint8_t tax_grade;             /* 32 enum: unrated D C B A M */
    uint8_t composite_grade;       /* 33 enum as market_grade; computed */
    uint16_t composite_score;      /* 34 0–1000; computed */
    uint32_t volunteer_minutes;    /* 36 */
    uint16_t negative_points;      /* 40 active negative points, in hundredths */
    uint16_t positive_points;      /* 42 active merits, in hundredths */
    uint8_t open_commitments;      /* 44 */
    uint8_t broken_commitments;    /* 45 */
    uint16_t since_day;            /* 46 day of establishment of an entity (days since 1970-01-01, CST); 0 unknown */
    uint16_t change_day;           /* 48 the next day on which something of this profile expires; 0 never */
    uint16_t data_day;             /* 50 day of the newest source data */
    uint32_t side;                 /* 52 reserved for a reference to side tables; in memory only, 0 on wire and disk */
    uint16_t slots[PROFILE_SLOTS]; /* 56 indicators that the policy schema names; PROFILE_UNRATED = none */
} profile;
static_assert(sizeof(profile) == PROFILE_SIZE, "a profile is one cache line");

typedef enum profile_form {
    FORM_UNKNOWN = 0,
    FORM_PERSON = 1,
    FORM_ENTERPRISE = 2,
    FORM_INDIVIDUAL_BUSINESS = 3, /* 个体工商户 */
    FORM_COOPERATIVE = 4,
    FORM_PUBLIC_INSTITUTION = 5,
    FORM_GOVERNMENT = 6,
    FORM_ASSOCIATION = 7,
    FORM_PRIVATE_NONENTERPRISE = 8, /* 民办非企业单位 */
    FORM_FOUNDATION = 9,
    FORM_LAW_FIRM = 10,
    FORM_VILLAGE_COLLECTIVE = 11,
    FORM_OTHER = 12,
} profile_form;

#define PROFILE_ROLE_RETAILER (1u << 0)  /* 售电公司 */
#define PROFILE_ROLE_GENERATOR (1u << 1) /* 发电企业 */
#define PROFILE_ROLE_USER (1u << 2)      /* 电力用户 */

#define PROFILE_FLAG_RED_LIST (1u << 0)         /* 守信红名单 */
#define PROFILE_FLAG_SERIOUS_LIST (1u << 1)     /* 严重失信主体名单 */
#define PROFILE_FLAG_GAPS_BARRED (1u << 2)      /* barred from 容缺受理 */
#define PROFILE_FLAG_OBSERVED (1u << 3)         /* under observation of negative behaviour */
#define PROFILE_FLAG_SUSPENDED (1u << 4)        /* suspended from the power market */
#define PROFILE_FLAG_ARREARS (1u << 5)          /* arrears within 12 months */
#define PROFILE_FLAG_LATE_SETTLEMENT (1u << 6)  /* a late settlement within 12 months */
#define PROFILE_FLAG_VOLUNTEER_BARRED (1u << 7) /* falsified service: no volunteer benefits for a time */
#define PROFILE_FLAG_NOTICED (1u << 8)          /* points reached the threshold of a notice (负面行为提示) */
#define PROFILE_FLAG_GRADED_DOWN (1u << 9)      /* points or a record cost one grade */
#define PROFILE_FLAG_NO_EXEMPTION (1u << 10)    /* a record blocks exemption from the guarantee */
#define PROFILE_FLAG_CONSENT_LOAN (1u << 16)    /* authorisations of a natural person, by scenario */
#define PROFILE_FLAG_CONSENT_TRAVEL (1u << 17)
#define PROFILE_FLAG_CONSENT_POWER (1u << 18)
#define PROFILE_FLAG_CONSENT_APPROVAL (1u << 19)
#define PROFILE_FLAG_CONSENT_VOLUNTEER (1u << 20)

typedef enum public_grade { PUBLIC_UNRATED, PUBLIC_POOR, PUBLIC_FAIR, PUBLIC_GOOD, PUBLIC_EXCELLENT } public_grade;
typedef enum market_grade { MARKET_UNRATED, MARKET_C, MARKET_B, MARKET_A, MARKET_AA, MARKET_AAA } market_grade;
typedef enum tax_grade { TAX_UNRATED, TAX_D, TAX_C, TAX_B, TAX_A, TAX_M } tax_grade;

typedef enum profile_type {
    PROFILE_NUMBER,     /* integer min..max */
    PROFILE_SCORE,      /* integer min..max, or unrated */
    PROFILE_HUNDREDTHS, /* stored in hundredths, written with up to two decimals: "3.50" */
    PROFILE_ENUM,       /* a name from the field's list; ordered fields compare by position */
    PROFILE_FLAG,       /* true or false: one bit */
    PROFILE_DAY,        /* YYYY-MM-DD, or none */
    PROFILE_DIVISION,   /* six digits, or none */
    PROFILE_SECTOR,     /* "D44" or "D", or none */
} profile_type;

/*  X(number, name, member, type, bit, min, max, writable, ordered, title)
 *  bit: for flags the mask within the member, else 0.
 *  writable: 1 a source may write it, 0 computed by the engine or by the store.
 *  ordered (enums): 1 the names rank from low to high, so that policies may write ">= AA". */
#define PROFILE_FIELDS(X)                                                                                              \
    X(0, division, division, PROFILE_DIVISION, 0, 0, 999999, 1, 0, "行政区划")                                         \
    X(1, sector, sector, PROFILE_SECTOR, 0, 0, 2699, 1, 0, "行业")                                                     \
    X(2, form, form, PROFILE_ENUM, 0, 0, 12, 1, 0, "主体类型")                                                         \
    X(3, retailer, roles, PROFILE_FLAG, PROFILE_ROLE_RETAILER, 0, 1, 1, 0, "售电公司")                                 \
    X(4, generator, roles, PROFILE_FLAG, PROFILE_ROLE_GENERATOR, 0, 1, 1, 0, "发电企业")                               \
    X(5, power_user, roles, PROFILE_FLAG, PROFILE_ROLE_USER, 0, 1, 1, 0, "电力用户")                                   \
    X(6, red_list, flags, PROFILE_FLAG, PROFILE_FLAG_RED_LIST, 0, 1, 1, 0, "守信红名单")                               \
    X(7, serious_list, flags, PROFILE_FLAG, PROFILE_FLAG_SERIOUS_LIST, 0, 1, 1, 0, "严重失信主体名单")                 \
    X(8, gaps_barred, flags, PROFILE_FLAG, PROFILE_FLAG_GAPS_BARRED, 0, 1, 1, 0, "不适用容缺受理")                     \
    X(9, observed, flags, PROFILE_FLAG, PROFILE_FLAG_OBSERVED, 0, 1, 1, 0, "负面行为观察")                             \
    X(10, suspended, flags, PROFILE_FLAG, PROFILE_FLAG_SUSPENDED, 0, 1, 1, 0, "暂停交易")                              \
    X(11, arrears, flags, PROFILE_FLAG, PROFILE_FLAG_ARREARS, 0, 1, 1, 0, "12个月内欠费")                              \
    X(12, late_settlement, flags, PROFILE_FLAG, PROFILE_FLAG_LATE_SETTLEMENT, 0, 1, 1, 0, "12个月内迟延结算")          \
    X(13, consent_loan, flags, PROFILE_FLAG, PROFILE_FLAG_CONSENT_LOAN, 0, 1, 1, 0, "授权:信易贷")                     \
    X(14, consent_travel, flags, PROFILE_FLAG, PROFILE_FLAG_CONSENT_TRAVEL, 0, 1, 1, 0, "授权:信易游")                 \
    X(15, consent_power, flags, PROFILE_FLAG, PROFILE_FLAG_CONSENT_POWER, 0, 1, 1, 0, "授权:信用+电力")                \
    X(16, consent_approval, flags, PROFILE_FLAG, PROFILE_FLAG_CONSENT_APPROVAL, 0, 1, 1, 0, "授权:信易批")             \
    X(17, consent_volunteer, flags, PROFILE_FLAG, PROFILE_FLAG_CONSENT_VOLUNTEER, 0, 1, 1, 0, "授权:信用+志愿服务")    \
    X(18, public_score, public_score, PROFILE_SCORE, 0, 0, 1000, 1, 0, "公共信用综合评价得分")                         \
    X(19, public_grade, public_grade, PROFILE_ENUM, 0, 0, 4, 1, 1, "公共信用综合评价等级")                             \
    X(20, market_grade, market_grade, PROFILE_ENUM, 0, 0, 5, 1, 1, "市场信用评级")                                     \
    X(21, tax_grade, tax_grade, PROFILE_ENUM, 0, 0, 5, 1, 0, "纳税信用等级")                                           \
    X(22, composite_score, composite_score, PROFILE_SCORE, 0, 0, 1000, 1, 0, "综合得分")                               \
    X(23, composite_grade, composite_grade, PROFILE_ENUM, 0, 0, 5, 1, 1, "综合等级")                                   \
    X(24, volunteer_minutes, volunteer_minutes, PROFILE_NUMBER, 0, 0, 4294967295, 1, 0, "志愿服务分钟数")              \
    X(25, negative_points, negative_points, PROFILE_HUNDREDTHS, 0, 0, 65535, 1, 0, "有效负面积分")                     \
    X(26, positive_points, positive_points, PROFILE_HUNDREDTHS, 0, 0, 65535, 1, 0, "有效正面积分")                     \
    X(27, open_commitments, open_commitments, PROFILE_NUMBER, 0, 0, 255, 1, 0, "履行中的信用承诺")                     \
    X(28, broken_commitments, broken_commitments, PROFILE_NUMBER, 0, 0, 255, 1, 0, "违反的信用承诺")                   \
    X(29, since_day, since_day, PROFILE_DAY, 0, 0, 65535, 1, 0, "成立日期")                                            \
    X(30, change_day, change_day, PROFILE_DAY, 0, 0, 65535, 0, 0, "下次变动日")                                        \
    X(31, data_day, data_day, PROFILE_DAY, 0, 0, 65535, 1, 0, "数据日期")                                              \
    X(32, slot_1, slots[0], PROFILE_SCORE, 0, 0, 65534, 1, 0, "指标1")                                                 \
    X(33, slot_2, slots[1], PROFILE_SCORE, 0, 0, 65534, 1, 0, "指标2")                                                 \
    X(34, slot_3, slots[2], PROFILE_SCORE, 0, 0, 65534, 1, 0, "指标3")                                                 \
    X(35, slot_4, slots[3], PROFILE_SCORE, 0, 0, 65534, 1, 0, "指标4")                                                 \
    X(36, volunteer_barred, flags, PROFILE_FLAG, PROFILE_FLAG_VOLUNTEER_BARRED, 0, 1, 1, 0, "志愿服务激励资格中止")    \
    X(37, noticed, flags, PROFILE_FLAG, PROFILE_FLAG_NOTICED, 0, 1, 1, 0, "负面行为提示")                              \
    X(38, graded_down, flags, PROFILE_FLAG, PROFILE_FLAG_GRADED_DOWN, 0, 1, 1, 0, "降一级使用")                        \
    X(39, no_exemption, flags, PROFILE_FLAG, PROFILE_FLAG_NO_EXEMPTION, 0, 1, 1, 0, "不得免除保证")

/* Where values come from (engine/credit.h): what sources write are claims; the profile holds the claims that win, and
 * on top of them what records, commitments, service and lists add: flags are set by either, points, minutes and
 * commitments are sums of both. composite_* are computed once an evaluation policy is active; until then sources may
 * write them. */

enum {
#define X(number, name, member, type, bit, min, max, writable, ordered, title) FIELD_##name = (number),
    PROFILE_FIELDS(X)
#undef X
        PROFILE_FIELD_COUNT
};
static_assert(PROFILE_FIELD_COUNT <= 64, "the field mask of the protocol has 64 bits");

typedef struct profile_field {
    uint8_t number;
    uint8_t type;   /* profile_type */
    uint8_t offset; /* within the profile */
    uint8_t width;  /* bytes: 1, 2 or 4 */
    uint32_t bit;
    int64_t min, max;
    bool writable, ordered;
    const char *name;
    const char *title;
    const char *const *names; /* enums: names by value, names[max] the last; value 0 is "unrated" / "unknown" */
    uint32_t missing;         /* the raw value that means "missing"; only if has_missing */
    bool has_missing;
} profile_field;

/* A value that is missing: unrated, unknown, none. */
#define PROFILE_MISSING INT64_MIN

const profile_field *profile_field_at(unsigned number); /* NULL beyond the last */
const profile_field *profile_field_find(const char *name, size_t length);

/* The value of a field, PROFILE_MISSING if it has none. Enums give their position, flags 0 or 1. */
int64_t profile_get(const profile *p, const profile_field *field);
/* Sets a field; PROFILE_MISSING clears it. BAD_VALUE outside the domain. Does not look at `writable`. */
status profile_set(profile *p, const profile_field *field, int64_t value) MUST_CHECK;
/* Copies the fields of mask (1 << number) from `from` to `to`. */
void profile_merge(profile *to, const profile *from, uint64_t mask);
/* The mask of all fields a source may write. */
uint64_t profile_writable_mask(void);

#define PROFILE_VALUE_TEXT 32
/* As written in CSV, policies and JSON strings; "" for missing. Returns buffer. */
const char *profile_format_value(const profile_field *field, int64_t value, char buffer[PROFILE_VALUE_TEXT]);
/* The inverse: "" or "-" or the missing name give PROFILE_MISSING; BAD_VALUE if not in the domain. */
status profile_parse_value(const profile_field *field, const char *text, size_t length, int64_t *value) MUST_CHECK;

/* A profile with nothing known: all missing, version 0. Only the form of a natural person is known: the id tells. */
void profile_init(profile *p, const subject_id *id);
/* The id's kind decides who is a natural person: a person has the form `person` and nobody else has it. Rules that
 * protect persons (consent) test the form, so no profile may get past this. */
bool profile_form_fits(const profile *p);
static inline uint32_t profile_version(const profile *p) { return p->seq >> 1; }

/* Encoded form, PROFILE_SIZE bytes: the struct in little-endian, `side` zero and the writer bit clear. */
void profile_encode(const profile *p, uint8_t to[PROFILE_SIZE]);
/* BAD_SUBJECT or BAD_VALUE (with the field's number in *field, if given) unless every field is within its domain; bits
 * of roles and flags that no field owns are the fault of the first field there. *field is PROFILE_FIELD_COUNT if no
 * field is to blame: the id, the writer bit, `side`. Writes *p only if all is well. */
status profile_decode(const uint8_t from[PROFILE_SIZE], profile *p, unsigned *field) MUST_CHECK;

#endif
