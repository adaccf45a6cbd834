/* The contract tests themselves: every registered model passes them, and models with one
 * fault in one verb are caught, with the verb, the place and the likely mistake named. */
#include "base/vec.h"
#include "study/check.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sound models -------------------------------------------------------------------- */

/* The model passes every test; it is destroyed. */
static void check_passes(gn_model *m, const char *what)
{
  gn_check *c;
  gn_ck_ok(gn_check_model(m, 1, &c));
  for (size_t i = 0; i < c->n; i++) {
    const gn_check_row *r = &c->row[i];
    ck_assert_msg(r->ok,
                  "%s: %s.%s (%s) %s %s: %.17g, expected %.17g, error %.2e, limit %.1e",
                  what, gn_map_names[r->map], r->verb, r->test, r->place, r->spot, r->got,
                  r->want, r->error, r->limit);
  }
  ck_assert_uint_eq(c->nfail, 0);
  /* f, lift and read are there, and each has been through several tests */
  ck_assert_uint_ge(c->n, 30);
  gn_check_destroy(&c);
  gn_model_destroy(&m);
}

START_TEST(every_model)
{
  gn_model *m;
  gn_ck_ok(gn_check_instance(gn_models[_i], NULL, &m));
  check_passes(m, gn_models[_i]->name);
}
END_TEST

/* Every value of every choice of every model, one at a time. A model may refuse a value that
   makes no sense for it, and says which. */
START_TEST(every_choice)
{
  const gn_model_class *cls = gn_models[_i];
  char *config = calloc(1, cls->config_size ? cls->config_size : 1);
  ck_assert(config != NULL);
  for (const gn_option *o = cls->options; o && o->name; o++) {
    if (o->type != GN_OPT_CHOICE) continue;
    for (const char *s = o->text; *s;) {
      char value[64], what[200];
      gn_model *m;
      size_t n = strcspn(s, "|");
      (void)snprintf(value, sizeof value, "%.*s", (int)n, s);
      (void)snprintf(what, sizeof what, "%s %s=%s", cls->name, o->name, value);
      gn_options_default(cls->options, config);
      gn_ck_ok(gn_option_set(cls->options, config, o->name, value));
      const gn_status st = gn_check_instance(cls, config, &m);
      if (st == GN_OK) check_passes(m, what);
      else gn_ck_fails(st, GN_EARG, value);
      s += n + (s[n] == '|');
    }
  }
  free(config);
}
END_TEST

/* ---- models with a fault ------------------------------------------------------------- */

static gn_map sound; /* the map the fault is built on */

static int vjp_scaled(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to, double by)
{
  double *g = calloc(at->B * m->ny, sizeof *g);
  gn_pull own = { .y = g };
  int rc = g ? sound.vjp(m, at, tape, w, &own) : -1;
  if (!rc && to->y) gn_vec_axpy(at->B * m->ny, by, g, to->y);
  free(g);
  return rc;
}

static int vjp_sign(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  return vjp_scaled(m, at, tape, w, to, -1);
}

static int vjp_factor(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to)
{
  return vjp_scaled(m, at, tape, w, to, 3);
}

static int vjp_overwrites(const gn_model *m, const gn_point *at, const gn_tape *tape,
                          const double *w, const gn_pull *to)
{
  if (to->y) gn_vec_fill(at->B * m->ny, 0, to->y);
  return sound.vjp(m, at, tape, w, to);
}

/* J w where J^T w belongs; the sound vjp keeps what pgrad needs in the tape. */
static int vjp_transposed(const gn_model *m, const gn_point *at, const gn_tape *tape,
                          const double *w, const gn_pull *to)
{
  double *g = calloc(at->B * m->ny, sizeof *g);
  gn_pull none = { .y = NULL };
  int rc = g ? sound.jvp(m, at, tape, w, NULL, g) : -1;
  if (!rc && to->y) gn_vec_axpy(at->B * m->ny, 1, g, to->y);
  if (!rc) rc = sound.vjp(m, at, tape, w, &none);
  free(g);
  return rc;
}

/* Block 1 alone, as a fault in one of two blocks. */
static int vjp_forgets(const gn_model *m, const gn_point *at, const gn_tape *tape,
                       const double *w, const gn_pull *to)
{
  const size_t n = at->B * m->ny, head = at->B * m->d[0];
  double *g = calloc(n, sizeof *g);
  gn_pull own = { .y = g };
  int rc = g ? sound.vjp(m, at, tape, w, &own) : -1;
  if (!rc && to->y) gn_vec_axpy(head, 1, g, to->y);
  free(g);
  return rc;
}

static void pgrad_sign(const gn_model *m, const double *p, const gn_tape *tape,
                       double weight, double *gp)
{
  sound.pgrad(m, p, tape, -weight, gp);
}

static void pgrad_weightless(const gn_model *m, const double *p, const gn_tape *tape,
                             double weight, double *gp)
{
  (void)weight;
  sound.pgrad(m, p, tape, 1, gp);
}

static void pgrad_overwrites(const gn_model *m, const double *p, const gn_tape *tape,
                             double weight, double *gp)
{
  gn_vec_fill(m->params.np, 0, gp);
  sound.pgrad(m, p, tape, weight, gp);
}

static void pgrad_first_only(const gn_model *m, const double *p, const gn_tape *tape,
                             double weight, double *gp)
{
  gn_tape half = { tape->rows % 2 ? tape->rows : tape->rows / 2, tape->field };
  sound.pgrad(m, p, &half, weight, gp);
}

/* Every matrix of f transposed where it is square, rho alone of wrong sign. */
static void pgrad_changed(const gn_model *m, const double *p, const gn_tape *tape,
                          double weight, double *gp, const char *name, int how)
{
  double *g = calloc(m->params.np, sizeof *g);
  const gn_param *q = gn_params_find(&m->params, name);
  if (!g || !q) abort();
  sound.pgrad(m, p, tape, weight, g);
  double *part = g + q->offset;
  const size_t n = q->shape[0];
  if (how == 0) part[0] = -part[0];
  for (size_t i = 0; how == 1 && i < n; i++)
    for (size_t j = 0; j < i; j++) {
      double keep = part[i * n + j];
      part[i * n + j] = part[j * n + i];
      part[j * n + i] = keep;
    }
  gn_vec_axpy(m->params.np, 1, g, gp);
  free(g);
}

static void pgrad_rho_sign(const gn_model *m, const double *p, const gn_tape *tape,
                           double weight, double *gp)
{
  pgrad_changed(m, p, tape, weight, gp, "rho", 0);
}

static void pgrad_transposed(const gn_model *m, const double *p, const gn_tape *tape,
                             double weight, double *gp)
{
  pgrad_changed(m, p, tape, weight, gp, "f.1.weight", 1);
}

static int jvp_half(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  int rc = sound.jvp(m, at, tape, vy, vp, z);
  gn_vec_scale(at->B * m->ny, 0.5, z, z);
  return rc;
}

static int jvp_no_params(const gn_model *m, const gn_point *at, const gn_tape *tape,
                         const double *vy, const double *vp, double *z)
{
  (void)vp;
  return sound.jvp(m, at, tape, vy, NULL, z);
}

static int eval_accumulates(const gn_model *m, const gn_point *at, const gn_tape *tape,
                            double *z)
{
  const size_t n = at->B * m->ny;
  double *own = calloc(n, sizeof *own);
  int rc = own ? sound.eval(m, at, tape, own) : -1;
  if (!rc) gn_vec_axpy(n, 1, own, z);
  free(own);
  return rc;
}

static int eval_remembers(const gn_model *m, const gn_point *at, const gn_tape *tape,
                          double *z)
{
  static double seen; /* the fault: state that outlives the call */
  int rc = sound.eval(m, at, tape, z);
  z[0] += 1e-9 * seen;
  seen = at->y[0];
  return rc;
}

static int eval_couples_rows(const gn_model *m, const gn_point *at, const gn_tape *tape,
                             double *z)
{
  int rc = sound.eval(m, at, tape, z);
  z[0] += 1e-9 * (double)at->B;
  return rc;
}

static int eval_times(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  int rc = sound.eval(m, at, tape, z);
  z[0] += at->t[0];
  return rc;
}

static const struct fault {
  gn_map map;                      /* verbs that replace the sound ones           */
  const char *verb, *test, *place; /* what the first failing row of it must say   */
  const char *hint;
} faults[] = {
  { { .vjp = vjp_sign }, "vjp", "differences", "block h", "sign" },
  { { .vjp = vjp_factor }, "vjp", "differences", "block m", "factor: 3 " },
  { { .vjp = vjp_overwrites }, "vjp", "accumulates", "block h", "overwritten" },
  { { .vjp = vjp_transposed }, "vjp", "differences", "block m", "transpose" },
  { { .vjp = vjp_forgets }, "vjp", "differences", "block m", "missing" },
  { { .pgrad = pgrad_sign }, "pgrad", "differences", "parameter f.0.weight", "sign" },
  { { .pgrad = pgrad_rho_sign }, "pgrad", "differences", "parameter rho", "sign" },
  { { .pgrad = pgrad_transposed },
    "pgrad",
    "differences",
    "parameter f.1.weight",
    "transpose" },
  { { .pgrad = pgrad_overwrites },
    "pgrad",
    "accumulates",
    "parameter f.0.weight",
    "overwritten" },
  { { .pgrad = pgrad_weightless }, "pgrad", "two tapes", "", "weight is ignored" },
  { { .pgrad = pgrad_first_only }, "pgrad", "two tapes", "", "first evaluation" },
  { { .jvp = jvp_half }, "jvp", "differences", "block h", "factor: 0.5 " },
  { { .jvp = jvp_no_params }, "jvp", "differences", "parameter f.0.weight", "missing" },
  { { .eval = eval_accumulates }, "eval", "written", "", "accumulated" },
  { { .eval = eval_remembers }, "eval", "repeat", "", "earlier call" },
  { { .eval = eval_couples_rows }, "eval", "rows", "", "" },
  { { .eval = eval_times }, "eval", "time", "", "uses_time" },
};
enum { NFAULT = sizeof faults / sizeof *faults };

START_TEST(every_fault)
{
  const struct fault *f = &faults[_i];
  const gn_model_class *cls = gn_model_find("hbnode");
  gn_model *m;
  gn_check *c;
  ck_assert(cls != NULL);
  gn_ck_ok(gn_check_instance(cls, NULL, &m));
  sound = m->map[GN_F];
  if (f->map.eval) m->map[GN_F].eval = f->map.eval;
  if (f->map.vjp) m->map[GN_F].vjp = f->map.vjp;
  if (f->map.pgrad) m->map[GN_F].pgrad = f->map.pgrad;
  if (f->map.jvp) m->map[GN_F].jvp = f->map.jvp;
  gn_ck_ok(gn_check_model(m, 1, &c));
  ck_assert_uint_gt(c->nfail, 0);
  const gn_check_row *hit = NULL;
  for (size_t i = 0; i < c->n && !hit; i++) {
    const gn_check_row *r = &c->row[i];
    if (!r->ok && strcmp(r->verb, f->verb) == 0 && strcmp(r->test, f->test) == 0 &&
        strcmp(r->place, f->place) == 0)
      hit = r;
    ck_assert_msg(r->ok || r->map == GN_F, "a fault in f is blamed on %s",
                  gn_map_names[r->map]);
  }
  ck_assert_msg(hit != NULL, "%s (%s) at %s is not caught", f->verb, f->test, f->place);
  ck_assert_msg(strstr(hit->hint, f->hint) != NULL, "%s (%s): '%s' without '%s'", f->verb,
                f->test, hit->hint, f->hint);
  gn_check_destroy(&c);
  gn_model_destroy(&m);
}
END_TEST

/* The report of a fault has both values and the likely mistake. */
START_TEST(report)
{
  static char text[1 << 16];
  gn_model *m;
  gn_check *c;
  gn_ck_ok(gn_check_instance(gn_model_find("hbnode"), NULL, &m));
  sound = m->map[GN_F];
  m->map[GN_F].pgrad = pgrad_rho_sign;
  gn_ck_ok(gn_check_model(m, 1, &c));
  FILE *f = tmpfile();
  ck_assert(f != NULL);
  gn_ck_ok(gn_check_print(1, &c, f, 0, GN_CHECK_MAPS));
  rewind(f);
  ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 0);
  (void)fclose(f);
  ck_assert_ptr_nonnull(
      strstr(text, "hbnode: f.pgrad disagrees (differences) at parameter rho"));
  ck_assert_ptr_nonnull(strstr(text, "likely mistake: sign"));
  ck_assert_ptr_nonnull(strstr(text, "expected"));
  gn_check_destroy(&c);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  int n = 0;
  while (gn_models[n]) n++;
  Suite *s = suite_create("check");
  TCase *ok = tcase_create("sound models"), *bad = tcase_create("faults");
  tcase_add_loop_test(ok, every_model, 0, n);
  tcase_add_loop_test(ok, every_choice, 0, n);
  tcase_add_loop_test(bad, every_fault, 0, NFAULT);
  tcase_add_test(bad, report);
  tcase_set_timeout(ok, 300);
  suite_add_tcase(s, ok);
  suite_add_tcase(s, bad);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
