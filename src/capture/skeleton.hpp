// SPDX-License-Identifier: MIT
// The kernel side as it is built into this program: one source, compiled twice (bpf/read.bpf.h).
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <span>

#include "abi.h"

// The skeletons name the object's types as C does.
using u64 = unsigned long long;
using duct_bpf::abi::counters;
using duct_bpf::abi::cpu_peak;
using duct_bpf::abi::group_slot;
using duct_bpf::abi::news_process;
using duct_bpf::abi::tree_memory;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "duct.skel.h"
#include "duct_direct.skel.h"
#pragma GCC diagnostic pop

namespace duct_bpf {

enum class Reads { by_helper, direct };

inline std::span<const std::byte> object_bytes(Reads reads) {
  std::size_t size = 0;
  const void* data = reads == Reads::direct ? duct_direct_bpf_obj::elf_bytes(&size) : duct_bpf_obj::elf_bytes(&size);
  return {static_cast<const std::byte*>(data), size};
}

// An object from the bytes of either, by the skeleton of the first: maps, programs and variables are the same (the build compares them). nullptr: errno.
inline duct_bpf_obj* open_object(std::span<const std::byte> bytes, const bpf_object_open_opts& options) {
  auto* object = static_cast<duct_bpf_obj*>(std::calloc(1, sizeof(duct_bpf_obj)));
  int error = object ? duct_bpf_obj__create_skeleton(object) : -ENOMEM;
  if (!error) {
    object->skeleton->data = bytes.data();
    object->skeleton->data_sz = bytes.size();
    error = bpf_object__open_skeleton(object->skeleton, &options);
  }
  if (!error) return object;
  duct_bpf_obj::destroy(object);
  errno = -error;
  return nullptr;
}

}  // namespace duct_bpf
