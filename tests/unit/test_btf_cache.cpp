// SPDX-License-Identifier: MIT
// The minimal BTF against the kernel's own, and whom its cache believes. Without kernel BTF, or (cache)
// without root, there is nothing to compare: such cases say so and stop.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "capture/btf_cache.hpp"
#include "capture/root_cache.hpp"

using namespace duct_bpf;
namespace fs = std::filesystem;

namespace {

using BtfPtr = std::unique_ptr<btf, void (*)(btf*)>;
BtfPtr own(btf* made) { return {made, btf__free}; }

const btf* kernel_types() {
  static BtfPtr kernel = own(btf__load_vmlinux_btf());
  if (!kernel) WARN("skipped: the kernel offers no BTF");
  return kernel.get();
}

const btf_type* strip(const btf* from, std::uint32_t id) {
  const btf_type* type = btf__type_by_id(from, id);
  while (btf_is_mod(type) || btf_is_typedef(type)) type = btf__type_by_id(from, type->type);
  return type;
}

struct Field {
  std::uint32_t bit_offset, bits;
  const btf_type* type;
  bool operator==(const Field& other) const { return bit_offset == other.bit_offset && bits == other.bits; }
};
using Fields = std::map<std::string, Field>;

// Fields by name as C sees them: those of unnamed members belong to what encloses them.
void collect(const btf* from, const btf_type* type, std::uint32_t base, Fields& fields) {
  for (int i = 0; i < btf_vlen(type); i++) {
    const btf_member& member = btf_members(type)[i];
    const std::string name = btf__name_by_offset(from, member.name_off);
    const std::uint32_t offset = base + btf_member_bit_offset(type, i);
    const btf_type* inner = strip(from, member.type);
    if (name.empty())
      collect(from, inner, offset, fields);
    else
      fields[name] = {offset, btf_member_bitfield_size(type, i), inner};
  }
}

const btf_type* composite(const btf* from, const std::string& name) {
  for (unsigned kind : {BTF_KIND_STRUCT, BTF_KIND_UNION})
    if (int id = btf__find_by_name_kind(from, name.c_str(), kind); id > 0) return btf__type_by_id(from, id);
  int id = btf__find_by_name_kind(from, name.c_str(), BTF_KIND_TYPEDEF);
  const btf_type* type = id > 0 ? strip(from, id) : nullptr;
  return type && btf_is_composite(type) ? type : nullptr;
}

Fields fields_of(const btf* from, const std::string& name) {
  Fields fields;
  if (const btf_type* type = composite(from, name)) collect(from, type, 0, fields);
  return fields;
}

std::set<std::string> names(const Fields& fields) {
  std::set<std::string> found;
  for (auto& [name, field] : fields) found.insert(name);
  return found;
}

// An object's types: structs of pointers, only names matter.
struct LocalTypes {
  LocalTypes() { word = btf__add_int(types.get(), "long", 8, BTF_INT_SIGNED); }
  int add(const char* name, std::initializer_list<const char*> fields, int type = 0) {
    int id = btf__add_struct(types.get(), name, static_cast<unsigned>(8 * fields.size()));
    std::uint32_t offset = 0;
    for (const char* field : fields) btf__add_field(types.get(), field, type ? type : word, 64 * offset++, 0);
    return id;
  }
  BtfPtr types = own(btf__new_empty());
  int word;
};

BtfPtr minimal(const btf* local, const btf* kernel) {
  auto raw = minimal_btf(local, kernel);
  REQUIRE(raw);
  return own(btf__new(raw->data(), static_cast<std::uint32_t>(raw->size())));
}

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The BPF object as it was built, beside this program.
std::string object_file() {
  std::string object = content(fs::read_symlink("/proc/self/exe").parent_path() / "../bpf/duct.bpf.o");
  if (object.empty()) WARN("skipped: the BPF object is not beside the tests");
  return object;
}

struct Cache {
  Cache() {
    char name[] = "/tmp/duct_test_XXXXXX";
    top = ::mkdtemp(name);
    dir = top / "cache";
    object = object_file();
    usable = !object.empty() && kernel_types();
    if (::geteuid() != 0) WARN("skipped: only root writes the cache");
    usable = usable && ::geteuid() == 0;
  }
  ~Cache() { fs::remove_all(top); }
  KernelBtf get(const fs::path& from) const {
    auto facts = kernel_btf(std::as_bytes(std::span(object)), std::as_bytes(std::span(object)), from);
    REQUIRE(facts);
    // Whatever the cache held, what comes out can be parsed.
    BtfPtr types = own(btf__new(facts->types.data(), static_cast<__u32>(facts->types.size())));
    REQUIRE(types);
    CHECK(composite(types.get(), "task_struct"));
    return std::move(*facts);
  }
  fs::path file() const {
    std::vector<fs::path> found;
    for (auto& entry : fs::directory_iterator(dir)) found.push_back(entry.path());
    REQUIRE(found.size() == 1);
    return found[0];
  }
  // Marks the file with an id that the kernel does not have, so that it shows whether it was believed.
  void mark(const fs::path& path) const {
    std::string bytes = content(path);
    REQUIRE(bytes.size() > kContent);
    std::memcpy(bytes.data() + kContent, &kMark, sizeof kMark);
    const std::uint64_t hash = duct_bpf::content_hash(std::as_bytes(std::span(bytes).subspan(kContent)));
    std::memcpy(bytes.data() + kContent - sizeof hash, &hash, sizeof hash);
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream << bytes;
    REQUIRE(stream);
  }
  bool believed(const fs::path& from) const { return get(from).iter_task_id == kMark; }
  bool believed() const { return believed(dir); }

  static constexpr std::uint32_t kMark = 0xdeadbeef;
  static constexpr std::size_t kContent = 32;  // behind magic, key[2] and hash
  fs::path top, dir;
  std::string object;
  bool usable = false;
};

}  // namespace

TEST_CASE("the minimal BTF has the wanted fields where the kernel has them, and no others") {
  const btf* kernel = kernel_types();
  if (!kernel) return;
  LocalTypes local;
  int embedded = local.add("sched_entity", {"sum_exec_runtime"});
  local.add("task_struct", {"pid", "tgid", "no_such_field"});
  local.add("task_struct___other_kernel", {"comm"});
  local.add("task_struct___embeds", {"se"}, embedded);
  local.add("mm_struct", {"total_vm"});  // inside an unnamed struct there
  local.add("no_such_struct", {"x"});
  BtfPtr cut = minimal(local.types.get(), kernel);
  REQUIRE(cut);
  const std::map<std::string, std::set<std::string>> wanted = {{"task_struct", {"pid", "tgid", "comm", "se"}},
                                                               {"sched_entity", {"sum_exec_runtime"}},
                                                               {"mm_struct", {"total_vm"}}};
  for (auto& [name, fields] : wanted) {
    INFO(name);
    Fields there = fields_of(kernel, name), here = fields_of(cut.get(), name);
    CHECK(names(here) == fields);
    for (auto& [field, place] : here) {
      INFO(field);
      CHECK(place == there.at(field));
      CHECK(btf_kind(place.type) == btf_kind(there.at(field).type));
    }
    CHECK(composite(cut.get(), name)->size == composite(kernel, name)->size);
  }
  CHECK_FALSE(composite(cut.get(), "no_such_struct"));
  CHECK(btf__type_cnt(cut.get()) < 60);
}

TEST_CASE("nothing wanted gives an empty BTF, not a failure") {
  const btf* kernel = kernel_types();
  if (!kernel) return;
  BtfPtr nothing = minimal(own(btf__new_empty()).get(), kernel);
  REQUIRE(nothing);
  CHECK(btf__type_cnt(nothing.get()) == 1);
}

TEST_CASE("all that our object reads is in its minimal BTF") {
  const btf* kernel = kernel_types();
  const std::string object = object_file();
  if (!kernel || object.empty()) return;
  const fs::path path = fs::read_symlink("/proc/self/exe").parent_path() / "../bpf/duct.bpf.o";
  BtfPtr local = own(btf__parse(path.c_str(), nullptr));
  REQUIRE(local);
  BtfPtr cut = minimal(local.get(), kernel);
  REQUIRE(cut);
  int structs = 0, fields = 0;
  for (unsigned id = 1; id < btf__type_cnt(local.get()); id++) {
    const btf_type* type = btf__type_by_id(local.get(), id);
    if (!btf_is_composite(type) || !type->name_off) continue;
    std::string name = btf__name_by_offset(local.get(), type->name_off);
    name = name.substr(0, name.find("___"));
    Fields wanted, there = fields_of(kernel, name), here = fields_of(cut.get(), name);
    collect(local.get(), type, 0, wanted);
    structs += !there.empty();
    for (auto& [field, ignored] : wanted) {
      if (!there.count(field)) continue;
      INFO(name << "." << field);
      fields++;
      REQUIRE(here.count(field));
      CHECK(here.at(field) == there.at(field));
    }
  }
  CHECK(structs > 10);
  CHECK(fields > 40);
  std::uint32_t size = 0, whole = 0;
  btf__raw_data(cut.get(), &size);
  btf__raw_data(kernel, &whole);
  CHECK(size * 50 < whole);
}

TEST_CASE("the second call takes the cache, which is root's alone") {
  Cache cache;
  if (!cache.usable) return;
  const mode_t umask = ::umask(0);
  KernelBtf first = cache.get(cache.dir);  // makes the directory
  ::umask(umask);
  struct stat st {};
  REQUIRE(::stat(cache.dir.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0755);
  REQUIRE(::stat(cache.file().c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0644);
  CHECK(first.iter_task_id ==
        static_cast<std::uint32_t>(
            std::max(0, btf__find_by_name_kind(kernel_types(), "bpf_iter_task", BTF_KIND_FUNC))));
  CHECK(static_cast<int>(first.task_struct_id) == btf__find_by_name_kind(kernel_types(), "task_struct", BTF_KIND_STRUCT));
  KernelBtf second = cache.get(cache.dir);
  CHECK(second.iter_task_id == first.iter_task_id);
  CHECK(static_cast<int>(first.mm_struct_id) == btf__find_by_name_kind(kernel_types(), "mm_struct", BTF_KIND_STRUCT));
  CHECK(second.task_struct_id == first.task_struct_id);
  CHECK(second.mm_struct_id == first.mm_struct_id);
  CHECK(second.rdonly_cast_id == first.rdonly_cast_id);
  CHECK(second.rss_stat_id == first.rss_stat_id);
  CHECK(second.counts_locked_memory == first.counts_locked_memory);
  CHECK(second.has_bpf_allocator == first.has_bpf_allocator);
  CHECK(second.has_loop == first.has_loop);
  CHECK(second.has_percpu_rss == first.has_percpu_rss);
  CHECK(second.types == first.types);
  cache.mark(cache.file());
  CHECK(cache.believed());

  Cache other;  // another object has another key
  other.object += '\0';
  auto facts = kernel_btf(std::as_bytes(std::span(other.object)), std::as_bytes(std::span(other.object)), cache.dir);
  REQUIRE(facts);
  CHECK(facts->iter_task_id != Cache::kMark);
  CHECK_FALSE(
      cache.believed());  // of one kernel only the last build's file is kept: cache.file() has seen one
  cache.file();
}

TEST_CASE("a cache that somebody else could have written is not believed") {
  Cache cache;
  if (!cache.usable) return;
  cache.get(cache.dir);
  const fs::path file = cache.file();
  auto marked = [&] {
    cache.mark(file);
    REQUIRE(cache.believed());
  };
  for (mode_t mode : {0664, 0646}) {
    marked();
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    CHECK_FALSE(cache.believed());
    struct stat st {};  // and was replaced by one of ours
    CHECK((::stat(file.c_str(), &st) == 0 && (st.st_mode & 07777) == 0644));
  }
  marked();
  REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
  CHECK_FALSE(cache.believed());

  for (mode_t mode : {0775, 0757, 01777}) {
    marked();
    REQUIRE(::chmod(cache.dir.c_str(), mode) == 0);
    CHECK_FALSE(cache.believed());
    REQUIRE(::chmod(cache.dir.c_str(), 0755) == 0);
  }
  REQUIRE(::chown(cache.dir.c_str(), 65534, 65534) == 0);
  CHECK_FALSE(cache.believed());
  REQUIRE(::chown(cache.dir.c_str(), 0, 0) == 0);

  marked();
  const fs::path link = cache.top / "link";
  fs::create_directory_symlink(cache.dir, link);
  CHECK_FALSE(cache.believed(link));

  const fs::path aside = cache.top / "aside";
  fs::rename(file, aside);
  fs::create_symlink(aside, file);
  CHECK_FALSE(cache.believed());
  CHECK(fs::is_regular_file(fs::symlink_status(file)));  // replaced, not written through
  CHECK(cache.believed() == false);
  CHECK(content(aside).substr(Cache::kContent, 4) == std::string("\xef\xbe\xad\xde"));
}

TEST_CASE("a cache file that is cut, empty or garbage is made anew") {
  Cache cache;
  if (!cache.usable) return;
  cache.get(cache.dir);
  const fs::path file = cache.file();
  const std::string whole = content(file);
  std::vector<std::string> damaged = {"",
                                      "x",
                                      whole.substr(0, Cache::kContent - 1),
                                      whole.substr(0, Cache::kContent),
                                      whole.substr(0, Cache::kContent + 27),
                                      whole.substr(0, whole.size() - 1),
                                      whole + "x",
                                      std::string(whole.size(), '\xff'),
                                      std::string(2 << 20, 'x')};
  std::string wrong_key = whole;
  wrong_key[8] ^= 1;
  damaged.push_back(wrong_key);
  for (const std::string& bytes : damaged) {
    INFO(bytes.size());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    cache.get(cache.dir);
    CHECK(content(file) == whole);
    CHECK(fs::directory_iterator(cache.dir)->path() == file);  // nothing else is left lying there
  }
}

TEST_CASE("where nothing can be cached it works all the same") {
  Cache cache;
  if (!cache.usable) return;
  cache.get("/proc/no/such/directory");
  std::ofstream(cache.top / "file") << "";
  cache.get(cache.top / "file");
  auto print = libbpf_set_print(nullptr);
  const auto nothing = std::as_bytes(std::span(std::string_view("no object")));
  CHECK_FALSE(kernel_btf(nothing, nothing, cache.dir));
  libbpf_set_print(print);
}
