// SPDX-License-Identifier: MIT
// Why tracing is not possible here, and what to do about it: facts of the machine turned into one line and a hint.
#pragma once

#include <string>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

// The reason that loading failed with errno `failure`; `log` is libbpf's, for when nothing simpler explains it.
Error explain_load_failure(int failure, const std::string& log);

}  // namespace duct_bpf
