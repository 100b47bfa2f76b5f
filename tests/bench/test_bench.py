# SPDX-License-Identifier: MIT
"""The benchmark's own arithmetic, and that a small run of it gives a whole table. Nothing here depends on time."""

import os
import subprocess
import sys
import tempfile
import unittest

import bench
import harness
import table
import tools
import workloads

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench.py")
BUILD = os.environ.get("DUCT_BPF_BUILD", os.path.dirname(harness.BIN))
MACHINE = workloads.Machine(available_bytes=64 << 30, max_processes=32768)


def a_run(wall_s=1.0, cpu_s=1.0, seen=None, true=None, **more):
    truth = bench.measure.Truth(**(true or {}))
    fields = {"launch_s": 0.01, "own_cpu_s": 0.5, "idle_share": None, **more}
    return bench.measure.Run(wall_s=wall_s, cpu_s=cpu_s, truth=truth, seen=tools.Seen(**(seen or {})), **fields)


class Statistics(unittest.TestCase):
    def test_ratios_are_to_the_bare_run_of_the_same_round(self):
        rounds = [{"bare": a_run(1.0), "x": a_run(1.5)}, {"bare": a_run(4.0), "x": a_run(4.0)}, {"bare": a_run(2.0)}, {"x": a_run(9.0)}]
        self.assertEqual(table.ratios(rounds, "x", lambda run: run.wall_s), [1.5, 1.0])

    def test_median_and_minimum(self):
        self.assertEqual(table.median_min([3.0, 1.0, 2.0]), "2.000 (1.000)")
        self.assertEqual(table.median_min([1.5]), "1.500")
        self.assertEqual(table.median_min([]), "-")

    def test_each_is_first_once(self):
        names = ["bare", "a", "b"]
        orders = [table.order(names, number) for number in range(3)]
        self.assertEqual([o[0] for o in orders], names)
        for one in orders:
            self.assertEqual(sorted(one), sorted(names))

    def test_the_worst_round_is_shown(self):
        self.assertEqual(table.farthest([(99, 100), (101, 100), (90, 100), (None, 100), (5, None)]), (90, 100))
        self.assertIsNone(table.farthest([(None, 1)]))
        runs = [a_run(seen={"processes": n}, true={"processes": 5}) for n in (5, 3, 4)]
        self.assertEqual(table.seen_true(runs, "processes", "{:.0f}".format), "3 / 5")

    def test_slow_tools_get_a_third_of_the_rounds(self):
        workload = workloads.Workload("w", "", [])
        slow, quick = tools.Strace("strace", ""), tools.Bare()
        self.assertEqual([bench.rounds_of(workload, slow, n) for n in (1, 3, 5, 7)], [1, 1, 2, 3])
        self.assertEqual(bench.rounds_of(workload, quick, 5), 5)
        workload.rounds_factor = 0.6
        self.assertEqual(bench.rounds_of(workload, quick, 5), 3)


class Table(unittest.TestCase):
    def test_rows(self):
        rounds = [{"bare": a_run(2.0, true={"processes": 7}), "bpf": a_run(2.2, seen={"processes": 7, "exact": True}, true={"processes": 7})}]
        workload = workloads.Workload("idle", "a | b", [], note="scaled")
        labels = {"bare": "bare", "bpf": "duct-bpf", "x": "X", "y": "not run"}
        rows = table.rows(workload, labels, rounds, {"x": "exit status 3: no"})
        self.assertEqual([row[1] for row in rows], ["bare", "duct-bpf", "X"])
        self.assertTrue(all(len(row) == len(table.COLUMNS) for row in rows))
        self.assertEqual(rows[0][5], "7")
        self.assertEqual(rows[0][-1], "scaled")
        self.assertEqual(rows[1][2], "1.100")
        self.assertEqual(rows[1][5], "7 / 7")
        self.assertEqual(rows[1][-1], "exact")
        self.assertEqual(rows[2][-1], "failed: exit status 3: no")
        text = table.markdown(["fact"], rows, ["y: why"])
        self.assertIn("a \\| b", text)
        self.assertTrue(text.endswith("- y: why\n"))

    def test_one_loss_is_not_exact(self):
        rounds = [{"bpf": a_run(seen={"exact": exact})} for exact in (True, False, True)]
        self.assertEqual(table.notes_of(rounds, "bpf", [r["bpf"] for r in rounds], False), ["NOT exact"])

    def test_between_markers(self):
        text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
        self.assertEqual(table.put_between_markers(text, "new\n"), f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n")
        with self.assertRaises(ValueError):
            table.put_between_markers("nothing", "new")


class Reading(unittest.TestCase):
    def read(self, tool, **files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                with open(os.path.join(folder, name.replace("__", ".")), "w") as file:
                    file.write(text)
            return tool.read(folder)

    def test_strace(self):
        counts = (" 72.65    0.000247          61         4         2 clone\n  0.00    0.000000           0         2           vfork\n"
                  "  0.00    0.000000           0         9           execve\n100.00    0.000340           2       120         5 total\n")
        self.assertEqual(self.read(tools.Strace("", ""), counts=counts).processes, 5)

    def test_time(self):
        text = ("\tUser time (seconds): 1.25\n\tSystem time (seconds): 0.50\n"
                "\tElapsed (wall clock) time (h:mm:ss or m:ss): 0:02.00\n\tMaximum resident set size (kbytes): 2048\n")
        seen = self.read(tools.GnuTime("", ""), time=text)
        self.assertEqual((seen.cpu_s, seen.peak_bytes, seen.processes), (1.75, 2 << 20, None))

    def test_perf(self):
        summary = " Summary of events:\n\n sh (12), 118 events, 44.7%\n\n   wait4   4\n\n a b (13), 62 events, 23.5%\n"
        self.assertEqual(self.read(tools.PerfTrace("", ""), summary=summary).processes, 2)

    def test_bpftrace(self):
        self.assertEqual(self.read(tools.Bpftrace("", ""), counts="Attaching 1 probe...\n\n\n@exits: 574\n").processes, 574)

    def test_con_duct(self):
        usage = '{"processes": {"1": {}, "2": {}}}\n{"processes": {"2": {}, "3": {}}}\n'
        seen = self.read(tools.ConDuct("", ""), usage__jsonl=usage, info__json='{"execution_summary": {"peak_rss": 4096}}')
        self.assertEqual((seen.processes, seen.peak_bytes, seen.cpu_s), (3, 4096, None))

    def test_duct_bpf_that_cannot_know_all(self):
        seen = self.read(tools.DuctBpf("", "", "procfs", []), info__json='{"execution_summary": {"peak_rss": 1}, "tracer": {}}')
        self.assertEqual((seen.processes, seen.peak_bytes, seen.exact), (None, 1, None))


class Workloads(unittest.TestCase):
    def plan(self, machine, quick=False):
        with tempfile.TemporaryDirectory() as folder:
            return workloads.plan(quick, "/programs", bench.FIXTURE_SOURCES, folder, machine)

    def test_a_small_machine_gets_less_and_is_told(self):
        small = {w.name: w for w in self.plan(workloads.Machine(available_bytes=1 << 30, max_processes=1000))}
        self.assertEqual(small["pages-4k"].argv[1], "512")
        self.assertIn("512 MB in place of 2048", small["pages-4k"].note)
        self.assertEqual(small["idle"].argv[1], "500")
        self.assertEqual([w.note for w in self.plan(MACHINE) if w.note], [])

    def test_chosen(self):
        all_of_them = self.plan(MACHINE, quick=True)
        names = [w.name for w in workloads.chosen(all_of_them, ["spike", "true"])]
        self.assertEqual(names, ["true", "spike-one", "spike-turns", "spike-bursts"])
        self.assertEqual(workloads.chosen(all_of_them, []), all_of_them)
        with self.assertRaises(ValueError):
            workloads.chosen(all_of_them, ["spik"])

    def test_help_names_all(self):
        text = subprocess.run([sys.executable, "-B", BENCH, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        for workload in self.plan(MACHINE):
            self.assertIn(workload.name, text)


class SmallRun(unittest.TestCase):
    def test_whole_table(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.md")
            with open(page, "w") as file:
                file.write(f"above\n{table.BEGIN}\n{table.END}\nbelow\n")
            result = subprocess.run(
                [sys.executable, "-B", BENCH, "--build", BUILD, "--quick", "--rounds", "1", "--only", "true,spike,idle", "--tools", "bpf,procfs,time", "--output", page],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
            text = result.stdout.decode()
            with open(page) as file:
                self.assertEqual(file.read(), f"above\n{table.BEGIN}\n{text}{table.END}\nbelow\n")
            self.assertEqual([n for n in os.listdir(folder) if n != "page.md"], [])
        found = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
        self.assertEqual([len(cells) for cells in found], [len(table.COLUMNS)] * len(found), text)
        workloads_found = {cells[0].split("`")[1] for cells in found[1:]}
        self.assertEqual(workloads_found, {"true", "idle", "spike-one", "spike-turns", "spike-bursts"})
        for cells in found[1:]:
            if cells[1] == "duct-bpf":
                seen, true = cells[5].split(" / ")
                self.assertEqual(seen, true, cells)
                self.assertIn("exact", cells[-1])
                self.assertNotIn("NOT exact", cells[-1])

    def test_nothing_is_left_of_a_run_that_takes_too_long(self):
        bench.runner.adopt_orphans()
        endless = workloads.Workload("endless", "", ["/bin/sh", "-c", "setsid sleep 1000 & sleep 1000"], processes=3, limit_s=0.5)
        programs = os.path.join(BUILD, "tests", "bench", "programs")
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(bench.runner.Failed, "not over after"):
                bench.measure.measure(endless, tools.Bare(), programs, folder)
            self.assertEqual(os.listdir(folder), [])
        self.assertNotIn(os.getpid(), bench.runner.parents().values())

    def test_wrong_usage(self):
        for words in (["--rounds", "0"], ["--only", "nothing"], ["--tools", "hammer"], ["--output", BENCH]):
            result = subprocess.run([sys.executable, "-B", BENCH, "--build", BUILD, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, 2, words)
            self.assertEqual(result.stdout, b"", words)


if __name__ == "__main__":
    harness.main()
