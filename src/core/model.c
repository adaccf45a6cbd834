/* Models: making one from its class, and the default maps.
 *
 *   lift  y = [x, 0, ..., 0]        read  z = block 0
 *
 * Block 0 is contiguous at the front of the state, so both are a copy of B d_0 doubles. */
#include "core/model.h"

#include "base/vec.h"
#include "core/numeric.h"
#include "core/registry.h"

#include <string.h>

const char *const gn_map_names[GN_NMAPS] = { "f", "lift", "jump", "read" };

static int pad_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  const size_t head = at->B * m->d[0];
  gn_vec_copy(head, at->y, z);
  gn_vec_fill(at->B * m->ny - head, 0.0, z + head);
  return 0;
}

static int pad_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                   const double *w, const gn_pull *to)
{
  (void)tape;
  if (to->y) gn_vec_axpy(at->B * m->d[0], 1.0, w, to->y);
  return 0;
}

static int pad_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                   const double *vy, const double *vp, double *z)
{
  (void)tape, (void)vp;
  const size_t head = at->B * m->d[0];
  if (vy) gn_vec_copy(head, vy, z);
  gn_vec_fill(at->B * m->ny - (vy ? head : 0), 0.0, z + (vy ? head : 0));
  return 0;
}

static int first_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  gn_vec_copy(at->B * m->d[0], at->y, z);
  return 0;
}

static int first_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                     const double *vy, const double *vp, double *z)
{
  (void)tape, (void)vp;
  const size_t n = at->B * m->d[0];
  if (vy) gn_vec_copy(n, vy, z);
  else gn_vec_fill(n, 0.0, z);
  return 0;
}

static const gn_map pad = { pad_eval, pad_vjp, NULL, pad_jvp };
static const gn_map first = { first_eval, pad_vjp, NULL, first_jvp };

gn_status gn_model_block(gn_model *m, const char *name, size_t d)
{
  GN_REQUIRE(m->nblock < GN_BLOCKS_MAX, GN_ELIMIT, "more than %d state blocks",
             GN_BLOCKS_MAX);
  GN_REQUIRE(d > 0, GN_EARG, "block %s has width 0", name);
  m->block_name[m->nblock] = name;
  m->d[m->nblock++] = d;
  m->ny += d;
  return GN_OK;
}

static gn_status complete(gn_model *m)
{
  GN_REQUIRE(m->nblock > 0, GN_EARG, "model %s declares no state block", m->cls->name);
  if (!m->lags) {
    m->lags = m->cls->lags;
    m->lags_pgrad = m->cls->lags_pgrad;
  }
  const gn_map *given[GN_NMAPS] = { &m->cls->f, &m->cls->lift, &m->cls->jump,
                                    &m->cls->read };
  for (int k = 0; k < GN_NMAPS; k++)
    if (given[k]->eval && !m->map[k].eval) m->map[k] = *given[k];
  if (!m->map[GN_LIFT].eval) {
    if (m->nx == 0) m->nx = m->d[0];
    GN_REQUIRE(m->nx == m->d[0], GN_EARG,
               "model %s: %zu inputs, but its first block has width %zu", m->cls->name,
               m->nx, m->d[0]);
    m->map[GN_LIFT] = pad;
  }
  if (!m->map[GN_READ].eval) {
    m->nz = m->d[0];
    m->map[GN_READ] = first;
  }
  if (m->nobs == 0) m->nobs = m->nx;
  GN_REQUIRE(m->map[GN_F].eval, GN_EUNSUP, "model %s: map f has no eval", m->cls->name);
  GN_REQUIRE(m->nlag == 0 || m->lags, GN_EUNSUP,
             "model %s has %zu lags and no function `lags` that gives them", m->cls->name,
             m->nlag);
  return gn_numeric_complete(m);
}

static gn_status make(gn_arena *a, const gn_model_class *cls, const void *config,
                      gn_sizes data, gn_model **out)
{
  gn_model *m = gn_arena_alloc(a, 1, cls->size);
  if (!m) return GN_ENOMEM;
  void *copy = gn_arena_alloc(a, 1, cls->config_size);
  if (!copy) return GN_ENOMEM;
  if (config) memcpy(copy, config, cls->config_size);
  else gn_options_default(cls->options, copy);
  m->cls = cls;
  m->config = copy;
  m->arena = a;
  m->params.arena = a;
  GN_TRY(cls->setup(m, copy, data));
  GN_TRY(complete(m));
  GN_REQUIRE(data.nx == 0 || data.nx == m->nx, GN_EARG,
             "model %s takes %zu inputs, the data have %zu", cls->name, m->nx, data.nx);
  GN_REQUIRE(data.nobs == 0 || !m->map[GN_JUMP].eval || data.nobs == m->nobs, GN_EARG,
             "model %s takes observations of %zu values, the data have %zu", cls->name, m->nobs,
             data.nobs);
  GN_REQUIRE(data.nz == 0 || data.nz == m->nz, GN_EARG,
             "model %s gives %zu outputs, the data want %zu; set model.read = linear, or "
             "another width of the state", cls->name,
             m->nz, data.nz);
  *out = m;
  return GN_OK;
}

gn_status gn_model_create(const gn_model_class *cls, const void *config, gn_sizes data,
                          gn_model **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_status s = make(a, cls, config, data, out);
  if (s != GN_OK) gn_arena_destroy(&a);
  return s;
}

void gn_model_destroy(gn_model **m)
{
  if (!*m) return;
  gn_arena *a = (*m)->arena;
  gn_arena_destroy(&a);
  *m = NULL;
}

const gn_model_class *gn_model_find(const char *name)
{
  return gn_registry_find(gn_models, "model", name);
}

size_t gn_model_nread(const gn_model *m)
{
  size_t n = 0;
  for (size_t k = 0; k < m->nblock; k++) n += m->quadrature[k] ? 0 : m->d[k];
  return n;
}

size_t gn_map_nin(const gn_model *m, gn_map_id id) { return id == GN_LIFT ? m->nx : m->ny; }

size_t gn_map_nout(const gn_model *m, gn_map_id id) { return id == GN_READ ? m->nz : m->ny; }
