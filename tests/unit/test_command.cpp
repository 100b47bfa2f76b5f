// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "spawn.hpp"

using namespace duct_bpf;

namespace {

struct TempDir {
  TempDir() {
    char name[] = "/tmp/duct_test_XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempDir() { (void)!::system(("rm -rf " + path).c_str()); }
  std::string file(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string full = path + "/" + name;
    std::ofstream(full) << text;
    ::chmod(full.c_str(), mode);
    return full;
  }
  std::string path;
};

CommandPlan plan_of(std::vector<std::string> argv) {
  CommandPlan plan;
  plan.argv = std::move(argv);
  return plan;
}

struct Ran {
  std::string out;
  int status = -1;
};

Ran run_plan(CommandPlan plan) {
  Fd out(::memfd_create("out", MFD_CLOEXEC));
  plan.stdout_fd = out.get();
  auto command = spawn(plan);
  if (!command) return {command.error().message, -1};
  auto status = command->reap();
  REQUIRE(status);
  Ran ran{"", *status};
  char buffer[65536];
  const ssize_t size = ::pread(out.get(), buffer, sizeof buffer, 0);
  ran.out.assign(buffer, static_cast<std::size_t>(size));
  return ran;
}

Ran run_shell(const std::string& script) { return run_plan(plan_of({"sh", "-c", script})); }

std::string status_line(const std::string& out, const std::string& key) {
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + ":")) return line.substr(line.find_first_not_of(" \t", key.size() + 1));
  }
  return "";
}

}  // namespace

TEST_CASE("commands are found as a shell finds them") {
  TempDir dir;
  const auto plain = dir.file("plain", "text", 0644);
  ::mkdir((dir.path + "/folder").c_str(), 0755);
  const std::string old_path = ::getenv("PATH");
  ::setenv("PATH", (dir.path + ":" + old_path).c_str(), 1);
  auto sh = find_command("sh");
  REQUIRE(sh);
  CHECK(sh->ends_with("/sh"));
  const std::pair<std::string, std::string> failures[] = {
      {"no-such-command-1", "no-such-command-1: command not found"},
      {"", "'': command not found"},
      {dir.path + "/missing", dir.path + "/missing: command not found"},
      {"folder", "folder: command not found"},
      {"plain", "plain: Permission denied"},
      {plain, plain + ": Permission denied"},
      {plain + "/x", plain + "/x: Not a directory"},
      {dir.path + "/loop", dir.path + "/loop: Too many levels of symbolic links"},
      {dir.path, dir.path + ": Is a directory"}};
  REQUIRE(::symlink("loop", (dir.path + "/loop").c_str()) == 0);
  for (const auto& [word, message] : failures) {
    auto found = find_command(word);
    REQUIRE_FALSE(found);
    CHECK(found.error().message == message);
    const bool missing = message.ends_with("not found");
    CHECK(found.error().code == (missing ? ErrorCode::not_found : ErrorCode::not_runnable));
  }
  ::setenv("PATH", old_path.c_str(), 1);
}

TEST_CASE("exit status, signal, pidfd, times") {
  CHECK(WEXITSTATUS(run_shell("exit 42").status) == 42);
  CHECK(WTERMSIG(run_shell("kill -9 $$").status) == SIGKILL);
  auto command = spawn(plan_of({"sleep", "0.05"}));
  REQUIRE(command);
  CHECK(command->exec_time_ns() > 0);
  pollfd ended{command->pidfd(), POLLIN, 0};
  CHECK(::poll(&ended, 1, 0) == 0);
  CHECK(::poll(&ended, 1, 10'000) == 1);
  rusage usage{};
  REQUIRE(command->reap(&usage));
  CHECK(usage.ru_maxrss > 0);
  CHECK(*command->reap() == 0);
}

TEST_CASE("the command gets no descriptor of ours, and those that were left open to us") {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd ours(::fcntl(null.get(), F_DUPFD_CLOEXEC, 300));
  const int inherited = ::fcntl(null.get(), F_DUPFD, 200);  // not CLOEXEC
  const auto before = run_plan(plan_of({"ls", "/proc/self/fd"}));
  ::close(inherited);
  const auto after = run_plan(plan_of({"ls", "/proc/self/fd"}));
  CHECK(before.out.find(std::to_string(inherited) + "\n") != std::string::npos);
  CHECK(after.out.find(std::to_string(inherited) + "\n") == std::string::npos);
  CHECK(after.out.find(std::to_string(ours.get()) + "\n") == std::string::npos);
  // 0, 1, 2, and the one that ls itself has open; whatever else we were started with.
  const auto direct = run_shell("exec ls /proc/self/fd");
  CHECK(direct.out == after.out);
}

TEST_CASE("streams may trade places") {
  TempDir dir;
  Fd first(::open((dir.path + "/1").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  auto plan = plan_of({"sh", "-c", "echo to-out; echo to-err >&2"});
  plan.stdout_fd = 2;
  plan.stderr_fd = first.get();
  const int saved = ::fcntl(2, F_DUPFD_CLOEXEC, 100);
  Fd second(::open((dir.path + "/2").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ::dup2(second.get(), 2);
  auto command = spawn(plan);
  ::dup2(saved, 2);
  ::close(saved);
  REQUIRE(command);
  REQUIRE(command->reap());
  char text[16] = {};
  CHECK(::pread(first.get(), text, sizeof text, 0) == 7);
  CHECK(std::string(text) == "to-err\n");
  CHECK(::pread(second.get(), text, sizeof text, 0) == 7);
  CHECK(std::string(text) == "to-out\n");
}

TEST_CASE("signals are as we inherited them, sessions as asked for") {
  EventLoop loop;
  REQUIRE(loop.open());
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGUSR1, [](int) {});
  Signals signals(loop);
  REQUIRE(signals.open([](const signalfd_siginfo&) {}));
  auto plan = plan_of({"cat", "/proc/self/status"});
  plan.original_mask = signals.original_mask();
  plan.original_ignored = signals.original_ignored();
  const auto ran = run_plan(plan);
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGHUP, SIG_DFL);
  CHECK(status_line(ran.out, "SigBlk") == "0000000000000000");
  CHECK(status_line(ran.out, "SigIgn") == "0000000000000001");  // SIGHUP alone: not our SIGPIPE
  CHECK(status_line(ran.out, "SigCgt") == "0000000000000000");

  auto session = plan_of({"sh", "-c", "cut -d' ' -f5,6 /proc/self/stat"});
  session.new_session = true;
  std::istringstream fields(run_plan(session).out);
  pid_t group = 0, sid = 0;
  fields >> group >> sid;
  CHECK(group == sid);
  CHECK(sid != ::getsid(0));
  session.new_session = false;
  std::istringstream shared(run_plan(session).out);
  shared >> group >> sid;
  CHECK(group == ::getpgrp());
  CHECK(sid == ::getsid(0));
}

TEST_CASE("what cannot be run says why") {
  TempDir dir;
  const auto script = dir.file("script", "#!/no/such/interpreter -x\n", 0755);
  const auto binary = dir.file("binary", std::string("\x7f") + "ELF\x01\x02\x03", 0755);
  const auto bare = dir.file("bare", "echo bare $0 $1\n", 0755);
  auto bad = spawn(plan_of({script}));
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == ErrorCode::not_found);
  CHECK(bad.error().message.find("'/no/such/interpreter'") != std::string::npos);
  auto none = spawn(plan_of({"no-such-command-1"}));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  auto folder = plan_of({"x"});
  folder.path = dir.path;
  auto denied = spawn(folder);
  REQUIRE_FALSE(denied);
  CHECK(denied.error().code == ErrorCode::not_runnable);
  CHECK(denied.error().message == dir.path + ": Permission denied");
  CHECK(run_plan(plan_of({bare, "arg"})).out == "bare " + bare + " arg\n");
  CHECK(WEXITSTATUS(run_plan(plan_of({binary})).status) != 0);  // sh is the one to complain
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);                 // no child was left behind
}

TEST_CASE("the command waits until it is started, and runs nothing if it is not") {
  TempDir dir;
  const std::string ran = dir.path + "/ran";
  auto plan = plan_of({"touch", ran});
  {
    auto waits = Command::prepare(plan);
    REQUIRE(waits);
    pollfd ended{waits->pidfd(), POLLIN, 0};
    CHECK(::poll(&ended, 1, 50) == 0);
    CHECK(::access(ran.c_str(), F_OK) != 0);
  }
  CHECK(::access(ran.c_str(), F_OK) != 0);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  auto command = Command::prepare(plan);
  REQUIRE(command);
  REQUIRE(command->start());
  REQUIRE(command->reap());
  CHECK(::access(ran.c_str(), F_OK) == 0);
}

TEST_CASE("environment and user") {
  ::setenv("DUCT_TEST_KEEP", "kept", 1);
  ::setenv("DUCT_TEST_DROP", "dropped", 1);
  auto plan = plan_of({"sh", "-c", "echo $DUCT_TEST_KEEP $DUCT_TEST_DROP"});
  plan.env_remove = {"DUCT_TEST_DROP"};
  CHECK(run_plan(plan).out == "kept\n");
  if (::geteuid() != 0) return;
  auto other = plan_of(
      {"sh", "-c", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; grep CapEff /proc/self/status"});
  other.user = Credentials{12345, 54321, {54321, 54322}, "someone", "/nowhere", "/bin/false"};
  CHECK(run_plan(other).out ==
        "12345\n54321\n54321 54322\n/nowhere someone someone /bin/false\nCapEff:\t0000000000000000\n");
}
