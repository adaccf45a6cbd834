/* Experiments: from an INI file and overrides to filled option structs, and back to text.
 *
 * Every section is described by one row (its common options, and those of the class its
 * `name` chose); reader, writer and error messages use only that row. */
#include "study/experiment.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const gn_option no_options[] = { GN_OPTIONS_END };

enum { DATA, MODEL, LOSS, SOLVER, GRADIENT, TRAIN, COMPARE, RUN, NSECTION, NCLASS = TRAIN };
static const char *const section_names[NSECTION] = { "data",    "model",    "loss",
                                                     "solver",  "gradient", "train",
                                                     "compare", "run" };
static const char *const default_class[NCLASS] = { NULL, NULL, "mse", "erk", "discrete" };

/* What a class of any kind has in common. */
typedef struct view {
  const void *cls;
  const char *name;
  const gn_option *options;
  size_t config_size;
} view;

#define VIEW(c)                                                                            \
  ((c) ? (view){ (c), (c)->name, (c)->options, (c)->config_size } : (view){ 0 })

static view find_class(int section, const char *name)
{
  view v = { 0 };
  if (section == DATA) {
    const gn_dataset_class *c = gn_dataset_find(name);
    v = VIEW(c);
  } else if (section == MODEL) {
    const gn_model_class *c = gn_model_find(name);
    v = VIEW(c);
  } else if (section == LOSS) {
    const gn_loss_class *c = gn_loss_find(name);
    v = VIEW(c);
  } else if (section == SOLVER) {
    const gn_stepper_class *c = gn_stepper_find(name);
    v = VIEW(c);
  } else if (section == GRADIENT) {
    const gn_gradient_class *c = gn_gradient_find(name);
    v = VIEW(c);
  }
  if (v.cls && !v.options) v.options = no_options;
  return v;
}

/* A section as tables and structs: common options first, then the class's own. */
typedef struct section {
  const char *name;
  const gn_option *common;
  void *common_config;
  view cls;
  void *config;
} section;

static section section_of(gn_experiment *e, int i)
{
  section s = { .name = section_names[i], .common = gn_experiment_table(section_names[i]) };
  switch (i) {
  case DATA:
    s.common_config = e;
    s.cls = VIEW(e->data);
    s.config = e->data_config;
    break;
  case MODEL:
    s.cls = VIEW(e->model);
    s.config = e->model_config;
    break;
  case LOSS:
    s.common_config = &e->running;
    s.cls = VIEW(e->loss);
    s.config = e->loss_config;
    break;
  case SOLVER:
    s.common_config = &e->solver;
    s.cls = VIEW(e->stepper);
    s.config = e->stepper_config;
    break;
  case GRADIENT:
    s.common_config = &e->adjoint;
    s.cls = VIEW(e->gradient);
    s.config = e->gradient_config;
    break;
  case TRAIN: s.common_config = &e->train; break;
  case COMPARE: s.common_config = &e->compare; break;
  default: s.common_config = &e->run; break;
  }
  if (!s.common) s.common = no_options;
  if (!s.cls.options) s.cls.options = no_options;
  return s;
}

static void set_class(gn_experiment *e, int i, const view *v, void *config)
{
  switch (i) {
  case DATA: e->data = v->cls, e->data_config = config; break;
  case MODEL: e->model = v->cls, e->model_config = config; break;
  case LOSS: e->loss = v->cls, e->loss_config = config; break;
  case SOLVER: e->stepper = v->cls, e->stepper_config = config; break;
  default: e->gradient = v->cls, e->gradient_config = config; break;
  }
}

/* ---- reading ------------------------------------------------------------------------- */

static gn_status at(const gn_ini *ini, const gn_ini_entry *en, gn_status s)
{
  if (en->line == 0) return gn_fail_prefix(s, "command line: --%s.%s", en->section, en->key);
  return gn_fail_prefix(s, "%s:%d", ini->file, en->line);
}

static gn_status override(gn_arena *a, gn_ini *ini, const char *text)
{
  const char *dot = strchr(text, '.'), *eq = strchr(text, '=');
  GN_REQUIRE(dot && eq && dot > text && dot + 1 < eq, GN_EARG,
             "command line: '%s', expected section.key=value", text);
  GN_REQUIRE(
      !strpbrk(eq, ";\n\r"), GN_EARG,
      "command line: '%s' cannot be written to an INI file (it has ';' or a line break)",
      text);
  char *sec = gn_arena_printf(a, "%.*s", (int)(dot - text), text);
  char *key = gn_arena_printf(a, "%.*s", (int)(eq - dot - 1), dot + 1);
  if (!sec || !key) return GN_ENOMEM;
  return gn_ini_set(a, ini, sec, key, eq + 1);
}

static gn_status check_sections(const gn_ini *ini)
{
  for (size_t i = 0; i < ini->n; i++) {
    const gn_ini_entry *en = &ini->entry[i];
    int known = 0;
    for (int k = 0; k < NSECTION; k++) known |= strcmp(section_names[k], en->section) == 0;
    if (!known)
      return at(ini, en,
                GN_FAIL(GN_ENAME, "no section [%s]; did you mean [%s]?", en->section,
                        gn_text_nearest(en->section, section_names, NSECTION)));
  }
  return GN_OK;
}

static const gn_ini_entry *find_entry(const gn_ini *ini, const char *sec, const char *key)
{
  for (size_t i = 0; i < ini->n; i++)
    if (strcmp(ini->entry[i].section, sec) == 0 &&
        (!key || strcmp(ini->entry[i].key, key) == 0))
      return &ini->entry[i];
  return NULL;
}

/* The class a section names, with its default options. */
static gn_status choose(gn_experiment *e, const gn_ini *ini, int i)
{
  const char *sec = section_names[i];
  const gn_ini_entry *en = find_entry(ini, sec, "name"), *any = find_entry(ini, sec, NULL);
  const char *name = en ? en->value : default_class[i];
  if (!name && i == DATA && !any) return GN_OK;
  if (!name) {
    const gn_status s =
        GN_FAIL(GN_EARG, "[%s] has no name; `gnomon list %s` shows what there is", sec,
                i == DATA ? "datasets" : "models");
    if (any) return at(ini, any, s);
    return ini->file ? gn_fail_prefix(s, "%s", ini->file) : s;
  }
  const view v = find_class(i, name);
  if (!v.cls) return en ? at(ini, en, GN_ENAME) : GN_ENAME;
  char *config;
  GN_NEW(e->arena, config, v.config_size ? v.config_size : 1);
  gn_options_default(v.options, config);
  set_class(e, i, &v, config);
  return GN_OK;
}

static const char *nearest_key(const section *s, const char *key)
{
  const char *two[2] = { s->cls.cls ? "name" : NULL, NULL };
  const gn_option *const table[2] = { s->common, s->cls.options };
  for (int t = 0; t < 2; t++)
    for (const gn_option *o = table[t]; o && o->name; o++) {
      two[1] = o->name;
      two[0] = gn_text_nearest(key, two, 2);
    }
  return two[0] ? two[0] : "";
}

static gn_status set_key(const section *s, const char *key, const char *value)
{
  if (gn_option_find(s->common, key))
    return gn_option_set(s->common, s->common_config, key, value);
  if (gn_option_find(s->cls.options, key))
    return gn_option_set(s->cls.options, s->config, key, value);
  return GN_FAIL(GN_ENAME, "no key '%s' in [%s]%s%s; did you mean '%s'?", key, s->name,
                 s->cls.cls ? " of " : "", s->cls.cls ? s->cls.name : "",
                 nearest_key(s, key));
}

static gn_status set_keys(gn_experiment *e, const gn_ini *ini, int i)
{
  const section s = section_of(e, i);
  const gn_ini_entry *name = i < NCLASS ? find_entry(ini, s.name, "name") : NULL;
  for (size_t k = 0; k < ini->n; k++) {
    const gn_ini_entry *en = &ini->entry[k];
    if (strcmp(en->section, s.name) != 0) continue;
    if (i < NCLASS && strcmp(en->key, "name") == 0) continue;
    gn_status st = set_key(&s, en->key, en->value);
    if (st == GN_ENAME && en->line && name && name->line == 0)
      st = GN_FAIL(GN_ENAME, "'%s' is no key of %s, which the command line names: the file's "
                   "[%s] is for another; use one without that line (of a run: the experiment it "
                   "was made from)", en->key, name->value, s.name);
    if (st != GN_OK) return at(ini, en, st);
  }
  return GN_OK;
}

static gn_status copy_text(char *to, const char *what, const char *text)
{
  GN_REQUIRE(strlen(text) < GN_TEXT_MAX, GN_EARG, "%s = %.60s... has %zu bytes, at most %d",
             what, text, strlen(text), GN_TEXT_MAX - 1);
  memcpy(to, text, strlen(text) + 1);
  return GN_OK;
}

/* The option `file` of a data set is a path. A relative one that leads to a file from the folder
   of the experiment (given on the command line: from the working directory) becomes absolute, so
   that the run directory's experiment.ini finds it too; another is the data set's business. */
static gn_status resolve_file(gn_experiment *e, const gn_ini *ini)
{
  char here[4096];
  const gn_option *o =
      e->data && e->data->options ? gn_option_find(e->data->options, "file") : NULL;
  const gn_ini_entry *en = find_entry(ini, "data", "file");
  if (!o || o->type != GN_OPT_TEXT || !en || !en->value[0] || en->value[0] == '/') return GN_OK;
  const char *slash = en->line && e->file ? strrchr(e->file, '/') : NULL;
  const char *path = !slash ? en->value
                            : gn_arena_printf(e->arena, "%.*s/%s", (int)(slash - e->file),
                                              e->file, en->value);
  if (!path) return GN_ENOMEM;
  if (access(path, F_OK) != 0 || !getcwd(here, sizeof here)) return GN_OK;
  const char *full =
      path[0] == '/' ? path : gn_arena_printf(e->arena, "%s/%s", here, path);
  if (!full) return GN_ENOMEM;
  return copy_text((char *)e->data_config + o->offset, "data.file", full);
}

/* Defaults that depend on the surroundings become values. */
static gn_status resolve(gn_experiment *e, const gn_ini *ini)
{
  GN_TRY(resolve_file(e, ini));
  if (e->data_dir[0] == '\0') {
    const char *env = getenv("GNOMON_DATA");
    GN_TRY(copy_text(e->data_dir, "data.dir", env && env[0] ? env : gn_dataset_folder()));
  }
  if (e->run.out[0] == '\0') {
    const char *file = e->file ? e->file : "experiment";
    const char *slash = strrchr(file, '/');
    const char *stem = slash ? slash + 1 : file, *dot = strrchr(stem, '.');
    const int m =
        snprintf(e->run.out, sizeof e->run.out, "runs/%.*s",
                 (int)(dot && dot > stem ? (size_t)(dot - stem) : strlen(stem)), stem);
    GN_REQUIRE(m > 0 && (size_t)m < sizeof e->run.out, GN_EARG, "run.out: %s is too long",
               stem);
  }
  return GN_OK;
}

static gn_status read_into(gn_experiment *e, const char *file, size_t noverride,
                           const char *const *over)
{
  gn_ini *ini;
  if (file)
    GN_TRY(gn_ini_read(e->arena, file, &ini));
  else
    GN_NEW(e->arena, ini, 1);
  for (size_t i = 0; i < noverride; i++) GN_TRY(override(e->arena, ini, over[i]));
  if (file && !(e->file = gn_arena_strdup(e->arena, file))) return GN_ENOMEM;
  for (int i = 0; i < NSECTION; i++) {
    const section s = section_of(e, i);
    gn_options_default(s.common, s.common_config);
  }
  GN_TRY(check_sections(ini));
  for (int i = 0; i < NCLASS; i++) GN_TRY(choose(e, ini, i));
  for (int i = 0; i < NSECTION; i++) GN_TRY(set_keys(e, ini, i));
  return resolve(e, ini);
}

gn_status gn_experiment_read(const char *file, size_t noverride, const char *const *over,
                             gn_experiment **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_experiment *e = gn_arena_alloc(a, 1, sizeof *e);
  gn_status s = GN_ENOMEM;
  if (e) {
    e->arena = a;
    s = read_into(e, file, noverride, over);
  }
  if (s != GN_OK)
    gn_arena_destroy(&a);
  else
    *out = e;
  return s;
}

void gn_experiment_destroy(gn_experiment **e)
{
  if (!*e) return;
  gn_arena *a = (*e)->arena; /* the object lies in its own arena */
  *e = NULL;
  gn_arena_destroy(&a);
}

/* ---- writing ------------------------------------------------------------------------- */

static void write_table(const gn_option *table, const void *config, FILE *to)
{
  char value[GN_TEXT_MAX + 32];
  for (const gn_option *o = table; o && o->name; o++) {
    gn_option_print(o, config, value, sizeof value);
    (void)fprintf(to, "%s =%s%s\n", o->name, value[0] ? " " : "", value);
  }
}

gn_status gn_experiment_write(const gn_experiment *e, FILE *to)
{
  gn_experiment copy = *e; /* a section holds pointers to non-const structs */
  for (int i = 0; i < NSECTION; i++) {
    const section s = section_of(&copy, i);
    if (i < NCLASS && !s.cls.cls) continue;
    (void)fprintf(to, "%s[%s]\n", i ? "\n" : "", s.name);
    if (s.cls.cls) (void)fprintf(to, "name = %s\n", s.cls.name);
    write_table(s.common, s.common_config, to);
    write_table(s.cls.options, s.config, to);
  }
  GN_REQUIRE(!ferror(to), GN_EIO, "the experiment could not be written");
  return GN_OK;
}

/* ---- parts for the core -------------------------------------------------------------- */

void gn_adjoint_tolerances(const gn_adjoint_options *o, gn_solver *sv)
{
  if (o->rtol > 0) sv->back.rtol = o->rtol;
  if (o->atol > 0) sv->back.atol = o->atol;
  if (o->quad_rtol > 0) sv->quad.rtol = o->quad_rtol;
  if (o->quad_atol > 0) sv->quad.atol = o->quad_atol;
}

gn_solver gn_experiment_solver(const gn_experiment *e)
{
  const gn_tolerance tol = { e->solver.rtol, e->solver.atol };
  gn_solver sv = { .cls = e->stepper,
                   .config = e->stepper_config,
                   .tol = tol,
                   .back = tol,
                   .max_steps = e->solver.max_steps };
  gn_adjoint_tolerances(&e->adjoint, &sv);
  return sv;
}

/* Options "key=value:key=value", which is cut up on the way. */
static gn_status strategy_keys(const section *s, char *text)
{
  for (char *next; text; text = next) {
    next = strchr(text, ':');
    if (next) *next++ = '\0';
    char *eq = strchr(text, '=');
    GN_REQUIRE(eq, GN_EARG, "'%s', expected key=value", text);
    *eq = '\0';
    GN_TRY(set_key(s, text, eq + 1));
  }
  return GN_OK;
}

/* "name:key=value" as a class and its options, on top of those of the experiment. */
static gn_status read_choice(const gn_experiment *e, gn_arena *a, const char *text, int i,
                             void *common_config, view *v, void **config)
{
  gn_experiment copy = *e; /* a section holds pointers to non-const structs */
  const section own = section_of(&copy, i);
  const char *what = i == SOLVER ? "stepper" : "strategy";
  char *name = gn_arena_strdup(a, text), *fresh;
  if (!name) return GN_ENOMEM;
  char *keys = strchr(name, ':');
  if (keys) *keys++ = '\0';
  *v = find_class(i, name);
  if (!v->cls) return gn_fail_prefix(GN_ENAME, "%s '%s'", what, text);
  GN_NEW(a, fresh, v->config_size ? v->config_size : 1);
  gn_options_default(v->options, fresh);
  if (v->cls == own.cls.cls && v->config_size) memcpy(fresh, own.config, v->config_size);
  const section s = { own.name, common_config ? own.common : no_options, common_config, *v,
                      fresh };
  const gn_status st = strategy_keys(&s, keys);
  if (st != GN_OK) return gn_fail_prefix(st, "%s '%s'", what, text);
  *config = fresh;
  return GN_OK;
}

gn_status gn_experiment_strategy(const gn_experiment *e, gn_arena *a, const char *text,
                                 const gn_gradient_class **cls, void **config,
                                 gn_adjoint_options *adjoint)
{
  view v;
  *adjoint = e->adjoint;
  GN_TRY(read_choice(e, a, text, GRADIENT, adjoint, &v, config));
  *cls = v.cls;
  return GN_OK;
}

gn_status gn_experiment_stepper(const gn_experiment *e, gn_arena *a, const char *text,
                                const gn_stepper_class **cls, void **config)
{
  view v;
  GN_TRY(read_choice(e, a, text, SOLVER, NULL, &v, config));
  *cls = v.cls;
  return GN_OK;
}
