# SPDX-License-Identifier: MIT
"""action.yml: its steps, played as a runner plays them."""

import json
import os
import pwd
import re
import subprocess
import unittest

import yaml

import harness
import log_harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Action(log_harness.LogTest):
    def setUp(self):
        super().setUp()
        with open(os.path.join(TOP, "action.yml")) as file:
            self.action = yaml.safe_load(file)

    def evaluate(self, text, inputs):
        values = {**{f"inputs.{name}": value for name, value in inputs.items()}, "github.action_path": TOP}
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: values[found[1]], text)

    def play(self, inputs, user=None):
        """Runs all steps; stops at the first that fails. Returns its status, what was printed, the summary and the outputs."""
        for name, given in self.action["inputs"].items():
            if given.get("required"):
                self.assertIn(name, inputs)
        inputs = {**{name: str(given["default"]) for name, given in self.action["inputs"].items() if "default" in given}, **inputs}
        files = {name: self.write(name, "", 0o666) for name in ("summary", "output")}
        os.chmod(self.dir, 0o777)
        printed, status = "", 0
        path = f"{os.path.dirname(harness.BIN)}:{os.path.dirname(self.LOG)}:{os.environ['PATH']}"
        for step in self.action["runs"]["steps"]:
            self.assertEqual(step["shell"], "bash")
            env = self.environment({"PATH": path, "RUNNER_TEMP": self.dir, "GITHUB_STEP_SUMMARY": files["summary"], "GITHUB_OUTPUT": files["output"], "OF_THE_JOB": "here"})
            env.update({name: self.evaluate(value, inputs) for name, value in step.get("env", {}).items()})
            script = self.write("runner.sh", self.evaluate(step["run"], inputs))
            before = ["setpriv", "--reuid", str(user), "--clear-groups"] if user else []
            done = subprocess.run([*before, "bash", "--noprofile", "--norc", "-eo", "pipefail", script], env=env, capture_output=True, text=True,
                                  cwd=os.path.join(self.dir, self.evaluate(step.get("working-directory", "."), inputs)), timeout=harness.PATIENCE)
            printed, status = printed + done.stdout + done.stderr, done.returncode
            if status:
                break
        outputs = dict(line.split("=", 1) for line in self.text("output").splitlines())
        return status, printed, self.text("summary"), outputs

    def test_inputs_are_no_part_of_a_script(self):
        for step in self.action["runs"]["steps"]:
            self.assertNotIn("inputs.", step["run"])
        self.assertEqual(self.action["runs"]["using"], "composite")
        for output in self.action["outputs"].values():
            self.assertRegex(output["value"], r"^\$\{\{ steps\.run\.outputs\.[a-z-]+ \}\}$")

    def test_a_command_that_ends_well(self):
        os.mkdir(self.path("sub"))
        mark = "it's \"quoted\" $(true) ${{ secrets.x }}"
        status, printed, summary, outputs = self.play({"run": f"echo \"$OF_THE_JOB in $PWD\"\ncat <<'END'\n{mark}\nEND\n/bin/true", "working-directory": "sub", "html": "true"})
        self.assertEqual(status, 0, printed)
        self.assertIn(f"here in {self.path('sub')}", printed)
        self.assertIn(mark, printed)
        with open(outputs["prefix"] + "info.json") as file:
            info = json.load(file)
        self.assertEqual((outputs["exit-code"], info["execution_summary"]["exit_code"]), ("0", 0))
        self.assertEqual(info["execution_summary"]["num_processes"], 3)  # bash, cat, true
        self.assertIn("bash", summary)
        self.assertIn("3", summary)
        self.assertLess(summary.count("\n"), 60)
        with open(outputs["report"]) as file:
            self.assertTrue(file.read().startswith("<!DOCTYPE html>"))

    def test_a_command_that_fails(self):
        status, printed, summary, outputs = self.play({"run": "echo before\nsh -c 'exit 7'\necho never"})
        self.assertEqual((status, outputs["exit-code"]), (7, "7"), printed)
        self.assertIn("before", printed)
        self.assertNotIn("never", printed)
        self.assertIn("7", summary)
        self.assertNotIn("report", outputs)

    def test_a_limit(self):
        self.assertEqual(self.play({"run": "true", "check": "--max-processes 10 --no-failed"})[0], 0)
        status, printed, summary, _ = self.play({"run": "sh -c 'exit 1' || true", "check": "--no-failed"})
        self.assertEqual(status, 3, printed)
        self.assertIn("FAILS", printed)
        self.assertTrue(summary)

    def test_by_polling_and_without_privilege(self):
        """The sampler that needs none, as a user who has none."""
        try:
            uid = pwd.getpwnam("nobody").pw_uid
        except KeyError:
            self.skipTest("no user nobody")
        if subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", "test", "-x", harness.BIN]).returncode:
            self.skipTest("the programs are where nobody may not go")
        status, printed, summary, outputs = self.play({"run": "id -u; sleep 0.1", "sampler": "procfs"}, user=uid)
        self.assertEqual(status, 0, printed)
        self.assertIn(str(uid), printed.split())
        self.assertTrue(summary)

    def test_where_it_cannot_trace(self):
        """The command is not run, and the step fails and says so."""
        status, printed, summary, outputs = self.play({"run": "echo run anyway", "sampler": "guess"})
        self.assertNotEqual(status, 0)
        self.assertNotIn("run anyway", printed)
        self.assertIn("::error::", printed)
        self.assertEqual(summary, "")


if __name__ == "__main__":
    harness.main()
