// SPDX-License-Identifier: MIT
#include "log/plot.hpp"

#include <algorithm>

#include "log/gnuplot.hpp"
#include "log/known_processes.hpp"
#include "log/output_file.hpp"
#include "log/terminal_plot.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kPictureSteps = 1200;

double highest(const Series::Values& values) {
  double most = 0;
  for (const auto& value : values) most = std::max(most, value.value_or(0));
  return most;
}

bool ends_with(const std::string& text, std::string_view end) { return std::string_view(text).ends_with(end); }

}  // namespace

double Plot::most_cpu() const {
  double most = std::max(highest(series.cpu), highest(series.cpu_reported));
  for (const Trace& trace : traces) {
    for (const auto& point : trace.cpu) most = std::max(most, point.second);
  }
  return most;
}

double Plot::most_rss() const {
  return std::max({highest(series.rss_at_most), highest(series.rss_reported), peak_rss.value_or(0)});
}

Result<Plot> make_plot(const PlotOptions& options, std::size_t steps, const Warn& warn) {
  const auto run = load_run(options.run, warn);
  if (!run) return run.error();
  const Info& info = run->info;
  const bool ledger = !run->files.processes.empty();
  const auto source = options.cpu == PlotCpu::known ? CpuSource::known : CpuSource::ps;
  SeriesMaker maker(info, ledger && info.tracer && info.tracer->sampler == "bpf", source);
  const auto for_each_report_of = [&](const Warn& told, const auto& take) -> Result<void> {
    return run->files.usage.empty() ? Result<void>() : for_each_report(run->files, told, take);
  };
  if (const auto read = for_each_report_of(warn, [&](const UsageReport& report) { maker.add(report); }); !read) return read.error();
  const double start = info.summary.start_time ? *info.summary.start_time : maker.start();
  TraceMaker traces(start, start + maker.span(), options.largest, info.cpu_total, source, options.cpu == PlotCpu::ps_pcpu);
  if (ledger || !run->files.usage.empty()) {
    const auto read = for_each_known_process(run->files, warn, [&](const Process& process) {
      maker.add(process);
      traces.add(process);
    });
    if (!read) return read.error();
  }
  traces.choose();
  const Warn said_already = [](const std::string&) {};
  if (const auto read = for_each_report_of(said_already, [&](const UsageReport& report) { traces.add(report); }); !read) return read.error();
  Plot plot{.title = info.command.value_or(run->files.prefix),
            .span = maker.span(),
            .series = maker.make(steps),
            .lifetime_cpu = !info.tracer,
            .peak_time = {},
            .peak_rss = info.summary.peak_rss,
            .memory_total = info.memory_total,
            .cpu_total = info.cpu_total ? std::optional(static_cast<double>(*info.cpu_total)) : std::nullopt,
            .traces = traces.take()};
  if (options.cpu == PlotCpu::ps_pcpu) plot.series.cpu.clear();
  if (options.cpu == PlotCpu::ps_cpu_timepoint) plot.series.cpu_reported.clear();
  if (info.summary.peak_rss_time) plot.peak_time = *info.summary.peak_rss_time - start;
  if (plot.series.cpu.empty() && plot.series.cpu_reported.empty() && plot.series.rss_reported.empty() && plot.series.processes.empty())
    return Error{ErrorCode::not_found, run->files.prefix + ": nothing over time is recorded", "record usage.jsonl or processes.jsonl (duct-bpf -t all)"};
  return plot;
}

Result<int> plot(const PlotOptions& options, const Console& console) {
  if (options.output.empty()) {
    const auto made = make_plot(options, terminal_plot_columns(console.width), console.warn);
    if (!made) return made.error();
    console.write(terminal_plot(*made, options.min_ratio, console));
    return kOk;
  }
  const bool svg = ends_with(options.output, ".svg");
  if (!svg && !ends_with(options.output, ".png"))
    return Error{ErrorCode::usage, options.output + ": no kind of picture is known by this name", "end it in .png or .svg"};
  const auto made = make_plot(options, kPictureSteps, console.warn);
  if (!made) return made.error();
  const auto picture = gnuplot_picture(*made, options.min_ratio, svg ? Picture::svg : Picture::png);
  if (!picture) return picture.error();
  if (const auto written = write_file(options.output, *picture); !written) return written.error();
  return kOk;
}

}  // namespace duct_log
