// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cstring>

#include "capture/kernel_image.hpp"

using duct_bpf::KernelImage;

namespace {

bpf_insn insn(int code, int source, int offset, int immediate) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.src_reg = static_cast<__u8>(source) & 15;
  made.off = static_cast<__s16>(offset);
  made.imm = immediate;
  return made;
}
bpf_insn read(int offset) { return insn(BPF_LDX | BPF_MEM | BPF_DW, 1, offset, 0); }
bpf_insn map_half(int place, int kind = BPF_PSEUDO_MAP_FD) { return insn(BPF_LD | BPF_IMM | BPF_DW, kind, 0, place); }
bpf_insn other_half(int value) { return insn(0, 0, 0, value); }

KernelImage sample() {
  KernelImage image;
  image.maps.push_back({"groups", BPF_MAP_TYPE_HASH, 8, 432, 32768, BPF_F_NO_PREALLOC, {}});
  image.maps.push_back({".bss", BPF_MAP_TYPE_ARRAY, 4, 16, 1, BPF_F_MMAPABLE, std::vector<std::byte>(16, std::byte{7})});
  image.programs.push_back({"on_fork", "sched_process_fork", KernelImage::Kind::raw_tracepoint,
                            {read(8), map_half(0), other_half(0), map_half(1, BPF_PSEUDO_MAP_VALUE), other_half(8)},
                            std::vector<std::byte>(16, std::byte{1}), 8});
  image.programs.push_back({"states", "task", KernelImage::Kind::task_iterator, {read(16)}, {}, 0});
  image.types.assign(100, std::byte{3});
  return image;
}

}  // namespace

TEST_CASE("an image comes back from its bytes", "[kernel_image]") {
  const auto bytes = sample().bytes();
  auto back = KernelImage::from(bytes);
  REQUIRE(back);
  CHECK(back->bytes() == bytes);
  CHECK(back->map(".bss").entries == 1);
  CHECK(back->map(".bss").content.size() == 16);
  REQUIRE(back->programs.size() == 2);
  CHECK(back->programs[0].event == "sched_process_fork");
  CHECK(back->programs[0].instructions.size() == 5);
  CHECK(back->programs[0].instructions[3].src_reg == BPF_PSEUDO_MAP_VALUE);
  CHECK(back->programs[1].kind == KernelImage::Kind::task_iterator);
  CHECK(back->types.size() == 100);
}

TEST_CASE("bytes that are cut, or longer, are no image", "[kernel_image]") {
  auto bytes = sample().bytes();
  for (std::size_t size = 0; size < bytes.size(); size++) CHECK_FALSE(KernelImage::from(std::span(bytes).first(size)));
  bytes.push_back(std::byte{});
  CHECK_FALSE(KernelImage::from(bytes));
}

TEST_CASE("whatever bytes are wrong, an image that is taken names only what it has", "[kernel_image]") {
  const auto bytes = sample().bytes();
  for (std::size_t i = 0; i < bytes.size(); i++) {
    for (auto value : {std::byte{0}, std::byte{1}, std::byte{0x7f}, std::byte{0xff}}) {
      auto wrong = bytes;
      wrong[i] = value;
      auto image = KernelImage::from(wrong);
      if (!image) continue;
      for (auto& program : image->programs)
        for (auto& each : program.instructions)
          if (duct_bpf::names_a_map(each)) CHECK(static_cast<std::size_t>(each.imm) < image->maps.size());
    }
  }
}

TEST_CASE("an image that makes no sense is not taken", "[kernel_image]") {
  auto refused = [](auto change) {
    auto image = sample();
    change(image);
    return !KernelImage::from(image.bytes());
  };
  CHECK_FALSE(refused([](auto&) {}));
  CHECK(refused([](auto& image) { image.programs[0].instructions[1].imm = 2; }));
  CHECK(refused([](auto& image) { image.programs[0].instructions[1].imm = -1; }));
  CHECK(refused([](auto& image) { image.programs[0].instructions.resize(2); }));
  CHECK(refused([](auto& image) { image.programs[0].functions_entry_bytes = 0; }));
  CHECK(refused([](auto& image) { image.programs[0].functions_entry_bytes = 5; }));
  CHECK(refused([](auto& image) { image.programs[1].kind = static_cast<KernelImage::Kind>(3); }));
  CHECK(refused([](auto& image) { image.maps[1].value_bytes = 8; }));
  CHECK_THROWS(sample().map("none"));
}
