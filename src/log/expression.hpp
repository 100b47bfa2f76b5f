// SPDX-License-Identifier: MIT
// Filters: a small part of Python's expressions over the fields of a record. It reads fields and nothing else.
//   or and not, == != < <= > >= (chained too), in, not in, is None, + - * /, numbers, 'text', lists [..] (..,), True False None,
//   re.search('pattern', text), re.match, re.fullmatch: None where it does not match.
// Comparing things that have no order, or with None, is false; patterns are RE2's, which take linear time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log/json.hpp"

namespace duct_log {

// Null where there is no such field.
using FieldLookup = std::function<Json(std::string_view name)>;

class Expression {
 public:
  struct Node;  // of the syntax tree

  // Error usage: what is wrong, and where.
  static Result<Expression> parse(std::string_view text);
  bool holds(const FieldLookup& fields) const;
  const std::vector<std::string>& names() const { return names_; }  // the fields it reads

 private:
  std::shared_ptr<const Node> root_;
  std::vector<std::string> names_;
};

}  // namespace duct_log
