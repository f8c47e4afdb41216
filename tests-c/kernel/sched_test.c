/*
 * The scheduler: tokens, turns, the order of the queue. Each test gives out few
 * tokens, and threads play tasks that hold them.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/task/entry.h"

#define MS 1000000ll

static uint32_t state_of(const struct task *t)
{
	return __atomic_load_n(&t->sched.state, __ATOMIC_SEQ_CST);
}

/* What a safepoint comes to. */
static void look(void)
{
	syscall_exit(0);
	syscall_enter("test");
}

/* The test's own task has the only token, with a policy that nobody of its priority ends. */
static void hold_the_token(int priority)
{
	sched_init(1);
	sched_set_policy(current, SCHED_FIFO, priority);
	sched_start();
}

static void give_back(void)
{
	sched_end(current);
	sched_set_policy(current, SCHED_OTHER, 0);
	sched_init(SCHED_CPUS_MAX);
}

struct player {
	struct test_thread *thread;
	int policy, priority, nice;
	int *order;    /* [a] the next place */
	int place;     /* in which the player ran */
	bool ran;      /* [a] */
	bool *stop;    /* [a] */
	bool yields;
	bool dies;     /* it will be killed: never leaves the kernel, where its worker would be terminated */
	unsigned turns;
};

static struct task *task_of(const struct player *p)
{
	return test_thread_task(p->thread);
}

static void prepare(struct player *p)
{
	current_process->nice = p->nice;
	sched_set_policy(current, p->policy, p->priority);
	sched_start();
}

/* Takes its place, and ends. */
static void run_once(void *arg)
{
	struct player *p = arg;

	prepare(p);
	p->place = p->order ? __atomic_add_fetch(p->order, 1, __ATOMIC_SEQ_CST) : 0;
	__atomic_store_n(&p->ran, true, __ATOMIC_SEQ_CST);
	sched_end(current);
}

/* Busy until told to stop; looks now and then. */
static void run_busy(void *arg)
{
	struct player *p = arg;

	prepare(p);
	__atomic_store_n(&p->ran, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(p->stop, __ATOMIC_SEQ_CST)) {
		look();
		if (p->yields && sched_give_way())
			p->turns++;
	}
	sched_end(current);
}

static void start(struct player *p, void (*f)(void *))
{
	p->thread = test_thread(f, p);
}

static bool queued(const struct player *p)
{
	return state_of(task_of(p)) == SCHED_STATE_QUEUED;
}

static bool has_run(struct player *p)
{
	return __atomic_load_n(&p->ran, __ATOMIC_SEQ_CST);
}

TEST("sched: who finds no token waits until one is given up")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 1 };

	NEEDS_THREADS();
	hold_the_token(1);
	start(&p, run_once);
	EXPECT_SOON(queued(&p));
	EXPECT(sched_contended());
	EXPECT_EQ(sched_letter(task_of(&p)), 'R');
	look(); /* of equal priority: no reason to go */
	EXPECT_EQ(state_of(current), SCHED_STATE_RUNNING);
	EXPECT(!has_run(&p));
	sched_block(current);
	EXPECT_SOON(has_run(&p));
	sched_unblock(current);
	EXPECT_EQ(state_of(current), SCHED_STATE_RUNNING);
	test_join(p.thread);
	give_back();
}

TEST("sched: waiting for a token is no CPU time")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 1 };
	nsec until;

	NEEDS_THREADS();
	hold_the_token(1);
	start(&p, run_once);
	EXPECT_SOON(queued(&p));
	until = host_clock() + 30 * MS;
	EXPECT_SOON(host_clock() > until);
	EXPECT_EQ(task_cpu(task_of(&p)), 0);
	EXPECT(task_cpu(current) >= 30 * MS);
	sched_block(current);
	EXPECT_SOON(has_run(&p));
	sched_unblock(current);
	test_join(p.thread);
	give_back();
}

TEST("sched: real-time tasks go by priority")
{
	struct player p[4] = { { .priority = 10 }, { .priority = 30 }, { .priority = 20 }, { .priority = 30 } };
	int order = 0;

	NEEDS_THREADS();
	hold_the_token(50);
	for (unsigned i = 0; i < countof(p); i++) {
		p[i].policy = SCHED_FIFO;
		p[i].order = &order;
		start(&p[i], run_once);
		EXPECT_SOON(queued(&p[i]));
	}
	sched_block(current);
	for (unsigned i = 0; i < countof(p); i++)
		test_join(p[i].thread);
	sched_unblock(current);
	EXPECT_EQ(p[1].place, 1);
	EXPECT_EQ(p[3].place, 2); /* of the same priority, but it came later */
	EXPECT_EQ(p[2].place, 3);
	EXPECT_EQ(p[0].place, 4);
	give_back();
}

TEST("sched: a higher priority takes the token at the next look")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 20 };
	int tries = 0;

	NEEDS_THREADS();
	hold_the_token(10);
	/* again if the machine kept us from looking for so long that it went without */
	do {
		p.ran = false;
		start(&p, run_once);
		EXPECT_SOON((look(), has_run(&p)));
		test_join(p.thread);
	} while (current->sched.preemptions == 0 && ++tries < 50);
	EXPECT_EQ(current->sched.preemptions, 1);
	give_back();
}

/* Doesn't look until it has lost its token and has one again. */
static void run_deaf(void *arg)
{
	struct player *p = arg;

	prepare(p);
	__atomic_store_n(&p->ran, true, __ATOMIC_SEQ_CST);
	while (state_of(current) != SCHED_STATE_LOOSE && !__atomic_load_n(p->stop, __ATOMIC_SEQ_CST))
		test_yield();
	while (state_of(current) != SCHED_STATE_RUNNING && !__atomic_load_n(p->stop, __ATOMIC_SEQ_CST))
		test_yield();
	sched_end(current);
}

TEST("sched: who lowers its priority gives the token back to whom it had it from")
{
	bool stop = false, gave_way;
	struct player p = { .policy = SCHED_FIFO, .priority = 10, .stop = &stop };

	NEEDS_THREADS();
	sched_init(1);
	start(&p, run_deaf);
	EXPECT_SOON(has_run(&p));
	sched_set_policy(current, SCHED_FIFO, 50);
	sched_start(); /* p does not look, and runs without a token from now on */
	EXPECT_EQ(state_of(task_of(&p)), SCHED_STATE_LOOSE);
	EXPECT(!sched_give_way());
	sched_set_policy(current, SCHED_FIFO, 5);
	gave_way = sched_give_way();
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	EXPECT(gave_way);
	test_join(p.thread);
	give_back();
}

TEST("sched: a changed priority counts in the queue")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 5 };

	NEEDS_THREADS();
	hold_the_token(10);
	start(&p, run_once);
	EXPECT_SOON(queued(&p));
	look();
	EXPECT(!has_run(&p));
	sched_set_policy(task_of(&p), SCHED_FIFO, 15);
	EXPECT_SOON((look(), has_run(&p)));
	test_join(p.thread);
	give_back();
}

TEST("sched: a killed task doesn't wait for a token")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 1 };

	NEEDS_THREADS();
	hold_the_token(1);
	start(&p, run_once);
	EXPECT_SOON(queued(&p));
	lock(&task_of(&p)->process->lock);
	task_kill(task_of(&p));
	unlock(&task_of(&p)->process->lock);
	EXPECT_SOON(has_run(&p));
	EXPECT_EQ(state_of(current), SCHED_STATE_RUNNING);
	EXPECT(!sched_contended());
	test_join(p.thread);
	give_back();
}

/* A real-time task: any other may take the token at once, if the turn has lasted long enough. */
TEST("sched: who doesn't look keeps nobody waiting")
{
	struct player p = { .policy = SCHED_FIFO, .priority = 1 };

	NEEDS_THREADS();
	sched_init(1);
	sched_start();
	start(&p, run_once);
	EXPECT_SOON(has_run(&p)); /* without a look by us */
	test_join(p.thread);
	EXPECT_EQ(state_of(current), SCHED_STATE_RUNNING); /* nobody else wants it */
	EXPECT(current->sched.deaf);
	p.ran = false;
	start(&p, run_once);
	EXPECT_SOON(has_run(&p));
	test_join(p.thread);
	sched_block(current);
	sched_unblock(current);
	EXPECT(!current->sched.deaf);
	give_back();
}

TEST("sched: who doesn't look keeps no equals waiting")
{
	struct player p = { .policy = SCHED_OTHER };

	NEEDS_THREADS();
	sched_init(1);
	sched_start();
	for (int i = 0; i < 3; i++) {
		p.ran = false;
		start(&p, run_once);
		EXPECT_SOON(has_run(&p));
		test_join(p.thread);
		EXPECT_EQ(state_of(current), SCHED_STATE_RUNNING);
	}
	give_back();
}

TEST("sched: SCHED_RR takes turns, SCHED_FIFO does not")
{
	bool stop = false;
	struct player a = { .policy = SCHED_FIFO, .priority = 5, .stop = &stop }, b = a;
	nsec until;

	NEEDS_THREADS();
	hold_the_token(10);
	start(&a, run_busy);
	EXPECT_SOON(queued(&a));
	start(&b, run_busy);
	EXPECT_SOON(queued(&b));
	sched_block(current);
	EXPECT_SOON(has_run(&a));
	until = host_clock() + 3 * SCHED_RR_INTERVAL;
	EXPECT_SOON(host_clock() > until);
	EXPECT(!has_run(&b));
	sched_set_policy(task_of(&a), SCHED_RR, 5);
	EXPECT_SOON(has_run(&b));
	EXPECT_EQ(sched_interval(task_of(&a)), SCHED_RR_INTERVAL);
	EXPECT_EQ(sched_interval(task_of(&b)), 0);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	test_join(a.thread);
	test_join(b.thread);
	sched_unblock(current);
	give_back();
}

TEST("sched: yielding lets an equal run, and no lower one")
{
	bool stop = false;
	struct player a = { .policy = SCHED_FIFO, .priority = 5, .stop = &stop, .yields = true }, b = a;
	struct player low = { .policy = SCHED_FIFO, .priority = 1 };

	NEEDS_THREADS();
	hold_the_token(10);
	EXPECT(!sched_give_way());
	start(&low, run_once);
	EXPECT_SOON(queued(&low));
	EXPECT(!sched_give_way());
	start(&a, run_busy);
	start(&b, run_busy);
	EXPECT_SOON(queued(&a) && queued(&b));
	sched_block(current);
	EXPECT_SOON(has_run(&a) && has_run(&b));
	EXPECT(!has_run(&low));
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	test_join(a.thread);
	test_join(b.thread);
	EXPECT(a.turns + b.turns > 0);
	test_join(low.thread);
	sched_unblock(current);
	give_back();
}

TEST("sched: real-time tasks starve nobody")
{
	bool stop = false;
	struct player fifo = { .policy = SCHED_FIFO, .priority = 99, .stop = &stop };
	struct player other = { .policy = SCHED_OTHER, .nice = 19 };

	NEEDS_THREADS();
	sched_init(1);
	start(&fifo, run_busy);
	EXPECT_SOON(has_run(&fifo));
	start(&other, run_once);
	EXPECT_SOON(has_run(&other));
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	test_join(fifo.thread);
	test_join(other.thread);
	sched_init(SCHED_CPUS_MAX);
}

/* How long tasks had tokens since `before`, at nice levels up to 0 and above. */
static void token_time(const struct sched_totals *before, nsec *user, nsec *nice)
{
	static struct sched_totals now;

	sched_totals(&now);
	*user = *nice = 0;
	for (int i = 0; i < SCHED_CPUS_MAX; i++) {
		*user += now.user[i] - before->user[i];
		*nice += now.nice[i] - before->nice[i];
	}
}

/*
 * The machine under the tests may be busy and let a task lie for a while, which counts as its
 * turn; the exact shares are measured in the system.
 */
TEST("sched: nice levels share as their weights")
{
	static struct sched_totals before;
	bool stop = false;
	struct player a = { .policy = SCHED_OTHER, .stop = &stop }, b = a;
	nsec user, nice;

	NEEDS_THREADS();
	b.nice = 10;
	sched_init(1);
	sched_totals(&before);
	start(&a, run_busy);
	start(&b, run_busy);
	EXPECT_SOON((token_time(&before, &user, &nice), user + nice > 600 * MS && nice > 0 && user > 3 * nice));
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	test_join(a.thread);
	test_join(b.thread);
	sched_init(SCHED_CPUS_MAX);
}

TEST("sched: a borrowed worker's token goes to the child and back")
{
	struct task *parent = current, *child = test_task_new(current);
	nsec before;

	sched_start();
	before = task_cpu(parent);
	sched_move(parent, child);
	EXPECT_EQ(state_of(parent), SCHED_STATE_OFF);
	EXPECT_EQ(state_of(child), SCHED_STATE_RUNNING);
	before = task_cpu(parent);
	EXPECT_SOON(task_cpu(child) > MS);
	EXPECT_EQ(task_cpu(parent), before);
	sched_move(child, parent);
	EXPECT_EQ(state_of(parent), SCHED_STATE_RUNNING);
	test_task_free(child);
	sched_end(parent);
}

/* ---- all at once ---- */

#define CROWD 8
#define TOKENS 2

static struct wait_queue crowd_queue = WAIT_QUEUE_INIT(crowd_queue);
static struct lock crowd_lock = LOCK_INIT(RANK_PIPE);
static struct mutex crowd_mutex = MUTEX_INIT(RANK_INODE);
static int crowd_inside;

static void crowd(void *arg)
{
	struct player *p = arg;
	uint32_t random = (uint32_t)(uintptr_t)p | 1;

	prepare(p);
	for (int i = 0; i < 300 && !__atomic_load_n(&current->killed, __ATOMIC_RELAXED); i++) {
		random = random * 1664525 + 1013904223;
		switch (random >> 29) {
		case 0:
			mutex_lock(&crowd_mutex);
			crowd_inside++;
			if (!p->dies)
				look();
			crowd_inside--;
			mutex_unlock(&crowd_mutex);
			break;
		case 1:
			sched_give_way();
			break;
		case 2:
			sched_set_policy(current, random & 1 << 20 ? SCHED_RR : SCHED_OTHER,
					 random & 1 << 20 ? 1 : 0);
			break;
		case 3:
		case 4:
			lock(&crowd_lock);
			wait_event(&crowd_queue, &crowd_lock, false, host_clock() + 200000);
			unlock(&crowd_lock);
			break;
		default:
			wake_all(&crowd_queue);
			if (!p->dies)
				look();
		}
	}
	sched_end(current);
}

TEST("sched: a crowd over two tokens loses none of them")
{
	struct player p[CROWD] = { 0 };
	struct sched_totals totals;

	NEEDS_THREADS();
	sched_init(TOKENS);
	for (int i = 0; i < CROWD; i++) {
		p[i].policy = SCHED_OTHER;
		p[i].nice = i;
		p[i].dies = i == 3;
		start(&p[i], crowd);
	}
	lock(&task_of(&p[3])->process->lock);
	task_kill(task_of(&p[3]));
	unlock(&task_of(&p[3])->process->lock);
	for (int i = 0; i < CROWD; i++)
		test_join(p[i].thread);
	EXPECT(!sched_contended());
	EXPECT_EQ(crowd_inside, 0);
	sched_totals(&totals);
	EXPECT_EQ(totals.runnable, 0);
	/* both tokens can be had, by two that never look */
	hold_the_token(1);
	give_back();
}

TEST("sched: the books say what ran")
{
	static struct sched_totals before, after;
	nsec ran;

	sched_totals(&before);
	sched_start();
	EXPECT_SOON(task_cpu(current) > 5 * MS);
	sched_end(current);
	ran = current->sched.clock;
	sched_totals(&after);
	EXPECT_EQ(after.runnable, before.runnable);
	EXPECT(after.switches > before.switches);
	for (int i = 0; i < SCHED_CPUS_MAX; i++)
		ran -= after.user[i] - before.user[i] + after.nice[i] - before.nice[i];
	EXPECT_EQ(ran, 0);
}
