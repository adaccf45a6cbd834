/* Losses against differences and closed forms; data sets against what they promise. */
#include "support/support.h"

#include "base/rng.h"
#include "base/vec.h"
#include "core/dataset.h"
#include "core/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DATA_DIR GN_SOURCE_DIR "/experiments/data"

/* ---- losses -------------------------------------------------------------------------- */

enum { K = 2, B = 3, NMAX = 24 };
static const unsigned char some_mask[K * B * 2] = { 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0 };

typedef struct loss_case {
  const char *loss, *options[2][2];
  size_t nz, ny;
  int masked;
} loss_case;

static const loss_case loss_cases[] = {
  { "mse", { { NULL } }, 2, 2, 0 },
  { "mse", { { NULL } }, 2, 2, 1 },
  { "mse", { { "squash", "hardtanh" }, { "clip", "0.7" } }, 2, 2, 1 },
  { "cross_entropy", { { "classes", "4" } }, 4, 1, 0 },
  { "cross_entropy", { { "classes", "4" } }, 4, 1, 1 },
};
enum { NCASES = sizeof loss_cases / sizeof *loss_cases };

static void *make_config(const gn_option *options, size_t size, const char *const (*set)[2])
{
  void *config = calloc(1, size ? size : 1);
  gn_options_default(options, config);
  for (int i = 0; set && i < 2 && set[i][0]; i++)
    gn_ck_ok(gn_option_set(options, config, set[i][0], set[i][1]));
  return config;
}

START_TEST(loss_gradient)
{
  const loss_case *lc = &loss_cases[_i];
  const gn_loss_class *cls = gn_loss_find(lc->loss);
  void *config = make_config(cls->options, cls->config_size, lc->options);
  double z[NMAX], y[NMAX], gz[NMAX], fd[NMAX], up, down, loss;
  gn_rng r = gn_rng_make(7, gn_rng_stream(GN_STREAM_TEST, (uint64_t)_i));
  const size_t n = (size_t)K * B * lc->nz;
  for (size_t i = 0; i < n; i++) z[i] = gn_rng_normal(&r);
  for (size_t i = 0; i < (size_t)K * B * lc->ny; i++)
    y[i] = lc->ny == 1 ? (double)gn_rng_below(&r, lc->nz) : gn_rng_normal(&r);
  const gn_target tg = { K, B, lc->nz, lc->ny, y, lc->masked ? some_mask : NULL, NULL };
  gn_vec_fill(n, NAN, gz); /* written, not accumulated */
  gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
  for (size_t i = 0; i < n; i++) {
    const double keep = z[i], h = 1e-5;
    z[i] = keep + h;
    gn_ck_ok(cls->eval(config, &tg, z, &up, NULL));
    z[i] = keep - h;
    gn_ck_ok(cls->eval(config, &tg, z, &down, NULL));
    z[i] = keep;
    fd[i] = (up - down) / (2 * h);
  }
  gn_ck_close_all(n, gz, fd, 1e-8); /* differences: h^2 + eps/h, about 1e-10 */
  ck_assert_uint_eq(cls->outputs(config, lc->ny), lc->nz);
  free(config);
}
END_TEST

START_TEST(mse_values)
{
  static const double z[6] = { 1, 2, -3, 0.5, 0, 4 }, y[6] = { 1, 0, -1, 0.5, 1, 4 };
  static const unsigned char mask[6] = { 1, 1, 1, 0, 0, 0 };
  const gn_loss_class *cls = gn_loss_find("mse");
  static const char *const hard[2][2] = { { "squash", "hardtanh" }, { NULL, NULL } };
  void *plain = make_config(cls->options, cls->config_size, NULL);
  void *squash = make_config(cls->options, cls->config_size, hard);
  double loss, gz[6];
  gn_target tg = { 1, 3, 2, 2, y, NULL, NULL };
  gn_ck_ok(cls->eval(plain, &tg, z, &loss, gz));
  gn_ck_close(loss, (4 + 4 + 1) / 6.0, 1e-15);
  gn_ck_close(gz[1], 2 * 2 / 6.0, 1e-15);
  gn_ck_close(cls->metric(plain, &tg, z), sqrt(9 / 6.0), 1e-15);
  tg.mask = mask;
  gn_ck_ok(cls->eval(plain, &tg, z, &loss, gz));
  gn_ck_close(loss, 8 / 3.0, 1e-15); /* three numbers are seen */
  ck_assert_double_eq(gz[4], 0);
  tg.mask = NULL;
  gn_ck_ok(cls->eval(squash, &tg, z, &loss, gz)); /* outputs become 1 1 -1 .5 0 1 */
  gn_ck_close(loss, (1 + 1 + 9) / 6.0, 1e-15);
  ck_assert_double_eq(gz[0], 0); /* on the bound: 0, as in PyTorch */
  ck_assert_double_eq(gz[2], 0);
  gn_ck_close(gz[4], -2 / 6.0, 1e-15);
  tg.nz = 1;
  gn_ck_fails(cls->eval(plain, &tg, z, &loss, gz), GN_EARG, "1 outputs");
  free(plain);
  free(squash);
}
END_TEST

START_TEST(cross_entropy_values)
{
  const gn_loss_class *cls = gn_loss_find("cross_entropy");
  void *config = make_config(cls->options, cls->config_size, NULL);
  double z[4] = { 0, 0, 1000, -1000 }, y[2] = { 1, 1 }, gz[4], loss;
  gn_target tg = { 1, 2, 2, 1, y, NULL, NULL };
  gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
  gn_ck_close(loss, (log(2) + 2000) / 2, 1e-15); /* no overflow */
  gn_ck_close(gz[2], 0.5, 1e-15);
  gn_ck_close(gz[3], -0.5, 1e-15);
  ck_assert_double_eq(cls->metric(config, &tg, z),
                      0); /* a tie counts for the first class */
  y[0] = 0;
  ck_assert_double_eq(cls->metric(config, &tg, z), 0.5);
  y[1] = 2;
  gn_ck_fails(cls->eval(config, &tg, z, &loss, gz), GN_EARG,
              "row 1 is 2, expected a class");
  y[1] = 0.5;
  gn_ck_fails(cls->eval(config, &tg, z, &loss, gz), GN_EARG, "0.5");
  tg.nz = 4;
  gn_ck_fails(cls->eval(config, &tg, z, &loss, gz), GN_EARG,
              "4 outputs, expected classes = 2");
  free(config);
}
END_TEST

/* ---- data sets ----------------------------------------------------------------------- */

static gn_status make_data(const char *name, uint64_t seed, const char *dir,
                           const char *const (*set)[2], gn_dataset **d)
{
  const gn_dataset_class *cls = gn_dataset_find(name);
  ck_assert_ptr_nonnull(cls);
  void *config = calloc(1, cls->config_size);
  gn_options_default(cls->options, config);
  gn_status s = GN_OK;
  for (int i = 0; s == GN_OK && set && set[i][0]; i++)
    s = gn_option_set(cls->options, config, set[i][0], set[i][1]);
  if (s == GN_OK) s = gn_dataset_create(cls, config, seed, dir, d);
  free(config);
  return s;
}

static size_t count_datasets(void)
{
  size_t n = 0;
  while (gn_datasets[n]) n++;
  return n;
}

/* A folder with plane_vibration/pv.csv of n rows: field i in column j is 10 i + j. */
static const char *small_vibration(size_t n)
{
  static char dir[512];
  char path[640];
  (void)snprintf(dir, sizeof dir, "%s", gn_test_tmpdir());
  (void)snprintf(path, sizeof path, "%s/plane_vibration", dir);
  ck_assert_int_eq(mkdir(path, 0700), 0);
  char *text = malloc(100 + n * 80), *to = text;
  to += sprintf(to, "\"Force\",\"Voltage\",\"Acceleration1\",\"Acceleration2\",\"Acceleration3\",\"Fs\",\n");
  for (size_t i = 0; i < n; i++)
    to += sprintf(to, "%zu,%zu,%zu,%zu,%zu,%s,\n", 10 * i, 10 * i + 1, 10 * i + 2, 10 * i + 3,
                  10 * i + 4, i ? "" : "400");
  gn_test_file(path, "pv.csv", text);
  free(text);
  return dir;
}

/* Of every data set: pure in the seed, and a batch is its rows. */
START_TEST(dataset_contract)
{
  /* a table has no data of its own: the one that ships */
  static const char *const shipped[][2] = { { "file", "oscillator.csv" }, { "time", "t" },
                                            { "sample", "run" }, { "train", "0.75" },
                                            { NULL, NULL } };
  const char *name = gn_datasets[_i]->name;
  const char *const(*set)[2] = strcmp(name, "table") == 0 ? shipped : NULL;
  static const char *const fetched[] = { "silverbox", "blowflies", "walker2d" }; /* do not ship */
  char dir[512] = DATA_DIR;
  gn_dataset *a, *b;
  for (size_t k = 0; k < sizeof fetched / sizeof *fetched; k++)
    if (strcmp(name, fetched[k]) == 0) {
      if (!gn_test_need(name, gn_test_path(gn_test_shared(), "data"))) return;
      (void)snprintf(dir, sizeof dir, "%s/data", gn_test_shared());
    }
  if (strcmp(name, "plane_vibration") == 0) (void)snprintf(dir, sizeof dir, "%s", small_vibration(300));
  gn_ck_ok(make_data(name, 3, dir, set, &a));
  gn_ck_ok(make_data(name, 3, dir, set, &b));
  ck_assert_uint_eq(a->n, b->n);
  ck_assert_mem_eq(a->x, b->x, a->n * a->nx * sizeof *a->x);
  ck_assert_mem_eq(a->y, b->y, a->n * a->K * a->ny * sizeof *a->y);
  ck_assert_mem_eq(a->times, b->times, (a->K + 1) * sizeof *a->times);
  const size_t idx[2] = { a->n - 1, 0 };
  double *x = calloc(2 * a->nx, sizeof *x), *y = calloc(2 * a->K * a->ny, sizeof *y);
  unsigned char *m = calloc(2 * a->K * a->ny, 1);
  gn_dataset_batch(a, 2, idx, x, y, m);
  ck_assert_mem_eq(x + a->nx, a->x, a->nx * sizeof *x);
  for (size_t k = 0; k < a->K; k++)
    ck_assert_mem_eq(y + 2 * k * a->ny, a->y + (idx[0] * a->K + k) * a->ny,
                     a->ny * sizeof *y);
  free(x);
  free(y);
  free(m);
  gn_dataset_destroy(&a);
  gn_dataset_destroy(&b);
  ck_assert_ptr_null(a);
}
END_TEST

START_TEST(dataset_unknown)
{
  ck_assert_ptr_null(gn_dataset_find("spirl"));
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "spiral"));
  ck_assert_ptr_null(gn_loss_find("mes"));
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "mse"));
}
END_TEST

START_TEST(batch_mask)
{
  static const double x[3] = { 10, 20, 30 };
  static const double y[12] = { 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6 };
  static const double want[8] = { 5, -5, 1, -1, 6, -6, 2, -2 };
  static const unsigned char mask[12] = { 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0 };
  static const unsigned char seen[8] = { 1, 1, 1, 0, 0, 0, 0, 1 };
  const gn_dataset d = {
    .n = 3, .ntrain = 3, .K = 2, .nx = 1, .ny = 2, .x = x, .y = y, .mask = mask
  };
  const size_t idx[2] = { 2, 0 };
  double xb[2], yb[8];
  unsigned char mb[8];
  gn_dataset_batch(&d, 2, idx, xb, yb, mb);
  ck_assert(xb[0] == 30 && xb[1] == 10);
  ck_assert_mem_eq(yb, want, sizeof want);
  ck_assert_mem_eq(mb, seen, sizeof seen);
}
END_TEST

START_TEST(lynx_hare_numbers)
{
  static const char *const raw[][2] = { { "log", "no" },
                                        { "zscore", "no" },
                                        { NULL, NULL } };
  static const char *const cut[][2] = { { "window", "5" },
                                        { "stride", "5" },
                                        { "valid", "1" },
                                        { "time_scale", "1" },
                                        { NULL, NULL } };
  static const char *const wide[][2] = { { "window", "21" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make_data("lynx_hare", 1, DATA_DIR, raw, &d));
  ck_assert(d->n == 1 && d->ntrain == 1 && d->K == 20 && d->nx == 2 && d->ny == 2);
  ck_assert(d->x[0] == 30.0 && d->x[1] == 4.0);   /* 1900: hare, lynx */
  ck_assert(d->y[38] == 24.7 && d->y[39] == 8.6); /* 1920 */
  gn_ck_close(d->times[20], 2, 1e-15);            /* decades */
  gn_dataset_destroy(&d);
  gn_ck_ok(make_data("lynx_hare", 1, DATA_DIR, NULL, &d));
  for (size_t j = 0; j < 2; j++) {
    double mean = d->x[j], var = d->x[j] * d->x[j];
    for (size_t k = 0; k < 20; k++)
      mean += d->y[2 * k + j], var += d->y[2 * k + j] * d->y[2 * k + j];
    ck_assert_double_eq_tol(mean / 21, 0, 1e-14);
    gn_ck_close(var / 21, 1, 1e-14);
  }
  gn_dataset_destroy(&d);
  gn_ck_ok(make_data("lynx_hare", 1, DATA_DIR, cut, &d));
  ck_assert(d->n == 4 && d->ntrain == 3 && d->K == 5 && d->times[5] == 5);
  for (size_t j = 0; j < 2; j++) /* windows that touch share a year */
    ck_assert_double_eq(d->x[2 + j], d->y[8 + j]);
  gn_dataset_destroy(&d);
  gn_ck_fails(make_data("lynx_hare", 1, DATA_DIR, wide, &d), GN_EARG, "window = 21");
  gn_ck_fails(make_data("lynx_hare", 1, "/nowhere", NULL, &d), GN_EIO,
              "/nowhere/lynx_hare.csv");
}
END_TEST

START_TEST(lynx_hare_malformed)
{
  static const char *const text[] = { "year,lynx,hare\n1900,4,30\n",
                                      "# c\nyear,hare,lynx\n1900,30.0,4.0\n1901,47.2\n",
                                      "year,hare,lynx\n1900,30.0,4.0\n1901,47x,6\n",
                                      "year,hare,lynx\n1900,30.0,-4.0\n", "" };
  static const char *const place[] = { ":1: ", ":4: ", ":3: ", ":2: ", "0 rows" };
  const char *dir = gn_test_tmpdir();
  gn_dataset *d;
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    gn_test_file(dir, "lynx_hare.csv", text[i]);
    gn_ck_fails(make_data("lynx_hare", 1, dir, NULL, &d), GN_EIO, place[i]);
  }
}
END_TEST

START_TEST(spiral_closed_form)
{
  static const char *const set[][2] = { { "kind", "linear" }, { "n", "5" },
                                        { "valid", "2" },     { "T", "3" },
                                        { "turn", "1.5" },    { NULL, NULL } };
  static const char *const more[][2] = { { "kind", "linear" }, { "n", "9" },
                                         { "valid", "0" },     { "T", "3" },
                                         { "turn", "1.5" },    { "noise", "0.1" },
                                         { NULL, NULL } };
  gn_dataset *d, *e;
  gn_ck_ok(make_data("spiral", 4, DATA_DIR, set, &d));
  ck_assert(d->n == 7 && d->ntrain == 5 && d->K == 20);
  for (size_t i = 0; i < d->n; i++) {
    const double *x = d->x + 2 * i;
    ck_assert_double_ge(hypot(x[0], x[1]), 0.5);
    ck_assert_double_le(hypot(x[0], x[1]), 1.5);
    for (size_t k = 0; k < d->K; k++) {
      const double t = d->times[k + 1], c = cos(1.5 * t), s = sin(1.5 * t),
                   a = exp(-0.1 * t);
      const double *y = d->y + (i * d->K + k) * 2;
      /* the classic method at 1/50 radian a step: (1/50)^4 / 120 per radian */
      ck_assert_double_eq_tol(y[0], a * (c * x[0] + s * x[1]), 1e-8);
      ck_assert_double_eq_tol(y[1], a * (c * x[1] - s * x[0]), 1e-8);
    }
  }
  gn_ck_ok(
      make_data("spiral", 4, DATA_DIR, more, &e)); /* more samples, noise: same starts */
  ck_assert_mem_eq(d->x, e->x, d->n * 2 * sizeof *d->x);
  ck_assert(d->y[0] != e->y[0]);
  double var = 0;
  for (size_t i = 0; i < 200; i++) var += pow(e->y[i] - d->y[i], 2) / 200;
  ck_assert(var > 0.005 && var < 0.02); /* 0.01 +- 5 standard deviations (each 10 %) */
  gn_dataset_destroy(&e);
  gn_ck_ok(make_data("spiral", 5, DATA_DIR, set, &e));
  ck_assert(d->x[0] != e->x[0]);
  gn_dataset_destroy(&d);
  gn_dataset_destroy(&e);
}
END_TEST

START_TEST(point_cloud_regions)
{
  static const char *const classes[][2] = { { "labels", "classes" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make_data("point_cloud", 1, DATA_DIR, NULL, &d));
  ck_assert(d->n == 60 && d->ntrain == 50 && d->K == 1 && d->ny == 1 && d->times[1] == 1);
  size_t inner = 0;
  for (size_t i = 0; i < d->n; i++) {
    const double r = hypot(d->x[2 * i], d->x[2 * i + 1]);
    if (d->y[i] == -1)
      ck_assert_double_le(r, 0.5);
    else
      ck_assert(d->y[i] == 1 && r >= 0.85 && r <= 1);
    inner += i < d->ntrain && d->y[i] == -1;
  }
  ck_assert_uint_eq(inner, 22);
  gn_dataset_destroy(&d);
  gn_ck_ok(make_data("point_cloud", 1, DATA_DIR, classes, &d));
  for (size_t i = 0; i < d->n; i++) ck_assert(d->y[i] == 0 || d->y[i] == 1);
  gn_dataset_destroy(&d);
}
END_TEST

/* Rows with a third, empty cell and no line feed at the end, as in the file of the source. Means
   are 2.5 and 25. */
START_TEST(silverbox_windows)
{
  static const char rows[] = "\"V1\",\"V2\",\n0,0,\n1,10,\n2,20,\n3,30,\n4,40,\n5,50,";
  static const char *const set[][2] = { { "window", "2" }, { "n", "1" },     { "valid", "1" },
                                        { "first", "1" },  { "gain", "10" }, { NULL, NULL } };
  static const char *const wide[][2] = { { "window", "6" }, { NULL, NULL } };
  static const double u[6] = { -15, -5, 5, 5, 15, 25 }, y[4] = { -50, 50, 150, 250 };
  const char *dir = gn_test_tmpdir();
  const size_t idx[2] = { 1, 0 };
  double ub[6];
  gn_dataset *d;
  char box[512];
  (void)snprintf(box, sizeof box, "%s", gn_test_path(dir, "silverbox"));
  gn_ck_fails(make_data("silverbox", 1, dir, NULL, &d), GN_EIO, "GNOMON_DATA");
  ck_assert_int_eq(mkdir(box, 0700), 0);
  gn_test_file(box, "sb.csv", rows);
  gn_ck_ok(make_data("silverbox", 1, dir, set, &d));
  ck_assert(d->n == 2 && d->ntrain == 1 && d->K == 2 && d->nx == 1 && d->ny == 1 && d->nu == 1);
  ck_assert(d->U == 3 && d->u_times[0] == 0 && d->u_times[2] == 2 && d->stops == 1);
  ck_assert(d->x[0] == -150 && d->x[1] == 50);
  ck_assert_mem_eq(d->y, y, sizeof y);
  ck_assert_mem_eq(d->u, u, sizeof u);
  gn_dataset_signals(d, 2, idx, ub);
  for (size_t k = 0; k < 3; k++) ck_assert(ub[2 * k] == u[3 + k] && ub[2 * k + 1] == u[k]);
  gn_dataset_destroy(&d);
  gn_ck_fails(make_data("silverbox", 1, dir, wide, &d), GN_EARG, "end at row 6");
  gn_test_file(box, "sb.csv", "\"V1\",\"V2\",\n0,0,\n1,x,\n");
  gn_ck_fails(make_data("silverbox", 1, dir, NULL, &d), GN_EIO, "sb.csv:3: column 'V2'");
}
END_TEST

START_TEST(silverbox_numbers)
{
  const char *dir = gn_test_path(gn_test_shared(), "data");
  gn_dataset *d;
  if (!gn_test_need("silverbox", dir)) return;
  gn_ck_ok(make_data("silverbox", 1, dir, NULL, &d));
  ck_assert(d->n == 1 && d->K == 63 && d->U == 64);
  ck_assert_double_eq_tol(d->x[0], 0.858180, 5e-7); /* 100 (0.0093978 - mean), six digits */
  gn_dataset_destroy(&d);
}
END_TEST

/* A ramp: a value tells the row it comes from. */
START_TEST(plane_vibration_sequences)
{
  const size_t J = 4, F = 3, NK = 2 * J + F;
  static const char *const set[][2] = { { "length", "4" }, { "ahead", "3" }, { "leave", "20" },
                                        { "keep", "0.75" }, { NULL, NULL } };
  static const char *const close_end[][2] = { { "leave", "2" }, { NULL, NULL } };
  static const char *const gone[][2] = { { "dropped", "gone.csv" }, { "leave", "20" }, { NULL, NULL } };
  static const char *const too_long[][2] = { { "length", "120" }, { NULL, NULL } };
  const char *dir = small_vibration(300);
  gn_dataset *d;
  gn_ck_ok(make_data("plane_vibration", 2, dir, set, &d));
  /* 280 rows, of which 210 stay: 105, 52, 53; blocks of 5 */
  ck_assert(d->ntrain == 21 && d->n == 31 && d->K == NK && d->nx == J * 5 && d->nobs == 5);
  ck_assert_ptr_nonnull(strstr(d->note, "105 for training, 52 for validation, 53 for the test"));
  const double dev = sqrt((300.0 * 300 - 1) / 12); /* of 0, ..., 299 */
  size_t apart = 0;
  for (size_t i = 0; i < d->n; i++) {
    const double *x = d->x + i * J * 5, *y = d->y + i * NK * 5, *o = d->obs + i * J * 5;
    ck_assert_mem_eq(x, o, J * 5 * sizeof *x);
    for (size_t j = 0; j < J; j++) {
      const double step = (y[(2 * j + 1) * 5 + 2] - y[2 * j * 5 + 2]) * dev;
      ck_assert_double_eq(y[2 * j * 5], x[j * 5]);
      gn_ck_close(step, d->gap[i * J + j], 1e-9);
      ck_assert(step > 0.5 && (j == 0 || x[j * 5] == y[(2 * j - 1) * 5]));
      apart += step > 1.5;
    }
    ck_assert_mem_eq(y + 2 * J * 5, y + (2 * J - 1) * 5, 5 * sizeof *y);
    for (size_t f = 1; f < F; f++)
      gn_ck_close((y[(2 * J + f) * 5] - y[(2 * J + f - 1) * 5]) * dev, 1, 1e-9);
  }
  ck_assert(apart > 15 && apart < 50); /* a quarter of 124, +- 3.3 standard deviations */
  double sum = 0;
  for (size_t k = 0; k < NK; k++) sum += d->weight[k] / (double)NK;
  gn_ck_close(sum, 1.2, 1e-14); /* 0.1 + 0.1 + 1 */
  gn_dataset_destroy(&d);
  gn_ck_fails(make_data("plane_vibration", 2, dir, close_end, &d), GN_EARG, "leave = 2");
  gn_ck_fails(make_data("plane_vibration", 2, dir, too_long, &d), GN_EARG, "length = 120");
  gn_test_file(dir, "plane_vibration/gone.csv", "row\n0\n1\n279\n");
  gn_ck_ok(make_data("plane_vibration", 2, dir, gone, &d));
  ck_assert(strncmp(d->note, "277 of 300 rows", 15) == 0);
  gn_ck_close(d->y[0] * dev, 2 - 149.5, 1e-9); /* row 2 is the first */
  gn_dataset_destroy(&d);
  gn_test_file(dir, "plane_vibration/gone.csv", "row\n0\n280\n");
  gn_ck_fails(make_data("plane_vibration", 2, dir, gone, &d), GN_EIO, "gone.csv:3: '280'");
  gn_ck_fails(make_data("plane_vibration", 2, "/nowhere", NULL, &d), GN_EIO,
              "/nowhere/plane_vibration/pv.csv");
}
END_TEST

/* The counts of the experiment, and its own choice of rows: gaps as in the file's README. */
/* Windows as the authors cut them; the target of an observation is the step after it, also where
   that one is not seen, and gaps are those to the next observation. */
START_TEST(walker_windows)
{
  static const char *const small[][2] = { { "most", "3" }, { NULL, NULL } };
  static const char *const test[][2] = { { "part", "test" }, { "outputs", "before" }, { NULL, NULL } };
  char dir[512];
  gn_dataset *d;
  if (!gn_test_need("walker2d", gn_test_path(gn_test_shared(), "data/walker2d"))) return;
  (void)snprintf(dir, sizeof dir, "%s/data", gn_test_shared());
  gn_ck_ok(make_data("walker2d", 1, dir, test, &d));
  ck_assert_uint_eq(d->ntrain, 9684);
  ck_assert_uint_eq(d->n - d->ntrain, 1937);
  ck_assert_uint_eq(d->sequence.outputs, GN_SEQUENCE_BEFORE);
  gn_dataset_destroy(&d);
  gn_ck_ok(make_data("walker2d", 1, dir, small, &d));
  ck_assert_uint_eq(d->n, 6);
  ck_assert_uint_eq(d->nobs, 17);
  size_t seen = 0;
  for (size_t j = 0; j + 1 < 64; j++) {
    const double steps = 64 * d->gap[j];
    ck_assert_double_eq(steps, round(steps));
    if (steps != 1) continue; /* the next step is the next observation */
    seen++;
    ck_assert_mem_eq(d->y + j * 17, d->obs + (j + 1) * 17, 17 * sizeof *d->y);
  }
  ck_assert_uint_gt(seen, 40);
  gn_dataset_destroy(&d);
  ck_assert_int_eq(make_data("walker2d", 1, "/nowhere", small, &d), GN_EIO);
  ck_assert(strstr(gn_last_error(), "fetch walker2d"));
}
END_TEST

START_TEST(plane_vibration_counts)
{
  static const char *const test[][2] = { { "part", "test" }, { NULL, NULL } };
  static const char *const own[][2] = { { "dropped", "pv_dropped.csv" }, { NULL, NULL } };
  static const char counts[] = "66265 of 73728 rows: 33132 for training, 16566 for validation, "
                               "16567 for the test; 509 sequences for training, 254 for ";
  static const char *const(*const sets[3])[2] = { NULL, test, own };
  char data[1024];
  const char *file = gn_test_path(gn_test_shared(), "data/plane_vibration/pv.csv");
  if (!gn_test_need("plane_vibration", file)) return;
  (void)snprintf(data, sizeof data, "%s/data", gn_test_shared());
  for (int k = 0; k < 3; k++) {
    gn_dataset *d;
    gn_ck_ok(make_data("plane_vibration", 1, data, sets[k], &d));
    ck_assert(strncmp(d->note, counts, sizeof counts - 1) == 0);
    ck_assert(d->ntrain == 509 && d->n == 509 + 254 && d->K == 136 && d->nx == 320);
    double most = 0, ones = 0;
    for (size_t i = 0; i < d->n * 64; i++) {
      most = fmax(most, d->gap[i]);
      ones += d->gap[i] == 1;
    }
    ck_assert(most >= 4 && most <= 8);
    ones /= (double)(d->n * 64); /* 0.9, sample of 48832: +- 0.0014 */
    ck_assert_double_eq_tol(ones, 0.9, 0.007);
    gn_dataset_destroy(&d);
  }
}
END_TEST

static TCase *group(Suite *s, const char *name)
{
  TCase *t = tcase_create(name);
  suite_add_tcase(s, t);
  return t;
}

int main(void)
{
  Suite *s = suite_create("data");
  TCase *t = group(s, "losses");
  tcase_add_loop_test(t, loss_gradient, 0, NCASES);
  tcase_add_test(t, mse_values);
  tcase_add_test(t, cross_entropy_values);
  t = group(s, "data sets");
  tcase_add_loop_test(t, dataset_contract, 0, (int)count_datasets());
  tcase_add_test(t, dataset_unknown);
  tcase_add_test(t, batch_mask);
  tcase_add_test(t, lynx_hare_numbers);
  tcase_add_test(t, lynx_hare_malformed);
  tcase_add_test(t, spiral_closed_form);
  tcase_add_test(t, point_cloud_regions);
  tcase_add_test(t, silverbox_windows);
  tcase_add_test(t, silverbox_numbers);
  tcase_add_test(t, plane_vibration_sequences);
  tcase_add_test(t, plane_vibration_counts);
  tcase_add_test(t, walker_windows);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
