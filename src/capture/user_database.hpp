// SPDX-License-Identifier: MIT
// The users and groups that the machine knows.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace duct_bpf {

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary ones, gid among them
  std::string name, home, shell;
};

// Groups are left empty. None: no such user; a name service that is down looks the same.
std::optional<Credentials> look_up_name(const std::string& name);
std::optional<Credentials> look_up_uid(uid_t uid);

std::vector<gid_t> groups_of(const std::string& name, gid_t gid);

// For a hint: how to list the users that are looked at here.
extern const char* const kUserListHint;

}  // namespace duct_bpf
