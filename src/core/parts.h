/* Ready-made lift, jump and read for models made of networks, and the options that go with them.
 *
 *   lift = zero      x into block 0, zeros in the others
 *   lift = encoder   x into block 0, the others from a network: [y_1, ..., y_k] = g_phi(x)
 *   lift = draw      x into block 0, one number from U(-1, 1) everywhere else
 *   lift = first     block 0 = A x + a, zeros in the others: x may have any width
 *   lift = all       all blocks = A x + a
 *   lift = none      all zeros: the state is what the observations make of it
 *   jump = ...       core/parts_jump.c, core/parts_lstm.c
 *   read = first     z = block 0
 *   read = state     z = the whole state, blocks side by side
 *   read = linear    z = C [y_0, ...] + c over the blocks `read_blocks`
 *   read = auto      state if the data ask for exactly ny outputs and not for d_0, else first */
#ifndef GN_CORE_PARTS_H
#define GN_CORE_PARTS_H

#include "core/model.h"

/* Options every network model has: the network f itself. */
typedef struct gn_net_config {
  int dim, width, width_last, depth, act, time, signals;
  double slope, clip;
} gn_net_config;
/* NOLINTBEGIN(bugprone-macro-parentheses): a member of offsetof takes no parentheses */
#define GN_NET_OPTIONS(cfg, field)                                                       \
  GN_INT(cfg, "dim", field.dim, 0, 0, 65536, "width of block 0 (0: as the data)"), \
  GN_INT(cfg, "width", field.width, 32, 1, 65536, "hidden units of f"),                  \
  GN_INT(cfg, "width_last", field.width_last, 0, 0, 65536, "hidden units of its last hidden layer (0: width)"), \
  GN_INT(cfg, "depth", field.depth, 2, 0, 15, "hidden layers of f"),                     \
  GN_CHOICE(cfg, "activation", field.act, GN_ACT_TANH, GN_ACT_CHOICES, "after every layer of f but the last"), \
  GN_REAL(cfg, "slope", field.slope, 0.01, 0, 100, "slope of leaky_relu for x < 0"), \
  GN_REAL(cfg, "clip", field.clip, 1, 1e-6, 1e6, "bound of hardtanh"),                   \
  GN_CHOICE(cfg, "time", field.time, 0, "none|append", "append: t is one more input of f, the last")

/* Of models that hand the point's signals to f, the last of its blocks. */
#define GN_SIGNAL_OPTION(cfg, field)                                                     \
  GN_INT(cfg, "signals", field.signals, 0, 0, 65536, "signals u(t) of the data that are inputs of f, before t")

typedef struct gn_parts_config {
  int lift, draw_seed, encoder_width, encoder_depth, encoder_act;
  double encoder_slope, encoder_clip;
  int read, outputs, inputs;
  int jump, jump_width, jump_width_last, jump_depth, jump_act, jump_skip, observations;
} gn_parts_config;
enum { GN_LIFT_ZERO, GN_LIFT_ENCODER, GN_LIFT_DRAW, GN_LIFT_FIRST, GN_LIFT_ALL, GN_LIFT_NONE };
enum { GN_JUMP_NONE, GN_JUMP_LINEAR, GN_JUMP_MLP, GN_JUMP_GRU, GN_JUMP_LSTM };
enum { GN_READ_AUTO, GN_READ_FIRST, GN_READ_STATE, GN_READ_LINEAR };
#define GN_LIFT_OPTIONS(cfg, field)                                                      \
  GN_CHOICE(cfg, "lift", field.lift, GN_LIFT_ZERO, "zero|encoder|draw|first|all|none", "start of the state from the inputs"), \
  GN_INT(cfg, "inputs", field.inputs, 0, 0, 65536, "inputs of lift = first, all, none (0: as the data)"), \
  GN_INT(cfg, "draw_seed", field.draw_seed, 0, 0, 1000000, "lift = draw: seed of the number"), \
  GN_ENCODER_OPTIONS(cfg, field)
#define GN_ENCODER_OPTIONS(cfg, field)                                                   \
  GN_INT(cfg, "encoder_width", field.encoder_width, 0, 0, 65536, "hidden units of the encoder (0: width)"), \
  GN_INT(cfg, "encoder_depth", field.encoder_depth, 2, 0, 15, "hidden layers of the encoder"), \
  GN_CHOICE(cfg, "encoder_activation", field.encoder_act, GN_ACT_TANH, GN_ACT_CHOICES, "activation of the encoder"), \
  GN_REAL(cfg, "encoder_slope", field.encoder_slope, 0.3, 0, 100, "slope of leaky_relu in the encoder"), \
  GN_REAL(cfg, "encoder_clip", field.encoder_clip, 5, 1e-6, 1e6, "bound of hardtanh in the encoder")
#define GN_READ_OPTIONS(cfg, field)                                                      \
  GN_CHOICE(cfg, "read", field.read, GN_READ_AUTO, "auto|first|state|linear", "output map"), \
  GN_INT(cfg, "outputs", field.outputs, 0, 0, 65536, "outputs of read = linear (0: as the data)")
#define GN_JUMP_OPTIONS(cfg, field)                                                      \
  GN_CHOICE(cfg, "jump", field.jump, GN_JUMP_NONE, "none|linear|mlp|gru|lstm", "what an observation does to the state"), \
  GN_INT(cfg, "jump_width", field.jump_width, 0, 0, 65536, "hidden units of jump = mlp (0: width)"), \
  GN_INT(cfg, "jump_width_last", field.jump_width_last, 0, 0, 65536, "of its last hidden layer (0: jump_width)"), \
  GN_INT(cfg, "jump_depth", field.jump_depth, 2, 0, 15, "hidden layers of jump = mlp"), \
  GN_CHOICE(cfg, "jump_activation", field.jump_act, GN_ACT_TANH, GN_ACT_CHOICES, "activation of jump = mlp"), \
  GN_BOOL(cfg, "jump_skip", field.jump_skip, 1, "jump = linear, mlp: add to the state instead of replacing it"), \
  GN_INT(cfg, "observations", field.observations, 0, 0, 65536, "values of an observation (0: as the data)")
/* NOLINTEND(bugprone-macro-parentheses) */

typedef struct gn_parts {
  gn_net encoder, decoder;
  size_t lift_from, nlift; /* blocks the encoder gives */
  gn_net jump[GN_BLOCKS_MAX + 1];
  size_t njump;
  int skip;
  size_t fy, fu, fr, fc, fs, fd, fe; /* tape of jump = gru: y, gates, tanh, scratch; [B, ny] */
  size_t gate[4], back[4];           /* of jump = lstm: gates and their cotangents */
  size_t read_blocks; /* blocks the linear read sees: the first n */
  double draw;        /* lift = draw: the number                  */
} gn_parts;

/* Number of observed values from option dim and the data; GN_EARG if they disagree or
   neither is given. */
gn_status gn_parts_dim(const gn_net_config *c, gn_sizes data, size_t *dim);
/* Width of block 0; sets nx, which is the same unless the lift maps any width to it. */
gn_status gn_parts_state(gn_model *m, const gn_net_config *c, const gn_parts_config *parts,
                         gn_sizes data, size_t *dim);
/* The network option struct as a spec with the given blocks left to the caller. */
void gn_parts_spec(const gn_net_config *c, gn_net_spec *spec);
/* A network of f with these options, from the state blocks 0 .. nin-1, and the signals if there
   are any (m->nu is set), to outputs as wide as the blocks 0 .. nout-1, which are declared: parameters "prefix.i.*", fields in the tape of
   f. Several networks follow each other in one tape. */
gn_status gn_parts_net(gn_model *m, const gn_net_config *c, const char *prefix, size_t nin,
                       size_t nout, gn_net *net);
/* The encoder's options as a spec with the blocks left to the caller; width is the default of
   encoder_width. */
void gn_parts_encoder(const gn_parts_config *c, size_t width, gn_net_spec *spec);
/* Last call of a network model's setup (blocks are declared, nx is set): install lift, jump
   and read as configured, add their parameters ("encoder.i.*", "lift.0.*", "jump.*",
   "read.0.*"), set nobs and nz. width is the default of encoder_width; the linear read sees the
   first read_blocks blocks (paper: position only for second-order models). */
gn_status gn_parts_setup(gn_model *m, const gn_parts_config *c, gn_sizes data, size_t width,
                         size_t read_blocks);
/* Its parts for the jump; the second adds a memory for every block. */
gn_status gn_parts_jump(gn_model *m, const gn_parts_config *c, gn_sizes data, size_t width,
                        gn_parts *parts);
gn_status gn_parts_lstm(gn_model *m, gn_parts *parts);

#endif
