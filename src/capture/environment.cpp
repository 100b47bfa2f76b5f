// SPDX-License-Identifier: MIT
#include "capture/environment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <sstream>
#include <string_view>

#include "capture/fd.hpp"
#include "capture/privilege.hpp"

namespace duct_bpf {
namespace {

// Where the kernel put the environment's strings, which nobody has written over: glibc only takes entries off its list.
// (/proc/self/environ is root's in a program with file capabilities.)
std::string_view strings_on_the_stack() {
  constexpr int kEnvStart = 50;  // field of /proc/PID/stat
  Fd file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  char text[2048];
  ssize_t size = file ? ::read(file.get(), text, sizeof text) : -1;
  std::string_view stat(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  std::size_t comm_end = stat.rfind(')');
  if (comm_end == std::string_view::npos) return {};
  std::istringstream fields{std::string(stat.substr(comm_end + 1))};
  std::string skipped;
  for (int field = 3; field < kEnvStart; field++) fields >> skipped;
  std::uintptr_t start = 0, end = 0;
  if (!(fields >> start >> end) || !start || end < start) return {};
  return {reinterpret_cast<const char*>(start), end - start};
}

}  // namespace

std::vector<std::string> inherited_environment() {
  std::vector<std::string> entries;
  std::string_view strings = privilege_is_the_files() ? strings_on_the_stack() : std::string_view();
  while (!strings.empty()) {
    std::size_t end = std::min(strings.find('\0'), strings.size());
    entries.emplace_back(strings.substr(0, end));
    strings.remove_prefix(std::min(end + 1, strings.size()));
  }
  if (entries.empty())
    for (char** entry = environ; entry && *entry; ++entry) entries.emplace_back(*entry);
  return entries;
}

}  // namespace duct_bpf
