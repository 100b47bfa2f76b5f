/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at all tasks: samples of the live tree, the state of what is left at the end, adoption.
 * The section name is our own: the tracer loads these with the attach point's BTF id from its cache, where libbpf would
 * parse the kernel's whole BTF to find it.
 */
#ifndef DUCT_BPF_ITERATORS_H
#define DUCT_BPF_ITERATORS_H

static __always_inline void send_state(struct seq_file *seq, u64 key, struct group_slot *slot,
				       struct task_struct *task, struct signal_struct *signal)
{
	struct news_process state = {};
	struct task_struct *leader = READ(task, group_leader);
	int own;

	fill_header(&state.header, NEWS_STATE, sizeof(state));
	state.key = key;
	state.info = slot->info;
	state.usage = slot->seen;
	add_group_usage(&state.usage, signal, &slot->summed);
	if (!(state.info.flags & PROC_EXITED)) {
		struct mm_struct *mm = READ(leader, mm);

		state.info.end_ns = state.header.time_ns;
		state.info.uid = READ(task, real_cred, uid.val);
		state.info.sid = pid_number(READ(signal, pids[KERNEL_PIDTYPE_SID]), &own);
		state.info.cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
		bpf_probe_read_kernel(state.info.comm, sizeof(state.info.comm), &leader->comm);
		state.info.peak_rss = state.info.peak_rss_image = ABI_ABSENT;
		if (mm && !(state.info.flags & PROC_BORROWED_MM)) {
			u64 now = rss_pages_exact(mm), high = READ(mm, hiwater_rss);

			state.info.peak_rss_image = (now > high ? now : high) << page_shift;
			now = READ(mm, total_vm), high = READ(mm, hiwater_vm);
			state.info.peak_vsz = (now > high ? now : high) << page_shift;
		}
		state.info.peak_rss = max_present(slot->peak_rss_before, state.info.peak_rss_image);
	}
	bpf_seq_write(seq, &state, sizeof(state));
}

/* One visit for each thread of the machine; those of the tree add up in their group's slot until all were seen. */
SEC("duct_iter/task")
int sample(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct signal_struct *signal;
	struct group_slot *slot;
	struct news_live live = {};
	struct mm_struct *mm;
	int threads;
	u64 key;

	if (!task)
		return 0;
	signal = READ(task, signal);
	key = group_key(task);
	slot = bpf_map_lookup_elem(&groups, &key);
	if (!slot)
		return 0;
	if (slot->pass != pass_number) {
		slot->pass = pass_number;
		slot->visited = 0;
		__builtin_memset(&slot->seen, 0, sizeof(slot->seen));
	}
	slot->visited++;
	if (full_states) {
		add_task_usage(&slot->seen, task);
		if (!READ(task, exit_state))
			add_live_summed(&slot->seen, task);
	} else {
		slot->seen.cpu_time += READ(task, se.sum_exec_runtime);
	}
	threads = READ(signal, nr_threads);
	/* A thread that ended since it was visited makes this true early, and once more with the rest. */
	if ((int)slot->visited < threads)
		return 0;
	if (full_states) {
		send_state(ctx->meta->seq, key, slot, task, signal);
		return 0;
	}
	live.cpu_ns = slot->seen.cpu_time + READ(signal, sum_sched_runtime);
	/*
	 * What has not run since it was last looked at has not changed, its memory aside, of which others may take something
	 * away: that is looked at now and then.
	 */
	if (live.cpu_ns == slot->sent_cpu_ns && slot->sent_state && pass_number % 16)
		return 0;
	mm = READ(task, mm);
	if (mm) {
		u64 rss = rss_pages_for_sample(mm), vsz = READ(mm, total_vm);
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
		}
	}
	live.state = state_letter(READ(task, group_leader)) | live_bits(task, signal, mm);
	if (live.cpu_ns == slot->sent_cpu_ns && live.rss_bytes == slot->sent_rss && live.vsz_bytes == slot->sent_vsz &&
	    live.state == slot->sent_state)
		return 0;
	slot->sent_cpu_ns = live.cpu_ns;
	slot->sent_rss = live.rss_bytes;
	slot->sent_vsz = live.vsz_bytes;
	slot->sent_state = live.state;
	live.threads = threads;
	live.key = key;
	fill_header(&live.header, NEWS_LIVE, sizeof(live));
	bpf_seq_write(ctx->meta->seq, &live, sizeof(live));
	return 0;
}

static __noinline int insert_adopted(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	u64 key = group_key(task), parent_key = group_key(READ(task, real_parent));
	struct group_slot *parent = bpf_map_lookup_elem(&groups, &parent_key);
	struct group_slot slot = {};
	int own;

	slot.info.pid = pid_number(READ(task, thread_pid), &slot.info.pid_ns);
	if ((!attach_tgid || slot.info.pid != attach_tgid) && !is_to_be_adopted(task))
		return 1;
	if (!READ(signal, live.counter)) /* in or past exit already */
		return 1;
	slot.info.ppid = pid_number(READ(task, real_parent, group_leader, thread_pid), &own);
	slot.info.start_ns = READ(task, start_boottime);
	slot.info.depth = parent ? parent->info.depth + 1 : 0;
	slot.info.flags = PROC_ADOPTED;
	slot.info.image_id = key | 1ULL << 63; /* not one that an exec is given */
	slot.mm = (u64)READ(task, mm);
	slot.leader = (u64)task;
	reset_gauges(&slot.info);
	slot.info.max_threads = READ(signal, nr_threads);
	slot.peak_rss_before = ABI_ABSENT;
	return bpf_map_update_elem(&groups, &key, &slot, BPF_NOEXIST);
}

/* Adds what lives already: the session of the tracer, or a process and its descendants. Run until nothing is added. */
SEC("?duct_iter/task")
int adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	int error;
	u64 key;

	if (!task || READ(task, group_leader) != task)
		return 0;
	key = group_key(task);
	if (bpf_map_lookup_elem(&groups, &key) || key == tracer_key)
		return 0;
	error = insert_adopted(task);
	if (error) {
		if (error < 0 && error != -KERNEL_EEXIST)
			count(lost_forks_full);
		return 0;
	}
	count(adopted);
	note_live();
	announce(key, group_key(READ(task, real_parent)));
	return 0;
}

#endif
