/* File formats by table: columns of all parts in one order, as a header line and as a table of
 * Markdown. A name in capitals is a place holder, replaced by its writer. */
#include "base/format.h"

#include <string.h>

const gn_column *gn_format_column(const gn_format *f, size_t k)
{
  for (int i = 0; i < GN_FORMAT_PARTS && f->part[i]; i++)
    for (const gn_column *c = f->part[i]; c->name; c++)
      if (k-- == 0) return c;
  return NULL;
}

char *gn_format_header(const gn_format *f, gn_arena *a, const char *metric)
{
  static const char mark[] = "METRIC";
  const gn_column *c;
  char *s = gn_arena_strdup(a, "");
  for (size_t k = 0; s && (c = gn_format_column(f, k)) != NULL; k++) {
    const char *at = metric ? strstr(c->name, mark) : NULL;
    const char *comma = k > 0 ? "," : "";
    if (at)
      s = gn_arena_printf(a, "%s%s%.*s%s%s", s, comma, (int)(at - c->name), c->name, metric,
                          at + sizeof mark - 1);
    else
      s = gn_arena_printf(a, "%s%s%s", s, comma, c->name);
  }
  return s;
}

/* A cell of Markdown: a bar inside would end it. */
static void cell(FILE *to, const char *text)
{
  for (; *text; text++) {
    if (*text == '|') (void)fputc('\\', to);
    (void)fputc(*text, to);
  }
}

void gn_format_print(const gn_format *f, FILE *to)
{
  const gn_column *c = gn_format_column(f, 0);
  const int shaped = c && c->shape[0] != '\0';
  (void)fprintf(to, "### %s\n\n%s Written by `%s`.\n\n", f->file, f->text, f->by);
  (void)fputs(shaped ? "| path or attribute | shape | meaning |\n|---|---|---|\n"
                     : "| column | meaning |\n|---|---|\n", to);
  for (size_t k = 0; (c = gn_format_column(f, k)) != NULL; k++) {
    (void)fprintf(to, "| `%s` | ", c->name);
    if (shaped) (void)fprintf(to, "%s | ", c->shape);
    cell(to, c->text);
    (void)fputs(" |\n", to);
  }
  (void)fputc('\n', to);
}
