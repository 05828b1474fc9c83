/* What pickles may call: the functions and classes whose results are known here. */
#include <string.h>

#include "base/error.h"
#include "formats/pickling.h"

static limn_status refuse(const char *name) {
  return limn_fail(LIMN_DATA,
                   "it wants Python's %.96s, and nothing in a file is run here: in Python, load it and save "
                   "model.state_dict() alone",
                   name);
}

static limn_status odd(const char *name) {
  return limn_fail(LIMN_DATA, "damaged: its pickle gives %.96s what that does not take", name);
}

static bool is_list(const limn_pickled *value, size_t least) {
  return value->kind == LIMN_PICKLED_LIST && value->length >= least;
}

/* Sizes and strides: whole numbers from 0 on. */
static bool read_sizes(const limn_pickled *list, int64_t *out) {
  if (!is_list(list, 0) || list->length > LIMN_MAX_DIMS)
    return false;
  for (size_t i = 0; i < list->length; ++i) {
    out[i] = list->items[i]->integer;
    if (list->items[i]->kind != LIMN_PICKLED_INTEGER || out[i] < 0)
      return false;
  }
  return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, ...). */
static limn_status rebuild_tensor(struct limn_pickling *p, const limn_pickled *function, limn_pickled *arguments,
                                  limn_pickled **out) {
  if (!is_list(arguments, 4) || arguments->items[0]->kind != LIMN_PICKLED_STORAGE ||
      arguments->items[1]->kind != LIMN_PICKLED_INTEGER)
    return odd(function->text);
  limn_pickled *tensor = limn_pickling_value(p, LIMN_PICKLED_TENSOR);
  limn_pickled_tensor *place = limn_pickling_memory(p, sizeof *place);
  if (!tensor || !place)
    return limn_fail_memory("a pickle");
  tensor->storage = arguments->items[0]->storage;
  tensor->tensor = place;
  place->dims = (int)arguments->items[2]->length;
  place->offset = arguments->items[1]->integer;
  if (place->offset < 0 || !read_sizes(arguments->items[2], place->shape) ||
      !read_sizes(arguments->items[3], place->stride) || arguments->items[3]->length != arguments->items[2]->length)
    return limn_fail(LIMN_DATA, "damaged, or it has a tensor of over %d dimensions", LIMN_MAX_DIMS);
  for (int i = 0; i < place->dims; ++i)
    if (place->shape[i] == 1) /* where nobody steps, any stride may stand */
      place->stride[i] = 0;
  *out = tensor;
  return LIMN_OK;
}

static limn_status first_argument(struct limn_pickling *p, const limn_pickled *function, limn_pickled *arguments,
                                  limn_pickled **out) {
  (void)p;
  if (!is_list(arguments, 1))
    return odd(function->text);
  *out = arguments->items[0];
  return LIMN_OK;
}

/* OrderedDict(), or of a list of pairs. */
static limn_status make_dictionary(struct limn_pickling *p, const limn_pickled *function, limn_pickled *arguments,
                                   limn_pickled **out) {
  const limn_pickled *pairs = is_list(arguments, 1) ? arguments->items[0] : NULL;
  if (!is_list(arguments, 0) || (pairs && !is_list(pairs, 0)))
    return odd(function->text);
  limn_pickled *dictionary = *out = limn_pickling_value(p, LIMN_PICKLED_DICT);
  for (size_t i = 0; dictionary && pairs && i < pairs->length; ++i) {
    if (!is_list(pairs->items[i], 2))
      return odd(function->text);
    limn_pickled **items = limn_pickling_items(p, dictionary, 2);
    if (!items)
      return limn_fail_memory("a pickle");
    memcpy(items, pairs->items[i]->items, 2 * sizeof(limn_pickled *));
  }
  return dictionary ? LIMN_OK : limn_fail_memory("a pickle");
}

static limn_status make_list(struct limn_pickling *p, const limn_pickled *function, limn_pickled *arguments,
                             limn_pickled **out) {
  if (is_list(arguments, 1))
    return first_argument(p, function, arguments, out);
  *out = limn_pickling_value(p, LIMN_PICKLED_LIST);
  return *out ? LIMN_OK : limn_fail_memory("a pickle");
}

static const struct {
  const char *name;
  limn_status (*call)(struct limn_pickling *p, const limn_pickled *function, limn_pickled *arguments,
                      limn_pickled **out);
} functions[] = {
    {"collections.OrderedDict", make_dictionary},
    {"torch._utils._rebuild_tensor_v2", rebuild_tensor},
    {"torch._utils._rebuild_tensor", rebuild_tensor},
    {"torch._utils._rebuild_parameter", first_argument}, /* (tensor, requires_grad, hooks) */
    {"torch._utils._rebuild_parameter_with_state", first_argument},
    {"torch.Size", first_argument},
    {"torch.device", first_argument},
    {"builtins.set", make_list},
    {"__builtin__.set", make_list},
    {"builtins.list", make_list},
    {"__builtin__.list", make_list},
    {"torch.jit._pickle.build_intlist", first_argument},
    {"torch.jit._pickle.build_doublelist", first_argument},
    {"torch.jit._pickle.build_boollist", first_argument},
    {"torch.jit._pickle.build_tensorlist", first_argument},
    {"torch.jit._pickle.restore_type_tag", first_argument}, /* (value, type) */
};

limn_status limn_pickling_reduce(struct limn_pickling *p, limn_pickled *function, limn_pickled *arguments,
                                 limn_pickled **out) {
  if (function->kind != LIMN_PICKLED_NAME)
    return limn_fail(LIMN_DATA, "damaged: its pickle calls what is no function");
  for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i)
    if (strcmp(functions[i].name, function->text) == 0)
      return functions[i].call(p, function, arguments, out);
  return refuse(function->text);
}

/* Objects of TorchScript's are no more than their attributes. */
limn_status limn_pickling_make(struct limn_pickling *p, limn_pickled *class, limn_pickled *arguments,
                               limn_pickled **out) {
  static const char script[] = "__torch__.";
  if (class->kind != LIMN_PICKLED_NAME || !is_list(arguments, 0))
    return limn_fail(LIMN_DATA, "damaged: its pickle makes an object of what is no class");
  if (strcmp(class->text, "collections.OrderedDict") == 0)
    return make_dictionary(p, class, arguments, out);
  if (strncmp(class->text, script, sizeof script - 1) != 0)
    return refuse(class->text);
  *out = limn_pickling_value(p, LIMN_PICKLED_DICT);
  return *out ? LIMN_OK : limn_fail_memory("a pickle");
}

/* A state_dict has attributes beside its items (_metadata), which say nothing of its tensors; an object has them
 * alone. */
limn_status limn_pickling_build(struct limn_pickling *p, limn_pickled *object, limn_pickled *state,
                                limn_pickled **out) {
  if (object->kind != LIMN_PICKLED_DICT || state->kind != LIMN_PICKLED_DICT)
    return limn_fail(LIMN_DATA,
                     "it holds an object with a state of its own, and nothing in a file is run here: in Python, "
                     "load it and save model.state_dict() alone");
  *out = object;
  if (object->length > 0 || object == state)
    return LIMN_OK;
  for (size_t i = 0; i < state->length; i += 2) {
    const limn_pickled *key = state->items[i];
    if (key->kind == LIMN_PICKLED_TEXT && strcmp(key->text, "_metadata") == 0)
      return LIMN_OK;
  }
  limn_pickled **items = limn_pickling_items(p, object, state->length);
  if (state->length && !items)
    return limn_fail_memory("a pickle");
  if (state->length)
    memcpy(items, state->items, state->length * sizeof(limn_pickled *));
  return LIMN_OK;
}

/* ('storage', class, key, device, elements[, part]): where a part is named, as very old files do, it is (key, offset,
 * elements). */
limn_status limn_pickling_storage(struct limn_pickling *p, limn_pickled *id, limn_pickled **out) {
  static const struct {
    const char *class, *dtype;
  } classes[] = {
      {"torch.FloatStorage", "F32"},  {"torch.HalfStorage", "F16"}, {"torch.BFloat16Storage", "BF16"},
      {"torch.DoubleStorage", "F64"}, {"torch.LongStorage", "I64"}, {"torch.IntStorage", "I32"},
      {"torch.ShortStorage", "I16"},  {"torch.CharStorage", "I8"},  {"torch.ByteStorage", "U8"},
      {"torch.BoolStorage", "BOOL"},
  };
  if (!is_list(id, 5) || id->items[1]->kind != LIMN_PICKLED_NAME || id->items[2]->kind != LIMN_PICKLED_TEXT ||
      id->items[4]->kind != LIMN_PICKLED_INTEGER || id->items[4]->integer < 0)
    return limn_fail(LIMN_DATA, "damaged: its pickle refers to something that is no tensor's storage");
  if (id->length > 5 && id->items[5]->kind != LIMN_PICKLED_NONE)
    return limn_fail(LIMN_DATA, "it is of a PyTorch before 0.4: load it there and save it again");
  limn_pickled *value = *out = limn_pickling_value(p, LIMN_PICKLED_STORAGE);
  limn_pickled_storage *storage = limn_pickling_memory(p, sizeof *storage);
  if (!value || !storage)
    return limn_fail_memory("a pickle");
  value->storage = storage;
  storage->key = id->items[2]->text;
  storage->elements = id->items[4]->integer;
  for (size_t i = 0; i < sizeof classes / sizeof *classes; ++i)
    if (strcmp(classes[i].class, id->items[1]->text) == 0) {
      storage->dtype = classes[i].dtype;
      return LIMN_OK;
    }
  return refuse(id->items[1]->text);
}
