/* JSON values, enough for what cuDNN writes: plans and cards. */
#ifndef VIRTUAL_GPU_JSON_H
#define VIRTUAL_GPU_JSON_H

#include <map>
#include <string>
#include <vector>

namespace virtual_gpu {

struct json {
  double number = 0; /* of true: 1 */
  std::string text;
  std::vector<json> list;
  std::map<std::string, json> members;

  bool has(const char *name) const { return members.count(name) != 0; }
  const json &operator[](const char *name) const; /* std::runtime_error where there is none */
};

/* The value that begins at text; whatever follows it is not looked at. std::runtime_error where it is none. */
json parse_json(const char *text);

} // namespace virtual_gpu

#endif
