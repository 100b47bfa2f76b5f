// SPDX-License-Identifier: MIT
// processes.jsonl. Oracle: no sanitizer complains; each line is a process, or warned of, or blank; and it is the same process
// where it stands alone: nothing is left of the lines before.
#include <cstdint>

#include "log/process_text.hpp"
#include "log/run_record.hpp"
#include "memory_file.hpp"

using namespace duct_log;
using namespace duct_bpf::fuzz;

namespace {

// The fields as filters see them.
std::string text_of(const Process& process) {
  std::string text = command_text(process) + exit_text(process) + killer_text(process);
  require(is_harmless(text));
  for (const char* name : {"pid", "ppid", "start_time", "end_time", "wall_time", "alive", "adopted", "cmd", "argv", "exe", "comm", "num_execs",
                           "exit_code", "exit_signal", "cpu_time", "peak_rss", "max_threads", "uid", "sid", "depth", "failed"})
    text += '\n' + json_text(process_field(process, name));
  require(is_harmless(text));
  return text;
}

std::vector<std::string> processes_of(std::string_view content, std::size_t& warnings) {
  const MemoryFile file(content);
  RunFiles files;
  files.processes = file.path();
  std::vector<std::string> processes;
  const auto read = for_each_process(
      files, [&](const std::string&) { ++warnings; }, [&](const Process& process) { processes.push_back(text_of(process)); });
  require(bool(read));
  return processes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content = view_of(data, size);
  std::size_t warnings = 0;
  const auto together = processes_of(content, warnings);
  require(together.size() + warnings <= lines_of(content));
  std::vector<std::string> alone;
  for (std::string_view rest = content; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    for (std::string& process : processes_of(rest.substr(0, end), warnings)) alone.push_back(std::move(process));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  require(alone == together);
  return 0;
}
