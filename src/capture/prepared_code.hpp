// SPDX-License-Identifier: MIT
// The instructions of each program as libbpf prepares them for the running kernel: where its structs have their fields, and what it
// has at all. To find that out takes libbpf a tenth of the start, so it is kept for the next one.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace duct_bpf {

class PreparedCode {
 public:
  void add(const std::string& program, std::span<const bpf_insn> instructions);
  // Puts those of `program` into the place of what was prepared from an object without_relocations(). What names a map stays, as maps
  // are made anew each time. False: it is not known, or not the same program.
  bool put_into(const std::string& program, std::span<bpf_insn> instructions) const;

  std::vector<std::byte> bytes() const;
  static std::optional<PreparedCode> from(std::span<const std::byte> bytes);  // empty: not what bytes() gave

 private:
  std::map<std::string, std::vector<bpf_insn>> programs_;
};

// The object with no relocations against the kernel's types, so that libbpf leaves them as they are. Empty: it is no such object.
std::vector<std::byte> without_relocations(std::span<const std::byte> object);

}  // namespace duct_bpf
