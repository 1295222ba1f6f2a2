/* base/inline.h: for the few functions that every message passes through, and
 * for what must not burden them. */
#ifndef UM_BASE_INLINE_H
#define UM_BASE_INLINE_H

#if defined(__GNUC__)
#define UM_INLINE static inline __attribute__((always_inline))
#define UM_APART __attribute__((noinline))
#else
#define UM_INLINE static inline
#define UM_APART
#endif

#endif
