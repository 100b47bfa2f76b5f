// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <string>

#include "core/env_file.hpp"

using namespace duct_bpf;

namespace {

// "key=value;" for each variable, or the error.
std::string parse(std::string_view text) {
  const auto result = parse_env_file(text);
  if (!result) return "ERROR " + result.error().message;
  std::string all;
  for (const auto& [key, value] : *result) all += key + "=" + value + ";";
  return all;
}

}  // namespace

TEST_CASE("env file: lines") {
  CHECK(parse("") == "");
  CHECK(parse("\n  \n# comment\n\t# another") == "");
  CHECK(parse("A=1") == "A=1;");
  CHECK(parse("A=1\r\nB=2\r\n") == "A=1;B=2;");
  CHECK(parse("\xEF\xBB\xBF"
              "A=1\n") == "A=1;");
  CHECK(parse("A=1\nA=2\n") == "A=1;A=2;");
  CHECK(parse("  A = 1 2  \n_b9=x\n") == "A=1 2;_b9=x;");
  CHECK(parse("export A=1\nexport\tB=2\nexport=3\nexportC=4") == "A=1;B=2;export=3;exportC=4;");
  CHECK(parse("A=\nB=\"\"\nC=''") == "A=;B=;C=;");
  CHECK(parse("A={datetime}=$HOME\\n") == "A={datetime}=$HOME\\n;");
}

TEST_CASE("env file: comments behind values") {
  CHECK(parse("A=1 # one\nB=a#b\nC= # none\nD=#x\nE='#' # q\nF=\"a # b\"#c") ==
        "A=1;B=a#b;C=;D=#x;E=#;F=a # b;");
}

TEST_CASE("env file: quotes") {
  CHECK(parse("A='a \"b\" \\n'") == "A=a \"b\" \\n;");
  CHECK(parse(R"(A="x\ny\tz \"q\" \\ \$ \d ' \r")") == "A=x\ny\tz \"q\" \\ $ \\d ' \r;");
  CHECK(parse("A=\"one\n two\"\nB='three\nfour'\n") == "A=one\n two;B=three\nfour;");
  CHECK(parse("A=it's") == "A=it's;");
}

TEST_CASE("env file: errors name the line") {
  const std::pair<const char*, const char*> cases[] = {
      {"A=1\nB\n", "line 2: no '=' behind 'B'"},
      {"A B=1", "line 1: no '=' behind 'A'"},
      {"export A", "line 1: no '=' behind 'A'"},
      {"\n\n=1", "line 3: not a variable name"},
      {"1A=1", "line 1: not a variable name"},
      {"A='x\ny'\nB='open\n\n", "line 3: a quote is opened and not closed"},
      {"A=\"x\\\"", "line 1: a quote is opened and not closed"},
      {"A=\"x\ny\" z", "line 2: text behind the closing quote"},
  };
  for (const auto& [text, message] : cases) {
    const auto result = parse_env_file(text);
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::usage);
    CHECK(result.error().message == message);
  }
}
