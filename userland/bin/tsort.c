/*
 * tsort: read pairs of words "a b", each saying that a comes before b, and
 * print all words in an order that agrees. A cycle is reported and broken.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	char *name;
	struct edge *after;   /* who must come later */
	int before;           /* how many must come first and are not out yet */
	bool printed, on_path;
	struct node *in_hash; /* the next with the same hash */
	struct node *next;    /* in order of appearance */
	struct node *ready;   /* the next that can be printed */
};
struct edge {
	struct node *to;
	struct edge *next;
};

#define BUCKETS 4096
static struct node *buckets[BUCKETS];
static struct node *first, **last = &first;

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		perror("tsort");
		exit(2);
	}
	return p;
}

static struct node *node_find(const char *name)
{
	unsigned hash = 0;
	struct node *n;

	for (const char *c = name; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	for (n = buckets[hash % BUCKETS]; n; n = n->in_hash)
		if (!strcmp(n->name, name))
			return n;
	n = allocate(sizeof(*n));
	n->name = allocate(strlen(name) + 1);
	strcpy(n->name, name);
	n->in_hash = buckets[hash % BUCKETS];
	buckets[hash % BUCKETS] = n;
	*last = n;
	last = &n->next;
	return n;
}

static void edge_add(struct node *from, struct node *to)
{
	struct edge *e;

	if (from == to)
		return;
	for (e = from->after; e; e = e->next)
		if (e->to == to)
			return;
	e = allocate(sizeof(*e));
	e->to = to;
	e->next = from->after;
	from->after = e;
	to->before++;
}

/* Reads all pairs; 0, or 1 when the number of words is odd. */
static int read_pairs(FILE *in)
{
	struct node *from = NULL;
	char *word;

	while (fscanf(in, "%ms", &word) == 1) {
		struct node *n = node_find(word);

		free(word);
		if (from) {
			edge_add(from, n);
			from = NULL;
		} else {
			from = n;
		}
	}
	return from != NULL;
}

/*
 * Everything left is on or behind a cycle: walks forward through what is left
 * until a node repeats, names the cycle, and removes the edge that closes it.
 */
static void break_cycle(const char *input)
{
	struct node *n, *start;
	struct edge *e, **link;

	/* Backwards there is always a predecessor; forward there need not be, so
	 * follow "who must come before me" by searching for it. */
	for (n = first; n->printed; n = n->next)
		;
	for (start = n; !start->on_path;) {
		struct node *p;

		start->on_path = true;
		for (p = first; p; p = p->next) {
			if (p->printed)
				continue;
			for (e = p->after; e && e->to != start; e = e->next)
				;
			if (e)
				break;
		}
		p->ready = start; /* the step from p leads to start */
		start = p;
	}
	fprintf(stderr, "tsort: %s: input has a cycle:\n", input);
	n = start;
	do {
		fprintf(stderr, "tsort: %s\n", n->name);
		n = n->ready;
	} while (n != start);
	for (link = &start->after; (*link)->to != start->ready; link = &(*link)->next)
		;
	start->ready->before--;
	*link = (*link)->next;
	for (n = first; n; n = n->next)
		n->on_path = false;
}

/* Prints everything; 0, or 1 when there was a cycle. */
static int print_sorted(const char *input)
{
	struct node *queue = NULL, **end = &queue, *n;
	int status = 0;

	for (;;) {
		bool left = false;

		for (n = first; n; n = n->next) {
			if (n->printed)
				continue;
			left = true;
			if (n->before)
				continue;
			n->ready = NULL;
			*end = n;
			end = &n->ready;
			n->printed = true;
		}
		if (!left)
			return status;
		if (!queue) {
			break_cycle(input);
			status = 1;
			continue;
		}
		for (; queue; queue = queue->ready) {
			puts(queue->name);
			for (struct edge *e = queue->after; e; e = e->next) {
				if (--e->to->before || e->to->printed)
					continue;
				e->to->ready = NULL;
				e->to->printed = true;
				*end = e->to;
				end = &e->to->ready;
			}
		}
		end = &queue;
	}
}

int main(int argc, char **argv)
{
	const char *input = argc > 1 ? argv[1] : "-";
	FILE *in = stdin;

	if (argc > 2 || !strcmp(input, "--help")) {
		FILE *to = argc > 2 ? stderr : stdout;

		fputs("usage: tsort [FILE]\n"
		      "Reads pairs of words, each first before its second, and sorts them all.\n", to);
		return argc > 2 ? 2 : 0;
	}
	if (strcmp(input, "-") && !(in = fopen(input, "r"))) {
		fprintf(stderr, "tsort: %s: %s\n", input, strerror(errno));
		return 1;
	}
	if (read_pairs(in)) {
		fprintf(stderr, "tsort: %s: an odd number of words\n", input);
		return 1;
	}
	int status = print_sorted(input);

	if (ferror(in) || fflush(stdout)) {
		perror("tsort");
		return 1;
	}
	return status;
}
