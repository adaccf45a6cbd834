/* The subject of a question: a run directory is its experiment.ini and the parameters of its
 * state.h5; an experiment alone has its initial ones. */
#include "study/subject.h"

#include "base/text.h"

#include <string.h>
#include <sys/stat.h>

static int is_dir(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- parameters ---------------------------------------------------------------------- */

static gn_status read_group(gn_subject *s, const char *file, const char *group)
{
  gn_h5 *h;
  double epoch = -1;
  char model[GN_TEXT_MAX] = "";
  const char *mark = strcmp(group, "best") == 0 ? "best_epoch" : "epoch";
  GN_TRY(gn_h5_open(file, &h));
  gn_status st = GN_OK;
  if (gn_h5_attr_exists(h, "model"))
    st = gn_h5_attr_read_text(h, "model", model, sizeof model);
  if (st == GN_OK && model[0] && strcmp(model, s->e->model->name) != 0)
    st = GN_FAIL(GN_EARG, "%s: is the state of model %s, the experiment has %s", file, model,
                 s->e->model->name);
  if (st == GN_OK) st = gn_params_read(&s->setup->model->params, h, group, s->p);
  if (st == GN_OK && gn_h5_attr_exists(h, mark)) st = gn_h5_attr_read_real(h, mark, &epoch);
  /* without validation samples the best are the last, and no epoch is marked */
  if (st == GN_OK && epoch == 0 && gn_h5_attr_exists(h, "epoch"))
    st = gn_h5_attr_read_real(h, "epoch", &epoch);
  (void)gn_h5_close(&h);
  GN_TRY(st);
  const char *what = strcmp(group, "best") == 0 ? "best" : "last";
  s->origin = epoch >= 0 ? gn_arena_printf(s->arena, "%s, %s (epoch %.0f)", file, what, epoch)
                         : gn_arena_printf(s->arena, "%s, %s", file, what);
  return s->origin ? GN_OK : GN_ENOMEM;
}

static gn_status take_params(gn_subject *s, const char *run, const char *state)
{
  const size_t np = s->setup->model->params.np;
  const int best = state && strcmp(state, "best") == 0;
  const int last = state && strcmp(state, "last") == 0;
  GN_NEW(s->arena, s->p, np);
  memcpy(s->p, s->setup->p, np * sizeof *s->p);
  GN_REQUIRE(run || !(best || last), GN_EARG,
             "%s is no run directory: it has no %s parameters; give --state=FILE.h5",
             s->e->file, state);
  if (!run && !state) {
    s->origin = gn_arena_printf(s->arena, "initial (seed %d)", s->e->run.seed);
    return s->origin ? GN_OK : GN_ENOMEM;
  }
  const char *file = !state || best || last ? run : state;
  if (is_dir(file)) file = gn_arena_printf(s->arena, "%s/state.h5", file);
  return file ? read_group(s, file, !state || best ? "best" : "params") : GN_ENOMEM;
}

/* ---- samples ------------------------------------------------------------------------- */

/* "FIRST:COUNT" of n. */
static gn_status read_range(const char *text, size_t n, size_t *first, size_t *count)
{
  char head[32];
  const char *colon = strchr(text, ':');
  long a = -1, b = -1;
  const size_t m = colon ? (size_t)(colon - text) : 0;
  if (colon && m < sizeof head) {
    memcpy(head, text, m);
    head[m] = '\0';
    if (gn_text_long(head, &a) != GN_OK || gn_text_long(colon + 1, &b) != GN_OK) a = -1;
  }
  GN_REQUIRE(a >= 0 && b > 0, GN_EARG,
             "samples = %s, expected train, valid, all or FIRST:COUNT", text);
  GN_REQUIRE((size_t)a < n && (size_t)b <= n - (size_t)a, GN_EARG,
             "samples = %s: the data set has %zu, numbered 0 to %zu", text, n, n - 1);
  *first = (size_t)a;
  *count = (size_t)b;
  return GN_OK;
}

static gn_status choose(const gn_dataset *d, const char *text, size_t *first, size_t *count)
{
  const size_t nv = d->n - d->ntrain;
  *first = 0;
  *count = d->n;
  if (!text) text = nv ? "valid" : "train";
  if (strcmp(text, "all") == 0) return GN_OK;
  if (strcmp(text, "train") == 0) {
    *count = d->ntrain;
    return GN_OK;
  }
  if (strcmp(text, "valid") != 0) return read_range(text, d->n, first, count);
  GN_REQUIRE(nv > 0, GN_EARG, "samples = valid: the data set has no validation samples");
  *first = d->ntrain;
  *count = nv;
  return GN_OK;
}

static gn_status take_samples(gn_subject *s, const char *text)
{
  const gn_dataset *d = s->setup->data;
  size_t first;
  GN_TRY(choose(d, text, &first, &s->B));
  GN_NEW(s->arena, s->sample, s->B);
  for (size_t i = 0; i < s->B; i++) s->sample[i] = first + i;
  GN_TRY(gn_batch_setup(&s->batch, s->arena, d, s->B));
  gn_batch_take(&s->batch, d, s->B, s->sample);
  s->x = s->batch.x;
  s->target = gn_batch_target(&s->batch, d, s->setup->model->nz);
  return GN_OK;
}

/* ---- create -------------------------------------------------------------------------- */

static gn_status build(gn_subject *s, const gn_subject_input *in)
{
  const char *file = in->path, *run = NULL;
  if (is_dir(in->path)) {
    struct stat st;
    run = in->path;
    file = gn_arena_printf(s->arena, "%s/experiment.ini", run);
    if (!file) return GN_ENOMEM;
    GN_REQUIRE(stat(file, &st) == 0, GN_EIO,
               "%s: holds no experiment.ini: not the directory of a run", run);
  }
  const size_t n = strlen(file);
  GN_REQUIRE(n < 3 || strcmp(file + n - 3, ".h5") != 0, GN_EARG,
             "%s: is no experiment; give the run directory, or EXP.ini --state=%s", file, file);
  GN_TRY(gn_experiment_read(file, in->noverride, in->over, &s->e));
  GN_TRY(gn_setup_create(s->e, &s->setup));
  GN_TRY(take_params(s, run, in->state));
  return take_samples(s, in->samples);
}

gn_status gn_subject_create(const gn_subject_input *in, gn_subject **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_subject *s = gn_arena_alloc(a, 1, sizeof *s);
  if (!s) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  s->arena = a;
  const gn_status st = build(s, in);
  if (st != GN_OK) gn_subject_destroy(&s);
  else *out = s;
  return st;
}

void gn_subject_destroy(gn_subject **s)
{
  if (!*s) return;
  gn_arena *a = (*s)->arena; /* the object lies in its own arena */
  gn_setup_destroy(&(*s)->setup);
  if ((*s)->e) gn_experiment_destroy(&(*s)->e);
  *s = NULL;
  gn_arena_destroy(&a);
}
