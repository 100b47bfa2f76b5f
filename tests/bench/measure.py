# SPDX-License-Identifier: MIT
"""One run of one workload under one tool: what it took, what is true, what the tool saw."""

import dataclasses
import os
import shutil
import time

import runner
import tools

START_S = 30.0  # a tool that has not begun by then is given up


@dataclasses.dataclass
class Truth:
    processes: int | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None


@dataclasses.dataclass
class Run:
    wall_s: float  # the whole command, the tool's start and end included
    cpu_s: float  # the tool and the workload
    launch_s: float | None  # from the start of the tool to the workload's first instruction
    own_cpu_s: float | None  # the tool alone
    idle_share: float | None  # of one CPU that the tool used while the workload was idle
    truth: Truth
    seen: tools.Seen


class IdleWatch:
    """CPU of the tool's process between the news that the workload is idle and that it is busy again."""

    def __init__(self):
        self.pid, self.began, self.share = None, None, None

    def on_news(self, item):
        if item["what"] not in ("idle", "busy"):
            return
        now = time.monotonic(), runner.cpu_of_process(self.pid)
        if item["what"] == "idle":
            self.began = now
        elif self.began:
            self.share = (now[1] - self.began[1]) / (now[0] - self.began[0])


def measure(workload, tool, programs, folder):
    """Runs it in a fresh directory below `folder`. Failed: it gave no numbers; whatever was started is gone then."""
    here = os.path.join(folder, "run")
    os.mkdir(here)
    news = runner.News(here)
    if workload.prepare:
        workload.prepare()
    try:
        return (_beside if workload.outside else _inside)(workload, tool, os.path.join(programs, "launch"), here, news)
    finally:
        runner.kill_descendants()
        news.close()
        shutil.rmtree(here)


def _folder(parent, name):
    path = os.path.join(parent, name)
    os.mkdir(path)
    return path


def _read(tool, results):
    try:
        return tool.read(results)
    except (OSError, ValueError, KeyError) as error:
        raise runner.Failed(f"its output cannot be read: {error!r}") from error


def _launch_s(command):
    launch = command.heard("launch")
    return (launch["monotonic_ns"] - command.began_ns) / 1e9 if launch else None


def _truth(workload, command):
    end, own = command.heard("end"), command.heard("truth") or {}
    if not end or end["status"]:
        raise runner.Failed("the workload failed")
    processes = own.get("processes", workload.processes)
    peak = own.get("peak_bytes")
    # The launcher is one process more, small but resident the whole time.
    return Truth(processes and processes + 1, end["cpu_us"] / 1e6, peak and peak + end["launcher_bytes"])


def _inside(workload, tool, launch, folder, news):
    results, idle = _folder(folder, "tool"), IdleWatch()
    command = runner.Running(tool.wrap([launch, *workload.argv], results), folder, news)
    idle.pid = command.pid
    command.wait(workload.limit_s, None if tool.name == "bare" else idle.on_news)
    total_s = command.cpu_s + runner.reap_orphans()
    truth, seen = _truth(workload, command), _read(tool, results)
    own_s = seen.own_cpu_s if seen.own_cpu_s is not None else total_s - truth.cpu_s
    return Run(command.wall_s, total_s, _launch_s(command), None if tool.name == "bare" else own_s, idle.share, truth, seen)


def _beside(workload, tool, launch, folder, news):
    """The tool looks at a `cat` that waits; the workload is started when that runs, and is what is measured."""
    if tool.name == "bare":
        return _inside(workload, tool, launch, folder, news)
    results = _folder(folder, "tool")
    gate = os.path.join(folder, "gate")
    os.mkfifo(gate)
    tool_news = runner.News(folder, "tool_news")
    keep = os.open(gate, os.O_RDWR | os.O_CLOEXEC)
    try:
        sleeping = runner.Running(tool.wrap([launch, "/bin/cat", gate], results), folder, tool_news)
        sleeping.wait_until(lambda: sleeping.heard("launch"), START_S)
        if sleeping.status is not None:
            raise runner.Failed(f"ended too soon: {sleeping.last_words()}")
        command = runner.Running([launch, *workload.argv], _folder(folder, "workload"), news)
        command.wait(workload.limit_s)
        os.close(keep)  # cat comes to the end of its input
        keep = None
        sleeping.wait(START_S)
    finally:
        if keep is not None:
            os.close(keep)
        tool_news.close()
    own_s = sleeping.cpu_s + runner.reap_orphans() - sleeping.heard("end")["cpu_us"] / 1e6
    seen = _read(tool, results)
    seen.cpu_s = seen.peak_bytes = None  # of a process that sleeps
    _truth(workload, command)  # that it did well
    truth = Truth(processes=2)  # the launcher and cat, none of the workload's
    return Run(command.wall_s, command.cpu_s + own_s, _launch_s(sleeping), own_s, None, truth, seen)
