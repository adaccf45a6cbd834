/* The ground floor without its HDF5 files: status, arena, text, options, INI, random
 * numbers, tables, clocks. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/ini.h"
#include "base/option.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/table.h"
#include "base/text.h"
#include "support/support.h"
#include "support/wrap.h"

#include <check.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gn_status raise_error(int width)
{
  GN_REQUIRE(width >= 1, GN_EARG, "width = %d, expected 1 to 4096", width);
  return GN_OK;
}

static gn_status pass_on(int width)
{
  GN_TRY(raise_error(width));
  return GN_OK;
}

START_TEST(status_messages)
{
  gn_ck_ok(pass_on(3));
  ck_assert_int_eq(pass_on(0), GN_EARG);
  ck_assert_str_eq(gn_last_error(), "width = 0, expected 1 to 4096");
  ck_assert_ptr_nonnull(strstr(gn_last_place(), "test_base.c:"));
  ck_assert_ptr_nonnull(strstr(gn_last_place(), "raise_error"));
  ck_assert_int_eq(gn_fail_prefix(GN_EARG, "%s:%d", "a.ini", 7), GN_EARG);
  ck_assert_str_eq(gn_last_error(), "a.ini:7: width = 0, expected 1 to 4096");
  /* a message may contain the message before it */
  ck_assert_int_eq(GN_FAIL(GN_EIO, "again: %s", gn_last_error()), GN_EIO);
  ck_assert_str_eq(gn_last_error(), "again: a.ini:7: width = 0, expected 1 to 4096");
}
END_TEST

START_TEST(status_long_messages_are_cut)
{
  char text[3000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  (void)GN_FAIL(GN_EIO, "%s", text);
  size_t n = strlen(gn_last_error());
  ck_assert(n > 500 && n < sizeof text);
  (void)gn_fail_prefix(GN_EIO, "%s", text);
  ck_assert_uint_eq(strlen(gn_last_error()), n);
  (void)GN_FAIL(GN_EIO, "%s", "short");
  ck_assert_str_eq(gn_last_error(), "short");
}
END_TEST

START_TEST(status_names)
{
  static const gn_status all[] = {GN_OK,     GN_RETRY,      GN_ENOMEM, GN_EARG,
                                  GN_ENAME,  GN_ESTATE,     GN_EUNSUP, GN_ESOLVER,
                                  GN_ELIMIT, GN_ENONFINITE, GN_EIO};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    ck_assert_str_ne(gn_status_name(all[i]), "unknown");
    ck_assert_str_ne(gn_status_text(all[i]), "unknown status");
    for (size_t j = 0; j < i; j++)
      ck_assert_str_ne(gn_status_name(all[i]), gn_status_name(all[j]));
  }
  ck_assert_str_eq(gn_status_name(GN_OK), "ok");
  ck_assert_str_eq(gn_status_name(GN_EARG), "arg");
  ck_assert_str_eq(gn_status_text(GN_ENOMEM), "out of memory");
}
END_TEST

static gn_status three_pieces(gn_arena *a, double **x)
{
  GN_NEW(a, *x, 3);
  return GN_OK;
}

START_TEST(arena_pieces)
{
  gn_arena *a = NULL;
  gn_ck_ok(gn_arena_create(&a));
  ck_assert_uint_eq(gn_arena_bytes(a), 0);
  for (size_t n = 0; n < 200; n++) {
    unsigned char *p = gn_arena_alloc(a, n, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % 64, 0);
    for (size_t i = 0; i < n; i++) ck_assert_uint_eq(p[i], 0);
    memset(p, 255, n);
  }
  ck_assert_uint_eq(gn_arena_bytes(a), 199 * 200 / 2);
  double *x = NULL;
  gn_ck_ok(three_pieces(a, &x));
  ck_assert(x[0] == 0 && x[2] == 0);
  ck_assert_uint_eq(gn_arena_bytes(a), 199 * 200 / 2 + 24);
  ck_assert_str_eq(gn_arena_strdup(a, ""), "");
  ck_assert_str_eq(gn_arena_strdup(a, "rho"), "rho");
  ck_assert_str_eq(gn_arena_printf(a, "f.%d.%s", 12, "weight"), "f.12.weight");
  gn_arena_destroy(&a);
  ck_assert_ptr_null(a);
  gn_arena_destroy(&a);
  gn_arena_destroy(NULL);
}
END_TEST

START_TEST(arena_refuses_what_overflows)
{
  gn_arena *a = NULL;
  gn_ck_ok(gn_arena_create(&a));
  ck_assert_ptr_null(gn_arena_alloc(a, SIZE_MAX / 8 + 1, 8));
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "overflow"));
  ck_assert_ptr_null(gn_arena_alloc(a, SIZE_MAX, 1));
  ck_assert_ptr_null(gn_arena_alloc(a, SIZE_MAX - 64, 1));
  double *x = NULL;
  gn_wrap_refuse(0);
  gn_status s = three_pieces(a, &x);
  gn_wrap_refuse(-1);
  ck_assert_int_eq(s, GN_ENOMEM);
  ck_assert_uint_eq(gn_arena_bytes(a), 0);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(text_nearest)
{
  static const char *const names[] = {"rtol", NULL, "atol", "output", "max_steps"};
  size_t n = sizeof names / sizeof *names;
  ck_assert_str_eq(gn_text_nearest("rtoll", names, n), "rtol");
  ck_assert_str_eq(gn_text_nearest("tola", names, n), "rtol"); /* a tie: the first */
  ck_assert_str_eq(gn_text_nearest("maxsteps", names, n), "max_steps");
  ck_assert_str_eq(gn_text_nearest("otuput", names, n), "output");
  ck_assert_str_eq(gn_text_nearest("atol", names, n), "atol");
  ck_assert_str_eq(gn_text_nearest("", names, n), "rtol");
  ck_assert_ptr_null(gn_text_nearest("x", names, 0));
  ck_assert_ptr_null(gn_text_nearest("x", names + 1, 1));
  /* a swap of neighbours is one edit: two replacements would tie with "abdc" */
  static const char *const swap[] = {"axxd", "acbd"};
  ck_assert_str_eq(gn_text_nearest("abcd", swap, 2), "acbd");
  char longer[200];
  memset(longer, 'q', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  ck_assert_ptr_nonnull(gn_text_nearest(longer, names, n));
}
END_TEST

START_TEST(text_numbers)
{
  static const char *const bad[] = {"",   " ",   "abc", "1x",  "1 ",
                                    " 1", "--1", "+",   "1,5", "."};
  long i = -7;
  double x = -7;
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    ck_assert_int_eq(gn_text_long(bad[k], &i), GN_EARG);
    ck_assert_int_eq(gn_text_double(bad[k], &x), GN_EARG);
  }
  ck_assert_int_eq(gn_text_long("1.5", &i), GN_EARG);
  ck_assert_int_eq(gn_text_long("1e3", &i), GN_EARG);
  ck_assert_int_eq(gn_text_long("0x10", &i), GN_EARG);
  ck_assert_int_eq(gn_text_long("9223372036854775808", &i), GN_EARG);
  ck_assert_int_eq(gn_text_double("1e999", &x), GN_EARG);
  ck_assert(i == -7 && x == -7); /* untouched by failures */
  gn_ck_ok(gn_text_long("-9223372036854775808", &i));
  ck_assert(i == LONG_MIN);
  gn_ck_ok(gn_text_long("+012", &i));
  ck_assert_int_eq(i, 12);
  gn_ck_ok(gn_text_double("-.5e-3", &x));
  ck_assert(x == -0.0005);
  gn_ck_ok(gn_text_double("4.9406564584124654e-324", &x)); /* denormal, not an error */
  ck_assert(x == 0x1p-1074);
  gn_ck_ok(gn_text_double("inf", &x));
  ck_assert(isinf(x));
}
END_TEST

START_TEST(text_doubles_round_trip)
{
  static const struct {
    double x;
    const char *text;
  } known[] = {{0, "0"},
               {1, "1"},
               {0.1, "0.1"},
               {1e-5, "1e-05"},
               {-2.5, "-2.5"},
               {1e22, "1e+22"},
               {1.0 / 3, "0.3333333333333333"},
               {-0.0, "-0"},
               {0.1 + 0.2, "0.30000000000000004"}};
  char buf[64];
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    gn_text_print_double(known[k].x, buf, sizeof buf);
    ck_assert_str_eq(buf, known[k].text);
  }
  gn_rng r = gn_rng_make(1, GN_STREAM_TEST);
  for (int k = 0; k < 20000; k++) {
    uint64_t bits = gn_rng_bits(&r);
    double x = 0, y = 0;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x)) continue;
    gn_text_print_double(x, buf, sizeof buf);
    ck_assert_int_eq(gn_text_double(buf, &y), GN_OK);
    ck_assert_msg(gn_test_same(&x, &y, sizeof x), "%a printed as %s", x, buf);
  }
  gn_text_print_double(123456789, buf, 4); /* a short buffer is cut, not overrun */
  ck_assert_str_eq(buf, "123");
}
END_TEST

START_TEST(text_byte_counts)
{
  static const struct {
    double bytes;
    const char *text;
  } known[] = {{0, "0 B"},
               {512, "512 B"},
               {1023, "1023 B"},
               {1024, "1.0 KiB"},
               {3174, "3.1 KiB"},
               {10240, "10 KiB"},
               {1024 * 1024 - 1, "1.0 MiB"},
               {24.0 * 1024 * 1024, "24 MiB"},
               {9.96 * 1024 * 1024 * 1024, "10 GiB"},
               {0x1p60, "1024 PiB"}};
  char buf[32];
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    gn_text_bytes(known[k].bytes, buf, sizeof buf);
    ck_assert_str_eq(buf, known[k].text);
  }
}
END_TEST

typedef struct config {
  char guard_before;
  int width;
  double rtol;
  int verbose, act;
  struct {
    int depth;
  } net;
  char dir[GN_TEXT_MAX];
  char guard_after;
} config;

static const gn_option table[] = {
    GN_INT(config, "width", width, 16, 1, 4096, "hidden units"),
    GN_REAL(config, "rtol", rtol, 1e-5, 1e-14, 1, "relative tolerance"),
    GN_BOOL(config, "verbose", verbose, 1, "say more"),
    GN_CHOICE(config, "act", act, 1, "tanh|relu|leaky_relu", "activation"),
    GN_INT(config, "depth", net.depth, 2, 0, INT_MAX, "layers"),
    GN_TEXT(config, "dir", dir, "runs", "folder"),
    GN_OPTIONS_END,
};

static config make_config(void)
{
  config c;
  memset(&c, 0x5A, sizeof c);
  gn_options_default(table, &c);
  ck_assert(c.guard_before == 0x5A && c.guard_after == 0x5A);
  return c;
}

START_TEST(option_defaults)
{
  config c = make_config();
  ck_assert_int_eq(c.width, 16);
  ck_assert(c.rtol == 1e-5);
  ck_assert_int_eq(c.verbose, 1);
  ck_assert_int_eq(c.act, 1);
  ck_assert_int_eq(c.net.depth, 2);
  ck_assert_str_eq(c.dir, "runs");
  ck_assert_ptr_eq(gn_option_find(table, "act"), &table[3]);
  ck_assert_ptr_null(gn_option_find(table, "ac"));
}
END_TEST

START_TEST(option_values)
{
  config c = make_config();
  gn_ck_ok(gn_option_set(table, &c, "width", "4096"));
  ck_assert_int_eq(c.width, 4096);
  gn_ck_ok(gn_option_set(table, &c, "rtol", "1e-10"));
  ck_assert(c.rtol == 1e-10);
  gn_ck_ok(gn_option_set(table, &c, "act", "tanh"));
  ck_assert_int_eq(c.act, 0);
  gn_ck_ok(gn_option_set(table, &c, "act", "leaky_relu"));
  ck_assert_int_eq(c.act, 2);
  gn_ck_ok(gn_option_set(table, &c, "depth", "0"));
  ck_assert_int_eq(c.net.depth, 0);
  gn_ck_ok(gn_option_set(table, &c, "dir", ""));
  ck_assert_str_eq(c.dir, "");
  static const char *const yes[] = {"yes", "1", "true", "on"};
  static const char *const no[] = {"no", "0", "false", "off"};
  for (size_t k = 0; k < 4; k++) {
    gn_ck_ok(gn_option_set(table, &c, "verbose", no[k]));
    ck_assert_int_eq(c.verbose, 0);
    gn_ck_ok(gn_option_set(table, &c, "verbose", yes[k]));
    ck_assert_int_eq(c.verbose, 1);
  }
}
END_TEST

START_TEST(option_refusals)
{
  static const struct {
    const char *name, *value, *message;
  } bad[] = {
      {"width", "0", "width = 0, expected 1 to 4096"},
      {"width", "4097", "width = 4097, expected 1 to 4096"},
      {"width", "12x", "width = 12x, expected 1 to 4096"},
      {"width", "1.5", "width = 1.5, expected"},
      {"width", "", "width = , expected"},
      {"width", "4294967312", "width = 4294967312, expected"}, /* 16 modulo 2^32 */
      {"depth", "-1", "depth = -1, expected 0 or more"},
      {"depth", "2147483648", "depth = 2147483648, expected 0 or more"},
      {"rtol", "2", "rtol = 2, expected 1e-14 to 1"},
      {"rtol", "0", "rtol = 0, expected 1e-14 to 1"},
      {"rtol", "nan", "rtol = nan, expected 1e-14 to 1"},
      {"rtol", "1e-5 ", "expected 1e-14 to 1"},
      {"verbose", "2", "verbose = 2, expected yes|no"},
      {"verbose", "Yes", "expected yes|no"},
      {"act", "tan", "act = tan, expected tanh|relu|leaky_relu"},
      {"act", "", "act = , expected tanh|relu|leaky_relu"},
      {"act", "tanh|relu", "expected tanh|relu|leaky_relu"},
  };
  config c = make_config(), before = c;
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    gn_ck_fails(gn_option_set(table, &c, bad[k].name, bad[k].value), GN_EARG,
                bad[k].message);
  gn_ck_fails(gn_option_set(table, &c, "widht", "3"), GN_ENAME, "'width'");
  gn_ck_fails(gn_option_set(table, &c, "WIDTH", "3"), GN_ENAME, "'WIDTH'");
  static const gn_option none[] = {GN_OPTIONS_END};
  gn_ck_fails(gn_option_set(none, &c, "width", "3"), GN_ENAME, "none");
  char text[GN_TEXT_MAX + 1];
  memset(text, 'x', sizeof text);
  text[GN_TEXT_MAX] = '\0';
  gn_ck_fails(gn_option_set(table, &c, "dir", text), GN_EARG, "at most 255");
  ck_assert(gn_test_same(&c, &before, sizeof c)); /* a refused value changes nothing */
  text[GN_TEXT_MAX - 1] = '\0';
  gn_ck_ok(gn_option_set(table, &c, "dir", text));
  ck_assert_str_eq(c.dir, text);
  ck_assert(c.guard_after == 0x5A);
}
END_TEST

START_TEST(option_printing)
{
  static const struct {
    const char *name, *init, *range;
  } known[] = {{"width", "16", "1 to 4096"}, {"rtol", "1e-05", "1e-14 to 1"},
               {"verbose", "yes", "yes|no"}, {"act", "relu", "tanh|relu|leaky_relu"},
               {"depth", "2", "0 or more"},  {"dir", "runs", "text"}};
  char buf[GN_TEXT_MAX];
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    const gn_option *o = gn_option_find(table, known[k].name);
    gn_option_print_default(o, buf, sizeof buf);
    ck_assert_str_eq(buf, known[k].init);
    gn_option_print_range(o, buf, sizeof buf);
    ck_assert_str_eq(buf, known[k].range);
  }
  static const gn_option open[] = {
      GN_REAL(config, "a", rtol, 0, -INFINITY, INFINITY, ""),
      GN_REAL(config, "b", rtol, 0, -DBL_MAX, 2.5, ""),
      GN_INT(config, "c", width, 0, INT_MIN, INT_MAX, ""),
  };
  gn_option_print_range(&open[0], buf, sizeof buf);
  ck_assert_str_eq(buf, "any number");
  gn_option_print_range(&open[1], buf, sizeof buf);
  ck_assert_str_eq(buf, "2.5 or less");
  gn_option_print_range(&open[2], buf, sizeof buf);
  ck_assert_str_eq(buf, "any integer");
}
END_TEST

START_TEST(option_print_reads_back)
{
  config c = make_config(), d = make_config();
  c.width = 77;
  c.rtol = 1e-9 / 3;
  c.verbose = 0;
  c.act = 2;
  c.net.depth = 5;
  gn_ck_ok(gn_option_set(table, &c, "dir", "a folder/x"));
  char buf[GN_TEXT_MAX];
  for (const gn_option *o = table; o->name; o++) {
    gn_option_print(o, &c, buf, sizeof buf);
    gn_ck_ok(gn_option_set(table, &d, o->name, buf));
  }
  ck_assert(d.rtol == c.rtol);
  ck_assert(d.width == 77 && d.verbose == 0 && d.act == 2 && d.net.depth == 5);
  ck_assert_str_eq(d.dir, "a folder/x");
}
END_TEST

static gn_status read_text(gn_arena *a, const char *text, gn_ini **ini)
{
  return gn_ini_read(a, gn_test_file(gn_test_tmpdir(), "a.ini", text), ini);
}

START_TEST(ini_entries)
{
  gn_arena *a = NULL;
  gn_ini *ini = NULL;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(read_text(
      a,
      "\xEF\xBB\xBF# a comment\n; another = one\n\n[model]\r\nname = hbnode\r\n"
      "  width=64 ; inline\n\t# indented comment\n\twith:colon\t=\tx\n"
      "[gradient] # why\nname = backsolve:norm=semi\nempty =\nnote = a;b # c\n"
      "[model]\nlast = 1",
      &ini));
  ck_assert_uint_eq(ini->n, 7);
  ck_assert_str_eq(gn_ini_get(ini, "model", "name"), "hbnode");
  ck_assert_str_eq(gn_ini_get(ini, "model", "width"), "64");
  ck_assert_str_eq(gn_ini_get(ini, "model", "with"), "colon\t=\tx");
  ck_assert_str_eq(gn_ini_get(ini, "gradient", "name"), "backsolve:norm=semi");
  ck_assert_str_eq(gn_ini_get(ini, "gradient", "empty"), "");
  ck_assert_str_eq(gn_ini_get(ini, "gradient", "note"), "a;b # c");
  ck_assert_str_eq(gn_ini_get(ini, "model", "last"), "1");
  ck_assert_ptr_null(gn_ini_get(ini, "solver", "name"));
  ck_assert_ptr_null(gn_ini_get(ini, "model", "nam"));
  ck_assert_str_eq(ini->entry[1].key, "width");
  ck_assert_int_eq(ini->entry[1].line, 6);
  ck_assert_int_eq(ini->entry[6].line, 14);
  ck_assert_ptr_nonnull(strstr(ini->file, "a.ini"));
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(ini_refusals)
{
  static const struct {
    const char *text, *message;
  } bad[] = {
      {"[a]\nk = 1\nnonsense\n", "a.ini:3: 'nonsense' is neither"},
      {"[a]\nk = 1\n  continued\n", "a.ini:3: 'continued' is neither"},
      {"[a]\nnonsense", "a.ini:2: 'nonsense' is neither"},
      {"[a]\nk ; = 1\n", "a.ini:2: "},
      {"k = 1\n", "a.ini:1: 'k' stands before"},
      {"[]\nk = 1\n", "a.ini:2: 'k' stands before"},
      {"\n[a\nk = 1\n", "a.ini:2: '[a' has no ']'"},
      {"[a] k = 1\n", "a.ini:1: 'k = 1' after a section"},
      {"[a]\n = 1\n", "a.ini:2: a value without a key"},
      {"[a]\nk = 1\n[b]\nk = 1\n[a]\n\nk = 2\n",
       "a.ini:7: a.k is given twice, first in line 2"},
      {"[a]\nk = 1\nk = 2\nbad\n", "a.ini:3: a.k is given twice"},
      {"[a]\nbad\nk = 1\nk = 2\n", "a.ini:2: 'bad' is neither"},
      {"[a2345678901234567890123456789012345678901234567890]\n",
       "a.ini:1: a section name of 50"},
  };
  gn_arena *a = NULL;
  gn_ck_ok(gn_arena_create(&a));
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    gn_ini *ini = NULL;
    gn_ck_fails(read_text(a, bad[k].text, &ini), GN_EARG, bad[k].message);
    ck_assert_ptr_null(ini);
  }
  gn_ini *ini = NULL;
  gn_ck_fails(gn_ini_read(a, "no/such.ini", &ini), GN_EIO,
              "no/such.ini: cannot open: No such");
  gn_ck_fails(gn_ini_read(a, gn_test_tmpdir(), &ini), GN_EIO,
              "cannot read: Is a directory");
  const char *path = gn_test_path(gn_test_tmpdir(), "nul.ini");
  FILE *f = fopen(path, "wb");
  ck_assert(f && fwrite("[a]\nk\0 = 1\n", 1, 11, f) == 11 && fclose(f) == 0);
  gn_ck_fails(gn_ini_read(a, path, &ini), GN_EARG, "nul.ini:2: a NUL byte");
  gn_arena_destroy(&a);
}
END_TEST

/* inih's own buffer is 200 characters: longer lines must neither be split nor be cut */
START_TEST(ini_long_lines)
{
  gn_arena *a = NULL;
  gn_ini *ini = NULL;
  gn_ck_ok(gn_arena_create(&a));
  const char *dir = gn_test_tmpdir();
  char value[1100], text[1300];
  for (size_t n = 150; n <= 800; n++) {
    memset(value, 'v', n);
    value[n] = '\0';
    value[n / 2] = ' ';
    (void)snprintf(text, sizeof text, "[a]\nk =  %s  ; note\nnext = 1\n", value);
    if (n % 13 && (n < 180 || n > 210)) continue;
    gn_ck_ok(gn_ini_read(a, gn_test_file(dir, "a.ini", text), &ini));
    ck_assert_str_eq(gn_ini_get(ini, "a", "k"), value);
    ck_assert_str_eq(gn_ini_get(ini, "a", "next"), "1");
  }
  memset(value, 'v', 1099);
  value[1099] = '\0';
  (void)snprintf(text, sizeof text, "[a]\nk = %s\n", value);
  gn_ck_fails(read_text(a, text, &ini), GN_EARG, "a.ini:2: a line longer than 1023");
  (void)snprintf(text, sizeof text, "[a]\n%.300s\n", value);
  gn_ck_fails(read_text(a, text, &ini), GN_EARG, "a.ini:2: 'vvv");
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(ini_set_and_grow)
{
  gn_arena *a = NULL;
  gn_ini *ini = NULL;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(read_text(a, "[a]\nk = 1\n", &ini));
  char key[16] = "k", value[16] = "two";
  gn_ck_ok(gn_ini_set(a, ini, "a", key, value));
  value[0] = key[0] = 'X'; /* the strings are copied */
  ck_assert_str_eq(gn_ini_get(ini, "a", "k"), "two");
  ck_assert_int_eq(ini->entry[0].line, 0);
  for (int k = 0; k < 100; k++) {
    (void)snprintf(key, sizeof key, "key%d", k);
    (void)snprintf(value, sizeof value, "%d", k * k);
    gn_ck_ok(gn_ini_set(a, ini, "b", key, value));
  }
  ck_assert_uint_eq(ini->n, 101);
  for (int k = 0; k < 100; k++) {
    (void)snprintf(key, sizeof key, "key%d", k);
    (void)snprintf(value, sizeof value, "%d", k * k);
    ck_assert_str_eq(gn_ini_get(ini, "b", key), value);
  }
  gn_arena_destroy(&a);
}
END_TEST

/* Known answers of the authors' Random123 distribution, philox4x32 with 10 rounds. */
START_TEST(rng_known_answers)
{
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    uint32_t out[4];
    gn_philox(known[k].counter, known[k].key, out);
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(out[i], known[k].out[i]);
  }
  gn_rng r = gn_rng_make(0, 0);
  ck_assert(gn_rng_bits(&r) == UINT64_C(0xe169c58d6627e8d5));
}
END_TEST

START_TEST(rng_is_a_function_of_its_position)
{
  gn_rng r = gn_rng_make(42, gn_rng_stream(GN_STREAM_TEST, 3)), keep = r;
  double u[100], v[100];
  for (int i = 0; i < 100; i++) u[i] = gn_rng_normal(&r);
  ck_assert(r.index == 100); /* one index, one normal */
  for (int i = 99; i >= 0; i--) {
    keep.index = (uint64_t)i;
    v[i] = gn_rng_normal(&keep);
  }
  ck_assert(gn_test_same(u, v, sizeof u));
  gn_rng other = gn_rng_make(42, gn_rng_stream(GN_STREAM_TEST, 4));
  gn_rng seed = gn_rng_make(43, gn_rng_stream(GN_STREAM_TEST, 3));
  keep.index = 0;
  uint64_t bits = gn_rng_bits(&keep);
  ck_assert(bits != gn_rng_bits(&other) && bits != gn_rng_bits(&seed));
}
END_TEST

/* Mean, variance, third and fourth moment over n = 2e6 draws: the standard errors are
   sqrt(v / n) with v = 1, 2, 15, 96; five of them are allowed. */
START_TEST(rng_moments)
{
  const int n = 2000000;
  double m[5] = {0}, u1 = 0, u2 = 0, low = 1, high = 0;
  gn_rng r = gn_rng_make(7, GN_STREAM_TEST), s = gn_rng_make(8, GN_STREAM_TEST);
  for (int i = 0; i < n; i++) {
    double x = gn_rng_normal(&r), u = gn_rng_uniform(&s), p = 1;
    for (int k = 1; k <= 4; k++) m[k] += (p *= x) / n;
    u1 += u / n;
    u2 += u * u / n;
    low = fmin(low, u);
    high = fmax(high, u);
  }
  double se = 5 / sqrt(n);
  ck_assert_double_le(fabs(m[1]), se);
  ck_assert_double_le(fabs(m[2] - 1), se * sqrt(2));
  ck_assert_double_le(fabs(m[3]), se * sqrt(15));
  ck_assert_double_le(fabs(m[4] - 3), se * sqrt(96));
  ck_assert_double_le(fabs(u1 - 0.5), se * sqrt(1.0 / 12));
  ck_assert_double_le(fabs(u2 - 1.0 / 3), se * sqrt(4.0 / 45));
  ck_assert(low >= 0 && low < 1e-5 && high < 1 && high > 1 - 1e-5);
}
END_TEST

/* A normal is the x with P(N < x) = u: erfc of libm is the oracle, 1e-13 its amplified
   rounding in the tails (du/u = -x dx, |x| < 5.2 here). */
START_TEST(rng_normals_invert_erfc)
{
  gn_rng r = gn_rng_make(9, GN_STREAM_TEST);
  double worst = 0, furthest = 0;
  for (int i = 0; i < 300000; i++) {
    gn_rng copy = r;
    double u = ((double)(gn_rng_bits(&copy) >> 12) + 0.5) * 0x1p-52;
    double x = gn_rng_normal(&r);
    double p = x < 0 ? 0.5 * erfc(-x / sqrt(2)) : 0.5 * erfc(x / sqrt(2));
    double tail = x < 0 ? u : 1 - u;
    worst = fmax(worst, fabs(p - tail) / tail);
    furthest = fmax(furthest, fabs(x));
  }
  ck_assert_msg(worst < 1e-13, "relative error %.2e", worst);
  ck_assert(furthest > 4);
}
END_TEST

/* The generator whose next draw is bits: Philox is a bijection of its counter. */
static gn_rng about_to_draw(uint64_t bits)
{
  const uint32_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;
  uint32_t i0 = 1, i1 = 1; /* inverses modulo 2^32, by Newton */
  for (int k = 0; k < 5; k++) {
    i0 *= 2 - m0 * i0;
    i1 *= 2 - m1 * i1;
  }
  uint32_t c[4] = {(uint32_t)bits, (uint32_t)(bits >> 32), 3, 4};
  for (uint32_t round = 10; round-- > 0;) { /* seed 0: the key is that of the round */
    uint32_t x0 = c[3] * i0, x2 = c[1] * i1;
    uint32_t x1 = c[0] ^ (uint32_t)((uint64_t)m1 * x2 >> 32) ^ round * 0x9E3779B9u;
    uint32_t x3 = c[2] ^ (uint32_t)((uint64_t)m0 * x0 >> 32) ^ round * 0xBB67AE85u;
    c[0] = x0;
    c[1] = x1;
    c[2] = x2;
    c[3] = x3;
  }
  return (gn_rng){0, (uint64_t)c[3] << 32 | c[2], (uint64_t)c[1] << 32 | c[0]};
}

START_TEST(rng_extreme_draws)
{
  gn_rng r = about_to_draw(0);
  ck_assert(gn_rng_uniform(&r) == 0);
  r = about_to_draw(UINT64_MAX);
  ck_assert(gn_rng_uniform(&r) == 1 - 0x1p-53);
  for (int e = 0; e < 52;
       e++) { /* u = (2^e + 1/2) 2^-52 and its mirror: |x| up to 8.1 */
    uint64_t k = UINT64_C(1) << e;
    double u = ((double)k + 0.5) * 0x1p-52;
    r = about_to_draw(k << 12);
    double x = gn_rng_normal(&r), p = 0.5 * erfc(-x / sqrt(2));
    ck_assert_msg(fabs(p - u) < 1e-13 * u, "normal at %a: %.17g", u, x);
    r = about_to_draw(~(k << 12));
    ck_assert(gn_rng_normal(&r) == -x);
  }
}
END_TEST

/* The bits of a few draws, recorded from this code: every machine must repeat them. */
START_TEST(rng_recorded_bits)
{
  static const double normals[] = {
      -0x1.5b3496f890e02p+0, -0x1.6a54613f1f6a3p-1, -0x1.82321e6a78a6bp-2,
      -0x1.db53695fc7cb3p-3, 0x1.58f4453b0d191p-3,  -0x1.f4f7f2b3f9a2dp-1,
      -0x1.0d52502c3ae1fp-2, -0x1.a556f5f22ec4cp+0, 0x1.0ca41f6e1015ep-8,
      0x1.a9589f57ba4fep+0,  -0x1.950a02ec41811p-2, 0x1.0e3ba400ff11ep-2,
  };
  gn_rng r = gn_rng_make(2026, gn_rng_stream(GN_STREAM_TEST, 1));
  for (size_t i = 0; i < sizeof normals / sizeof *normals; i++) {
    double x = gn_rng_normal(&r);
    ck_assert_msg(x == normals[i], "normal %zu is %a, expected %a", i, x, normals[i]);
  }
}
END_TEST

START_TEST(rng_below_and_shuffle)
{
  gn_rng r = gn_rng_make(5, GN_STREAM_TEST);
  int count[6] = {0};
  for (int i = 0; i < 60000; i++) count[gn_rng_below(&r, 6)]++;
  /* standard deviation sqrt(n p (1 - p)) = 91; five of them */
  for (int k = 0; k < 6; k++) ck_assert_int_le(abs(count[k] - 10000), 456);
  ck_assert(gn_rng_below(&r, 1) == 0 && gn_rng_below(&r, 0) == 0);
  uint64_t big = UINT64_C(3) << 62;
  int upper = 0;
  for (int i = 0; i < 3000; i++) {
    uint64_t v = gn_rng_below(&r, big);
    ck_assert(v < big);
    upper += v >= UINT64_C(1) << 63;
  }
  /* a third; modulo without rejection would give a quarter. Five deviations of 26 */
  ck_assert_int_le(abs(upper - 1000), 130);

  size_t perm[1000], again[1000], seen[1000] = {0}, fixed = 0;
  for (size_t i = 0; i < 1000; i++) perm[i] = again[i] = i;
  gn_rng s = gn_rng_make(5, GN_STREAM_ORDER), t = s;
  gn_rng_shuffle(&s, 1000, perm);
  gn_rng_shuffle(&t, 1000, again);
  ck_assert(gn_test_same(perm, again, sizeof perm));
  for (size_t i = 0; i < 1000; i++) {
    seen[perm[i]]++;
    fixed += perm[i] == i;
  }
  for (size_t i = 0; i < 1000; i++) ck_assert_uint_eq(seen[i], 1);
  ck_assert_uint_lt(fixed, 8); /* Poisson of mean 1 */
  gn_rng_shuffle(&s, 0, perm);
  gn_rng_shuffle(&s, 1, perm);
}
END_TEST

static const char *printed(const gn_table *t, int csv)
{
  static char text[2048];
  FILE *f = fopen(gn_test_path(gn_test_tmpdir(), "table"), "w+");
  ck_assert_ptr_nonnull(f);
  gn_ck_ok(gn_table_print(t, f, csv));
  rewind(f);
  text[fread(text, 1, sizeof text - 1, f)] = '\0';
  (void)fclose(f);
  return text;
}

START_TEST(table_prints)
{
  static const char *const names[] = {"<strategy", "err", "<note"};
  gn_table *t = NULL;
  gn_ck_ok(gn_table_create(3, names, &t));
  ck_assert_str_eq(printed(t, 0), "strategy  err  note\n");
  gn_table_cell(t, "%s", "discrete");
  gn_table_cell(t, "%.1e", 1e-12);
  gn_table_end_row(t);
  gn_table_cell(t, "backsolve");
  gn_table_cell(t, "%d", 5);
  gn_table_cell(t, "drifts, \"warned\"");
  gn_table_cell(t,
                "\xCE\xB3"); /* one character, two bytes; a full row ends by itself */
  gn_table_cell(t, "%s", "");
  gn_table_cell(t, "line\nbreak");
  gn_table_end_row(t);
  ck_assert_str_eq(printed(t, 0), "strategy       err  note\n"
                                  "discrete   1.0e-12\n"
                                  "backsolve        5  drifts, \"warned\"\n"
                                  "\xCE\xB3                   line\nbreak\n");
  ck_assert_str_eq(printed(t, 1), "strategy,err,note\n"
                                  "discrete,1.0e-12,\n"
                                  "backsolve,5,\"drifts, \"\"warned\"\"\"\n"
                                  "\xCE\xB3,,\"line\nbreak\"\n");
  gn_table_destroy(&t);
  ck_assert_ptr_null(t);
  gn_table_destroy(&t);
  gn_ck_fails(gn_table_create(0, names, &t), GN_EARG, "0 columns");
}
END_TEST

START_TEST(table_remembers_memory_failures)
{
  static const char *const names[] = {"a", "b"};
  for (long k = 0;; k++) {
    gn_table *t = NULL;
    gn_wrap_refuse(k);
    gn_status s = gn_table_create(2, names, &t);
    if (s == GN_OK) {
      gn_table_cell(t, "%d", 1);
      gn_table_cell(t, "%d", 2);
      gn_table_end_row(t);
      gn_table_cell(t, "%d", 3);
      FILE *null = fopen("/dev/null", "w");
      s = gn_table_print(t, null, 0);
      (void)fclose(null);
    }
    int refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    gn_table_destroy(&t);
    ck_assert_int_eq(s, refused ? GN_ENOMEM : GN_OK);
    if (!refused) break;
    ck_assert_int_lt(k, 100);
  }
}
END_TEST

START_TEST(table_reports_a_full_disk)
{
  static const char *const names[] = {"a"};
  gn_table *t = NULL;
  FILE *full = fopen("/dev/full", "w");
  if (!full) return;
  gn_ck_ok(gn_table_create(1, names, &t));
  ck_assert_int_eq(setvbuf(full, NULL, _IONBF, 0), 0);
  gn_ck_fails(gn_table_print(t, full, 0), GN_EIO, "could not be written");
  (void)fclose(full);
  gn_table_destroy(&t);
}
END_TEST

START_TEST(clocks_advance)
{
  double wall = gn_clock_wall(), cpu = gn_clock_cpu();
  volatile double sum = 0;
  while (gn_clock_cpu() - cpu < 0.02)
    for (int i = 0; i < 1000; i++) sum = sum + i;
  ck_assert_double_ge(gn_clock_wall() - wall, 0.005); /* even with four busy threads */
  ck_assert_double_ge(cpu, 0);
}
END_TEST

#define ADD(test) tcase_add_test(tc, test)

int main(void)
{
  Suite *suite = suite_create("base");
  TCase *tc = tcase_create("ground floor");
  ADD(status_messages);
  ADD(status_long_messages_are_cut);
  ADD(status_names);
  ADD(arena_pieces);
  ADD(arena_refuses_what_overflows);
  ADD(text_nearest);
  ADD(text_numbers);
  ADD(text_doubles_round_trip);
  ADD(text_byte_counts);
  ADD(option_defaults);
  ADD(option_values);
  ADD(option_refusals);
  ADD(option_printing);
  ADD(option_print_reads_back);
  ADD(ini_entries);
  ADD(ini_refusals);
  ADD(ini_long_lines);
  ADD(ini_set_and_grow);
  ADD(rng_known_answers);
  ADD(rng_is_a_function_of_its_position);
  ADD(rng_moments);
  ADD(rng_normals_invert_erfc);
  ADD(rng_extreme_draws);
  ADD(rng_recorded_bits);
  ADD(rng_below_and_shuffle);
  ADD(table_prints);
  ADD(table_remembers_memory_failures);
  ADD(table_reports_a_full_disk);
  ADD(clocks_advance);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
