// SPDX-License-Identifier: MIT
// Sums of PSS and RSS over a tree, of processes that are really there, or are not any more.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "capture/physical_memory.hpp"

using namespace duct_bpf;

TEST_CASE("of a process that has ended before it could be read neither PSS nor RSS counts") {
  pid_t ended = ::fork();
  if (!ended) ::_exit(0);
  REQUIRE(::waitpid(ended, nullptr, 0) == ended);
  constexpr std::uint64_t kFarTooMuch = 1ULL << 50;  // that the last sample is said to have seen
  ProcessTree tree(0);
  tree.on(ForkEvent{.key = 1, .pid = ::getpid()});
  tree.on(ForkEvent{.key = 2, .pid = ended});
  for (Key key : {1, 2}) tree.on(LiveEvent{key, 0, kFarTooMuch, 0, 1, 'S'});

  auto sums = PhysicalMemory().read(tree);
  REQUIRE(sums);
  CHECK(sums->pss_bytes > 0);
  CHECK(sums->rss_bytes >= sums->pss_bytes);
  CHECK(sums->rss_bytes < kFarTooMuch / 1024);
  CHECK(tree.live().at(1).pss_bytes == sums->pss_bytes);
  CHECK_FALSE(tree.live().at(2).pss_bytes);
}

TEST_CASE("a tree of which nothing can be read has no sum") {
  ProcessTree tree(0);
  CHECK_FALSE(PhysicalMemory().read(tree));
}
