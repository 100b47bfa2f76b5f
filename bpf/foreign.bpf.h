/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes of the tree that are not the caller's (of setuid programs and what these start), where the caller is not
 * root: of them the records are to say no more than /proc tells everybody.
 */
#ifndef DUCT_BPF_FOREIGN_H
#define DUCT_BPF_FOREIGN_H

/* The rule by which the kernel lets the caller look into a process (ptrace_may_access), without its flag `dumpable`. */
static __always_inline bool is_callers(struct task_struct *task)
{
	const struct cred *cred = READ(task, real_cred);
	struct user_namespace *user_ns = READ(cred, user_ns);
	u64 permitted = 0;

	if ((u64)user_ns != tracer_user_ns) /* only theirs can get there; who made it may look into all that is in it */
		return READ(user_ns, owner.val) == caller_uid;
	bpf_core_read(&permitted, sizeof(permitted), &cred->cap_permitted);
	return READ(cred, uid.val) == caller_uid && READ(cred, euid.val) == caller_uid && READ(cred, suid.val) == caller_uid &&
	       READ(cred, gid.val) == caller_gid && READ(cred, egid.val) == caller_gid && READ(cred, sgid.val) == caller_gid &&
	       !permitted;
}

/* Once, or by descent, and then for good: its numbers are those of all its images. Looked at where credentials change. */
static __always_inline void note_foreign(struct group_slot *slot, struct task_struct *task)
{
	if (withholds && !is_callers(task))
		slot->info.flags |= PROC_FOREIGN;
}

/* /proc/PID/io is for the owner alone: it tells the length of a password. Those are the rows SUMMED of the table. */
static __always_inline void withhold_io(struct usage_counts *usage, u32 flags)
{
	if (!withholds || !(flags & PROC_FOREIGN))
		return;
#define SUMMED(name, unit, task_path, help) usage->name = ABI_ABSENT;
#include "metrics.def"
}

/* /proc/PID/cmdline is everybody's, unless /proc is mounted with hidepid. */
static __always_inline bool withholds_argv(struct group_slot *slot)
{
	return withholds == WITHHOLD_ARGV && slot->info.flags & PROC_FOREIGN;
}

#endif
