/* A thin layer: libsmartcols keeps the cells and does the layout; what is ours is the latched failure and the card. */
#include "client/cli/sheet.h"

#include <libsmartcols.h>
#include <stdlib.h>

struct sheet {
    struct libscols_table *cols;
    struct libscols_line *line;
    size_t next, rows;
    bool color, failed;
};

static sheet *create(bool color) {
    sheet *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->color = color;
    t->cols = scols_new_table();
    if (t->cols == NULL) {
        free(t);
        return NULL;
    }
    scols_table_enable_colors(t->cols, color);
    scols_table_set_column_separator(t->cols, "  ");
    return t;
}

sheet *sheet_create(const sheet_column *columns, size_t count, bool color) {
    sheet *t = create(color);
    if (t == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].wrap ? SCOLS_FL_WRAP : 0);
        if (scols_table_new_column(t->cols, columns[i].name, 0, flags) == NULL) t->failed = true;
    }
    return t;
}

sheet *sheet_card(size_t columns, bool color) {
    static const sheet_column names[] = {{.name = "name"}, {.name = "value", .wrap = true}, {.name = "remark"}};
    sheet *t = sheet_create(names, columns < 3 ? columns : 3, color);
    if (t != NULL) scols_table_enable_noheadings(t->cols, 1);
    return t;
}

void sheet_destroy(sheet **t) {
    if (t == NULL || *t == NULL) return;
    scols_unref_table((*t)->cols);
    free(*t);
    *t = NULL;
}

void sheet_row(sheet *t) {
    if (t == NULL) return;
    t->line = scols_table_new_line(t->cols, NULL);
    t->next = 0;
    t->rows++;
    if (t->line == NULL) t->failed = true;
}

void sheet_cell_painted(sheet *t, const char *text, const char *paint) {
    if (t == NULL || t->line == NULL) return;
    struct libscols_cell *cell = scols_line_get_cell(t->line, t->next++);
    if (cell == NULL || scols_cell_set_data(cell, text) != 0)
        t->failed = true;
    else if (paint != NULL && t->color)
        scols_cell_set_color(cell, paint);
}

void sheet_cell(sheet *t, const char *text) { sheet_cell_painted(t, text, NULL); }

void sheet_pair_painted(sheet *t, const char *name, const char *value, const char *paint) {
    sheet_row(t);
    sheet_cell(t, name);
    sheet_cell_painted(t, value, paint);
}

void sheet_pair(sheet *t, const char *name, const char *value) { sheet_pair_painted(t, name, value, NULL); }

size_t sheet_rows(const sheet *t) { return t == NULL ? 0 : t->rows; }

bool sheet_print(sheet *t) { return t != NULL && !t->failed && scols_print_table(t->cols) == 0; }
