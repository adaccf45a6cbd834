/* Rows of named columns. A row is an array of cell texts in the table's arena, rows are a
 * list; column widths (in UTF-8 characters) grow as cells arrive, so that printing needs no
 * memory and the table can be printed twice. */
#include "base/table.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
  struct row *next;
  const char **cell; /* [ncol], NULL is an empty cell */
} row;

typedef struct column {
  size_t width;
  int left;
} column;

struct gn_table {
  gn_arena *arena;
  size_t ncol, filled; /* cells of the open row */
  column *col;
  row *head, *last; /* head holds the names */
  int open;
  gn_status status;
};

static size_t width_of(const char *s)
{
  size_t n = 0;
  for (; *s; s++) n += ((unsigned char)*s & 0xC0u) != 0x80u;
  return n;
}

static gn_status add_row(gn_table *t)
{
  row *r = NULL;
  GN_NEW(t->arena, r, 1);
  GN_NEW(t->arena, r->cell, t->ncol);
  if (t->last)
    t->last->next = r;
  else
    t->head = r;
  t->last = r;
  t->filled = 0;
  t->open = 1;
  return GN_OK;
}

static void put(gn_table *t, const char *text)
{
  column *c = &t->col[t->filled];
  size_t w = width_of(text);
  if (w > c->width) c->width = w;
  t->last->cell[t->filled++] = text;
}

static gn_status fill(gn_table *t, size_t ncol, const char *const *names)
{
  GN_TRY(gn_arena_create(&t->arena));
  t->ncol = ncol;
  GN_NEW(t->arena, t->col, ncol);
  GN_TRY(add_row(t));
  for (size_t k = 0; k < ncol; k++) {
    t->col[k].left = names[k][0] == '<';
    const char *name = gn_arena_strdup(t->arena, names[k] + t->col[k].left);
    if (!name) return GN_ENOMEM;
    put(t, name);
  }
  t->open = 0;
  return GN_OK;
}

gn_status gn_table_create(size_t ncol, const char *const *names, gn_table **out)
{
  *out = NULL;
  GN_REQUIRE(ncol > 0, GN_EARG, "a table of 0 columns, expected at least 1");
  gn_table *t = calloc(1, sizeof *t);
  GN_REQUIRE(t, GN_ENOMEM, "out of memory: a new table");
  gn_status s = fill(t, ncol, names);
  if (s != GN_OK)
    gn_table_destroy(&t);
  else
    *out = t;
  return s;
}

void gn_table_destroy(gn_table **t)
{
  if (!t || !*t) return;
  gn_arena_destroy(&(*t)->arena);
  free(*t);
  *t = NULL;
}

void gn_table_cell(gn_table *t, const char *fmt, ...)
{
  if (t->status != GN_OK) return;
  if (!t->open || t->filled == t->ncol) {
    t->status = add_row(t);
    if (t->status != GN_OK) return;
  }
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  size_t size = n < 0 ? 1 : (size_t)n + 1;
  char *text = gn_arena_alloc(t->arena, size, 1);
  if (text) {
    (void)vsnprintf(text, size, fmt, again);
    put(t, text);
  } else {
    t->status = GN_ENOMEM;
  }
  va_end(again);
}

void gn_table_end_row(gn_table *t)
{
  t->open = 0;
}

static void print_aligned(const gn_table *t, const row *r, FILE *to)
{
  size_t blanks = 0; /* owed: written only before the next visible character */
  for (size_t k = 0; k < t->ncol; k++) {
    const char *text = r->cell[k] ? r->cell[k] : "";
    size_t pad = t->col[k].width - width_of(text);
    if (!t->col[k].left) blanks += pad;
    if (*text) {
      (void)fprintf(to, "%*s%s", (int)blanks, "", text);
      blanks = 0;
    }
    if (t->col[k].left) blanks += pad;
    blanks += 2;
  }
  (void)fputc('\n', to);
}

static void print_csv(const gn_table *t, const row *r, FILE *to)
{
  for (size_t k = 0; k < t->ncol; k++) {
    const char *text = r->cell[k] ? r->cell[k] : "";
    if (k) (void)fputc(',', to);
    if (!strpbrk(text, ",\"\r\n")) {
      (void)fputs(text, to);
      continue;
    }
    (void)fputc('"', to);
    for (; *text; text++) {
      if (*text == '"') (void)fputc('"', to);
      (void)fputc(*text, to);
    }
    (void)fputc('"', to);
  }
  (void)fputc('\n', to);
}

gn_status gn_table_print(const gn_table *t, FILE *to, int csv)
{
  GN_REQUIRE(t->status == GN_OK, t->status, "out of memory: a table was cut short");
  for (const row *r = t->head; r; r = r->next) {
    if (csv)
      print_csv(t, r, to);
    else
      print_aligned(t, r, to);
  }
  GN_REQUIRE(!ferror(to), GN_EIO, "the table could not be written");
  return GN_OK;
}
