/* Reading plain and packed files through zlib's gzFile. The one file that includes zlib.h.
 *
 * zlib reads what does not begin as gzip (RFC 1952) as it is, and tells of a packed file that
 * ends too early only when a read meets its end: gn_gzip_end reads on for that reason. */
#include "base/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
  CHUNK = 1 << 16,
  DEFLATE_MOST = 1032 /* bytes unpacked per byte: zlib's own bound */
};

gn_status gn_gzip_open(const char *file, gn_gzip *z)
{
  struct stat st;
  *z = (gn_gzip){ .file = file };
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  GN_REQUIRE(fd >= 0, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  gn_status s = GN_OK;
  if (fstat(fd, &st) != 0)
    s = GN_FAIL(GN_EIO, "%s: cannot read: %s", file, strerror(errno));
  else if (!S_ISREG(st.st_mode))
    s = GN_FAIL(GN_EIO, "%s: not a regular file", file);
  else if (!(z->in = gzdopen(fd, "rb")))
    s = GN_FAIL(GN_ENOMEM, "%s: out of memory", file);
  if (s != GN_OK) {
    (void)close(fd);
    return s;
  }
  z->size = (uint64_t)st.st_size;
  return GN_OK;
}

/* Up to n bytes; *got < n: the end, or a packed file cut off there. */
static gn_status take(gn_gzip *z, size_t n, unsigned char *to, size_t *got)
{
  int code = Z_OK;
  for (*got = 0; *got < n;) {
    const size_t left = n - *got;
    const int k = gzread(z->in, to + *got, left < CHUNK ? (unsigned)left : CHUNK);
    if (k <= 0) break;
    *got += (size_t)k;
    z->at += (uint64_t)k;
  }
  const char *text = gzerror(z->in, &code);
  if (code == Z_OK || (code == Z_BUF_ERROR && *got < n)) return GN_OK;
  GN_REQUIRE(code != Z_ERRNO, GN_EIO, "%s: cannot read: %s", z->file, strerror(errno));
  GN_REQUIRE(code != Z_MEM_ERROR, GN_ENOMEM, "%s: out of memory", z->file);
  const char *reason = strstr(text, ": "); /* behind the name of a descriptor */
  return GN_FAIL(GN_EIO, "%s: byte %" PRIu64 ": damaged gzip data%s", z->file, z->at,
                 reason ? reason : "");
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
  const int plain = gzdirect(z->in);
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
  int code;
  const uint64_t at = z->at;
  GN_TRY(take(z, 1, &more, &got));
  GN_REQUIRE(got == 0, GN_EIO, "%s: byte %" PRIu64 ": expected the end of the file",
             z->file, at);
  (void)gzerror(z->in, &code);
  GN_REQUIRE(code == Z_OK, GN_EIO, "%s: byte %" PRIu64 ": the packed file is cut off",
             z->file, at);
  return GN_OK;
}

gn_status gn_gzip_count(gn_gzip *z, size_t most, size_t *n)
{
  unsigned char piece[4096];
  size_t got = sizeof piece;
  const uint64_t begin = z->at;
  if (gzdirect(z->in)) {
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
  if (z->in) (void)gzclose_r(z->in);
  z->in = NULL;
}
