// SPDX-License-Identifier: MIT
#include "log/record_time.hpp"

#include <charconv>
#include <cstdint>
#include <ctime>
#include <string>

namespace duct_log {
namespace {

// Takes `digits` digits off the front.
bool take_digits(std::string_view& text, std::size_t digits, int& number) {
  if (text.size() < digits) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + digits, number);
  if (failure != std::errc() || end != text.data() + digits || number < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<double> parse_iso_time(std::string_view text) {
  std::tm time{};
  const bool whole = take_digits(text, 4, time.tm_year) && take(text, '-') && take_digits(text, 2, time.tm_mon) && take(text, '-') &&
                     take_digits(text, 2, time.tm_mday) && (take(text, 'T') || take(text, ' ')) && take_digits(text, 2, time.tm_hour) &&
                     take(text, ':') && take_digits(text, 2, time.tm_min) && take(text, ':') && take_digits(text, 2, time.tm_sec);
  if (!whole) return std::nullopt;
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  time.tm_isdst = -1;
  double fraction = 0, place = 0.1;
  if (take(text, '.')) {
    for (int digit = 0; take_digits(text, 1, digit); place /= 10) fraction += place * digit;
  }
  if (text.empty()) return static_cast<double>(mktime(&time)) + fraction;
  const double utc = static_cast<double>(timegm(&time)) + fraction;
  if (text == "Z") return utc;
  const bool behind = take(text, '-');
  int hours = 0, minutes = 0;
  if ((!behind && !take(text, '+')) || !take_digits(text, 2, hours)) return std::nullopt;
  take(text, ':');
  if (!take_digits(text, 2, minutes)) return std::nullopt;
  return utc + (behind ? 60 : -60) * (60 * hours + minutes);
}

std::optional<double> parse_etime(std::string_view text) {
  double seconds = 0;
  std::uint32_t days = 0;
  const auto number = [](std::string_view digits, std::uint32_t& value) {
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return failure == std::errc() && end == digits.data() + digits.size();
  };
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    if (!number(text.substr(0, dash), days)) return std::nullopt;
    text.remove_prefix(dash + 1);
  }
  while (true) {
    const auto colon = text.find(':');
    std::uint32_t part = 0;
    if (!number(text.substr(0, colon), part)) return std::nullopt;
    seconds = 60 * seconds + part;
    if (colon == std::string_view::npos) return 86400.0 * days + seconds;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace duct_log
