/* Walks a linked list that lies scattered in 256 KiB. */
#define N 16384

static struct node {
	struct node *next;
	unsigned value;
	unsigned fill[2];
} nodes[N];

unsigned run(void)
{
	unsigned sum = 0;

	if (!nodes[0].next) {
		for (unsigned i = 0; i + 1 < N; i++) {
			nodes[i * 5 % N].next = &nodes[(i + 1) * 5 % N];
			nodes[i * 5 % N].value = i;
		}
	}
	for (struct node *n = nodes; n; n = n->next)
		sum += n->value;
	return sum;
}
