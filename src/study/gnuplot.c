/* gnuplot as a program: found on the PATH, run on a script that lies beside its data. */
#include "study/figure.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int gn_gnuplot_found(void)
{
  const char *path = getenv("PATH");
  char file[4096];
  for (const char *s = path ? path : ""; *s;) {
    size_t n = strcspn(s, ":");
    int m = snprintf(file, sizeof file, "%.*s/gnuplot", (int)n, s);
    if (m > 0 && (size_t)m < sizeof file && access(file, X_OK) == 0) return 1;
    s += n + (s[n] == ':');
  }
  return 0;
}

/* gnuplot may have failed: the signal of a pipe without a reader must not end the program. */
static int run_script(const char *dir, const char *stem)
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
    (void)fputs("cd ", gp);
    gn_gnuplot_quote(gp, dir);
    (void)fputs("\nload ", gp);
    char script[4096];
    (void)snprintf(script, sizeof script, "%s.gp", stem);
    gn_gnuplot_quote(gp, script);
    (void)fputc('\n', gp);
    rc = pclose(gp);
  }
  (void)sigaction(SIGPIPE, &old, NULL);
  return rc;
}

gn_status gn_gnuplot_draw(gn_arena *a, const char *dir, const char *stem, FILE *log)
{
  static const char *const ending[3] = { "svg", "pdf", "png" };
  const int rc = run_script(dir, stem);
  for (int k = 0; k < 3; k++) {
    struct stat st;
    const char *file = gn_arena_printf(a, "%s/%s.%s", dir, stem, ending[k]);
    if (!file) return GN_ENOMEM;
    GN_REQUIRE(rc == 0 && stat(file, &st) == 0 && st.st_size > 0, GN_EIO,
               "%s: gnuplot could not draw it (exit status %d)", file,
               rc >= 0 && WIFEXITED(rc) ? WEXITSTATUS(rc) : -1);
    if (log) (void)fprintf(log, "%s\n", file);
  }
  return GN_OK;
}

void gn_gnuplot_quote(FILE *gp, const char *s)
{
  (void)fputc('\'', gp);
  for (; *s; s++) {
    if (*s == '\'') (void)fputc('\'', gp);
    (void)fputc(*s == '\n' || *s == '\r' ? ' ' : *s, gp);
  }
  (void)fputc('\'', gp);
}

void gn_gnuplot_begin(FILE *gp, const char *stem, double w, double h)
{
  (void)fputs("# gnuplot on this file, in its folder, draws the figure again\n"
              "if (!exists('kind')) { kind = 'pdf' }\n",
              gp);
  (void)fprintf(gp,
                "if (kind eq 'pdf') { small = '9'; set terminal pdfcairo enhanced size "
                "%.2fcm,%.2fcm font 'DejaVu Sans,11' lw 1 dl 0.9 ps 0.6 }\n",
                w, h);
  (void)fprintf(gp,
                "if (kind eq 'svg') { small = '11'; set terminal svg enhanced size %.0f,%.0f "
                "font 'DejaVu Sans,14' background 'white' dl 0.9 }\n",
                57 * w, 57 * h);
  (void)fprintf(gp,
                "if (kind eq 'png') { small = '15'; set terminal pngcairo enhanced size "
                "%.0f,%.0f font 'DejaVu Sans,19' lw 2 dl 0.9 ps 1.5 }\n",
                80 * w, 80 * h);
  (void)fputs("set output ", gp);
  gn_gnuplot_quote(gp, stem);
  (void)fputs(".'.'.kind\n", gp);
}

void gn_gnuplot_end(FILE *gp, const char *stem)
{
  (void)fputs("set output\n"
              "if (kind eq 'pdf') { kind = 'svg' } else { if (kind eq 'svg') { kind = 'png' } "
              "else { undefine kind } }\n"
              "if (exists('kind')) { reset; load ",
              gp);
  gn_gnuplot_quote(gp, stem);
  (void)fputs(".'.gp' }\n", gp);
}

/* The next line of at most `width` bytes, cut at a blank: its length, and in *rest the start
   of the one after it. */
static size_t cut(const char *text, size_t width, const char **rest)
{
  size_t n = strlen(text);
  if (n > width) {
    n = 0;
    for (size_t k = 0; k <= width; k++)
      if (text[k] == ' ') n = k;
    if (n == 0) n = strcspn(text, " ");
  }
  *rest = text + n + strspn(text + n, " ");
  return n;
}

static const double line_height = 0.42, letter = 0.14, edge = 0.3; /* cm */

static size_t letters(double width) { return (size_t)((width - 2 * edge) / letter); }

double gn_gnuplot_caption_height(const char *text, double width)
{
  int n = 0;
  for (const char *s = text ? text : ""; *s; n++) (void)cut(s, letters(width), &s);
  return n ? 0.25 + line_height * n : 0;
}

void gn_gnuplot_caption(FILE *gp, const char *text, double width, double height)
{
  const double top = gn_gnuplot_caption_height(text, width);
  char line[512];
  int k = 1;
  for (const char *s = text ? text : "", *rest; *s; k++, s = rest) {
    const size_t n = cut(s, letters(width), &rest);
    (void)snprintf(line, sizeof line, "%.*s", (int)n, s);
    (void)fputs("set label ", gp);
    gn_gnuplot_quote(gp, line);
    (void)fprintf(gp, " at screen %.4f,%.4f left noenhanced font ',' . small\n", edge / width,
                  (top - line_height * k + 0.1) / height);
  }
}

static const char *const colour[] = { "#000000", "#d55e00", "#0072b2", "#009e73",
                                      "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f" };
static const char *const dash[] = { "solid", "(12,4)", "(4,4)",  "(14,4,4,4)",
                                    "(7,3)", "(2,4)",  "(20,5)", "(14,4,3,4,3,4)" };
static const int marker[] = { 7, 4, 9, 12, 11, 6, 5, 8, 13, 10, 2 };

const char *gn_gnuplot_colour(size_t k)
{
  return colour[k % (sizeof colour / sizeof *colour)];
}

const char *gn_gnuplot_dash(size_t k) { return dash[k % (sizeof dash / sizeof *dash)]; }

int gn_gnuplot_marker(size_t k) { return marker[k % (sizeof marker / sizeof *marker)]; }

/* ---- numbers ------------------------------------------------------------------------- */

double gn_quantile(size_t n, const double *x, double q)
{
  const double at = q * (double)(n - 1), low = floor(at);
  const size_t i = (size_t)low;
  return i + 1 < n ? x[i] + (at - low) * (x[i + 1] - x[i]) : x[n - 1];
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

gn_figure_point gn_figure_summary(double x, size_t n, double *y)
{
  qsort(y, n, sizeof *y, ascending);
  return (gn_figure_point){ x, gn_quantile(n, y, 0.5), gn_quantile(n, y, 0.25),
                            gn_quantile(n, y, 0.75), n };
}
