// SPDX-License-Identifier: MIT
// What a caller may ask for who has no privilege of their own: the program's file has it (file capabilities), and it is lent
// for their own processes and a usual share of kernel memory alone.
#pragma once

#include <sys/types.h>

#include "duct_bpf/error.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

// Error: usage, with what to do in its place.
Result<void> check_permission(const Options& options);

// To be asked once the thread has given up what was lent: then the kernel decides as it would for the caller.
Result<void> check_attach_permission(const Options& options, pid_t pid);

}  // namespace duct_bpf
