// SPDX-License-Identifier: MIT
// The kernel side as it can be loaded into the running kernel without looking at its types again: maps, programs, and the types of
// the programs themselves. The linker makes it; it is kept for the next start as bytes.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duct_bpf {

struct KernelImage {
  struct Map {
    std::string name;
    std::uint32_t type = 0, key_bytes = 0, value_bytes = 0, entries = 0, flags = 0;  // as of BPF_MAP_CREATE
    std::vector<std::byte> content;  // of the one value of a map of variables: what they are at first; empty: zero
  };
  enum class Kind : std::uint32_t { raw_tracepoint, task_iterator, typed_rss_stat };
  struct Program {
    std::string name, event;  // event: the tracepoint that it attaches to, or nothing
    Kind kind = Kind::raw_tracepoint;
    std::vector<bpf_insn> instructions;   // where a map is named, `imm` is its place in `maps`
    std::vector<std::byte> functions;     // struct bpf_func_info[]
    std::uint32_t functions_entry_bytes = 0;
  };

  std::vector<Map> maps;
  std::vector<Program> programs;
  std::vector<std::byte> types;  // BTF

  // There has to be one of that name.
  Map& map(std::string_view name);

  std::vector<std::byte> bytes() const;
  // Empty: not what bytes() gave.
  static std::optional<KernelImage> from(std::span<const std::byte> bytes);
};

// The first half of a load of a map's address, or of its value's.
inline bool names_a_map(const bpf_insn& each) {
  return each.code == (BPF_LD | BPF_IMM | BPF_DW) && (each.src_reg == BPF_PSEUDO_MAP_FD || each.src_reg == BPF_PSEUDO_MAP_VALUE);
}

}  // namespace duct_bpf
