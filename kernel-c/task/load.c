/*
 * Load averages: how many tasks ran or could have, over 1, 5 and 15 minutes,
 * damped exponentially in steps of five seconds as Linux does it.
 *
 * Nothing runs here every five seconds for it. The scheduler's books say for how
 * long tasks ran and waited in the queue; what that adds up to since the last look, by
 * the time that has passed, is the mean number of them in each step since then.
 */
#include "../host.h"
#include "../kernel.h"
#include "sched.h"

#define STEP (5 * NSEC_PER_SEC)
#define STEPS_MAX 2000 /* more change nothing: 1/e^11 */

static struct lock load_lock = LOCK_INIT(RANK_TIMER);
static uint32_t load[3];
static nsec last, last_busy;

/* of 1 << LOAD_SHIFT: 1/exp(5 s / 1, 5, 15 min) */
static const uint32_t decay[3] = { 60297, 64453, 65173 };

/* Time that tasks ran, or waited to, since the boot. */
static nsec busy_time(void)
{
	struct sched_totals all;
	nsec busy;

	sched_totals(&all);
	busy = all.loose + all.queued;
	for (int i = 0; i < ncpus; i++)
		busy += all.user[i] + all.nice[i];
	return busy;
}

void load_averages(uint32_t out[3])
{
	nsec now = uptime(), steps;
	uint64_t mean;

	lock(&load_lock);
	steps = (now - last) / STEP;
	if (steps > 0) {
		nsec busy = busy_time();

		mean = (uint64_t)(busy - last_busy) / ((uint64_t)(now - last) >> LOAD_SHIFT);
		__atomic_store_n(&last, last + steps * STEP, __ATOMIC_RELAXED);
		/* what has passed of the next step is in the next look's mean */
		last_busy = busy - (nsec)(mean * (uint64_t)(now - last) >> LOAD_SHIFT);
		for (steps = min(steps, (nsec)STEPS_MAX); steps > 0; steps--)
			for (int i = 0; i < 3; i++)
				load[i] = (load[i] * (uint64_t)decay[i] +
					   mean * ((1u << LOAD_SHIFT) - decay[i]) +
					   (mean > load[i] ? (1u << LOAD_SHIFT) - 1 : 0)) >> LOAD_SHIFT;
	}
	memcpy(out, load, sizeof(load));
	unlock(&load_lock);
}

void load_look(nsec now)
{
	uint32_t unused[3];

	if (now - process_init->started - __atomic_load_n(&last, __ATOMIC_RELAXED) >= STEP)
		load_averages(unused);
}
