// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>

#include "core/summary_format.hpp"

using namespace duct_bpf;

namespace {

const Fields kFields = {
    {"code", std::int64_t{0}},
    {"bad", std::int64_t{137}},
    {"big", std::int64_t{1234567}},
    {"neg", std::int64_t{-42}},
    {"pi", 3.14159},
    {"whole", 3.0},
    {"text", std::string("h\xC3\xA9llo")},
    {"none", std::monostate()},
    {"yes", true},
    {"no", false},
    {"empty", std::string()},
    {"least", std::numeric_limits<std::int64_t>::min()},
};

std::string format(std::string_view text, bool colors = false) {
  const auto result = format_summary(text, kFields, colors);
  return result ? *result : "ERROR " + result.error().message;
}

std::string format_one(std::string_view field, Value value) {
  const auto result = format_summary(field, Fields{{"x", std::move(value)}}, false);
  return result ? *result : "ERROR " + result.error().message;
}

}  // namespace

TEST_CASE("summary format: text, braces and plain fields") {
  CHECK(format("") == "");
  CHECK(format("a {code} {{b}} {text}\n") == "a 0 {b} h\xC3\xA9llo\n");
  CHECK(format("{pi} {whole} {big} {yes} {no} {none}") == "3.14159 3.0 1234567 True False -");
  CHECK(format("{least}") == "-9223372036854775808");
}

TEST_CASE("summary format: specs are Python's") {
  const std::pair<const char*, const char*> cases[] = {
      {"{big:,}", "1,234,567"},
      {"{big:>12,}", "   1,234,567"},
      {"{big:*<10}", "1234567***"},
      {"{big:^11}", "  1234567  "},
      {"{code:,}", "0"},
      {"{neg:06d}", "-00042"},
      {"{neg:=6}", "-   42"},
      {"{bad:+}", "+137"},
      {"{bad: d}", " 137"},
      {"{pi:.2f}", "3.14"},
      {"{pi:8.3f}", "   3.142"},
      {"{pi:.1e}", "3.1e+00"},
      {"{pi:.3g}", "3.14"},
      {"{pi:.1%}", "314.2%"},
      {"{pi:d}", "3"},
      {"{big:.1f}", "1234567.0"},
      {"{big:,.2f}", "1,234,567.00"},
      {"{text:>7}", "  h\xC3\xA9llo"},
      {"{text:.2}", "h\xC3\xA9"},
      {"{text:-^9s}", "--h\xC3\xA9llo--"},
      {"{none:>9.3f}", "-"},
      {"{big:\xC3\xA9>9}",
       "\xC3\xA9\xC3\xA9"
       "1234567"},
      {"{bad:!>5}", "!!137"},
      {"{yes:d}", "1"},
  };
  for (const auto& [field, expected] : cases) {
    INFO(field);
    CHECK(format(field) == expected);
  }
}

TEST_CASE("summary format: bytes") {
  const std::pair<double, const char*> cases[] = {
      {0, "0 Bytes"},    {1, "1 Byte"},       {999, "999 Bytes"},   {999.9, "999 Bytes"},
      {1000, "1.0 kB"},  {3000000, "3.0 MB"}, {999949, "999.9 kB"}, {999999, "1.0 MB"},
      {1.5e9, "1.5 GB"}, {2e15, "2.0 PB"},    {5e22, "50000.0 EB"}, {-2500, "-2.5 kB"},
  };
  for (const auto& [bytes, expected] : cases) CHECK(format_one("{x!S}", bytes) == expected);
  CHECK(format_one("{x!S}", std::int64_t{3000000}) == "3.0 MB");
  CHECK(format_one("{x:>8!S}", 3e6) == "  3.0 MB");
  CHECK(format_one("{x!S:>8}", 3e6) == "  3.0 MB");
  CHECK(format_one("{x:.2f!S}", 3e6) == "3.0 MB");
}

TEST_CASE("summary format: durations, percent, dates") {
  const std::pair<double, const char*> cases[] = {
      {3.45, "3.45s"},        {0, "0.00s"},        {59.994, "59.99s"},     {59.999, "1m 0.0s"},
      {123.4, "2m 3.4s"},     {119.97, "2m 0.0s"}, {3723.4, "1h 2m 3.4s"}, {3599.99, "1h 0m 0.0s"},
      {90000, "25h 0m 0.0s"},
  };
  for (const auto& [seconds, expected] : cases) CHECK(format_one("{x!T}", seconds) == expected);
  CHECK(format_one("{x!P}", 12.345678) == "12.35%");
  setenv("TZ", "UTC", 1);
  tzset();
  CHECK(format_one("{x!D}", 1768564912.5) == "Jan 16, 2026 12:01 PM");
  CHECK(format_one("{x!D}", 1e300) == "1e+300");
  CHECK(format_one("{x!T}", std::numeric_limits<double>::quiet_NaN()) == "nans");
}

TEST_CASE("summary format: colours") {
  const auto green = [](const std::string& text) { return "\x1b[32m" + text + "\x1b[0m"; };
  const auto red = [](const std::string& text) { return "\x1b[31m" + text + "\x1b[0m"; };
  CHECK(format("{code!E}{bad!E}{none!E}") == "0137-");
  CHECK(format("{code!E}", true) == green("0"));
  CHECK(format("{bad!E}", true) == red("137"));
  CHECK(format("{none!E}", true) == red("-"));
  CHECK(format("{yes!X}{text!X}", true) == green("True") + green("h\xC3\xA9llo"));
  CHECK(format("{no!X}{empty!X}{none!X}", true) == red("False") + red("") + red("-"));
  CHECK(format("{pi:.2f!N}%", true) == green("3.14") + "%");
  CHECK(format("{pi!N:.2f}", true) == green("3.14"));
  CHECK(format("{none:.2f!N}", true) == red("-"));
  CHECK(format("{none:.2f}", true) == "-");
  CHECK(format("{big!S}{big!T}", true) == green("1.2 MB") + "342h 56m 7.0s");
  CHECK(format("{bad!S:>9!E}", true) == red("137 Bytes"));
}

TEST_CASE("summary format: control characters in values do not get out") {
  CHECK(format_one("{x}", std::string("a\x1b[31mb\n\tc\x7f")) == "a?[31mb??c?");
  CHECK(format_one("{x}", std::string("\xC2\x9B"
                                      "31m \xE2\x82\xAC")) == "?31m \xE2\x82\xAC");  // CSI as UTF-8
  CHECK(format_one("{x}", std::string("\x9B\xFF\xC3")) == "???");
  CHECK(format_one("{x}", std::string("\xC0\x8A \xED\xA0\x80 \xF5")) == "?? ??? ?");
  CHECK(format_one("{x!N}", std::string("a\0b", 3)) == "a?b");
}

TEST_CASE("summary format: errors are one line of code usage") {
  const char* const bad[] = {"{",
                             "}",
                             "{code",
                             "{code}}",
                             "{}",
                             "{nope}",
                             "{code.x}",
                             "{code:q}",
                             "{code!Z}",
                             "{code!}",
                             "{code:.f}",
                             "{code:.2f!Z}",
                             "{pi:s}",
                             "{text:d}",
                             "{text!S}",
                             "{text:,}",
                             "{text:+}",
                             "{pi:9999}",
                             "{pi:.99999f}",
                             "{none:q}",
                             "{code!S.2f}",
                             "{code:10x}",
                             "{pi:99999999999999999999}",
                             "{no\x1bpe}"};
  for (const char* const text : bad) {
    INFO(text);
    const auto result = format_summary(text, kFields, false);
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::usage);
    CHECK(!result.error().hint.empty());
    CHECK(printable(result.error().message) == result.error().message);
  }
  const auto unknown = format_summary("{nope}", kFields, false);
  CHECK(unknown.error().message == "unknown field {nope}");
  CHECK(unknown.error().hint.find("code, bad, big") != std::string::npos);
}
