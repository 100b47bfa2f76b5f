// SPDX-License-Identifier: MIT
// Why tracing is not possible here, and what to do about it: facts of the machine turned into one line and a hint. The doctor
// shows them all, an error is the first that is bad.
#pragma once

#include <string>
#include <vector>

#include "duct_bpf/doctor.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

// What a run needs, in the order in which to ask for it; cheap.
std::vector<Fact> required_facts();
// What changes a run, or only tells where we are.
std::vector<Fact> other_facts();

// Those of them that would also keep a run's files from being made: asked before anything is.
Result<void> check_limits();

// The reason that loading failed with errno `failure`; `log` is libbpf's, for when nothing simpler explains it.
Error explain_load_failure(int failure, const std::string& log);

}  // namespace duct_bpf
