// SPDX-License-Identifier: MIT
#include "log/expression.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "log/text.hpp"

namespace duct_log {

struct Expression::Node {
  std::function<Json(const FieldLookup&)> value;
};

namespace {

using Value = std::function<Json(const FieldLookup&)>;
constexpr unsigned kMaxDepth = 100;
constexpr std::size_t kMaxText = 64 << 10;
constexpr std::size_t kMaxTokens = 2000;  // a chain is evaluated as deep as it is long

bool truth(const Json& json) {
  if (const auto flag = json.flag()) return *flag;
  if (const auto number = json.number()) return *number != 0;
  if (const auto* const text = std::get_if<std::string>(&json.value)) return !text->empty();
  if (const auto* const list = json.list()) return !list->empty();
  return json.object() != nullptr && !json.object()->empty();
}

// A flag counts as 0 or 1, as in Python.
std::optional<double> number_of(const Json& json) {
  if (const auto flag = json.flag()) return *flag ? 1 : 0;
  return json.number();
}

bool equal(const Json& a, const Json& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x || y) return x == y;
  if (a.value.index() != b.value.index()) return false;
  if (const auto* const text = std::get_if<std::string>(&a.value)) return *text == std::get<std::string>(b.value);
  if (a.list() != nullptr) return std::equal(a.list()->begin(), a.list()->end(), b.list()->begin(), b.list()->end(), equal);
  return a.is_null();
}

// Below 0, 0 or above; empty where the two have no order.
std::optional<int> order(const Json& a, const Json& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
  const auto s = a.text(), t = b.text();
  if (s && t) return s->compare(*t);
  return std::nullopt;
}

bool contains(const Json& whole, const Json& part) {
  if (const Json::List* const list = whole.list())
    return std::any_of(list->begin(), list->end(), [&](const Json& item) { return equal(item, part); });
  const auto text = whole.text(), piece = part.text();
  return text && piece && text->find(*piece) != std::string::npos;
}

bool compared(const std::string& op, const Json& a, const Json& b) {
  if (op == "==" || op == "is") return equal(a, b);
  if (op == "!=" || op == "is not") return !equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  const auto sign = order(a, b);
  if (!sign) return false;
  return op == "<" ? *sign < 0 : op == "<=" ? *sign <= 0 : op == ">" ? *sign > 0 : *sign >= 0;
}

Json calculated(char op, const Json& a, const Json& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y && !(op == '/' && *y == 0)) return {op == '+' ? *x + *y : op == '-' ? *x - *y : op == '*' ? *x * *y : *x / *y};
  if (const auto s = a.text(), t = b.text(); op == '+' && s && t && s->size() + t->size() <= kMaxText) return {*s + *t};
  return {};
}

struct Token {
  enum Kind { end, number, text, name, sign } kind = end;
  std::string text_;
  double value = 0;
  std::size_t at = 0;
};

Error wrong(std::string why, std::size_t at) {
  return Error{ErrorCode::usage, fmt::format("expression: {} at character {}", why, at + 1),
               "as in: exit_code != 0 and re.search('make', command)"};
}

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Result<Token> read_text(std::string_view text, std::size_t at, bool raw) {
  Token token{.kind = Token::text, .text_ = {}, .value = 0, .at = at};
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      token.at = i + 1;  // where it goes on
      return token;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[++i];
      if (!raw && (next == '\\' || next == quote)) {
        token.text_ += next;
      } else if (!raw && next == 'n') {
        token.text_ += '\n';
      } else if (!raw && next == 't') {
        token.text_ += '\t';
      } else {
        token.text_ += {'\\', next};  // as Python leaves it: \d of a pattern
      }
    } else {
      token.text_ += text[i];
    }
  }
  return wrong("text without its closing quote", at);
}

Result<std::vector<Token>> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && std::string_view(" \t\n\r").find(text[at]) != std::string_view::npos) ++at;
    if (at == text.size()) {
      tokens.push_back({.kind = Token::end, .text_ = "its end", .value = 0, .at = at});
      return tokens;
    }
    if (tokens.size() > kMaxTokens) return wrong("too long", at);
    const char c = text[at];
    const bool raw = c == 'r' && at + 1 < text.size() && (text[at + 1] == '\'' || text[at + 1] == '"');
    if (c == '\'' || c == '"' || raw) {
      auto token = read_text(text, at + (raw ? 1 : 0), raw);
      if (!token) return token.error();
      std::swap(at, token->at);
      tokens.push_back(std::move(*token));
    } else if (is_digit(c) || (c == '.' && at + 1 < text.size() && is_digit(text[at + 1]))) {
      Token token{.kind = Token::number, .text_ = {}, .value = 0, .at = at};
      const auto [end, failure] = std::from_chars(text.data() + at, text.data() + text.size(), token.value);
      if (failure != std::errc()) return wrong("a number that is none", at);
      at = static_cast<std::size_t>(end - text.data());
      if (at < text.size() && starts_name(text[at])) return wrong("a letter behind a number", at);
      tokens.push_back(std::move(token));
    } else if (starts_name(c)) {
      const std::size_t start = at;
      while (at < text.size() && (starts_name(text[at]) || is_digit(text[at]) || text[at] == '.')) ++at;
      tokens.push_back({.kind = Token::name, .text_ = std::string(text.substr(start, at - start)), .value = 0, .at = start});
    } else {
      const std::string_view two = text.substr(at, 2);
      const bool pair = two == "==" || two == "!=" || two == "<=" || two == ">=";
      if (!pair && std::string_view("<>+-*/()[],").find(c) == std::string_view::npos)
        return wrong(c == '=' ? "= is not a comparison (== is)" : fmt::format("'{}' has no meaning", escaped(text.substr(at, 1))), at);
      tokens.push_back({.kind = Token::sign, .text_ = std::string(text.substr(at, pair ? 2 : 1)), .value = 0, .at = at});
      at += pair ? 2 : 1;
    }
  }
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::vector<std::string>& names) : tokens_(std::move(tokens)), names_(names) {}

  Result<Value> whole() {
    auto value = disjunction();
    if (!value) return value;
    if (now().kind != Token::end) return wrong(fmt::format("'{}' is out of place", escaped(now().text_)), now().at);
    return value;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  bool is(std::string_view text) const {
    return (now().kind == Token::name || now().kind == Token::sign) && now().text_ == text;
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }

  Result<Value> disjunction() {
    if (++depth_ > kMaxDepth) return wrong("nested too deep", now().at);
    auto left = conjunction();
    while (left && take("or")) {
      auto right = conjunction();
      if (!right) return right;
      left = Value([a = *left, b = *right](const FieldLookup& fields) { return Json{truth(a(fields)) || truth(b(fields))}; });
    }
    --depth_;
    return left;
  }

  Result<Value> conjunction() {
    auto left = negation();
    while (left && take("and")) {
      auto right = negation();
      if (!right) return right;
      left = Value([a = *left, b = *right](const FieldLookup& fields) { return Json{truth(a(fields)) && truth(b(fields))}; });
    }
    return left;
  }

  Result<Value> negation() {
    bool negate = false, any = false;
    for (; take("not"); any = true) negate = !negate;
    auto value = comparison();
    if (!value || !any) return value;
    return Value([a = *value, negate](const FieldLookup& fields) { return Json{truth(a(fields)) != negate}; });
  }

  std::string take_comparison() {
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
      if (take(op)) return op;
    }
    if (take("is")) return take("not") ? "is not" : "is";
    if (is("not") && tokens_[at_ + 1].text_ == "in") {
      at_ += 2;
      return "not in";
    }
    return {};
  }

  // a < b < c is a < b and b < c.
  Result<Value> comparison() {
    auto first = sum();
    if (!first) return first;
    std::vector<std::pair<std::string, Value>> rest;
    for (std::string op; !(op = take_comparison()).empty();) {
      auto right = sum();
      if (!right) return right;
      rest.emplace_back(op, *right);
    }
    if (rest.empty()) return first;
    return Value([first = *first, rest](const FieldLookup& fields) {
      Json left = first(fields);
      for (const auto& [op, value] : rest) {
        Json right = value(fields);
        if (!compared(op, left, right)) return Json{false};
        left = std::move(right);
      }
      return Json{true};
    });
  }

  Result<Value> sum() {
    auto left = product();
    while (left && (is("+") || is("-"))) {
      const char op = tokens_[at_++].text_[0];
      auto right = product();
      if (!right) return right;
      left = Value([op, a = *left, b = *right](const FieldLookup& fields) { return calculated(op, a(fields), b(fields)); });
    }
    return left;
  }

  Result<Value> product() {
    auto left = signed_value();
    while (left && (is("*") || is("/"))) {
      const char op = tokens_[at_++].text_[0];
      auto right = signed_value();
      if (!right) return right;
      left = Value([op, a = *left, b = *right](const FieldLookup& fields) { return calculated(op, a(fields), b(fields)); });
    }
    return left;
  }

  Result<Value> signed_value() {
    bool negative = false;
    for (; is("-") || is("+"); ++at_) negative = negative != is("-");
    auto value = primary();
    if (!value || !negative) return value;
    return Value([a = *value](const FieldLookup& fields) { return calculated('-', Json{0.0}, a(fields)); });
  }

  Result<Value> primary() {
    const Token token = now();
    if (token.kind == Token::end) return wrong("something is missing", token.at);
    ++at_;
    if (token.kind == Token::number) return constant(Json{token.value});
    if (token.kind == Token::text) return constant(Json{token.text_});
    if (token.kind == Token::name) return named(token);
    if (token.text_ == "(") {
      if (is(")")) return list(")", {});
      auto value = disjunction();
      if (value && take(",")) return list(")", {*value});
      if (value && !take(")")) return wrong("a ) is missing", now().at);
      return value;
    }
    if (token.text_ == "[") return list("]", {});
    return wrong(fmt::format("'{}' is out of place", token.text_), token.at);
  }

  static Result<Value> constant(Json json) {
    return Value([json = std::move(json)](const FieldLookup&) { return json; });
  }

  Result<Value> named(const Token& token) {
    if (token.text_ == "True" || token.text_ == "False") return constant(Json{token.text_ == "True"});
    if (token.text_ == "None") return constant(Json{});
    if (token.text_ == "re.search" || token.text_ == "re.match" || token.text_ == "re.fullmatch") return match(token);
    for (const char* word : {"and", "or", "in", "is"}) {
      if (token.text_ == word) return wrong(fmt::format("'{}' is out of place", word), token.at);
    }
    if (is("(")) return wrong(fmt::format("there is no function '{}' (re.search, re.match, re.fullmatch are)", token.text_), token.at);
    if (std::find(names_.begin(), names_.end(), token.text_) == names_.end()) names_.push_back(token.text_);
    return Value([name = token.text_](const FieldLookup& fields) { return fields(name); });
  }

  // What comes behind the opening one, or behind the first comma: Python's tuples count as lists.
  Result<Value> list(const char* closing, std::vector<Value> items) {
    while (!take(closing)) {
      auto item = disjunction();
      if (!item) return item;
      items.push_back(*item);
      if (!is(closing) && !take(",")) return wrong(fmt::format("a , or {} is missing", closing), now().at);
    }
    return Value([items](const FieldLookup& fields) {
      Json::List values;
      for (const Value& item : items) values.push_back(item(fields));
      return Json{std::move(values)};
    });
  }

  Result<Value> match(const Token& function) {
    const Token pattern = tokens_[std::min(at_ + 1, tokens_.size() - 1)];
    if (!take("(") || pattern.kind != Token::text)
      return wrong(function.text_ + " needs a pattern in quotes and a text", function.at);
    ++at_;
    if (!take(",")) return wrong("a , is missing", now().at);
    auto text = disjunction();
    if (!text) return text;
    if (!take(")")) return wrong("a ) is missing", now().at);
    RE2::Options options(RE2::Quiet);
    const auto regex = std::make_shared<RE2>(pattern.text_, options);
    if (!regex->ok()) return wrong(fmt::format("pattern '{}': {}", escaped(pattern.text_), escaped(regex->error())), pattern.at);
    const RE2::Anchor anchor = function.text_ == "re.search"  ? RE2::UNANCHORED
                               : function.text_ == "re.match" ? RE2::ANCHOR_START
                                                              : RE2::ANCHOR_BOTH;
    return Value([regex, anchor, text = *text](const FieldLookup& fields) {
      const auto subject = text(fields).text();
      const bool found = subject && regex->Match(*subject, 0, subject->size(), anchor, nullptr, 0);
      return found ? Json{true} : Json{};  // no match is None, as in Python
    });
  }

  std::vector<Token> tokens_;
  std::vector<std::string>& names_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
};

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > kMaxText) return wrong("longer than 64 KiB", kMaxText);
  auto tokens = tokens_of(text);
  if (!tokens) return tokens.error();
  Expression expression;
  auto value = Parser(std::move(*tokens), expression.names_).whole();
  if (!value) return value.error();
  expression.root_ = std::make_shared<Node>(Node{std::move(*value)});
  return expression;
}

bool Expression::holds(const FieldLookup& fields) const { return truth(root_->value(fields)); }

}  // namespace duct_log
