/* The manual page, from the table of commands: what --help says, in roff. */
#include "cli/cli.h"

/* Text as roff shows it: a period or quote that begins a line and hyphens are not its own. */
static void plain(const char *s, FILE *to)
{
  int begin = 1;
  for (; *s; s++) {
    if (begin && (*s == '.' || *s == '\'')) (void)fputs("\\&", to);
    if (*s == '-') (void)fputs("\\-", to);
    else if (*s == '\\') (void)fputs("\\e", to);
    else (void)fputc(*s, to);
    begin = *s == '\n';
  }
}

static void describe(const gn_command *c, FILE *to)
{
  (void)fputs(".SS ", to);
  plain(c->name, to);
  (void)fputs("\n.B gnomon ", to);
  plain(c->name, to);
  (void)fputc(' ', to);
  plain(c->synopsis, to);
  (void)fputs("\n.PP\n", to);
  plain(c->summary, to);
  (void)fputs(".\n.PP\n.nf\n", to);
  plain(c->text, to);
  (void)fputs(".fi\n", to);
  for (const gn_flag *f = c->flag; f->name; f++) {
    (void)fputs(".TP\n.B \\-\\-", to);
    plain(f->name, to);
    if (f->value) (void)fputc('=', to), plain(f->value, to);
    (void)fputc('\n', to);
    plain(f->help, to);
    (void)fputc('\n', to);
  }
}

void gn_cli_man(size_t n, const gn_command *const *commands, FILE *to)
{
  (void)fputs(".TH GNOMON 1 \"\" \"gnomon " GN_VERSION "\" \"User Commands\"\n"
              ".SH NAME\ngnomon \\- gradients of ODE\\-based neural networks\n"
              ".SH SYNOPSIS\n.B gnomon\nCOMMAND [arguments] [\\-\\-flag[=value]] "
              "[\\-\\-section.key=value] [\\-\\-plugin=FILE]\n"
              ".SH DESCRIPTION\nNeural ODEs on SUNDIALS: one model, data and forward "
              "trajectory, many gradient strategies, and what each costs and how good it is.\n"
              "Where a command takes \\-\\-section.key=value, that replaces a key of the "
              "experiment file.\n"
              ".B \\-\\-plugin=./libNAME.so\nloads models, steppers, strategies, data sets or "
              "losses of your own.\n.SH COMMANDS\n", to);
  for (size_t k = 0; k < n; k++) describe(commands[k], to);
  (void)fputs(".SH ENVIRONMENT\n.TP\n.B GNOMON_DATA\nThe folder with data sets, unless "
              "\\-\\-data.dir names one.\n"
              ".SH EXIT STATUS\n0 done, 1 the work failed, 2 wrong usage or input.\n", to);
}
