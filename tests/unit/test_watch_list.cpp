// SPDX-License-Identifier: MIT
// The list that samples go along, in memory as the kernel side sees it: a file in memory in place of the map.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "capture/fd.hpp"
#include "capture/watch_list.hpp"

using namespace duct_bpf;

namespace {

constexpr std::size_t kEntries = 4;

struct Scene {
  ProcessTree tree{0};
  Fd file{::memfd_create("list", MFD_CLOEXEC)};
  WatchList list;
  abi::watched* seen = nullptr;  // as the kernel side sees it, one entry more than the list has

  Scene() {
    REQUIRE(::ftruncate(file.get(), (kEntries + 1) * sizeof(abi::watched)) == 0);
    REQUIRE(list.map(file.get(), kEntries));
    void* memory = ::mmap(nullptr, (kEntries + 1) * sizeof(abi::watched), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    REQUIRE(memory != MAP_FAILED);
    seen = static_cast<abi::watched*>(memory);
  }
  ~Scene() { ::munmap(seen, (kEntries + 1) * sizeof(abi::watched)); }

  void fork(Key key) {
    tree.on(ForkEvent{.key = key, .start_boot_ns = key, .pid = static_cast<pid_t>(key)});
    list.update(tree);
  }
  void end(Key key) {
    ProcessEvent event;
    event.key = key;
    event.start_boot_ns = key;
    event.process.pid = static_cast<pid_t>(key);
    event.exited = event.final = true;
    tree.on(std::move(event));
    list.update(tree);
  }
  // Up to the first that is empty, which is where the kernel side stops.
  std::multiset<Key> keys() const {
    std::multiset<Key> found;
    for (const abi::watched* each = seen; each->key; each++) found.insert(each->key);
    return found;
  }
};

}  // namespace

TEST_CASE("watch list: who lives, close together, each once") {
  Scene scene;
  CHECK(scene.keys().empty());
  for (Key key : {1, 2, 3}) scene.fork(key);
  CHECK(scene.keys() == std::multiset<Key>{1, 2, 3});
  scene.end(1);  // from the middle or the front: the last takes its place
  CHECK(scene.keys() == std::multiset<Key>{2, 3});
  scene.fork(4);
  scene.list.update(scene.tree);  // nothing has changed
  CHECK(scene.keys() == std::multiset<Key>{2, 3, 4});
  for (Key key : {4, 2, 3}) scene.end(key);
  CHECK(scene.keys().empty());
}

TEST_CASE("watch list: what the kernel side noted stays with its process") {
  Scene scene;
  for (Key key : {1, 2, 3}) scene.fork(key);
  for (abi::watched* each = scene.seen; each->key; each++) each->cpu_ns = 100 * each->key;
  scene.end(1);
  scene.fork(5);
  for (const abi::watched* each = scene.seen; each->key; each++)
    CHECK(each->cpu_ns == (each->key == 5 ? 0 : 100 * each->key));
}

TEST_CASE("watch list: more than it has room for are left out, and come in when there is room") {
  Scene scene;
  for (Key key = 1; key <= kEntries + 2; key++) scene.fork(key);
  CHECK(scene.list.list().size() == kEntries);
  CHECK(scene.seen[kEntries].key == 0);  // nothing is written behind its end
  while (scene.tree.live().size() > kEntries) scene.end(*scene.keys().begin());
  CHECK(scene.keys().size() == kEntries);
}
