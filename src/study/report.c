/* The report from top to bottom. Figures are drawn for small screens into a folder that is
 * removed again, and put into the page. */
#include "study/report_impl.h"

#include "nn/gemm.h"
#include "study/figure.h"
#include "study/plot.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 8, TAIL = 24, LINE = 1024 }; /* of a long log */

/* ---- tables that are there ----------------------------------------------------------- */

static gn_status optional(gn_reporting *r, const char *name, const gn_csv **out)
{
  const char *file = gn_arena_printf(r->arena, "%s/%s", r->dir, name);
  gn_csv *csv;
  if (!file) return GN_ENOMEM;
  if (access(file, F_OK) != 0) return GN_OK;
  GN_TRY(gn_csv_read(r->arena, file, &csv));
  *out = csv;
  return GN_OK;
}

static gn_status read_all(gn_reporting *r)
{
  GN_REQUIRE(access(r->dir, R_OK | X_OK) == 0, GN_EIO, "%s: cannot open: %s", r->dir,
             strerror(errno));
  GN_TRY(optional(r, "metrics.csv", &r->metrics));
  GN_TRY(optional(r, "timing.csv", &r->timing));
  GN_TRY(optional(r, "compare.csv", &r->compare));
  GN_TRY(optional(r, "compare_timing.csv", &r->compare_timing));
  GN_TRY(optional(r, "sweep.csv", &r->sweep));
  GN_TRY(optional(r, "sweep_timing.csv", &r->sweep_timing));
  GN_TRY(optional(r, "sweep_train.csv", &r->train));
  GN_TRY(optional(r, "sweep_train_timing.csv", &r->train_timing));
  GN_REQUIRE(r->metrics || r->compare || r->sweep || r->train, GN_EIO,
             "%s: neither metrics.csv nor compare.csv nor sweep.csv in it", r->dir);
  return gn_facts_read(r->arena, r->dir,
                       r->metrics   ? "experiment.ini"
                       : r->compare ? "compare.ini"
                                    : "sweep.ini",
                       &r->facts);
}

/* ---- figures ------------------------------------------------------------------------- */

static void remove_folder(const char *dir)
{
  char file[2 * LINE];
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
    (void)snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) (void)remove(file);
  }
  if (d) (void)closedir(d);
  (void)rmdir(dir);
}

static gn_status put_figures(gn_reporting *r, const char *from)
{
  static const char *const figure[][2] = {
    { "loss", "loss against the epoch" },
    { "cost", "work and evaluations against the epoch" },
    { "compare", "error and work of the strategies" },
    { "sweep_work", "error against work" },
    { "sweep_bytes", "error against memory" },
    { "sweep_seconds", "error against seconds" },
    { "sweep_train_loss", "final loss against the tolerance" },
    { "sweep_train_growth", "growth of the work against the tolerance" },
    { "sweep_train_target_work", "work to the target loss against the tolerance" },
    { "sweep_train_target_seconds", "seconds to the target loss against the tolerance" },
  };
  gn_status s = GN_OK;
  gn_html_figures(&r->html);
  for (size_t k = 0; k < sizeof figure / sizeof *figure && s == GN_OK; k++) {
    const char *file = gn_arena_printf(r->arena, "%s/%s.svg", from, figure[k][0]);
    if (!file) return GN_ENOMEM;
    if (access(file, R_OK) == 0) s = gn_html_svg(&r->html, r->arena, file, figure[k][1]);
  }
  gn_html_figures_end(&r->html);
  return s;
}

static gn_status figures(gn_reporting *r)
{
  const char *tmp = getenv("TMPDIR"), *const dir = r->dir;
  gn_html_heading(&r->html, "Figures");
  if (!gn_gnuplot_found()) {
    gn_html_paragraph(&r->html, "Figures are missing: gnuplot was not there (Debian: "
                                "gnuplot-nox). The tables have the numbers.");
    return GN_OK;
  }
  char *to = gn_arena_printf(r->arena, "%s/gnomon-report-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!to) return GN_ENOMEM;
  GN_REQUIRE(mkdtemp(to), GN_EIO, "%s: cannot make a folder for figures: %s", to,
             strerror(errno));
  gn_status s = gn_plot_narrow(1, &dir, to);
  if (s != GN_OK && s != GN_ENOMEM) {
    const char *why = gn_arena_printf(r->arena, "Figures are missing: %s.", gn_last_error());
    gn_html_paragraph(&r->html, why ? why : "");
    s = GN_OK;
  } else if (s == GN_OK) {
    s = put_figures(r, to);
  }
  remove_folder(to);
  return s;
}

/* ---- log ----------------------------------------------------------------------------- */

static gn_status put_log(gn_reporting *r)
{
  char line[LINE], *text = NULL;
  size_t size = 0, n = 0, all = 0;
  const char *file = gn_arena_printf(r->arena, "%s/log.txt", r->dir);
  FILE *f = file ? fopen(file, "r") : NULL, *to = f ? open_memstream(&text, &size) : NULL;
  if (!f) return file ? GN_OK : GN_ENOMEM;
  while (to && fgets(line, sizeof line, f)) all++;
  rewind(f);
  while (to && fgets(line, sizeof line, f)) {
    n++;
    if (n <= HEAD || n + TAIL > all) (void)fputs(line, to);
    if (n == HEAD && all > HEAD + TAIL)
      (void)fprintf(to, "... %zu lines\n", all - HEAD - TAIL);
  }
  (void)fclose(f);
  const int good = to && fclose(to) == 0;
  if (good) {
    gn_html_heading(&r->html, "Log");
    gn_html_pre(&r->html, text);
  }
  free(text);
  return good ? GN_OK : GN_ENOMEM;
}

/* ---- options ------------------------------------------------------------------------- */

/* which: 1 those that are not at their defaults, 0 all. */
static void put_options(gn_reporting *r, const gn_experiment *e, int which)
{
  char init[2 * GN_TEXT_MAX], name[2 * GN_TEXT_MAX], text[4 * GN_TEXT_MAX];
  gn_html_pairs(&r->html);
  for (size_t i = 0; i < r->facts.ini->n; i++) {
    const gn_ini_entry *en = &r->facts.ini->entry[i];
    const int chosen = strcmp(en->key, "name") == 0;
    if (e) gn_facts_default(e, en->section, en->key, init, sizeof init);
    const int other = e && (chosen || strcmp(init, en->value) != 0);
    if (which && !other) continue;
    (void)snprintf(name, sizeof name, "%s.%s", en->section, en->key);
    (void)snprintf(text, sizeof text, "%s", en->value);
    if (other && !chosen)
      (void)snprintf(text, sizeof text, "%s (default: %s)", en->value,
                     *init ? init : "empty");
    gn_html_pair(&r->html, name, text, other && !which);
  }
  gn_html_pairs_end(&r->html);
}

static gn_status options(gn_reporting *r)
{
  gn_experiment *e = NULL;
  if (!r->facts.ini) return GN_OK;
  gn_html_heading(&r->html, "Options");
  const gn_status s = gn_experiment_read(r->facts.ini->file, 0, NULL, &e);
  if (s == GN_ENOMEM) return s;
  if (e) {
    gn_html_paragraph(&r->html, "Chosen, or not at their defaults:");
    put_options(r, e, 1);
  } else {
    const char *why = gn_arena_printf(
        r->arena, "This gnomon does not know all of them, so none is marked (%s).",
        gn_last_error());
    gn_html_paragraph(&r->html, why ? why : "");
  }
  gn_html_fold(&r->html, e ? "All options; marked: not at the default" : "All options");
  put_options(r, e, 0);
  gn_html_unfold(&r->html);
  if (e) gn_experiment_destroy(&e);
  return GN_OK;
}

static void versions(gn_reporting *r)
{
  gn_html_heading(&r->html, "Versions");
  gn_html_pairs(&r->html);
  gn_html_pair(&r->html, "results written by",
               *r->facts.version ? r->facts.version : "unknown (no log)", 0);
  gn_html_pair(&r->html, "report written by", "gnomon " GN_VERSION, 0);
  gn_html_pair(&r->html, "SUNDIALS", GN_SUNDIALS_VERSION, 0);
#ifdef __clang__
  gn_html_pair(&r->html, "compiler", __VERSION__, 0);
#else
  gn_html_pair(&r->html, "compiler", "GCC " __VERSION__, 0);
#endif
  gn_html_pair(&r->html, "BLAS core", gn_blas_core(), 0);
  gn_html_pairs_end(&r->html);
}

/* ---- all ----------------------------------------------------------------------------- */

/* What the grid of a sweep has other than sweep.ini is not a fact of the sweep. */
static gn_status grid_facts(gn_reporting *r, gn_facts *shown)
{
  static const char *const grid[][2] = {
    { "model", "model.name" }, { "solver", "solver.name" }, { "rtol", "solver.rtol" },
    { "seed", "run.seed" }
  };
  const gn_csv *c = r->sweep ? r->sweep : r->train;
  for (size_t k = 0; k < sizeof grid / sizeof *grid; k++) {
    int other = 0;
    for (size_t i = 0; i < c->nrow && !other; i++)
      other = strcmp(gn_csv_text(c, i, gn_csv_column(c, grid[k][0])),
                     gn_facts_get(&r->facts, grid[k][1])) != 0;
    if (other) GN_TRY(gn_facts_without(r->arena, grid[k][0], shown));
  }
  return GN_OK;
}

static gn_status write_page(gn_reporting *r)
{
  gn_facts shown = r->facts;
  const gn_facts *facts = &shown;
  const char *kind = r->metrics   ? "Run"
                     : r->compare ? "Comparison"
                                  : "Sweep";
  const char *title = gn_arena_printf(r->arena, "%s %s", kind, r->facts.name);
  if (!r->metrics) GN_TRY(gn_facts_without(r->arena, "strategy", &shown));
  if (!r->metrics && !r->compare) GN_TRY(grid_facts(r, &shown));
  const char *caption = gn_facts_caption(r->arena, 1, &facts);
  if (!title || !caption) return GN_ENOMEM;
  gn_html_begin(&r->html, title);
  gn_html_paragraph(&r->html, caption);
  if (r->metrics) gn_report_summary(r);
  GN_TRY(figures(r));
  if (r->metrics) gn_report_epochs(r);
  if (r->compare) GN_TRY(gn_report_compare(r));
  if (r->sweep) GN_TRY(gn_report_sweep(r, r->sweep, r->sweep_timing));
  if (r->train) GN_TRY(gn_report_sweep(r, r->train, r->train_timing));
  GN_TRY(gn_report_notes(r));
  GN_TRY(gn_report_commands(r));
  GN_TRY(put_log(r));
  GN_TRY(options(r));
  versions(r);
  gn_html_end(&r->html);
  return GN_OK;
}

static gn_status write_file(gn_reporting *r, const char *file)
{
  const char *fresh = gn_arena_printf(r->arena, "%s.new", file);
  if (!fresh) return GN_ENOMEM;
  r->html.to = fopen(fresh, "w");
  GN_REQUIRE(r->html.to, GN_EIO, "%s: cannot open: %s", fresh, strerror(errno));
  gn_status s = write_page(r);
  const int bad = ferror(r->html.to);
  if ((fclose(r->html.to) != 0 || bad) && s == GN_OK)
    s = GN_FAIL(GN_EIO, "%s: cannot write: %s", fresh, strerror(errno));
  if (s == GN_OK && rename(fresh, file) != 0)
    s = GN_FAIL(GN_EIO, "%s: cannot rename: %s", fresh, strerror(errno));
  if (s != GN_OK) (void)remove(fresh);
  return s;
}

static gn_status report(gn_reporting *r, const char *dir, const char *file, FILE *log)
{
  size_t n = strlen(dir);
  while (n > 1 && dir[n - 1] == '/') n--;
  r->dir = gn_arena_printf(r->arena, "%.*s", (int)n, dir);
  if (!r->dir) return GN_ENOMEM;
  if (!file) file = gn_arena_printf(r->arena, "%s/report.html", r->dir);
  if (!file) return GN_ENOMEM;
  GN_TRY(read_all(r));
  GN_TRY(write_file(r, file));
  if (log) (void)fprintf(log, "%s\n", file);
  return GN_OK;
}

gn_status gn_report(const char *dir, const char *file, FILE *log)
{
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_reporting *r = gn_arena_alloc(a, 1, sizeof *r);
  gn_status s = GN_ENOMEM;
  if (r) {
    r->arena = a;
    s = report(r, dir, file, log);
  }
  gn_arena_destroy(&a);
  return s;
}
