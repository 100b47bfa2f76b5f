// SPDX-License-Identifier: MIT
#include "capture/linker.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "abi.h"
#include "capture/fd.hpp"
#include "capture/fork_lock.hpp"

namespace duct_bpf {
namespace {

using Object = std::unique_ptr<bpf_object, void (*)(bpf_object*)>;

constexpr bpf_insn kStub[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
};

// libbpf's callbacks have no room for an object; there is one link at a time.
struct Link {
  const KernelBtf& facts;
  KernelImage image;
};
Link* current_link = nullptr;

// Behind libbpf's relocations, before it loads the program: takes it, and has libbpf load a stub.
int take(bpf_program* program, bpf_prog_load_opts* options, long kind) {
  if (!current_link) return -EINVAL;
  KernelImage::Program made;
  made.name = bpf_program__name(program);
  made.kind = static_cast<KernelImage::Kind>(kind);
  if (const char* event = std::strchr(bpf_program__section_name(program), '/')) made.event = event + 1;
  made.instructions.assign(bpf_program__insns(program), bpf_program__insns(program) + bpf_program__insn_cnt(program));
  for (bpf_insn& each : made.instructions) {
    if (each.code != (BPF_JMP | BPF_CALL) || each.src_reg != 0 || each.imm != ABI_RDONLY_CAST) continue;
    each.src_reg = BPF_PSEUDO_KFUNC_CALL;
    each.imm = static_cast<int>(current_link->facts.rdonly_cast_id);
  }
  auto* functions = static_cast<const std::byte*>(options->func_info);
  made.functions_entry_bytes = options->func_info_rec_size;
  if (options->func_info_cnt) made.functions.assign(functions, functions + options->func_info_cnt * options->func_info_rec_size);
  current_link->image.programs.push_back(std::move(made));
  options->func_info_cnt = options->line_info_cnt = 0;
  bpf_insn stub[std::size(kStub)];
  std::copy(std::begin(kStub), std::end(kStub), stub);
  return bpf_program__set_insns(program, stub, std::size(kStub));
}

// For good, and for names of sections that are ours alone: libbpf 1.1 goes on with freed memory once the last one is taken back.
void register_handlers() {
  using Kind = KernelImage::Kind;
  libbpf_prog_handler_opts options{};
  options.sz = sizeof options;
  options.prog_prepare_load_fn = take;
  // A type for which libbpf does not parse the kernel's BTF; the real one is set for the real load.
  for (auto [section, kind] : {std::pair("duct_raw_tp+", Kind::raw_tracepoint), std::pair("duct_iter/task", Kind::task_iterator),
                               std::pair("duct_btf_tp/rss_stat", Kind::typed_rss_stat)}) {
    options.cookie = static_cast<long>(kind);
    libbpf_register_prog_handler(section, BPF_PROG_TYPE_RAW_TRACEPOINT, static_cast<bpf_attach_type>(0), &options);
  }
}

// As it is to be made; what libbpf makes of it while it links is as small as can be.
KernelImage::Map describe(bpf_map* map) {
  KernelImage::Map made;
  made.name = bpf_map__name(map);
  if (bpf_map__is_internal(map)) {
    made.name = std::strrchr(made.name.c_str(), '.');
    std::size_t size = 0;
    auto* content = static_cast<const std::byte*>(bpf_map__initial_value(map, &size));
    const bool is_zero = std::all_of(content, content + size, [](std::byte each) { return each == std::byte{}; });
    if (!is_zero) made.content.assign(content, content + size);
  }
  made.type = bpf_map__type(map);
  made.key_bytes = bpf_map__key_size(map);
  made.value_bytes = bpf_map__value_size(map);
  made.entries = bpf_map__max_entries(map);
  made.flags = bpf_map__map_flags(map);
  if (!bpf_map__is_internal(map))
    bpf_map__set_max_entries(map, made.type == BPF_MAP_TYPE_RINGBUF ? static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)) : 1);
  return made;
}

// libbpf wants a file. No descriptor: it cannot be had, or not be written whole (the limit on the size of files holds for it, too).
Fd to_memory_file(std::span<const std::byte> bytes) {
  Fd file(::memfd_create("duct-bpf-btf", MFD_CLOEXEC));
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return {};
  return file;
}

// As the kernel took it: libbpf may have left out what an older one does not know.
std::vector<std::byte> types_of(const bpf_object* object) {
  bpf_btf_info info{};
  std::uint32_t size = sizeof info;
  const int fd = bpf_object__btf_fd(object);
  if (bpf_obj_get_info_by_fd(fd, &info, &size)) return {};
  std::vector<std::byte> types(info.btf_size);
  info = {};
  info.btf = reinterpret_cast<std::uintptr_t>(types.data());
  info.btf_size = static_cast<std::uint32_t>(types.size());
  if (bpf_obj_get_info_by_fd(fd, &info, &size)) return {};
  return types;
}

}  // namespace

std::optional<KernelImage> link(std::span<const std::byte> object, const KernelBtf& facts, int* error) {
  std::lock_guard no_fork(fork_lock());
  [[maybe_unused]] static const bool registered = (register_handlers(), true);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  const Fd types = to_memory_file(facts.types);
  const std::string path = "/proc/self/fd/" + std::to_string(types.get());
  // Where it cannot be had, as /proc is not mounted, libbpf reads the kernel's own.
  if (types && ::access(path.c_str(), R_OK) == 0) options.btf_custom_path = path.c_str();
  Object opened(bpf_object__open_mem(object.data(), object.size(), &options), bpf_object__close);
  *error = -errno;
  if (!opened) return std::nullopt;

  Link link{facts, {}};
  std::vector<bpf_map*> maps;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, opened.get()) {
    maps.push_back(map);
    link.image.maps.push_back(describe(map));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, opened.get()) bpf_program__set_autoload(program, true);
  current_link = &link;
  *error = bpf_object__load(opened.get());
  current_link = nullptr;
  if (*error) return std::nullopt;

  for (auto& each : link.image.programs) {
    for (bpf_insn& instruction : each.instructions) {
      if (!names_a_map(instruction)) continue;
      auto found = std::find_if(maps.begin(), maps.end(), [&](bpf_map* other) { return bpf_map__fd(other) == instruction.imm; });
      instruction.imm = static_cast<int>(found - maps.begin());
    }
  }
  link.image.types = types_of(opened.get());
  *error = link.image.types.empty() ? -errno : 0;
  if (*error) return std::nullopt;
  return std::move(link.image);
}

}  // namespace duct_bpf
