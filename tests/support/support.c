/* Helpers of the test programs. Temporary folders are remembered and removed at exit by the
 * process that made them (Check may fork one process per test). */
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX     256
#define PATH_LONGEST 4096

static struct {
  pid_t owner;
  char path[PATH_LONGEST];
} made[DIRS_MAX];
static size_t n_made;

static int exists(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0;
}

const char *gn_test_shared(void)
{
  const char *set = getenv("GNOMON_SHARED");
  const char *dir = set && *set ? set : GN_SOURCE_DIR "/../shared";
  return exists(dir) ? dir : NULL;
}

const char *gn_test_path(const char *dir, const char *name)
{
  static char path[PATH_LONGEST];
  if (!dir) return NULL;
  int n = snprintf(path, sizeof path, "%s/%s", dir, name);
  ck_assert_msg(n > 0 && n < (int)sizeof path, "path too long: %s/%s", dir, name);
  return path;
}

int gn_test_need(const char *what, const char *path)
{
  if (path && exists(path)) return 1;
  if (!path) path = "the shared folder";
  if (getenv("CI")) ck_abort_msg("%s: %s not found", what, path);
  (void)printf("SKIP: %s: %s not found\n", what, path);
  (void)fflush(stdout);
  return 0;
}

static void
remove_tree(const char *path) /* NOLINT(misc-no-recursion): folders are trees */
{
  DIR *d = opendir(path);
  const struct dirent *e = NULL;
  while (d && (e = readdir(d))) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    size_t size = strlen(path) + strlen(e->d_name) + 2;
    char *child = malloc(size);
    if (!child) break;
    (void)snprintf(child, size, "%s/%s", path, e->d_name);
    if (unlink(child) != 0) remove_tree(child);
    free(child);
  }
  if (d) (void)closedir(d);
  (void)rmdir(path);
}

static void remove_made(void)
{
  for (size_t i = 0; i < n_made; i++)
    if (made[i].owner == getpid()) remove_tree(made[i].path);
}

const char *gn_test_tmpdir(void)
{
  const char *top = getenv("TMPDIR");
  ck_assert_msg(n_made < DIRS_MAX, "more than %d temporary folders", DIRS_MAX);
  char *path = made[n_made].path;
  int n =
      snprintf(path, PATH_LONGEST, "%s/gnomon-test-XXXXXX", top && *top ? top : "/tmp");
  ck_assert_msg(n > 0 && n < PATH_LONGEST && mkdtemp(path),
                "cannot make a folder in %s", top && *top ? top : "/tmp");
  made[n_made].owner = getpid();
  if (n_made++ == 0) ck_assert_int_eq(atexit(remove_made), 0);
  return path;
}

const char *gn_test_file(const char *dir, const char *name, const char *text)
{
  const char *path = gn_test_path(dir, name);
  FILE *f = fopen(path, "w");
  ck_assert_msg(f != NULL, "cannot write %s", path);
  int bad = fputs(text, f) < 0;
  bad = fclose(f) != 0 || bad;
  ck_assert_msg(!bad, "cannot write %s", path);
  return path;
}

char *gn_test_read(const char *dir, const char *name)
{
  const char *path = gn_test_path(dir, name);
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL, "%s is missing", path);
  ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
  const long size = ftell(f);
  ck_assert(size >= 0 && fseek(f, 0, SEEK_SET) == 0);
  char *text = calloc((size_t)size + 1, 1);
  ck_assert(text != NULL);
  ck_assert_uint_eq(fread(text, 1, (size_t)size, f), (size_t)size);
  (void)fclose(f);
  return text;
}

int gn_test_exists(const char *dir, const char *name)
{
  return access(gn_test_path(dir, name), F_OK) == 0;
}

double gn_test_relerr(double a, double b)
{
  if (!isfinite(a) || !isfinite(b)) return INFINITY;
  double scale = fmax(fabs(a), fabs(b));
  return scale > 0 ? fabs(a - b) / scale : 0;
}

double gn_test_relerr_max(size_t n, const double *a, const double *b)
{
  double err = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
    err = fmax(err, fabs(a[i] - b[i]));
    scale = fmax(scale, fabs(b[i]));
  }
  return scale > 0 ? err / scale : err;
}

int gn_test_same(const void *a, const void *b, size_t bytes)
{
  return memcmp(a, b, bytes) == 0;
}
