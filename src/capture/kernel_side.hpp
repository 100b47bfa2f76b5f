// SPDX-License-Identifier: MIT
// An image in the kernel: its maps, its variables in our memory, its programs. The kernel's verifier takes most of our start, so
// programs are loaded side by side in a few threads, and those that nobody needs at once behind the rest.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "capture/btf_cache.hpp"
#include "capture/fd.hpp"
#include "capture/kernel_image.hpp"
#include "capture/side_thread.hpp"
#include "capture/skeleton.hpp"
#include "capture/workers.hpp"

namespace duct_bpf {

class KernelSide {
 public:
  using Constants = std::remove_pointer_t<decltype(duct_bpf_obj::rodata)>;
  using Variables = std::remove_pointer_t<decltype(duct_bpf_obj::bss)>;
  using Knobs = std::remove_pointer_t<decltype(duct_bpf_obj::data)>;

  // Whether all is there that this program asks for by name, variables as it sees them.
  static bool fits(const KernelImage& image);
  // `image`: one that fits. `facts`: BTF ids of what programs attach to. `workers` are used by load() alone, which dismisses them.
  KernelSide(KernelImage image, const KernelBtf& facts, Workers& workers);
  ~KernelSide();
  KernelSide(const KernelSide&) = delete;
  KernelSide& operator=(const KernelSide&) = delete;

  // Before load(). How large maps are to be, and what the programs are to take for constant.
  KernelImage& image() { return image_; }
  Constants& constants() { return *reinterpret_cast<Constants*>(image_.map(".rodata").content.data()); }
  // One that is made elsewhere: asked for behind the others.
  void borrow(std::string_view map, std::function<Fd()> made) { borrowed_ = {std::string(map), std::move(made)}; }
  void leave_out(std::set<std::string_view> programs) { unwanted_ = std::move(programs); }
  void leave_for_later(std::set<std::string_view> programs) { late_ = std::move(programs); }

  // Makes the maps and loads all programs but those: 0 or -errno, and log() says what the verifier said.
  int load();
  // Valid after load().
  Variables* variables() const { return static_cast<Variables*>(variables_.memory); }
  Knobs* knobs() const { return static_cast<Knobs*>(knobs_.memory); }
  int map(std::string_view name) const;
  int program(std::string_view name) const;  // -1: not loaded, or late and not finished
  Fd attach(std::string_view program) const;  // to its event; no descriptor: errno

  bool leaves_some() const { return !late_jobs_.empty(); }
  // They have a thread with the capabilities of load()'s caller. It begins with start_late(), whose caller may have none; what it has not
  // come to when we are destroyed is left.
  void start_late();
  bool late_ready() const { return late_ready_; }  // finish() will not have to wait
  int finish();                                    // when these are loaded, too: as load(); once
  const std::string& log() const { return log_; }

 private:
  struct Job;
  using Jobs = std::vector<std::unique_ptr<Job>>;
  struct Mapping {
    void* memory = nullptr;
    std::size_t size = 0;
    ~Mapping();
  };

  std::vector<bool> named_by(const Jobs& jobs) const;  // of each map, whether one of their programs does
  int make_maps();
  int fill(const KernelImage::Map& map, int fd, Mapping* mapping);
  void load_one(Job& job);
  void make_late_thread();
  void load_late();
  void load_late_ones(bool permitted);
  int take(Jobs& jobs);

  KernelImage image_;
  std::uint32_t attach_ids_[3];  // by kind of program
  Workers& workers_;
  std::pair<std::string, std::function<Fd()>> borrowed_;
  std::set<std::string_view> unwanted_, late_;
  std::vector<Fd> maps_, programs_;  // as in the image
  Fd types_;
  Mapping variables_, knobs_;
  Jobs jobs_, late_jobs_;
  std::vector<std::size_t> late_maps_;
  int late_error_ = 0;
  std::atomic<bool> late_wanted_ = false, late_given_up_ = false, late_ready_ = false;
  std::unique_ptr<SideThread> late_thread_;
  std::string log_;
};

}  // namespace duct_bpf
