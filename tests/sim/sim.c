/* sim: the session under a virtual clock, a simulated network, a strict broker
 * and a random program.
 *
 *   sim [--seeds N] [--from S] [--jobs J] [--trace] [--mutant M]
 *   sim --mutants [--jobs J]
 *
 * A violation prints its seed, the virtual time, the invariant and the last
 * events; `--from SEED --seeds 1 --trace` shows all of it. Exit 1 when there
 * was one. docs/simulator.md says where each invariant is checked. */
#include "sim/mutants.h"
#include "sim/world.h"
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 16
#define SHOWN_MAX 10u /* violations of one worker that are printed */
#define MUTANT_BOUND 50000u
#define HANG_SECONDS 60
#define TWICE 100u /* every so many seeds run twice */

static struct options {
  uint64_t seeds, from;
  unsigned jobs;
  bool trace, mutants;
  int mutant;
} options = {.seeds = 1000, .from = 1, .jobs = 2};

/* What a worker tells; in shared memory, so that it survives a crash. */
struct report {
  uint64_t seed; /* being run */
  uint64_t done, violations, reconnects, virtual_ms, events;
  uint64_t found; /* mutants: the seed, 0 */
  char invariant[8];
  int mutant;
};

static struct report *reports;

static void print_violation(const struct world *w) {
  unsigned long long t = w->ended_at;
  trace_print_last(w);
  printf("seed %llu: %s violated at %llu.%03llu s: %s\n",
         (unsigned long long)w->seed, w->invariant, t / 1000, t % 1000,
         w->verdict);
  fflush(stdout);
}

/* I16: the same once more. */
static bool repeats(uint64_t seed, uint64_t hash) {
  static struct world again;
  world_run(&again, seed, false);
  return again.trace.hash == hash;
}

static bool run_seed(struct report *r, uint64_t seed) {
  static struct world w;
  r->seed = seed;
  bool good = world_run(&w, seed, options.trace);
  r->reconnects += w.reconnects;
  r->virtual_ms += w.virtual_ms;
  r->events += w.events;
  if (good && seed % TWICE == 0 && !repeats(seed, w.trace.hash)) {
    good = false;
    w.invariant = "I16";
    w.violated = true;
  }
  if (!good && !options.mutants && r->violations < SHOWN_MAX)
    print_violation(&w);
  r->done++;
  r->violations += !good;
  if (!good)
    snprintf(r->invariant, sizeof r->invariant, "%s", w.invariant);
  return good;
}

static void work(struct report *r, uint64_t from, uint64_t end) {
  for (uint64_t seed = from; seed < end; seed += options.jobs)
    run_seed(r, seed);
}

/* Starts a child that runs fn; a later one carries on behind the seed at which
 * an earlier one died. */
static pid_t start(void (*fn)(struct report *, uint64_t, uint64_t),
                   struct report *r, uint64_t from, uint64_t end) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  fn(r, from, end);
  fflush(stdout);
  _exit(0);
}

struct watch {
  pid_t pid;
  uint64_t done;
  time_t since;
};

/* True when the child has ended; *ret_died: by a signal, or by us. */
static bool has_ended(struct watch *w, const struct report *r, bool *ret_died) {
  int status;
  time_t now = time(NULL);
  if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
    *ret_died = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return true;
  }
  if (r->done != w->done) {
    w->done = r->done;
    w->since = now;
  }
  if (now - w->since > HANG_SECONDS)
    kill(w->pid, SIGKILL);
  return false;
}

static void pause_a_little(void) {
  nanosleep(&(struct timespec){0, 20000000}, NULL);
}

/* Seeds. */

static void watch_seeds(struct watch *watches, uint64_t end) {
  unsigned left = options.jobs;
  while (left != 0) {
    pause_a_little();
    for (unsigned i = 0; i < options.jobs; i++) {
      bool died;
      if (watches[i].pid == 0 || !has_ended(&watches[i], &reports[i], &died))
        continue;
      watches[i].pid = 0;
      if (died) {
        printf("seed %llu: the process died or hung\n",
               (unsigned long long)reports[i].seed);
        reports[i].violations++;
        reports[i].done++;
        watches[i] = (struct watch){
            start(work, &reports[i], reports[i].seed + options.jobs, end), 0,
            time(NULL)};
      } else {
        left--;
      }
    }
  }
}

static int print_sum(void) {
  struct report sum = {0};
  for (unsigned i = 0; i < options.jobs; i++) {
    sum.done += reports[i].done;
    sum.violations += reports[i].violations;
    sum.reconnects += reports[i].reconnects;
    sum.virtual_ms += reports[i].virtual_ms;
  }
  printf("seeds=%llu violations=%llu reconnects=%llu virtual_s=%llu\n",
         (unsigned long long)sum.done, (unsigned long long)sum.violations,
         (unsigned long long)sum.reconnects,
         (unsigned long long)(sum.virtual_ms / 1000));
  return sum.violations != 0;
}

static int run_seeds(void) {
  struct watch watches[JOBS_MAX] = {{0}};
  uint64_t end = options.from + options.seeds;
  um_mutant = options.mutant;
  for (unsigned i = 0; i < options.jobs; i++)
    watches[i] = (struct watch){start(work, &reports[i], options.from + i, end),
                                0, time(NULL)};
  watch_seeds(watches, end);
  return print_sum();
}

/* Mutants: each in a process of its own, seed by seed. */

static void hunt(struct report *r, uint64_t from, uint64_t end) {
  um_mutant = r->mutant;
  freopen("/dev/null", "w", stderr); /* asserts are a way of being found */
  for (uint64_t seed = from; seed < end && r->found == 0; seed++)
    if (!run_seed(r, seed))
      r->found = seed;
}

static bool print_mutant(const struct report *r, bool died) {
  unsigned long long seed = r->found != 0 ? r->found : died ? r->seed : 0;
  printf("mutant %d %s: ", r->mutant, mutants[r->mutant]);
  if (seed == 0)
    printf("NOT FOUND in %llu seeds\n", (unsigned long long)r->done);
  else
    printf("found by seed %llu (%s)\n", seed, died ? "assert" : r->invariant);
  fflush(stdout);
  return seed != 0;
}

static int next_mutant(int n) {
  while (++n < MUTANTS_MAX && mutants[n] == NULL)
    ;
  return n;
}

static int run_mutants(void) {
  struct watch watches[JOBS_MAX] = {{0}};
  unsigned planted = 0, found = 0, running = 0;
  int next = next_mutant(0);
  while (next < MUTANTS_MAX || running != 0) {
    for (unsigned i = 0; i < options.jobs; i++) {
      bool died;
      if (watches[i].pid == 0 && next < MUTANTS_MAX) {
        memset(&reports[i], 0, sizeof reports[i]);
        reports[i].mutant = next;
        watches[i] =
            (struct watch){start(hunt, &reports[i], options.from, MUTANT_BOUND),
                           0, time(NULL)};
        next = next_mutant(next);
        planted++;
        running++;
      } else if (watches[i].pid != 0 &&
                 has_ended(&watches[i], &reports[i], &died)) {
        watches[i].pid = 0;
        running--;
        found += print_mutant(&reports[i], died);
      }
    }
    pause_a_little();
  }
  printf("planted=%u found=%u\n", planted, found);
  return planted != found;
}

/* Arguments. */

static int usage(void) {
  fprintf(stderr, "sim [--seeds N] [--from S] [--jobs J] [--trace]"
                  " [--mutant M] [--mutants]\n");
  return 2;
}

static bool take(const char *name, const char *value) {
  uint64_t n = value == NULL ? 0 : strtoull(value, NULL, 10);
  if (value == NULL)
    return false;
  if (strcmp(name, "--seeds") == 0)
    options.seeds = n;
  else if (strcmp(name, "--from") == 0)
    options.from = n;
  else if (strcmp(name, "--jobs") == 0)
    options.jobs = n == 0 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
  else if (strcmp(name, "--mutant") == 0)
    options.mutant = (int)n;
  else
    return false;
  return true;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--trace") == 0)
      options.trace = true;
    else if (strcmp(argv[i], "--mutants") == 0)
      options.mutants = true;
    else if (!take(argv[i], argv[i + 1]))
      return usage();
    else
      i++;
  }
  if (options.trace || options.seeds < options.jobs)
    options.jobs = 1;
  size_t size = JOBS_MAX * sizeof *reports;
  reports = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
  if (reports == MAP_FAILED)
    return 2;
  return options.mutants ? run_mutants() : run_seeds();
}
