/* The table of op cases, the same for every device.
 *
 * A case builds a small graph from leaves and says which of its values are results. The driver (op_tests.c) runs it,
 * its gradient and the gradient of that on a device and on the reference. To add an op, add a family in a cases_*.c
 * file. */
#ifndef LIMN_OPS_CASES_H
#define LIMN_OPS_CASES_H

#include "graph/graph.h"

#define CASE_MAX_LEAVES  16
#define CASE_MAX_OUTPUTS 4
#define CASE_NAME_SIZE   112

/* What a leaf is filled with before a run. */
typedef enum case_range {
  RANGE_SIGNED,     /* U(-1, 1) */
  RANGE_POSITIVE,   /* U(0.5, 2): for log, sqrt, variances */
  RANGE_OFF_ZERO,   /* +-U(0.2, 1.2): central differences must not straddle a kink at 0 */
  RANGE_OFF_BOUNDS, /* U(-1.2, -0.6), U(-0.4, 0.65) and U(0.85, 1.4): likewise for kinks at -0.5 and 0.75 */
  RANGE_UNIT,       /* U(0, 1): pictures, probabilities */
  RANGE_WIDE,       /* U(-120, 120): exp of it overflows a float */
  RANGE_LOW,        /* U(-14, -8): log(1 + exp(x)) taken as written keeps no digits */
  RANGE_FIXED,      /* the values given */
  RANGE_NOT_FINITE, /* U(-1, 1) with one infinity in the middle */
  RANGE_BYTES,      /* whole numbers of 0 ... 255, for leaves of pictures */
} case_range;

typedef struct case_leaf {
  limn_value value;
  case_range range;
  bool differentiable;
  float fixed[4];
} case_leaf;

/* What a builder fills in; graph is never NULL. */
typedef struct case_graph {
  limn_graph *graph;
  case_leaf leaves[CASE_MAX_LEAVES];
  int leaf_count;
  limn_value outputs[CASE_MAX_OUTPUTS];
  int output_count;
  limn_status status; /* of calls whose failure does not stick to the graph */
} case_graph;

typedef enum case_flags {
  CASE_NO_SECOND = 1, /* the gradients of gradients are left out, for the time they take */
  CASE_REFUSED = 2,   /* building fails, and the message says `refusal` */
  CASE_ROUNDED = 4,   /* every single element is the reference's, rounded to float */
  CASE_LARGE = 8,     /* for devices alone: central differences would take long and run over many a kink */
} case_flags;

typedef struct op_case op_case;
typedef void (*case_builder)(case_graph *g, const op_case *c);

struct op_case {
  char name[CASE_NAME_SIZE]; /* "conv/2x3x5x7-16-k3x3-s1x1-p1x1-bias" */
  case_builder build;
  unsigned flags;      /* case_flags */
  const char *refusal; /* static; with CASE_REFUSED */
  uint64_t step;       /* of the first run */
  /* What the families' builders read. */
  limn_shape x, w, y;
  limn_conv_attrs conv;
  limn_pointwise function;
  float alpha, beta;
  case_range range, range_y;
  limn_role role;
  limn_window window;
  limn_pool_attrs pool;
  limn_resampling resampling;
  int variant;
  int32_t groups;
};

typedef struct case_table {
  op_case *cases;
  size_t count, capacity;
  bool out_of_memory;
} case_table;

limn_status case_table_init(case_table *table);
void case_table_release(case_table *table);

/* For the families. Adds a case; the name is printf-style. Memory that runs out shows in case_table_init. */
void case_add(case_table *table, op_case row, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For the builders. Leaves that gradients are taken of, in the roles PARAMETER and INPUT; any other leaf; one with
 * given values, up to 4. */
limn_value case_parameter(case_graph *g, const char *name, limn_shape shape, case_range range);
limn_value case_input(case_graph *g, const char *name, limn_shape shape, case_range range);
limn_value case_leaf_of(case_graph *g, limn_role role, const char *name, limn_shape shape, case_range range,
                        bool differentiable);
limn_value case_fixed(case_graph *g, limn_role role, const char *name, limn_shape shape, const float values[4]);
void case_output(case_graph *g, limn_value value);

/* The families, one function a file. */
void cases_add_conv(case_table *table);
void cases_add_norm(case_table *table);
void cases_add_pointwise(case_table *table);
void cases_add_rows(case_table *table);
void cases_add_channels(case_table *table);
void cases_add_spatial(case_table *table);
void cases_add_loss(case_table *table);
void cases_add_codes(case_table *table);
void cases_add_update(case_table *table);
void cases_add_pictures(case_table *table);
void cases_add_spectral(case_table *table);

#endif
