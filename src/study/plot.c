/* Figures: tables are read here and handed to gnuplot as inline data, so that gnuplot sees
 * no file of ours. One script per figure and terminal (svg, pdfcairo, pngcairo). */
#include "study/plot_impl.h"
#include "study/rundir.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
  return t->label ? split(pl->arena, file, t) : GN_ENOMEM;
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

/* ---- gnuplot ------------------------------------------------------------------------- */

static gn_status find_gnuplot(void)
{
  const char *path = getenv("PATH");
  char file[4096];
  for (const char *s = path ? path : ""; *s;) {
    size_t n = strcspn(s, ":");
    int m = snprintf(file, sizeof file, "%.*s/gnuplot", (int)n, s);
    if (m > 0 && (size_t)m < sizeof file && access(file, X_OK) == 0) return GN_OK;
    s += n + (s[n] == ':');
  }
  return GN_FAIL(GN_EIO, "gnuplot is not on the PATH; install it (Debian: gnuplot-nox)");
}

void gn_plot_quote(FILE *gp, const char *s)
{
  (void)fputc('\'', gp);
  for (; *s; s++) {
    if (*s == '\'') (void)fputc('\'', gp);
    (void)fputc(*s == '\n' ? ' ' : *s, gp);
  }
  (void)fputc('\'', gp);
}

static void prepare(FILE *gp, const char *terminal, double height)
{
  const char *font = "DejaVu Sans,12";
  if (strcmp(terminal, "pdfcairo") == 0)
    (void)fprintf(gp, "set terminal pdfcairo noenhanced size 18cm,%.1fcm font '%s'\n",
                  18 * height, "DejaVu Sans,10");
  else if (strcmp(terminal, "svg") == 0)
    (void)fprintf(
        gp, "set terminal svg noenhanced size 900,%.0f font '%s' background 'white'\n",
        900 * height, font);
  else
    (void)fprintf(gp, "set terminal pngcairo noenhanced size 900,%.0f font '%s'\n",
                  900 * height, font);
}

/* gnuplot may have failed: the signal of a pipe without a reader must not end the program. */
static int run_gnuplot(void (*write)(const void *user, FILE *gp), const void *user)
{
  struct sigaction ignore, old;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  (void)sigemptyset(&ignore.sa_mask);
  (void)sigaction(SIGPIPE, &ignore, &old);
  FILE *gp =
      popen("gnuplot", "w"); /* NOLINT(cert-env33-c): a fixed name, no text of ours */
  int rc = -1;
  if (gp) {
    write(user, gp);
    rc = pclose(gp);
  }
  (void)sigaction(SIGPIPE, &old, NULL);
  return rc;
}

static gn_status check_drawn(const gn_plotting *pl, const char *file, int rc)
{
  struct stat st;
  GN_REQUIRE(rc == 0 && stat(file, &st) == 0 && st.st_size > 0, GN_EIO,
             "%s: gnuplot could not draw it (exit status %d)", file,
             rc >= 0 && WIFEXITED(rc) ? WEXITSTATUS(rc) : -1);
  if (pl->log) (void)fprintf(pl->log, "%s\n", file);
  return GN_OK;
}

gn_status gn_plot_run(const gn_plotting *pl, void (*write)(const void *user, FILE *gp),
                      const void *user, const char *dir, const char *stem)
{
  static const char *const ending[3] = { "svg", "pdf", "png" };
  const int rc = run_gnuplot(write, user);
  for (int k = 0; k < 3; k++) {
    const char *file = gn_arena_printf(pl->arena, "%s/%s.%s", dir, stem, ending[k]);
    if (!file) return GN_ENOMEM;
    GN_TRY(check_drawn(pl, file, rc));
  }
  return GN_OK;
}

/* A drawing on one terminal. */
typedef struct sheet {
  const gn_plotting *pl;
  gn_drawing draw;
  size_t which;
  double height;
  const char *terminal, *file;
} sheet;

static void write_sheet(const void *user, FILE *gp)
{
  const sheet *sh = user;
  prepare(gp, sh->terminal, sh->height);
  (void)fputs("set output ", gp);
  gn_plot_quote(gp, sh->file);
  (void)fputc('\n', gp);
  sh->draw(sh->pl, sh->which, gp);
}

static gn_status figure(const gn_plotting *pl, gn_drawing draw, size_t which, double height,
                        const char *dir, const char *stem)
{
  static const char *const terminal[3] = { "svg", "pdfcairo", "pngcairo" };
  static const char *const ending[3] = { "svg", "pdf", "png" };
  for (int k = 0; k < 3; k++) {
    const char *file =
        gn_arena_printf(pl->arena, "%s/%s.%s", pl->out ? pl->out : dir, stem, ending[k]);
    if (!file) return GN_ENOMEM;
    const sheet sh = { pl, draw, which, height, terminal[k], file };
    GN_TRY(check_drawn(pl, file, run_gnuplot(write_sheet, &sh)));
  }
  return GN_OK;
}

/* ---- all ----------------------------------------------------------------------------- */

static gn_status draw_all(gn_plotting *pl)
{
  GN_TRY(find_gnuplot());
  if (pl->nmetrics) {
    const char *dir = pl->metrics[0].dir;
    GN_REQUIRE(gn_plot_has(pl, 0), GN_EARG, "%s: no finite loss to draw",
               pl->metrics[0].csv->file);
    GN_TRY(figure(pl, gn_draw_loss, 0, 0.6, dir, "loss"));
    if (gn_plot_has(pl, 1)) GN_TRY(figure(pl, gn_draw_cost, 0, 0.6, dir, "cost"));
  }
  for (size_t k = 0; k < pl->ncompare; k++) {
    const gn_plot_table *t = &pl->compare[k];
    const char *stem =
        pl->out && k ? gn_arena_printf(pl->arena, "%s-%zu", t->stem, k + 1) : t->stem;
    if (!stem) return GN_ENOMEM;
    GN_TRY(figure(pl, gn_draw_compare, k, gn_plot_height(t->csv->nrow), t->dir, stem));
  }
  for (size_t k = 0; k < pl->nsweep; k++) {
    const gn_plot_table *t = &pl->sweep[k];
    const char *stem =
        pl->out && k ? gn_arena_printf(pl->arena, "%s-%zu", t->stem, k + 1) : t->stem;
    if (!stem) return GN_ENOMEM;
    GN_TRY(gn_plot_sweep(pl, t, stem));
  }
  for (size_t k = 0; k < pl->nsolve; k++) GN_TRY(gn_plot_solution(pl, pl->solve[k]));
  return GN_OK;
}

gn_status gn_plot(size_t n, const char *const *path, const char *out, FILE *log)
{
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_plotting *pl = gn_arena_alloc(a, 1, sizeof *pl);
  gn_status s = pl ? GN_OK : GN_ENOMEM;
  if (pl) {
    pl->arena = a;
    pl->out = out;
    pl->log = log;
  }
  for (size_t k = 0; k < n && s == GN_OK; k++) s = add_path(pl, path[k]);
  if (s == GN_OK && out) s = gn_rundir_make(out);
  if (s == GN_OK) s = draw_all(pl);
  gn_arena_destroy(&a);
  return s;
}
