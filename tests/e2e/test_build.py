# SPDX-License-Identifier: MIT
"""The main job: a real build, scripts and pipelines, with every process found. Oracle: strace's list of execs."""

import collections
import os
import subprocess
import unittest

import harness

MAKE_PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "make_project.py")
POOL = """
import multiprocessing, subprocess, sys, threading
def work(n): return sum(range(20000 + n))
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool: print(sum(pool.map(work, range(50))) > 0)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    for i in range(5): subprocess.run(["/bin/sh", "-c", f"exit {i}"])
"""


class Build(harness.DuctTest):
    def project(self, files):
        subprocess.run([harness.PYTHON, "-B", MAKE_PROJECT, self.path("project"), str(files)], check=True)

    def test_make_j2(self):
        files = harness.scaled(35) if harness.SANITIZED else 35
        self.project(files)
        run = self.exact("--", "make", "-j2", "-C", "project")
        self.assertEqual(run.status, 0, run.stderr)
        self.assertTrue(os.path.exists(self.path("project/program")))
        self.assertRegex(run.stderr, r"Processes: \d+, 0 lost")
        names = collections.Counter(os.path.basename(p["argv"][0]) for p in run.processes if p.get("argv"))
        self.assertEqual((names["cc1"], names["as"], names["ar"], names["collect2"], names["make"] > 0), (files + 1, files + 1, 1, 1, True), names)
        drivers = [p for p in run.processes if os.path.basename(p["argv"][0]) == "gcc" and "-c" in p["argv"]]
        compiled = sorted(p["argv"][-1] for p in drivers)
        self.assertEqual(compiled, sorted(["main.c", *(f"part_{i}.c" for i in range(files))]))
        by_pid = {p["pid"]: p for p in run.processes}
        for process in run.processes:
            if os.path.basename(process["argv"][0]) == "cc1":
                driver = by_pid[process["ppid"]]
                self.assertEqual(driver["argv"][-1], next(w for w in process["argv"] if w.endswith(".c")))
                self.assertGreater(process["cpu_time"], 0)
                self.assertGreater(process["peak_rss"], 1 << 20)
        self.assertEqual(run.summary["num_failed"], 0)

    def test_the_same_execs_as_strace_counts(self):
        if not os.path.exists("/usr/bin/strace"):
            self.skipTest("no strace")
        self.project(6)
        run = self.exact("--", "strace", "-f", "-qq", "-e", "trace=execve,execveat", "-e", "signal=none", "-o", "execs", "make", "-j2", "-C", "project")
        self.assertEqual(run.status, 0, run.stderr)
        # One line per call, those that were interrupted by another's have two; " = 0" ends the successful ones.
        seen = collections.Counter(int(line.split()[0]) for line in self.text("execs").splitlines() if line.endswith(" = 0"))
        self.assertGreater(sum(seen.values()), 20)
        ours = {p["pid"]: p["num_execs"] for p in run.processes if p["depth"] and p["num_execs"]}
        self.assertEqual(ours, dict(seen))

    def test_build_that_fails(self):
        self.project(2)
        self.write("project/part_1.c", "this is not C\n")
        run = self.exact("--", "make", "-C", "project")
        self.assertEqual(run.status, 2)
        self.assertGreaterEqual(run.summary["num_failed"], 3)  # cc1, gcc, make
        self.assertIn("error:", run.stderr)

    def test_python_with_processes_and_threads(self):
        self.write("pool.py", POOL)
        run = self.exact("--", harness.PYTHON, "-B", "pool.py")
        self.assertEqual((run.status, run.stdout), (0, "True\n"))
        root = next(p for p in run.processes if not p["depth"])
        workers = [p for p in run.processes if p["ppid"] == root["pid"] and p["cmd"] == root["cmd"]]
        self.assertEqual(len(workers), 3)
        shells = [p for p in run.processes if p["argv"][0] == "/bin/sh"]
        self.assertEqual(sorted(p["exit_code"] for p in shells), [0, 1, 2, 3, 4])
        self.assertGreaterEqual(root["max_threads"], 4)

    def test_pipelines(self):
        run = self.exact("--", "sh", "-c", "seq 1 20000 | grep 7 | sort -rn | head -n 1; seq 3 | while read n; do /bin/echo $n; done | tail -n 1")
        self.assertEqual(run.stdout, "19997\n3\n")
        for cmd in ("seq 1 20000", "grep 7", "sort -rn", "head -n 1", "seq 3", "tail -n 1"):
            self.assertEqual(len(run.by_cmd(cmd)), 1, cmd)
        self.assertEqual(len(run.by_cmd("/bin/echo")), 3)

    def test_pipeline_around_us(self):
        script = f"seq 1000 | {harness.BIN} -q -p d_ grep 9 | wc -l"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=self.environment(), cwd=self.dir)
        self.assertEqual((done.stdout.strip(), done.stderr), ("271", ""))

    def test_shell_script_with_background_jobs(self):
        script = self.write("jobs.sh", "#!/bin/sh\nfor i in 1 2 3 4 5; do (sleep 0.1; exit $i) & done\nwait\nexec sh -c 'exit 12'\n", 0o755)
        run = self.exact("--", script)
        self.assertEqual(run.status, 12)
        self.assertEqual(sorted(p["exit_code"] for p in run.processes if p["depth"] == 1), [1, 2, 3, 4, 5])


if __name__ == "__main__":
    harness.main()
