// SPDX-License-Identifier: MIT
#include "core/env_file.hpp"

#include <algorithm>
#include <optional>

namespace duct_bpf {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool is_key_char(char c, bool first) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return letter || (!first && c >= '0' && c <= '9');
}

// Reads one file from front to end; every method leaves text_ behind what it took.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }

  void skip_blanks() {
    while (!text_.empty() && is_blank(text_[0])) text_.remove_prefix(1);
  }

  // Takes blanks, a comment and the end of the line; false where something else is in the way.
  bool end_line() {
    skip_blanks();
    if (!text_.empty() && text_[0] == '#') text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
    if (text_.empty()) return true;
    if (text_[0] != '\n') return false;
    text_.remove_prefix(1);
    ++line_;
    return true;
  }

  std::string_view key() {
    std::size_t length = 0;
    while (length < text_.size() && is_key_char(text_[length], length == 0)) ++length;
    const std::string_view key = text_.substr(0, length);
    text_.remove_prefix(length);
    return key;
  }

  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  // Nothing where a quote is left open.
  std::optional<std::string> value() {
    if (!text_.empty() && (text_[0] == '"' || text_[0] == '\'')) return quoted();
    std::string_view bare = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(bare.size());
    for (std::size_t i = 0; i < bare.size(); ++i) {
      // "a#b" is a value; the blank before KEY='s value was skipped, so a leading # comes after one or after
      // '='.
      if (bare[i] == '#' && (i == 0 ? blank_before_value_ : is_blank(bare[i - 1]))) {
        bare = bare.substr(0, i);
        break;
      }
    }
    while (!bare.empty() && is_blank(bare.back())) bare.remove_suffix(1);
    return std::string(bare);
  }

  void skip_blanks_before_value() {
    blank_before_value_ = !text_.empty() && is_blank(text_[0]);
    skip_blanks();
  }

  Error error(const std::string& why) const { return error_at(line_, why); }
  Error error_at(std::size_t line, const std::string& why) const {
    return Error{ErrorCode::usage, "line " + std::to_string(line) + ": " + why,
                 "lines are KEY=value or # comment"};
  }
  std::size_t line() const { return line_; }

 private:
  std::optional<std::string> quoted() {
    const char quote = text_[0];
    std::string value;
    for (std::size_t i = 1; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == quote) {
        line_ += static_cast<std::size_t>(std::count(text_.begin(), text_.begin() + i, '\n'));
        text_.remove_prefix(i + 1);
        return value;
      }
      if (quote == '"' && c == '\\' && i + 1 < text_.size()) {
        const std::string_view codes = "nrt\\\"$", meanings = "\n\r\t\\\"$";
        if (const std::size_t found = codes.find(text_[i + 1]); found != std::string_view::npos) {
          c = meanings[found];
          ++i;
        }
      }
      value += c;
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t line_ = 1;
  bool blank_before_value_ = false;
};

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_env_file(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> variables;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  Parser parser(text);
  while (true) {
    if (parser.end_line()) {
      if (parser.at_end()) return variables;
      continue;
    }
    const std::size_t line = parser.line();
    std::string_view key = parser.key();
    parser.skip_blanks();
    if (key == "export") {
      // "export=x" sets a variable of that name.
      if (const std::string_view exported = parser.key(); !exported.empty()) key = exported;
      parser.skip_blanks();
    }
    if (key.empty()) return parser.error("not a variable name");
    if (!parser.take('=')) return parser.error("no '=' behind '" + std::string(key) + "'");
    parser.skip_blanks_before_value();
    auto value = parser.value();
    if (!value) return parser.error_at(line, "a quote is opened and not closed");
    if (!parser.end_line()) return parser.error("text behind the closing quote");
    variables.emplace_back(key, std::move(*value));
  }
}

}  // namespace duct_bpf
