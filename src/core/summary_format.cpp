// SPDX-License-Identifier: MIT
#include "core/summary_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <optional>
#include <utility>

#include "core/utf8.hpp"

namespace duct_bpf {

const char* const kDefaultSummaryFormat =
    "Summary:\n"
    "Exit Code: {exit_code!E}\n"
    "Command: {command}\n"
    "Log files location: {logs_prefix}\n"
    "Wall Clock Time: {wall_clock_time:.3f} sec\n"
    "Memory Peak Usage (RSS): {peak_rss!S}\n"
    "Memory Average Usage (RSS): {average_rss!S}\n"
    "Virtual Memory Peak Usage (VSZ): {peak_vsz!S}\n"
    "Virtual Memory Average Usage (VSZ): {average_vsz!S}\n"
    "Memory Peak Percentage: {peak_pmem:.2f!N}%\n"
    "Memory Average Percentage: {average_pmem:.2f!N}%\n"
    "CPU Peak Usage: {peak_pcpu:.2f!N}%\n"
    "Average CPU Usage: {average_pcpu:.2f!N}%\n"
    "Memory Peak, Shared Pages Once (PSS): {peak_pss!S}\n"
    "CPU Time: {cpu_time:.3f!N} sec (user {user_time:.3f!N}, system {system_time:.3f!N})\n"
    "Processes: {num_processes:,}, {lost:,} lost";

namespace {

constexpr std::size_t kMaxWidth = 1000;  // of a field, and of a precision: a typo must not eat the memory
constexpr std::string_view kConversions = "SPTDEXN";
constexpr std::string_view kColorConversions = "EXN";

enum class Color { none, green = 32, red = 31 };

struct Spec {
  std::string fill = " ";  // one code point
  char align = 0;          // 0: the type's own
  char sign = '-';
  bool commas = false;
  std::size_t width = 0;
  std::optional<int> precision;
  char type = 0;
};

struct Field {
  std::string_view name;
  Spec spec;
  bool has_spec = false;
  char convert = 0;  // S, P, T or D
  char color = 0;    // E, X or N
};

Error usage(std::string message, std::string hint = {}) {
  return Error{ErrorCode::usage, std::move(message), std::move(hint)};
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

// Bytes of the first `count` code points.
std::size_t prefix_bytes(std::string_view text, std::size_t count) {
  std::size_t bytes = 0;
  while (bytes < text.size() && (count > 0 || is_continuation(text[bytes]))) {
    if (!is_continuation(text[bytes++])) --count;
  }
  return bytes;
}

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

// Takes a decimal number off the front; nothing where there is none or it is too large.
std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t number = 0, digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    number = std::min(number * 10 + static_cast<std::size_t>(text[digits] - '0'), kMaxWidth + 1);
  }
  text.remove_prefix(digits);
  if (digits == 0 || number > kMaxWidth) return std::nullopt;
  return number;
}

std::optional<Spec> parse_spec(std::string_view text) {
  Spec spec;
  const auto take_one_of = [&](std::string_view set) -> char {
    if (text.empty() || set.find(text[0]) == std::string_view::npos) return 0;
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  const std::size_t fill = prefix_bytes(text, 1);
  if (fill < text.size() && is_align(text[fill])) {
    spec.fill = text.substr(0, fill);
    text.remove_prefix(fill);
  }
  spec.align = take_one_of("<>^=");
  if (const char sign = take_one_of("+- ")) spec.sign = sign;
  if (take_one_of("0") && spec.align == 0) {
    spec.fill = "0";
    spec.align = '=';
  }
  if (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    const auto width = take_number(text);
    if (!width) return std::nullopt;
    spec.width = *width;
  }
  spec.commas = take_one_of(",") != 0;
  if (take_one_of(".")) {
    const auto precision = take_number(text);
    if (!precision) return std::nullopt;
    spec.precision = static_cast<int>(*precision);
  }
  spec.type = take_one_of("defgs%");
  if (!text.empty()) return std::nullopt;
  return spec;
}

std::string pad(std::string_view sign, std::string_view body, const Spec& spec, char default_align) {
  const std::size_t length = sign.size() + code_points(body);
  const std::size_t missing = spec.width > length ? spec.width - length : 0;
  const char align = spec.align != 0 ? spec.align : default_align;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string text;
  if (align == '=') text += sign;
  for (std::size_t i = 0; i < left; ++i) text += spec.fill;
  if (align != '=') text += sign;
  text += body;
  for (std::size_t i = left; i < missing; ++i) text += spec.fill;
  return text;
}

void insert_commas(std::string& number) {
  const std::size_t digits = std::min(number.find_first_not_of("0123456789"), number.size());
  for (std::size_t at = digits; at > 3; at -= 3) number.insert(at - 3, ",");
}

// As Python's str(): a float always looks like one.
std::string shortest(double magnitude) {
  std::string text = fmt::format("{}", magnitude);
  if (text.find_first_not_of("0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string format_number(double value, std::optional<std::int64_t> integer, const Spec& spec) {
  const bool negative = integer ? *integer < 0 : std::signbit(value);
  const double magnitude = std::abs(value);
  const int precision = spec.precision.value_or(6);
  std::string body;
  switch (spec.type) {
    case 'e':
      body = fmt::format("{:.{}e}", magnitude, precision);
      break;
    case 'f':
      body = fmt::format("{:.{}f}", magnitude, precision);
      break;
    case 'g':
      body = fmt::format("{:.{}g}", magnitude, precision);
      break;
    case '%':
      body = fmt::format("{:.{}f}%", magnitude * 100, precision);
      break;
    default:
      if (integer) {
        // Negated as unsigned: the least int64 has no positive counterpart.
        const auto bits = static_cast<std::uint64_t>(*integer);
        body = fmt::format("{}", negative ? 0 - bits : bits);
      } else if (spec.type ==
                 'd') {  // Python refuses; here whether a number has a fraction is the record's business
        body = fmt::format("{:.0f}", magnitude);
      } else {
        body = spec.precision ? fmt::format("{:.{}g}", magnitude, precision) : shortest(magnitude);
      }
  }
  if (spec.commas) insert_commas(body);
  const char sign = negative ? '-' : spec.sign;
  return pad(sign == '-' && !negative ? "" : std::string(1, sign), body, spec, '>');
}

Result<std::string> format_text(std::string_view text, const Spec& spec) {
  if ((spec.type != 0 && spec.type != 's') || spec.commas || spec.sign != '-' || spec.align == '=') {
    return usage("a format for numbers on text", "text takes fill, <, > or ^, width, .precision and s");
  }
  if (spec.precision) text = text.substr(0, prefix_bytes(text, static_cast<std::size_t>(*spec.precision)));
  return pad("", text, spec, '<');
}

std::string size_text(double bytes) {
  if (!(std::abs(bytes) >= 1000)) {
    return fmt::format("{:.0f} {}", std::trunc(bytes), std::abs(bytes) == 1 ? "Byte" : "Bytes");
  }
  const char* const units[] = {"Bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  // 999.95 and up would print as 1000.0 of the smaller unit.
  for (; (unit == 0 || std::abs(bytes) >= 999.95) && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string duration_text(double seconds) {
  if (!(seconds >= 59.995) || seconds > 1e15) return fmt::format("{:.2f}s", seconds);
  const std::int64_t tenths = std::llround(seconds * 10);  // rounded once: never "1m 60.0s"
  const std::int64_t hours = tenths / 36000, minutes = tenths / 600 % 60;
  const double rest = static_cast<double>(tenths % 600) / 10;
  return hours > 0 ? fmt::format("{}h {}m {:.1f}s", hours, minutes, rest)
                   : fmt::format("{}m {:.1f}s", minutes, rest);
}

std::string date_text(double epoch) {
  if (!(std::abs(epoch) < 1e11)) return shortest(epoch);
  const std::time_t seconds = static_cast<std::time_t>(std::floor(epoch));
  std::tm local{};
  localtime_r(&seconds, &local);
  char buffer[40];
  return {buffer, std::strftime(buffer, sizeof buffer, "%b %d, %Y %I:%M %p", &local)};
}

std::string converted(char conversion, double value) {
  switch (conversion) {
    case 'S':
      return size_text(value);
    case 'P':
      return fmt::format("{:.2f}%", value);
    case 'T':
      return duration_text(value);
    default:
      return date_text(value);
  }
}

Color color_of(char conversion, const Value& value, std::optional<double> number) {
  const auto* const text = std::get_if<std::string>(&value);
  const bool truthy = text != nullptr ? !text->empty() : number.value_or(0) != 0;
  switch (conversion) {
    case 'S':
    case 'N':
      return Color::green;
    case 'E':
      return truthy ? Color::red : Color::green;
    case 'X':
      return truthy ? Color::green : Color::red;
    default:
      return Color::none;
  }
}

std::string colored(std::string text, Color color, bool colors) {
  if (!colors || color == Color::none) return text;
  return fmt::format("\x1b[{}m{}\x1b[0m", static_cast<int>(color), text);
}

Result<std::string> format_value(const Field& field, const Value& value, bool colors) {
  if (std::holds_alternative<std::monostate>(value)) {
    return colored("-", field.convert != 0 || field.color != 0 ? Color::red : Color::none, colors);
  }
  std::optional<std::int64_t> integer;
  std::optional<double> number;
  if (const auto* const flag = std::get_if<bool>(&value)) integer = *flag ? 1 : 0;
  if (const auto* const exact = std::get_if<std::int64_t>(&value)) integer = *exact;
  if (integer) number = static_cast<double>(*integer);
  if (const auto* const real = std::get_if<double>(&value)) number = *real;

  Result<std::string> text = std::string();
  if (field.convert != 0) {
    if (!number)
      return usage(fmt::format("conversion !{} on text", field.convert), "!S !P !T !D need a number");
    // The conversion says how the number looks; of the spec only its place in the line is left.
    Spec place;
    place.fill = field.spec.fill;
    place.width = field.spec.width;
    place.align = field.spec.align == '=' ? '>' : field.spec.align;
    text = pad("", converted(field.convert, *number), place, '<');
  } else if (const auto* const string = std::get_if<std::string>(&value)) {
    text = format_text(printable(*string), field.spec);
  } else if (std::holds_alternative<bool>(value) && !field.has_spec) {
    text = std::string(*integer != 0 ? "True" : "False");
  } else if (field.spec.type == 's') {
    return usage("a format for text on a number", "numbers take d, e, f, g or %");
  } else {
    text = format_number(*number, integer, field.spec);
  }
  if (!text) return text;
  const Color color = color_of(field.color != 0 ? field.color : field.convert, value, number);
  return colored(std::move(*text), color, colors);
}

// `text` is what stands between the braces.
Result<Field> parse_field(std::string_view text) {
  Field field;
  field.name = text.substr(0, text.find_first_of("!:"));
  std::string_view rest = text.substr(field.name.size());
  const auto bad_conversion = [&]() {
    return usage(fmt::format("unknown conversion in {{{}}}", printable(text)),
                 "conversions are !S !E !X !N !P !T !D");
  };
  const auto take_conversion = [&](char c) {
    if (kConversions.find(c) == std::string_view::npos) return false;
    (kColorConversions.find(c) == std::string_view::npos ? field.convert : field.color) = c;
    return true;
  };
  if (!rest.empty() && rest[0] == '!') {
    const bool ends = rest.size() == 2 || (rest.size() > 2 && rest[2] == ':');
    if (!ends || !take_conversion(rest[1])) return bad_conversion();
    rest.remove_prefix(2);
  }
  if (rest.empty()) return field;
  rest.remove_prefix(1);
  // {x:!>8} fills with "!"; so only a ! behind which a single letter ends the field starts a conversion.
  if (rest.size() >= 2 && rest[rest.size() - 2] == '!' && !is_align(rest.back())) {
    if (!take_conversion(rest.back())) return bad_conversion();
    rest.remove_suffix(2);
  }
  const auto spec = parse_spec(rest);
  if (!spec) {
    return usage(fmt::format("bad format in {{{}}}", printable(text)),
                 "as in {peak_rss:>12,}, {wall_clock_time:.3f} or {peak_pcpu:.2f!N}");
  }
  field.spec = *spec;
  field.has_spec = !rest.empty();
  return field;
}

Error unknown_field(std::string_view name, const Fields& fields) {
  std::string known;
  for (std::size_t i = 0; i < fields.size() && i < 8; ++i) known += (i > 0 ? ", " : "") + fields[i].first;
  return usage(fmt::format("unknown field {{{}}}", printable(name)), "fields are " + known + " ...");
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    const bool control = byte < 0x20 || byte == 0x7F ||
                         (length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
    safe += length == 0 || control ? "?" : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return safe;
}

std::string default_summary_format(const Fields& fields) {
  std::string format = kDefaultSummaryFormat;
  for (const auto& [name, line] : {std::pair("killed", "\nKilled: {killed}"), std::pair("oom_killed", "\nOut of memory: {oom_killed}")}) {
    const bool happened = std::any_of(fields.begin(), fields.end(), [&, name = name](const auto& field) {
      const auto* const text = std::get_if<std::string>(&field.second);
      return field.first == name && text != nullptr && !text->empty();
    });
    if (happened) format += line;
  }
  return format;
}

Result<std::string> format_summary(std::string_view format, const Fields& fields, bool colors) {
  std::string output;
  while (true) {
    const std::size_t brace = format.find_first_of("{}");
    output += format.substr(0, brace);
    if (brace == std::string_view::npos) return output;
    format.remove_prefix(brace);
    if (format.size() > 1 && format[0] == format[1]) {
      output += format[0];
      format.remove_prefix(2);
      continue;
    }
    const std::size_t end = format.find('}');
    if (format[0] == '}' || end == std::string_view::npos) {
      return usage("a brace without its partner", "write {{ and }} for braces");
    }
    const Result<Field> field = parse_field(format.substr(1, end - 1));
    if (!field) return field.error();
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const auto& candidate) { return candidate.first == field->name; });
    if (found == fields.end()) return unknown_field(field->name, fields);
    const Result<std::string> text = format_value(*field, found->second, colors);
    if (!text) {
      return usage(fmt::format("{{{}}}: {}", printable(format.substr(1, end - 1)), text.error().message),
                   text.error().hint);
    }
    output += *text;
    format.remove_prefix(end + 1);
  }
}

}  // namespace duct_bpf
