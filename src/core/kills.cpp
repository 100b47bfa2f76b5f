// SPDX-License-Identifier: MIT
#include "core/kills.hpp"

#include <fmt/format.h>

namespace duct_bpf {
namespace {

constexpr std::uint64_t kMostNamed = 3;

std::string sender_text(const SignalSender& sender) {
  std::string name = sender.comm.empty() ? "a process" : sender.comm;
  return sender.pid ? fmt::format("{} (pid {}, uid {})", name, *sender.pid, sender.uid)
                    : fmt::format("{} (of another pid namespace, uid {})", name, sender.uid);
}

}  // namespace

void Kills::List::add(std::string text) {
  if (count++ >= kMostNamed) return;
  if (!first.empty()) first += ", ";
  first += text;
}

std::string Kills::List::text() const {
  return count > kMostNamed ? fmt::format("{} and {} more", first, count - kMostNamed) : first;
}

void Kills::add(const Process& process) {
  bool killed = process.killed_by && process.killed_by->pid != process.pid;
  if (!process.oom_victim && !killed) return;  // nearly all
  std::string name = fmt::format("{} (pid {})", process.comm, process.pid);
  if (process.oom_victim)
    out_of_memory_.add(std::move(name));
  else
    killed_.add(name + " by " + sender_text(*process.killed_by));
}

}  // namespace duct_bpf
