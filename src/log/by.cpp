// SPDX-License-Identifier: MIT
#include "log/by.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "log/known_processes.hpp"
#include "log/process_filter.hpp"
#include "log/process_text.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

struct Group {
  std::string key;
  std::size_t count = 0, failed = 0, short_lived = 0;
  double cpu_time = 0, short_lived_cpu = 0;
  std::int64_t peak_rss = 0;
  bool cpu_known = false, exit_known = false;  // of one of them at least

  void add(const Process& process, double short_lived_s) {
    ++count;
    failed += process.failed() ? 1 : 0;
    const double cpu = process.cpu_time.value_or(0);
    cpu_time += cpu;
    cpu_known = cpu_known || process.cpu_time.has_value();
    exit_known = exit_known || process.exit_code || process.exit_signal;
    peak_rss = std::max(peak_rss, process.peak_rss.value_or(0));
    if (!process.alive && process.wall_time && *process.wall_time <= short_lived_s) {
      ++short_lived;
      short_lived_cpu += cpu;
    }
  }
  void add(const Group& other) {
    count += other.count;
    failed += other.failed;
    cpu_time += other.cpu_time;
    cpu_known = cpu_known || other.cpu_known;
    exit_known = exit_known || other.exit_known;
    peak_rss = std::max(peak_rss, other.peak_rss);
  }
};

// The first words of the command line; of con-duct's records, which have no argv, of its text.
std::string words_of(const Process& process, std::size_t words) {
  std::string text = program_of(process);
  if (!process.argv.empty()) {
    for (std::size_t i = 1; i < std::min(words, process.argv.size()); ++i) text += ' ' + process.argv[i];
    return text;
  }
  std::size_t end = process.cmd.find(' ');
  const std::size_t start = end;
  for (std::size_t i = 1; i < words && end != std::string::npos; ++i) end = process.cmd.find(' ', end + 1);
  return start == std::string::npos ? text : text + process.cmd.substr(start, end == std::string::npos ? end : end - start);
}

std::string key_of(const Process& process, const ByOptions& options) {
  const auto number = [](std::optional<std::int64_t> value) { return value ? std::to_string(*value) : "-"; };
  switch (options.key) {
    case ByKey::uid:
      return number(process.uid);
    case ByKey::depth:
      return number(process.depth);
    case ByKey::words:
      return words_of(process, options.words);
    case ByKey::program:
      break;
  }
  return program_of(process);
}

bool comes_before(const Group& a, const Group& b, BySort sort) {
  const auto value = [&](const Group& group) -> double {
    switch (sort) {
      case BySort::count:
        return static_cast<double>(group.count);
      case BySort::memory:
        return static_cast<double>(group.peak_rss);
      case BySort::failed:
        return static_cast<double>(group.failed);
      case BySort::cpu:
        break;
    }
    return group.cpu_time;
  };
  if (value(a) != value(b)) return value(a) > value(b);
  return a.cpu_time != b.cpu_time ? a.cpu_time > b.cpu_time : a.key < b.key;
}

std::string share_text(double part, double whole) { return whole > 0 ? percent_text(100 * part / whole) : "-"; }

const char* title_of(ByKey key) {
  return key == ByKey::uid ? "uid" : key == ByKey::depth ? "depth" : key == ByKey::words ? "command" : "program";
}

void print(const std::vector<Group>& groups, const Group& all, const ByOptions& options, const Console& console) {
  Table table({{.title = "count", .right = true}, {.title = "CPU", .right = true}, {.title = "share", .right = true},
               {.title = "each", .right = true}, {.title = "largest", .right = true}, {.title = "failed", .right = true},
               {.title = title_of(options.key), .flexible = true}});
  const auto add = [&](const Group& group, std::string name, Style style) {
    const double each = group.cpu_time / static_cast<double>(std::max<std::size_t>(group.count, 1));
    const auto if_known = [&](std::string text) { return group.cpu_known ? text : "-"; };
    table.add({{count_text(static_cast<std::int64_t>(group.count))}, {if_known(time_text(group.cpu_time))},
               {if_known(share_text(group.cpu_time, all.cpu_time))}, {if_known(time_text(each))}, {bytes_text(static_cast<double>(group.peak_rss))},
               {group.exit_known ? count_text(static_cast<std::int64_t>(group.failed)) : "-", group.failed > 0 ? Style::red : Style::plain}, {std::move(name), style}});
  };
  const std::size_t shown = options.rows > 0 ? std::min(options.rows, groups.size()) : groups.size();
  Group rest;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i < shown)
      add(groups[i], escaped(groups[i].key), Style::plain);
    else
      rest.add(groups[i]);
  }
  if (rest.count > 0) add(rest, count_text(static_cast<std::int64_t>(groups.size() - shown)) + " more rows (-n 0 shows all)", Style::dim);
  if (groups.size() > 1) add(all, "all", Style::bold);
  table.print(console);
}

}  // namespace

Result<int> by(const ByOptions& options, const Console& console) {
  const auto filter = process_filter(options.filter);
  if (!filter) return filter.error();
  const auto files = find_run(options.run);
  if (!files) return files.error();
  std::unordered_map<std::string, Group> by_key;
  Group all;
  const auto source = for_each_known_process(*files, console.warn, [&](const Process& process) {
    if (!(*filter)(process)) return;
    by_key[key_of(process, options)].add(process, options.short_lived_s);
    all.add(process, options.short_lived_s);
  });
  if (!source) return source.error();
  std::vector<Group> groups;
  for (auto& [key, group] : by_key) {
    group.key = key;
    groups.push_back(std::move(group));
  }
  std::sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) { return comes_before(a, b, options.sort); });
  print(groups, all, options, console);
  if (*source == ProcessSource::samples) {
    console.write(console.styled(Style::dim, wrapped("Seen by samples alone: what came and went between two is not counted.", console.width, 0)) + "\n");
  } else if (all.short_lived > 0) {
    console.write(wrapped(fmt::format("Short-lived ({} at most): {} of {} processes, {} of CPU ({}).", time_text(options.short_lived_s),
                              count_text(static_cast<std::int64_t>(all.short_lived)), count_text(static_cast<std::int64_t>(all.count)),
                              time_text(all.short_lived_cpu), share_text(all.short_lived_cpu, all.cpu_time)), console.width, 0) + "\n");
  }
  return kOk;
}

}  // namespace duct_log
