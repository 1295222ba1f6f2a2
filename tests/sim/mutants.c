#include "sim/mutants.h"

int um_mutant;

const char *const mutants[MUTANTS_MAX] = {
    [1] = "placeholder",
};
