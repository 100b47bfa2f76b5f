/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the kernel side and user space share; valid in C (BPF) and C++. Times are nanoseconds of the boot clock,
 * memory is in bytes. A `key` names a thread group for as long as the machine runs: see group_key.
 */
#ifndef DUCT_BPF_ABI_H
#define DUCT_BPF_ABI_H

#ifdef __cplusplus
#include <cstdint>
namespace duct_bpf::abi {
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using s32 = std::int32_t;
using u64 = std::uint64_t;
#define ABI_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
typedef unsigned char u8;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
#define ABI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

/* Plain numbers as enums, so that both languages see constants. */
enum {
	ABI_COMM_BYTES = 16,
	ABI_EXE_BYTES = 4096,      /* PATH_MAX: the kernel takes no longer file name */
	ABI_SPILL_CHUNK = 4096,    /* exec news that found the ring full is kept in pieces of this size */
	ABI_MAX_CPUS = 1024,       /* beyond, numbers that are kept per CPU fall back to one shared place */
	ABI_EXACT_SAMPLE_CPUS = 8, /* up to here samples do, too */
	ABI_EXACT_RSS_CPUS = 64,   /* up to here a process's exit sums its per-CPU memory counters */
};

#define END_EXITS_EMPTY 16 /* see end_exits */
/* Places of `tails`. */
#define ABI_END_EXITS 0
#define ABI_KEEP_MEMORY 1
#define ABI_NO_TAIL 2 /* nothing is there */
#define ABI_RDONLY_CAST 0x0dc7ca57 /* no helper's number: see bpf/read.bpf.h */
#define ABI_ABSENT (~0ULL) /* a number that was not measured */
#define ABI_ABSENT_U32 (~0U)

enum news_kind {
	NEWS_FORK = 1,  /* struct news_fork */
	NEWS_EXEC = 2,  /* struct news_exec, then exe and argv bytes */
	NEWS_END = 3,   /* struct news_process: group is gone, numbers are final */
	NEWS_STATE = 4, /* struct news_process: not gone yet (alive or zombie), numbers as of now */
	NEWS_LIVE = 5,  /* struct news_live: what changed since the sample before */
	NEWS_EXIT = 6,  /* struct news_sign: there are exits for the tracer to look at (end_exits) */
	NEWS_PEAK = 7,  /* struct news_sign: the tree's memory has grown well above what `peak_wanted` said */
};

struct news_header {
	u32 size; /* of the whole message, this header included */
	u32 kind;
	u64 time_ns;
};
ABI_SIZE(struct news_header, 16);

enum process_flags {
	PROC_ADOPTED = 1u << 0,     /* lived before tracing began */
	PROC_EXITED = 1u << 1,      /* last thread has entered exit: wait_status and end_ns are valid */
	PROC_BORROWED_MM = 1u << 2, /* image shares its parent's address space (vfork): memory is the parent's */
	PROC_OOM_VICTIM = 1u << 3,  /* chosen by the kernel's out-of-memory killer */
	PROC_FOREIGN = 1u << 8,     /* has had credentials that are not the caller's; only where WITHHOLD_IO or more */
	PROC_STATUS_UNKNOWN = 1u << 16, /* it is gone, and nobody saw how: wait_status says nothing */
};

enum sender_flags {
	SENDER_KNOWN = 1u << 0, /* a process, and not the kernel, sent it: the rest is valid */
	SENDER_FINAL = 1u << 1, /* the process's exit has begun by this signal */
};

/* The last signal that may have ended a process. */
struct signal_sender {
	s32 signal; /* 0: none yet */
	s32 pid;    /* 0: not in the tracer's pid namespace */
	u32 uid;    /* real */
	u32 flags;
	char comm[ABI_COMM_BYTES];
};
ABI_SIZE(struct signal_sender, 32);

/* What an unprivileged caller does not get of processes that are not theirs. */
enum withhold { WITHHOLD_NOTHING, WITHHOLD_IO, WITHHOLD_ARGV /* and I/O */ };

/*
 * What is known of a process apart from its usage: first what its parent's CPU writes at the fork, a line of the cache, then
 * what its own CPU writes until it ends.
 */
struct process_info {
	u64 start_ns;
	s32 pid;
	s32 ppid;
	s32 pid_ns; /* number in its own pid namespace */
	u32 depth;
	u32 num_execs;
	u32 reserved;
	struct signal_sender sender;

	u64 image_id; /* 0: none seen */
	u64 end_ns;
	u64 cgroup_id;
	u32 flags;
	s32 wait_status;
	u32 uid;
	s32 sid;
	char comm[ABI_COMM_BYTES];
	/* Memory (bytes) it had when the tree's memory had its maximum number `tree_peak`; later maxima came after its end. */
	u64 tree_peak;
	u64 rss_at_tree_peak;
	u64 image_at_tree_peak;
#define GAUGE(name, unit, help) u64 name;
#include "metrics.def"
};

struct usage_counts {
#define METRIC(name, unit, signal_path, task_path, help) u64 name;
#define SUMMED(name, unit, task_path, help) u64 name;
#include "metrics.def"
};

/* What threads that have exited did. */
struct summed_counts {
#define SUMMED(name, unit, task_path, help) u64 name;
#include "metrics.def"
	u64 present; /* so that the struct is not empty where the table has no such rows */
};

struct news_fork {
	struct news_header header;
	u64 key;
	u64 parent_key;
	u64 image_id;
	u64 start_ns;
	s32 pid;
	s32 ppid;
	s32 pid_ns;
	u32 depth;
	u32 flags;
	u32 reserved;
};
ABI_SIZE(struct news_fork, 72);

enum exec_flags {
	EXEC_ARGV_CUT = 1u << 0,  /* longer than max_argv */
	EXEC_ARGV_LOST = 1u << 1, /* could not be read */
};

struct news_exec {
	struct news_header header;
	u64 key;
	u64 image_id;
	u32 exe_bytes;  /* follows the struct, no terminating NUL */
	u32 argv_bytes; /* follows exe: words, each with its NUL (the last one perhaps cut) */
	u32 flags;
	u32 reserved;
};
ABI_SIZE(struct news_exec, 48);

struct news_process {
	struct news_header header;
	u64 key;
	struct process_info info;
	struct usage_counts usage;
};

struct news_sign {
	struct news_header header;
};
ABI_SIZE(struct news_sign, 16);

struct news_live {
	struct news_header header;
	u64 key;
	u64 cpu_ns;
	u64 rss_bytes;
	u64 vsz_bytes;
	u32 threads;
	u32 state; /* letter as ps prints it, then LIVE_* bits */
};
ABI_SIZE(struct news_live, 56);

enum live_bits {
	LIVE_STATE_MASK = 0xff,
	LIVE_SESSION_LEADER = 1u << 8,
	LIVE_NICE_LOW = 1u << 9,   /* nice > 0 */
	LIVE_NICE_HIGH = 1u << 10, /* nice < 0 */
	LIVE_LOCKED = 1u << 11,    /* has pages locked into memory */
	LIVE_FOREGROUND = 1u << 12,
	LIVE_MULTITHREADED = 1u << 13,
};

struct chunk_key {
	u64 image_id;
	u32 part;
	u32 parts;
};
struct exec_chunk {
	u8 bytes[ABI_SPILL_CHUNK];
};

/*
 * The ledger's entry for a thread group. User space looks only at `info`. What is written at the fork, by samples, and where the
 * process runs is in lines of the cache of its own: in a storm of forks, handing lines from CPU to CPU is half of our cost.
 */
struct group_slot {
	u64 pass;           /* of the iterator, in which ... */
	u64 visited_cpu_ns; /* ... its threads visited so far used this, */
	u32 visited;        /* and were so many */
	u32 sent_state;
	u64 sent_cpu_ns, sent_rss, sent_vsz;
	u32 multithreaded;  /* has ever been */
	u32 unused[3];
	struct process_info info;
	u32 followed;       /* place of its address space among those whose events are looked at, and one; 0: none */
	s32 leader_exit_code;
	u64 mm;             /* address of its address space */
	u64 leader;         /* address of its leader's task */
	u64 lender;         /* key of the process whose memory it borrows (PROC_BORROWED_MM) */
	long long rss_pages;      /* its share of memory.pages; 0 while it borrows another's memory */
	u64 peak_pages;           /* highest of them in the present image */
	u64 peak_rss_before;      /* of the images before the present one */
	u64 maxrss_at_exec;       /* signal->maxrss (pages) when the present image began */
	struct summed_counts summed;
	struct usage_counts seen; /* threads visited in a pass that takes everything */
};

/* What a run of `sample` answers; 0: there are more places to look at. */
enum sample_answer {
	SAMPLE_END = 1,  /* of the list */
	SAMPLE_FULL = 2, /* the ring: to be gone on with once it has been read */
};

/* Places that a run of it looks at. */
#define SAMPLE_PLACES 256

/* A group that samples look at, in a list (src/capture/watch_list.hpp); the tracer writes `key`, the sample the rest. */
struct watched {
	u64 key;    /* 0: behind the last one */
	u64 leader; /* address of its leader's task; 0: what it says is not enough, the ledger has to be asked */
	u64 cpu_ns; /* CPU time of the leader when it was looked at */
};

/* Resident memory of the tree: the sum over its processes; of one that exits, what it has not given back yet. */
struct tree_memory {
	long long pages;
	u64 peak_pages;  /* about: see cpu_peak */
	u64 peak_number; /* how often it was raised */
	long long highs; /* sum of the most that each process has had in its present image. Where kernels have cmpxchg. */
	u64 teardowns;   /* processes that have exited and still give back much memory */
	/*
	 * How far the maximum may be off while memory is known from looks alone (memory_by_looks). In pages; the tracer takes it, and
	 * it begins anew. `alive`: sums over processes that live, `ended`: the largest number of a process when its image ended.
	 */
	u64 unseen_alive; /* what it was found to have had beyond the most that was known of it */
	u64 stale_alive;  /* how much less it was found to have than was known of it */
};

/* The same: maxima, of each CPU. */
struct cpu_looks {
	u64 highs_peak; /* of `highs`, without what is found out at the end of a time */
	u64 unseen_ended, stale_ended;
};

/* A CPU's view of its maximum: no maximum is overwritten by another, the highest of all CPUs is the one. */
struct cpu_peak {
	u64 pages;
	u64 time_ns;
	u64 processes;    /* alive then, */
	u64 threads;      /* and their threads */
	u64 window;       /* number of the stretch of time ... */
	u64 window_pages; /* ... in which this was the maximum */
};

/* A child of the tracer, as `arm` finds it: the command, which waits to be told to go on. */
struct found_child {
	u64 next;   /* where to go on looking: a place in the list of children */
	u64 key;    /* 0: none yet */
	u64 leader; /* address of its task */
	u64 cpu_ns; /* that it has used */
	s32 pid;    /* wanted, in the tracer's pid namespace; 0: none */
	s32 pid_ns; /* in its own */
	u32 on_cpu; /* it runs, and `cpu_ns` is of a while ago */
	u32 unused;
};

/* Counters and switches; mapped into user space. Counters only grow. */
struct counters {
	u64 forks;
	u64 adopted;
	u64 execs;
	u64 exits;
	u64 ends;                 /* exits whose group was ended */
	u64 latest_exit;          /* leader's task of the latest of them that nobody has looked at; 0: none. Where kernels have xchg. */
	u64 live;                 /* forks + adopted - exits */
	u64 live_threads;         /* threads of those */
	u64 lost_forks_full;      /* the ledger was full */
	u64 lost_forks_busy;      /* the ledger's bucket was locked by an interrupted update */
	u64 lost_fork_news;       /* in the ledger, but its news found neither ring nor spill map */
	u64 lost_ends;
	u64 lost_numbers;         /* ended too late: what the kernel had counted was gone */
	u64 lost_argv;
	u64 spilled;              /* messages put into a spill map */
};

#ifdef __cplusplus
}  // namespace duct_bpf::abi
#endif
#undef ABI_SIZE
#endif
