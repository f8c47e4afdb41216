/*
 * What the kernel holds, by /proc/slabinfo and /proc/meminfo, to see that a test
 * leaves nothing behind. On another system there is nothing to compare, and
 * everything is as it was.
 */
#ifndef KERNEL_OBJECTS_H
#define KERNEL_OBJECTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define CACHES_MAX 160
#define SETTLE_TURNS 400 /* of 25 ms: workers that were terminated are buried a little later */

struct objects {
	int caches; /* 0: not TabOS */
	struct {
		char name[32];
		long live;
	} cache[CACHES_MAX];
	long used_kib;
};

static int is_tabos(void)
{
	struct utsname u;

	return uname(&u) == 0 && strcmp(u.sysname, "TabOS") == 0;
}

static inline struct objects *objects_read(struct objects *o)
{
	char line[256], name[64];
	long total = 0, free = 0, live;
	FILE *f;

	memset(o, 0, sizeof *o);
	if (!is_tabos())
		return o;
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof line, f)) {
		sscanf(line, "MemTotal: %ld", &total);
		sscanf(line, "MemFree: %ld", &free);
	}
	if (f)
		fclose(f);
	o->used_kib = total - free;
	f = fopen("/proc/slabinfo", "r");
	while (f && fgets(line, sizeof line, f))
		if (line[0] != '#' && sscanf(line, "%63s %ld", name, &live) == 2 && o->caches < CACHES_MAX) {
			snprintf(o->cache[o->caches].name, sizeof o->cache[0].name, "%.31s", name);
			o->cache[o->caches++].live = live;
		}
	if (f)
		fclose(f);
	if (o->caches == 0 || total == 0) {
		printf("/proc does not tell what the kernel holds\n");
		exit(1);
	}
	return o;
}

static long objects_live(const struct objects *o, const char *name)
{
	for (int i = 0; i < o->caches; i++)
		if (strcmp(o->cache[i].name, name) == 0)
			return o->cache[i].live;
	return 0;
}

/* How many objects there are more than before, and how many KiB; `say` prints which. */
static long objects_grown(const struct objects *before, const struct objects *now, long slack_kib, int say)
{
	long grown = 0;

	for (int i = 0; i < now->caches; i++) {
		long was = objects_live(before, now->cache[i].name), more = now->cache[i].live - was;

		if (more <= 0)
			continue;
		grown += more;
		if (say)
			printf("%s: %ld objects, %ld before\n", now->cache[i].name, now->cache[i].live, was);
	}
	if (now->used_kib > before->used_kib + slack_kib) {
		grown += now->used_kib - before->used_kib;
		if (say)
			printf("kernel memory: %ld KiB, %ld before\n", now->used_kib, before->used_kib);
	}
	return grown;
}

/* Wait until the kernel holds no more than before; false, with what there is more, if it does not come to that. */
static inline int objects_settle(const struct objects *before, long slack_kib)
{
	const struct timespec moment = { 0, 25000000 };
	static struct objects now;

	for (int turn = 0; turn < SETTLE_TURNS; turn++) {
		if (objects_grown(before, objects_read(&now), slack_kib, 0) == 0)
			return 1;
		nanosleep(&moment, NULL);
	}
	objects_grown(before, &now, slack_kib, 1);
	return 0;
}

#endif
