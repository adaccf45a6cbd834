/* File formats by table: the same rows give a writer its header line or its paths, and the
 * documentation its text, so that neither can say what the other does not do. */
#ifndef GN_BASE_FORMAT_H
#define GN_BASE_FORMAT_H

#include "base/arena.h"

#include <stdio.h>

/* A column of CSV, a data set of HDF5, or an attribute of its root group. Capitals in a name
   stand for what a file puts there: METRIC, NAME, BLOCK, J (a number from 0). */
typedef struct gn_column {
  const char *name, *shape, *text; /* shape: "" CSV, "[B, nx]", or "attribute" */
} gn_column;
#define GN_COLUMN(name, text) { name, "", text }
#define GN_ARRAY(name, shape, text) { name, shape, text }
#define GN_ATTRIBUTE(name, text) { name, "attribute", text }
#define GN_COLUMNS_END { NULL, NULL, NULL }

enum { GN_FORMAT_PARTS = 6 };

/* A file: its columns are those of the parts, in order. */
typedef struct gn_format {
  const char *file, *by, *text;                   /* "metrics.csv", who writes it, what it is */
  const gn_column *part[GN_FORMAT_PARTS];         /* NULL after the last                      */
} gn_format;

/* The k-th column of all parts; NULL behind the last. */
const gn_column *gn_format_column(const gn_format *f, size_t k);
/* Names of the columns with commas between them, METRIC replaced by metric (NULL: kept). NULL
   without memory. */
char *gn_format_header(const gn_format *f, gn_arena *a, const char *metric);
/* A section of Markdown: the file, who writes it, and a table of its columns. */
void gn_format_print(const gn_format *f, FILE *to);

#endif
