/* The kernel's stat is struct stat. */
#include <sys/stat.h>
#define kstat stat
