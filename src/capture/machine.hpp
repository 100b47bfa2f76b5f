// SPDX-License-Identifier: MIT
// Facts of the machine and of running processes, from /proc and system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/window.hpp"
#include "duct_bpf/profile.hpp"

namespace duct_bpf {

Machine machine_facts();  // CPUs online, physical memory

std::int64_t wall_now_ns();       // CLOCK_REALTIME
std::int64_t monotonic_now_ns();  // CLOCK_MONOTONIC
std::uint64_t boot_now_ns();      // CLOCK_BOOTTIME
// What to add to the boot clock to have wall time, as of now.
std::int64_t boot_to_wall_ns();

std::string host_name();
std::string kernel_release();
std::string user_name(uid_t uid);  // asks the name service; the number as text where it knows none
std::string working_directory();

// Environment variables that tell which batch job this is: PBS_*, SLURM_*, OSG*.
std::vector<std::pair<std::string, std::string>> job_environment();

// What a running process was started as (/proc/PID/cmdline and exe); null where it cannot be read or has none.
std::shared_ptr<const Image> running_image(pid_t pid);

// /proc is mounted with hidepid: users do not see the processes of others.
bool proc_hides_processes();

double own_cpu_seconds();  // getrusage, user and system

}  // namespace duct_bpf
