/* Arguments of the commands that ask about an experiment or a run. */
#include "cli/ask.h"

#include "base/h5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gn_status gn_ask_subject(const gn_args *a, const char *samples, gn_subject **out)
{
  const char *given = gn_args_flag(a, "samples");
  const gn_subject_input in = { .path = a->at[0],
                                .noverride = a->nover,
                                .over = a->over,
                                .state = gn_args_flag(a, "state"),
                                .samples = given ? given : samples };
  return gn_subject_create(&in, out);
}

static int ends(const char *s, const char *with)
{
  const size_t n = strlen(s), m = strlen(with);
  return n > m && strcmp(s + n - m, with) == 0;
}

/* A file that these commands have not written: perhaps the data of the experiment. */
static int foreign(const char *out)
{
  static const char head[] = "sample,t,";
  char line[sizeof head] = "";
  gn_h5 *h;
  if (ends(out, ".h5")) {
    if (gn_h5_open(out, &h) != GN_OK) return 1;
    const int ours = gn_h5_attr_exists(h, "version");
    (void)gn_h5_close(&h);
    return !ours;
  }
  FILE *f = fopen(out, "r");
  if (!f) return 1;
  const int ours = fgets(line, sizeof line, f) == NULL || strcmp(line, head) == 0;
  (void)fclose(f);
  return !ours;
}

gn_status gn_ask_out(const gn_args *a, const char *ending, const char *other)
{
  char dir[4096];
  struct stat st;
  const char *name = a->command->name, *out = gn_args_flag(a, "out");
  GN_REQUIRE(out, GN_EARG, "%s: --out=FILE%s is missing", name, ending);
  if (!ends(out, ending) && !(other && ends(out, other)))
    return other ? GN_FAIL(GN_EARG, "%s: --out=%s, expected a name that ends in %s or %s",
                           name, out, ending, other)
                 : GN_FAIL(GN_EARG, "%s: --out=%s, expected a name that ends in %s", name, out,
                           ending);
  const char *slash = strrchr(out, '/');
  const size_t n = slash ? (size_t)(slash - out) : 0;
  GN_REQUIRE(n < sizeof dir, GN_EARG, "%s: --out: the path is too long", name);
  memcpy(dir, out, n);
  dir[n] = '\0';
  const char *where = slash ? (n ? dir : "/") : ".";
  GN_REQUIRE(access(where, W_OK | X_OK) == 0, GN_EIO,
             "%s: --out=%s: cannot write in %s: %s", name, out, where, strerror(errno));
  GN_REQUIRE(stat(out, &st) != 0 || S_ISREG(st.st_mode), GN_EIO,
             "%s: --out=%s is no file", name, out);
  GN_REQUIRE(stat(out, &st) != 0 || !foreign(out), GN_EARG,
             "%s: --out=%s is there, and not written by gnomon; choose another name", name, out);
  return GN_OK;
}
