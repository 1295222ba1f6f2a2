/* base/mutant.h: bugs planted on purpose, so that the simulator can show that
 * it finds them (tests/sim/mutants.c lists them). In every build but the
 * simulator's the test is the constant 0. */
#ifndef UM_BASE_MUTANT_H
#define UM_BASE_MUTANT_H

#ifdef UM_MUTANTS
extern int um_mutant;
#define UM_MUTANT(n) (um_mutant == (n))
#else
#define UM_MUTANT(n) 0
#endif

#endif
