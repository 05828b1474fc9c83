/* Stores, and binding programs to them. */
#include "devices/device.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct entry {
  char *name;
  limn_tensor *tensor;
};

struct limn_store {
  limn_device *device;
  struct entry *entries;
  size_t count, capacity;
};

limn_status limn_store_create(limn_store **out, limn_device *device) {
  *out = calloc(1, sizeof **out);
  if (!*out)
    return limn_fail_memory("a store");
  (*out)->device = device;
  return LIMN_OK;
}

void limn_store_destroy(limn_store *store) {
  if (!store)
    return;
  for (size_t i = 0; i < store->count; ++i) {
    free(store->entries[i].name);
    store->device->ops->tensor_destroy(store->entries[i].tensor);
  }
  free(store->entries);
  free(store);
}

limn_device *limn_store_device(const limn_store *store) { return store->device; }

limn_tensor *limn_store_find(const limn_store *store, const char *name) {
  for (size_t i = 0; i < store->count; ++i)
    if (strcmp(store->entries[i].name, name) == 0)
      return store->entries[i].tensor;
  return NULL;
}

size_t limn_store_count(const limn_store *store) { return store->count; }

limn_tensor *limn_store_at(const limn_store *store, size_t index, const char **name) {
  *name = store->entries[index].name;
  return store->entries[index].tensor;
}

static limn_status add_leaf(limn_store *store, const limn_node *leaf) {
  limn_tensor *known = limn_store_find(store, leaf->name);
  if (known) {
    if (!limn_shape_equal(known->shape, leaf->shape) || known->role != leaf->role || known->form != leaf->form)
      return limn_fail(LIMN_FAILED, "the leaf %s has another shape, role or form in this store", leaf->name);
    return LIMN_OK;
  }
  if (store->count == store->capacity) {
    size_t capacity = store->capacity ? 2 * store->capacity : 64;
    struct entry *entries = realloc(store->entries, capacity * sizeof *entries);
    if (!entries)
      return limn_fail_memory("a store");
    store->entries = entries;
    store->capacity = capacity;
  }
  struct entry *entry = &store->entries[store->count];
  entry->name = strdup(leaf->name);
  if (!entry->name)
    return limn_fail_memory("a store");
  limn_status status = store->device->ops->tensor_create(store->device, leaf->role, leaf->shape, &entry->tensor);
  if (status != LIMN_OK) {
    free(entry->name);
    return status;
  }
  entry->tensor->form = leaf->form;
  ++store->count;
  return LIMN_OK;
}

limn_status limn_store_add_leaves(limn_store *store, const limn_graph *graph) {
  LIMN_TRY(limn_graph_status(graph));
  for (int v = 0; v < limn_graph_count(graph); ++v)
    if (limn_graph_node(graph, v)->op == LIMN_OP_LEAF)
      LIMN_TRY(add_leaf(store, limn_graph_node(graph, v)));
  return LIMN_OK;
}

limn_status limn_program_create(limn_program **out, limn_store *store, const limn_graph *graph,
                                const limn_program_options *options) {
  *out = NULL;
  LIMN_TRY(limn_store_add_leaves(store, graph));
  int count = limn_graph_count(graph);
  limn_tensor **leaves = calloc((size_t)count + 1, sizeof *leaves);
  if (!leaves)
    return limn_fail_memory("a program");
  for (int v = 0; v < count; ++v)
    if (limn_graph_node(graph, v)->op == LIMN_OP_LEAF)
      leaves[v] = limn_store_find(store, limn_graph_node(graph, v)->name);
  limn_status status = store->device->ops->program_create(store->device, graph, leaves,
                                                          options ? options : &(limn_program_options){0}, out);
  free(leaves);
  return status;
}

void limn_program_destroy(limn_program *program) {
  if (program)
    program->device->ops->program_destroy(program);
}

static limn_status refuse_transfer(const limn_tensor *tensor) {
  return limn_fail(LIMN_USAGE,
                   tensor->role == LIMN_ROLE_PICTURES
                       ? "a leaf of pictures holds bytes: it takes them by limn_tensor_upload_u8, and gives none back"
                       : "only a leaf of pictures takes bytes; others take numbers");
}

limn_status limn_tensor_upload(limn_tensor *tensor, const float *nchw) {
  return tensor->role == LIMN_ROLE_PICTURES ? refuse_transfer(tensor) : tensor->device->ops->upload(tensor, nchw);
}

limn_status limn_tensor_upload_u8(limn_tensor *tensor, const uint8_t *nchw) {
  return tensor->role == LIMN_ROLE_PICTURES ? tensor->device->ops->upload_u8(tensor, nchw) : refuse_transfer(tensor);
}

limn_status limn_tensor_download(const limn_tensor *tensor, float *nchw) {
  return tensor->role == LIMN_ROLE_PICTURES ? refuse_transfer(tensor) : tensor->device->ops->download(tensor, nchw);
}
