/* The files of a sweep: read what an earlier run left, append rows while they come, and
 * write everything in the order of the grid. A line without an end is a row that was
 * being written when the run was stopped, and is dropped. */
#include "study/sweep_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[2][2] = { { "sweep.csv", "sweep_timing.csv" },
                                         { "sweep_train.csv", "sweep_train_timing.csv" } };

static char *path_of(const gn_sweep *sw, const char *name)
{
  const size_t n = strlen(sw->out) + strlen(name) + 2;
  char *path = malloc(n);
  if (path) (void)snprintf(path, n, "%s/%s", sw->out, name);
  return path;
}

/* ---- sweep.ini ----------------------------------------------------------------------- */

static gn_status print_experiment(const gn_sweep *sw, FILE *to)
{
  (void)fprintf(to, "# samples = %zu\n", sw->scene[0].c->B);
  return gn_experiment_write(sw->base, to);
}

static gn_status slurp(const char *path, char **out)
{
  *out = NULL;
  FILE *f = fopen(path, "rb");
  if (!f && errno == ENOENT) return GN_OK;
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", path, strerror(errno));
  long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  rewind(f);
  char *text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
  const int good = text && fread(text, 1, (size_t)size, f) == (size_t)size;
  (void)fclose(f);
  if (good)
    *out = text;
  else
    free(text);
  GN_REQUIRE(good, GN_EIO, "%s: cannot read", path);
  return GN_OK;
}

/* The experiment without the lines that the grid or the place may change. */
static char *essence(const char *text)
{
  const size_t n = strlen(text);
  char *out = calloc(n + 1, 1), *to = out;
  int run = 0;
  for (const char *line = text, *end; out && *line; line = end) {
    end = line + strcspn(line, "\n");
    end += *end == '\n';
    if (*line == '[') run = strncmp(line, "[run]", 5) == 0;
    if (run || strncmp(line, "strategies =", 12) == 0 || strncmp(line, "repeats =", 9) == 0)
      continue;
    memcpy(to, line, (size_t)(end - line));
    to += end - line;
  }
  return out;
}

static gn_status check_experiment(const gn_sweep *sw)
{
  char *path = path_of(sw, "sweep.ini"), *old = NULL, *now = NULL;
  size_t size = 0;
  GN_REQUIRE(path, GN_ENOMEM, "out of memory");
  gn_status s = slurp(path, &old);
  FILE *f = s == GN_OK && old ? open_memstream(&now, &size) : NULL;
  if (f) {
    s = print_experiment(sw, f);
    (void)fclose(f);
    char *a = essence(old), *b = essence(now);
    if (s == GN_OK && a && b && strcmp(a, b) != 0)
      s = GN_FAIL(GN_EARG,
                  "%s is of another experiment; choose another --out, or remove it", path);
    free(a);
    free(b);
  }
  free(old);
  free(now);
  free(path);
  return s;
}

/* ---- lines --------------------------------------------------------------------------- */

static gn_status keep_foreign(gn_sweep *sw, int which, const char *line)
{
  char **more = realloc(sw->foreign[which], (sw->nforeign[which] + 1) * sizeof *more);
  GN_REQUIRE(more, GN_ENOMEM, "out of memory");
  sw->foreign[which] = more;
  more[sw->nforeign[which]] = strdup(line);
  GN_REQUIRE(more[sw->nforeign[which]], GN_ENOMEM, "out of memory");
  sw->nforeign[which]++;
  return GN_OK;
}

static gn_status take_line(gn_sweep *sw, int which, const char *line)
{
  char **slot = which == GN_SWEEP_COUNTS ? sw->row : sw->timing;
  for (size_t k = 0; k < sw->last - sw->first; k++) {
    const size_t n = strlen(sw->key[k]);
    if (strncmp(line, sw->key[k], n) != 0 || line[n] != ',') continue;
    if (slot[k]) return GN_OK;
    slot[k] = strdup(line);
    GN_REQUIRE(slot[k], GN_ENOMEM, "out of memory");
    return GN_OK;
  }
  return keep_foreign(sw, which, line);
}

static gn_status load(gn_sweep *sw, int which)
{
  char *path = path_of(sw, names[sw->train != 0][which]), *text = NULL;
  const char *head = gn_sweep_header(sw->train, which);
  GN_REQUIRE(path, GN_ENOMEM, "out of memory");
  gn_status s = slurp(path, &text);
  size_t number = 1;
  for (char *line = text, *end; s == GN_OK && line; line = end + 1, number++) {
    end = strchr(line, '\n');
    if (!end) break;
    *end = '\0';
    if (strcmp(line, head) == 0) continue;
    if (gn_sweep_cells(line) != gn_sweep_cells(head))
      s = GN_FAIL(GN_EIO,
                  "%s:%zu: %zu cells, expected %zu: not a row of this version's sweep",
                  path, number, gn_sweep_cells(line), gn_sweep_cells(head));
    else
      s = take_line(sw, which, line);
  }
  free(text);
  free(path);
  return s;
}

static gn_status make_dirs(const gn_sweep *sw)
{
  struct stat st;
  char *path = strdup(sw->out);
  GN_REQUIRE(path, GN_ENOMEM, "out of memory");
  for (char *s = path + 1; path[0]; s++) {
    const char was = *s;
    if (was != '/' && was != '\0') continue;
    *s = '\0';
    (void)mkdir(path, 0777); /* what is missing in the end is found below */
    *s = was;
    if (!was) break;
  }
  free(path);
  GN_REQUIRE(stat(sw->out, &st) == 0 && S_ISDIR(st.st_mode), GN_EIO,
             "%s: cannot make the directory: %s", sw->out, strerror(errno));
  return GN_OK;
}

gn_status gn_sweep_load(gn_sweep *sw)
{
  GN_TRY(make_dirs(sw));
  GN_TRY(check_experiment(sw));
  GN_TRY(load(sw, GN_SWEEP_COUNTS));
  return load(sw, GN_SWEEP_SECONDS);
}

gn_status gn_sweep_append(const gn_sweep *sw, int which, const char *line)
{
  char *path = path_of(sw, names[sw->train != 0][which]);
  GN_REQUIRE(path, GN_ENOMEM, "out of memory");
  FILE *f = fopen(path, "a");
  const int good = f && fprintf(f, "%s\n", line) > 0;
  const int closed = f && fclose(f) == 0;
  const gn_status s = good && closed
                          ? GN_OK
                          : GN_FAIL(GN_EIO, "%s: cannot write: %s", path, strerror(errno));
  free(path);
  return s;
}

static void print_rows(const gn_sweep *sw, int which, FILE *to)
{
  char *const *slot = which == GN_SWEEP_COUNTS ? sw->row : sw->timing;
  if (sw->shard == 1) (void)fprintf(to, "%s\n", gn_sweep_header(sw->train, which));
  for (size_t k = 0; k < sw->last - sw->first; k++)
    if (slot[k]) (void)fprintf(to, "%s\n", slot[k]);
  for (size_t k = 0; k < sw->nforeign[which]; k++)
    (void)fprintf(to, "%s\n", sw->foreign[which][k]);
}

/* which: a table, or -1 for sweep.ini. */
static gn_status store(const gn_sweep *sw, int which)
{
  char *path = path_of(sw, which < 0 ? "sweep.ini" : names[sw->train != 0][which]);
  char *fresh = path_of(sw, "sweep.new");
  FILE *f = path && fresh ? fopen(fresh, "w") : NULL;
  gn_status s = GN_OK;
  if (!path || !fresh)
    s = GN_FAIL(GN_ENOMEM, "out of memory");
  else if (!f)
    s = GN_FAIL(GN_EIO, "%s: cannot open: %s", fresh, strerror(errno));
  if (f && which < 0)
    s = print_experiment(sw, f);
  else if (f)
    print_rows(sw, which, f);
  const int bad = f && ferror(f);
  if (f && (fclose(f) != 0 || bad) && s == GN_OK)
    s = GN_FAIL(GN_EIO, "%s: cannot write: %s", fresh, strerror(errno));
  if (s == GN_OK && rename(fresh, path) != 0)
    s = GN_FAIL(GN_EIO, "%s: cannot rename: %s", fresh, strerror(errno));
  if (s != GN_OK && f) (void)remove(fresh);
  free(path);
  free(fresh);
  return s;
}

gn_status gn_sweep_store(const gn_sweep *sw)
{
  size_t timed = sw->nforeign[GN_SWEEP_SECONDS];
  for (size_t k = 0; k < sw->last - sw->first; k++) timed += sw->timing[k] != NULL;
  GN_TRY(store(sw, -1));
  GN_TRY(store(sw, GN_SWEEP_COUNTS));
  return timed || sw->time ? store(sw, GN_SWEEP_SECONDS) : GN_OK;
}
