# SPDX-License-Identifier: MIT
"""Runs duct-log (DUCT_LOG_BIN) on records."""

import os

import harness

RECORDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "con_duct_records")


class LogTest(harness.DuctTest):
    LOG = os.path.abspath(os.environ.get("DUCT_LOG_BIN", "build-test/duct-log"))

    def log_run(self, *words, env=None, **options):
        return self.finish(self.start(*words, prefix=None, binary=self.LOG, env=env, **options))

    def log(self, *words, status=0, warns=None, env=None):
        """What it printed. `warns`: part of what it has to say on stderr, which is empty without."""
        run = self.log_run(*words, env=env)
        self.assertEqual(run.status, status, run.stderr)
        if warns is None:
            self.assertEqual(run.stderr, "")
        else:
            self.assertIn(warns, run.stderr)
        return run.stdout

    @staticmethod
    def text_of(name):
        with open(os.path.join(RECORDS, name)) as file:
            return file.read()
