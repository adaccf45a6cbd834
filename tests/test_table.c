/* The data set `table`: readers of CSV and HDF5 with what they refuse, windows, splits, scales
 * and masks, and samples at their own times against closed forms and separate solves. */
#include "support/support.h"
#include "support/wrap.h"

#include "base/csv.h"
#include "base/h5.h"
#include "base/rng.h"
#include "base/vec.h"
#include "core/loss.h"
#include "study/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_DIR GN_SOURCE_DIR "/experiments/data"

static const char *dir; /* of this test */

static void fresh(void) { dir = gn_test_tmpdir(); }

/* ---- the CSV reader ------------------------------------------------------------------ */

static gn_status read_csv(gn_arena *a, const char *text, gn_csv **c)
{
  return gn_csv_read(a, gn_test_file(dir, "t.csv", text), c);
}

START_TEST(csv_reads)
{
  gn_arena *a;
  gn_csv *c;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(read_csv(a, "\xEF\xBB\xBF# comment, with a comma\r\n\r\n \"a, \"\"b\"\"\" ,\tc d\r\n"
                       "1 , \"x\ny\"\r\n  # another\r\n,\r\n\"\",z", &c));
  ck_assert(c->ncol == 2 && c->nrow == 3);
  ck_assert_str_eq(c->name[0], "a, \"b\"");
  ck_assert_str_eq(c->name[1], "c d");
  ck_assert_str_eq(gn_csv_text(c, 0, 0), "1");
  ck_assert_str_eq(gn_csv_text(c, 0, 1), "x\ny");
  ck_assert_str_eq(gn_csv_text(c, 1, 0), "");
  ck_assert_str_eq(gn_csv_text(c, 1, 1), "");
  ck_assert_str_eq(gn_csv_text(c, 2, 1), "z");
  ck_assert(c->line[0] == 4 && c->line[1] == 7 && c->line[2] == 8);
  gn_ck_ok(read_csv(a, "a,b\r1,2\r3,4\r5,6\r7,8", &c)); /* the line breaks of old Macs */
  ck_assert(c->nrow == 4 && c->line[3] == 5);
  ck_assert_str_eq(gn_csv_text(c, 3, 1), "8");
  gn_ck_ok(read_csv(a, "a,b\n1,2\n   ", &c)); /* blanks at the end are no row */
  ck_assert_uint_eq(c->nrow, 1);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(csv_refuses)
{
  static const char *const bad[][2] = {
    { "", ":1: an empty file" },
    { "# only\n\n", ":3: an empty file" },
    { "a,b\n1,2\n3\n", ":3: 1 cells, expected 2" },
    { "a,b\n1,2\n\n3,4,5\n", ":4: 3 cells, expected 2" },
    { "a,b\n1,2\n\"3,4\n5,6\n", ":3: a quoted cell without an end" },
    { "a,b\n1,\"2\"x\n", ":2: text after a quoted cell" },
    { "a;b\n1;2\n", "one cell; expected columns separated by commas" },
  };
  gn_arena *a;
  gn_csv *c;
  gn_ck_ok(gn_arena_create(&a));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    gn_ck_fails(read_csv(a, bad[i][0], &c), GN_EIO, bad[i][1]);
  FILE *f = fopen(gn_test_path(dir, "nul.csv"), "wb");
  ck_assert(f && fwrite("a,b\n1\0,2\n", 1, 9, f) == 9 && fclose(f) == 0);
  gn_ck_fails(gn_csv_read(a, gn_test_path(dir, "nul.csv"), &c), GN_EIO, "a NUL byte after 5");
  gn_ck_fails(gn_csv_read(a, gn_test_path(dir, "none.csv"), &c), GN_EIO, "cannot open");
  gn_arena_destroy(&a);
}
END_TEST

/* ---- tables -------------------------------------------------------------------------- */

/* Options "key=value;key=value". */
static gn_status make_seeded(const char *options, uint64_t seed, gn_dataset **d)
{
  const gn_dataset_class *cls = gn_dataset_find("table");
  static double config[512]; /* nothing here allocates: a test refuses allocations */
  char text[1024];
  if (cls->config_size > sizeof config) abort();
  gn_options_default(cls->options, config);
  (void)snprintf(text, sizeof text, "%s", options);
  gn_status s = GN_OK;
  for (char *key = text, *next; s == GN_OK && *key; key = next) {
    next = key + strcspn(key, ";");
    if (*next) *next++ = '\0';
    char *eq = strchr(key, '=');
    *eq = '\0';
    s = gn_option_set(cls->options, config, key, eq + 1);
  }
  return s == GN_OK ? gn_dataset_create(cls, config, seed, dir, d) : s;
}

static gn_status make(const char *csv, const char *options, gn_dataset **d)
{
  char all[1024];
  gn_test_file(dir, "t.csv", csv);
  (void)snprintf(all, sizeof all, "file=t.csv;%s", options);
  return make_seeded(all, 1, d);
}

/* Two samples, their rows mixed: a has three points, b four. */
static const char mixed[] = "id,time,q,r,mass\n"
                            "a,0,1,10,7\n"
                            "b,5,2,20,8\n"
                            "a,1,3,NA,\n"
                            "b,5.5,4,40,\n"
                            "b,6,,60,\n"
                            "a,3,7,70,\n"
                            "b,8,9,nan,\n";

START_TEST(table_reads)
{
  static const unsigned char seen[] = { 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0 };
  static const double y[] = { 3, 0, 7, 70, 0, 0, 4, 40, 0, 60, 9, 0 };
  static const double t[] = { 0, 1, 3, 3, 0, 0.5, 1, 3 };
  gn_dataset *d;
  gn_ck_ok(make(mixed, "sample=id;inputs=mass,q;targets=q,r", &d));
  ck_assert(d->n == 2 && d->ntrain == 2 && d->K == 3 && d->nx == 2 && d->ny == 2);
  ck_assert(d->x[0] == 7 && d->x[1] == 1 && d->x[2] == 8 && d->x[3] == 2);
  ck_assert_mem_eq(d->y, y, sizeof y);
  ck_assert_mem_eq(d->mask, seen, sizeof seen);
  ck_assert_mem_eq(d->row_times, t, sizeof t);
  ck_assert(d->times[0] == 0 && d->times[3] == 3);
  ck_assert_ptr_nonnull(strstr(d->note, "3 targets missing"));
  gn_dataset_destroy(&d);
  gn_ck_ok(make(mixed, "sample=id;inputs=q;targets=q;origin=file;time_scale=2", &d));
  ck_assert(d->row_times[4] == 10 && d->row_times[7] == 16 && d->nx == 1 && d->ny == 1);
  gn_dataset_destroy(&d);
  gn_ck_ok(make("time,x\n0,1\n0.1,2\n0.3,3\n", "", &d)); /* one series, every column */
  ck_assert(d->n == 1 && d->K == 2 && !d->row_times && !d->mask && d->times[2] == 0.3);
  ck_assert(d->x[0] == 1 && d->y[0] == 2 && d->y[1] == 3);
  gn_dataset_destroy(&d);
}
END_TEST

START_TEST(table_refuses)
{
  static const struct {
    const char *csv, *options;
    gn_status status;
    const char *text;
  } bad[] = {
    { mixed, "sample=id;targets=q,mas", GN_ENAME, "no column 'mas' (option targets); did you mean 'mass'?" },
    { mixed, "time=tme;sample=id", GN_ENAME, "no column 'tme' (option time); did you mean 'time'?" },
    { mixed, "sample=ix", GN_ENAME, "did you mean 'id'" },
    { mixed, "sample=id;targets=q,,r", GN_EARG, "an empty name" },
    { mixed, "sample=id;targets=q,q", GN_EARG, "'q' is there twice" },
    { "time,x,x\n0,1,1\n1,2,2\n", "targets=x", GN_EIO, "two columns are called 'x'" },
    { "time,id\n0,1\n1,1\n", "sample=id", GN_EARG, "there are no targets" },
    { "time,x\n", "", GN_EIO, "a header and no rows" },
    { "time,x\n0,1\n1,2z\n", "", GN_EIO, "t.csv:3: '2z' in column 'x', expected a number" },
    { "time,x\n0,1\n1,1e999\n", "", GN_EIO, "t.csv:3: '1e999'" },
    { "time,x\n0,1\n1,inf\n", "", GN_EIO, "t.csv:3: 'inf'" },
    { "time,x\n0,1\n,2\n", "", GN_EIO, "t.csv:3: '' in column 'time'" },
    { "time,x\n0,1\n0,2\n", "", GN_EIO, "t.csv:3: time 0 is not after 0 in line 2" },
    { "s,time,x\na,0,1\nb,5,2\nb,4,2\na,1,1\n", "sample=s", GN_EIO, "t.csv:4: time 4 is not after 5 in line 3, sample b" },
    { "s,time,x\na,0,1\na,5,2\nb,4,2\n", "sample=s", GN_EIO, "t.csv:4: sample 'b' has one row" },
    { "s,time,x\na,0,1\n,5,2\n", "sample=s", GN_EIO, "t.csv:3: column 's' is empty" },
    { "time,x,y\n0,1,\n1,2,3\n", "", GN_EIO, "t.csv:2: column 'y' is missing, and the row is the first" },
    { "time,x,y\n0,1,1\n1,,NA\n", "", GN_EIO, "every target of the training samples is missing" },
    { "time,x\n0,1\n1,2\n", "window=1", GN_EARG, "window = 1, expected 0 or at least 2" },
    { "time,x\n0,1\n1,2\n", "window=3", GN_EARG, "no training sample: window = 3" },
    { "time,x\n0,1\n1,2\n2,3\n", "train=0.5", GN_EARG, "one series cannot be split by sample; use split = time" },
    { "time,x\n0,1\n1,2\n2,3\n", "train=0.6;split=time", GN_EARG, "leaves no validation sample" },
    { "time,x\n0,1\n1,2\n2,3\n", "train=0.1;split=time", GN_EARG, "no training sample" },
    { "time,x\n0,1\n1,2\n", "file=nowhere.csv", GN_EIO, "nowhere.csv: cannot open: No such file" },
    { "time,x\n0,1\n1,2\n", "file=", GN_EARG, "data.file is empty" },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gn_dataset *d;
    gn_ck_fails(make(bad[i].csv, bad[i].options, &d), bad[i].status, bad[i].text);
  }
}
END_TEST

/* x = row number, on a regular grid: n rows. */
static const char *counting(size_t n)
{
  static char text[4096];
  size_t at = (size_t)snprintf(text, sizeof text, "time,x\n");
  for (size_t i = 0; i < n; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%.1f,%zu\n", 0.1 * (double)i, i);
  return text;
}

START_TEST(windows_and_time)
{
  gn_dataset *d;
  gn_ck_ok(make(counting(11), "window=4", &d)); /* rows 0-3, 3-6, 6-9: they touch */
  ck_assert(d->n == 3 && d->K == 3 && !d->row_times && !d->mask);
  for (size_t i = 0; i < 3; i++) {
    ck_assert_double_eq(d->x[i], 3 * (double)i);
    for (size_t k = 0; k < 3; k++) ck_assert_double_eq(d->y[3 * i + k], d->x[i] + (double)k + 1);
  }
  ck_assert_ptr_nonnull(strstr(d->note, "1 of them in no sample"));
  gn_dataset_destroy(&d);
  gn_ck_ok(make(counting(11), "window=2;stride=5", &d));
  ck_assert(d->n == 2 && d->x[1] == 5);
  ck_assert_ptr_nonnull(strstr(d->note, "7 of them in no sample"));
  gn_dataset_destroy(&d);
  gn_ck_ok(make(counting(11), "window=3;stride=1;split=time;train=0.5", &d));
  ck_assert(d->ntrain == 4 && d->n == 7); /* rows 0-5 and 6-10: no row is in both */
  ck_assert(d->x[3] == 3 && d->y[7] == 5 && d->x[4] == 6 && d->y[13] == 10);
  gn_dataset_destroy(&d);
  gn_ck_ok(make(counting(11), "split=time;train=0.5", &d)); /* two parts, 6 and 5 points */
  ck_assert(d->n == 2 && d->ntrain == 1 && d->K == 5 && d->row_times);
  ck_assert(d->x[1] == 6 && d->y[8] == 10 && d->mask[8] == 1 && d->mask[9] == 0);
  gn_dataset_destroy(&d);
}
END_TEST

/* Eight series of three points; the inputs tell which is where. */
static const char *many(void)
{
  static char text[2048];
  size_t at = (size_t)snprintf(text, sizeof text, "s,time,x\n");
  for (int i = 0; i < 24; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "s%d,%d,%d\n", i / 3, i % 3,
                           100 * (i / 3) + i % 3 * (i / 3));
  return text;
}

START_TEST(split_by_sample)
{
  gn_dataset *d, *e;
  int moved = 0, count[8] = { 0 };
  gn_ck_ok(make(many(), "sample=s;train=0.75", &d));
  ck_assert(d->n == 8 && d->ntrain == 6 && !d->row_times && !d->mask);
  for (size_t i = 0; i < 8; i++) count[(int)d->x[i] / 100]++;
  for (size_t i = 0; i < 8; i++) ck_assert_int_eq(count[i], 1);
  for (uint64_t seed = 1; seed < 5; seed++) { /* drawn from the seed, again the same */
    gn_ck_ok(make_seeded("file=t.csv;sample=s;train=0.75", seed, &e));
    moved += !gn_test_same(d->x, e->x, 8 * sizeof *d->x);
    ck_assert(seed != 1 || moved == 0);
    gn_dataset_destroy(&e);
  }
  ck_assert_int_gt(moved, 0);
  gn_dataset_destroy(&d);
  gn_ck_ok(make(many(), "sample=s;train=0.01", &d));
  ck_assert_uint_eq(d->ntrain, 1);
  gn_dataset_destroy(&d);
  gn_ck_ok(make(many(), "sample=s;train=0.99", &d));
  ck_assert_uint_eq(d->ntrain, 7);
  gn_dataset_destroy(&d);
}
END_TEST

/* Scales see the training rows only, each once; the note undoes them. */
START_TEST(scales)
{
  static const char *const how[] = { "standard", "minmax" };
  for (int k = 0; k < 2; k++) {
    gn_dataset *d, *e;
    char options[128];
    double sum = 0, square = 0, low = 1e9, high = -1e9;
    (void)snprintf(options, sizeof options, "window=4;stride=2;split=time;train=0.5;normalise=%s",
                   how[k]);
    gn_ck_ok(make(counting(20), options, &d)); /* rows 0 to 9 train */
    const char *line = strstr(d->note, "\nx: shift "), *next = strstr(d->note, ", scale ");
    ck_assert(line && next);
    const double shift = strtod(line + 10, NULL), scale = strtod(next + 8, NULL);
    gn_ck_close(shift, k ? 0 : 4.5, 1e-15);
    gn_ck_close(scale, k ? 9 : sqrt(8.25), 1e-15);
    for (int row = 0; row < 10; row++) {
      const double v = (row - shift) / scale;
      sum += v, square += v * v, low = fmin(low, v), high = fmax(high, v);
    }
    if (k) ck_assert(low == 0 && high == 1);
    else ck_assert(fabs(sum) < 1e-13 && fabs(square - 10) < 1e-13);
    gn_ck_close(shift + scale * d->y[0], 1, 1e-15);
    gn_ck_close(shift + scale * d->x[d->ntrain], 10, 1e-15);
    char text[4096]; /* another value in the last row, which is for validation */
    (void)snprintf(text, sizeof text, "%s", counting(20));
    strstr(text, "1.9,19")[5] = '7';
    gn_ck_ok(make(text, options, &e));
    ck_assert_mem_eq(d->x, e->x, d->n * sizeof *d->x);
    ck_assert_mem_eq(d->y, e->y, d->ntrain * d->K * sizeof *d->y);
    ck_assert(d->y[d->n * d->K - 1] != e->y[d->n * d->K - 1]);
    gn_dataset_destroy(&d);
    gn_dataset_destroy(&e);
  }
}
END_TEST

/* ---- HDF5 ---------------------------------------------------------------------------- */

enum { HB = 2, HK = 3, HNZ = 2 };

typedef struct part {
  const char *name;
  int rank;
  size_t shape[3];
  const double *value; /* NULL: 1, 2, 3, ... */
} part;

static void write_h5(size_t n, const part *p)
{
  static double value[64];
  gn_h5 *h;
  gn_ck_ok(gn_h5_create(gn_test_path(dir, "t.h5"), &h));
  for (size_t i = 0; i < 64; i++) value[i] = (double)i + 1;
  for (size_t i = 0; i < n; i++)
    if (p[i].name)
      gn_ck_ok(gn_h5_write(h, p[i].name, p[i].rank, p[i].shape, p[i].value ? p[i].value : value));
  gn_ck_ok(gn_h5_close(&h));
}

static const double own_times[] = { 0, 1, 2, 2, 5, 5.5, 7, 8 };
static const part x_part = { "x", 2, { HB, HNZ, 0 }, NULL },
                  t_part = { "times", 1, { HK + 1, 0, 0 }, NULL },
                  own_part = { "times", 2, { HB, HK + 1, 0 }, own_times },
                  y_part = { "y", 3, { HK, HB, HNZ }, NULL };

START_TEST(h5_reads)
{
  static const double two[] = { 1, 1, 1, 0, 0, 1 };
  static const double three[] = { 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0 };
  static const part mask2 = { "mask", 2, { HK, HB, 0 }, two },
                    mask3 = { "mask", 3, { HK, HB, HNZ }, three };
  gn_dataset *d;
  write_h5(3, (part[]){ x_part, t_part, y_part });
  gn_ck_ok(make_seeded("file=t.h5", 1, &d));
  ck_assert(d->n == HB && d->K == HK && d->nx == HNZ && d->ny == HNZ && !d->mask && !d->row_times);
  ck_assert(d->times[0] == 0 && d->times[HK] == 3 && d->x[0] == 1 && d->x[3] == 4);
  for (size_t i = 0; i < HB; i++) /* y is [K, B, nz] in the file, [n, K, ny] here */
    for (size_t k = 0; k < HK; k++)
      for (size_t j = 0; j < HNZ; j++)
        ck_assert_double_eq(d->y[(i * HK + k) * HNZ + j], (double)((k * HB + i) * HNZ + j + 1));
  gn_dataset_destroy(&d);
  write_h5(4, (part[]){ x_part, own_part, y_part, mask3 });
  gn_ck_ok(make_seeded("file=t.h5;origin=file", 1, &d));
  ck_assert_mem_eq(d->row_times, own_times, sizeof own_times);
  static const unsigned char seen[] = { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0 };
  ck_assert_mem_eq(d->mask, seen, sizeof seen);
  gn_dataset_destroy(&d);
  write_h5(4, (part[]){ x_part, t_part, y_part, mask2 });
  gn_ck_ok(make_seeded("file=t.h5", 1, &d));
  ck_assert(d->mask[2] == 1 && d->mask[4] == 0 && d->mask[5] == 0 && d->mask[8] == 0);
  gn_dataset_destroy(&d);
  write_h5(3, (part[]){ x_part, t_part, y_part });
  gn_ck_ok(make_seeded("file=t.h5;normalise=minmax", 1, &d)); /* nx = nz: x is scaled as y */
  gn_ck_close(d->x[2], (3 - 1) / 10.0, 1e-15);                /* column 0 of x, y: 1, 3, ..., 11 */
  gn_ck_close(d->y[0], 0, 1e-15);
  gn_dataset_destroy(&d);
}
END_TEST

START_TEST(h5_refuses)
{
  static const double back[] = { 0, 2, 1, 3 }, still[] = { 0, 0, 0, 0, 0, 1, 2, 3 };
  static const double holes[] = { 1, NAN, 3, 4 };
  const struct {
    part p[4];
    const char *options;
    gn_status status;
    const char *text;
  } bad[] = {
    { { { "z", 1, { 1 }, NULL } }, "", GN_EIO, "no dataset 'x'" },
    { { { "x", 1, { 2 }, NULL } }, "", GN_EIO, "'x' is [2], expected [B, nx]" },
    { { x_part, { "times", 3, { 1, 2, 2 }, NULL } }, "", GN_EIO, "'times' is [1, 2, 2], expected [K + 1] or [2, K + 1]" },
    { { x_part, { "times", 2, { 3, 4 }, NULL } }, "", GN_EIO, "'times' is [3, 4], expected [K + 1] or [2, K + 1]" },
    { { x_part, { "times", 1, { 1 }, NULL } }, "", GN_EIO, "'times' has 1 time" },
    { { x_part, t_part }, "", GN_EIO, "no dataset 'y'" },
    { { x_part, t_part, { "y", 3, { HB, HK, HNZ }, NULL } }, "", GN_EIO, "'y' is [2, 3, 2], expected [3, 2, nz]" },
    { { x_part, t_part, { "y", 2, { HK, HB }, NULL } }, "", GN_EIO, "'y' is [3, 2], expected [3, 2, nz]" },
    { { x_part, t_part, y_part, { "mask", 2, { HB, HK }, NULL } }, "", GN_EIO, "'mask' is [2, 3], expected [3, 2] or [3, 2, 2]" },
    { { x_part, t_part, y_part, { "u", 1, { 3 }, NULL } }, "", GN_EUNSUP, "no model takes signals" },
    { { x_part, { "times", 1, { 4 }, back }, y_part }, "", GN_EIO, "'times'[2] of sample 0 is 1 after 2" },
    { { x_part, own_part, y_part }, "", GN_EIO, "'y'[2, 0, 0] is a target after the last time of sample 0" },
    { { x_part, { "times", 2, { 2, 4 }, still }, y_part }, "", GN_EIO, "sample 0 has no time after the start" },
    { { { "x", 2, { 2, 2 }, holes }, t_part, y_part }, "", GN_EIO, "'x'[0, 1] is nan" },
    { { x_part, t_part, y_part }, ";targets=a", GN_EARG, "name columns of a CSV file" },
    { { x_part, t_part, y_part }, ";window=2", GN_EARG, "need a CSV file" },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char options[64];
    gn_dataset *d;
    write_h5(4, bad[i].p);
    (void)snprintf(options, sizeof options, "file=t.h5%s", bad[i].options);
    gn_ck_fails(make_seeded(options, 1, &d), bad[i].status, bad[i].text);
  }
}
END_TEST

/* ---- broken files -------------------------------------------------------------------- */

static size_t load(const char *path, unsigned char *to, size_t size)
{
  FILE *f = fopen(path, "rb");
  ck_assert_ptr_nonnull(f);
  const size_t n = fread(to, 1, size, f);
  (void)fclose(f);
  ck_assert_uint_lt(n, size);
  return n;
}

static void store(const char *name, const unsigned char *from, size_t n)
{
  FILE *f = fopen(gn_test_path(dir, name), "wb");
  ck_assert(f && fwrite(from, 1, n, f) == n && fclose(f) == 0);
}

/* Whatever the bytes, a message or a data set; never a crash. */
static void try_file(const char *options)
{
  gn_dataset *d = NULL;
  const gn_status s = make_seeded(options, 1, &d);
  ck_assert_msg(s <= GN_OK && (s == GN_OK) == (d != NULL), "status %d", (int)s);
  if (d) gn_dataset_destroy(&d);
  else ck_assert(gn_last_error()[0] != '\0');
}

START_TEST(broken_csv)
{
  static unsigned char whole[1 << 16], text[1 << 16];
  const size_t all = load(DATA_DIR "/oscillator.csv", whole, sizeof whole);
  const size_t n = all < 600 ? all : 600;
  static const char options[] = "file=b.csv;time=t;sample=run;targets=x,v;window=3;stride=1";
  gn_rng r = gn_rng_make(1, gn_rng_stream(GN_STREAM_TEST, 0));
  for (size_t k = 0; k < n; k += 5) {
    store("b.csv", whole, k);
    try_file(options);
  }
  for (int k = 0; k < 400; k++) { /* some bytes replaced by ones that mean something */
    static const char marks[] = ",\"\r\n#\0;-.e9 ";
    memcpy(text, whole, n);
    for (int i = 0; i < 3; i++)
      text[gn_rng_below(&r, n)] = (unsigned char)marks[gn_rng_below(&r, sizeof marks)];
    store("b.csv", text, n);
    try_file(options);
  }
}
END_TEST

/* Cut off only: HDF5 itself reads past its memory for some forged headers. */
START_TEST(broken_h5)
{
  static unsigned char whole[1 << 16];
  write_h5(3, (part[]){ x_part, t_part, y_part });
  const size_t n = load(gn_test_path(dir, "t.h5"), whole, sizeof whole);
  for (size_t k = 0; k < n; k += 37) {
    store("b.h5", whole, k);
    try_file("file=b.h5");
  }
}
END_TEST

START_TEST(refused_memory)
{
  gn_test_file(dir, "t.csv", mixed);
  for (long k = 0;; k++) {
    gn_dataset *d = NULL;
    gn_wrap_refuse(k);
    const gn_status s = make_seeded("file=t.csv;sample=id;inputs=mass;targets=q,r;normalise=standard",
                                    1, &d);
    const int refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    if (d) gn_dataset_destroy(&d);
    if (!refused) {
      gn_ck_ok(s);
      ck_assert_int_gt((int)k, 20);
      break;
    }
    ck_assert_msg(s == GN_ENOMEM, "call %ld: %s", k, gn_status_name(s));
  }
}
END_TEST

/* ---- masks --------------------------------------------------------------------------- */

/* Whatever stands in a masked entry, loss, gradient and metric have the same bits. */
START_TEST(masked_is_nothing)
{
  enum { N = 12 };
  static const char *const names[] = { "mse", "cross_entropy" };
  static const double junk[] = { 0, -7.5, 1e300, INFINITY, NAN };
  for (int l = 0; l < 2; l++) {
    const gn_loss_class *cls = gn_loss_find(names[l]);
    char *config = calloc(1, cls->config_size);
    gn_options_default(cls->options, config);
    const size_t ny = l ? 1 : 2, nz = 2, K = 3, B = 2;
    unsigned char mask[N];
    double z[N], y[N], gz[N], g0[N], loss, loss0 = 0, metric0 = 0;
    gn_rng r = gn_rng_make(3, gn_rng_stream(GN_STREAM_TEST, 0));
    for (size_t i = 0; i < N; i++) z[i] = gn_rng_normal(&r), mask[i] = i % 3 != 1 && i != 5;
    for (size_t k = 0; k < sizeof junk / sizeof *junk; k++) {
      for (size_t i = 0; i < N; i++) y[i] = mask[i] ? (double)(i % 2) : junk[k];
      const gn_target tg = { K, B, nz, ny, y, mask, NULL };
      gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
      if (k == 0) {
        memcpy(g0, gz, sizeof g0);
        loss0 = loss, metric0 = cls->metric(config, &tg, z);
      }
      ck_assert(gn_test_same(&loss, &loss0, sizeof loss) && gn_test_same(gz, g0, sizeof gz));
      ck_assert(cls->metric(config, &tg, z) == metric0 && isfinite(loss));
    }
    free(config);
  }
}
END_TEST

/* A short row's class is that of its last observed output, not of the padding behind it. */
START_TEST(class_of_a_short_row)
{
  static const unsigned char mask[4] = { 1, 1, 1, 0 }, none[4] = { 0, 0, 0, 0 };
  static const double z[8] = { 9, 9, 1, 2, 3, 1, 8, 8 }, y[4] = { 0, 1, 0, 0 };
  const gn_loss_class *cls = gn_loss_find("cross_entropy");
  char *config = calloc(1, cls->config_size);
  double loss, gz[8];
  gn_options_default(cls->options, config);
  gn_target tg = { 2, 2, 2, 1, y, mask, NULL }; /* row 0: z 3 1 at k = 1; row 1: z 1 2 at k = 0 */
  gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
  gn_ck_close(loss, (log(1 + exp(-2)) + log(1 + exp(-1))) / 2, 1e-15);
  ck_assert(gz[0] == 0 && gz[2] != 0 && gz[4] != 0 && gz[6] == 0);
  tg.mask = none;
  gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
  ck_assert(loss == 0 && gz[2] == 0 && gz[4] == 0);
  free(config);
}
END_TEST

/* ---- samples at their own times ------------------------------------------------------ */

/* A model that uses t in all its maps, with a closed form:
 *   y(t0) = (1 + t0) x,   y' = a cos(t) y,   z = y + b t,
 *   z = (1 + t0) x exp(a (sin t - sin t0)) + b t. */
enum { FS, FW };

static int f_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)m;
  for (size_t i = 0; i < at->B; i++) {
    tape->field[FS][i] = cos(at->t[i]) * at->y[i];
    z[i] = at->p[0] * tape->field[FS][i];
  }
  return 0;
}

static int f_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                 const gn_pull *to)
{
  (void)m;
  gn_vec_copy(at->B, w, tape->field[FW]);
  for (size_t i = 0; to->y && i < at->B; i++) to->y[i] += at->p[0] * cos(at->t[i]) * w[i];
  return 0;
}

static void f_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                    double *gp)
{
  (void)m, (void)p;
  gp[0] += weight * gn_vec_dot(tape->rows, tape->field[FS], tape->field[FW]);
}

static int f_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                 const double *vp, double *z)
{
  (void)m;
  for (size_t i = 0; i < at->B; i++)
    z[i] = (vy ? at->p[0] * cos(at->t[i]) * vy[i] : 0) + (vp ? vp[0] * tape->field[FS][i] : 0);
  return 0;
}

static int lift_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)m, (void)tape;
  for (size_t i = 0; i < at->B; i++) z[i] = (1 + at->t[i]) * at->y[i];
  return 0;
}

static int lift_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                    const gn_pull *to)
{
  (void)m, (void)tape;
  for (size_t i = 0; to->y && i < at->B; i++) to->y[i] += (1 + at->t[i]) * w[i];
  return 0;
}

static int lift_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                    const double *vp, double *z)
{
  (void)m, (void)tape, (void)vp;
  for (size_t i = 0; i < at->B; i++) z[i] = vy ? (1 + at->t[i]) * vy[i] : 0;
  return 0;
}

static int read_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)m;
  gn_vec_copy(at->B, at->t, tape->field[FS]);
  for (size_t i = 0; i < at->B; i++) z[i] = at->y[i] + at->p[1] * at->t[i];
  return 0;
}

static int read_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                    const gn_pull *to)
{
  (void)m;
  gn_vec_copy(at->B, w, tape->field[FW]);
  for (size_t i = 0; to->y && i < at->B; i++) to->y[i] += w[i];
  return 0;
}

static void read_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  (void)m, (void)p;
  gp[1] += weight * gn_vec_dot(tape->rows, tape->field[FS], tape->field[FW]);
}

static int read_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                    const double *vp, double *z)
{
  (void)m, (void)tape;
  for (size_t i = 0; i < at->B; i++) z[i] = (vy ? vy[i] : 0) + (vp ? vp[1] * at->t[i] : 0);
  return 0;
}

static gn_status clock_setup(gn_model *m, const void *config, gn_sizes data)
{
  size_t at;
  (void)config, (void)data;
  m->nx = m->nz = 1;
  m->uses_time = 1;
  GN_TRY(gn_model_block(m, "y", 1));
  GN_TRY(gn_params_scalar(&m->params, "a", 0.7, &at));
  GN_TRY(gn_params_scalar(&m->params, "b", 0.3, &at));
  for (int k = 0; k < 2; k++) {
    GN_TRY(gn_fields_add(&m->tape[GN_F], 1, &at));
    GN_TRY(gn_fields_add(&m->tape[GN_READ], 1, &at));
  }
  return GN_OK;
}

static const gn_option no_options[] = { GN_OPTIONS_END };
static const gn_model_class clock_model = {
  .name = "clock",
  .summary = "uses t in every map",
  .source = "this test",
  .size = sizeof(gn_model),
  .options = no_options,
  .setup = clock_setup,
  .f = { f_eval, f_vjp, f_pgrad, f_jvp },
  .lift = { lift_eval, lift_vjp, NULL, lift_jvp },
  .read = { read_eval, read_vjp, read_pgrad, read_jvp },
};

static const char own_csv[] = "s,time,x\n"
                              "a,0,1\na,0.4,1.2\na,0.5,\na,1.6,0.7\n"
                              "b,2,0.5\nb,3.1,0.4\n"
                              "c,-1,0.8\nc,0.2,1.1\nc,0.7,0.9\nc,1.1,1.3\nc,2.5,0.6\n";

/* L = 1/7 sum (z - y)^2 over the seven targets there are, and its derivatives. */
static double closed_form(const gn_dataset *d, const double *p, double *gp, double *gx)
{
  double loss = 0;
  gp[0] = gp[1] = 0;
  for (size_t i = 0; i < d->n; i++) {
    const double *t = d->row_times + i * (d->K + 1);
    gx[i] = 0;
    for (size_t k = 0; k < d->K; k++) {
      if (!d->mask[i * d->K + k]) continue;
      const double e = sin(t[k + 1]) - sin(t[0]), gain = (1 + t[0]) * exp(p[0] * e);
      const double r = gain * d->x[i] + p[1] * t[k + 1] - d->y[i * d->K + k];
      loss += r * r / 7;
      gp[0] += 2 * r / 7 * gain * d->x[i] * e;
      gp[1] += 2 * r / 7 * t[k + 1];
      gx[i] += 2 * r / 7 * gain;
    }
  }
  return loss;
}

static const struct {
  const char *stepper, *gradient;
  double tol; /* the solver's 1e-11 and what a strategy adds to it */
} ways[] = {
  { "erk", "discrete", 1e-9 },    { "erk", "symplectic", 1e-9 }, { "erk", "interpolate", 1e-7 },
  { "erk", "seminorm", 1e-9 },    { "erk", "backsolve", 1e-9 },  { "erk", "gauss", 1e-7 },
  { "adams", "interpolate", 1e-6 }, { "bdf", "interpolate", 1e-6 }, { "erk", "cvodes", 1e-6 },
};

START_TEST(own_times_closed_form)
{
  const gn_stepper_class *st = gn_stepper_find(ways[_i].stepper);
  const gn_gradient_class *cls = gn_gradient_find(ways[_i].gradient);
  const gn_loss_class *lc = gn_loss_find("mse");
  gn_dataset *d;
  gn_model *m;
  gn_pass *ps;
  gn_problem pb;
  gn_event events[8];
  gn_ck_ok(make(own_csv, "sample=s;origin=file", &d));
  ck_assert(d->n == 3 && d->K == 4 && d->row_times);
  gn_ck_ok(gn_model_create(&clock_model, NULL, (gn_sizes){ 1, 1, 0 }, &m));
  gn_ck_ok(gn_problem_spans(m, d->K, GN_LAND, events, &pb));
  const gn_solver sv = { .cls = st, .tol = { 1e-11, 1e-11 }, .back = { 1e-11, 1e-11 } };
  gn_ck_ok(gn_pass_create(cls, NULL, &pb, &sv, 3, &ps));
  static const size_t order[3] = { 2, 0, 1 }; /* another order than in the file */
  const double p[2] = { 0.7, 0.3 };
  double x[3], y[12], t0[12], dt[12], z[12], gz[12], gp[2] = { 0 }, gx[3] = { 0 }, loss;
  unsigned char mask[12];
  gn_dataset_batch(d, 3, order, x, y, mask);
  gn_dataset_spans(d, 3, order, t0, dt);
  const gn_drive drive = { .t0 = t0, .dt = dt };
  const gn_target tg = { 4, 3, 1, 1, y, mask, NULL };
  gn_ck_ok(gn_pass_forward(ps, 3, p, &drive, x, z));
  char *config = calloc(1, lc->config_size);
  gn_options_default(lc->options, config);
  gn_ck_ok(lc->eval(config, &tg, z, &loss, gz));
  free(config);
  gn_ck_ok(gn_pass_backward(ps, gz, gp, gx, NULL));
  double want_gp[2], want_gx[3], got_gx[3];
  const double want = closed_form(d, p, want_gp, want_gx);
  for (size_t i = 0; i < 3; i++) got_gx[order[i]] = gx[i];
  gn_ck_close(loss, want, ways[_i].tol);
  gn_ck_close_all(2, gp, want_gp, ways[_i].tol);
  gn_ck_close_all(3, got_gx, want_gx, ways[_i].tol);
  gn_ck_fails(gn_pass_forward(ps, 3, p, NULL, x, z), GN_EARG, "the drive brings none");
  gn_pass_destroy(&ps);
  gn_model_destroy(&m);
  gn_dataset_destroy(&d);
}
END_TEST

/* A network of (t, y) on the shipped table: the batch against one solve per sample, on a plain
   grid of its times, and the gradient against central differences. */
static const char net_ini[] = "[data]\nname = table\nfile = " DATA_DIR "/oscillator.csv\ntime = t\n"
                              "sample = run\ntargets = x,v\nnormalise = standard\n"
                              "[model]\nname = node\nwidth = 6\ntime = append\n"
                              "[solver]\nrtol = 1e-12\natol = 1e-12\n";

static gn_experiment *experiment(const char *text, size_t n, const char *const *over)
{
  gn_experiment *e;
  char file[512];
  (void)snprintf(file, sizeof file, "%s", gn_test_file(dir, "e.ini", text));
  gn_ck_ok(gn_experiment_read(file, n, over, &e));
  return e;
}

/* Loss of all samples side by side; gp, gx NULL: not wanted. */
static double batch_loss(const gn_experiment *e, const gn_setup *s, const double *p, double *z,
                         double *gz, double *gp, double *gx)
{
  const gn_dataset *d = s->data;
  const size_t n = d->n, K = d->K, ny = d->ny;
  const gn_solver sv = gn_experiment_solver(e);
  double loss, *x = calloc(n * d->nx, 8), *y = calloc(n * K * ny, 8), *t0 = calloc(n * K, 8),
               *dt = calloc(n * K, 8);
  unsigned char *mask = calloc(n * K, ny);
  size_t *idx = calloc(n, sizeof *idx);
  gn_pass *ps;
  for (size_t i = 0; i < n; i++) idx[i] = i;
  gn_dataset_batch(d, n, idx, x, y, mask);
  gn_dataset_spans(d, n, idx, t0, dt);
  const gn_drive drive = { .t0 = t0, .dt = dt };
  const gn_target tg = { K, n, s->model->nz, ny, y, mask, NULL };
  gn_ck_ok(gn_pass_create(e->gradient, NULL, &s->problem, &sv, n, &ps));
  gn_ck_ok(gn_pass_forward(ps, n, p, &drive, x, z));
  gn_ck_ok(e->loss->eval(e->loss_config, &tg, z, &loss, gz));
  if (gp) gn_ck_ok(gn_pass_backward(ps, gz, gp, gx, NULL));
  gn_pass_destroy(&ps);
  free(x), free(y), free(t0), free(dt), free(mask), free(idx);
  return loss;
}

/* Sample i alone on its own grid, for the cotangents of the batch: gp += , gx =. */
static void alone(const gn_experiment *e, const gn_setup *s, size_t i, const double *z,
                  const double *gz, double *gp, double *gx)
{
  const gn_dataset *d = s->data;
  const double *t = d->row_times + i * (d->K + 1);
  const gn_solver sv = gn_experiment_solver(e);
  size_t K = d->K;
  gn_event events[64];
  gn_problem pb;
  gn_pass *ps;
  double z1[128], g1[128];
  while (t[K] == t[K - 1]) K--;
  gn_ck_ok(gn_problem_outputs(s->model, K, t, GN_LAND, events, &pb));
  gn_ck_ok(gn_pass_create(e->gradient, NULL, &pb, &sv, 1, &ps));
  gn_ck_ok(gn_pass_forward(ps, 1, s->p, NULL, d->x + i * d->nx, z1));
  for (size_t k = 0; k < K; k++)
    for (size_t j = 0; j < 2; j++) {
      const double batch = z[(k * d->n + i) * 2 + j];
      ck_assert_msg(fabs(z1[2 * k + j] - batch) <= 1e-10, "sample %zu, output %zu: %.17g, %.17g",
                    i, k, z1[2 * k + j], batch);
      g1[2 * k + j] = gz[(k * d->n + i) * 2 + j];
    }
  gn_ck_ok(gn_pass_backward(ps, g1, gp, gx, NULL));
  gn_pass_destroy(&ps);
}

START_TEST(own_times_separate_solves)
{
  gn_experiment *e = experiment(net_ini, 0, NULL);
  gn_setup *s;
  gn_ck_ok(gn_setup_create(e, &s));
  const gn_dataset *d = s->data;
  const size_t np = s->model->params.np, nz = d->K * d->n * 2;
  ck_assert(d->row_times && d->mask && d->n == 12 && d->K <= 60);
  double *z = calloc(nz, 8), *gz = calloc(nz, 8), *gp = calloc(np, 8), *sum = calloc(np, 8),
         *gx = calloc(d->n * 2, 8), *one = calloc(d->n * 2, 8), *p = calloc(np, 8);
  (void)batch_loss(e, s, s->p, z, gz, gp, gx);
  for (size_t i = 0; i < d->n; i++) alone(e, s, i, z, gz, sum, one + 2 * i);
  gn_ck_close_all(np, gp, sum, 1e-9); /* tolerance 1e-12, some hundred steps */
  gn_ck_close_all(2 * d->n, gx, one, 1e-9);
  memcpy(p, s->p, np * sizeof *p);
  double *scratch = calloc(nz, 8);
  for (size_t i = 0; i < np; i += np / 7) {
    const double h = 1e-4;
    p[i] = s->p[i] + h;
    const double up = batch_loss(e, s, p, scratch, NULL, NULL, NULL);
    p[i] = s->p[i] - h;
    const double down = batch_loss(e, s, p, scratch, NULL, NULL, NULL);
    p[i] = s->p[i];
    ck_assert_double_eq_tol((up - down) / (2 * h), gp[i], 1e-6); /* h^2 times derivatives of order 10 */
  }
  free(z), free(gz), free(gp), free(sum), free(gx), free(one), free(p), free(scratch);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

/* ---- training ------------------------------------------------------------------------ */

static const char small_ini[] = "[data]\nname = table\nfile = sub/t.csv\ntime = t\nsample = run\n"
                                "targets = x,v\nnormalise = standard\ntrain = 0.75\n"
                                "[model]\nname = node\nwidth = 8\n"
                                "[solver]\nrtol = 1e-5\natol = 1e-5\n"
                                "[train]\nepochs = 8\nbatch = 4\nlr = 0.02\n";

static void put_table(void)
{
  static unsigned char whole[1 << 16];
  const size_t n = load(DATA_DIR "/oscillator.csv", whole, sizeof whole);
  char command[512];
  (void)snprintf(command, sizeof command, "mkdir -p '%s/sub'", dir);
  ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a folder for the test */
  store("sub/t.csv", whole, n);
}

START_TEST(trains)
{
  put_table();
  char out[512];
  const char *over[1] = { out };
  gn_train_result r;
  (void)snprintf(out, sizeof out, "run.out=%s/run", dir);
  gn_experiment *e = experiment(small_ini, 1, over); /* file: beside the experiment */
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  ck_assert(r.last.epoch == 8 && r.last.has_valid && isfinite(r.last.valid_loss));
  const double loss = r.last.loss;
  gn_experiment_destroy(&e);
  static unsigned char log[1 << 14];
  const size_t n = load(gn_test_path(dir, "run/log.txt"), log, sizeof log);
  log[n] = '\0';
  static const char *const said[] = { "undo: file = shift + scale * value", "x: shift ",
                                      "9 + 3 samples", "26 targets missing" };
  for (size_t i = 0; i < 4; i++) ck_assert_ptr_nonnull(strstr((char *)log, said[i]));
  /* the run's own experiment.ini finds the file, and gives the same numbers */
  char file[512];
  (void)snprintf(file, sizeof file, "%s", gn_test_path(dir, "run/experiment.ini"));
  (void)snprintf(out, sizeof out, "run.out=%s/again", dir);
  gn_ck_ok(gn_experiment_read(file, 1, over, &e));
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  ck_assert_double_eq(r.last.loss, loss);
  gn_experiment_destroy(&e);
}
END_TEST

/* Whatever the batch, each sample is solved at its own times: one validation loss, and with one
   batch the training loss is that of all samples side by side. */
START_TEST(batches)
{
  static const char *const size[] = { "train.batch=0", "train.batch=3" };
  double valid[2];
  for (int i = 0; i < 2; i++) {
    const char *over[] = { "data.train=0.34", "train.lr=0", "solver.rtol=1e-10",
                           "solver.atol=1e-10", size[i] };
    put_table();
    gn_experiment *e = experiment(small_ini, 5, over);
    gn_setup *s;
    gn_trainer *tr;
    gn_progress pr;
    gn_ck_ok(gn_setup_create(e, &s));
    ck_assert(s->data->ntrain == 4 && s->data->n == 12);
    gn_ck_ok(gn_trainer_create(e, s, &tr));
    gn_ck_ok(gn_trainer_epoch(tr, &pr));
    valid[i] = pr.valid_loss;
    if (i == 0) {
      gn_setup train = *s;
      gn_dataset first = *s->data; /* the training samples come first */
      first.n = first.ntrain;
      train.data = &first;
      double *z = calloc(first.n * first.K * 2, 8);
      gn_ck_close(pr.loss, batch_loss(e, &train, s->p, z, NULL, NULL, NULL), 1e-12);
      free(z);
    }
    gn_trainer_destroy(&tr);
    gn_setup_destroy(&s);
    gn_experiment_destroy(&e);
  }
  gn_ck_close(valid[0], valid[1], 1e-8); /* other steps at 1e-10 */
}
END_TEST

/* Where a relative file is looked for. */
START_TEST(places)
{
  put_table();
  gn_experiment *e;
  gn_setup *s;
  char here[1024], data[1100];
  const char *over[2] = { "data.file=t.csv", data };
  ck_assert_ptr_nonnull(getcwd(here, sizeof here));
  (void)snprintf(data, sizeof data, "data.dir=%s/nothing", dir);
  e = experiment(small_ini, 2, over); /* not in the working directory */
  gn_ck_fails(gn_setup_create(e, &s), GN_EIO, "beside the experiment");
  gn_experiment_destroy(&e);
  (void)snprintf(data, sizeof data, "data.dir=%s/sub", dir);
  e = experiment(small_ini, 2, over);
  gn_ck_ok(gn_setup_create(e, &s)); /* in data.dir */
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
  char sub[1024];
  (void)snprintf(sub, sizeof sub, "%s/sub", dir);
  ck_assert_int_eq(chdir(sub), 0);
  e = experiment(small_ini, 1, over);
  ck_assert_int_eq(chdir(here), 0);
  gn_ck_ok(gn_setup_create(e, &s)); /* where the command was given */
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

static TCase *group(Suite *s, const char *name)
{
  TCase *t = tcase_create(name);
  tcase_add_checked_fixture(t, fresh, NULL);
  tcase_set_timeout(t, 300);
  suite_add_tcase(s, t);
  return t;
}

int main(void)
{
  Suite *s = suite_create("table");
  TCase *t = group(s, "files");
  tcase_add_test(t, csv_reads);
  tcase_add_test(t, csv_refuses);
  tcase_add_test(t, table_reads);
  tcase_add_test(t, table_refuses);
  tcase_add_test(t, h5_reads);
  tcase_add_test(t, h5_refuses);
  tcase_add_test(t, broken_csv);
  tcase_add_test(t, broken_h5);
  tcase_add_test(t, refused_memory);
  t = group(s, "samples");
  tcase_add_test(t, windows_and_time);
  tcase_add_test(t, split_by_sample);
  tcase_add_test(t, scales);
  tcase_add_test(t, masked_is_nothing);
  tcase_add_test(t, class_of_a_short_row);
  t = group(s, "own times");
  tcase_add_loop_test(t, own_times_closed_form, 0, (int)(sizeof ways / sizeof *ways));
  tcase_add_test(t, own_times_separate_solves);
  t = group(s, "training");
  tcase_add_test(t, trains);
  tcase_add_test(t, batches);
  tcase_add_test(t, places);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
