/* SPDX-License-Identifier: MIT */
/*
 * launch CMD...: says when it began to run, runs CMD, and says what CMD and all that CMD waited for have used, by wait4().
 * Each workload runs under it, bare and traced, so that its own CPU time is known apart from the tool's.
 */
#include "news.h"

int main(int argc, char **argv)
{
	long long began_ns = clock_ns(CLOCK_MONOTONIC), wall_ns;
	struct rusage child, self;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	say("{\"what\":\"launch\",\"monotonic_ns\":%lld}\n", began_ns);
	pid = checked_fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &child) < 0)
		die("wait4");
	wall_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
	getrusage(RUSAGE_SELF, &self);
	say("{\"what\":\"end\",\"wall_ns\":%lld,\"cpu_us\":%lld,\"launcher_bytes\":%lld,\"status\":%d}\n", wall_ns,
	    us(child.ru_utime) + us(child.ru_stime) + us(self.ru_utime) + us(self.ru_stime), resident_bytes(), status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
