/* A compiled decision table: bit vectors. Constant after table_build, read by any number of threads.
 *
 * For each column that tests something, the profile's value selects a bitmap of the rows it satisfies; the AND of the
 * bitmaps is the set of rows that match. Nothing allocates and nothing can fail: any 64 bytes of a profile, valid or
 * not, select some bitmap. */
#ifndef XINYI_ENGINE_TABLE_H
#define XINYI_ENGINE_TABLE_H

#include "base/profile.h"
#include "engine/table_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct table table;

/* Bytes of memory that table_build will fill: one block, position-independent, without pointers. */
size_t table_bytes(const table_plan *plan);
/* Compiles into table_bytes of zeroed memory aligned to 64; returns it. The plan is not needed any more. */
const table *table_build(const table_plan *plan, void *memory);

/* 64-bit words of a set of rows. */
unsigned table_words(const table *t);

/* The first row that matches, counted from 1; 0 if none does. */
unsigned table_first(const table *t, const profile *p);
/* The first that is not among the rows of `gone` (table_words). */
unsigned table_first_but(const table *t, const profile *p, const uint64_t *gone);
/* All rows that match: bit r of `rows` (table_words) for row r + 1. True if there is any. */
bool table_all(const table *t, const profile *p, uint64_t *rows);
/* Whether one cell is satisfied; row and column from 0, as in the plan. */
bool table_cell(const table *t, unsigned row, unsigned column, const profile *p);

/* The rows whose cell of a column the profile satisfies: table_words words; NULL if the column tests nothing. */
const uint64_t *table_column(const table *t, unsigned column, const profile *p);
/* The stored values at which a column's answer may change, ascending, 0 the first: between two of them no cell changes
 * its mind. At most max are written; returns how many there are, 0 if the column tests nothing. */
size_t table_cuts(const table *t, unsigned column, uint32_t *cuts, size_t max);

#endif
