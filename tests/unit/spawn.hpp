// SPDX-License-Identifier: MIT
// A command that nobody traces, started at once.
#pragma once

#include "capture/command.hpp"

inline duct_bpf::Result<duct_bpf::Command> spawn(const duct_bpf::CommandPlan& plan) {
  auto command = duct_bpf::Command::prepare(plan);
  if (!command) return command;
  if (auto started = command->start(); !started) return started.error();
  return command;
}
