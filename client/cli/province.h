/* A synthetic province: any number of subjects as CSV rows, each computed from its index alone, so that the same
 * options give the same bytes on every machine, in constant memory, and row i can be had without the rows before it.
 *
 * Nobody real is in it. Persons carry resident IDs of division 530000, which no county issues; when a birth date has
 * used its 1000 sequence numbers, of 530099, 530098 … 530001, which were never assigned either. Entities carry codes
 * whose organisation code begins with TT, a range that is not assigned; check characters are right, so everything
 * parses.
 *
 * Shares (ages, counties, forms, grades) are plausible, not statistics: **examples**, but for the populations of the 16
 * prefectures, which are those of the 2020 census. Integer arithmetic only.
 *
 * A province is constant after province_create: any number of threads may ask for rows. */
#ifndef XINYI_CLI_PROVINCE_H
#define XINYI_CLI_PROVINCE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define PROVINCE_SUBJECTS_MAX UINT64_C(800000000) /* below 31^6 organisation codes and 100,000 numbers a birth date */
#define PROVINCE_ROW_MAX 512                      /* bytes of a row or of the header, newline included */

/* From these numbers of subjects and entities on, there are at least 3 retailers, 2 generators and 5 users. */
#define PROVINCE_PARTICIPANTS_FROM 100
#define PROVINCE_PARTICIPANTS_MIN 10

typedef struct province province;

typedef struct province_options {
    uint64_t subjects; /* 1..PROVINCE_SUBJECTS_MAX */
    uint64_t seed;
    int32_t day; /* "today" of the data, China day of 2000-01-01..2100-12-31 */
    unsigned
        entity_percent; /* 0..100; if not 0, 100 subjects or more have at least PROVINCE_PARTICIPANTS_MIN entities */
} province_options;

typedef struct province_counts {
    uint64_t persons, entities;            /* sum: subjects */
    uint64_t retailers, generators, users; /* among the entities */
} province_counts;

/* BAD_VALUE for options out of range, NO_MEMORY. Free with province_destroy. */
status province_create(const province_options *options, province **out) MUST_CHECK;
void province_destroy(province **p); /* accepts NULL */
const province_counts *province_count(const province *p);

/* Both write at most PROVINCE_ROW_MAX bytes without a NUL, and return how many. index < subjects. */
size_t province_header(char *to);
size_t province_row(const province *p, uint64_t index, char *to);

#endif
