// SPDX-License-Identifier: MIT
// What of bpf(2) the loading of an image needs. libbpf's own functions would first try out what the kernel knows, by programs that they
// load, which takes longer than the calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "capture/fd.hpp"
#include "capture/kernel_image.hpp"

namespace duct_bpf {

// No descriptor: errno.
Fd create_map(const KernelImage::Map& map);
Fd load_types(std::span<const std::byte> btf);
// Where a map is named, `imm` is its descriptor. `attach_id`: BTF id of what it attaches to, for kinds that name one. `log`: room for the
// verifier's words, or none.
Fd load_program(const KernelImage::Program& program, int types_fd, std::uint32_t attach_id, std::span<char> log);

// 0, or -1: errno.
int set_value(int map_fd, std::uint32_t key, const void* value);
int freeze(int map_fd);

}  // namespace duct_bpf
