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
using duct_bpf::abi::cpu_looks;
using duct_bpf::abi::cpu_peak;
using duct_bpf::abi::found_child;
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

// Of its content, worked out when it was built.
inline std::span<const std::byte> object_id(Reads reads) {
  static constexpr char kByHelper[] =
#include "duct.id.h"
      ;
  static constexpr char kDirect[] =
#include "duct_direct.id.h"
      ;
  return std::as_bytes(reads == Reads::direct ? std::span(kDirect) : std::span(kByHelper));
}

}  // namespace duct_bpf
