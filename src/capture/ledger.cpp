// SPDX-License-Identifier: MIT
#include "capture/ledger.hpp"

#include <poll.h>

#include <algorithm>

#include "capture/machine.hpp"

namespace duct_bpf {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void Ledger::on_message(std::span<const std::byte> message) {
  auto event = decode(message);
  if (!event) {
    malformed_++;
    return;
  }
  std::visit(Overloaded{
                 [&](const ForkEvent& fork) {
                   tree_.on(fork);
                   if (fork.adopted) adopted_.push_back(fork.key);
                 },
                 [&](const ExecEvent& exec) {
                   tree_.on(exec);
                   if (exec.key == watched_ && !exec_boot_ns_) exec_boot_ns_ = exec.time_boot_ns;
                 },
                 [&](const LiveEvent& live) { tree_.on(live); },
                 [&](ProcessEvent& process) {
                   if (!process.final) {
                     states_.push_back(std::move(process));
                     return;
                   }
                   if (reading_states_) ended_meanwhile_.insert(process.key);
                   hand_out(std::move(process));
                 },
                 [&](const ExitEvent&) { has_exits_ = true; },
                 [&](const PeakEvent&) { has_peak_ = true; },
             },
             *event);
}

void Ledger::hand_out(ProcessEvent event) {
  bool final = event.final, has_image = event.image_id != 0;
  std::uint64_t peak = event.tree_peak, rss_at_peak = event.rss_at_tree_peak;
  auto known = tree_.on(std::move(event));
  // Of an adopted process /proc tells, or does not; an exec's news must have come.
  if (has_image && !known.process.image && known.process.num_execs.value_or(0)) missing_images_++;
  if (known.process.alive)
    alive_++;
  else
    ended_++;
  if (final)
    accountant_.ended(known.process, known.entry);
  else
    accountant_.left_over(known.process, known.entry);
  peak_holders_.add(peak, rss_at_peak, known.process, known.image_at_peak.get());
  listener_.on_process_end(known.process);
}

void Ledger::drain() {
  tracer_.drain([this](std::span<const std::byte> message) { on_message(message); });
}

bool Ledger::read_live() {
  return tracer_.read_live(tree_, [this](std::span<const std::byte> message) { on_message(message); });
}

void Ledger::take_adopted() {
  drain();
  for (Key key : adopted_) {
    auto found = tree_.live().find(key);
    if (found == tree_.live().end() || found->second.image) continue;
    if (auto image = running_image(found->second.pid)) tree_.set_adopted_image(key, std::move(image));
  }
  states_.clear();
  tracer_.read_states([this](std::span<const std::byte> message) { on_message(message); });
  for (const ProcessEvent& state : states_) {
    auto found = tree_.live().find(state.key);
    if (found == tree_.live().end() || !found->second.adopted) continue;
    const Usage& usage = state.process.usage;
    LiveEntry& entry = found->second;
    entry.cpu_ns = entry.cpu_before_ns = entry.window_start_cpu_ns = usage.cpu_time.value_or(0);
    entry.user_before_ns = usage.user_time.value_or(0);
    entry.system_before_ns = usage.system_time.value_or(0);
  }
  states_.clear();
  adopted_.clear();
}

bool Ledger::sweep(bool listen) {
  has_exits_ = false;
  if (listen) tracer_.want_exits();
  bool waiting = tracer_.end_exits();
  drain();
  return waiting;
}

void Ledger::finish(const std::function<bool(std::int64_t)>& may_wait) {
  Tracer::Left left;
  for (;;) {
    drain();
    left = tracer_.finish_all();
    drain();
    // In the middle of an exit, or between the ledger and the ring: nothing tells when that is over, so look again soon.
    TracerCounts counts = tracer_.counts();
    bool missing = ended_ + alive_ + left.alive.size() + left.exiting.size() < counts.forks + counts.adopted;
    if ((left.exiting.empty() && !missing) || !may_wait(monotonic_now_ns())) break;
    ::poll(nullptr, 0, 1);
  }
  if (!left.alive.empty() || !left.exiting.empty()) record_left(std::move(left));
}

void Ledger::record_left(Tracer::Left left) {
  constexpr int kMostLooks = 100;
  states_.clear();
  reading_states_ = true;
  auto is_told = [&](Key key) {
    return ended_meanwhile_.contains(key) || std::any_of(states_.begin(), states_.end(), [&](auto& state) { return state.key == key; });
  };
  auto is_missing = [&](Key key) { return !is_told(key); };
  // Who has joined meanwhile, by a fork under way when the run was closed, or has ended before it was come to, is in none of the
  // states: all of the ledger is asked again behind each reading of them.
  for (int looks = 0;; looks++) {
    tracer_.read_states([this](std::span<const std::byte> message) { on_message(message); });
    Tracer::Left now = tracer_.finish_all();
    drain();
    left.exiting.insert(left.exiting.end(), now.exiting.begin(), now.exiting.end());
    left.adopted = now.adopted;
    // One that was on its way out when it was adopted, and whose exit had gone by, is never told of.
    bool all_told = std::none_of(now.alive.begin(), now.alive.end(), [&](Key key) {
      return is_missing(key) && (looks < 2 || std::find(now.adopted.begin(), now.adopted.end(), key) == now.adopted.end());
    });
    if (all_told || looks == kMostLooks) break;
    ::poll(nullptr, 0, 1);
  }
  std::sort(left.exiting.begin(), left.exiting.end());
  left.exiting.erase(std::unique(left.exiting.begin(), left.exiting.end()), left.exiting.end());
  // What the ledger says of an exec, and that of an end, is there a moment before the message.
  auto on_its_way = [&] {
    drain();
    TracerCounts counts = tracer_.counts();
    auto without_image = std::count_if(states_.begin(), states_.end(), [&](const ProcessEvent& state) {
      return state.image_id && state.process.num_execs.value_or(0) && !tree_.has_image(state.image_id);
    });
    return (counts.counted && missing_images_ + static_cast<std::uint64_t>(without_image) > counts.lost_argv) ||
           std::any_of(left.exiting.begin(), left.exiting.end(), is_missing);
  };
  for (int looks = 0; on_its_way() && looks < kMostLooks; looks++) ::poll(nullptr, 0, 1);
  for (Key key : left.exiting)
    if (is_missing(key)) tracer_.give_up(key, [this](std::span<const std::byte> message) { on_message(message); });
  // See above: it was never there.
  never_there_ += static_cast<std::uint64_t>(std::count_if(left.adopted.begin(), left.adopted.end(), is_missing));
  // Who ended since has been handed out with its final numbers.
  std::erase_if(states_, [&](const ProcessEvent& state) { return ended_meanwhile_.contains(state.key); });
  // A group may be visited twice in a pass when its threads come and go: the last word counts.
  std::reverse(states_.begin(), states_.end());
  std::stable_sort(states_.begin(), states_.end(), [](auto& a, auto& b) { return a.key < b.key; });
  states_.erase(std::unique(states_.begin(), states_.end(), [](auto& a, auto& b) { return a.key == b.key; }),
                states_.end());
  auto states = std::move(states_);
  states_.clear();
  for (ProcessEvent& state : states) hand_out(std::move(state));
}

std::vector<LiveProcess> Ledger::live_processes() const {
  std::vector<LiveProcess> list;
  list.reserve(tree_.live().size());
  for (auto& [key, entry] : tree_.live())
    list.push_back({entry.id, entry.pid, entry.start_ns, state_text(entry.state), entry.cpu_ns, entry.rss_bytes,
                    entry.vsz_bytes, entry.pss_bytes});
  return list;
}

Completeness Ledger::completeness(const TracerCounts& counts) const {
  Completeness complete;
  complete.counted = counts.counted;
  std::uint64_t known = counts.forks + counts.adopted - never_there_;  // the root among them
  complete.forks = known ? known - 1 : 0;
  complete.execs = counts.execs;
  complete.exits = ended_;
  complete.alive_at_end = alive_;
  complete.lost_forks = counts.lost_forks_full + counts.lost_forks_busy + counts.missed_forks +
                        counts.lost_fork_news;
  complete.lost_execs = counts.missed_execs;
  // Whoever entered the ledger must have come out of it, with its numbers.
  std::uint64_t accounted = ended_ + alive_;
  complete.lost_exits = (known > accounted ? known - accounted : 0) + counts.lost_numbers;
  complete.lost_argv = std::max(counts.lost_argv, missing_images_);
  complete.spilled = counts.spilled;
  return complete;
}

}  // namespace duct_bpf
