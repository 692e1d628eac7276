/* Administrative divisions (GB/T 2260) of the province: 16 prefectures, 129 counties, and codes retired since, for old
 * resident IDs. The table is base/divisions.tsv, turned into C at build time. Constant data, any thread. */
#ifndef XINYI_BASE_DIVISION_H
#define XINYI_BASE_DIVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum division_level { DIVISION_PROVINCE, DIVISION_PREFECTURE, DIVISION_COUNTY } division_level;

typedef struct division {
    uint32_t code;
    division_level level;
    bool retired;
    const char *name;
} division;

/* NULL if unknown. */
const division *division_find(uint32_t code);
/* All rows, ascending by code. */
const division *division_all(size_t *count);

/* True if `inner` is `outer` or lies in it: a province covers its prefectures, a prefecture its counties. Decided on
 * the digits (530000 > 530100 > 530102), so it holds for unknown codes too. outer 0 covers everything. */
static inline bool division_covers(uint32_t outer, uint32_t inner) {
    if (outer == 0 || outer == inner) return true;
    if (outer % 10000 == 0) return inner / 10000 == outer / 10000;
    if (outer % 100 == 0) return inner / 100 == outer / 100;
    return false;
}

#endif
