/*
 * The writer of the audit log: takes what the loop left in the inbox, runs the ledger, leaves what is done in the outbox. A
 * thread of its own when synced, else the loop itself. It owns the ledger; all else it touches is behind the lock.
 */
#include "edge/auditor_inner.h"
#include <errno.h>
#include <unistd.h>

struct orders {
    struct list items;
    bool probe, quit;
};

/* Wait for news, or until what was written must be synced: false. The lock is held. */
static bool wait_for_news(struct auditor *a)
{
    int64_t due_ms = ledger_sync_due_ms(a->ledger), left_ms = due_ms - clock_mono_ms(a->cfg.ledger.clock);

    if (!due_ms)
        return pthread_cond_wait(&a->shared.news, &a->shared.lock) == 0;
    if (left_ms <= 0)
        return false;
    struct timespec until = clock_mono_in_ms(left_ms);
    return pthread_cond_timedwait(&a->shared.news, &a->shared.lock, &until) == 0;
}

/* Wait for something to do. The lock is held. */
static void take_orders(struct auditor *a, bool wait, struct orders *out)
{
    while (wait && list_is_empty(&a->shared.inbox) && !a->shared.probe && !a->shared.rotate &&
           !a->shared.beat && !a->shared.quit && wait_for_news(a))
        ;
    list_init(&out->items);
    audit_items_move(&a->shared.inbox, &out->items);
    out->probe = a->shared.probe;
    out->quit = a->shared.quit;
    if (a->shared.rotate)
        ledger_rotate(a->ledger);
    a->shared.probe = a->shared.rotate = a->shared.beat = false;
}

bool auditor_write_round(struct auditor *a, bool wait, bool *out_quit, bool *out_news)
{
    const struct ledger_status *now = ledger_status(a->ledger);
    struct orders orders;
    struct list done;

    list_init(&done);
    pthread_mutex_lock(&a->shared.lock);
    take_orders(a, wait, &orders);
    pthread_mutex_unlock(&a->shared.lock);

    bool more = ledger_run(a->ledger, &orders.items, orders.probe, &done);

    pthread_mutex_lock(&a->shared.lock);
    *out_news = !list_is_empty(&done) || now->failed || a->shared.status.failed ||
                now->records != a->shared.status.records;
    audit_items_move(&done, &a->shared.outbox);
    a->shared.status = *now;
    more = more || !list_is_empty(&a->shared.inbox);
    pthread_mutex_unlock(&a->shared.lock);
    *out_quit = orders.quit;
    return more;
}

static void wake_loop(struct auditor *a)
{
    uint64_t one = 1;

    while (write(a->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void *auditor_writer_main(void *arg)
{
    struct auditor *a = arg;
    bool more = false, quit = false, news;

    while (!quit || more) {
        more = auditor_write_round(a, !more, &quit, &news);
        if (news)
            wake_loop(a);
    }
    pthread_mutex_lock(&a->shared.lock);
    a->shared.ended = true;
    pthread_cond_signal(&a->shared.ended_news);
    pthread_mutex_unlock(&a->shared.lock);
    return NULL;
}
