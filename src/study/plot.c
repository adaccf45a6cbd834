/* Figures: tables are read and told apart here, and handed to the file that draws them.
 * Scripts and data are written first; a machine without gnuplot has them to take along. */
#include "study/plot_impl.h"
#include "study/rundir.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- tables -------------------------------------------------------------------------- */

static gn_status split(gn_arena *a, const char *file, gn_plot_table *t)
{
  const char *slash = strrchr(file, '/'), *stem = slash ? slash + 1 : file;
  const char *dot = strrchr(stem, '.');
  t->dir = slash ? gn_arena_printf(a, "%.*s", (int)(slash - file), file)
                 : gn_arena_strdup(a, ".");
  t->stem = gn_arena_printf(a, "%.*s", dot ? (int)(dot - stem) : (int)strlen(stem), stem);
  return t->dir && t->stem ? GN_OK : GN_ENOMEM;
}

static int has(const gn_csv *c, const char *name)
{
  return gn_csv_column(c, name) != GN_CSV_NONE;
}

static gn_status add_file(gn_plotting *pl, const char *file, const char *label)
{
  gn_csv *csv;
  GN_TRY(gn_csv_read(pl->arena, file, &csv));
  int metrics = has(csv, "epoch") && has(csv, "loss");
  int sweep = has(csv, "strategy") && has(csv, "rtol") &&
              (has(csv, "err_ode") || has(csv, "work_growth"));
  GN_REQUIRE(
      metrics || sweep || (has(csv, "strategy") && has(csv, "err_ode")), GN_EARG,
      "%s:1: neither the columns of metrics.csv (epoch, loss, ...) nor of compare.csv or "
      "sweep.csv (strategy, err_ode, ...)",
      file);
  GN_REQUIRE(csv->nrow > 0, GN_EARG, "%s: no rows to draw", file);
  size_t *n = metrics ? &pl->nmetrics : sweep ? &pl->nsweep : &pl->ncompare;
  GN_REQUIRE(*n < GN_PLOT_TABLES, GN_ELIMIT, "more than %d tables", (int)GN_PLOT_TABLES);
  gn_plot_table *t = (metrics ? pl->metrics : sweep ? pl->sweep : pl->compare) + (*n)++;
  t->csv = csv;
  t->label = gn_arena_strdup(pl->arena, label);
  if (!t->label) return GN_ENOMEM;
  GN_TRY(split(pl->arena, file, t));
  return gn_facts_read(pl->arena, t->dir,
                       metrics ? "experiment.ini" : sweep ? "sweep.ini" : "compare.ini",
                       &t->facts);
}

/* A run directory has metrics.csv, compare.csv, sweep.csv, or several. */
static gn_status add_dir(gn_plotting *pl, const char *dir)
{
  static const char *const name[4] = { "metrics.csv", "compare.csv", "sweep.csv",
                                       "sweep_train.csv" };
  size_t n = strlen(dir), found = 0;
  while (n > 1 && dir[n - 1] == '/') n--;
  const char *clean = gn_arena_printf(pl->arena, "%.*s", (int)n, dir);
  if (!clean) return GN_ENOMEM;
  const char *slash = strrchr(clean, '/');
  for (int k = 0; k < 4; k++) {
    const char *file = gn_arena_printf(pl->arena, "%s/%s", clean, name[k]);
    if (!file) return GN_ENOMEM;
    if (access(file, R_OK) != 0) continue;
    GN_TRY(add_file(pl, file, slash ? slash + 1 : clean));
    found++;
  }
  GN_REQUIRE(found > 0, GN_EIO, "%s: neither metrics.csv nor compare.csv nor sweep.csv in it", dir);
  return GN_OK;
}

static gn_status add_path(gn_plotting *pl, const char *path)
{
  struct stat st;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return add_dir(pl, path);
  if (gn_plot_is_solution(path)) {
    GN_REQUIRE(pl->nsolve < GN_PLOT_TABLES, GN_ELIMIT, "more than %d files", (int)GN_PLOT_TABLES);
    pl->solve[pl->nsolve++] = path;
    return GN_OK;
  }
  return add_file(pl, path, path);
}

/* ---- all ----------------------------------------------------------------------------- */

gn_status gn_plot_draw(gn_plotting *pl, const char *dir, const char *stem)
{
  pl->files++;
  if (pl->drawable) return gn_gnuplot_draw(pl->arena, dir, stem, pl->log);
  if (pl->log) (void)fprintf(pl->log, "%s/%s.gp\n", dir, stem);
  return GN_OK;
}

gn_status gn_plot_finish(const gn_plotting *pl)
{
  GN_REQUIRE(pl->drawable, GN_EIO,
             "gnuplot is not on the PATH: %zu script%s (.gp) written with the data, to be "
             "drawn where there is one; install it (Debian: gnuplot-nox)",
             pl->files, pl->files == 1 ? "" : "s");
  return GN_OK;
}

/* The second table of a name does not overwrite the figure of the first. */
static const char *stem_of(const gn_plotting *pl, const gn_plot_table *t, size_t k)
{
  return pl->out && k ? gn_arena_printf(pl->arena, "%s-%zu", t->stem, k + 1) : t->stem;
}

static gn_status draw_all(gn_plotting *pl)
{
  if (pl->nmetrics) GN_TRY(gn_plot_runs(pl));
  for (size_t k = 0; k < pl->ncompare; k++) {
    const char *stem = stem_of(pl, &pl->compare[k], k);
    if (!stem) return GN_ENOMEM;
    GN_TRY(gn_plot_compare(pl, &pl->compare[k], stem));
  }
  for (size_t k = 0; k < pl->nsweep; k++) {
    const char *stem = stem_of(pl, &pl->sweep[k], k);
    if (!stem) return GN_ENOMEM;
    GN_TRY(gn_plot_sweep(pl, &pl->sweep[k], stem));
  }
  for (size_t k = 0; k < pl->nsolve; k++) GN_TRY(gn_plot_solution(pl, pl->solve[k]));
  return gn_plot_finish(pl);
}

static gn_status start(gn_arena **a, gn_plotting **out)
{
  GN_TRY(gn_arena_create(a));
  gn_plotting *pl = gn_arena_alloc(*a, 1, sizeof *pl);
  if (!pl) gn_arena_destroy(a);
  if (!pl) return GN_ENOMEM;
  pl->arena = *a;
  pl->drawable = gn_gnuplot_found();
  *out = pl;
  return GN_OK;
}

static gn_status plot(size_t n, const char *const *path, const char *out, int narrow,
                      FILE *log)
{
  gn_arena *a;
  gn_plotting *pl;
  GN_TRY(start(&a, &pl));
  pl->out = out;
  pl->narrow = narrow;
  pl->log = log;
  gn_status s = GN_OK;
  for (size_t k = 0; k < n && s == GN_OK; k++) s = add_path(pl, path[k]);
  if (s == GN_OK && out) s = gn_rundir_make(out);
  if (s == GN_OK) s = draw_all(pl);
  gn_arena_destroy(&a);
  return s;
}

gn_status gn_plot(size_t n, const char *const *path, const char *out, FILE *log)
{
  return plot(n, path, out, 0, log);
}

gn_status gn_plot_narrow(size_t n, const char *const *path, const char *out)
{
  return plot(n, path, out, 1, NULL);
}

/* The options that lie beside a table of a known name, else those of a run. */
static const char *options_of(const char *stem)
{
  if (strncmp(stem, "compare", 7) == 0) return "compare.ini";
  return strncmp(stem, "sweep", 5) == 0 ? "sweep.ini" : "experiment.ini";
}

static gn_status tidy(gn_plotting *pl, const char *file, const gn_plot_columns *want)
{
  gn_csv *csv;
  gn_plot_table t = { .label = file };
  GN_TRY(gn_csv_read(pl->arena, file, &csv));
  GN_REQUIRE(csv->nrow > 0, GN_EARG, "%s: no rows to draw", file);
  t.csv = csv;
  GN_TRY(split(pl->arena, file, &t));
  GN_TRY(gn_facts_read(pl->arena, t.dir, options_of(t.stem), &t.facts));
  GN_TRY(gn_plot_tidy(pl, &t, want));
  return gn_plot_finish(pl);
}

gn_status gn_plot_csv(const char *file, const gn_plot_columns *want, FILE *log)
{
  gn_arena *a;
  gn_plotting *pl;
  GN_TRY(start(&a, &pl));
  pl->log = log;
  const gn_status s = tidy(pl, file, want);
  gn_arena_destroy(&a);
  return s;
}
