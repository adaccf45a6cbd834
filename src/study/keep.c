/* Snapshots on disk. A snapshot is a second name of the file state.h5 was at the time,
 * which is replaced, never written to; where there are no second names, a copy. */
#include "study/keep.h"

#include "base/option.h"
#include "study/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 2 * GN_TEXT_MAX };

/* N of "epoch_N.h5" (kind "epoch_"), else -1. */
static long number_of(const char *name, const char *kind)
{
  const size_t n = strlen(kind);
  char *end;
  if (strncmp(name, kind, n) != 0 || name[n] < '0' || name[n] > '9') return -1;
  const long epoch = strtol(name + n, &end, 10);
  return strcmp(end, ".h5") == 0 ? epoch : -1;
}

/* The largest N <= most of a kind, -1 if there is none; *count of them all. */
static long latest(const char *dir, const char *kind, long most, long *count)
{
  char path[PATH];
  long best = -1;
  *count = 0;
  (void)snprintf(path, sizeof path, "%s/keep", dir);
  DIR *d = opendir(path);
  if (!d) return -1;
  for (const struct dirent *f; (f = readdir(d));) {
    const long n = number_of(f->d_name, kind);
    if (n < 0 || n > most) continue;
    (*count)++;
    if (n > best) best = n;
  }
  (void)closedir(d);
  return best;
}

/* Remove the one with the smallest N above `above`; 0 if there is none. */
static int drop_first(const char *dir, const char *kind, long above)
{
  char path[PATH];
  long least = -1;
  (void)snprintf(path, sizeof path, "%s/keep", dir);
  DIR *d = opendir(path);
  if (!d) return 0;
  for (const struct dirent *f; (f = readdir(d));) {
    const long n = number_of(f->d_name, kind);
    if (n > above && (least < 0 || n < least)) least = n;
  }
  (void)closedir(d);
  if (least < 0) return 0;
  (void)snprintf(path, sizeof path, "%s/keep/%s%ld.h5", dir, kind, least);
  return remove(path) == 0;
}

static gn_status copy(const char *from, const char *to)
{
  char buf[8192];
  FILE *f = fopen(from, "rb"), *g = f ? fopen(to, "wb") : NULL;
  size_t n = 0;
  int bad = !g;
  while (!bad && (n = fread(buf, 1, sizeof buf, f)) > 0) bad = fwrite(buf, 1, n, g) != n;
  if (f) bad |= ferror(f) | (fclose(f) != 0);
  if (g) bad |= fclose(g) != 0;
  GN_REQUIRE(!bad, GN_EIO, "%s: cannot copy to %s: %s", from, to, strerror(errno));
  return GN_OK;
}

static gn_status make_folder(const char *dir)
{
  char path[PATH];
  (void)snprintf(path, sizeof path, "%s/keep", dir);
  return gn_rundir_make(path);
}

gn_status gn_keep_state(const char *dir, int epoch, int most)
{
  char from[PATH], to[PATH];
  long have;
  if (most > 0) {
    GN_TRY(make_folder(dir));
    (void)snprintf(from, sizeof from, "%s/state.h5", dir);
    (void)snprintf(to, sizeof to, "%s/keep/epoch_%d.h5", dir, epoch);
    (void)remove(to);
    if (link(from, to) != 0) GN_TRY(copy(from, to));
  }
  for (;;) {
    (void)latest(dir, "epoch_", epoch, &have);
    if (have <= most || !drop_first(dir, "epoch_", -1)) return GN_OK;
  }
}

gn_status gn_keep_before(const char *dir, int epoch, char *file, size_t size)
{
  (void)snprintf(file, size, "%s/keep/before_%d.h5", dir, epoch);
  return make_folder(dir);
}

void gn_keep_cut(const char *dir, int epoch)
{
  while (drop_first(dir, "epoch_", epoch)) continue;
  while (drop_first(dir, "before_", epoch)) continue;
}

void gn_keep_find(const char *dir, int epoch, char *file, size_t size, int *at)
{
  long n;
  const long a = latest(dir, "epoch_", epoch, &n), b = latest(dir, "before_", epoch, &n);
  const long best = a > b ? a : b;
  *at = best > 0 ? (int)best : 0;
  if (*at)
    (void)snprintf(file, size, "%s/keep/%s%ld.h5", dir, a > b ? "epoch_" : "before_", best);
  else
    file[0] = '\0';
}
