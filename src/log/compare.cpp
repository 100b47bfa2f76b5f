// SPDX-License-Identifier: MIT
#include "log/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "log/artefacts.hpp"
#include "log/run_set.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

std::string value_text(const RunMetric& metric, const Spread& spread) {
  if (spread.count == 0) return "-";
  std::string text = metric.text(spread.mean);
  if (spread.count > 1) text += " +- " + metric.text(spread.deviation);
  return text;
}

std::string difference_text(const RunMetric& metric, const Spread& a, const Spread& b) {
  if (a.count == 0 || b.count == 0) return "-";
  const double difference = b.mean - a.mean;
  return difference == 0 ? "0" : (difference > 0 ? "+" : "") + metric.text(difference);
}

std::string ratio_text(const Spread& a, const Spread& b) {
  if (a.count == 0 || b.count == 0 || a.mean == 0) return "-";
  return fmt::format("{:+.1f} %", 100 * (b.mean - a.mean) / a.mean);
}

Cell verdict(const Spread& a, const Spread& b) {
  if (a.count == 0 || b.count == 0) return {""};
  const auto different = differ(a, b);
  if (a.mean == b.mean) return {"equal", Style::dim};
  if (!different) return {"?"};
  if (!*different) return {"within noise", Style::dim};
  return b.mean > a.mean ? Cell{"more", Style::red} : Cell{"less", Style::green};
}

void print_metrics(const RunSet& a, const RunSet& b, const Console& console) {
  Table table({{.title = ""}, {.title = "A", .right = true}, {.title = "B", .right = true}, {.title = "B - A", .right = true},
               {.title = "of A", .right = true}, {.title = "beyond noise?"}});
  for (const RunMetric& metric : run_metrics()) {
    const Spread x = spread_of(a.values(metric)), y = spread_of(b.values(metric));
    if (x.count + y.count == 0) continue;
    table.add({{std::string(metric.label)}, {value_text(metric, x)}, {value_text(metric, y)}, {difference_text(metric, x, y)}, {ratio_text(x, y)}, verdict(x, y)});
  }
  table.print(console);
  if (a.runs.size() < 2 && b.runs.size() < 2)
    console.write(console.styled(Style::dim, wrapped("?: how much runs scatter is not known from single ones; give directories of repeated runs.", console.width, 0)) + "\n");
}

std::string count_of(double count) { return run_metric("num_processes").text(count); }

void print_programs(const RunSet& a, const RunSet& b, std::size_t most, const Console& console) {
  struct Row {
    std::string name;
    ProgramCount a, b;
  };
  std::map<std::string, Row> by_name;
  for (const auto& [name, program] : a.programs) by_name[name] = {name, program, {}};
  for (const auto& [name, program] : b.programs) {
    Row& row = by_name[name];
    row.name = name;
    row.b = program;
  }
  std::vector<Row> rows;
  for (const auto& [name, row] : by_name) {
    if (row.a.count != row.b.count) rows.push_back(row);
  }
  const std::size_t equal = by_name.size() - rows.size();
  std::stable_sort(rows.begin(), rows.end(), [](const Row& x, const Row& y) { return std::abs(x.a.count - x.b.count) > std::abs(y.a.count - y.b.count); });
  console.write("\n" + console.styled(Style::bold, fmt::format("Processes: {} in A, {} in B", count_of(a.processes), count_of(b.processes))) + "\n");
  if (rows.empty()) return console.write("As many of each program.\n");
  Table table({{.title = "A", .right = true}, {.title = "B", .right = true}, {.title = "CPU in A", .right = true}, {.title = "CPU in B", .right = true},
               {.title = "program", .flexible = true}, {.title = ""}});
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    const Row& row = rows[i];
    table.add({{count_of(row.a.count)}, {count_of(row.b.count)}, {time_text(row.a.cpu_time)}, {time_text(row.b.cpu_time)}, {escaped(row.name)},
               {row.b.count == 0 ? "not in B" : row.a.count == 0 ? "not in A" : ""}});
  }
  table.print(console);
  const std::string more = rows.size() > most ? fmt::format("more that differ: {}; ", rows.size() - most) : "";
  if (equal > 0 || !more.empty()) console.write(console.styled(Style::dim, fmt::format("{}programs as often in both: {}.", more, equal)) + "\n");
}

}  // namespace

Result<int> compare(const CompareOptions& options, const Console& console) {
  const auto a = load_run_set(options.a, true, console.warn);
  if (!a) return a.error();
  const auto b = load_run_set(options.b, true, console.warn);
  if (!b) return b.error();
  const auto heading = [&](const char* name, const RunSet& set) {
    const std::string runs = set.runs.size() == 1 ? "" : fmt::format(", {} runs", set.runs.size());
    console.write(fitted(fmt::format("{}: {} ({}{}): {}", name, escaped(set.name), escaped(recorder_of(set.info())), runs, escaped(set.info().command.value_or(""))),
                         console.width) + "\n");
  };
  heading("A", *a);
  heading("B", *b);
  print_metrics(*a, *b, console);
  if (a->has_processes && b->has_processes) print_programs(*a, *b, options.rows, console);
  const auto notes = artefacts(*a, *b);
  if (!notes.empty()) console.write("\n" + console.styled(Style::bold, "Why they differ:") + "\n");
  for (const std::string& note : notes) console.write("- " + wrapped(note + ".", console.width - 2, 2) + "\n");
  return kOk;
}

}  // namespace duct_log
