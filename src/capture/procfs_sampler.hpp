// SPDX-License-Identifier: MIT
// A tracer that needs no BPF and no privilege: it looks into /proc each time it is asked, and tells what it found by the
// same messages (bpf/abi.h). It sees only what is there when it looks; what it cannot know it leaves out.
#pragma once

#include <memory>

#include "capture/tracer.hpp"

namespace duct_bpf {

// Error: /proc is not there, or is that of another pid namespace.
Result<std::unique_ptr<Tracer>> open_procfs_sampler(const TracerConfig& config);

}  // namespace duct_bpf
