// SPDX-License-Identifier: MIT
// A plot as a picture, drawn by the program gnuplot.
#pragma once

#include <string>

#include "log/plot.hpp"

namespace duct_log {

enum class Picture { png, svg };

// What gnuplot is told. All of it is ours but for numbers and labels, and a label cannot end the string that it stands in.
std::string gnuplot_script(const Plot& plot, double min_ratio, Picture picture);

// The bytes of the picture. Error not_found: there is no gnuplot.
Result<std::string> gnuplot_picture(const Plot& plot, double min_ratio, Picture picture);

}  // namespace duct_log
