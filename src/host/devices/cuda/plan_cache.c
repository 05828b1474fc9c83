/* Finalized plans as files. What is fused is compiled while it is planned, which takes 0.3 to 3 s; its plan,
 * compiled kernel included, comes back from a file in 1 to 15 ms, and cuDNN's engines need not be searched at all.
 *
 *   limn-plan 0123456789abcdef                                    a hash of the sources that describe operations
 *   cudnn 91900 card 0123456789abcdef rules deterministic=0 tf32=1 timed=0
 *   CONV x=(...) ...                                              the operation's name
 *   eng7_k17=-1_k24=21                                            the engine; "own" with no plan behind it
 *   75824 0123456789abcdef                                        bytes that follow and their hash
 *   {"cudnnVersion":91900, ...}                                   cuDNN's plan
 *
 * For an engine that was told instead of chosen the rules end in engine=NAME. The file's name is a hash of the first
 * three lines. Whatever does not fit exactly is as good as no file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "devices/cuda/planning.h"
#include "plan_sources.h"

#define MAX_FILE ((size_t)64 << 20)
#define KEY_SIZE 640

uint64_t cuda_cache_hash(const char *bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3U;
  return hash;
}

/* The first three lines, and the path that they lead to (free()); NULL when memory is out. */
static char *key_and_path(const cuda_planner *planner, const cuda_operation *operation, const char *wanted,
                          char key[KEY_SIZE]) {
  char name[256];
  snprintf(key, KEY_SIZE,
           "limn-plan " LIMN_PLAN_SOURCES "\ncudnn %zu card %016" PRIx64 " rules deterministic=%d tf32=%d %s%s\n%s\n",
           cudnnGetVersion(), planner->card, planner->deterministic, planner->tf32,
           wanted             ? "engine="
           : planner->measure ? "timed=1"
                              : "timed=0",
           wanted ? wanted : "", cuda_operation_name(operation, name, sizeof name));
  const size_t size = strlen(planner->cache) + 32;
  char *path = malloc(size);
  if (path)
    snprintf(path, size, "%s/%016" PRIx64 ".plan", planner->cache, cuda_cache_hash(key, strlen(key)));
  return path;
}

/* The plan that `json` describes; false when cuDNN will not have it. */
static bool load_plan(cuda_choice *choice, const cuda_planner *planner, const char *json, size_t size) {
  cuda_descriptors set = {.count = 0};
  int64_t workspace = 0;
  cudnnBackendDescriptor_t plan = cuda_descriptor_create(&set, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "read a plan");
  cuda_descriptor_set(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                      &planner->properties);
  cuda_descriptor_set(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)size, json);
  cuda_descriptor_finalize(&set, plan);
  cuda_descriptor_get(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
  const bool good = set.status == CUDNN_STATUS_SUCCESS;
  if (good) {
    choice->plan = plan;
    choice->workspace = (size_t)workspace;
    cuda_descriptors_detach(&set, plan);
  }
  cuda_descriptors_release(&set);
  return good;
}

/* Takes the file's parts apart; `content` has a NUL behind its `size` bytes. */
static bool parse(cuda_choice *choice, const cuda_planner *planner, const char *key, const char *content, size_t size) {
  const size_t key_size = strlen(key);
  size_t body_size = 0;
  uint64_t hash = 0;
  int used = 0;
  char engine[sizeof choice->engine];
  if (size < key_size || memcmp(content, key, key_size) != 0)
    return false;
  if (sscanf(content + key_size, "%159[^\n]\n%zu %" SCNx64 "%n", engine, &body_size, &hash, &used) != 3)
    return false;
  const char *body = content + key_size + used;
  if (*body++ != '\n' || body_size != size - (size_t)(body - content) || hash != cuda_cache_hash(body, body_size))
    return false;
  snprintf(choice->engine, sizeof choice->engine, "%s", engine);
  choice->tile = cuda_tile_of(body, engine);
  return strcmp(engine, CUDA_OWN_ENGINE) == 0 || load_plan(choice, planner, body, body_size);
}

bool cuda_cache_load(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                     const char *wanted) {
  char key[KEY_SIZE], *content = NULL;
  size_t size = 0;
  if (!planner->cache)
    return false;
  char *path = key_and_path(planner, operation, wanted, key);
  const bool good =
      path && limn_read_file(path, MAX_FILE, &content, &size) == LIMN_OK && parse(choice, planner, key, content, size);
  free(content);
  free(path);
  return good;
}

void cuda_cache_store(const cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                      const char *wanted) {
  if (!planner->cache || !choice->engine[0])
    return;
  char key[KEY_SIZE];
  size_t size = 0;
  char *path = key_and_path(planner, operation, wanted, key),
       *text = choice->plan ? cuda_plan_text(choice->plan, &size) : strdup("");
  limn_durable_file file = {0};
  if (path && text && limn_durable_open(&file, path) == LIMN_OK) {
    fprintf(file.stream, "%s%s\n%zu %016" PRIx64 "\n", key, choice->engine, size, cuda_cache_hash(text, size));
    fwrite(text, 1, size, file.stream);
    limn_durable_commit(&file);
  }
  free(text);
  free(path);
}
