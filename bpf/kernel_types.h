/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel structs and fields that are read, and no more: CO-RE finds their places on the running kernel.
 * A name ___flavour is the same struct as other kernel versions have it. src/capture/btf_cache.cpp makes the
 * minimal BTF from exactly the types of this file that carry the attribute.
 */
#ifndef DUCT_BPF_KERNEL_TYPES_H
#define DUCT_BPF_KERNEL_TYPES_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct list_head {
	struct list_head *prev;
};

struct pid_namespace;

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

typedef struct {
	unsigned int val;
} kuid_t;

typedef struct {
	unsigned int val;
} kgid_t;

struct user_namespace {
	kuid_t owner;
};

struct kernel_capabilities { /* two halves before 6.3 */
	u64 bits;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	struct kernel_capabilities cap_permitted;
	struct user_namespace *user_ns;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_io_accounting {
	u64 rchar;
	u64 wchar;
	u64 read_bytes;
	u64 write_bytes;
};

struct percpu_counter {
	long long count;
	int *counters;
};

/* RSS is in per-CPU counters since 6.2, in plain atomics with a cache in each task before. */
struct mm_struct {
	struct task_struct *owner; /* CONFIG_MEMCG */
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long total_vm;
	unsigned long locked_vm;
	unsigned long hiwater_rss;
	unsigned long hiwater_vm;
	struct percpu_counter rss_stat[4];
};

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;
};

struct task_rss_stat {
	int count[4];
};

struct task_struct___before_6_2 {
	struct task_rss_stat rss_stat;
};

struct tty_struct {
	struct {
		struct pid *pgrp;
	} ctrl;
};

struct tty_struct___before_5_16 {
	struct pid *pgrp;
};

struct seqcount {
	unsigned int sequence;
};

struct seqcount_spinlock {
	struct seqcount seqcount;
};

typedef struct {
	struct seqcount_spinlock seqcount;
} seqlock_t;

struct signal_struct {
	atomic_t live;
	seqlock_t stats_lock; /* held while a thread's usage is folded into the group's */
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
	struct mm_struct *oom_mm; /* of a victim of the out-of-memory killer */
	struct pid *pids[4];
	struct tty_struct *tty;
	u64 utime;
	u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long maxrss;
	struct task_io_accounting ioac;
	unsigned long long sum_sched_runtime;
};

struct kernel_siginfo {
	int si_code;
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct task_struct {
	unsigned int __state; /* since 5.14 */
	unsigned int flags;
	int on_cpu;
	int static_prio;
	struct sched_entity se;
	struct mm_struct *mm;
	int exit_state;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct list_head children;
	struct list_head sibling;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 utime;
	u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
};

struct task_struct___before_5_14 {
	long state;
};

struct linux_binprm {
	const char *filename;
};

struct bpf_array {
	void *pptrs[1];
};

#pragma clang attribute pop

/* Context of the task iterator: fixed by the ABI of bpf_iter, so no relocation. */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* include/linux/pid.h, unchanged since 4.19 */
enum { KERNEL_PIDTYPE_PGID = 2, KERNEL_PIDTYPE_SID = 3 };
/* include/linux/mm_types_task.h, unchanged since 4.5 */
enum { KERNEL_MM_FILEPAGES, KERNEL_MM_ANONPAGES, KERNEL_MM_SWAPENTS, KERNEL_MM_SHMEMPAGES };
/* include/linux/sched/signal.h */
enum { KERNEL_SIGNAL_GROUP_EXIT = 0x4 };
/* include/linux/sched.h */
enum { KERNEL_PF_EXITING = 0x4, KERNEL_TASK_DEAD = 0x80, KERNEL_EXIT_DEAD = 0x10, KERNEL_EXIT_ZOMBIE = 0x20 };

#endif
