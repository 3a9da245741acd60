/* SCOPED(sbuf) x = ...; calls sbuf_drop(&x) on every way out of the block. */
#ifndef EG_SCOPED_H
#define EG_SCOPED_H
#define SCOPED(T) __attribute__((cleanup(T##_drop))) struct T
#endif
