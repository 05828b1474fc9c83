/* What the virtual GPU's own tests share: checks that count, and the program started anew with other settings. */
#ifndef VIRTUAL_GPU_CHECKS_H
#define VIRTUAL_GPU_CHECKS_H

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

#include <string>
#include <vector>

extern int checks_failed;

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      ++checks_failed;                                                                                                 \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                           \
      printf(__VA_ARGS__);                                                                                             \
      putchar('\n');                                                                                                   \
    }                                                                                                                  \
  } while (0)

/* A call that has to succeed for the rest to make sense. */
#define NEED(call)                                                                                                     \
  do {                                                                                                                 \
    int status_ = static_cast<int>(call);                                                                              \
    if (status_ != 0) {                                                                                                \
      printf("%s:%d: %s: status %d\n", __FILE__, __LINE__, #call, status_);                                            \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

struct outcome {
  int exit_code; /* 128 + the signal that ended it */
  std::string output;
};

/* This program with one argument, and settings as NAME=VALUE. */
outcome run_self(const std::string &argument, const std::vector<std::string> &settings);

template <class T> T *make(size_t count) {
  void *p = nullptr;
  NEED(cudaMalloc(&p, count * sizeof(T)));
  return static_cast<T *>(p);
}

template <class T> T *upload(const std::vector<T> &values) {
  T *p = make<T>(values.size());
  NEED(cudaMemcpy(p, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return p;
}

template <class T> std::vector<T> download(const T *p, size_t count) {
  std::vector<T> values(count);
  NEED(cudaMemcpy(values.data(), p, count * sizeof(T), cudaMemcpyDeviceToHost));
  return values;
}

#endif
