# SPDX-License-Identifier: MIT
"""Runs one command: wall time, CPU time of everything in it, news of the workload; and nothing is left when it is over."""

import contextlib
import ctypes
import json
import os
import select
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A run that gives no numbers, and why."""


def adopt_orphans():
    """What loses its parent becomes our child, so that its CPU time is counted and it can be ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_seconds(usage):
    return usage.ru_utime + usage.ru_stime


class News:
    """The FIFO into which the workloads write what they know (programs/news.h)."""

    def __init__(self, folder, name="news"):
        self.path = os.path.join(folder, name)
        os.mkfifo(self.path)
        # Open for both: it is never at its end, and a workload that opens it never waits.
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def read(self):
        """The objects that have come since the last call."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, 65536):
                self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self):
        os.close(self.fd)
        os.unlink(self.path)


class Running:
    """A command that has been started. Its stdout is thrown away; of its stderr the last line is kept for a reason."""

    def __init__(self, argv, folder, news, extra_environment=None):
        self.news, self.received = news, []
        self.stderr = os.path.join(folder, "stderr")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DUCT_")}
        environment.update({"LC_ALL": "C", "BENCH_NEWS": news.path}, **(extra_environment or {}))
        self.began_ns = time.monotonic_ns()
        self.pid = os.posix_spawnp(argv[0], argv, environment, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self.stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
        self.pidfd = os.pidfd_open(self.pid)
        self.wall_s = self.cpu_s = self.status = None

    def _take_news(self, on_news):
        for item in self.news.read():
            self.received.append(item)
            if on_news:
                on_news(item)

    def wait_until(self, over, limit_s, on_news=None):
        """Waits until over() is true after some news, or the command has ended."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        poll.register(self.news.fd, select.POLLIN)
        deadline = time.monotonic() + limit_s
        while not over():
            ready = poll.poll(max(deadline - time.monotonic(), 0) * 1000)
            now_ns = time.monotonic_ns()
            self._take_news(on_news)
            if any(fd == self.pidfd for fd, _ in ready):
                _, self.status, usage = os.wait4(self.pid, 0)
                self.wall_s, self.cpu_s = (now_ns - self.began_ns) / 1e9, cpu_seconds(usage)
                os.close(self.pidfd)
                self._take_news(on_news)
                return
            if not ready:
                raise Failed(f"not over after {limit_s:g} s")

    def wait(self, limit_s, on_news=None):
        self.wait_until(lambda: False, limit_s, on_news)
        if self.status:
            code = os.waitstatus_to_exitcode(self.status)
            raise Failed(f"exit status {code}: {self.last_words()}" if code > 0 else f"killed by signal {-code}")

    def last_words(self):
        with open(self.stderr, errors="replace") as file:
            lines = file.read().split("\n")
        return next((line.strip()[:160] for line in reversed(lines) if line.strip()), "nothing on stderr")

    def heard(self, what):
        """The last news of this kind, or None."""
        return next((item for item in reversed(self.received) if item["what"] == what), None)


def reap_orphans(patience_s=2.0):
    """CPU seconds of our children that are left; those that do not end are killed."""
    total, deadline = 0.0, time.monotonic() + patience_s
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return total
        if pid:
            total += cpu_seconds(usage)
        elif time.monotonic() > deadline:
            kill_descendants()
        else:
            time.sleep(0.002)


def parents():
    """Parent by pid, of all processes."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat") as file:
                found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    return found


def kill_descendants():
    """Ends all that we have started, and only that."""
    while True:
        children = {}
        for pid, parent in parents().items():
            children.setdefault(parent, []).append(pid)
        found, queue = [], [os.getpid()]
        while queue:
            below = children.get(queue.pop(), [])
            found += below
            queue += below
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Those killed just now are zombies, until their parent (in the end: we) has waited for them.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not found:
            return
        time.sleep(0.01)


def cpu_of_process(pid):
    """CPU seconds of a process so far, all its threads, and of the children that it has waited for."""
    threads_ns = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            threads_ns += int(file.read().split()[0])
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    children_ticks = int(fields[13]) + int(fields[14])  # cutime, cstime
    return threads_ns / 1e9 + children_ticks / os.sysconf("SC_CLK_TCK")
