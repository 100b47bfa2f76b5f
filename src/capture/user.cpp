// SPDX-License-Identifier: MIT
#include "capture/user.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace duct_bpf {
namespace {

// A uid or gid; the highest number means "none" to the kernel and is not one.
std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return id;
}

std::optional<std::uint32_t> id_from_environment(const char* variable) {
  const char* text = ::secure_getenv(variable);
  return text == nullptr ? std::nullopt : parse_id(text);
}

// sudo tells both numbers; the only case that needs no name service. secure_getenv gives nothing to a program
// that was started setuid or with file capabilities.
std::optional<Owner> sudo_owner() {
  if (::geteuid() != 0) return std::nullopt;
  const auto uid = id_from_environment("SUDO_UID");
  const auto gid = id_from_environment("SUDO_GID");
  if (!uid || !gid || *uid == 0) return std::nullopt;
  return Owner{*uid, *gid};
}

// Callers that tell the user alone; the group is the user's own.
std::optional<Credentials> doas_or_pkexec_user() {
  if (::geteuid() != 0) return std::nullopt;
  std::optional<Credentials> user;
  if (const char* name = ::secure_getenv("DOAS_USER"); name != nullptr && *name != '\0') {
    user = look_up_name(name);
  } else if (const auto uid = id_from_environment("PKEXEC_UID")) {
    user = look_up_uid(*uid);
  }
  if (!user || user->uid == 0) return std::nullopt;
  return user;
}

}  // namespace

Result<Credentials> find_user(const std::string& name_or_number) {
  auto user = look_up_name(name_or_number);
  if (!user) {
    // Without an entry the group is not known, and none that we could make up is safe.
    if (const auto uid = parse_id(name_or_number)) user = look_up_uid(*uid);
  }
  if (!user) {
    return Error{ErrorCode::usage, "no such user: '" + name_or_number + "'", kUserListHint};
  }
  user->groups = groups_of(user->name, user->gid);
  return *user;
}

std::optional<Credentials> invoker() {
  if (const auto owner = sudo_owner()) {
    auto user = look_up_uid(owner->uid);
    if (!user) {  // known to sudo by number only, as in containers
      return Credentials{owner->uid, owner->gid, {owner->gid}, std::to_string(owner->uid), "/", "/bin/sh"};
    }
    user->gid = owner->gid;
    user->groups = groups_of(user->name, user->gid);
    return user;
  }
  auto user = doas_or_pkexec_user();
  if (user) user->groups = groups_of(user->name, user->gid);
  return user;
}

std::optional<Owner> record_owner() {
  if (const auto owner = sudo_owner()) return owner;
  if (const auto user = doas_or_pkexec_user()) return Owner{user->uid, user->gid};
  return std::nullopt;
}

}  // namespace duct_bpf
