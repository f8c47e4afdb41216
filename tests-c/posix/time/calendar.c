/* Clocks set and slept on, and times as people write them. */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SAY(call) printf("%s: %d\n", #call, (int)(call))

static locale_t posix;

static void show(const char *zone, time_t at)
{
	struct tm tm;
	char text[64], more[64];

	setenv("TZ", zone, 1);
	tzset();
	localtime_r(&at, &tm);
	printf("%s: %s", zone, asctime_r(&tm, text));
	printf("  %s", ctime_r(&at, text));
	strftime_l(more, sizeof more, "%Y-%m-%dT%H:%M:%S%z %Z %a %j %U %V %G", &tm, posix);
	printf("  %s, dst %d, back %d\n", more, tm.tm_isdst, mktime(&tm) == at);
	printf("  %s %s %ld\n", tzname[0], daylight ? tzname[1] : "-", timezone);
}

static void sleeping(void)
{
	struct timespec now, till, bad = { 0, 1000000000 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	till = now;
	till.tv_nsec += 20000000;
	if (till.tv_nsec >= 1000000000) {
		till.tv_nsec -= 1000000000;
		till.tv_sec++;
	}
	SAY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &till, NULL));
	clock_gettime(CLOCK_MONOTONIC, &now);
	SAY(now.tv_sec > till.tv_sec || (now.tv_sec == till.tv_sec && now.tv_nsec >= till.tv_nsec));
	SAY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL)); /* past already */
	SAY(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL) == EINVAL);
	SAY(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &till, NULL) != 0);
	SAY(clock_settime(CLOCK_MONOTONIC, &now) == -1 && errno == EINVAL);
	SAY(clock_settime(CLOCK_REALTIME, &bad) == -1 && errno == EINVAL);
}

int main(void)
{
	struct timeval tv;
	struct timespec ts;
	struct tm tm;
	time_t t = 86400 * 59;

	posix = newlocale(LC_ALL_MASK, "C", 0);
	show("UTC0", 0);
	show("CET-1CEST,M3.5.0,M10.5.0/3", 1750000000);
	show("CET-1CEST,M3.5.0,M10.5.0/3", 1735000000);
	show("<-0330>3:30<-0230>,M3.2.0,M11.1.0", 1750000000);
	show("EST5EDT,M3.2.0,M11.1.0", 951782400);
	gmtime_r(&t, &tm);
	printf("%d-%d-%d %d\n", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_yday);
	SAY(localtime(&t) != NULL);
	gettimeofday(&tv, NULL);
	clock_gettime(CLOCK_REALTIME, &ts);
	SAY(ts.tv_sec - tv.tv_sec <= 1 && ts.tv_sec >= tv.tv_sec);
	sleeping();
	return 0;
}
