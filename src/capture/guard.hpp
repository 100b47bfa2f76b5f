// SPDX-License-Identifier: MIT
// Ends the tree if the tracer dies before its command does (--on-tracer-death kill). A process of its own, as whoever is killed by
// SIGKILL can do nothing any more: it holds the ledger and the attached programs too, so it knows every process of the tree, and
// nobody slips away by forking, by leaving the session or by executing a setuid program.
#pragma once

#include <sys/types.h>

#include "capture/fd.hpp"
#include "capture/tracer.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

class Guard {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { dismiss(); }

  // Forks: to be called while this is the only thread.
  Result<void> start(Tracer& tracer);
  // The run is over: it ends, and does nothing.
  void dismiss();

 private:
  pid_t pid_ = -1;
  Fd channel_;  // a byte says that all is well; an end without one, that we are dead
};

}  // namespace duct_bpf
