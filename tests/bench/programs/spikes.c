/* SPDX-License-Identifier: MIT */
/*
 * Memory for so short a time that samples miss it, with the peak of the tree's resident memory known.
 * spikes one MB HOLD_MS           one process touches MB, keeps it for HOLD_MS and gives it back, between two pauses
 * spikes turns COUNT ALIVE MB     COUNT processes of MB, never more than ALIVE at once; the first ALIVE meet with all they have
 * spikes bursts COUNT TIMES       COUNT processes that each take 5 to 25 MB for 1 to 20 ms, with pauses of 1 to 20 ms
 * The truth is kept in memory that all of them share: each adds what it has touched, CHUNK by CHUNK, and takes off what it
 * gives back, so it is off by one CHUNK a process at most.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "news.h"

#define CHUNK ((size_t)128 << 10)

static struct shared {
	atomic_llong now, peak; /* bytes resident in all processes */
	atomic_int full;	/* processes that have touched all they will */
} *shared;

static void pause_ms(int ms)
{
	usleep(ms * 1000);
}

static void add(long long bytes)
{
	long long now = atomic_fetch_add(&shared->now, bytes) + bytes, peak = atomic_load(&shared->peak);

	while (now > peak && !atomic_compare_exchange_weak(&shared->peak, &peak, now))
		;
}

static char *take(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += CHUNK) {
		for (size_t k = i; k < i + CHUNK; k += 4096)
			memory[k] = 1;
		add(CHUNK);
	}
	return memory;
}

static void give_back(char *memory, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += CHUNK) {
		madvise(memory + i, CHUNK, MADV_DONTNEED);
		add(-(long long)CHUNK);
	}
	munmap(memory, bytes);
}

/* What the caller has resident by itself, once the code that it is going to run is resident as well. */
static long long settled_bytes(void)
{
	give_back(take(CHUNK), CHUNK);
	pause_ms(1);
	return resident_bytes();
}

static void one(size_t bytes, int hold_ms)
{
	char *memory;

	pause_ms(400);
	memory = take(bytes);
	pause_ms(hold_ms);
	give_back(memory, bytes);
	pause_ms(400);
}

static void turns(int count, int alive, size_t bytes)
{
	int running = 0;

	pause_ms(400);
	for (int i = 0; i < count; i++) {
		if (running == alive) {
			wait(NULL);
			running--;
		}
		if (!checked_fork()) {
			long long own = settled_bytes();
			char *memory;

			add(own);
			memory = take(bytes);
			atomic_fetch_add(&shared->full, 1);
			while (i < alive && atomic_load(&shared->full) < alive)
				pause_ms(1);
			pause_ms(20);
			give_back(memory, bytes);
			add(-own);
			_exit(0);
		}
		running++;
	}
	while (wait(NULL) > 0)
		;
	pause_ms(400);
}

static void bursts(int count, int times)
{
	for (int i = 0; i < count; i++)
		if (!checked_fork()) {
			unsigned seed = 17 + i;

			add(settled_bytes());
			for (int t = 0; t < times; t++) {
				size_t bytes = (size_t)(5 + rand_r(&seed) % 21) << 20;
				char *memory = take(bytes);

				pause_ms(1 + rand_r(&seed) % 20);
				give_back(memory, bytes);
				pause_ms(1 + rand_r(&seed) % 20);
			}
			_exit(0);
		}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int count = number(argv, argc, 2, 0), processes = 1;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	shared->now = 0;
	add(settled_bytes());
	if (!strcmp(mode, "one")) {
		one((size_t)count << 20, number(argv, argc, 3, 30));
	} else if (!strcmp(mode, "turns") && argc > 4) {
		processes += count;
		turns(count, atoi(argv[3]), (size_t)atoi(argv[4]) << 20);
	} else if (!strcmp(mode, "bursts")) {
		processes += count;
		bursts(count, number(argv, argc, 3, 10));
	} else {
		return 2;
	}
	while (wait(NULL) > 0)
		;
	say("{\"what\":\"truth\",\"processes\":%d,\"peak_bytes\":%lld}\n", processes, atomic_load(&shared->peak));
	return 0;
}
