/* Reading plain and packed files (gzip, RFC 1952: members one after another, each with its
 * check sum) through zlib's inflate. The one file that includes zlib.h.
 *
 * Not through zlib's own gzread: it takes a file that is cut off within the last check sum for
 * a whole one. */
#include "base/gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
  CHUNK = 1 << 16,
  GZIP_ONLY = 16 + MAX_WBITS, /* of inflateInit2: a gzip header and check sum */
  DEFLATE_MOST = 1032         /* bytes unpacked per byte: zlib's own bound */
};

typedef struct gn_unpacker {
  FILE *f;
  int packed, whole; /* whole: at the end of a member */
  z_stream z;
  unsigned char piece[CHUNK]; /* of the packed file */
} unpacker;

/* Look at the first two bytes. */
static gn_status look(gn_gzip *z)
{
  unpacker *in = z->in;
  unsigned char head[2];
  struct stat st;
  GN_REQUIRE(fstat(fileno(in->f), &st) == 0, GN_EIO, "%s: cannot read: %s", z->file,
             strerror(errno));
  GN_REQUIRE(S_ISREG(st.st_mode), GN_EIO, "%s: not a regular file", z->file);
  z->size = (uint64_t)st.st_size;
  in->packed = fread(head, 1, 2, in->f) == 2 && head[0] == 0x1f && head[1] == 0x8b;
  rewind(in->f);
  GN_REQUIRE(!in->packed || inflateInit2(&in->z, GZIP_ONLY) == Z_OK, GN_ENOMEM,
             "%s: out of memory", z->file);
  return GN_OK;
}

gn_status gn_gzip_open(const char *file, gn_gzip *z)
{
  *z = (gn_gzip){ .file = file };
  FILE *f = fopen(file, "rb");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  z->in = calloc(1, sizeof *z->in);
  if (!z->in) {
    (void)fclose(f);
    return GN_FAIL(GN_ENOMEM, "%s: out of memory", file);
  }
  z->in->f = f;
  const gn_status s = look(z);
  if (s != GN_OK) gn_gzip_close(z);
  return s;
}

/* Bytes of the file itself; *got < n: its end. */
static gn_status load(gn_gzip *z, size_t n, unsigned char *to, size_t *got)
{
  *got = fread(to, 1, n, z->in->f);
  GN_REQUIRE(!ferror(z->in->f), GN_EIO, "%s: cannot read: %s", z->file, strerror(errno));
  return GN_OK;
}

/* Unpack until there is no room, or the end: *end = 1. */
static gn_status inflate_some(gn_gzip *z, int *end)
{
  unpacker *in = z->in;
  if (in->z.avail_in == 0) {
    size_t got;
    GN_TRY(load(z, sizeof in->piece, in->piece, &got));
    in->z.next_in = in->piece;
    in->z.avail_in = (unsigned)got;
  }
  *end = in->z.avail_in == 0;
  GN_REQUIRE(!*end || in->whole, GN_EIO, "%s: byte %" PRIu64 ": the packed file is cut off",
             z->file, z->at);
  if (*end) return GN_OK;
  if (in->whole) (void)inflateReset(&in->z); /* another member */
  const int code = inflate(&in->z, Z_NO_FLUSH);
  in->whole = code == Z_STREAM_END;
  GN_REQUIRE(code != Z_MEM_ERROR, GN_ENOMEM, "%s: out of memory", z->file);
  GN_REQUIRE(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR, GN_EIO,
             "%s: byte %" PRIu64 ": damaged gzip data: %s", z->file, z->at,
             in->z.msg ? in->z.msg : "");
  return GN_OK;
}

/* Up to n bytes; *got < n: the end. */
static gn_status take(gn_gzip *z, size_t n, unsigned char *to, size_t *got)
{
  *got = 0;
  if (!z->in->packed) {
    GN_TRY(load(z, n, to, got));
    z->at += *got;
    return GN_OK;
  }
  for (int end = 0; *got < n && !end;) {
    const unsigned room = n - *got < CHUNK ? (unsigned)(n - *got) : CHUNK;
    z->in->z.next_out = to + *got;
    z->in->z.avail_out = room;
    GN_TRY(inflate_some(z, &end));
    *got += room - z->in->z.avail_out;
    z->at += room - z->in->z.avail_out;
  }
  return GN_OK;
}

gn_status gn_gzip_read(gn_gzip *z, size_t n, void *to, const char *what)
{
  size_t got;
  GN_TRY(take(z, n, to, &got));
  GN_REQUIRE(got == n, GN_EIO,
             "%s: byte %" PRIu64 ": the file ends, %zu bytes of %s are missing", z->file,
             z->at, n - got, what);
  return GN_OK;
}

gn_status gn_gzip_holds(const gn_gzip *z, uint64_t n, const char *what)
{
  const int plain = !z->in->packed;
  const uint64_t most =
      plain ? z->size - (z->at < z->size ? z->at : z->size) : z->size * DEFLATE_MOST;
  GN_REQUIRE(n <= most, GN_EIO,
             "%s: byte %" PRIu64 ": %s needs %" PRIu64 " bytes, %s %" PRIu64 " follow",
             z->file, z->at, what, n, plain ? "only" : "at most", most);
  return GN_OK;
}

gn_status gn_gzip_end(gn_gzip *z)
{
  unsigned char more;
  size_t got;
  const uint64_t at = z->at;
  GN_TRY(take(z, 1, &more, &got));
  GN_REQUIRE(got == 0, GN_EIO, "%s: byte %" PRIu64 ": expected the end of the file",
             z->file, at);
  return GN_OK;
}

gn_status gn_gzip_count(gn_gzip *z, size_t most, size_t *n)
{
  unsigned char piece[4096];
  size_t got = sizeof piece;
  const uint64_t begin = z->at;
  if (!z->in->packed) {
    const uint64_t left = z->size - (begin < z->size ? begin : z->size);
    *n = left > most ? most + 1 : (size_t)left;
    return GN_OK;
  }
  while (got == sizeof piece && z->at - begin <= most)
    GN_TRY(take(z, sizeof piece, piece, &got));
  *n = z->at - begin > most ? most + 1 : (size_t)(z->at - begin);
  return *n > most ? GN_OK : gn_gzip_end(z);
}

void gn_gzip_close(gn_gzip *z)
{
  if (!z->in) return;
  if (z->in->packed) (void)inflateEnd(&z->in->z);
  (void)fclose(z->in->f);
  free(z->in);
  z->in = NULL;
}
