// SPDX-License-Identifier: MIT
#include "capture/bpf_calls.hpp"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace duct_bpf {
namespace {

constexpr int kAttempts = 5;  // the verifier gives up where a signal is pending

bpf_attr nothing() {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);  // all of it: the kernel wants zeros where it knows no meaning
  return attributes;
}

long call(bpf_cmd command, bpf_attr& attributes) { return ::syscall(SYS_bpf, command, &attributes, sizeof attributes); }

std::uint64_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

template <std::size_t size>
void set_name(char (&to)[size], const std::string& name) {
  name.copy(to, size - 1);
}

}  // namespace

Fd create_map(const KernelImage::Map& map) {
  bpf_attr attributes = nothing();
  attributes.map_type = map.type;
  attributes.key_size = map.key_bytes;
  attributes.value_size = map.value_bytes;
  attributes.max_entries = map.entries;
  attributes.map_flags = map.flags;
  set_name(attributes.map_name, map.name);
  return Fd(static_cast<int>(call(BPF_MAP_CREATE, attributes)));
}

Fd load_types(std::span<const std::byte> btf) {
  bpf_attr attributes = nothing();
  attributes.btf = address(btf.data());
  attributes.btf_size = static_cast<std::uint32_t>(btf.size());
  return Fd(static_cast<int>(call(BPF_BTF_LOAD, attributes)));
}

Fd load_program(const KernelImage::Program& program, int types_fd, std::uint32_t attach_id, std::span<char> log) {
  using Kind = KernelImage::Kind;
  bpf_attr attributes = nothing();
  attributes.prog_type = program.kind == Kind::raw_tracepoint ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_TRACING;
  if (program.kind == Kind::task_iterator) attributes.expected_attach_type = BPF_TRACE_ITER;
  if (program.kind == Kind::typed_rss_stat) attributes.expected_attach_type = BPF_TRACE_RAW_TP;
  attributes.attach_btf_id = attach_id;
  attributes.insns = address(program.instructions.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.instructions.size());
  attributes.license = address("GPL");
  set_name(attributes.prog_name, program.name);
  attributes.prog_btf_fd = static_cast<std::uint32_t>(types_fd);
  if (!program.functions.empty()) {
    attributes.func_info = address(program.functions.data());
    attributes.func_info_rec_size = program.functions_entry_bytes;
    attributes.func_info_cnt = static_cast<std::uint32_t>(program.functions.size() / program.functions_entry_bytes);
  }
  if (!log.empty()) {
    attributes.log_buf = address(log.data());
    attributes.log_size = static_cast<std::uint32_t>(log.size());
    attributes.log_level = 1;
  }
  Fd loaded;
  for (int attempt = 0; attempt < kAttempts && !loaded; attempt++) {
    loaded = Fd(static_cast<int>(call(BPF_PROG_LOAD, attributes)));
    if (!loaded && errno != EAGAIN) break;
  }
  return loaded;
}

int set_value(int map_fd, std::uint32_t key, const void* value) {
  bpf_attr attributes = nothing();
  attributes.map_fd = static_cast<std::uint32_t>(map_fd);
  attributes.key = address(&key);
  attributes.value = address(value);
  return static_cast<int>(call(BPF_MAP_UPDATE_ELEM, attributes));
}

int freeze(int map_fd) {
  bpf_attr attributes = nothing();
  attributes.map_fd = static_cast<std::uint32_t>(map_fd);
  return static_cast<int>(call(BPF_MAP_FREEZE, attributes));
}

}  // namespace duct_bpf
