// SPDX-License-Identifier: MIT
// A failed system call as an Error.
#pragma once

#include <string>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

std::string errno_text(int error);

// What to do about an error that one of our own resource limits makes, with that limit's present value; empty for all others.
std::string limit_hint(int error);

// "WHAT: text of errno", with the hint that there is for it.
Error os_error(const std::string& what, int error, ErrorCode code = ErrorCode::system);

}  // namespace duct_bpf
