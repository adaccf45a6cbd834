/* Figures of a solution: state, output with targets, and adjoint over time, and phase planes; a
 * panel per component, a colour per sample, the same in all panels. STEM.dat holds a block
 * per sample; each figure is STEM_NAME.gp (which draws it again in that folder) and pictures. */
#include "study/plot_impl.h"
#include "study/solve.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { PANELS = 6, SAMPLES = 8, FEW = 3 };

/* y over x, columns of the data from 1; target 0: none. */
typedef struct panel {
  size_t x, y, target;
  const char *xlabel, *ylabel;
} panel;

typedef struct drawing {
  gn_plotting *pl;
  const gn_solution *s;
  const char *dir, *stem;
  size_t nsample; /* drawn */
  size_t n;
  panel panel[PANELS];
} drawing;

/* Okabe and Ito's colours, distinguishable to all readers. */
static const char *const colour[SAMPLES] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#000000", "#7f7f7f" };

/* ---- files --------------------------------------------------------------------------- */

gn_status gn_plot_open(const gn_plotting *pl, const char *dir, const char *stem,
                       const char *ending, FILE **out)
{
  const char *file = gn_arena_printf(pl->arena, "%s/%s%s", dir, stem, ending);
  if (!file) return GN_ENOMEM;
  *out = fopen(file, "w");
  GN_REQUIRE(*out, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  return GN_OK;
}

gn_status gn_plot_shut(const char *dir, const char *stem, const char *ending, FILE *f)
{
  const int bad = ferror(f);
  GN_REQUIRE(fclose(f) == 0 && !bad, GN_EIO, "%s/%s%s: cannot write", dir, stem, ending);
  return GN_OK;
}

void gn_plot_terminal(FILE *to, int k, const char *stem, double width, double height)
{
  static const char *const ending[3] = { "pdf", "svg", "png" };
  char file[2 * GN_TEXT_MAX];
  if (k == 0)
    (void)fprintf(to, "set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font "
                  "'DejaVu Sans,10'\n", width, height);
  else if (k == 1)
    (void)fprintf(to, "set terminal svg noenhanced size %.0f,%.0f font 'DejaVu Sans,14' "
                  "background 'white'\n", width * 52, height * 52);
  else
    (void)fprintf(to, "set terminal pngcairo noenhanced size %.0f,%.0f font "
                  "'DejaVu Sans,16' lw 1.5\n", width * 70, height * 70);
  (void)snprintf(file, sizeof file, "%s.%s", stem, ending[k]);
  (void)fputs("set output ", to);
  gn_gnuplot_quote(to, file);
  (void)fputc('\n', to);
}

/* Column of the data: t, then the series in order. */
static size_t column(const gn_solution *s, const gn_series *of, size_t j)
{
  size_t c = 2;
  for (const gn_series *sr = s->series; sr != of; sr++) c += sr->d;
  return c + j;
}

static gn_status write_data(const drawing *d)
{
  const gn_solution *s = d->s;
  FILE *f;
  GN_TRY(gn_plot_open(d->pl, d->dir, d->stem, ".dat", &f));
  (void)fputs("# t", f);
  for (size_t k = 0; k < s->n; k++)
    for (size_t j = 0; j < s->series[k].d; j++)
      (void)fprintf(f, " %s%s%zu", s->series[k].kind == GN_SERIES_ADJOINT ? "a_" : "",
                    s->series[k].name, j);
  (void)fputs("; a block per sample\n", f);
  for (size_t b = 0; b < d->nsample; b++) {
    (void)fprintf(f, "# sample %lld\n", (long long)s->sample[b]);
    for (size_t i = 0; i < s->T && !isnan(gn_solution_time(s, i, b)); i++) {
      (void)fprintf(f, "%.10g", gn_solution_time(s, i, b));
      for (size_t k = 0; k < s->n; k++)
        for (size_t j = 0; j < s->series[k].d; j++) {
          const double v = s->series[k].v[(i * s->B + b) * s->series[k].d + j];
          if (isfinite(v)) (void)fprintf(f, " %.10g", v);
          else (void)fputs(" NaN", f);
        }
      (void)fputc('\n', f);
    }
    (void)fputs("\n\n", f);
  }
  return gn_plot_shut(d->dir, d->stem, ".dat", f);
}

/* ---- a figure ------------------------------------------------------------------------ */

static void write_curves(const drawing *d, const panel *p, int legend, FILE *to)
{
  const char *lead = "plot ";
  char data[2 * GN_TEXT_MAX];
  (void)snprintf(data, sizeof data, "%s.dat", d->stem);
  for (size_t b = 0; b < d->nsample; b++) {
    (void)fputs(lead, to);
    gn_gnuplot_quote(to, data);
    (void)fprintf(to, " index %zu using %zu:%zu with %s lc rgb '%s' lw 1.6 ", b, p->x, p->y,
                  d->s->T <= FEW ? "linespoints pt 7 ps 0.5" : "lines", colour[b]);
    if (legend) (void)fprintf(to, "title 'sample %lld'", (long long)d->s->sample[b]);
    else (void)fputs("notitle", to);
    lead = ", \\\n  ";
    if (!p->target && p->x == 1) continue;
    (void)fputs(lead, to);
    gn_gnuplot_quote(to, data);
    (void)fprintf(to, " index %zu ", b);
    if (p->target)
      (void)fprintf(to, "using 1:%zu with points pt 6 ps 0.6 ", p->target);
    else
      (void)fprintf(to, "every ::0::0 using %zu:%zu with points pt 7 ps 0.8 ", p->x, p->y);
    (void)fprintf(to, "lc rgb '%s' notitle", colour[b]);
  }
  if (legend && (p->target || p->x != 1))
    (void)fprintf(to, "%skeyentry with points pt %d ps 0.7 lc rgb 'black' title '%s'", lead,
                  p->target ? 6 : 7, p->target ? "target" : "start");
  (void)fputc('\n', to);
}

static gn_status write_figure(const drawing *d, const char *stem)
{
  const size_t ncol = d->n > 1 ? 2 : 1, nrow = (d->n + ncol - 1) / ncol;
  const double foot = 1.4, head = d->nsample < d->s->B ? 1.0 : 0.4, side = 3.2; /* cm */
  const double width = (ncol == 1 ? 11 : 18) + side, height = foot + head + 5.2 * (double)nrow;
  FILE *f;
  GN_TRY(gn_plot_open(d->pl, d->dir, stem, ".gp", &f));
  (void)fputs("# gnuplot, in this folder, draws the figure again\n"
              "set border 3 lw 1\nset tics nomirror\nset grid lc rgb '#dddddd' lt 1\n"
              "set format y '%.4g'\nset format x '%.4g'\n"
              "set offsets 0,0,graph 0.04,graph 0.04\n", f);
  for (int k = 0; k < 3; k++) {
    gn_plot_terminal(f, k, stem, width, height);
    (void)fprintf(f, "set multiplot layout %zu,%zu margins screen %.4f,%.4f,%.4f,%.4f spacing "
                  "screen %.4f,%.4f\n",
                  nrow, ncol, 1.9 / width, 1 - side / width, foot / height, 1 - head / height,
                  2.2 / width, 1.4 / height);
    if (d->nsample < d->s->B)
      (void)fprintf(f, "set label 1 'the first %zu of %zu samples' at screen 0.5,%.4f center\n",
                    d->nsample, d->s->B, 1 - 0.5 / height);
    for (size_t i = 0; i < d->n; i++) {
      (void)fprintf(f, "set xlabel '%s'\nset ylabel '%s'\n", d->panel[i].xlabel,
                    d->panel[i].ylabel);
      if (i == 0)
        (void)fprintf(f, "set key at screen %.4f,%.4f left top vertical samplen 1.5 Left "
                      "reverse\n", 1 - (side - 0.2) / width, 1 - head / height);
      else (void)fputs("unset key\nunset label 1\n", f);
      write_curves(d, &d->panel[i], i == 0, f);
    }
    (void)fputs("unset multiplot\n", f);
  }
  (void)fputs("set output\n", f);
  return gn_plot_shut(d->dir, stem, ".gp", f);
}

static gn_status draw(drawing *d, const char *name)
{
  if (d->n == 0) return GN_OK;
  const char *stem = gn_arena_printf(d->pl->arena, "%s_%s", d->stem, name);
  if (!stem) return GN_ENOMEM;
  GN_TRY(write_figure(d, stem));
  d->n = 0;
  return gn_plot_draw(d->pl, d->dir, stem);
}

/* ---- panels -------------------------------------------------------------------------- */

static const char *label(const drawing *d, const gn_series *sr, size_t j)
{
  return gn_arena_printf(d->pl->arena, "%s%s%zu",
                         sr->kind == GN_SERIES_ADJOINT ? "dL/d" : "", sr->name, j);
}

/* Whether component j of the samples drawn has a value at every time; targets need not. */
static int drawable(const drawing *d, const gn_series *sr, size_t j)
{
  for (size_t b = 0; b < d->nsample; b++)
    for (size_t i = 0; i < d->s->T && !isnan(gn_solution_time(d->s, i, b)); i++)
      if (!isfinite(sr->v[(i * d->s->B + b) * sr->d + j])) return 0;
  return 1;
}

static gn_status add(drawing *d, const gn_series *xs, size_t xj, const gn_series *ys, size_t yj,
                     const gn_series *target)
{
  GN_REQUIRE(drawable(d, ys, yj), GN_EIO, "%s: %s%zu is not a number at every time", d->stem,
             ys->name, yj);
  if (d->n == PANELS) return GN_OK;
  panel *p = &d->panel[d->n++];
  p->x = xs ? column(d->s, xs, xj) : 1;
  p->y = column(d->s, ys, yj);
  p->target = target && yj < target->d ? column(d->s, target, yj) : 0;
  p->xlabel = xs ? label(d, xs, xj) : "t";
  p->ylabel = label(d, ys, yj);
  return p->xlabel && p->ylabel ? GN_OK : GN_ENOMEM;
}

/* A panel per component over time; with several blocks the first components of each. */
static gn_status over_time(drawing *d, gn_series_kind kind, const char *name)
{
  const gn_series *target = gn_solution_find(d->s, GN_SERIES_TARGET, 0), *sr;
  size_t nblock = 0;
  if (kind != GN_SERIES_OUTPUT) target = NULL;
  while (gn_solution_find(d->s, kind, nblock)) nblock++;
  for (size_t k = 0; k < nblock; k++) {
    sr = gn_solution_find(d->s, kind, k);
    const size_t most = nblock > PANELS ? 1 : PANELS / nblock;
    for (size_t j = 0; j < sr->d && j < most; j++) GN_TRY(add(d, NULL, 0, sr, j, target));
  }
  return draw(d, name);
}

/* The first two components of the first block, and of the first two blocks the first. */
static gn_status phase(drawing *d)
{
  const gn_series *a = gn_solution_find(d->s, GN_SERIES_STATE, 0);
  const gn_series *b = gn_solution_find(d->s, GN_SERIES_STATE, 1);
  if (a && a->d > 1) GN_TRY(add(d, a, 0, a, 1, NULL));
  if (a && b) GN_TRY(add(d, a, 0, b, 0, NULL));
  return d->s->T > 1 ? draw(d, "phase") : GN_OK;
}

static gn_status draw_all(drawing *d)
{
  GN_TRY(write_data(d));
  GN_TRY(over_time(d, GN_SERIES_STATE, "trajectories"));
  GN_TRY(over_time(d, GN_SERIES_OUTPUT, "prediction"));
  GN_TRY(over_time(d, GN_SERIES_ADJOINT, "adjoint"));
  return phase(d);
}

gn_status gn_plot_solution(gn_plotting *pl, const char *file)
{
  const char *slash = strrchr(file, '/'), *stem = slash ? slash + 1 : file;
  const size_t n = strcspn(stem, "'") == strlen(stem) ? strlen(stem) : 0;
  const char *dot = strrchr(stem, '.');
  gn_solution *s;
  GN_REQUIRE(n > 0, GN_EARG, "%s: a quote in the name of a file to draw", file);
  drawing d = { .pl = pl, .dir = pl->out };
  d.stem = gn_arena_printf(pl->arena, "%.*s", (int)(dot ? (size_t)(dot - stem) : n), stem);
  if (!d.dir)
    d.dir = slash ? gn_arena_printf(pl->arena, "%.*s", (int)(slash - file), file)
                  : gn_arena_strdup(pl->arena, ".");
  if (!d.stem || !d.dir) return GN_ENOMEM;
  if (slash == file && !pl->out) d.dir = "/";
  if (gn_plot_is_spectrum(file)) return gn_plot_spectrum(pl, file, d.dir, d.stem);
  GN_TRY(gn_solution_read(file, &s));
  d.s = s;
  d.nsample = s->B < SAMPLES ? s->B : SAMPLES;
  const gn_status st = draw_all(&d);
  gn_solution_destroy(&s);
  return st;
}

int gn_plot_is_solution(const char *file)
{
  char line[sizeof "sample,t,"] = "";
  const size_t n = strlen(file);
  if (n > 3 && strcmp(file + n - 3, ".h5") == 0) return 1;
  FILE *f = fopen(file, "r");
  if (!f) return 0;
  const int got = fgets(line, sizeof line, f) != NULL;
  (void)fclose(f);
  return got && strcmp(line, "sample,t,") == 0;
}
