/* Run directories. A file that is replaced is written under another name first and renamed,
 * so that a run killed at any moment can be resumed. */
#include "study/rundir.h"

#include "study/optim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const run_files[] = { "experiment.ini", "state.h5",   "failed.h5",
                                         "metrics.csv",    "timing.csv", "log.txt",
                                         "iterations.csv", "audit.csv" };
enum { NFILES = sizeof run_files / sizeof *run_files };

static int has(const gn_rundir *rd, const char *name)
{
  char path[2 * GN_TEXT_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", rd->path, name);
  return access(path, F_OK) == 0;
}

gn_status gn_rundir_make(const char *path)
{
  char part[GN_TEXT_MAX];
  struct stat st;
  const size_t n = strlen(path);
  GN_REQUIRE(n > 0 && n < sizeof part, GN_EARG, "a directory name has %zu characters, expected 1 to %d",
             n, GN_TEXT_MAX - 1);
  memcpy(part, path, n + 1);
  for (size_t i = 1; i <= n; i++) {
    if (part[i] != '/' && part[i] != '\0') continue;
    part[i] = '\0';
    GN_REQUIRE(mkdir(part, 0777) == 0 || errno == EEXIST || errno == EISDIR, GN_EIO,
               "%s: cannot make the directory: %s", part, strerror(errno));
    if (i < n) part[i] = '/';
  }
  GN_REQUIRE(stat(path, &st) == 0 && S_ISDIR(st.st_mode), GN_EIO, "%s: is not a directory",
             path);
  GN_REQUIRE(access(path, W_OK) == 0, GN_EIO, "%s: cannot write: %s", path, strerror(errno));
  return GN_OK;
}

static gn_status open_file(const gn_rundir *rd, const char *name, const char *mode,
                           FILE **out)
{
  char path[2 * GN_TEXT_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", rd->path, name);
  GN_REQUIRE((*out = fopen(path, mode)) != NULL, GN_EIO, "%s: cannot open: %s", path,
             strerror(errno));
  return GN_OK;
}

/* name.new takes the place of name. */
static gn_status replace(const gn_rundir *rd, const char *name)
{
  char path[2 * GN_TEXT_MAX], new[2 * GN_TEXT_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", rd->path, name);
  (void)snprintf(new, sizeof new, "%s/%s.new", rd->path, name);
  GN_REQUIRE(rename(new, path) == 0, GN_EIO, "%s: cannot rename: %s", new, strerror(errno));
  return GN_OK;
}

static gn_status finish(FILE *f, const char *name)
{
  const int bad = fflush(f) != 0 || fsync(fileno(f)) != 0;
  GN_REQUIRE(fclose(f) == 0 && !bad, GN_EIO, "%s: cannot write: %s", name, strerror(errno));
  return GN_OK;
}

static gn_status write_experiment(const gn_rundir *rd, const gn_experiment *e)
{
  FILE *f;
  GN_TRY(open_file(rd, "experiment.ini.new", "w", &f));
  const gn_status s = gn_experiment_write(e, f), t = finish(f, "experiment.ini");
  return s != GN_OK ? s : t;
}

/* Options that may differ between a run and its continuation. */
static int free_option(const gn_experiment *e, const gn_ini_entry *en)
{
  static const char *const list[] = { "train.patience", "train.snapshot", "train.keep",
                                      "train.audit",    "run.out",        "data.dir",
                                      "data.file" };
  char name[2 * GN_TEXT_MAX];
  (void)snprintf(name, sizeof name, "%s.%s", en->section, en->key);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (strcmp(list[i], name) == 0) return 1;
  if (strcmp(name, "train.epochs") == 0) return e->train.schedule != GN_SCHEDULE_COSINE;
  return strcmp(en->section, "compare") == 0;
}

static gn_status same_experiment(const gn_rundir *rd, const gn_experiment *e)
{
  gn_ini *old, *new;
  const char *name = gn_arena_printf(rd->arena, "%s/experiment.ini", rd->path);
  const char *fresh = gn_arena_printf(rd->arena, "%s/experiment.ini.new", rd->path);
  if (!name || !fresh) return GN_ENOMEM;
  GN_TRY(gn_ini_read(rd->arena, name, &old));
  GN_TRY(gn_ini_read(rd->arena, fresh, &new));
  for (size_t i = 0; i < new->n; i++) {
    const gn_ini_entry *en = &new->entry[i];
    const char *was = gn_ini_get(old, en->section, en->key);
    if ((was && strcmp(was, en->value) == 0) || free_option(e, en)) continue;
    return GN_FAIL(
        GN_EARG,
        "%s: %s.%s is %s, now %s: a resumed run keeps its options; leave them as "
        "they were, or start another run with --run.out",
        name, en->section, en->key, was ? was : "missing", en->value);
  }
  return GN_OK;
}

static gn_status prepare(gn_rundir *rd, const gn_experiment *e, gn_run_mode mode)
{
  if (mode == GN_RUN_RESUME) {
    GN_REQUIRE(has(rd, "state.h5") && has(rd, "experiment.ini"), GN_EARG,
               "%s: holds no state.h5 to resume from; leave out --resume to start",
               rd->path);
  } else if (mode == GN_RUN_NEW) {
    for (int i = 0; i < NFILES; i++)
      GN_REQUIRE(
          !has(rd, run_files[i]), GN_EARG,
          "%s: holds a run already (%s); give --resume to continue it, --overwrite to "
          "replace it, or --run.out=DIR for another directory",
          rd->path, run_files[i]);
  }
  GN_TRY(gn_rundir_make(rd->path));
  GN_TRY(write_experiment(rd, e));
  if (mode == GN_RUN_RESUME) GN_TRY(same_experiment(rd, e));
  for (int i = 0; mode == GN_RUN_OVERWRITE && i < NFILES; i++) {
    char path[2 * GN_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", rd->path, run_files[i]);
    GN_REQUIRE(remove(path) == 0 || errno == ENOENT, GN_EIO, "%s: cannot remove: %s", path,
               strerror(errno));
  }
  GN_TRY(replace(rd, "experiment.ini"));
  return open_file(rd, "log.txt", "a", &rd->log);
}

gn_status gn_rundir_open(const gn_experiment *e, gn_run_mode mode, gn_rundir **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_rundir *rd = gn_arena_alloc(a, 1, sizeof *rd);
  gn_status s = GN_ENOMEM;
  if (rd) {
    rd->arena = a;
    rd->path = gn_arena_strdup(a, e->run.out);
    rd->state = gn_arena_printf(a, "%s/state.h5", e->run.out);
    rd->failed = gn_arena_printf(a, "%s/failed.h5", e->run.out);
    if (rd->path && rd->state && rd->failed) s = prepare(rd, e, mode);
  }
  if (s != GN_OK && rd) {
    char new[2 * GN_TEXT_MAX];
    (void)snprintf(new, sizeof new, "%s/experiment.ini.new", e->run.out);
    (void)remove(new);
  }
  if (s != GN_OK)
    gn_arena_destroy(&a);
  else
    *out = rd;
  return s;
}

/* ---- tables -------------------------------------------------------------------------- */

/* Copy the header and the rows up to `epoch` of `from` to `to`: `per` rows an epoch, or any
   number (0). */
static gn_status copy_rows(const char *name, const char *header, int epoch, size_t per,
                           FILE *from, FILE *to)
{
  char *line = NULL;
  size_t cap = 0, row = 0;
  ssize_t n;
  gn_status s = GN_OK;
  while (s == GN_OK && (n = getline(&line, &cap, from)) > 0) {
    if (line[n - 1] != '\n') break; /* cut off in the middle of a write */
    line[n - 1] = '\0';
    const long at = strtol(line, NULL, 10);
    if (row > 0 && (per ? row > per * (size_t)epoch : at > epoch)) break;
    if (row == 0 && strcmp(line, header) != 0)
      s = GN_FAIL(GN_EIO,
                  "%s:1: other columns than this gnomon writes; resume with the version "
                  "that started the run",
                  name);
    else if (row > 0 && per && at != (long)((row - 1) / per) + 1)
      s = GN_FAIL(GN_EIO, "%s:%zu: '%.20s', expected epoch %zu", name, row + 1, line,
                  (row - 1) / per + 1);
    (void)fprintf(to, "%s\n", line);
    row++;
  }
  free(line);
  GN_TRY(s);
  GN_REQUIRE(row > 0 && (!per || row == per * (size_t)epoch + 1), GN_EIO,
             "%s: %zu rows, expected the %zu up to epoch %d of state.h5", name,
             row ? row - 1 : 0, per * (size_t)epoch, epoch);
  return GN_OK;
}

gn_status gn_rundir_table(const gn_rundir *rd, const char *name, const char *header,
                          int epoch, size_t per, FILE **out)
{
  char new[GN_TEXT_MAX];
  FILE *from, *to;
  if (epoch == 0 || (per == 0 && !has(rd, name))) {
    GN_TRY(open_file(rd, name, "w", out));
    (void)fprintf(*out, "%s\n", header);
    return GN_OK;
  }
  (void)snprintf(new, sizeof new, "%s.new", name);
  GN_TRY(open_file(rd, name, "r", &from));
  gn_status s = open_file(rd, new, "w", &to);
  if (s == GN_OK) {
    const gn_status copied = copy_rows(name, header, epoch, per, from, to);
    s = finish(to, name);
    if (copied != GN_OK) s = copied;
  }
  (void)fclose(from);
  GN_TRY(s);
  GN_TRY(replace(rd, name));
  return open_file(rd, name, "a", out);
}

gn_status gn_rundir_tables(gn_rundir *rd, const char *metrics, const char *timing,
                           int epoch)
{
  GN_TRY(gn_rundir_table(rd, "metrics.csv", metrics, epoch, 1, &rd->metrics));
  return gn_rundir_table(rd, "timing.csv", timing, epoch, 1, &rd->timing);
}

gn_status gn_rundir_sync(gn_rundir *rd)
{
  FILE *const f[4] = { rd->metrics, rd->timing, rd->iterations, rd->audit };
  static const char *const name[4] = { "metrics.csv", "timing.csv", "iterations.csv",
                                       "audit.csv" };
  for (int i = 0; i < 4; i++)
    GN_REQUIRE(!f[i] || (fflush(f[i]) == 0 && fsync(fileno(f[i])) == 0 && !ferror(f[i])), GN_EIO,
               "%s/%s: cannot write: %s", rd->path, name[i], strerror(errno));
  return GN_OK;
}

void gn_rundir_log(gn_rundir *rd, const char *fmt, ...)
{
  char stamp[32] = "";
  struct tm tm;
  const time_t now = time(NULL);
  va_list ap;
  if (gmtime_r(&now, &tm) && !strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ ", &tm))
    stamp[0] = '\0';
  (void)fputs(stamp, rd->log);
  va_start(ap, fmt);
  (void)vfprintf(rd->log, fmt, ap);
  va_end(ap);
  (void)fputc('\n', rd->log);
  (void)fflush(rd->log);
}

void gn_rundir_close(gn_rundir **rd)
{
  if (!*rd) return;
  gn_arena *a = (*rd)->arena; /* the object lies in its own arena */
  FILE *const f[5] = { (*rd)->metrics, (*rd)->timing, (*rd)->log, (*rd)->iterations,
                       (*rd)->audit };
  for (int i = 0; i < 5; i++)
    if (f[i]) (void)fclose(f[i]);
  *rd = NULL;
  gn_arena_destroy(&a);
}
