/* Numbers to and from text, and integer and floating arithmetic at the edges. */
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void integers(const char *text, int base)
{
	char *end;

	errno = 0;
	long long v = strtoll(text, &end, base);
	printf("strtoll %s/%d: %lld left [%s] %d\n", text, base, v, end, errno == ERANGE);
	errno = 0;
	unsigned long long u = strtoull(text, &end, base);
	printf("strtoull %s/%d: %llu %d\n", text, base, u, errno == ERANGE);
}

static void floats(const char *text)
{
	char *end;

	errno = 0;
	double d = strtod(text, &end);
	printf("strtod %s: %.17g %a left [%s] %d\n", text, d, d, end, errno == ERANGE);
	printf("strtof %s: %.9g\n", text, strtof(text, NULL));
}

int main(void)
{
	const char *texts[] = { "0", "-1", "0x10", "0777", "99999999999999999999",
		"-99999999999999999999", "  12abc", "", "9223372036854775807" };
	const char *decimals[] = { "0", "-0", "1.5", "1e308", "1e309",
		"2e-324", "0.1", "0x1.8p3", "inf", "NaN", "123456789012345678901234567890",
		"1.7976931348623157e308", "9007199254740993", "e5" };

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		integers(texts[i], 0);
		integers(texts[i], 16);
	}
	for (unsigned i = 0; i < sizeof decimals / sizeof *decimals; i++)
		floats(decimals[i]);
	printf("%.17g %.17g %.17g\n", sqrt(2), pow(2, 0.5), exp(1));
	printf("%.17g %.17g %.17g\n", sin(1), cos(1e10), atan2(-1, -1));
	printf("%.15g %.15g %.15g\n", lgamma(5.5), erf(0.3), cbrt(27));
	printf("%g %g %g %g\n", floor(-1.5), ceil(-1.5), trunc(-1.5), rint(2.5));
	printf("%ld %ld %g %g\n", lrint(3.5), lround(-2.5), fmod(7, -3), remainder(7, 4));
	printf("%g %g %d\n", fmax(NAN, 1), copysign(3, -0.0), isnan(sqrt(-1)) != 0);
	int e;
	double m = frexp(48.0, &e);
	printf("%g %d %g %g\n", m, e, ldexp(0.75, 6), nextafter(1, 2) - 1 == DBL_EPSILON ? 1. : 0.);
	printf("%d %d %lld\n", INT_MIN / 7, INT_MIN % 7, (long long)(INT64_MIN / 1000000007));
	volatile int64_t a = INT64_MAX;
	volatile double big = 1e18;
	printf("%llu %lld\n", (unsigned long long)a * 3, (long long)big);
	printf("%d\n", fegetround() == FE_TONEAREST);
	return 0;
}
