/* One map at a random point.
 *
 * Central differences of order 4:
 *   g'(0) = (8 (g(e) - g(-e)) - (g(2e) - g(-2e))) / (12 e) + O(e^4)
 * (Abramowitz and Stegun, Handbook of Mathematical Functions, 25.3.21). */
#include "study/probe.h"

#include "base/rng.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

static gn_status add_part(gn_probe *pr, const char *what, const char *name, size_t n,
                          int state)
{
  if (n == 0) return GN_OK;
  GN_REQUIRE(pr->npart < GN_PROBE_PARTS, GN_ELIMIT, "%zu inputs of a map, at most %d",
             pr->npart + 1, GN_PROBE_PARTS);
  gn_probe_part *q = &pr->part[pr->npart++];
  q->name = name ? gn_arena_printf(pr->arena, "%s %s", what, name)
                 : gn_arena_printf(pr->arena, "%s", what);
  if (!q->name) return GN_ENOMEM;
  q->at = pr->nall;
  q->n = n;
  q->state = state;
  pr->nall += n;
  return GN_OK;
}

/* The input as a list of parts, and the output's blocks. */
static gn_status layout(gn_probe *pr)
{
  const gn_model *m = pr->model;
  if (pr->id == GN_LIFT) {
    pr->nblock = 1;
    pr->d[0] = m->nx;
    GN_TRY(add_part(pr, "input", "x", pr->B * m->nx, 1));
  } else {
    pr->nblock = m->nblock;
    for (size_t k = 0; k < m->nblock; k++) {
      pr->d[k] = m->d[k];
      GN_TRY(add_part(pr, "block", m->block_name[k], pr->B * m->d[k], 1));
    }
  }
  if (pr->id == GN_F) {
    pr->nu = m->nu;
    pr->nlag = m->nlag;
  }
  if (pr->id == GN_JUMP) pr->nx = m->nobs;
  GN_TRY(add_part(pr, "signals", NULL, pr->B * pr->nu, 0));
  GN_TRY(add_part(pr, "observation", NULL, pr->B * pr->nx, 0));
  for (size_t k = 0; k < pr->nlag; k++)
    GN_TRY(add_part(pr, "delayed state", NULL, pr->B * m->ny, 1));

  if (pr->id == GN_READ) {
    pr->nblock_out = 1;
    pr->e[0] = m->nz;
  } else {
    pr->nblock_out = m->nblock;
    for (size_t k = 0; k < m->nblock; k++) pr->e[k] = m->d[k];
  }
  for (size_t k = 0; k < pr->nblock; k++) pr->nin += pr->d[k];
  for (size_t k = 0; k < pr->nblock_out; k++) pr->nout += pr->B * pr->e[k];
  return GN_OK;
}

static gn_status arrays(gn_probe *pr)
{
  const gn_fields *f = &pr->model->tape[pr->id];
  GN_NEW(pr->arena, pr->t, pr->B);
  GN_NEW(pr->arena, pr->in, pr->nall);
  GN_NEW(pr->arena, pr->p, pr->np);
  GN_NEW(pr->arena, pr->w, pr->nout);
  GN_NEW(pr->arena, pr->z, pr->nout);
  GN_NEW(pr->arena, pr->z2, pr->nout);
  GN_NEW(pr->arena, pr->in2, pr->nall);
  GN_NEW(pr->arena, pr->p2, pr->np);
  GN_NEW(pr->arena, pr->lag, pr->nlag);
  GN_NEW(pr->arena, pr->field, f->n);
  GN_NEW(pr->arena, pr->half, f->n);
  for (size_t j = 0; j < f->n; j++) {
    GN_NEW(pr->arena, pr->field[j], 2 * pr->B * f->width[j]);
    pr->half[j] = pr->field[j] + pr->B * f->width[j];
  }
  return GN_OK;
}

/* Values of order 1 that differ in every row; the second kind is positive. */
static void draw(gn_probe *pr, uint64_t seed, int positive)
{
  gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_TEST, 1 + (uint64_t)pr->id));
  for (size_t i = 0; i < pr->B; i++) pr->t[i] = 0.3 + 0.21 * (double)i;
  for (size_t i = 0; i < pr->nall; i++)
    pr->in[i] = positive ? 0.2 + gn_rng_uniform(&r) : 0.7 * gn_rng_normal(&r);
  gn_params_init(&pr->model->params, seed, pr->p);
  for (size_t i = 0; i < pr->np; i++) /* away from zeros and from equal constants */
    pr->p[i] = pr->p[i] * (1 + 0.1 * gn_rng_normal(&r)) +
               (positive ? 0.05 * gn_rng_uniform(&r) : 0.05 * gn_rng_normal(&r));
  for (size_t i = 0; i < pr->nout; i++) pr->w[i] = gn_rng_normal(&r);
}

gn_status gn_probe_create(gn_arena *a, const gn_model *m, gn_map_id id, size_t B,
                          uint64_t seed, gn_probe **out)
{
  gn_probe *pr;
  GN_NEW(a, pr, 1);
  *out = pr;
  pr->arena = a;
  pr->model = m;
  pr->id = id;
  pr->map = &m->map[id];
  pr->B = B;
  pr->np = m->params.np;
  GN_TRY(layout(pr));
  GN_TRY(arrays(pr));
  for (int positive = 0; positive < 2; positive++) {
    draw(pr, seed, positive);
    int rc = gn_probe_eval(pr, B, pr->t, pr->in, pr->p, 0, pr->z);
    if (rc == 0 && gn_vec_finite(pr->nout, pr->z)) return GN_OK;
  }
  return GN_FAIL(GN_ENONFINITE,
                 "%s.%s: eval fails at ordinary values (normal and in [0.2, 1.2])",
                 m->cls->name, gn_map_names[id]);
}

gn_tape gn_probe_tape(const gn_probe *pr, int slice)
{
  gn_tape tp = { slice == 2 ? 2 * pr->B : pr->B, slice == 1 ? pr->half : pr->field };
  return tp;
}

void gn_probe_fill_tape(gn_probe *pr, double value)
{
  const gn_fields *f = &pr->model->tape[pr->id];
  for (size_t j = 0; j < f->n; j++)
    gn_vec_fill(2 * pr->B * f->width[j], value, pr->field[j]);
}

/* A point of B rows over an array laid out as `in` is for B rows. */
static gn_point point(gn_probe *pr, size_t B, const double *t, const double *in,
                      const double *p)
{
  gn_point at = { .B = B, .t = t, .y = in, .p = p };
  const double *next = in + B * pr->nin;
  if (pr->nu) at.u = next;
  next += B * pr->nu;
  if (pr->nx) at.x = next;
  next += B * pr->nx;
  for (size_t k = 0; k < pr->nlag; k++, next += B * pr->model->ny) pr->lag[k] = next;
  if (pr->nlag) at.lag = pr->lag;
  return at;
}

static gn_tape tape_of(const gn_probe *pr, size_t B, int slice)
{
  gn_tape tp = gn_probe_tape(pr, slice);
  tp.rows = B;
  return tp;
}

int gn_probe_eval(gn_probe *pr, size_t B, const double *t, const double *in,
                  const double *p, int slice, double *z)
{
  gn_point at = point(pr, B, t, in, p);
  gn_tape tp = tape_of(pr, B, slice);
  return pr->map->eval(pr->model, &at, &tp, z);
}

int gn_probe_jvp(gn_probe *pr, size_t B, const double *t, const double *in, const double *p,
                 const double *vy, const double *vp, double *z)
{
  gn_point at = point(pr, B, t, in, p);
  gn_tape tp = tape_of(pr, B, 0);
  const double *vlag[GN_PROBE_PARTS] = { NULL };
  const double *next = vy ? vy + B * (pr->nin + pr->nu + pr->nx) : NULL;
  for (size_t k = 0; vy && k < pr->nlag; k++, next += B * pr->model->ny) vlag[k] = next;
  if (pr->nlag) at.vlag = vlag;
  return pr->map->jvp(pr->model, &at, &tp, vy, vp, z);
}

int gn_probe_vjp(gn_probe *pr, size_t B, const double *t, const double *in, const double *p,
                 int slice, const double *w, double *gin)
{
  gn_point at = point(pr, B, t, in, p);
  gn_tape tp = tape_of(pr, B, slice);
  double *lag[GN_PROBE_PARTS] = { NULL };
  gn_pull to = { NULL, NULL, NULL, NULL };
  if (gin) {
    double *next = gin + B * pr->nin;
    to.y = gin;
    if (pr->nu) to.u = next;
    next += B * pr->nu;
    if (pr->nx) to.x = next;
    next += B * pr->nx;
    for (size_t k = 0; k < pr->nlag; k++, next += B * pr->model->ny) lag[k] = next;
    if (pr->nlag) to.lag = lag;
  }
  return pr->map->vjp(pr->model, &at, &tp, w, &to);
}

void gn_probe_pgrad(gn_probe *pr, int slice, double weight, double *gp)
{
  gn_tape tp = gn_probe_tape(pr, slice);
  if (pr->map->pgrad) pr->map->pgrad(pr->model, pr->p, &tp, weight, gp);
}

/* Copy row i of consecutive blocks [B, d_k]; returns the end of the blocks. */
static const double *take_row(size_t B, size_t i, size_t n, const size_t *d,
                              const double *from, double **row)
{
  for (size_t k = 0; k < n; k++, from += B * d[k - 1]) {
    memcpy(*row, from + i * d[k], d[k] * sizeof **row);
    *row += d[k];
  }
  return from;
}

void gn_probe_row_in(const gn_probe *pr, size_t i, const double *in, double *row)
{
  const gn_model *m = pr->model;
  in = take_row(pr->B, i, pr->nblock, pr->d, in, &row);
  in = take_row(pr->B, i, 1, &pr->nu, in, &row);
  in = take_row(pr->B, i, 1, &pr->nx, in, &row);
  for (size_t k = 0; k < pr->nlag; k++) in = take_row(pr->B, i, m->nblock, m->d, in, &row);
}

void gn_probe_row_out(const gn_probe *pr, size_t i, const double *z, double *row)
{
  take_row(pr->B, i, pr->nblock_out, pr->e, z, &row);
}

static double *add_blocks(size_t B, size_t i, size_t n, const size_t *d, const double **row,
                          double *to)
{
  for (size_t k = 0; k < n; to += B * d[k], *row += d[k], k++)
    for (size_t j = 0; j < d[k]; j++) to[i * d[k] + j] += (*row)[j];
  return to;
}

void gn_probe_add_row(const gn_probe *pr, size_t i, const double *row, double *gin)
{
  const gn_model *m = pr->model;
  gin = add_blocks(pr->B, i, pr->nblock, pr->d, &row, gin);
  gin = add_blocks(pr->B, i, 1, &pr->nu, &row, gin);
  gin = add_blocks(pr->B, i, 1, &pr->nx, &row, gin);
  for (size_t k = 0; k < pr->nlag; k++)
    gin = add_blocks(pr->B, i, m->nblock, m->d, &row, gin);
}

/* Differences of order 4 at -e, e, -2 e, 2 e; output by output, so that what does not depend on
   the slot cancels to the last bit. */
static const double shift[4] = { 1, -1, 2, -2 }, share[4] = { 8, -8, -1, 1 };

double gn_probe_slope(gn_probe *pr, double *slot, const double *w, double e)
{
  const double keep = *slot;
  gn_vec_fill(pr->nout, 0, pr->z);
  for (int k = 0; k < 4; k++) {
    *slot = keep + shift[k] * e;
    const int rc = gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, pr->z2);
    *slot = keep;
    if (rc) return (double)NAN;
    gn_vec_axpy(pr->nout, share[k] / (12 * e), pr->z2, pr->z);
  }
  return gn_vec_dot(pr->nout, w, pr->z);
}

int gn_probe_shifted(gn_probe *pr, const double *vin, const double *vp, double c, double *z)
{
  for (size_t i = 0; i < pr->nall; i++) pr->in2[i] = pr->in[i] + (vin ? c * vin[i] : 0);
  for (size_t i = 0; i < pr->np; i++) pr->p2[i] = pr->p[i] + (vp ? c * vp[i] : 0);
  return gn_probe_eval(pr, pr->B, pr->t, pr->in2, pr->p2, 0, z);
}

int gn_probe_along(gn_probe *pr, const double *vin, const double *vp, double e, double *dz)
{
  gn_vec_fill(pr->nout, 0, dz);
  for (int k = 0; k < 4; k++) {
    int rc = gn_probe_shifted(pr, vin, vp, shift[k] * e, pr->z2);
    if (rc) return rc;
    gn_vec_axpy(pr->nout, share[k] / (12 * e), pr->z2, dz);
  }
  return 0;
}
