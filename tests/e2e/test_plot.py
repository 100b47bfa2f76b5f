# SPDX-License-Identifier: MIT
"""duct-log plot: pictures and the terminal. Pictures are judged by what their own format says, not by eye."""

import datetime
import os
import re
import struct
import sys
import unittest
import xml.etree.ElementTree as ElementTree
import zlib

import harness
import log_harness
import made_builds

SVG = "{http://www.w3.org/2000/svg}"
BLOCKS = "▁▂▃▄▅▆▇█"


def pixels(path):
    """Width, height and how many colours a PNG has, by unpacking it (8 bits a channel, no interlacing)."""
    with open(path, "rb") as file:
        content = file.read()
    assert content[:8] == b"\x89PNG\r\n\x1a\n", content[:8]
    at, data, header = 8, b"", None
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        chunk = content[at + 8 : at + 8 + size]
        header = struct.unpack(">IIBBBBB", chunk) if kind == b"IHDR" else header
        data += chunk if kind == b"IDAT" else b""
        at += size + 12
    return header[0], header[1], len(set(zlib.decompress(data)))


class Plot(log_harness.LogTest):
    def made(self, lines, **more):
        return made_builds.write_run(self.path("run/p_"), lines, made_builds.info(lines, **more))

    def usage(self, *reports):
        """con-duct's reports of one process: (second, pcpu, rss)."""
        lines = []
        for second, pcpu, rss in reports:
            stamp = datetime.datetime.fromtimestamp(made_builds.START + second, datetime.timezone.utc).isoformat()
            totals = {"pmem": 0.1, "pcpu": pcpu, "rss": rss, "vsz": rss}
            seen = {**totals, "timestamp": stamp, "etime": "%02d:%02d" % divmod(second, 60), "stat": {"R": 1}, "cmd": "worker --fast"}
            lines.append({"timestamp": stamp, "num_samples": 1, "processes": {"77": seen}, "totals": totals, "averages": {**totals, "num_samples": 1}})
        return lines

    def texts(self, path):
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, SVG + "svg")
        self.assertEqual([e.tag for e in root.iter() if e.tag in (SVG + "script", SVG + "a", SVG + "image", SVG + "foreignObject")], [])
        return ["".join(e.itertext()).strip() for e in root.iter(SVG + "text")]

    def test_png(self):
        picture = self.path("p.png")
        self.log("plot", "-o", picture, self.made(made_builds.many(200)))
        width, height, colours = pixels(picture)
        self.assertGreater(width, 800)
        self.assertGreater(height, 500)
        self.assertGreater(colours, 20)

    def test_svg_says_what_it_shows(self):
        lines = [made_builds.command(10), made_builds.process(1, 1, 4, argv=["/usr/bin/first"], peak_rss=200 << 20), made_builds.process(2, 5, 9, argv=["second"])]
        picture = self.path("p.svg")
        self.log("plot", "-o", picture, self.made(lines))
        texts = self.texts(picture)
        for expected in ("make -j4", "CPU (%)", "Memory, RSS (MB)", "Processes", "time (s)", "peak 314.6 MB", "first 1001", "second 1002", "host’s memory, 17.2 GB"):
            self.assertIn(expected, texts)

    def test_host_memory_is_a_line_where_it_is_near(self):
        lines = made_builds.many(20)
        near = self.path("near.svg")
        system = {"cpu_total": 2, "memory_total": 400 << 20, "hostname": "h", "uid": 0, "user": "u"}
        self.log("plot", "-o", near, self.made(lines, system=system))
        self.assertIn("400", self.texts(near))  # on the axis: it goes beyond the host's 419 MB

    def test_units_by_ratio(self):
        lines = [made_builds.command(150)]
        prefix = self.made(lines, summary={"peak_rss": 2_500_000_000})
        for ratio, time, memory in (("3", "time (s)", "Memory, RSS (MB)"), ("2", "time (min)", "Memory, RSS (GB)"), ("-1", "time (s)", "Memory, RSS (B)")):
            picture = self.path("u.svg")
            self.log("plot", "--min-ratio", ratio, "-o", picture, prefix)
            texts = self.texts(picture)
            self.assertIn(time, texts, ratio)
            self.assertIn(memory, texts, ratio)

    def test_hostile_names(self):
        """Text from records is text: no command of gnuplot, of a shell, or of its markup."""
        mark = self.path("mark")
        names = [f"'; system('touch {mark}') #", f"`touch {mark}`", f'".system("touch {mark}")."', "a_b^c{/Bold x}@d", "<script>alert(1)</script>&amp;",
                 "%s%n%d", f"\n!touch {mark}\n", f"x\\n' ; !touch {mark}", "$(id)", "EOD", "\x1b[31mred", "\u202eabc"]
        lines = [made_builds.command(10, argv=["make", names[0] + names[1]])]
        lines += [made_builds.process(i + 1, i, i + 5, argv=[name.replace("/", "\u2215") if "script" not in name else name], exe="/x") for i, name in enumerate(names)]
        shown = []
        for some in (lines[:1] + lines[1:7], lines[:1] + lines[7:]):
            for name in ("h.svg", "h.png"):
                self.log("plot", "--largest", "8", "-o", self.path(name), self.made(some))
            shown += self.texts(self.path("h.svg"))
        self.assertFalse(os.path.exists(mark))
        self.assertFalse([name for name in os.listdir(self.dir) if "mark" in name])
        for expected in ("a_b^c{\u2215Bold x}@d 1004", "script>&amp; 1005", "%s%n%d 1006", "$(id) 1009", "EOD 1010", "\\x1b[31mred 1011", "\\u{202e}abc 1012"):
            self.assertIn(expected, shown)
        self.assertTrue(any(text.startswith("make ’; system(’touch") for text in shown))
        printed = self.log("plot", "--largest", "8", self.made(lines))
        self.assertNotIn("\x1b", printed)
        self.assertNotIn("\u202e", printed)

    def test_file_names_that_mean_something_to_gnuplot(self):
        picture = os.path.join(self.dir, "|touch mark; cat '\"`.svg")
        self.log("plot", "-o", picture, self.made(made_builds.many(5)))
        self.assertTrue(self.texts(picture))
        self.assertNotIn("mark", os.listdir(self.dir))

    def test_the_users_gnuplot_settings_are_not_read(self):
        self.write(".gnuplot", f"system('touch {self.path('mark')}')\n")
        self.log("plot", "-o", self.path("s.svg"), self.made(made_builds.many(5)))
        self.assertFalse(os.path.exists(self.path("mark")))

    def test_without_gnuplot(self):
        os.mkdir(self.path("bin"))
        printed = self.log("plot", "-o", self.path("p.png"), self.made(made_builds.many(5)), status=1, env={"PATH": self.path("bin")}, warns="gnuplot-nox")
        self.assertEqual(printed, "")
        self.assertFalse(os.path.exists(self.path("p.png")))
        self.assertIn("Memory", self.log("plot", self.made(made_builds.many(5)), env={"PATH": self.path("bin")}))

    def test_wrong_names(self):
        self.log("plot", "-o", self.path("p.jpeg"), self.made(made_builds.many(5)), status=2, warns="end it in .png or .svg")
        self.log("plot", self.path("nothing_"), status=1, warns="no such run")

    def panels(self, printed):
        """The rows of blocks of each panel, by the word it begins with."""
        found, title = {}, None
        for line in printed.splitlines():
            if line.split("  ")[0] in ("CPU", "Memory", "Processes"):
                title = line.split("  ")[0]
                found[title] = []
            elif "│" in line or "┤" in line:
                found[title].append(line)
        return found

    def test_terminal(self):
        """Half of the time one CPU is busy, then four; memory and processes as well."""
        lines = [made_builds.command(10, cpu_time=0, peak_rss=10_000_000)]
        lines += [made_builds.process(i, 5, 10, cpu_time=5, peak_rss=90_000_000) for i in range(1, 5)]
        prefix = self.made(lines, summary={"peak_rss": 370_000_000, "peak_rss_time": made_builds.START + 7.5})
        printed = self.log("plot", prefix, env={"COLUMNS": "111"})
        panels = self.panels(printed)
        self.assertEqual(list(panels), ["CPU", "Memory", "Processes"])
        self.assertIn("400 %", panels["CPU"][0])
        self.assertIn("400 MB", panels["Memory"][0])
        self.assertIn("5", panels["Processes"][0])
        for title in ("CPU", "Processes"):
            top = re.split("[│┤]", panels[title][0])[1]
            self.assertEqual((top[:48].strip(), set(top[52:])), ("", {"█"}), title)
        peak = [line.index("◆") for line in panels["Memory"] if "◆" in line]
        self.assertEqual(len(peak), 1)
        self.assertAlmostEqual(peak[0] - 10, 75, delta=1)
        self.assertIn("peak 370.0 MB at 7.50 s", printed)
        self.assertLessEqual(max(len(line) for line in printed.splitlines()), 111)

    def test_modes_of_cpu(self):
        """A worker that is idle for 50 s and then busy for 10: as ps has it 17 %, between the reports 100 %."""
        record = made_builds.info([made_builds.command(60)])
        for ours in ("tracer", "completeness", "record_version"):
            del record[ours]
        prefix = made_builds.write_run(self.path("run/m_"), None, record, self.usage((50, 0.0, 10 << 20), (60, 16.667, 20 << 20)))
        for mode, top in (("ps-pcpu", "20 %"), ("ps-cpu-timepoint", "100 %"), ("auto", "100 %")):
            self.assertIn(top, self.panels(self.log("plot", "--cpu", mode, prefix))["CPU"][0], mode)
        self.log("plot", "--cpu", "guess", prefix, status=2, warns="guess")

    def test_nothing_to_plot(self):
        record = made_builds.info([made_builds.command(1)])
        self.log("plot", made_builds.write_run(self.path("run/e_"), None, record, None), status=1, warns="nothing over time is recorded")


if __name__ == "__main__":
    harness.main(needs_bpf=False)
