// SPDX-License-Identifier: MIT
// The maps of the kernel side: how large they are, and those that are made beside other work because that takes its time.
#pragma once

#include <cstddef>
#include <future>

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

}  // namespace duct_bpf
