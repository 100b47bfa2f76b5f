# SPDX-License-Identifier: MIT
"""The HTML report in a real browser. The truth is what the records were made of, or what they say."""

import datetime
import os
import re
import sys
import time
import unittest

import browser
import harness
import log_harness
import made_builds


HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\u2028line\u2029separators",
    "control\x1b[31m\x07\x9b31mred",
    "\u202egnp.exe right to left",
    "'\"`${document.title='owned'}{{data}}{{nonce}}",
    "]]>&lt;b&gt;&amp;",
    "\ud800 half of a pair",
]


class HtmlReport(log_harness.LogTest):
    @classmethod
    def setUpClass(cls):
        cls.context = browser.browser()
        cls.browser = cls.context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def report(self, prefix, *options):
        """Writes the report and opens it; nothing is asked of a network, and the console stays empty."""
        page = self.path("report.html")
        self.assertEqual(self.log("report", "--format", "html", "-o", page, *options, prefix), "")
        self.addCleanup(self.assert_quiet)
        self.browser.requests()
        self.seconds = self.browser.open(page)
        return page

    def assert_quiet(self):
        self.assertEqual(self.browser.console(), [])
        self.assertEqual(self.browser.requests(), [])

    def made(self, lines, **more):
        return made_builds.write_run(self.path("run/x_"), lines, made_builds.info(lines, **more))

    def text(self, selector):
        return self.browser.script("return document.querySelector(arguments[0]).innerText", selector)

    def column(self, key, table="#process-table"):
        """What the rows in sight show in a column, from the top."""
        return self.browser.script(
            "const [table, key] = arguments; const box = document.querySelector(table);"
            "const at = [...box.querySelectorAll('th')].findIndex((head) => head.dataset.key === key);"
            "return [...box.querySelectorAll('tbody tr:not(.spacer)')].map((row) => row.cells[at].textContent)", table, key)

    def rows(self, table="#process-table"):
        return int(self.browser.script("return document.querySelector(arguments[0] + ' table').getAttribute('aria-rowcount')", table)) - 1

    def search(self, text):
        self.browser.type("#search", text)
        self.browser.pause(0.3)

    def drawn(self, selector):
        """Colours on a canvas."""
        return self.browser.script(
            "const canvas = document.querySelector(arguments[0]);"
            "const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);"
            "return new Set(pixels).size", selector)

    def test_what_the_records_say(self):
        lines = made_builds.many(300)
        self.report(self.made(lines))
        self.assertEqual(self.browser.script("return document.querySelector('h1').textContent"), "make -j4")
        tiles = self.text("#tiles").replace("\u00a0", " ")
        failed = sum(1 for line in lines if line["exit_code"])
        for expected in ("300", "315 MB", "105 MB physical", "Failed", "299 forks, 0 lost"):
            self.assertIn(expected, tiles)
        self.assertEqual(self.rows(), 300)
        for canvas in ("#cpu-chart canvas", "#memory-chart canvas", "#count-chart canvas", "#timeline canvas"):
            self.assertGreater(self.drawn(canvas), 3, canvas)
        self.assertGreater(failed, 0)
        self.assertEqual(self.rows("#failures"), failed)
        programs = self.column("name", "#programs")
        self.assertEqual(sorted(programs), sorted({os.path.basename(line["argv"][0]) for line in lines}))
        counts = dict(zip(programs, self.column("count", "#programs")))
        self.assertEqual(counts["cc1"], str(sum(1 for line in lines if line["argv"][0] == "/usr/bin/cc1")))

    def test_sort(self):
        lines = made_builds.many(300)
        self.report(self.made(lines))
        by_memory = [str(line["pid"]) for line in sorted(lines, key=lambda line: -line["peak_rss"])]
        self.browser.click("#process-table th[data-key=rss] button")
        self.assertEqual(self.column("pid")[:10], by_memory[:10])
        self.browser.click("#process-table th[data-key=rss] button")
        self.assertEqual(self.column("pid")[:10], by_memory[::-1][:10])
        self.browser.click("#process-table th[data-key=command] button")
        self.assertEqual(self.column("command")[:5], sorted(line["cmd"] for line in lines)[:5])
        self.assertEqual(self.browser.script("return document.querySelector('#process-table th[data-key=command]').ariaSort"), "ascending")

    def test_search(self):
        lines = made_builds.many(300)
        self.report(self.made(lines))
        for query, found in (("unit-12", [line for line in lines if "unit-12" in line["cmd"]]),
                             ("CC1 unit-2", [line for line in lines if "cc1" in line["cmd"] and "unit-2" in line["cmd"]]),
                             (r"/unit-\d\.c$/", [line for line in lines if re.search(r"unit-\d\.c$", line["cmd"])]),
                             ("failed", [line for line in lines if line["exit_code"]]),
                             ("no such thing", [])):
            self.search(query)
            self.assertEqual(self.rows(), len(found), query)
            self.assertEqual(set(self.column("command")) - {line["cmd"] for line in found}, set(), query)
            self.assertIn(f"{len(found)} of 300", self.text("#matches"))
        self.search("/(/")
        self.assertIn("not a regular expression", self.text("#matches"))
        self.search("")
        self.assertEqual(self.rows(), 300)

    def canvas_place(self, number_of_row, part):
        """Where on the window a row of the timeline is, `part` of its way from left to right."""
        self.browser.script("document.getElementById('timeline').scrollIntoView({block: 'center'})")
        left, top, width = self.browser.script("const box = document.querySelector('#timeline canvas').getBoundingClientRect(); return [box.left, box.top, box.width]")
        return left + 74 + (width - 74 - 30) * part, top + 20 + 3 + 17 * number_of_row + 7

    def test_a_row_each(self):
        """The rows are those of the tree, a child behind its parent, and with a search what it finds."""
        lines = [made_builds.command(10), made_builds.process(1, 1, 9, argv=["first"]), made_builds.process(2, 2, 8, argv=["second"]),
                 made_builds.process(3, 3, 7, argv=["child"], ppid=1001)]
        self.report(self.made(lines))
        self.browser.script("const rows = document.getElementById('lanes'); rows.value = 'tree'; rows.dispatchEvent(new Event('change'))")
        for row, name in enumerate(("make", "first", "child", "second")):
            self.browser.pointer(("move", *self.canvas_place(row, 0.5)))
            self.assertIn(name, self.text("#tooltip .cmd"))
        self.search("second")
        self.browser.pointer(("move", *self.canvas_place(0, 0.5)))
        self.assertIn("second", self.text("#tooltip .cmd"))

    def test_timeline(self):
        lines = [made_builds.command(10), made_builds.process(1, 1, 4, argv=["first"]), made_builds.process(2, 5, 9, argv=["second"], exit_code=3)]
        self.report(self.made(lines))
        self.browser.pointer(("move", *self.canvas_place(1, 0.25)))
        tooltip = self.text("#tooltip")
        for expected in ("first", "1001, child of 1000", "3.00 s, from 1.00 s to 4.00 s", "1.50 s (50.0 %)", "1.05 MB"):
            self.assertIn(expected, tooltip)
        self.browser.pointer(("move", *self.canvas_place(1, 0.7)))
        self.assertIn("second", self.text("#tooltip"))
        place = self.canvas_place(1, 0.7)
        self.browser.pointer(("move", *place), ("down",), ("up",))
        self.assertIn("second", self.text("#detail"))
        self.assertEqual(self.text("#process-table tr.chosen td"), "1002")
        # Drag: what is between is the view, in the charts too; a double click shows all again.
        x, y = self.canvas_place(1, 0.5)
        right = self.canvas_place(1, 0.9)[0]
        self.browser.pointer(("move", x, y), ("down",), ("move", (x + right) / 2, y), ("move", right, y), ("up",))
        found = [float(number) for number in re.findall(r"[\d.]+", self.text("#range"))]
        for value, expected in zip(found, (5, 9, 4)):
            self.assertAlmostEqual(value, expected, delta=0.05)
        self.browser.click("#zoom-reset")
        self.assertEqual(self.text("#range"), "")

    def test_hostile_text(self):
        words = ["tool", *HOSTILE]
        lines = [made_builds.command(2, cmd="make " + HOSTILE[0], argv=["make", HOSTILE[0]]),
                 made_builds.process(1, 0.5, 1, argv=words, exe=HOSTILE[0], exit_code=1), made_builds.process(2, 0.5, 1, argv=["/bin/" + HOSTILE[2]])]
        page = self.report(self.made(lines, message=HOSTILE[2] + HOSTILE[3], env={"SLURM_JOB_NAME": HOSTILE[0]},
                                     system={"cpu_total": 2, "memory_total": 1 << 30, "hostname": HOSTILE[1], "uid": 0, "user": HOSTILE[0]}))
        with open(page, "rb") as file:
            content = file.read()
        self.assertNotIn(b"\x1b", content)
        self.assertNotIn(b"<img", content)
        self.assertNotIn("\u2028".encode(), content)
        self.assertEqual(len(re.findall(rb"<script", content)), 2)
        self.assertNotIn("owned", self.browser.script("return document.title").split("'")[0])
        self.assertEqual(self.browser.script("return document.querySelectorAll('img, b.x, iframe, script:not([nonce]):not(#data)').length"), 0)
        self.search("/half of a pair/")
        self.browser.click("#process-table tr.pick td")
        detail = self.text("#detail .argv")
        for shown in ("</script><script>document.title=", "<!--<script>", "<img src=x onerror=", "\\u{2028}line\\u{2029}separators",
                      "control\\x1b[31m\\x07\\x9b31mred", "\\u{202e}gnp.exe", "{{data}}{{nonce}}", "]]>&lt;b&gt;&amp;", "\ufffd half of a pair"):
            self.assertIn(shown, detail)
        self.assertIn("</script><script>", self.text("h1"))
        self.assertIn("<img src=x", self.text("#message"))
        self.assertIn("</script>", self.text("#run"))
        self.assertTrue(self.browser.script("return document.title").startswith("make </script><script>"))

    @unittest.skipIf(harness.missing_requirement(), "BPF cannot work here")
    def test_hostile_arguments_of_a_real_run(self):
        """Recorded by duct-bpf, with bytes that are no UTF-8 among them."""
        words = [os.fsencode(word) for word in HOSTILE if "\ud800" not in word] + [b"\xff\xfe bytes \x80", b"--"]
        run = self.exact("/bin/echo", *words)
        self.report(run.path(""))
        self.assertEqual(self.column("pid"), [str(run.processes[0]["pid"])])
        self.browser.click("#process-table tr.pick td")
        detail = self.text("#detail .argv")
        for shown in ("</script><script>document.title=", "<!--<script>", "\\u{2028}line", "\\u{202e}gnp.exe", "\ufffd\ufffd bytes \ufffd", "{{data}}{{nonce}}"):
            self.assertIn(shown, detail)
        self.assertTrue(self.browser.script("return document.title").startswith("/bin/echo </script>"))

    def test_script_that_got_in_would_not_run(self):
        """The page's policy, tried by hand: a script and a handler without the page's own number do nothing."""
        self.report(self.made(made_builds.many(10)))
        self.browser.script("const script = document.createElement('div'); script.innerHTML = `<img src=x onerror=\"document.title='owned'\">`;"
                            "document.body.append(script); const other = document.createElement('script'); other.textContent = \"document.title='owned'\";"
                            "document.body.append(other)")
        said = []
        self.wait_for(lambda: said.extend(self.browser.console()) or str(said).count("Content Security Policy") >= 2, "both refused")
        self.browser.pause(0.3)
        self.assertNotEqual(self.browser.script("return document.title"), "owned")

    def test_fifty_thousand(self):
        lines = made_builds.many(50_000)
        page = self.report(self.made(lines))
        size = os.path.getsize(page)
        print(f"50,000 processes: {size / 1e6:.1f} MB, ready after {self.seconds:.2f} s", file=sys.stderr)
        self.assertLess(size, 20e6)
        self.assertLess(self.seconds, 100, "2 where nothing else runs")
        self.assertEqual(self.rows(), 50_000)
        self.assertLess(self.browser.script("return document.querySelectorAll('tr').length"), 1000)
        started = time.monotonic()
        self.browser.click("#process-table th[data-key=cpu] button")
        self.browser.click("#process-table th[data-key=cpu] button")
        self.assertLess(time.monotonic() - started, 60, "less than one where nothing else runs")
        longest = sorted(lines, key=lambda line: -line["cpu_time"])
        self.assertEqual(self.column("pid")[:20], [str(line["pid"]) for line in longest[:20]])
        self.browser.script("document.querySelector('#process-table .table').scrollTop = 25000 * 28")
        self.browser.pause(0.3)
        self.assertIn(str(longest[25_005]["pid"]), self.column("pid"))
        self.search("unit-4999")
        self.assertEqual(self.rows(), sum("unit-4999" in line["cmd"] for line in lines))

    def test_more_than_are_shown(self):
        lines = made_builds.many(1000)
        self.report(self.made(lines), "--max-processes", "100")
        self.assertEqual(self.rows(), 100)
        self.assertIn("100 of 1,000 processes", self.text("#notices"))
        longest = max(lines[1:], key=lambda line: line["cpu_time"])
        self.search(str(longest["pid"]))
        self.assertIn(str(longest["pid"]), self.column("pid"))
        self.assertEqual(sum(int(count) for count in self.column("count", "#programs")), 1000)

    def test_records_of_con_duct(self):
        """Samples alone: what is not known is said to be so."""
        stamp = [datetime.datetime.fromtimestamp(made_builds.START + second, datetime.timezone.utc).isoformat() for second in (1, 2, 3)]
        usage = [{"timestamp": time_, "num_samples": 1, "processes": {"77": {"pcpu": 50.0, "pmem": 0.1, "rss": (number + 1) << 20, "vsz": 1 << 22, "timestamp": time_,
                  "etime": f"00:0{number + 1}", "stat": {"S": 1}, "cmd": "sleeper <b>"}}, "totals": {"pmem": 0.1, "pcpu": 50.0, "rss": (number + 1) << 20, "vsz": 1 << 22},
                  "averages": {"rss": 1e6, "vsz": 1e6, "pmem": 0.1, "pcpu": 50.0, "num_samples": 1}} for number, time_ in enumerate(stamp)]
        record = made_builds.info([made_builds.command(3)], summary={key: None for key in ("num_processes", "max_processes", "num_failed", "cpu_time", "peak_rss_time", "peak_pss", "peak_rss_processes")})
        for ours in ("tracer", "completeness", "record_version"):
            del record[ours]
        self.report(made_builds.write_run(self.path("run/c_"), None, record, usage))
        self.assertEqual(self.column("pid"), ["77"])
        self.assertEqual(self.column("command"), ["sleeper <b>"])
        self.assertIn("unknown", self.text("#tiles"))
        self.assertIn("not recorded", self.text("#failures"))
        self.assertGreater(self.drawn("#memory-chart canvas"), 3)

    def test_nothing_recorded(self):
        """No process, no report: a page that says so."""
        prefix = made_builds.write_run(self.path("run/n_"), [], made_builds.info([made_builds.command(1)], summary={"peak_rss_processes": []}), [])
        self.report(prefix)
        self.assertIn("No process is recorded", self.text("#timeline-section"))
        self.assertIn("No CPU times are recorded", self.text("#cpu-chart"))


if __name__ == "__main__":
    if why := browser.missing():
        print(f"no browser to test with: {why}", file=sys.stderr)
        sys.exit(1 if os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1" else 77)
    harness.main(needs_bpf=False)
