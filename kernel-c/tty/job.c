/*
 * Job control: sessions and their terminals, the foreground group, and who may
 * read from and write to a terminal.
 *
 * Everything here is under processes_lock, which protects session->tty,
 * tty->session and tty->foreground.
 */
#include "../kernel.h"
#include "tty.h"

static void set_foreground(struct tty *t, struct pgroup *g)
{
	struct pgroup *old = t->foreground;

	__atomic_store_n(&t->foreground, g ? pgroup_get(g) : NULL, __ATOMIC_RELEASE);
	if (old)
		pgroup_put(old);
}

/* Cut the tie between t and its session. The caller drops the references after unlocking. */
static struct session *untie(struct tty *t)
{
	struct session *s = t->session;

	set_foreground(t, NULL);
	t->session = NULL;
	if (s)
		s->tty = NULL;
	return s;
}

int job_check(struct tty *t, int sig)
{
	struct process *p = current ? current_process : NULL;
	int err = 0;

	if (!p || likely(__atomic_load_n(&t->foreground, __ATOMIC_ACQUIRE) == p->pgroup))
		return 0;
	lock(&processes_lock);
	if (p->pgroup->session->tty != t || !t->foreground || t->foreground == p->pgroup)
		goto out;
	if (signal_ignored_or_blocked(sig)) {
		err = sig == SIGTTIN ? -EIO : 0;
	} else if (pgroup_orphaned(p->pgroup)) {
		err = -EIO;
	} else {
		signal_send_pgroup(p->pgroup, sig);
		err = -ERESTART;
	}
out:
	unlock(&processes_lock);
	return err;
}

int job_take_terminal(struct tty *t, struct process *p, bool force)
{
	struct session *s, *old = NULL;
	int err = -EPERM;

	lock(&processes_lock);
	s = p->pgroup->session;
	if (s->tty == t) {
		err = 0;
		goto out;
	}
	if (s->id != p->pid || s->tty || (t->session && !force))
		goto out;
	if (t->session)
		old = untie(t);
	t->session = s;
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	s->tty = tty_get(t);
	set_foreground(t, p->pgroup);
	err = 0;
out:
	unlock(&processes_lock);
	if (old) {
		session_put(old);
		tty_put(t);
	}
	return err;
}

void job_signal_foreground(struct tty *t, int sig)
{
	lock(&processes_lock);
	if (t->foreground)
		signal_send_pgroup(t->foreground, sig);
	unlock(&processes_lock);
}

void job_hangup(struct tty *t)
{
	struct process *leader;
	struct session *s;

	lock(&processes_lock);
	if (t->session && (leader = process_find(t->session->id))) {
		signal_send_table_locked(leader, SIGHUP, NULL);
		signal_send_table_locked(leader, SIGCONT, NULL);
	}
	if (t->foreground) {
		signal_send_pgroup(t->foreground, SIGHUP);
		signal_send_pgroup(t->foreground, SIGCONT);
	}
	s = untie(t);
	unlock(&processes_lock);
	if (s) {
		session_put(s);
		tty_put(t);
	}
}

/* The session's leader has ended (POSIX, _Exit(): the terminal is given up). */
void tty_session_end(struct session *s)
{
	struct tty *t;

	lock(&processes_lock);
	t = s->tty;
	if (t && t->foreground) {
		signal_send_pgroup(t->foreground, SIGHUP);
		signal_send_pgroup(t->foreground, SIGCONT);
	}
	if (t)
		untie(t);
	unlock(&processes_lock);
	if (t) {
		wake_all(&t->readable);
		session_put(s);
		tty_put(t);
	}
}

struct tty *job_terminal(void)
{
	struct tty *t;

	if (!current)
		return NULL;
	lock(&processes_lock);
	t = current_process->pgroup->session->tty;
	if (t)
		tty_get(t);
	unlock(&processes_lock);
	return t;
}

/* ---- requests ---- */

static int get_id(struct tty *t, uint32_t request, uaddr argument, bool is_master)
{
	int32_t id = 0;

	lock(&processes_lock);
	if (!is_master && current_process->pgroup->session->tty != t)
		id = -ENOTTY;
	else if (request == TIOCGPGRP) /* no foreground: an id that no group has */
		id = t->foreground ? t->foreground->id : is_master ? 0 : 0x7fffffff;
	else
		id = t->session ? t->session->id : -ENOTTY;
	unlock(&processes_lock);
	return id < 0 ? id : copy_out(argument, &id, sizeof(id));
}

static int set_foreground_id(struct tty *t, uaddr argument)
{
	struct session *s;
	struct pgroup *g;
	int32_t id;
	int err;

	if ((err = job_check(t, SIGTTOU)) < 0 || (err = copy_in(&id, argument, sizeof(id))) < 0)
		return err;
	if (id < 0)
		return -EINVAL;
	lock(&processes_lock);
	s = current_process->pgroup->session;
	g = pgroup_find(id);
	if (s->tty != t)
		err = -ENOTTY;
	else if (!g || list_empty(&g->members))
		err = -ESRCH;
	else if (g->session != s)
		err = -EPERM;
	else
		set_foreground(t, g);
	unlock(&processes_lock);
	wake_all(&t->readable); /* those who wait in the background look again */
	return err;
}

/* A leader that gives its terminal up hangs it up for the foreground. */
static int give_up(struct tty *t)
{
	struct session *s;
	int err = 0;

	lock(&processes_lock);
	s = current_process->pgroup->session;
	if (s->tty != t)
		err = -ENOTTY;
	unlock(&processes_lock);
	if (err == 0 && s->id == current_process->pid)
		tty_session_end(s);
	return err;
}

int job_ioctl(struct tty *t, uint32_t request, uaddr argument, bool is_master)
{
	switch (request) {
	case TIOCGPGRP:
	case TIOCGSID:
		return get_id(t, request, argument, is_master);
	case TIOCSPGRP:
		return is_master ? -ENOTTY : set_foreground_id(t, argument);
	case TIOCSCTTY:
		return is_master ? -EIO :
				   job_take_terminal(t, current_process,
						     argument == 1 &&
							     current_process->cred.euid == 0);
	case TIOCNOTTY:
		return is_master ? -ENOTTY : give_up(t);
	}
	return -ENOTTY;
}
