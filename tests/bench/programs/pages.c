/* SPDX-License-Identifier: MIT */
/* pages MB 4k|thp TIMES: touches MB of memory page by page and gives it back, TIMES over. */
#include <stdint.h>
#include <sys/mman.h>

#include "news.h"

#define HUGE_BYTES ((size_t)2 << 20)

int main(int argc, char **argv)
{
	size_t bytes = (size_t)number(argv, argc, 1, 64) << 20;
	int huge = argc > 2 && !strcmp(argv[2], "thp"), times = number(argv, argc, 3, 1);
	long long before = resident_bytes();

	for (int t = 0; t < times; t++) {
		char *mapped = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *memory = (char *)(((uintptr_t)mapped + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));

		if (mapped == MAP_FAILED)
			die("mmap");
		madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		for (size_t i = 0; i < bytes; i += 4096)
			memory[i] = 1;
		munmap(mapped, bytes + HUGE_BYTES);
	}
	say("{\"what\":\"truth\",\"processes\":1,\"peak_bytes\":%lld}\n", before + (long long)bytes);
	return 0;
}
