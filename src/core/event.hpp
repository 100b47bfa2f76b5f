// SPDX-License-Identifier: MIT
// Decodes the tracer's bytes (bpf/abi.h) into events. Pure: no libbpf, no clock, no file. What is malformed is refused
// and counted by the caller; nothing is cast before its length was checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "duct_bpf/profile.hpp"

namespace duct_bpf {

using Key = std::uint64_t;      // a thread group, as long as it is in the ledger
using ImageId = std::uint64_t;  // one exec; 0: none was seen

struct ForkEvent {
  Key key = 0, parent_key = 0;
  ImageId image_id = 0;
  std::uint64_t start_boot_ns = 0;
  pid_t pid = 0, ppid = 0, pid_ns = 0;
  std::uint32_t depth = 0;
  bool adopted = false;
};

struct ExecEvent {
  Key key = 0;
  ImageId image_id = 0;
  std::uint64_t time_boot_ns = 0;
  std::shared_ptr<const Image> image;
};

// The whole of what the ledger knows of a group: when it ended, or as it is now.
struct ProcessEvent {
  Key key = 0;
  ImageId image_id = 0;
  std::uint64_t start_boot_ns = 0, end_boot_ns = 0;
  bool final = false;    // the group is gone
  bool exited = false;   // exit status is valid
  std::uint64_t tree_peak = 0;  // number of the maximum of the tree's memory at which it had rss_at_tree_peak bytes
  std::uint64_t rss_at_tree_peak = 0;
  ImageId image_at_tree_peak = 0;
  Process process;       // image, start_ns, end_ns and alive are for the tree to fill in
};

struct LiveEvent {
  Key key = 0;
  std::uint64_t cpu_ns = 0, rss_bytes = 0, vsz_bytes = 0;
  std::uint32_t threads = 0;
  std::uint32_t state = 0;  // for state_text
};

// There are exits to look at (Tracer::end_exits).
struct ExitEvent {};

// The tree's memory is at a high that was asked for (Tracer::want_peak_above).
struct PeakEvent {};

using Event = std::variant<ForkEvent, ExecEvent, ProcessEvent, LiveEvent, ExitEvent, PeakEvent>;

// Empty: too short for what it says it is, of an unknown kind, or of a time that cannot be.
std::optional<Event> decode(std::span<const std::byte> message);

// As ps prints STAT: "S", "Ss", "R+", "SNl".
std::string state_text(std::uint32_t live_state);

// Words of an argument area: each ended by NUL, the last one perhaps not.
std::vector<std::string> split_argv(std::string_view area);

// User and system ticks scaled so that they add up to the exact `cpu`, as the kernel's getrusage does.
void scale_times(std::uint64_t cpu_ns, std::uint64_t& user_ns, std::uint64_t& system_ns);

}  // namespace duct_bpf
