// SPDX-License-Identifier: MIT
#include "sinks/record_files.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kFlushBytes = 256 * 1024, kPieceBytes = 4096;

// While it lives, files are looked up and made as another user (of the same thread only): what is made is theirs, also
// on a network file system that distrusts root.
class ActAs {
 public:
  explicit ActAs(const std::optional<Owner>& owner) {
    if (!owner || ::geteuid() != 0) return;
    gid_ = ::setfsgid(owner->gid);
    uid_ = ::setfsuid(owner->uid);
    active_ = true;
  }
  ~ActAs() {
    if (!active_) return;
    ::setfsuid(uid_);
    ::setfsgid(gid_);
  }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  int uid_ = 0, gid_ = 0;
  bool active_ = false;
};

bool refused(int error) { return error == EACCES || error == EPERM; }

// How much of `lines` goes into one write: whole lines, a page of them where they are shorter. Who is killed in the middle of a
// write leaves what was copied by then, page by page; between two writes it is whole lines.
std::size_t piece_of(std::string_view lines) {
  if (lines.size() <= kPieceBytes) return lines.size();
  auto* end = static_cast<const char*>(::memrchr(lines.data(), '\n', kPieceBytes));
  if (!end) end = static_cast<const char*>(std::memchr(lines.data() + kPieceBytes, '\n', lines.size() - kPieceBytes));
  return end ? static_cast<std::size_t>(end + 1 - lines.data()) : lines.size();
}

// All bytes, or false with errno; what was written of them is in `done`.
bool write_all(int fd, std::string_view bytes, std::size_t& done) {
  done = 0;
  while (done < bytes.size()) {
    ssize_t put = ::write(fd, bytes.data() + done, piece_of(bytes.substr(done)));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (put == 0) errno = ENOSPC;
      return false;
    }
    done += put;
  }
  return true;
}

}  // namespace

void LineFile::append(std::string_view lines) {
  if (!fd_) {
    buffer_.clear();
    return;
  }
  buffer_ += lines;
  if (buffer_.size() >= kFlushBytes) flush();
}

void LineFile::flush() {
  if (!fd_ || buffer_.empty()) return;
  // Room first, where the file system can promise it: then a full disk never shows a reader half a line.
  off_t end_before = ::lseek(fd_.get(), 0, SEEK_END);
  int error = 0;
  if (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, end_before, static_cast<off_t>(buffer_.size())) &&
      (errno == ENOSPC || errno == EDQUOT))
    error = errno;
  std::size_t done = 0;
  if (error || !write_all(fd_.get(), buffer_, done)) {
    if (!error) error = errno;
    // Back to the end of the last whole line: by then a reader may have seen half of one, but it does not stay.
    std::size_t whole = buffer_.rfind('\n', done ? done - 1 : 0);
    whole = done && whole != std::string::npos ? whole + 1 : 0;
    off_t end = ::lseek(fd_.get(), 0, SEEK_END);
    if (end >= 0 && done > whole && ::ftruncate(fd_.get(), end - static_cast<off_t>(done - whole))) error = errno;
    if (!lost_lines_ && report_) report_("cannot write to " + path_ + ": " + errno_text(error) + "; records are lost");
    lost_lines_ += std::count(buffer_.begin() + whole, buffer_.end(), '\n');
  }
  buffer_.clear();
}

std::vector<std::string> RecordFiles::conflicts(const LogPaths& paths) {
  std::vector<std::string> found;
  struct stat st{};
  for (const std::string* path : {&paths.stdout_file, &paths.stderr_file, &paths.usage, &paths.info, &paths.processes})
    if (::lstat(path->c_str(), &st) == 0) found.push_back(*path);
  return found;
}

Result<void> RecordFiles::make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    std::string directory = path.substr(0, slash);
    struct stat st{};
    if (directory.empty() || ::stat(directory.c_str(), &st) == 0) continue;
    int made = -1;
    {
      ActAs user(owner_);
      made = ::mkdir(directory.c_str(), 0777);
    }
    if (made && refused(errno) && owner_) {
      made = ::mkdir(directory.c_str(), 0777);
      if (!made && ::lchown(directory.c_str(), owner_->uid, owner_->gid)) {
        made_directories_.push_back(directory);
        made = -1;
      }
    }
    if (made && errno == EEXIST) continue;
    if (made) return os_error("cannot make the directory " + directory, errno, ErrorCode::io);
    made_directories_.push_back(directory);
  }
  return {};
}

Result<Fd> RecordFiles::open_new(const std::string& path) {
  // Without permission to overwrite, O_EXCL: a file or link that somebody put there meanwhile is not followed.
  int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (clobber_ ? O_TRUNC : O_EXCL);
  Fd fd;
  {
    ActAs user(owner_);
    fd.reset(::open(path.c_str(), flags, 0666));
  }
  if (!fd && refused(errno) && owner_) {
    // A directory that is ours and not theirs. A new file is given to them; one that was there stays whose it is.
    fd.reset(::open(path.c_str(), (flags & ~O_TRUNC) | O_EXCL, 0666));
    if (fd && ::fchown(fd.get(), owner_->uid, owner_->gid)) {
      made_files_.push_back(path);
      return os_error("cannot give " + path + " to its owner", errno, ErrorCode::io);
    }
    if (!fd && errno == EEXIST) fd.reset(::open(path.c_str(), flags, 0666));
  }
  if (!fd) return os_error("cannot create " + path, errno, ErrorCode::io);
  made_files_.push_back(path);
  return fd;
}

Result<void> RecordFiles::create(const LogPaths& paths, const Options& options, std::optional<Owner> owner,
                                 LineFile::Report report) {
  paths_ = paths;
  owner_ = owner;
  clobber_ = options.clobber;
  report_ = std::move(report);
  bool capture_out = options.capture_outputs == Streams::all || options.capture_outputs == Streams::stdout_only;
  bool capture_err = options.capture_outputs == Streams::all || options.capture_outputs == Streams::stderr_only;
  if (options.attach_pid) capture_out = capture_err = false;
  if (options.pty) capture_err = false;  // a terminal is one stream

  Error failure;
  auto made = [&](bool wanted, const std::string& path, Fd& into) {
    if (!wanted || !failure.message.empty()) return;
    if (auto fd = open_new(path))
      into = std::move(*fd);
    else
      failure = fd.error();
  };
  if (auto directories = make_directories(paths.usage); !directories) failure = directories.error();
  Fd usage, processes, info;
  made(capture_out, paths.stdout_file, stdout_);
  made(capture_err, paths.stderr_file, stderr_);
  made(options.record_types.processes_samples, paths.usage, usage);
  made(options.record_types.processes_summary, paths.processes, processes);
  // There from the start, empty (readers skip it quietly): so the name is ours, and the error comes before the command.
  made(options.record_types.system_summary, paths.info, info);
  if (!failure.message.empty()) {
    remove();
    return failure;
  }
  info_wanted_ = options.record_types.system_summary;
  usage_ = LineFile(std::move(usage), paths.usage, report_);
  processes_ = LineFile(std::move(processes), paths.processes, report_);
  return {};
}

void RecordFiles::flush() {
  usage_.flush();
  processes_.flush();
}

void RecordFiles::write_info(std::string_view text) {
  if (!info_wanted_) return;
  std::string temporary = paths_.info + ".part";
  clobber_ = true;  // a file of this name is what an earlier run of ours left
  auto fd = open_new(temporary);
  std::size_t done = 0;
  if (!fd) {
    report_(fd.error().message);
    return;
  }
  if (!write_all(fd->get(), text, done) || ::rename(temporary.c_str(), paths_.info.c_str())) {
    report_("cannot write " + paths_.info + ": " + errno_text(errno));
    ::unlink(temporary.c_str());
  }
  made_files_.pop_back();
}

void RecordFiles::remove() {
  stdout_.reset();
  stderr_.reset();
  usage_ = {};
  processes_ = {};
  info_wanted_ = false;
  for (const std::string& path : made_files_) ::unlink(path.c_str());
  std::reverse(made_directories_.begin(), made_directories_.end());
  for (const std::string& path : made_directories_) ::rmdir(path.c_str());
  made_files_.clear();
  made_directories_.clear();
}

}  // namespace duct_bpf
