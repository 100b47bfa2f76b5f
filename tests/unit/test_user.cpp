// SPDX-License-Identifier: MIT
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "capture/user.hpp"

using namespace duct_bpf;

namespace {
void clear_environment() {
  for (const char* name : {"SUDO_UID", "SUDO_GID", "DOAS_USER", "PKEXEC_UID"}) ::unsetenv(name);
}
}  // namespace

TEST_CASE("users by name and by number") {
  auto root = find_user("root");
  REQUIRE(root);
  CHECK(root->uid == 0);
  CHECK_FALSE(root->home.empty());
  CHECK(std::count(root->groups.begin(), root->groups.end(), root->gid) == 1);
  auto number = find_user("0");
  REQUIRE(number);
  CHECK(number->name == root->name);
  for (const char* bad : {"", "no-such-user-here", "-1", "4294967295", "99999999999", "0x0", " 0"}) {
    INFO(bad);
    auto missing = find_user(bad);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == ErrorCode::usage);
  }
}

TEST_CASE("the invoker is believed only by root, and only when sane") {
  clear_environment();
  CHECK_FALSE(record_owner());
  CHECK_FALSE(invoker());
  ::setenv("SUDO_UID", "12345", 1);
  CHECK_FALSE(record_owner());  // half of it
  ::setenv("SUDO_GID", "54321", 1);
  if (::geteuid() != 0) {
    CHECK_FALSE(record_owner());
    CHECK_FALSE(invoker());
    clear_environment();
    return;
  }
  REQUIRE(record_owner());
  CHECK(record_owner()->uid == 12345);
  CHECK(record_owner()->gid == 54321);
  REQUIRE(invoker());
  CHECK(invoker()->groups == std::vector<gid_t>{54321});
  for (const char* bad : {"0", "-1", "4294967295", "12x", ""}) {
    INFO(bad);
    ::setenv("SUDO_UID", bad, 1);
    CHECK_FALSE(record_owner());
    CHECK_FALSE(invoker());
  }
  clear_environment();
  if (const passwd* daemon = ::getpwnam("daemon")) {
    const uid_t uid = daemon->pw_uid;
    const gid_t gid = daemon->pw_gid;
    ::setenv("DOAS_USER", "daemon", 1);
    REQUIRE(record_owner());
    CHECK(record_owner()->uid == uid);
    clear_environment();
    ::setenv("PKEXEC_UID", std::to_string(uid).c_str(), 1);
    REQUIRE(invoker());
    CHECK(invoker()->name == "daemon");
    CHECK(invoker()->gid == gid);
  }
  clear_environment();
}
