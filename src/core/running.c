/* A model with a running cost, made from one without.
 *
 *   [y, q]' = [f, l],          l = phi(v),  v = f or y of all blocks of a row
 *   vjp:   w_f += w_q dphi/df  before the vjp of f;   gy += w_q dphi/dy  after it
 *   jvp:   l' = dphi/dv v',    v' = f_y vy + f_p vp or vy
 *
 * so that a rate of f costs no evaluation more than f alone. The blocks of the inner model
 * come first and its tapes too: its maps see the same arrays. The kinetic energy is that of
 * Finlay, Jacobsen, Nurbekyan, Oberman, ICML 2020 (arXiv 2002.02798), over the width. */
#include "core/running.h"

#include "base/vec.h"

typedef struct running running;

/* phi of the blocks v of B rows, and its derivatives: q = phi, g += w dphi/dv,
   dq = dphi/dv dv. */
typedef struct rate {
  int of_slope; /* v is f, else y */
  void (*value)(const running *r, size_t B, const double *v, double *q);
  void (*pull)(const running *r, size_t B, const double *v, const double *w, double *g);
  void (*push)(const running *r, size_t B, const double *v, const double *dv, double *dq);
} rate;

struct running {
  gn_model base;
  const gn_model *inner;
  const rate *rate;
  size_t block, column; /* where the component is                     */
  size_t v, w, z;       /* fields: v and cotangent of f; read's inner z */
};

static const running *of(const gn_model *m) { return (const running *)m; }

/* ---- rates ---------------------------------------------------------------------------- */

/* dq_i = scale <a_i, b_i> over the blocks of every row. */
static void dot_rows(const gn_model *m, size_t B, double scale, const double *a,
                     const double *b, double *dq)
{
  gn_vec_fill(B, 0.0, dq);
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < B; i++, a += m->d[k], b += m->d[k])
      dq[i] += scale * gn_vec_dot(m->d[k], a, b);
}

static void half_square(const running *r, size_t B, const double *v, double *q)
{
  dot_rows(r->inner, B, 0.5 / (double)r->inner->ny, v, v, q);
}

static void half_square_pull(const running *r, size_t B, const double *v, const double *w,
                             double *g)
{
  const gn_model *m = r->inner;
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < B; i++, v += m->d[k], g += m->d[k])
      gn_vec_axpy(m->d[k], w[i] / (double)m->ny, v, g);
}

static void half_square_push(const running *r, size_t B, const double *v, const double *dv,
                             double *dq)
{
  dot_rows(r->inner, B, 1 / (double)r->inner->ny, v, dv, dq);
}

static void pick(const running *r, size_t B, const double *v, double *q)
{
  const double *at = gn_cblock(r->inner, B, r->block, v) + r->column;
  for (size_t i = 0; i < B; i++) q[i] = at[i * r->inner->d[r->block]];
}

static void pick_pull(const running *r, size_t B, const double *v, const double *w, double *g)
{
  (void)v;
  double *at = gn_block(r->inner, B, r->block, g) + r->column;
  for (size_t i = 0; i < B; i++) at[i * r->inner->d[r->block]] += w[i];
}

static void pick_push(const running *r, size_t B, const double *v, const double *dv, double *dq)
{
  (void)v;
  pick(r, B, dv, dq);
}

static const rate rates[] = {
  [GN_RUNNING_KINETIC] = { 1, half_square, half_square_pull, half_square_push },
  [GN_RUNNING_SQUARE] = { 0, half_square, half_square_pull, half_square_push },
  [GN_RUNNING_COMPONENT] = { 0, pick, pick_pull, pick_push },
};

/* ---- f -------------------------------------------------------------------------------- */

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const running *r = of(m);
  const size_t n = at->B * r->inner->ny;
  const int rc = r->inner->map[GN_F].eval(r->inner, at, tape, z);
  if (rc != 0) return rc;
  gn_vec_copy(n, r->rate->of_slope ? z : at->y, tape->field[r->v]);
  r->rate->value(r, at->B, tape->field[r->v], z + n);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const running *r = of(m);
  const gn_map *f = &r->inner->map[GN_F];
  const size_t n = at->B * r->inner->ny;
  const double *v = tape->field[r->v], *wq = w + n;
  if (!r->rate->of_slope) {
    const int rc = f->vjp(r->inner, at, tape, w, to);
    if (rc == 0 && to->y) r->rate->pull(r, at->B, v, wq, to->y);
    return rc;
  }
  double *wf = tape->field[r->w];
  gn_vec_copy(n, w, wf);
  r->rate->pull(r, at->B, v, wq, wf);
  return f->vjp(r->inner, at, tape, wf, to);
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  of(m)->inner->map[GN_F].pgrad(of(m)->inner, p, tape, weight, gp);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const running *r = of(m);
  double *q = z + at->B * r->inner->ny;
  const int rc = r->inner->map[GN_F].jvp(r->inner, at, tape, vy, vp, z);
  const double *dv = r->rate->of_slope ? z : vy;
  if (dv) r->rate->push(r, at->B, tape->field[r->v], dv, q);
  else gn_vec_fill(at->B, 0.0, q);
  return rc;
}

/* ---- lift: q = 0; jump: q as it was ---------------------------------------------------- */

static int lift_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const gn_model *in = of(m)->inner;
  gn_vec_fill(at->B, 0.0, z + at->B * in->ny);
  return in->map[GN_LIFT].eval(in, at, tape, z);
}

static int lift_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  const gn_model *in = of(m)->inner;
  return in->map[GN_LIFT].vjp(in, at, tape, w, to);
}

static void lift_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  of(m)->inner->map[GN_LIFT].pgrad(of(m)->inner, p, tape, weight, gp);
}

static int lift_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  const gn_model *in = of(m)->inner;
  gn_vec_fill(at->B, 0.0, z + at->B * in->ny);
  return in->map[GN_LIFT].jvp(in, at, tape, vy, vp, z);
}

static int jump_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const gn_model *in = of(m)->inner;
  const size_t n = at->B * in->ny;
  gn_vec_copy(at->B, at->y + n, z + n);
  return in->map[GN_JUMP].eval(in, at, tape, z);
}

static int jump_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  const gn_model *in = of(m)->inner;
  const size_t n = at->B * in->ny;
  if (to->y) gn_vec_axpy(at->B, 1.0, w + n, to->y + n);
  return in->map[GN_JUMP].vjp(in, at, tape, w, to);
}

static void jump_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  of(m)->inner->map[GN_JUMP].pgrad(of(m)->inner, p, tape, weight, gp);
}

static int jump_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  const gn_model *in = of(m)->inner;
  const size_t n = at->B * in->ny;
  if (vy) gn_vec_copy(at->B, vy + n, z + n);
  else gn_vec_fill(at->B, 0.0, z + n);
  return in->map[GN_JUMP].jvp(in, at, tape, vy, vp, z);
}

/* ---- read: [z, q] ---------------------------------------------------------------------- */

/* Rows of z [B, nz] and q [B] side by side; q NULL: zeros. */
static void join(size_t B, size_t nz, const double *z, const double *q, double *out)
{
  for (size_t i = 0; i < B; i++, z += nz, out += nz + 1) {
    gn_vec_copy(nz, z, out);
    out[nz] = q ? q[i] : 0;
  }
}

static int read_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const running *r = of(m);
  const gn_model *in = r->inner;
  const int rc = in->map[GN_READ].eval(in, at, tape, tape->field[r->z]);
  join(at->B, in->nz, tape->field[r->z], at->y + at->B * in->ny, z);
  return rc;
}

static int read_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  const running *r = of(m);
  const gn_model *in = r->inner;
  double *wz = tape->field[r->z];
  for (size_t i = 0; i < at->B; i++, w += in->nz + 1) {
    gn_vec_copy(in->nz, w, wz + i * in->nz);
    if (to->y) to->y[at->B * in->ny + i] += w[in->nz];
  }
  return in->map[GN_READ].vjp(in, at, tape, wz, to);
}

static void read_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  of(m)->inner->map[GN_READ].pgrad(of(m)->inner, p, tape, weight, gp);
}

static int read_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  const running *r = of(m);
  const gn_model *in = r->inner;
  const int rc = in->map[GN_READ].jvp(in, at, tape, vy, vp, tape->field[r->z]);
  join(at->B, in->nz, tape->field[r->z], vy ? vy + at->B * in->ny : NULL, z);
  return rc;
}

/* ---- set-up --------------------------------------------------------------------------- */

/* The lags are the inner model's, whose functions want it. */
static void lags(const gn_model *m, const double *p, double *tau)
{
  of(m)->inner->lags(of(m)->inner, p, tau);
}

static void lags_pgrad(const gn_model *m, const double *p, const double *gtau, double *gp)
{
  of(m)->inner->lags_pgrad(of(m)->inner, p, gtau, gp);
}

static const gn_map outer[GN_NMAPS] = {
  [GN_F] = { eval, vjp, pgrad, jvp },
  [GN_LIFT] = { lift_eval, lift_vjp, lift_pgrad, lift_jvp },
  [GN_JUMP] = { jump_eval, jump_vjp, jump_pgrad, jump_jvp },
  [GN_READ] = { read_eval, read_vjp, read_pgrad, read_jvp },
};

/* Block and column of component k of a row. */
static gn_status locate(running *r, size_t k)
{
  const gn_model *in = r->inner;
  GN_REQUIRE(k < in->ny, GN_EARG,
             "component %zu of the state, expected 0 to %zu: a row of model %s has %zu values",
             k, in->ny - 1, in->cls->name, in->ny);
  for (r->column = k; r->column >= in->d[r->block]; r->block++) r->column -= in->d[r->block];
  return GN_OK;
}

gn_status gn_running_add(gn_model **m, gn_running_rate kind, size_t component)
{
  const gn_model *in = *m;
  running *r;
  if (kind == GN_RUNNING_NONE) return GN_OK;
  GN_NEW(in->arena, r, 1);
  r->base = *in;
  r->inner = r->base.inner = in;
  r->rate = &rates[kind];
  if (kind == GN_RUNNING_COMPONENT) GN_TRY(locate(r, component));
  gn_model *own = &r->base;
  own->nz = in->nz + 1;
  GN_TRY(gn_model_block(own, "cost", 1));
  own->quadrature[in->nblock] = 1;
  GN_TRY(gn_fields_add(&own->tape[GN_F], in->ny, &r->v));
  if (r->rate->of_slope) GN_TRY(gn_fields_add(&own->tape[GN_F], in->ny, &r->w));
  GN_TRY(gn_fields_add(&own->tape[GN_READ], in->nz, &r->z));
  for (int k = 0; k < GN_NMAPS; k++) {
    if (!in->map[k].eval) continue;
    own->map[k] = outer[k];
    if (!in->map[k].pgrad) own->map[k].pgrad = NULL;
  }
  if (in->lags) own->lags = lags;
  if (in->lags_pgrad) own->lags_pgrad = lags_pgrad;
  *m = own;
  return GN_OK;
}
