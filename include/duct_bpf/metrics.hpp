// SPDX-License-Identifier: MIT
// What is counted per process, made from the one table of metrics (metrics.def: bpf/ in the source tree, beside
// this header where installed). Times are nanoseconds, sizes bytes. An empty optional: this kernel does not keep it.
#pragma once

#include <cstdint>
#include <optional>

namespace duct_bpf {

enum class Unit { ns, count, bytes };

// Running totals of a process, all its threads included.
struct Usage {
#define METRIC(name, unit, signal_path, task_path, help) std::optional<std::uint64_t> name;
#define SUMMED(name, unit, task_path, help) std::optional<std::uint64_t> name;
#include "metrics.def"
};

// Maxima kept in the ledger.
struct Gauges {
#define GAUGE(name, unit, help) std::optional<std::uint64_t> name;
#include "metrics.def"
};

// Calls visit(name, unit, value) for every metric, in the order of the table.
template <typename Visitor>
void for_each_metric(const Usage& usage, const Gauges& gauges, Visitor&& visit) {
#define METRIC(name, unit, signal_path, task_path, help) visit(#name, Unit::unit, usage.name);
#define SUMMED(name, unit, task_path, help) visit(#name, Unit::unit, usage.name);
#define GAUGE(name, unit, help) visit(#name, Unit::unit, gauges.name);
#include "metrics.def"
}

}  // namespace duct_bpf
