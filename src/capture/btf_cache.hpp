// SPDX-License-Identifier: MIT
// Facts of the running kernel that are dear to find: its full BTF takes some 7 ms to parse, our share of it
// is a few kilobytes. They are made once per kernel build and kept in a cache that only root can have
// written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "duct_bpf/error.hpp"

struct btf;

namespace duct_bpf {

struct KernelBtf {
  std::vector<std::byte> types;    // minimal BTF
  std::uint32_t iter_task_id = 0;  // BTF id of bpf_iter_task in the kernel's own BTF; 0: no such iterator
  std::uint32_t rss_stat_id = 0;   // of the tracepoint rss_stat (btf_trace_rss_stat); 0: none
  std::uint32_t rdonly_cast_id = 0;  // of the function bpf_rdonly_cast (6.2 on); 0: none
  std::uint32_t task_struct_id = 0, mm_struct_id = 0;
  bool counts_locked_memory = false;  // maps and programs, against RLIMIT_MEMLOCK (before 5.11)
  bool has_bpf_allocator = false;  // hash maps may allocate in any context (6.1 on)
  bool has_loop = false;           // programs may call bpf_loop (5.17 on)
  bool has_percpu_rss = false;     // resident pages are counted per CPU (6.2 on)
};

// `object` is the BPF object whose kernel types the BTF must cover; its `id` and the kernel's build are the
// key. Order: the cache (RootCache); else /sys/kernel/btf/vmlinux, after which the cache is written.
Result<KernelBtf> kernel_btf(std::span<const std::byte> object, std::span<const std::byte> id, const std::string& cache_dir);

// Whether it would come from the cache.
bool is_cached(std::span<const std::byte> id, const std::string& cache_dir);

// Tracepoints and iterators that programs attach to, and whether this kernel has them. Empty: it has no BTF.
std::vector<std::pair<std::string, bool>> attach_points_of_kernel();

// The kernel's structs cut down to the fields that `local` (the object's own BTF) names; public for its test.
// Returns raw BTF.
Result<std::vector<std::byte>> minimal_btf(const btf* local, const btf* kernel);

}  // namespace duct_bpf
