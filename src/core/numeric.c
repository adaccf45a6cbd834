/* Verbs by central differences of eval, order 4:
 *
 *   g'(x) = (8 (g(x + h) - g(x - h)) - (g(x + 2h) - g(x - 2h))) / (12 h) + O(h^4)
 *
 * (Abramowitz and Stegun, Handbook of Mathematical Functions, 25.3.21). Rows do not meet, so
 * a column of the input moves in all rows at once, each by its own h. The tape keeps the
 * point and the cotangent; eval is repeated on scratch fields of its own where a verb of the
 * author still needs what it left. */
#include "core/numeric_impl.h"

#include "base/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 4, RETRIES = 2 };
static const double shifts[POINTS] = { 1, -1, 2, -2 }, weights[POINTS] = { 8, -8, -1, 1 };
static const double STEP = 0x1p-12, SHRINK = 0x1p-10, UNIT = 12; /* sum_k weight shift */

/* A map under difference: eval is repeated at `at`, whose arguments are scratch. */
typedef struct work {
  const gn_model *m;
  const gn_numeric_part *pt;
  size_t R;                 /* rows of the tape        */
  gn_point at;
  gn_tape shadow;
  double *const *field;
  const double *lag[GN_NUMERIC_PIECES];
  double *in, *z, *dz, *h;
  const double *p;          /* parameters as given     */
  double *q;                /* a copy that is moved    */
} work;

/* ---- what the tape keeps -------------------------------------------------------------- */

static void keep_point(const gn_model *m, const gn_numeric_part *pt, const gn_point *at,
                       double *const *field)
{
  size_t k = 0;
  const double *y = at->y;
  for (; k < pt->nblock; y += at->B * pt->d[k++])
    gn_vec_copy(at->B * pt->d[k], y, field[pt->fx + k]);
  if (pt->nu) gn_vec_copy(at->B * pt->nu, at->u, field[pt->fx + k++]);
  if (pt->nx) gn_vec_copy(at->B * pt->nx, at->x, field[pt->fx + k++]);
  for (size_t lag = 0; k < pt->npiece; lag++) {
    const double *past = at->lag[lag];
    for (size_t b = 0; b < m->nblock; b++, past += at->B * pt->d[k++])
      gn_vec_copy(at->B * pt->d[k], past, field[pt->fx + k]);
  }
  gn_vec_copy(at->B, at->t, field[pt->ft]);
}

static void keep_cotangent(const gn_numeric_part *pt, size_t B, const double *w, double *const *field)
{
  for (size_t k = 0; k < pt->nblock_out; w += B * pt->e[k++])
    gn_vec_copy(B * pt->e[k], w, field[pt->fw + k]);
}

void gn_numeric_place(const gn_model *m, const gn_numeric_part *pt, size_t R,
                      const double *in, const double **lag, gn_point *at)
{
  const double *next = in + R * pt->nin;
  at->B = R;
  at->y = in;
  if (pt->nu) at->u = next;
  next += R * pt->nu;
  if (pt->nx) at->x = next;
  next += R * pt->nx;
  for (size_t j = 0; j < m->nlag; j++, next += R * m->ny) lag[j] = next;
  if (m->nlag) at->lag = lag;
}

/* The point of the tape in scratch, for R rows. */
static void load(work *k, const gn_model *m, const gn_numeric_part *pt, const double *p,
                 const gn_tape *tape)
{
  const size_t R = tape->rows;
  double *const *field = tape->field;
  *k = (work){ .m = m, .pt = pt, .R = R, .field = field, .p = p, .in = field[pt->fin],
               .z = field[pt->fz], .dz = field[pt->fdz], .h = field[pt->fh] };
  k->shadow = (gn_tape){ R, field + pt->shadow };
  double *to = k->in;
  for (size_t j = 0; j < pt->npiece; to += R * pt->d[j++])
    gn_vec_copy(R * pt->d[j], field[pt->fx + j], to);
  k->at = (gn_point){ .t = field[pt->ft], .p = p };
  gn_numeric_place(m, pt, R, k->in, k->lag, &k->at);
}

/* ---- differences ---------------------------------------------------------------------- */

/* Puts an argument at c steps from where it was. */
typedef void mover(const work *k, const void *what, double c);

/* k->dz = UNIT h_i dg_i, row by row, with the n steps of k->h; smaller ones if eval fails. */
static int difference(work *k, mover *put, const void *what, size_t n)
{
  const size_t nz = k->R * k->pt->nout;
  int rc = 0;
  for (int tries = 0; tries <= RETRIES; tries++) {
    gn_vec_fill(nz, 0, k->dz);
    for (int s = 0; s < POINTS && rc == 0; s++) {
      put(k, what, shifts[s]);
      rc = k->pt->own.eval(k->m, &k->at, &k->shadow, k->z);
      if (rc == 0 && !gn_vec_finite(nz, k->z)) rc = GN_RETRY;
      if (rc == 0) gn_vec_axpy(nz, weights[s], k->z, k->dz);
    }
    put(k, what, 0);
    if (rc <= 0) return rc;
    gn_vec_scale(n, SHRINK, k->h, k->h);
    if (tries < RETRIES) rc = 0;
  }
  return rc;
}

static double scale_of(double x) { return fmax(1, fabs(x)); }

/* Along v at x: the largest of `least` and the speeds of n elements in their own sizes. */
static double fastest(size_t n, const double *v, const double *x, double least)
{
  for (size_t j = 0; j < n; j++) least = fmax(least, fabs(v[j]) / scale_of(x[j]));
  return least;
}

/* No element moves by more than STEP of its size. */
static double step_of(double speed) { return speed > 0 ? STEP / speed : STEP; }

typedef struct column {
  const double *kept; /* first element, every d-th of which moves */
  double *to;
  size_t d;
} column;

static void put_column(const work *k, const void *what, double c)
{
  const column *q = what;
  for (size_t i = 0; i < k->R; i++) q->to[i * q->d] = q->kept[i * q->d] + c * k->h[i];
}

/* The input along v, laid out as y. */
static void put_input(const work *k, const void *what, double c)
{
  const double *const *dir = what; /* one per piece; NULL: it stays */
  double *to = k->in;
  for (size_t b = 0; b < k->pt->npiece; to += k->R * k->pt->d[b++]) {
    const double *kept = k->field[k->pt->fx + b];
    const size_t d = k->pt->d[b];
    for (size_t i = 0; dir[b] && i < k->R; i++)
      for (size_t j = i * d; j < (i + 1) * d; j++)
        to[j] = kept[j] + c * k->h[i] * dir[b][j];
  }
}

static void put_parameter(const work *k, const void *what, double c)
{
  const size_t j = *(const size_t *)what;
  k->q[j] = k->p[j] + c * k->h[0];
}

/* The parameters along v. */
static void put_parameters(const work *k, const void *what, double c)
{
  const double *v = what;
  for (size_t j = 0; j < k->m->params.np; j++) k->q[j] = k->p[j] + c * k->h[0] * v[j];
}

/* ---- the verbs ------------------------------------------------------------------------ */

static int eval(const gn_model *m, gn_map_id id, const gn_point *at, const gn_tape *tape,
                double *z)
{
  const gn_numeric_part *pt = &m->differences->map[id];
  keep_point(m, pt, at, tape->field);
  return pt->own.eval(m, at, tape, z);
}

/* Targets piece by piece; NULL = not wanted. */
static int targets(const gn_model *m, const gn_numeric_part *pt, size_t B, const gn_pull *to,
                   double **target)
{
  size_t k = 0;
  int wanted = 0;
  double *y = to->y;
  for (; k < pt->nblock; k++) {
    target[k] = y;
    if (y) y += B * pt->d[k];
  }
  if (pt->nu) target[k++] = to->u;
  if (pt->nx) target[k++] = to->x;
  for (size_t lag = 0; k < pt->npiece; lag++) {
    double *past = to->lag ? to->lag[lag] : NULL;
    for (size_t b = 0; b < m->nblock; b++, k++) {
      target[k] = past;
      if (past) past += B * pt->d[k];
    }
  }
  for (k = 0; k < pt->npiece; k++) wanted |= target[k] != NULL;
  return wanted;
}

/* to_i += <w_i, dz_i> / (UNIT h_i), every d-th element of to. */
static void pull_column(const work *k, const double *w, size_t d, double *to)
{
  const double *dz = k->dz;
  for (size_t b = 0; b < k->pt->nblock_out; b++) {
    const size_t e = k->pt->e[b];
    for (size_t i = 0; i < k->R; i++, w += e, dz += e)
      to[i * d] += gn_vec_dot(e, w, dz) / (UNIT * k->h[i]);
  }
}

static int vjp(const gn_model *m, gn_map_id id, const gn_point *at, const gn_tape *tape,
               const double *w, const gn_pull *to)
{
  const gn_numeric_part *pt = &m->differences->map[id];
  double *target[GN_NUMERIC_PIECES] = { NULL };
  work k;
  if (m->numeric[id] & GN_NUMERIC_PGRAD) keep_cotangent(pt, at->B, w, tape->field);
  if (pt->own.vjp) return pt->own.vjp(m, at, tape, w, to);
  if (!targets(m, pt, at->B, to, target)) return 0;
  load(&k, m, pt, at->p, tape);
  double *in = k.in;
  for (size_t piece = 0; piece < pt->npiece; in += k.R * pt->d[piece++])
    for (size_t j = 0; target[piece] && j < pt->d[piece]; j++) {
      const column c = { k.field[pt->fx + piece] + j, in + j, pt->d[piece] };
      for (size_t i = 0; i < k.R; i++) k.h[i] = STEP * scale_of(c.kept[i * c.d]);
      const int rc = difference(&k, put_column, &c, k.R);
      if (rc) return rc;
      pull_column(&k, w, c.d, target[piece] + j);
    }
  return 0;
}

/* The parameters of a point in memory of their own, to be freed; 0 without memory. */
static int copy_parameters(work *k)
{
  const size_t np = k->m->params.np;
  k->q = malloc(np * sizeof *k->q);
  if (!k->q) return 0;
  memcpy(k->q, k->p, np * sizeof *k->q);
  k->at.p = k->q;
  return 1;
}

static void pgrad(const gn_model *m, gn_map_id id, const double *p, const gn_tape *tape,
                  double weight, double *gp)
{
  const gn_numeric_part *pt = &m->differences->map[id];
  work k;
  load(&k, m, pt, p, tape);
  if (!copy_parameters(&k)) {
    gn_vec_fill(m->params.np, (double)NAN, gp);
    return;
  }
  for (size_t j = 0; j < m->params.np; j++) {
    const double *dz = k.dz;
    k.h[0] = STEP * scale_of(p[j]);
    double sum = difference(&k, put_parameter, &j, 1) ? (double)NAN : 0;
    for (size_t b = 0; b < pt->nblock_out; dz += k.R * pt->e[b++])
      sum += gn_vec_dot(k.R * pt->e[b], k.field[pt->fw + b], dz);
    gp[j] += weight * sum / (UNIT * k.h[0]);
  }
  free(k.q);
}

/* Directions of the pieces of the input: vy, and the tangents of the delayed states. */
static int directions(const work *k, const double *vy, const double *const *vlag,
                      const double **dir)
{
  const gn_numeric_part *pt = k->pt;
  const gn_model *m = k->m;
  int any = 0;
  for (size_t b = 0; vy && b < pt->nblock; vy += k->R * pt->d[b++]) dir[b] = vy;
  size_t b = pt->npiece - m->nlag * m->nblock;
  for (size_t j = 0; vlag && pt->npiece > pt->nblock && j < m->nlag; j++) {
    const double *v = vlag[j];
    for (size_t c = 0; c < m->nblock; c++, b++)
      if (v) dir[b] = v, v += k->R * pt->d[b];
  }
  for (b = 0; b < pt->npiece; b++) any |= dir[b] != NULL;
  return any;
}

/* z += the derivative along them, each row along its own. */
static int push_input(work *k, const double *const *dir, double *z)
{
  const gn_numeric_part *pt = k->pt;
  gn_vec_fill(k->R, 0, k->h);
  for (size_t b = 0; b < pt->npiece; b++)
    for (size_t i = 0; dir[b] && i < k->R; i++)
      k->h[i] = fastest(pt->d[b], dir[b] + i * pt->d[b],
                        k->field[pt->fx + b] + i * pt->d[b], k->h[i]);
  for (size_t i = 0; i < k->R; i++) k->h[i] = step_of(k->h[i]);
  const int rc = difference(k, put_input, dir, k->R);
  const double *dz = k->dz;
  for (size_t b = 0; rc == 0 && b < pt->nblock_out; b++)
    for (size_t i = 0; i < k->R; i++, z += pt->e[b], dz += pt->e[b])
      gn_vec_axpy(pt->e[b], 1 / (UNIT * k->h[i]), dz, z);
  return rc;
}

/* z += (dg/dp) vp. */
static int push_parameters(work *k, const double *vp, double *z)
{
  if (!copy_parameters(k)) return GN_ENOMEM;
  k->h[0] = step_of(fastest(k->m->params.np, vp, k->p, 0));
  const int rc = difference(k, put_parameters, vp, 1);
  if (rc == 0) gn_vec_axpy(k->R * k->pt->nout, 1 / (UNIT * k->h[0]), k->dz, z);
  free(k->q);
  return rc;
}

static int jvp(const gn_model *m, gn_map_id id, const gn_point *at, const gn_tape *tape,
               const double *vy, const double *vp, double *z)
{
  const gn_numeric_part *pt = &m->differences->map[id];
  work k;
  int rc = 0;
  load(&k, m, pt, at->p, tape);
  gn_vec_fill(at->B * pt->nout, 0, z);
  const double *dir[GN_NUMERIC_PIECES] = { NULL };
  if (directions(&k, vy, id == GN_F ? at->vlag : NULL, dir)) rc = push_input(&k, dir, z);
  if (vp && rc == 0 && m->params.np > 0) rc = push_parameters(&k, vp, z);
  return rc;
}

/* A map has no name for itself: one set of verbs per map. */
#define VERBS(NAME, ID)                                                                  \
  static int NAME##_eval(const gn_model *m, const gn_point *at, const gn_tape *tape,     \
                         double *z)                                                      \
  {                                                                                      \
    return eval(m, ID, at, tape, z);                                                     \
  }                                                                                      \
  static int NAME##_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,      \
                        const double *w, const gn_pull *to)                              \
  {                                                                                      \
    return vjp(m, ID, at, tape, w, to);                                                  \
  }                                                                                      \
  static void NAME##_pgrad(const gn_model *m, const double *p, const gn_tape *tape,      \
                           double weight, double *gp)                                    \
  {                                                                                      \
    pgrad(m, ID, p, tape, weight, gp);                                                   \
  }                                                                                      \
  static int NAME##_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,      \
                        const double *vy, const double *vp, double *z)                   \
  {                                                                                      \
    return jvp(m, ID, at, tape, vy, vp, z);                                              \
  }
VERBS(f, GN_F)
VERBS(lift, GN_LIFT)
VERBS(jump, GN_JUMP)
VERBS(read, GN_READ)
const gn_map gn_numeric_maps[GN_NMAPS] = { { f_eval, f_vjp, f_pgrad, f_jvp },
                                              { lift_eval, lift_vjp, lift_pgrad, lift_jvp },
                                              { jump_eval, jump_vjp, jump_pgrad, jump_jvp },
                                              { read_eval, read_vjp, read_pgrad, read_jvp } };
