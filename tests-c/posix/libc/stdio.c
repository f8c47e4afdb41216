/* stdio: formats, scanning, buffers, memory streams, seeking in a file. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void formats(void)
{
	char small[8];

	printf("[%d|%5d|%-5d|%05d|%+d|% d]\n", 42, 42, 42, 42, 42, 42);
	printf("[%x|%#X|%#o|%" PRIu64 "|%zu|%hhd]\n", 255u, 255u, 8u,
		UINT64_MAX, sizeof(int64_t), 300);
	printf("[%s|%10s|%-10s|%.3s|%c|%%]\n", "text", "right", "left", "cut off", 'c');
	printf("[%2$s %1$s]\n", "world", "hello");
	printf("[%3$*1$d%% %2$s $]\n", 5, "of", 42);
	printf("[%s $ %d%%]\n", "not numbered", 7);
	printf("[%*.*f]\n", 10, 3, 3.14159);
	printf("[%e|%g|%g|%G|%a]\n", 12345.678, 1e-5, 1e20, 1e-10, 1.0);
	printf("[%f|%f|%f]\n", 1.0 / 0.0, -1.0 / 0.0, 0.0);
	printf("%d ", snprintf(small, sizeof small, "%s", strerror(2)));
	printf("[%s]\n", small);
}

/* Around the size up to which a text is formatted once. */
static void allocated(void)
{
	static const int lengths[] = { 0, 1, 254, 255, 256, 257, 5000 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char *text = NULL;
		int n = asprintf(&text, "%*d", lengths[i], 7);
		printf("%d %d %c%c\n", n, n == (int)strlen(text), text[0], text[n - 1]);
		free(text);
	}
}

static void scanning(void)
{
	int a, n;
	unsigned b;
	char word[16], set[16];
	double d;

	n = sscanf("12 0x1f word abc123 2.5e3", "%d %x %15s %15[a-c]%*d %lf", &a, &b, word, set, &d);
	printf("%d: %d %u %s %s %g\n", n, a, b, word, set, d);
	n = sscanf("x", "%d", &a);
	printf("%d\n", n);
	n = sscanf("", "%d", &a);
	printf("%d\n", n);
}

static void memory_streams(void)
{
	char *text = NULL, buffer[32], line[32];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "one\ntwo\n");
	fflush(f);
	printf("%zu [%s]\n", size, text);
	fputs("three", f);
	fclose(f);
	printf("%zu [%s]\n", size, text);
	f = fmemopen(text, size, "r");
	while (fgets(line, sizeof line, f))
		printf("line %zu\n", strlen(line));
	printf("%d %d\n", feof(f) != 0, ferror(f) != 0);
	fclose(f);
	free(text);
	f = fmemopen(buffer, sizeof buffer, "w");
	fprintf(f, "%08.3f", 1.5);
	fclose(f);
	puts(buffer);
}

static void file(void)
{
	char name[] = "/tmp/stdio-test-XXXXXX", buffer[64];
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "w+");

	for (int i = 0; i < 3000; i++)
		fprintf(f, "line %d\n", i);
	printf("%ld\n", ftell(f));
	fseek(f, 14, SEEK_SET);
	fputs("XX", f);
	rewind(f);
	for (int i = 0; i < 4; i++)
		fputs(fgets(buffer, sizeof buffer, f), stdout);
	ungetc('!', f);
	printf("%c", getc(f));
	printf("%c\n", getc(f));
	fseek(f, -10, SEEK_END);
	size_t n = fread(buffer, 1, 5, f);
	printf("%zu [%.5s]\n", n, buffer);
	printf("%d\n", fseek(f, -1, SEEK_SET) == -1 && errno == EINVAL);
	fclose(f);
	f = fopen(name, "a+");
	fputs("end\n", f);
	fseek(f, 0, SEEK_END);
	printf("%ld\n", ftell(f));
	fclose(f);
	unlink(name);
	errno = 0;
	f = fopen(name, "r");
	printf("%d %s\n", f == NULL, strerror(errno));
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	formats();
	allocated();
	scanning();
	memory_streams();
	file();
	ssize_t n = getline(&line, &room, stdin);
	printf("%zd %d\n", n, feof(stdin) != 0);
	free(line);
	return 0;
}
