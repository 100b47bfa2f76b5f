// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "capture/proc_reader.hpp"

using namespace duct_bpf;

namespace {

std::vector<pid_t> pids(ProcReader& proc, ProcReader::Place& place, pid_t newest) {
  std::vector<pid_t> found;
  REQUIRE(proc.list(place, newest, [&](pid_t pid) {
    found.push_back(pid);
    return true;
  }));
  return found;
}

bool has(const std::vector<pid_t>& list, pid_t pid) { return std::find(list.begin(), list.end(), pid) != list.end(); }

// Waits until it is killed.
pid_t child() {
  pid_t pid = ::fork();
  if (pid == 0)
    for (;;) ::pause();
  return pid;
}

}  // namespace

TEST_CASE("proc reader: a listing goes on where an earlier one was, and finds who came since") {
  ProcReader proc;
  REQUIRE(proc.open());
  pid_t old = child();
  pid_t newest = proc.newest_pid();
  CHECK(newest >= old);
  ProcReader::Place place = 0;
  auto all = pids(proc, place, newest);
  CHECK((has(all, ::getpid()) && has(all, old) && std::is_sorted(all.begin(), all.end())));

  // The process at the place may go: the place stays.
  ::kill(old, SIGKILL);
  ::waitpid(old, nullptr, 0);
  pid_t fresh = child();
  auto rest = pids(proc, place, fresh);
  if (old > ::getpid() && fresh > newest) {  // else pids have started again
    CHECK(has(rest, fresh));
    CHECK_FALSE(has(rest, ::getpid()));
    CHECK(rest.size() < all.size());
    // And from there on, the same once more.
    CHECK(has(pids(proc, place, fresh), fresh));
  }
  ::kill(fresh, SIGKILL);
  ::waitpid(fresh, nullptr, 0);
}

TEST_CASE("proc reader: a process that is not there has no files") {
  ProcReader proc;
  REQUIRE(proc.open());
  pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ::waitpid(gone, nullptr, 0);
  CHECK_FALSE(proc.stat(gone));
  CHECK_FALSE(proc.schedule(gone));
  CHECK_FALSE(proc.status(gone).uid);
  CHECK(proc.arguments(gone, 100).empty());
  CHECK(proc.program(gone).empty());
  CHECK_FALSE(proc.file(gone, "stat"));
  CHECK(proc.stat(::getpid())->pid == ::getpid());
  CHECK_FALSE(proc.program(::getpid()).empty());
}
