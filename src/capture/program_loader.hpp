// SPDX-License-Identifier: MIT
// Loads the BPF programs of an object side by side. The kernel's verifier takes most of our start; libbpf has it look at
// one program after the other. So libbpf prepares each program (relocations, BTF) and is given a stub to load in its
// place; the real ones go to the kernel in a few threads. Those that nobody needs at once are loaded behind the rest.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "capture/fd.hpp"

namespace duct_bpf {

class ProgramLoader {
 public:
  // `iter_task_id`: BTF id of bpf_iter_task, which libbpf would parse the kernel's whole BTF to find.
  explicit ProgramLoader(std::uint32_t iter_task_id);
  ~ProgramLoader();
  ProgramLoader(const ProgramLoader&) = delete;
  ProgramLoader& operator=(const ProgramLoader&) = delete;

  // After the object's own load. Returns when all but the `late` programs are loaded: 0 or -errno, and log() says what
  // the verifier said. The others go on in a thread until finish().
  int load(const std::set<const bpf_program*>& late);
  int finish();  // the same for the late ones; once
  int fd(const bpf_program* program) const;  // -1: not loaded, or late and not finished
  const std::string& log() const { return log_; }

 private:
  struct Job;
  static int prepare(bpf_program* program, bpf_prog_load_opts* options, long is_iterator);
  using Jobs = std::vector<std::unique_ptr<Job>>;
  static void load_one(Job& job);
  int take(Jobs& jobs);

  std::uint32_t iter_task_id_;
  std::vector<int> handlers_;
  Jobs jobs_, late_jobs_;
  std::jthread late_thread_;
  std::map<const bpf_program*, Fd> loaded_;
  std::string log_;
};

}  // namespace duct_bpf
