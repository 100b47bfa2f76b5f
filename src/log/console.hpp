// SPDX-License-Identifier: MIT
// Where a subcommand prints, and what it may know of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "log/run_record.hpp"

namespace duct_log {

enum class Style { plain, bold, dim, red, green, yellow };

struct Console {
  std::function<void(std::string_view)> write;
  Warn warn;
  std::size_t width = 80;
  bool colors = false;

  // Text in a style, where colours are wanted. Its width stays what it was.
  std::string styled(Style style, std::string text) const;
};

// Exit statuses of duct-log; an Error is 1, or 2 where it is a usage error.
inline constexpr int kOk = 0;
inline constexpr int kDoesNotHold = 3;  // check: a limit is exceeded

}  // namespace duct_log
