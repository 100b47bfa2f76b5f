// SPDX-License-Identifier: MIT
// The command in the kernel's ledger. It is forked while the programs are loaded, so that no event tells of its fork.
#pragma once

#include <sys/types.h>

#include <functional>

#include "abi.h"
#include "capture/kernel_side.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

// Enters `pid`, a child that the calling thread has forked and that waits; the news are what the kernel side would have told of the fork.
// `groups`: the ledger's descriptor. `arm`: runs the program of that name once; 0 or -errno.
Result<abi::news_fork> enter_command(KernelSide::Variables& state, int groups, pid_t pid, const std::function<int()>& arm);

}  // namespace duct_bpf
