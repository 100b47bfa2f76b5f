// SPDX-License-Identifier: MIT
// Where the command's output goes. What is captured goes to its file by the command's own hand; what is shown as well is
// copied on from there by us. With a terminal of its own we carry and capture all of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/command.hpp"
#include "capture/event_loop.hpp"
#include "capture/fd.hpp"
#include "capture/output_follower.hpp"
#include "capture/pty.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

// Files that outputs are captured in. The descriptors must stay open for as long as the streams live; -1: not captured.
struct CaptureFiles {
  int stdout_fd = -1, stderr_fd = -1;
  std::string stdout_path;
};

class CommandStreams {
 public:
  // What does not keep the command from running is told to `report`.
  using Report = std::function<void(LogLevel level, const std::string& problem)>;
  CommandStreams(EventLoop& loop, Report report) : loop_(loop), report_(std::move(report)) {}

  // Before the fork, for which it fills in the descriptors of `plan`. Errors: io, system.
  Result<void> open(const Options& options, const CaptureFiles& files, CommandPlan& plan);
  // The command has its descriptors: ours of its end are closed.
  void start();

  // For the terminal of its own; else nothing.
  void suspend();  // before we stop,
  void resume();   // and after we were continued
  void resize();   // ours has another size

  // Shows what is not shown yet. Runs the loop until that is done or somebody stops it: a reader may be stuck for ever.
  void drain();

 private:
  Result<void> open_pty(const Options& options, const CaptureFiles& files, CommandPlan& plan);
  Result<void> choose(int file, bool shown, int& into);
  void follow(int file, int downstream);
  void open_notifier();

  EventLoop& loop_;
  Report report_;
  Fd null_device_;
  std::unique_ptr<FileNotifier> notifier_;  // outlives the followers; none: it cannot be had
  std::vector<std::unique_ptr<OutputFollower>> followers_;
  std::unique_ptr<Pty> pty_;
};

}  // namespace duct_bpf
