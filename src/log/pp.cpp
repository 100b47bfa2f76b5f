// SPDX-License-Identifier: MIT
#include "log/pp.hpp"

#include <algorithm>
#include <iterator>

#include "log/line_file.hpp"
#include "log/line_warnings.hpp"
#include "log/humanized.hpp"

namespace duct_log {
namespace {

constexpr unsigned kIndent = 2;

void humanize(Json& json) {
  if (auto* const object = std::get_if<Json::Object>(&json.value)) {
    for (auto& [name, value] : *object) {
      if (auto text = humanized(name, value)) {
        value.value = std::move(*text);
      } else {
        humanize(value);
      }
    }
  } else if (auto* const list = std::get_if<Json::List>(&json.value)) {
    for (Json& item : *list) humanize(item);
  }
}

void print(Json json, bool humanized, const Console& console) {
  if (humanized) humanize(json);
  console.write(json_text(json, kIndent) + "\n");
}

}  // namespace

Result<int> pp(const PpOptions& options, const Console& console) {
  // info.json may be written over many lines by others; the other records are one object a line.
  const auto name_end = [&](std::string_view suffix) {
    return options.path.size() >= suffix.size() && options.path.compare(options.path.size() - suffix.size(), suffix.size(), suffix) == 0;
  };
  if (!name_end(".jsonl") && !name_end("usage.json")) {
    const auto file = read_file(options.path);
    if (!file) return file.error();
    if (auto json = parse_json(file->text())) {
      print(std::move(*json), options.humanized, console);
      return kOk;
    } else if (file->text().find('\n') == std::string_view::npos) {
      return Error{ErrorCode::io, options.path + ": " + json.error().message, {}};
    }
  }
  std::size_t printed = 0;
  LineWarnings warnings(options.path, console.warn);
  const auto read = for_each_line(options.path, [&](const Line& line) {
    if (!warnings.usable(line)) return;
    auto json = parse_json(line.text);
    if (!json) return warnings.skip(line, json.error().message);
    print(std::move(*json), options.humanized, console);
    ++printed;
  });
  if (!read) return read.error();
  if (printed == 0) return Error{ErrorCode::io, options.path + ": no JSON in it", "name a record: info.json, usage.jsonl or processes.jsonl"};
  return kOk;
}

}  // namespace duct_log
