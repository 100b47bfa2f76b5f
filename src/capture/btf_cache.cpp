// SPDX-License-Identifier: MIT
#include "capture/btf_cache.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "capture/fork_lock.hpp"
#include "capture/kernel_support.hpp"
#include "capture/root_cache.hpp"

namespace duct_bpf {

namespace {

// What a cache file holds; the BTF follows.
struct Cached {
  std::uint32_t iter_task_id;
  std::uint32_t rss_stat_id;
  std::uint32_t rdonly_cast_id;
  std::uint32_t task_struct_id, mm_struct_id;
  std::uint8_t counts_locked_memory, has_bpf_allocator, has_loop, has_percpu_rss;
};

struct BtfDeleter {
  void operator()(btf* b) const { btf__free(b); }
};
using BtfPtr = std::unique_ptr<btf, BtfDeleter>;

bool read_facts(const RootCache& cache, KernelBtf& out) {
  auto content = cache.read();
  Cached facts;
  if (!content || content->size() < sizeof facts) return false;
  std::memcpy(&facts, content->data(), sizeof facts);
  out.types.assign(content->begin() + sizeof facts, content->end());
  out.iter_task_id = facts.iter_task_id;
  out.rss_stat_id = facts.rss_stat_id;
  out.rdonly_cast_id = facts.rdonly_cast_id;
  out.task_struct_id = facts.task_struct_id;
  out.mm_struct_id = facts.mm_struct_id;
  out.counts_locked_memory = facts.counts_locked_memory;
  out.has_bpf_allocator = facts.has_bpf_allocator;
  out.has_loop = facts.has_loop;
  out.has_percpu_rss = facts.has_percpu_rss;
  return true;
}

void write_facts(const RootCache& cache, const KernelBtf& facts) {
  Cached cached{facts.iter_task_id, facts.rss_stat_id, facts.rdonly_cast_id, facts.task_struct_id,
                facts.mm_struct_id, facts.counts_locked_memory, facts.has_bpf_allocator, facts.has_loop, facts.has_percpu_rss};
  auto bytes = std::as_bytes(std::span(&cached, 1));
  std::vector<std::byte> content(bytes.begin(), bytes.end());
  content.insert(content.end(), facts.types.begin(), facts.types.end());
  cache.write(content);
}

// Copies the parts of kernel types that local types name into a new BTF.
class Cutter {
 public:
  Cutter(const btf* local, const btf* kernel) : local_(local), kernel_(kernel), out_(btf__new_empty()) {}

  bool run() {
    if (!out_) return false;
    // Names that the object wants, over all flavours of a struct.
    std::map<std::string, std::set<std::string>> wanted;
    for (unsigned id = 1; id < btf__type_cnt(local_); id++) {
      const btf_type* type = btf__type_by_id(local_, id);
      if (!btf_is_composite(type)) continue;
      std::string name = btf__name_by_offset(local_, type->name_off);
      if (name.empty()) continue;
      collect(local_, type, wanted[name.substr(0, name.find("___"))]);
    }
    // A struct reached by value from another one is copied with the fields wanted of its own name.
    wanted_ = &wanted;
    for (auto& [name, fields] : wanted) {
      if (int id = find(name); id > 0) copy(id);
    }
    return ok_;
  }
  std::vector<std::byte> raw() const {
    std::uint32_t size = 0;
    const void* data = btf__raw_data(out_.get(), &size);
    auto* first = static_cast<const std::byte*>(data);
    return data ? std::vector<std::byte>(first, first + size) : std::vector<std::byte>{};
  }

 private:
  static void collect(const btf* from, const btf_type* type, std::set<std::string>& names) {
    const btf_member* member = btf_members(type);
    for (int i = 0; i < btf_vlen(type); i++, member++) {
      std::string name = btf__name_by_offset(from, member->name_off);
      const btf_type* inner = strip(from, member->type);
      // Unnamed types of the object (`struct {...} ctrl`) have no row of their own: their fields belong here.
      if (btf_is_composite(inner) && !*btf__name_by_offset(from, inner->name_off))
        collect(from, inner, names);
      if (!name.empty()) names.insert(name);
    }
  }
  // What is behind modifiers, typedefs and arrays.
  static const btf_type* strip(const btf* from, std::uint32_t id) {
    const btf_type* type = btf__type_by_id(from, id);
    while (btf_is_mod(type) || btf_is_typedef(type) || btf_is_array(type))
      type = btf__type_by_id(from, btf_is_array(type) ? btf_array(type)->type : type->type);
    return type;
  }
  int find(const std::string& name) const {
    for (unsigned kind : {BTF_KIND_STRUCT, BTF_KIND_UNION})
      if (int id = btf__find_by_name_kind(kernel_, name.c_str(), kind); id > 0) return id;
    // `typedef struct {...} atomic_t`: the struct has no name.
    return btf__find_by_name_kind(kernel_, name.c_str(), BTF_KIND_TYPEDEF);
  }
  int check(int id) {
    if (id < 0) ok_ = false;
    return id;
  }

  // Kernel type `id` in the new BTF; fields that nobody names are left out, what pointers point to is void.
  // `inherited` are the names wanted of an unnamed struct or union by what encloses it.
  int copy(std::uint32_t id, const std::set<std::string>* inherited = nullptr) {
    if (id == 0) return 0;
    auto& known = inherited ? copied_inherited_[{id, inherited}] : copied_[id];
    if (known) return known;
    const btf_type* type = btf__type_by_id(kernel_, id);
    const char* name = btf__name_by_offset(kernel_, type->name_off);
    int made = 0;
    switch (btf_kind(type)) {
      case BTF_KIND_INT:
        made = check(btf__add_int(out_.get(), name, type->size, btf_int_encoding(type)));
        break;
      case BTF_KIND_PTR:
        made = check(btf__add_ptr(out_.get(), 0));
        break;
      case BTF_KIND_ENUM:
        made = check(btf__add_enum(out_.get(), name, type->size));
        break;
      case BTF_KIND_ENUM64:
        made = check(btf__add_enum64(out_.get(), name, type->size, false));
        break;
      case BTF_KIND_ARRAY: {
        const struct btf_array* array = btf_array(type);
        int index = copy(array->index_type), element = copy(array->type, inherited);
        made = check(btf__add_array(out_.get(), index, element, array->nelems));
        break;
      }
      case BTF_KIND_TYPEDEF: {
        auto row = wanted_->find(name);
        int target = copy(type->type, row != wanted_->end() ? &row->second : inherited);
        made = check(btf__add_typedef(out_.get(), name, target));
        break;
      }
      case BTF_KIND_CONST:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
        return known = copy(type->type, inherited);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        return copy_composite(type, name, inherited, known);
      default:  // nothing that is read has another kind
        made = check(btf__add_int(out_.get(), "unused", 4, 0));
    }
    return known = made;
  }

  int copy_composite(const btf_type* type, const char* name, const std::set<std::string>* inherited, int& known) {
    auto row = wanted_->find(name);
    const std::set<std::string>* fields = *name && row != wanted_->end() ? &row->second : inherited;
    // Member types first: btf__add_field belongs to the composite that was added last.
    struct Kept {
      const char* name;
      int type;
      std::uint32_t offset, bits;
    };
    std::vector<Kept> kept;
    for (int i = 0; i < btf_vlen(type); i++) {
      const btf_member* member = btf_members(type) + i;
      const char* field = btf__name_by_offset(kernel_, member->name_off);
      bool nameless = !*field;
      if (!fields || (!nameless && !fields->count(field))) continue;
      const btf_type* inner = strip(kernel_, member->type);
      bool unnamed = btf_is_composite(inner) && !*btf__name_by_offset(kernel_, inner->name_off);
      kept.push_back({field, copy(member->type, unnamed ? fields : nullptr), btf_member_bit_offset(type, i),
                      btf_member_bitfield_size(type, i)});
    }
    int made = check(btf_is_union(type) ? btf__add_union(out_.get(), name, type->size)
                                        : btf__add_struct(out_.get(), name, type->size));
    for (const Kept& field : kept)
      check(btf__add_field(out_.get(), field.name, field.type, field.offset, field.bits));
    return known = made;
  }

  const btf* local_;
  const btf* kernel_;
  BtfPtr out_;
  std::map<std::string, std::set<std::string>>* wanted_ = nullptr;
  std::map<std::uint32_t, int> copied_;
  std::map<std::pair<std::uint32_t, const std::set<std::string>*>, int> copied_inherited_;
  bool ok_ = true;
};

}  // namespace

Result<std::vector<std::byte>> minimal_btf(const btf* local, const btf* kernel) {
  Cutter cutter(local, kernel);
  if (!cutter.run()) return Error{ErrorCode::system, "cannot make the minimal BTF", ""};
  return cutter.raw();
}

bool is_cached(std::span<const std::byte> id, const std::string& cache_dir) {
  KernelBtf facts;
  return read_facts(RootCache(cache_dir, id, "btf"), facts);
}

std::vector<std::pair<std::string, bool>> attach_points_of_kernel() {
  std::vector<std::pair<std::string, bool>> points;
  BtfPtr kernel(btf__load_vmlinux_btf());
  if (!kernel) return points;
  for (std::string name : {"sched_process_fork", "sched_process_exec", "sched_process_exit", "sched_process_free", "rss_stat"})
    points.emplace_back(name, btf__find_by_name_kind(kernel.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) > 0);
  points.emplace_back("bpf_iter_task", btf__find_by_name_kind(kernel.get(), "bpf_iter_task", BTF_KIND_FUNC) > 0);
  return points;
}

Result<KernelBtf> kernel_btf(std::span<const std::byte> object, std::span<const std::byte> id, const std::string& cache_dir) {
  KernelBtf facts;
  const RootCache cache(cache_dir, id, "btf");
  if (read_facts(cache, facts)) return facts;

  std::lock_guard no_fork(fork_lock());
  BtfPtr kernel(btf__load_vmlinux_btf());
  if (!kernel)
    return explain_load_failure(errno, "");
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  bpf_object* opened = bpf_object__open_mem(object.data(), object.size(), &options);
  if (!opened) return Error{ErrorCode::system, "the built-in BPF object cannot be read", ""};
  std::unique_ptr<bpf_object, void (*)(bpf_object*)> guard(opened, bpf_object__close);
  auto data = minimal_btf(bpf_object__btf(opened), kernel.get());
  if (!data) return data.error();
  auto id_of = [&](const char* name, std::uint32_t kind) {
    return static_cast<std::uint32_t>(std::max(0, btf__find_by_name_kind(kernel.get(), name, kind)));
  };
  facts.iter_task_id = id_of("bpf_iter_task", BTF_KIND_FUNC);
  facts.rss_stat_id = id_of("btf_trace_rss_stat", BTF_KIND_TYPEDEF);
  facts.rdonly_cast_id = id_of("bpf_rdonly_cast", BTF_KIND_FUNC);
  facts.task_struct_id = id_of("task_struct", BTF_KIND_STRUCT);
  facts.mm_struct_id = id_of("mm_struct", BTF_KIND_STRUCT);
  facts.counts_locked_memory = id_of("bpf_ktime_get_coarse_ns", BTF_KIND_FUNC) == 0;  // a helper as old as the end of that
  facts.has_bpf_allocator = btf__find_by_name_kind(kernel.get(), "bpf_mem_alloc", BTF_KIND_STRUCT) > 0;
  facts.has_loop = id_of("bpf_loop", BTF_KIND_FUNC) > 0;
  facts.has_percpu_rss = btf__find_by_name_kind(kernel.get(), "mm_rss_stat", BTF_KIND_STRUCT) < 0;
  facts.types = std::move(*data);
  write_facts(cache, facts);
  return facts;
}

}  // namespace duct_bpf
