// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "capture/losses.hpp"

using namespace duct_bpf;

TEST_CASE("nothing lost, nothing said") {
  TracerCounts counts;
  counts.forks = counts.exits = counts.spilled = 5;  // late is not lost
  CHECK(loss_texts(counts, 0).empty());
}

TEST_CASE("each cause has a line of its own, with its number") {
  TracerCounts counts;
  counts.lost_forks_full = 11;
  counts.lost_forks_busy = 12;
  counts.lost_fork_news = 13;
  counts.lost_numbers = 14;
  counts.lost_ends = 15;
  counts.lost_argv = 16;
  counts.missed_forks = 18;
  counts.missed_execs = 19;
  counts.missed_exits = 20;
  auto texts = loss_texts(counts, 17);
  REQUIRE(texts.size() == 10);
  for (int number = 11; number <= 20; number++) {
    int lines = 0;
    for (const std::string& text : texts) lines += text.find(std::to_string(number)) != std::string::npos;
    CHECK(lines == 1);
  }
  CHECK(texts[0].find("--max-processes") != std::string::npos);
}
