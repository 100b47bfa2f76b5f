// SPDX-License-Identifier: MIT
// The maps of the kernel side: how large they are, and those that are made beside other work because that takes its time.
#pragma once

#include <bpf/bpf.h>

#include <cstddef>
#include <future>
#include <vector>

#include "capture/fd.hpp"
#include "capture/skeleton.hpp"
#include "capture/tracer.hpp"
#include "capture/workers.hpp"

namespace duct_bpf {

// Before the object is loaded. Returns how many processes the ledger has room for.
std::size_t size_maps(duct_bpf_obj& object, const TracerConfig& config, bool has_bpf_allocator, unsigned cpus);

// The ring's memory takes half a millisecond to be had: `workers` do that while libbpf reads the object and create_large_maps makes
// the next larger ones. What cannot be made here is left to libbpf, which raises the limit on locked memory (before 5.11); and all
// of it where there is but one CPU.
std::shared_future<Fd> create_news(Workers& workers, std::size_t ring_bytes);
void create_large_maps(duct_bpf_obj& object, const std::shared_future<Fd>& news);

// Keys of a hash that the kernel side may be adding to.
template <typename Key>
std::vector<Key> all_keys(int map_fd) {
  std::vector<Key> keys;
  Key key;
  for (const Key* previous = nullptr; bpf_map_get_next_key(map_fd, previous, &key) == 0; previous = &keys.back())
    keys.push_back(key);
  return keys;
}

}  // namespace duct_bpf
