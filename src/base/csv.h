/* Reading CSV files, plain or packed by gzip: a header line, quoting as in RFC 4180. */
#ifndef GN_BASE_CSV_H
#define GN_BASE_CSV_H

#include "base/arena.h"

typedef struct gn_csv {
  const char *file;
  size_t ncol, nrow;
  const char **name; /* [ncol]                                    */
  const char **cell; /* [nrow, ncol]                              */
  const int *line;   /* [nrow] the line of the file a row begins in */
} gn_csv;

#define GN_CSV_NONE ((size_t)-1)

/* Everything lies in the arena. Lines that begin with '#', blank lines, a byte order mark, and
   blanks around a cell are left out; lines end with LF, CRLF or CR, the last one with or
   without. GN_EIO if the file cannot be read; "FILE:LINE: ..." for a row with another number of
   cells than the header, a quote that never ends, or a NUL byte. */
gn_status gn_csv_read(gn_arena *a, const char *file, gn_csv **out);

typedef struct gn_csv_rules {
  char separator; /* ',' or ';'                                                          */
  int ragged;     /* 1: cells that are missing or too many at the end of a row are no mistake
                     if they are empty                                                   */
  int single;     /* 1: one column is a table                                            */
} gn_csv_rules;

/* gn_csv_read for files of other habits. GN_EARG for another separator. */
gn_status gn_csv_read_by(gn_arena *a, const char *file, const gn_csv_rules *by, gn_csv **out);

size_t gn_csv_column(const gn_csv *c, const char *name); /* GN_CSV_NONE if missing */
const char *gn_csv_text(const gn_csv *c, size_t row, size_t col);
/* NaN for an empty cell, a missing column, and what is not a number. */
double gn_csv_number(const gn_csv *c, size_t row, size_t col);

#endif
