/*
 * What slab.c needs of the page allocator beyond alloc.h, and poisoning: under
 * the address sanitizer, free pages and objects can't be touched unnoticed.
 */
#ifndef PAGE_H
#define PAGE_H

#include "../types.h"

/* Of the first page of a run, with the run's order; of all pages for slabs. */
enum { PAGE_FREE = 0x20, PAGE_USED = 0x40, PAGE_SLAB = 0x80, PAGE_ORDER = 0x1f };

uint8_t page_state_of(const void *p);
/* A run just allocated is a slab's: all its pages say so. page_free undoes it. */
void page_mark_slab(void *run, unsigned order);

#if __has_feature(address_sanitizer)
void __asan_poison_memory_region(void const volatile *p, size_t n);
void __asan_unpoison_memory_region(void const volatile *p, size_t n);
#define memory_poison(p, n) __asan_poison_memory_region(p, n)
#define memory_unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define memory_poison(p, n) ((void)(p), (void)(n))
#define memory_unpoison(p, n) ((void)(p), (void)(n))
#endif

#endif
