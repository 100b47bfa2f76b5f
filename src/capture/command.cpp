// SPDX-License-Identifier: MIT
#include "capture/command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "capture/environment.hpp"
#include "capture/fork_lock.hpp"
#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

// How far the child came; with errno, all it tells when it fails.
enum class Stage : int { session, terminal, stdio, user, exec, shell };
struct Failure {
  Stage stage;
  int error;
};

// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Image {
  const CommandPlan& plan;
  std::string path;
  std::vector<std::string> environment;
  std::vector<char*> argv, shell_argv, envp;  // null-terminated; point into the strings
};

Error not_found(const std::string& word) {
  return Error{ErrorCode::not_found, (word.empty() ? "''" : word) + ": command not found", ""};
}
Error not_runnable(const std::string& word, int error) {
  return os_error(word, error, ErrorCode::not_runnable);
}

std::vector<std::string> make_environment(const CommandPlan& plan) {
  std::vector<std::string> remove = plan.env_remove;
  std::vector<std::string> add;
  if (plan.user) {
    remove.insert(remove.end(), {"HOME", "USER", "LOGNAME", "SHELL"});
    add = {"HOME=" + plan.user->home, "USER=" + plan.user->name, "LOGNAME=" + plan.user->name,
           "SHELL=" + (plan.user->shell.empty() ? std::string("/bin/sh") : plan.user->shell)};
  }
  std::vector<std::string> environment;
  for (std::string& entry : inherited_environment()) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (std::find(remove.begin(), remove.end(), name) == remove.end()) environment.push_back(std::move(entry));
  }
  environment.insert(environment.end(), add.begin(), add.end());
  return environment;
}

void append_pointers(std::vector<char*>& to, const std::vector<std::string>& from, std::size_t first = 0) {
  for (std::size_t i = first; i < from.size(); ++i) to.push_back(const_cast<char*>(from[i].c_str()));
  to.push_back(nullptr);
}

// --- in the child ---

[[noreturn]] void fail(int channel, Stage stage) {
  const Failure failure{stage, errno};
  ::send(channel, &failure, sizeof failure, MSG_NOSIGNAL);
  ::_exit(127);
}

// The sources are first copied out of the way: one of them may itself be 0, 1 or 2.
bool place_stdio(const std::array<int, 3>& sources) {
  std::array<int, 3> copies{-1, -1, -1};
  for (std::size_t i = 0; i < 3; ++i) {
    if (sources[i] < 0) continue;
    copies[i] = ::fcntl(sources[i], F_DUPFD_CLOEXEC, 3);
    if (copies[i] < 0) return false;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (copies[i] >= 0 && ::dup2(copies[i], static_cast<int>(i)) < 0) return false;
  }
  return true;
}

bool become(const Credentials& user) {
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
         ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, user.uid) == 0;
}

// Handlers go first: one of ours must not run here once the mask is lifted.
void restore_signals(const CommandPlan& plan) {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;  // those glibc keeps for itself
    const auto wanted = sigismember(&plan.original_ignored, signal) == 1 ? SIG_IGN : SIG_DFL;
    if (action.sa_handler == wanted) continue;
    action = {};
    action.sa_handler = wanted;
    ::sigaction(signal, &action, nullptr);
  }
  ::sigprocmask(SIG_SETMASK, &plan.original_mask, nullptr);
}

[[noreturn]] void run_child(const Image& image, int channel) {
  const CommandPlan& plan = image.plan;
  const int moved =
      ::fcntl(channel, F_DUPFD_CLOEXEC, 3);  // it may be 0, 1 or 2 if we were started without them
  if (moved < 0) fail(channel, Stage::stdio);
  ::close(channel);
  channel = moved;

  const bool pty = plan.pty_slave >= 0;
  if ((plan.new_session || pty) && ::setsid() < 0) fail(channel, Stage::session);
  if (pty && ::ioctl(plan.pty_slave, TIOCSCTTY, 0) != 0) fail(channel, Stage::terminal);
  const int slave = plan.pty_slave;
  if (!place_stdio(pty ? std::array{slave, slave, slave}
                       : std::array{plan.stdin_fd, plan.stdout_fd, plan.stderr_fd})) {
    fail(channel, Stage::stdio);
  }
  if (plan.user && !become(*plan.user)) fail(channel, Stage::user);
  restore_signals(plan);
  ::setrlimit(RLIMIT_MEMLOCK, &plan.locked_memory);

  char go = 0;
  ssize_t got = 0;
  do got = ::recv(channel, &go, 1, 0);
  while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(127);  // the tracer has given up, or is dead: run nothing
  ::execve(image.path.c_str(), image.argv.data(), image.envp.data());
  if (errno != ENOEXEC) fail(channel, Stage::exec);
  ::execve("/bin/sh", image.shell_argv.data(), image.envp.data());  // a script without #!
  fail(channel, Stage::shell);
}

// --- in the parent ---

// exec says ENOENT both for the file and for what the file needs. Names the latter.
Error missing_interpreter(const std::string& path) {
  char head[256];
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const ssize_t size = fd ? ::read(fd.get(), head, sizeof head) : 0;
  const std::string_view text(head, size > 0 ? static_cast<std::size_t>(size) : 0);
  std::string what = "the loader it was linked for";
  if (text.starts_with("#!")) {
    const auto begin = std::min(text.find_first_not_of(" \t", 2), text.size());
    const auto end = std::min(text.find_first_of(std::string_view(" \t\r\n\0", 5), begin), text.size());
    what = "its interpreter '" + std::string(text.substr(begin, end - begin)) + "'";
    if (end < text.size() && text[end] == '\r') what += ", with the line ending of another system,";
  }
  return Error{ErrorCode::not_found, path + ": cannot be run: " + what + " does not exist", ""};
}

Error explain(const Failure& failure, const std::string& path, const std::string& user) {
  switch (failure.stage) {
    case Stage::session:
      return os_error("cannot start a session for the command", failure.error);
    case Stage::terminal:
      return os_error("cannot give the command a terminal", failure.error);
    case Stage::stdio:
      return os_error("cannot connect the command's streams", failure.error);
    case Stage::user:
      return os_error("cannot become user " + user, failure.error);
    case Stage::shell:
      return os_error("/bin/sh, to run " + path, failure.error, ErrorCode::not_runnable);
    case Stage::exec:
      break;
  }
  if (failure.error != ENOENT) return not_runnable(path, failure.error);
  return ::access(path.c_str(), F_OK) == 0 ? missing_interpreter(path) : not_found(path);
}

void wait_for(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::string> find_command(const std::string& word) {
  struct stat info {};
  if (word.find('/') != std::string::npos) {
    if (::stat(word.c_str(), &info) != 0) return errno == ENOENT ? not_found(word) : not_runnable(word, errno);
    if (S_ISDIR(info.st_mode)) return not_runnable(word, EISDIR);
    if (::faccessat(AT_FDCWD, word.c_str(), X_OK, AT_EACCESS) != 0) return not_runnable(word, errno);
    return word;
  }
  const char* variable = ::getenv("PATH");
  const std::string path = variable != nullptr ? variable : "/bin:/usr/bin";  // what execvp takes without one
  bool denied = false;
  for (std::size_t begin = 0; !word.empty() && begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string directory = path.substr(begin, end - begin);
    begin = end + 1;
    const std::string file = (directory.empty() ? "." : directory) + "/" + word;
    if (::stat(file.c_str(), &info) != 0) {
      denied |= errno == EACCES;
    } else if (S_ISREG(info.st_mode)) {
      if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) == 0) return file;
      denied = true;
    }
  }
  return denied ? not_runnable(word, EACCES) : not_found(word);
}

Result<Command> Command::prepare(const CommandPlan& plan) {
  if (plan.argv.empty()) return Error{ErrorCode::usage, "no command was given", ""};
  Image image{plan, plan.path, make_environment(plan), {}, {}, {}};
  if (image.path.empty()) {
    auto found = find_command(plan.argv[0]);
    if (!found) return found.error();
    image.path = *found;
  }
  append_pointers(image.argv, plan.argv);
  image.shell_argv = {const_cast<char*>("/bin/sh"), const_cast<char*>(image.path.c_str())};
  append_pointers(image.shell_argv, plan.argv, 1);
  append_pointers(image.envp, image.environment);

  // One byte down says go; a Failure comes up, or the end of file that the exec makes. A socket rather than
  // pipes: it goes both ways, and writing to a child that is dead raises no signal.
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return os_error("cannot make a channel to the command", errno);
  Fd ours(pair[0]), theirs(pair[1]);

  pid_t pid;
  int fork_error;
  {
    std::lock_guard lock(fork_lock());
    sigset_t all, before;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);  // no handler of ours may run in the child
    pid = ::fork();
    fork_error = errno;
    if (pid == 0) {
      ::close(ours.get());
      run_child(image, theirs.get());
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
  }
  theirs.reset();
  if (pid < 0) return os_error("cannot start a process for the command", fork_error);

  Command command(pid, std::move(ours), plan, image.path);
  // Not <sys/pidfd.h>: that of glibc 2.36 cannot be linked from C++. The descriptor is close-on-exec by
  // itself.
  command.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!command.pidfd_) return os_error("cannot open a descriptor of the command", errno);
  return command;
}

Command::~Command() {
  if (!channel_) return;
  channel_.reset();  // the child takes that as the end
  wait_for(pid_);
}

bool Command::has_ended() const {
  pollfd ended{pidfd_.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) > 0;
}

Result<void> Command::start() {
  const char go = 1;
  ::send(channel_.get(), &go, 1, MSG_NOSIGNAL);
  Failure failure{};
  ssize_t got = 0;
  do got = ::recv(channel_.get(), &failure, sizeof failure, 0);
  while (got < 0 && errno == EINTR);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  channel_.reset();
  if (got == sizeof failure) {
    wait_for(pid_);
    return explain(failure, path_, user_);
  }
  // A child that was killed before its exec looks the same; reap() will tell.
  exec_time_ns_ = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  return {};
}

Result<int> Command::reap(rusage* usage) {
  if (status_) return *status_;
  int status = 0;
  while (::wait4(pid_, &status, 0, usage) < 0) {
    if (errno != EINTR) return os_error("cannot wait for the command", errno);
  }
  status_ = status;
  return status;
}

}  // namespace duct_bpf
