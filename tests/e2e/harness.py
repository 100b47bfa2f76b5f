# SPDX-License-Identifier: MIT
"""Runs duct-bpf as a user does, in a directory of its own, and reads what it wrote.

DUCT_BPF_BIN: the program; DUCT_BPF_FIXTURES: directory of the fixture programs. Where BPF cannot work a test file
exits 77 (skipped), or 1 with DUCT_BPF_REQUIRE_BPF=1. DUCT_BPF_TRIES: how often a test case that fails is tried (default: 1):
for machines that others load, too. DUCT_BPF_SLOWNESS: by how much this machine is slower than usual ones, about (default: 1; scripts/vm-test
says 10, under emulation): patience grows by it, storms become smaller. Every process that a test starts carries a mark in its
environment, by which leftovers are found at the end of the test: they are killed, and the test fails.
"""

import collections
import contextlib
import ctypes
import json
import os
import platform
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

BIN = os.path.abspath(os.environ.get("DUCT_BPF_BIN", "build-test/duct-bpf"))
FIXTURES = os.path.abspath(os.environ.get("DUCT_BPF_FIXTURES", "build-test/tests/fixtures"))
SANITIZED = os.environ.get("DUCT_BPF_SANITIZED") == "1"
ENV_NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"} if SANITIZED else None  # which traces: not under strace, nor without privilege
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
CPUS = os.cpu_count() or 1
NOBODY = 65534
MARK = "DUCT_BPF_TEST_MARK"
SLOWNESS = float(os.environ.get("DUCT_BPF_SLOWNESS", "1"))
PATIENCE = 120 * SLOWNESS  # seconds for what takes one or two
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
TRIES = int(os.environ.get("DUCT_BPF_TRIES", "1"))


def fixture(name):
    return os.path.join(FIXTURES, name)


def scaled(count):
    """The size of a storm: a sanitized build is several times slower, an emulated machine still more."""
    return max(count // (20 if SLOWNESS >= 10 else 5 if SANITIZED or SLOWNESS > 1 else 1), 1)


def slack(seconds):
    """What the kernel, or a process, may take for a step that is not the test's subject."""
    return seconds * SLOWNESS


SECCOMP_FILTER = """
import ctypes, os, struct, sys
number, answer = int(sys.argv[1]), int(sys.argv[2])
load_number, is_it, give, allow = (0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, answer), (6, 0, 0, 0x7fff0000)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in (load_number, is_it, give, allow)))
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(code))
assert ctypes.CDLL(None).prctl(22, 2, program, 0, 0) == 0
os.execvp(sys.argv[3], sys.argv[3:])
"""
SECCOMP_KILL = 0x80000000


def filtered(call, error=None):
    """A command's words before it: the system call of that number gives the error or, without one, kills; all others are allowed."""
    return [PYTHON, "-c", SECCOMP_FILTER, str(call), str(SECCOMP_KILL if error is None else 0x00050000 | error)]


def until_exec(name, pid="$!"):
    """For a shell script: waits until a process has executed the program `name`. By the shell alone: no process comes of it."""
    return f'c=; while [ "$c" != {name} ]; do read -r c < /proc/{pid}/comm; done'


def kernel_version():
    return tuple(int(n) for n in platform.release().split("-")[0].split("+")[0].split(".")[:2])


# --- what must be there ---


def missing_requirement():
    """Why BPF cannot work here, or None. Asks the kernel itself, not duct-bpf."""
    if os.geteuid() != 0:
        return "not root"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "the kernel has no BTF"
    number = BPF_SYSCALL
    if number is None:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(bytes([0xB7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]))
    text = ctypes.create_string_buffer(b"GPL")
    raw_tracepoint, prog_load = 17, 5
    attributes = (ctypes.c_uint32 * 2)(raw_tracepoint, 2), ctypes.addressof(code), ctypes.addressof(text)
    attr = bytes(attributes[0]) + b"".join(a.to_bytes(8, sys.byteorder) for a in attributes[1:]) + bytes(96)
    fd = libc.syscall(number, prog_load, ctypes.create_string_buffer(attr), len(attr))
    if fd < 0:
        return f"a BPF program cannot be loaded: {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    return None


def main(needs_bpf=True):
    """Runs the test file that calls it."""
    for path in (BIN, fixture("burn")):
        if not os.path.exists(path):
            sys.exit(f"{path} is not there: set DUCT_BPF_BIN and DUCT_BPF_FIXTURES, or run the tests by scripts/test")
    if needs_bpf and (why := missing_requirement()):
        print(f"BPF cannot work here: {why}", file=sys.stderr)
        sys.exit(1 if os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1" else 77)
    os.umask(0o022)
    result = unittest.main(verbosity=2, exit=False).result
    for _ in range(TRIES - 1):
        # Of a failed subtest the whole case is run again. What failed outside of a case (setUpClass) is not.
        failed = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors} | set(result.unexpectedSuccesses)
        if not failed or not all(isinstance(test, unittest.TestCase) for test in failed):
            break
        print(f"once more: {', '.join(sorted(test.id() for test in failed))}", file=sys.stderr, flush=True)
        time.sleep(2)
        again = unittest.TestSuite(type(test)(test.id().rsplit(".", 1)[1]) for test in failed)
        result = unittest.TextTestRunner(verbosity=2).run(again)
    sys.exit(0 if result.wasSuccessful() else 1)


# --- a run ---


def json_lines(text):
    """The JSON objects among the lines of a fixture's output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Run:
    """What came of a run. Records are None where the file is not there."""

    def __init__(self, directory, prefix, status, stdout, stderr, pid, wall, started, ended):
        self.directory, self.prefix = directory, prefix
        self.status, self.stdout_bytes, self.stderr_bytes = status, stdout, stderr
        self.pid = pid  # of duct-bpf
        self.wall, self.started, self.ended = wall, started, ended  # seconds; epoch

    @property
    def stdout(self):
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self):
        return self.stderr_bytes.decode("utf-8", "replace")

    def path(self, suffix):
        return os.path.join(self.directory, self.prefix + suffix)

    def read(self, suffix):
        try:
            with open(self.path(suffix), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def lines(self, suffix):
        content = self.read(suffix)
        if content is None:
            return None
        assert not content or content.endswith(b"\n"), f"{suffix}: the last line is not whole"
        # Not splitlines(): a line separator that is text (U+2028) is in a line.
        return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]

    @property
    def info(self):
        content = self.read("info.json")
        return None if content is None else json.loads(content.decode("utf-8"))

    @property
    def usage(self):
        return self.lines("usage.jsonl")

    @property
    def processes(self):
        return self.lines("processes.jsonl")

    @property
    def summary(self):
        return self.info["execution_summary"]

    @property
    def completeness(self):
        return self.info["completeness"]

    def files(self):
        start = os.path.basename(self.prefix)
        return sorted(n[len(start) :] for n in os.listdir(os.path.dirname(self.path("x"))) if n.startswith(start))

    def said(self, what=None):
        """Objects that the fixture printed."""
        return [o for o in json_lines(self.stdout) if what is None or o.get("what") == what]

    def process(self, pid):
        found = [p for p in self.processes if p["pid"] == pid]
        assert len(found) == 1, f"{len(found)} records of pid {pid}"
        return found[0]

    def by_cmd(self, start):
        return [p for p in self.processes if p["cmd"].startswith(start)]


class DuctTest(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.mark = uuid.uuid4().hex
        self.dir = tempfile.mkdtemp(prefix="duct-bpf-test-")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.addCleanup(self._check_leftovers)

    def environment(self, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DUCT_", "SUDO_")) and k != "NO_COLOR"}
        env.update({MARK: self.mark, "HOME": self.dir, "XDG_CONFIG_HOME": os.path.join(self.dir, "config"), "LC_ALL": "C"})
        for name, value in (extra or {}).items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        return env

    def marked(self):
        """Processes of this test that are alive."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"{MARK}={self.mark}".encode() in file.read():
                        found.append(int(name))
            except OSError:
                pass
        return found

    @staticmethod
    def cmdline(pid):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline") as file:
                return file.read().replace("\0", " ").strip()
        return ""

    @staticmethod
    def state(pid):
        """The letter that ps shows."""
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")")[-1].split()[0]

    def kill_marked(self):
        for pid in self.marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _check_leftovers(self):
        deadline = time.monotonic() + slack(10)
        while (left := self.marked()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if left:
            names = [self.cmdline(pid) for pid in left]
            self.kill_marked()
            self.fail(f"left running: {names}")

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *words, prefix="d_", env=None, binary=BIN, cwd=None, before=None, **popen):
        """duct-bpf in the background: Popen. The caller ends it by finish() (or itself, where prefix is None)."""
        options = [] if prefix is None else ["-p", prefix]
        argv = [*(before or []), binary, *options, *words]
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        started = time.time()
        process = subprocess.Popen(argv, env=self.environment(env), cwd=cwd or self.dir, **popen)
        process.duct = (cwd or self.dir, prefix or "", started, time.monotonic())
        self.addCleanup(self._close, process)
        return process

    @staticmethod
    def _close(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def finish(self, process, input=None, timeout=PATIENCE):
        deadline, ended_before = time.monotonic() + timeout, False
        while True:
            try:
                out, err = process.communicate(input, 5)
                break
            except subprocess.TimeoutExpired:
                ended = process.poll() is not None
                if time.monotonic() < deadline and not (ended and ended_before):
                    input, ended_before = None, ended
                    continue
                self.kill_marked()
                out, err = process.communicate()
                why = "a process holds its output" if ended else f"not over after {timeout} s"
                self.fail(f"{why}: {process.args}\n{err.decode(errors='replace') if err else ''}")
        directory, prefix, started, monotonic = process.duct
        wall, ended = time.monotonic() - monotonic, time.time()
        run = Run(directory, prefix, process.returncode, out or b"", err or b"", process.pid, wall, started, ended)
        self.assertNotIn("Sanitizer", run.stderr)
        self.assertNotIn("runtime error:", run.stderr)
        self.assertNotIn("internal error", run.stderr)
        return run

    def duct(self, *words, input=None, timeout=PATIENCE, **options):
        """Runs duct-bpf to its end."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start(*words, **options), input, timeout)

    def exact(self, *words, **options):
        """A run that ends well and of which nothing is missing."""
        run = self.duct("--fail-time", "0", *words, **options)
        self.assert_exact(run)
        return run

    def assert_exact(self, run):
        self.assertIsNotNone(run.info, run.stderr)
        complete = run.completeness
        self.assertIs(complete["exact"], True, complete)
        for name in ("lost_forks", "lost_execs", "lost_exits", "lost_argv"):
            self.assertEqual(complete[name], 0, complete)
        self.assertEqual(complete["forks"] + 1, complete["exits"] + complete["alive_at_end"], complete)
        processes = run.processes
        if processes is not None:
            self.assertEqual(len(processes), run.summary["num_processes"])
            self.assertEqual(len(processes), complete["forks"] + 1)
            self.assertEqual(sum(p["num_execs"] for p in processes), complete["execs"])
            keys = collections.Counter((p["pid"], p["start_time"]) for p in processes)
            self.assertEqual(len(keys), len(processes), "(pid, start_time) is not unique")

    def wait_for(self, condition, what, timeout=30):
        deadline = time.monotonic() + slack(timeout)
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.01)
        self.fail(f"timeout: {what}")

    def wait_for_file(self, name, content=b"", timeout=30):
        def there():
            with contextlib.suppress(FileNotFoundError):
                with open(self.path(name), "rb") as file:
                    return content in (text := file.read()) and (text or content == b"")
            return False

        self.wait_for(there, f"{name} with {content!r}", timeout)

    # An address space is still there when a process exits; and the machine is fast enough for what counts as a storm.
    MEMORY_RESTS = kernel_version() >= (6, 16) and SLOWNESS == 1

    def has_memory_event(self, process):
        """The running tracer holds a link to the event that tells of memory."""
        found = False
        for name in os.listdir(f"/proc/{process.pid}/fdinfo"):
            with contextlib.suppress(OSError), open(f"/proc/{process.pid}/fdinfo/{name}") as file:
                found = found or "rss_stat" in file.read()
        return found

    def wait_for_memory_rest(self, process):
        if self.MEMORY_RESTS:
            self.wait_for(lambda: not self.has_memory_event(process), "the event of memory to be let go in a storm")

    def memory_event_rests_and_comes_back(self, *options, **popen):
        """A run with a storm of forks in its middle."""
        script = (f"while [ ! -e storm ]; do sleep 0.05; done; {fixture('forkstorm')} 10000000 0 1 > storm & storm=$!; "
                  "trap 'kill $storm 2> /dev/null' EXIT; while [ ! -e go ]; do sleep 0.05; done; kill $storm; wait; touch calm; read line")
        process = self.start(*options, "--", "sh", "-c", script, **{"stdin": subprocess.PIPE, **popen})
        directory = process.duct[0]
        self.wait_for(lambda: self.has_memory_event(process), "the event of memory at the start")
        self.write(os.path.join(directory, "storm"), "", mode=0o666)
        self.wait_for_memory_rest(process)
        self.write(os.path.join(directory, "go"), "")
        self.wait_for_file(os.path.join(directory, "calm"))
        self.wait_for(lambda: self.has_memory_event(process), "the event of memory, once the storm is over")
        return self.finish(process, input=b"\n")

    def write(self, name, content, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def text(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def assert_near(self, value, truth, absolute=0.0, relative=0.0, what=""):
        allowed = max(absolute, relative * abs(truth))
        self.assertLessEqual(abs(value - truth), allowed, f"{what}: {value} is not within {allowed} of {truth}")


# --- oracles ---


def cpu_of(child):
    """Seconds of CPU, of what a fixture said of a child."""
    return (child["user_us"] + child["system_us"]) / 1e6


def before_it_joined(run):
    """Seconds of CPU that the fixture incgroup had used before it joined its group."""
    return run.said("joined")[0]["cpu_ns"] / 1e9


class CpuGroup:
    """A control group of the test's own that counts CPU time. None from make() where there is no such controller."""

    def __init__(self, path, v1):
        self.path, self.v1 = path, v1
        self.procs = os.path.join(path, "cgroup.procs")

    @classmethod
    def make(cls, mark, versions=(1, 2)):
        for parent, v1 in (("/sys/fs/cgroup/cpuacct", True), (cgroup2_root(), False)):
            if (1 if v1 else 2) not in versions:
                continue
            path = os.path.join(parent or "", f"duct-bpf-test-{mark[:12]}")
            with contextlib.suppress(OSError):
                if parent and os.path.isdir(parent):
                    os.mkdir(path)
                    group = cls(path, v1)
                    if group.cpu() is not None:
                        return group
                    os.rmdir(path)
        return None

    def cpu(self):
        with contextlib.suppress(OSError, StopIteration, ValueError):
            if self.v1:
                with open(os.path.join(self.path, "cpuacct.usage")) as file:
                    return int(file.read()) / 1e9
            with open(os.path.join(self.path, "cpu.stat")) as file:
                return next(int(line.split()[1]) for line in file if line.startswith("usage_usec")) / 1e6
        return None

    def parts(self):
        """Seconds of user and of system time; v2 alone."""
        with open(os.path.join(self.path, "cpu.stat")) as file:
            numbers = dict(line.split() for line in file)
        return int(numbers["user_usec"]) / 1e6, int(numbers["system_usec"]) / 1e6

    def remove(self):
        remove_group(self.path)


class MemoryGroup:
    """A control group of the test's own whose members get `limit` bytes of memory, and as much swap as `swap` says; v1 or v2. None from make()
    where there is no such controller."""

    def __init__(self, path, v1):
        self.path, self.v1 = path, v1
        self.procs = os.path.join(path, "cgroup.procs")

    @classmethod
    def make(cls, mark, limit=None, swap=0, versions=(1, 2)):
        root = cgroup2_root()
        for parent, v1 in (("/sys/fs/cgroup/memory", True), (root, False)):
            if not parent or not os.path.isdir(parent) or (1 if v1 else 2) not in versions:
                continue
            path = os.path.join(parent, f"duct-bpf-memory-{mark[:12]}")
            if not v1:
                with contextlib.suppress(OSError), open(os.path.join(root, "cgroup.subtree_control"), "w") as file:
                    file.write("+memory")
            with contextlib.suppress(OSError):
                os.mkdir(path)
                group = cls(path, v1)
                try:
                    if limit is not None:
                        group.write("memory.limit_in_bytes" if v1 else "memory.max", limit)
                    elif not os.path.exists(os.path.join(path, "memory.limit_in_bytes" if v1 else "memory.max")):
                        raise OSError("no memory controller")
                    with contextlib.suppress(OSError):  # where swap is accounted for
                        if limit is not None:
                            group.write("memory.memsw.limit_in_bytes" if v1 else "memory.swap.max", limit + swap if v1 else swap)
                    return group
                except OSError:
                    os.rmdir(path)
        return None

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(str(value))

    def read(self, name):
        """A number, or None where there is no such file."""
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.path, name)) as file:
            return int(file.read())

    def kills(self):
        with open(os.path.join(self.path, "memory.oom_control" if self.v1 else "memory.events")) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("oom_kill "))

    def remove(self):
        remove_group(self.path)


def remove_group(path):
    """A group empties only when the last zombie is gone."""
    for _ in range(500):
        with contextlib.suppress(OSError):
            os.rmdir(path)
            return
        time.sleep(0.01)
    os.rmdir(path)


def cgroup2_root():
    with open("/proc/mounts") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    return None


def status_kb(pid, field):
    """A size from /proc/PID/status, in KiB."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def copy_program(directory):
    """duct-bpf where any user may execute it."""
    path = os.path.join(directory, "duct-bpf-copy")
    shutil.copy(BIN, path)
    os.chmod(path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    return path


def children_cpu():
    """Seconds that children of this process, reaped so far, have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
