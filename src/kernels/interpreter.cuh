/* A group's instructions, run over V neighbouring elements at a time: each input is read once, each result that is not
 * summed written once. */
#ifndef LIMN_KERNELS_INTERPRETER_CUH
#define LIMN_KERNELS_INTERPRETER_CUH

#include "kernels/functions.cuh"
#include "kernels/types.cuh"

/* How an input lies under the domain; ALONG_CHANNELS is the fast kind of C values, ANYHOW any other strides. */
enum spread { FULL, ONE_VALUE, ALONG_CHANNELS, ALONG_SAMPLES, ANYHOW };

struct operand {
  source<void> from;
  spread kind;
  int64_t stride[4]; /* n, h, w, c */
};

/* Inputs take the first slots, results follow in order: no gap between them, so that short programs stay in cache. */
struct instruction {
  uint8_t function, x, y, unused;
  float alpha, beta;
};

#define LIMN_SLOTS (LIMN_MAX_TASK_INPUTS + LIMN_MAX_INSTRUCTIONS)

/* What is left of the slots: stored, or summed by whoever runs the program. */
struct pass_results {
  int stored_count, summed_count;
  uint8_t stored[LIMN_MAX_TASK_OUTPUTS], summed[LIMN_MAX_TASK_OUTPUTS]; /* slots */
  target<void> to[LIMN_MAX_TASK_OUTPUTS];                               /* (stored_count) */
};

struct program {
  operand inputs[LIMN_MAX_TASK_INPUTS];
  instruction instructions[LIMN_MAX_INSTRUCTIONS];
  int input_count, instruction_count;
  pass_results left;
  uint32_t h, w, c;
  bool channels_apart;   /* some input is ALONG_CHANNELS */
  int64_t count, sample; /* elements of the domain, of one n */
};

/* False when the group is malformed: operands that are not there yet, unknown functions or types; or a result is. */
bool limn_make_program(program *out, const limn_group *group, const limn_result *results, int count);
/* sums.cu: the pass of a program that leaves something to sum; whether a kernel was compiled for it. */
cudaError_t limn_launch_sums(const program *p, const limn_group *group, const limn_result *results, int count,
                             float *scratch, cudaStream_t stream);
bool limn_sums_are_compiled(const program *p, limn_extents domain, const limn_result *results, int count);

template <int V, class S>
__device__ inline void load_along(float (&v)[V], const program &p, const S &from, uint32_t channel) {
  if (V == 4 && p.c % 4 == 0) {
    from.load(v, channel);
    return;
  }
  for (int j = 0; j < V; ++j)
    v[j] = load_one(from, (channel + (uint32_t)j) % p.c);
}

template <int V, class S> __device__ inline void load_number(float (&v)[V], const S &from) {
  float value = load_one(from, 0);
  for (int j = 0; j < V; ++j)
    v[j] = value;
}

template <int V>
__device__ inline void load_anyhow(float (&v)[V], const program &p, const operand &input, int64_t i, int valid) {
  for (int j = 0; j < V; ++j) {
    uint64_t e = (uint64_t)(i + (j < valid ? j : 0));
    int64_t at = (int64_t)(e % p.c) * input.stride[3];
    e /= p.c;
    at += (int64_t)(e % p.w) * input.stride[2];
    e /= p.w;
    at += (int64_t)(e % p.h) * input.stride[1] + (int64_t)(e / p.h) * input.stride[0];
    v[j] = load_one(input.from, at);
  }
}

/* Elements i ... i + V, of which `valid` exist; the others read what is there to read and count for nothing. */
template <int V>
__device__ inline void load_operand(float (&v)[V], const program &p, const operand &input, int64_t i, int valid,
                                    uint32_t channel) {
  if (input.kind == FULL) {
    load_some(input.from, v, i, valid);
  } else if (input.kind == ONE_VALUE) {
    load_number(v, input.from);
  } else if (input.kind == ALONG_CHANNELS) {
    load_along(v, p, input.from, channel);
  } else if (input.kind == ALONG_SAMPLES) {
    for (int j = 0; j < V; ++j)
      v[j] = j == 0 || p.sample % V != 0
                 ? load_one(input.from,
                            (int64_t)((uint64_t)(i + (j < valid ? j : 0)) / (uint64_t)p.sample) * input.stride[0])
                 : v[0];
  } else {
    load_anyhow(v, p, input, i, valid);
  }
}

/* What a kernel knows of its program as it is compiled. Here: nothing. forms.cuh: everything but numbers and places. */
struct any_form {
  static constexpr int SLOTS = LIMN_SLOTS, SUMS = LIMN_MAX_TASK_OUTPUTS, UNROLL = 1;
  __device__ static int input_count(const program &p) { return p.input_count; }
  __device__ static int instruction_count(const program &p) { return p.instruction_count; }
  __device__ static int stored_count(const program &p) { return p.left.stored_count; }
  __device__ static int summed_count(const program &p) { return p.left.summed_count; }
  __device__ static int function(const program &p, int k) { return p.instructions[k].function; }
  __device__ static int x(const program &p, int k) { return p.instructions[k].x; }
  __device__ static int y(const program &p, int k) { return p.instructions[k].y; }
  __device__ static int stored(const program &p, int k) { return p.left.stored[k]; }
  __device__ static int summed(const program &p, int k) { return p.left.summed[k]; }
  __device__ static uint32_t channel(const program &p, int64_t i) {
    return p.channels_apart ? (uint32_t)((uint64_t)i % p.c) : 0;
  }
  template <int V>
  __device__ static void load(float (&v)[V], const program &p, int k, int64_t i, int valid, uint32_t channel) {
    load_operand(v, p, p.inputs[k], i, valid, channel);
  }
  template <int V> __device__ static void store(const program &p, int k, int64_t i, const float (&v)[V], int valid) {
    store_some(p.left.to[k], i, v, valid);
  }
};

template <int V>
__device__ inline void run_instruction(float (&out)[V], int function, const float (&x)[V], const float (&y)[V],
                                       float alpha, float beta) {
  switch (function) {
#define LIMN_CASE(F)                                                                                                   \
  case F:                                                                                                              \
    for (int j = 0; j < V; ++j)                                                                                        \
      out[j] = apply<F>(x[j], y[j], alpha, beta);                                                                      \
    break;
    LIMN_FOR_EACH_FUNCTION(LIMN_CASE)
#undef LIMN_CASE
  default:
    for (int j = 0; j < V; ++j)
      out[j] = beta;
  }
}

/* The slots of elements i ... i + valid. Unrolled where the form is known: slots are registers then. */
template <class Form, int V>
__device__ inline void evaluate(float (&slots)[Form::SLOTS][V], const program &p, int64_t i, int valid) {
  uint32_t channel = Form::channel(p, i);
#pragma unroll(Form::UNROLL)
  for (int k = 0; k < Form::input_count(p); ++k)
    Form::load(slots[k], p, k, i, valid, channel);
#pragma unroll(Form::UNROLL)
  for (int k = 0; k < Form::instruction_count(p); ++k) {
    float out[V];
    run_instruction(out, Form::function(p, k), slots[Form::x(p, k)], slots[Form::y(p, k)], p.instructions[k].alpha,
                    p.instructions[k].beta);
    for (int j = 0; j < V; ++j)
      slots[Form::input_count(p) + k][j] = out[j];
  }
}

template <class Form, int V>
__device__ inline void store_results(const float (&slots)[Form::SLOTS][V], const program &p, int64_t i, int valid) {
#pragma unroll(Form::UNROLL)
  for (int k = 0; k < Form::stored_count(p); ++k)
    Form::store(p, k, i, slots[Form::stored(p, k)], valid);
}

#endif
