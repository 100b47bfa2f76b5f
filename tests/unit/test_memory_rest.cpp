// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "capture/machine.hpp"
#include "capture/memory_rest.hpp"
#include "fake_tracer.hpp"

using namespace duct_bpf;
using namespace duct_bpf::fake;

namespace {

constexpr std::uint64_t kMB = 1 << 20;

// A tree whose maximum was 100 MB, give or take 2, and in which two processes live.
struct Storm : Scene {
  Storm() {
    memory.peak_bytes = 100 * kMB;
    memory.peak_number = 7;
    memory.error_bound_bytes = 2 * kMB;
    tracer.tell_memory = [this] { return std::optional(memory); };
    tracer.counted.live = tracer.counted.live_threads = 2;
  }
  void sweeps(int count, bool storm = true) {
    for (int i = 0; i < count; i++) rest.on_sweep(storm);
  }
  // What one sweep finds, and what was done at it.
  std::string sweep(MemoryLooks looks, bool storm = true) {
    tracer.rest_steps.clear();
    tracer.memory_looks = looks;
    rest.on_sweep(storm);
    return tracer.rest_steps;
  }
  std::uint64_t error() const { return rest.error_bytes(memory); }

  TreeMemory memory;
  MemoryRest rest{tracer, ledger};
};

}  // namespace

TEST_CASE("the event of memory is let go at the fifth look of a storm, and taken back when it is over") {
  Storm scene;
  scene.sweeps(4);
  scene.sweeps(1, false);
  scene.sweeps(4);
  CHECK(scene.tracer.rest_steps.empty());
  scene.sweeps(1);
  CHECK(scene.tracer.rest_steps == "prll");  // what came before is not looked at; then the first look
  CHECK(scene.tracer.lives_read == 2);       // one to learn what was, and the look
  scene.sweeps(3);
  CHECK(scene.tracer.rest_steps == "prlllll");
  CHECK(scene.sweep({}, false) == "lbl");  // the last look when the event is there again
  CHECK(scene.sweep({}, false).empty());
  CHECK(scene.error() == 0);
  scene.sweeps(4);
  CHECK(scene.tracer.rest_steps.empty());
  scene.sweeps(1);
  CHECK(scene.tracer.rest_steps == "prll");
}

TEST_CASE("it stays where looks would cost much or say little, and comes back where they have come to") {
  struct Tree {
    std::uint64_t live, threads, highs_mb;
  };
  auto large = GENERATE(Tree{65, 65, 10}, Tree{2, 3, 10}, Tree{2, 2, 65});  // too many processes; threads; too much memory
  Storm scene;
  auto become = [&](Tree tree) {
    scene.tracer.counted.live = tree.live;
    scene.tracer.counted.live_threads = tree.threads;
    scene.memory.highs_bytes = tree.highs_mb * kMB;
  };
  become(large);
  scene.sweeps(20);
  CHECK(scene.tracer.rest_steps.empty());
  become({64, 64, 64});
  scene.sweeps(1);
  CHECK(scene.tracer.rest_steps == "prll");
  become(large);
  CHECK(scene.sweep({}) == "lbl");
}

TEST_CASE("it stays where the kernel does not tell what processes have had") {
  Storm scene;
  scene.tracer.may_rest = false;
  scene.sweeps(5);
  CHECK(scene.tracer.rest_steps == "p");
  scene.sweeps(4);
  CHECK(scene.tracer.rest_steps == "p");
  scene.tracer.may_rest = true;
  scene.sweeps(1);
  CHECK(scene.tracer.rest_steps == "pprll");
}

TEST_CASE("a tree that may have passed its maximum has the event back, and what it may have had is the error") {
  Storm scene;
  scene.sweeps(5);
  SECTION("what is known of processes, not at one moment") {
    CHECK(scene.sweep({.highs_bytes = 102 * kMB}) == "l");
    CHECK(scene.sweep({.highs_bytes = 110 * kMB}) == "lbl");
  }
  SECTION("what one that lives had meanwhile") {
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_alive_bytes = 12 * kMB}) == "l");
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_alive_bytes = 8 * kMB}) == "lbl");
  }
  SECTION("what each that ended may have had, of those that lived at once") {
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_ended_bytes = 6 * kMB}) == "l");
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_ended_bytes = 10 * kMB}) == "lbl");
  }
  SECTION("of these one has lived all the time") {
    scene.drain({fork_news(1)});  // since 1970, about
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_ended_bytes = 12 * kMB}) == "l");
    CHECK(scene.sweep({.highs_bytes = 90 * kMB, .unseen_ended_bytes = 20 * kMB}) == "lbl");
  }
  CHECK(scene.error() == 10 * kMB);
  scene.memory.peak_bytes = 104 * kMB;
  scene.memory.peak_number++;
  CHECK(scene.error() == 6 * kMB);
  scene.memory.peak_bytes = 200 * kMB;
  CHECK(scene.error() == 0);
  // Twice as long a storm before the next time.
  scene.tracer.rest_steps.clear();
  scene.sweeps(9);
  CHECK(scene.tracer.rest_steps.empty());
  scene.sweeps(1);
  CHECK(scene.tracer.rest_steps == "prll");
}

TEST_CASE("a maximum that looks have found may be too high by what was given back meanwhile, until events tell of another") {
  Storm scene;
  scene.sweeps(5);
  CHECK(scene.error() == 0);
  scene.memory.peak_bytes = 130 * kMB;
  scene.memory.peak_number++;
  CHECK(scene.sweep({.stale_alive_bytes = 20 * kMB, .stale_ended_bytes = 3 * kMB}) == "l");
  CHECK(scene.error() == 26 * kMB);
  CHECK(scene.sweep({.stale_alive_bytes = 50 * kMB}) == "l");
  CHECK(scene.error() == 26 * kMB);
  scene.memory.peak_number++;
  CHECK(scene.sweep({.stale_alive_bytes = 1 * kMB}) == "l");
  CHECK(scene.error() == 51 * kMB);
  CHECK(scene.sweep({}, false) == "lbl");
  scene.memory.peak_bytes = 140 * kMB;
  scene.memory.peak_number++;
  CHECK(scene.error() == 0);
  scene.sweeps(5);
  CHECK(scene.error() == 0);
}

TEST_CASE("where the event cannot be had back, looks go on at samples") {
  Storm scene;
  scene.rest.on_sample();
  CHECK(scene.tracer.rest_steps.empty());
  scene.sweeps(5);
  scene.tracer.rest_steps.clear();
  scene.rest.on_sample();
  CHECK(scene.tracer.rest_steps.empty());
  scene.tracer.comes_back = false;
  CHECK(scene.sweep({}, false) == "l");
  scene.tracer.memory_looks.highs_bytes = 150 * kMB;
  scene.rest.on_sample();
  CHECK(scene.tracer.rest_steps == "ll");
  CHECK(scene.error() == 50 * kMB);
  scene.tracer.comes_back = true;
  scene.rest.on_sample();
  CHECK(scene.tracer.rest_steps == "lllbl");
  scene.rest.on_sample();
  CHECK(scene.tracer.rest_steps == "lllbl");
}

TEST_CASE("the end of the run is looked at where the event rests") {
  Storm scene;
  scene.rest.finish();
  CHECK(scene.tracer.rest_steps.empty());
  scene.sweeps(5);
  scene.tracer.memory_looks.highs_bytes = 150 * kMB;
  scene.rest.finish();
  CHECK(scene.tracer.rest_steps == "prlll");
  CHECK(scene.error() == 50 * kMB);
}
