// SPDX-License-Identifier: MIT
#include "capture/permission.hpp"

#include <limits.h>
#include <unistd.h>

#include "capture/privilege.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kLentRingBytes = 16 << 20, kLentLedgerEntries = 65536;

bool is_lent(const Options& options) { return options.sampler == Sampler::bpf && privilege_is_the_files(); }

Error for_root(const std::string& what, const std::string& words) {
  return {ErrorCode::usage, what, "sudo duct-bpf " + words + " ..."};
}

}  // namespace

Result<void> check_permission(const Options& options) {
  if (options.user && !(is_permitted(CAP_SETUID) && is_permitted(CAP_SETGID)))
    return for_root("--user: only root can run the command as another user", "--user " + *options.user);
  if (!is_lent(options)) return {};
  if (options.ring_bytes > kLentRingBytes) return for_root("--ring-size: more than 16M is for root", "--ring-size");
  if (options.ledger_entries > kLentLedgerEntries)
    return for_root("--max-processes: more than 65536 is for root", "--max-processes");
  return {};
}

Result<void> check_attach_permission(const Options& options, pid_t pid) {
  char path[PATH_MAX];
  std::string number = std::to_string(pid);
  // Answered by the rule for ptrace: same credentials, and no setuid program.
  if (!is_lent(options) || ::readlink(("/proc/" + number + "/exe").c_str(), path, sizeof path) > 0) return {};
  return for_root("--attach " + number + ": the process is not yours", "--attach " + number);
}

}  // namespace duct_bpf
