/* Parameters by name: the table of tensors that lie one after another in p [np].
 *
 * Start values: tensor k draws p = low + (high - low) u from its own stream (use PARAM,
 * member k), so that appending a tensor leaves the values of the others unchanged. */
#include "base/param.h"

#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_LONGEST 1024

static gn_status grow(gn_params *ps)
{
  size_t cap = ps->cap ? 2 * ps->cap : 16;
  gn_param *more = NULL;
  GN_NEW(ps->arena, more, cap);
  if (ps->n) memcpy(more, ps->at, ps->n * sizeof *more);
  ps->at = more;
  ps->cap = cap;
  return GN_OK;
}

gn_status gn_params_add(gn_params *ps, const char *name, int rank, const size_t *shape,
                        double low, double high, size_t *offset)
{
  GN_REQUIRE(rank >= 0 && rank <= 4, GN_EARG,
             "parameter '%s' of rank %d, expected 0 to 4", name, rank);
  GN_REQUIRE(low <= high && isfinite(low) && isfinite(high), GN_EARG,
             "parameter '%s' starts in [%g, %g), expected finite low <= high", name,
             low, high);
  GN_REQUIRE(!gn_params_find(ps, name), GN_EARG, "parameter '%s' is declared twice",
             name);
  gn_param p = {.rank = rank, .offset = ps->np, .n = 1, .low = low, .high = high};
  for (int k = 0; k < rank; k++) {
    p.shape[k] = shape[k];
    GN_REQUIRE(shape[k] > 0 && p.n <= (SIZE_MAX / sizeof(double) - ps->np) / shape[k],
               GN_EARG,
               "parameter '%s': dimension %d is %zu, expected 1 to what memory holds",
               name, k, shape[k]);
    p.n *= shape[k];
  }
  if (ps->n == ps->cap) GN_TRY(grow(ps));
  p.name = gn_arena_strdup(ps->arena, name);
  if (!p.name) return GN_ENOMEM;
  ps->at[ps->n++] = p;
  ps->np += p.n;
  if (offset) *offset = p.offset;
  return GN_OK;
}

gn_status gn_params_scalar(gn_params *ps, const char *name, double value, size_t *offset)
{
  const size_t one = 1;
  return gn_params_add(ps, name, 1, &one, value, value, offset);
}

const gn_param *gn_params_find(const gn_params *ps, const char *name)
{
  for (size_t k = 0; k < ps->n; k++)
    if (strcmp(ps->at[k].name, name) == 0) return &ps->at[k];
  return NULL;
}

void gn_params_init(const gn_params *ps, uint64_t seed, double *p)
{
  for (size_t k = 0; k < ps->n; k++) {
    const gn_param *t = &ps->at[k];
    gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_PARAM, k));
    for (size_t i = 0; i < t->n; i++) {
      double v = t->low + (t->high - t->low) * gn_rng_uniform(&r);
      p[t->offset + i] = v < t->high ? v : t->low; /* rounding may reach high */
    }
  }
}

static gn_status path_of(const char *group, const char *name, char path[PATH_LONGEST])
{
  int n = snprintf(path, PATH_LONGEST, "%s/%s", group, name);
  GN_REQUIRE(n >= 0 && n < PATH_LONGEST, GN_EARG,
             "the name of parameter '%.40s...' is longer than %d", name, PATH_LONGEST);
  return GN_OK;
}

gn_status gn_params_write(const gn_params *ps, gn_h5 *h, const char *group,
                          const double *p)
{
  char path[PATH_LONGEST];
  for (size_t k = 0; k < ps->n; k++) {
    const gn_param *t = &ps->at[k];
    GN_TRY(path_of(group, t->name, path));
    GN_TRY(gn_h5_write(h, path, t->rank, t->shape, p + t->offset));
  }
  return GN_OK;
}

static void print_shape(int rank, const size_t *shape, char *buf, size_t size)
{
  size_t used = 0;
  (void)snprintf(buf, size, rank ? "[" : "a scalar");
  for (int k = 0; k < rank; k++) {
    used = strlen(buf);
    (void)snprintf(buf + used, size - used, "%zu%s", shape[k],
                   k + 1 < rank ? ", " : "]");
  }
}

/* Every tensor must be there with its shape; names [n] are what the file holds. */
static gn_status check_tensor(const gn_param *t, const gn_h5 *h, const char *group,
                              const char *const *names, size_t n)
{
  char path[PATH_LONGEST], is[128], want[128];
  int rank = 0;
  size_t shape[GN_H5_MAXRANK] = {0};
  GN_TRY(path_of(group, t->name, path));
  if (!gn_h5_exists(h, path)) {
    const char *near = gn_text_nearest(t->name, names, n);
    GN_REQUIRE(near, GN_EIO, "%s: no parameter '%s': group '%s' is missing or empty",
               gn_h5_name(h), t->name, group);
    return GN_FAIL(GN_EIO, "%s: no parameter '%s' in '%s', the nearest is '%s'",
                   gn_h5_name(h), t->name, group, near);
  }
  GN_TRY(gn_h5_shape(h, path, &rank, shape));
  int same = rank == t->rank;
  for (int k = 0; same && k < rank; k++) same = shape[k] == t->shape[k];
  print_shape(rank, shape, is, sizeof is);
  print_shape(t->rank, t->shape, want, sizeof want);
  GN_REQUIRE(same, GN_EIO, "%s: '%s' has shape %s, expected %s", gn_h5_name(h), path,
             is, want);
  return GN_OK;
}

/* Everything in the file must be in the table. */
static gn_status check_extra(const gn_params *ps, const gn_h5 *h, const char *group,
                             const char *name)
{
  if (gn_params_find(ps, name)) return GN_OK;
  const char *near = NULL;
  for (size_t k = 0; k < ps->n; k++) {
    const char *const pair[] = {near, ps->at[k].name};
    near = gn_text_nearest(name, pair, 2);
  }
  return GN_FAIL(GN_EIO, "%s: '%s/%s' is not a parameter of this model%s%s%s",
                 gn_h5_name(h), group, name, near ? ", the nearest is '" : "",
                 near ? near : "", near ? "'" : "");
}

static gn_status check_names(const gn_params *ps, const gn_h5 *h, const char *group,
                             gn_arena *a)
{
  size_t n = 0;
  const char *const *names = NULL;
  GN_TRY(gn_h5_list(h, a, group, &n, &names));
  for (size_t k = 0; k < ps->n; k++)
    GN_TRY(check_tensor(&ps->at[k], h, group, names, n));
  for (size_t k = 0; k < n; k++) GN_TRY(check_extra(ps, h, group, names[k]));
  return GN_OK;
}

gn_status gn_params_read(const gn_params *ps, const gn_h5 *h, const char *group,
                         double *p)
{
  gn_arena *a = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_status s = check_names(ps, h, group, a);
  gn_arena_destroy(&a);
  GN_TRY(s);
  for (size_t k = 0; k < ps->n; k++) {
    char path[PATH_LONGEST];
    GN_TRY(path_of(group, ps->at[k].name, path));
    GN_TRY(gn_h5_read(h, path, ps->at[k].n, p + ps->at[k].offset));
  }
  return GN_OK;
}
