/* TabOS only: long double is binary128, more than this machine's 80 bits. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *what, const char *found, const char *wanted)
{
	if (strcmp(found, wanted)) {
		printf("%s: %s, not %s\n", what, found, wanted);
		failures++;
	}
}

int main(void)
{
	char text[128];

	snprintf(text, sizeof text, "%.33Lg", 1.0L / 3);
	expect("a third", text, "0.333333333333333333333333333333333");
	snprintf(text, sizeof text, "%.30Lf", strtold("3.14159265358979323846264338327950288", NULL));
	expect("strtold", text, "3.141592653589793238462643383280");
	snprintf(text, sizeof text, "%La", 1.0L);
	expect("%La", text, "0x1p+0");
	snprintf(text, sizeof text, "%.30Lg", sqrtl(2));
	expect("sqrtl", text, "1.41421356237309504880168872421");
	snprintf(text, sizeof text, "%.5Le", LDBL_MAX);
	expect("LDBL_MAX", text, "1.18973e+4932");
	snprintf(text, sizeof text, "%d %d", LDBL_MANT_DIG, LDBL_DIG);
	expect("LDBL_MANT_DIG", text, "113 33");
	snprintf(text, sizeof text, "%lld", (long long)(1e18L + 1));
	expect("to integer", text, "1000000000000000001");
	sscanf("2.5", "%Lf", &(long double){ 0 });
	return failures != 0;
}
