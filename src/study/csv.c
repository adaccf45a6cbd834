/* A CSV file as one string in memory, cut into cells in place (RFC 4180). */
#include "study/csv.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 28 };

static gn_status slurp(gn_arena *a, const char *file, char **out)
{
  FILE *f = fopen(file, "rb");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  gn_status s = GN_OK;
  if (size < 0 || size > FILE_MAX)
    s = GN_FAIL(GN_EIO, "%s: not a table of at most %d bytes", file, (int)FILE_MAX);
  char *text = s == GN_OK ? gn_arena_alloc(a, (size_t)size + 1, 1) : NULL;
  rewind(f);
  if (text && fread(text, 1, (size_t)size, f) != (size_t)size)
    s = GN_FAIL(GN_EIO, "%s: cannot read: %s", file, strerror(errno));
  (void)fclose(f);
  GN_TRY(s);
  *out = text;
  return GN_OK;
}

/* Cut the cell at *at; *more = 1 if another follows in the row. */
static gn_status next_cell(const char *file, int *line, char **at, char **cell, int *more)
{
  char *s = *at, *to = s;
  *cell = s;
  if (*s == '"') {
    const int begin = *line;
    for (s++; !(*s == '"' && s[1] != '"'); s++) {
      GN_REQUIRE(*s, GN_EIO, "%s:%d: a quoted cell without an end", file, begin);
      if (*s == '\n') (*line)++;
      if (*s == '"') s++;
      *to++ = *s;
    }
    s++;
  } else {
    size_t n = strcspn(s, ",\r\n");
    s += n;
    to += n;
  }
  GN_REQUIRE(!*s || strchr(",\r\n", *s), GN_EIO, "%s:%d: text after a quoted cell", file,
             *line);
  *more = *s == ',';
  if (*s == '\r' && s[1] == '\n') s++;
  if (*s) s++;
  *to = '\0';
  *at = s;
  return GN_OK;
}

static size_t count(const char *s, char c)
{
  size_t n = 0;
  for (; *s; s++) n += *s == c;
  return n;
}

static gn_status read_header(gn_arena *a, gn_csv *c, char **at, int *line)
{
  int more = 1;
  GN_REQUIRE(**at, GN_EIO, "%s:1: an empty file, expected a header line", c->file);
  GN_NEW(a, c->name, count(*at, ',') + 1);
  while (more) {
    char *cell;
    GN_TRY(next_cell(c->file, line, at, &cell, &more));
    c->name[c->ncol++] = cell;
  }
  return GN_OK;
}

static gn_status read_rows(gn_arena *a, gn_csv *c, char *at, int line)
{
  GN_NEW(a, c->cell, (count(at, '\n') + 1) * c->ncol);
  while (*at) {
    size_t n = 0;
    const int begin = ++line;
    int more = 1;
    while (more) {
      char *cell;
      GN_TRY(next_cell(c->file, &line, &at, &cell, &more));
      if (n < c->ncol) c->cell[c->nrow * c->ncol + n] = cell;
      n++;
    }
    GN_REQUIRE(c->ncol > 1, GN_EIO, "%s: no table: its first line is one cell; expected metrics.csv "
               "or compare.csv of a run", c->file);
    GN_REQUIRE(n == c->ncol, GN_EIO, "%s:%d: %zu cells, expected %zu as in the header",
               c->file, begin, n, c->ncol);
    c->nrow++;
  }
  return GN_OK;
}

gn_status gn_csv_read(gn_arena *a, const char *file, gn_csv **out)
{
  gn_csv *c;
  char *at = NULL;
  int line = 1;
  GN_NEW(a, c, 1);
  c->file = gn_arena_strdup(a, file);
  if (!c->file) return GN_ENOMEM;
  GN_TRY(slurp(a, file, &at));
  if (!at) return GN_ENOMEM;
  GN_TRY(read_header(a, c, &at, &line));
  GN_TRY(read_rows(a, c, at, line));
  *out = c;
  return GN_OK;
}

size_t gn_csv_column(const gn_csv *c, const char *name)
{
  for (size_t k = 0; k < c->ncol; k++)
    if (strcmp(c->name[k], name) == 0) return k;
  return GN_CSV_NONE;
}

const char *gn_csv_text(const gn_csv *c, size_t row, size_t col)
{
  return col < c->ncol ? c->cell[row * c->ncol + col] : "";
}

double gn_csv_number(const gn_csv *c, size_t row, size_t col)
{
  double x;
  return gn_text_double(gn_csv_text(c, row, col), &x) == GN_OK ? x : (double)NAN;
}
