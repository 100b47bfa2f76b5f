// SPDX-License-Identifier: MIT
// Who lives and what it runs, from made-up events.
#include <malloc.h>

#include <catch2/catch.hpp>

#include "core/process_tree.hpp"

using namespace duct_bpf;

namespace {

constexpr std::int64_t kBootToWall = 1'700'000'000'000'000'000;

struct Scene {
  ProcessTree tree{kBootToWall};

  // A group's pid is its key + 1000 and its start its key, unless said otherwise.
  void fork(Key key, Key parent = 0, ImageId image = 0, std::uint64_t start = 0, bool adopted = false) {
    tree.on(ForkEvent{.key = key,
                      .parent_key = parent,
                      .image_id = image,
                      .start_boot_ns = start ? start : key,
                      .pid = pid(key),
                      .ppid = pid(parent),
                      .adopted = adopted});
  }
  std::weak_ptr<const Image> exec(Key key, ImageId image, const std::string& exe) {
    auto made = std::make_shared<Image>();
    made->exe = exe;
    tree.on(ExecEvent{key, image, 0, made});
    return made;
  }
  ProcessTree::Known end(Key key, ImageId image, std::uint64_t start = 0, bool final = true,
                         bool exited = true, ImageId at_peak = 0) {
    ProcessEvent event;
    event.key = key;
    event.image_id = image;
    event.start_boot_ns = start ? start : key;
    event.end_boot_ns = event.start_boot_ns + 500;
    event.final = final;
    event.exited = exited;
    event.image_at_tree_peak = at_peak;
    event.process.pid = pid(key);
    event.process.comm = "comm";
    return tree.on(std::move(event));
  }
  std::string exe(Key key) {
    auto found = tree.live().find(key);
    if (found == tree.live().end()) return "(gone)";
    return found->second.image ? found->second.image->exe : "(unknown)";
  }
  static pid_t pid(Key key) { return static_cast<pid_t>(key + 1000); }
};

std::string exe_of(const ProcessTree::Known& known) {
  return known.process.image ? known.process.image->exe : "(unknown)";
}

}  // namespace

TEST_CASE("a fork shares its parent's image, an exec renews one's own alone") {
  Scene scene;
  scene.fork(1);
  CHECK(scene.exe(1) == "(unknown)");
  auto shell = scene.exec(1, 10, "sh");
  scene.fork(2, 1, 10);
  CHECK(scene.exe(2) == "sh");
  CHECK(scene.tree.images() == 1);

  scene.exec(1, 11, "make");  // the parent's exec: its child still is what it was forked from
  CHECK(scene.exe(1) == "make");
  CHECK(scene.exe(2) == "sh");
  CHECK(scene.tree.images() == 2);

  scene.exec(2, 12, "cc");  // nobody is a shell any more
  CHECK(scene.tree.images() == 2);

  CHECK(exe_of(scene.end(2, 12)) == "cc");
  CHECK(exe_of(scene.end(1, 11)) == "make");
  CHECK(shell.expired());
  CHECK(scene.tree.images() == 0);
  CHECK(scene.tree.live().empty());
}

TEST_CASE("the image at the tree's peak is one of the last that a process was") {
  auto at_peak = [](ImageId image, ImageId last = 16) {
    Scene scene;
    scene.fork(1);
    for (ImageId id = 10; id <= 16; id++) scene.exec(1, id, "image " + std::to_string(id));
    auto known = scene.end(1, last, 0, true, true, image);
    return known.image_at_peak ? known.image_at_peak->exe : "(unknown)";
  };
  CHECK(at_peak(16) == "image 16");
  CHECK(at_peak(15) == "image 15");
  CHECK(at_peak(12) == "image 12");
  CHECK(at_peak(11) == "(unknown)");  // so many are not kept
  CHECK(at_peak(99) == "(unknown)");
  CHECK(at_peak(17, 17) == "(unknown)");  // the news of its last exec was lost

  Scene scene;
  scene.fork(1);
  scene.exec(1, 10, "sh");
  scene.fork(2, 1, 10);
  scene.exec(2, 11, "cc");
  auto child = scene.end(2, 11, 0, true, true, 10);  // its parent's, before its exec
  REQUIRE(child.image_at_peak);
  CHECK(child.image_at_peak->exe == "sh");
}

TEST_CASE("an end hands out the process with wall times, and what was known of it while it lived") {
  Scene scene;
  scene.fork(1);
  scene.exec(1, 10, "sh");
  scene.tree.on(LiveEvent{1, 111, 222, 333, 4, 'S'});
  auto looked = scene.end(1, 10, 0, false, false);  // not the end: as it is now
  CHECK(looked.process.alive);
  CHECK(scene.exe(1) == "sh");
  auto known = scene.end(1, 10);
  CHECK_FALSE(known.process.alive);
  CHECK(known.process.start_ns == kBootToWall + 1);
  CHECK(known.process.end_ns == kBootToWall + 501);
  REQUIRE((known.entry && looked.entry));
  for (const LiveEntry& entry : {*known.entry, *looked.entry}) {
    CHECK((entry.cpu_ns == 111 && entry.rss_bytes == 222 && entry.vsz_bytes == 333));
    CHECK((entry.threads == 4 && entry.state == 'S' && entry.pid == 1001));
  }
  CHECK(scene.exe(1) == "(gone)");
}

TEST_CASE("an end without a fork still hands out a process") {
  Scene scene;
  scene.fork(1);
  scene.exec(1, 10, "sh");
  auto known = scene.end(2, 10);
  CHECK(known.process.pid == 1002);
  CHECK(known.process.start_ns == kBootToWall + 2);
  CHECK_FALSE(known.entry);
  CHECK(exe_of(known) == "sh");  // its parent's is still there
  CHECK(exe_of(scene.end(3, 99)) == "(unknown)");
  CHECK(scene.exe(1) == "sh");
  CHECK(scene.tree.images() == 1);
  scene.end(1, 10);
  CHECK(scene.tree.images() == 0);
}

TEST_CASE("news of strangers changes nothing") {
  Scene scene;
  CHECK(scene.exec(5, 10, "sh").expired());
  scene.tree.on(LiveEvent{5, 1, 2, 3, 4, 'S'});
  scene.tree.set_adopted_image(5, std::make_shared<Image>());
  CHECK(scene.tree.live().empty());
  CHECK(scene.tree.images() == 0);
}

TEST_CASE("a key that comes again is a new process; the late end of the old one leaves it alone") {
  Scene scene;
  scene.fork(1);
  scene.exec(1, 10, "old");
  scene.tree.on(LiveEvent{1, 111, 222, 333, 4, 'S'});
  const auto old_id = scene.tree.live().at(1).id;
  scene.fork(1, 0, 0, 5000);  // the news of the end was lost
  CHECK(scene.tree.live().size() == 1);
  CHECK(scene.tree.live().at(1).id != old_id);
  CHECK(scene.tree.live().at(1).cpu_ns == 0);
  CHECK(scene.exe(1) == "(unknown)");
  CHECK(scene.tree.images() == 0);
  scene.exec(1, 11, "new");

  auto known = scene.end(1, 10);  // of the old one: same key and pid, another start
  CHECK_FALSE(known.entry);
  CHECK(known.process.start_ns == kBootToWall + 1);
  CHECK(scene.exe(1) == "new");
  CHECK(exe_of(scene.end(1, 11, 5000)) == "new");
  CHECK(scene.tree.images() == 0);
}

TEST_CASE("where the news of an exec was lost the image is unknown, not the one before") {
  Scene scene;
  scene.fork(1);
  scene.exec(1, 10, "sh");
  auto known = scene.end(1, 11);
  CHECK(exe_of(known) == "(unknown)");
  CHECK(scene.tree.images() == 0);

  scene.fork(2);
  scene.fork(3, 2, 20);  // forked from an image that is not known (yet)
  CHECK(scene.exe(3) == "(unknown)");
  CHECK(exe_of(scene.end(3, 20)) == "(unknown)");
  scene.end(2, 20);
  CHECK(scene.tree.images() == 0);
}

TEST_CASE("the image of an adopted process is its children's, too") {
  Scene scene;
  scene.fork(1, 0, 10, 0, true);
  scene.fork(2, 1, 10);  // before /proc was read
  scene.fork(3, 1, 30);  // has nothing to do with it
  auto image = std::make_shared<Image>();
  image->exe = "daemon";
  scene.tree.set_adopted_image(1, image);
  scene.fork(4, 1, 10);  // after
  for (Key key : {1, 2, 4}) CHECK(scene.exe(key) == "daemon");
  CHECK(scene.exe(3) == "(unknown)");
  std::weak_ptr<const Image> watched = std::exchange(image, nullptr);
  for (Key key : {1, 2, 4}) CHECK(exe_of(scene.end(key, 10)) == "daemon");
  CHECK(watched.expired());
  scene.end(3, 30);
  CHECK(scene.tree.images() == 0);
}

TEST_CASE("what the tree holds follows who lives, however many have lived") {
  Scene scene;
  scene.fork(1);
  scene.exec(1, 1, "root");
  auto turn = [&](Key key) {
    scene.fork(key, 1, 1);
    auto first = scene.exec(key, key, std::string(2000, 'x'));
    auto second = scene.exec(key, key + 1'000'000, std::string(2000, 'y'));
    scene.end(key, key + 1'000'000);
    return first.expired() && second.expired() && scene.tree.images() == 1 && scene.tree.live().size() == 1;
  };
  bool flat = true;
  for (Key key = 2; key < 1000; key++) flat = flat && turn(key);
  const auto before = ::mallinfo2().uordblks;
  for (Key key = 1000; key < 101'000; key++) flat = flat && turn(key);
  CHECK(flat);
  CHECK(::mallinfo2().uordblks <= before + 65536);  // says nothing under AddressSanitizer
  CHECK(scene.tree.live().bucket_count() < 100);
  scene.end(1, 1);
  CHECK(scene.tree.images() == 0);
}
