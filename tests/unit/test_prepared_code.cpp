// SPDX-License-Identifier: MIT
#include <bpf/libbpf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "capture/prepared_code.hpp"

using duct_bpf::PreparedCode;
using duct_bpf::without_relocations;

namespace {

using Code = std::vector<bpf_insn>;

bpf_insn insn(int code, int source, int offset, int immediate) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.src_reg = static_cast<__u8>(source) & 15;
  made.off = static_cast<__s16>(offset);
  made.imm = immediate;
  return made;
}
bpf_insn read(int offset) { return insn(BPF_LDX | BPF_MEM | BPF_DW, 1, offset, 0); }
bpf_insn map_half(int fd, int kind = BPF_PSEUDO_MAP_FD) { return insn(BPF_LD | BPF_IMM | BPF_DW, kind, 0, fd); }
bpf_insn other_half(int value) { return insn(0, 0, 0, value); }

std::string text_of(const Code& code) { return {reinterpret_cast<const char*>(code.data()), code.size() * sizeof(bpf_insn)}; }

// As it was built, beside this program.
std::string object(const char* name) {
  std::ostringstream text;
  text << std::ifstream(std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../bpf" / name, std::ios::binary).rdbuf();
  if (text.str().empty()) WARN("skipped: the BPF object is not beside the tests");
  return text.str();
}

std::map<std::string, Code> programs(std::span<const std::byte> bytes) {
  std::map<std::string, Code> found;
  bpf_object* opened = bpf_object__open_mem(bytes.data(), bytes.size(), nullptr);
  REQUIRE(opened);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, opened) {
    const bpf_insn* first = bpf_program__insns(program);
    found[bpf_program__name(program)] = Code(first, first + bpf_program__insn_cnt(program));
  }
  bpf_object__close(opened);
  return found;
}

}  // namespace

TEST_CASE("known code comes into the place of what was prepared, and maps stay", "[prepared_code]") {
  PreparedCode known;
  known.add("p", Code{read(1111), map_half(7), other_half(0), read(2222), map_half(8, BPF_PSEUDO_MAP_VALUE), other_half(64)});
  Code fresh{read(8), map_half(21), other_half(0), read(16), map_half(22, BPF_PSEUDO_MAP_VALUE), other_half(64)};
  REQUIRE(known.put_into("p", fresh));
  CHECK(text_of(fresh) ==
        text_of({read(1111), map_half(21), other_half(0), read(2222), map_half(22, BPF_PSEUDO_MAP_VALUE), other_half(64)}));
}

TEST_CASE("code of another program is not taken", "[prepared_code]") {
  PreparedCode known;
  known.add("p", Code{read(1111), map_half(7), other_half(0)});
  for (Code fresh : {Code{read(8)}, Code{read(8), map_half(9), other_half(0), read(1)}, Code{map_half(9), other_half(0), read(8)},
                     Code{read(8), read(9), read(10)}}) {
    const Code before = fresh;
    CHECK_FALSE(known.put_into("p", fresh));
    CHECK(text_of(fresh) == text_of(before));
  }
  Code fresh{read(8), map_half(9), other_half(0)};
  CHECK_FALSE(known.put_into("q", fresh));
  CHECK_FALSE(PreparedCode().put_into("p", fresh));
}

TEST_CASE("kept code comes back; what is cut does not", "[prepared_code]") {
  PreparedCode known;
  known.add("first", Code{read(1111), map_half(7), other_half(0)});
  known.add("second", Code{read(2222)});
  const auto bytes = known.bytes();
  auto back = PreparedCode::from(bytes);
  REQUIRE(back);
  CHECK(back->bytes() == bytes);
  Code fresh{read(8)};
  REQUIRE(back->put_into("second", fresh));
  CHECK(text_of(fresh) == text_of({read(2222)}));
  const std::size_t one = bytes.size() - (64 + 8);  // the second alone is cut off whole
  for (std::size_t size = 1; size < bytes.size(); size++) CHECK(PreparedCode::from(std::span(bytes).first(size)).has_value() == (size == one));
  auto wild = bytes;
  std::memset(wild.data() + 56, 0xff, 8);  // more instructions than there can be
  CHECK_FALSE(PreparedCode::from(wild));
  wild = bytes;
  std::memset(wild.data(), 'x', 56);  // a name without an end
  CHECK_FALSE(PreparedCode::from(wild));
}

TEST_CASE("an object without relocations has the same programs", "[prepared_code]") {
  for (const char* name : {"duct.bpf.o", "duct_direct.bpf.o"}) {
    const std::string whole = object(name);
    if (whole.empty()) return;
    const auto bytes = std::as_bytes(std::span(whole));
    const auto stripped = without_relocations(bytes);
    REQUIRE(stripped.size() == whole.size());
    int different = 0;
    for (std::size_t i = 0; i < stripped.size(); i++) different += stripped[i] != bytes[i];
    CHECK(different > 0);
    CHECK(different <= 4);  // one number
    CHECK(without_relocations(stripped) == stripped);
    auto before = programs(bytes), after = programs(stripped);
    CHECK(before.size() > 8);
    REQUIRE(before.size() == after.size());
    for (auto& [program, code] : before) CHECK(text_of(code) == text_of(after[program]));
  }
}

TEST_CASE("what is no such object has no relocations to lose", "[prepared_code]") {
  for (std::string text : {std::string(), std::string("x"), std::string("\177ELF"), std::string(200, '\0'), std::string(5000, '\xff')})
    CHECK(without_relocations(std::as_bytes(std::span(text))).empty());
  const std::string whole = object("duct_direct.bpf.o");
  for (std::size_t size = 0; size < whole.size(); size += 997)  // cut anywhere: nothing is read behind the end
    without_relocations(std::as_bytes(std::span(whole).first(size)));
  for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 64); at++) {
    std::string damaged = whole;
    damaged[at] = '\xff';
    without_relocations(std::as_bytes(std::span(damaged)));
  }
}
