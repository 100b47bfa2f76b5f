// SPDX-License-Identifier: MIT
#pragma once

#include "capture/event_loop.hpp"

namespace duct_bpf::fake {

// False: nobody stopped the loop for so long that nobody will.
inline bool run_until_stopped(EventLoop& loop) {
  bool stopped = true;
  auto guard = loop.add_timer(30'000'000'000, 0, [&](std::uint64_t) {
    stopped = false;
    loop.stop();
  });
  if (!guard) return false;
  loop.run();
  return stopped;
}

}  // namespace duct_bpf::fake
