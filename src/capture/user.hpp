// SPDX-License-Identifier: MIT
// Who the command is run as, and whom the records belong to when root was only borrowed (sudo, doas, pkexec).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "capture/user_database.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// By name, else by number, as chown does. Asks the name service, which may take milliseconds.
Result<Credentials> find_user(const std::string& name_or_number);

// The user who called sudo, doas or pkexec. Their environment variables are believed only where no one but
// root could have set them: when we are root, and not by a setuid bit or file capabilities. None: nobody, or
// root. Asks the name service.
std::optional<Credentials> invoker();

// Whom log files must be given to; none: they stay ours. Does not ask the name service under sudo.
std::optional<Owner> record_owner();

}  // namespace duct_bpf
