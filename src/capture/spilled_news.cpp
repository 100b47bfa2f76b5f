// SPDX-License-Identifier: MIT
#include "capture/spilled_news.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "abi.h"
#include "capture/machine.hpp"
#include "capture/maps.hpp"

namespace duct_bpf {

std::uint64_t SpilledNews::time_of(std::span<const std::byte> message) {
  abi::news_header header{};
  if (message.size() >= sizeof header) std::memcpy(&header, message.data(), sizeof header);
  return header.time_ns;
}

bool SpilledNews::collect() {
  const std::uint64_t count = __atomic_load_n(count_, __ATOMIC_ACQUIRE);
  if (count == collected_) return false;
  collected_ = count;
  collected_before_ns_ = boot_now_ns();

  for (std::uint64_t number : all_keys<std::uint64_t>(news_fd_)) {
    abi::news_process news;
    if (bpf_map_lookup_elem(news_fd_, &number, &news)) continue;
    bpf_map_delete_elem(news_fd_, &number);
    messages_.emplace_back(reinterpret_cast<const char*>(&news), sizeof news);
  }

  // Pieces of exec messages come in any order; one whose pieces are not all there yet is completed the next time.
  std::map<std::uint64_t, std::vector<abi::chunk_key>> pieces;
  for (const abi::chunk_key& key : all_keys<abi::chunk_key>(execs_fd_)) pieces[key.image_id].push_back(key);
  for (auto& [image, keys] : pieces) {
    if (keys.size() != keys[0].parts) continue;
    std::string message(keys.size() * abi::ABI_SPILL_CHUNK, '\0');
    for (const abi::chunk_key& key : keys) {
      bpf_map_lookup_elem(execs_fd_, &key, message.data() + static_cast<std::size_t>(key.part) * abi::ABI_SPILL_CHUNK);
      bpf_map_delete_elem(execs_fd_, &key);
    }
    messages_.push_back(std::move(message));
  }
  std::ranges::stable_sort(messages_, {}, [](auto& each) { return time_of(std::as_bytes(std::span(each))); });
  return true;
}

void SpilledNews::hand_out(std::uint64_t until_ns, const Tracer::Sink& sink) {
  // Of what came while it was collected, something earlier may not have been found: it has to wait for the next time.
  until_ns = std::min(until_ns, collected_before_ns_);
  auto last = std::ranges::find_if(messages_, [&](auto& each) { return time_of(std::as_bytes(std::span(each))) > until_ns; });
  for (auto each = messages_.begin(); each != last; ++each) sink(std::as_bytes(std::span(*each)));
  messages_.erase(messages_.begin(), last);
}

void SpilledNews::hand_out_all(const Tracer::Sink& sink) {
  // Without this a message spilled while we were collecting would wait for the next one of the ring.
  if (!messages_.empty()) collected_before_ns_ = boot_now_ns();
  hand_out(~std::uint64_t{0}, sink);
}

}  // namespace duct_bpf
