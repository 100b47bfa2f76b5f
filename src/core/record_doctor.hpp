// SPDX-License-Identifier: MIT
// What the doctor found, as text and as JSON.
#pragma once

#include <string>

#include "duct_bpf/doctor.hpp"

namespace duct_bpf {

std::string diagnosis_text(const Diagnosis& diagnosis, bool colors);
std::string diagnosis_json(const Diagnosis& diagnosis);  // one object, one line

}  // namespace duct_bpf
