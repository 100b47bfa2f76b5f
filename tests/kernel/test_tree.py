# SPDX-License-Identifier: MIT
"""Who is in the tree: every way a process can come to be, and to leave its parent."""

import os
import signal
import subprocess
import sys
import threading
import unittest

import harness
from harness import fixture


class Tree(harness.DuctTest):
    def test_parents_and_depth(self):
        run = self.exact("--", "sh", "-c", "sh -c 'sh -c \"exit 3\"; exit 2'; exit 0")
        self.assertEqual([p["ppid"] for p in run.processes if not p["depth"]], [run.pid])
        by_pid = {p["pid"]: p for p in run.processes}
        for process in run.processes:
            if process["depth"]:
                self.assertEqual(by_pid[process["ppid"]]["depth"], process["depth"] - 1)
        self.assertEqual(sorted(p["exit_code"] for p in run.processes if p["depth"]), [2, 3])

    def test_setsid_double_fork_daemon(self):
        run = self.exact("--", fixture("tree"), "30", "3")
        self.assertEqual(len(run.processes), 1 + 3 * (1 + 1 + 2 + 2))
        for what in ("child", "session", "orphan", "daemon"):
            said = run.said(what)
            self.assertEqual(len(said), 3, what)
            for burner in said:
                process = run.process(burner["pid"])
                self.assertEqual(process["sid"], burner["sid"], what)
                self.assertEqual(process["exit_code"], 0, what)
                # The parent that forked it, not the one it was handed to.
                self.assertIn(process["ppid"], [p["pid"] for p in run.processes])
                self.assertEqual(process["depth"], 1 if what in ("child", "session") else 2)
                self.assertGreaterEqual(process["cpu_time"], burner["cpu_ns"] / 1e9)
                self.assert_near(process["cpu_time"], burner["cpu_ns"] / 1e9, harness.slack(0.005), 0.02, what)  # it goes on to its end

    def test_vfork(self):
        run = self.exact("--", fixture("vforker"), "80", fixture("burn"), "20", "4")
        ended, executed = run.said("child")
        self.assertEqual(os.waitstatus_to_exitcode(ended["status"]), 3)
        self.assertEqual(run.process(ended["pid"])["exit_code"], 3)
        self.assertEqual(run.process(ended["pid"])["num_execs"], 0)
        burner = run.process(executed["pid"])
        self.assertEqual((burner["exit_code"], burner["num_execs"]), (4, 1))
        self.assertEqual(burner["argv"][0], fixture("burn"))
        # The memory is the parent's: not counted in the child, neither before nor after its exec.
        for child in (ended, executed):
            self.assertLess(run.process(child["pid"]).get("peak_rss", 0), 20 << 20)
        parent = run.process(run.process(ended["pid"])["ppid"])
        self.assertEqual(parent["depth"], 0)
        self.assertGreaterEqual(parent["peak_rss"], 80 << 20)

    def test_child_without_exec_has_the_image_of_its_parent(self):
        run = self.exact("--", fixture("forkstorm"), "3", "9")
        children = [p for p in run.processes if p["depth"] == 1]
        self.assertEqual([p["exit_code"] for p in children], [9, 9, 9])
        for child in children:
            self.assertEqual((child["num_execs"], child["cmd"]), (0, f"{fixture('forkstorm')} 3 9"))

    def test_zombies_that_nobody_reaps(self):
        run = self.exact("--", fixture("zombies"), "20", "5", "end")
        zombies = run.said("zombie")
        self.assertEqual(len(zombies), 20)
        ended = run.said("ended")[0]["time_ns"] / 1e9
        for zombie in zombies:
            process = run.process(zombie["pid"])
            self.assertEqual(process["exit_code"], 5)
            self.assertNotIn("alive", process)
            self.assertLess(process["end_time"], ended + 0.02, "ended when it ended, not when it was reaped, 0.3 s later")

    def test_zombies_that_ended_together_are_on_record_at_once(self):
        # Nobody reaps them and nobody forks, so that no event of theirs, or of others, is left to end them.
        script = ("import os, sys\nhere, there = os.pipe()\nfor i in range(40):\n"
                  "    if not os.fork():\n        os.close(there)\n        os._exit(len(os.read(here, 1)) + 7)\n"
                  "os.close(there)\nsys.stdin.readline()\n")
        process = self.start("--fail-time", "0", "--", sys.executable, "-c", script, stdin=subprocess.PIPE)
        try:
            self.wait_for_file("d_processes.jsonl")
            self.wait_for(lambda: self.text("d_processes.jsonl").count('"exit_code":7') == 40, "40 records while the command runs")
        finally:
            run = self.finish(process, input=b"\n")
        self.assert_exact(run)

    def test_zombies_still_there_at_the_end(self):
        run = self.exact("--", fixture("zombies"), "20", "5", "keep")
        keeper = run.said("keeper")[0]["pid"]
        ended = run.said("ended")[0]["time_ns"] / 1e9
        try:
            self.assertIs(run.process(keeper)["alive"], True)
            for zombie in run.said("zombie"):
                self.assertEqual(self.state(zombie["pid"]), "Z")
                process = run.process(zombie["pid"])
                self.assertEqual(process["exit_code"], 5)
                self.assertNotIn("alive", process)
                self.assertGreater(process["cpu_time"], 0)
                self.assertLess(process["end_time"], ended + 0.02)
            self.assertEqual(run.completeness["alive_at_end"], 1)
        finally:
            os.kill(keeper, signal.SIGKILL)

    def test_pid_namespace(self):
        run = self.exact("--", fixture("pidns"))
        init = run.process(run.said("child")[0]["pid"])
        self.assertEqual((init["pid_ns"], init["exit_code"]), (1, 8))
        inner = [p for p in run.processes if p["ppid"] == init["pid"]]
        self.assertEqual([(p["pid_ns"], p["exit_code"]) for p in inner], [(2, 7)])
        self.assertNotEqual(inner[0]["pid"], 2)
        self.assertNotIn("pid_ns", run.by_cmd(fixture("pidns"))[0 if run.processes[-1]["depth"] else -1])

    def test_tracer_in_a_pid_namespace(self):
        # The numbers are those that the tracer's own namespace shows.
        run = self.duct("sh", "-c", "echo $$; sh -c 'exit 4' & wait", before=["unshare", "--pid", "--fork", "--mount-proc"])
        self.assert_exact(run)
        self.assertEqual(run.status, 0, run.stderr)
        shell = int(run.stdout.split()[0])
        self.assertLess(shell, 100)
        self.assertEqual(run.process(shell)["depth"], 0)
        self.assertEqual([p["exit_code"] for p in run.processes if p["depth"] == 1], [4])

    def test_children_that_the_tracer_had_before(self):
        # Of the shell in whose place it is, and of who has ended: as init of a namespace it gets those while it starts, behind the command.
        older = "for i in 1 2 3; do sleep 0.5 & done; exec \"$@\""
        orphans = "for i in 0 1 2 3 4 5 6 7 8 9; do (sleep 0.00$i; sleep 1 & sleep 1 & exit) & (sleep 0.01$i; sleep 1 & exit) & done; exec \"$@\""
        for script, apart in ((older, []), (orphans, ["unshare", "--pid", "--fork", "--mount-proc"])):
            with self.subTest(script):
                run = self.duct("--clobber", "--fail-time", "0", "--", "sh", "-c", "echo $$ $PPID; (exit 4); exit 5", before=[*apart, "sh", "-c", script, "sh"])
                self.assert_exact(run)
                command, parent = map(int, run.stdout.split())
                self.assertEqual(sorted((p["depth"], p.get("exit_code")) for p in run.processes), [(0, 5), (1, 4)])
                self.assertEqual(run.process(command)["ppid"], parent)
                self.assertEqual(run.summary["max_processes"], 2)

    def test_same_pid_twice(self):
        run = self.exact("--", fixture("samepid"), "3", "50")
        pid = run.said("child")[0]["pid"]
        same = [p for p in run.processes if p["pid"] == pid]
        self.assertEqual([p["exit_code"] for p in same], [0, 1, 2])
        self.assertEqual(len({p["start_time"] for p in same}), 3)
        for process in same:
            self.assertGreaterEqual(process["cpu_time"], 0.050)
            self.assertLess(process["cpu_time"], 0.050 + harness.slack(0.050))

    def test_uid_and_setuid_program(self):
        run = self.exact("--", fixture("setuider"), "12345", fixture("burn"), "5")
        self.assertEqual(run.process(run.said("self")[0]["pid"])["uid"], 12345)
        program = self.path("setuid-program")
        subprocess.run(["cp", fixture("setuider"), program], check=True)
        os.chown(program, harness.NOBODY, harness.NOBODY)
        os.chmod(program, 0o4755)
        run = self.exact("--", "sh", "-c", f"{program} 0; exit 0", prefix="s_")
        said = run.said("self")[0]
        self.assertEqual(said["euid"], harness.NOBODY, "a mount without setuid?")
        self.assertEqual(run.process(said["pid"])["uid"], said["uid"])
        self.assertGreaterEqual(run.process(said["pid"])["cpu_time"], 0.020)

    def test_cgroup_id(self):
        root = harness.cgroup2_root()
        if not root:
            self.skipTest("no cgroup v2")
        path = os.path.join(root, f"duct-bpf-test-{self.mark[:12]}")
        os.mkdir(path)
        self.addCleanup(harness.remove_group, path)
        run = self.exact("--", "sh", "-c", f"{fixture('incgroup')} {path}/cgroup.procs {fixture('burn')} 5; {fixture('burn')} 6")
        inode = os.stat(path).st_ino
        self.assertEqual(run.by_cmd(f"{fixture('burn')} 5")[0]["cgroup_id"], inode)
        self.assertNotEqual(run.by_cmd(f"{fixture('burn')} 6")[0]["cgroup_id"], inode)

    def test_nothing_else_of_the_machine(self):
        stop = threading.Event()

        def others():
            while not stop.is_set():
                subprocess.run([fixture("forkstorm"), "200"], env=self.environment(), stdout=subprocess.DEVNULL)

        beside = threading.Thread(target=others)
        beside.start()
        try:
            run = self.exact("--", "sh", "-c", f"sleep 0.2; {fixture('forkstorm')} 500; sleep 0.2")
        finally:
            stop.set()
            beside.join()
        self.assertEqual(len(run.processes), 1 + 2 + 1 + 500)
        pids = {p["pid"] for p in run.processes} | {run.pid}
        self.assertTrue(all(p["ppid"] in pids for p in run.processes))

    def test_two_runs_at_once_and_one_inside_another(self):
        first = self.start("--", fixture("forkstorm"), "2000", prefix="a_")
        second = self.start("--", fixture("forkstorm"), "1000", prefix="b_")
        for process, count in ((first, 2001), (second, 1001)):
            run = self.finish(process)
            self.assert_exact(run)
            self.assertEqual(len(run.processes), count)
        outer = self.exact("--", harness.BIN, "-p", "inner_", fixture("forkstorm"), "300", prefix="outer_")
        self.assertEqual(len(outer.by_cmd(fixture("forkstorm"))), 301)


if __name__ == "__main__":
    harness.main()
