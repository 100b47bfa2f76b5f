// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "core/kills.hpp"
#include "core/record.hpp"
#include "core/summary_format.hpp"

using namespace duct_bpf;

namespace {

Process killed(pid_t pid, std::optional<SignalSender> by, bool oom_victim = false) {
  Process process;
  process.pid = pid;
  process.comm = "cc1";
  process.exit_signal = 9;
  process.killed_by = std::move(by);
  process.oom_victim = oom_victim;
  return process;
}

}  // namespace

TEST_CASE("kills: by others, by nobody, by itself") {
  Kills kills;
  Process ended;
  ended.exit_code = 0;
  kills.add(ended);
  kills.add(killed(76, std::nullopt));
  kills.add(killed(77, SignalSender{.pid = 77, .uid = 0, .comm = "cc1"}));
  CHECK((kills.killed() == 0 && kills.out_of_memory() == 0));
  CHECK((kills.killed_text().empty() && kills.out_of_memory_text().empty()));
  kills.add(killed(78, SignalSender{.pid = 12, .uid = 3, .comm = "earlyoom"}));
  CHECK(kills.killed_text() == "cc1 (pid 78) by earlyoom (pid 12, uid 3)");
  kills.add(killed(79, SignalSender{.pid = std::nullopt, .uid = 0, .comm = "runc"}));
  kills.add(killed(80, SignalSender{.pid = 13, .uid = 0, .comm = ""}));
  CHECK(kills.killed_text() ==
        "cc1 (pid 78) by earlyoom (pid 12, uid 3), cc1 (pid 79) by runc (of another pid namespace, uid 0), "
        "cc1 (pid 80) by a process (pid 13, uid 0)");
  kills.add(killed(81, SignalSender{.pid = 13, .uid = 0, .comm = "x"}));
  CHECK(kills.killed() == 4);
  CHECK(kills.killed_text().find(" and 1 more") != std::string::npos);
}

TEST_CASE("kills: out of memory") {
  Kills kills;
  for (pid_t pid = 1; pid <= 1003; pid++) kills.add(killed(pid, std::nullopt, true));
  CHECK((kills.killed() == 0 && kills.out_of_memory() == 1003));
  CHECK(kills.out_of_memory_text() == "cc1 (pid 1), cc1 (pid 2), cc1 (pid 3) and 1000 more");
}

TEST_CASE("the default summary has a line for kills where there were some") {
  Summary summary;
  CHECK(default_summary_format(summary_fields(summary)) == kDefaultSummaryFormat);
  summary.killed = "a {b} (pid 1)";
  auto text = format_summary(default_summary_format(summary_fields(summary)), summary_fields(summary), false);
  REQUIRE(text);
  CHECK(text->ends_with(" lost\nKilled: a {b} (pid 1)"));
  summary.oom_killed = "c (pid 2)";
  text = format_summary(default_summary_format(summary_fields(summary)), summary_fields(summary), false);
  CHECK(text->ends_with(" lost\nKilled: a {b} (pid 1)\nOut of memory: c (pid 2)"));
}

TEST_CASE("the line of a process says who killed it") {
  std::string line;
  append_process_line(line, killed(5, SignalSender{.pid = 12, .uid = 3, .comm = "a\x1b\xff"}));
  CHECK(line.find(R"("exit_signal":9,"killed_by":{"pid":12,"comm":"a\u001b)") != std::string::npos);
  line.clear();
  append_process_line(line, killed(5, SignalSender{.pid = std::nullopt, .uid = 3, .comm = ""}));
  CHECK(line.find(R"("killed_by":{"uid":3})") != std::string::npos);
  line.clear();
  append_process_line(line, killed(5, std::nullopt, true));
  CHECK(line.find(R"("oom_killed":true)") != std::string::npos);
  CHECK(line.find("killed_by") == std::string::npos);
}
