// SPDX-License-Identifier: MIT
// Text for people: harmless, cut to a width, with units; tables of it.
#include <catch2/catch.hpp>
#include <clocale>

#include "log/json.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

using namespace duct_log;

TEST_CASE("text of others is made harmless", "[text]") {
  CHECK(escaped("plain caf\u00e9 \u65e5\u672c") == "plain caf\u00e9 \u65e5\u672c");
  CHECK(escaped("a\tb\nc\rd") == "a\\tb\\nc\\rd");
  CHECK(escaped("\x1b]0;title\x07") == "\\x1b]0;title\\x07");
  CHECK(escaped("\xc2\x9b"
                "31m") == "\\x9b31m");  // C1 CSI
  CHECK(escaped("\x9b" "31m") == "\\x9b31m");  // the same as a bare byte
  CHECK(escaped("a\u202eb\u2066c\u200bd\u2028") == "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{2028}");
  CHECK(escaped(std::string_view("a\0b\x7f", 4)) == "a\\x00b\\x7f");
  CHECK(escaped("\xf3\xa0\x81\x81") == "\\u{e0041}");  // a tag character
  CHECK(json_text(Json{std::string("\x1b\u202e\xf3\xa0\x81\x81\"\\\n\xff")}) == "\"\\u001b\\u202e\\udb40\\udc41\\\"\\\\\\n\\ufffd\"");
}

TEST_CASE("text is cut by columns", "[text]") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  CHECK(fitted("abcdef", 6) == "abcdef");
  CHECK(fitted("abcdef", 5) == "abcd…");
  CHECK(fitted("abcdef", 0).empty());
  CHECK(display_width("\u65e5\u672c") == 4);
  CHECK(fitted("\u65e5\u672c\u8a9e", 4) == "\u65e5…");
  CHECK(padded("1", 3, true) == "  1");
  CHECK(padded("\u00e9", 3, false) == "\u00e9  ");
}

TEST_CASE("text is broken at blanks", "[text]") {
  CHECK(wrapped("one two three", 20, 2) == "one two three");
  CHECK(wrapped("one two three", 8, 2) == "one two\n  three");
  CHECK(wrapped("one two three", 7, 2) == "one two\n  three");
  CHECK(wrapped("one two three", 6, 0) == "one\ntwo\nthree");
  CHECK(wrapped("oneoneone two", 3, 1) == "oneoneone\n two");
  CHECK(wrapped("", 3, 1).empty());
}

TEST_CASE("numbers with their units", "[text]") {
  CHECK(time_text(0.000000412) == "0.41 us");
  CHECK(time_text(0.00319) == "3.19 ms");
  CHECK(time_text(0.99996) == "1.00 s");
  CHECK(time_text(41.23) == "41.2 s");
  CHECK(time_text(599.4) == "599 s");
  CHECK(time_text(599.6) == "10m 00s");
  CHECK(time_text(10920) == "3h 02m");
  CHECK(time_text(0) == "0 s");
  CHECK(time_text(std::nullopt) == "-");
  CHECK(bytes_text(3e6) == "3.0 MB");
  CHECK(count_text(20001) == "20,001");
  CHECK(percent_text(12.34) == "12.3 %");
}

TEST_CASE("a table fits its width", "[table]") {
  std::string out;
  Console console{.write = [&](std::string_view text) { out += text; }, .warn = [](const std::string&) {}, .width = 30, .colors = false};
  Table table({{.title = "name", .flexible = true}, {.title = "count", .right = true}, {.title = "command", .flexible = true}});
  table.add({{"a"}, {"1"}, {std::string(100, 'x')}});
  table.add({{"bb"}, {"1,000"}, {"short"}});
  table.print(console);
  CHECK(out ==
        "name  count  command\n"
        "a         1  xxxxxxxxxxxxxxxx…\n"
        "bb    1,000  short\n");
}
