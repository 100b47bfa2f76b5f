# SPDX-License-Identifier: MIT
"""duct-bpf killed by SIGKILL: what becomes of the command, of the files, of what was in the kernel. Oracles: /proc, the kernel's own
lists of BPF objects, and what the command writes."""

import contextlib
import ctypes
import json
import os
import platform
import re
import shutil
import signal
import stat
import time
import unittest

import harness
from harness import fixture

BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID = 11, 12


def bpf_objects(pid):
    """(command of bpf(2), id) of each program and map that a process holds."""
    found = set()
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                    for kind, number in re.findall(r"^(prog|map)_id:\s+(\d+)$", file.read(), re.M):
                        found.add((BPF_PROG_GET_NEXT_ID if kind == "prog" else BPF_MAP_GET_NEXT_ID, int(number)))
    return found


def is_there(bpf_object):
    # By the list of numbers: opening an object while it is on its way out may keep it.
    command, number = bpf_object
    attributes = ctypes.create_string_buffer((number - 1).to_bytes(4, "little") + bytes(124))
    syscall = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    return ctypes.CDLL(None).syscall(syscall, command, attributes, 12) == 0 and attributes.raw[4:8] == number.to_bytes(4, "little")


class Killed(harness.DuctTest):
    def kill(self, process):
        objects = bpf_objects(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return objects

    def check_gone(self, objects):
        self.wait_for(lambda: not any(is_there(each) for each in objects), "programs and maps are gone")

    def check_files(self):
        for name in ("d_usage.jsonl", "d_processes.jsonl"):
            with contextlib.suppress(FileNotFoundError), open(self.path(name), "rb") as file:
                content = file.read()
                self.assertTrue(not content or content.endswith(b"\n"), f"{name}: the last line is not whole")
                for line in content.splitlines():
                    json.loads(line)
        with contextlib.suppress(FileNotFoundError):
            if content := self.text("d_info.json"):
                json.loads(content)

    def test_at_any_moment(self):
        # Before its files are there, while it loads, while it forks, while the command runs, while it ends.
        script = "echo 1 > begun; echo first; for i in 1 2 3 4 5; do /bin/true; done; sleep 0.1; echo last; echo 1 > ended"
        begun = seen = 0
        for ms in [*range(0, 60, 3), 100, 150, 200, *["begun"] * 4]:
            with self.subTest(ms=ms):
                process = self.start("--s-i", "0.01", "--r-i", "0.01", "--fail-time", "0", "--", "sh", "-c", script)
                if ms == "begun":  # also where all takes long
                    self.wait_for_file("begun", b"1")
                else:
                    time.sleep(harness.slack(ms / 1000) * (6 if harness.SANITIZED else 1))
                objects = self.kill(process)
                seen = max(seen, len(objects))
                self.wait_for(lambda: not self.marked(), "the command has ended")
                process.communicate()
                has_begun = os.path.exists(self.path("begun"))
                self.assertEqual(os.path.exists(self.path("ended")), has_begun, "all of the command, or nothing of it")
                begun += has_begun
                if has_begun:
                    self.assertEqual(self.text("d_stdout"), "first\nlast\n")
                self.check_files()
                self.check_gone(objects)
            for name in os.listdir(self.dir):
                self.assertTrue(name in ("begun", "ended") or name.startswith("d_"), name)
                os.unlink(self.path(name))
        self.assertGreater(begun, 3)
        self.assertGreater(seen, 10, "it was killed with its programs loaded, too")

    def test_in_a_storm(self):
        process = self.start("--s-i", "0.01", "--", "sh", "-c", f"touch ready; {fixture('forkstorm')} 5000 0 64 > /dev/null; touch ended")
        self.wait_for_file("d_processes.jsonl", b"touch")
        objects = self.kill(process)
        self.wait_for_file("ended")
        self.wait_for(lambda: not self.marked(), "the command has ended")
        self.check_files()
        self.check_gone(objects)
        with open(self.path("d_processes.jsonl")) as file:
            self.assertEqual(json.loads(file.readline())["cmd"].split()[0], "touch")

    def test_the_next_run(self):
        # What is left behind is not overwritten unasked, and does not stand in the way of --clobber.
        process = self.start("--", "sleep", "0.2")
        self.wait_for_file("d_usage.jsonl", b"\n")
        self.kill(process)
        self.wait_for(lambda: not self.marked(), "the command has ended")
        self.write("d_info.json.part", "{")
        self.assertEqual(self.duct("--", "true").status, 1)
        self.exact("--clobber", "--", "true")
        self.assertNotIn("d_info.json.part", os.listdir(self.dir))

    def test_terminal_is_hung_up(self):
        # The terminal that --pty gives is duct-bpf's: with it goes what a terminal's end means to the command.
        process = self.start("--pty", "--", "sh", "-c", "trap 'echo > hung-up; exit' HUP; touch ready; while :; do sleep 0.05; done")
        self.wait_for_file("ready")
        self.check_gone(self.kill(process))
        self.wait_for_file("hung-up")


class OnTracerDeath(Killed):
    def start_guarded(self, *words, **options):
        return self.start("--on-tracer-death", "kill", "--fail-time", "0", *words, **options)

    def ends(self, process, send=None):
        objects = bpf_objects(process.pid)
        (send or (lambda: os.kill(process.pid, signal.SIGKILL)))()
        process.wait()
        self.wait_for(lambda: not self.marked(), "nothing is left of the tree")
        self.check_gone(objects)

    def test_all_descendants(self):
        # In other sessions and groups, orphans, stopped ones.
        script = ("(setsid sh -c 'while :; do sleep 0.01; done' &); setsid sleep 300 & sleep 300 & kill -STOP $!;"
                  f"{fixture('threads')} live 4 & sleep 0.3; touch ready; exec sleep 300")
        process = self.start_guarded("--", "sh", "-c", script)
        self.wait_for_file("ready")
        self.assertGreater(len(self.marked()), 5)
        self.ends(process)

    def test_while_it_forks(self):
        for script in ("while :; do (sleep 0.01 &) ; done", f"while :; do {fixture('forkstorm')} 1000 0 32 >/dev/null; done"):
            with self.subTest(script):
                process = self.start_guarded("--clobber", "--", "sh", "-c", f"touch ready; {script}")
                self.wait_for_file("ready")
                time.sleep(0.3)
                self.ends(process)
                os.unlink(self.path("ready"))

    def test_at_any_moment(self):
        for ms in range(0, 60, 5):
            with self.subTest(ms=ms):
                process = self.start_guarded("--clobber", "--", "sh", "-c", "setsid sleep 300 & sleep 300")
                time.sleep(harness.slack(ms / 1000) * (6 if harness.SANITIZED else 1))
                self.ends(process)

    def test_setuid_program(self):
        # What the parent-death signal of the kernel would not reach.
        program = shutil.copy(fixture("setuider"), self.path("setuider"))
        os.chmod(program, 0o755 | stat.S_ISUID)
        os.chmod(self.dir, 0o777)
        process = self.start_guarded("--user", str(harness.NOBODY), "--", program, "0", "sh", "-c", "touch ready; sleep 300")
        self.wait_for_file("ready")
        self.ends(process)

    def test_killed_with_its_process_group(self):
        process = self.start_guarded("--", "sh", "-c", "touch ready; sleep 300", process_group=0)
        self.wait_for_file("ready")
        self.ends(process, lambda: os.killpg(process.pid, signal.SIGKILL))

    def test_killed_with_its_process_group_at_once(self):
        # The guard is apart from the group before the command's first instruction, however slow it is.
        slow = {"LD_PRELOAD": fixture("preload_slow_guard.so"), "ASAN_OPTIONS": "verify_asan_link_order=0"}
        process = self.start_guarded("--", "sh", "-c", "touch ready; sleep 300", process_group=0, env=slow)
        self.wait_for_file("ready")
        self.ends(process, lambda: os.killpg(process.pid, signal.SIGKILL))

    def test_terminal(self):
        process = self.start_guarded("--pty", "--", "sh", "-c", "trap '' HUP; touch ready; sleep 300")
        self.wait_for_file("ready")
        self.ends(process)

    def test_an_ordinary_end_leaves_daemons_alone(self):
        run = self.exact("--on-tracer-death", "kill", "--", "sh", "-c", f"setsid sleep 300 & {harness.until_exec('sleep')}; exit 5")
        self.assertEqual(run.status, 5)
        time.sleep(0.2)
        self.assertEqual([self.cmdline(pid) for pid in self.marked()], ["sleep 300"], "the daemon, and no guard")
        self.kill_marked()

    def test_is_not_in_the_records(self):
        run = self.exact("--on-tracer-death", "kill", "--", "sh", "-c", "true & wait")
        self.assertEqual({p["comm"] for p in run.processes}, {"sh"})

    def test_interrupt_goes_on_as_ever(self):
        process = self.start_guarded("--", "sh", "-c", "touch ready; sleep 300", process_group=0)
        self.wait_for_file("ready")
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        run = self.finish(process)
        self.assertEqual((run.status, run.summary["termination"]), (130, "interrupted"))

    def test_command_not_found(self):
        self.assertEqual(self.duct("--on-tracer-death", "kill", "./no-such-command").status, 127)

    def test_only_of_what_it_started(self):
        for words in (["--attach", str(os.getpid())], ["--mode", "current-session", "true"], ["--sampler", "procfs", "true"]):
            run = self.duct("--on-tracer-death", "kill", *words)
            self.assertEqual(run.status, 2, run.stderr)
            self.assertIn("--on-tracer-death kill: not with", run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 1)


if __name__ == "__main__":
    harness.main()
