// SPDX-License-Identifier: MIT
#include "capture/exit_sweep.hpp"

#include <algorithm>

namespace duct_bpf {

// A process is at rest soon after its exit, and from then on it may vanish: it is looked at once, a little later.
void ExitSweep::later(std::uint64_t delay_ns) {
  if (delay_ns_) return;
  if (timer_) {
    timer_.restart(delay_ns);
  } else {
    auto timer = loop_.add_timer(delay_ns, 0, [this](std::uint64_t) { sweep(); });
    if (!timer) return;
    timer_ = std::move(*timer);
  }
  delay_ns_ = delay_ns;
}

void ExitSweep::sweep() {
  std::uint64_t delay_ns = std::exchange(delay_ns_, 0);
  ledger_.drain();
  bool storm = (ledger_.ended() - ended_before_) * kStormDelayNs >= kStormExits * std::max(delay_ns, kDelayNs);
  bool waiting = ledger_.sweep(!storm);
  ended_before_ = ledger_.ended();
  swept_(storm);
  if (storm)
    later(kStormDelayNs);
  else if (ledger_.has_exits())
    later(kDelayNs);
  else if (waiting)  // they take their time to exit (much memory, a debugger): no hurry
    later(std::min(2 * delay_ns, kSlowestNs));
}

}  // namespace duct_bpf
