// SPDX-License-Identifier: MIT
// A plot made of characters.
#pragma once

#include <cstddef>
#include <string>

#include "log/console.hpp"
#include "log/plot.hpp"

namespace duct_log {

// How many values fit side by side.
std::size_t terminal_plot_columns(std::size_t width);

// `plot` has that many.
std::string terminal_plot(const Plot& plot, double min_ratio, const Console& console);

}  // namespace duct_log
