// SPDX-License-Identifier: MIT
// How large the maps of the kernel side are.
#pragma once

#include <bpf/bpf.h>

#include <cstddef>
#include <vector>

#include "capture/kernel_image.hpp"
#include "capture/tracer.hpp"

namespace duct_bpf {

void size_maps(KernelImage& image, const TracerConfig& config, bool has_bpf_allocator, unsigned cpus);

// The ring, which has a size that is known before all else.
KernelImage::Map ring_map(std::size_t ring_bytes);

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
