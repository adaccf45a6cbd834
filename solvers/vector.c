/* Vectors for SUNDIALS over gnomon's memory. Debian's SUNDIALS is compiled without
 * optimisation, so every operation ARKODE and CVODES use is one of gnomon's vectorised
 * loops; the WRMS norm is the norm of the system. Memory of destroyed clones is kept and
 * lent again. */
#include "base/vec.h"
#include "sundials.h"

#include <math.h>

typedef struct gn_vdata {
  double *data;
  gn_vspace *space;
  struct gn_vdata *next;
} gn_vdata;

static gn_vdata *of(N_Vector v) { return v->content; }

/* Memory of a vector of a lazy space that is met for the first time: of one that was given
   back, or new. */
static double *attach(gn_vdata *d)
{
  gn_vspace *vs = d->space;
  gn_vdata *idle = vs->free;
  if (idle) {
    vs->free = idle->next;
    d->data = idle->data;
    idle->data = NULL;
    idle->next = vs->bare;
    vs->bare = idle;
  } else {
    d->data = gn_arena_alloc(vs->arena, vs->sys->nmax, sizeof *d->data);
  }
  if (d->data) return d->data;
  vs->failed = 1;
  return vs->spill;
}

static double *data(N_Vector v) { return of(v)->data ? of(v)->data : attach(of(v)); }

double *gn_vector_data(N_Vector v) { return data(v); }

static size_t length(N_Vector v) { return of(v)->space->sys->n; }

static sunindextype get_length(N_Vector v) { return (sunindextype)length(v); }

static void space(N_Vector v, sunindextype *lrw, sunindextype *liw)
{
  *lrw = get_length(v);
  *liw = 1;
}

static void linear_sum(sunrealtype a, N_Vector x, sunrealtype b, N_Vector y, N_Vector z)
{
  const double c[2] = { a, b };
  const double *v[2] = { data(x), data(y) };
  gn_vec_lincomb(length(z), 2, c, v, data(z));
}

static int linear_combination(int n, sunrealtype *c, N_Vector *X, N_Vector z)
{
  const double *v[GN_LINCOMB_MAX];
  if (n > GN_LINCOMB_MAX) return -1;
  for (int i = 0; i < n; i++) v[i] = data(X[i]);
  gn_vec_lincomb(length(z), (size_t)n, c, v, data(z));
  return 0;
}

static void fill(sunrealtype c, N_Vector z) { gn_vec_fill(length(z), c, data(z)); }

static void scale(sunrealtype c, N_Vector x, N_Vector z)
{
  if (c == 1.0 && x != z) gn_vec_copy(length(z), data(x), data(z));
  else gn_vec_scale(length(z), c, data(x), data(z));
}

#define ELEMENTWISE(name, expression)                                                    \
  static void name(N_Vector x, N_Vector y, N_Vector z)                                   \
  {                                                                                      \
    const double *a = data(x), *b = data(y);                                             \
    double *c = data(z);                                                                 \
    for (size_t i = 0, n = length(z); i < n; i++) c[i] = expression;                     \
  }
ELEMENTWISE(prod, a[i] * b[i])
ELEMENTWISE(div_, a[i] / b[i])
#undef ELEMENTWISE

#define ELEMENTWISE(name, expression)                                                    \
  static void name(N_Vector x, N_Vector z)                                               \
  {                                                                                      \
    const double *a = data(x);                                                           \
    double *c = data(z);                                                                 \
    for (size_t i = 0, n = length(z); i < n; i++) c[i] = expression;                     \
  }
ELEMENTWISE(abs_, fabs(a[i]))
ELEMENTWISE(inv, 1.0 / a[i])
#undef ELEMENTWISE

static void add_const(N_Vector x, sunrealtype b, N_Vector z)
{
  const double *a = data(x);
  double *c = data(z);
  for (size_t i = 0, n = length(z); i < n; i++) c[i] = a[i] + b;
}

static sunrealtype dot(N_Vector x, N_Vector y)
{
  return gn_vec_dot(length(x), data(x), data(y));
}

/* CVODES bounds its first step by it: only of what is in the error test. */
static sunrealtype max_norm(N_Vector x)
{
  const gn_norm *nm = &of(x)->space->sys->norm;
  const double *a = data(x);
  double most = 0;
  for (size_t k = 0; k < nm->nseg; a += nm->seg[k++].n) {
    const double part = nm->seg[k].group < 0 ? 0 : gn_vec_maxabs(nm->seg[k].n, a);
    if (isnan(part) || part > most) most = part;
  }
  return most;
}

static sunrealtype min_(N_Vector x)
{
  const double *a = data(x);
  double least = a[0];
  for (size_t i = 1, n = length(x); i < n; i++)
    if (a[i] < least) least = a[i];
  return least;
}

static sunrealtype wrms_norm(N_Vector x, N_Vector w)
{
  const gn_vspace *vs = of(x)->space;
  const double value = gn_norm_eval(&vs->sys->norm, data(x), data(w));
  if (vs->seen) vs->seen(vs->seen_by, &vs->sys->norm);
  return value;
}

static N_Vector_ID id(N_Vector v)
{
  (void)v;
  return SUNDIALS_NVEC_CUSTOM;
}

static void destroy(N_Vector v)
{
  if (!v) return;
  if (v->content) {
    gn_vdata **list = of(v)->data ? &of(v)->space->free : &of(v)->space->bare;
    of(v)->next = *list;
    *list = of(v);
  }
  v->content = NULL;
  N_VFreeEmpty(v);
}

gn_status gn_vspace_reserve(gn_vspace *vs, size_t n)
{
  for (size_t k = 0; k < n; k++) {
    gn_vdata *d;
    GN_NEW(vs->arena, d, 1);
    GN_NEW(vs->arena, d->data, vs->sys->nmax);
    d->space = vs;
    d->next = vs->free;
    vs->free = d;
  }
  return GN_OK;
}

gn_status gn_vspace_lazy(gn_vspace *vs, size_t n)
{
  gn_vdata *d;
  vs->lazy = 1;
  GN_NEW(vs->arena, vs->spill, vs->sys->nmax);
  GN_NEW(vs->arena, d, n);
  for (size_t k = 0; k < n; k++) d[k] = (gn_vdata){ NULL, vs, vs->bare }, vs->bare = &d[k];
  return GN_OK;
}

/* A vector to lend; of a lazy space without memory. */
static gn_vdata *take(gn_vspace *vs)
{
  if (!vs->free && !vs->lazy && gn_vspace_reserve(vs, 1) != GN_OK) return NULL;
  gn_vdata **list = vs->bare ? &vs->bare : &vs->free, *d = *list;
  if (d) *list = d->next;
  else if ((d = gn_arena_alloc(vs->arena, 1, sizeof *d))) d->space = vs;
  return d;
}

static N_Vector fresh(gn_vspace *vs, SUNContext ctx)
{
  N_Vector v = N_VNewEmpty(ctx);
  if (!v) return NULL;
  v->content = take(vs);
  if (v->content && vs->eager) (void)data(v);
  if (v->content) return v;
  N_VFreeEmpty(v);
  return NULL;
}

static N_Vector clone(N_Vector w)
{
  N_Vector v = fresh(of(w)->space, w->sunctx);
  if (v && N_VCopyOps(w, v)) {
    destroy(v);
    return NULL;
  }
  return v;
}

N_Vector gn_vector_new(gn_vspace *vs, SUNContext ctx)
{
  N_Vector v = fresh(vs, ctx);
  if (!v) return NULL;
  N_Vector_Ops o = v->ops;
  o->nvgetvectorid = id;
  o->nvclone = clone;
  o->nvcloneempty = clone;
  o->nvdestroy = destroy;
  o->nvspace = space;
  o->nvgetlength = get_length;
  o->nvlinearsum = linear_sum;
  o->nvconst = fill;
  o->nvprod = prod;
  o->nvdiv = div_;
  o->nvscale = scale;
  o->nvabs = abs_;
  o->nvinv = inv;
  o->nvaddconst = add_const;
  o->nvdotprod = dot;
  o->nvmaxnorm = max_norm;
  o->nvwrmsnorm = wrms_norm;
  o->nvmin = min_;
  o->nvlinearcombination = linear_combination;
  return v;
}
