// SPDX-License-Identifier: MIT
// A made-up tracer that says what a test has put into it, the messages for that, and a ledger that listens to it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi.h"
#include "capture/ledger.hpp"

namespace duct_bpf::fake {

using Bytes = std::vector<std::byte>;
inline constexpr std::int64_t kBootToWall = 1'700'000'000'000'000'000;

template <typename T>
Bytes bytes_of(T message, std::string_view tail = {}) {
  message.header.size = static_cast<std::uint32_t>(sizeof message + tail.size());
  Bytes bytes(message.header.size);
  std::memcpy(bytes.data(), &message, sizeof message);
  if (!tail.empty()) std::memcpy(bytes.data() + sizeof message, tail.data(), tail.size());
  return bytes;
}

// Where nothing else is said, a group's pid is its key.
inline Bytes fork_news(Key key, ImageId image = 0, std::uint32_t flags = 0, pid_t pid = 0) {
  abi::news_fork fork{};
  fork.header.kind = abi::NEWS_FORK;
  fork.key = key;
  fork.image_id = image;
  fork.start_ns = key;
  fork.pid = pid ? pid : static_cast<pid_t>(key);
  fork.flags = flags;
  return bytes_of(fork);
}
inline Bytes exec_news(Key key, ImageId image, std::string_view exe) {
  abi::news_exec exec{};
  exec.header.kind = abi::NEWS_EXEC;
  exec.key = key;
  exec.image_id = image;
  exec.exe_bytes = static_cast<std::uint32_t>(exe.size());
  return bytes_of(exec, exe);
}
inline Bytes process_news(std::uint32_t kind, Key key, ImageId image = 0, std::uint32_t flags = 0,
                          std::uint64_t cpu = 0, pid_t pid = 0) {
  abi::news_process news{};
  news.header.kind = kind;
  news.key = key;
  news.info.image_id = image;
  news.info.start_ns = key;
  news.info.end_ns = key + 50;
  news.info.pid = pid ? pid : static_cast<pid_t>(key);
  news.info.flags = flags;
  news.usage.cpu_time = cpu;
  news.usage.user_time = cpu;
  return bytes_of(news);
}
inline Bytes end_news(Key key, ImageId image = 0) {
  return process_news(abi::NEWS_END, key, image, abi::PROC_EXITED, 10);
}
inline Bytes state_news(Key key, std::uint32_t flags = 0, std::uint64_t cpu = 10, pid_t pid = 0) {
  return process_news(abi::NEWS_STATE, key, 0, flags, cpu, pid);
}
inline Bytes exit_news() {
  abi::news_sign exit{};
  exit.header.kind = abi::NEWS_EXIT;
  return bytes_of(exit);
}
inline Bytes live_news(Key key, std::uint64_t cpu, std::uint64_t rss, char state = 'S') {
  abi::news_live live{};
  live.header.kind = abi::NEWS_LIVE;
  live.key = key;
  live.cpu_ns = cpu;
  live.rss_bytes = rss;
  live.threads = 1;
  live.state = static_cast<unsigned char>(state);
  return bytes_of(live);
}

struct FakeTracer : Tracer {
  Result<duct_bpf::CommandEntry> take_command(pid_t) override { return duct_bpf::CommandEntry{}; }
  Result<std::uint64_t> adopt_session() override { return std::uint64_t{0}; }
  Result<std::uint64_t> adopt_process(pid_t) override { return std::uint64_t{0}; }
  void close() override {}
  int news_fd() const override { return -1; }
  void drain(const Sink& sink) override {
    auto messages = std::exchange(news, {});
    if (states_read && ++looks && !after_states.empty()) {
      messages.insert(messages.end(), after_states.front().begin(), after_states.front().end());
      after_states.pop_front();
    }
    for (auto& message : messages) sink(message);
  }
  bool read_live(const duct_bpf::ProcessTree&, const Sink& sink) override {
    if (at_read_live) at_read_live();
    lives_read++;
    for (auto& message : live) sink(message);
    return live_readable;
  }
  bool read_states(const Sink& sink) override {
    if (states_read++ && !later_states.empty()) {
      states = later_states.front();
      later_states.pop_front();
    }
    for (auto& message : states) sink(message);
    return true;
  }
  bool end_exits() override {
    ends_asked++;
    for (auto& end : std::exchange(at_rest, {})) news.push_back(end);
    return not_at_rest;
  }
  Left finish_all() override {
    if (passes.empty()) return {};
    Left left = passes.front().first;
    for (auto& message : passes.front().second) news.push_back(message);
    passes.pop_front();
    return left;
  }
  void give_up(std::uint64_t key, const Sink& sink) override {
    given_up.push_back(key);
    sink(state_news(static_cast<pid_t>(key), abi::PROC_EXITED, ABI_ABSENT));
  }
  void want_exits() override { exits_wanted++; }
  TracerCounts counts() const override { return counted; }
  std::optional<TreeMemory> memory() const override { return tell_memory ? tell_memory() : std::nullopt; }

  bool prepare_memory_rest() override {
    rest_steps += 'p';
    return may_rest;
  }
  bool rest_memory(bool rest) override {
    if (!rest && !comes_back) return false;
    rest_steps += rest ? 'r' : 'b';
    return true;
  }
  MemoryLooks take_memory_looks() override {
    rest_steps += 'l';
    auto taken = std::exchange(memory_looks, {});
    taken.max_live = counted.live;
    return taken;
  }

  std::vector<Bytes> news, live, states;
  std::deque<std::vector<Bytes>> later_states;  // what read_states brings from the second time on
  std::deque<std::vector<Bytes>> after_states;  // what each drain after read_states brings
  std::vector<Bytes> at_rest;  // what the next end_exits brings
  bool not_at_rest = false;    // what it says of others
  std::deque<std::pair<Left, std::vector<Bytes>>> passes;  // what each finish_all leaves and brings
  TracerCounts counted;
  bool live_readable = true;
  std::vector<std::uint64_t> given_up;
  int looks = 0;  // drains after read_states
  int states_read = 0, lives_read = 0, exits_wanted = 0, ends_asked = 0;
  std::function<std::optional<TreeMemory>()> tell_memory;
  MemoryLooks memory_looks;  // what the next take_memory_looks brings
  bool may_rest = true, comes_back = true;
  std::string rest_steps;  // in their order: prepare, rest, back, look
  std::function<void()> at_read_live;  // may change what it brings
};

struct Scene : LedgerListener {
  void on_process_end(const Process& process) override { handed_out.push_back(process); }
  void drain(std::initializer_list<Bytes> messages) {
    tracer.news.insert(tracer.news.end(), messages);
    ledger.drain();
  }
  std::vector<pid_t> pids() const {
    std::vector<pid_t> pids;
    for (auto& process : handed_out) pids.push_back(process.pid);
    return pids;
  }
  std::string exe(std::size_t i) const {
    return handed_out.at(i).image ? handed_out[i].image->exe : "(unknown)";
  }
  Summary summary() const {
    Summary summary;
    accountant.summarize(summary);
    return summary;
  }

  FakeTracer tracer;
  Accountant accountant{{4, 1000}, 1000, kBootToWall};
  Ledger ledger{tracer, kBootToWall, accountant, *this};
  std::vector<Process> handed_out;
};

}  // namespace duct_bpf::fake
