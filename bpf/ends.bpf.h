/* SPDX-License-Identifier: GPL-2.0 */
/* Groups that have exited, and are in the ledger until they are at rest. */
#ifndef DUCT_BPF_ENDS_H
#define DUCT_BPF_ENDS_H

#include "foreign.bpf.h"
#include "memory.bpf.h"
#include "signals.bpf.h"

static __always_inline u64 exited_groups(void)
{
	return *(volatile u64 *)&counters.exits - *(volatile u64 *)&counters.ends;
}

/*
 * Leaders of recent exits are in a queue; the latest is where the counters are, in a line of the cache that goes from CPU to CPU
 * in any case: usually the next fork takes it from there.
 */
static __always_inline void note_exit(u64 leader)
{
#ifdef DIRECT_READS
	leader = __sync_lock_test_and_set(&counters.latest_exit, leader);
	if (!leader)
		return;
#endif
	bpf_map_push_elem(&exiting, &leader, BPF_EXIST); /* full: the oldest has been looked at often enough */
}

/* False: there is none. */
static __always_inline bool take_exit(u64 *leader)
{
#ifdef DIRECT_READS
	*leader = *(volatile u64 *)&counters.latest_exit ? __sync_lock_test_and_set(&counters.latest_exit, 0) : 0;
	if (*leader)
		return true;
#endif
	return !bpf_map_pop_elem(&exiting, leader);
}

/* -EBUSY: the bucket's lock is held by what this program interrupted (5.11 .. 6.6); it is free soon. */
#define KERNEL_EAGAIN 11
#define KERNEL_EBUSY 16
#define KERNEL_EEXIST 17
#define BUSY_ATTEMPTS 3

/* 0, or an error: it is gone already, or stays in the ledger and is found there at the end. Inlined: end_group leaves no stack for a call
 * where structs are read by copies. */
static __always_inline long delete_group(u64 key)
{
	long error = -KERNEL_EBUSY;

	for (int attempt = 0; attempt < BUSY_ATTEMPTS && error == -KERNEL_EBUSY; attempt++)
		error = bpf_map_delete_elem(&groups, &key);
	return error;
}

/*
 * A group ends when it is at rest: all threads released, or its leader a zombie that has left its CPU. That has no event
 * of its own, so it is looked for
 *  - at the next forks in the tree, or exits if there are many, for the leaders of recent exits, which are in a queue;
 *  - by the tracer, a few milliseconds after an exit;
 *  - when the kernel frees a task, an RCU period after it was reaped. On its own that comes late, and not for sure:
 *    programs do not run on top of every context.
 * What has gone meanwhile, with its memory another's, has another key.
 * Global, so that it is verified once, not for each call. `task`: any task of the group. 1: not at rest yet.
 */
__noinline int end_group(u64 task)
{
	u64 key = group_key(TASK(task));
	struct group_slot *slot = bpf_map_lookup_elem(&groups, &key);
	struct signal_struct *signal;
	struct news_process end; /* where structs are read by copies, this and the rest fill the stack to the last line */
	struct totals_window window;
	struct task_struct *leader;
	unsigned int sequence, followed;
	u64 number;
	bool is_another;
	int threads;

	if (!slot || !(slot->info.flags & PROC_EXITED))
		return 0;
	leader = TASK(slot->leader);
	signal = READ(leader, signal);
	if (!is_resting(slot->leader))
		return 1;
	give_back_rss(slot); /* what was left of its teardown */
	drop_high(slot);
	end.info = slot->info;
	__builtin_memset(&end.usage, 0, sizeof(end.usage));
	note_oom(&end.info, signal);
	/* The leader may be reaped at this moment: then its usage moves to the group, and must be counted neither twice nor not. */
	sequence = READ(signal, stats_lock.seqcount.seqcount.sequence);
	threads = READ(signal, nr_threads);
	add_group_usage(&end.usage, signal, &slot->summed, &window);
	if (threads)
		add_task_usage(&end.usage, leader, &window);
	withhold_io(&end.usage, end.info.flags);
	if (sequence & 1 || sequence != READ(signal, stats_lock.seqcount.seqcount.sequence))
		return 1;
	/*
	 * Freed since, and another's by now: what was read may be anybody's. Asked before the slot is deleted, as the
	 * event of its end holds a task back until then: after that nothing does, and what was read is good all the same.
	 */
	is_another = (u64)READ(leader, signal) != (u64)signal || make_key(signal, READ(leader, start_boottime)) != key;
	followed = slot->followed;
	if (delete_group(key)) /* whoever deletes the slot sends the record: once */
		return 0;
	if (followed) { /* until now */
		unfollow_memory(followed);
		__sync_fetch_and_add(&memory.teardowns, -1);
	}
	if (is_another) {
		usage_absent(&end.usage);
		count(lost_numbers);
	}
	number = counted(ends);
	if (end.info.max_threads > 1)
		bpf_map_delete_elem(&exited, &key);
	fill_header_of(&end.header, NEWS_END, sizeof(end), end.info.end_ns);
	end.key = key;
	if (bpf_ringbuf_output(&news, &end, sizeof(end), wake_flag_of(number)) && !spill(&end))
		count(lost_ends);
	return 0;
}

/*
 * Where a task of the machine is freed, nearly all of which are not (or not any more) in the ledger: ends its group. Elsewhere, at a
 * fork or an exit or run by the tracer: ends up to two of the recent exits. Returns how many were not at rest yet, and
 * END_EXITS_EMPTY if there were no more.
 * `free` comes in interrupts, on top of this very program. A tracepoint guards against that only where it runs the program itself, and
 * since 6.13 a program's stack may be one for each CPU; but not that of a program with a tail call. So there is one.
 */
SEC("duct_raw_tp/sched_process_free")
int end_exits(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = TASK(ctx->args[0]);
	struct group_slot *slot;
	int waiting = 0;
	u64 leader;

	if (!exited_groups())
		return END_EXITS_EMPTY;
	if (READ(task, exit_state)) { /* not of one that forks, nor of one that is about to exit; the tracer gives none */
		slot = slot_of_task(task);
		if (slot)
			end_group(slot->leader);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		if (!exited_groups() || !take_exit(&leader))
			return waiting | END_EXITS_EMPTY;
		if (end_group(leader)) {
			waiting++;
			bpf_map_push_elem(&exiting, &leader, BPF_ANY);
		}
	}
	if (!leader) /* never */
		bpf_tail_call(ctx, &tails, ABI_NO_TAIL);
	return waiting;
}

#endif
