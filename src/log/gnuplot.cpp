// SPDX-License-Identifier: MIT
#include "log/gnuplot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "log/child_process.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr double kFewProcesses = 6;  // of more, gnuplot marks whole numbers by itself
constexpr std::size_t kTitleWidth = 110;
constexpr std::size_t kNameWidth = 24;
constexpr double kHostLineWithin = 4;  // the host's memory is a line in the picture if it is no more than so many times the peak
constexpr const char* kTraceColours[] = {"#d1495b", "#e09f3e", "#3b8ea5", "#7a9e4b", "#8d6a9f", "#c06c84", "#5d737e", "#b5651d"};

// In single quotes gnuplot takes all as it is but for the quote itself, and two of them, which should stand for one, end the
// string where it begins with them: so it is put in its typographic form. With "noenhanced" it sees no markup either.
std::string label(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string_view("’") : std::string_view(&c, 1);
  return quoted + "'";
}

// A curve that holds each value until the next one is a line with corners: as one shape its area has no seams.
class Corners {
 public:
  explicit Corners(std::string& script, const std::string& name) : script_(script) { script_ += "$" + name + " << EOD\n"; }
  ~Corners() { script_ += "EOD\n"; }
  void hold(double from, double to, double value) {
    if (open_ && value == value_ && from == to_) {
      to_ = to;
      return;
    }
    const bool gap = open_ && from != to_;
    end();
    if (gap) script_ += "\n";
    script_ += fmt::format("{:.9g} {:.9g}\n", from, value);
    value_ = value;
    to_ = to;
    open_ = true;
  }
  void end() {
    if (open_) script_ += fmt::format("{:.9g} {:.9g}\n", to_, value_);
    open_ = false;
  }

 private:
  std::string& script_;
  bool open_ = false;
  double value_ = 0, to_ = 0;
};

void add_values(std::string& script, const char* name, const Series& series, const Series::Values& values, double time, double unit) {
  if (values.empty()) return;
  Corners corners(script, name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i]) corners.hold(series.seconds(i) / time, series.seconds(i + 1) / time, *values[i] / unit);
  }
  corners.end();
}

void add_points(std::string& script, const std::string& name, const Points& points, double time, double unit) {
  Corners corners(script, name);
  for (std::size_t i = 0; i + 1 < points.size(); ++i) corners.hold(points[i].first / time, points[i + 1].first / time, points[i].second / unit);
  corners.end();
}

// The curves of one panel: what `plot` is given, one after the other.
class Curves {
 public:
  void add(std::string_view what, std::string_view title) {
    text_ += text_.empty() ? "plot " : ", \\\n  ";
    text_ += fmt::format("{} title {}", what, label(title));
  }
  // A panel without curves still has its axes.
  std::string text() const { return (text_.empty() ? "plot NaN notitle" : text_) + "\n"; }

 private:
  std::string text_;
};

void add_traces(Curves& curves, const Plot& plot, const char* kind, Points Trace::*points) {
  for (std::size_t i = 0; i < plot.traces.size(); ++i) {
    const Trace& trace = plot.traces[i];
    if ((trace.*points).size() < 2) continue;
    curves.add(fmt::format("${}{} with lines lw 1.7 dt (4,2) lc rgb '{}'", kind, i, kTraceColours[i % std::size(kTraceColours)]),
               fmt::format("{} {}", fitted(escaped(trace.name), kNameWidth), trace.pid));
  }
}

std::string cpu_panel(const Plot& plot, double time, std::string& data) {
  add_values(data, "cpu", plot.series, plot.series.cpu, time, 1);
  add_values(data, "cpu_reported", plot.series, plot.series.cpu_reported, time, 1);
  for (std::size_t i = 0; i < plot.traces.size(); ++i) add_points(data, fmt::format("cpu_of{}", i), plot.traces[i].cpu, time, 1);
  Curves curves;
  if (!plot.series.cpu.empty()) curves.add("$cpu with filledcurves y1=0 fs solid 0.2 noborder lc rgb '#2a78c8' notitle, $cpu with lines lw 1.3 lc rgb '#2a78c8'", plot.lifetime_cpu ? "processes of 1 s and more" : "all processes");
  if (!plot.series.cpu_reported.empty())
    curves.add("$cpu_reported with lines lw 1.2 dt (8,4) lc rgb '#444444'", plot.lifetime_cpu ? "sum of lifetime averages" : "highest between samples");
  add_traces(curves, plot, "cpu_of", &Trace::cpu);
  return fmt::format("set yrange [0:{:.9g}]\nset ylabel 'CPU (%)'\n", std::max(plot.most_cpu() * 1.08, 1.0)) + curves.text();
}

std::string memory_panel(const Plot& plot, double time, double min_ratio, std::string& data) {
  double most = plot.most_rss();
  const bool host_line = plot.memory_total && most > 0 && *plot.memory_total <= most * kHostLineWithin;
  if (host_line) most = std::max(most, *plot.memory_total);
  const AxisUnit unit = byte_unit(most, min_ratio);
  add_values(data, "rss_at_most", plot.series, plot.series.rss_at_most, time, unit.size);
  add_values(data, "rss", plot.series, plot.series.rss_reported, time, unit.size);
  add_values(data, "rss_mean", plot.series, plot.series.rss_mean, time, unit.size);
  for (std::size_t i = 0; i < plot.traces.size(); ++i) add_points(data, fmt::format("rss_of{}", i), plot.traces[i].rss, time, unit.size);
  Curves curves;
  if (!plot.series.rss_at_most.empty())
    curves.add("$rss_at_most with filledcurves y1=0 fs solid 0.2 noborder lc rgb '#8a4fc0' notitle, $rss_at_most with lines lw 1 lc rgb '#8a4fc0'", "at most");
  if (!plot.series.rss_reported.empty()) curves.add("$rss with lines lw 1.8 lc rgb '#8a4fc0'", "highest of each report");
  if (!plot.series.rss_mean.empty()) curves.add("$rss_mean with lines lw 1.2 dt (8,4) lc rgb '#444444'", "mean of the samples");
  add_traces(curves, plot, "rss_of", &Trace::rss);
  std::string panel = fmt::format("set yrange [0:{:.9g}]\nset ylabel 'Memory, RSS ({})'\n", std::max(most * 1.12 / unit.size, 1e-9), unit.name);
  if (plot.peak_time && plot.peak_rss) {
    data += fmt::format("$peak << EOD\n{:.9g} {:.9g}\nEOD\n", *plot.peak_time / time, *plot.peak_rss / unit.size);
    curves.add("$peak with points pt 7 ps 1 lc rgb '#111111'", fmt::format("peak {}", bytes_text(plot.peak_rss)));
    const bool left = *plot.peak_time > plot.span * 0.8;
    panel += fmt::format("set label 1 {} at {:.9g},{:.9g} {} offset character {},0.9 noenhanced front\n", label("peak " + bytes_text(plot.peak_rss)),
                         *plot.peak_time / time, *plot.peak_rss / unit.size, left ? "right" : "left", left ? -0.6 : 0.6);
  }
  if (plot.memory_total) {
    const std::string text = "host's memory, " + bytes_text(plot.memory_total);
    if (host_line)
      curves.add(fmt::format("{:.9g} with lines lw 1.2 dt (12,4) lc rgb '#c1292e'", *plot.memory_total / unit.size), text);
    else
      curves.add("NaN with points ps 0 lc rgb 'white'", text);
  }
  return panel + curves.text() + "unset label 1\n";
}

std::string processes_panel(const Plot& plot, double time, std::string& data) {
  add_values(data, "processes", plot.series, plot.series.processes, time, 1);
  double most = 1;
  for (const auto& value : plot.series.processes) most = std::max(most, value.value_or(0));
  Curves curves;
  if (!plot.series.processes.empty())
    curves.add("$processes with filledcurves y1=0 fs solid 0.2 noborder lc rgb '#1f8f78' notitle, $processes with lines lw 1.3 lc rgb '#1f8f78'", "alive");
  // There are no halves of a process.
  const char* const tics = most <= kFewProcesses ? "set ytics 1\n" : "";
  return fmt::format("set yrange [0:{:.9g}]\n{}set ylabel 'Processes'\n", most * 1.1, tics) + curves.text();
}

}  // namespace

std::string gnuplot_script(const Plot& plot, double min_ratio, Picture picture) {
  const AxisUnit time = time_unit(plot.span, min_ratio);
  std::string data, panels;
  const auto panel = [&](double top, double bottom, const std::string& text) {
    panels += fmt::format("set tmargin at screen {}\nset bmargin at screen {}\nset key at screen 0.79,{} top left\n", top, bottom, top) + text;
  };
  panel(0.94, 0.66, cpu_panel(plot, time.size, data) + "unset label 2\n");
  panel(0.63, 0.30, memory_panel(plot, time.size, min_ratio, data));
  panels += fmt::format("set format x '%g'\nset xlabel 'time ({})'\n", time.name);
  panel(0.27, 0.09, processes_panel(plot, time.size, data));
  return fmt::format("set encoding utf8\nset terminal {} size 1400,900 font 'DejaVu Sans,11' background rgb 'white'\n",
                     picture == Picture::svg ? "svg noenhanced" : "pngcairo noenhanced") +
         data +
         fmt::format("set multiplot\nset label 2 {} at screen 0.075,0.97 left noenhanced\n", label(fitted(escaped(plot.title), kTitleWidth))) +
         "set grid back lc rgb '#dddddd' lt 1 lw 0.6\nset border 3 lc rgb '#888888'\nset tics nomirror out scale 0.5\n"
         "set key vertical Left reverse noenhanced samplen 2 spacing 1 font ',10' maxrows 20\n"
         "set lmargin at screen 0.075\nset rmargin at screen 0.78\nset format x ''\n" +
         fmt::format("set xrange [0:{:.9g}]\n", plot.span / time.size) + panels + "unset multiplot\n";
}

Result<std::string> gnuplot_picture(const Plot& plot, double min_ratio, Picture picture) {
  // -d: nothing of the user's or the machine's own settings is read.
  auto drawn = run_child({"gnuplot", "-d", "-"}, gnuplot_script(plot, min_ratio, picture));
  if (!drawn) {
    if (drawn.error().code == ErrorCode::not_found)
      drawn.error().hint = "install gnuplot-nox, or leave -o away: without it the plot goes to the terminal";
    return drawn.error();
  }
  if (drawn->status != 0 || drawn->out.empty()) {
    // What is wrong is on the last line; before it gnuplot repeats the command.
    std::string_view said = drawn->err;
    while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.remove_suffix(1);
    said.remove_prefix(std::min(said.rfind('\n') + 1, said.size()));
    return Error{ErrorCode::system, "gnuplot failed: " + std::string(said.substr(0, 300)), {}};
  }
  return std::move(drawn->out);
}

}  // namespace duct_log
