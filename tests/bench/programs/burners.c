/* SPDX-License-Identifier: MIT */
/* burners COUNT MILLIONS: COUNT processes that each do a fixed amount of work, so that a slow-down shows as time. */
#include "news.h"

static void burn(long long steps)
{
	volatile unsigned long long sink;
	unsigned long long value = 88172645463325252ULL;

	for (long long i = 0; i < steps; i++) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
	}
	sink = value;
	(void)sink;
}

int main(int argc, char **argv)
{
	int count = number(argv, argc, 1, 2);
	long long steps = number(argv, argc, 2, 100) * 1000000LL;

	for (int i = 0; i < count; i++)
		if (!checked_fork()) {
			burn(steps);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	say("{\"what\":\"truth\",\"processes\":%d}\n", count + 1);
	return 0;
}
