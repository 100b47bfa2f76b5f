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
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "capture/btf_cache.hpp"
#include "capture/fd.hpp"
#include "capture/prepared_code.hpp"
#include "capture/workers.hpp"

namespace duct_bpf {

class ProgramLoader {
 public:
  // `facts`: BTF ids of what programs attach to and call, which libbpf would parse the kernel's whole BTF to find. `known`: the code of
  // an object that is opened without_relocations(), or nullptr. From here to load() what libbpf loads goes through us, in `workers`.
  ProgramLoader(const KernelBtf& facts, const PreparedCode* known, Workers& workers);
  ~ProgramLoader();
  ProgramLoader(const ProgramLoader&) = delete;
  ProgramLoader& operator=(const ProgramLoader&) = delete;

  // Before the object's own load. `last` may still be under way when load() returns, `late` not yet. They are not if libbpf raises
  // the limit on locked memory, as it does where the kernel counts maps and programs against it (before 5.11): it is the command's, too.
  void leave_for_later(const bpf_program* last, std::set<const bpf_program*> late) {
    last_ = last;
    late_ = std::move(late);
  }
  // These are not loaded; libbpf prepares all that there are.
  void leave_out(std::set<const bpf_program*> unwanted) { unwanted_ = std::move(unwanted); }
  // Is told of each program as soon as it is loaded, in the thread that did it: 0 or -errno.
  using OnLoaded = std::function<int(const bpf_program*, int fd)>;
  void tell(OnLoaded on_loaded) { on_loaded_ = std::move(on_loaded); }
  // After the object's own load, when all but those are loaded: 0 or -errno, and log() says what the verifier said.
  int load();
  int settle();  // when the last one is loaded, and the workers have ended: the same
  bool leaves_some() const { return !late_jobs_.empty(); }
  // Lets the thread of the late ones begin; what it has not come to when we are destroyed is left. That thread comes to be
  // in load(), with the capabilities of its caller: who calls this may have none.
  void start_late();
  bool late_ready() const { return late_ready_; }  // finish() will not have to wait
  int finish();       // when these are loaded, too: the same; once
  int fd(const bpf_program* program) const;  // -1: not loaded, or late and not finished
  const PreparedCode& prepared() const { return prepared_; }
  const std::string& log() const { return log_; }

 private:
  struct Job;
  static void register_handlers();
  static int prepare(bpf_program* program, bpf_prog_load_opts* options, long kind);
  void take_on(std::unique_ptr<Job> job);
  using Jobs = std::vector<std::unique_ptr<Job>>;
  void load_one(Job& job);
  void load_late(std::stop_token stop);
  void load_late_ones(std::stop_token stop, bool permitted);
  int take(Jobs& jobs);

  std::uint32_t attach_ids_[4];  // by kind of program
  std::uint32_t rdonly_cast_id_;
  const PreparedCode* known_;
  PreparedCode prepared_;
  Workers& workers_;
  rlim_t locked_memory_;
  const bpf_program* last_ = nullptr;
  std::set<const bpf_program*> late_, unwanted_;
  OnLoaded on_loaded_;
  Jobs jobs_, last_jobs_, late_jobs_;
  int late_error_ = 0;
  std::atomic<bool> late_wanted_ = false, late_ready_ = false;
  std::jthread late_thread_;
  std::map<const bpf_program*, Fd> loaded_;
  std::string log_;
};

}  // namespace duct_bpf
