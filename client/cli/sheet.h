/* Tables and cards for people, on libsmartcols: it knows the width of Chinese characters, the width of the terminal,
 * and makes control characters harmless. One thread. A table that runs out of memory prints nothing and says so in
 * sheet_print. */
#ifndef XINYI_CLI_SHEET_H
#define XINYI_CLI_SHEET_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sheet sheet;

typedef struct sheet_column {
    const char *name;
    bool right; /* numbers */
    bool wrap;  /* long texts: takes several lines on a narrow terminal */
} sheet_column;

/* `color`: cells may be coloured. Owned by the caller. NULL without memory. */
sheet *sheet_create(const sheet_column *columns, size_t count, bool color);
/* Columns without a heading: names, values and (three) remarks. */
sheet *sheet_card(size_t columns, bool color);
void sheet_destroy(sheet **t); /* accepts NULL */

/* All accept NULL for t. The next cell of the current row; `paint` is a colour name ("red", "green", "yellow",
 * "darkgray", …) or NULL. */
void sheet_row(sheet *t);
void sheet_cell(sheet *t, const char *text);
void sheet_cell_painted(sheet *t, const char *text, const char *paint);
void sheet_pair(sheet *t, const char *name, const char *value);
void sheet_pair_painted(sheet *t, const char *name, const char *value, const char *paint);

size_t sheet_rows(const sheet *t);
/* To stdout. False if the table or a cell found no memory. */
bool sheet_print(sheet *t);

#endif
