// SPDX-License-Identifier: MIT
// --pty: the command gets a terminal of its own, and we carry bytes between it and what we were given.
#pragma once

#include <termios.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "capture/event_loop.hpp"
#include "capture/fd.hpp"
#include "capture/output_follower.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

// Our own terminal in raw mode, so that keys (^C too) go to the command's terminal and mean what they mean
// there. Does nothing for what is not a terminal, or while we are in its background: it is the shell's then.
class RawTerminal {
 public:
  RawTerminal() = default;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { leave(); }
  void enter(int fd);
  void leave();

 private:
  int fd_ = -1;
  std::optional<termios> saved_;
};

struct PtyOptions {
  int input_fd = 0;   // what is typed; -1: nothing, not even an end of file
  int output_fd = 1;  // shown here; -1: nowhere. A reader that is slow slows the command, as a terminal does
  std::optional<uid_t> owner;                  // of the terminal, where the command runs as somebody else
  std::function<void(std::string_view)> sink;  // gets every byte the command prints; must not wait
};

class Pty {
 public:
  explicit Pty(EventLoop& loop) : loop_(loop) {}
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  ~Pty() { stop(); }

  // Size and modes are those of the terminal we have, if any. Input that is not a terminal is not echoed.
  Result<void> open(PtyOptions options);
  int slave() const { return slave_.get(); }  // for CommandPlan::pty_slave

  // Once the command has been spawned: drops our hold on its end, enters raw mode, carries bytes.
  Result<void> start();

  void resize();   // SIGWINCH: our terminal has another size
  void suspend();  // before we stop: our terminal as it was
  void resume();   // after we were continued

  // Carries what has been printed up to now, restores our terminal and calls back once, possibly from inside
  // this call; the callback may destroy this. A reader of output_fd that is stuck delays it: the caller sets
  // the limit.
  void finish(std::function<void()> done);

  bool closed() const { return closed_; }             // nobody has the command's end open any more
  int output_error() const { return output_error_; }  // errno that ended the showing (EPIPE), 0

 private:
  // A descriptor and the events it is watched for now; 0: not watched.
  struct Port {
    int fd = -1;
    std::uint32_t events = 0;
  };
  void set_watch(Port& port, std::uint32_t events, void (Pty::*handler)(std::uint32_t));
  void update();
  void on_master(std::uint32_t events);
  void on_input(std::uint32_t events);
  void on_output(std::uint32_t events);
  void read_master();
  void write_master();
  void write_output();
  void end_input();
  void check_done();
  void stop();

  EventLoop& loop_;
  PtyOptions options_;
  Fd master_, slave_, ready_;  // ready_: stands in for an input that cannot be waited for
  RawTerminal terminal_;
  Downstream downstream_;
  Port master_port_, input_port_, output_port_;
  std::string to_master_, to_output_;  // taken in, not yet passed on; nothing more is read until they are
  std::function<void()> done_;
  std::uint64_t finish_budget_ = 0;
  int output_error_ = 0;
  char last_typed_ = '\n';
  bool started_ = false;
  bool input_open_ = false, output_open_ = false;
  bool closed_ = false;
  bool drained_ = false;  // the last read found nothing
};

}  // namespace duct_bpf
