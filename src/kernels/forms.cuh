/* The programs of the models' large passes, known as kernels are compiled: their values stay in registers, loads and
 * stores have one type and no branch. What is in no row goes through the interpreter, whose values lie in local memory:
 * the same numbers, but up to twice the time. `limn plan` tells which of the two a pass gets. */
#ifndef LIMN_KERNELS_FORMS_CUH
#define LIMN_KERNELS_FORMS_CUH

#include <initializer_list>
#include <utility>

#include "kernels/interpreter.cuh"

/* What a form says of an input: as many values as the domain has, in the pass's one type or in fp32; or fp32, one for
 * each channel, or one. */
enum form_input : uint8_t { VALUES, FLOATS, CHANNELS, NUMBER };

/* The loop that a form is compiled into: nothing is summed; sums to rows; to columns by fours, or one by one. */
enum form_loop : uint8_t { ELEMENTS, ROWS, COLUMNS, FEW_COLUMNS, NO_LOOP };

struct form_instruction {
  uint8_t function, x, y;
};

struct form {
  form_loop loop;
  uint8_t input_count, instruction_count, stored_count, summed_count;
  form_input inputs[3];
  form_instruction instructions[9];
  uint8_t stored[1], summed[2];
};

/* Slots are counted as in a program: inputs, then results. What is stored has the pass's type. */
constexpr form make_form(form_loop loop, std::initializer_list<form_input> inputs,
                         std::initializer_list<form_instruction> instructions, std::initializer_list<uint8_t> stored,
                         std::initializer_list<uint8_t> summed) {
  form f = {};
  f.loop = loop;
  for (form_input i : inputs)
    f.inputs[f.input_count++] = i;
  for (form_instruction i : instructions)
    f.instructions[f.instruction_count++] = i;
  for (uint8_t slot : stored)
    f.stored[f.stored_count++] = slot;
  for (uint8_t slot : summed)
    f.summed[f.summed_count++] = slot;
  return f;
}

/* A decoder's loss and its gradient in one: of logits and pictures the binary cross-entropy; of pictures and values in
 * their range squares or absolute values. The gradient, in the last slot, is also summed: the last bias's. */
#define LIMN_CROSS_ENTROPY                                                                                             \
  {LIMN_PW_SOFTPLUS, 0, 0}, {LIMN_PW_MUL, 1, 0}, {LIMN_PW_SUB, 3, 4}, {LIMN_PW_AFFINE, 2, 2}, {LIMN_PW_SIGMOID, 0, 0}, \
      {LIMN_PW_MUL, 6, 7}, {LIMN_PW_AFFINE, 6, 6}, {LIMN_PW_MUL, 9, 1}, {                                              \
    LIMN_PW_ADD, 8, 10                                                                                                 \
  }
#define LIMN_SQUARES                                                                                                   \
  {LIMN_PW_SUB, 0, 1}, {LIMN_PW_SQUARE, 3, 3}, {LIMN_PW_AFFINE, 3, 3}, {LIMN_PW_AFFINE, 2, 2}, {LIMN_PW_MUL, 5, 6}, {  \
    LIMN_PW_AFFINE, 7, 7                                                                                               \
  }
#define LIMN_ABSOLUTES                                                                                                 \
  {LIMN_PW_SUB, 0, 1}, {LIMN_PW_ABS, 3, 3}, {LIMN_PW_AFFINE, 2, 2}, {LIMN_PW_SIGN, 3, 3}, {LIMN_PW_MUL, 5, 6}, {       \
    LIMN_PW_AFFINE, 7, 7                                                                                               \
  }

constexpr form FORMS[] = {
    /* Behind a convolution: bias; bias and activation. */
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}}, {2}, {}),
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_RELU, 2, 2}}, {3}, {}),
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_LEAKY_RELU, 2, 2}}, {3}, {}),
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_CLAMP, 2, 2}}, {3}, {}), /* ReLU6 */
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_SIGMOID, 2, 2}}, {3}, {}),
    make_form(ELEMENTS, {VALUES, CHANNELS}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_TANH, 2, 2}}, {3}, {}),
    /* Batch normalisation by running statistics, with ReLU. */
    make_form(ELEMENTS, {VALUES, CHANNELS, CHANNELS}, {{LIMN_PW_MUL, 0, 1}, {LIMN_PW_ADD, 3, 2}, {LIMN_PW_RELU, 4, 4}},
              {5}, {}),
    /* A residual block's sum: with ReLU; scaled. */
    make_form(ELEMENTS, {VALUES, VALUES}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_RELU, 2, 2}}, {3}, {}),
    make_form(ELEMENTS, {VALUES, VALUES}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_AFFINE, 2, 2}}, {3}, {}),
    /* The gradient of a bias; with it that of the activation behind it; of two gradients' sum. */
    make_form(COLUMNS, {VALUES}, {}, {}, {0}),
    make_form(COLUMNS, {VALUES, VALUES}, {{LIMN_PW_RELU_GRAD, 0, 1}}, {2}, {2}),
    make_form(COLUMNS, {FLOATS, VALUES}, {{LIMN_PW_RELU_GRAD, 0, 1}}, {2}, {2}),
    make_form(COLUMNS, {VALUES, VALUES}, {{LIMN_PW_LEAKY_GRAD, 0, 1}}, {2}, {2}),
    make_form(COLUMNS, {VALUES, VALUES, VALUES}, {{LIMN_PW_ADD, 0, 1}, {LIMN_PW_RELU_GRAD, 3, 2}}, {4}, {4}),
    /* A decoder's loss: with its gradient, of pictures of one channel (the sum is one number then) and of several;
       alone. */
    make_form(ROWS, {VALUES, FLOATS, NUMBER}, {LIMN_CROSS_ENTROPY}, {11}, {5, 11}),
    make_form(FEW_COLUMNS, {VALUES, FLOATS, NUMBER}, {LIMN_CROSS_ENTROPY}, {11}, {5, 11}),
    make_form(ROWS, {VALUES, FLOATS}, {{LIMN_PW_SOFTPLUS, 0, 0}, {LIMN_PW_MUL, 1, 0}, {LIMN_PW_SUB, 2, 3}}, {}, {4}),
    make_form(ROWS, {FLOATS, VALUES, NUMBER}, {LIMN_SQUARES}, {8}, {4, 8}),
    make_form(FEW_COLUMNS, {FLOATS, VALUES, NUMBER}, {LIMN_SQUARES}, {8}, {4, 8}),
    make_form(ROWS, {FLOATS, VALUES}, {{LIMN_PW_SUB, 0, 1}, {LIMN_PW_SQUARE, 2, 2}}, {}, {3}),
    make_form(ROWS, {FLOATS, VALUES, NUMBER}, {LIMN_ABSOLUTES}, {8}, {4, 8}),
    make_form(FEW_COLUMNS, {FLOATS, VALUES, NUMBER}, {LIMN_ABSOLUTES}, {8}, {4, 8}),
    make_form(ROWS, {FLOATS, VALUES}, {{LIMN_PW_SUB, 0, 1}, {LIMN_PW_ABS, 2, 2}}, {}, {3}),
};
#undef LIMN_CROSS_ENTROPY
#undef LIMN_SQUARES
#undef LIMN_ABSOLUTES

/* What a kernel knows of its program: all but numbers and places. */
template <int K, class T> struct known_form {
  static constexpr int SLOTS = FORMS[K].input_count + FORMS[K].instruction_count;
  static constexpr int SUMS = FORMS[K].summed_count, UNROLL = 32;
  __device__ static constexpr int input_count(const program &) { return FORMS[K].input_count; }
  __device__ static constexpr int instruction_count(const program &) { return FORMS[K].instruction_count; }
  __device__ static constexpr int stored_count(const program &) { return FORMS[K].stored_count; }
  __device__ static constexpr int summed_count(const program &) { return FORMS[K].summed_count; }
  __device__ static int function(const program &, int k) {
    constexpr form f = FORMS[K];
    return f.instructions[k].function;
  }
  __device__ static int x(const program &, int k) {
    constexpr form f = FORMS[K];
    return f.instructions[k].x;
  }
  __device__ static int y(const program &, int k) {
    constexpr form f = FORMS[K];
    return f.instructions[k].y;
  }
  __device__ static int stored(const program &, int k) {
    constexpr form f = FORMS[K];
    return f.stored[k];
  }
  __device__ static int summed(const program &, int k) {
    constexpr form f = FORMS[K];
    return f.summed[k];
  }
  __device__ static uint32_t channel(const program &p, int64_t i) { return (uint32_t)i % p.c; }
  template <int V>
  __device__ static void load(float (&v)[V], const program &p, int k, int64_t i, int valid, uint32_t channel) {
    constexpr form f = FORMS[K];
    const source<T> values = {static_cast<const T *>(p.inputs[k].from.data)};
    const source<float> floats = {static_cast<const float *>(p.inputs[k].from.data)};
    switch (f.inputs[k]) {
    case VALUES:
      return load_some(values, v, i, valid);
    case FLOATS:
      return load_some(floats, v, i, valid);
    case CHANNELS:
      return load_along(v, p, floats, channel);
    case NUMBER:
      return load_number(v, floats);
    }
  }
  template <int V> __device__ static void store(const program &p, int k, int64_t i, const float (&v)[V], int valid) {
    store_some(target<T>{static_cast<T *>(p.left.to[k].data)}, i, v, valid);
  }
};

static inline bool fits_input(const operand &o, form_input wanted, limn_type type) {
  switch (wanted) {
  case VALUES:
    return o.kind == FULL && o.from.type == type;
  case FLOATS:
    return o.kind == FULL && o.from.type == LIMN_F32;
  case CHANNELS:
    return o.kind == ALONG_CHANNELS && o.from.type == LIMN_F32;
  case NUMBER:
    return o.kind == ONE_VALUE && o.from.type == LIMN_F32;
  }
  return false;
}

/* A pass's type: that of the first input of VALUES, which every form has. */
static inline limn_type type_of(const program &p, const form &f) {
  int k = 0;
  while (f.inputs[k] != VALUES)
    ++k;
  return p.inputs[k].from.type;
}

/* Elements are counted in 32 bits. */
static inline bool fits_form(const program &p, const form &f) {
  const limn_type type = type_of(p, f);
  bool fits = p.input_count == f.input_count && p.instruction_count == f.instruction_count && p.count <= INT32_MAX &&
              p.left.stored_count == f.stored_count && p.left.summed_count == f.summed_count;
  for (int k = 0; fits && k < f.input_count; ++k)
    fits = fits_input(p.inputs[k], f.inputs[k], type);
  for (int k = 0; fits && k < f.instruction_count; ++k) {
    const instruction &s = p.instructions[k];
    const form_instruction &wanted = f.instructions[k];
    fits = s.function == wanted.function && s.x == wanted.x && (!has_two_inputs(s.function) || s.y == wanted.y);
  }
  for (int k = 0; fits && k < f.stored_count; ++k)
    fits = p.left.stored[k] == f.stored[k] && p.left.to[k].type == type;
  for (int k = 0; fits && k < f.summed_count; ++k)
    fits = p.left.summed[k] == f.summed[k];
  return fits;
}

template <form_loop LOOP> static inline bool has_form(const program &p) {
  for (const form &f : FORMS)
    if (f.loop == LOOP && fits_form(p, f))
      return true;
  return false;
}

template <form_loop LOOP, int K, class Launch> static inline bool try_form(const program &p, const Launch &launch) {
  if constexpr (FORMS[K].loop == LOOP) { /* no kernel for the others */
    if (!fits_form(p, FORMS[K]))
      return false;
    if (type_of(p, FORMS[K]) == LIMN_F32)
      launch(known_form<K, float>{});
    else if (type_of(p, FORMS[K]) == LIMN_BF16)
      launch(known_form<K, __nv_bfloat16>{});
    else
      launch(known_form<K, __half>{});
    return true;
  }
  return false;
}

template <form_loop LOOP, class Launch, int... K>
static inline bool try_forms(const program &p, const Launch &launch, std::integer_sequence<int, K...>) {
  return (try_form<LOOP, K>(p, launch) || ...);
}

/* launch(form) once: with the program's form, or with any_form. */
template <form_loop LOOP, class Launch> static inline void launch_form(const program &p, const Launch &launch) {
  if (!try_forms<LOOP>(p, launch, std::make_integer_sequence<int, sizeof FORMS / sizeof *FORMS>{}))
    launch(any_form{});
}

#endif
