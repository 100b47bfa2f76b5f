// SPDX-License-Identifier: MIT
// duct-log plot: CPU, memory and number of processes over time, as a picture or in the terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "log/axis_unit.hpp"
#include "log/console.hpp"
#include "log/process_traces.hpp"
#include "log/series.hpp"

namespace duct_log {

enum class PlotCpu {
  known,             // the best that the records have
  ps_pcpu,           // as ps counts it: averages over the life of a process, and their sum
  ps_cpu_timepoint,  // what these averages come to between two reports
};

struct PlotOptions {
  std::string run;     // see find_run()
  std::string output;  // .png or .svg; empty: to the terminal
  PlotCpu cpu = PlotCpu::known;
  double min_ratio = kDefaultMinRatio;
  std::size_t largest = 6;  // processes with a trace of their own
};

// What is drawn, whatever draws it. Times are seconds since the run began.
struct Plot {
  std::string title;  // not made safe
  double span = 0;
  Series series;
  bool lifetime_cpu = false;  // series.cpu_reported is a sum of lifetime averages
  std::optional<double> peak_time, peak_rss, memory_total, cpu_total;
  std::vector<Trace> traces;
  double most_cpu() const;  // %
  double most_rss() const;
};

// `steps`: how many values the curves have.
Result<Plot> make_plot(const PlotOptions& options, std::size_t steps, const Warn& warn);
Result<int> plot(const PlotOptions& options, const Console& console);

}  // namespace duct_log
