/* Pointwise groups to memory. A group of one instruction over whole tensors of one type has a loop of its own for each
 * function, the models' others have one for each form; what is left goes through the interpreter. */
#include "kernels/forms.cuh"
#include "kernels/grid.cuh"

/* Axes of one element count for nothing; a dense tensor's strides are those of the domain itself. */
static spread find_spread(const limn_group *group, const limn_group_input *input) {
  const int64_t extents[4] = {group->domain.n, group->domain.h, group->domain.w, group->domain.c};
  int64_t dense = 1;
  bool full = true, channels = true, samples = true, any = false;
  for (int axis = 3; axis >= 0; --axis) {
    int64_t stride = extents[axis] == 1 ? 0 : input->stride[axis];
    full = full && (extents[axis] == 1 || stride == dense);
    channels = channels && stride == (axis == 3 && extents[3] != 1);
    samples = samples && (axis == 0 || stride == 0);
    any = any || stride != 0;
    dense *= extents[axis];
  }
  if (!any)
    return ONE_VALUE;
  if (full || channels) /* both are read by fours */
    return !is_aligned(input->data) ? ANYHOW : full ? FULL : ALONG_CHANNELS;
  return samples ? ALONG_SAMPLES : ANYHOW;
}

static bool place_operand(uint8_t *slot, int operand, const program *p, int done) {
  bool is_input = operand < LIMN_MAX_TASK_INPUTS;
  int index = is_input ? operand : operand - LIMN_MAX_TASK_INPUTS;
  *slot = (uint8_t)(is_input ? index : p->input_count + index);
  return index >= 0 && index < (is_input ? p->input_count : done);
}

static bool place_results(program *p, const limn_group *group, const limn_result *wanted, int count) {
  const limn_extents e = group->domain;
  pass_results *left = &p->left;
  if (count < 1 || count > LIMN_MAX_TASK_OUTPUTS)
    return false;
  for (int k = 0; k < count; ++k) {
    const limn_result *r = &wanted[k];
    bool sum = r->to.n != e.n || r->to.h != e.h || r->to.w != e.w || r->to.c != e.c;
    uint8_t *slot = sum ? &left->summed[left->summed_count++] : &left->stored[left->stored_count];
    if (!is_type(r->type) || (sum && r->type != LIMN_F32) || !r->out || !is_aligned(r->out) ||
        !place_operand(slot, r->operand, p, p->instruction_count))
      return false;
    if (!sum)
      left->to[left->stored_count++] = {r->out, r->type};
  }
  return true;
}

bool limn_make_program(program *out, const limn_group *group, const limn_result *results, int count) {
  const limn_extents e = group->domain;
  *out = {};
  if (e.n < 1 || e.h < 1 || e.w < 1 || e.c < 1 || group->input_count < 0 || group->instruction_count < 0 ||
      group->input_count > LIMN_MAX_TASK_INPUTS || group->instruction_count > LIMN_MAX_INSTRUCTIONS ||
      group->input_count + group->instruction_count == 0)
    return false;
  out->input_count = group->input_count;
  out->instruction_count = group->instruction_count;
  out->h = (uint32_t)e.h;
  out->w = (uint32_t)e.w;
  out->c = (uint32_t)e.c;
  out->sample = (int64_t)e.h * e.w * e.c;
  out->count = out->sample * e.n;
  for (int k = 0; k < group->input_count; ++k) {
    const limn_group_input *input = &group->inputs[k];
    if (!input->data || !is_type(input->type))
      return false;
    operand *o = &out->inputs[k];
    o->from = {input->data, input->type};
    o->kind = find_spread(group, input);
    for (int axis = 0; axis < 4; ++axis)
      o->stride[axis] = input->stride[axis];
    out->channels_apart = out->channels_apart || o->kind == ALONG_CHANNELS;
  }
  for (int k = 0; k < group->instruction_count; ++k) {
    const limn_instruction *from = &group->instructions[k];
    instruction *s = &out->instructions[k];
    int function = (int)from->function;
    if (function < 0 || function > LIMN_CONSTANT)
      return false;
    s->function = (uint8_t)function;
    s->alpha = from->alpha;
    s->beta = from->beta;
    if (function != LIMN_CONSTANT && !place_operand(&s->x, from->x, out, k))
      return false;
    if (has_two_inputs(function) && !place_operand(&s->y, from->y, out, k))
      return false;
  }
  return place_results(out, group, results, count);
}

template <class Form>
__global__ static void __launch_bounds__(LIMN_BLOCK) map_program(const __grid_constant__ program p) {
  int64_t step = (int64_t)gridDim.x * LIMN_BLOCK * 4;
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * 4; i < p.count; i += step) {
    int valid = (int)(p.count - i < 4 ? p.count - i : 4);
    float slots[Form::SLOTS][4];
    evaluate<Form>(slots, p, i, valid);
    store_results<Form>(slots, p, i, valid);
  }
}

/* One instruction; out may be x or y. */
template <class T> struct single {
  source<T> x, y;
  target<T> out;
  int64_t count;
  int function;
  float alpha, beta;
};

template <int F, class T> __device__ inline void map_four(const single<T> &s, int64_t i, int valid) {
  float x[4], y[4], v[4];
  load_some(s.x, x, i, valid);
  if (has_two_inputs(F))
    load_some(s.y, y, i, valid);
  for (int j = 0; j < 4; ++j)
    v[j] = apply<F>(x[j], has_two_inputs(F) ? y[j] : 0, s.alpha, s.beta);
  store_some(s.out, i, v, valid);
}

template <int F, class T> __device__ inline void map_function(const single<T> &s) {
  int64_t step = (int64_t)gridDim.x * LIMN_BLOCK * 4, first = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * 4;
  int64_t i = first;
  for (; i + 4 <= s.count; i += step)
    map_four<F>(s, i, 4);
  if (i < s.count)
    map_four<F>(s, i, (int)(s.count - i));
}

template <class T> __global__ static void __launch_bounds__(LIMN_BLOCK) map_single(single<T> s) {
  switch (s.function) {
#define LIMN_CASE(F)                                                                                                   \
  case F:                                                                                                              \
    map_function<F>(s);                                                                                                \
    break;
    LIMN_FOR_EACH_FUNCTION(LIMN_CASE)
#undef LIMN_CASE
  default:
    break;
  }
}

static bool is_full(const program &p, int slot, limn_type type) {
  return slot < p.input_count && p.inputs[slot].kind == FULL && p.inputs[slot].from.type == type;
}

static bool is_single(const program &p) {
  const instruction &s = p.instructions[0];
  limn_type type = p.left.to[0].type;
  return p.instruction_count == 1 && p.left.stored_count == 1 && p.left.stored[0] == p.input_count &&
         s.function != LIMN_CONSTANT && is_full(p, s.x, type) && (!has_two_inputs(s.function) || is_full(p, s.y, type));
}

template <class T> static void launch_single(const program &p, unsigned blocks, cudaStream_t stream) {
  const instruction &s = p.instructions[0];
  const target<void> &to = p.left.to[0];
  single<T> one = {make_source<T>(p.inputs[s.x].from.data, to.type),
                   make_source<T>(p.inputs[has_two_inputs(s.function) ? s.y : s.x].from.data, to.type),
                   make_target<T>(to.data, to.type),
                   p.count,
                   s.function,
                   s.alpha,
                   s.beta};
  LIMN_LAUNCH(map_single<T>, blocks, LIMN_BLOCK, 0, stream, one);
}

static void launch_map(const program &p, cudaStream_t stream) {
  unsigned blocks = blocks_for(p.count, 4 * LIMN_BLOCK);
  auto launch = [&](auto form) { LIMN_LAUNCH(map_program<decltype(form)>, blocks, LIMN_BLOCK, 0, stream, p); };
  if (!is_single(p))
    launch_form<ELEMENTS>(p, launch);
  else if (p.left.to[0].type == LIMN_F32)
    launch_single<float>(p, blocks, stream);
  else if (p.left.to[0].type == LIMN_BF16)
    launch_single<__nv_bfloat16>(p, blocks, stream);
  else
    launch_single<__half>(p, blocks, stream);
}

cudaError_t limn_run_pass(const limn_group *group, const limn_result *results, int count, float *scratch,
                          cudaStream_t stream) {
  program p;
  if (!limn_make_program(&p, group, results, count))
    return cudaErrorInvalidValue;
  if (p.left.summed_count)
    return limn_launch_sums(&p, group, results, count, scratch, stream);
  launch_map(p, stream);
  return cudaGetLastError();
}

bool limn_pass_is_compiled(const limn_group *group, const limn_result *results, int count) {
  alignas(16) static char anywhere[16];
  limn_group placed = *group;
  limn_result made[LIMN_MAX_TASK_OUTPUTS];
  program p;
  for (int k = 0; k < LIMN_MAX_TASK_INPUTS; ++k)
    placed.inputs[k].data = anywhere;
  for (int k = 0; k < count && k < LIMN_MAX_TASK_OUTPUTS; ++k) {
    made[k] = results[k];
    made[k].out = anywhere;
  }
  if (!limn_make_program(&p, &placed, made, count))
    return false;
  return p.left.summed_count ? limn_sums_are_compiled(&p, group->domain, made, count)
                             : is_single(p) || has_form<ELEMENTS>(p);
}
