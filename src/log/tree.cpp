// SPDX-License-Identifier: MIT
#include "log/tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "log/lineage.hpp"
#include "log/process_filter.hpp"
#include "log/process_text.hpp"
#include "log/table.hpp"
#include "log/text.hpp"
#include "log/tree_groups.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kMostCommandBytes = 300;  // kept of each: wider terminals are rare, and a run may have a million
constexpr std::size_t kMostIndent = 40;

TreeProcess tree_process(const Process& process) {
  TreeProcess row;
  row.pid = process.pid;
  row.ppid = process.ppid;
  row.depth = process.depth;
  row.start_time = process.start_time;
  row.cpu_time = static_cast<float>(process.cpu_time.value_or(0));
  row.wall_time = static_cast<float>(process.wall_time.value_or(0));
  row.peak_rss = process.peak_rss.value_or(0);
  row.failed = process.failed();
  row.program = program_of(process);
  row.command = fitted(command_text(process), kMostCommandBytes);
  row.exit = exit_text(process);
  if (const std::string killer = killer_text(process); !killer.empty()) row.exit += " by " + killer;
  return row;
}

// Those that `matches` names, and their ancestors.
std::vector<TreeProcess> with_ancestors(std::vector<TreeProcess> processes, const std::vector<bool>& matches) {
  std::vector<Birth> births;
  for (const TreeProcess& process : processes)
    births.push_back({.pid = process.pid, .ppid = process.ppid, .start_time = process.start_time, .depth = process.depth});
  const Lineage lineage = lineage_of(births);
  std::vector<bool> kept = matches;
  for (auto i = lineage.order.rbegin(); i != lineage.order.rend(); ++i) {
    if (kept[*i] && lineage.parent[*i] != kNoParent) kept[lineage.parent[*i]] = true;
  }
  std::vector<TreeProcess> rest;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    if (kept[i]) rest.push_back(std::move(processes[i]));
  }
  return rest;
}

// Which groups are shown: those with the most CPU in and below them. A parent has at least as much as its child, and comes
// first where they are equal, so nobody is shown without its parent.
std::vector<bool> chosen(const std::vector<TreeGroup>& groups, const TreeOptions& options) {
  std::vector<std::size_t> depth(groups.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 1; i < groups.size(); ++i) {
    depth[i] = groups[i].parent == 0 ? 0 : depth[groups[i].parent] + 1;
    if (!options.depth || depth[i] <= *options.depth) order.push_back(i);
  }
  if (options.rows > 0 && order.size() > options.rows) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return groups[a].total_cpu_time > groups[b].total_cpu_time; });
    order.resize(options.rows);
  }
  std::vector<bool> shown(groups.size());
  for (const std::size_t i : order) shown[i] = true;
  return shown;
}

class Printer {
 public:
  Printer(const std::vector<TreeProcess>& processes, const std::vector<TreeGroup>& groups, const std::vector<bool>& shown)
      : processes_(processes), groups_(groups), shown_(shown) {}

  // With a stack of its own: a chain of forks may be as long as the file.
  void add_all() {
    push_children(0, "", 0);
    while (!stack_.empty()) {
      const Row row = std::move(stack_.back());
      stack_.pop_back();
      if (row.group == kRest) {
        add_rest(row);
        continue;
      }
      add(row);
      const bool root = groups_[row.group].parent == 0;
      const bool deep = 3 * row.depth > kMostIndent;  // a chain of forks may be as long as the file: no longer indents
      push_children(row.group, root || deep ? "" : row.indent + (row.last ? "   " : "│  "), row.depth + 1);
    }
  }
  void print(const Console& console) const { table_.print(console); }

 private:
  static constexpr std::size_t kRest = 0;  // in the place of a group: what is not shown of a parent's children
  struct Row {
    std::size_t group;
    std::size_t parent;
    std::string indent;
    std::size_t depth;
    bool last;
  };

  void push_children(std::size_t parent, const std::string& indent, std::size_t depth) {
    std::vector<std::size_t> children;
    for (const std::size_t child : groups_[parent].children) {
      if (shown_[child]) children.push_back(child);
    }
    const bool rest = children.size() < groups_[parent].children.size();
    if (rest) stack_.push_back({kRest, parent, indent, depth, true});
    for (std::size_t i = children.size(); i-- > 0;) stack_.push_back({children[i], parent, indent, depth, i + 1 == children.size() && !rest});
  }

  std::string branch(const Row& row) const {
    if (row.parent == 0) return "";
    const std::string corner = row.last ? "└─ " : "├─ ";
    return 3 * row.depth <= kMostIndent ? row.indent + corner : fmt::format("({} deep) ", row.depth) + corner;
  }

  void add(const Row& row) {
    const TreeGroup& group = groups_[row.group];
    const TreeProcess& process = processes_[group.first];
    const std::string times = group.count > 1 ? count_text(static_cast<std::int64_t>(group.count)) + " x " : "";
    table_.add({{time_text(group.total_cpu_time)}, {time_text(group.cpu_time)},
                {bytes_text(static_cast<double>(group.peak_rss))}, {time_text(group.wall_time)},
                {process.exit, process.failed ? Style::red : Style::plain}, {branch(row) + times + process.command}});
  }

  void add_rest(const Row& row) {
    double cpu = 0;
    std::size_t count = 0;
    for (const std::size_t child : groups_[row.parent].children) {
      if (shown_[child]) continue;
      cpu += groups_[child].total_cpu_time;
      count += groups_[child].count;
    }
    table_.add({{time_text(cpu)}, {"-"}, {"-"}, {"-"}, {"-"},
                {branch(row) + "... " + count_text(static_cast<std::int64_t>(count)) + " more, and those below them", Style::dim}});
  }

  const std::vector<TreeProcess>& processes_;
  const std::vector<TreeGroup>& groups_;
  const std::vector<bool>& shown_;
  std::vector<Row> stack_;
  Table table_{{{.title = "total CPU", .right = true}, {.title = "CPU", .right = true}, {.title = "memory", .right = true},
                {.title = "wall", .right = true}, {.title = "exit", .flexible = true}, {.title = "command", .flexible = true}}};
};

}  // namespace

Result<int> tree(const TreeOptions& options, const Console& console) {
  const auto filter = process_filter(options.filter);
  if (!filter) return filter.error();
  const auto files = find_run(options.run);
  if (!files) return files.error();
  std::vector<TreeProcess> processes;
  std::vector<bool> matches;
  const auto read = for_each_process(*files, console.warn, [&](const Process& process) {
    processes.push_back(tree_process(process));
    matches.push_back((*filter)(process));
  });
  if (!read) return read.error();
  const std::size_t all = processes.size();
  if (!options.filter.empty()) processes = with_ancestors(std::move(processes), matches);

  const std::vector<TreeGroup> groups = groups_of(processes, options.collapse);
  const std::vector<bool> shown = chosen(groups, options);
  Printer printer(processes, groups, shown);
  printer.add_all();
  printer.print(console);
  const auto rows = static_cast<std::size_t>(std::count(shown.begin(), shown.end(), true));
  if (rows < all) {
    const auto count = [](std::size_t number) { return count_text(static_cast<std::int64_t>(number)); };
    const std::string why = std::string(processes.size() < all ? "filtered; " : "") + (options.collapse ? "equal siblings are one row; " : "") +
                            (rows + 1 < groups.size() ? "the least CPU is left out (--rows, --depth); " : "");
    console.write(console.styled(Style::dim, wrapped(count(all) + " processes in " + count(rows) + " rows: " + why.substr(0, why.size() - 2), console.width, 0)) + "\n");
  }
  return kOk;
}

}  // namespace duct_log
