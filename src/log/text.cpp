// SPDX-License-Identifier: MIT
#include "log/text.hpp"

#include <fmt/format.h>
#include <wchar.h>

#include <algorithm>
#include <cmath>

#include "core/summary_format.hpp"
#include "core/utf8.hpp"

namespace duct_log {
namespace {

constexpr std::string_view kEllipsis = "…";

std::size_t width_of(std::string_view sequence) {
  const int width = wcwidth(static_cast<wchar_t>(duct_bpf::code_point(sequence)));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

// By the conversions of summaries, so that both programs write a number alike.
std::string converted(std::optional<double> number, const char* format) {
  if (!number) return "-";
  const auto text = duct_bpf::format_summary(format, {{"value", *number}}, false);
  return text ? *text : "-";
}

}  // namespace

bool is_unsafe(char32_t point) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kUnsafe[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},     {0x180E, 0x180E}, {0x200B, 0x200F},
      {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},   {0xE0000, 0xE007F}};
  return std::any_of(std::begin(kUnsafe), std::end(kUnsafe),
                     [&](const Range& range) { return point >= range.first && point <= range.last; });
}

std::string escaped(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = duct_bpf::utf8_length(text);
    const char32_t point = length == 0 ? static_cast<unsigned char>(text[0]) : duct_bpf::code_point(text.substr(0, length));
    const auto short_form = std::string_view("\n\r\t").find(text[0]);
    if (short_form != std::string_view::npos) {
      safe.append({'\\', "nrt"[short_form]});
    } else if (length == 0 || (is_unsafe(point) && point < 0x100)) {
      safe += fmt::format("\\x{:02x}", static_cast<unsigned>(point));
    } else if (is_unsafe(point)) {
      safe += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(point));
    } else {
      safe += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return safe;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t length = duct_bpf::utf8_length(text);
    width += length == 0 ? 1 : width_of(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return width;
}

std::string fitted(std::string text, std::size_t width) {
  if (text.size() <= width || display_width(text) <= width) return text;
  std::size_t kept = 0, used = 0;
  while (kept < text.size()) {
    const std::string_view rest = std::string_view(text).substr(kept);
    const std::size_t length = std::max<std::size_t>(duct_bpf::utf8_length(rest), 1);
    const std::size_t next = used + width_of(rest.substr(0, length));
    if (next + 1 > width) break;  // one column is the ellipsis's
    used = next;
    kept += length;
  }
  text.resize(kept);
  if (width > 0) text += kEllipsis;
  return text;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t length = display_width(word);
    if (used > 0 && used + 1 + length > width) {
      lines += "\n" + std::string(indent, ' ');
      used = 0;
    } else if (!lines.empty()) {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += length;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string padded(std::string text, std::size_t width, bool right) {
  const std::size_t used = display_width(text);
  if (used < width) text.insert(right ? 0 : text.size(), width - used, ' ');
  return text;
}

std::string bytes_text(std::optional<double> bytes) { return converted(bytes, "{value!S}"); }
std::string duration_text(std::optional<double> seconds) { return converted(seconds, "{value!T}"); }
std::string date_text(std::optional<double> epoch) { return converted(epoch, "{value!D}"); }

std::string time_text(std::optional<double> seconds) {
  if (!seconds || !std::isfinite(*seconds)) return "-";
  const double s = *seconds;
  const auto digits = [](double value, const char* unit) {
    return fmt::format("{:.{}f} {}", value, std::abs(value) < 9.995 ? 2 : std::abs(value) < 99.95 ? 1 : 0, unit);
  };
  if (s == 0) return "0 s";
  if (std::abs(s) < 0.9995e-3) return digits(s * 1e6, "us");
  if (std::abs(s) < 0.9995) return digits(s * 1e3, "ms");
  if (std::abs(s) < 599.5) return digits(s, "s");
  const auto whole = static_cast<std::int64_t>(std::min(std::abs(s) + 0.5, 1e15));
  const char* const sign = s < 0 ? "-" : "";
  if (whole < 3600) return fmt::format("{}{}m {:02}s", sign, whole / 60, whole % 60);
  return fmt::format("{}{}h {:02}m", sign, whole / 3600, whole / 60 % 60);
}

std::string percent_text(std::optional<double> percent) {
  if (!percent || !std::isfinite(*percent)) return "-";
  return fmt::format("{:.1f} %", *percent);
}

std::string count_text(std::optional<std::int64_t> count) {
  if (!count) return "-";
  const auto text = duct_bpf::format_summary("{value:,}", {{"value", *count}}, false);
  return text ? *text : "-";
}

}  // namespace duct_log
