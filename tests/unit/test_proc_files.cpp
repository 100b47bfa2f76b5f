// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "core/proc_files.hpp"

using namespace duct_bpf;

namespace {

// Fields from 3 on, as Linux 6.18 wrote them of a running process, exit_code (52) apart.
constexpr const char* kFields =
    " R 17785 17786 15297 34816 17787 4194304 100 1 5 2 7 3 8 4 20 -5 2 0 1212212 3133440 406 18446744073709551615 "
    "93857310560256 93857310580137 140724819493552 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 93857310596144 93857310597760 "
    "93858354434048 140724819495550 140724819495570 140724819495570 140724819496939 ";

std::string line(const std::string& name, const std::string& wait_status = "0") {
  return "17792 (" + name + ")" + kFields + wait_status + "\n";
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("proc stat: each field in its place") {
  auto stat = parse_proc_stat(line("cat", "9"));
  REQUIRE(stat);
  CHECK((stat->pid == 17792 && stat->comm == "cat" && stat->state == 'R'));
  CHECK((stat->ppid == 17785 && stat->group == 17786 && stat->session == 15297 && stat->foreground_group == 17787));
  CHECK((stat->minor_faults == 100 && stat->major_faults == 5));  // not those of children
  CHECK((stat->user_ticks == 7 && stat->system_ticks == 3));
  CHECK((stat->nice == -5 && stat->threads == 2 && stat->start_ticks == 1212212));
  CHECK((stat->vsz_bytes == 3133440 && stat->rss_pages == 406));
  CHECK((stat->readable && stat->wait_status == 9));
}

TEST_CASE("proc stat: a name may hold anything") {
  const std::pair<const char*, const char*> names[] = {{"a) R 1 2 (b", "a) R 1 2 (b"}, {")", ")"},         {"(", "("},
                                                       {"", ""},                       {") S 1", ") S 1"}, {"x y", "x y"},
                                                       {"a\\nb", "a\nb"},              {"a\\\\nb", "a\\nb"}, {"end\\", "end\\"},
                                                       {"\xff\x01\t", "\xff\x01\t"}};
  for (auto [written, name] : names) {
    INFO(written);
    auto stat = parse_proc_stat(line(written));
    REQUIRE(stat);
    CHECK(stat->comm == name);
    CHECK((stat->pid == 17792 && stat->state == 'R' && stat->ppid == 17785 && stat->start_ticks == 1212212));
  }
}

TEST_CASE("proc stat: what is cut or not a line is refused") {
  const std::string whole = line("cat");
  for (std::size_t length = 0; length + 2 < whole.size(); length++) {
    INFO(length);
    CHECK_FALSE(parse_proc_stat(std::string_view(whole).substr(0, length)));
  }
  for (const char* text : {"x (cat) R 1", "1 )cat( R 1", "()", "1 (a) R x", "\n"}) CHECK_FALSE(parse_proc_stat(text));
}

TEST_CASE("proc stat: an exec moves the image, nothing else does") {
  auto mark = [](std::string text) { return parse_proc_stat(text)->image_mark; };
  auto with = [](const std::string& from, const std::string& to) {
    std::string text = line("cat");
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK(mark(with(" 100 1 5 ", " 999 1 5 ")) == mark(line("cat")));
  CHECK(mark(line("dog")) == mark(line("cat")));
  for (const char* address : {"93857310560256", "140724819493552", "140724819495550", "140724819496939"})
    CHECK(mark(with(address, "93857310560999")) != mark(line("cat")));
  // Where we may not look the kernel writes 1 and 1 for the code.
  auto hidden = parse_proc_stat(with("93857310560256 93857310580137", "1 1"));
  CHECK_FALSE(hidden->readable);
  CHECK(hidden->image_mark == 0);
}

TEST_CASE("proc status: sizes in bytes, the real user, the innermost pid") {
  auto status = parse_proc_status(
      "Name:\tVmRSS: 5 kB\nPid:\t17790\nUid:\t1000\t0\t0\t0\nNSpid:\t17790\t33\t2\nVmPeak:\t    3060 kB\nVmSize:\t 1 kB\n"
      "VmLck:\t 4 kB\nVmHWM:\t    1660 kB\nVmRSS:\t    1650 kB\nVmHWM:\t 1 kB\n");
  CHECK((status.uid == 1000u && status.pid_ns == 2 && status.locked));
  CHECK((status.peak_vsz_bytes == 3060u * 1024 && status.peak_rss_bytes == 1660u * 1024 && status.rss_bytes == 1650u * 1024));
}

TEST_CASE("proc status: a zombie has no memory, which is not 0") {
  auto status = parse_proc_status("Name:\tx\nState:\tZ (zombie)\nUid:\t4294967294\t0\t0\t0\nNSpid:\t7\nThreads:\t1\n");
  CHECK((status.uid == 4294967294u && status.pid_ns == 7 && !status.locked));
  CHECK_FALSE((status.rss_bytes || status.peak_rss_bytes || status.peak_vsz_bytes));
  CHECK_FALSE(parse_proc_status("").uid);
  CHECK_FALSE(parse_proc_status("Uid").uid);
  CHECK_FALSE(parse_proc_status("VmRSS:\tmuch\n").rss_bytes);
}

TEST_CASE("proc schedstat: time and turns on a CPU") {
  CHECK(parse_proc_schedule("1001731 22 3\n") == ProcSchedule{1001731, 3});
  CHECK_FALSE(parse_proc_schedule("1 2"));
  CHECK_FALSE(parse_proc_schedule(""));
}

TEST_CASE("proc files: this kernel's are understood") {
  auto stat = parse_proc_stat(content("/proc/self/stat"));
  REQUIRE(stat);
  CHECK((stat->pid == ::getpid() && stat->ppid == ::getppid() && stat->session == ::getsid(0)));
  CHECK((stat->group == ::getpgrp() && stat->state == 'R' && stat->readable && stat->vsz_bytes > 0));
  CHECK(stat->comm == content("/proc/self/comm").substr(0, stat->comm.size()));
  auto status = parse_proc_status(content("/proc/self/status"));
  CHECK((status.uid == ::getuid() && status.pid_ns == ::getpid() && status.rss_bytes.value_or(0) > 0));
  CHECK(status.peak_rss_bytes >= status.rss_bytes);
}
