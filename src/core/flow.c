/* The flow of a model over a batch:
 *
 *   dy_i/ds = dt_i f(t0_i + s dt_i, y_i)      for row i,
 *
 * and its transposes. The rows of eval and jvp are scaled by dt after the map; the rows of a
 * cotangent before it, so that the weight of a tape in pgrad stays one number. */
#include "core/flow.h"

#include "base/vec.h"

gn_status gn_flow_setup(gn_flow *fl, gn_arena *a, const gn_model *m, size_t Bmax)
{
  fl->model = m;
  GN_NEW(a, fl->t, Bmax);
  GN_NEW(a, fl->w, Bmax * m->ny);
  return GN_OK;
}

void gn_flow_bind(gn_flow *fl, size_t B, const double *p)
{
  fl->B = B;
  fl->p = p;
  fl->t0 = fl->dt = NULL;
  fl->vlag = NULL;
}

void gn_flow_span(gn_flow *fl, const gn_drive *dr, size_t j)
{
  const gn_signal *sig = fl->signal.of;
  if (fl->delay) fl->delay->piece = j;
  if (sig) fl->signal.interval = sig->interval[j];
  if (sig) j = sig->span[j];
  if (!dr || !dr->dt) return;
  fl->t0 = dr->t0 + j * fl->B;
  fl->dt = dr->dt + j * fl->B;
}

void gn_flow_times(gn_flow *fl, double s)
{
  for (size_t i = 0; i < fl->B; i++) fl->t[i] = fl->dt ? fl->t0[i] + s * fl->dt[i] : s;
}

static gn_point point(gn_flow *fl, double s, const double *y)
{
  gn_flow_times(fl, s);
  gn_point at = { .B = fl->B, .t = fl->t, .y = y, .p = fl->p };
  if (fl->delay) at.lag = (const double *const *)fl->delay->lag;
  if (fl->signal.of) at.u = gn_signal_read(&fl->signal, s, fl->t);
  return at;
}

/* z rows = dt_i * w rows, block by block; z may be w. */
static void scale_rows(const gn_flow *fl, const double *w, double *z)
{
  const gn_model *m = fl->model;
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < fl->B; i++, w += m->d[k], z += m->d[k])
      gn_vec_scale(m->d[k], fl->dt[i], w, z);
}

int gn_flow_eval(gn_flow *fl, double s, const double *y, const gn_tape *tape, double *ydot)
{
  fl->count.f++;
  if (fl->delay) gn_delay_read(fl->delay, s);
  const gn_point at = point(fl, s, y);
  const int rc = fl->model->map[GN_F].eval(fl->model, &at, tape, ydot);
  if (rc != 0) return rc;
  if (fl->dt) scale_rows(fl, ydot, ydot);
  return gn_vec_finite(fl->B * fl->model->ny, ydot) ? 0 : GN_RETRY;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the map writes through gy */
int gn_flow_vjp(gn_flow *fl, double s, const gn_tape *tape, const double *w, double *gy)
{
  fl->count.vjp++;
  const gn_point at = point(fl, s, NULL);
  gn_pull to = { .y = gy };
  if (fl->delay) {
    to.lag = fl->delay->glag;
    for (size_t k = 0; k < fl->model->nlag; k++)
      gn_vec_fill(fl->B * fl->model->ny, 0.0, fl->delay->glag[k]);
  }
  if (fl->dt) scale_rows(fl, w, fl->w);
  return fl->model->map[GN_F].vjp(fl->model, &at, tape, fl->dt ? fl->w : w, &to);
}

void gn_flow_pgrad(gn_flow *fl, const gn_tape *tape, size_t n, double weight, double *gp)
{
  const gn_map *f = &fl->model->map[GN_F];
  if (!f->pgrad || !gp) return;
  fl->count.pgrad += (long)n;
  f->pgrad(fl->model, fl->p, tape, weight, gp);
}

void gn_flow_pgrad_weighted(gn_flow *fl, const gn_record *rec, size_t nslice,
                            const double *weight, double *gp)
{
  for (size_t i = 0, j; i < nslice; i = j) {
    for (j = i + 1; j < nslice && weight[j] == weight[i]; j++) continue;
    const gn_tape run = gn_record_tape(rec, i, j - i);
    if (weight[i] != 0) gn_flow_pgrad(fl, &run, j - i, weight[i], gp);
  }
}

int gn_flow_jvp(gn_flow *fl, double s, const gn_tape *tape, const double *vy,
                const double *vp, double *out)
{
  fl->count.jvp++;
  gn_point at = point(fl, s, NULL);
  at.vlag = fl->vlag;
  const int rc = fl->model->map[GN_F].jvp(fl->model, &at, tape, vy, vp, out);
  if (rc == 0 && fl->dt) scale_rows(fl, out, out);
  return rc;
}

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  gn_flow *fl = user;
  fl->count.nfe++;
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  return gn_flow_eval(fl, s, y, &tape, ydot);
}

static int jvp(void *user, double s, const double *v, double *Jv, gn_record *rec,
               size_t slice)
{
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  return gn_flow_jvp(user, s, &tape, v, NULL, Jv);
}

gn_status gn_flow_system(gn_flow *fl, gn_arena *a, size_t Bmax, gn_system *sys)
{
  const gn_model *m = fl->model;
  sys->nmax = Bmax * m->ny;
  sys->Bmax = Bmax;
  sys->user = fl;
  sys->rhs = rhs;
  sys->jvp = jvp;
  sys->fields = &m->tape[GN_F];
  sys->norm.nseg = m->nblock;
  sys->norm.ngroup = 1;
  GN_NEW(a, sys->norm.seg, m->nblock);
  for (size_t k = 0; k < m->nblock; k++) {
    sys->norm.seg[k].name = m->block_name[k];
    sys->norm.seg[k].d = m->d[k];
    sys->norm.seg[k].group = m->quadrature[k] ? -1 : 0;
    sys->norm.seg[k].atol_scale = sys->norm.seg[k].rtol_scale = 1;
  }
  return GN_OK;
}

void gn_flow_resize(const gn_flow *fl, gn_system *sys)
{
  const gn_model *m = fl->model;
  sys->B = sys->norm.B = fl->B;
  sys->n = fl->B * m->ny;
  for (size_t k = 0; k < m->nblock; k++) sys->norm.seg[k].n = fl->B * m->d[k];
}
