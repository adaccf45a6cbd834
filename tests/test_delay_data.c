/* Data sets for delay equations: closed forms, step halving, an independent solve; parts that
 * share nothing; windows of the blowflies and their scale. */
#include "support/support.h"

#include "core/dataset.h"
#include "study/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TABLE "small_series/nicholson_blowflies.csv"
typedef const char *const settings[][2];

static gn_status make(const char *name, uint64_t seed, const char *dir,
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

/* ---- generators ---------------------------------------------------------------------- */

static const char *const lagged[] = { "mackey_glass", "population" };

START_TEST(halving)
{
  static settings coarse = { { "T", "8" }, { "K", "37" }, { NULL, NULL } };
  static settings fine = { { "T", "8" }, { "K", "37" }, { "steps", "40" }, { NULL, NULL } };
  static settings rough = { { "T", "8" }, { "K", "37" }, { "steps", "5" }, { NULL, NULL } };
  gn_dataset *a, *b, *c;
  gn_ck_ok(make(lagged[_i], 1, "", coarse, &a));
  gn_ck_ok(make(lagged[_i], 1, "", fine, &b));
  gn_ck_ok(make(lagged[_i], 1, "", rough, &c));
  const size_t n = a->n * a->K;
  /* local order 9 at h = 1/20, rates up to 10: rounding, grown by the instability until T */
  gn_ck_close_all(n, a->y, b->y, 1e-12);
  ck_assert_double_gt(gn_test_relerr_max(n, c->y, b->y), 1e-13); /* steps matter */
  gn_dataset_destroy(&a);
  gn_dataset_destroy(&b);
  gn_dataset_destroy(&c);
}
END_TEST

/* x on [0, 1] of both; on [1, 2] of the population, whose x(t - 1) is an exponential. */
static double population(double h, double t)
{
  const double r = 1.8, c = r * (1 - h);
  if (t <= 1) return h * exp(c * t);
  return h * exp(c + r * (t - 1) - r * h * expm1(c * (t - 1)) / c);
}

static double mackey_glass(double h, double t)
{
  const double rest = 4 * h / (1 + pow(h, 9.65)) / 2;
  return rest + (h - rest) * exp(-2 * t);
}

START_TEST(closed_forms)
{
  static settings two = { { "T", "2" }, { "K", "14" }, { NULL, NULL } };
  static settings one = { { "T", "1" }, { "K", "7" }, { "steps", "3" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make("population", 1, "", two, &d));
  for (size_t i = 0; i < d->n; i++)
    for (size_t k = 0; k < d->K; k++)
      gn_ck_close(d->y[i * d->K + k], population(d->x[i], d->times[k + 1]), 1e-13);
  gn_dataset_destroy(&d);
  gn_ck_ok(make("mackey_glass", 1, "", one, &d));
  for (size_t i = 0; i < d->n; i++)
    for (size_t k = 0; k < d->K; k++) /* h = 1/3: (2/3)^9 / 9! and the nodes' 1e-5 */
      gn_ck_close(d->y[i * d->K + k], mackey_glass(d->x[i], d->times[k + 1]), 1e-10);
  gn_dataset_destroy(&d);
}
END_TEST

/* The classic method on the same equation, the state half a step and a lag ago by cubic
   Hermite interpolation: order 4. */
static double classic(const char *name, double h0, double T)
{
  enum { M = 2000, NMAX = 16 * M };
  static double x[NMAX + 1], f[NMAX + 1];
  const int mackey = strcmp(name, "mackey_glass") == 0, n = (int)(T * M + 0.5);
  const double h = 1.0 / M;
  ck_assert_int_le(n, NMAX);
  x[0] = h0;
  for (int i = 0; i < n; i++) {
    const int j = i - M;
    const double left = j < 0 ? h0 : x[j], right = j < 0 ? h0 : x[j + 1];
    const double middle = j < 0 ? h0 : (left + right) / 2 + h / 8 * (f[j] - f[j + 1]);
    const double lag[4] = { left, middle, middle, right }, c[4] = { 0, h / 2, h / 2, h };
    double k[4] = { 0 };
    for (int s = 0; s < 4; s++) {
      const double y = x[i] + (s ? c[s] * k[s - 1] : 0);
      k[s] = mackey ? 4 * lag[s] / (1 + pow(lag[s], 9.65)) - 2 * y : 1.8 * y * (1 - lag[s]);
    }
    f[i] = k[0]; /* x' jumps at 0 only, where no step ends */
    x[i + 1] = x[i] + h / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3]);
    f[i + 1] = k[3];
  }
  return x[n];
}

START_TEST(independent)
{
  static settings set = { { "n", "3" }, { "valid", "0" }, { "T", "6" }, { "K", "2" },
                          { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make(lagged[_i], 1, "", set, &d));
  for (size_t i = 0; i < d->n; i++)
    for (size_t k = 0; k < d->K; k++) /* h^4 = 6e-14 times fifth derivatives of about 1e4 */
      gn_ck_close(d->y[i * d->K + k], classic(lagged[_i], d->x[i], d->times[k + 1]), 1e-8);
  gn_dataset_destroy(&d);
}
END_TEST

START_TEST(lagged_refuses)
{
  static settings turned = { { "low", "2" }, { "high", "1" }, { NULL, NULL } };
  static settings many = { { "T", "1e4" }, { "steps", "100000" }, { NULL, NULL } };
  static settings part = { { "part", "valid" }, { NULL, NULL } };
  static settings none = { { "train_fraction", "0" }, { NULL, NULL } };
  static settings bare = { { "part", "test" }, { "test", "0" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_fails(make(lagged[_i], 1, "", turned, &d), GN_EARG, "low = 2");
  gn_ck_fails(make(lagged[_i], 1, "", many, &d), GN_EARG, "at most 1e7");
  gn_ck_fails(make(lagged[_i], 1, "", part, &d), GN_EARG, "fit|test");
  gn_ck_fails(make(lagged[_i], 1, "", none, &d), GN_EARG, "train_fraction");
  gn_ck_ok(make(lagged[_i], 1, "", bare, &d));
  ck_assert_uint_eq(d->n, d->ntrain);
  gn_dataset_destroy(&d);
}
END_TEST

/* ---- parts --------------------------------------------------------------------------- */

static const char *const drawn[] = { "mackey_glass", "population", "flip" };

/* No input of one part is one of another; the training samples are the same for both, fewer of
   them the first; the sizes of the other parts change nothing. */
START_TEST(parts)
{
  static settings test = { { "part", "test" }, { NULL, NULL } };
  static settings less = { { "train_fraction", "0.25" }, { "valid", "7" }, { NULL, NULL } };
  static settings more = { { "train_fraction", "0.25" }, { "n", "200" }, { "part", "test" },
                           { NULL, NULL } };
  gn_dataset *a, *b, *c;
  gn_ck_ok(make(drawn[_i], 3, "", NULL, &a));
  gn_ck_ok(make(drawn[_i], 3, "", test, &b));
  ck_assert(a->n == 60 && a->ntrain == 40 && b->n == 80 && b->ntrain == 40);
  ck_assert_mem_eq(a->x, b->x, 40 * sizeof *a->x);
  ck_assert_mem_eq(a->y, b->y, 40 * a->K * sizeof *a->y);
  for (size_t i = 0; i < a->n; i++) {
    for (size_t j = 40; j < b->n; j++) ck_assert(a->x[i] != b->x[j]);
    for (size_t j = 40; j < a->n; j++) ck_assert(i == j || a->x[i] != a->x[j]);
  }
  gn_ck_ok(make(drawn[_i], 3, "", less, &c));
  ck_assert(c->n == 17 && c->ntrain == 10);
  ck_assert_mem_eq(c->x, a->x, 10 * sizeof *a->x);
  ck_assert_mem_eq(c->x + 10, a->x + 40, 7 * sizeof *a->x);
  gn_dataset_destroy(&c);
  gn_ck_ok(make(drawn[_i], 3, "", more, &c));
  ck_assert(c->n == 90 && c->ntrain == 50);
  ck_assert_mem_eq(c->x + 50, b->x + 40, 40 * sizeof *a->x);
  ck_assert_mem_eq(c->y + 50 * c->K, b->y + 40 * b->K, 40 * a->K * sizeof *a->y);
  gn_dataset_destroy(&c);
  gn_ck_ok(make(drawn[_i], 4, "", NULL, &c));
  ck_assert(c->x[0] != a->x[0]);
  gn_dataset_destroy(&a);
  gn_dataset_destroy(&b);
  gn_dataset_destroy(&c);
}
END_TEST

START_TEST(flip_numbers)
{
  static settings set = { { "T", "2.5" }, { "radius", "3" }, { "n", "500" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make("flip", 1, "", set, &d));
  ck_assert(d->K == 1 && d->times[1] == 2.5 && !d->hist);
  double largest = 0, square = 0;
  for (size_t i = 0; i < d->n; i++) {
    ck_assert_double_eq(d->y[i], -d->x[i]);
    largest = fmax(largest, fabs(d->x[i]));
    square += d->x[i] * d->x[i] / (double)d->n;
  }
  ck_assert(largest <= 3 && largest > 2.9); /* none above 2.9 of 500: 4e-8 */
  ck_assert_double_eq_tol(square, 3, 0.6);  /* 5 standard deviations, 9 sqrt(4/45 / 520) each */
  gn_dataset_destroy(&d);
}
END_TEST

/* ---- blowflies ----------------------------------------------------------------------- */

/* The table with counts of our own: set 4, day 2 i: 100 + i (i mod 7). */
static double count_of(size_t i) { return 100 + (double)(i * (i % 7)); }

static const char *write_table(size_t rows, const char *head)
{
  char text[32768], folder[1024];
  size_t n = (size_t)snprintf(text, sizeof text, "%s\n0;5;1\n1;6;1\n", head);
  for (size_t i = 0; i < rows; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%zu;%.0f;4\n", 2 * i, count_of(i));
  const char *dir = gn_test_tmpdir();
  (void)snprintf(folder, sizeof folder, "%s/small_series", dir);
  ck_assert_int_eq(mkdir(folder, 0700), 0);
  gn_test_file(dir, TABLE, text);
  return dir;
}

/* Every number of every window, from the table, by the training part's mean and deviation. */
START_TEST(windows)
{
  const int test = _i & 1, raw = _i & 2;
  const char *const set[][2] = { { "counts", "100" }, { "valid", "0.3" }, { "test", "0.2" },
                                 { "window", "6" }, { "past", "3" }, { "stride", "2" },
                                 { "time_scale", "0.5" }, { "part", test ? "test" : "fit" },
                                 { "log", raw ? "no" : "yes" }, { "train_fraction", "0.5" },
                                 { NULL, NULL } };
  gn_dataset *d;
  gn_ck_ok(make("blowflies", 1, write_table(361, "day;count;set"), set, &d));
  double v[100], mean = 0, var = 0;
  for (size_t i = 0; i < 100; i++) v[i] = raw ? count_of(i) : log(count_of(i));
  for (size_t i = 0; i < 50; i++) mean += v[i] / 50;
  for (size_t i = 0; i < 50; i++) var += (v[i] - mean) * (v[i] - mean) / 50;
  for (size_t i = 0; i < 100; i++) v[i] = (v[i] - mean) / sqrt(var);
  /* 50 counts: starts 3, 5, ..., 43 are 21 windows, of which the last 11 */
  const size_t begin = test ? 80 : 50, other = test ? 6 : 11;
  ck_assert_uint_eq(d->ntrain, 11);
  ck_assert_uint_eq(d->n, 11 + other);
  ck_assert(d->K == 6 && d->H == 3 && d->nx == 1 && d->ny == 1);
  for (size_t k = 0; k <= 6; k++) ck_assert_double_eq(d->times[k], (double)k);
  for (size_t j = 0; j < 3; j++) ck_assert_double_eq(d->hist_times[j], (double)j - 3);
  for (size_t i = 0; i < d->n; i++) {
    const size_t row = i < 11 ? 3 + 2 * (10 + i) : begin + 3 + 2 * (i - 11);
    ck_assert_double_eq_tol(d->x[i], v[row], 1e-13);
    for (size_t j = 0; j < 3; j++)
      ck_assert_double_eq_tol(d->hist[3 * i + j], v[row - 3 + j], 1e-13);
    for (size_t k = 0; k < 6; k++)
      ck_assert_double_eq_tol(d->y[6 * i + k], v[row + 1 + k], 1e-13);
  }
  gn_dataset_destroy(&d);
}
END_TEST

START_TEST(past_as_inputs)
{
  static settings now = { { "past", "4" }, { NULL, NULL } };
  static settings past = { { "past", "4" }, { "inputs", "past" }, { NULL, NULL } };
  const char *dir = write_table(361, "day;count;set");
  gn_dataset *a, *b;
  gn_ck_ok(make("blowflies", 1, dir, now, &a));
  gn_ck_ok(make("blowflies", 1, dir, past, &b));
  ck_assert(b->nx == 5 && !b->hist && b->H == 0 && a->n == b->n);
  ck_assert_mem_eq(a->y, b->y, a->n * a->K * sizeof *a->y);
  for (size_t i = 0; i < a->n; i++) {
    ck_assert_double_eq(b->x[5 * i], a->x[i]);
    for (size_t j = 0; j < 4; j++)
      ck_assert_double_eq(b->x[5 * i + 1 + j], a->hist[4 * i + 3 - j]);
  }
  gn_dataset_destroy(&a);
  gn_dataset_destroy(&b);
}
END_TEST

START_TEST(blowflies_refuses)
{
  static settings wide = { { "window", "250" }, { NULL, NULL } };
  static settings short_part = { { "window", "70" }, { NULL, NULL } };
  static settings all = { { "valid", "0.6" }, { "test", "0.5" }, { NULL, NULL } };
  gn_dataset *d;
  gn_ck_fails(make("blowflies", 1, "/nowhere", NULL, &d), GN_EIO, "/nowhere/" TABLE);
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "GNOMON_DATA"));
  const char *dir = write_table(361, "day;count;set");
  gn_ck_fails(make("blowflies", 1, dir, wide, &d), GN_EARG, "window = 250");
  gn_ck_fails(make("blowflies", 1, dir, short_part, &d), GN_EARG, "validation");
  gn_ck_fails(make("blowflies", 1, dir, all, &d), GN_EARG, "valid = 0.6");
  gn_ck_fails(make("blowflies", 1, write_table(360, "day;count;set"), NULL, &d), GN_EIO,
              "360 counts");
  gn_ck_fails(make("blowflies", 1, write_table(362, "day;count;set"), NULL, &d), GN_EIO, ":365:");
  gn_ck_fails(make("blowflies", 1, write_table(361, "day,count,set"), NULL, &d), GN_EIO, ":1:");
}
END_TEST

/* The real counts, where they are. */
START_TEST(real_counts)
{
  static settings set = { { "log", "no" }, { "past", "0" }, { "stride", "1" }, { "window", "1" },
                          { NULL, NULL } };
  static settings test = { { "log", "no" }, { "past", "0" }, { "stride", "1" }, { "window", "1" },
                           { "part", "test" }, { NULL, NULL } };
  char dir[1024];
  const char *shared = gn_test_shared();
  (void)snprintf(dir, sizeof dir, "%s/data", shared ? shared : "");
  if (!gn_test_need("blowflies", shared ? gn_test_path(dir, TABLE) : NULL)) return;
  gn_dataset *a, *b;
  gn_ck_ok(make("blowflies", 1, dir, set, &a));
  gn_ck_ok(make("blowflies", 1, dir, test, &b));
  ck_assert(a->n == 216 + 71 && a->ntrain == 216 && b->n == 216 + 71);
  /* 217, 72 and 72 counts; from 948 flies 942; at the end 14683 was the most */
  double mean = 0, most = -HUGE_VAL;
  for (size_t i = 0; i < 216; i++) mean += a->x[i] / 217;
  mean += a->y[215] / 217;
  ck_assert_double_eq_tol(mean, 0, 1e-13);
  for (size_t i = 0; i < a->n; i++) most = fmax(most, fmax(a->x[i], a->y[i]));
  for (size_t i = 216; i < b->n; i++) most = fmax(most, fmax(b->x[i], b->y[i]));
  const double fly = (a->x[0] - a->y[0]) / 6;
  gn_ck_close((most - a->x[0]) / fly, 14683 - 948, 1e-10);
  gn_dataset_destroy(&a);
  gn_dataset_destroy(&b);
}
END_TEST

/* ---- histories in general ------------------------------------------------------------- */

static double past_times[3];
static double past_value[3] = { 1, 2, 3 };

static gn_status make_past(const void *config, uint64_t seed, const char *dir, gn_dataset *d)
{
  static const double times[2] = { 0, 1 }, x[1] = { 4 }, y[1] = { 5 };
  (void)config, (void)seed, (void)dir;
  *d = (gn_dataset){ .arena = d->arena, .n = 1, .ntrain = 1, .K = 1, .nx = 1, .ny = 1,
                     .times = times, .x = x, .y = y, .H = 3, .hist_times = past_times,
                     .hist = past_value };
  return GN_OK;
}

START_TEST(history_checked)
{
  static const gn_dataset_class cls = { .name = "past", .make = make_past };
  static const double good[3] = { -3, -2, -1 }, late[3] = { -3, -2, 0 }, twice[3] = { -3, -3, -1 };
  gn_dataset *d;
  memcpy(past_times, good, sizeof good);
  gn_ck_ok(gn_dataset_create(&cls, &cls, 1, "", &d));
  gn_dataset_destroy(&d);
  memcpy(past_times, late, sizeof late);
  gn_ck_fails(gn_dataset_create(&cls, &cls, 1, "", &d), GN_EARG, "hist_times[2] = 0");
  memcpy(past_times, twice, sizeof twice);
  gn_ck_fails(gn_dataset_create(&cls, &cls, 1, "", &d), GN_EARG, "hist_times[0] = -3");
  memcpy(past_times, good, sizeof good);
  past_value[1] = NAN;
  gn_ck_fails(gn_dataset_create(&cls, &cls, 1, "", &d), GN_ENONFINITE, "before the start");
  past_value[1] = 2;
}
END_TEST

/* ---- experiments --------------------------------------------------------------------- */

START_TEST(shipped)
{
  static const char *const name[] = { "mackey_glass", "population", "flip", "blowflies" };
  char file[512], dir[1100];
  (void)snprintf(file, sizeof file, "%s/experiments/%s.ini", GN_SOURCE_DIR, name[_i]);
  (void)snprintf(dir, sizeof dir, "data.dir=%s", write_table(361, "day;count;set"));
  const char *const over = dir;
  gn_experiment *e;
  gn_setup *s;
  gn_ck_ok(gn_experiment_read(file, 1, &over, &e));
  gn_ck_ok(gn_setup_create(e, &s));
  ck_assert_uint_gt(s->data->n, s->data->ntrain);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
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
  Suite *s = suite_create("delay data");
  TCase *t = group(s, "generators");
  tcase_add_loop_test(t, halving, 0, 2);
  tcase_add_test(t, closed_forms);
  tcase_add_loop_test(t, independent, 0, 2);
  tcase_add_loop_test(t, lagged_refuses, 0, 2);
  t = group(s, "parts");
  tcase_add_loop_test(t, parts, 0, 3);
  tcase_add_test(t, flip_numbers);
  t = group(s, "blowflies");
  tcase_add_loop_test(t, windows, 0, 4);
  tcase_add_test(t, past_as_inputs);
  tcase_add_test(t, blowflies_refuses);
  tcase_add_test(t, real_counts);
  t = group(s, "history");
  tcase_add_test(t, history_checked);
  t = group(s, "experiments");
  tcase_add_loop_test(t, shipped, 0, 4);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
