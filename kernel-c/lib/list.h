/*
 * Doubly linked circular list. A head is a node; an empty list points at itself.
 */
#ifndef LIST_H
#define LIST_H

#include "../types.h"

struct list {
	struct list *next, *prev;
};
#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert n after at: at the front when at is the head. */
static inline void list_add(struct list *at, struct list *n)
{
	n->next = at->next;
	n->prev = at;
	at->next->prev = n;
	at->next = n;
}

/* Insert n before at: at the end when at is the head. */
static inline void list_append(struct list *at, struct list *n)
{
	list_add(at->prev, n);
}

/* Take n out; it becomes an empty list, so removing twice is harmless. */
static inline void list_remove(struct list *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	list_init(n);
}

#define list_entry(n, type, member) container_of(n, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(it, head, member) \
	for (it = list_first(head, __typeof__(*it), member); &it->member != (head); \
	     it = list_first(&it->member, __typeof__(*it), member))
/* The same when the body may remove `it`. */
#define list_for_each_safe(it, tmp, head, member) \
	for (it = list_first(head, __typeof__(*it), member), \
	     tmp = list_first(&it->member, __typeof__(*it), member); \
	     &it->member != (head); \
	     it = tmp, tmp = list_first(&tmp->member, __typeof__(*it), member))

#endif
