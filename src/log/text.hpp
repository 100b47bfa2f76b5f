// SPDX-License-Identifier: MIT
// Text for people: what comes from a record made harmless, cut to a width, and numbers with their units.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duct_log {

// Whether a terminal or a page may take this code point for something else than text: controls (C0, DEL, C1), what turns
// the direction of text, what is not to be seen, line separators.
bool is_unsafe(char32_t point);

// Unsafe code points as \n, \t, \x1b, \u{202e}; bytes that are no UTF-8 as \xff. All on one line.
std::string escaped(std::string_view text);

// Columns on a terminal.
std::size_t display_width(std::string_view text);

// Not wider than `width`: cut and ended by "…" where it is. For text that is escaped already.
std::string fitted(std::string text, std::size_t width);

// Broken at blanks into lines of `width` at most, each but the first behind `indent` blanks; a longer word stays whole.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

// Padded with blanks to `width`, on the left where `right` (numbers).
std::string padded(std::string text, std::size_t width, bool right);

// "-" for what is not there.
std::string bytes_text(std::optional<double> bytes);      // 3.0 MB (SI), as con-duct's !S
std::string duration_text(std::optional<double> seconds); // 1h 2m 3.4s, as con-duct's !T
std::string date_text(std::optional<double> epoch);       // as con-duct's !D
std::string time_text(std::optional<double> seconds);     // three digits that count: 0.41 ms, 3.19 s, 12m 04s, 3h 02m
std::string percent_text(std::optional<double> percent);  // 12.3 %
std::string count_text(std::optional<std::int64_t> count);  // 20,001

}  // namespace duct_log
