# SPDX-License-Identifier: MIT
"""duct-log export. Traces are checked by the rules of the Trace Event Format document, csv by Python's reader."""

import csv
import io
import json
import math
import os

import harness
import log_harness
import made_builds

HOSTILE = ["tool", "a,b\"c", "line\nbreak", "\x1b[31m", "\u202e\u2028", "</script>", "\ud800", "=cmd|' /C calc'!A0"]
METADATA = {"process_name": str, "process_labels": str, "process_sort_index": int, "thread_name": str, "thread_sort_index": int}
COLOURS = {"good", "bad", "terrible", "generic_work"}


class Export(log_harness.LogTest):
    def made(self, lines, **more):
        usage = more.pop("usage", None)
        return made_builds.write_run(self.path("run/e_"), lines, made_builds.info(lines, **more), usage)

    def check_event(self, event):
        """What the document asks of each kind of event."""
        self.assertIsInstance(event["name"], str)
        self.assertIsInstance(event["pid"], int)
        self.assertGreaterEqual(event["ts"], 0)
        self.assertTrue(math.isfinite(event["ts"]))
        kind = event["ph"]
        if kind == "X":
            self.assertGreaterEqual(event["dur"], 0)
            self.assertIsInstance(event["tid"], int)
            self.assertIsInstance(event["cat"], str)
            self.assertIsInstance(event["args"], dict)
            self.assertIn(event.get("cname", "good"), COLOURS)
        elif kind == "C":
            self.assertTrue(event["args"])
            for value in event["args"].values():
                self.assertIsInstance(value, (int, float))
        elif kind == "M":
            self.assertIsInstance(next(iter(event["args"].values())), METADATA[event["name"]])
            self.assertEqual(list(event["args"]), ["sort_index" if event["name"].endswith("sort_index") else "name"])
        elif kind == "i":
            self.assertIn(event["s"], ("g", "p", "t"))
        else:
            self.fail(f"unexpected event: {event}")

    def trace(self, prefix):
        trace = json.loads(self.log("export", "--format", "trace", prefix))
        self.assertIn(trace["displayTimeUnit"], ("ms", "ns"))
        for event in trace["traceEvents"]:
            self.check_event(event)
        return trace["traceEvents"]

    def test_trace(self):
        lines = made_builds.many(200)
        events = self.trace(self.made(lines))
        slices = {event["tid"]: event for event in events if event["ph"] == "X"}
        self.assertEqual(len(slices), 200)
        self.assertEqual(sum(event["ph"] == "X" for event in events), 200)
        for line in lines:
            event = slices[line["pid"]]
            self.assertAlmostEqual(event["ts"], (line["start_time"] - made_builds.START) * 1e6, delta=1.5)
            self.assertAlmostEqual(event["dur"], line["wall_time"] * 1e6, delta=2.5)
            self.assertEqual(event["name"], os.path.basename(line["argv"][0]))
            self.assertEqual(event["cat"].endswith("failed"), line["exit_code"] != 0)
            for key in ("pid", "ppid", "cmd", "cpu_time", "peak_rss", "exit_code", "depth", "minor_faults"):
                self.assertEqual(event["args"][key], line[key])
        names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        self.assertEqual(names[1001], f"{os.path.basename(lines[1]['argv'][0])} 1001")
        self.assertEqual([event["args"]["name"] for event in events if event["name"] == "process_name"], ["make -j4"])
        self.assertEqual({event["pid"] for event in events}, {made_builds.COMMAND})

    def test_tracks(self):
        """One of each process, by when they began, also where a pid is used again."""
        begins = {"late": 8, "first": 1, "second": 3}
        lines = [made_builds.process(7, at, at + 1, argv=[name]) for name, at in begins.items()] + [made_builds.command(10)]
        events = self.trace(self.made(lines))
        names = {event["tid"]: event["args"]["name"].split()[0] for event in events if event["name"] == "thread_name"}
        places = {event["args"]["sort_index"]: names[event["tid"]] for event in events if event["name"] == "thread_sort_index"}
        self.assertEqual([places[place] for place in sorted(places)], ["make", "first", "second", "late"])
        slices = [event for event in events if event["ph"] == "X"]
        self.assertEqual({event["tid"]: event["name"] for event in slices}, names)
        self.assertEqual([event["args"]["pid"] for event in slices], [1007] * 3 + [made_builds.COMMAND])

    def test_counters(self):
        """Two processes half the time: their CPU, memory and number, as they were made."""
        lines = [made_builds.command(10, cpu_time=0, peak_rss=1 << 20), made_builds.process(1, 4, 6, cpu_time=2, peak_rss=2 << 20)]
        counters = {}
        for event in self.trace(self.made(lines, summary={"peak_rss": 100 << 20})):
            if event["ph"] == "C":
                counters.setdefault(event["name"], []).append((event["ts"] / 1e6, event["args"]["value"]))
        self.assertEqual(sorted(counters), ["CPU (%)", "Memory (bytes), at most", "Processes"])
        for name, low, high in (("CPU (%)", 0, 100), ("Memory (bytes), at most", 1 << 20, 3 << 20), ("Processes", 1, 2)):
            values = counters[name]
            self.assertEqual([value for _, value in values], [low, high, low], name)
            for (at, _), expected in zip(values, (0, 4, 6)):
                self.assertAlmostEqual(at, expected, delta=0.02)
        times = [time for values in counters.values() for time, _ in values]
        self.assertLessEqual(max(times), 10)

    def test_hostile_text(self):
        lines = [made_builds.command(2), made_builds.process(1, 0, 1, argv=HOSTILE)]
        prefix = self.made(lines)
        event = [event for event in self.trace(prefix) if event.get("tid") == 1001 and event["ph"] == "X"][0]
        self.assertEqual(event["args"]["cmd"], " ".join(HOSTILE).replace("\ud800", "\ufffd"))
        for arguments in (["trace"], ["json"], ["csv"]):
            printed = self.log("export", "--format", *arguments, prefix)
            self.assertNotIn("\x1b", printed)
            self.assertNotIn("\u202e", printed)
        rows = list(csv.DictReader(io.StringIO(self.log("export", "--format", "csv", prefix))))
        self.assertEqual(len(rows), 2)
        self.assertEqual(rows[1]["cmd"], "tool a,b\"c line\\nbreak \\x1b[31m \\u{202e}\\u{2028} </script> \ufffd =cmd|' /C calc'!A0")

    def test_csv_of_processes(self):
        lines = made_builds.many(50)
        lines[7].pop("exit_code")
        lines[7]["exit_signal"] = 9
        rows = list(csv.DictReader(io.StringIO(self.log("export", "--format", "csv", self.made(lines)))))
        self.assertEqual(len(rows), 50)
        for row, line in zip(rows, lines):
            for key in ("pid", "ppid", "cpu_time", "peak_rss", "exit_code", "exit_signal", "cmd", "wall_time"):
                if key not in line:
                    self.assertEqual(row[key], "", key)
                elif isinstance(line[key], str):
                    self.assertEqual(row[key], line[key])
                else:
                    self.assertEqual(float(row[key]), line[key], key)

    def reports(self):
        return [{"timestamp": f"2027-01-15T08:00:0{number}.000000+00:00", "num_samples": 2,
                 "processes": {"7": {"pcpu": 50.0, "pmem": 0.5, "rss": 1000 * number, "vsz": 5000, "timestamp": f"2027-01-15T08:00:0{number}.000000+00:00",
                                     "etime": f"00:0{number}", "stat": {"S": 1}, "cmd": "x, y"}},
                 "totals": {"pmem": 0.5, "pcpu": 50.0, "rss": 1000 * number, "vsz": 5000}, "averages": {"pmem": 0.4, "pcpu": 40.0, "rss": 900.0, "vsz": 4000.0, "num_samples": 2}}
                for number in (1, 2)]

    def test_csv_of_samples_and_reports(self):
        prefix = made_builds.write_run(self.path("run/c_"), None, made_builds.info([made_builds.command(3)]), self.reports())
        rows = list(csv.DictReader(io.StringIO(self.log("export", "--format", "csv", "--rows", "samples", prefix))))
        self.assertEqual([(row["pid"], float(row["rss"]), row["cmd"], row["pss"]) for row in rows], [("7", 1000, "x, y", ""), ("7", 2000, "x, y", "")])
        rows = list(csv.DictReader(io.StringIO(self.log("export", "--format", "csv", "--rows", "reports", prefix))))
        self.assertEqual([(float(row["total_rss"]), float(row["average_pcpu"]), row["total_processes"]) for row in rows], [(1000, 40, ""), (2000, 40, "")])
        self.assertAlmostEqual(float(rows[1]["time"]) - float(rows[0]["time"]), 1)

    def test_json_is_what_the_files_hold(self):
        lines = made_builds.many(20)
        prefix = self.made(lines, usage=self.reports())
        out = self.path("run.json")
        self.assertEqual(self.log("export", "--format", "json", "-o", out, prefix), "")
        with open(out) as file:
            whole = json.load(file)
        self.assertEqual(whole["processes"], lines)
        self.assertEqual(whole["reports"], self.reports())
        with open(prefix + "info.json") as file:
            self.assertEqual(whole["info"], json.load(file))

    def test_records_of_con_duct(self):
        prefix = os.path.join(log_harness.RECORDS, "escape_")
        slices = [event for event in self.trace(prefix) if event["ph"] == "X"]
        self.assertEqual({str(event["args"]["pid"]) for event in slices}, {pid.split("#")[0] for line in self.text_of("escape_usage.jsonl").splitlines() for pid in json.loads(line)["processes"]})

    def test_a_broken_line_is_skipped(self):
        prefix = self.made(made_builds.many(5))
        with open(prefix + "processes.jsonl", "a") as file:
            file.write('{"pid": 99, "torn')
        for form in ("trace", "csv", "json"):
            printed = self.log("export", "--format", form, prefix, warns="skipped")
            self.assertNotIn("torn", printed)
            self.assertIn("unit-4.c", printed)

    def test_a_file_that_cannot_be_written(self):
        prefix = self.made(made_builds.many(5))
        self.log("export", "-o", self.path("no/such/dir.json"), prefix, status=1, warns="cannot be written")
        self.log("export", "-o", "/dev/full", prefix, status=1, warns="cannot be written")
        self.assertEqual(os.listdir(self.dir), ["run"])


if __name__ == "__main__":
    harness.main(needs_bpf=False)
