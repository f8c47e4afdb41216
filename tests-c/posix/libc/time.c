/* Calendar time, time zones, formatting and parsing; clocks move forward. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void show(const char *zone, time_t t)
{
	char text[100];
	struct tm tm;

	setenv("TZ", zone, 1);
	tzset();
	localtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z %z %j %U %a %b", &tm);
	printf("%s: %s, back %d\n", zone, text, mktime(&tm) == t);
}

/* Days of one and two digits, years of three and four, and fields that no calendar has. */
static void asctimes(void)
{
	static const time_t times[] = { 951782400, 0, 1709210096, 253402300799, -30641760000, -30610224001, -30610224000 };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		printf("%s", asctime(gmtime(&times[i])));
	printf("%s", asctime(&(struct tm){ .tm_sec = 99, .tm_min = 99, .tm_hour = 99, .tm_mday = 99 }));
	printf("%s", asctime(&(struct tm){ .tm_mday = -5, .tm_wday = 6, .tm_mon = 11 }));
}

int main(void)
{
	struct tm tm = { 0 };
	struct timespec a, b, r;
	char text[64];

	show("UTC0", 0);
	show("UTC0", 1700000000);
	show("CET-1CEST,M3.5.0,M10.5.0/3", 1720000000);
	show("EST5EDT,M3.2.0,M11.1.0", 1704067200);
	show("UTC0", 4102444800);
	show("UTC0", -86400 * 365);
	asctimes();
	printf("%d\n", strptime("2024-02-29 12:34:56", "%Y-%m-%d %H:%M:%S", &tm) != NULL);
	printf("%d %d %lld\n", tm.tm_mon, tm.tm_mday, (long long)timegm(&tm));
	tm = (struct tm){ .tm_year = 124, .tm_mon = 13, .tm_mday = 35 };
	long long t = timegm(&tm);
	printf("%lld %d-%d\n", t, tm.tm_mon, tm.tm_mday);
	printf("%d\n", (int)difftime(100, 58));
	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	long long ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
	printf("%d\n", ns >= 20000000 && ns < 10000000000ll);
	printf("%d\n", time(NULL) > 1700000000);
	printf("%d\n", clock_getres(CLOCK_REALTIME, &r) == 0 && r.tv_sec == 0);
	printf("%d\n", clock_gettime(12345, &a));
	printf("%d\n", usleep(1000));
	printf("%d\n", clock() != (clock_t)-1);
	snprintf(text, sizeof text, "%zu %zu", sizeof(time_t), sizeof(off_t));
	puts(text);
	return 0;
}
