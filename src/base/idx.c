/* The idx format: two bytes 0, one for the type, one for the rank, the lengths as big-endian
 * 32-bit numbers, then the elements, the last index fastest. Only bytes (type 8) are read.
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". */
#include "base/idx.h"

#include "base/gzip.h"

#include <string.h>

enum { BYTES = 0x08 };

static gn_status read_shape(gn_gzip *z, gn_idx *x)
{
  unsigned char magic[4], length[4];
  GN_TRY(gn_gzip_read(z, sizeof magic, magic, "the magic number"));
  GN_REQUIRE(magic[0] == 0 && magic[1] == 0, GN_EIO,
             "%s: byte 0: not an idx file: begins with %02x %02x, expected 00 00", x->file,
             magic[0], magic[1]);
  GN_REQUIRE(magic[2] == BYTES, GN_EIO,
             "%s: byte 2: elements of type %02x, expected %02x (unsigned bytes)", x->file,
             magic[2], (unsigned)BYTES);
  GN_REQUIRE(magic[3] >= 1 && magic[3] <= GN_SHAPE_MAXRANK, GN_EIO,
             "%s: byte 3: rank %d, expected 1 to %d", x->file, magic[3], GN_SHAPE_MAXRANK);
  x->rank = magic[3];
  for (int k = 0; k < x->rank; k++) {
    GN_TRY(gn_gzip_read(z, sizeof length, length, "the shape"));
    for (int j = 0; j < 4; j++) x->shape[k] = x->shape[k] << 8 | length[j];
  }
  return GN_OK;
}

static gn_status read_all(gn_arena *a, gn_gzip *z, int want_rank, const size_t *want,
                          gn_idx *x)
{
  unsigned char *at;
  GN_TRY(read_shape(z, x));
  GN_TRY(gn_shape_check(x->file, x->rank, x->shape, want_rank, want));
  GN_TRY(gn_shape_size(x->file, x->rank, x->shape, 1, &x->n));
  GN_TRY(gn_gzip_holds(z, x->n, "the array"));
  GN_NEW(a, at, x->n);
  x->at = at;
  GN_TRY(gn_gzip_read(z, x->n, at, "the array"));
  return gn_gzip_end(z);
}

gn_status gn_idx_read(gn_arena *a, const char *file, int want_rank, const size_t *want,
                      gn_idx **out)
{
  gn_idx *x;
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
