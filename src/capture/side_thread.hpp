// SPDX-License-Identifier: MIT
// A thread that starts where it is sent. Some kernels start a thread on its maker's CPU and wake it on that of whoever wakes it, whatever
// else is idle; then what should go on side by side does not.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace duct_bpf {

class SideThread {
 public:
  // With all signals blocked: they are others'. Starts on one of `cpus`, if it may (and keeps to them until it says otherwise). Throws
  // std::system_error where there is no thread to be had.
  SideThread(const cpu_set_t& cpus, std::function<void()> run);
  ~SideThread() { ::pthread_join(thread_, nullptr); }
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

 private:
  std::function<void()> run_;
  pthread_t thread_{};
};

// What the calling thread may run on; empty: not known.
cpu_set_t permitted_cpus();
// `permitted` dealt out to `count` parts; the CPU that we run on is in the first.
std::vector<cpu_set_t> dealt_out(const cpu_set_t& permitted, std::size_t count);
// Of the calling thread.
void keep_to(const cpu_set_t& cpus);

}  // namespace duct_bpf
