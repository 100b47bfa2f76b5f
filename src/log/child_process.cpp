// SPDX-License-Identifier: MIT
#include "log/child_process.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

extern char** environ;

namespace duct_log {
namespace {

using duct_bpf::Error;
using duct_bpf::ErrorCode;

// A file without a name: the child reads and writes at its own pace, and nobody waits for a pipe to empty.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : fd_(memfd_create(name, MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool write(const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t written = ::write(fd_, text.data() + done, text.size() - done);
      if (written <= 0) return false;
      done += static_cast<std::size_t>(written);
    }
    return lseek(fd_, 0, SEEK_SET) == 0;
  }
  std::string content() {
    std::string text;
    char buffer[65536];
    lseek(fd_, 0, SEEK_SET);
    for (ssize_t size = 0; (size = ::read(fd_, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(size));
    return text;
  }

 private:
  int fd_;
};

}  // namespace

duct_bpf::Result<ChildOutput> run_child(const std::vector<std::string>& argv, const std::string& input) {
  MemoryFile in("input"), out("output"), err("messages");
  if (in.fd() < 0 || out.fd() < 0 || err.fd() < 0 || !in.write(input))
    return Error{ErrorCode::system, argv[0] + " cannot be run: " + std::strerror(errno), {}};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));  // not written to
  words.push_back(nullptr);
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("LC_")) environment.push_back(*entry);
  }
  std::string locale = "LC_ALL=C.UTF-8";
  environment.insert(environment.end(), {locale.data(), nullptr});
  pid_t pid = 0;
  const int failure = posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failure == ENOENT) return Error{ErrorCode::not_found, argv[0] + " is not installed", {}};
  if (failure != 0) return Error{ErrorCode::system, argv[0] + " cannot be run: " + std::strerror(failure), {}};
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return ChildOutput{.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), .out = out.content(), .err = err.content()};
}

}  // namespace duct_log
