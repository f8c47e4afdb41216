/*
 * Formatted text for the log, /proc and panics.
 */
#include "../host.h"
#include "../types.h"

struct sink { /* where characters go; counts those that had no room too */
	char *buf;
	size_t size, length;
};

static void put(struct sink *s, char c)
{
	if (s->length + 1 < s->size)
		s->buf[s->length] = c;
	s->length++;
}

static void put_padded(struct sink *s, const char *text, int n, int width,
		       bool left)
{
	for (int i = n; !left && i < width; i++)
		put(s, ' ');
	for (int i = 0; i < n; i++)
		put(s, text[i]);
	for (int i = n; left && i < width; i++)
		put(s, ' ');
}

struct spec {
	int width, precision;
	bool left, zero, negative;
};

static void put_number(struct sink *s, uint64_t value, unsigned radix,
		       bool upper, struct spec spec)
{
	const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[96];
	int at = sizeof(text), digits = max(spec.precision, 0);

	if (spec.zero && !spec.left && spec.precision < 0)
		digits = spec.width - spec.negative;
	digits = min(digits, 64);
	for (; value || (int)sizeof(text) - at < digits; value /= radix)
		text[--at] = digit[value % radix];
	if (at == sizeof(text) && spec.precision != 0)
		text[--at] = '0';
	if (spec.negative)
		text[--at] = '-';
	put_padded(s, text + at, sizeof(text) - at, spec.width, spec.left);
}

static int parse_int(const char **format, va_list *ap)
{
	int n = 0;

	if (**format == '*') {
		(*format)++;
		return va_arg(*ap, int);
	}
	while (**format >= '0' && **format <= '9')
		n = n * 10 + *(*format)++ - '0';
	return n;
}

int kvsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct sink s = { buf, size, 0 };
	va_list ap;

	va_copy(ap, args);
	for (; *format; format++) {
		struct spec spec = { .precision = -1 };
		int longs = 0;
		uint64_t value;
		const char *text;

		if (*format != '%') {
			put(&s, *format);
			continue;
		}
		for (format++;; format++) {
			if (*format == '-')
				spec.left = true;
			else if (*format == '0')
				spec.zero = true;
			else
				break;
		}
		spec.width = parse_int(&format, &ap);
		if (spec.width < 0) {
			spec.left = true;
			spec.width = -spec.width;
		}
		if (*format == '.') {
			format++;
			spec.precision = parse_int(&format, &ap);
		}
		for (; *format == 'l'; format++)
			longs++;
		if (*format == 'z') {
			longs = sizeof(size_t) > sizeof(int);
			format++;
		}
		switch (*format) {
		case 'd':
		case 'i': {
			int64_t n = longs > 1 ? va_arg(ap, long long) :
				    longs ? va_arg(ap, long) : va_arg(ap, int);

			spec.negative = n < 0;
			put_number(&s, n < 0 ? -(uint64_t)n : (uint64_t)n, 10,
				   false, spec);
			break;
		}
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			value = longs > 1 ? va_arg(ap, unsigned long long) :
				longs ? va_arg(ap, unsigned long) :
					va_arg(ap, unsigned);
			put_number(&s, value,
				   *format == 'u' ? 10 : *format == 'o' ? 8 : 16,
				   *format == 'X', spec);
			break;
		case 'p':
			put(&s, '0');
			put(&s, 'x');
			put_number(&s, (uintptr_t)va_arg(ap, void *), 16, false,
				   spec);
			break;
		case 'c': {
			char c = (char)va_arg(ap, int);

			put_padded(&s, &c, 1, spec.width, spec.left);
			break;
		}
		case 's':
			text = va_arg(ap, const char *);
			if (!text)
				text = "(null)";
			put_padded(&s, text,
				   (int)strnlen(text, spec.precision < 0 ?
						     INT32_MAX :
						     (size_t)spec.precision),
				   spec.width, spec.left);
			break;
		case '%':
			put(&s, '%');
			break;
		default: /* unknown: show it, so that it is found */
			put(&s, '%');
			if (!*format)
				format--;
			else
				put(&s, *format);
		}
	}
	va_end(ap);
	if (size)
		buf[min(s.length, size - 1)] = 0;
	return (int)s.length;
}

int ksnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = kvsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}

static void print(int level, const char *prefix, const char *format, va_list ap)
{
	char line[512];
	size_t n = kstrlcpy(line, prefix, sizeof(line));

	n += (size_t)kvsnprintf(line + n, sizeof(line) - n, format, ap);
	host_print(level, line, min(n, sizeof(line) - 1));
}

void klog(int level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(level, "", format, ap);
	va_end(ap);
}

_Noreturn void panic(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(0, "kernel panic: ", format, ap);
	va_end(ap);
	host_stop();
}
