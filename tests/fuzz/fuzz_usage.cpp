// SPDX-License-Identifier: MIT
// usage.jsonl. Oracle: no sanitizer complains; each line is a report, or warned of, or blank; processes have the pid that their
// key begins with.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "log/run_record.hpp"
#include "memory_file.hpp"

using namespace duct_log;
using namespace duct_bpf::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content = view_of(data, size);
  const MemoryFile file(content);
  RunFiles files;
  files.usage = file.path();
  std::size_t told = 0;
  const auto read = for_each_report(
      files, [&](const std::string& warning) { require(++told > 0 && !warning.empty()); },
      [&](const UsageReport& report) {
        ++told;
        require(std::isfinite(report.time));
        for (const UsageProcess& process : report.processes) require(std::strtoll(process.key.c_str(), nullptr, 10) == process.pid);
      });
  require(bool(read) && told <= lines_of(content));
  return 0;
}
