/* The ground floor's HDF5 files and parameters by name. */
#include "base/h5.h"
#include "base/param.h"
#include "base/rng.h"
#include "base/status.h"
#include "support/support.h"
#include "support/wrap.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Files still open take a descriptor: equal numbers before and after mean none leaked. */
static int next_descriptor(void)
{
  int fd = dup(0);
  if (fd >= 0) (void)close(fd);
  return fd;
}

static size_t read_file(const char *path, char *buf, size_t size)
{
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL, "cannot read %s", path);
  size_t n = fread(buf, 1, size, f);
  (void)fclose(f);
  ck_assert_uint_lt(n, size);
  return n;
}

static const char *fresh(const char *name)
{
  return gn_test_path(gn_test_tmpdir(), name);
}

START_TEST(doubles_to_the_bit)
{
  const char *file = fresh("a.h5");
  double x[24], y[24], one = -0.0, got = 1;
  for (int i = 0; i < 24; i++) x[i] = sin(i) * pow(10, i - 12);
  x[0] = 5e-324;
  x[1] = INFINITY;
  x[2] = DBL_MAX;
  x[3] = -DBL_MIN;
  x[4] = NAN;
  static const size_t shape[] = {2, 3, 4}, none[] = {0, 3};
  int fd = next_descriptor();
  gn_h5 *h = NULL;
  gn_ck_ok(gn_h5_create(file, &h));
  ck_assert_str_eq(gn_h5_name(h), file);
  gn_ck_ok(gn_h5_write(h, "x", 3, shape, x));
  gn_ck_ok(gn_h5_write(h, "deep/er/f.0.weight", 1, shape, x));
  gn_ck_ok(gn_h5_write(h, "scalar", 0, NULL, &one));
  gn_ck_ok(gn_h5_write(h, "empty", 2, none, NULL));
  gn_ck_ok(gn_h5_close(&h));
  ck_assert_ptr_null(h);
  gn_ck_ok(gn_h5_close(&h));

  gn_ck_ok(gn_h5_open(file, &h));
  int rank = -1;
  size_t is[GN_H5_MAXRANK] = {0};
  gn_ck_ok(gn_h5_shape(h, "x", &rank, is));
  ck_assert(rank == 3 && is[0] == 2 && is[1] == 3 && is[2] == 4);
  gn_ck_ok(gn_h5_read(h, "x", 24, y));
  ck_assert(gn_test_same(x, y, sizeof x));
  gn_ck_ok(gn_h5_shape(h, "scalar", &rank, is));
  ck_assert_int_eq(rank, 0);
  gn_ck_ok(gn_h5_read(h, "/scalar", 1, &got));
  ck_assert(got == 0 && signbit(got));
  gn_ck_ok(gn_h5_shape(h, "empty", &rank, is));
  ck_assert(rank == 2 && is[0] == 0 && is[1] == 3);
  gn_ck_ok(gn_h5_read(h, "empty", 0, NULL));
  ck_assert(gn_h5_exists(h, "deep") && gn_h5_exists(h, "deep/er"));
  ck_assert(gn_h5_exists(h, "/deep/er/f.0.weight") && gn_h5_exists(h, "/"));
  ck_assert(!gn_h5_exists(h, "deep/x/f.0.weight") && !gn_h5_exists(h, "f.0.weight"));
  ck_assert(!gn_h5_exists(h, "x/below/a/dataset"));
  gn_ck_ok(gn_h5_close(&h));
  ck_assert_int_eq(next_descriptor(), fd);
}
END_TEST

START_TEST(integers_and_attributes)
{
  const char *file = fresh("a.h5");
  static const int64_t n[] = {0, -1, INT64_MAX, INT64_MIN, INT64_C(9007199254740993)};
  int64_t m[5] = {0};
  double x = 0;
  char text[8];
  gn_h5 *h = NULL;
  gn_ck_ok(gn_h5_create(file, &h));
  gn_ck_ok(gn_h5_write_i64(h, "order/perm", 5, n));
  gn_ck_ok(gn_h5_attr_write_int(h, "nfe", 123456789012345));
  gn_ck_ok(gn_h5_attr_write_real(h, "bound", 1e-17 / 3));
  gn_ck_ok(gn_h5_attr_write_text(h, "model", "node"));
  gn_ck_ok(gn_h5_attr_write_text(h, "model", "hbnode")); /* replaced */
  gn_ck_ok(gn_h5_attr_write_text(h, "empty", ""));
  gn_ck_ok(gn_h5_close(&h));
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_ok(gn_h5_read_i64(h, "order/perm", 5, m));
  ck_assert(gn_test_same(m, n, sizeof n));
  gn_ck_ok(gn_h5_attr_read_real(h, "nfe", &x));
  ck_assert(x == 123456789012345);
  gn_ck_ok(gn_h5_attr_read_real(h, "bound", &x));
  ck_assert(x == 1e-17 / 3);
  gn_ck_ok(gn_h5_attr_read_text(h, "model", text, 7));
  ck_assert_str_eq(text, "hbnode");
  gn_ck_ok(gn_h5_attr_read_text(h, "empty", text, 1));
  ck_assert_str_eq(text, "");
  ck_assert(gn_h5_attr_exists(h, "nfe") && !gn_h5_attr_exists(h, "nfe2"));
  gn_ck_fails(gn_h5_attr_read_text(h, "model", text, 6), GN_EIO,
              "attribute 'model' has 6 characters, expected at most 5");
  gn_ck_fails(gn_h5_attr_read_text(h, "nfe", text, 8), GN_EIO, "'nfe' is not text");
  gn_ck_fails(gn_h5_attr_read_real(h, "model", &x), GN_EIO, "'model' is not a number");
  gn_ck_fails(gn_h5_attr_read_real(h, "no", &x), GN_EIO, "a.h5: no attribute 'no'");
  gn_ck_ok(gn_h5_close(&h));
}
END_TEST

START_TEST(equal_content_gives_equal_bytes)
{
  static char first[20000], second[20000];
  size_t n = 0;
  for (int k = 0; k < 2; k++) {
    const char *file = fresh("a.h5");
    static const size_t shape = 3;
    static const double x[] = {1, 2, 3};
    gn_h5 *h = NULL;
    gn_ck_ok(gn_h5_create(file, &h));
    gn_ck_ok(gn_h5_write(h, "params/x", 1, &shape, x));
    gn_ck_ok(gn_h5_attr_write_real(h, "loss", 0.5));
    gn_ck_ok(gn_h5_close(&h));
    size_t m = read_file(file, k ? second : first, sizeof first);
    ck_assert(k == 0 || m == n);
    n = m;
    if (k == 0) sleep(1); /* HDF5 would store the second */
  }
  ck_assert(gn_test_same(first, second, n));
}
END_TEST

/* One file with every kind of wrong request; HDF5 itself must print nothing. */
START_TEST(wrong_requests)
{
  char file[4096], errors[64];
  (void)snprintf(file, sizeof file, "%s", fresh("a.h5"));
  const char *log = fresh("stderr");
  (void)fflush(stderr);
  int keep = dup(2), fd = next_descriptor();
  ck_assert_ptr_nonnull(freopen(log, "w", stderr));
  static const double x[6] = {0};
  double y[6] = {0};
  int64_t i[6];
  int rank = 0;
  static const size_t shape[5] = {2, 3, 1, 1, 1};
  size_t is[GN_H5_MAXRANK];
  gn_h5 *h = NULL;
  gn_ck_ok(gn_h5_create(file, &h));
  gn_ck_ok(gn_h5_write(h, "g/x", 2, shape, x));
  gn_ck_fails(gn_h5_write(h, "g/x", 2, shape, x), GN_EIO, "a.h5: 'g/x' exists already");
  gn_ck_fails(gn_h5_write(h, "g/x/below", 2, shape, x), GN_EIO,
              "'g/x/below' could not be");
  gn_ck_fails(gn_h5_write(h, "r", 5, shape, x), GN_EARG,
              "'r' of rank 5, expected 0 to 4");
  gn_ck_fails(gn_h5_write(h, "r", -1, shape, x), GN_EARG, "rank -1");
  gn_ck_ok(gn_h5_close(&h));
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_fails(gn_h5_read(h, "g/x", 5, y), GN_EIO,
              "a.h5: 'g/x' holds 6 values, expected 5");
  gn_ck_fails(gn_h5_read(h, "x", 6, y), GN_EIO, "a.h5: no dataset 'x'");
  gn_ck_fails(gn_h5_read(h, "g", 6, y), GN_EIO, "a.h5: 'g' is not a dataset");
  gn_ck_fails(gn_h5_shape(h, "g/y", &rank, is), GN_EIO, "no dataset 'g/y'");
  gn_ck_fails(gn_h5_read_i64(h, "g/x", 6, i), GN_EIO, "'g/x' does not hold integers");
  gn_ck_fails(gn_h5_write(h, "new", 2, shape, x), GN_EIO, "'new' could not be written");
  gn_ck_fails(gn_h5_attr_write_real(h, "new", 1), GN_EIO, "'new' could not be written");
  gn_ck_ok(gn_h5_close(&h));
  (void)fflush(stderr);
  (void)dup2(keep, 2);
  (void)close(keep);
  ck_assert_uint_eq(read_file(log, errors, sizeof errors), 0);
  ck_assert_int_eq(next_descriptor(), fd - 1); /* without the kept stderr */
}
END_TEST

START_TEST(files_that_are_not_hdf5)
{
  static char all[20000];
  char dir[4096], path[4200];
  (void)snprintf(dir, sizeof dir, "%s", gn_test_tmpdir());
  int fd = next_descriptor();
  gn_h5 *h = NULL;
  gn_ck_fails(gn_h5_open("no/such.h5", &h), GN_EIO,
              "no/such.h5: cannot open: No such file");
  ck_assert_ptr_null(h);
  gn_ck_fails(gn_h5_create("no/such.h5", &h), GN_EIO,
              "no/such.h5: cannot open: No such");
  gn_ck_fails(gn_h5_open(dir, &h), GN_EIO, "not an HDF5 file");
  gn_ck_fails(gn_h5_create(dir, &h), GN_EIO, "Is a directory");
  gn_ck_fails(gn_h5_open(gn_test_file(dir, "t.h5", "[model]\nname = node\n"), &h),
              GN_EIO, "t.h5: not an HDF5 file");
  gn_ck_fails(gn_h5_open(gn_test_file(dir, "e.h5", ""), &h), GN_EIO,
              "not an HDF5 file");

  static const size_t shape = 1000;
  static const double x[1000] = {1};
  (void)snprintf(path, sizeof path, "%s/good.h5", dir);
  gn_ck_ok(gn_h5_create(path, &h));
  gn_ck_ok(gn_h5_write(h, "x", 1, &shape, x));
  gn_ck_ok(gn_h5_close(&h));
  size_t n = read_file(path, all, sizeof all);
  (void)snprintf(path, sizeof path, "%s/cut.h5", dir);
  for (size_t m = 8; m < n; m += 97) {
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(all, 1, m, f) == m && fclose(f) == 0);
    gn_ck_fails(gn_h5_open(path, &h), GN_EIO, "cut.h5: ");
    ck_assert_ptr_null(h);
  }
  ck_assert_int_eq(next_descriptor(), fd);
}
END_TEST

START_TEST(listing)
{
  const char *file = fresh("a.h5");
  gn_arena *a = NULL;
  gn_h5 *h = NULL;
  size_t n = 9;
  const char *const *names = NULL;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_h5_create(file, &h));
  static const double x = 1;
  static const char *const sorted[] = {"a.c",        "a/b",       "f.0.bias",
                                       "f.0.weight", "f.10.bias", "f.2.bias"};
  for (int k = 5; k >= 0; k--) {
    char path[64];
    (void)snprintf(path, sizeof path, "top/params/%s", sorted[k]);
    gn_ck_ok(gn_h5_write(h, path, 0, NULL, &x));
  }
  gn_ck_ok(gn_h5_write(h, "rest", 0, NULL, &x));
  gn_ck_ok(gn_h5_list(h, a, "top/params", &n, &names));
  ck_assert_uint_eq(n, 6);
  for (size_t k = 0; k < n; k++) ck_assert_str_eq(names[k], sorted[k]);
  gn_ck_ok(gn_h5_list(h, a, "/", &n, &names));
  ck_assert_uint_eq(n, 7);
  ck_assert_str_eq(names[0], "rest");
  ck_assert_str_eq(names[1], "top/params/a.c");
  gn_ck_ok(gn_h5_list(h, a, "top/none", &n, &names));
  ck_assert_uint_eq(n, 0);
  gn_ck_fails(gn_h5_list(h, a, "rest", &n, &names), GN_EIO, "'rest' is not a group");
  for (int k = 0; k < 100; k++) {
    char path[64];
    (void)snprintf(path, sizeof path, "many/%03d", k);
    gn_ck_ok(gn_h5_write(h, path, 0, NULL, &x));
  }
  gn_ck_ok(gn_h5_list(h, a, "many", &n, &names));
  ck_assert_uint_eq(n, 100);
  ck_assert_str_eq(names[99], "099");
  gn_ck_ok(gn_h5_write(h, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/x", 0, NULL, &x));
  gn_ck_fails(gn_h5_list(h, a, "/", &n, &names), GN_EIO, "deeper than 16");
  gn_ck_ok(gn_h5_close(&h));
  gn_arena_destroy(&a);
}
END_TEST

typedef struct content {
  double x;
  gn_status answer;
  const char *must_exist; /* while the body runs */
} content;

static gn_status body(gn_h5 *h, void *user)
{
  const content *c = user;
  GN_TRY(gn_h5_attr_write_real(h, "x", c->x));
  if (c->must_exist && access(c->must_exist, F_OK) != 0)
    return GN_FAIL(GN_EIO, "not there");
  return c->answer == GN_OK ? GN_OK : GN_FAIL(c->answer, "the body refuses");
}

static double stored(const char *file)
{
  gn_h5 *h = NULL;
  double x = NAN;
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_ok(gn_h5_attr_read_real(h, "x", &x));
  gn_ck_ok(gn_h5_close(&h));
  return x;
}

START_TEST(atomic_writes)
{
  char dir[4096], file[4200], tmp[4300];
  (void)snprintf(dir, sizeof dir, "%s", gn_test_tmpdir());
  (void)snprintf(file, sizeof file, "%s/state.h5", dir);
  (void)snprintf(tmp, sizeof tmp, "%s.tmp", file);
  int fd = next_descriptor();
  content c = {.x = 1, .must_exist = tmp};
  gn_ck_ok(gn_h5_write_atomic(file, body, &c));
  ck_assert(stored(file) == 1);
  ck_assert_int_ne(access(tmp, F_OK), 0);
  c = (content){.x = 2, .answer = GN_ENONFINITE};
  gn_ck_fails(gn_h5_write_atomic(file, body, &c), GN_ENONFINITE, "the body refuses");
  ck_assert_int_ne(access(tmp, F_OK), 0);
  ck_assert(stored(file) == 1); /* the old content */
  c = (content){.x = 3};
  gn_ck_ok(gn_h5_write_atomic(file, body, &c));
  ck_assert(stored(file) == 3);
  gn_ck_fails(gn_h5_write_atomic("no/such/state.h5", body, &c), GN_EIO, "No such file");
  gn_ck_fails(gn_h5_write_atomic(dir, body, &c), GN_EIO,
              "cannot replace"); /* a folder */
  (void)snprintf(tmp, sizeof tmp, "%s.tmp", dir);
  ck_assert_int_ne(access(tmp, F_OK), 0);
  for (long k = 0;; k++) {
    c = (content){.x = 4};
    gn_wrap_refuse(k);
    gn_status s = gn_h5_write_atomic(file, body, &c);
    int refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    ck_assert_int_eq(s, refused ? GN_ENOMEM : GN_OK);
    ck_assert(stored(file) == (refused ? 3 : 4));
    if (!refused) break;
  }
  ck_assert_int_eq(next_descriptor(), fd);
}
END_TEST

/* A full disk, played by the limit on file sizes. */
START_TEST(full_disk)
{
  char file[4096];
  (void)snprintf(file, sizeof file, "%s", fresh("state.h5"));
  int fd = next_descriptor();
  content c = {.x = 1};
  gn_ck_ok(gn_h5_write_atomic(file, body, &c));
  struct rlimit old, tight;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
  tight = old;
  tight.rlim_cur = 500;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  c.x = 2;
  gn_h5 *h = NULL;
  gn_ck_ok(gn_h5_create(fresh("b.h5"), &h));
  (void)setrlimit(RLIMIT_FSIZE, &tight);
  gn_status s = gn_h5_write_atomic(file, body, &c), t = gn_h5_close(&h);
  (void)setrlimit(RLIMIT_FSIZE, &old);
  (void)signal(SIGXFSZ, handler);
  ck_assert_int_eq(s, GN_EIO);
  ck_assert_int_eq(t, GN_EIO);
  ck_assert_ptr_null(h);
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "b.h5: cannot write: File too large"));
  ck_assert(stored(file) == 1);
  ck_assert_int_eq(next_descriptor(), fd);
}
END_TEST

/* A file in the current folder: its folder is ".". */
START_TEST(atomic_write_without_folder)
{
  char before[4096];
  ck_assert_ptr_nonnull(getcwd(before, sizeof before));
  ck_assert_int_eq(chdir(gn_test_tmpdir()), 0);
  content c = {.x = 1};
  gn_status s = gn_h5_write_atomic("state.h5", body, &c);
  int there = access("state.h5", F_OK);
  ck_assert_int_eq(chdir(before), 0);
  ck_assert_int_eq(s, GN_OK);
  ck_assert_int_eq(there, 0);
}
END_TEST

static gn_status make_params(gn_arena *a, gn_params *ps)
{
  static const size_t w[] = {4, 3}, one = 1;
  *ps = (gn_params){.arena = a};
  size_t at = 99;
  GN_TRY(gn_params_add(ps, "f.0.weight", 2, w, -0.5, 0.5, &at));
  ck_assert_uint_eq(at, 0);
  GN_TRY(gn_params_add(ps, "f.0.bias", 1, w, -0.5, 0.5, &at));
  ck_assert_uint_eq(at, 12);
  GN_TRY(gn_params_add(ps, "rho", 1, &one, -3, -3, &at));
  ck_assert_uint_eq(at, 16);
  return gn_params_add(ps, "alpha", 0, NULL, 1, 2, NULL);
}

START_TEST(params_table)
{
  gn_arena *a = NULL;
  gn_params ps;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(make_params(a, &ps));
  ck_assert(ps.n == 4 && ps.np == 18);
  const gn_param *p = gn_params_find(&ps, "f.0.weight");
  ck_assert(p && p->rank == 2 && p->shape[0] == 4 && p->shape[1] == 3 && p->n == 12);
  p = gn_params_find(&ps, "alpha");
  ck_assert(p && p->rank == 0 && p->n == 1 && p->offset == 17);
  ck_assert_ptr_null(gn_params_find(&ps, "beta"));
  static const size_t two[] = {2, 0}, huge[] = {SIZE_MAX / 16, 16};
  gn_ck_fails(gn_params_add(&ps, "rho", 1, two, 0, 1, NULL), GN_EARG,
              "'rho' is declared twice");
  gn_ck_fails(gn_params_add(&ps, "b", 5, two, 0, 1, NULL), GN_EARG,
              "rank 5, expected 0 to 4");
  gn_ck_fails(gn_params_add(&ps, "b", 2, two, 0, 1, NULL), GN_EARG, "dimension 1 is 0");
  gn_ck_fails(gn_params_add(&ps, "b", 2, huge, 0, 1, NULL), GN_EARG,
              "dimension 1 is 16");
  gn_ck_fails(gn_params_add(&ps, "b", 1, two, 1, 0, NULL), GN_EARG, "starts in [1, 0)");
  gn_ck_fails(gn_params_add(&ps, "b", 1, two, NAN, 0, NULL), GN_EARG,
              "expected finite");
  ck_assert(ps.n == 4 && ps.np == 18); /* failures add nothing */
  for (int k = 0; k < 100; k++) {
    char name[16];
    (void)snprintf(name, sizeof name, "p.%d", k);
    gn_ck_ok(gn_params_add(&ps, name, 1, two, 0, 1, NULL));
  }
  ck_assert(ps.n == 104 && ps.np == 218);
  ck_assert_uint_eq(gn_params_find(&ps, "p.99")->offset, 216);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(params_start_values)
{
  gn_arena *a = NULL;
  gn_params ps;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(make_params(a, &ps));
  double p[18], q[18], tail[2];
  gn_params_init(&ps, 5, p);
  gn_params_init(&ps, 5, q);
  ck_assert(gn_test_same(p, q, sizeof p));
  for (int i = 0; i < 16; i++) ck_assert(p[i] >= -0.5 && p[i] < 0.5);
  ck_assert(p[16] == -3 && p[17] >= 1 && p[17] < 2);
  ck_assert(p[0] != p[12]); /* own streams */
  gn_rng r = gn_rng_make(5, gn_rng_stream(GN_STREAM_PARAM, 1));
  ck_assert(p[12] == gn_rng_uniform(&r) - 0.5);
  gn_params_init(&ps, 6, q);
  for (int i = 0; i < 16; i++) ck_assert(p[i] != q[i]);
  ck_assert(q[16] == -3);
  gn_params more = {.arena = a}; /* fewer numbers before it do not move a tensor */
  static const size_t one = 1;
  gn_ck_ok(gn_params_add(&more, "w", 1, &one, -0.5, 0.5, NULL));
  gn_ck_ok(gn_params_add(&more, "b", 1, &one, -0.5, 0.5, NULL));
  gn_params_init(&more, 5, tail);
  ck_assert(tail[0] == p[0] && tail[1] == p[12]);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(params_files)
{
  const char *file = fresh("p.h5");
  gn_arena *a = NULL;
  gn_params ps;
  gn_h5 *h = NULL;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(make_params(a, &ps));
  double p[18], q[18];
  gn_params_init(&ps, 5, p);
  static const size_t six[] = {6, 2}, four = 4;
  gn_ck_ok(gn_h5_create(file, &h));
  gn_ck_ok(gn_params_write(&ps, h, "params", p));
  gn_ck_ok(gn_params_write(&ps, h, "grad/params", p));
  gn_ck_ok(gn_params_write(&ps, h, "extra", p));
  gn_ck_ok(gn_h5_write(h, "extra/f.0.bia", 1, &four, p));
  gn_ck_ok(gn_h5_write(h, "renamed/f.0.wieght", 2, six, p));
  gn_ck_ok(gn_h5_write(h, "shape/f.0.weight", 2, six, p));
  gn_ck_ok(gn_h5_close(&h));
  gn_ck_ok(gn_h5_open(file, &h));
  memset(q, 0, sizeof q);
  gn_ck_ok(gn_params_read(&ps, h, "grad/params", q));
  ck_assert(gn_test_same(p, q, sizeof p));
  memset(q, 0, sizeof q);
  gn_ck_fails(gn_params_read(&ps, h, "extra", q), GN_EIO,
              "p.h5: 'extra/f.0.bia' is not a parameter of this model, the nearest is "
              "'f.0.bias'");
  gn_ck_fails(
      gn_params_read(&ps, h, "renamed", q), GN_EIO,
      "p.h5: no parameter 'f.0.weight' in 'renamed', the nearest is 'f.0.wieght'");
  gn_ck_fails(gn_params_read(&ps, h, "shape", q), GN_EIO,
              "p.h5: 'shape/f.0.weight' has shape [6, 2], expected [4, 3]");
  gn_ck_fails(gn_params_read(&ps, h, "none", q), GN_EIO,
              "group 'none' is missing or empty");
  for (int i = 0; i < 18; i++)
    ck_assert(q[i] == 0); /* nothing read before all is checked */
  const gn_params empty = {.arena = a};
  gn_ck_ok(gn_params_read(&empty, h, "none", q)); /* a model without parameters */
  gn_ck_fails(gn_params_read(&empty, h, "shape", q), GN_EIO, "is not a parameter");
  for (long k = 0;; k++) {
    gn_wrap_refuse(k);
    gn_status s = gn_params_read(&ps, h, "params", q);
    int refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    ck_assert_int_eq(s, refused ? GN_ENOMEM : GN_OK);
    if (!refused) break;
  }
  gn_ck_ok(gn_h5_close(&h));
  gn_arena_destroy(&a);
}
END_TEST

/* Files of another writer: texts of variable length, integer attributes. */
START_TEST(recorded_cases)
{
  const char *file = gn_test_path(gn_test_shared(), "cases/hbnode_small.h5");
  if (!gn_test_need("recorded_cases", file)) return;
  gn_arena *a = NULL;
  gn_h5 *h = NULL;
  char model[64];
  double dim = 0;
  int rank = 0;
  size_t shape[GN_H5_MAXRANK], n = 0;
  const char *const *names = NULL;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_ok(gn_h5_attr_read_text(h, "model", model, sizeof model));
  ck_assert_str_eq(model, "hbnode");
  gn_ck_ok(gn_h5_attr_read_real(h, "dim", &dim));
  ck_assert(dim == 2);
  gn_ck_ok(gn_h5_shape(h, "cotangent", &rank, shape));
  ck_assert_int_eq(rank, 3);
  gn_ck_ok(gn_h5_list(h, a, "grad/params", &n, &names));
  ck_assert_uint_eq(n, 7);
  ck_assert_str_eq(names[0], "f.0.bias");
  gn_ck_ok(gn_h5_close(&h));
  gn_arena_destroy(&a);
}
END_TEST

#define ADD(test) tcase_add_test(tc, test)

int main(void)
{
  Suite *suite = suite_create("base files");
  TCase *tc = tcase_create("HDF5");
  ADD(doubles_to_the_bit);
  ADD(integers_and_attributes);
  ADD(equal_content_gives_equal_bytes);
  ADD(wrong_requests);
  ADD(files_that_are_not_hdf5);
  ADD(listing);
  ADD(atomic_writes);
  ADD(full_disk);
  ADD(atomic_write_without_folder);
  ADD(params_table);
  ADD(params_start_values);
  ADD(params_files);
  ADD(recorded_cases);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
