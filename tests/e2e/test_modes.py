# SPDX-License-Identifier: MIT
"""The session we are in, a running process, a terminal of the command's own."""

import os
import signal
import subprocess
import unittest

import harness
from harness import fixture


# Until the file "count" has ten lines more than it had.
TEN_MORE = "end=$(($(wc -l < count) + 10)); until [ $(wc -l < count) -ge $end ]; do sleep 0.02; done"


class CurrentSession(harness.DuctTest):
    def in_a_session(self, script, *words):
        """Runs a shell in a session of its own that does `script`, then is replaced by duct-bpf."""
        self.addCleanup(self.kill_marked)
        return self.duct("--fail-time", "0", "--mode", "current-session", *words, before=["sh", "-c", script + '; exec "$@"', "sh"], start_new_session=True)

    def test_processes_that_lived_before(self):
        # All there, and 0.1 s used, in ticks of the kernel.
        there = "until (set -- /proc/$!/task/*; [ $# = 4 ] && set -- $(cat /proc/$!/stat) && [ ${14} -ge 10 ]); do sleep 0.02; done"
        run = self.in_a_session(f"sleep 300 >/dev/null 2>&1 & {harness.until_exec('sleep')}; {fixture('threads')} burn 3 100000 >/dev/null 2>&1 & {there}",
                                "--", "sh", "-c", f"{fixture('burn')} 20; exit 3")
        self.kill_marked()
        self.assertEqual(run.status, 3)
        self.assert_exact(run)
        for cmd in ("sleep 300", fixture("threads")):
            (process,) = run.by_cmd(cmd)
            self.assertEqual((process.get("adopted"), process.get("alive")), (True, True))
        (threads,) = run.by_cmd(fixture("threads"))
        self.assertEqual(threads["max_threads"], 4)
        self.assertGreater(threads["cpu_time"], 0.05)
        (burner,) = run.by_cmd(fixture("burn"))
        self.assertNotIn("adopted", burner)
        self.assertGreaterEqual(burner["cpu_time"], 0.02)
        self.assertFalse([p for p in run.processes if p["pid"] == run.pid], "not the tracer itself")
        self.assertEqual(run.completeness["alive_at_end"], 2)
        # Of those that lived before, only what they used meanwhile counts.
        self.assertLess(run.summary["cpu_time"], sum(p["cpu_time"] for p in run.processes))

    def test_without_a_gap(self):
        # A shell that never stops forking: each of its children while we run is seen, none twice.
        run = self.in_a_session("(while :; do /bin/true; echo x; done) >count 2>&1 & until [ -s count ]; do sleep 0.02; done", "--", "sh", "-c", TEN_MORE)
        self.kill_marked()
        self.assert_exact(run)
        self.assertGreater(len(run.by_cmd("/bin/true")), 5)
        self.assertTrue(all(p["exit_code"] == 0 for p in run.by_cmd("/bin/true") if "exit_code" in p))

    def test_no_session_of_its_own(self):
        run = self.in_a_session("true", "--", harness.PYTHON, "-c", "import os; print(os.getsid(0), os.getpid())")
        sid, pid = map(int, run.stdout.split())
        self.assertEqual(run.process(pid)["sid"], sid)
        self.assertEqual(sid, run.pid)
        run = self.duct("--clobber", "--", harness.PYTHON, "-c", "import os; print(os.getsid(0), os.getpid())")
        self.assertEqual(len(set(run.stdout.split())), 1, "new-session: its own")

    def test_other_sessions_are_not_ours(self):
        other = subprocess.Popen(["sleep", "300"], start_new_session=True, env=self.environment())
        try:
            run = self.in_a_session("true", "--", "true")
        finally:
            other.kill()
            other.wait()
        self.assertFalse(run.by_cmd("sleep 300"))


class Attach(harness.DuctTest):
    def victim(self, script):
        process = subprocess.Popen(["sh", "-c", script], env=self.environment(), cwd=self.dir, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(self.kill_marked)
        return process

    def attached(self, pid, *words):
        process = self.start("--attach", str(pid), *words)
        line = process.stderr.readline()
        self.assertIn(b"is attached to process", line)
        return process

    def test_until_it_ends(self):
        victim = self.victim(f"sleep 300 & while [ ! -e go ]; do sleep 0.02; done; {fixture('burn')} 50; {fixture('forkstorm')} 100 >/dev/null; kill $!; exit 9")
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 300" for pid in self.marked()), "its child")
        process = self.attached(victim.pid)
        self.write("go", "")
        run = self.finish(process)
        self.assertEqual(victim.wait(), 9)
        self.assertEqual(run.status, 0, run.stderr)
        self.assert_exact(run)
        shell = run.process(victim.pid)
        self.assertEqual((shell["exit_code"], shell["adopted"], shell["depth"]), (9, True, 0))
        self.assertTrue(shell["cmd"].startswith("sh -c sleep 300"))
        self.assertEqual([p.get("adopted") for p in run.by_cmd("sleep 300")], [True])
        (burner,) = run.by_cmd(fixture("burn"))
        self.assertGreaterEqual(burner["cpu_time"], 0.05)
        self.assertEqual(len(run.by_cmd(fixture("forkstorm"))), 101)
        self.assertEqual(run.files(), ["info.json", "processes.jsonl", "usage.jsonl"])

    def test_duration(self):
        victim = self.victim("sleep 300 & wait")
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 300" for pid in self.marked()), "its child")
        run = self.duct("--attach", str(victim.pid), "--duration", "0.5")
        self.assertEqual(run.status, 0)
        self.assertGreaterEqual(run.wall, 0.5)
        self.assertIsNone(victim.poll(), "it goes on")
        self.assertEqual(run.summary["termination"], "timeout")
        self.assert_exact(run)
        self.assertEqual([p.get("alive") for p in run.processes], [True, True])
        self.kill_marked()

    def test_interrupt_ends_the_recording_only(self):
        victim = self.victim("exec sleep 300")
        self.wait_for(lambda: self.cmdline(victim.pid) == "sleep 300", "its exec")
        process = self.attached(victim.pid)
        os.kill(process.pid, signal.SIGINT)
        run = self.finish(process)
        self.assertIsNone(victim.poll())
        self.assert_exact(run)
        self.assertEqual([p.get("alive") for p in run.processes], [True])
        self.kill_marked()

    def test_without_a_gap(self):
        victim = self.victim("while [ ! -e end ]; do /bin/true; echo x >> count; done")
        self.wait_for_file("count", b"x")
        process = self.attached(victim.pid)
        subprocess.run(["sh", "-c", TEN_MORE], cwd=self.dir, check=True)
        self.write("end", "")
        run = self.finish(process)
        self.assert_exact(run)
        self.assertGreater(len(run.by_cmd("/bin/true")), 5)

    def test_nobody_there(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        run = self.duct("--attach", str(ended.pid), prefix="logs/d_")
        self.assertEqual(run.status, 2)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        self.assertEqual(os.listdir(self.dir), [])


class Terminal(harness.DuctTest):
    def test_the_command_has_a_terminal(self):
        run = self.duct("-q", "--pty", "--", harness.PYTHON, "-c",
                        "import os, sys; print([os.isatty(n) for n in range(3)], os.ctermid(), open('/dev/tty').isatty()); sys.stderr.write('err\\n')")
        self.assertIn("[True, True, True] /dev/tty True", run.stdout)
        self.assertIn("err", run.stdout)
        self.assertEqual(run.read("stdout").replace(b"\r", b""), run.stdout_bytes.replace(b"\r", b""))
        self.assertEqual(run.status, 0)
        self.assert_exact(run)

    def test_without_it_there_is_none(self):
        run = self.duct("-q", "--", harness.PYTHON, "-c", "import os; print([os.isatty(n) for n in range(3)])")
        self.assertEqual(run.stdout, "[False, False, False]\n")

    def test_input_and_status(self):
        run = self.duct("-q", "--pty", "--fail-time", "0", "--", "sh", "-c", "read line; echo got $line; exit 7", input=b"typed\n")
        self.assertIn("got typed", run.stdout)
        self.assertEqual(run.status, 7)

    def test_end_of_input(self):
        run = self.duct("-q", "--pty", "--", "cat", input=b"line\n")
        self.assertIn("line", run.stdout)
        self.assertEqual(run.status, 0)

    def test_large_output(self):
        run = self.duct("-q", "--pty", "--", "seq", "200000")
        expected = "".join(f"{i}\n" for i in range(1, 200001))
        self.assertEqual(run.read("stdout").replace(b"\r", b"").decode(), expected)
        self.assertEqual(run.stdout.replace("\r", ""), expected)

    def test_a_daemon_that_keeps_the_terminal(self):
        run = self.duct("-q", "--pty", "--", "sh", "-c", "trap '' HUP; sleep 300 & echo done")
        self.kill_marked()
        self.assertIn("done", run.stdout)
        self.assertLess(run.wall, 60)


if __name__ == "__main__":
    harness.main()
