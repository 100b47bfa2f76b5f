// SPDX-License-Identifier: MIT
#include "capture/maps.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>

#include "abi.h"

namespace duct_bpf {
namespace {

std::size_t read_number(const char* path) {
  std::size_t number = 0;
  if (std::FILE* file = std::fopen(path, "re")) {
    if (std::fscanf(file, "%zu", &number) != 1) number = 0;
    std::fclose(file);
  }
  return number;
}

}  // namespace

void size_maps(KernelImage& image, const TracerConfig& config, bool has_bpf_allocator, unsigned cpus) {
  // The machine's processes cannot be more than its pids. Room for 4 million, a usual limit, would cost 64 MiB and more
  // time than all the rest of the start.
  std::size_t entries = config.ledger_entries;
  if (!entries) entries = std::clamp<std::size_t>(read_number("/proc/sys/kernel/pid_max"), 4096, 65536);
  std::size_t late_news = 32768, late_chunks = 16384;
  if (!has_bpf_allocator) {
    // Before 6.1 a hash that allocates inside a tracepoint may deadlock, so all is allocated at the start.
    entries = std::min<std::size_t>(entries, 65536);
    late_news = 8192;
    late_chunks = 256;
    for (const char* hash : {"groups", "late_news", "late_execs", "exited"})
      image.map(hash).flags &= ~std::uint32_t{BPF_F_NO_PREALLOC};
  }
  auto size = [&](const char* name, std::size_t entries) { image.map(name).entries = static_cast<std::uint32_t>(entries); };
  size("groups", entries);
  size("watch_list", entries);
  size("late_news", late_news);
  size("late_execs", late_chunks);
  size("exec_scratch", cpus);
  image.map("news") = ring_map(config.ring_bytes);
  std::size_t scratch = 16 + sizeof(abi::news_exec) + abi::ABI_EXE_BYTES + config.max_argv_bytes + abi::ABI_SPILL_CHUNK;
  image.map("exec_scratch").value_bytes = static_cast<std::uint32_t>((scratch + 7) / 8 * 8);
}

KernelImage::Map ring_map(std::size_t ring_bytes) {
  KernelImage::Map ring;
  ring.name = "news";
  ring.type = BPF_MAP_TYPE_RINGBUF;
  const std::size_t page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));  // the kernel wants whole ones
  ring.entries = static_cast<std::uint32_t>(std::bit_ceil(std::max(ring_bytes, page_bytes)));
  return ring;
}

}  // namespace duct_bpf
