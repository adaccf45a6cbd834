/* Figures and reports: which runs are one line, what medians and quartiles are of, which
 * options differ, which columns of a table are drawn, and that text stays text. The numbers
 * are read from the data files beside the figures, which are there without gnuplot too. */
#include "base/text.h"
#include "study/facts.h"
#include "study/figure.h"
#include "study/plot.h"
#include "study/report.h"
#include "study/rundir.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *dir; /* of this test */

static const char *in(const char *name)
{
  static char path[8][1024];
  static int k;
  k = (k + 1) % 8;
  (void)snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
  return path[k];
}

static char *read_text(const char *file)
{
  FILE *f = fopen(file, "rb");
  ck_assert_msg(f != NULL, "%s is missing", file);
  ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
  const long n = ftell(f);
  rewind(f);
  char *s = calloc((size_t)n + 1, 1);
  ck_assert_ptr_nonnull(s);
  ck_assert_uint_eq(fread(s, 1, (size_t)n, f), (size_t)n);
  (void)fclose(f);
  return s;
}

#define ck_has(text, part)                                                                 \
  ck_assert_msg(strstr((text), (part)) != NULL, "'%s' is not in\n%.2000s", (part), (text))
#define ck_lacks(text, part)                                                               \
  ck_assert_msg(strstr((text), (part)) == NULL, "'%s' is in\n%.2000s", (part), (text))

/* Drawing succeeds, or, without gnuplot, says that only the figure is missing. */
static void drawn(gn_status s)
{
  if (gn_gnuplot_found())
    ck_assert_msg(s == GN_OK, "%s", gn_last_error());
  else {
    ck_assert_int_eq(s, GN_EIO);
    ck_has(gn_last_error(), "gnuplot is not on the PATH");
  }
}

/* DIR/NAME of a run: options that matter here, and rows of epochs. */
static const char *run(const char *name, const char *options, int seed, const char *rows)
{
  char text[2048], file[64];
  gn_ck_ok(gn_rundir_make(in(name)));
  (void)snprintf(file, sizeof file, "%s/experiment.ini", name);
  (void)snprintf(text, sizeof text, "%s[run]\nseed = %d\nout = runs/%s\n", options, seed, name);
  (void)gn_test_file(dir, file, text);
  (void)snprintf(file, sizeof file, "%s/metrics.csv", name);
  (void)snprintf(text, sizeof text,
                 "epoch,loss,valid_loss,f,jvp,nfe_forward,back_f,back_vjp,back_pgrad,"
                 "back_jvp,nfe_backward\n%s",
                 rows);
  (void)gn_test_file(dir, file, text);
  return in(name);
}

static const char node[] = "[data]\nname = spiral\nseed = -1\n[model]\nname = node\n"
                           "[solver]\nname = erk\nrtol = 0.001\natol = 0.5\n"
                           "[gradient]\nname = discrete\nbudget = 0\n";
static const char tight[] = "[data]\nname = spiral\nseed = 4\n[model]\nname = node\n"
                            "[solver]\nname = erk\nrtol = 1e-06\natol = 0.5\n"
                            "[gradient]\nname = discrete\nbudget = 0\n";
static const char back[] = "[data]\nname = spiral\nseed = -1\n[model]\nname = node\n"
                           "[solver]\nname = erk\nrtol = 0.001\natol = 0.5\n"
                           "[gradient]\nname = backsolve\nnorm = semi\nscale = 1\n";

/* The numbers of the block whose comment has the text, up to the blank line; a row has 5. */
static size_t block(const char *file, const char *title, double *out, size_t most)
{
  char *text = read_text(file), *at = strstr(text, title);
  size_t n = 0;
  ck_assert_msg(at != NULL, "'%s' is not in\n%s", title, text);
  at = strchr(strchr(at, '\n') + 1, '\n') + 1;
  for (char *end; *at != '\n' && n < most; at = end + (*end == '\n'), n++)
    out[n] = strtod(at, &end);
  free(text);
  ck_assert_uint_eq(n % 5, 0);
  return n / 5;
}

static void ck_row(const double *row, double x, double y, double low, double high, double n)
{
  const double want[5] = { x, y, low, high, n };
  for (int k = 0; k < 5; k++)
    ck_assert_msg(fabs(row[k] - want[k]) <= 1e-15 * fabs(want[k]),
                  "number %d is %.17g, expected %.17g", k, row[k], want[k]);
}

/* ---- numbers ------------------------------------------------------------------------- */

START_TEST(quartiles)
{
  double four[4] = { 4, 1, 3, 2 }, five[5] = { 10, 50, 20, 40, 30 }, one[1] = { 7 };
  const gn_figure_point p = gn_figure_summary(3, 4, four);
  ck_row((double[]){ p.x, p.y, p.low, p.high, (double)p.n }, 3, 2.5, 1.75, 3.25, 4);
  const gn_figure_point q = gn_figure_summary(0, 5, five);
  ck_row((double[]){ q.x, q.y, q.low, q.high, (double)q.n }, 0, 30, 20, 40, 5);
  const gn_figure_point r = gn_figure_summary(1, 1, one);
  ck_row((double[]){ r.x, r.y, r.low, r.high, (double)r.n }, 1, 7, 7, 7, 1);
  ck_assert_double_eq(gn_quantile(5, five, 0.1), 14); /* 10 + 0.4 (20 - 10) */
}
END_TEST

/* ---- runs ---------------------------------------------------------------------------- */

/* Three seeds are one line, also where one stopped early and one has no number. */
START_TEST(seeds_are_grouped)
{
  dir = gn_test_tmpdir();
  const char *path[4];
  path[0] = run("a", node, 1, "1,8,2,10,1,10,1,20,20,0,5\n2,4,2,10,0,10,1,20,20,0,5\n"
                              "3,1,2,10,0,10,1,20,20,0,5\n");
  path[1] = run("b", node, 2, "1,2,3,12,1,10,1,20,20,0,5\n2,nan,2,10,0,10,1,20,20,0,5\n"
                              "3,3,2,10,0,10,1,20,20,0,5\n");
  path[2] = run("c", node, 3, "1,4,9,20,1,10,1,20,20,0,5\n2,6,,10,0,10,1,20,20,0,5\n");
  path[3] = run("d", tight, 1, "1,5,1,9,0,9,0,9,9,0,0\n");
  char *said = NULL;
  size_t size = 0;
  FILE *log = open_memstream(&said, &size);
  drawn(gn_plot(4, path, dir, log));
  (void)fclose(log);
  double x[64];
  ck_assert_uint_eq(block(in("loss.dat"), "# loss, training: rtol=0.001 (3 seeds)", x, 64), 3);
  ck_row(x, 1, 4, 3, 6, 3);
  ck_row(x + 5, 2, 5, 4.5, 5.5, 2);
  ck_row(x + 10, 3, 2, 1.5, 2.5, 2);
  ck_assert_uint_eq(block(in("loss.dat"), "# loss, validation: rtol=0.001", x, 64), 3);
  ck_row(x, 1, 3, 2.5, 6, 3);
  ck_row(x + 5, 2, 2, 2, 2, 2);
  ck_assert_uint_eq(block(in("loss.dat"), "# loss, training: rtol=1e-06\n", x, 64), 1);
  ck_row(x, 1, 5, 5, 5, 1);
  ck_assert_uint_eq(block(in("cost.dat"), "# work per epoch, forward: rtol=0.001", x, 64), 3);
  ck_row(x, 1, 13, 12, 17, 3); /* f + jvp: 11, 13, 21 */
  (void)block(in("cost.dat"), "# work per epoch, backward: rtol=0.001", x, 64);
  ck_row(x, 1, 41, 41, 41, 3);
  (void)block(in("cost.dat"), "# NFE per epoch, backward: rtol=1e-06", x, 64);
  ck_row(x, 1, 0, 0, 0, 1);
  /* what differs: one option; seeds and places do not count */
  ck_has(said, "solver.rtol  0.001  1e-06");
  ck_has(said, "seeds        1 2 3  1");
  ck_lacks(said, "run.out");
  ck_lacks(said, "data.seed");
  ck_lacks(said, "solver.atol");
  free(said);
  char *caption = read_text(in("loss.txt"));
  ck_has(caption, "Model node; data spiral; solver erk, rtol 0.001 / 1e-06, atol 0.5");
  ck_has(caption, "seed 1 / 2 / 3");
  ck_has(caption, "medians over the seeds");
  free(caption);
}
END_TEST

/* A run alone: its quantities share panels, and a quantity that is always 0 is left out. */
START_TEST(one_run)
{
  dir = gn_test_tmpdir();
  const char *path = run("a", node, 1, "1,8,2,10,1,10,1,20,20,0,0\n2,4,2,10,0,10,1,20,20,0,0\n");
  drawn(gn_plot(1, &path, NULL, NULL));
  double x[64];
  ck_assert_uint_eq(block(in("a/loss.dat"), "# loss: training", x, 64), 2);
  ck_assert_uint_eq(block(in("a/loss.dat"), "# loss: validation", x, 64), 2);
  char *cost = read_text(in("a/cost.dat"));
  ck_has(cost, "# NFE per epoch: forward");
  ck_lacks(cost, "# NFE per epoch: backward");
  free(cost);
}
END_TEST

START_TEST(options_that_differ)
{
  dir = gn_test_tmpdir();
  gn_arena *a;
  gn_facts f[4];
  const gn_facts *const all[4] = { &f[0], &f[1], &f[2], &f[3] };
  const char **key;
  size_t n;
  gn_ck_ok(gn_arena_create(&a));
  (void)run("a", node, 1, "");
  (void)run("b", node, 2, "");
  (void)run("c", tight, 1, "");
  (void)run("d", back, 1, "");
  for (int k = 0; k < 4; k++) {
    const char name[2] = { (char)('a' + k), '\0' };
    gn_ck_ok(gn_facts_read(a, in(name), "experiment.ini", &f[k]));
  }
  ck_assert(gn_facts_same(&f[0], &f[1]));
  ck_assert(!gn_facts_same(&f[0], &f[2]));
  ck_assert(!gn_facts_same(&f[0], &f[3]));
  gn_ck_ok(gn_facts_differences(a, 2, all, &n, &key));
  ck_assert_uint_eq(n, 0);
  ck_assert_str_eq(gn_facts_label(a, 2, all, 1, n, key), "b");
  gn_ck_ok(gn_facts_differences(a, 4, all, &n, &key));
  static const char *const want[] = { "solver.rtol", "gradient.name", "gradient.budget",
                                      "gradient.norm", "gradient.scale" };
  ck_assert_uint_eq(n, 5);
  for (int k = 0; k < 5; k++) ck_assert_str_eq(key[k], want[k]);
  /* norm and scale come with backsolve: its name says it all */
  ck_assert_str_eq(gn_facts_label(a, 4, all, 3, n, key), "rtol=0.001, backsolve");
  ck_assert_str_eq(gn_facts_label(a, 4, all, 2, n, key), "rtol=1e-06, discrete");
  /* two that say the same are told apart by their folders */
  ck_assert_str_eq(gn_facts_label(a, 4, all, 0, n, key), "rtol=0.001, discrete (a)");
  gn_facts nothing;
  gn_ck_ok(gn_facts_read(a, dir, "experiment.ini", &nothing));
  ck_assert(!gn_facts_same(&nothing, &nothing));
  gn_arena_destroy(&a);
}
END_TEST

/* ---- any table ----------------------------------------------------------------------- */

static const char tidy[] = "rtol,strategy,seed,err,work\n"
                           "1e-3,discrete,1,4,10\n1e-5,discrete,1,1,20\n"
                           "1e-3,discrete,2,1,10\n1e-5,discrete,2,0,20\n"
                           "1e-3,\"it's `x`, a\nname\",1,7,30\n1e-3,discrete,3,2,10\n"
                           "1e-5,discrete,3,,20\n1e-3,discrete,4,3,10\n";

START_TEST(medians_of_columns)
{
  dir = gn_test_tmpdir();
  const char *file = gn_test_file(dir, "t.csv", tidy);
  gn_plot_columns want = { .x = "rtol", .y = "err", .by = "strategy", .band = "seed" };
  double x[64];
  drawn(gn_plot_csv(file, &want, NULL));
  ck_assert_uint_eq(block(in("t_err_rtol.dat"), "# err: discrete", x, 64), 2);
  ck_row(x, 1e-5, 0.5, 0.25, 0.75, 2);
  ck_row(x + 5, 1e-3, 2.5, 1.75, 3.25, 4);
  ck_assert_uint_eq(block(in("t_err_rtol.dat"), "# err: it's `x`, a name", x, 64), 1);
  char *caption = read_text(in("t_err_rtol.txt"));
  ck_has(caption, "t.csv, 8 rows.");
  ck_has(caption, "1 value without a place");
  ck_has(caption, "medians over seed");
  free(caption);
  want.logy = 1; /* 0 has no place there */
  want.out = in("sub/e.pdf");
  want.y = "err,work";
  drawn(gn_plot_csv(file, &want, NULL));
  ck_assert_uint_eq(block(in("sub/e.dat"), "discrete: err", x, 64), 2);
  ck_row(x, 1e-5, 1, 1, 1, 1);
  (void)block(in("sub/e.dat"), "discrete: work", x, 64);
  ck_row(x, 1e-5, 20, 20, 20, 3);
  ck_assert(!gn_gnuplot_found() || access(in("sub/e.png"), R_OK) == 0);
}
END_TEST

/* Without a band every row is a point, in the order of the file. */
START_TEST(curves_in_a_plane)
{
  dir = gn_test_tmpdir();
  const char *file = gn_test_file(dir, "p.csv", "y0,y1\n3,1\n1,2\n2,3\n1,2\n");
  const gn_plot_columns want = { .x = "y0", .y = "y1", .out = in("plane") };
  double x[64];
  drawn(gn_plot_csv(file, &want, NULL));
  ck_assert_uint_eq(block(in("plane.dat"), "# y1", x, 64), 4);
  ck_row(x, 3, 1, 1, 1, 1);
  ck_row(x + 5, 1, 2, 2, 2, 1);
  ck_row(x + 10, 2, 3, 3, 3, 1);
  ck_row(x + 15, 1, 2, 2, 2, 1);
}
END_TEST

/* Several rows for one value of the band: something else varies, and is named. */
START_TEST(forgotten_by)
{
  dir = gn_test_tmpdir();
  const char *file = gn_test_file(dir, "t.csv", "x,seed,kind,y\n1,1,a,2\n1,1,b,4\n1,2,a,3\n");
  gn_plot_columns want = { .x = "x", .y = "y", .band = "seed" };
  char *said = NULL;
  size_t size = 0;
  FILE *log = open_memstream(&said, &size);
  drawn(gn_plot_csv(file, &want, log));
  (void)fclose(log);
  ck_has(said, "kind varies: --by=kind?");
  free(said);
  log = open_memstream(&said, &size);
  want.by = "seed,kind"; /* a number alone says too little */
  want.band = NULL;
  drawn(gn_plot_csv(file, &want, NULL));
  double x[16];
  ck_assert_uint_eq(block(in("t_y_x.dat"), "# y: seed=1, b", x, 16), 1);
  ck_row(x, 1, 4, 4, 4, 1);
  want.band = "seed";
  want.by = "kind";
  drawn(gn_plot_csv(file, &want, log));
  (void)fclose(log);
  ck_lacks(said, "varies");
  free(said);
  want.band = "sed";
  gn_ck_fails(gn_plot_csv(file, &want, NULL), GN_EARG, "did you mean 'seed'?");
}
END_TEST

START_TEST(without_gnuplot)
{
  dir = gn_test_tmpdir();
  const char *file = gn_test_file(dir, "t.csv", tidy);
  const gn_plot_columns want = { .x = "rtol", .y = "err", .logx = 1 };
  const char *was = getenv("PATH");
  char *path = strdup(was ? was : "");
  ck_assert_int_eq(setenv("PATH", dir, 1), 0);
  const gn_status s = gn_plot_csv(file, &want, NULL);
  const char *said = gn_last_error();
  const char *runs = run("a", node, 1, "1,8,2,10,1,10,1,20,20,0,0\n");
  ck_assert_int_eq(s, GN_EIO);
  ck_has(said, "1 script (.gp) written");
  ck_assert_int_eq(gn_plot(1, &runs, NULL, NULL), GN_EIO);
  ck_has(gn_last_error(), "2 scripts (.gp) written");
  gn_ck_ok(gn_report(runs, in("r.html"), NULL));
  ck_assert_int_eq(setenv("PATH", path, 1), 0);
  free(path);
  static const char *const name[] = { "t_err_rtol", "a/loss", "a/cost" };
  static const char *const ending[] = { "gp", "dat", "txt" };
  for (int k = 0; k < 9; k++) {
    char rest[64];
    (void)snprintf(rest, sizeof rest, "%s.%s", name[k / 3], ending[k % 3]);
    ck_assert_msg(access(in(rest), R_OK) == 0, "%s is missing", rest);
  }
  char *html = read_text(in("r.html"));
  ck_has(html, "gnuplot was not there");
  free(html);
}
END_TEST

/* ---- report -------------------------------------------------------------------------- */

START_TEST(text_stays_text)
{
  dir = gn_test_tmpdir();
  const char *path = run("a<b>&\"'", node, 1, "1,8,2,10,1,10,1,20,20,0,5\n"
                                              "2,4,3,10,0,10,1,20,20,0,5\n");
  (void)gn_test_file(dir, "a<b>&\"'/log.txt",
                     "2026-01-01T00:00:00Z gnomon 9.8, one thread\nfailed: <script>x</script>\n");
  (void)gn_test_file(dir, "a<b>&\"'/compare.csv",
                     "strategy,status,err_ode,err_adj,work,note,reason,rejected_by,parameters,"
                     "samples,cotangent\n<i>,solver,,,,drift <1>,\"gave up & went\",,initial,3,live\n");
  gn_ck_ok(gn_report(path, NULL, NULL));
  char name[64];
  (void)snprintf(name, sizeof name, "%s", "a<b>&\"'/report.html");
  char *html = read_text(in(name));
  ck_has(html, "<h1>Run a&lt;b&gt;&amp;&quot;&#39;</h1>");
  ck_has(html, "&lt;script&gt;x&lt;/script&gt;");
  ck_has(html, "drift &lt;1&gt;");
  ck_has(html, "gave up &amp; went");
  ck_has(html, "gnomon 9.8");
  ck_has(html, "4 in epoch 2");
  ck_lacks(html, "<script");
  ck_lacks(html, "http");
  free(html);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("plot");
  TCase *t = tcase_create("plot");
  tcase_add_test(t, quartiles);
  tcase_add_test(t, seeds_are_grouped);
  tcase_add_test(t, one_run);
  tcase_add_test(t, options_that_differ);
  tcase_add_test(t, medians_of_columns);
  tcase_add_test(t, curves_in_a_plane);
  tcase_add_test(t, forgotten_by);
  tcase_add_test(t, without_gnuplot);
  tcase_add_test(t, text_stays_text);
  tcase_set_timeout(t, 120);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
