// SPDX-License-Identifier: MIT
// Filters: what Python says of the same expression, and what must not hang or crash.
#include <catch2/catch.hpp>
#include <chrono>

#include "log/expression.hpp"

using namespace duct_log;

namespace {

Json field(std::string_view name) {
  if (name == "exit_code") return {std::int64_t{3}};
  if (name == "peak_rss") return {2.5e9};
  if (name == "command") return {std::string("make -j2 \"all\"")};
  if (name == "prefix") return {std::string(".duct/logs/2025.02.11T10_")};
  if (name == "exact") return {true};
  return {};
}

bool holds(const std::string& text) {
  const auto expression = Expression::parse(text);
  INFO(text);
  REQUIRE(expression);
  return expression->holds(field);
}

std::string wrong(const std::string& text) {
  const auto expression = Expression::parse(text);
  INFO(text);
  REQUIRE_FALSE(expression);
  CHECK(expression.error().code == ErrorCode::usage);
  return expression.error().message;
}

}  // namespace

TEST_CASE("expressions that hold", "[expression]") {
  for (const char* text :
       {"exit_code != 0", "exit_code == 3 and peak_rss > 1e9", "exit_code==3.0", "not exit_code == 0", "not not exact", "1 < exit_code <= 3",
        "exit_code in [1, 2, 3]", "exit_code not in [0, 1,]", "'make' in command", "'cmake' not in command", "command != 'x'",
        "re.search('2025.02', prefix)", "re.search(\"2025.02\", prefix)", "re.match('make', command)", "not re.match('-j2', command)",
        "re.search(r'-j\\d', command)", "re.search('-j\\d', command)", "re.fullmatch('.*', command)", "re.search('(?i)MAKE', command)",
        "gone is None", "gone == None", "exit_code is not None", "gone != 0", "not gone", "exact", "exact == True", "exact == 1",
        "peak_rss / 1e6 > 2499 and peak_rss / 1e6 < 2501", "1 + 2 * 3 == 7", "(1 + 2) * 3 == 9", "-exit_code == -3", "--1 == 1",
        "False or exit_code", "command == 'make -j2 \"all\"'", "command == \"make -j2 \\\"all\\\"\"", "'a' + 'b' == 'ab'", "'a' < 'b'",
        "False and False or True", "True or False and False",
        "exit_code in (1, 3)", "exit_code in (3,)", "(3,) == [3]", "not ()", "(1) == 1", "re.search('make', command) is not None",
        "re.match('x', command) is None", "re.search('make', command) == True"})
    CHECK(holds(text));
}

TEST_CASE("expressions that do not hold", "[expression]") {
  for (const char* text : {"exit_code == 0", "gone > 0", "gone < 0", "command > 1", "command < 1", "re.search('x', gone)", "re.search('3', exit_code)",
                           "exit_code == '3'", "1 / 0 == 1", "5 < exit_code < 9", "[] == [1]", "''", "0", "None", "[]", "'a' in gone", "re.search('x', command) is not None", "exit_code in ()", "()", "exit_code in (1, 2)"})
    CHECK_FALSE(holds(text));
}

TEST_CASE("expressions that are none", "[expression]") {
  CHECK(wrong("") == "expression: something is missing at character 1");
  CHECK(wrong("exit_code = 1") == "expression: = is not a comparison (== is) at character 11");
  CHECK(wrong("exit_code ==") == "expression: something is missing at character 13");
  CHECK(wrong("__import__('os')") ==
        "expression: there is no function '__import__' (re.search, re.match, re.fullmatch are) at character 1");
  CHECK(wrong("'abc") == "expression: text without its closing quote at character 1");
  CHECK(wrong("(1") == "expression: a ) is missing at character 3");
  for (const char* text : {"1 2", "and", "1 and", "[1", "[1 2]", "re.search(prefix, 'a')", "re.search('(', prefix)", "re.search('a'", "re.search", "1x",
                           "a b", "@", "\x1b[31m", "\xff", "re.search('(?=a)', prefix)", "re.search('(a)\\1', prefix)", ")", "!", "9e9999", "not", "'\\", "(1,", "(1 2)", "(,)", "(1,,2)", "[,]"})
    CHECK_FALSE(wrong(text).empty());
}

TEST_CASE("what is wrong with a pattern is said on one line", "[expression]") {
  const std::string said = wrong("re.search('a\n)\x1b', prefix)");
  CHECK(said.find_first_of("\n\x1b") == std::string::npos);
  CHECK(said.find("a\\n)\\x1b") != std::string::npos);
}

TEST_CASE("expressions that are hostile end at once", "[expression]") {
  const auto started = std::chrono::steady_clock::now();
  CHECK_FALSE(Expression::parse(std::string(60000, '(')));
  CHECK_FALSE(Expression::parse(std::string(60000, '[')));
  CHECK_FALSE(Expression::parse(std::string(100000, '1')));
  std::string chain = "1";
  for (int i = 0; i < 15000; ++i) chain += " or 0";
  CHECK_FALSE(Expression::parse(chain));
  CHECK_FALSE(Expression::parse("re.search('" + std::string(30000, '(') + "', prefix)"));
  const auto exponential = Expression::parse("re.search('(a*)*(a*)*(a|aa)+$', text)");
  REQUIRE(exponential);
  CHECK_FALSE(exponential->holds([](std::string_view) { return Json{std::string(20000, 'a') + "b"}; }));
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
}

TEST_CASE("the fields of an expression", "[expression]") {
  const auto expression = Expression::parse("a == 1 and re.search('x', b) or a is None");
  REQUIRE(expression);
  CHECK(expression->names() == std::vector<std::string>{"a", "b"});
}
