// SPDX-License-Identifier: MIT
// What a run lost, in words: one line for each cause, with what to do about it where something can be done.
#pragma once

#include <string>
#include <vector>

#include "capture/tracer.hpp"

namespace duct_bpf {

// Empty where nothing was lost. `malformed`: messages that made no sense.
std::vector<std::string> loss_texts(const TracerCounts& counts, std::uint64_t malformed);

}  // namespace duct_bpf
