/* Tables and cards for people, on libsmartcols: it knows the width of Chinese characters, the width of the terminal,
 * and makes control characters harmless. One thread. A table that runs out of memory prints nothing and says so in
 * table_print. */
#ifndef XINYI_CLI_TABLE_H
#define XINYI_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct table table;

typedef struct table_column {
    const char *name;
    bool right; /* numbers */
    bool wrap;  /* long texts: takes several lines on a narrow terminal */
} table_column;

/* `color`: cells may be coloured. Owned by the caller. NULL without memory. */
table *table_create(const table_column *columns, size_t count, bool color);
/* Columns without a heading: names, values and (three) remarks. */
table *table_card(size_t columns, bool color);
void table_destroy(table **t); /* accepts NULL */

/* All accept NULL for t. The next cell of the current row; `paint` is a colour name ("red", "green", "yellow",
 * "darkgray", …) or NULL. */
void table_row(table *t);
void table_cell(table *t, const char *text);
void table_cell_painted(table *t, const char *text, const char *paint);
void table_pair(table *t, const char *name, const char *value);
void table_pair_painted(table *t, const char *name, const char *value, const char *paint);

size_t table_rows(const table *t);
/* To stdout. False if the table or a cell found no memory. */
bool table_print(table *t);

#endif
