/* The NPY format: "\x93NUMPY", a version, the length of a header, the header (a Python dict of
 * descr, fortran_order and shape in one line of text), then the elements.
 * Source: NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays". */
#include "base/npy.h"

#include "base/gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 1 << 16, CHUNK = 8192 };
static const char magic[] = "\x93NUMPY";
static const uint64_t exact_most = (uint64_t)1 << 53; /* the integers a double has */

/* ---- the header ------------------------------------------------------------------------- */

typedef struct scan {
  const char *file, *text, *at;
  size_t begin; /* of text, in the file */
} scan;

static size_t where(const scan *s)
{
  return s->begin + (size_t)(s->at - s->text);
}

/* Past blanks and c, if c is next. */
static int accept(scan *s, char c)
{
  while (*s->at == ' ') s->at++;
  if (*s->at != c) return 0;
  s->at++;
  return 1;
}

static gn_status expect(scan *s, char c)
{
  GN_REQUIRE(accept(s, c), GN_EIO, "%s: byte %zu: expected '%c' in the NPY header", s->file,
             where(s), c);
  return GN_OK;
}

/* A string in quotes of either kind. */
static gn_status quoted(scan *s, char *to, size_t size)
{
  const char mark = accept(s, '"') ? '"' : '\'';
  if (mark == '\'') GN_TRY(expect(s, '\''));
  const char *end = strchr(s->at, mark);
  GN_REQUIRE(end && (size_t)(end - s->at) < size, GN_EIO,
             "%s: byte %zu: expected a string of at most %zu characters in the NPY header",
             s->file, where(s), size - 1);
  const size_t n = (size_t)(end - s->at);
  memcpy(to, s->at, n);
  to[n] = '\0';
  s->at = end + 1;
  return GN_OK;
}

static gn_status read_type(scan *s, gn_npy *x)
{
  static const char *const known[] = { "f4", "f8", "b1", "i1", "i2", "i4",
                                       "i8", "u1", "u2", "u4", "u8" };
  char type[16] = { 0 };
  GN_REQUIRE(!accept(s, '['), GN_EIO,
             "%s: byte %zu: an array of records; save each field as an "
             "array of its own",
             s->file, where(s) - 1);
  const size_t at = where(s);
  GN_TRY(quoted(s, type, sizeof type));
  int found = 0;
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    if (type[0] && strcmp(type + 1, known[k]) == 0) found = 1;
  const int order = type[0] == '<' || type[0] == '>' || (type[0] == '|' && type[2] == '1');
  GN_REQUIRE(found && order, GN_EIO,
             "%s: byte %zu: elements of type '%s', expected bool, an "
             "integer, float32 or float64 with their byte order ('<f4')",
             s->file, at, type);
  memcpy(x->type, type, sizeof x->type);
  return GN_OK;
}

static gn_status read_order(scan *s, int *fortran)
{
  while (*s->at == ' ') s->at++;
  *fortran = strncmp(s->at, "True", 4) == 0;
  GN_REQUIRE(*fortran || strncmp(s->at, "False", 5) == 0, GN_EIO,
             "%s: byte %zu: expected True or False in the NPY header", s->file, where(s));
  s->at += *fortran ? 4 : 5;
  return GN_OK;
}

static gn_status read_shape(scan *s, gn_npy *x)
{
  GN_TRY(expect(s, '('));
  for (x->rank = 0; !accept(s, ')'); x->rank++) {
    char *end;
    GN_REQUIRE(x->rank < GN_SHAPE_MAXRANK, GN_EIO, "%s: byte %zu: more than %d axes",
               s->file, where(s), GN_SHAPE_MAXRANK);
    errno = 0;
    const unsigned long long n = strtoull(s->at, &end, 10);
    GN_REQUIRE(*s->at >= '0' && *s->at <= '9' && errno == 0 && n <= SIZE_MAX, GN_EIO,
               "%s: byte %zu: expected a length in the NPY header", s->file, where(s));
    x->shape[x->rank] = (size_t)n;
    s->at = end;
    if (accept(s, ',')) continue;
    GN_TRY(expect(s, ')'));
    x->rank++;
    break;
  }
  return GN_OK;
}

static gn_status read_dict(scan *s, gn_npy *x)
{
  static const char *const keys[] = { "descr", "fortran_order", "shape" };
  int seen[3] = { 0 }, fortran = 0;
  GN_TRY(expect(s, '{'));
  while (!accept(s, '}')) {
    char key[16];
    int k = 0;
    const size_t at = where(s);
    GN_TRY(quoted(s, key, sizeof key));
    while (k < 3 && strcmp(key, keys[k]) != 0) k++;
    GN_REQUIRE(k < 3 && !seen[k]++, GN_EIO, "%s: byte %zu: key '%s' %s in the NPY header",
               s->file, at, key, k < 3 ? "twice" : "unknown");
    GN_TRY(expect(s, ':'));
    GN_TRY(k == 0 ? read_type(s, x) : k == 1 ? read_order(s, &fortran) : read_shape(s, x));
    if (accept(s, ',')) continue;
    GN_TRY(expect(s, '}'));
    break;
  }
  for (int k = 0; k < 3; k++)
    GN_REQUIRE(seen[k], GN_EIO, "%s: byte %zu: no key '%s' in the NPY header", s->file,
               where(s), keys[k]);
  GN_REQUIRE(!fortran || x->rank < 2, GN_EIO,
             "%s: an array in Fortran order; save it with "
             "numpy.ascontiguousarray",
             s->file);
  while (*s->at == ' ' || *s->at == '\n') s->at++;
  GN_REQUIRE(!*s->at, GN_EIO, "%s: byte %zu: text after the NPY header", s->file, where(s));
  return GN_OK;
}

static gn_status read_header(gn_arena *a, gn_gzip *z, gn_npy *x)
{
  unsigned char head[8], length[4] = { 0 };
  char *text;
  GN_TRY(gn_gzip_read(z, sizeof head, head, "the magic string and version"));
  GN_REQUIRE(memcmp(head, magic, 6) == 0, GN_EIO,
             "%s: byte 0: not an NPY file: it does not begin with \\x93NUMPY", x->file);
  GN_REQUIRE((head[6] == 1 || head[6] == 2) && head[7] == 0, GN_EIO,
             "%s: byte 6: NPY version %d.%d, expected 1.0 or 2.0", x->file, head[6],
             head[7]);
  GN_TRY(gn_gzip_read(z, head[6] == 1 ? 2 : 4, length, "the length of the header"));
  const size_t n = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                   (size_t)length[3] << 24;
  GN_REQUIRE(n < HEADER_MAX, GN_EIO,
             "%s: byte 8: a header of %zu bytes, expected less than %d", x->file, n,
             (int)HEADER_MAX);
  scan s = { .file = x->file, .begin = (size_t)z->at };
  GN_TRY(gn_gzip_holds(z, n, "the header"));
  GN_NEW(a, text, n + 1);
  GN_TRY(gn_gzip_read(z, n, text, "the header"));
  GN_REQUIRE(strlen(text) == n, GN_EIO, "%s: byte %zu: a NUL byte in the NPY header",
             x->file, s.begin + strlen(text));
  s.text = s.at = text;
  return read_dict(&s, x);
}

/* ---- the elements ----------------------------------------------------------------------- */

/* One element of size bytes; *bad = 1 if a double has no room for it. */
static double decode(const char type[4], size_t size, const unsigned char *from, int *bad)
{
  uint64_t u = 0;
  double d;
  for (size_t j = 0; j < size; j++) u = u << 8 | from[type[0] == '>' ? j : size - 1 - j];
  if (type[1] == 'f' && size == 4) {
    const uint32_t half = (uint32_t)u;
    float f;
    memcpy(&f, &half, sizeof f);
    return (double)f;
  }
  if (type[1] == 'f') {
    memcpy(&d, &u, sizeof d);
    return d;
  }
  const int negative = type[1] == 'i' && u >> (8 * size - 1);
  if (negative) u = size == 8 ? -u : ((uint64_t)1 << (8 * size)) - u;
  if (u > exact_most) *bad = 1;
  d = (double)u;
  return negative ? -d : d;
}

static gn_status read_elements(gn_gzip *z, gn_npy *x)
{
  const size_t size = (size_t)(x->type[2] - '0');
  unsigned char piece[CHUNK];
  int bad = 0;
  for (size_t i = 0, m; i < x->n; i += m) {
    const uint64_t begin = z->at;
    m = x->n - i < CHUNK / size ? x->n - i : CHUNK / size;
    GN_TRY(gn_gzip_read(z, m * size, piece, "the array"));
    for (size_t j = 0; j < m; j++) {
      x->at[i + j] = decode(x->type, size, piece + j * size, &bad);
      GN_REQUIRE(!bad, GN_EIO,
                 "%s: byte %" PRIu64 ": an integer beyond 2^53, the last one that "
                 "a double has",
                 x->file, begin + j * size);
    }
  }
  return gn_gzip_end(z);
}

static gn_status read_all(gn_arena *a, gn_gzip *z, int want_rank, const size_t *want,
                          gn_npy *x)
{
  GN_TRY(read_header(a, z, x));
  if (want) GN_TRY(gn_shape_check(x->file, x->rank, x->shape, want_rank, want));
  GN_TRY(gn_shape_size(x->file, x->rank, x->shape, sizeof *x->at, &x->n));
  GN_TRY(gn_gzip_holds(z, (uint64_t)x->n * (uint64_t)(x->type[2] - '0'), "the array"));
  GN_NEW(a, x->at, x->n);
  return read_elements(z, x);
}

gn_status gn_npy_read(gn_arena *a, const char *file, int want_rank, const size_t *want,
                      gn_npy **out)
{
  gn_npy *x;
  gn_gzip z;
  GN_NEW(a, x, 1);
  x->file = gn_arena_strdup(a, file);
  if (!x->file) return GN_ENOMEM;
  GN_TRY(gn_gzip_open(x->file, &z));
  const gn_status s = read_all(a, &z, want_rank, want, x);
  gn_gzip_close(&z);
  GN_TRY(s);
  *out = x;
  return GN_OK;
}
