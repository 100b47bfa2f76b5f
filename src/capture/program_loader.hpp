// SPDX-License-Identifier: MIT
// Loads the BPF programs of an object side by side. The kernel's verifier takes most of our start; libbpf has it look at
// one program after the other. So libbpf prepares each program (relocations, BTF) and is given a stub to load in its
// place; the real ones go to the kernel in a few threads, which are gone before load() returns.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
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

  // Between the object's own load and the first use of fd(): 0 or -errno; then log() says what the verifier said.
  int load();
  int fd(const bpf_program* program) const;  // -1: not loaded
  const std::string& log() const { return log_; }

 private:
  struct Job;
  static int prepare(bpf_program* program, bpf_prog_load_opts* options, long is_iterator);
  void load_one(Job& job);

  std::uint32_t iter_task_id_;
  std::vector<int> handlers_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::map<const bpf_program*, Fd> loaded_;
  std::string log_;
};

}  // namespace duct_bpf
