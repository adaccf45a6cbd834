/* gnomon: the program. A table of commands, and the command line they share:
 *   gnomon COMMAND [arguments] [--flag[=value]] [--section.key=value]
 * Exit codes: 0 done, 1 the work failed, 2 wrong usage or input. */
#include "base/text.h"
#include "cli/cli.h"
#include "core/plugin.h"
#include "nn/gemm.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const gn_command *const commands[] = {
  &gn_command_list,   &gn_command_show,     &gn_command_check,  &gn_command_new,
  &gn_command_train,  &gn_command_compare,  &gn_command_sweep,  &gn_command_advise,
  &gn_command_solve,  &gn_command_spectrum, &gn_command_case,   &gn_command_grad,
  &gn_command_plot,   &gn_command_report,   &gn_command_diagnose,
};
/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
enum { NCOMMAND = sizeof commands / sizeof *commands };

/* ---- messages ------------------------------------------------------------------------ */

int gn_cli_usage(const char *fmt, ...)
{
  va_list ap;
  (void)fputs("gnomon: ", stderr);
  va_start(ap, fmt);
  (void)vfprintf(stderr, fmt, ap);
  va_end(ap);
  (void)fputc('\n', stderr);
  return GN_EXIT_USAGE;
}

int gn_cli_refuse(gn_status s)
{
  (void)gn_cli_usage("%s", gn_last_error());
  return s == GN_ENOMEM ? GN_EXIT_FAILED : GN_EXIT_USAGE;
}

int gn_cli_failed(gn_status s)
{
  (void)gn_cli_usage("%s (%s)", gn_last_error(), gn_status_text(s));
  return GN_EXIT_FAILED;
}

gn_status gn_cli_open(const gn_args *a, const char *flag, FILE **to)
{
  const char *file = gn_args_flag(a, flag);
  if (!file) return GN_OK;
  FILE *f = fopen(file, "w");
  GN_REQUIRE(f, GN_EIO, "%s: --%s=%s: cannot open: %s", a->command->name, flag, file,
             strerror(errno));
  *to = f;
  return GN_OK;
}

int gn_cli_close(const gn_args *a, const char *flag, FILE *to, int rc)
{
  const int bad = ferror(to);
  if (fclose(to) == 0 && !bad) return rc;
  (void)gn_cli_usage("%s: %s cannot be written", a->command->name, gn_args_flag(a, flag));
  return GN_EXIT_FAILED;
}

long gn_cli_long(const gn_args *a, const char *flag, long missing, long least, long most)
{
  const char *text = gn_args_flag(a, flag);
  long n = missing;
  if (!text || (gn_text_long(text, &n) == GN_OK && n >= least && n <= most)) return n;
  (void)gn_cli_usage("%s: --%s=%s, expected an integer from %ld to %ld", a->command->name,
                     flag, text, least, most);
  return -1;
}

static void print_usage(FILE *to)
{
  (void)fputs("usage: gnomon COMMAND [arguments]\n\n"
              "Gradients of ODE-based neural networks: what they cost and how good "
              "they are.\n\n",
              to);
  for (size_t k = 0; k < NCOMMAND; k++)
    (void)fprintf(to, "  %-8s %s\n", commands[k]->name, commands[k]->summary);
  (void)fputs("\ngnomon COMMAND --help says more; gnomon --version gives the version.\n"
              "--plugin=./libNAME.so, anywhere and as often as needed, loads classes of your "
              "own.\n"
              "Exit codes: 0 done, 1 the work failed, 2 wrong usage or input.\n",
              to);
}

static void print_help(const gn_command *c, FILE *to)
{
  (void)fprintf(to, "usage: gnomon %s %s\n\n%s.\n\n%s", c->name, c->synopsis, c->summary,
                c->text);
  if (!c->flag[0].name && !c->overrides) return;
  (void)fputc('\n', to);
  for (const gn_flag *f = c->flag; f->name; f++) {
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", f->name, f->value ? "=" : "",
                   f->value ? f->value : "");
    (void)fprintf(to, "  %-22s %s\n", left, f->help);
  }
  if (c->overrides)
    (void)fprintf(to, "  %-22s %s\n", "--section.key=value",
                  "replaces a key of the experiment file");
}

/* ---- parsing ------------------------------------------------------------------------- */

const char *gn_args_flag(const gn_args *a, const char *name)
{
  for (size_t k = 0; k < GN_CLI_FLAGS && a->command->flag[k].name; k++)
    if (strcmp(a->command->flag[k].name, name) == 0) return a->flag[k];
  return NULL;
}

static int unknown_flag(const gn_command *c, const char *name)
{
  const char *names[GN_CLI_FLAGS + 1] = { "help" };
  for (size_t k = 0; k < GN_CLI_FLAGS && c->flag[k].name; k++)
    names[k + 1] = c->flag[k].name;
  return gn_cli_usage("%s: no flag '--%s'; did you mean '--%s'? (gnomon %s --help)",
                      c->name, name, gn_text_nearest(name, names, GN_CLI_FLAGS + 1),
                      c->name);
}

/* "name" or "name=value" after the dashes. */
static int parse_flag(const gn_command *c, const char *text, gn_args *a)
{
  char name[64];
  size_t n = strcspn(text, "=");
  if (n >= sizeof name)
    return gn_cli_usage("%s: '--%.60s...' is not a flag", c->name, text);
  memcpy(name, text, n);
  name[n] = '\0';
  if (strchr(name, '.')) {
    if (!c->overrides)
      return gn_cli_usage("%s: takes no --section.key=value ('--%s')", c->name, text);
    if (!text[n])
      return gn_cli_usage("%s: --%s needs a value: --%s=VALUE", c->name, name, name);
    a->over[a->nover++] = text;
    return GN_EXIT_OK;
  }
  for (size_t k = 0; k < GN_CLI_FLAGS && c->flag[k].name; k++) {
    const gn_flag *f = &c->flag[k];
    if (strcmp(f->name, name) != 0) continue;
    if (f->value && (!text[n] || !text[n + 1]))
      return gn_cli_usage("%s: --%s needs a value: --%s=%s", c->name, name, name, f->value);
    if (!f->value && text[n]) return gn_cli_usage("%s: --%s takes no value", c->name, name);
    a->flag[k] = f->value ? text + n + 1 : "";
    return GN_EXIT_OK;
  }
  return unknown_flag(c, name);
}

static int parse(const gn_command *c, int argc, char **argv, gn_args *a)
{
  if (argc > GN_CLI_ARGS)
    return gn_cli_usage("%s: %d arguments, at most %d", c->name, argc, (int)GN_CLI_ARGS);
  int only = 0; /* after "--" everything is an argument */
  for (int i = 0; i < argc; i++) {
    const char *s = argv[i];
    if (!only && strcmp(s, "--") == 0) {
      only = 1;
    } else if (!only && strncmp(s, "--", 2) == 0) {
      int rc = parse_flag(c, s + 2, a);
      if (rc) return rc;
    } else if (!only && s[0] == '-' && s[1]) {
      return gn_cli_usage("%s: '%s' is not a flag; flags begin with two dashes", c->name,
                          s);
    } else {
      a->at[a->n++] = s;
    }
  }
  if (a->n < c->least || a->n > c->most)
    return gn_cli_usage("%s: %zu argument%s; usage: gnomon %s %s", c->name, a->n,
                        a->n == 1 ? "" : "s", c->name, c->synopsis);
  return GN_EXIT_OK;
}

static const gn_command *find(const char *name)
{
  const char *names[NCOMMAND];
  for (size_t k = 0; k < NCOMMAND; k++) {
    if (strcmp(commands[k]->name, name) == 0) return commands[k];
    names[k] = commands[k]->name;
  }
  (void)gn_cli_usage("no command '%s'; did you mean '%s'? (gnomon --help)", name,
                     gn_text_nearest(name, names, NCOMMAND));
  return NULL;
}

static int asks_help(const char *s)
{
  return strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0;
}

static void print_version(void)
{
#ifdef __clang__
  const char *const compiler = __VERSION__;
#else
  const char *const compiler = "GCC " __VERSION__;
#endif
  (void)printf("gnomon " GN_VERSION "\nSUNDIALS " GN_SUNDIALS_VERSION "\ncompiler %s\n"
               "BLAS core %s\n", compiler, gn_blas_core());
}

static int run(int argc, char **argv)
{
  if (argc < 2) {
    print_usage(stderr);
    return GN_EXIT_USAGE;
  }
  if (asks_help(argv[1]) || (strcmp(argv[1], "help") == 0 && argc == 2)) {
    print_usage(stdout);
    return GN_EXIT_OK;
  }
  if (strcmp(argv[1], "--man") == 0) {
    gn_cli_man(NCOMMAND, commands, stdout);
    return GN_EXIT_OK;
  }
  if (strcmp(argv[1], "--version") == 0) {
    print_version();
    return GN_EXIT_OK;
  }
  const int help = strcmp(argv[1], "help") == 0;
  const gn_command *c = find(argv[1 + help]);
  if (!c) return GN_EXIT_USAGE;
  for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (help || asks_help(argv[i])) {
      print_help(c, stdout);
      return GN_EXIT_OK;
    }
  gn_args a = { .command = c };
  int rc = parse(c, argc - 2, argv + 2, &a);
  return rc ? rc : c->run(&a);
}

/* Load what --plugin=FILE names and take it off the command line, which every command then
   reads with the registries complete. */
static int load_plugins(int *argc, char **argv)
{
  static const char flag[] = "--plugin";
  const size_t length = sizeof flag - 1;
  int n = 1, only = 0;
  for (int i = 1; i < *argc; i++) {
    only |= strcmp(argv[i], "--") == 0;
    const int is = !only && strncmp(argv[i], flag, length) == 0;
    const char *file = argv[i] + length;
    if (!is || (*file && *file != '=')) {
      argv[n++] = argv[i];
      continue;
    }
    if (*file != '=' || !file[1])
      return gn_cli_usage("--plugin needs a file: --plugin=./libNAME.so");
    const gn_status s = gn_plugin_load(file + 1);
    if (s != GN_OK) return gn_cli_refuse(s);
  }
  *argc = n;
  argv[n] = NULL;
  return GN_EXIT_OK;
}

int main(int argc, char **argv)
{
  int rc = load_plugins(&argc, argv);
  if (rc == GN_EXIT_OK) rc = run(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    (void)gn_cli_usage("the standard output cannot be written");
    if (rc == GN_EXIT_OK) rc = GN_EXIT_FAILED;
  }
  return rc;
}
