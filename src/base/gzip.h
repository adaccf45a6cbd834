/* A file read from front to back, plain or packed by gzip. */
#ifndef GN_BASE_GZIP_H
#define GN_BASE_GZIP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct gn_gzip {
  const char *file;       /* as given to open; borrowed            */
  struct gn_unpacker *in; /* NULL: closed                          */
  uint64_t at;            /* bytes read so far, unpacked           */
  uint64_t size;          /* of the file as it lies on the disk    */
} gn_gzip;

/* Whether it is packed is seen from its first bytes, not from its name. GN_EIO with the reason
   if it cannot be opened or is no regular file; z->in is NULL then. */
gn_status gn_gzip_open(const char *file, gn_gzip *z);
/* The next n bytes. GN_EIO "FILE: byte AT: ..." if the file ends before (what: the part of it
   that is read, for the message), or if its packed data are damaged. */
gn_status gn_gzip_read(gn_gzip *z, size_t n, void *to, const char *what);
/* GN_EIO if n more bytes cannot be there: asked before memory for them is. No promise that they
   are there if the file is packed. */
gn_status gn_gzip_holds(const gn_gzip *z, uint64_t n, const char *what);
/* GN_EIO unless all of it was read; of a packed file, its check sum. */
gn_status gn_gzip_end(gn_gzip *z);
/* How many bytes are left, at most most + 1; a packed file is read to find out. */
gn_status gn_gzip_count(gn_gzip *z, size_t most, size_t *n);
void gn_gzip_close(gn_gzip *z); /* NULL-safe in z->in */

#endif
