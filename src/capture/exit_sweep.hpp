// SPDX-License-Identifier: MIT
// When the tracer looks for processes that have exited and are at rest (Ledger::sweep).
#pragma once

#include <functional>

#include "capture/event_loop.hpp"
#include "capture/ledger.hpp"

namespace duct_bpf {

class ExitSweep {
 public:
  // `swept` is called after each look, with whether there was a storm since the one before.
  ExitSweep(EventLoop& loop, Ledger& ledger, std::function<void(bool storm)> swept)
      : loop_(loop), ledger_(ledger), swept_(std::move(swept)) {}

  // There may be news of exits.
  void on_news() {
    if (ledger_.has_exits()) later(kDelayNs);
  }

 private:
  static constexpr std::uint64_t kMillisecond = 1'000'000;
  static constexpr std::uint64_t kDelayNs = 5 * kMillisecond, kStormDelayNs = 20 * kMillisecond, kSlowestNs = 100 * kMillisecond;
  // In a storm the tree's own forks and exits end those before them: to be told of each few milliseconds would cost it more.
  static constexpr std::uint64_t kStormExits = 16;  // in kStormDelayNs

  void later(std::uint64_t delay_ns);
  void sweep();

  EventLoop& loop_;
  Ledger& ledger_;
  std::function<void(bool)> swept_;
  Timer timer_;
  std::uint64_t delay_ns_ = 0;  // 0: it is not set
  std::uint64_t ended_before_ = 0;
};

}  // namespace duct_bpf
