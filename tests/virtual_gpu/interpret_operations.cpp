/* cuDNN's operations, each a plain loop. */
#include <math.h>

#include <algorithm>

#include "interpret.h"
#include "virtual_gpu.h"

/* Nothing of the program under test is touched in here, and instrumented it is several times slower. */
#define FAST __attribute__((no_sanitize("address", "undefined")))

namespace virtual_gpu {
namespace {

const char prefix[] = "CUDNN_BACKEND_OPERATION_";

std::string kind_of(const json &operation) {
  std::string name = operation["operation"].text;
  return name.compare(0, sizeof prefix - 1, prefix) == 0 ? name.substr(sizeof prefix - 1) : name;
}

/* ---- convolutions ---- */

struct geometry {
  int64_t pad[2], behind[2], stride[2], dilation[2]; /* padding before the first and behind the last */
};

/* cuDNN writes "pad" where that is the same on both sides. */
geometry read_geometry(const json &operation) {
  geometry g;
  const bool same = operation.has("pad");
  for (size_t i = 0; i < 2; ++i) {
    g.pad[i] = static_cast<int64_t>(operation[same ? "pad" : "pad_lower"].list.at(i).number);
    g.behind[i] = static_cast<int64_t>(operation[same ? "pad" : "pad_upper"].list.at(i).number);
    g.stride[i] = static_cast<int64_t>(operation["stride"].list.at(i).number);
    g.dilation[i] = static_cast<int64_t>(operation["dilation"].list.at(i).number);
  }
  return g;
}

/* y's, of x's and the kernel's. */
int64_t side_of(const geometry &g, int axis, int64_t x, int64_t kernel) {
  return (x + g.pad[axis] + g.behind[axis] - (kernel - 1) * g.dilation[axis] - 1) / g.stride[axis] + 1;
}

FAST void add_scaled(double *to, double factor, const double *from, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] += factor * from[i];
}

FAST double dot(const double *a, const double *b, int64_t count) {
  double sums[4] = {};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int j = 0; j < 4; ++j)
      sums[j] += a[i + j] * b[i + j];
  for (; i < count; ++i)
    sums[0] += a[i] * b[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

/* `each` filters of (K, R, S, C) from `first` on to (R, S, few, many), where many is the larger of C and `each`: the
 * inner loops are then long ones. */
FAST void reorder(const dense &w, int64_t first, int64_t each, std::vector<double> &rows, bool back, dense *to) {
  int64_t taps = w.h * w.w;
  for (int64_t k = 0; k < each; ++k)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < w.c; ++c) {
        size_t plain = static_cast<size_t>(((first + k) * taps + tap) * w.c + c);
        size_t row = static_cast<size_t>(w.c >= each ? (tap * each + k) * w.c + c : (tap * w.c + c) * each + k);
        if (back)
          to->v[plain] = rows[row];
        else
          rows[row] = w.v[plain];
      }
}

enum class result { y, x, w };

/* One pixel of x with one of y through one tap: y += w x, x += w' y or w += y x'. */
FAST void one_tap(result made, double *few, double *many, double *rows, int64_t few_count, int64_t many_count,
                  bool few_is_x) {
  for (int64_t i = 0; i < few_count; ++i) {
    double *row = rows + i * many_count;
    if (made == result::w)
      add_scaled(row, few[i], many, many_count);
    else if ((made == result::x) == few_is_x)
      few[i] += dot(many, row, many_count);
    else
      add_scaled(many, few[i], row, many_count);
  }
}

/* Of x (N,C,H,W), w (K,C/groups,R,S) and y (N,K,P,Q) the channels of one group of the one that is made are added to. */
FAST void convolve(result made, dense &x, dense &w, dense &y, const geometry &g, int64_t group, int64_t each) {
  std::vector<double> rows(static_cast<size_t>(each * w.c * w.h * w.w));
  reorder(w, group * each, each, rows, false, nullptr);
  bool few_is_x = w.c < each;
  int64_t few = std::min(w.c, each), many = std::max(w.c, each);
  for (int64_t n = 0; n < y.n; ++n)
    for (int64_t p = 0; p < y.h; ++p)
      for (int64_t q = 0; q < y.w; ++q)
        for (int64_t r = 0; r < w.h; ++r)
          for (int64_t s = 0; s < w.w; ++s) {
            int64_t h = p * g.stride[0] - g.pad[0] + r * g.dilation[0],
                    v = q * g.stride[1] - g.pad[1] + s * g.dilation[1];
            if (h < 0 || h >= x.h || v < 0 || v >= x.w)
              continue;
            double *px = &x.v[x.at(n, group * w.c, h, v)], *py = &y.v[y.at(n, group * each, p, q)];
            double *tap = &rows[static_cast<size_t>((r * w.w + s) * few * many)];
            one_tap(made, few_is_x ? px : py, few_is_x ? py : px, tap, few, many, few_is_x);
          }
  if (made == result::w)
    reorder(w, group * each, each, rows, true, &w);
}

void convolution(operands &o, const json &operation, result made) {
  const char *px = made == result::x ? "dX" : "X", *pw = made == result::w ? "dW" : "W";
  const char *py = made == result::y ? "Y" : "dY";
  const char *out = made == result::x ? px : made == result::w ? pw : py;
  dense x = made == result::x ? o.output(operation, px) : o.input(operation, px);
  dense w = made == result::w ? o.output(operation, pw) : o.input(operation, pw);
  dense y = made == result::y ? o.output(operation, py) : o.input(operation, py);
  int64_t groups = x.c / w.c;
  const geometry g = read_geometry(operation);
  if (groups < 1 || x.c != groups * w.c || y.c != w.n || y.c % groups != 0 || x.n != y.n ||
      y.h != side_of(g, 0, x.h, w.h) || y.w != side_of(g, 1, x.w, w.w))
    throw std::runtime_error("the shapes of a convolution do not fit");
  for (int64_t group = 0; group < groups; ++group)
    convolve(made, x, w, y, g, group, w.n / groups);
  dense &product = made == result::x ? x : made == result::w ? w : y;
  double alpha = operation["alpha"].number, beta = operation["beta"].number;
  const dense *was = beta != 0 ? &o.input(operation, out) : nullptr;
  for (size_t i = 0; i < product.v.size(); ++i)
    product.v[i] = alpha * product.v[i] + (was ? beta * was->v[i] : 0);
  o.store(operation, out, std::move(product));
}

/* ---- pointwise ---- */

struct clip {
  double low, high, slope;
};

using scalar_function = double (*)(double x, double b, double dy, const clip &k);

/* A NaN stays one: the plan's JSON does not say whether it should, and keeping it is what Limn asks for. */
double relu(double x, double, double, const clip &k) {
  return x < k.low ? k.low + k.slope * (x - k.low) : x > k.high ? k.high : x;
}

const std::map<std::string, scalar_function> &functions() {
  static const auto *all = new std::map<std::string, scalar_function>{
      {"ADD", [](double x, double b, double, const clip &) { return x + b; }},
      {"SUB", [](double x, double b, double, const clip &) { return x - b; }},
      {"MUL", [](double x, double b, double, const clip &) { return x * b; }},
      {"DIV", [](double x, double b, double, const clip &) { return x / b; }},
      {"IDENTITY", [](double x, double, double, const clip &) { return x; }},
      {"SQRT", [](double x, double, double, const clip &) { return sqrt(x); }},
      {"RSQRT", [](double x, double, double, const clip &) { return 1 / sqrt(x); }},
      {"EXP", [](double x, double, double, const clip &) { return exp(x); }},
      {"RELU_FWD", relu},
      {"TANH_FWD", [](double x, double, double, const clip &) { return tanh(x); }},
      {"SIGMOID_FWD", [](double x, double, double, const clip &) { return 1 / (1 + exp(-x)); }},
      {"RELU_BWD", [](double x, double, double dy, const clip &k) { return x > k.low ? dy : k.slope * dy; }},
      {"TANH_BWD", [](double x, double, double dy, const clip &) { return dy * (1 - tanh(x) * tanh(x)); }},
      {"SIGMOID_BWD",
       [](double x, double, double dy, const clip &) {
         double s = 1 / (1 + exp(-x));
         return dy * s * (1 - s);
       }},
  };
  return *all;
}

std::string mode_of(const json &operation) {
  std::string mode = operation["pointwiseMode"].text, start = "CUDNN_POINTWISE_";
  return mode.compare(0, start.size(), start) == 0 ? mode.substr(start.size()) : mode;
}

double number_or(const json &operation, const char *name, double otherwise) {
  return operation.has(name) ? operation[name].number : otherwise;
}

/* The element of an input whose dimensions of 1 are broadcast. */
double broadcast(const dense &d, int64_t n, int64_t c, int64_t h, int64_t w) {
  return d.v[d.at(d.n == 1 ? 0 : n, d.c == 1 ? 0 : c, d.h == 1 ? 0 : h, d.w == 1 ? 0 : w)];
}

void pointwise(operands &o, const json &operation) {
  scalar_function f = functions().at(mode_of(operation));
  clip k = {number_or(operation, "lowerClip", 0), number_or(operation, "upperClip", HUGE_VAL),
            number_or(operation, "lowerClipSlope", 0)};
  double alpha1 = number_or(operation, "alpha1", 1), alpha2 = number_or(operation, "alpha2", 1);
  const char *out = operation.has("Y") ? "Y" : "dX";
  const dense &x = o.input(operation, "X");
  const dense *b = operation.has("B") ? &o.input(operation, "B") : nullptr;
  const dense *dy = operation.has("dY") ? &o.input(operation, "dY") : nullptr;
  dense y = o.output(operation, out);
  size_t i = 0;
  for (int64_t n = 0; n < y.n; ++n)
    for (int64_t h = 0; h < y.h; ++h)
      for (int64_t w = 0; w < y.w; ++w)
        for (int64_t c = 0; c < y.c; ++c)
          y.v[i++] = f(alpha1 * broadcast(x, n, c, h, w), b ? alpha2 * broadcast(*b, n, c, h, w) : 0,
                       dy ? broadcast(*dy, n, c, h, w) : 0, k);
  o.store(operation, out, std::move(y));
}

/* ---- batch normalisation ---- */

/* Running statistics, of which an operation may have none. */
void update_running(operands &o, const json &operation, const char *in, const char *out,
                    const std::vector<double> &now) {
  if (!operation.has(out))
    return;
  double factor = o.scalar(operation, "expavgfactorDesc");
  dense running = o.input(operation, in);
  for (size_t c = 0; c < now.size(); ++c)
    running.v[c] = (1 - factor) * running.v[c] + factor * now[c];
  o.store(operation, out, std::move(running));
}

void normalise(operands &o, const json &operation, const dense &mean, const dense &inverse) {
  const dense &x = o.input(operation, "X"), &scale = o.input(operation, "Scale"), &bias = o.input(operation, "Bias");
  dense y = o.output(operation, "Y");
  for (size_t i = 0; i < x.v.size(); ++i) {
    size_t c = i % static_cast<size_t>(x.c);
    y.v[i] = (x.v[i] - mean.v[c]) * inverse.v[c] * scale.v[c] + bias.v[c];
  }
  o.store(operation, "Y", std::move(y));
}

void norm_training(operands &o, const json &operation) {
  const dense &x = o.input(operation, "X");
  size_t channels = static_cast<size_t>(x.c);
  double rows = static_cast<double>(x.v.size() / channels);
  dense mean = {1, x.c, 1, 1, std::vector<double>(channels)}, inverse = mean;
  std::vector<double> squares(channels), unbiased(channels);
  for (size_t i = 0; i < x.v.size(); ++i)
    mean.v[i % channels] += x.v[i] / rows;
  for (size_t i = 0; i < x.v.size(); ++i) {
    double d = x.v[i] - mean.v[i % channels];
    squares[i % channels] += d * d;
  }
  double epsilon = o.scalar(operation, "epsilonDesc");
  for (size_t c = 0; c < channels; ++c) {
    inverse.v[c] = 1 / sqrt(squares[c] / rows + epsilon);
    unbiased[c] = squares[c] / (rows - 1);
  }
  update_running(o, operation, "InRunningMean", "OutRunningMean", mean.v);
  update_running(o, operation, "InRunningVar", "OutRunningVar", unbiased);
  normalise(o, operation, mean, inverse);
  if (operation.has("Mean"))
    o.store(operation, "Mean", std::move(mean));
  if (operation.has("InvVariance"))
    o.store(operation, "InvVariance", std::move(inverse));
}

void norm_backward(operands &o, const json &operation) {
  const dense &x = o.input(operation, "X"), &dy = o.input(operation, "DY"), &scale = o.input(operation, "Scale");
  const dense &mean = o.input(operation, "Mean"), &inverse = o.input(operation, "InvVariance");
  size_t channels = static_cast<size_t>(x.c);
  double rows = static_cast<double>(x.v.size() / channels);
  dense dx = o.output(operation, "DX"), dscale = o.output(operation, "DScale"), dbias = o.output(operation, "DBias");
  auto normal = [&](size_t i) { return (x.v[i] - mean.v[i % channels]) * inverse.v[i % channels]; };
  for (size_t i = 0; i < x.v.size(); ++i) {
    dbias.v[i % channels] += dy.v[i];
    dscale.v[i % channels] += dy.v[i] * normal(i);
  }
  for (size_t i = 0; i < x.v.size(); ++i) {
    size_t c = i % channels;
    dx.v[i] = scale.v[c] * inverse.v[c] * (dy.v[i] - dbias.v[c] / rows - normal(i) * dscale.v[c] / rows);
  }
  o.store(operation, "DX", std::move(dx));
  o.store(operation, "DScale", std::move(dscale));
  o.store(operation, "DBias", std::move(dbias));
}

using runner = void (*)(operands &, const json &);

const std::map<std::string, runner> &runners() {
  static const auto *all = new std::map<std::string, runner>{
      {"CONVOLUTION_FORWARD_DESCRIPTOR", [](operands &o, const json &j) { convolution(o, j, result::y); }},
      {"CONVOLUTION_BACKWARD_DATA_DESCRIPTOR", [](operands &o, const json &j) { convolution(o, j, result::x); }},
      {"CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR", [](operands &o, const json &j) { convolution(o, j, result::w); }},
      {"POINTWISE_DESCRIPTOR", pointwise},
      {"NORM_FORWARD_DESCRIPTOR", norm_training},
      {"NORM_BACKWARD_DESCRIPTOR", norm_backward},
  };
  return *all;
}

} // namespace

bool is_interpreted(const json &operation) {
  std::string kind = kind_of(operation);
  if (!runners().count(kind))
    return false;
  if (kind == "POINTWISE_DESCRIPTOR")
    return functions().count(mode_of(operation)) != 0;
  if (kind == "NORM_FORWARD_DESCRIPTOR" && operation["fmode"].text != "CUDNN_NORM_FWD_TRAINING")
    return false;
  return operation["mode"].text == (kind[0] == 'N' ? "CUDNN_BATCH_NORM" : "CUDNN_CROSS_CORRELATION");
}

void run_operation(operands &o, const json &operation) { runners().at(kind_of(operation))(o, operation); }

} // namespace virtual_gpu
