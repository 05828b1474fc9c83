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

#define LIMN_SLOTS (LIMN_MAX_STEP_INPUTS + LIMN_MAX_INSTRUCTIONS)

/* What is left of the slots: stored, or summed by whoever runs the program. */
struct pass_results {
  int stored_count, summed_count;
  uint8_t stored[LIMN_MAX_STEP_OUTPUTS], summed[LIMN_MAX_STEP_OUTPUTS]; /* slots */
  target<void> to[LIMN_MAX_STEP_OUTPUTS];                               /* (stored_count) */
};

struct program {
  operand inputs[LIMN_MAX_STEP_INPUTS];
  instruction instructions[LIMN_MAX_INSTRUCTIONS];
  int input_count, instruction_count;
  pass_results left;
  uint32_t h, w, c;
  bool channels_apart;   /* some input is ALONG_CHANNELS */
  int64_t count, sample; /* elements of the domain, of one n */
};

/* False when the group is malformed: operands that are not there yet, unknown functions or types; or a result is. */
bool limn_make_program(program *out, const limn_group *group, const limn_result *results, int count);
/* sums.cu: the pass of a program that leaves something to sum. */
cudaError_t limn_launch_sums(const program *p, const limn_group *group, const limn_result *results, int count,
                             float *scratch, cudaStream_t stream);

template <int V>
__device__ inline void load_along(float (&v)[V], const program &p, const operand &input, uint32_t channel) {
  if (V == 4 && p.c % 4 == 0) {
    input.from.load(v, channel);
    return;
  }
  for (int j = 0; j < V; ++j)
    v[j] = load_one(input.from, (channel + (uint32_t)j) % p.c);
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
    float value = load_one(input.from, 0);
    for (int j = 0; j < V; ++j)
      v[j] = value;
  } else if (input.kind == ALONG_CHANNELS) {
    load_along(v, p, input, channel);
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

template <int V>
__device__ inline void run_instruction(float (&out)[V], const instruction &s, const float *x, const float *y) {
  switch (s.function) {
#define LIMN_CASE(F)                                                                                                   \
  case F:                                                                                                              \
    for (int j = 0; j < V; ++j)                                                                                        \
      out[j] = apply<F>(x[j], y[j], s.alpha, s.beta);                                                                  \
    break;
    LIMN_FOR_EACH_FUNCTION(LIMN_CASE)
#undef LIMN_CASE
  default:
    for (int j = 0; j < V; ++j)
      out[j] = s.beta;
  }
}

/* The slots of elements i ... i + valid. */
template <int V>
__device__ inline void evaluate(float (&slots)[LIMN_SLOTS][V], const program &p, int64_t i, int valid) {
  uint32_t channel = p.channels_apart ? (uint32_t)((uint64_t)i % p.c) : 0;
  for (int k = 0; k < p.input_count; ++k)
    load_operand(slots[k], p, p.inputs[k], i, valid, channel);
  for (int k = 0; k < p.instruction_count; ++k) {
    const instruction &s = p.instructions[k];
    float out[V];
    run_instruction(out, s, slots[s.x], slots[s.y]);
    for (int j = 0; j < V; ++j)
      slots[p.input_count + k][j] = out[j];
  }
}

template <int V>
__device__ inline void store_results(const float (&slots)[LIMN_SLOTS][V], const program &p, int64_t i, int valid) {
  for (int k = 0; k < p.left.stored_count; ++k)
    store_some(p.left.to[k], i, slots[p.left.stored[k]], valid);
}

#endif
