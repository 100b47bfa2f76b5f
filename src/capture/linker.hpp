// SPDX-License-Identifier: MIT
// Makes what the running kernel can load out of a BPF object: libbpf works out where this kernel's structs have their fields, which
// takes a few milliseconds, and the kernel's types if these are not in the cache. The result is the same until kernel or object change.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "capture/btf_cache.hpp"
#include "capture/kernel_image.hpp"

namespace duct_bpf {

// `facts`: the types that the object needs, and BTF ids. Empty: -errno in *error, and libbpf's log says more.
std::optional<KernelImage> link(std::span<const std::byte> object, const KernelBtf& facts, int* error);

}  // namespace duct_bpf
