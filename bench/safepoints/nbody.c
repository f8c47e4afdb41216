/* Five planets: floating point, small constant loops. */
#include <math.h>

static double p[5][3], v[5][3];
static const double mass[5] = { 39.5, 0.04, 0.01, 0.002, 0.002 };

unsigned run(void)
{
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++) {
			p[i][k] = i * 5 + k;
			v[i][k] = (k - 1) * 0.3 * i;
		}
	for (int step = 0; step < 500; step++) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], square = 0;

				for (int k = 0; k < 3; k++) {
					d[k] = p[i][k] - p[j][k];
					square += d[k] * d[k];
				}
				double strength = 0.01 / (square * sqrt(square));

				for (int k = 0; k < 3; k++) {
					v[i][k] -= d[k] * mass[j] * strength;
					v[j][k] += d[k] * mass[i] * strength;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				p[i][k] += 0.01 * v[i][k];
	}
	return (unsigned)(long long)(p[3][1] * 1e6);
}
