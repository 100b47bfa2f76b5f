// SPDX-License-Identifier: MIT
#include "log/tree_groups.hpp"

#include <algorithm>
#include <unordered_map>

#include "log/lineage.hpp"

namespace duct_log {
namespace {

using Children = std::vector<std::vector<std::size_t>>;

// A number for each process, equal for those whose trees are equal. From the leaves up, so that depth is no matter.
std::vector<std::size_t> shapes_of(const std::vector<TreeProcess>& processes, const Lineage& lineage, const Children& children) {
  std::vector<std::size_t> shapes(processes.size());
  std::unordered_map<std::string, std::size_t> known;
  for (auto i = lineage.order.rbegin(); i != lineage.order.rend(); ++i) {
    std::vector<std::size_t> below;
    for (const std::size_t child : children[*i]) below.push_back(shapes[child]);
    std::sort(below.begin(), below.end());
    // Two children of a kind or twenty: equal all the same.
    below.erase(std::unique(below.begin(), below.end()), below.end());
    std::string key = processes[*i].program + '\0' + processes[*i].exit + '\0';
    for (const std::size_t shape : below) key += std::to_string(shape) + ' ';
    shapes[*i] = known.emplace(std::move(key), known.size()).first->second;
  }
  return shapes;
}

}  // namespace

std::vector<TreeGroup> groups_of(const std::vector<TreeProcess>& processes, bool collapse) {
  std::vector<Birth> births;
  births.reserve(processes.size());
  for (const TreeProcess& process : processes)
    births.push_back({.pid = process.pid, .ppid = process.ppid, .start_time = process.start_time, .depth = process.depth});
  const Lineage lineage = lineage_of(births);
  Children children(processes.size());
  for (const std::size_t i : lineage.order) {
    if (lineage.parent[i] != kNoParent) children[lineage.parent[i]].push_back(i);
  }
  const std::vector<std::size_t> shapes = collapse ? shapes_of(processes, lineage, children) : lineage.order;

  std::vector<TreeGroup> groups(1);
  std::vector<std::size_t> group_of(processes.size());
  std::unordered_map<std::size_t, std::unordered_map<std::size_t, std::size_t>> in_parent;  // by group and shape
  for (const std::size_t i : lineage.order) {
    const TreeProcess& process = processes[i];
    const std::size_t parent = lineage.parent[i] == kNoParent ? 0 : group_of[lineage.parent[i]];
    const std::size_t shape = collapse ? shapes[i] : i;
    const auto [known, is_new] = in_parent[parent].emplace(shape, groups.size());
    if (is_new) {
      groups[parent].children.push_back(groups.size());
      groups.emplace_back();
      groups.back().parent = parent;
      groups.back().first = i;
    }
    group_of[i] = known->second;
    TreeGroup& group = groups[known->second];
    ++group.count;
    group.cpu_time += process.cpu_time;
    group.peak_rss = std::max(group.peak_rss, process.peak_rss);
    group.wall_time = std::max<double>(group.wall_time, process.wall_time);
  }
  for (std::size_t i = groups.size(); i-- > 1;) {
    groups[i].total_cpu_time += groups[i].cpu_time;
    groups[groups[i].parent].total_cpu_time += groups[i].total_cpu_time;
  }
  return groups;
}

}  // namespace duct_log
