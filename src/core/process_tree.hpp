// SPDX-License-Identifier: MIT
// The tree as it is known in user space: who lives, what it runs, what it used at the last look. Pure: fed with events,
// asked for what it knows. Ended processes leave it at once, so that its size follows the live tree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/event.hpp"

namespace duct_bpf {

// What one report window has seen of a live process so far (see window.hpp).
struct Sighting {
  std::uint64_t window = 0;  // number of the window that the rest belongs to
  double pcpu_max = 0;
  std::uint64_t rss_max = 0, vsz_max = 0;
  std::optional<std::uint64_t> pss_max;
  std::int64_t last_seen_ns = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> states;  // live_state, how often
};

struct LiveEntry {
  std::uint64_t id = 0;  // unique within the run
  pid_t pid = 0, ppid = 0;
  std::uint32_t depth = 0;
  bool adopted = false;
  std::int64_t start_ns = 0;  // wall
  ImageId image_id = 0;
  std::shared_ptr<const Image> image;
  std::vector<std::pair<ImageId, std::shared_ptr<const Image>>> earlier_images;  // the last few
  // As of the last sample.
  std::uint64_t cpu_ns = 0, rss_bytes = 0, vsz_bytes = 0;
  std::uint32_t threads = 1;
  std::uint32_t state = 'R';
  std::optional<std::uint64_t> pss_bytes;
  std::uint64_t faults = 0;  // page faults, when they were last looked at
  // What an adopted process had used before recording began.
  std::uint64_t cpu_before_ns = 0, user_before_ns = 0, system_before_ns = 0;
  // For the report.
  std::uint64_t window_start_cpu_ns = 0;  // at the start of the present window; 0 if it began in it
  Sighting sighting;
};

class ProcessTree {
 public:
  // `boot_to_wall_ns` turns the boot clock into wall time: read once, so that times keep their order if the clock is set.
  explicit ProcessTree(std::int64_t boot_to_wall_ns) : boot_to_wall_ns_(boot_to_wall_ns) {}

  void on(const ForkEvent& fork);
  void on(const ExecEvent& exec);
  void on(const LiveEvent& live);
  // The process complete with image and wall times. `entry` is what was known of it while it lived: taken out of the
  // tree if the event is final, otherwise left.
  struct Known {
    Process process;
    std::optional<LiveEntry> entry;
    std::shared_ptr<const Image> image_at_peak;
  };
  Known on(ProcessEvent event);

  // Gives an adopted process the image that /proc showed for it.
  void set_adopted_image(Key key, std::shared_ptr<const Image> image);

  std::unordered_map<Key, LiveEntry>& live() { return live_; }
  const std::unordered_map<Key, LiveEntry>& live() const { return live_; }
  std::uint64_t changes() const { return changes_; }  // another number: processes have come or gone
  bool has_image(ImageId id) const;           // the news of that exec has come, and somebody still runs it
  std::size_t images() const { return images_.size(); }
  std::int64_t wall_ns(std::uint64_t boot_ns) const { return static_cast<std::int64_t>(boot_ns) + boot_to_wall_ns_; }

 private:
  struct SharedImage {
    std::shared_ptr<const Image> image;
    std::size_t users = 0;
  };
  void use_image(LiveEntry& entry, ImageId id);
  void drop_image(ImageId id);

  std::int64_t boot_to_wall_ns_;
  std::uint64_t next_id_ = 1, changes_ = 0;
  std::unordered_map<Key, LiveEntry> live_;
  std::unordered_map<ImageId, SharedImage> images_;
};

}  // namespace duct_bpf
