/* Readers of data files: NPY, idx and CSV, plain and packed, whole, cut off after every byte,
 * with every byte changed, and what they say; then the real data sets, by the counts that
 * their makers publish. */
#include "support/support.h"
#include "support/wrap.h"

#include "base/csv.h"
#include "base/gzip.h"
#include "base/idx.h"
#include "base/npy.h"
#include "base/rollouts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned char byte;

static const char *dir;
static gn_arena *a;

static void fresh(void)
{
  dir = gn_test_tmpdir();
  gn_ck_ok(gn_arena_create(&a));
}

static void drop(void) { gn_arena_destroy(&a); }

static const char *put(const char *name, const void *bytes, size_t n)
{
  const char *path = gn_test_path(dir, name);
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  int bad = fwrite(bytes, 1, n, f) != n;
  bad = fclose(f) != 0 || bad;
  ck_assert_msg(!bad, "cannot write %s", path);
  return path;
}

/* The same file packed by gzip(1), another file beside it. */
static size_t pack(const char *name, byte *to, size_t most)
{
  char command[4200];
  (void)snprintf(command, sizeof command, "gzip -nc '%s/%s' >'%s/%s.gz'", dir, name, dir, name);
  ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c,bugprone-command-processor) */
  char path[64];
  (void)snprintf(path, sizeof path, "%s.gz", name);
  FILE *f = fopen(gn_test_path(dir, path), "rb");
  ck_assert_ptr_nonnull(f);
  const size_t n = fread(to, 1, most, f);
  (void)fclose(f);
  ck_assert(n > 0 && n < most);
  return n;
}

/* ---- NPY ------------------------------------------------------------------------------ */

/* An NPY file of this version, header and data; its length. */
static size_t npy(byte *to, int version, const char *header, const void *data, size_t n)
{
  static const byte magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };
  const size_t text = strlen(header), at = version == 1 ? 10 : 12;
  memset(to, 0, at);
  memcpy(to, magic, sizeof magic);
  to[6] = (byte)version;
  to[8] = (byte)(text & 255);
  to[9] = (byte)(text >> 8);
  for (size_t i = 0; i < text; i++) to[at + i] = (byte)header[i];
  memcpy(to + at + text, data, n);
  return at + text + n;
}

static gn_status read_npy(const byte *bytes, size_t n, gn_npy **x)
{
  return gn_npy_read(a, put("x.npy", bytes, n), 0, NULL, x);
}

#define DICT(type, shape) \
  "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }  \n"

START_TEST(npy_types)
{
  static const struct {
    const char *header;
    size_t size;
    byte data[16];
    double want[2];
  } row[] = {
    { DICT("<f4", "(2,)"), 8, { 0, 0, 0xC0, 0x3F, 0, 0, 0, 0x80 }, { 1.5, -0.0 } },
    { DICT(">f4", "(2,)"), 8, { 0x3F, 0xC0, 0, 0, 0x80, 0, 0, 0 }, { 1.5, -0.0 } },
    { DICT("<f8", "(2,)"), 16, { 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 1 }, { 1.5, 0x1p-1074 } },
    { DICT(">f8", "(2,)"), 16, { 0x3F, 0xF8, [15] = 1 }, { 1.5, 0x1p-1074 } },
    { DICT("|i1", "(2,)"), 2, { 0xFF, 0x80 }, { -1, -128 } },
    { DICT("|u1", "(2,)"), 2, { 0xFF, 0x80 }, { 255, 128 } },
    { DICT("|b1", "(2,)"), 2, { 1, 0 }, { 1, 0 } },
    { DICT("<i2", "(2,)"), 4, { 0xFE, 0xFF, 0, 0x80 }, { -2, -32768 } },
    { DICT(">u2", "(2,)"), 4, { 1, 2, 0xFF, 0xFF }, { 258, 65535 } },
    { DICT("<i4", "(2,)"), 8, { 0xFE, 0xFF, 0xFF, 0xFF, 1 }, { -2, 1 } },
    { DICT("<u4", "(2,)"), 8, { 0xFE, 0xFF, 0xFF, 0xFF, 1 }, { 4294967294., 1 } },
    { DICT("<i8", "(2,)"), 16, { 0, 0, 0, 0, 0, 0, 0xE0, 0xFF, 7 }, { -0x1p53, 7 } },
    { DICT("<u8", "(2,)"), 16, { 0, 0, 0, 0, 0, 0, 0x20, 0, 7 }, { 0x1p53, 7 } },
    { "{\"shape\":(1,2),'descr':'<f4','fortran_order':False}", 8, { 0, 0, 0xC0, 0x3F },
      { 1.5, 0 } },
    { "{'descr': '|u1', 'fortran_order': True, 'shape': (2,)}", 2, { 3, 4 }, { 3, 4 } },
  };
  byte file[256];
  gn_npy *x;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    for (int version = 1; version <= 2; version++) {
      gn_ck_ok(read_npy(file, npy(file, version, row[i].header, row[i].data, row[i].size), &x));
      ck_assert_uint_eq(x->n, 2);
      ck_assert_msg(gn_test_same(x->at, row[i].want, sizeof row[i].want), "%s: %.17g %.17g",
                    row[i].header, x->at[0], x->at[1]);
    }
}
END_TEST

START_TEST(npy_shapes)
{
  byte file[256], data[24] = { 1, 2, 3, 4, 5, 6 };
  gn_npy *x;
  gn_ck_ok(read_npy(file, npy(file, 1, DICT("|u1", "()"), data, 1), &x));
  ck_assert(x->rank == 0 && x->n == 1 && x->at[0] == 1);
  gn_ck_ok(read_npy(file, npy(file, 1, DICT("|u1", "(2, 3)"), data, 6), &x));
  ck_assert(x->rank == 2 && x->shape[0] == 2 && x->shape[1] == 3 && x->at[5] == 6);
  gn_ck_ok(read_npy(file, npy(file, 1, DICT("|u1", "(0, 18446744073709551615)"), data, 0), &x));
  ck_assert(x->n == 0);

  const size_t n = npy(file, 1, DICT("|u1", "(2, 3)"), data, 6);
  gn_ck_ok(gn_npy_read(a, put("x.npy", file, n), 2, (size_t[]){ 0, 3 }, &x));
  gn_ck_fails(gn_npy_read(a, put("x.npy", file, n), 2, (size_t[]){ 0, 17 }, &x), GN_EIO,
              "x.npy: shape [2, 3], expected [*, 17]");
  gn_ck_fails(gn_npy_read(a, put("x.npy", file, n), 1, (size_t[]){ 0 }, &x), GN_EIO,
              "shape [2, 3], expected [*]");
}
END_TEST

START_TEST(npy_refuses)
{
  static const char *const bad[][2] = {
    { DICT("<f2", "(2,)"), "byte 20: elements of type '<f2'" },
    { DICT("=f4", "(2,)"), "byte 20: elements of type '=f4'" },
    { DICT("|f4", "(2,)"), "elements of type '|f4'" },
    { DICT("|O", "(2,)"), "elements of type '|O'" },
    { DICT("", "(2,)"), "elements of type ''" },
    { DICT("<f4aaaaaaaaaaaaaaaaa", "(2,)"), "a string of at most 15" },
    { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
      "byte 20: an array of records" },
    { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", "numpy.ascontiguousarray" },
    { "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 1), }", "expected True or False" },
    { "{'descr': '<f4', 'shape': (2, 1), }", "no key 'fortran_order'" },
    { "{'descr': '<f4', 'descr': '<f4'}", "byte 27: key 'descr' twice" },
    { "{'names': '<f4'}", "byte 11: key 'names' unknown" },
    { "{'descr' '<f4'}", "byte 19: expected ':'" },
    { "{'descr': '<f4' 'shape'}", "byte 26: expected '}'" },
    { "'descr'", "byte 10: expected '{'" },
    { "{descr", "byte 11: expected '''" },
    { "{'descr", "a string of at most" },
    { DICT("<f4", "2"), "expected '('" },
    { DICT("<f4", "(-2,)"), "expected a length" },
    { DICT("<f4", "(2, x)"), "expected a length" },
    { DICT("<f4", "(2 2)"), "expected ')'" },
    { DICT("<f4", "(1,1,1,1,1,1,1,1,1)"), "more than 8 axes" },
    { DICT("<f4", "(99999999999999999999999,)"), "expected a length" },
    { DICT("<f4", "(4294967296, 4294967296)"),
      "overflows a size at length 4294967296 of axis 1" },
    { DICT("<f4", "(2305843009213693951,)"),
      "the array needs 9223372036854775804 bytes, only 8" },
    { DICT("<f4", "(3,)"), "the array needs 12 bytes, only 8 follow" },
    { DICT("<f4", "(1,)"), "expected the end of the file" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } more", "byte 68: text after" },
  };
  byte file[512];
  gn_npy *x;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    gn_ck_fails(read_npy(file, npy(file, 1, bad[i][0], "12345678", 8), &x), GN_EIO, bad[i][1]);

  const size_t n = npy(file, 1, DICT("<u8", "(1,)"), "\1\0\0\0\0\0\x20", 8);
  gn_ck_fails(read_npy(file, n, &x), GN_EIO, "byte 70: an integer beyond 2^53");
  file[6] = 3;
  gn_ck_fails(read_npy(file, n, &x), GN_EIO, "byte 6: NPY version 3.0, expected 1.0 or 2.0");
  file[0] = 'P';
  gn_ck_fails(read_npy(file, n, &x), GN_EIO, "byte 0: not an NPY file");
  memset(npy(file, 2, "", "", 0) + file - 4, 0xFF, 4);
  gn_ck_fails(read_npy(file, 12, &x), GN_EIO, "byte 8: a header of 4294967295 bytes");
  gn_ck_fails(gn_npy_read(a, gn_test_path(dir, "none"), 0, NULL, &x), GN_EIO, "cannot open");
  gn_ck_fails(gn_npy_read(a, dir, 0, NULL, &x), GN_EIO, "not a regular file");
}
END_TEST

/* A reader of the bytes of one file. */
typedef gn_status reader(const char *file);

static gn_status as_npy(const char *file)
{
  gn_npy *x;
  return gn_npy_read(a, file, 0, NULL, &x);
}

static gn_status as_idx(const char *file)
{
  gn_idx *x;
  return gn_idx_read(a, file, 2, (size_t[]){ 0, 0 }, &x);
}

/* Refused, with the name of the file, after every number of bytes but all; with a byte more;
   packed too. And whatever byte is changed, it is read or refused, never worse. */
static void damage(reader *read, byte *file, size_t n)
{
  byte packed[512];
  gn_ck_ok(read(put("whole", file, n)));
  for (size_t k = 0; k < n; k++) gn_ck_fails(read(put("cut", file, k)), GN_EIO, "/cut: byte ");
  file[n] = 0;
  gn_ck_fails(read(put("long", file, n + 1)), GN_EIO, "expected the end of the file");
  for (size_t k = 0; k < n; k++)
    for (int bit = 0; bit < 8; bit++) {
      file[k] ^= (byte)(1 << bit);
      (void)read(put("changed", file, n));
      file[k] ^= (byte)(1 << bit);
    }
  const size_t m = pack("whole", packed, sizeof packed - 1);
  gn_ck_ok(read(gn_test_path(dir, "whole.gz")));
  for (size_t k = 0; k < m; k++)
    gn_ck_fails(read(put("cut.gz", packed, k)), GN_EIO, "/cut.gz: byte ");
  for (size_t k = 0; k < m; k++) {
    packed[k] ^= 0x10;
    (void)read(put("changed", packed, m));
    packed[k] ^= 0x10;
  }
  packed[m - 5] ^= 1; /* of the check sum */
  gn_ck_fails(read(put("sum.gz", packed, m)), GN_EIO, "damaged gzip data: incorrect data check");
}

START_TEST(npy_damaged)
{
  byte file[256];
  damage(as_npy, file, npy(file, 1, DICT("<f4", "(3, 2)"), "abcdefghijklmnopqrstuvwx", 24));
  damage(as_npy, file, npy(file, 2, DICT("|u1", "(3,)"), "abc", 3));
}
END_TEST

/* ---- idx ------------------------------------------------------------------------------ */

START_TEST(idx_reads)
{
  byte file[32] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255 };
  gn_idx *x;
  gn_ck_ok(gn_idx_read(a, put("x", file, 18), 2, (size_t[]){ 0, 3 }, &x));
  ck_assert(x->rank == 2 && x->n == 6 && x->shape[0] == 2 && x->at[5] == 255);
  gn_ck_fails(gn_idx_read(a, put("x", file, 18), 2, (size_t[]){ 0, 28 }, &x), GN_EIO,
              "x: shape [2, 3], expected [*, 28]");
  gn_ck_fails(gn_idx_read(a, put("x", file, 18), 1, (size_t[]){ 0 }, &x), GN_EIO,
              "shape [2, 3], expected [*]");
  damage(as_idx, file, 18);
}
END_TEST

START_TEST(idx_refuses)
{
  static const struct {
    byte at, value;
    const char *text;
  } bad[] = {
    { 0, 'P', "byte 0: not an idx file: begins with 50 00" },
    { 2, 13, "byte 2: elements of type 0d, expected 08" },
    { 3, 0, "byte 3: rank 0, expected 1 to 8" },
    { 3, 9, "byte 3: rank 9" },
    { 4, 255, "the array needs 12834570246 bytes, only 6 follow" },
    { 7, 3, "byte 12: the array needs 9 bytes, only 6 follow" },
    { 7, 1, "byte 15: expected the end of the file" },
  };
  static const byte good[18] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6 };
  byte file[64];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    memcpy(file, good, sizeof good);
    file[bad[i].at] = bad[i].value;
    gn_ck_fails(as_idx(put("x", file, sizeof good)), GN_EIO, bad[i].text);
  }
  /* packed, a length is refused without memory for it when no packing is that good */
  memcpy(file, good, sizeof good);
  file[4] = 255;
  put("x", file, sizeof good);
  byte packed[128];
  (void)pack("x", packed, sizeof packed);
  gn_ck_fails(as_idx(gn_test_path(dir, "x.gz")), GN_EIO, "needs 12834570246 bytes, at most");

  /* a long file, cut off in its check sum: what comes before that is whole */
  static byte big[12 + 40000] = { 0, 0, 8, 2, 0, 0, 0, 80, 0, 0, 1, 244 }, most[50000];
  uint32_t u = 1;
  for (size_t i = 12; i < sizeof big; i++) big[i] = (byte)((u = u * 1664525 + 1013904223) >> 24);
  put("big", big, sizeof big);
  const size_t n = pack("big", most, sizeof most);
  gn_ck_ok(as_idx(gn_test_path(dir, "big.gz")));
  for (size_t k = 1; k <= 8; k++)
    gn_ck_fails(as_idx(put("x.gz", most, n - k)), GN_EIO, ": the packed file is cut off");

  gn_idx *x;
  static const byte long_axes[4] = { 0, 0, 8, 8 };
  memset(file, 255, sizeof file);
  memcpy(file, long_axes, sizeof long_axes);
  gn_ck_fails(gn_idx_read(a, put("x", file, 40), 8, (size_t[8]){ 0 }, &x), GN_EIO,
              "overflows a size at length 4294967295 of axis 2");
}
END_TEST

/* ---- CSV ------------------------------------------------------------------------------ */

START_TEST(csv_rules)
{
  static const gn_csv_rules ragged = { .separator = ',', .ragged = 1 },
                            list = { .separator = ',', .single = 1 },
                            semicolons = { .separator = ';' }, tabs = { .separator = '\t' };
  gn_csv *c;
  const char *text = "\"x\",\"y\",\"z\"\n1,2,3,\n4,5\n6,,\"\",, \n7";
  gn_ck_ok(gn_csv_read_by(a, gn_test_file(dir, "t", text), &ragged, &c));
  ck_assert(c->ncol == 3 && c->nrow == 4);
  ck_assert(gn_csv_number(c, 0, 2) == 3 && gn_csv_number(c, 1, 1) == 5);
  ck_assert_str_eq(gn_csv_text(c, 1, 2), "");
  ck_assert_str_eq(gn_csv_text(c, 2, 2), "");
  ck_assert(isnan(gn_csv_number(c, 3, 1)) && gn_csv_number(c, 3, 0) == 7);
  gn_ck_fails(gn_csv_read(a, gn_test_path(dir, "t"), &c), GN_EIO, "t:2: 4 cells, expected 3");
  gn_ck_fails(gn_csv_read_by(a, gn_test_file(dir, "t", "x,y\n1,2,,4\n"), &ragged, &c), GN_EIO,
              "t:2: 4 cells, expected 2");

  gn_ck_ok(gn_csv_read_by(a, gn_test_file(dir, "t", "row\n29\n38"), &list, &c));
  ck_assert(c->ncol == 1 && c->nrow == 2 && gn_csv_number(c, 1, 0) == 38);
  gn_ck_fails(gn_csv_read(a, gn_test_path(dir, "t"), &c), GN_EIO, "separated by commas");
  gn_ck_ok(gn_csv_read_by(a, gn_test_file(dir, "t", "a;b\n1,5;\"2;\"\n"), &semicolons, &c));
  ck_assert_str_eq(gn_csv_text(c, 0, 0), "1,5");
  ck_assert_str_eq(gn_csv_text(c, 0, 1), "2;");
  gn_ck_fails(gn_csv_read_by(a, gn_test_file(dir, "t", "a,b\n1,2\n"), &semicolons, &c), GN_EIO,
              "separated by semicolons");
  gn_ck_fails(gn_csv_read_by(a, gn_test_path(dir, "t"), &tabs, &c), GN_EARG,
              "expected ',' or ';'");
}
END_TEST

START_TEST(csv_packed)
{
  byte packed[256];
  gn_csv *c;
  gn_test_file(dir, "t.csv", "a,b\n1,2\n3,4");
  const size_t n = pack("t.csv", packed, sizeof packed);
  gn_ck_ok(gn_csv_read(a, gn_test_path(dir, "t.csv.gz"), &c));
  ck_assert(c->nrow == 2 && gn_csv_number(c, 1, 1) == 4);
  for (size_t k = 2; k < n; k++)
    gn_ck_fails(gn_csv_read(a, put("cut", packed, k), &c), GN_EIO, "cut");

  byte two[512]; /* gzip joins packed files by joining their bytes */
  memcpy(two, packed, n);
  gn_test_file(dir, "u.csv", "5\n6,7\n");
  const size_t m = pack("u.csv", packed, sizeof packed);
  memcpy(two + n, packed, m);
  gn_ck_ok(gn_csv_read(a, put("two", two, n + m), &c));
  ck_assert(c->nrow == 3 && gn_csv_number(c, 1, 1) == 45 && gn_csv_number(c, 2, 0) == 6);
  gn_ck_fails(gn_csv_read(a, put("two", two, n + m - 1), &c), GN_EIO, "two: byte 17: the packed");
  two[n] ^= 1;
  gn_ck_fails(gn_csv_read(a, put("two", two, n + m), &c), GN_EIO, "incorrect header check");
}
END_TEST

/* ---- rollouts ------------------------------------------------------------------------- */

static const char rollouts_csv[] = "file,set,start,length,kept\n"
                                   "a,train,0,7,5\n"
                                   "b,test,0,9,1\n"
                                   "c,train,7,2,1\n"
                                   "d,train,9,5,4\n";

/* Rows 0, 1, ... of one column, and these flags; the list beside them. */
static void put_rollouts(const char *text, size_t rows, const char *flags)
{
  byte file[256], data[64], keep[64];
  for (size_t i = 0; i < rows; i++) {
    data[i] = (byte)i;
    keep[i] = (byte)(flags[i] - '0');
  }
  char header[128];
  (void)snprintf(header, sizeof header, DICT("|u1", "(%zu, 1)"), rows);
  size_t n = npy(file, 1, header, data, rows);
  put("w_train.npy", file, n);
  (void)snprintf(header, sizeof header, DICT("|u1", "(%zu,)"), rows);
  n = npy(file, 1, header, keep, rows);
  put("w_train_keep.npy", file, n);
  gn_test_file(dir, "rollouts.csv", text);
}

START_TEST(rollouts_cut)
{
  static const size_t rows[] = { 1, 2, 2, 4, 4, 5, 9, 10, 10, 11 };
  static const double gaps[] = { 2, 1, 1, 2, 2, 1, 1, 1, 1, 1 };
  gn_rollouts w;
  put_rollouts(rollouts_csv, 14, "0110111" "10" "11110");
  gn_ck_fails(gn_rollouts_read(a, dir, "w", "train", 2, 1, &w), GN_EIO,
              "rollouts.csv:2: 5 rows kept, but ");
  put_rollouts(rollouts_csv, 14, "1110110" "10" "11110"); /* 5 of 7, 1 of 2, 4 of 5 */
  gn_ck_ok(gn_rollouts_read(a, dir, "w", "train", 2, 2, &w));
  ck_assert(w.rows == 14 && w.cols == 1 && w.length == 2 && w.n == 3); /* (5-2)/2, none, (4-2)/2 */
  static const char other[] = "set,start,length,kept\ntrain,0,9,5\ntrain,9,5,4\n";
  put_rollouts(other, 14, "011011100" "11110");
  gn_ck_ok(gn_rollouts_read(a, dir, "w", "train", 2, 1, &w));
  ck_assert_uint_eq(w.n, 5);
  ck_assert_mem_eq(w.row, rows, sizeof rows);
  ck_assert_mem_eq(w.gap, gaps, sizeof gaps);
  ck_assert(w.at[w.row[6]] == 9);
  gn_ck_ok(gn_rollouts_read(a, dir, "w", "train", 5, 1, &w));
  ck_assert_uint_eq(w.n, 0);
  gn_ck_fails(gn_rollouts_read(a, dir, "w", "train", 0, 1, &w), GN_EARG, "length = 0");
  gn_ck_fails(gn_rollouts_read(a, dir, "w", "train", 1, 0, &w), GN_EARG, "stride = 0");
}
END_TEST

START_TEST(rollouts_refused)
{
  static const char *const bad[][2] = {
    { "file,start,length,kept\n", "rollouts.csv: no column 'set'" },
    { "set,start,length\n", "no column 'kept'" },
    { "set,start,length,kept\ntrain,0,4,2\n", "set 'train' have 4 rows, " },
    { "set,start,length,kept\ntrain,0,4,2\ntrain,5,1,0\n", ":3: rows 5 and 1 more, expected" },
    { "set,start,length,kept\ntrain,0,4,2\ntrain,4,3,1\n", ":3: rows 4 and 3 more, expected" },
    { "set,start,length,kept\ntrain,0,4,2\ntrain,4,9,1\n", ":3: length is '9'" },
    { "set,start,length,kept\ntrain,0,5,3\n", "has 3 there, the last row among them" },
    { "set,start,length,kept\ntrain,0,6,x\n", ":2: kept is 'x', expected a count up to 6" },
    { "set,start,length,kept\ntrain,0,3,2\ntrain,3,3,1\n", ":2: 2 rows kept, but " },
    { "set,start,length,kept\ntrain,0,0,0\n", ":2: rows 0 and 0 more" },
  };
  gn_rollouts w;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    put_rollouts(bad[i][0], 6, "101010");
    gn_ck_fails(gn_rollouts_read(a, dir, "w", "train", 2, 1, &w), GN_EIO, bad[i][1]);
  }
  gn_ck_fails(gn_rollouts_read(a, dir, "w", "valid", 2, 1, &w), GN_EIO, "w_valid.npy: cannot");
}
END_TEST

/* Every allocation refused in turn: GN_ENOMEM, and nothing leaks. */
START_TEST(refused_memory)
{
  static const char other[] = "set,start,length,kept\ntrain,0,9,5\ntrain,9,5,4\n";
  byte idx[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 2 };
  put_rollouts(other, 14, "011011100" "11110");
  put("x", idx, sizeof idx);
  for (long k = 0;; k++) {
    char file[4200];
    (void)snprintf(file, sizeof file, "%s/x", dir);
    gn_arena *own = NULL;
    gn_rollouts w;
    gn_idx *x;
    gn_wrap_refuse(k);
    gn_status s = gn_arena_create(&own);
    if (s == GN_OK) s = gn_rollouts_read(own, dir, "w", "train", 2, 1, &w);
    if (s == GN_OK) s = gn_idx_read(own, file, 1, (size_t[]){ 2 }, &x);
    const int refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    gn_arena_destroy(&own);
    if (!refused) {
      gn_ck_ok(s);
      ck_assert_int_gt((int)k, 20);
      break;
    }
    ck_assert_msg(s == GN_ENOMEM, "call %ld: %s", k, gn_status_name(s));
  }
}
END_TEST

/* ---- the real files ------------------------------------------------------------------- */

/* The file in the folder GNOMON_DATA, else in data/ of the shared folder; NULL (said) if it is in
   neither. */
static const char *real(const char *name)
{
  static char path[4096];
  const char *data = getenv("GNOMON_DATA"), *shared = gn_test_shared();
  (void)snprintf(path, sizeof path, "%s/%s", data ? data : "", name);
  if (data && access(path, R_OK) == 0) return path;
  (void)snprintf(path, sizeof path, "%s/data/%s", shared ? shared : "shared", name);
  return gn_test_need(name, path) ? path : NULL;
}

static double sum(size_t n, const double *x)
{
  double s = 0;
  for (size_t i = 0; i < n; i++) s += x[i];
  return s;
}

/* Rows, kept rows and sums as walker2d/README.md says. */
START_TEST(walker2d)
{
  static const struct {
    const char *set, *file, *keep;
    size_t rows, rollouts;
    double sum;
  } part[] = {
    { "train", "walker2d/walker_train.npy", "walker2d/walker_train_keep.npy", 191479, 300,
      432196.10215747 },
    { "valid", "walker2d/walker_valid.npy", "walker2d/walker_valid_keep.npy", 25225, 40,
      57767.80276715 },
    { "test", "walker2d/walker_test.npy", "walker2d/walker_test_keep.npy", 38259, 60,
      90622.53363805 },
  };
  gn_npy *x, *keep;
  gn_csv *c;
  const char *path = real("walker2d/rollouts.csv");
  if (!path) return;
  gn_ck_ok(gn_csv_read(a, path, &c));
  ck_assert(c->ncol == 5 && c->nrow == 400);
  for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
    size_t rollouts = 0;
    double kept = 0, begin = 0;
    path = real(part[k].file);
    if (!path) return;
    gn_ck_ok(gn_npy_read(a, path, 2, (size_t[]){ 0, 17 }, &x));
    ck_assert_uint_eq(x->shape[0], part[k].rows);
    /* half a unit of the last digit printed, and 3e6 additions in another order (each eps/2 of
       a partial sum below 5e5: 1e-4 at worst, about 1e-7 as a random walk) */
    ck_assert_double_le(fabs(sum(x->n, x->at) - part[k].sum), 5e-9 + 1e-7);
    path = real(part[k].keep);
    if (!path) return;
    gn_ck_ok(gn_npy_read(a, path, 1, (size_t[]){ part[k].rows }, &keep));
    for (size_t i = 0; i < c->nrow; i++) {
      if (strcmp(gn_csv_text(c, i, 1), part[k].set) != 0) continue;
      const size_t from = (size_t)gn_csv_number(c, i, 2), rows = (size_t)gn_csv_number(c, i, 3);
      ck_assert_double_eq((double)from, begin);
      ck_assert_double_eq(sum(rows, keep->at + from), gn_csv_number(c, i, 4));
      ck_assert(keep->at[from + rows - 1] == 0);
      begin += (double)rows;
      kept += gn_csv_number(c, i, 4);
      rollouts++;
    }
    ck_assert_uint_eq(rollouts, part[k].rollouts);
    ck_assert_double_eq(begin, (double)part[k].rows);
    ck_assert_double_eq(kept, sum(keep->n, keep->at));
  }
}
END_TEST

/* Sequences as walker2d/README.md counts them: windows of 64 rows that begin 16 apart. */
START_TEST(walker2d_windows)
{
  static const struct {
    const char *set;
    size_t n;
  } part[] = { { "train", 9684 }, { "valid", 1272 }, { "test", 1937 } };
  char folder[4096];
  const char *path = real("walker2d/rollouts.csv");
  if (!path) return;
  (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
  for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
    gn_rollouts w;
    gn_ck_ok(gn_rollouts_read(a, folder, "walker", part[k].set, 64, 16, &w));
    ck_assert_uint_eq(w.n, part[k].n);
    ck_assert_uint_eq(w.cols, 17);
    for (size_t i = 0; i < w.n * w.length; i++) {
      if (i % w.length == 0) continue;
      ck_assert_double_eq(w.gap[i], (double)(w.row[i] - w.row[i - 1]));
    }
  }
}
END_TEST

/* Magic numbers, counts per label, mean pixel and first labels as mnist/README.md says. */
START_TEST(mnist)
{
  static const struct {
    const char *images, *labels;
    size_t n, per[10];
    double mean;
  } part[] = {
    { "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz", 60000,
      { 5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949 }, 0.13066 },
    { "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz", 10000,
      { 980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009 }, 0.13251 },
  };
  for (size_t k = 0; k < 2; k++) {
    gn_idx *x, *y;
    size_t per[10] = { 0 };
    double all = 0;
    const char *path = real(part[k].images);
    if (!path) return;
    gn_ck_ok(gn_idx_read(a, path, 3, (size_t[]){ 0, 28, 28 }, &x));
    for (size_t i = 0; i < x->n; i++) all += x->at[i];
    ck_assert_double_le(fabs(all / 255 / (double)x->n - part[k].mean), 5e-6); /* as printed */
    path = real(part[k].labels);
    if (!path) return;
    gn_ck_ok(gn_idx_read(a, path, 1, (size_t[]){ x->shape[0] }, &y));
    ck_assert_uint_eq(y->n, part[k].n);
    for (size_t i = 0; i < y->n; i++) {
      ck_assert_uint_lt(y->at[i], 10);
      per[y->at[i]]++;
    }
    ck_assert_mem_eq(per, part[k].per, sizeof per);
    if (k == 0) ck_assert_mem_eq(y->at, "\5\0\4\1\x9\2\1\3\1\4", 10);
  }
}
END_TEST

/* Means and population deviations of the README files of silverbox and plane_vibration. */
START_TEST(circuits)
{
  static const gn_csv_rules list = { .separator = ',', .single = 1 };
  static const struct {
    const char *file, *name;
    size_t rows, cols;
    double mean, std, each; /* each: half a unit of the digits printed */
  } row[] = {
    { "silverbox/sb.csv", "V1", 131072, 3, 0.00618171, 0.02192041, 5e-9 },
    { "silverbox/sb.csv", "V2", 131072, 3, 0.000816, 0.05336946, 5e-7 },
    { "plane_vibration/pv.csv", "Force", 73728, 7, 1.19693795e-05, 12.36489608, 5e-9 },
    { "plane_vibration/pv.csv", "Acceleration3", 73728, 7, -1.31422582e-05, 0.35958677, 5e-9 },
  };
  gn_csv *c;
  for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
    const char *path = real(row[k].file);
    if (!path) return;
    gn_ck_ok(gn_csv_read(a, path, &c));
    ck_assert(c->nrow == row[k].rows && c->ncol == row[k].cols);
    const size_t col = gn_csv_column(c, row[k].name);
    ck_assert_uint_ne(col, GN_CSV_NONE);
    double mean = 0, var = 0;
    for (size_t i = 0; i < c->nrow; i++) mean += gn_csv_number(c, i, col) / (double)c->nrow;
    for (size_t i = 0; i < c->nrow; i++)
      var += pow(gn_csv_number(c, i, col) - mean, 2) / (double)c->nrow;
    ck_assert_double_le(fabs(mean - row[k].mean), row[k].each);
    ck_assert_double_le(fabs(sqrt(var) - row[k].std), row[k].each);
    const size_t last = c->ncol - 1;
    ck_assert_str_eq(c->name[last], "");
    ck_assert_str_eq(gn_csv_text(c, c->nrow - 1, last), "");
  }
  const char *path = real("plane_vibration/pv_dropped.csv");
  if (!path) return;
  gn_ck_ok(gn_csv_read_by(a, path, &list, &c));
  ck_assert_uint_eq(c->nrow, 7363);
  ck_assert(gn_csv_number(c, 0, 0) == 29 && gn_csv_number(c, 7362, 0) == 73614);
}
END_TEST

/* Row counts of the README files of other sets that these readers are for. */
START_TEST(tables)
{
  static const struct {
    const char *file;
    char separator;
    size_t rows, cols;
  } row[] = {
    { "small_series/nicholson_blowflies.csv", ';', 858, 3 },
    { "small_series/parus_major.csv", ';', 27, 2 },
    { "small_series/hudson_bay_lynx_hare.csv", ',', 21, 3 },
    { "small_series/co2_mauna_loa_weekly.csv", ',', 2284, 2 },
    { "small_series/elnino_sst_1950_2010.csv", ',', 61, 13 },
    { "character_trajectories/index.csv", ',', 1429, 5 },
    { "physionet2012/set-a-400.csv.gz", ',', 177732, 4 },
    { "physionet2012/outcomes-a-400.csv", ',', 400, 6 },
  };
  gn_csv *c;
  gn_npy *x;
  for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
    const gn_csv_rules by = { .separator = row[k].separator };
    const char *path = real(row[k].file);
    if (!path) return;
    gn_ck_ok(gn_csv_read_by(a, path, &by, &c));
    ck_assert_msg(c->nrow == row[k].rows && c->ncol == row[k].cols, "%s: %zu x %zu", path,
                  c->nrow, c->ncol);
  }
  const char *path = real("character_trajectories/char_trajectories.npy");
  if (path) gn_ck_ok(gn_npy_read(a, path, 2, (size_t[]){ 244253, 3 }, &x));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("readers");
  TCase *t = tcase_create("made");
  tcase_add_checked_fixture(t, fresh, drop);
  tcase_set_timeout(t, 120);
  suite_add_tcase(s, t);
  tcase_add_test(t, npy_types);
  tcase_add_test(t, npy_shapes);
  tcase_add_test(t, npy_refuses);
  tcase_add_test(t, npy_damaged);
  tcase_add_test(t, idx_reads);
  tcase_add_test(t, idx_refuses);
  tcase_add_test(t, csv_rules);
  tcase_add_test(t, csv_packed);
  tcase_add_test(t, rollouts_cut);
  tcase_add_test(t, rollouts_refused);
  tcase_add_test(t, refused_memory);
  t = tcase_create("real files");
  tcase_add_checked_fixture(t, fresh, drop);
  tcase_set_timeout(t, 300);
  suite_add_tcase(s, t);
  tcase_add_test(t, walker2d);
  tcase_add_test(t, walker2d_windows);
  tcase_add_test(t, mnist);
  tcase_add_test(t, circuits);
  tcase_add_test(t, tables);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
