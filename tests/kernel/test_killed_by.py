# SPDX-License-Identifier: MIT
"""Who sent the signal that ended a process. Truth by construction: fixtures, and this test, say who sends what."""

import os
import shutil
import signal
import subprocess
import unittest

import harness
from harness import fixture

OWN_NAME = open("/proc/self/comm").read().strip()


def command(run):
    return next(p for p in run.processes if p["depth"] == 0)


class KilledBy(harness.DuctTest):
    def senders(self, how, number=signal.SIGTERM):
        run = self.exact("--clobber", "--", fixture("senders"), how, str(int(number)))
        process = run.process(run.said("target")[0]["pid"])
        self.assertEqual(process.get("exit_signal"), number, process)
        return run, process

    def by_another(self, how, number=signal.SIGTERM):
        run, process = self.senders(how, number)
        sender = run.said("sender")[0]["pid"]
        self.assertEqual(process.get("killed_by"), {"pid": sender, "comm": "senders", "uid": os.getuid()})
        self.assertEqual(run.said("child")[0]["status"] & 0x7F, number)
        self.assertEqual(run.summary["num_killed"], 1)
        self.assertIn(f"\nKilled: senders (pid {process['pid']}) by senders (pid {sender}, uid {os.getuid()})\n", run.stderr)

    def test_ways_to_send(self):
        for how in ("kill", "group", "tgkill", "pidfd", "sigqueue", "thread"):
            with self.subTest(how):
                self.by_another(how)

    def test_signals(self):
        for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGRTMIN, signal.SIGRTMAX, signal.SIGQUIT, signal.SIGSEGV):
            with self.subTest(number):
                self.by_another("kill", number)
        self.by_another("thread", signal.SIGKILL)
        self.by_another("group", signal.SIGKILL)

    def test_late_deaths(self):
        self.by_another("blocked")
        self.by_another("blocked", signal.SIGQUIT)
        self.by_another("overtaken")

    def test_caught_and_sent_again_to_itself(self):
        self.by_another("reraised")

    def test_by_the_kernel(self):
        cases = {"parent-death": signal.SIGKILL, "pipe": signal.SIGPIPE, "alarm": signal.SIGALRM, "cpu-limit": signal.SIGXCPU, "file-limit": signal.SIGXFSZ}
        for how, number in cases.items():
            with self.subTest(how):
                run, process = self.senders(how, number)
                self.assertNotIn("killed_by", process)
                self.assertEqual(run.summary["num_killed"], 0)
                self.assertNotIn("\nKilled: ", run.stderr)

    def test_crash(self):
        run = self.exact("--", fixture("crash"), "segv")
        self.assertEqual(run.processes[0]["exit_signal"], signal.SIGSEGV)
        self.assertNotIn("killed_by", run.processes[0])

    def test_by_itself(self):
        run = self.exact("--", fixture("crash"), "abort")
        process = run.processes[0]
        self.assertEqual((process["exit_signal"], process["killed_by"]["pid"]), (signal.SIGABRT, process["pid"]))
        self.assertEqual(run.summary["num_killed"], 0)
        self.assertNotIn("\nKilled: ", run.stderr)

    def test_that_it_survives(self):
        script = "trap '' TERM; trap : USR1; kill -TERM $$; kill -USR1 $$; exit 3"
        run = self.exact("--", "sh", "-c", script)
        self.assertEqual(run.processes[0]["exit_code"], 3)
        self.assertNotIn("killed_by", run.processes[0])

    def test_by_somebody_outside(self):
        process = self.start("--fail-time", "0", "--", "sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 60")
        self.wait_for_file("pid", b"\n")
        os.kill(int(self.text("pid")), signal.SIGKILL)
        run = self.finish(process)
        self.assertEqual(command(run)["killed_by"], {"pid": os.getpid(), "comm": OWN_NAME, "uid": os.getuid()})
        self.assertEqual((run.status, run.summary["termination"]), (137, "signal"))

    def test_by_another_user(self):
        process = self.start("--user", str(harness.NOBODY), "--fail-time", "0", "--", "sh", "-c", "echo $$; exec sleep 60")
        command = int(process.stdout.readline())
        # Its real user is what is told; it may send, as the same one.
        subprocess.run([harness.PYTHON, "-c", f"import os; os.kill({command}, 15)"], user=harness.NOBODY, check=True)
        run = self.finish(process)
        self.assertEqual(run.processes[0]["killed_by"]["uid"], harness.NOBODY)

    def test_through_duct_bpf(self):
        # What duct-bpf passes on comes from whoever sent it to duct-bpf.
        process = self.start("--fail-time", "0", "--", "sh", "-c", "touch ready; sleep 60")
        self.wait_for(lambda: any(self.cmdline(pid) == "sleep 60" for pid in self.marked()), "the command")
        os.kill(process.pid, signal.SIGTERM)
        run = self.finish(process)
        self.assert_exact(run)
        self.assertEqual(command(run)["exit_signal"], signal.SIGTERM)
        for each in (p for p in run.processes if "exit_signal" in p):
            self.assertEqual(each["killed_by"], {"pid": os.getpid(), "comm": OWN_NAME, "uid": os.getuid()})

    def test_timeout(self):
        run = self.exact("--", "timeout", "1", "sleep", "60")
        killed = run.by_cmd("sleep 60")[0]
        self.assertEqual(killed["killed_by"]["pid"], run.by_cmd("timeout")[0]["pid"])
        self.assertEqual(run.summary["num_killed"], 1)

    def test_many(self):
        run = self.exact("--", "sh", "-c", "for i in 1 2 3 4 5; do sleep 60 & kill $!; done; wait")
        self.assertEqual(run.summary["num_killed"], 5)
        self.assertRegex(run.stderr, r"\nKilled: .*\) and 2 more\n")

    def test_summary_format(self):
        run = self.duct("--fail-time", "0", "--summary-format", "<{killed}> <{num_killed}> <{oom_killed}>", "--", "sh", "-c", "sleep 60 & kill $!; wait $!; true")
        self.assertRegex(run.stderr, r"<\S+ \(pid \d+\) by sh \(pid \d+, uid 0\)> <1> <>\n")


class PidNamespaces(harness.DuctTest):
    def test_sender_inside(self):
        # The numbers are those of duct-bpf's namespace, not of the one that the two live in.
        script = "sleep 60 & kill -9 $!; wait; exit 0"
        run = self.exact("--", "unshare", "-p", "-f", "sh", "-c", script)
        killed = [p for p in run.processes if p.get("exit_signal") == 9]
        inner = [p for p in run.processes if p.get("pid_ns") == 1]
        self.assertEqual((len(killed), len(inner)), (1, 1))
        self.assertEqual(killed[0]["killed_by"]["pid"], inner[0]["pid"])
        self.assertNotEqual(inner[0]["pid"], 1)

    def test_sender_outside_of_ours(self):
        process = self.start("--fail-time", "0", "--", "sh", "-c", "touch ready; exec sleep 60", before=["unshare", "-p", "-f", "--mount-proc"])
        self.wait_for_file("ready")
        target = self.wait_for(lambda: [pid for pid in self.marked() if self.cmdline(pid) == "sleep 60"], "the command")[0]
        os.kill(target, signal.SIGKILL)
        run = self.finish(process)
        self.assertEqual(command(run)["killed_by"], {"comm": OWN_NAME, "uid": os.getuid()})
        self.assertIn(f"by {OWN_NAME} (of another pid namespace, uid 0)", run.stderr)


class Cgroups(harness.DuctTest):
    def test_cgroup_kill(self):
        root = harness.cgroup2_root()
        path = os.path.join(root or "", f"duct-bpf-test-{self.mark[:12]}")
        if not root:
            self.skipTest("no cgroup v2")
        os.mkdir(path)
        self.addCleanup(harness.remove_group, path)
        if not os.path.exists(f"{path}/cgroup.kill"):
            self.skipTest("no cgroup.kill before 5.14")
        process = self.start("--fail-time", "0", "--", "sh", "-c", f"echo $$ > {path}/cgroup.procs; touch ready; exec sleep 60")
        self.wait_for_file("ready")
        with open(f"{path}/cgroup.kill", "w") as file:
            file.write("1")
        run = self.finish(process)
        self.assertEqual(command(run)["killed_by"], {"pid": os.getpid(), "comm": OWN_NAME, "uid": os.getuid()})


class Traced(harness.DuctTest):
    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_under_a_debugger(self):
        # A traced process dies a moment after the signal, when its tracer lets it.
        run = self.exact("--", "sh", "-c", "strace -f -o trace sleep 60 & until p=$(pgrep -x sleep -P $!); do sleep 0.05; done; kill -TERM $p; wait")
        killed = [p for p in run.by_cmd("sleep 60") if p.get("exit_signal") == 15]
        self.assertEqual(len(killed), 1)
        self.assertEqual(killed[0]["killed_by"]["pid"], command(run)["pid"])


if __name__ == "__main__":
    harness.main()
