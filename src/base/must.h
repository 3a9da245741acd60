/* MUST(x): an invariant of our own, checked in every build. Never for input, disks, networks or memory. */
#ifndef EG_MUST_H
#define EG_MUST_H
#ifdef NDEBUG
#error "NDEBUG must not be set: MUST() is always on"
#endif
_Noreturn void must_fail(const char *file, int line, const char *text);
#define MUST(x) ((x) ? (void)0 : must_fail(__FILE__, __LINE__, #x))
#endif
