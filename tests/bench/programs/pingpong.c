/* SPDX-License-Identifier: MIT */
/*
 * pingpong N: two processes hand a byte to and fro N times through two pipes. Both are on one CPU, so that each hand-over
 * is a context switch; on two CPUs the time would be that of waking an idle one, which varies.
 */
#include "news.h"

#include <sched.h>

static void stay_on_one_cpu(void)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	CPU_ZERO(&one);
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
		if (CPU_ISSET(cpu, &allowed)) {
			CPU_SET(cpu, &one);
			break;
		}
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	int there[2], back[2], total = number(argv, argc, 1, 1000);
	char byte = 0;

	stay_on_one_cpu();
	if (pipe(there) || pipe(back))
		die("pipe");
	if (!checked_fork()) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < total; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			die("pipe");
	close(there[1]);
	wait(NULL);
	say("{\"what\":\"truth\",\"processes\":2}\n");
	return 0;
}
