// SPDX-License-Identifier: MIT
// The program duct-bpf: a shell over duct_bpf::run().
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "capture/privilege.hpp"
#include "cli/options.hpp"
#include "core/record_doctor.hpp"
#include "core/summary_format.hpp"
#include "duct_bpf/doctor.hpp"
#include "duct_bpf/run.hpp"

namespace {

using duct_bpf::ErrorCode;
using duct_bpf::LogLevel;

// A descriptor of 0 to 2 that we were started without would go to the next file opened: messages would be
// written into a record.
void open_standard_descriptors() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

// To stderr in one write where it can be. That nobody reads it any more, or that a file must not grow, must not
// end the run: the signals are ignored, but only meanwhile, as the command would inherit that.
void write_stderr(std::string_view text) {
  struct sigaction ignore {};
  struct sigaction pipe_before {};
  struct sigaction size_before {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &pipe_before);
  sigaction(SIGXFSZ, &ignore, &size_before);
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      break;
    }
  }
  sigaction(SIGPIPE, &pipe_before, nullptr);
  sigaction(SIGXFSZ, &size_before, nullptr);
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warning:
      return "WARNING";
    case LogLevel::error:
      return "ERROR";
    default:
      return "CRITICAL";
  }
}

void print(LogLevel level, std::string_view text) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[40];
  const std::size_t length = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", &local);
  write_stderr(
      fmt::format("{} [{:<8}] duct-bpf: {}\n", std::string_view(stamp, length), name_of(level), text));
}

// Lines stay lines; all other control characters go.
std::string printable_lines(std::string_view text) {
  std::string safe;
  while (true) {
    const std::size_t end = text.find('\n');
    safe += duct_bpf::printable(text.substr(0, end));
    if (end == std::string_view::npos) return safe;
    safe += '\n';
    text.remove_prefix(end + 1);
  }
}

class Messages : public duct_bpf::Observer {
 public:
  explicit Messages(LogLevel least) : least_(least) {}
  bool shows(LogLevel level) const { return least_ != LogLevel::none && level >= least_; }
  void on_message(LogLevel level, std::string_view text) override {
    if (shows(level)) print(level, printable_lines(text));
  }

 private:
  LogLevel least_;
};

int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return 2;
    case ErrorCode::not_found:
      return 127;
    case ErrorCode::not_runnable:
      return 126;
    default:
      return 1;
  }
}

// One line, whatever the words of the user hold.
std::string one_line(const duct_bpf::Error& error) {
  return duct_bpf::printable(error.hint.empty() ? error.message : error.message + "; hint: " + error.hint);
}

void print_summary(const duct_bpf::CliOptions& options, const duct_bpf::Summary& summary) {
  const auto fields = duct_bpf::summary_fields(summary);
  const bool is_default = options.summary_format == duct_bpf::kDefaultSummaryFormat;
  const auto text = duct_bpf::format_summary(
      is_default ? duct_bpf::default_summary_format(fields) : options.summary_format, fields, options.colors);
  if (!text) {
    print(LogLevel::warning, "no summary: " + one_line(text.error()));
  } else if (!text->empty()) {
    print(LogLevel::info, *text);
  }
}

bool print_out(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

// What the file's capabilities give is used by the thread that loads the programs, and by no other. A setuid bit gives far
// more, and the command would have it.
bool is_installed_well() {
  if (!duct_bpf::privilege_is_the_files()) return true;
  duct_bpf::guard_privilege_of_file();
  if (getuid() == geteuid() && getgid() == getegid()) return true;
  print(LogLevel::error, "duct-bpf has a setuid or setgid bit, by which the command would gain privilege; hint: chmod ug-s, "
                         "and setcap cap_bpf,cap_perfmon+ep in its place");
  return false;
}

int run_program(int argc, char** argv, std::chrono::steady_clock::time_point launched) {
  auto options = duct_bpf::parse_options(argc, argv, [](const char* name) { return std::getenv(name); });
  if (!options) {
    print(LogLevel::error, one_line(options.error()));
    return exit_status(options.error().code);
  }
  if (options->print_and_exit) return print_out(*options->print_and_exit) ? 0 : 1;
  if (options->doctor) {
    const auto diagnosis = duct_bpf::diagnose();
    const auto text = options->json ? duct_bpf::diagnosis_json(diagnosis)
                                    : duct_bpf::diagnosis_text(diagnosis, isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR"));
    return print_out(text) && diagnosis.works() ? 0 : 1;
  }
  options->run.launched = launched;
  options->run.renounce_privilege = true;
  Messages messages(options->log_level);
  for (const auto& [level, text] : options->notes) messages.on_message(level, text);
  const auto outcome = duct_bpf::run(options->run, messages);
  if (!outcome) {
    if (messages.shows(LogLevel::error)) print(LogLevel::error, one_line(outcome.error()));
    return exit_status(outcome.error().code);
  }
  if (messages.shows(LogLevel::info)) print_summary(*options, outcome->summary);
  return outcome->exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  const auto launched = std::chrono::steady_clock::now();
  // Our few threads do not need a heap each, which takes a while to come to be and to grow, page by page.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TOP_PAD, 512 << 10);
  open_standard_descriptors();
  if (!is_installed_well()) return 1;
  try {
    return run_program(argc, argv, launched);
  } catch (const std::bad_alloc&) {
    print(LogLevel::critical, "out of memory; hint: raise the limit on memory, of this session (ulimit -v) or of this container or job");
    return 1;
  } catch (const std::exception& bug) {
    print(LogLevel::critical, fmt::format("internal error: {}", bug.what()));
    return 1;
  }
}
