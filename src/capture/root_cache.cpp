// SPDX-License-Identifier: MIT
#include "capture/root_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "capture/fd.hpp"

namespace duct_bpf {
namespace {

constexpr std::uint64_t kMagic = 0x30315f4654425f44;  // "D_BTF_10": raise with the layout of what follows, and of any content
constexpr std::size_t kMaxBytes = 1 << 20;

struct Header {
  std::uint64_t magic;
  std::uint64_t key[2];
  std::uint64_t hash;  // of the content: a file system may hand back zeros after a crash
};

void mix(std::uint64_t& hash, std::span<const std::byte> bytes) {  // FNV-1a, a word at a time
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 29;
  }
  for (; i < bytes.size(); i++) hash = (hash ^ static_cast<std::uint8_t>(bytes[i])) * 0x100000001b3u;
}

std::vector<std::byte> read_whole(int fd) {
  constexpr std::size_t kLeastStep = 4096;
  struct stat st {};
  std::size_t step = kLeastStep;  // what is no plain file does not say how long it is
  if (!::fstat(fd, &st) && st.st_size > 0) step += static_cast<std::size_t>(st.st_size);
  if (step > 2 * kMaxBytes) return {};
  std::vector<std::byte> bytes;
  ssize_t got;
  std::size_t size = 0;
  do {
    bytes.resize(size + step);
    got = ::read(fd, bytes.data() + size, step);
    if (got < 0 || (size += static_cast<std::size_t>(got)) > kMaxBytes) return {};
    step = std::max(kLeastStep, step - static_cast<std::size_t>(got));
  } while (got > 0);
  bytes.resize(size);
  return bytes;
}

bool only_root_writes(int fd, bool directory) {
  struct stat st {};
  if (::fstat(fd, &st)) return false;
  return st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
         (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

// A directory that others can write, or a link in place of one, is not used at all.
Fd open_dir(const std::string& dir) {
  Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd && !only_root_writes(fd.get(), true)) fd.reset();
  return fd;
}

// Of the kernel's build. Its notes hold its build id: two builds with one version string differ here.
std::uint64_t kernel_hash() {
  std::uint64_t hash = 0xcbf29ce484222325u;
  Fd notes(::open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC));
  if (notes) mix(hash, read_whole(notes.get()));
  utsname names{};
  ::uname(&names);
  mix(hash, std::as_bytes(std::span(names.release)));
  mix(hash, std::as_bytes(std::span(names.version)));
  return hash;
}

// What other builds of this program left for the same kernel.
void remove_others(int dir, const std::string& name) {
  std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(::fcntl(dir, F_DUPFD_CLOEXEC, 3)), ::closedir);
  if (!list) return;
  while (const dirent* entry = ::readdir(list.get())) {
    std::string other = entry->d_name;
    if (other != name && other.size() == name.size() && other.compare(0, 16, name, 0, 16) == 0 &&
        other.substr(32) == name.substr(32))
      ::unlinkat(dir, other.c_str(), 0);
  }
}

}  // namespace

std::uint64_t content_hash(std::span<const std::byte> content) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  mix(hash, content);
  return hash;
}

RootCache::RootCache(std::string dir, std::span<const std::byte> id, std::string kind)
    : dir_(std::move(dir)), kind_(std::move(kind)), key_{0, 0x84222325cbf29ce4u} {
  static const std::uint64_t kernel = kernel_hash();
  key_[0] = kernel;
  mix(key_[1], id);
}

std::string RootCache::name() const {
  char key[40];
  std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(key_[0]),
                static_cast<unsigned long long>(key_[1]));
  return key + ("." + kind_);
}

std::optional<std::vector<std::byte>> RootCache::read() const {
  Fd dir = open_dir(dir_);
  Fd fd(dir ? ::openat(dir.get(), name().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1);
  if (!fd || !only_root_writes(fd.get(), false)) return std::nullopt;
  Header header;
  if (::read(fd.get(), &header, sizeof header) != static_cast<ssize_t>(sizeof header)) return std::nullopt;
  auto bytes = read_whole(fd.get());
  if (header.magic != kMagic || std::memcmp(header.key, key_, sizeof key_) || header.hash != content_hash(bytes))
    return std::nullopt;
  return bytes;
}

void RootCache::write(std::span<const std::byte> content) const {
  if (::geteuid() != 0 || (::mkdir(dir_.c_str(), 0755) && errno != EEXIST)) return;
  Fd dir = open_dir(dir_);
  if (!dir) return;
  std::string file = name(), temporary = "." + file + "." + std::to_string(::getpid());
  Fd fd(::openat(dir.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return;
  Header header{kMagic, {key_[0], key_[1]}, content_hash(content)};
  bool whole = ::write(fd.get(), &header, sizeof header) == static_cast<ssize_t>(sizeof header) &&
               ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
               ::fchmod(fd.get(), 0644) == 0;
  if (!whole || ::renameat(dir.get(), temporary.c_str(), dir.get(), file.c_str())) ::unlinkat(dir.get(), temporary.c_str(), 0);
  remove_others(dir.get(), file);
}

}  // namespace duct_bpf
