// SPDX-License-Identifier: MIT
#include "log/console.hpp"

namespace duct_log {

std::string Console::styled(Style style, std::string text) const {
  if (!colors || style == Style::plain) return text;
  const char* const code = style == Style::bold    ? "1"
                           : style == Style::dim   ? "2"
                           : style == Style::red   ? "31"
                           : style == Style::green ? "32"
                                                   : "33";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

}  // namespace duct_log
