/* Named arrays of doubles and integers, and root attributes, in HDF5 files.
 *
 * Every HDF5 object is a reference-counted id: functions work in one block and drop()
 * what was opened, so that no path leaks a handle. A file that is written grows in
 * memory and is saved by our own write() when it is closed: on a full disk HDF5 keeps
 * its ids open and crashes at exit. Existence is asked link by link because H5Lexists
 * wants every group above to exist. Modification times are not stored: equal content
 * gives equal bytes. */
#include "base/h5.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LONGEST 1024
#define DEPTH_MAX    16 /* of nested groups: a file may link a group below itself */
#define GROWTH       ((size_t)1 << 20) /* of a file in memory */

struct gn_h5 {
  hid_t file;
  char *name;
  int writing;
};

static void drop(hid_t id)
{
  if (id >= 0) (void)H5Idec_ref(id);
}

const char *gn_h5_name(const gn_h5 *h)
{
  return h->name;
}

/* Take ownership of an open file. */
static gn_status wrap(const char *file, hid_t id, int writing, gn_h5 **out)
{
  gn_h5 *h = calloc(1, sizeof *h);
  char *name = malloc(strlen(file) + 1);
  if (!h || !name) {
    free(h);
    free(name);
    drop(id);
    return GN_FAIL(GN_ENOMEM, "%s: out of memory", file);
  }
  memcpy(name, file, strlen(file) + 1);
  h->name = name;
  h->file = id;
  h->writing = writing;
  *out = h;
  return GN_OK;
}

/* HDF5 does not say why it cannot open a file; the system does. */
static gn_status probe(const char *file, int flags)
{
  int fd = open(file, flags, 0666);
  GN_REQUIRE(fd >= 0, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  (void)close(fd);
  return GN_OK;
}

gn_status gn_h5_open(const char *file, gn_h5 **out)
{
  *out = NULL;
  GN_TRY(probe(file, O_RDONLY));
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  GN_REQUIRE(H5Fis_hdf5(file) > 0, GN_EIO, "%s: not an HDF5 file", file);
  hid_t plist = H5Pcreate(H5P_FILE_ACCESS);
  (void)H5Pset_file_locking(plist, 0, 1); /* locks fail on some network folders */
  hid_t id = H5Fopen(file, H5F_ACC_RDONLY, plist);
  drop(plist);
  GN_REQUIRE(id >= 0, GN_EIO, "%s: cannot open: a damaged HDF5 file", file);
  return wrap(file, id, 0, out);
}

gn_status gn_h5_create(const char *file, gn_h5 **out)
{
  *out = NULL;
  GN_TRY(probe(file, O_WRONLY | O_CREAT | O_TRUNC));
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t plist = H5Pcreate(H5P_FILE_ACCESS);
  (void)H5Pset_fapl_core(plist, GROWTH, 0);
  hid_t id = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, plist);
  drop(plist);
  GN_REQUIRE(id >= 0, GN_EIO, "%s: cannot create", file);
  return wrap(file, id, 1, out);
}

static int write_all(int fd, const char *from, size_t n)
{
  while (n > 0) {
    ssize_t done = write(fd, from, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    from += done;
    n -= (size_t)done;
  }
  return 0;
}

/* EINVAL: a file system without sync */
static int sync_fd(int fd)
{
  return fsync(fd) != 0 && errno != EINVAL ? -1 : 0;
}

static gn_status write_file(const char *file, const char *from, size_t n, int sync)
{
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  GN_REQUIRE(fd >= 0, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  int bad = write_all(fd, from, n) != 0 || (sync && sync_fd(fd) != 0) ? errno : 0;
  if (close(fd) != 0 && !bad) bad = errno;
  GN_REQUIRE(!bad, GN_EIO, "%s: cannot write: %s", file, strerror(bad));
  return GN_OK;
}

static gn_status save(const gn_h5 *h, int sync)
{
  int bad = H5Fflush(h->file, H5F_SCOPE_LOCAL) < 0;
  ssize_t n = H5Fget_file_image(h->file, NULL, 0);
  GN_REQUIRE(!bad && n > 0, GN_EIO, "%s: HDF5 cannot finish the file", h->name);
  char *image = malloc((size_t)n);
  GN_REQUIRE(image, GN_ENOMEM, "%s: out of memory: %zd bytes", h->name, n);
  gn_status s = H5Fget_file_image(h->file, image, (size_t)n) == n
                    ? write_file(h->name, image, (size_t)n, sync)
                    : GN_FAIL(GN_EIO, "%s: HDF5 cannot finish the file", h->name);
  free(image);
  return s;
}

static void discard(gn_h5 **h)
{
  if (!*h) return;
  (void)H5Fclose((*h)->file);
  free((*h)->name);
  free(*h);
  *h = NULL;
}

gn_status gn_h5_close(gn_h5 **h)
{
  if (!h || !*h) return GN_OK;
  gn_status s = (*h)->writing ? save(*h, 0) : GN_OK;
  discard(h);
  return s;
}

static gn_status sync_folder(const char *path)
{
  int fd = open(path, O_RDONLY);
  int bad = fd < 0 || sync_fd(fd) != 0 ? errno : 0;
  if (fd >= 0) (void)close(fd);
  GN_REQUIRE(!bad, GN_EIO, "%s: cannot sync: %s", path, strerror(bad));
  return GN_OK;
}

static gn_status fill(const char *tmp, gn_status (*body)(gn_h5 *h, void *user),
                      void *user)
{
  gn_h5 *h = NULL;
  GN_TRY(gn_h5_create(tmp, &h));
  assert(h);
  gn_status s = body(h, user);
  if (s == GN_OK) s = save(h, 1);
  discard(&h);
  return s;
}

gn_status gn_h5_write_atomic(const char *file, gn_status (*body)(gn_h5 *h, void *user),
                             void *user)
{
  size_t size = strlen(file) + sizeof ".tmp";
  char *tmp = malloc(size), *folder = malloc(size);
  gn_status s = GN_ENOMEM;
  if (tmp && folder) {
    (void)snprintf(tmp, size, "%s.tmp", file);
    const char *slash = strrchr(file, '/');
    (void)snprintf(folder, size, "%.*s", slash ? (int)(slash - file) + 1 : 1,
                   slash ? file : ".");
    s = fill(tmp, body, user);
    if (s == GN_OK && rename(tmp, file) != 0)
      s = GN_FAIL(GN_EIO, "%s: cannot replace: %s", file, strerror(errno));
    if (s == GN_OK)
      s = sync_folder(folder);
    else
      (void)unlink(tmp);
  } else {
    (void)GN_FAIL(s, "%s: out of memory", file);
  }
  free(tmp);
  free(folder);
  return s;
}

int gn_h5_exists(const gn_h5 *h, const char *path)
{
  char part[PATH_LONGEST];
  size_t n = strlen(path);
  if (n >= sizeof part) return 0;
  memcpy(part, path, n + 1);
  for (size_t i = 1; i <= n; i++) {
    if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
    part[i] = '\0';
    if (H5Lexists(h->file, part, H5P_DEFAULT) <= 0) return 0;
    if (H5Oexists_by_name(h->file, part, H5P_DEFAULT) <= 0) return 0;
    part[i] = path[i];
  }
  return 1;
}

/* Open a dataset and read its rank and shape; *id stays invalid on failure. */
static gn_status open_set(const gn_h5 *h, const char *path, int integer, hid_t *id,
                          int *rank, hsize_t dims[GN_H5_MAXRANK])
{
  GN_REQUIRE(gn_h5_exists(h, path), GN_EIO, "%s: no dataset '%s'", h->name, path);
  hid_t set = H5Dopen2(h->file, path, H5P_DEFAULT);
  GN_REQUIRE(set >= 0, GN_EIO, "%s: '%s' is not a dataset", h->name, path);
  hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  H5T_class_t kind = H5Tget_class(type);
  *rank = H5Sget_simple_extent_ndims(space);
  const int whole = kind == H5T_INTEGER || kind == H5T_ENUM; /* h5py writes bool as an enum */
  gn_status s = GN_OK;
  if (!whole && (integer || kind != H5T_FLOAT))
    s = GN_FAIL(GN_EIO, "%s: '%s' does not hold %s", h->name, path,
                integer ? "integers" : "numbers");
  else if (*rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
    s = GN_FAIL(GN_EIO, "%s: '%s' has no shape", h->name, path);
  else if (*rank > GN_H5_MAXRANK)
    s = GN_FAIL(GN_EIO, "%s: '%s' has %d dimensions, expected at most %d", h->name,
                path, *rank, GN_H5_MAXRANK);
  else
    (void)H5Sget_simple_extent_dims(space, dims, NULL);
  drop(type);
  drop(space);
  if (s == GN_OK)
    *id = set;
  else
    drop(set);
  return s;
}

gn_status gn_h5_shape(const gn_h5 *h, const char *path, int *rank,
                      size_t shape[GN_H5_MAXRANK])
{
  hid_t set = H5I_INVALID_HID;
  hsize_t dims[GN_H5_MAXRANK] = {0};
  GN_TRY(open_set(h, path, 0, &set, rank, dims));
  for (int k = 0; k < *rank; k++) shape[k] = (size_t)dims[k];
  drop(set);
  return GN_OK;
}

static gn_status read_as(const gn_h5 *h, const char *path, size_t n, hid_t type,
                         int integer, void *to)
{
  hid_t set = H5I_INVALID_HID;
  hsize_t dims[GN_H5_MAXRANK] = {0}, all = 1;
  int rank = 0;
  GN_TRY(open_set(h, path, integer, &set, &rank, dims));
  for (int k = 0; k < rank; k++) all *= dims[k];
  gn_status s = GN_OK;
  if (all != n)
    s = GN_FAIL(GN_EIO, "%s: '%s' holds %llu values, expected %zu", h->name, path,
                (unsigned long long)all, n);
  else if (n && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) < 0)
    s = GN_FAIL(GN_EIO, "%s: '%s' could not be read: a damaged file", h->name, path);
  drop(set);
  return s;
}

gn_status gn_h5_read(const gn_h5 *h, const char *path, size_t n, double *to)
{
  return read_as(h, path, n, H5T_NATIVE_DOUBLE, 0, to);
}

gn_status gn_h5_read_i64(const gn_h5 *h, const char *path, size_t n, int64_t *to)
{
  return read_as(h, path, n, H5T_NATIVE_INT64, 1, to);
}

static gn_status write_as(gn_h5 *h, const char *path, int rank, const size_t *shape,
                          hid_t stored, hid_t type, const void *from)
{
  GN_REQUIRE(rank >= 0 && rank <= GN_H5_MAXRANK, GN_EARG,
             "'%s' of rank %d, expected 0 to %d", path, rank, GN_H5_MAXRANK);
  GN_REQUIRE(!gn_h5_exists(h, path), GN_EIO, "%s: '%s' exists already", h->name, path);
  hsize_t dims[GN_H5_MAXRANK] = {0}, all = 1;
  for (int k = 0; k < rank; k++) all *= dims[k] = shape[k];
  hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  hid_t links = H5Pcreate(H5P_LINK_CREATE), make = H5Pcreate(H5P_DATASET_CREATE);
  (void)H5Pset_create_intermediate_group(links, 1);
  (void)H5Pset_obj_track_times(make, 0);
  hid_t set = H5Dcreate2(h->file, path, stored, space, links, make, H5P_DEFAULT);
  int bad = set < 0;
  if (!bad && all) bad = H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, from) < 0;
  drop(set);
  drop(make);
  drop(links);
  drop(space);
  GN_REQUIRE(!bad, GN_EIO, "%s: '%s' could not be written", h->name, path);
  return GN_OK;
}

gn_status gn_h5_write(gn_h5 *h, const char *path, int rank, const size_t *shape,
                      const double *from)
{
  return write_as(h, path, rank, shape, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, from);
}

gn_status gn_h5_write_i64(gn_h5 *h, const char *path, size_t n, const int64_t *from)
{
  return write_as(h, path, 1, &n, H5T_STD_I64LE, H5T_NATIVE_INT64, from);
}

static gn_status attr_write(gn_h5 *h, const char *name, hid_t stored, hid_t type,
                            const void *from)
{
  if (H5Aexists(h->file, name) > 0) (void)H5Adelete(h->file, name);
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attr = H5Acreate2(h->file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  int bad = attr < 0 || H5Awrite(attr, type, from) < 0;
  drop(attr);
  drop(space);
  GN_REQUIRE(!bad, GN_EIO, "%s: attribute '%s' could not be written", h->name, name);
  return GN_OK;
}

gn_status gn_h5_attr_write_real(gn_h5 *h, const char *name, double x)
{
  return attr_write(h, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &x);
}

gn_status gn_h5_attr_write_int(gn_h5 *h, const char *name, int64_t x)
{
  return attr_write(h, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &x);
}

static hid_t text_type(size_t size)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  (void)H5Tset_size(type, size);
  (void)H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

gn_status gn_h5_attr_write_text(gn_h5 *h, const char *name, const char *x)
{
  hid_t type = text_type(strlen(x) + 1);
  gn_status s = attr_write(h, name, type, type, x);
  drop(type);
  return s;
}

int gn_h5_attr_exists(const gn_h5 *h, const char *name)
{
  return H5Aexists(h->file, name) > 0;
}

/* Open a scalar attribute of the root group (or an array of one value). */
static gn_status attr_open(const gn_h5 *h, const char *name, hid_t *attr, hid_t *type)
{
  GN_REQUIRE(gn_h5_attr_exists(h, name), GN_EIO, "%s: no attribute '%s'", h->name,
             name);
  hid_t a = H5Aopen(h->file, name, H5P_DEFAULT);
  hid_t space = H5Aget_space(a);
  hssize_t n = H5Sget_simple_extent_npoints(space);
  drop(space);
  if (n != 1) {
    drop(a);
    return GN_FAIL(GN_EIO, "%s: attribute '%s' holds %lld values, expected 1", h->name,
                   name, (long long)n);
  }
  *attr = a;
  *type = H5Aget_type(a);
  return GN_OK;
}

gn_status gn_h5_attr_read_real(const gn_h5 *h, const char *name, double *x)
{
  hid_t attr = H5I_INVALID_HID, type = H5I_INVALID_HID;
  GN_TRY(attr_open(h, name, &attr, &type));
  H5T_class_t kind = H5Tget_class(type);
  int bad = (kind != H5T_INTEGER && kind != H5T_FLOAT) ||
            H5Aread(attr, H5T_NATIVE_DOUBLE, x) < 0;
  drop(type);
  drop(attr);
  GN_REQUIRE(!bad, GN_EIO, "%s: attribute '%s' is not a number", h->name, name);
  return GN_OK;
}

/* Read a text of fixed or variable length; *text is malloc'ed, or HDF5's if variable. */
static gn_status read_text(hid_t attr, hid_t type, int variable, char **text)
{
  if (variable) return H5Aread(attr, type, text) < 0 ? GN_EIO : GN_OK; /* NULL: empty */
  *text = calloc(H5Tget_size(type) + 1, 1);
  if (!*text) return GN_ENOMEM;
  hid_t memory = H5Tcopy(type);
  (void)H5Tset_strpad(memory, H5T_STR_NULLPAD); /* keeps a last character */
  herr_t bad = H5Aread(attr, memory, *text);
  drop(memory);
  return bad < 0 ? GN_EIO : GN_OK;
}

static gn_status copy_text(const gn_h5 *h, const char *name, const char *text,
                           char *buf, size_t size)
{
  GN_REQUIRE(strlen(text) < size, GN_EIO,
             "%s: attribute '%s' has %zu characters, expected at most %zu", h->name,
             name, strlen(text), size - 1);
  memcpy(buf, text, strlen(text) + 1);
  return GN_OK;
}

gn_status gn_h5_attr_read_text(const gn_h5 *h, const char *name, char *buf, size_t size)
{
  hid_t attr = H5I_INVALID_HID, type = H5I_INVALID_HID;
  GN_TRY(attr_open(h, name, &attr, &type));
  int is_text = H5Tget_class(type) == H5T_STRING,
      variable = H5Tis_variable_str(type) > 0;
  char *text = NULL;
  gn_status s = is_text ? read_text(attr, type, variable, &text) : GN_EIO;
  drop(type);
  drop(attr);
  if (s == GN_OK)
    s = copy_text(h, name, text ? text : "", buf, size);
  else
    (void)GN_FAIL(s, "%s: attribute '%s' %s", h->name, name,
                  !is_text ? "is not text" : "could not be read");
  if (variable && text)
    (void)H5free_memory(text);
  else
    free(text);
  return s;
}

typedef struct name_list {
  const char **name;
  size_t n;
} name_list;

/* Add prefix + name + end. */
static gn_status add_name(gn_arena *a, name_list *l, const char *prefix,
                          const char *name, const char *end)
{
  if (l->n == 0 || (l->n >= 16 && (l->n & (l->n - 1)) == 0)) {
    const char **more = NULL;
    GN_NEW(a, more, l->n ? 2 * l->n : 16);
    if (l->n) memcpy(more, l->name, l->n * sizeof *more);
    l->name = more;
  }
  const char *whole = gn_arena_printf(a, "%s%s%s", prefix, name, end);
  if (!whole) return GN_ENOMEM;
  l->name[l->n++] = whole;
  return GN_OK;
}

static size_t depth_of(const char *path)
{
  size_t depth = 1;
  for (; *path; path++) depth += *path == '/';
  return depth;
}

/* Sort what lies directly in a group into datasets and groups ("a/b/"). */
static gn_status list_group(const gn_h5 *h, gn_arena *a, hid_t group,
                            const char *prefix, name_list *sets, name_list *groups)
{
  char name[PATH_LONGEST];
  H5G_info_t info = {0};
  gn_status s = GN_OK;
  GN_REQUIRE(depth_of(prefix) <= DEPTH_MAX, GN_EIO,
             "%s: '%s' lies deeper than %d groups", h->name, prefix, DEPTH_MAX);
  GN_REQUIRE(H5Gget_info(group, &info) >= 0, GN_EIO, "%s: '%s' could not be listed",
             h->name, prefix);
  for (hsize_t i = 0; i < info.nlinks && s == GN_OK; i++) {
    ssize_t len = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                     sizeof name, H5P_DEFAULT);
    GN_REQUIRE(len >= 0 && (size_t)len < sizeof name, GN_EIO,
               "%s: a name in '%s' is %s", h->name, prefix,
               len < 0 ? "damaged" : "too long");
    hid_t object = H5Oopen(group, name, H5P_DEFAULT); /* fails on a dangling link */
    H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
    if (kind == H5I_DATASET) s = add_name(a, sets, prefix, name, "");
    if (kind == H5I_GROUP) s = add_name(a, groups, prefix, name, "/");
    drop(object);
  }
  return s;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

gn_status gn_h5_list(const gn_h5 *h, gn_arena *a, const char *group, size_t *n,
                     const char *const **names)
{
  *n = 0;
  *names = NULL;
  if (!gn_h5_exists(h, group)) return GN_OK;
  name_list sets = {NULL, 0}, groups = {NULL, 0};
  GN_TRY(add_name(a, &groups, "", "", ""));
  hid_t top = H5Gopen2(h->file, group, H5P_DEFAULT);
  GN_REQUIRE(top >= 0, GN_EIO, "%s: '%s' is not a group", h->name, group);
  gn_status s = GN_OK;
  for (size_t k = 0; k < groups.n && s == GN_OK; k++) {
    const char *prefix = groups.name[k];
    hid_t one = H5Gopen2(top, *prefix ? prefix : ".", H5P_DEFAULT);
    s = list_group(h, a, one, prefix, &sets, &groups);
    drop(one);
  }
  drop(top);
  GN_TRY(s);
  if (sets.n) qsort(sets.name, sets.n, sizeof *sets.name, by_name);
  *n = sets.n;
  *names = sets.name;
  return GN_OK;
}
