// SPDX-License-Identifier: MIT
#include "core/process_tree.hpp"

namespace duct_bpf {

void ProcessTree::use_image(LiveEntry& entry, ImageId id) {
  entry.image_id = id;
  if (!id) return;
  SharedImage& shared = images_[id];
  shared.users++;
  entry.image = shared.image;
}

void ProcessTree::drop_image(ImageId id) {
  auto found = images_.find(id);
  if (found != images_.end() && --found->second.users == 0) images_.erase(found);
}

bool ProcessTree::has_image(ImageId id) const {
  auto found = images_.find(id);
  return found != images_.end() && found->second.image;
}

void ProcessTree::on(const ForkEvent& fork) {
  LiveEntry& entry = live_[fork.key];
  changes_++;
  // A key comes again only after its process has left the ledger; if the news of that was lost, the old one ends here.
  if (entry.id) {
    drop_image(entry.image_id);
    entry = {};
  }
  entry.id = next_id_++;
  entry.pid = fork.pid;
  entry.ppid = fork.ppid;
  entry.depth = fork.depth;
  entry.adopted = fork.adopted;
  entry.start_ns = wall_ns(fork.start_boot_ns);
  use_image(entry, fork.image_id);
}

void ProcessTree::on(const ExecEvent& exec) {
  auto found = live_.find(exec.key);
  if (found == live_.end()) return;  // its fork news was lost; its end will tell the rest
  LiveEntry& entry = found->second;
  ImageId old = entry.image_id;
  constexpr std::size_t kMostEarlier = 4;
  if (entry.earlier_images.size() == kMostEarlier) entry.earlier_images.erase(entry.earlier_images.begin());
  entry.earlier_images.emplace_back(old, entry.image);
  images_[exec.image_id].image = exec.image;
  use_image(entry, exec.image_id);
  drop_image(old);
}

void ProcessTree::on(const LiveEvent& live) {
  auto found = live_.find(live.key);
  if (found == live_.end()) return;
  LiveEntry& entry = found->second;
  entry.cpu_ns = live.cpu_ns;
  entry.rss_bytes = live.rss_bytes;
  entry.vsz_bytes = live.vsz_bytes;
  entry.threads = live.threads;
  entry.state = live.state;
}

void ProcessTree::set_adopted_image(Key key, std::shared_ptr<const Image> image) {
  auto found = live_.find(key);
  if (found == live_.end() || !found->second.image_id) return;
  images_[found->second.image_id].image = image;
  // Children that were forked from it before this moment share it.
  for (auto& [other, entry] : live_)
    if (entry.image_id == found->second.image_id) entry.image = image;
}

ProcessTree::Known ProcessTree::on(ProcessEvent event) {
  Known known{std::move(event.process), std::nullopt, nullptr};
  Process& process = known.process;
  process.start_ns = wall_ns(event.start_boot_ns);
  process.end_ns = wall_ns(event.end_boot_ns);
  process.alive = !event.exited;
  // Where the news of its last exec was lost the image is unknown, not the one before.
  if (auto shared = images_.find(event.image_id); shared != images_.end()) process.image = shared->second.image;
  auto found = live_.find(event.key);
  if (event.image_at_tree_peak == event.image_id) {
    known.image_at_peak = process.image;
  } else if (found != live_.end()) {
    for (auto& [id, image] : found->second.earlier_images)
      if (id == event.image_at_tree_peak) known.image_at_peak = image;
  }
  if (found != live_.end() && found->second.pid == process.pid && found->second.start_ns == process.start_ns) {
    if (event.final) {
      known.entry = std::move(found->second);
      live_.erase(found);
      changes_++;
      drop_image(known.entry->image_id);
    } else {
      known.entry = found->second;
    }
  }
  return known;
}

}  // namespace duct_bpf
