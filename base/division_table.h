/* The generated table behind division.h; only division.c includes this. */
#ifndef XINYI_BASE_DIVISION_TABLE_H
#define XINYI_BASE_DIVISION_TABLE_H

#include "base/division.h"

extern const division division_table[];
extern const size_t division_table_count;

#endif
