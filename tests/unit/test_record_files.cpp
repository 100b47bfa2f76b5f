// SPDX-License-Identifier: MIT
// The files of a run: made, shared with readers while they grow, taken away again; what a full disk does to
// them.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "sinks/record_files.hpp"

using namespace duct_bpf;
namespace fs = std::filesystem;

namespace {

struct TempDir {
  TempDir() {
    char name[] = "/tmp/duct_test_XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempDir() { fs::remove_all(path); }
  std::string path;
};

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::set<std::string> names(const std::string& directory) {
  std::set<std::string> found;
  for (auto& entry : fs::directory_iterator(directory)) found.insert(entry.path().filename());
  return found;
}

struct Run {
  Result<void> create(const std::string& prefix, std::optional<Owner> owner = {}) {
    paths = log_paths(prefix);
    return files.create(paths, options, owner,
                        [this](const std::string& problem) { problems.push_back(problem); });
  }
  RecordFiles files;
  LogPaths paths;
  Options options;
  std::vector<std::string> problems;
};

// What `body` returns in a child of its own, whose limits and mounts are nobody else's; 77: could not be set
// up.
int in_child(const std::function<int()>& body) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool mount_tiny(const std::string& at, const char* options) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", at.c_str(), "tmpfs", 0, options) == 0;
}

bool limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{bytes, bytes};
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

// Whole numbered lines of `width` bytes, in order, some perhaps left out; their number, or -1.
long whole_lines(const std::string& path, std::size_t width) {
  std::string text = content(path);
  if (text.size() % width) return -1;
  long last = -1;
  for (std::size_t at = 0; at < text.size(); at += width) {
    std::string line = text.substr(at, width);
    long number = std::strtol(line.c_str(), nullptr, 10);
    if (line.find('\n') != width - 1 || number <= last) return -1;
    last = number;
  }
  return static_cast<long>(text.size() / width);
}

std::string numbered(int number, std::size_t width) {
  std::string line = std::to_string(1'000'000 + number);
  line.resize(width - 1, '.');
  return line + "\n";
}

}  // namespace

TEST_CASE("files are made as the options say, empty, with their directories") {
  TempDir dir;
  Run run;
  REQUIRE(run.create(dir.path + "/a/b/c_"));
  CHECK(names(dir.path + "/a/b") ==
        std::set<std::string>{"c_stdout", "c_stderr", "c_usage.jsonl", "c_processes.jsonl", "c_info.json"});
  CHECK((run.files.stdout_fd() >= 0 && run.files.stderr_fd() >= 0 && run.files.usage() &&
         run.files.processes()));
  for (auto& entry : fs::directory_iterator(dir.path + "/a/b")) CHECK(entry.file_size() == 0);
  CHECK((::fcntl(run.files.stdout_fd(), F_GETFD) & FD_CLOEXEC));

  auto made = [&](const char* name, auto&& change) {
    Run part;
    change(part.options);
    const std::string prefix = dir.path + "/" + name + "/";
    REQUIRE(part.create(prefix));
    return names(prefix);
  };
  CHECK(made("1", [](Options& o) { o.capture_outputs = Streams::none; }) ==
        std::set<std::string>{"usage.jsonl", "processes.jsonl", "info.json"});
  CHECK(made("2", [](Options& o) {
          o.capture_outputs = Streams::stderr_only;
          o.record_types = {true, false, false};
        }) == std::set<std::string>{"stderr", "info.json"});
  CHECK(made("3", [](Options& o) {
          o.pty = true;
          o.record_types = {false, true, false};
        }) == std::set<std::string>{"stdout", "usage.jsonl"});
  CHECK(made("4", [](Options& o) {
          o.attach_pid = 1;
          o.record_types = {false, false, true};
        }) == std::set<std::string>{"processes.jsonl"});
}

TEST_CASE("files that exist are named, and refused without clobber") {
  TempDir dir;
  const std::string prefix = dir.path + "/x_";
  CHECK(RecordFiles::conflicts(log_paths(prefix)).empty());
  write(prefix + "usage.jsonl", "old");
  ::symlink("nowhere", (prefix + "info.json").c_str());  // a dangling link is in the way, too
  CHECK(RecordFiles::conflicts(log_paths(prefix)) ==
        std::vector{prefix + "usage.jsonl", prefix + "info.json"});

  Run refused;
  auto created = refused.create(prefix);
  REQUIRE_FALSE(created);
  CHECK(created.error().message.find(prefix + "usage.jsonl") != std::string::npos);
  CHECK(names(dir.path) ==
        std::set<std::string>{"x_usage.jsonl", "x_info.json"});  // what it had made is gone
  CHECK(content(prefix + "usage.jsonl") == "old");

  ::unlink((prefix + "info.json").c_str());
  Run allowed;
  allowed.options.clobber = true;
  REQUIRE(allowed.create(prefix));
  CHECK(content(prefix + "usage.jsonl").empty());
}

TEST_CASE("a link in place of a file is not followed, with clobber or without") {
  TempDir dir;
  write(dir.path + "/victim", "precious");
  ::symlink("victim", (dir.path + "/x_usage.jsonl").c_str());
  ::symlink("absent", (dir.path + "/y_usage.jsonl").c_str());
  for (bool clobber : {false, true}) {
    for (const char* prefix : {"/x_", "/y_"}) {
      Run run;
      run.options.clobber = clobber;
      CHECK_FALSE(run.create(dir.path + prefix));
    }
    CHECK(content(dir.path + "/victim") == "precious");
    CHECK(names(dir.path) == std::set<std::string>{"victim", "x_usage.jsonl", "y_usage.jsonl"});
  }
}

TEST_CASE("remove takes away what was made, directories only where they are empty") {
  TempDir dir;
  {
    Run run;
    REQUIRE(run.create(dir.path + "/a/b/"));
    run.files.usage().append("{}\n");
    run.files.write_info("{}\n");
    run.files.remove();
    CHECK(names(dir.path).empty());
    CHECK(run.files.stdout_fd() < 0);
    run.files.usage().append("{}\n");  // too late, and harmless
    run.files.flush();
    run.files.write_info("{}\n");
    CHECK(names(dir.path).empty());
    CHECK(run.problems.empty());
  }
  ::mkdir((dir.path + "/mine").c_str(), 0755);
  Run run;
  REQUIRE(run.create(dir.path + "/mine/a/b/"));
  write(dir.path + "/mine/a/foreign", "");
  run.files.remove();
  CHECK(names(dir.path + "/mine/a") == std::set<std::string>{"foreign"});
  Run other;
  REQUIRE(other.create(dir.path + "/mine/x_"));
  other.files.remove();
  CHECK(names(dir.path + "/mine") == std::set<std::string>{"a"});  // was there before
}

TEST_CASE("a directory that cannot be made is an error that leaves nothing") {
  TempDir dir;
  write(dir.path + "/file", "");
  Run run;
  auto created = run.create(dir.path + "/new/../file/x_");
  REQUIRE_FALSE(created);
  CHECK(created.error().code == ErrorCode::io);
  CHECK(names(dir.path) == std::set<std::string>{"file"});
}

TEST_CASE("records belong to the owner, and what the owner may not touch is not touched for them") {
  if (::geteuid() != 0) return;
  TempDir dir;
  const Owner nobody{65534, 65533};
  auto owned = [&](const std::string& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && st.st_uid == nobody.uid && st.st_gid == nobody.gid;
  };
  Run run;  // a directory of root's: made as ourselves, then given away
  REQUIRE(run.create(dir.path + "/a/x_", nobody));
  for (const char* name : {"/a", "/a/x_stdout", "/a/x_usage.jsonl", "/a/x_info.json"})
    CHECK(owned(dir.path + name));
  run.files.write_info("{}\n");
  CHECK(owned(dir.path + "/a/x_info.json"));
  CHECK(::geteuid() == 0);
  write(dir.path + "/mine", "");
  struct stat st {};
  REQUIRE(::stat((dir.path + "/mine").c_str(), &st) == 0);
  CHECK(st.st_uid == 0);  // we are ourselves again
}

TEST_CASE("readers see whole lines after each flush") {
  TempDir dir;
  Run run;
  REQUIRE(run.create(dir.path + "/"));
  LineFile& lines = run.files.usage();
  lines.append("one\n");
  CHECK(content(run.paths.usage).empty());
  lines.buffer() += "two\n";
  lines.append("");
  lines.flush();
  CHECK(content(run.paths.usage) == "one\ntwo\n");
  lines.flush();
  CHECK(content(run.paths.usage) == "one\ntwo\n");
  std::string large(300'000, 'x');
  large += "\n";
  lines.append(large);  // too much to be kept
  CHECK(content(run.paths.usage) == "one\ntwo\n" + large);
  std::ofstream(run.paths.usage, std::ios::app)
      << "foreign\n";  // somebody else appends: nothing is overwritten
  lines.append("three\n");
  run.files.processes().append("p\n");
  run.files.flush();
  CHECK(content(run.paths.usage).ends_with("x\nforeign\nthree\n"));
  CHECK(content(run.paths.processes) == "p\n");
  CHECK(lines.lost_lines() == 0);
  LineFile none;
  none.append("gone\n");
  none.flush();
  CHECK((none.buffer().empty() && none.lost_lines() == 0 && !none));
}

TEST_CASE("info.json is replaced as a whole") {
  TempDir dir;
  Run run;
  REQUIRE(run.create(dir.path + "/"));
  write(run.paths.info + ".part", "left by an earlier run, and longer than what comes");
  Fd reader(::open(run.paths.info.c_str(), O_RDONLY));
  run.files.write_info("{\"a\":1}\n");
  CHECK(content(run.paths.info) == "{\"a\":1}\n");
  char byte;
  CHECK(::read(reader.get(), &byte, 1) == 0);  // who had it open still sees the old one
  run.files.write_info("{}\n");
  CHECK(content(run.paths.info) == "{}\n");
  CHECK_FALSE(fs::exists(run.paths.info + ".part"));
  CHECK(run.problems.empty());

  write(dir.path + "/victim", "precious");
  ::symlink("victim", (run.paths.info + ".part").c_str());
  run.files.write_info("{\"b\":1}\n");
  CHECK(content(dir.path + "/victim") == "precious");
  CHECK(content(run.paths.info) == "{}\n");
  CHECK(run.problems.size() == 1);

  Run unwanted;
  unwanted.options.record_types.system_summary = false;
  REQUIRE(unwanted.create(dir.path + "/u_"));
  unwanted.files.write_info("{}\n");
  CHECK_FALSE(fs::exists(unwanted.paths.info));
}

TEST_CASE("a disk that is full costs whole lines, which are counted and said once") {
  TempDir dir;
  int result = in_child([&] {
    if (!mount_tiny(dir.path, "size=64k")) return 77;
    Run run;
    if (!run.create(dir.path + "/")) return 1;
    LineFile& lines = run.files.usage();
    const int total = 3000;
    for (int i = 0; i < total; i++) {
      lines.append(numbered(i, 97));
      if (i % 7 == 6) {
        lines.flush();
        if (whole_lines(run.paths.usage, 97) + static_cast<long>(lines.lost_lines()) != i + 1) return 2;
      }
    }
    lines.flush();
    if (lines.lost_lines() == 0) return 3;
    long kept = whole_lines(run.paths.usage, 97);
    if (kept + static_cast<long>(lines.lost_lines()) != total || kept < 300) return 4;
    if (run.problems.size() != 1 || run.problems[0].find(run.paths.usage) == std::string::npos) return 5;

    run.files.write_info(std::string(50'000, 'x'));  // no room for this either
    if (fs::exists(run.paths.info + ".part") || !content(run.paths.info).empty() || run.problems.size() != 2)
      return 6;

    // Room again: it goes on with whole lines.
    if (::mount(nullptr, dir.path.c_str(), nullptr, MS_REMOUNT, "size=1m")) return 77;
    const auto lost = lines.lost_lines();
    lines.append(numbered(total, 97));
    lines.flush();
    if (lines.lost_lines() != lost || whole_lines(run.paths.usage, 97) != kept + 1) return 7;
    run.files.write_info("{}\n");
    return content(run.paths.info) == "{}\n" ? 0 : 8;
  });
  if (result == 77)
    WARN("skipped: no mount namespace of our own to be had");
  else
    CHECK(result == 0);
}

TEST_CASE("a write that ends in the middle of a line is taken back to the line before") {
  // A limit on file sizes cuts a write short, which reserving room does not foresee.
  for (int limit : {0, 1, 99, 100, 101, 1234, 1299}) {
    TempDir dir;
    INFO("limit " << limit);
    CHECK(in_child([&] {
            Run run;
            if (!run.create(dir.path + "/") || !limit_file_size(static_cast<rlim_t>(limit))) return 1;
            LineFile& lines = run.files.usage();
            for (int i = 0; i < 40; i++) {
              lines.append(numbered(i, 100));
              if (i % 4 == 3) lines.flush();
              if (i % 4 == 3 && whole_lines(run.paths.usage, 100) < 0) return 2;
            }
            if (whole_lines(run.paths.usage, 100) != limit / 100) return 3;
            if (lines.lost_lines() != 40u - static_cast<unsigned>(limit) / 100) return 4;
            if (run.problems.size() != 1) return 5;
            run.files.write_info(std::string(2000, 'x'));
            return fs::exists(run.paths.info + ".part") || !content(run.paths.info).empty() ? 6 : 0;
          }) == 0);
  }
}

TEST_CASE("a device that takes nothing loses lines, and nothing else") {
  std::vector<std::string> problems;
  LineFile lines(Fd(::open("/dev/full", O_RDWR | O_APPEND | O_CLOEXEC)), "/dev/full",
                 [&](const std::string& problem) { problems.push_back(problem); });
  REQUIRE(lines);
  for (int i = 0; i < 3; i++) {
    lines.append("a\nb\n");
    lines.flush();
  }
  CHECK(lines.lost_lines() == 6);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("No space left on device") != std::string::npos);
  LineFile silent(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), "/dev/full", nullptr);
  silent.append("a\n");
  silent.flush();
  CHECK(silent.lost_lines() == 1);
}
