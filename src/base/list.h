/* list: intrusive doubly linked list. A head is a node that points at itself. */
#ifndef EG_LIST_H
#define EG_LIST_H
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_last(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Take node out of its list, if it is in one; it may be removed twice. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define LIST_OWNER(node, T, member) ((T *)(void *)((char *)(node) - offsetof(T, member)))
#endif
