/*
 * prctl: operations on the calling thread that have no call of their own.
 */
#include "../kernel.h"

#define PR_SET_NAME 15
#define PR_GET_NAME 16

static int set_name(uaddr from)
{
	char name[sizeof current->name] = "";
	int err;

	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		if ((err = copy_in(&name[i], from + i, 1)) < 0)
			return err;
		if (!name[i])
			break;
	}
	lock(&current_process->lock);
	kstrlcpy(task_name(current), name, sizeof(name));
	unlock(&current_process->lock);
	return 0;
}

static int get_name(uaddr to)
{
	char name[sizeof current->name];

	lock(&current_process->lock);
	memcpy(name, task_name(current), sizeof(name));
	unlock(&current_process->lock);
	return copy_out(to, name, sizeof(name));
}

int32_t sys_prctl(int32_t option, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	(void)b, (void)c, (void)d;
	switch (option) {
	case PR_SET_NAME:
		return set_name(a);
	case PR_GET_NAME:
		return get_name(a);
	default:
		return -EINVAL;
	}
}
