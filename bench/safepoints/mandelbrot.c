/* Mandelbrot set, 64x64: an inner loop that ends by data or after 100 turns. */
unsigned run(void)
{
	unsigned sum = 0;

	for (int py = 0; py < 64; py++)
		for (int px = 0; px < 64; px++) {
			double cx = px / 24.0 - 2, cy = py / 32.0 - 1, x = 0, y = 0;
			int i;

			for (i = 0; i < 100 && x * x + y * y < 4; i++) {
				double t = x * x - y * y + cx;

				y = 2 * x * y + cy;
				x = t;
			}
			sum += i;
		}
	return sum;
}
