/* Which verbs of a model are missing, and what their differences keep in the tape. A map
 * without pgrad may have no parameters, or its author has not written it: its output is
 * looked at under two sets of parameters. */
#include "core/numeric_impl.h"

#include "base/rng.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

enum { TRIAL_ROWS = 8 };

static gn_status add_piece(gn_numeric_part *pt, size_t width)
{
  GN_REQUIRE(pt->npiece < GN_NUMERIC_PIECES, GN_ELIMIT, "a map with more than %d arguments", GN_NUMERIC_PIECES);
  pt->d[pt->npiece++] = width;
  return GN_OK;
}

/* Arguments and output of a map. Signals and delayed states belong to f, x to jump. */
static gn_status describe(const gn_model *m, gn_map_id id, gn_numeric_part *pt)
{
  *pt = (gn_numeric_part){ .own = m->map[id], .nin = gn_map_nin(m, id), .nout = gn_map_nout(m, id) };
  pt->nblock = id == GN_LIFT ? 1 : m->nblock;
  for (size_t k = 0; k < pt->nblock; k++)
    GN_TRY(add_piece(pt, id == GN_LIFT ? m->nx : m->d[k]));
  if (id == GN_F) pt->nu = m->nu;
  if (id == GN_JUMP) pt->nx = m->nobs;
  if (pt->nu) GN_TRY(add_piece(pt, pt->nu));
  if (pt->nx) GN_TRY(add_piece(pt, pt->nx));
  for (size_t lag = 0; id == GN_F && lag < m->nlag; lag++)
    for (size_t k = 0; k < m->nblock; k++) GN_TRY(add_piece(pt, m->d[k]));
  pt->nblock_out = id == GN_READ ? 1 : m->nblock;
  for (size_t k = 0; k < pt->nblock_out; k++) pt->e[k] = id == GN_READ ? m->nz : m->d[k];
  return GN_OK;
}

static size_t width_of(const gn_numeric_part *pt)
{
  size_t n = 0;
  for (size_t k = 0; k < pt->npiece; k++) n += pt->d[k];
  return n;
}

/* The author's fields come first and stay; then ours. */
static gn_status add_fields(gn_model *m, gn_map_id id, gn_numeric_part *pt)
{
  gn_fields *f = &m->tape[id];
  const size_t nown = f->n;
  const int keeps_w = (m->numeric[id] & GN_NUMERIC_PGRAD) != 0;
  size_t place;
  pt->fx = f->n;
  for (size_t k = 0; k < pt->npiece; k++) GN_TRY(gn_fields_add(f, pt->d[k], &place));
  pt->fw = f->n;
  for (size_t k = 0; keeps_w && k < pt->nblock_out; k++)
    GN_TRY(gn_fields_add(f, pt->e[k], &place));
  GN_TRY(gn_fields_add(f, 1, &pt->ft));
  GN_TRY(gn_fields_add(f, 1, &pt->fh));
  GN_TRY(gn_fields_add(f, width_of(pt), &pt->fin));
  GN_TRY(gn_fields_add(f, pt->nout, &pt->fz));
  GN_TRY(gn_fields_add(f, pt->nout, &pt->fdz));
  if (!pt->own.vjp && !pt->own.jvp) return GN_OK; /* nobody reads what eval left */
  pt->shadow = f->n;
  for (size_t k = 0; k < nown; k++) GN_TRY(gn_fields_add(f, f->width[k], &place));
  return GN_OK;
}

/* Rows drawn at random, and two sets of parameters. */
typedef struct trial {
  gn_point at;
  gn_tape tape;
  double *in, *z[2], *p[2];
} trial;

/* Normal or positive values: 1 if the outputs differ, 0 if not, -1 if eval fails there. */
static int outputs_differ(const gn_model *m, const gn_numeric_part *pt, trial *tr,
                          int positive)
{
  gn_rng r = gn_rng_make(1, gn_rng_stream(GN_STREAM_TEST, 60 + (uint64_t)positive));
  const size_t nin = TRIAL_ROWS * width_of(pt), nz = TRIAL_ROWS * pt->nout;
  for (size_t i = 0; i < nin; i++)
    tr->in[i] = positive ? 0.2 + gn_rng_uniform(&r) : gn_rng_normal(&r);
  gn_params_init(&m->params, 1, tr->p[0]);
  for (size_t i = 0; i < m->params.np; i++) { /* away from zeros, which hide others */
    tr->p[0][i] += 0.1 + gn_rng_uniform(&r);
    tr->p[1][i] = tr->p[0][i] * (1 + 0.5 * gn_rng_uniform(&r)) + 0.1;
  }
  for (int s = 0; s < 2; s++) {
    tr->at.p = tr->p[s];
    if (pt->own.eval(m, &tr->at, &tr->tape, tr->z[s])) return -1;
    if (!gn_vec_finite(nz, tr->z[s])) return -1;
  }
  return memcmp(tr->z[0], tr->z[1], nz * sizeof *tr->z[0]) != 0;
}

static gn_status try_out(gn_arena *a, const gn_model *m, gn_map_id id, int *yes)
{
  gn_numeric_part pt;
  const gn_fields *f = &m->tape[id];
  const double **lag;
  double **field, *t;
  trial tr = { 0 };
  GN_TRY(describe(m, id, &pt));
  GN_NEW(a, field, f->n);
  for (size_t j = 0; j < f->n; j++) GN_NEW(a, field[j], TRIAL_ROWS * f->width[j]);
  GN_NEW(a, t, TRIAL_ROWS);
  GN_NEW(a, lag, m->nlag);
  GN_NEW(a, tr.in, TRIAL_ROWS * width_of(&pt));
  for (int s = 0; s < 2; s++) {
    GN_NEW(a, tr.z[s], TRIAL_ROWS * pt.nout);
    GN_NEW(a, tr.p[s], m->params.np);
  }
  for (size_t i = 0; i < TRIAL_ROWS; i++) t[i] = 0.1 + 0.3 * (double)i;
  tr.tape = (gn_tape){ TRIAL_ROWS, field };
  tr.at.t = t;
  gn_numeric_place(m, &pt, TRIAL_ROWS, tr.in, lag, &tr.at);
  int found = 0, tried = 0;
  for (int positive = 0; positive < 2 && !found; positive++) {
    const int differ = outputs_differ(m, &pt, &tr, positive);
    tried |= differ >= 0;
    found |= differ > 0;
  }
  *yes = found || !tried;
  return GN_OK;
}

/* Does the map change with the parameters? Yes, where it cannot be found out. */
static gn_status depends(const gn_model *m, gn_map_id id, int *yes)
{
  gn_arena *a;
  *yes = 0;
  if (m->params.np == 0) return GN_OK;
  GN_TRY(gn_arena_create(&a));
  const gn_status s = try_out(a, m, id, yes);
  gn_arena_destroy(&a);
  return s;
}

static gn_status missing(const gn_model *m, gn_map_id id, unsigned *verbs)
{
  const gn_map *g = &m->map[id];
  int parameters = g->pgrad != NULL;
  *verbs = 0;
  if (!g->eval) return GN_OK;
  if (!parameters) GN_TRY(depends(m, id, &parameters));
  if (!g->vjp) *verbs |= GN_NUMERIC_VJP;
  if (parameters && (!g->pgrad || !g->vjp)) *verbs |= GN_NUMERIC_PGRAD;
  if (!g->jvp) *verbs |= GN_NUMERIC_JVP;
  return GN_OK;
}

static gn_status describe_all(gn_model *m, gn_numeric *nu)
{
  static const char *const verb[] = { "vjp", "pgrad", "jvp" };
  unsigned all = 0;
  const char *text = "numeric";
  for (int id = 0; id < GN_NMAPS; id++) {
    if (!m->numeric[id]) continue;
    all |= m->numeric[id];
    GN_TRY(describe(m, (gn_map_id)id, &nu->map[id]));
    GN_TRY(add_fields(m, (gn_map_id)id, &nu->map[id]));
  }
  for (unsigned k = 0, listed = 0; k < 3; k++) {
    if (!(all & 1U << k)) continue;
    text = gn_arena_printf(m->arena, "%s%s %s", text, listed++ ? "," : "", verb[k]);
    if (!text) return GN_ENOMEM;
  }
  nu->text = text;
  return GN_OK;
}

gn_status gn_numeric_complete(gn_model *m)
{
  gn_numeric *nu;
  unsigned any = 0;
  for (int id = 0; id < GN_NMAPS; id++) {
    GN_TRY(missing(m, (gn_map_id)id, &m->numeric[id]));
    any |= m->numeric[id];
  }
  if (!any) return GN_OK;
  GN_NEW(m->arena, nu, 1);
  GN_TRY(describe_all(m, nu));
  m->differences = nu;
  for (int id = 0; id < GN_NMAPS; id++) {
    const gn_map *own = &nu->map[id].own, *d = &gn_numeric_maps[id];
    const unsigned verbs = m->numeric[id];
    if (!verbs) continue;
    m->map[id] = (gn_map){
      .eval = d->eval,
      .vjp = verbs & (GN_NUMERIC_VJP | GN_NUMERIC_PGRAD) ? d->vjp : own->vjp,
      .pgrad = verbs & GN_NUMERIC_PGRAD ? d->pgrad : own->pgrad,
      .jvp = verbs & GN_NUMERIC_JVP ? d->jvp : own->jvp,
    };
  }
  return GN_OK;
}

const char *gn_model_numeric(const gn_model *m)
{
  return m->differences ? m->differences->text : "";
}

gn_status gn_model_analytic(const gn_model *m)
{
  GN_REQUIRE(!m->differences, GN_EUNSUP,
             "model %s has %s: differences of eval, whose seconds say nothing about a "
             "strategy; write the verbs (gnomon check %s says which) to measure time",
             m->cls->name, m->differences->text, m->cls->name);
  return GN_OK;
}
