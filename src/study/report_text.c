/* What a report says in words: notes and failures of strategies, each once, and the
 * commands that do it all again. */
#include "study/report_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES = 60 };

/* ---- notes --------------------------------------------------------------------------- */

static const char *cell(const gn_csv *c, size_t row, const char *name)
{
  return gn_csv_text(c, row, gn_csv_column(c, name));
}

/* Row `row` says what an earlier one of the strategy said. */
static int said(const gn_csv *c, size_t row, const char *what)
{
  for (size_t i = 0; i < row; i++)
    if (strcmp(cell(c, i, what), cell(c, row, what)) == 0 &&
        strcmp(cell(c, i, "strategy"), cell(c, row, "strategy")) == 0)
      return 1;
  return 0;
}

static gn_status notes_of(gn_reporting *r, const gn_csv *c, size_t *n)
{
  static const char *const what[3][2] = { { "reason", "failed" },
                                          { "note", "note" },
                                          { "rejected_by", "rejections by block" } };
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; c && i < c->nrow; i++) {
      if (!*cell(c, i, what[k][0]) || said(c, i, what[k][0])) continue;
      if (++*n > NOTES) continue;
      const char *name = gn_arena_printf(r->arena, "%s, %s", cell(c, i, "strategy"), what[k][1]);
      if (!name) return GN_ENOMEM;
      if (*n == 1) {
        gn_html_heading(&r->html, "Notes and warnings");
        gn_html_pairs(&r->html);
      }
      gn_html_pair(&r->html, name, cell(c, i, what[k][0]), k == 0);
    }
  return GN_OK;
}

gn_status gn_report_notes(gn_reporting *r)
{
  size_t n = 0;
  GN_TRY(notes_of(r, r->compare, &n));
  GN_TRY(notes_of(r, r->sweep, &n));
  GN_TRY(notes_of(r, r->train, &n));
  if (n) gn_html_pairs_end(&r->html);
  if (n > NOTES) {
    const char *s = gn_arena_printf(r->arena, "%zu more are in the tables.", n - NOTES);
    if (!s) return GN_ENOMEM;
    gn_html_paragraph(&r->html, s);
  }
  return GN_OK;
}

/* ---- commands ------------------------------------------------------------------------ */

/* A word of a shell: in single quotes where it has to be. */
static void word(FILE *to, const char *s)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_-+=./:,@%";
  if (*s && s[strspn(s, plain)] == '\0') {
    (void)fputs(s, to);
    return;
  }
  (void)fputc('\'', to);
  for (; *s; s++) {
    if (*s == '\'') (void)fputs("'\\'", to);
    (void)fputc(*s, to);
  }
  (void)fputc('\'', to);
}

static void words(gn_reporting *r, FILE *to, const char *fmt, const char *a, const char *b)
{
  char *s = gn_arena_printf(r->arena, "%s%s%s", fmt, a, b);
  (void)fputc(' ', to);
  word(to, s ? s : "");
}

/* The distinct cells of a column, in order, separated by commas; NULL without memory. */
static const char *distinct(gn_reporting *r, const gn_csv *c, const char *name)
{
  const char *s = "";
  for (size_t i = 0; s && i < c->nrow; i++) {
    size_t j = 0;
    while (j < i && strcmp(cell(c, i, name), cell(c, j, name)) != 0) j++;
    if (j == i && *cell(c, i, name))
      s = gn_arena_printf(r->arena, "%s%s%s", s, *s ? "," : "", cell(c, i, name));
  }
  return s;
}

static int tied(const gn_csv *c, const char *a, const char *b)
{
  for (size_t i = 0; i < c->nrow; i++)
    if (strcmp(cell(c, i, a), cell(c, i, b)) != 0) return 0;
  return 1;
}

static gn_status sweep_command(gn_reporting *r, const gn_csv *c, const gn_csv *timing, FILE *to)
{
  static const char *const flag[][3] = {
    /* flag, column, column it is tied to */
    { "--rtol=", "rtol", NULL },           { "--back-rtol=", "back_rtol", "rtol" },
    { "--quad-rtol=", "quad_rtol", "back_rtol" }, { "--strategies=", "strategy", NULL },
    { "--solvers=", "solver", NULL },      { "--models=", "model", NULL },
    { "--seeds=", "seed", NULL },          { "--state=", "state", NULL },
    { "--target-loss=", "target_loss", NULL },
  };
  const int trained = c == r->train;
  (void)fputs("gnomon sweep", to);
  words(r, to, r->dir, "/sweep.ini", "");
  for (size_t k = 0; k < sizeof flag / sizeof *flag; k++) {
    if (flag[k][2] && tied(c, flag[k][1], flag[k][2])) continue;
    const char *s = distinct(r, c, flag[k][1]);
    if (!s) return GN_ENOMEM;
    if (*s) words(r, to, flag[k][0], s, "");
  }
  const char *samples = c->nrow ? cell(c, 0, "samples") : "";
  if (*samples) words(r, to, "--batch=", samples, "");
  if (trained) (void)fputs(" --what=train", to);
  if (timing && !trained) (void)fputs(" --time", to);
  words(r, to, "--out=", r->dir, "-again");
  (void)fputc('\n', to);
  return GN_OK;
}

static void compare_command(gn_reporting *r, FILE *to)
{
  const gn_csv *c = r->compare;
  const char *origin = c->nrow ? cell(c, 0, "parameters") : "", *end = strstr(origin, " (epoch");
  (void)fputs("gnomon compare", to);
  words(r, to, r->dir, "/compare.ini", "");
  if (*origin && strncmp(origin, "initial", 7) != 0) {
    char *s = gn_arena_printf(r->arena, "%.*s",
                              (int)(end ? (size_t)(end - origin) : strlen(origin)), origin);
    words(r, to, "--state=", s ? s : "", "");
  }
  if (c->nrow) words(r, to, "--batch=", cell(c, 0, "samples"), "");
  words(r, to, "--run.out=", r->dir, "-again");
  (void)fputc('\n', to);
}

gn_status gn_report_commands(gn_reporting *r)
{
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  gn_status s = GN_OK;
  if (!to) return GN_FAIL(GN_ENOMEM, "out of memory");
  if (r->metrics && r->facts.ini) {
    (void)fputs("gnomon train", to);
    words(r, to, r->dir, "/experiment.ini", "");
    words(r, to, "--run.out=", r->dir, "-again");
    (void)fputc('\n', to);
  }
  if (r->compare) compare_command(r, to);
  if (r->sweep) s = sweep_command(r, r->sweep, r->sweep_timing, to);
  if (r->train && s == GN_OK) s = sweep_command(r, r->train, r->train_timing, to);
  (void)fputs("gnomon plot", to);
  words(r, to, r->dir, "", "");
  (void)fputs("\ngnomon report", to);
  words(r, to, r->dir, "", "");
  if (fclose(to) != 0 && s == GN_OK) s = GN_FAIL(GN_ENOMEM, "out of memory");
  if (s == GN_OK) {
    gn_html_heading(&r->html, "Do it again");
    gn_html_paragraph(&r->html, "Counts and errors come out the same; seconds do not.");
    gn_html_pre(&r->html, text);
  }
  free(text);
  return s;
}
