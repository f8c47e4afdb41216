/*
 * join: join the lines of two sorted files on a common field.
 *
 * Both files are read once, a group of lines with an equal key at a time; a
 * group of the second file is kept, because each line of the first meets it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	char *text;     /* as read, without the newline; the fields point into it */
	char **fields;
	int count;
};

struct input {
	FILE *file;
	const char *name;
	int key;            /* the index of the field to join on */
	bool print_alone;   /* -a, -v: lines without a partner */
	struct line ahead;  /* read, but not of the group */
	bool end;           /* there is none ahead */
	struct line *group;
	int count, capacity;
};

static struct input inputs[2] = { { .key = 0 }, { .key = 0 } };
static struct output_field {
	int file;  /* 0, 1, or -1 for the join field */
	int index;
} *list;
static int list_count;
static int separator = -1; /* -1: blanks */
static const char *empty = "";
static bool print_pairs = true;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "join: %s: %s\n", what, strerror(errno));
	exit(2);
}

static _Noreturn void usage(FILE *to)
{
	fputs("usage: join [-a FILE_NUMBER | -v FILE_NUMBER] [-e TEXT] [-o LIST] [-t CHARACTER]\n"
	      "            [-1 FIELD] [-2 FIELD] FILE1 FILE2\n"
	      "Joins the lines of two sorted files that are equal in a field (the first).\n", to);
	exit(to == stdout ? 0 : 2);
}

static void *resize(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		fail("memory");
	return p;
}

static bool is_separator(char c)
{
	return separator < 0 ? c == ' ' || c == '\t' : (unsigned char)c == separator;
}

static void split(struct line *l)
{
	int capacity = 0;
	char *c = l->text;

	l->fields = NULL;
	l->count = 0;
	for (;;) {
		while (separator < 0 && is_separator(*c))
			c++;
		if (separator < 0 && !*c)
			return;
		if (l->count == capacity)
			l->fields = resize(l->fields, (size_t)(capacity += 8) * sizeof(*l->fields));
		l->fields[l->count++] = c;
		while (*c && !is_separator(*c))
			c++;
		if (!*c)
			return;
		*c++ = 0;
	}
}

static void line_free(struct line *l)
{
	free(l->text);
	free(l->fields);
}

static void read_ahead(struct input *in)
{
	size_t size = 0;
	ssize_t length;

	in->ahead.text = NULL;
	length = getline(&in->ahead.text, &size, in->file);
	if (length < 0) {
		if (ferror(in->file))
			fail(in->name);
		free(in->ahead.text);
		in->end = true;
		return;
	}
	if (length && in->ahead.text[length - 1] == '\n')
		in->ahead.text[length - 1] = 0;
	split(&in->ahead);
}

static const char *field(const struct line *l, int index)
{
	return l && index < l->count ? l->fields[index] : "";
}

/* The key of the group, which has at least one line. */
static const char *key(const struct input *in)
{
	return field(&in->group[0], in->key);
}

/* The next lines with an equal key; false at the end. */
static bool next_group(struct input *in)
{
	while (in->count)
		line_free(&in->group[--in->count]);
	while (!in->end) {
		if (in->count && strcmp(field(&in->ahead, in->key), key(in)))
			break;
		if (in->count == in->capacity)
			in->group = resize(in->group, (size_t)(in->capacity += 16) * sizeof(*in->group));
		in->group[in->count++] = in->ahead;
		read_ahead(in);
	}
	return in->count > 0;
}

static bool first_field;

static void put(const char *text)
{
	if (!first_field)
		putchar(separator < 0 ? ' ' : separator);
	first_field = false;
	fputs(*text ? text : empty, stdout);
}

/* One line of output; a or b is NULL for a line without a partner. */
static void print(const struct line *a, const struct line *b)
{
	const struct line *lines[] = { a, b };
	const char *joined = a ? field(a, inputs[0].key) : field(b, inputs[1].key);

	first_field = true;
	for (int i = 0; i < list_count; i++)
		put(list[i].file < 0 ? joined : field(lines[list[i].file], list[i].index));
	if (!list_count) {
		put(joined);
		for (int n = 0; n < 2; n++)
			for (int i = 0; lines[n] && i < lines[n]->count; i++)
				if (i != inputs[n].key)
					put(lines[n]->fields[i]);
	}
	putchar('\n');
}

static void print_alone(struct input *in)
{
	for (int i = 0; in->print_alone && i < in->count; i++)
		print(in == &inputs[0] ? &in->group[i] : NULL, in == &inputs[1] ? &in->group[i] : NULL);
}

static void join(void)
{
	struct input *a = &inputs[0], *b = &inputs[1];
	bool more_a = next_group(a), more_b = next_group(b);

	while (more_a || more_b) {
		int order = !more_a ? 1 : !more_b ? -1 : strcoll(key(a), key(b));

		if (order == 0 && print_pairs)
			for (int i = 0; i < a->count; i++)
				for (int j = 0; j < b->count; j++)
					print(&a->group[i], &b->group[j]);
		if (order < 0)
			print_alone(a);
		else if (order > 0)
			print_alone(b);
		if (order <= 0)
			more_a = next_group(a);
		if (order >= 0)
			more_b = next_group(b);
	}
}

static int number(const char *text, int low, int high)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < low || value > high)
		usage(stderr);
	return (int)value;
}

/* -o: 0, or FILE.FIELD, separated by commas or blanks. */
static void add_outputs(char *text)
{
	for (char *one = strtok(text, ", \t"); one; one = strtok(NULL, ", \t")) {
		struct output_field *f;

		list = resize(list, (size_t)(list_count + 1) * sizeof(*list));
		f = &list[list_count++];
		*f = (struct output_field){ .file = -1 };
		if (!strcmp(one, "0"))
			continue;
		if ((one[0] != '1' && one[0] != '2') || one[1] != '.')
			usage(stderr);
		f->file = one[0] - '1';
		f->index = number(one + 2, 1, 1 << 20) - 1;
	}
}

static void open_input(struct input *in, const char *name)
{
	in->name = name;
	in->file = strcmp(name, "-") ? fopen(name, "r") : stdin;
	if (!in->file)
		fail(name);
	read_ahead(in);
}

/* The options; the index of the first operand. Values may be attached or follow. */
static int parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		char option = argv[i][1];
		char *value = argv[i] + 2;

		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (!strcmp(argv[i], "--help"))
			usage(stdout);
		if (!*value && !(value = argv[++i]))
			usage(stderr);
		switch (option) {
		case '1': case '2': inputs[option - '1'].key = number(value, 1, 1 << 20) - 1; break;
		case 'v': print_pairs = false; /* fall through */
		case 'a': inputs[number(value, 1, 2) - 1].print_alone = true; break;
		case 'e': empty = value; break;
		case 'o': add_outputs(value); break;
		case 't': separator = (unsigned char)*value; break;
		default: usage(stderr);
		}
	}
	return i;
}

int main(int argc, char **argv)
{
	int i = parse(argc, argv);

	if (argc - i != 2)
		usage(stderr);
	open_input(&inputs[0], argv[i]);
	open_input(&inputs[1], argv[i + 1]);
	join();
	if (fflush(stdout))
		fail("standard output");
	return 0;
}
