# SPDX-License-Identifier: MIT
"""duct-log as a user calls it, on records of con-duct (con_duct_records/, written by con-duct 0.21; old is echo with an older schema) and of ours."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess

import harness
from log_harness import RECORDS, LogTest


class Ls(LogTest):
    def names(self, *words):
        return [os.path.basename(r["prefix"]) for r in json.loads(self.log("ls", "-f", "json", *words))]

    def test_con_duct_records(self):
        out = self.log("ls", RECORDS, warns="old_info.json: of a schema older than 0.2.0, skipped")
        lines = out.splitlines()
        self.assertEqual(len(lines), 9)
        self.assertEqual(lines[0].split(), ["prefix", "command", "exit_code", "wall_clock_time", "peak_rss"])
        self.assertTrue(all(len(line) <= 100 for line in lines))
        self.assertNotIn("\x1b", out)

    def test_values_are_those_of_the_record(self):
        rows = json.loads(self.log("ls", "-f", "json_pp", "-F", "exit_code", "peak_rss", "hostname", "gpu", "--", RECORDS, warns="old"))
        self.assertEqual(len(rows), 8)
        for row in rows:
            with open(row["prefix"] + "info.json") as file:
                info = json.load(file)
            self.assertEqual(list(row), ["prefix", "exit_code", "peak_rss", "hostname", "gpu"])
            self.assertEqual(row["exit_code"], info["execution_summary"]["exit_code"])
            self.assertEqual(row["peak_rss"], info["execution_summary"]["peak_rss"])
            self.assertEqual(row["hostname"], info["system"]["hostname"])

    def test_filter_sort_reverse(self):
        files = [os.path.join(RECORDS, n + "_info.json") for n in ("build", "failed", "killed", "spike")]
        self.assertEqual(self.names("-e", "exit_code != 0", *files), ["failed_", "killed_"])
        self.assertEqual(self.names("-e", "re.search('spi[k]e', prefix)", *files), ["spike_"])
        self.assertEqual(self.names("--sort", "peak_rss", *files)[-1], "spike_")
        self.assertEqual(self.names("--sort", "peak_rss", "--reverse", *files)[0], "spike_")
        self.assertEqual(self.names("--reverse", *files), ["spike_", "killed_", "failed_", "build_"])

    def test_wrong_expressions_are_usage_errors_before_any_file(self):
        for expression in ("exit_code =", "import os", "re.search('(', prefix)", "nonsense == 1"):
            self.log("ls", "-e", expression, status=2, warns="error")
        self.assertNotIn("not-there", self.log_run("ls", "-e", "(", "not-there").stderr)
        self.log("ls", "-F", "nonsense", status=2, warns="no record has a field 'nonsense'")
        self.log("ls", "-f", "xml", status=2, warns="error")

    def test_csv_and_yaml(self):
        path = os.path.join(RECORDS, "odd_info.json")
        with open(path) as file:
            command = json.load(file)["command"]
        header, row = csv.reader(io.StringIO(self.log("ls", "-f", "csv", path)))
        self.assertEqual(header, ["prefix", "command", "exit_code", "wall_clock_time", "peak_rss"])
        self.assertEqual(row[1], command.replace("\t", "\\t").replace("\x1b", "\\x1b"))
        yaml = self.log("ls", "-f", "yaml", path).splitlines()
        self.assertEqual(json.loads(yaml[1].split(": ", 1)[1]), command)
        self.assertEqual(yaml[2], "  exit_code: 0")

    def test_default_runs(self):
        self.write(".duct/logs/2026.01.01T00.00.00-1_info.json", self.text_of("echo_info.json"))
        self.write("mine/a_info.json", self.text_of("echo_info.json"))
        self.assertEqual(self.names(), ["2026.01.01T00.00.00-1_"])
        listed = self.log("ls", "-f", "json", env={"DUCT_OUTPUT_PREFIX": "mine/{pid}_"})
        self.assertEqual(json.loads(listed)[0]["prefix"], "mine/a_")
        self.write(".duct/logs/named_info.json", self.text_of("echo_info.json"))  # duct-bpf -p .duct/logs/named_
        self.assertEqual(self.names(), ["2026.01.01T00.00.00-1_", "named_"])
        self.write("info.json", self.text_of("echo_info.json"))
        self.assertEqual(json.loads(self.log("ls", "-f", "json", env={"DUCT_OUTPUT_PREFIX": ""}))[0]["prefix"], "")

    def test_env_files(self):
        """As duct-bpf reads them: where runs are recorded, they are found."""
        self.write(".duct/.env", "DUCT_OUTPUT_PREFIX='mine/{datetime}_'\n")
        self.write("other.env", "export DUCT_OUTPUT_PREFIX=other/{pid}-\n")
        self.write("broken.env", "DUCT_OUTPUT_PREFIX='open\n")
        self.write("mine/a_info.json", self.text_of("echo_info.json"))
        self.write("other/b-info.json", self.text_of("failed_info.json"))
        self.assertEqual(self.names(), ["a_"])
        self.assertIn("echo", self.log("show"))
        other = {"DUCT_CONFIG_PATHS": "other.env"}
        self.assertIn("other/b-", self.log("ls", env=other))
        self.assertIn("mine/a_", self.log("ls", env={**other, "DUCT_OUTPUT_PREFIX": "mine/{pid}_"}))
        self.assertIn("other/b-", self.log("ls", env={"DUCT_CONFIG_PATHS": "other.env:broken.env"}, warns="broken.env: skipped: line 1"))
        self.assertIn("Usage", self.log("--help", env={"DUCT_CONFIG_PATHS": "broken.env"}))

    def test_broken_files_are_skipped(self):
        for name, content in {"empty": b"", "cut": b'{"command": "a', "foreign": b'{"a": 1}', "list": b"[1]", "bytes": b"\xff\xfe\x00" * 99,
                              "deep": b"[" * 200000, "long": b"1" * 5_000_000, "huge": b'{"schema_version": "0.2.2", "execution_summary": {"peak_rss": 1e999}}',
                              "types": b'{"schema_version": "0.2.2", "execution_summary": [], "system": 1, "command": {}}'}.items():
            self.write(f"r/{name}_info.json", content)
        os.mkfifo(self.path("r/fifo_info.json"))
        os.symlink("nowhere", self.path("r/link_info.json"))
        run = self.log_run("ls", "-f", "csv", "r")
        self.assertEqual(run.status, 0)
        self.assertEqual([line.split(",")[0] for line in run.stdout.splitlines()], ["prefix", "r/types_"])
        self.assertEqual(len(run.stderr.splitlines()), 10, run.stderr)

    def test_bounded_memory(self):
        """Whatever is in a line: what is made of it stays far below what 30 MB of such values would take."""
        size = 30_000_000
        head = '{"schema_version": "0.2.2", "execution_summary": {"exit_code": 0'
        many = ",".join(f'"{i}": 0' for i in range(400_000))
        report = '{"timestamp": "2026-01-16T12:01:52+00:00", "num_samples": 1, "processes": {}, "x": ['
        for name, content in {"numbers_info.json": head + '}, "x": [' + "0," * (size // 2) + "0]}",
                              "keys_info.json": head + ', "": 0' * (size // 7) + "}}",
                              "names_info.json": head + ", " + many + "}}",
                              "reports_usage.jsonl": report + "[]," * (size // 3) + "0]}\n",
                              "words_processes.jsonl": '{"pid": 1, "start_time": 1, "argv": [' + '"",' * (size // 3) + '""]}\n'}.items():
            self.write(name, content)
            os.truncate(self.write("sparse_" + name.split("_")[1], ""), 1 << 30)  # a line of a gigabyte
        for words, warning in ((("ls", "numbers_info.json"), "numbers_info.json: more than a million values"), (("ls", "keys_info.json"), "more than"),
                               (("ls", "names_info.json"), None), (("by", "reports_"), "line 1: more than a million values, skipped"),
                               (("show", "words_"), "line 1: more than"), (("pp", "reports_usage.jsonl"), "more than"),
                               (("show", "sparse_"), "sparse_info.json: larger than a record can be"), (("pp", "sparse_usage.jsonl"), "cut off, skipped")):
            log = subprocess.Popen([self.LOG, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.dir, env=self.environment())
            said = log.stderr.read().decode()
            _, status, usage = os.wait4(log.pid, 0)
            log.returncode = os.waitstatus_to_exitcode(status)
            log.stderr.close()
            self.assertIn(log.returncode, (0, 1), said)
            self.assertIn(warning or "", said)
            if not harness.SANITIZED:
                self.assertLess(usage.ru_maxrss, 300 * 1024, words)

    def test_ten_thousand_runs(self):
        text = self.text_of("build_info.json")
        os.mkdir(self.path("many"))
        for i in range(10000):
            with open(self.path(f"many/r{i:05}_info.json"), "w") as file:
                file.write(text)
        before = harness.children_cpu()
        out = self.log("ls", "-e", "exit_code == 0", "many")
        took = harness.children_cpu() - before
        self.assertEqual(out.count("\n"), 10001)
        self.assertLess(took, 20 if harness.SANITIZED else 3, "s of CPU; 1 where nothing else runs")

    def test_colors(self):
        path = os.path.join(RECORDS, "failed_info.json")
        self.assertIn("\x1b[31m", self.log("--colors", "ls", path))
        self.assertIn("\x1b[31m", self.log("ls", "--colors", path, env={"NO_COLOR": "1"}))
        for variables, colored in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            master, slave = pty.openpty()
            env = self.environment(variables | {"PAGER": "cat"})
            subprocess.run([self.LOG, "ls", path], stdout=slave, env=env, check=True)
            os.close(slave)
            self.assertEqual(b"\x1b[31m" in os.read(master, 65536), colored, variables)
            os.close(master)

    def test_pager_only_on_a_terminal(self):
        path = os.path.join(RECORDS, "failed_info.json")
        env = {"PAGER": "sed s/^/paged:/"}
        self.assertNotIn("paged:", self.log("ls", path, env=env))
        for words, paged in (((), True), (("--no-pager",), False)):
            master, slave = pty.openpty()
            subprocess.run([self.LOG, *words, "ls", path], stdout=slave, env=self.environment(env), check=True)
            os.close(slave)
            self.assertEqual(b"paged:" in os.read(master, 65536), paged)
            os.close(master)


class Pp(LogTest):
    def test_the_same_data(self):
        for name in ("build_info.json", "odd_info.json"):
            self.assertEqual(json.loads(self.log("pp", os.path.join(RECORDS, name))), json.loads(self.text_of(name)))
        text = self.log("pp", os.path.join(RECORDS, "odd_usage.jsonl"))
        self.assertNotIn("\x1b", text)
        decoder, objects = json.JSONDecoder(), []
        while text.strip():
            value, end = decoder.raw_decode(text.lstrip())
            objects.append(value)
            text = text.lstrip()[end:]
        self.assertEqual(objects, [json.loads(line) for line in self.text_of("odd_usage.jsonl").splitlines()])

    def test_humanized(self):
        shown = json.loads(self.log("pp", "-H", os.path.join(RECORDS, "spike_info.json")))
        self.assertEqual(shown["execution_summary"]["peak_rss"], "525.1 MB")

    def test_what_is_no_record(self):
        self.log("pp", self.write("a.json", "{"), status=1, warns="not JSON")
        self.log("pp", "not-there", status=1, warns="No such file")
        self.log("pp", self.write("b.jsonl", "\n"), status=1, warns="no JSON in it")
        self.assertEqual(self.log("pp", self.write("c.jsonl", '{"a": 1}\nx\n'), warns="line 2").split(), ["{", '"a":', "1", "}"])


class Usage(LogTest):
    def test_help(self):
        commands = self.log("--help").split("Subcommands:")[1].splitlines()
        names = [line.split()[0] for line in commands if line.startswith("  ") and not line.startswith("   ")]
        self.assertIn("ls", names)
        for name in names:
            self.assertIn("Examples:\n  duct-log " + name, self.log(name, "--help"))
        self.assertRegex(self.log("--version"), r"^duct-log \d+\.\d+\.\d+(-dev\.\S+)?\n$")
        self.log(status=2, warns="duct-log --help")
        self.log("nonsense", status=2, warns="error")

    def test_wrong_words_are_named(self):
        echo = os.path.join(RECORDS, "echo_")
        for words, said, hint in ((["nonsense"], "'nonsense' is no subcommand", "duct-log --help"),
                                  (["ls", "--nonsense"], "--nonsense", "duct-log ls --help"),
                                  (["by", "--key", "x", echo], "--key: 'x' is none of depth, program, uid, words", "duct-log by --help"),
                                  (["by", "--key", "2", echo], "'2' is none of", "duct-log by --help"),
                                  (["by", "-n", "-1", echo], "--count: ", "duct-log by --help"),
                                  (["tree", "--depth", "-1", echo], "--depth: ", "duct-log tree --help"),
                                  (["tree", "--rows", "1e9", echo], "--rows: ", "duct-log tree --help"),
                                  (["--colors"], "subcommand", "duct-log --help")):
            run = self.log_run(*words)
            self.assertEqual((run.status, run.stdout), (2, ""), words)
            self.assertIn(said, run.stderr)
            self.assertIn("hint: " + hint, run.stderr)

    def test_no_run_here(self):
        """Where it looked for one is said."""
        self.assertEqual(json.loads(self.log("ls", "-f", "json", warns="no run at .duct/logs/*info.json")), [])
        for name in ("show", "tree", "by", "plot", "report", "baseline", "export", "audit"):
            self.log(name, status=1, warns="no run at .duct/logs/*info.json")
        self.log("show", status=1, warns="no run at mine/*info.json", env={"DUCT_OUTPUT_PREFIX": "mine/{pid}_"})

    def test_a_full_disk_is_said(self):
        with open("/dev/full", "w") as full:
            run = subprocess.run([self.LOG, "ls", RECORDS], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot be written", run.stderr)

    def test_a_reader_that_goes_away(self):
        read, write = os.pipe()
        os.close(read)
        run = subprocess.run([self.LOG, "ls", os.path.join(RECORDS, "echo_")], stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def test_needs_no_libbpf(self):
        linked = subprocess.run(["ldd", self.LOG], capture_output=True, text=True).stdout if shutil.which("ldd") else ""
        self.assertNotIn("libbpf", linked)


if __name__ == "__main__":
    harness.main(needs_bpf=False)
