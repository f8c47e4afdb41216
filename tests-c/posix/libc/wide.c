/* UTF-8, wide characters, classification, collation in C.UTF-8. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

int main(void)
{
	const char *text = "aß€😀";
	wchar_t wide[16], buffer[32];
	char narrow[32];
	mbstate_t state = { 0 };

	printf("%d\n", setlocale(LC_ALL, "C.UTF-8") != NULL);
	printf("%s %zu\n", nl_langinfo(CODESET), MB_CUR_MAX > 1 ? (size_t)1 : 0);
	size_t n = mbstowcs(wide, text, 16);
	printf("%zu:", n);
	for (size_t i = 0; i < n; i++)
		printf(" %x", (unsigned)wide[i]);
	printf("\n%zu %s\n", wcstombs(narrow, wide, sizeof narrow), narrow);
	printf("%d ", (int)mbrtowc(wide, "\xe2\x82", 2, &state));
	printf("%d\n", (int)mbrtowc(wide, "\xac", 1, &state));
	memset(&state, 0, sizeof state);
	errno = 0;
	printf("%d ", (int)mbrtowc(wide, "\xff", 1, &state));
	printf("%d\n", errno == EILSEQ);
	printf("%d %d %d\n", wcwidth(L'a'), wcwidth(L'中'), wcwidth(L'\t'));
	printf("%d %d %d\n", iswalpha(L'é') != 0, iswupper(L'É') != 0, iswspace(L' ') != 0);
	printf("%x %x\n", (unsigned)towupper(L'é'), (unsigned)towlower(L'Σ'));
	swprintf(buffer, 32, L"%ls|%5d|%s", L"wide", 42, "ä");
	printf("%ls %zu\n", buffer, wcslen(buffer));
	printf("%d %d\n", wcscmp(L"a", L"b") < 0, wcsncmp(L"abc", L"abd", 2));
	printf("%ld %g\n", wcstol(L" 77x", NULL, 10), wcstod(L"2.5", NULL));
	iconv_t cd = iconv_open("UTF-16LE", "UTF-8");
	char *in = (char *)text, *out = narrow;
	size_t in_left = strlen(text), out_left = sizeof narrow;
	printf("%d ", (int)iconv(cd, &in, &in_left, &out, &out_left));
	printf("%zu %zu\n", in_left, sizeof narrow - out_left);
	iconv_close(cd);
	printf("%lc %ls\n", (wint_t)L'€', L"ÄÖÜ");
	return 0;
}
