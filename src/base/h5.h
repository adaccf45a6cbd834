/* HDF5: named arrays of doubles and attributes. The one file that includes hdf5.h. */
#ifndef GN_BASE_H5_H
#define GN_BASE_H5_H

#include "base/arena.h"

#include <stdint.h>

#define GN_H5_MAXRANK 4

typedef struct gn_h5 gn_h5; /* an open file */

/* HDF5's own printing is off; messages name the file and the object. */
gn_status gn_h5_open(const char *file, gn_h5 **out);   /* read; GN_EIO if not HDF5    */
gn_status gn_h5_create(const char *file, gn_h5 **out); /* write; truncates            */
/* NULL-safe. A created file grows in memory and is written here: GN_EIO with the reason (a
   full disk), GN_ENOMEM. *h is NULL afterwards in any case. */
gn_status gn_h5_close(gn_h5 **h);

const char *gn_h5_name(const gn_h5 *h); /* as given to open or create; for messages */

/* Create a file next to its destination, fill it through body, fsync, and rename it over
   file: either the old or the new content exists at every moment. */
gn_status gn_h5_write_atomic(const char *file, gn_status (*body)(gn_h5 *h, void *user),
                             void *user);

int gn_h5_exists(const gn_h5 *h, const char *path); /* dataset or group; any depth */

/* Shape of a dataset; rank 0 is a scalar. GN_EIO if missing or not numeric. */
gn_status gn_h5_shape(const gn_h5 *h, const char *path, int *rank,
                      size_t shape[GN_H5_MAXRANK]);
/* Read as doubles, converting from any numeric type; n = product of the shape, checked. */
gn_status gn_h5_read(const gn_h5 *h, const char *path, size_t n, double *to);
/* Write doubles; missing groups on the path are created. */
gn_status gn_h5_write(gn_h5 *h, const char *path, int rank, const size_t *shape,
                      const double *from);
/* The same for 64-bit integers (counters, permutations). */
gn_status gn_h5_read_i64(const gn_h5 *h, const char *path, size_t n, int64_t *to);
gn_status gn_h5_write_i64(gn_h5 *h, const char *path, size_t n, const int64_t *from);

/* Attributes of the root group. Reading a missing one is GN_EIO. */
gn_status gn_h5_attr_write_real(gn_h5 *h, const char *name, double x);
gn_status gn_h5_attr_write_int(gn_h5 *h, const char *name, int64_t x);
gn_status gn_h5_attr_write_text(gn_h5 *h, const char *name, const char *x);
int gn_h5_attr_exists(const gn_h5 *h, const char *name);
gn_status gn_h5_attr_read_real(const gn_h5 *h, const char *name, double *x); /* also from int */
gn_status gn_h5_attr_read_text(const gn_h5 *h, const char *name, char *buf, size_t size);

/* Names of the datasets below group (recursive, relative paths such as "f.0.weight"),
   sorted, in the arena. n = 0 if the group is missing. */
gn_status gn_h5_list(const gn_h5 *h, gn_arena *a, const char *group, size_t *n,
                     const char *const **names);

#endif
