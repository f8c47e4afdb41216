/* nftw calls with an argument more, which WebAssembly doesn't forgive. */
#include <ftw.h>

typedef int visitor(const char *, const struct stat *, int);
static _Thread_local visitor *visit;

static int call(const char *path, const struct stat *st, int type, struct FTW *f)
{
	return visit(path, st, type);
}

int ftw(const char *path, visitor *fn, int fd_limit)
{
	visitor *outer = visit;
	int r;

	visit = fn;
	r = nftw(path, call, fd_limit, FTW_PHYS);
	visit = outer;
	return r;
}

weak_alias(ftw, ftw64);
