// SPDX-License-Identifier: MIT
// Who held how much at the peak: told by processes one after the other, as they end.
#include <catch2/catch.hpp>

#include "core/peak_holders.hpp"

using namespace duct_bpf;

namespace {

Process process(pid_t pid) {
  Process process;
  process.pid = pid;
  process.start_ns = pid * 1000;
  process.comm = "comm";
  return process;
}

std::vector<pid_t> pids(const std::vector<PeakHolder>& holders) {
  std::vector<pid_t> list;
  for (auto& holder : holders) list.push_back(holder.pid);
  return list;
}

using Pids = std::vector<pid_t>;

}  // namespace

TEST_CASE("holders of the last maximum, the largest first") {
  PeakHolders holders;
  CHECK(holders.at(0).empty());
  holders.add(5, 100, process(1), nullptr);  // ended before the maximum number 7
  holders.add(7, 30, process(2), nullptr);
  holders.add(6, 900, process(3), nullptr);  // ended before, told later
  holders.add(7, 50, process(4), nullptr);
  holders.add(7, 0, process(5), nullptr);    // was not there, or had nothing
  holders.add(7, 30, process(6), nullptr);
  CHECK(pids(holders.at(7)) == Pids{4, 2, 6});
  CHECK(holders.at(7)[0].rss_bytes == 50);
  CHECK(holders.at(7)[0].start_ns == 4000);
  CHECK(holders.at(6).empty());
  CHECK(holders.at(8).empty());  // of whoever held it nobody has told
}

TEST_CASE("a holder is named by the image that it was then") {
  PeakHolders holders;
  Image image;
  image.argv = {"cc", "-c", "x.c"};
  holders.add(1, 20, process(1), &image);
  holders.add(1, 10, process(2), nullptr);
  CHECK(holders.at(1)[0].command == "cc -c x.c");
  CHECK(holders.at(1)[1].command == "[comm]");
}

TEST_CASE("only the largest holders are kept, whatever their order") {
  for (int step : {1, 7, 29}) {
    PeakHolders holders;
    for (int i = 0; i < 30; i++) {
      int size = 1 + i * step % 30;
      holders.add(3, static_cast<std::uint64_t>(size), process(size), nullptr);
    }
    CHECK(pids(holders.at(3)) == Pids{30, 29, 28, 27, 26, 25, 24, 23, 22, 21});
  }
}
