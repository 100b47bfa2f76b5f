# SPDX-License-Identifier: MIT
"""An ordinary user and a program file with cap_bpf,cap_perfmon: it works, nothing leaks into the command, and there is
nothing to gain by it. Then root: what the tracer keeps. The oracles are /proc, the kernel's own refusals and strace."""

import os
import re
import shutil
import stat
import struct
import subprocess
import unittest

import harness
from harness import NOBODY, PYTHON, fixture

USER = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
# setpriv keeps root's capabilities until its exec; a user's shell has none, so that is what starts the program.
AS_USER = [*USER, "sh", "-c", 'exec "$@"', "sh"]
if harness.kernel_version() < (5, 11):  # maps count against it there; an administrator's part, like the capabilities
    AS_USER = ["prlimit", "--memlock=unlimited", *AS_USER]
CAP_BPF = 1 << 39
MAY_KEEP = CAP_BPF if harness.kernel_version() < (5, 19) else 0
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def give_capabilities(path):
    """What `setcap cap_bpf,cap_perfmon+ep` writes."""
    revision_2_effective, high = 0x02000001, 1 << (39 - 32) | 1 << (38 - 32)
    os.setxattr(path, "security.capability", struct.pack("<5I", revision_2_effective, 0, 0, high, 0))


def sets_in(status):
    """Of the text of /proc/PID/status."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {name: int(fields[name], 16) for name in SETS} | {"NoNewPrivs": int(fields["NoNewPrivs"])}


def is_nosuid(path):
    return bool(os.statvfs(path).f_flag & os.ST_NOSUID)


class WithCapabilities(harness.DuctTest):
    """`run` is a user's run of a program with file capabilities, in a directory of theirs."""

    def setUp(self):
        super().setUp()
        if is_nosuid(self.dir):
            self.skipTest(f"{self.dir} is mounted nosuid")
        self.binary = harness.copy_program(self.dir)
        give_capabilities(self.binary)
        self.place = self.path("place")
        os.mkdir(self.place)
        os.chown(self.place, NOBODY, NOBODY)

    def options(self, options):
        env = {"HOME": self.place, "XDG_CONFIG_HOME": None, **options.pop("env", {})}
        if harness.SANITIZED:
            env["ASAN_OPTIONS"] = "detect_leaks=0"
        return {"binary": self.binary, "cwd": self.place, "before": AS_USER, "env": env, **options}

    def run_as_user(self, *words, **options):
        return self.duct("--clobber", "--fail-time", "0", *words, **self.options(options))

    def bare(self, *words, env=None, before=AS_USER):
        """The same command without us."""
        environment = self.environment({"HOME": self.place, "XDG_CONFIG_HOME": None, **(env or {})})
        if harness.SANITIZED:
            environment["ASAN_OPTIONS"] = "detect_leaks=0"
        return subprocess.run([*before, *words], env=environment, cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True)

    def setuid_copy(self, name, mode=0o4755):
        path = self.path(f"setuid-{name}")
        shutil.copy(fixture(name), path)
        os.chmod(path, mode)
        return path


class Works(WithCapabilities):
    def test_whole_records(self):
        run = self.run_as_user("--sample-interval", "0.02", "--", "sh", "-c", f"{fixture('tree')} 3 2; sleep 1.5; exit 5")
        self.assertEqual(run.status, 5, run.stderr)
        self.assert_exact(run)
        self.assertGreater(run.summary["num_samples"], 3, "what is loaded after the start works as well")
        for name in run.files():
            self.assertEqual(os.stat(run.path(name)).st_uid, NOBODY, name)

    def test_terminal_and_session(self):
        run = self.run_as_user("-q", "--pty", "--", "sh", "-c", "test -t 0 && test -t 1 && echo yes")
        self.assertEqual((run.status, run.stdout.strip()), (0, "yes"))
        self.assert_exact(run)
        before = [*AS_USER[:-2], f'sleep 300 >/dev/null 2>&1 & {harness.until_exec("sleep")}; "$@"; s=$?; kill $!; exit $s', "sh"]
        run = self.run_as_user("-q", "--mode", "current-session", "--", "true", before=before, start_new_session=True)
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual([(p["argv"], p["adopted"], p["alive"]) for p in run.by_cmd("sleep")], [(["sleep", "300"], True, True)])

    def test_physical_memory(self):
        run = self.run_as_user("--sample-interval", "0.02", "--pss", "--", "sh", "-c",
                               "sleep 1; while read -r name size unit; do [ $name != Pss: ] || echo $name $size; done < /proc/$$/smaps_rollup")
        self.assert_near(run.summary["peak_pss"], int(run.stdout.split()[1]) * 1024, absolute=1 << 20)

    def test_memory_event_is_attached_anew(self):
        run = self.memory_event_rests_and_comes_back("--clobber", "--fail-time", "0", **self.options({}))
        self.assertEqual(run.status, 0, run.stderr)
        self.assert_exact(run)

    def test_each_capability_alone_is_not_enough(self):
        for bit in (38 - 32, 39 - 32):
            os.setxattr(self.binary, "security.capability", struct.pack("<5I", 0x02000001, 0, 0, 1 << bit, 0))
            run = self.run_as_user("--", "touch", "was-run")
            self.assertEqual((run.status, os.listdir(self.place)), (1, []))
            self.assertIn("CAP_BPF and CAP_PERFMON", run.stderr)

    @unittest.skipIf(harness.SANITIZED, "the sanitizers have threads of their own")
    def test_no_thread_to_be_had(self):
        for mode, what in (("new-session", "a process for the command"), ("current-session", "the thread that loads the programs")):
            run = self.run_as_user("--mode", mode, "--", "touch", "was-run", before=[*AS_USER, "prlimit", "--nproc=1"])
            self.assertEqual((run.status, len(run.stderr.splitlines())), (1, 1), run.stderr)
            self.assertRegex(run.stderr, rf"cannot start {what}: .*; hint: .*ulimit -u: 1\b")
            self.assertEqual(os.listdir(self.place), [])

    def test_own_process_is_attached_to(self):
        sleeper = subprocess.Popen([*AS_USER, "sleep", "300"], env=self.environment())
        self.addCleanup(self._close, sleeper)
        self.wait_for(lambda: self.cmdline(sleeper.pid) == "sleep 300", "sleep")
        run = self.run_as_user("--attach", str(sleeper.pid), "--duration", "0.2")
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(run.process(sleeper.pid)["argv"], ["sleep", "300"])


class NothingLeaks(WithCapabilities):
    def test_command_is_as_without_us(self):
        shown = "grep -E '^(Cap|NoNew|Seccomp|Uid|Gid|Groups|SigBlk|SigIgn|SigCgt)' /proc/self/status; umask; ulimit -a; ls /proc/self/fd"
        for more in ([], ["--inh-caps", "+net_raw,+bpf"]):
            before = [*AS_USER[: AS_USER.index("sh")], *more, *AS_USER[AS_USER.index("sh") :]]
            run = self.run_as_user("-q", "--", "sh", "-c", shown, before=before)
            self.assertEqual(run.stdout_bytes.decode(), self.bare("sh", "-c", shown, before=before).stdout.decode())

    def test_environment_to_the_byte(self):
        # What glibc takes out of the environment of a program with file capabilities.
        env = {"LD_LIBRARY_PATH": "/nowhere", "TMPDIR": "/nowhere/else", "MALLOC_ARENA_MAX": "1", "GCONV_PATH": "/x", "EMPTY": "",
               "LD_DEBUG_OUTPUT": "/dev/null", "NEWLINE": "a\nb", "LATIN": "\udcff"}
        for command in (["cat", "/proc/self/environ"], [PYTHON, "-c", "import os; print(sorted(os.environb.items()))"]):
            run = self.run_as_user("-q", "--", *command, env=env)
            self.assertEqual(run.stdout_bytes, self.bare(*command, env=env).stdout)
            self.assertIn(b"/nowhere/else", run.stdout_bytes)

    def test_preloading_is_for_the_command_alone(self):
        env = {"LD_PRELOAD": "/nowhere/lib.so"}
        run = self.run_as_user("-q", "--", "true", env=env)
        # One by each program before us and one by the command; none by us.
        complaints = self.bare("true", env=env).stderr.decode().splitlines()
        self.assertGreater(len(complaints), 1)
        self.assertEqual(run.stderr.splitlines(), complaints)

    def test_tracer_has_nothing_left(self):
        # At its first step the command sees the tracer's main thread; once the thread that loads is gone, all of its threads.
        wait = "for i in $(seq 200); do set -- /proc/$PPID/task/*; [ $# = 1 ] && break; sleep 0.05; done"
        script = f"cat /proc/$PPID/status; echo LATER; {wait}; for t in /proc/$PPID/task/*; do cat $t/status; done"
        run = self.run_as_user("-q", "--", "sh", "-c", script)
        first, later = run.stdout.split("LATER\n")
        self.assertGreaterEqual(later.count("CapPrm"), 1)
        for status in [first, *re.split(r"(?m)^(?=Name:)", later)[1:]]:
            sets = sets_in(status)
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(sets[name] & ~MAY_KEEP, 0, status)
            self.assertEqual(sets["NoNewPrivs"], 1)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    @unittest.skipIf(harness.SANITIZED, "the sanitizer's own calls are in between")
    def test_dropped_before_the_first_file(self):
        import pwd

        log = self.path("strace")
        words = [*AS_USER[: AS_USER.index("setpriv")], "strace", "-f", "-o", log, "-e", "trace=capset,openat,mkdir,bpf,execve", "-u", pwd.getpwuid(NOBODY).pw_name, self.binary]
        subprocess.run([*words, "-q", "-p", "logs/d_", "--", "true"], env=self.environment({"HOME": self.place}), cwd=self.place, check=True)
        self.assertTrue(os.path.exists(os.path.join(self.place, "logs/d_info.json")), "traced, and with its capabilities")
        with open(log) as file:
            calls = [line.rstrip().split(None, 1) for line in file]
        tracer = calls[0][0]
        permitted = None
        for pid, call in calls:
            if pid != tracer:
                continue
            if found := re.match(r"capset\(.*permitted=([^,]*(?:\|[^,]*)*),", call):
                permitted = found[1]
            self.assertNotIn("BPF_PROG_LOAD", call, "the main thread loads nothing")
            if "O_CREAT" in call or call.startswith("mkdir"):
                self.assertIn(permitted, ("0", "1<<CAP_BPF") if MAY_KEEP else ("0",), call)


class NothingToGain(WithCapabilities):
    def refused(self, run, *patterns, status=2):
        self.assertEqual(run.status, status, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        for pattern in patterns:
            self.assertRegex(run.stderr, pattern)
        self.assertEqual([n for n in os.listdir(self.place) if n not in ("script.py",)], [])

    def test_attach_to_a_process_of_root(self):
        sleeper = subprocess.Popen(["sleep", "300"], env=self.environment())
        self.addCleanup(self._close, sleeper)
        self.refused(self.run_as_user("--attach", str(sleeper.pid)), "not yours", "hint: .*sudo")
        self.refused(self.run_as_user("--attach", "1"), "not yours")

    def test_attach_to_a_setuid_program_of_ones_own(self):
        program = subprocess.Popen([*AS_USER, self.setuid_copy("burn"), "60000"], env=self.environment())
        self.addCleanup(self._close, program)
        self.wait_for(lambda: "setuid-burn" in self.cmdline(program.pid), "the program")
        self.refused(self.run_as_user("--attach", str(program.pid)), "not yours")

    def test_another_user(self):
        self.refused(self.run_as_user("--user", "root", "--", "touch", "was-run"), "--user: only root", "sudo")
        self.refused(self.run_as_user("--as-invoker", "--", "touch", "was-run", env={"SUDO_UID": "0", "SUDO_GID": "0"}), "--as-invoker")

    def test_kernel_memory(self):
        self.refused(self.run_as_user("--ring-size", "32M", "--", "touch", "was-run"), "--ring-size")
        self.refused(self.run_as_user("--max-processes", "65537", "--", "touch", "was-run"), "--max-processes")

    def test_tracer_cannot_be_looked_into(self):
        script = """
import ctypes, os
libc, tracer = ctypes.CDLL(None, use_errno=True), os.getppid()
def tried(result):
    return "done" if result >= 0 else os.strerror(ctypes.get_errno())
buffer = ctypes.create_string_buffer(64)
pair = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
print("ptrace", tried(libc.ptrace(16, tracer, None, None)))
print("vm", tried(libc.process_vm_readv(tracer, pair, 1, pair, 1, 0)))
pidfd = libc.syscall(434, tracer, 0)
print("pidfd", tried(pidfd))
print("getfd", tried(libc.syscall(438, pidfd, 8, 0)))
for name in ("environ", "mem", "fd", "maps", "io"):
    try:
        path = f"/proc/{tracer}/{name}"
        os.listdir(path) if name == "fd" else open(path, "rb").read(1)
        print(name, "done")
    except OSError as error:
        print(name, error.strerror)
"""
        path = self.write("place/script.py", script)
        run = self.run_as_user("-q", "--", PYTHON, path)
        said = dict(line.split(None, 1) for line in run.stdout.splitlines())
        self.assertEqual(said.pop("pidfd"), "done")
        self.assertEqual(set(said), {"ptrace", "vm", "getfd", "environ", "mem", "fd", "maps", "io"})
        self.assertEqual(set(said.values()) - {"Permission denied", "Operation not permitted"}, set(), said)

    def test_input_of_a_setuid_program_is_its_own_business(self):
        program, report = self.setuid_copy("io"), self.path("report")
        command = ["--", "sh", "-c", f"{program} 100000 5000 {self.path('data')} {report}; {fixture('io')} 4096 4096 {self.place}/data {self.place}/report"]
        run = self.run_as_user(*command)
        self.assert_exact(run)
        (theirs,) = run.by_cmd(program)
        (own,) = run.by_cmd(fixture("io"))
        self.assertEqual(theirs["argv"][1:3], ["100000", "5000"], "/proc/PID/cmdline is everybody's")
        self.assertGreater(theirs["cpu_time"], 0)
        for key in ("read_chars", "write_chars", "read_bytes", "write_bytes"):
            self.assertIsNone(theirs.get(key), key)
            self.assertIsNotNone(own.get(key), key)
        self.assertGreaterEqual(own["read_chars"], 4096)
        root = self.exact("--clobber", *command, cwd=self.place)
        self.assertGreaterEqual(root.by_cmd(program)[0]["read_chars"], 100000)

    def test_what_a_setuid_program_starts(self):
        # setuider 0 CMD: a child of root's, with root's credentials and an ordinary image.
        program = self.setuid_copy("setuider")
        run = self.run_as_user("--", program, "0", "sh", "-p", "-c", "id -u; true")
        self.assert_exact(run)
        for process in run.processes:
            self.assertIsNone(process.get("read_chars"), process["cmd"])

    def test_arguments_where_proc_hides_them(self):
        # A mount of our own: hidepid is of the mount, not of the machine (since 5.8).
        before = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh", *AS_USER]
        run = self.run_as_user("--", "sh", "-c", f"cat /proc/1/cmdline; {self.setuid_copy('burn')} 5", before=before)
        self.assert_exact(run)
        self.assertIn("No such file", run.stderr, "the kernel does hide them")
        (theirs,) = [p for p in run.processes if p["comm"] == "setuid-burn"]
        self.assertFalse(theirs.get("argv"), theirs)
        self.assertGreater(theirs["cpu_time"], 0.004)
        (own,) = run.by_cmd("cat")
        self.assertEqual(own["argv"], ["cat", "/proc/1/cmdline"])

    def test_prefix_through_a_link(self):
        os.mkdir(self.path("roots"), 0o700)
        self.write("roots/d_stdout", "root's")
        for name, target in (("link", self.path("roots")), ("d_stdout", self.path("roots/d_stdout")), ("d_info.json", "/etc/duct-bpf-test")):
            os.symlink(target, os.path.join(self.place, name))
        for prefix in ("link/d_", "d_", self.path("roots/d_"), "/etc/duct-bpf-test-"):
            run = self.run_as_user("--", "echo", "hello", prefix=prefix)
            self.assertEqual((run.status, run.stdout), (0, "hello\n"), prefix)
        self.assertEqual(os.listdir(self.path("roots")), ["d_stdout"])
        self.assertEqual(self.text("roots/d_stdout"), "root's")
        self.assertEqual([n for n in os.listdir("/etc") if n.startswith("duct-bpf-test")], [])

    def test_settings_of_others_are_not_read_for_them(self):
        self.write("secret", "DUCT_MESSAGE=secret\nnonsense-secret", 0o600)
        os.makedirs(os.path.join(self.place, ".duct"))
        os.symlink(self.path("secret"), os.path.join(self.place, ".duct/.env"))
        for env in ({}, {"DUCT_CONFIG_PATHS": self.path("secret")}):
            run = self.run_as_user("--log-level", "DEBUG", "--", "true", env=env)
            self.assertIn("skipped: Permission denied", run.stderr)
            self.assertNotIn("nonsense", run.stderr)
            self.assertEqual(run.info["message"], "")

    def test_setuid_bit_in_place_of_capabilities(self):
        os.removexattr(self.binary, "security.capability")
        os.chmod(self.binary, 0o4755)
        self.refused(self.run_as_user("--", "touch", "was-run"), "setuid", "chmod", status=1)
        self.refused(self.run_as_user("--sampler", "procfs", "--", "touch", "was-run"), "setuid", status=1)


class Root(harness.DuctTest):
    SHOW = "cat /proc/self/status; echo TRACER; cat /proc/$PPID/status"

    def test_tracer_keeps_little_and_the_command_all(self):
        with open("/proc/self/status") as status:
            own = sets_in(status.read())
        kill, ptrace, files, owners = 1 << 5, 1 << 19, 1 << 1 | 1 << 3, 1 << 0 | 1 << 6 | 1 << 7
        for env, expected in (({}, kill | ptrace | files), ({"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}, kill | ptrace | files | owners)):
            run = self.exact("-q", "--clobber", "--", "sh", "-c", self.SHOW, env=env)
            command, tracer = run.stdout.split("TRACER\n")
            self.assertEqual(sets_in(command), own)
            sets = sets_in(tracer)
            self.assertEqual(sets["CapPrm"] & ~MAY_KEEP, expected & own["CapPrm"])
            self.assertEqual(sets["CapBnd"] & ~expected & ~MAY_KEEP, 0)
            self.assertEqual(sets["NoNewPrivs"], 1)

    def test_signals_reach_a_command_of_another_user(self):
        process = self.start("--fail-time", "0", "--user", "nobody", "--", "sh", "-c", "echo ready; exec sleep 300")
        self.wait_for_file("d_stdout", b"ready")
        process.terminate()
        self.assertEqual(self.finish(process).status, 128 + 15)


class PidNamespaces(harness.DuctTest):
    INSIDE = ["unshare", "--pid", "--fork", "--mount-proc"]

    def test_tracer_inside(self):
        run = self.exact("--", "sh", "-c", f"{fixture('tree')} 3 2; echo $$", before=self.INSIDE)
        self.assertEqual(len({p["pid"] for p in run.processes}), len(run.processes))
        self.assertLess(max(p["pid"] for p in run.processes), 1000, "numbers of this namespace")
        shell = int(run.stdout.splitlines()[-1])
        self.assertEqual(run.process(shell)["depth"], 0)

    def test_namespace_within_the_command(self):
        run = self.exact("--", *self.INSIDE, "sh", "-c", "echo $$; true; (exit 3)")
        self.assertEqual(run.stdout.split()[0], "1")
        (shell,) = [p for p in run.by_cmd("sh -c") if p["depth"] == 1]
        self.assertNotEqual(shell["pid"], 1, "the number that we know it by")
        self.assertIn(3, [p.get("exit_code") for p in run.processes])

    def test_attach_inside(self):
        script = f'sleep 300 & {harness.until_exec("sleep")}; "$@" --attach $! --duration 0.2; s=$?; kill $!; exit $s'
        run = self.duct(before=[*self.INSIDE, "sh", "-c", script, "sh"])
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual([p["cmd"] for p in run.processes], ["sleep 300"])
        self.assertLess(run.processes[0]["pid"], 100)


if __name__ == "__main__":
    harness.main()
