#include "json.h"

#include <stdlib.h>
#include <string.h>

#include <stdexcept>

namespace virtual_gpu {
namespace {

class reader {
public:
  explicit reader(const char *text) : p(text) {}

  json value() {
    json v;
    skip();
    if (*p == '{')
      object(v);
    else if (*p == '[')
      list(v);
    else if (*p == '"')
      v.text = string();
    else if (!word("true", v, 1) && !word("false", v, 0) && !word("null", v, 0))
      number(v);
    return v;
  }

private:
  const char *p;

  void skip() { p += strspn(p, " \t\r\n"); }

  void need(char c) {
    skip();
    if (*p != c)
      throw std::runtime_error(std::string("JSON lacks a ") + c + " before: " + std::string(p).substr(0, 20));
    ++p;
  }

  /* After a member: true when another follows, false behind the closing bracket. */
  bool more(char close) {
    skip();
    if (*p == ',') {
      ++p;
      return true;
    }
    need(close);
    return false;
  }

  bool empty(char close) {
    ++p;
    skip();
    if (*p != close)
      return false;
    ++p;
    return true;
  }

  void object(json &v) {
    if (empty('}'))
      return;
    do {
      skip();
      std::string name = string();
      need(':');
      v.members[name] = value();
    } while (more('}'));
  }

  void list(json &v) {
    if (empty(']'))
      return;
    do
      v.list.push_back(value());
    while (more(']'));
  }

  /* cuDNN's names and enumerators hold no escapes: one is kept as it is. */
  std::string string() {
    need('"');
    const char *start = p;
    while (*p && *p != '"')
      p += *p == '\\' && p[1] ? 2 : 1;
    std::string text(start, p);
    need('"');
    return text;
  }

  bool word(const char *name, json &v, double number) {
    if (strncmp(p, name, strlen(name)) != 0)
      return false;
    p += strlen(name);
    v.number = number;
    return true;
  }

  void number(json &v) {
    char *end;
    v.number = strtod(p, &end);
    if (end == p)
      throw std::runtime_error("no JSON: " + std::string(p).substr(0, 20));
    p = end;
  }
};

} // namespace

const json &json::operator[](const char *name) const {
  auto found = members.find(name);
  if (found == members.end())
    throw std::runtime_error(std::string("JSON lacks \"") + name + "\"");
  return found->second;
}

json parse_json(const char *text) { return reader(text).value(); }

} // namespace virtual_gpu
