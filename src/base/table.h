/* Rows of named columns, printed as aligned text or as CSV. */
#ifndef GN_BASE_TABLE_H
#define GN_BASE_TABLE_H

#include "base/status.h"

#include <stdio.h>

typedef struct gn_table gn_table;

/* ncol columns; a name that starts with '<' is left-aligned (the mark is dropped). */
gn_status gn_table_create(size_t ncol, const char *const *names, gn_table **out);
void gn_table_destroy(gn_table **t);

/* Append the next cell, row by row. A short row is filled with empty cells by
   gn_table_end_row. Memory failures are remembered and returned by gn_table_print. */
void gn_table_cell(gn_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gn_table_end_row(gn_table *t);

/* Aligned: two blanks between columns, header first, no trailing blanks. CSV: RFC 4180
   quoting where a cell holds a comma, a quote or a line break. */
gn_status gn_table_print(const gn_table *t, FILE *to, int csv);

#endif
