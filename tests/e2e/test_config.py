# SPDX-License-Identifier: MIT
"""Settings from the environment and from .env files, and which of them counts."""

import os
import unittest

import harness


class Environment(harness.DuctTest):
    def test_each_variable(self):
        run = self.duct("--", "sh", "-c", "echo out; echo err >&2; sleep 0.5; exit 2", prefix=None, env={
            "DUCT_OUTPUT_PREFIX": "envlogs/e_", "DUCT_LOG_LEVEL": "info", "DUCT_SUMMARY_FORMAT": "S={exit_code}",
            "DUCT_SAMPLE_INTERVAL": "0.05", "DUCT_REPORT_INTERVAL": "0.1", "DUCT_FAIL_TIME": "0.1",
            "DUCT_CAPTURE_OUTPUTS": "stderr", "DUCT_MESSAGE": "from the environment",
            "DUCT_RECORD_TYPES": "system-summary,processes-samples"})
        run.prefix = "envlogs/e_"
        self.assertEqual(run.status, 2)
        self.assertEqual(run.files(), ["info.json", "stderr", "usage.jsonl"])
        self.assertEqual(run.info["message"], "from the environment")
        self.assertGreaterEqual(run.summary["num_samples"], 5)
        self.assertGreaterEqual(run.summary["num_reports"], 3)
        self.assertTrue(run.stderr.endswith("S=2\n"), run.stderr)

    def test_command_line_over_environment(self):
        run = self.duct("-m", "line", "-l", "none", "--", "true", env={"DUCT_MESSAGE": "environment", "DUCT_LOG_LEVEL": "DEBUG"})
        self.assertEqual(run.info["message"], "line")
        self.assertEqual(run.stderr, "")

    def test_empty_variables_are_not_set(self):
        run = self.duct("--", "true", env={"DUCT_SAMPLE_INTERVAL": "", "DUCT_LOG_LEVEL": "", "DUCT_CAPTURE_OUTPUTS": ""})
        self.assertEqual(run.status, 0, run.stderr)
        self.assertIn("stdout", run.files())

    def test_the_command_sees_its_environment_unchanged(self):
        run = self.duct("-q", "--", "env", env={"DUCT_MESSAGE": "m", "ODD": "a=b c"})
        lines = run.stdout.splitlines()
        for line in ("DUCT_MESSAGE=m", "ODD=a=b c"):
            self.assertIn(line, lines)
        expected = {f"{k}={v}" for k, v in self.environment({"DUCT_MESSAGE": "m", "ODD": "a=b c"}).items()}
        self.assertEqual({line for line in lines if not line.startswith("_=")}, {e for e in expected if not e.startswith("_=")})


class EnvFiles(harness.DuctTest):
    def message(self, env=None, *words):
        run = self.duct("--clobber", *words, "--", "true", env=env)
        self.assertEqual(run.status, 0, run.stderr)
        return run.info["message"], run.stderr

    def test_places_and_precedence(self):
        self.assertEqual(self.message()[0], "")
        self.write("config/duct/.env", "DUCT_MESSAGE=user\n")
        self.assertEqual(self.message()[0], "user")
        self.write(".duct/.env", "DUCT_MESSAGE=project\n")
        self.assertEqual(self.message()[0], "project")
        self.assertEqual(self.message({"DUCT_MESSAGE": "environment"})[0], "environment")
        self.assertEqual(self.message({"DUCT_MESSAGE": "environment"}, "-m", "line")[0], "line")

    def test_home_without_xdg(self):
        self.write(".config/duct/.env", "DUCT_MESSAGE=home\n")
        self.assertEqual(self.message({"XDG_CONFIG_HOME": None})[0], "home")

    def test_config_paths_replace_the_list(self):
        self.write(".duct/.env", "DUCT_MESSAGE=project\n")
        self.write("one.env", "DUCT_MESSAGE=one\nDUCT_LOG_LEVEL=DEBUG\n")
        self.write("two.env", "DUCT_MESSAGE=two\n")
        one, two = self.path("one.env"), self.path("two.env")
        self.assertEqual(self.message({"DUCT_CONFIG_PATHS": f"{one}:{two}"})[0], "two")
        self.assertEqual(self.message({"DUCT_CONFIG_PATHS": f"{two}:{one}"})[0], "one")
        self.assertEqual(self.message({"DUCT_CONFIG_PATHS": ""})[0], "")
        message, stderr = self.message({"DUCT_CONFIG_PATHS": f"{one}:{self.path('missing.env')}"})
        self.assertEqual(message, "one")
        missing = [line for line in stderr.splitlines() if "missing.env" in line]
        self.assertTrue(missing and "[DEBUG " in missing[0], stderr)

    def test_syntax(self):
        cases = {
            "DUCT_MESSAGE=plain words\n": "plain words",
            "DUCT_MESSAGE='single $HOME \\n'\n": "single $HOME \\n",
            'DUCT_MESSAGE="double"\n': "double",
            'DUCT_MESSAGE="two\nlines"\n': "two\nlines",
            "# comment\n\n  DUCT_MESSAGE=after a comment  # trailing\n": "after a comment",
            "DUCT_MESSAGE='with # in quotes'\n": "with # in quotes",
            "DUCT_MESSAGE=first\nDUCT_MESSAGE=second\n": "second",
            "DUCT_MESSAGE=\n": "",
            "DUCT_MESSAGE=no newline at the end": "no newline at the end",
        }
        for content, expected in cases.items():
            with self.subTest(content):
                self.write(".duct/.env", content)
                self.assertEqual(self.message()[0], expected)

    def test_malformed_and_unreadable_are_skipped_with_a_warning(self):
        self.write("good.env", "DUCT_MESSAGE=good\n")
        self.write("bad.env", "DUCT_MESSAGE='unclosed\n")
        os.mkdir(self.path("directory.env"))
        for name in ("bad.env", "directory.env"):
            with self.subTest(name):
                message, stderr = self.message({"DUCT_CONFIG_PATHS": f"{self.path('good.env')}:{self.path(name)}"})
                self.assertEqual(message, "good")
                self.assertTrue(any(name in line and "[WARNING " in line for line in stderr.splitlines()), stderr)

    def test_a_wrong_value_in_a_file_names_the_file(self):
        self.write(".duct/.env", "DUCT_REPORT_INTERVAL=never\n")
        run = self.duct("touch", "was-run")
        self.assertEqual(run.status, 2)
        self.assertIn(".duct/.env", run.stderr)
        self.assertFalse(os.path.exists(self.path("was-run")))


if __name__ == "__main__":
    harness.main()
