/* A CSV file as one string in memory, unpacked if it is gzip, and cut into cells in place
 * (RFC 4180): a cell is ended where its comma or line break was. Rows are cut twice, first to
 * count them and find mistakes, so that the table has the size it needs. */
#include "base/csv.h"

#include "base/gzip.h"
#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { FILE_MAX = 1 << 28 };

static gn_status measure(const char *file, size_t *size)
{
  gn_gzip z;
  GN_TRY(gn_gzip_open(file, &z));
  const gn_status s = gn_gzip_count(&z, FILE_MAX, size);
  gn_gzip_close(&z);
  GN_TRY(s);
  GN_REQUIRE(*size <= FILE_MAX, GN_EIO, "%s: not a table of at most %d bytes", file,
             (int)FILE_MAX);
  return GN_OK;
}

static gn_status slurp(gn_arena *a, const char *file, char **out)
{
  gn_gzip z;
  char *text;
  size_t size;
  GN_TRY(measure(file, &size));
  GN_NEW(a, text, size + 1);
  GN_TRY(gn_gzip_open(file, &z));
  gn_status s = gn_gzip_read(&z, size, text, "the table");
  gn_gzip_close(&z);
  GN_TRY(s);
  GN_REQUIRE(strlen(text) == size, GN_EIO, "%s: a NUL byte after %zu: not a text file", file,
             strlen(text));
  *out = text;
  return GN_OK;
}

/* A place in the text; cut = 0: only look. */
typedef struct cursor {
  const char *file;
  char *at, ends[4]; /* ends: what ends a cell, the separator first */
  int line, cut, empty; /* empty: the last cell */
} cursor;

static int blank(char c) { return c == ' ' || c == '\t'; }

/* Past a line break; CRLF is one. */
static void end_line(cursor *c)
{
  if (*c->at == '\r' && c->at[1] == '\n') c->at++;
  if (*c->at) c->at++;
  c->line++;
}

/* Past lines without cells. */
static void skip_lines(cursor *c)
{
  for (;;) {
    const char *s = c->at;
    while (blank(*s)) s++;
    if (!*s || (*s != '#' && *s != '\r' && *s != '\n')) break;
    c->at += strcspn(c->at, "\r\n");
    end_line(c);
  }
  char *s = c->at;
  while (blank(*s)) s++;
  if (!*s) c->at = s; /* blanks at the end of the file are no row */
}

/* A quoted cell from its first quote: to gets it without quotes, *end is behind it. */
static gn_status quoted(cursor *c, char *s, char **to, char **end)
{
  const int begin = c->line;
  for (s++; !(*s == '"' && s[1] != '"'); s++) {
    GN_REQUIRE(*s, GN_EIO, "%s:%d: a quoted cell without an end", c->file, begin);
    if (*s == '\n' || (*s == '\r' && s[1] != '\n')) c->line++;
    if (*s == '"') s++;
    if (c->cut) **to = *s;
    ++*to;
  }
  for (s++; blank(*s); s++) continue;
  GN_REQUIRE(!*s || strchr(c->ends, *s), GN_EIO, "%s:%d: text after a quoted cell", c->file,
             c->line);
  *end = s;
  return GN_OK;
}

/* The next cell; *more = 1 if another follows in the row, else the line is over. */
static gn_status next_cell(cursor *c, char **cell, int *more)
{
  char *s = c->at, *to, *end = s;
  while (blank(*s)) s++;
  *cell = to = s;
  if (*s == '"') {
    GN_TRY(quoted(c, s, &to, &end));
  } else {
    end = to = s + strcspn(s, c->ends);
    while (to > s && blank(to[-1])) to--;
  }
  *more = *end == c->ends[0];
  c->empty = to == *cell;
  c->at = end;
  if (*more) c->at++;
  else end_line(c);
  if (c->cut) *to = '\0';
  return GN_OK;
}

/* The next row into cell[0 .. room - 1]; *n: how many it has, *filled: without the empty ones
 * at its end. */
static gn_status next_row(cursor *c, size_t room, const char **cell, size_t *n, size_t *filled)
{
  int more = 1;
  *n = *filled = 0;
  while (more) {
    char *next;
    GN_TRY(next_cell(c, &next, &more));
    if (*n < room) cell[*n] = next;
    ++*n;
    if (!c->empty) *filled = *n;
  }
  return GN_OK;
}

static gn_status read_header(gn_arena *a, gn_csv *t, cursor *c)
{
  if (strncmp(c->at, "\xEF\xBB\xBF", 3) == 0) c->at += 3; /* byte order mark */
  skip_lines(c);
  GN_REQUIRE(*c->at, GN_EIO, "%s:%d: an empty file, expected a header line", t->file, c->line);
  cursor look = *c;
  size_t filled;
  look.cut = 0;
  GN_TRY(next_row(&look, 0, NULL, &t->ncol, &filled));
  GN_NEW(a, t->name, t->ncol);
  return next_row(c, t->ncol, t->name, &t->ncol, &filled);
}

/* All rows: counted and checked if cell is NULL, else cut into cells. */
static gn_status pass_rows(gn_csv *t, const gn_csv_rules *by, cursor c, const char **cell,
                           int *line)
{
  c.cut = cell != NULL;
  t->nrow = 0;
  for (skip_lines(&c); *c.at; skip_lines(&c), t->nrow++) {
    const int begin = c.line;
    const char **row = cell ? cell + t->nrow * t->ncol : NULL;
    size_t n, filled;
    GN_TRY(next_row(&c, cell ? t->ncol : 0, row, &n, &filled));
    GN_REQUIRE(t->ncol > 1 || by->single, GN_EIO, "%s: no table: its first line is one cell; "
               "expected columns separated by %s", t->file,
               by->separator == ',' ? "commas" : "semicolons");
    GN_REQUIRE(n == t->ncol || (by->ragged && filled <= t->ncol), GN_EIO,
               "%s:%d: %zu cells, expected %zu as in the header", t->file, begin, n, t->ncol);
    for (size_t k = n; row && k < t->ncol; k++) row[k] = "";
    if (line) line[t->nrow] = begin;
  }
  return GN_OK;
}

gn_status gn_csv_read_by(gn_arena *a, const char *file, const gn_csv_rules *by, gn_csv **out)
{
  gn_csv *t;
  int *line;
  cursor c = { .line = 1, .cut = 1, .ends = { by->separator, '\r', '\n', '\0' } };
  GN_REQUIRE(by->separator == ',' || by->separator == ';', GN_EARG,
             "%s: separator '%c', expected ',' or ';'", file, by->separator);
  GN_NEW(a, t, 1);
  t->file = c.file = gn_arena_strdup(a, file);
  if (!t->file) return GN_ENOMEM;
  GN_TRY(slurp(a, file, &c.at));
  assert(c.at);
  GN_TRY(read_header(a, t, &c));
  GN_TRY(pass_rows(t, by, c, NULL, NULL));
  GN_NEW(a, t->cell, t->nrow * t->ncol);
  GN_NEW(a, line, t->nrow);
  t->line = line;
  GN_TRY(pass_rows(t, by, c, t->cell, line));
  *out = t;
  return GN_OK;
}

gn_status gn_csv_read(gn_arena *a, const char *file, gn_csv **out)
{
  static const gn_csv_rules plain = { .separator = ',' };
  return gn_csv_read_by(a, file, &plain, out);
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
