/* Runs over each other: loss and cost against the epoch. Runs that differ only in their
 * seeds are one line, their median, in a band from quartile to quartile. One group shows
 * its quantities as lines of common panels; several have a panel for each quantity. */
#include "base/table.h"
#include "study/plot_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A quantity: the sum of some columns. */
typedef struct quantity {
  const char *title, *column[6]; /* NULL at the end */
} quantity;
enum { MOST = 2 };
typedef struct topic { /* quantities that share an axis */
  const char *ylabel;
  quantity q[MOST];
} topic;

static const topic loss_topic = {
  "loss", { { "training", { "loss" } }, { "validation", { "valid_loss" } } }
};
static const topic cost_topic[2] = {
  { "work per epoch",
    { { "forward", { "f", "jvp" } },
      { "backward", { "back_f", "back_vjp", "back_pgrad", "back_jvp" } } } },
  { "NFE per epoch",
    { { "forward", { "nfe_forward" } }, { "backward", { "nfe_backward" } } } }
};

/* ---- groups -------------------------------------------------------------------------- */

gn_status gn_plot_groups(const gn_plotting *pl, size_t *n, gn_plot_group **out)
{
  gn_plot_group *g;
  GN_NEW(pl->arena, g, pl->nmetrics);
  *n = 0;
  for (size_t i = 0; i < pl->nmetrics; i++) {
    const gn_plot_table *t = &pl->metrics[i];
    size_t k = 0;
    while (k < *n && !gn_facts_same(&g[k].run[0]->facts, &t->facts)) k++;
    if (k == *n) {
      const size_t most = pl->nmetrics - i;
      GN_NEW(pl->arena, g[k].run, most); /* NOLINT(bugprone-sizeof-expression): pointers */
      (*n)++;
    }
    g[k].run[g[k].n++] = t;
  }
  *out = g;
  return GN_OK;
}

/* Sum of the columns named, NaN where all are missing. */
static double sum_of(const gn_csv *c, size_t row, const char *const *name)
{
  double s = (double)NAN;
  for (; *name; name++) {
    double x = gn_csv_number(c, row, gn_csv_column(c, *name));
    if (!isnan(x)) s = isnan(s) ? x : s + x;
  }
  return s;
}

/* The value at an epoch; rows are epochs from 1 on, and looked for if they are not. */
static double value_at(const gn_csv *c, double epoch, const char *const *column)
{
  const size_t ep = gn_csv_column(c, "epoch");
  const size_t guess = epoch >= 1 ? (size_t)epoch - 1 : 0;
  if (guess < c->nrow && gn_csv_number(c, guess, ep) == epoch)
    return sum_of(c, guess, column);
  for (size_t i = 0; i < c->nrow; i++)
    if (gn_csv_number(c, i, ep) == epoch) return sum_of(c, i, column);
  return (double)NAN;
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* All epochs of all runs, each once. */
static gn_status epochs_of(gn_arena *a, const gn_plot_group *g, size_t *n, double **out)
{
  double *x;
  size_t all = 0, m = 0;
  for (size_t k = 0; k < g->n; k++) all += g->run[k]->csv->nrow;
  GN_NEW(a, x, all);
  for (size_t k = 0; k < g->n; k++) {
    const gn_csv *c = g->run[k]->csv;
    for (size_t i = 0; i < c->nrow; i++) {
      const double e = gn_csv_number(c, i, gn_csv_column(c, "epoch"));
      if (isfinite(e)) x[m++] = e;
    }
  }
  qsort(x, m, sizeof *x, ascending);
  *n = 0;
  for (size_t i = 0; i < m; i++)
    if (*n == 0 || x[*n - 1] < x[i]) x[(*n)++] = x[i];
  *out = x;
  return GN_OK;
}

gn_status gn_plot_curve(gn_arena *a, const gn_plot_group *g, const char *const *column,
                        gn_figure_line *out)
{
  size_t n;
  double *epoch, *y;
  GN_TRY(epochs_of(a, g, &n, &epoch));
  GN_NEW(a, out->at, n);
  GN_NEW(a, y, g->n);
  out->n = 0;
  for (size_t i = 0; i < n; i++) {
    size_t m = 0;
    for (size_t k = 0; k < g->n; k++) {
      y[m] = value_at(g->run[k]->csv, epoch[i], column);
      m += isfinite(y[m]) != 0;
    }
    if (m) out->at[out->n++] = gn_figure_summary(epoch[i], m, y);
  }
  return GN_OK;
}

/* ---- figures ------------------------------------------------------------------------- */

typedef struct overlay {
  gn_plotting *pl;
  size_t n;
  gn_plot_group *group;
  const char **label; /* [n], with the number of seeds */
  const char *caption;
} overlay;

static int nothing(const gn_figure_line *l) /* such as NFE backward of discrete */
{
  for (size_t i = 0; i < l->n; i++)
    if (l->at[i].high != 0) return 0;
  return 1;
}

static int positive(const gn_figure_panel *p, size_t nline)
{
  for (size_t k = 0; k < nline; k++)
    for (size_t i = 0; i < p->line[k].n; i++)
      if (!(p->line[k].at[i].low > 0)) return 0;
  return 1;
}

static gn_status fill(const overlay *o, const gn_plot_group *g, const quantity *q,
                      gn_figure_line *l)
{
  GN_TRY(gn_plot_curve(o->pl->arena, g, q->column, l));
  if (o->n == 1 && nothing(l)) l->n = 0;
  return GN_OK;
}

/* One group: a panel a topic, a line a quantity. Several: a panel a quantity, a line a
   group; a panel without a line is left out. */
static gn_status fill_panels(const overlay *o, size_t n, const topic *t, gn_figure *f)
{
  gn_arena *a = o->pl->arena;
  const int one = o->n == 1;
  GN_NEW(a, f->panel, MOST * n);
  f->nline = one ? MOST : o->n;
  for (size_t j = 0; j < (one ? n : MOST * n); j++) {
    const topic *tp = &t[one ? j : j / MOST];
    gn_figure_panel *p = &f->panel[f->npanel];
    size_t any = 0;
    GN_NEW(a, p->line, f->nline);
    for (size_t k = 0; k < f->nline; k++) {
      GN_TRY(fill(o, &o->group[one ? 0 : k], &tp->q[one ? k : j % MOST], &p->line[k]));
      any += !nothing(&p->line[k]);
    }
    p->ylabel = one ? tp->ylabel
                    : gn_arena_printf(a, "%s, %s", tp->ylabel, tp->q[j % MOST].title);
    if (!p->ylabel) return GN_ENOMEM;
    p->logy = t == &loss_topic && positive(p, f->nline);
    p->zero = t != &loss_topic;
    f->npanel += any > 0;
  }
  return GN_OK;
}

static gn_status draw(const overlay *o, const char *stem, size_t n, const topic *t)
{
  gn_plotting *pl = o->pl;
  const char *own[MOST];
  gn_figure f = { .dir = pl->out ? pl->out : pl->metrics[0].dir,
                  .stem = stem,
                  .xlabel = "epoch",
                  .narrow = pl->narrow,
                  .caption = pl->narrow ? NULL : o->caption };
  GN_TRY(fill_panels(o, n, t, &f));
  if (f.npanel == 0) return GN_OK;
  for (size_t k = 0; k < MOST; k++) own[k] = t->q[k].title;
  f.label = o->n == 1 ? own : o->label;
  GN_TRY(gn_figure_write(pl->arena, &f));
  return gn_plot_draw(pl, f.dir, stem);
}

/* ---- what differs -------------------------------------------------------------------- */

static const char *seeds_of(gn_arena *a, const gn_plot_group *g)
{
  const char *s = "";
  for (size_t k = 0; s && k < g->n; k++) {
    const char *seed = gn_facts_get(&g->run[k]->facts, "run.seed");
    s = gn_arena_printf(a, "%s%s%s", s, k ? " " : "", *seed ? seed : "?");
  }
  return s;
}

/* Rows: what the group is drawn as, its runs and seeds, and every option that differs. */
static gn_status print_table(const overlay *o, const gn_facts *const *facts, size_t nkey,
                             const char *const *key)
{
  gn_arena *a = o->pl->arena;
  const char **head;
  gn_table *t;
  GN_NEW(a, head, o->n + 1);
  head[0] = "<";
  for (size_t k = 0; k < o->n; k++)
    if (!(head[k + 1] = gn_arena_printf(a, "<%s", facts[k]->name))) return GN_ENOMEM;
  GN_TRY(gn_table_create(o->n + 1, head, &t));
  gn_table_cell(t, "runs");
  for (size_t k = 0; k < o->n; k++) gn_table_cell(t, "%zu", o->group[k].n);
  gn_table_end_row(t);
  gn_table_cell(t, "seeds");
  for (size_t k = 0; k < o->n; k++) {
    const char *s = seeds_of(a, &o->group[k]);
    gn_table_cell(t, "%s", s ? s : "");
  }
  gn_table_end_row(t);
  for (size_t i = 0; i < nkey; i++) {
    gn_table_cell(t, "%s", key[i]);
    for (size_t k = 0; k < o->n; k++) {
      const char *s = gn_facts_get(facts[k], key[i]);
      gn_table_cell(t, "%s", *s ? s : "-");
    }
    gn_table_end_row(t);
  }
  const gn_status s = gn_table_print(t, o->pl->log, 0);
  gn_table_destroy(&t);
  return s;
}

static gn_status describe(overlay *o)
{
  gn_arena *a = o->pl->arena;
  const gn_facts **facts, **all;
  const char **key;
  size_t nkey, most = 0;
  GN_NEW(a, facts, o->n);          /* NOLINT(bugprone-sizeof-expression): pointers */
  GN_NEW(a, all, o->pl->nmetrics); /* NOLINT(bugprone-sizeof-expression): pointers */
  GN_NEW(a, o->label, o->n);
  for (size_t k = 0; k < o->n; k++) facts[k] = &o->group[k].run[0]->facts;
  for (size_t k = 0; k < o->pl->nmetrics; k++) all[k] = &o->pl->metrics[k].facts;
  GN_TRY(gn_facts_differences(a, o->n, facts, &nkey, &key));
  for (size_t k = 0; k < o->n; k++) {
    const char *s = gn_facts_label(a, o->n, facts, k, nkey, key);
    if (s && !facts[k]->ini) s = o->group[k].run[0]->label;
    if (s && o->group[k].n > 1) s = gn_arena_printf(a, "%s (%zu seeds)", s, o->group[k].n);
    if (!(o->label[k] = s)) return GN_ENOMEM;
    if (o->group[k].n > most) most = o->group[k].n;
  }
  const char *s = gn_facts_caption(a, o->pl->nmetrics, all);
  if (s && most > 1)
    s = gn_arena_printf(a, "%s Lines are medians over the seeds, bands reach from quartile "
                           "to quartile.",
                        s);
  if (!(o->caption = s)) return GN_ENOMEM;
  if (!o->pl->log || o->n < 2) return GN_OK;
  return print_table(o, facts, nkey, key);
}

gn_status gn_plot_runs(gn_plotting *pl)
{
  overlay o = { .pl = pl };
  int any = 0;
  for (size_t k = 0; k < pl->nmetrics; k++)
    for (size_t i = 0; i < pl->metrics[k].csv->nrow; i++)
      any |= isfinite(sum_of(pl->metrics[k].csv, i, loss_topic.q[0].column)) != 0;
  GN_REQUIRE(any, GN_EARG, "%s: no finite loss to draw", pl->metrics[0].csv->file);
  GN_TRY(gn_plot_groups(pl, &o.n, &o.group));
  GN_TRY(describe(&o));
  GN_TRY(draw(&o, "loss", 1, &loss_topic));
  return draw(&o, "cost", 2, cost_topic);
}
