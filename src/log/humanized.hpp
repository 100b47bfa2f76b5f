// SPDX-License-Identifier: MIT
// Values of records with their units, by the name of the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "log/json.hpp"

namespace duct_log {

// Empty: a number without a unit, or something else than a number.
std::optional<std::string> humanized(std::string_view name, const Json& value);

}  // namespace duct_log
