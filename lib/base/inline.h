/* base/inline.h: for the few functions that every message passes through. */
#ifndef UM_BASE_INLINE_H
#define UM_BASE_INLINE_H

#if defined(__GNUC__)
#define UM_INLINE static inline __attribute__((always_inline))
#else
#define UM_INLINE static inline
#endif

#endif
