/* Binary search in a constant table of some 200 rows; the generator (base/divisions.awk) sorts it and refuses
 * duplicates. */
#include "base/division.h"

#include "base/division_table.h"

const division *division_find(uint32_t code) {
    size_t low = 0, high = division_table_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (division_table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < division_table_count && division_table[low].code == code ? &division_table[low] : NULL;
}

const division *division_all(size_t *count) {
    *count = division_table_count;
    return division_table;
}
