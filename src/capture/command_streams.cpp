// SPDX-License-Identifier: MIT
#include "capture/command_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

bool shows_stdout(OutputView view) { return view == OutputView::all || view == OutputView::stdout_only; }
bool shows_stderr(OutputView view) { return view == OutputView::all || view == OutputView::stderr_only; }

// False: errno. A disk that fills up takes a part first.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> CommandStreams::open(const Options& options, const CaptureFiles& files, CommandPlan& plan) {
  if (options.pty) return open_pty(options, files, plan);
  const bool out_shown = shows_stdout(options.outputs), err_shown = shows_stderr(options.outputs);
  if (auto out = choose(files.stdout_fd, out_shown, plan.stdout_fd); !out) return out;
  if (auto err = choose(files.stderr_fd, err_shown, plan.stderr_fd); !err) return err;
  if (out_shown && files.stdout_fd >= 0) follow(files.stdout_fd, STDOUT_FILENO);
  if (err_shown && files.stderr_fd >= 0) follow(files.stderr_fd, STDERR_FILENO);
  return {};
}

Result<void> CommandStreams::open_pty(const Options& options, const CaptureFiles& files, CommandPlan& plan) {
  pty_ = std::make_unique<Pty>(loop_);
  PtyOptions pty;
  if (!shows_stdout(options.outputs)) pty.output_fd = -1;
  if (plan.user) pty.owner = plan.user->uid;
  if (files.stdout_fd >= 0)
    pty.sink = [this, fd = files.stdout_fd, path = files.stdout_path, broken = false](std::string_view bytes) mutable {
      if (broken || write_all(fd, bytes)) return;
      broken = true;
      report_(LogLevel::error, "cannot write to " + path + ": " + errno_text(errno));
    };
  if (auto opened = pty_->open(std::move(pty)); !opened) return opened;
  plan.pty_slave = pty_->slave();
  return {};
}

Result<void> CommandStreams::choose(int file, bool shown, int& into) {
  if (file >= 0) {
    into = file;
  } else if (!shown) {
    if (!null_device_) null_device_.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null_device_) return os_error("cannot open /dev/null", errno);
    into = null_device_.get();
  }
  return {};
}

void CommandStreams::follow(int file, int downstream) {
  if (followers_.empty()) open_notifier();
  auto follower = std::make_unique<OutputFollower>(loop_);
  if (auto following = follower->open(file, downstream, notifier_.get()); following)
    followers_.push_back(std::move(follower));
  else
    report_(LogLevel::warning, "the command's output is captured but cannot be shown: " + following.error().message);
}

void CommandStreams::open_notifier() {
  notifier_ = std::make_unique<FileNotifier>(loop_);
  auto opened = notifier_->open();
  if (opened) return;
  notifier_.reset();
  const Error& error = opened.error();
  report_(LogLevel::warning, error.message + ": the command's output is shown at the end; hint: " + error.hint);
}

void CommandStreams::start() {
  null_device_.reset();
  if (!pty_) return;
  if (auto started = pty_->start(); !started) report_(LogLevel::warning, started.error().message);
}

void CommandStreams::suspend() {
  if (pty_) pty_->suspend();
}

void CommandStreams::resume() {
  if (pty_) pty_->resume();
}

void CommandStreams::resize() {
  if (pty_) pty_->resize();
}

void CommandStreams::drain() {
  std::size_t waiting = followers_.size() + (pty_ ? 1 : 0);
  if (!waiting) return;
  auto done = [&] {
    if (--waiting == 0) loop_.stop();
  };
  for (auto& follower : followers_) follower->finish(done);
  if (pty_) pty_->finish(done);
  if (waiting) loop_.run();
}

}  // namespace duct_bpf
