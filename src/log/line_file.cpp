// SPDX-License-Identifier: MIT
#include "log/line_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "log/json.hpp"
#include "log/reading_progress.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kLeastChunkBytes = 1 << 14, kChunkBytes = 1 << 20;

Error failure(const std::string& path, const std::string& why) { return Error{ErrorCode::io, path + ": " + why, {}}; }

class File {
 public:
  static Result<std::unique_ptr<File>> open(const std::string& path) {
    auto file = std::make_unique<File>();
    file->fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status {};
    if (file->fd_ < 0 || fstat(file->fd_, &status) != 0) return failure(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return failure(path, "not a regular file");
    file->size_ = static_cast<std::size_t>(status.st_size);
    return file;
  }
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  std::size_t size() const { return size_; }
  // Bytes read, 0 at the end, below 0 with errno set.
  ssize_t read(char* to, std::size_t room) {
    ssize_t got = 0;
    do got = ::read(fd_, to, room);
    while (got < 0 && errno == EINTR);
    return got;
  }

 private:
  int fd_ = -1;
  std::size_t size_ = 0;
};

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

Result<void> for_each_line(const std::string& path, const std::function<void(const Line&)>& take) {
  auto file = File::open(path);
  if (!file) return file.error();
  std::string buffer(std::clamp((*file)->size() + 1, kLeastChunkBytes, kChunkBytes) + kJsonPadding, '\0');
  std::size_t held = 0;  // bytes of the buffer that are a line's beginning
  Line line;
  bool skipping = false;  // the rest of a line that is too long
  ReadingProgress progress(path, (*file)->size());
  const auto give = [&](std::string_view text, bool ended) {
    line.number++;
    line.too_long = skipping || text.size() > kMaxLineBytes;
    line.text = line.too_long ? std::string_view() : text;
    line.ended = ended;
    if (line.too_long || !is_blank(text)) take(line);
    skipping = false;
  };
  while (true) {
    if (held == buffer.size() - kJsonPadding) buffer.resize(2 * held + kJsonPadding);
    const ssize_t got = (*file)->read(buffer.data() + held, buffer.size() - kJsonPadding - held);
    if (got < 0) return failure(path, std::strerror(errno));
    if (got == 0) break;
    progress.add(static_cast<std::size_t>(got));
    std::string_view text(buffer.data(), held + static_cast<std::size_t>(got));
    std::size_t search = held;  // what was held has no line end
    for (std::size_t end = 0; (end = text.find('\n', search)) != std::string_view::npos; search = 0) {
      give(text.substr(0, end), true);
      text.remove_prefix(end + 1);
    }
    if (skipping || text.size() > kMaxLineBytes) {
      skipping = true;
      held = 0;
    } else {
      held = text.size();
      std::memmove(buffer.data(), text.data(), held);
    }
  }
  if (held > 0 || skipping) give(std::string_view(buffer.data(), held), false);
  return {};
}

Result<FileText> read_file(const std::string& path) {
  auto file = File::open(path);
  if (!file) return file.error();
  FileText text;
  text.buffer.resize(std::min((*file)->size(), kMaxLineBytes) + 1 + kJsonPadding);
  while (true) {
    if (text.size + kJsonPadding == text.buffer.size()) text.buffer.resize(text.buffer.size() + kChunkBytes);
    const ssize_t got = (*file)->read(text.buffer.data() + text.size, text.buffer.size() - kJsonPadding - text.size);
    if (got < 0) return failure(path, std::strerror(errno));
    if (got == 0) return text;
    text.size += static_cast<std::size_t>(got);
    if (text.size > kMaxLineBytes) return failure(path, "larger than a record can be");
  }
}

}  // namespace duct_log
