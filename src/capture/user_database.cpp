// SPDX-License-Identifier: MIT
// By the C library's name services; or, in a static program, by /etc/passwd and /etc/group alone: name services are shared
// objects, and those of another C library than the one that was linked must not be loaded.
#include "capture/user_database.hpp"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace duct_bpf {
namespace {

Credentials credentials(const passwd& entry) {
  return {entry.pw_uid, entry.pw_gid, {}, entry.pw_name, entry.pw_dir, entry.pw_shell};
}

#ifdef DUCT_BPF_STATIC

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

File open_file(const char* path) { return {std::fopen(path, "re"), std::fclose}; }

template <typename Wanted>
std::optional<Credentials> look_up(Wanted wanted) {
  const File file = open_file("/etc/passwd");
  if (!file) return std::nullopt;
  while (const passwd* entry = ::fgetpwent(file.get())) {
    if (wanted(*entry)) return credentials(*entry);
  }
  return std::nullopt;
}

#else

// `call` is getpwnam_r or getpwuid_r with its key bound.
template <typename Call>
std::optional<Credentials> look_up(Call call) {
  std::vector<char> buffer(4096);
  for (;;) {
    passwd entry{};
    passwd* found = nullptr;
    const int error = call(&entry, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error == ERANGE) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (found == nullptr) return std::nullopt;
    return credentials(entry);
  }
}

#endif

}  // namespace

#ifdef DUCT_BPF_STATIC

const char* const kUserListHint = "this static build knows the users of /etc/passwd alone";

std::optional<Credentials> look_up_name(const std::string& name) {
  return look_up([&](const passwd& entry) { return name == entry.pw_name; });
}

std::optional<Credentials> look_up_uid(uid_t uid) {
  return look_up([&](const passwd& entry) { return uid == entry.pw_uid; });
}

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  std::vector<gid_t> groups{gid};
  const File file = open_file("/etc/group");
  if (!file) return groups;
  while (const group* entry = ::fgetgrent(file.get())) {
    for (char** member = entry->gr_mem; *member != nullptr; member++) {
      if (name == *member && entry->gr_gid != gid) groups.push_back(entry->gr_gid);
    }
  }
  return groups;
}

#else

const char* const kUserListHint = "getent passwd lists the users this machine knows";

std::optional<Credentials> look_up_name(const std::string& name) {
  return look_up([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  });
}

std::optional<Credentials> look_up_uid(uid_t uid) {
  return look_up([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
}

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    // glibc says how many it wants; grow in any case, so that the loop ends.
    const auto wanted = std::max(static_cast<std::size_t>(count), groups.size() * 2);
    groups.resize(wanted);
    count = static_cast<int>(wanted);
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

#endif

}  // namespace duct_bpf
