// SPDX-License-Identifier: MIT
#include "duct_bpf/run.hpp"
#include "version.h"

namespace duct_bpf {
std::string_view version() { return DUCT_BPF_VERSION; }
}  // namespace duct_bpf
