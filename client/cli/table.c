/* A thin layer: libsmartcols keeps the cells and does the layout; what is ours is the latched failure and the card. */
#include "client/cli/table.h"

#include <libsmartcols.h>
#include <stdlib.h>

struct table {
    struct libscols_table *cols;
    struct libscols_line *line;
    size_t next, rows;
    bool color, failed;
};

static table *create(bool color) {
    table *t = calloc(1, sizeof *t);
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

table *table_create(const table_column *columns, size_t count, bool color) {
    table *t = create(color);
    if (t == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].wrap ? SCOLS_FL_WRAP : 0);
        if (scols_table_new_column(t->cols, columns[i].name, 0, flags) == NULL) t->failed = true;
    }
    return t;
}

table *table_card(size_t columns, bool color) {
    static const table_column names[] = {{.name = "name"}, {.name = "value", .wrap = true}, {.name = "remark"}};
    table *t = table_create(names, columns < 3 ? columns : 3, color);
    if (t != NULL) scols_table_enable_noheadings(t->cols, 1);
    return t;
}

void table_destroy(table **t) {
    if (t == NULL || *t == NULL) return;
    scols_unref_table((*t)->cols);
    free(*t);
    *t = NULL;
}

void table_row(table *t) {
    if (t == NULL) return;
    t->line = scols_table_new_line(t->cols, NULL);
    t->next = 0;
    t->rows++;
    if (t->line == NULL) t->failed = true;
}

void table_cell_painted(table *t, const char *text, const char *paint) {
    if (t == NULL || t->line == NULL) return;
    struct libscols_cell *cell = scols_line_get_cell(t->line, t->next++);
    if (cell == NULL || scols_cell_set_data(cell, text) != 0)
        t->failed = true;
    else if (paint != NULL && t->color)
        scols_cell_set_color(cell, paint);
}

void table_cell(table *t, const char *text) { table_cell_painted(t, text, NULL); }

void table_pair_painted(table *t, const char *name, const char *value, const char *paint) {
    table_row(t);
    table_cell(t, name);
    table_cell_painted(t, value, paint);
}

void table_pair(table *t, const char *name, const char *value) { table_pair_painted(t, name, value, NULL); }

size_t table_rows(const table *t) { return t == NULL ? 0 : t->rows; }

bool table_print(table *t) { return t != NULL && !t->failed && scols_print_table(t->cols) == 0; }
