// SPDX-License-Identifier: MIT
// The program duct-log: reads records. Needs no privilege.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "cli/env_files.hpp"
#include "cli/log_options.hpp"
#include "cli/pager.hpp"
#include "log/run_files.hpp"
#include "log/text.hpp"

namespace {

using duct_log::Error;
using duct_log::ErrorCode;

constexpr std::size_t kDefaultWidth = 100;  // where nobody says
constexpr std::size_t kLeastWidth = 40;
constexpr std::size_t kMostWidth = 1000;

std::size_t terminal_width() {
  winsize size{};
  std::size_t width = 0;
  if (const char* const columns = std::getenv("COLUMNS")) {
    const std::string_view text = columns;
    std::from_chars(text.data(), text.data() + text.size(), width);
  }
  if (width == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  return width == 0 ? kDefaultWidth : std::clamp(width, kLeastWidth, kMostWidth);
}

bool wants_colors(const duct_log::LogCommand& command) {
  if (command.colors) return *command.colors;
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

// One line, whatever the words of the user or of a file hold.
void say(const char* kind, std::string_view text) {
  const std::string line = std::string("duct-log: ") + kind + duct_log::escaped(text) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

int fail(const Error& error) {
  say("error: ", error.hint.empty() ? error.message : error.message + "; hint: " + error.hint);
  return error.code == ErrorCode::usage ? 2 : 1;
}

// As for duct-bpf: what the environment does not say may be in a .env file.
void complete_environment() {
  const auto settings = duct_bpf::read_env_files(std::getenv, [](duct_bpf::LogLevel level, const std::string& text) {
    if (level >= duct_bpf::LogLevel::warning) say("warning: ", text);
  });
  const auto prefix = settings.find(duct_log::kPrefixVariable);
  if (prefix != settings.end()) setenv(duct_log::kPrefixVariable, prefix->second.value.c_str(), 0);
}

int run_program(int argc, char** argv) {
  const auto command = duct_log::parse_log_options(argc, argv);
  if (!command) return fail(command.error());
  const bool told = !command->print_and_exit.empty();
  duct_log::Output output(command->pager && !told);
  int status = 0;
  if (told) {
    output.write(command->print_and_exit);
  } else {
    complete_environment();
    const duct_log::Console console{.write = [&](std::string_view text) { output.write(text); },
                                    .warn = [](const std::string& text) { say("warning: ", text); },
                                    .width = terminal_width(),
                                    .colors = wants_colors(*command)};
    const auto outcome = command->run(console);
    if (!outcome) {
      output.finish();
      return fail(outcome.error());
    }
    status = *outcome;
  }
  if (!output.finish()) return fail(Error{ErrorCode::io, "the output cannot be written", {}});
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // records are UTF-8; for the width of characters
  try {
    return run_program(argc, argv);
  } catch (const std::exception& bug) {
    say("internal error: ", bug.what());
    return 1;
  }
}
