// SPDX-License-Identifier: MIT
// A tracer that is being loaded, which takes most of the start, nearly all of it in the kernel: meanwhile we do what else there is to do.
#pragma once

#include <future>
#include <memory>
#include <optional>

#include "capture/locked_memory.hpp"
#include "capture/side_thread.hpp"
#include "capture/tracer.hpp"
#include "duct_bpf/error.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

class TracerStart {
 public:
  // In a thread, with the capabilities that the caller has now.
  explicit TracerStart(const Options& options);
  // The limit on locked memory as it was before: it is raised meanwhile where what is loaded counts against it.
  const rlimit& locked_memory() const { return locked_memory_; }
  // Once; the thread has ended then.
  Result<std::unique_ptr<Tracer>> take();

 private:
  rlimit locked_memory_ = limit_on_locked_memory();
  std::future<Result<std::unique_ptr<Tracer>>> loaded_;
  std::optional<SideThread> thread_;
};

}  // namespace duct_bpf
