// SPDX-License-Identifier: MIT
#include "cli/pager.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

namespace duct_log {

Output::Output(bool page) : fd_(STDOUT_FILENO) {
  signal(SIGPIPE, SIG_IGN);
  if (!page || isatty(STDOUT_FILENO) == 0) return;
  const char* const named = std::getenv("PAGER");
  const std::string pager = named != nullptr ? named : "if command -v less >/dev/null; then exec less; else exec cat; fi";
  if (pager.empty() || pager == "cat") return;
  int ends[2];
  if (pipe(ends) != 0) return;
  pager_ = fork();
  if (pager_ == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("LESS", "FRX", 0);  // goes away by itself where all fits; colours
    execl("/bin/sh", "sh", "-c", pager.c_str(), nullptr);
    _exit(127);
  }
  close(ends[0]);
  if (pager_ > 0) {
    fd_ = ends[1];
    signal(SIGINT, SIG_IGN);  // is the pager's
  } else {
    close(ends[1]);
  }
}

void Output::write(std::string_view text) {
  while (!text.empty() && failure_ == 0) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
}

bool Output::finish() {
  if (pager_ > 0) {
    close(fd_);
    int status = 0;
    while (waitpid(pager_, &status, 0) < 0 && errno == EINTR) {
    }
    pager_ = -1;
    fd_ = STDOUT_FILENO;
  }
  return failure_ == 0 || failure_ == EPIPE;
}

}  // namespace duct_log
