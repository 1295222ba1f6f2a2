/* sim/mutants.h: the planted bugs by number: UM_MUTANT(n) in lib. */
#ifndef SIM_MUTANTS_H
#define SIM_MUTANTS_H

#define MUTANTS_MAX 96

extern int um_mutant; /* the one that is switched on, 0: none */
extern const char *const mutants[MUTANTS_MAX]; /* names; NULL: no such one */

#endif
