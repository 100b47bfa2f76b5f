// SPDX-License-Identifier: MIT
#include "capture/maps.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <memory>

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

std::uint32_t ring_size(std::size_t wish) { return static_cast<std::uint32_t>(std::bit_ceil(std::max<std::size_t>(wish, 4096))); }

Fd create(const bpf_map* map) {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = bpf_map__map_flags(map);
  return Fd(bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map), bpf_map__value_size(map),
                           bpf_map__max_entries(map), &options));
}

void use(bpf_map* map, const Fd& made) {
  if (made) bpf_map__reuse_fd(map, made.get());
}

}  // namespace

std::size_t size_maps(duct_bpf_obj& object, const TracerConfig& config, bool has_bpf_allocator, unsigned cpus) {
  auto& maps = object.maps;
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
    for (bpf_map* map : {maps.groups, maps.late_news, maps.late_execs, maps.exited})
      bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~BPF_F_NO_PREALLOC);
  }
  bpf_map__set_max_entries(maps.groups, entries);
  bpf_map__set_max_entries(maps.late_news, late_news);
  bpf_map__set_max_entries(maps.late_execs, late_chunks);
  bpf_map__set_max_entries(maps.news, ring_size(config.ring_bytes));
  bpf_map__set_max_entries(maps.exec_scratch, cpus);
  std::size_t scratch = 16 + sizeof(abi::news_exec) + abi::ABI_EXE_BYTES + config.max_argv_bytes + abi::ABI_SPILL_CHUNK;
  bpf_map__set_value_size(maps.exec_scratch, (scratch + 7) / 8 * 8);
  return entries;
}

std::shared_future<Fd> create_news(Workers& workers, std::size_t ring_bytes) {
  if (!workers.threads()) return {};
  auto created = std::make_shared<std::promise<Fd>>();
  workers.add(0, [created, size = ring_size(ring_bytes)] {
    created->set_value(Fd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "news", 0, 0, size, nullptr)));
  });
  return created->get_future();
}

void create_large_maps(duct_bpf_obj& object, const std::shared_future<Fd>& news) {
  if (!news.valid()) return;
  for (bpf_map* map : {object.maps.groups, object.maps.rss_seen}) use(map, create(map));
  use(object.maps.news, news.get());
}

}  // namespace duct_bpf
