/* The figure of a spectrum: eigenvalues in the complex plane, coloured by time, and the
 * largest |Re| over time, of every sample and of all: where it is large against the rate at
 * which the solution changes, the problem is stiff there. */
#include "study/plot_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE, TIME, NUMBER, RE, IM, NCOL, LINES = 64 };
static const char *const names[NCOL] = { "sample", "t", "k", "re", "im" };

typedef struct spectrum {
  const gn_csv *csv;
  size_t col[NCOL];
} spectrum;

static double cell(const spectrum *sp, size_t row, int col)
{
  return gn_csv_number(sp->csv, row, sp->col[col]);
}

/* Rows of one sample and time follow each other. */
static int same(const spectrum *sp, size_t a, size_t b, int upto)
{
  for (int k = SAMPLE; k <= upto; k++)
    if (strcmp(gn_csv_text(sp->csv, a, sp->col[k]), gn_csv_text(sp->csv, b, sp->col[k])) != 0)
      return 0;
  return 1;
}

/* A block "t, largest |Re|" per sample, at most LINES; returns how many. */
static size_t write_samples(const spectrum *sp, FILE *f)
{
  size_t n = 0;
  for (size_t i = 0, next; i < sp->csv->nrow; i = next) {
    double most = 0;
    const int fresh = i == 0 || !same(sp, i, i - 1, SAMPLE);
    if (fresh && n == LINES) break;
    if (fresh && n++ > 0) (void)fputs("\n\n", f);
    for (next = i; next < sp->csv->nrow && same(sp, i, next, TIME); next++)
      most = fmax(most, fabs(cell(sp, next, RE)));
    (void)fprintf(f, "%.10g %.10g\n", cell(sp, i, TIME), most);
  }
  (void)fputs("\n\n", f);
  return n;
}

/* A row of a sample and time: t and the largest |Re|. */
typedef struct most {
  double t, re;
  size_t sample; /* counted */
} most;

static int by_time(const void *a, const void *b)
{
  const most *x = a, *y = b;
  return (x->t > y->t) - (x->t < y->t);
}

/* The line of n points at t, *k at or before its place; NaN where it is not. */
static double line_at(const most *p, size_t n, double t, size_t *k)
{
  if (t < p[0].t || t > p[n - 1].t) return (double)NAN;
  while (*k + 1 < n && p[*k + 1].t <= t) ++*k;
  if (p[*k].t == t) return p[*k].re;
  return p[*k].re + (t - p[*k].t) / (p[*k + 1].t - p[*k].t) * (p[*k + 1].re - p[*k].re);
}

/* The largest of the lines of all samples, at every time of any. */
static gn_status write_most(gn_arena *a, const spectrum *sp, FILE *f)
{
  most *point, *all;
  size_t n = 0, m = 0, sample = 0;
  GN_NEW(a, point, sp->csv->nrow);
  GN_NEW(a, all, sp->csv->nrow);
  for (size_t i = 0; i < sp->csv->nrow; i++) {
    sample += i > 0 && !same(sp, i, i - 1, SAMPLE);
    if (i == 0 || !same(sp, i, i - 1, TIME))
      point[n++] = (most){ cell(sp, i, TIME), 0, sample };
    point[n - 1].re = fmax(point[n - 1].re, fabs(cell(sp, i, RE)));
  }
  memcpy(all, point, n * sizeof *all);
  qsort(all, n, sizeof *all, by_time);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || all[i].t != all[m - 1].t) all[m++] = (most){ all[i].t, 0, 0 };
  for (size_t i = 0, next; i < n; i = next) {
    size_t at = 0;
    for (next = i + 1; next < n && point[next].sample == point[i].sample; next++) continue;
    for (size_t k = 0; k < m; k++)
      all[k].re = fmax(all[k].re, line_at(point + i, next - i, all[k].t, &at));
  }
  for (size_t k = 0; k < m; k++) (void)fprintf(f, "%.10g %.10g\n", all[k].t, all[k].re);
  return GN_OK;
}

static gn_status write_data(const gn_plotting *pl, const spectrum *sp, const char *dir,
                            const char *stem, size_t *nsample)
{
  FILE *f;
  GN_TRY(gn_plot_open(pl, dir, stem, ".dat", &f));
  (void)fputs("# t re im of all; then t and largest |Re| of every sample; then of all\n", f);
  for (size_t i = 0; i < sp->csv->nrow; i++)
    (void)fprintf(f, "%.10g %.10g %.10g\n", cell(sp, i, TIME), cell(sp, i, RE),
                  cell(sp, i, IM));
  (void)fputs("\n\n", f);
  *nsample = write_samples(sp, f);
  const gn_status st = write_most(pl->arena, sp, f);
  const gn_status shut = gn_plot_shut(dir, stem, ".dat", f);
  return st != GN_OK ? st : shut;
}

/* All eigenvalues are real. */
static int is_real(const spectrum *sp)
{
  for (size_t i = 0; i < sp->csv->nrow; i++)
    if (cell(sp, i, IM) != 0) return 0;
  return 1;
}

/* Marks of the real axis, four or so: 1, 2 or 5 times a power of ten apart. */
static void write_marks(const spectrum *sp, FILE *f)
{
  double low = (double)INFINITY, high = -low;
  for (size_t i = 0; i < sp->csv->nrow; i++)
    low = fmin(low, cell(sp, i, RE)), high = fmax(high, cell(sp, i, RE));
  const double least = (high - low) / 4, unit = pow(10, floor(log10(least)));
  if (!(unit > 0)) return; /* one value */
  const double times = least <= unit ? 1 : least <= 2 * unit ? 2 : least <= 5 * unit ? 5 : 10;
  (void)fprintf(f, "set xtics %.10g\n", times * unit);
}

static gn_status write_script(const gn_plotting *pl, const spectrum *sp, const char *dir,
                              const char *stem, size_t nsample)
{
  FILE *f;
  GN_TRY(gn_plot_open(pl, dir, stem, ".gp", &f));
  (void)fputs("# gnuplot, in this folder, draws the figure again\n"
              "set border 3 lw 1\nset tics nomirror\nset grid lc rgb '#dddddd' lt 1\n"
              "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', "
              "4 '#fde725')\n", f);
  for (int k = 0; k < 3; k++) {
    gn_plot_terminal(f, k, stem, 18, 8.5);
    (void)fputs("set multiplot\nset lmargin screen 0.11\nset rmargin screen 0.42\n"
                "set tmargin screen 0.92\nset bmargin screen 0.16\n"
                "set colorbox user origin screen 0.44,0.2 size 0.015,0.65\n"
                "set label 1 't' at screen 0.447,0.89 center\nset xlabel 'Re'\nset ylabel 'Im'\nunset key\n"
                "set xzeroaxis lt 1 lc rgb '#888888'\nset yzeroaxis lt 1 lc rgb '#888888'\n",
                f);
    write_marks(sp, f);
    if (is_real(sp)) (void)fputs("set yrange [-1:1]\n", f);
    (void)fprintf(f, "plot '%s.dat' index 0 using 2:3:1 with points pt 7 ps 0.4 palette\n",
                  stem);
    (void)fputs("set lmargin screen 0.63\nset rmargin screen 0.98\nunset xzeroaxis\n"
                "unset yzeroaxis\nunset label 1\nset xtics autofreq\nset xlabel 't'\nset ylabel 'largest |Re|'\n"
                "set yrange [0:*]\nset key at screen 0.98,0.99 right top horizontal samplen 2\n", f);
    (void)fprintf(f, "plot for [i=1:%zu] '%s.dat' index i using 1:2 with lines lc rgb '#bbbbbb' "
                  "lw 1 title (i == 1 ? 'samples' : ''), '%s.dat' index %zu using 1:2 with "
                  "lines lc rgb '#d55e00' lw 2 title 'largest'\n",
                  nsample, stem, stem, nsample + 1);
    (void)fputs("unset multiplot\nset yrange [*:*]\n", f);
  }
  (void)fputs("set output\n", f);
  return gn_plot_shut(dir, stem, ".gp", f);
}

gn_status gn_plot_spectrum(gn_plotting *pl, const char *file, const char *dir,
                           const char *stem)
{
  gn_csv *csv;
  size_t nsample;
  GN_TRY(gn_csv_read(pl->arena, file, &csv));
  spectrum sp = { .csv = csv };
  for (int k = 0; k < NCOL; k++) {
    sp.col[k] = gn_csv_column(csv, names[k]);
    GN_REQUIRE(sp.col[k] != GN_CSV_NONE, GN_EARG, "%s: no column %s", file, names[k]);
  }
  GN_REQUIRE(csv->nrow > 0, GN_EARG, "%s: no rows to draw", file);
  for (size_t i = 0; i < csv->nrow; i++)
    for (int k = TIME; k < NCOL; k++)
      GN_REQUIRE(isfinite(cell(&sp, i, k)), GN_EIO, "%s:%zu: %s = %s is no number", file, i + 2,
                 names[k], gn_csv_text(csv, i, sp.col[k]));
  GN_TRY(write_data(pl, &sp, dir, stem, &nsample));
  GN_TRY(write_script(pl, &sp, dir, stem, nsample));
  return gn_plot_draw(pl, dir, stem);
}

int gn_plot_is_spectrum(const char *file)
{
  char line[sizeof "sample,t,k,re"] = "";
  FILE *f = fopen(file, "r");
  if (!f) return 0;
  const int got = fgets(line, sizeof line, f) != NULL;
  (void)fclose(f);
  return got && strcmp(line, "sample,t,k,re") == 0;
}
