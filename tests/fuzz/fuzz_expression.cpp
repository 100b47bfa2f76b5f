// SPDX-License-Identifier: MIT
// Filters: the first line is a JSON object of fields, the rest the expression. Oracle: no sanitizer complains; what is wrong is
// a usage error on one harmless line; an expression asks for no field but those it names, and says `not` of its negation.
#include <algorithm>
#include <cstdint>

#include "log/expression.hpp"
#include "memory_file.hpp"

using namespace duct_log;
using namespace duct_bpf::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = view_of(data, size);
  const std::size_t first = std::min(input.find('\n'), input.size());
  std::string text(input.substr(0, first));
  text.append(kJsonPadding, ' ');
  auto fields = parse_json(std::string_view(text).substr(0, first));
  if (!fields) fields = Json{};
  const std::string_view written = input.substr(std::min(first + 1, input.size()));
  const auto expression = Expression::parse(written);
  if (!expression) {
    const std::string& message = expression.error().message;
    require(expression.error().code == ErrorCode::usage && !message.empty());
    require(is_harmless(message) && message.find('\n') == std::string::npos);
    return 0;
  }
  const auto lookup = [&](std::string_view name) {
    require(std::find(expression->names().begin(), expression->names().end(), name) != expression->names().end());
    const Json* const found = fields->find(name);
    return found != nullptr ? *found : Json{};
  };
  const bool holds = expression->holds(lookup);
  require(expression->holds(lookup) == holds);
  const auto negation = Expression::parse("not (" + std::string(written) + ")");
  if (negation) require(negation->holds(lookup) != holds);  // without: it is as long or as deep as may be
  return 0;
}
