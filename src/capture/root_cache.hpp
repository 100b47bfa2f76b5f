// SPDX-License-Identifier: MIT
// What is dear to find out about the running kernel, kept for the next start in files that only root can have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace duct_bpf {

inline constexpr const char* kCacheDir = "/var/cache/duct-bpf";

class RootCache {
 public:
  // A file of one `kind`, which becomes its suffix. The key: the kernel's build, and `id`, of the BPF object that it is about.
  RootCache(std::string dir, std::span<const std::byte> id, std::string kind);

  // Empty unless file and directory belong to root, nobody else can write them and neither is a link, and the file is whole.
  std::optional<std::vector<std::byte>> read() const;
  // Beside and then renamed; files of that kind that other builds left for this kernel are removed. By root alone; that it fails is
  // no error.
  void write(std::span<const std::byte> content) const;

 private:
  std::string name() const;

  std::string dir_, kind_;
  std::uint64_t key_[2];
};

// Of a file's content; public for its test.
std::uint64_t content_hash(std::span<const std::byte> content);

}  // namespace duct_bpf
