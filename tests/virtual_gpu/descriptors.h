/* cuDNN's graph API in few words, for the tests of its interpreter. Descriptors live as long as the object. */
#ifndef VIRTUAL_GPU_DESCRIPTORS_H
#define VIRTUAL_GPU_DESCRIPTORS_H

#include <cudnn.h>

#include <initializer_list>
#include <utility>
#include <vector>

struct tensor_shape {
  int64_t n, c, h, w;
  size_t count() const { return static_cast<size_t>(n * c * h * w); }
  size_t at(int64_t in, int64_t ic, int64_t ih, int64_t iw) const {
    return static_cast<size_t>(((in * h + ih) * w + iw) * c + ic);
  }
};

enum class tensor_kind { memory, between, value };

class descriptors {
public:
  using handle = cudnnBackendDescriptor_t;
  using ports = std::initializer_list<std::pair<cudnnBackendAttributeName_t, handle>>;

  descriptors() = default;
  descriptors(const descriptors &) = delete;
  ~descriptors();

  handle tensor(int64_t name, tensor_shape shape, cudnnDataType_t type, tensor_kind kind = tensor_kind::memory);
  handle convolution(cudnnBackendDescriptorType_t type, int64_t pad, int64_t stride, const handle xwy[3]);
  handle pointwise(cudnnPointwiseMode_t mode, double slope, ports given);
  handle norm_forward(ports given);
  handle norm_backward(ports given);
  handle plan(std::vector<handle> operations); /* the first that the heuristics offer and that can be finalized */
  handle pack(std::vector<int64_t> names, std::vector<void *> pointers, void *workspace);
  static size_t workspace(handle plan);

private:
  std::vector<handle> all;

  handle make(cudnnBackendDescriptorType_t type);
  template <class T>
  void set(handle d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const std::vector<T> &values);
  void connect(handle d, ports given);
  void finalize(handle d);
};

#endif
