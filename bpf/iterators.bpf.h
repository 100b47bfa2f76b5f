/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at the ledger, or at all tasks: samples of the live tree, the state of what is left at the end, adoption.
 * The section names are our own: the tracer loads these with the attach point's BTF id from its cache, where libbpf would
 * parse the kernel's whole BTF to find it.
 */
#ifndef DUCT_BPF_ITERATORS_H
#define DUCT_BPF_ITERATORS_H

/* Too large for the stack. The tracer makes one pass at a time. */
struct news_process state_news = {};
unsigned char state_window[sizeof(struct totals_window)] = {}; /* bytes: user space, which sees all variables, knows no windows */

static __always_inline void send_state(struct seq_file *seq, u64 key, struct group_slot *slot,
				       struct task_struct *task, struct signal_struct *signal)
{
	struct news_process *state = &state_news;
	struct task_struct *leader = READ(task, group_leader);
	int own;

	__builtin_memset(state, 0, sizeof(*state));
	fill_header(&state->header, NEWS_STATE, sizeof(*state));
	state->key = key;
	state->info = slot->info;
	state->usage = slot->seen;
	add_group_usage(&state->usage, signal, &slot->summed, (struct totals_window *)state_window);
	withhold_io(&state->usage, state->info.flags);
	if (!(state->info.flags & PROC_EXITED)) {
		struct mm_struct *mm = READ(leader, mm);

		state->info.end_ns = state->header.time_ns;
		state->info.uid = READ(task, real_cred, uid.val);
		state->info.sid = pid_number(READ(signal, pids[KERNEL_PIDTYPE_SID]), &own);
		state->info.cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
		bpf_probe_read_kernel(state->info.comm, sizeof(state->info.comm), &leader->comm);
		state->info.peak_rss = state->info.peak_rss_image = ABI_ABSENT;
		if (mm && !(state->info.flags & PROC_BORROWED_MM)) {
			u64 high = larger(READ(mm, hiwater_rss), slot->peak_pages);

			state->info.peak_rss_image = larger(rss_pages_of(slot, mm), high) << page_shift;
			state->info.peak_vsz = larger(READ(mm, total_vm), READ(mm, hiwater_vm)) << page_shift;
		}
		state->info.peak_rss = larger(slot->peak_rss_before, state->info.peak_rss_image);
	}
	if (state->info.flags & PROC_EXITED)
		note_oom(&state->info, signal);
	keep_rss_at_peak(&state->info, slot->rss_pages);
	bpf_seq_write(seq, state, sizeof(*state));
}

/*
 * How a group is, unless that is what was told the last time: 0. `task`: one of its threads. NULL for `seq`: the news go to the ring;
 * -EAGAIN: it was full, and they have to be made again.
 */
static __always_inline long send_live(struct seq_file *seq, u64 key, struct group_slot *slot, struct task_struct *task,
				      struct signal_struct *signal, int threads, u64 cpu_ns)
{
	struct news_live live = {.key = key, .cpu_ns = cpu_ns, .threads = threads};
	struct mm_struct *mm = READ(task, mm);

	if (mm) {
		if (slot->info.flags & PROC_BORROWED_MM && (u64)mm == slot->mm && bpf_core_field_exists(mm->owner) &&
		    READ(mm, owner, signal) == signal)
			inherit(slot);
		u64 rss = rss_pages_for_sample(slot, mm), vsz = READ(mm, total_vm);
		struct mm_struct *again = READ(task, mm);

		if (again != mm) { /* an exec, or an exit, while it was read: the numbers may be another's */
			mm = again;
			rss = mm ? rss_pages_fast(mm) : 0;
			vsz = mm ? READ(mm, total_vm) : 0;
		}
		/* In a vfork the memory is the parent's, and counted there. */
		if (!(slot->info.flags & PROC_BORROWED_MM)) {
			live.rss_bytes = rss << page_shift;
			live.vsz_bytes = vsz << page_shift;
			if (mm == again && !(slot->info.flags & PROC_EXITED)) {
				u64 high = larger(READ(mm, hiwater_rss), rss);

				if (memory_by_looks) {
					__sync_fetch_and_add(&memory.unseen_alive, beyond(high, slot->peak_pages));
					__sync_fetch_and_add(&memory.stale_alive, beyond(slot->rss_pages, rss));
				}
				if (memory_by_looks || learns_highs)
					raise_high(slot, high, false);
				set_rss(slot, rss);
			}
		}
	}
	live.state = state_letter(READ(task, group_leader)) | live_bits(task, signal, mm);
	if (live.cpu_ns == slot->sent_cpu_ns && live.rss_bytes == slot->sent_rss && live.vsz_bytes == slot->sent_vsz &&
	    live.state == slot->sent_state)
		return 0;
	fill_header(&live.header, NEWS_LIVE, sizeof(live));
	if (seq)
		bpf_seq_write(seq, &live, sizeof(live));
	else if (bpf_ringbuf_output(&news, &live, sizeof(live), BPF_RB_NO_WAKEUP)) /* the tracer looks anyway */
		return -KERNEL_EAGAIN;
	slot->sent_cpu_ns = live.cpu_ns;
	slot->sent_rss = live.rss_bytes;
	slot->sent_vsz = live.vsz_bytes;
	slot->sent_state = live.state;
	return 0;
}

/*
 * What has not run since it was last looked at has not changed, its memory aside, of which others may take something
 * away: events tell of that, and it is looked at now and then. What it borrows may have become its own.
 */
static __always_inline bool is_unchanged(struct group_slot *slot, u64 cpu_ns)
{
	return cpu_ns == slot->sent_cpu_ns && slot->sent_state && pass_number % 16 &&
	       (u64)slot->rss_pages << page_shift == slot->sent_rss && !slot->lender;
}

/* Global, so that it is verified once, not until the states of the loop are alike. */
__noinline int sample_place(u32 place)
{
	struct watched *watched = bpf_map_lookup_elem(&watch_list, &place);
	struct signal_struct *signal;
	struct task_struct *leader;
	struct group_slot *slot;
	u64 key, cpu_ns;

	if (!watched || !watched->key)
		return SAMPLE_END;
	key = watched->key;
	leader = TASK(watched->leader);
	if (leader && pass_number % 16 && READ(leader, se.sum_exec_runtime) == watched->cpu_ns)
		return 0;
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	leader = TASK(slot->leader);
	cpu_ns = READ(leader, se.sum_exec_runtime);
	/* Not all that happens to it is seen in its run time where it has or had threads, or memory that is another's. */
	watched->leader = slot->multithreaded || slot->lender ? 0 : slot->leader;
	watched->cpu_ns = cpu_ns;
	signal = READ(leader, signal);
	if (slot->multithreaded) {
		if (READ(signal, nr_threads) > 1) /* for sample_threads */
			return 0;
		cpu_ns += READ(signal, sum_sched_runtime);
	}
	if (!is_unchanged(slot, cpu_ns) && group_key(leader) == key && send_live(NULL, key, slot, leader, signal, 1, cpu_ns)) {
		watched->leader = 0;
		return SAMPLE_FULL;
	}
	return 0;
}

static long sample_next_place(u32 step __attribute__((unused)), int *answer)
{
	*answer = sample_place(sample_at);
	if (*answer)
		return 1;
	sample_at++;
	return 0;
}

/*
 * A sample of the groups with one thread: along the tracer's list, so that what sleeps costs no more than a look at its
 * place there and at its task's run time. Each line of memory that is touched counts here, of 10,000 processes. Run by the
 * tracer, for a part of the list at a time, as nobody else gets the CPU meanwhile. Returns 0 or enum sample_answer.
 * (An iterator of the array's elements would be older than bpf_loop, and is refused by some kernels.)
 */
SEC("duct_raw_tp")
int sample(void *ctx __attribute__((unused)))
{
	int answer = 0;

	bpf_loop(SAMPLE_PLACES, sample_next_place, &answer, 0);
	return answer;
}

/* True once all threads of the group were visited in this pass. One that ended since makes it true early, and once more. */
static __always_inline bool is_last_thread(struct group_slot *slot, int threads)
{
	if (slot->pass != pass_number) {
		slot->pass = pass_number;
		slot->visited = 0;
		slot->visited_cpu_ns = 0;
		__builtin_memset(&slot->seen, 0, sizeof(slot->seen));
	}
	return (int)++slot->visited >= threads;
}

/* A sample of the other groups, or of all: one visit for each thread of the machine, which add up in their group's slot. */
SEC("duct_iter/task")
int sample_threads(struct bpf_iter__task *ctx)
{
	/* Typed pointers, whatever is compiled: without a helper for each number. */
	struct task_struct *task = TASK(ctx->task);
	struct signal_struct *signal;
	struct group_slot *slot;
	u64 key, ran_ns, cpu_ns;
	int threads;
	bool last;

	if (!task)
		return 0;
	signal = task->signal;
	threads = signal->nr_threads;
	if (threads <= 1 && has_loop)
		return 0;
	ran_ns = task->se.sum_exec_runtime;
	key = make_key(signal, task->group_leader->start_boottime);
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	last = is_last_thread(slot, threads);
	slot->visited_cpu_ns += ran_ns;
	cpu_ns = slot->visited_cpu_ns + READ(signal, sum_sched_runtime);
	if (last && !is_unchanged(slot, cpu_ns))
		send_live(ctx->meta->seq, key, slot, task, READ(task, signal), threads, cpu_ns);
	return 0;
}

/* All that is known of every group: for the end of a run. */
SEC("duct_iter/task")
int read_states(struct bpf_iter__task *ctx)
{
	struct task_struct *task = TASK(ctx->task);
	struct signal_struct *signal;
	struct group_slot *slot;
	bool last;
	u64 key;

	if (!task)
		return 0;
	key = group_key(task);
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	signal = READ(task, signal);
	last = is_last_thread(slot, READ(signal, nr_threads));
	add_task_usage(&slot->seen, task, (struct totals_window *)state_window);
	if (!READ(task, exit_state))
		add_live_summed(&slot->seen, task);
	if (last)
		send_state(ctx->meta->seq, key, slot, task, signal);
	return 0;
}

/* It may run, and is therefore complete when it comes into the ledger. One task is looked at at a time. */
struct group_slot adopted_slot = {};

/* 1: not one to adopt. */
static __noinline int insert_adopted(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	u64 key = group_key(task), parent_key = group_key(READ(task, real_parent));
	struct group_slot *parent, *slot = &adopted_slot;
	struct mm_struct *mm = READ(task, mm);
	bool is_alone;
	int own, error;

	__builtin_memset(slot, 0, sizeof(*slot));
	slot->info.pid = pid_number(READ(task, thread_pid), &slot->info.pid_ns);
	if ((!attach_tgid || slot->info.pid != attach_tgid) && !is_to_be_adopted(task))
		return 1;
	if (!READ(signal, live.counter)) /* in or past exit already */
		return 1;
	parent = bpf_map_lookup_elem(&groups, &parent_key);
	slot->info.ppid = pid_number(READ(task, real_parent, group_leader, thread_pid), &own);
	slot->info.start_ns = READ(task, start_boottime);
	slot->info.depth = parent ? parent->info.depth + 1 : 0;
	slot->info.flags = PROC_ADOPTED;
	note_foreign(slot, task);
	slot->info.image_id = key | 1ULL << 63; /* not one that an exec is given */
	slot->mm = (u64)mm;
	is_alone = follow_memory_of(slot);
	slot->leader = (u64)task;
	reset_gauges(&slot->info);
	slot->info.max_threads = READ(signal, nr_threads);
	slot->multithreaded = slot->info.max_threads > 1;
	slot->info.tree_peak = memory.peak_number;
	slot->peak_rss_before = ABI_ABSENT;
	error = bpf_map_update_elem(&groups, &key, slot, BPF_NOEXIST);
	if (error) {
		stop_following(slot);
		return error;
	}
	count(adopted);
	note_live(slot->info.max_threads);
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	if (mm)
		set_rss(slot, rss_pages_exact(number_of_mm(slot), is_alone));
	announce(key, parent_key, slot, wake_flag(sizeof(struct news_fork)));
	return 0;
}

/* Adds what lives already: the session of the tracer, or a process and its descendants. Run until nothing is added. */
SEC("?duct_iter/task")
int adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = TASK(ctx->task);
	int error;
	u64 key;

	if (!task || READ(task, group_leader) != task)
		return 0;
	key = group_key(task);
	if (bpf_map_lookup_elem(&groups, &key) || key == tracer_key)
		return 0;
	error = insert_adopted(task);
	if (error < 0 && error != -KERNEL_EEXIST)
		count(lost_forks_full);
	return 0;
}

#endif
