/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resident memory of the tree, kept by events: each process's share of `memory.pages`, the maximum with its time, and
 * who held how much at it.
 *
 * The kernel tells of each change of an address space's counters (rss_stat). Since 6.2 a counter is a common part and
 * a part for each CPU, folded into the common one when it exceeds a batch. Only when the common part has changed are all
 * parts summed up: then the sum is exact, and until the next time it is off by less than a batch for each CPU.
 */
#ifndef DUCT_BPF_MEMORY_H
#define DUCT_BPF_MEMORY_H

#include "task_read.bpf.h"

/* Below this an exiting process's memory counts as gone at once; above, as its teardown goes on. */
#define TEARDOWN_PAGES 1024

/* Leaves it to samples from here on. `followed`: the slot's. */
static __always_inline void unfollow_memory(u32 followed)
{
	u64 *numbers;

	if (!followed)
		return;
	numbers = numbers_of_space(followed - 1);
	if (numbers)
		__sync_fetch_and_add(&numbers[FOLLOWERS], -1);
}

static __always_inline void stop_following(struct group_slot *slot)
{
	unfollow_memory(slot->followed);
	slot->followed = 0;
}

/*
 * Events of its `mm` are looked at from here on, in place of those of what the slot had before. Those who share an address space
 * are counted each. True: nobody else uses the place of what is seen of it.
 */
SHARED int follow_memory_of(struct group_slot *slot)
{
	u64 hash, others, *numbers;

	if (!slot) /* never; the verifier does not know it of a global function */
		return false;
	hash = space_hash((struct mm_struct *)slot->mm);
	stop_following(slot);
	if (!rss_events || !slot->mm)
		return false;
	numbers = numbers_of_space(hash);
	if (!numbers)
		return false;
	slot->followed = hash + 1;
	others = *(volatile u64 *)&numbers[FOLLOWERS];
	__sync_fetch_and_add(&numbers[FOLLOWERS], 1);
	return !others;
}

/* Tells the tracer of a high that it asked to hear of. */
static __always_inline void tell_peak(long long pages)
{
	struct news_sign peak;

	if (pages <= *(volatile long long *)&peak_wanted_pages)
		return;
	*(volatile long long *)&peak_wanted_pages = 1LL << 62;
	fill_header(&peak.header, NEWS_PEAK, sizeof(peak));
	bpf_ringbuf_output(&news, &peak, sizeof(peak), BPF_RB_FORCE_WAKEUP);
}

/* Global, as rss_pages_exact. */
__noinline int note_tree_memory(void)
{
	struct cpu_peak *mine = &cpu_peaks[bpf_get_smp_processor_id() & (ABI_MAX_CPUS - 1)];
	long long pages = *(volatile long long *)&memory.pages;
	u64 window = *(volatile u64 *)&window_number;

	if (pages < 0 || closed)
		return 0;
	if (mine->window != window || (u64)pages > mine->window_pages) {
		mine->window = window;
		mine->window_pages = pages;
	}
	if ((u64)pages <= *(volatile u64 *)&memory.peak_pages)
		return 0;
	*(volatile u64 *)&memory.peak_pages = pages;
	__sync_fetch_and_add(&memory.peak_number, 1);
	if ((u64)pages > mine->pages) {
		mine->pages = pages;
		mine->time_ns = bpf_ktime_get_boot_ns();
		mine->processes = *(volatile u64 *)&counters.live;
		mine->threads = *(volatile u64 *)&counters.live_threads;
	}
	tell_peak(pages);
	return 0;
}

/* Before a slot's memory changes: what it was at the tree's maximum, if there has been a new one since the change before. */
static __always_inline void keep_rss_at_peak(struct process_info *info, long long rss_pages)
{
	u64 number = *(volatile u64 *)&memory.peak_number;

	if (info->tree_peak == number)
		return;
	info->rss_at_tree_peak = beyond(rss_pages, 0) << page_shift;
	info->image_at_tree_peak = info->image_id;
	info->tree_peak = number;
}

static __always_inline struct cpu_looks *looks_of_this_cpu(void)
{
	return &cpu_looks[bpf_get_smp_processor_id() & (ABI_MAX_CPUS - 1)];
}

/* At the end of an image: what it was found to have had beyond the most that was known of it, how much less it was found to have. */
static __always_inline void note_ended_image(u64 unseen, u64 stale)
{
	struct cpu_looks *looks = looks_of_this_cpu();

	looks->unseen_ended = larger(looks->unseen_ended, unseen);
	looks->stale_ended = larger(looks->stale_ended, stale);
}

#ifdef DIRECT_READS
/* The most that a process has had in its present image: it can only grow, and two CPUs do not both add what it grew by. Where another
 * has just raised it, it is as good as that. */
static __always_inline void raise_high(struct group_slot *slot, u64 pages, bool is_now)
{
	u64 high = *(volatile u64 *)&slot->peak_pages;

	if (pages <= high || __sync_val_compare_and_swap(&slot->peak_pages, high, pages) != high)
		return;
	__sync_fetch_and_add(&memory.highs, pages - high);
	if (is_now && memory_by_looks) {
		struct cpu_looks *looks = looks_of_this_cpu();
		u64 highs = *(volatile u64 *)&memory.highs;

		if (highs > looks->highs_peak)
			looks->highs_peak = highs;
	}
}

static __always_inline void drop_high(struct group_slot *slot)
{
	__sync_fetch_and_add(&memory.highs, -__sync_lock_test_and_set(&slot->peak_pages, 0));
}
#else /* memory_by_looks is never set */
static __always_inline void raise_high(struct group_slot *slot, u64 pages, bool is_now __attribute__((unused)))
{
	if (pages > slot->peak_pages)
		slot->peak_pages = pages;
}

static __always_inline void drop_high(struct group_slot *slot)
{
	slot->peak_pages = 0;
}
#endif

/*
 * A process has `pages` now. The tree's sum changes by just what the slot does, so that it is the sum of the slots even
 * where two CPUs do this at once; what a slot is off by is then put right the next time.
 */
SHARED int set_rss(struct group_slot *slot, long long pages)
{
	long long change;

	if (!slot) /* never; the verifier does not know it of a global function */
		return 0;
	change = pages - *(volatile long long *)&slot->rss_pages;
	if (!change)
		return 0;
	keep_rss_at_peak(&slot->info, slot->rss_pages);
	__sync_fetch_and_add(&slot->rss_pages, change);
	__sync_fetch_and_add(&memory.pages, change);
	if (change < 0)
		return 0;
	raise_high(slot, pages, true);
	note_tree_memory();
	return 0;
}

/* A process has no memory any more. */
SHARED int give_back_rss(struct group_slot *slot)
{
	long long pages;

	if (!slot) /* as above */
		return 0;
	pages = *(volatile long long *)&slot->rss_pages;
	if (!pages)
		return 0;
	keep_rss_at_peak(&slot->info, pages);
	__sync_fetch_and_add(&slot->rss_pages, -pages);
	__sync_fetch_and_add(&memory.pages, -pages);
	return 0;
}

/* The common part of a counter, without a helper, as this is the path of every page fault of the machine. Before 6.2 it is what
 * the tracepoint itself tells. */
static __always_inline u64 rss_common_part(u64 *ctx, u32 member)
{
	struct mm_struct *mm = RSS_STAT_SPACE(ctx);

	if (!rss_is_percpu())
		return *(volatile u64 *)&ctx[2]; /* volatile: else clang makes one load of all four, by an address that it works out */
	switch (member) {
	case KERNEL_MM_FILEPAGES:
		return mm->rss_stat[KERNEL_MM_FILEPAGES].count;
	case KERNEL_MM_ANONPAGES:
		return mm->rss_stat[KERNEL_MM_ANONPAGES].count;
	default:
		return mm->rss_stat[KERNEL_MM_SHMEMPAGES].count;
	}
}

static __always_inline struct group_slot *slot_of_task(struct task_struct *task)
{
	u64 key = group_key(task);

	return bpf_map_lookup_elem(&groups, &key);
}

/*
 * The kernel calls `slot` the owner of memory that it borrowed. It is, once the lender is gone or has executed another
 * program, and the lender's share with it; not while the lender's leader alone has exited, nor of the tracer's.
 */
static __noinline struct group_slot *inherit(struct group_slot *slot)
{
	u64 key = slot->lender;
	struct group_slot *lender = bpf_map_lookup_elem(&groups, &key);

	if (key == tracer_key)
		return NULL;
	if (lender && lender->mm == slot->mm) {
		if (!(lender->info.flags & PROC_EXITED))
			return lender;
		give_back_rss(lender);
	}
	slot->info.flags &= ~PROC_BORROWED_MM;
	slot->lender = 0;
	return slot;
}

/* The slot that an address space counts for; NULL: not of the tree, or not (yet) anybody's. */
static __always_inline struct group_slot *slot_of_memory(struct mm_struct *mm)
{
	struct task_struct *current = TASK(bpf_get_current_task()), *owner;
	struct group_slot *slot = slot_of_task(current);

	if (slot && slot->mm == (u64)mm && !(slot->info.flags & PROC_BORROWED_MM))
		return slot;
	/* Another's doing: reclaim, a debugger, a process that shares it. Without CONFIG_MEMCG that waits for a sample. */
	if (!bpf_core_field_exists(mm->owner))
		return NULL;
	owner = TASK(READ_BY_HELPER(mm, owner));
	if (owner != current)
		slot = owner ? slot_of_task(owner) : NULL;
	if (!slot || slot->mm != (u64)mm)
		return NULL;
	return slot->info.flags & PROC_BORROWED_MM ? inherit(slot) : slot;
}

/* The second half of on_rss, for the few events that matter: not inlined, so that the first saves no registers for it. */
static __noinline int follow_memory(struct mm_struct *mm)
{
	struct group_slot *slot = slot_of_memory(mm);
	long long pages;

	if (!slot)
		return 0;
	pages = rss_pages_exact(number_of_mm(slot), false);
	if (slot->info.flags & PROC_EXITED) { /* its teardown */
		if (!slot->rss_pages)
			return 0;
		if (pages < TEARDOWN_PAGES)
			pages = 0;
	}
	set_rss(slot, pages);
	return 0;
}

/* What has happened, for keep_memory. */
enum memory_event { MEMORY_FORKED, MEMORY_EXECUTED, MEMORY_EXITED, MEMORY_CHANGED };

/* The last of an event's program: what there is to do about the memory of the group `key` is done by keep_memory. */
static __always_inline int leave_memory(void *ctx, u32 event, u64 key)
{
	u32 zero = 0;
	struct memory_step *step = bpf_map_lookup_elem(&memory_steps, &zero);

	if (!step) /* never */
		return 0;
	step->key = key;
	step->event = event;
	bpf_tail_call(ctx, &tails, ABI_KEEP_MEMORY);
	return 0;
}

SEC(RSS_STAT_SECTION)
int on_rss(u64 *ctx)
{
	struct mm_struct *mm = (struct mm_struct *)ctx[0];
	u64 count, mark, *numbers = numbers_of_space(space_hash(mm)), *seen;
	u32 member;

	if (!numbers || !numbers[FOLLOWERS]) /* nobody's: all that other processes of the machine pay */
		return 0;
	member = ctx[1] & 3;
	if (member == KERNEL_MM_SWAPENTS)
		return 0;
	seen = numbers + member;
	count = rss_common_part(ctx, member);
	mark = rss_mark(mm, count);
	if (!every_rss_event && (*seen == mark || (!count && *seen >> 32 != mark >> 32))) /* as before; or new, and still small */
		return 0;
	*seen = mark;
#ifdef DIRECT_READS
	return leave_memory(ctx, MEMORY_CHANGED, 0);
#else /* the typed program of this event cannot go on with one that is not */
	return follow_memory(mm);
#endif
}

#endif
