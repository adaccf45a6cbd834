/* gnomon new: write a file to start from. */
#include "base/text.h"
#include "cli/cli.h"
#include "cli/new_model.h"
#include "core/model.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_LENGTH = 40, PATH_LENGTH = 4096 };

/* In C, and names of what every model file defines or uses. */
static const char *const reserved[] = {
  "auto",     "break",    "case",   "char",   "const",    "continue", "default",  "do",
  "double",   "else",     "enum",   "extern", "float",    "for",      "goto",     "if",
  "inline",   "int",      "long",   "main",   "register", "restrict", "return",   "short",
  "signed",   "sizeof",   "static", "struct", "switch",   "typedef",  "union",    "unsigned",
  "void",     "volatile", "while",  "config", "options",  "setup",    "eval",     "vjp",
  "pgrad",    "jvp",      "self",   "base",   "net",      "data",     "NULL",
  "m",        "at",       "tape",   "z",      "w",        "to",       "c",        "p",
};

static gn_status check_name(const char *name)
{
  size_t n = strlen(name), k = 0;
  while (k < n && (isalnum((unsigned char)name[k]) || name[k] == '_')) k++;
  GN_REQUIRE(n > 0 && k == n && !isdigit((unsigned char)name[0]) && name[0] != '_', GN_EARG,
             "new: '%s' cannot name a C file and its struct: letters, digits and _, a letter "
             "first", name);
  GN_REQUIRE(n <= NAME_LENGTH, GN_EARG, "new: '%s' has %zu characters, at most %d", name, n,
             (int)NAME_LENGTH);
  GN_REQUIRE(strncmp(name, "gn_", 3) != 0, GN_EARG, "new: gn_ begins gnomon's own names");
  for (k = 0; k < sizeof reserved / sizeof *reserved; k++)
    GN_REQUIRE(strcmp(name, reserved[k]) != 0, GN_EARG,
               "new: '%s' means something else in a model file; choose another name", name);
  for (const gn_model_class *const *m = gn_models; *m; m++)
    GN_REQUIRE(strcmp(name, (*m)->name) != 0, GN_EARG,
               "new: there is a model %s already (%s)", name, (*m)->summary);
  return GN_OK;
}

static int exists(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0;
}

/* In the source tree a model belongs into models/. */
static int in_tree(void)
{
  return exists("CMakeLists.txt") && exists("src/core/model.h") && exists("models");
}

static gn_status write_model(const char *name, const char *path)
{
  GN_REQUIRE(!exists(path), GN_EARG, "new: %s is there already; nothing was written", path);
  FILE *f = fopen(path, "wx");
  GN_REQUIRE(f, GN_EIO, "new: %s: cannot open: %s", path, strerror(errno));
  for (const char *const *line = gn_new_model; *line; line++) {
    for (const char *s = *line; *s; s++)
      if (*s == '@') (void)fputs(name, f);
      else (void)fputc(*s, f);
    (void)fputc('\n', f);
  }
  const int bad = ferror(f);
  GN_REQUIRE(fclose(f) == 0 && !bad, GN_EIO, "new: %s cannot be written", path);
  return GN_OK;
}

static void next_steps(const char *name, const char *path, int tree)
{
  (void)printf("written: %s, a model with eval alone\n\nnext%s:\n", path,
               tree ? "" : ", in the source tree of gnomon, FOLDER being where the file is");
  (void)printf("  cmake -B build%s && cmake --build build --target gnomon\n"
               "  build/gnomon check %s    # which verb to write next; is what is there right\n"
               "  build/gnomon train experiments/spiral.ini --model.name=%s --run.out=runs/%s \\\n"
               "    --model.width=4 --model.depth=1 --data.n=8 --data.valid=4 --train.epochs=20\n"
               "models/README.md builds a model step by step.\n",
               tree ? "" : " -DGN_PLUGINS=FOLDER", name, name, name);
}

static int run(const gn_args *a)
{
  const char *kinds[] = { "model" };
  if (strcmp(a->at[0], "model") != 0)
    return gn_cli_usage("new: no kind '%s'; did you mean '%s'? usage: gnomon new model NAME",
                        a->at[0], gn_text_nearest(a->at[0], kinds, 1));
  const char *name = a->at[1], *out = gn_args_flag(a, "out");
  const int tree = !out && in_tree();
  char path[PATH_LENGTH];
  gn_status s = check_name(name);
  if (s != GN_OK) return gn_cli_refuse(s);
  const int n = snprintf(path, sizeof path, "%s%s%s.c", out ? out : tree ? "models" : "",
                         out || tree ? "/" : "", name);
  if (n < 0 || (size_t)n >= sizeof path) return gn_cli_usage("new: --out is too long");
  s = write_model(name, path);
  if (s != GN_OK) return gn_cli_refuse(s);
  next_steps(name, path, tree);
  return GN_EXIT_OK;
}

const gn_command gn_command_new = {
  .name = "new",
  .synopsis = "model NAME [--out=DIR]",
  .summary = "Write a model file to start from",
  .text = "NAME.c compiles and runs as it is, with eval alone; the other verbs are numeric\n"
          "until they are written. It goes to models/ in the source tree, else to the current\n"
          "folder. Nothing is overwritten.\n",
  .least = 2,
  .most = 2,
  .flag = { { "out", "DIR", "the folder to write to" } },
  .run = run,
};
