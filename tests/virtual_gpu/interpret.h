/* Interprets a finalized plan's own description of its operation graph: plain loops in double, every tensor rounded to
 * its type, those between two operations too. The engine that the plan chose plays no part. */
#ifndef VIRTUAL_GPU_INTERPRET_H
#define VIRTUAL_GPU_INTERPRET_H

#include <stdint.h>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.h"
#include "numbers.h"

namespace virtual_gpu {

struct tensor {
  std::string name; /* the number that the program gave it */
  number_type type;
  int64_t dim[4], stride[4]; /* N, C, H, W */
  int64_t alignment;
  bool is_virtual, by_value;

  size_t count() const { return static_cast<size_t>(dim[0] * dim[1] * dim[2] * dim[3]); }
  size_t bytes() const; /* from the first element to the end of the last */
};

/* The value of a tensor while operations run: dense, in the order N, H, W, C whatever its strides. */
struct dense {
  int64_t n, c, h, w;
  std::vector<double> v;

  size_t at(int64_t in, int64_t ic, int64_t ih, int64_t iw) const {
    return static_cast<size_t>(((in * h + ih) * w + iw) * c + ic);
  }
};

struct graph_description {
  std::map<std::string, tensor> tensors;
  std::vector<json> operations;
};

/* Of CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION. std::runtime_error where it holds what is not interpreted. */
std::shared_ptr<const graph_description> describe_graph(const char *plan);

/* Where tensors are: device memory by name, and the values of those passed by value. */
struct binding {
  std::map<std::string, char *> memory;
  std::map<std::string, double> values;
};

void run_graph(const graph_description &graph, const binding &bound);

/* What operations read and write (interpret_operations.cpp). A NULL output is one that the graph does not have. */
class operands {
public:
  operands(const graph_description &described, const binding &given) : graph(described), bound(given) {}
  const dense &input(const json &operation, const char *port);
  double scalar(const json &operation, const char *port);
  dense output(const json &operation, const char *port); /* of its shape, zeroed */
  void store(const json &operation, const char *port, dense &&value);

private:
  const graph_description &graph;
  const binding &bound;
  std::map<std::string, dense> known;

  const tensor &find(const json &operation, const char *port) const;
  char *memory(const tensor &t) const;
};

bool is_interpreted(const json &operation);
void run_operation(operands &o, const json &operation);

} // namespace virtual_gpu

#endif
