#include "interpret.h"

#include <math.h>
#include <string.h>

#include "virtual_gpu.h"

namespace virtual_gpu {
namespace {

number_type type_of(const std::string &name) {
  if (name == "CUDNN_DATA_FLOAT")
    return number_type::f32;
  if (name == "CUDNN_DATA_HALF")
    return number_type::f16;
  if (name == "CUDNN_DATA_BFLOAT16")
    return number_type::bf16;
  throw std::runtime_error("tensors of " + name + " are not interpreted");
}

tensor read_tensor(const json &described) {
  tensor t = {};
  t.name = described["name"].text;
  t.type = type_of(described["dataType"].text);
  t.is_virtual = described["isVirtual"].number != 0;
  t.by_value = described["isByValue"].number != 0;
  t.alignment = static_cast<int64_t>(described["ptrAlignment"].number);
  const auto &dims = described["dim"].list, &strides = described["stride"].list;
  if (dims.size() != 4 || strides.size() != 4 || described["vectCount"].number != 1)
    throw std::runtime_error("tensor " + t.name + " has not four plain dimensions");
  for (size_t i = 0; i < 4; ++i) {
    t.dim[i] = static_cast<int64_t>(dims[i].number);
    t.stride[i] = static_cast<int64_t>(strides[i].number);
  }
  return t;
}

dense shaped(const tensor &t) { return {t.dim[0], t.dim[1], t.dim[2], t.dim[3], std::vector<double>(t.count())}; }

/* f(place in the dense array, place in memory) */
template <class F> void each_element(const tensor &t, F f) {
  size_t i = 0;
  for (int64_t n = 0; n < t.dim[0]; ++n)
    for (int64_t h = 0; h < t.dim[2]; ++h)
      for (int64_t w = 0; w < t.dim[3]; ++w)
        for (int64_t c = 0; c < t.dim[1]; ++c)
          f(i++, n * t.stride[0] + c * t.stride[1] + h * t.stride[2] + w * t.stride[3]);
}

} // namespace

size_t tensor::bytes() const {
  int64_t last = 0;
  for (int i = 0; i < 4; ++i)
    last += (dim[i] - 1) * stride[i];
  return static_cast<size_t>(last + 1) * number_bytes(type);
}

std::shared_ptr<const graph_description> describe_graph(const char *plan) {
  const char *start = strstr(plan, "\"operationGraph\":");
  if (!start)
    throw std::runtime_error("the plan's JSON has no operationGraph");
  json described = parse_json(start + strlen("\"operationGraph\":")); /* not the engine's payload, which is large */
  auto graph = std::make_shared<graph_description>();
  for (const json &t : described["tensors"].list) {
    tensor read = read_tensor(t);
    graph->tensors[read.name] = read;
  }
  for (const json &operation : described["nodes"].list)
    if (!is_interpreted(operation))
      throw std::runtime_error(operation["operation"].text + " is not interpreted in this form");
  graph->operations = described["nodes"].list; /* cuDNN has sorted them: each behind those that it waits for */
  return graph;
}

const tensor &operands::find(const json &operation, const char *port) const {
  auto found = graph.tensors.find(operation[port].text);
  if (found == graph.tensors.end())
    throw std::runtime_error("no tensor " + operation[port].text);
  return found->second;
}

char *operands::memory(const tensor &t) const { return bound.memory.at(t.name); }

const dense &operands::input(const json &operation, const char *port) {
  const tensor &t = find(operation, port);
  auto have = known.find(t.name);
  if (have != known.end())
    return have->second;
  if (t.is_virtual)
    throw std::runtime_error("tensor " + t.name + " is read before it is written");
  dense &value = known[t.name] = shaped(t);
  const char *from = memory(t);
  each_element(t, [&](size_t i, int64_t place) { value.v[i] = load_number(from, t.type, place); });
  return value;
}

double operands::scalar(const json &operation, const char *port) {
  const tensor &t = find(operation, port);
  return t.by_value ? bound.values.at(t.name) : input(operation, port).v.at(0);
}

dense operands::output(const json &operation, const char *port) { return shaped(find(operation, port)); }

void operands::store(const json &operation, const char *port, dense &&value) {
  const tensor &t = find(operation, port);
  for (double &x : value.v)
    x = round_number(x, t.type);
  if (!t.is_virtual) {
    char *to = memory(t);
    each_element(t, [&](size_t i, int64_t place) { store_number(to, t.type, place, value.v[i]); });
  }
  known[t.name] = std::move(value);
}

void run_graph(const graph_description &graph, const binding &bound) {
  operands o(graph, bound);
  try {
    for (const json &operation : graph.operations)
      run_operation(o, operation);
  } catch (const std::exception &e) {
    die("a plan that was accepted cannot be interpreted: %s", e.what());
  }
}

} // namespace virtual_gpu
