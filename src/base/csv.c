/* A CSV file as one string in memory, cut into cells in place (RFC 4180): a cell is ended where
 * its comma or line break was. Rows are cut twice, first to count them and find mistakes, so
 * that the table has the size it needs. */
#include "base/csv.h"

#include "base/text.h"

#include <assert.h>
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
  if (s == GN_OK && !text) s = GN_ENOMEM;
  if (s == GN_OK && fread(text, 1, (size_t)size, f) != (size_t)size)
    s = GN_FAIL(GN_EIO, "%s: cannot read: %s", file, strerror(errno));
  (void)fclose(f);
  GN_TRY(s);
  GN_REQUIRE(strlen(text) == (size_t)size, GN_EIO, "%s: a NUL byte after %zu: not a text file",
             file, strlen(text));
  *out = text;
  return GN_OK;
}

/* A place in the text; cut = 0: only look. */
typedef struct cursor {
  const char *file;
  char *at;
  int line, cut;
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
  GN_REQUIRE(!*s || strchr(",\r\n", *s), GN_EIO, "%s:%d: text after a quoted cell", c->file,
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
    end = to = s + strcspn(s, ",\r\n");
    while (to > s && blank(to[-1])) to--;
  }
  *more = *end == ',';
  c->at = end;
  if (*more) c->at++;
  else end_line(c);
  if (c->cut) *to = '\0';
  return GN_OK;
}

/* The next row into cell[0 .. room - 1]; *n: how many it has. */
static gn_status next_row(cursor *c, size_t room, const char **cell, size_t *n)
{
  int more = 1;
  *n = 0;
  while (more) {
    char *next;
    GN_TRY(next_cell(c, &next, &more));
    if (*n < room) cell[*n] = next;
    ++*n;
  }
  return GN_OK;
}

static gn_status read_header(gn_arena *a, gn_csv *t, cursor *c)
{
  if (strncmp(c->at, "\xEF\xBB\xBF", 3) == 0) c->at += 3; /* byte order mark */
  skip_lines(c);
  GN_REQUIRE(*c->at, GN_EIO, "%s:%d: an empty file, expected a header line", t->file, c->line);
  cursor look = *c;
  look.cut = 0;
  GN_TRY(next_row(&look, 0, NULL, &t->ncol));
  GN_NEW(a, t->name, t->ncol);
  return next_row(c, t->ncol, t->name, &t->ncol);
}

/* All rows: counted and checked if cell is NULL, else cut into cells. */
static gn_status pass_rows(gn_csv *t, cursor c, const char **cell, int *line)
{
  c.cut = cell != NULL;
  t->nrow = 0;
  for (skip_lines(&c); *c.at; skip_lines(&c), t->nrow++) {
    const int begin = c.line;
    size_t n;
    GN_TRY(next_row(&c, cell ? t->ncol : 0, cell ? cell + t->nrow * t->ncol : NULL, &n));
    GN_REQUIRE(t->ncol > 1, GN_EIO, "%s: no table: its first line is one cell; expected columns "
               "separated by commas", t->file);
    GN_REQUIRE(n == t->ncol, GN_EIO, "%s:%d: %zu cells, expected %zu as in the header",
               t->file, begin, n, t->ncol);
    if (line) line[t->nrow] = begin;
  }
  return GN_OK;
}

gn_status gn_csv_read(gn_arena *a, const char *file, gn_csv **out)
{
  gn_csv *t;
  int *line;
  cursor c = { .line = 1, .cut = 1 };
  GN_NEW(a, t, 1);
  t->file = c.file = gn_arena_strdup(a, file);
  if (!t->file) return GN_ENOMEM;
  GN_TRY(slurp(a, file, &c.at));
  assert(c.at);
  GN_TRY(read_header(a, t, &c));
  GN_TRY(pass_rows(t, c, NULL, NULL));
  GN_NEW(a, t->cell, t->nrow * t->ncol);
  GN_NEW(a, line, t->nrow);
  t->line = line;
  GN_TRY(pass_rows(t, c, t->cell, line));
  *out = t;
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
