// SPDX-License-Identifier: MIT
#include "capture/peak_watch.hpp"

#include <algorithm>

#include "capture/machine.hpp"
#include "core/event.hpp"

namespace duct_bpf {
namespace {

constexpr std::uint64_t kFirstPeakBytes = 8 << 20;  // below, the samples have to do
constexpr std::int64_t kSettleNs = 5'000'000;       // without growth for so long, or for what a reading takes: a plateau
constexpr std::int64_t kLongestDelayNs = 60'000'000'000;  // the samples are there as well
constexpr std::uint64_t kTelling = 128;  // this part of the tree's memory is worth another look
constexpr std::uint64_t kNear = 16;      // within this part of the peak is near it
constexpr std::uint64_t kStill = 64;     // by this part it may change while it is read; PSS is off by as much at most
constexpr std::uint64_t kPageBytes = 4096, kFaultNs = 100;  // of CPU time, at least, for each page that is faulted in
constexpr int kMostWaits = 8;            // for one that is written to without end, or gets no CPU

}  // namespace

PeakWatch::PeakWatch(EventLoop& loop, Tracer& tracer, Ledger& ledger, Accountant& accountant, std::int64_t free_ns)
    : loop_(loop), tracer_(tracer), ledger_(ledger), accountant_(accountant), physical_(free_ns), start_ns_(monotonic_now_ns()) {
  tracer_.want_peak_above(kFirstPeakBytes);
}

// The tree holds more than ever. What of that is shared is told by PSS alone, which is taken when it has stopped to grow
// for a moment; of a small tree at once, as it may never stop (a build).
void PeakWatch::on_peak() {
  auto memory = tracer_.memory();
  if (!memory) return;
  tracer_.want_peak_above(memory->peak_bytes + memory->peak_bytes / kNear);
  delay_ns_ = settle_ns(memory->bytes);
  waits_ = 0;
  if (tracer_.samples_ready() && physical_.may_glance(run(accountant_.last_tree_cpu_ns()))) {
    ledger_.read_live();
    read();
  }
  timer_.cancel();  // it may be waiting long, on a plateau below
  look_later();
}

std::int64_t PeakWatch::settle_ns(std::uint64_t bytes) const { return std::max(kSettleNs, physical_.price_ns(bytes)); }

// Memory that never stops to grow is read at samples, from what the run has earned alone: the rest is for its plateaus.
void PeakWatch::on_sample(bool always) {
  if (always || (near_peak() && physical_.has_earned(run(accountant_.last_tree_cpu_ns())) &&
                 has_news(physical_.touched_bytes(ledger_.tree()), accountant_.last_tree_cpu_ns())))
    read();
}

void PeakWatch::look_later() {
  if (auto memory = tracer_.memory()) bytes_before_ = memory->bytes;
  auto timer = loop_.add_timer(static_cast<std::uint64_t>(delay_ns_), 0, [this](std::uint64_t) {
    timer_.cancel();
    if (near_peak()) look();
  });
  if (timer) timer_ = std::move(*timer);
}

void PeakWatch::look() {
  auto memory = tracer_.memory();
  if (!memory) return;
  if (memory->bytes > bytes_before_ + bytes_before_ / kTelling || !tracer_.samples_ready()) {
    delay_ns_ = settle_ns(memory->bytes);
  } else {
    ledger_.drain();
    ledger_.read_live();
    auto touched = physical_.touched_bytes(ledger_.tree());
    bool is_written_to = touched && *touched > touched_before_ + memory->bytes / kTelling;
    touched_before_ = touched.value_or(0);
    if ((is_starved() || is_written_to) && waits_++ < kMostWaits) {
      delay_ns_ += delay_ns_ / 2;
    } else {
      waits_ = 0;
      std::uint64_t cpu_ns = accountant_.tree_cpu_ns(ledger_.tree());
      if (has_news(touched, cpu_ns) && physical_.may_read(run(cpu_ns)) && !read()) {
        delay_ns_ = settle_ns(memory->bytes);
      } else {
        // Pages that were shared may become a process's own without a change of any sum: look again, ever more seldom.
        delay_ns_ = std::min(4 * delay_ns_, kLongestDelayNs);
      }
    }
  }
  look_later();
}

// On a machine that others load, too, a tree that is about to grow on does not grow for a while.
bool PeakWatch::is_starved() {
  const auto& live = ledger_.tree().live();
  std::uint64_t cpu_ns = accountant_.tree_cpu_ns(ledger_.tree());
  auto is_runnable = [](auto& each) { return state_text(each.second.state).front() == 'R'; };
  if (cpu_ns < cpu_before_ns_ + static_cast<std::uint64_t>(kSettleNs) / 2 && std::any_of(live.begin(), live.end(), is_runnable))
    return true;
  cpu_before_ns_ = cpu_ns;
  return false;
}

// PSS does not grow by more than what is mapped anew: that raises the sum, or is a page that was faulted in, which takes CPU time.
bool PeakWatch::has_news(std::optional<std::uint64_t> touched, std::uint64_t tree_cpu_ns) const {
  auto memory = tracer_.memory();
  if (!memory || memory->bytes > bytes_read_ + bytes_read_ / kTelling) return true;
  std::uint64_t telling = memory->bytes / kTelling;
  if (tree_cpu_ns < cpu_read_ns_ + telling / kPageBytes * kFaultNs) return false;
  return !touched || *touched > touched_read_ + telling;
}

bool PeakWatch::near_peak() const {
  auto memory = tracer_.memory();
  return !memory || memory->bytes >= memory->peak_bytes - memory->peak_bytes / kNear;
}

PhysicalMemory::Run PeakWatch::run(std::uint64_t tree_cpu_ns) const {
  auto memory = tracer_.memory();
  return {ledger_.tree().live().size(), memory ? memory->bytes : 0, monotonic_now_ns() - start_ns_, tree_cpu_ns};
}

// Processes are read one after the other. What they share is told right only if none maps it or ends meanwhile: of nine that come to
// share some memory, the first may be seen with all of it, the second with half and so on; of nine that end, one.
bool PeakWatch::read() {
  auto before = tracer_.memory();
  auto sums = physical_.read(ledger_.tree());
  auto after = tracer_.memory();
  if (before && after) {
    auto [low, high] = std::minmax(before->bytes, after->bytes);
    if (high - low > high / kStill) return false;
    bytes_read_ = before->bytes;
    cpu_read_ns_ = accountant_.tree_cpu_ns(ledger_.tree());
  }
  touched_read_ = physical_.touched_bytes_before();
  if (sums) accountant_.note_pss(sums->pss_bytes, sums->rss_bytes);
  return true;
}

}  // namespace duct_bpf
