// SPDX-License-Identifier: MIT
// Loads the BPF programs of an object side by side. The kernel's verifier takes most of our start; libbpf has it look at
// one program after the other. So libbpf prepares each program (relocations, BTF) and is given a stub to load in its
// place; the real ones go to the kernel in a few threads, while libbpf prepares the next. Those that nobody needs at once are
// loaded behind the rest.
#pragma once

#include <bpf/libbpf.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "capture/btf_cache.hpp"
#include "capture/fd.hpp"
#include "capture/workers.hpp"

namespace duct_bpf {

class ProgramLoader {
 public:
  // `facts`: BTF ids of what programs attach to and call, which libbpf would parse the kernel's whole BTF to find. From here to
  // load() what libbpf loads goes through us, in `workers`.
  ProgramLoader(const KernelBtf& facts, Workers& workers);
  ~ProgramLoader();
  ProgramLoader(const ProgramLoader&) = delete;
  ProgramLoader& operator=(const ProgramLoader&) = delete;

  // Before the object's own load: these can be left for later, in this order. They are not if libbpf raises the limit on locked
  // memory, as it does where the kernel counts maps and programs against it (before 5.11): it is the command's, too.
  void leave_for_later(std::vector<const bpf_program*> late) { late_ = std::move(late); }
  void leave_nothing() { leaves_ = false; }
  // After the object's own load. Returns when all but the late programs are loaded: 0 or -errno, and log() says what
  // the verifier said. `on_late` is told of each of these as soon as it is loaded, in their thread; 0 or -errno as well.
  using OnLate = std::function<int(const bpf_program*, int fd)>;
  int load(OnLate on_late);
  bool leaves_some() const { return !late_jobs_.empty(); }
  // Lets the thread of the late ones begin; what it has not come to when we are destroyed is left. That thread comes to be
  // in load(), with the capabilities of its caller: who calls this may have none.
  void start_late();
  bool late_ready() const { return late_done_ == kAll; }  // finish() will not have to wait
  int finish();       // when these are loaded, too: the same; once
  int fd(const bpf_program* program) const;  // -1: not loaded, or late and not loaded yet
  int wait_for(const bpf_program* program);  // the same, once its turn was, if it is a late one
  const std::string& log() const { return log_; }

 private:
  struct Job;
  static void register_handlers();
  static int prepare(bpf_program* program, bpf_prog_load_opts* options, long kind);
  using Jobs = std::vector<std::unique_ptr<Job>>;
  static void load_one(Job& job);
  void load_late(std::stop_token stop);
  void load_late_ones(std::stop_token stop, bool permitted);
  int take(Jobs& jobs);

  std::uint32_t attach_ids_[4];  // by kind of program
  std::uint32_t rdonly_cast_id_;
  Workers& workers_;
  rlim_t locked_memory_;
  std::vector<const bpf_program*> late_;
  bool leaves_ = true;
  Jobs jobs_, late_jobs_;
  OnLate on_late_;
  int late_error_ = 0;
  std::atomic<bool> late_wanted_ = false;
  static constexpr std::size_t kAll = -1;
  std::atomic<std::size_t> late_done_ = 0;  // of late_jobs_; kAll: or given up
  std::jthread late_thread_;
  std::map<const bpf_program*, Fd> loaded_;
  std::string log_;
};

}  // namespace duct_bpf
