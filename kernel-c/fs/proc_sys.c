/*
 * /proc/sys: figures of the kernel that programs ask for by these names. They
 * are read only; the host name is set by sethostname.
 */
#include "procfs.h"

static void show_hostname(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s\n", uts.nodename);
}

static void show_ostype(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s\n", uts.sysname);
}

static void show_osrelease(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s\n", uts.release);
}

static void show_version(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s\n", uts.version);
}

static void show_domainname(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s\n", uts.domainname[0] ? uts.domainname : "(none)");
}

static void show_pid_max(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d\n", PID_MAX);
}

static void show_ngroups_max(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d\n", NGROUPS_MAX);
}

static void show_overflow_id(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "65534\n");
}

static void show_nr_open(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d\n", OPEN_MAX);
}

/* A random (version 4) UUID, RFC 9562. */
static void uuid(struct text *t, uint8_t b[16])
{
	b[6] = (b[6] & 15) | 0x40;
	b[8] = (b[8] & 63) | 0x80;
	for (int i = 0; i < 16; i++)
		text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	text_printf(t, "\n");
}

static void show_uuid(struct text *t, struct process *p)
{
	uint8_t b[16];

	(void)p;
	random_bytes(b, sizeof b);
	uuid(t, b);
}

static void show_boot_id(struct text *t, struct process *p)
{
	static struct lock boot_lock = LOCK_INIT(RANK_TIMER);
	static uint8_t id[16];
	static bool made;
	uint8_t fresh[16];

	(void)p;
	random_bytes(fresh, sizeof fresh);
	lock(&boot_lock);
	if (!made)
		memcpy(id, fresh, sizeof id);
	made = true;
	memcpy(fresh, id, sizeof id);
	unlock(&boot_lock);
	uuid(t, fresh);
}

static void show_entropy(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "256\n"); /* the host's generator never runs dry */
}

static const struct proc_entry random_entries[] = {
	PROC_TEXT("boot_id", 0444, show_boot_id),
	PROC_TEXT("entropy_avail", 0444, show_entropy),
	PROC_TEXT("poolsize", 0444, show_entropy),
	PROC_TEXT("uuid", 0444, show_uuid),
};
static const struct proc_list random_list = PROC_LIST(random_entries);

static const struct proc_entry kernel_entries[] = {
	PROC_TEXT("domainname", 0444, show_domainname),
	PROC_TEXT("hostname", 0444, show_hostname),
	PROC_TEXT("ngroups_max", 0444, show_ngroups_max),
	PROC_TEXT("osrelease", 0444, show_osrelease),
	PROC_TEXT("ostype", 0444, show_ostype),
	PROC_TEXT("overflowgid", 0444, show_overflow_id),
	PROC_TEXT("overflowuid", 0444, show_overflow_id),
	PROC_TEXT("pid_max", 0444, show_pid_max),
	PROC_DIR("random", 0555, &random_list, PROC_DIR_PLAIN),
	PROC_TEXT("threads-max", 0444, show_pid_max),
	PROC_TEXT("version", 0444, show_version),
};
static const struct proc_list kernel_list = PROC_LIST(kernel_entries);

static const struct proc_entry fs_entries[] = {
	PROC_TEXT("nr_open", 0444, show_nr_open),
};
static const struct proc_list fs_list = PROC_LIST(fs_entries);

static const struct proc_entry entries[] = {
	PROC_DIR("fs", 0555, &fs_list, PROC_DIR_PLAIN),
	PROC_DIR("kernel", 0555, &kernel_list, PROC_DIR_PLAIN),
};
const struct proc_list proc_sys_list = PROC_LIST(entries);
