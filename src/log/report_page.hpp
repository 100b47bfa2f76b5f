// SPDX-License-Identifier: MIT
// The files of web/, which the build puts into the program (scripts of cmake/embed_page.cmake).
#pragma once

#include <string_view>

namespace duct_log {

extern const std::string_view kReportFrame;   // report.html, with {{names}} to be filled in
extern const std::string_view kReportStyle;   // the style of the chart library and ours
extern const std::string_view kReportScript;  // the chart library and ours

}  // namespace duct_log
