# SPDX-License-Identifier: MIT
"""duct-log check, baseline and report: as a CI job uses them."""

import json
import os
import re
import statistics

import harness
from log_harness import RECORDS, LogTest
from made_records import process, write_run


def run_of(cpu=1.0, failed=(), **more):
    lines = [process(100, 1, 0, 10, ["make"], cpu_time=cpu, peak_rss=100 << 20)]
    lines += [process(101 + i, 100, 1, 2, ["cc1", f"{i}.c"], peak_rss=0, **how) for i, how in enumerate(failed)]
    return lines


class Check(LogTest):
    def check(self, holds, *words):
        return self.log("check", "r_", *words, status=0 if holds else 3)

    def test_limits_to_the_byte(self):
        write_run(self.path("r_"), run_of())
        for words, holds in ((("--max-peak-rss", "100M"), True), (("--max-peak-rss", str((100 << 20) - 1)), False), (("--max-cpu", "1"), True),
                             (("--max-cpu", "0.999s"), False), (("--max-wall", "1m"), True), (("--max-wall", "9.9"), False), (("--max-wall", "1h"), True),
                             (("--max-processes", "1"), True), (("--max-processes", "0"), False), (("--max-processes-at-once", "1"), True),
                             (("--max-peak-rss", "1G", "--max-cpu", "0.5"), False), (("--exact",), True), (("--no-failed",), True)):
            out = self.check(holds, *words)
            self.assertEqual("FAILS" in out, not holds, words)
        self.assertIn("not recorded", self.check(False, "--max-peak-pss", "99G"))

    def test_failed(self):
        killed = {"exit_code": None, "exit_signal": 11, "killed_by": {"pid": 3, "comm": "x\x1b[2J", "uid": 0}}
        write_run(self.path("r_"), run_of(failed=[{}, {"exit_code": 2}, killed]))
        out = self.check(False, "--no-failed")
        self.assertRegex(out, r"FAILS +failed processes +2 +0")
        self.assertRegex(out, r"holds +exit code +0 +0")
        self.assertIn("  failed (2): cc1 1.c", out)
        self.assertIn("  failed (SEGV by x\\x1b[2J (pid 3, uid 0)): cc1 2.c", out)
        write_run(self.path("r_"), run_of(), exit_code=1)
        self.assertRegex(self.check(False, "--no-failed"), r"FAILS +exit code +1 +0")
        write_run(self.path("r_"), run_of(), complete={"exact": False})
        self.check(False, "--exact")

    def test_what_was_lost_may_have_failed(self):
        for lost in ("lost_forks", "lost_exits"):
            write_run(self.path("r_"), run_of(), complete={lost: 1})
            self.assertRegex(self.check(False, "--no-failed"), r"FAILS +failed processes +0, some not recorded +0")
        write_run(self.path("r_"), run_of(), complete={"lost_argv": 1})
        self.check(True, "--no-failed")
        with open(self.path("r_processes.jsonl"), "a") as file:
            file.write('{"pid": 9, "start_ti')
        out = self.log("check", "r_", "--no-failed", status=3, warns="cut off")
        self.assertIn("0, some not recorded", out)

    def test_what_sampling_cannot_tell_does_not_hold(self):
        out = self.log("check", os.path.join(RECORDS, "build_"), "--no-failed", "--max-cpu", "1h", "--exact", status=3)
        self.assertEqual(out.count("not recorded"), 3)
        write_run(self.path("r_"), run_of(), sampler="procfs")
        self.assertIn("not recorded", self.check(False, "--no-failed"))

    def test_baseline(self):
        cpus = [1.0, 1.1, 0.9, 1.05]
        for i, cpu in enumerate(cpus):
            write_run(self.path(f"b/{i}_"), run_of(cpu))
        text = self.log("baseline", "b")
        cpu = json.loads(text)["metrics"]["cpu_time"]
        self.assertAlmostEqual(cpu["mean"], statistics.mean(cpus))
        self.assertAlmostEqual(cpu["deviation"], statistics.stdev(cpus))
        self.assertEqual((cpu["least"], cpu["most"], cpu["runs"]), (0.9, 1.1, 4))
        self.write("baseline.json", text)
        for seconds, tolerance, holds in ((1.1, "0%", True), (1.11, "5%", False), (1.11, "10%", True), (1.2, "10", False), (1.2, "20%", True), (0.1, "0", True)):
            write_run(self.path("r_"), run_of(seconds))
            out = self.check(holds, "--baseline", "baseline.json", "--tolerance", tolerance)
            self.assertRegex(out, r"CPU time +[0-9.]+ m?s \([+-]")
        write_run(self.path("r_"), run_of(1, failed=[{}]))
        self.assertRegex(self.check(False, "--baseline", "baseline.json"), r"FAILS +processes +2 \(\+100.0 %\)")

    def test_wrong_usage(self):
        write_run(self.path("r_"), run_of())
        for words in ((), ("--max-cpu", "x"), ("--max-peak-rss", "2X"), ("--max-peak-rss", "-1"), ("--max-wall", ""), ("--baseline", "r_info.json", "--tolerance", "a")):
            self.log("check", "r_", *words, status=2, warns="error")
        for content in ("", "{", "[]", "{}", '{"baseline_version": "1.0", "metrics": {"cpu_time": {}}}'):
            self.log("check", "r_", "--baseline", self.write("bad.json", content), status=1, warns="bad.json")
        self.write("cut_info.json", "{")
        self.log("check", "cut_", "--max-cpu", "1", status=1, warns="not JSON")
        self.log("baseline", "r_", "cut_", status=1, warns="not JSON")


class Markdown(LogTest):
    def test_one_screen(self):
        failed = [{"exit_code": 1 + i % 3} for i in range(40)]
        write_run(self.path("r_"), run_of(failed=failed))
        out = self.log("report", "--format", "markdown", "r_")
        self.assertLess(len(out.splitlines()), 30)
        self.assertTrue(out.startswith("### <code>make</code>: exit 0\n"))
        self.assertIn("**The command returned 0, but 40 processes below it failed**; the first:", out)
        self.assertIn("| 10.0 s | 1.00 s | - | 104.9 MB | - | 41 | 40 |", out)
        self.assertIn("Every process was seen, none lost.", out)
        columns = {line.count("|") for line in out.splitlines() if line.startswith("|")}
        self.assertLessEqual(columns, {4, 5, 8})

    def test_hostile_text_is_text(self):
        lines = run_of(failed=[{"exit_code": 1}])
        for line in lines:
            line["cmd"] = "<img src=x onerror=alert(1)> | `a` **b** [c](http://d) www.e.org @f #1 \x1b[31m \u202e &lt; \\| $x$ ~~y~~ \n# h"
        write_run(self.path("r_"), lines)
        out = self.log("report", "r_")
        shown = [m for m in re.findall(r"<code>(.*?)</code>", out)]
        self.assertEqual(len(shown), 4)
        for text in shown:
            self.assertNotRegex(re.sub(r"&#\d+;", "", text), r"[^\w /=,…-]")
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\n# h", out)

    def test_con_duct(self):
        out = self.log("report", os.path.join(RECORDS, "failed_"))
        self.assertIn("**exit 3**", out)
        self.assertIn("Sampled: what came and went", out)


if __name__ == "__main__":
    harness.main(needs_bpf=False)
