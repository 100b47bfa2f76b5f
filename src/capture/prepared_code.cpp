// SPDX-License-Identifier: MIT
#include "capture/prepared_code.hpp"

#include <elf.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace duct_bpf {
namespace {

// In front of each program's instructions.
struct ProgramHeader {
  char name[56];
  std::uint64_t instructions;
};

// BTF.ext, as the kernel documents it (Documentation/bpf/btf.rst).
struct ExtHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t header_bytes, function_offset, function_bytes, line_offset, line_bytes, relocation_offset, relocation_bytes;
};

// The first half of a load of a map's address, or of its value's.
bool names_a_map(const bpf_insn& each) {
  return each.code == (BPF_LD | BPF_IMM | BPF_DW) && (each.src_reg == BPF_PSEUDO_MAP_FD || each.src_reg == BPF_PSEUDO_MAP_VALUE);
}

template <typename T>
std::optional<T> read_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

void PreparedCode::add(const std::string& program, std::span<const bpf_insn> instructions) {
  auto& kept = programs_[program];
  kept.assign(instructions.begin(), instructions.end());
  for (bpf_insn& each : kept)
    if (names_a_map(each)) each.imm = 0;  // a descriptor of now
}

bool PreparedCode::put_into(const std::string& program, std::span<bpf_insn> instructions) const {
  auto found = programs_.find(program);
  if (found == programs_.end() || found->second.size() != instructions.size()) return false;
  const auto& known = found->second;
  for (std::size_t i = 0; i < known.size(); i++)
    if (names_a_map(known[i]) != names_a_map(instructions[i])) return false;
  for (std::size_t i = 0; i < known.size(); i++) {
    if (names_a_map(known[i]))
      i++;  // and its second half
    else
      instructions[i] = known[i];
  }
  return true;
}

std::vector<std::byte> PreparedCode::bytes() const {
  std::vector<std::byte> bytes;
  auto append = [&](std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  for (const auto& [name, instructions] : programs_) {
    ProgramHeader header{};
    name.copy(header.name, sizeof header.name - 1);
    header.instructions = instructions.size();
    append(std::as_bytes(std::span(&header, 1)));
    append(std::as_bytes(std::span(instructions)));
  }
  return bytes;
}

std::optional<PreparedCode> PreparedCode::from(std::span<const std::byte> bytes) {
  PreparedCode code;
  for (std::size_t at = 0; at < bytes.size();) {
    auto header = read_at<ProgramHeader>(bytes, at);
    if (!header || header->name[sizeof header->name - 1]) return std::nullopt;
    at += sizeof *header;
    if (header->instructions > (bytes.size() - at) / sizeof(bpf_insn)) return std::nullopt;
    std::vector<bpf_insn> instructions(header->instructions);
    std::memcpy(instructions.data(), bytes.data() + at, instructions.size() * sizeof(bpf_insn));
    at += instructions.size() * sizeof(bpf_insn);
    code.programs_[header->name] = std::move(instructions);
  }
  return code;
}

std::vector<std::byte> without_relocations(std::span<const std::byte> object) {
  auto elf = read_at<Elf64_Ehdr>(object, 0);
  if (!elf || std::memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS64) return {};
  auto section = [&](std::uint64_t number) { return read_at<Elf64_Shdr>(object, elf->e_shoff + number * sizeof(Elf64_Shdr)); };
  auto names = section(elf->e_shstrndx);
  for (std::uint64_t number = 0; names && number < elf->e_shnum; number++) {
    auto each = section(number);
    constexpr std::array<char, 9> kName{".BTF.ext"};
    if (!each || read_at<std::array<char, 9>>(object, names->sh_offset + each->sh_name) != kName) continue;
    auto header = read_at<ExtHeader>(object, each->sh_offset);
    if (!header || header->header_bytes < sizeof *header) return {};
    std::vector<std::byte> changed(object.begin(), object.end());
    header->relocation_bytes = 0;
    std::memcpy(changed.data() + each->sh_offset, &*header, sizeof *header);
    return changed;
  }
  return {};
}

}  // namespace duct_bpf
