// SPDX-License-Identifier: MIT
#include "log/terminal_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "log/text.hpp"
#include "log/whole.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kAxisWidth = 10;   // what stands left of the curves
constexpr std::size_t kRows = 7;         // of a panel
constexpr std::size_t kMostColumns = 200;
constexpr std::size_t kNumbersWidth = 22;  // right of a process's line: its CPU time and memory
constexpr std::string_view kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string_view eighth(double part) {
  return kEighths[whole(std::round(part * 8), 8)];
}

std::string axis_text(double value) { return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value); }

// The next of 1, 2, 2.5, 5, 10 times a power of ten: a round end for an axis.
double round_up(double most) {
  if (!(most > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(most)));
  for (const double step : {1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0}) {
    if (most <= step * power * (1 + 1e-3)) return step * power;
  }
  return 10 * power;
}

struct Panel {
  std::string title;
  Style colour = Style::plain;
  const Series::Values* values = nullptr;
  double top = 1;                    // end of the axis
  double unit = 1;
  std::string_view unit_name;
  std::optional<std::size_t> mark;   // column of the peak
  double mark_value = 0;
};

// An area of blocks, eighths of a row high; the peak is marked above its column.
void add_panel(std::string& out, const Panel& panel, const Console& console) {
  out += panel.title + "\n";
  for (std::size_t row = kRows; row-- > 0;) {
    const bool labelled = row + 1 == kRows || row == 0;
    const double at = row == 0 ? 0 : panel.top / panel.unit;
    out += console.styled(Style::dim, padded(labelled ? axis_text(at) + " " + std::string(panel.unit_name) : "", kAxisWidth - 2, true) + (row == 0 ? " ┤" : " │"));
    std::string line;
    for (std::size_t i = 0; i < panel.values->size(); ++i) {
      const double height = (*panel.values)[i].value_or(0) / panel.top * kRows;
      const std::size_t mark_row = panel.mark ? whole(panel.mark_value / panel.top * kRows, kRows - 1) : 0;
      if (panel.mark == i && row == mark_row)
        line += "◆";
      else
        line += eighth(height - static_cast<double>(row));
    }
    while (line.ends_with(' ')) line.pop_back();
    out += console.styled(panel.colour, line) + "\n";
  }
}

void add_time_axis(std::string& out, const Plot& plot, std::size_t columns, double min_ratio, const Console& console) {
  const AxisUnit unit = time_unit(plot.span, min_ratio);
  std::string line = std::string(kAxisWidth - 1, ' ') + "└";
  std::string labels(kAxisWidth, ' ');
  const std::size_t ticks = std::max<std::size_t>(columns / 20, 1);
  for (std::size_t i = 0, at = 0; i <= ticks; ++i) {
    const std::size_t column = i * (columns - 1) / ticks;
    for (; at < column; ++at) line += "─";
    line += "┴";
    ++at;
    const std::string text = axis_text(plot.span / unit.size * static_cast<double>(i) / static_cast<double>(ticks)) + (i == ticks ? " " + std::string(unit.name) : "");
    const std::size_t wanted = kAxisWidth + column - (i == 0 ? 0 : std::min(text.size() - (i == ticks ? 1 : text.size() / 2 + 1), kAxisWidth + column));
    if (labels.size() < wanted) labels.resize(wanted, ' ');
    labels += text;
  }
  out += console.styled(Style::dim, line) + "\n" + console.styled(Style::dim, labels) + "\n";
}

// A line for each of the largest processes: when it lived, and how busy it was, by height.
void add_traces(std::string& out, const Plot& plot, std::size_t columns, const Console& console) {
  if (plot.traces.empty()) return;
  const std::size_t width = columns > kNumbersWidth + 10 ? columns - kNumbersWidth : columns;
  out += padded("Largest processes, and how busy they were", kAxisWidth + width, false) + console.styled(Style::dim, padded("CPU time", 11, true) + padded("memory", 11, true)) + "\n";
  double most = 100;
  for (const Trace& trace : plot.traces) {
    for (const auto& point : trace.cpu) most = std::max(most, point.second);
  }
  for (const Trace& trace : plot.traces) {
    std::string line;
    for (std::size_t i = 0; i < width; ++i) {
      const double from = plot.span * static_cast<double>(i) / static_cast<double>(width), to = from + plot.span / static_cast<double>(width);
      if (to < trace.start || from > trace.end) {
        line += ' ';
        continue;
      }
      double rate = 0;
      for (std::size_t k = 0; k + 1 < trace.cpu.size(); ++k) {
        if (trace.cpu[k].first < to && trace.cpu[k + 1].first > from) rate = std::max(rate, trace.cpu[k].second);
      }
      line += eighth(std::max(rate / most, 1.0 / 8));
    }
    out += padded(fitted(escaped(trace.name), kAxisWidth - 1), kAxisWidth, false) + console.styled(Style::green, line) +
           padded(time_text(trace.cpu_time), 11, true) + padded(bytes_text(trace.peak_rss), 11, true) + "\n";
  }
}

double highest(const Series::Values& values) {
  double most = 0;
  for (const auto& value : values) most = std::max(most, value.value_or(0));
  return most;
}

}  // namespace

std::size_t terminal_plot_columns(std::size_t width) { return std::min(width > kAxisWidth + 20 ? width - kAxisWidth - 1 : 20, kMostColumns); }

std::string terminal_plot(const Plot& plot, double min_ratio, const Console& console) {
  const std::size_t columns = terminal_plot_columns(console.width);
  const Series& series = plot.series;
  std::string out = console.styled(Style::bold, fitted(escaped(plot.title), console.width)) + "\n\n";

  const Series::Values& cpu = series.cpu.empty() ? series.cpu_reported : series.cpu;
  if (!cpu.empty()) {
    std::string title = console.styled(Style::bold, "CPU") + "  mean of each step" + (plot.lifetime_cpu ? ", not of processes younger than 1 s" : "");
    if (series.cpu.empty()) title = console.styled(Style::bold, "CPU") + (plot.lifetime_cpu ? "  sum of lifetime averages" : "  highest between samples");
    if (plot.cpu_total) title += fmt::format(", {:.0f} CPUs", *plot.cpu_total);
    add_panel(out, {.title = title, .colour = Style::green, .values = &cpu, .top = round_up(highest(cpu)), .unit = 1, .unit_name = "%", .mark = {}}, console);
  }
  const Series::Values& rss = series.rss_reported.empty() ? series.rss_at_most : series.rss_reported;
  if (!rss.empty()) {
    const double most = std::max(plot.most_rss(), 1.0);
    const AxisUnit unit = byte_unit(most, min_ratio);
    std::string title = console.styled(Style::bold, "Memory") + (series.rss_reported.empty() ? "  at most" : "  highest of each report");
    if (plot.peak_rss) title += ", peak " + bytes_text(plot.peak_rss);
    if (plot.peak_rss && plot.peak_time) title += " at " + time_text(plot.peak_time) + " (◆)";
    if (plot.memory_total) title += ", host " + bytes_text(plot.memory_total);
    Panel panel{.title = title, .colour = Style::yellow, .values = &rss, .top = round_up(most / unit.size) * unit.size, .unit = unit.size, .unit_name = unit.name, .mark = {}};
    if (plot.peak_time && plot.peak_rss) {
      panel.mark = whole(*plot.peak_time / plot.span * static_cast<double>(columns - 1), columns - 1);
      panel.mark_value = *plot.peak_rss;
    }
    add_panel(out, panel, console);
  }
  if (!series.processes.empty()) {
    const double most = highest(series.processes);
    const std::string title = console.styled(Style::bold, "Processes") + fmt::format("  alive at once, {:.0f} at most", most);
    add_panel(out, {.title = title, .colour = Style::plain, .values = &series.processes, .top = round_up(most), .unit = 1, .unit_name = "", .mark = {}}, console);
  }
  add_time_axis(out, plot, columns, min_ratio, console);
  add_traces(out, plot, columns, console);
  return out;
}

}  // namespace duct_log
