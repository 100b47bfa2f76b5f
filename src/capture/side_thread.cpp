// SPDX-License-Identifier: MIT
#include "capture/side_thread.hpp"

#include <signal.h>

#include <system_error>
#include <utility>

namespace duct_bpf {
namespace {

void* run(void* function) {
  (*static_cast<std::function<void()>*>(function))();
  return nullptr;
}

}  // namespace

SideThread::SideThread(const cpu_set_t& cpus, std::function<void()> function) : run_(std::move(function)) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  if (CPU_COUNT(&cpus)) ::pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = ::pthread_create(&thread_, &attributes, run, &run_);
  ::pthread_attr_destroy(&attributes);
  if (error) error = ::pthread_create(&thread_, nullptr, run, &run_);  // the CPUs may be gone
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error) throw std::system_error(error, std::generic_category());
}

cpu_set_t permitted_cpus() {
  cpu_set_t permitted;
  CPU_ZERO(&permitted);
  ::sched_getaffinity(0, sizeof permitted, &permitted);
  return permitted;
}

std::vector<cpu_set_t> dealt_out(const cpu_set_t& permitted, std::size_t count) {
  std::vector<cpu_set_t> parts(count);
  for (cpu_set_t& each : parts) CPU_ZERO(&each);
  const int here = ::sched_getcpu();
  std::size_t next = 0;
  if (here >= 0 && CPU_ISSET(here, &permitted)) CPU_SET(here, &parts[next++ % count]);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (cpu != here && CPU_ISSET(cpu, &permitted)) CPU_SET(cpu, &parts[next++ % count]);
  return parts;
}

void keep_to(const cpu_set_t& cpus) {
  if (CPU_COUNT(&cpus)) ::sched_setaffinity(0, sizeof cpus, &cpus);
}

}  // namespace duct_bpf
