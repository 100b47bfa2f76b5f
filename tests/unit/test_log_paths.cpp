// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <string>

#include "core/log_paths.hpp"

using namespace duct_bpf;

namespace {

constexpr std::int64_t kTime = 1768564912'999'999'999;  // 2026-01-16T12:01:52Z

std::string expand(std::string_view prefix, const char* zone = "UTC") {
  setenv("TZ", zone, 1);
  tzset();
  const auto result = expand_prefix(prefix, kTime, 42);
  return result ? *result : "ERROR " + result.error().message;
}

}  // namespace

TEST_CASE("log paths: fields of the prefix") {
  CHECK(expand("") == "");
  CHECK(expand("plain/") == "plain/");
  CHECK(expand(".duct/logs/{datetime}-{pid}_") == ".duct/logs/2026.01.16T12.01.52-42_");
  CHECK(expand("{datetime_filesafe}{pid}{pid}") == "2026.01.16T12.01.524242");
  CHECK(expand("{datetime}", "XYZ+5") == "2026.01.16T07.01.52");
  CHECK(expand("{{pid}}_{pid}") == "{pid}_42");
}

TEST_CASE("log paths: errors") {
  CHECK(expand("a{nope}b{other}") == "ERROR unknown field {nope} in the output prefix");
  CHECK(expand("{}") == "ERROR unknown field {} in the output prefix");
  for (const char* const prefix : {"{pid", "pid}", "{", "{{pid}"}) {
    const auto result = expand_prefix(prefix, kTime, 42);
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::usage);
    CHECK(result.error().hint.find("{datetime}, {pid}") != std::string::npos);
  }
}

TEST_CASE("log paths: deprecated field") {
  CHECK(uses_deprecated_field("x/{datetime_filesafe}_"));
  CHECK_FALSE(uses_deprecated_field("x/{datetime}_"));
  CHECK_FALSE(uses_deprecated_field("{{datetime_filesafe}}"));
}

TEST_CASE("log paths: files") {
  const LogPaths paths = log_paths("logs/a_");
  CHECK(paths.prefix == "logs/a_");
  CHECK(paths.stdout_file == "logs/a_stdout");
  CHECK(paths.stderr_file == "logs/a_stderr");
  CHECK(paths.usage == "logs/a_usage.jsonl");
  CHECK(paths.info == "logs/a_info.json");
  CHECK(paths.processes == "logs/a_processes.jsonl");
  CHECK(log_paths("dir/").info == "dir/info.json");
}

TEST_CASE("log paths: the pattern of a prefix") {
  CHECK(prefix_pattern(".duct/logs/{datetime}-{pid}_") == ".duct/logs/*");
  CHECK(prefix_pattern("logs/{datetime}/run-{pid}_x") == "logs/*/run-*");
  CHECK(prefix_pattern("{datetime}/") == "*/");
  CHECK(prefix_pattern("{pid}") == "*");
  CHECK(prefix_pattern("a[1]*/b?\\_") == "a\\[1]\\*/b\\?\\\\_");
  CHECK(prefix_pattern("{{pid}}_{pid}_") == "{pid}_*");
  CHECK(prefix_pattern("logs/{pid") == "logs/{pid");
  CHECK(prefix_pattern("") == "");
}
