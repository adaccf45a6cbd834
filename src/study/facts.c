/* Facts of a folder from its experiment file and its log. Runs that differ only in their
 * seeds and in where they lie are repetitions of each other. */
#include "study/facts.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

static const char *const place[] = { "run.seed", "data.seed", "run.out" };

static gn_status read_version(gn_arena *a, gn_facts *f)
{
  char line[512];
  const char *file = gn_arena_printf(a, "%s/log.txt", f->dir), *at = NULL;
  FILE *log = file ? fopen(file, "r") : NULL;
  f->version = "";
  if (!log) return file ? GN_OK : GN_ENOMEM;
  while (!at && fgets(line, sizeof line, log)) at = strstr(line, " gnomon ");
  (void)fclose(log);
  if (at) f->version = gn_arena_printf(a, "%.*s", (int)strcspn(at + 1, ",\n"), at + 1);
  return f->version ? GN_OK : GN_ENOMEM;
}

gn_status gn_facts_read(gn_arena *a, const char *dir, const char *ini, gn_facts *out)
{
  gn_ini *read = NULL;
  const char *slash = strrchr(dir, '/');
  const char *file = gn_arena_printf(a, "%s/%s", dir, ini);
  if (!file) return GN_ENOMEM;
  *out = (gn_facts){ .dir = gn_arena_strdup(a, dir),
                     .name = gn_arena_strdup(a, slash && slash[1] ? slash + 1 : dir) };
  if (!out->dir || !out->name) return GN_ENOMEM;
  if (access(file, F_OK) == 0) GN_TRY(gn_ini_read(a, file, &read));
  out->ini = read;
  return read_version(a, out);
}

static const char *value(const gn_facts *f, const char *section, const char *key)
{
  return f->ini ? gn_ini_get(f->ini, section, key) : NULL;
}

static const char *lookup(const gn_facts *f, const char *option)
{
  char section[64];
  const size_t n = strcspn(option, ".");
  if (n >= sizeof section || !option[n]) return NULL;
  memcpy(section, option, n);
  section[n] = '\0';
  return value(f, section, option + n + 1);
}

const char *gn_facts_get(const gn_facts *f, const char *option)
{
  const char *s = lookup(f, option);
  return s ? s : "";
}

/* ---- differences --------------------------------------------------------------------- */

static int is_place(const gn_ini_entry *en)
{
  for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
    const size_t n = strlen(en->section);
    if (strncmp(place[i], en->section, n) == 0 && place[i][n] == '.' &&
        strcmp(place[i] + n + 1, en->key) == 0)
      return 1;
  }
  return 0;
}

/* Everything g says, f says too. */
static int covers(const gn_facts *f, const gn_facts *g)
{
  for (size_t i = 0; i < g->ini->n; i++) {
    const gn_ini_entry *en = &g->ini->entry[i];
    const char *s = value(f, en->section, en->key);
    if (!is_place(en) && (!s || strcmp(s, en->value) != 0)) return 0;
  }
  return 1;
}

int gn_facts_same(const gn_facts *f, const gn_facts *g)
{
  return f->ini && g->ini && covers(f, g) && covers(g, f);
}

static int differs(size_t n, const gn_facts *const *f, const gn_ini_entry *en)
{
  for (size_t k = 0; k < n; k++) {
    const char *s = value(f[k], en->section, en->key);
    if (f[k]->ini && (!s || strcmp(s, en->value) != 0)) return 1;
  }
  return 0;
}

static int known(size_t n, const char *const *key, const char *name)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(key[i], name) == 0) return 1;
  return 0;
}

gn_status gn_facts_differences(gn_arena *a, size_t n, const gn_facts *const *f, size_t *nkey,
                               const char ***key)
{
  size_t all = 0;
  for (size_t k = 0; k < n; k++) all += f[k]->ini ? f[k]->ini->n : 0;
  GN_NEW(a, *key, all);
  *nkey = 0;
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; f[k]->ini && i < f[k]->ini->n; i++) {
      const gn_ini_entry *en = &f[k]->ini->entry[i];
      if (is_place(en) || !differs(n, f, en)) continue;
      const char *name = gn_arena_printf(a, "%s.%s", en->section, en->key);
      if (!name) return GN_ENOMEM;
      if (!known(*nkey, *key, name)) (*key)[(*nkey)++] = name;
    }
  return GN_OK;
}

/* ---- labels -------------------------------------------------------------------------- */

static const char *key_of(const char *option) { return option + strcspn(option, ".") + 1; }

/* An option that some lack belongs to a class they have not chosen: it tells apart only if
   those that have it differ. */
static int tells(size_t n, const gn_facts *const *f, const char *option)
{
  const char *first = NULL;
  for (size_t k = 0; k < n; k++) {
    const char *s = lookup(f[k], option);
    if (!s) continue;
    if (first && strcmp(first, s) != 0) return 1;
    first = s;
  }
  return 0;
}

static int ambiguous(size_t n, const gn_facts *const *f, size_t nkey, const char *const *key,
                     size_t i)
{
  for (size_t j = 0; j < nkey; j++)
    if (j != i && strcmp(key_of(key[j]), key_of(key[i])) == 0 && tells(n, f, key[j]))
      return 1;
  return 0;
}

static const char *short_label(gn_arena *a, size_t n, const gn_facts *const *f, size_t k,
                               size_t nkey, const char *const *key)
{
  const char *s = "";
  for (size_t i = 0; s && i < nkey; i++) {
    const char *v = lookup(f[k], key[i]), *lead = *s ? ", " : "";
    if (!v || !tells(n, f, key[i])) continue;
    if (strcmp(key_of(key[i]), "name") == 0)
      s = gn_arena_printf(a, "%s%s%s", s, lead, v);
    else
      s = gn_arena_printf(a, "%s%s%s=%s", s, lead,
                          ambiguous(n, f, nkey, key, i) ? key[i] : key_of(key[i]), v);
  }
  return s;
}

const char *gn_facts_label(gn_arena *a, size_t n, const gn_facts *const *f, size_t k,
                           size_t nkey, const char *const *key)
{
  const char *s = short_label(a, n, f, k, nkey, key);
  if (!s || !*s) return s ? f[k]->name : NULL;
  for (size_t j = 0; j < n; j++) {
    const char *other = j == k ? NULL : short_label(a, n, f, j, nkey, key);
    if (other && strcmp(other, s) == 0) return gn_arena_printf(a, "%s (%s)", s, f[k]->name);
  }
  return s;
}

/* ---- caption ------------------------------------------------------------------------- */

/* The distinct values of an option, in order, NULL without memory, "" where there is none. */
static const char *distinct(gn_arena *a, size_t n, const gn_facts *const *f,
                            const char *option)
{
  const char *s = "";
  for (size_t k = 0; s && k < n; k++) {
    const char *v = option ? lookup(f[k], option) : f[k]->version;
    size_t j = 0;
    if (!v || !*v) continue;
    for (; j < k; j++) {
      const char *was = option ? lookup(f[j], option) : f[j]->version;
      if (was && strcmp(was, v) == 0) break;
    }
    if (j == k) s = gn_arena_printf(a, "%s%s%s", s, *s ? " / " : "", v);
  }
  return s;
}

const char *gn_facts_caption(gn_arena *a, size_t n, const gn_facts *const *f)
{
  static const struct {
    const char *lead, *say, *option;
  } part[] = { { "; ", "model ", "model.name" },   { "; ", "data ", "data.name" },
               { "; ", "solver ", "solver.name" }, { ", ", "rtol ", "solver.rtol" },
               { ", ", "atol ", "solver.atol" },   { "; ", "gradient ", "gradient.name" },
               { "; ", "seed ", "run.seed" },      { "; ", "", NULL } };
  const char *s = "";
  for (size_t i = 0; s && i < sizeof part / sizeof *part; i++) {
    const char *v = distinct(a, n, f, part[i].option);
    if (!v) return NULL;
    if (!*v && !part[i].option) v = "drawn by gnomon " GN_VERSION;
    if (*v) s = gn_arena_printf(a, "%s%s%s%s", s, *s ? part[i].lead : "", part[i].say, v);
  }
  return s ? gn_arena_printf(a, "%c%s.", toupper((unsigned char)*s), s + 1) : s;
}

gn_status gn_facts_without(gn_arena *a, const char *column, gn_facts *f)
{
  const char *section = strcmp(column, "strategy") == 0 ? "gradient" : column;
  gn_ini *less;
  if (!f->ini) return GN_OK;
  GN_NEW(a, less, 1);
  GN_NEW(a, less->entry, f->ini->n);
  less->file = f->ini->file;
  for (size_t i = 0; i < f->ini->n; i++) {
    const gn_ini_entry *en = &f->ini->entry[i];
    const int tied = strcmp(column, "rtol") == 0 && strcmp(en->key, "atol") == 0;
    if (tied || strcmp(en->key, column) == 0 ||
        (strcmp(en->section, section) == 0 && strcmp(en->key, "name") == 0))
      continue;
    less->entry[less->n++] = *en;
  }
  f->ini = less;
  return GN_OK;
}

/* ---- defaults ------------------------------------------------------------------------ */

void gn_facts_default(const gn_experiment *e, const char *section, const char *key, char *buf,
                      size_t size)
{
  const struct {
    const char *section;
    const gn_option *options;
  } cls[] = { { "data", e->data ? e->data->options : NULL },
              { "model", e->model->options },
              { "loss", e->loss->options },
              { "solver", e->stepper->options },
              { "gradient", e->gradient->options } };
  const gn_option *table = gn_experiment_table(section);
  const gn_option *o = table ? gn_option_find(table, key) : NULL;
  for (size_t i = 0; !o && i < sizeof cls / sizeof *cls; i++)
    if (strcmp(cls[i].section, section) == 0 && cls[i].options)
      o = gn_option_find(cls[i].options, key);
  buf[0] = '\0';
  if (o) gn_option_print_default(o, buf, size);
}
