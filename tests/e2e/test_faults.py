# SPDX-License-Identifier: MIT
"""Faults of the machine and odd users: the command is unharmed, the records are right or say what is missing. What is tested
elsewhere: duct-bpf killed (test_tracer_death), signals (test_signals), full disks (test_files), slow readers (test_outputs), small
rings and ledgers (kernel/test_loss), arguments (kernel/test_argv), the clock (kernel/test_clock), memory (kernel/test_storm)."""

import json
import os
import pathlib
import re
import resource
import signal
import time
import unittest

import harness
from harness import fixture


class Streams(harness.DuctTest):
    def test_full_device(self):
        for words in (["-o", "all"], ["-o", "none"], ["-c", "none"], ["--pty"]):
            with self.subTest(words), open("/dev/full", "w") as full:
                process = self.start("--clobber", "--fail-time", "0", *words, "--", "sh", "-c", "echo out; echo err >&2; exit 7", stdout=full, stderr=full)
                run = self.finish(process)
                self.assertEqual(run.status, 7)
                self.assert_exact(run)
                if "-o" in words:
                    self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))

    def test_pipe_that_is_full_and_never_read(self):
        # The command runs to its end; duct-bpf then waits for its reader, and an interrupt ends that.
        process = self.start("-q", "--fail-time", "0", "--", "sh", "-c", "seq 100000; touch ended; exit 3")
        self.wait_for_file("ended")

        def children():
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                return file.read().split()

        self.wait_for(lambda: not children(), "the command has ended, and duct-bpf knows")
        time.sleep(0.2)
        self.assertIsNone(process.poll())
        os.kill(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(harness.PATIENCE), 3)
        run = self.finish(process)
        self.assertEqual(run.read("stdout").count(b"\n"), 100000)
        self.assert_exact(run)


class Disks(harness.DuctTest):
    def in_namespace(self, script, *words, prefix):
        """Runs duct-bpf as "$@" of a script with mounts of its own."""
        return self.duct(*words, prefix=prefix, before=["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"])

    def test_prefix_on_a_read_only_file_system(self):
        run = self.in_namespace("mkdir ro && mount -t tmpfs -o ro none ro && \"$@\"", "--", "sh", "-c", "echo out; exit 6", prefix="ro/d_")
        self.assertEqual((run.status, run.stdout), (6, "out\n"))
        errors = [line for line in run.stderr.splitlines() if "[ERROR " in line]
        self.assertEqual(len(errors), 1, run.stderr)
        self.assertRegex(errors[0], "Read-only file system; the command runs without records")

    def test_no_more_files_can_be_made(self):
        # Files that are open can be written to; what is put in place by name at the end cannot be made.
        script = 'mkdir logs && mount -t tmpfs -o nr_inodes=6 none logs && "$@"; code=$?; cp -r logs copied; exit $code'
        run = self.in_namespace(script, "--fail-time", "0", "--", "sh", "-c", "echo out; exit 6", prefix="logs/d_")
        self.assertEqual(run.status, 6)
        self.assertRegex(run.stderr, r"\[ERROR +\] .*info.json.*No space left")
        run.prefix = "copied/d_"
        self.assertEqual((run.read("stdout"), run.read("info.json")), (b"out\n", b""))
        self.assertEqual(len(run.processes), 1)

    def test_files_are_deleted_meanwhile(self):
        run = self.duct("--fail-time", "0", "--", "sh", "-c", "rm -f d_*; echo out; exit 6")
        self.assertEqual((run.status, run.stdout), (6, "out\n"))
        self.assertEqual(run.files(), ["info.json"], "of what was deleted nothing comes back; info.json is put in place by name")
        self.assertEqual(run.summary["exit_code"], 6)

    def test_directory_is_deleted_meanwhile(self):
        run = self.duct("--fail-time", "0", "--", "sh", "-c", "rm -r logs; exit 6", prefix="logs/d_")
        self.assertEqual(run.status, 6)
        self.assertRegex(run.stderr, r"\[ERROR +\] .*info.json")
        self.assertFalse(os.path.exists(self.path("logs")))

    def test_working_directory_is_deleted(self):
        os.mkdir(self.path("gone"))
        run = self.duct("--fail-time", "0", "-p", self.path("d_"), "--", "sh", "-c", "exit 6", prefix=None, before=["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh"])
        run.prefix = "d_"
        self.assertEqual(run.status, 6)
        self.assert_exact(run)


class Limits(harness.DuctTest):
    def limited(self, limit, *words):
        return self.duct("--fail-time", "0", "--clobber", *words, before=["bash", "-c", f'ulimit {limit} && exec "$@"', "bash"])

    @unittest.skipIf(harness.SANITIZED, "the sanitizers need more themselves")
    def test_too_few_of_something(self):
        # Either all is right, or it is said in a line, with the limit that is in the way, and the command is not run.
        ran = 0
        for limit in ("-n 3", "-n 8", "-n 20", "-n 40", "-n 66", "-n 80", "-v 20000", "-v 26000", "-v 30000", "-v 60000", "-f 0", "-l 0", "-u 1", "-s 64"):
            with self.subTest(limit):
                run = self.limited(limit, "--", "sh", "-c", "touch was-run; exit 6")
                if os.path.exists(self.path("was-run")):
                    self.assertEqual(run.status, 6, run.stderr)
                    os.unlink(self.path("was-run"))
                    ran += 1
                    continue
                self.assertIn(run.status, (1, 126, 127), run.stderr)
                if "error while loading shared libraries" in run.stderr:
                    continue
                self.assertNotIn("internal error", run.stderr)
                errors = run.stderr.splitlines()
                self.assertEqual(len(errors), 1, run.stderr)
                self.assertRegex(errors[0], rf"^\S+ \[(ERROR|CRITICAL) *\] duct-bpf: \S.*; hint: .*ulimit {limit[:2]}")
                self.assertEqual(os.listdir(self.dir), [], "no file is left")
        self.assertGreater(ran, 4)

    @unittest.skipIf(harness.SANITIZED, "the sanitizers need more themselves")
    def test_no_more_processes(self):
        # Of root they are not counted.
        os.chmod(self.dir, 0o777)
        as_user = ["setpriv", "--reuid", str(harness.NOBODY), "--regid", str(harness.NOBODY), "--clear-groups", "prlimit", "--nproc=1"]
        run = self.duct("--sampler", "procfs", "--", "touch", "was-run", binary=harness.copy_program(self.dir), before=as_user, env={"XDG_CONFIG_HOME": self.dir})
        self.assertEqual(run.status, 1, run.stderr)
        self.assertRegex(run.stderr.splitlines()[-1], r"cannot start a process for the command: .*; hint: .*ulimit -u: 1\b")
        self.assertEqual(run.files(), [])
        self.assertFalse(os.path.exists(self.path("was-run")))

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "no strace")
    def test_grace_periods_cannot_be_hurried(self):
        # The mounts by which the kernel is made to are let go at once; where they are refused the start takes longer, and that is all.
        for answer in ([], ["-e", "inject=open_tree:error=EPERM"]):
            with self.subTest(answer):
                mounts = pathlib.Path("/proc/self/mountinfo").read_text()
                watch = ["strace", "-f", "-qq", "-e", "trace=open_tree", "-e", "signal=none", *answer, "-o", self.path("calls")]
                run = self.duct("--clobber", "--fail-time", "0", "--", "sh", "-c", "ls -l /proc/$PPID/fd >&2; exit 6", before=watch, env=harness.ENV_NO_LEAK_CHECK)
                self.assertEqual(run.status, 6, run.stderr)
                calls = pathlib.Path(self.path("calls")).read_text().splitlines()
                self.assertEqual(len(calls), 2, calls)
                self.assertEqual([call for call in calls if "INJECTED" in call], calls if answer else [])
                self.assertEqual(run.summary["num_processes"], 2)
                self.assertNotRegex(run.read("stderr").decode(), r"(?m)-> /$", "a mount that is still held")
                self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text(), mounts)

    def test_filter_of_system_calls_that_kills(self):
        # As services have it, for calls that they are not known to need.
        open_tree = 428
        run = self.duct("--fail-time", "0", "--", "sh", "-c", "exit 6", before=harness.filtered(open_tree))
        self.assertEqual(run.status, 6, run.stderr)
        self.assertEqual(run.summary["num_processes"], 1)

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "no strace")
    def test_tracepoints_are_let_go_before_the_records_are_written(self):
        # The next run has to wait for that.
        watch = ["strace", "-f", "-qq", "-e", "trace=bpf,close,rename,renameat,renameat2", "-e", "signal=none", "-o", self.path("calls")]
        run = self.duct("--fail-time", "0", "--", "sh", "-c", "true; exit 6", before=watch, env=harness.ENV_NO_LEAK_CHECK)
        self.assertEqual(run.status, 6, run.stderr)
        held, taken, unfinished = set(), 0, {}
        for line in pathlib.Path(self.path("calls")).read_text().splitlines():
            thread, call = line.split(maxsplit=1)
            if call.startswith("<... "):
                call = unfinished.pop(thread) + call
            if call.endswith("<unfinished ...>"):
                unfinished[thread] = call
            elif opened := re.search(r"^bpf\(BPF_RAW_TRACEPOINT_OPEN.* = (\d+)$", call):
                held.add(int(opened[1]))
                taken += 1
            elif closed := re.search(r"^close\((\d+)\) += 0$", call):
                held.discard(int(closed[1]))
            elif "info.json" in call:
                break
        else:
            self.fail("info.json was not put into its place")
        self.assertGreaterEqual(taken, 5)
        self.assertEqual(held, set())

    def test_output_cannot_be_followed(self):
        # No inotify instance is left, in a user namespace that has a limit of its own.
        script = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
        run = self.duct("--fail-time", "0", "--sampler", "procfs", "--", "sh", "-c", "echo out; echo err >&2; exit 6",
                        before=["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"])
        self.assertEqual((run.status, run.stdout), (6, "out\n"))
        self.assertIn("\nerr\n", run.stderr)
        self.assertRegex(run.stderr, r"\[WARNING +\] .*cannot watch log files.* the command's output is shown at the end; hint: ")
        self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))

    def test_longest_command_line(self):
        # Of 64 MB the kernel takes 6 at most, and that only with a larger stack.
        limit = resource.getrlimit(resource.RLIMIT_STACK)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_STACK, limit)
        if limit[1] != resource.RLIM_INFINITY:
            self.skipTest("the hard limit of the stack is low")
        resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, limit[1]))
        words = [f"{i:02}" + "x" * 120_000 for i in range(48)]
        for max_argv in ("32K", "1M"):
            with self.subTest(max_argv):
                run = self.exact("-q", "--clobber", "--max-argv", max_argv, "--", "sh", "-c", 'grep VmHWM /proc/$PPID/status; /bin/true "$@"; exit 0', *words)
                size = {"32K": 32 << 10, "1M": 1 << 20}[max_argv]
                child = run.by_cmd("/bin/true")[0]
                self.assertIs(child["argv_truncated"], True)
                whole = "\0".join(["/bin/true", *words[1:]])  # the first is $0
                self.assertEqual("\0".join(child["argv"]), whole[:size])
                self.assertEqual(len(run.info["command"]), len(" ".join(run.info["command"].split(" "))))
                self.assertTrue(run.info["command"].endswith(words[-1]), "that of duct-bpf itself is whole")
                if not harness.SANITIZED:
                    self.assertLess(int(run.stdout.split()[1]), 120_000, "KiB that duct-bpf takes")
        with self.assertRaises(OSError):
            os.posix_spawn("/bin/true", ["true", *(["x" * 120_000] * 540)], os.environ)

    def test_processes_that_rename_themselves(self):
        script = ("import ctypes, sys\n"
                  "ctypes.CDLL(None).prctl(15, b'a\\xff\\n\\x1b\"b', 0, 0, 0)\n")
        run = self.exact("--", "sh", "-c", f"{harness.PYTHON} -c \"$0\" word; perl -e '$0 = \"renamed \" x 100; sleep 1' argument; exit 0", script)
        python = run.by_cmd(harness.PYTHON)[0]
        self.assertEqual(python["comm"], 'a\ufffd\n\x1b"b')
        self.assertEqual(python["argv"][-1], "word")
        perl = run.by_cmd("perl")[0]
        self.assertEqual((perl["argv"][0], perl["argv"][-1]), ("perl", "argument"), "as it was executed")

    def test_killed_process_with_an_odd_name(self):
        # Names come from whoever wants to: no control character reaches the terminal.
        script = "import ctypes, os, signal\nctypes.CDLL(None).prctl(15, b'\\x1b[31m\\n', 0, 0, 0)\nos.kill(os.getppid(), 9)\n"
        run = self.duct("--fail-time", "0", "--", "sh", "-c", f'{harness.PYTHON} -c "$0"; exit 0', script)
        self.assertEqual(run.status, 137)
        self.assertRegex(run.stderr, r"\nKilled: sh \(pid \d+\) by \?\[31m\? \(pid \d+, uid 0\)\n")
        self.assertEqual(next(p for p in run.processes if p["depth"] == 0)["killed_by"]["comm"], "\x1b[31m\n")


class Stopped(harness.DuctTest):
    def test_command_stopped_and_continued(self):
        process = self.start("--s-i", "0.05", "--r-i", "0.05", "--fail-time", "0", "--", "sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; while [ ! -e end ]; do sleep 0.02; done; exit 6")
        self.wait_for_file("pid", b"\n")
        command = int(self.text("pid"))
        os.kill(command, signal.SIGSTOP)
        self.wait_for(lambda: self.state(command) == "T", "stopped")
        time.sleep(0.5)
        self.wait_for_file("d_usage.jsonl", b'"T')
        self.assertIsNone(process.poll(), "a stop is no end")
        self.write("end", "")
        os.kill(command, signal.SIGCONT)
        run = self.finish(process)
        self.assertEqual(run.status, 6)
        self.assert_exact(run)
        states = {}
        for report in run.usage:
            for letter, count in report["processes"].get(str(command), {}).get("stat", {}).items():
                states[letter[0]] = states.get(letter[0], 0) + count
        self.assertGreater(states.get("T", 0), 0, states)
        self.assertGreater(run.summary["wall_clock_time"], 0.5)


class Tracers(harness.DuctTest):
    def test_ten_storms_at_once(self):
        # From their first moment, on a few CPUs.
        count = harness.scaled(500)
        processes = [self.start("--s-i", "0.05", "--r-i", "0.1", "--", fixture("forkstorm"), str(count + i), "0", "8", prefix=f"{i}_") for i in range(10)]
        for i, process in enumerate(processes):
            run = self.finish(process)
            self.assertEqual(run.status, 0, run.stderr)
            self.assert_exact(run)
            self.assertEqual(len(run.processes), count + i + 1)
            self.assertEqual({p["cmd"] for p in run.processes}, {f"{fixture('forkstorm')} {count + i} 0 8"})

    def test_one_inside_another_inside_a_third(self):
        inner = ["-p", "inner_", "--fail-time", "0", "--", "sh", "-c", f"{fixture('forkstorm')} 100 0 8; exit 5"]
        middle = ["-p", "middle_", "--fail-time", "0", "--", harness.BIN, *inner]
        run = self.exact("--", harness.BIN, *middle, prefix="outer_")
        self.assertEqual(run.status, 5)
        seen = []
        for prefix in ("inner_", "middle_", "outer_"):
            run.prefix = prefix
            self.assert_exact(run)
            self.assertEqual(run.summary["exit_code"], 5)
            seen.append({(p["pid"], p["start_time"]): p for p in run.processes})
        for smaller, larger in zip(seen, seen[1:]):
            # All that the inner one saw, its command too, and itself besides. Clocks are turned into wall time once in each. The inner
            # one's command was forked a while before it was let go on, which is its start there.
            command = min(smaller, key=lambda each: each[1])[0]
            by_pid = {pid: p for (pid, _), p in larger.items()}
            self.assertLess({pid for pid, _ in smaller}, set(by_pid))
            for (pid, start), process in smaller.items():
                other = by_pid[pid]
                self.assertGreater(start - other["start_time"], -0.001)
                self.assertLess(start - other["start_time"], 10 if pid == command else 0.001)
                for key in ("cmd", "cpu_time", "minor_faults", "exit_code", "ppid"):
                    self.assertEqual(process.get(key), other.get(key), key)
        self.assertEqual(len(seen[0]), 102)


if __name__ == "__main__":
    harness.main()
