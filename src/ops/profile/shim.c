/* Counts what each rank does in MPI. The folder of a job has it as libprofile.so, built by the mpicc of a node with
   -DWANT_OPEN_MPI=4 (or 5) or -DWANT_MPICH, and mpirun sets LD_PRELOAD to it for the ranks. A rank writes to the file
   rank.PID.HOST in the folder $EC2MPI_PROFILE, which it maps into its memory, so that a rank that is killed leaves its
   counters. The file is an array of 64-bit numbers: the slots of `enum slot`, then three numbers for each call of
   CALLS (how often, nanoseconds, bytes), then two numbers for each rank of MPI_COMM_WORLD (nanoseconds that this rank
   has waited for messages of that one, bytes sent to it). profile.cpp reads the names of the calls here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(WANT_OPEN_MPI) && (!defined(OMPI_MAJOR_VERSION) || OMPI_MAJOR_VERSION != WANT_OPEN_MPI)
#error "this mpicc belongs to another MPI than mpirun"
#endif
#if defined(WANT_MPICH) && !defined(MPICH_VERSION)
#error "this mpicc belongs to another MPI than mpirun"
#endif

/* p: between two ranks, c: of all ranks of a communicator, o: others */
#define CALLS(X) \
  X(Init, o) X(Finalize, c) X(Abort, o) \
  X(Send, p) X(Bsend, p) X(Ssend, p) X(Rsend, p) X(Recv, p) X(Sendrecv, p) X(Sendrecv_replace, p) \
  X(Isend, p) X(Ibsend, p) X(Issend, p) X(Irsend, p) X(Irecv, p) X(Mrecv, p) X(Imrecv, p) \
  X(Probe, p) X(Iprobe, p) X(Mprobe, p) X(Improbe, p) \
  X(Wait, o) X(Waitall, o) X(Waitany, o) X(Waitsome, o) X(Test, o) X(Testall, o) X(Testany, o) X(Testsome, o) \
  X(Start, o) X(Startall, o) \
  X(Barrier, c) X(Bcast, c) X(Gather, c) X(Gatherv, c) X(Scatter, c) X(Scatterv, c) X(Allgather, c) X(Allgatherv, c) \
  X(Alltoall, c) X(Alltoallv, c) X(Alltoallw, c) X(Reduce, c) X(Allreduce, c) X(Reduce_scatter, c) \
  X(Reduce_scatter_block, c) X(Scan, c) X(Exscan, c) \
  X(Ibarrier, c) X(Ibcast, c) X(Igather, c) X(Iscatter, c) X(Iallgather, c) X(Ialltoall, c) X(Ireduce, c) \
  X(Iallreduce, c) \
  X(Comm_dup, c) X(Comm_split, c) X(Comm_create, c) X(Comm_free, o) X(Comm_disconnect, o) \
  X(Win_create, c) X(Win_allocate, c) X(Win_free, o) X(Win_fence, o) X(Win_lock, o) X(Win_unlock, o) X(Win_lock_all, o) \
  X(Win_unlock_all, o) X(Win_flush, o) X(Win_flush_all, o) X(Put, o) X(Get, o) X(Accumulate, o) \
  X(File_open, c) X(File_close, o) X(File_read, o) X(File_write, o) X(File_read_at, o) X(File_write_at, o) \
  X(File_read_all, o) X(File_write_all, o) X(File_read_at_all, o) X(File_write_at_all, o)

#define AS_ID(name, kind) ID_##name,
enum call { CALLS(AS_ID) CALL_COUNT };
#define AS_KIND(name, kind) #kind[0],
static const char kinds[] = {CALLS(AS_KIND)};

enum slot {
  FORMAT,      /* 1; 0 as long as the rest is not written */
  RANK,        /* in MPI_COMM_WORLD */
  SIZE,        /* of MPI_COMM_WORLD */
  PID,
  SPAWNED,     /* 1 for a rank that MPI_Comm_spawn has started */
  EPOCH,       /* nanoseconds since 1970 at BEGIN */
  BEGIN,       /* the end of MPI_Init, by the clock of the node that all times here use */
  END,         /* the end of MPI_Finalize; 0 before */
  LAST,        /* the end of the last call of the main thread */
  CURRENT,     /* the call of the main thread, counted from 1; 0: it computes */
  SINCE,       /* the begin of that call */
  PARTNER,     /* the rank that it names, counted from 1; 0: none */
  IN_MPI,      /* nanoseconds of the main thread in all calls that have ended */
  COLLECTIVES, /* calls of all ranks on MPI_COMM_WORLD that the main thread has begun */
  SLOT_COUNT = 16
};
enum { PARTNERS = SLOT_COUNT + 3 * CALL_COUNT, MOST_PARTNERS = 2048 };

static uint64_t *counters;
static int world_size;
static __thread int depth, is_main;

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* CLOCK_MONOTONIC, by the counter of the processor where the kernel's clock is that counter: a call of the clock takes three
   times as long, and two of them were most of what a call of MPI took here. */
static uint64_t clock_begin, ticks_begin, scale; /* scale: nanoseconds a tick times 2^32; 0: not by the counter */

static uint64_t ticks(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}
static uint64_t now_here(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (scale) return clock_begin + (uint64_t)(((unsigned __int128)(ticks() - ticks_begin) * scale) >> 32);
#endif
  return now(CLOCK_MONOTONIC);
}
static __attribute__((constructor)) void begin_clock(void) {
  clock_begin = now(CLOCK_MONOTONIC);
  ticks_begin = ticks();
}
/* The time since begin_clock, that of MPI_Init, tells how long a tick is. */
static void measure_ticks(void) {
  char source[8] = "";
  int file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  uint64_t time = now(CLOCK_MONOTONIC) - clock_begin, passed = ticks() - ticks_begin;
  if (file >= 0 && read(file, source, sizeof source - 1) > 0 && strcmp(source, "tsc\n") == 0 && time > 1000000 && passed > time / 100)
    scale = (uint64_t)((double)time / (double)passed * 4294967296.0);
  if (file >= 0) close(file);
}

static void add(int slot, uint64_t value) { __atomic_fetch_add(&counters[slot], value, __ATOMIC_RELAXED); }
static void set(int slot, uint64_t value) { __atomic_store_n(&counters[slot], value, __ATOMIC_RELAXED); }

/* Programs that a rank starts are no ranks. */
static void leave_environment(void) {
  const char *preloaded = getenv("LD_PRELOAD"), *rest = preloaded ? strchr(preloaded, ':') : NULL;
  if (preloaded && strstr(preloaded, "libprofile.so")) {
    if (rest && rest[1]) setenv("LD_PRELOAD", strdup(rest + 1), 1);
    else unsetenv("LD_PRELOAD");
  }
}
static void map_file(int rank, int size) {
  const char *folder = getenv("EC2MPI_PROFILE");
  char path[4096], host[256] = "";
  int partners = size <= MOST_PARTNERS ? size : 0, file;
  size_t bytes = sizeof(uint64_t) * (size_t)(PARTNERS + 2 * partners);
  void *mapped;
  gethostname(host, sizeof host - 1);
  if (!folder || snprintf(path, sizeof path, "%s/rank.%ld.%s", folder, (long)getpid(), host) >= (int)sizeof path) return;
  file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  /* Reserved now, because a write to a page of a full disk would end the rank. */
  mapped = posix_fallocate(file, 0, (off_t)bytes) == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                                                       : MAP_FAILED;
  close(file);
  if (mapped == MAP_FAILED) {
    unlink(path);
    return;
  }
  counters = mapped;
  world_size = partners;
  set(RANK, (uint64_t)rank);
  set(SIZE, (uint64_t)size);
  set(PID, (uint64_t)getpid());
}
static void begin_profile(void) {
  int rank, size, ready = 0;
  MPI_Comm parent = MPI_COMM_NULL;
  if (counters || PMPI_Initialized(&ready) != MPI_SUCCESS || !ready) return;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  PMPI_Comm_size(MPI_COMM_WORLD, &size);
  is_main = 1;
  leave_environment();
  map_file(rank, size);
  if (!counters) return;
  PMPI_Comm_get_parent(&parent);
  set(SPAWNED, parent != MPI_COMM_NULL);
  set(EPOCH, now(CLOCK_REALTIME));
  measure_ticks();
  set(BEGIN, now_here());
  set(LAST, counters[BEGIN]);
  __atomic_store_n(&counters[FORMAT], 1, __ATOMIC_RELEASE);
}

/* --- the ranks of other communicators --- */
/* Their places in MPI_COMM_WORLD are looked up once; a handle may be used again, so that the end of a communicator
   forgets all of them. */
enum { MOST_KNOWN = 32 };
static struct known { MPI_Comm comm; int size, *ranks; } known[MOST_KNOWN];
static int known_count;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

static void forget_communicators(void) {
  pthread_mutex_lock(&known_lock);
  while (known_count > 0) free(known[--known_count].ranks);
  pthread_mutex_unlock(&known_lock);
}
static int ask_world_rank(MPI_Comm comm, int rank) {
  int inter = 1, size = 0, i, found = -1;
  struct known *entry = NULL;
  pthread_mutex_lock(&known_lock);
  for (i = 0; i < known_count && !entry; i++)
    if (known[i].comm == comm) entry = &known[i];
  if (!entry && known_count < MOST_KNOWN) {
    MPI_Group world, group;
    int *local;
    entry = &known[known_count++];
    entry->comm = comm;
    entry->ranks = NULL;
    entry->size = 0;
    PMPI_Comm_test_inter(comm, &inter);
    PMPI_Comm_size(comm, &size);
    if (!inter && (local = malloc(sizeof(int) * (size_t)size)) && (entry->ranks = malloc(sizeof(int) * (size_t)size))) {
      for (i = 0; i < size; i++) local[i] = i;
      PMPI_Comm_group(MPI_COMM_WORLD, &world);
      PMPI_Comm_group(comm, &group);
      PMPI_Group_translate_ranks(group, size, local, world, entry->ranks);
      PMPI_Group_free(&group);
      PMPI_Group_free(&world);
      entry->size = size;
      free(local);
    }
  }
  if (entry && rank < entry->size) found = entry->ranks[rank];
  pthread_mutex_unlock(&known_lock);
  return found;
}
static int world_rank(MPI_Comm comm, int rank) {
  if (rank < 0) return -1; /* MPI_ANY_SOURCE, MPI_PROC_NULL */
  if (comm != MPI_COMM_WORLD) rank = ask_world_rank(comm, rank);
  return rank >= 0 && rank < world_size ? rank : -1;
}

/* --- one call --- */
struct span { uint64_t begin; int counts; };

static struct span begin_call(enum call id, int partner, MPI_Comm comm) {
  struct span span = {0, counters && depth == 0};
  depth++;
  if (!span.counts) return span;
  span.begin = now_here();
  if (!is_main) return span;
  set(SINCE, span.begin);
  set(PARTNER, (uint64_t)(world_rank(comm, partner) + 1));
  if (kinds[id] == 'c' && comm == MPI_COMM_WORLD) set(COLLECTIVES, counters[COLLECTIVES] + 1);
  set(CURRENT, (uint64_t)id + 1);
  return span;
}
static void end_call(struct span span, enum call id, uint64_t bytes, int source, int target, MPI_Comm comm) {
  uint64_t time, end;
  int slot = SLOT_COUNT + 3 * (int)id, partner;
  depth--;
  if (!span.counts) return;
  end = now_here();
  time = end > span.begin ? end - span.begin : 0;
  add(slot, 1);
  add(slot + 1, time);
  add(slot + 2, bytes);
  if ((partner = world_rank(comm, source)) >= 0) add(PARTNERS + 2 * partner, time);
  if ((partner = world_rank(comm, target)) >= 0) add(PARTNERS + 2 * partner + 1, bytes);
  if (!is_main) return;
  set(CURRENT, 0);
  set(LAST, end);
  set(IN_MPI, counters[IN_MPI] + time);
}
static uint64_t bytes_of(uint64_t count, MPI_Datatype type) {
  int size = 0;
  if (!counters || depth > 1 || type == MPI_DATATYPE_NULL || PMPI_Type_size(type, &size) != MPI_SUCCESS || size < 0) return 0;
  return count * (uint64_t)size;
}
static uint64_t sum_of(MPI_Comm comm, const int *counts) {
  uint64_t sum = 0;
  int size = 0, i;
  if (!counters || !counts || PMPI_Comm_size(comm, &size) != MPI_SUCCESS) return 0;
  for (i = 0; i < size; i++) sum += (uint64_t)counts[i];
  return sum;
}
/* The bytes that only the root sends. */
static uint64_t of_root(int root, MPI_Comm comm, uint64_t bytes) {
  int rank = -1;
  return counters && PMPI_Comm_rank(comm, &rank) == MPI_SUCCESS && rank == root ? bytes : 0;
}

/* --- the calls of C --- */
#define NOBODY (-1)
#define CALL(name, parameters, arguments, partner, comm, bytes, source, target) \
  int MPI_##name parameters { \
    struct span span = begin_call(ID_##name, partner, comm); \
    int result = PMPI_##name arguments; \
    end_call(span, ID_##name, bytes, source, target, comm); \
    return result; \
  }
#define SEND(name) \
  CALL(name, (const void *buf, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm), (buf, count, type, to, tag, comm), \
       to, comm, bytes_of((uint64_t)count, type), NOBODY, to)
#define ISEND(name) \
  CALL(name, (const void *buf, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request), \
       (buf, count, type, to, tag, comm, request), to, comm, bytes_of((uint64_t)count, type), NOBODY, to)
SEND(Send) SEND(Bsend) SEND(Ssend) SEND(Rsend)
ISEND(Isend) ISEND(Ibsend) ISEND(Issend) ISEND(Irsend)
CALL(Irecv, (void *buf, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request),
     (buf, count, type, from, tag, comm, request), from, comm, 0, NOBODY, NOBODY)
/* A status of our own where the program wants none: it names the rank whose message has come. */
#define STATUS MPI_Status own; if (status == MPI_STATUS_IGNORE) status = &own; status->MPI_SOURCE = MPI_ANY_SOURCE;
#define RECEIVE(name, parameters, arguments, from, comm, bytes, to) \
  int MPI_##name parameters { \
    STATUS \
    struct span span = begin_call(ID_##name, from, comm); \
    int result = PMPI_##name arguments; \
    end_call(span, ID_##name, bytes, status->MPI_SOURCE, to, comm); \
    return result; \
  }
RECEIVE(Recv, (void *buf, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status),
        (buf, count, type, from, tag, comm, status), from, comm, 0, NOBODY)
RECEIVE(Probe, (int from, int tag, MPI_Comm comm, MPI_Status *status), (from, tag, comm, status), from, comm, 0, NOBODY)
RECEIVE(Mprobe, (int from, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status),
        (from, tag, comm, message, status), from, comm, 0, NOBODY)
RECEIVE(Sendrecv, (const void *buf, int count, MPI_Datatype type, int to, int tag, void *in, int in_count, MPI_Datatype in_type,
        int from, int in_tag, MPI_Comm comm, MPI_Status *status),
        (buf, count, type, to, tag, in, in_count, in_type, from, in_tag, comm, status), from, comm,
        bytes_of((uint64_t)count, type), to)
RECEIVE(Sendrecv_replace, (void *buf, int count, MPI_Datatype type, int to, int tag, int from, int in_tag, MPI_Comm comm,
        MPI_Status *status), (buf, count, type, to, tag, from, in_tag, comm, status), from, comm,
        bytes_of((uint64_t)count, type), to)
CALL(Mrecv, (void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status), (buf, count, type, message, status),
     NOBODY, MPI_COMM_NULL, 0, NOBODY, NOBODY)
CALL(Imrecv, (void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Request *request),
     (buf, count, type, message, request), NOBODY, MPI_COMM_NULL, 0, NOBODY, NOBODY)
CALL(Iprobe, (int from, int tag, MPI_Comm comm, int *flag, MPI_Status *status), (from, tag, comm, flag, status), from, comm, 0,
     NOBODY, NOBODY)
CALL(Improbe, (int from, int tag, MPI_Comm comm, int *flag, MPI_Message *message, MPI_Status *status),
     (from, tag, comm, flag, message, status), from, comm, 0, NOBODY, NOBODY)
#define PLAIN(name, parameters, arguments) CALL(name, parameters, arguments, NOBODY, MPI_COMM_NULL, 0, NOBODY, NOBODY)
PLAIN(Wait, (MPI_Request *request, MPI_Status *status), (request, status))
PLAIN(Waitall, (int count, MPI_Request requests[], MPI_Status statuses[]), (count, requests, statuses))
PLAIN(Waitany, (int count, MPI_Request requests[], int *index, MPI_Status *status), (count, requests, index, status))
PLAIN(Waitsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]),
      (count, requests, done, indices, statuses))
PLAIN(Test, (MPI_Request *request, int *flag, MPI_Status *status), (request, flag, status))
PLAIN(Testall, (int count, MPI_Request requests[], int *flag, MPI_Status statuses[]), (count, requests, flag, statuses))
PLAIN(Testany, (int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status),
      (count, requests, index, flag, status))
PLAIN(Testsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]),
      (count, requests, done, indices, statuses))
PLAIN(Start, (MPI_Request *request), (request))
PLAIN(Startall, (int count, MPI_Request requests[]), (count, requests))

#define ALL(name, parameters, arguments, bytes) CALL(name, parameters, arguments, NOBODY, comm, bytes, NOBODY, NOBODY)
#define SENT bytes_of((uint64_t)count, type)
#define BLOCK const void *buf, int count, MPI_Datatype type
ALL(Barrier, (MPI_Comm comm), (comm), 0)
ALL(Ibarrier, (MPI_Comm comm, MPI_Request *request), (comm, request), 0)
ALL(Bcast, (void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm), (buf, count, type, root, comm),
    of_root(root, comm, SENT))
ALL(Ibcast, (void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request),
    (buf, count, type, root, comm, request), of_root(root, comm, SENT))
ALL(Gather, (BLOCK, void *in, int in_count, MPI_Datatype in_type, int root, MPI_Comm comm),
    (buf, count, type, in, in_count, in_type, root, comm), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Igather, (BLOCK, void *in, int in_count, MPI_Datatype in_type, int root, MPI_Comm comm, MPI_Request *request),
    (buf, count, type, in, in_count, in_type, root, comm, request), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Gatherv, (BLOCK, void *in, const int *in_counts, const int *places, MPI_Datatype in_type, int root, MPI_Comm comm),
    (buf, count, type, in, in_counts, places, in_type, root, comm), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Scatter, (BLOCK, void *in, int in_count, MPI_Datatype in_type, int root, MPI_Comm comm),
    (buf, count, type, in, in_count, in_type, root, comm), of_root(root, comm, SENT))
ALL(Iscatter, (BLOCK, void *in, int in_count, MPI_Datatype in_type, int root, MPI_Comm comm, MPI_Request *request),
    (buf, count, type, in, in_count, in_type, root, comm, request), of_root(root, comm, SENT))
ALL(Scatterv, (const void *buf, const int *counts, const int *places, MPI_Datatype type, void *in, int in_count,
    MPI_Datatype in_type, int root, MPI_Comm comm), (buf, counts, places, type, in, in_count, in_type, root, comm),
    of_root(root, comm, 1) ? bytes_of(sum_of(comm, counts), type) : 0)
ALL(Allgather, (BLOCK, void *in, int in_count, MPI_Datatype in_type, MPI_Comm comm),
    (buf, count, type, in, in_count, in_type, comm), buf == MPI_IN_PLACE ? bytes_of((uint64_t)in_count, in_type) : SENT)
ALL(Iallgather, (BLOCK, void *in, int in_count, MPI_Datatype in_type, MPI_Comm comm, MPI_Request *request),
    (buf, count, type, in, in_count, in_type, comm, request), buf == MPI_IN_PLACE ? bytes_of((uint64_t)in_count, in_type) : SENT)
ALL(Allgatherv, (BLOCK, void *in, const int *in_counts, const int *places, MPI_Datatype in_type, MPI_Comm comm),
    (buf, count, type, in, in_counts, places, in_type, comm), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Alltoall, (BLOCK, void *in, int in_count, MPI_Datatype in_type, MPI_Comm comm),
    (buf, count, type, in, in_count, in_type, comm), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Ialltoall, (BLOCK, void *in, int in_count, MPI_Datatype in_type, MPI_Comm comm, MPI_Request *request),
    (buf, count, type, in, in_count, in_type, comm, request), buf == MPI_IN_PLACE ? 0 : SENT)
ALL(Alltoallv, (const void *buf, const int *counts, const int *places, MPI_Datatype type, void *in, const int *in_counts,
    const int *in_places, MPI_Datatype in_type, MPI_Comm comm),
    (buf, counts, places, type, in, in_counts, in_places, in_type, comm),
    buf == MPI_IN_PLACE ? 0 : bytes_of(sum_of(comm, counts), type))
ALL(Alltoallw, (const void *buf, const int *counts, const int *places, const MPI_Datatype *types, void *in,
    const int *in_counts, const int *in_places, const MPI_Datatype *in_types, MPI_Comm comm),
    (buf, counts, places, types, in, in_counts, in_places, in_types, comm), 0)
#define REDUCED const void *buf, void *in, int count, MPI_Datatype type, MPI_Op op
ALL(Reduce, (REDUCED, int root, MPI_Comm comm), (buf, in, count, type, op, root, comm), SENT)
ALL(Ireduce, (REDUCED, int root, MPI_Comm comm, MPI_Request *request), (buf, in, count, type, op, root, comm, request), SENT)
ALL(Allreduce, (REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
ALL(Iallreduce, (REDUCED, MPI_Comm comm, MPI_Request *request), (buf, in, count, type, op, comm, request), SENT)
ALL(Scan, (REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
ALL(Exscan, (REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
ALL(Reduce_scatter_block, (REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
ALL(Reduce_scatter, (const void *buf, void *in, const int *counts, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
    (buf, in, counts, type, op, comm), bytes_of(sum_of(comm, counts), type))
ALL(Comm_dup, (MPI_Comm comm, MPI_Comm *made), (comm, made), 0)
ALL(Comm_split, (MPI_Comm comm, int colour, int key, MPI_Comm *made), (comm, colour, key, made), 0)
ALL(Comm_create, (MPI_Comm comm, MPI_Group group, MPI_Comm *made), (comm, group, made), 0)
#define FORGETTING(name) \
  int MPI_##name(MPI_Comm *comm) { \
    struct span span = begin_call(ID_##name, NOBODY, MPI_COMM_NULL); \
    int result = PMPI_##name(comm); \
    forget_communicators(); \
    end_call(span, ID_##name, 0, NOBODY, NOBODY, MPI_COMM_NULL); \
    return result; \
  }
FORGETTING(Comm_free) FORGETTING(Comm_disconnect)

ALL(Win_create, (void *base, MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, MPI_Win *window),
    (base, size, unit, info, comm, window), 0)
ALL(Win_allocate, (MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *window),
    (size, unit, info, comm, base, window), 0)
PLAIN(Win_free, (MPI_Win *window), (window))
PLAIN(Win_fence, (int assert, MPI_Win window), (assert, window))
PLAIN(Win_lock, (int kind, int rank, int assert, MPI_Win window), (kind, rank, assert, window))
PLAIN(Win_unlock, (int rank, MPI_Win window), (rank, window))
PLAIN(Win_lock_all, (int assert, MPI_Win window), (assert, window))
PLAIN(Win_unlock_all, (MPI_Win window), (window))
PLAIN(Win_flush, (int rank, MPI_Win window), (rank, window))
PLAIN(Win_flush_all, (MPI_Win window), (window))
#define REMOTE int rank, MPI_Aint place, int other_count, MPI_Datatype other_type
#define COUNTED(name, parameters, arguments) CALL(name, parameters, arguments, NOBODY, MPI_COMM_NULL, SENT, NOBODY, NOBODY)
COUNTED(Put, (BLOCK, REMOTE, MPI_Win window), (buf, count, type, rank, place, other_count, other_type, window))
PLAIN(Get, (void *buf, int count, MPI_Datatype type, REMOTE, MPI_Win window),
      (buf, count, type, rank, place, other_count, other_type, window))
COUNTED(Accumulate, (BLOCK, REMOTE, MPI_Op op, MPI_Win window),
        (buf, count, type, rank, place, other_count, other_type, op, window))
ALL(File_open, (MPI_Comm comm, const char *name, int mode, MPI_Info info, MPI_File *file), (comm, name, mode, info, file), 0)
PLAIN(File_close, (MPI_File *file), (file))
#define READ(name) \
  COUNTED(name, (MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Status *status), (file, buf, count, type, status))
#define WRITE(name) COUNTED(name, (MPI_File file, BLOCK, MPI_Status *status), (file, buf, count, type, status))
#define READ_AT(name) \
  COUNTED(name, (MPI_File file, MPI_Offset at, void *buf, int count, MPI_Datatype type, MPI_Status *status), \
          (file, at, buf, count, type, status))
#define WRITE_AT(name) \
  COUNTED(name, (MPI_File file, MPI_Offset at, BLOCK, MPI_Status *status), (file, at, buf, count, type, status))
READ(File_read) READ(File_read_all) READ_AT(File_read_at) READ_AT(File_read_at_all)
WRITE(File_write) WRITE(File_write_all) WRITE_AT(File_write_at) WRITE_AT(File_write_at_all)

/* mpi4py 4 over MPICH 4 uses these. */
#if MPI_VERSION >= 4
#define BIG_SEND(name) \
  int MPI_##name##_c(const void *buf, MPI_Count count, MPI_Datatype type, int to, int tag, MPI_Comm comm) { \
    struct span span = begin_call(ID_##name, to, comm); \
    int result = PMPI_##name##_c(buf, count, type, to, tag, comm); \
    end_call(span, ID_##name, SENT, NOBODY, to, comm); \
    return result; \
  }
#define BIG_ALL(name, parameters, arguments, bytes) \
  int MPI_##name##_c parameters { \
    struct span span = begin_call(ID_##name, NOBODY, comm); \
    int result = PMPI_##name##_c arguments; \
    end_call(span, ID_##name, bytes, NOBODY, NOBODY, comm); \
    return result; \
  }
#define BIG_BLOCK const void *buf, MPI_Count count, MPI_Datatype type
#define BIG_REDUCED const void *buf, void *in, MPI_Count count, MPI_Datatype type, MPI_Op op
BIG_SEND(Send) BIG_SEND(Bsend) BIG_SEND(Ssend) BIG_SEND(Rsend)
int MPI_Isend_c(BIG_BLOCK, int to, int tag, MPI_Comm comm, MPI_Request *request) {
  struct span span = begin_call(ID_Isend, to, comm);
  int result = PMPI_Isend_c(buf, count, type, to, tag, comm, request);
  end_call(span, ID_Isend, SENT, NOBODY, to, comm);
  return result;
}
int MPI_Irecv_c(void *buf, MPI_Count count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request) {
  struct span span = begin_call(ID_Irecv, from, comm);
  int result = PMPI_Irecv_c(buf, count, type, from, tag, comm, request);
  end_call(span, ID_Irecv, 0, NOBODY, NOBODY, comm);
  return result;
}
int MPI_Recv_c(void *buf, MPI_Count count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status) {
  STATUS
  struct span span = begin_call(ID_Recv, from, comm);
  int result = PMPI_Recv_c(buf, count, type, from, tag, comm, status);
  end_call(span, ID_Recv, 0, status->MPI_SOURCE, NOBODY, comm);
  return result;
}
int MPI_Sendrecv_c(BIG_BLOCK, int to, int tag, void *in, MPI_Count in_count, MPI_Datatype in_type, int from, int in_tag,
                   MPI_Comm comm, MPI_Status *status) {
  STATUS
  struct span span = begin_call(ID_Sendrecv, from, comm);
  int result = PMPI_Sendrecv_c(buf, count, type, to, tag, in, in_count, in_type, from, in_tag, comm, status);
  end_call(span, ID_Sendrecv, SENT, status->MPI_SOURCE, to, comm);
  return result;
}
int MPI_Mrecv_c(void *buf, MPI_Count count, MPI_Datatype type, MPI_Message *message, MPI_Status *status) {
  struct span span = begin_call(ID_Mrecv, NOBODY, MPI_COMM_NULL);
  int result = PMPI_Mrecv_c(buf, count, type, message, status);
  end_call(span, ID_Mrecv, 0, NOBODY, NOBODY, MPI_COMM_NULL);
  return result;
}
BIG_ALL(Bcast, (void *buf, MPI_Count count, MPI_Datatype type, int root, MPI_Comm comm), (buf, count, type, root, comm),
        of_root(root, comm, SENT))
BIG_ALL(Gather, (BIG_BLOCK, void *in, MPI_Count in_count, MPI_Datatype in_type, int root, MPI_Comm comm),
        (buf, count, type, in, in_count, in_type, root, comm), buf == MPI_IN_PLACE ? 0 : SENT)
BIG_ALL(Gatherv, (BIG_BLOCK, void *in, const MPI_Count *in_counts, const MPI_Aint *places, MPI_Datatype in_type, int root,
        MPI_Comm comm), (buf, count, type, in, in_counts, places, in_type, root, comm), buf == MPI_IN_PLACE ? 0 : SENT)
BIG_ALL(Scatter, (BIG_BLOCK, void *in, MPI_Count in_count, MPI_Datatype in_type, int root, MPI_Comm comm),
        (buf, count, type, in, in_count, in_type, root, comm), of_root(root, comm, SENT))
BIG_ALL(Scatterv, (const void *buf, const MPI_Count *counts, const MPI_Aint *places, MPI_Datatype type, void *in,
        MPI_Count in_count, MPI_Datatype in_type, int root, MPI_Comm comm),
        (buf, counts, places, type, in, in_count, in_type, root, comm), 0)
BIG_ALL(Allgather, (BIG_BLOCK, void *in, MPI_Count in_count, MPI_Datatype in_type, MPI_Comm comm),
        (buf, count, type, in, in_count, in_type, comm), buf == MPI_IN_PLACE ? 0 : SENT)
BIG_ALL(Allgatherv, (BIG_BLOCK, void *in, const MPI_Count *in_counts, const MPI_Aint *places, MPI_Datatype in_type,
        MPI_Comm comm), (buf, count, type, in, in_counts, places, in_type, comm), buf == MPI_IN_PLACE ? 0 : SENT)
BIG_ALL(Alltoall, (BIG_BLOCK, void *in, MPI_Count in_count, MPI_Datatype in_type, MPI_Comm comm),
        (buf, count, type, in, in_count, in_type, comm), buf == MPI_IN_PLACE ? 0 : SENT)
BIG_ALL(Alltoallv, (const void *buf, const MPI_Count *counts, const MPI_Aint *places, MPI_Datatype type, void *in,
        const MPI_Count *in_counts, const MPI_Aint *in_places, MPI_Datatype in_type, MPI_Comm comm),
        (buf, counts, places, type, in, in_counts, in_places, in_type, comm), 0)
BIG_ALL(Reduce, (BIG_REDUCED, int root, MPI_Comm comm), (buf, in, count, type, op, root, comm), SENT)
BIG_ALL(Allreduce, (BIG_REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
BIG_ALL(Scan, (BIG_REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
BIG_ALL(Exscan, (BIG_REDUCED, MPI_Comm comm), (buf, in, count, type, op, comm), SENT)
#endif

/* --- the begin and the end --- */
int MPI_Init(int *argc, char ***argv) {
  int result = PMPI_Init(argc, argv);
  begin_profile();
  return result;
}
int MPI_Init_thread(int *argc, char ***argv, int wanted, int *given) {
  int result = PMPI_Init_thread(argc, argv, wanted, given);
  begin_profile();
  return result;
}
static void end_profile(void) {
  if (counters) set(END, now_here());
}
int MPI_Finalize(void) {
  struct span span = begin_call(ID_Finalize, NOBODY, MPI_COMM_WORLD);
  int result = PMPI_Finalize();
  end_call(span, ID_Finalize, 0, NOBODY, NOBODY, MPI_COMM_NULL);
  end_profile();
  return result;
}
int MPI_Abort(MPI_Comm comm, int code) {
  begin_call(ID_Abort, NOBODY, MPI_COMM_NULL);
  return PMPI_Abort(comm, code);
}

/* --- the calls of Fortran --- */
/* Those of MPICH call MPI_*, which is above. In Open MPI their names exist for `use mpi` (mpi_send_) and for `use mpi_f08` (mpi_send_f08_). The libraries of Fortran call PMPI_*,
   so that the calls above do not see them. A wrapper passes pointers only, so that it fits both. The wrapped function is in a
   library that this one does not load: it is looked up in those that the program has loaded. */
#ifdef OPEN_MPI
typedef void (*function)();
static function find_function(const char *name) {
  static const char *const libraries[] = {"libmpi_mpifh.so.40", "libmpi_usempif08.so.40"};
  void *found = dlsym(RTLD_NEXT, name), *library;
  size_t i;
  for (i = 0; !found && i < sizeof libraries / sizeof *libraries; i++)
    if ((library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD))) found = dlsym(library, name);
  if (found) return (function)found;
  fprintf(stderr, "ec2mpi: --profile does not know the Fortran library of this program (%s); run it without --profile\n", name);
  _exit(1);
}
#define P1 void *a0
#define P2 P1, void *a1
#define P3 P2, void *a2
#define P4 P3, void *a3
#define P5 P4, void *a4
#define P6 P5, void *a5
#define P7 P6, void *a6
#define P8 P7, void *a7
#define P9 P8, void *a8
#define P10 P9, void *a9
#define P13 P10, void *a10, void *a11, void *a12
#define A1 a0
#define A2 A1, a1
#define A3 A2, a2
#define A4 A3, a3
#define A5 A4, a4
#define A6 A5, a5
#define A7 A6, a6
#define A8 A7, a7
#define A9 A8, a8
#define A10 A9, a9
#define A13 A10, a10, a11, a12
#define T1 void *
#define T2 T1, void *
#define T3 T2, void *
#define T4 T3, void *
#define T5 T4, void *
#define T6 T5, void *
#define T7 T6, void *
#define T8 T7, void *
#define T9 T8, void *
#define T10 T9, void *
#define T13 T10, void *, void *, void *

static int number(const void *argument) { return (int)*(const MPI_Fint *)argument; }
static MPI_Comm comm_of(const void *argument) { return PMPI_Comm_f2c(*(const MPI_Fint *)argument); }
static uint64_t amount(const void *count, const void *type) {
  return counters ? bytes_of((uint64_t)number(count), PMPI_Type_f2c(*(const MPI_Fint *)type)) : 0;
}
#define WRAPPED(symbol, name, n, partner, comm, bytes, source, target) \
  void symbol(P##n) { \
    static function wrapped; \
    function call = __atomic_load_n(&wrapped, __ATOMIC_ACQUIRE); \
    struct span span; \
    if (!call) __atomic_store_n(&wrapped, call = find_function("p" #symbol), __ATOMIC_RELEASE); \
    span = begin_call(ID_##name, partner, comm); \
    ((void (*)(T##n))call)(A##n); \
    end_call(span, ID_##name, bytes, source, target, comm); \
  }
#define FORTRAN(lower, name, n, partner, comm, bytes, source, target) \
  WRAPPED(mpi_##lower##_, name, n, partner, comm, bytes, source, target) \
  WRAPPED(mpi_##lower##_f08_, name, n, partner, comm, bytes, source, target)
#define F_SEND(lower, name, n) FORTRAN(lower, name, n, number(a3), comm_of(a5), amount(a1, a2), NOBODY, number(a3))
#define F_RECEIVE(lower, name, n, from, comm) FORTRAN(lower, name, n, number(from), comm_of(comm), 0, number(from), NOBODY)
#define F_ALL(lower, name, n, comm, bytes) FORTRAN(lower, name, n, NOBODY, comm_of(comm), bytes, NOBODY, NOBODY)
#define F_PLAIN(lower, name, n) FORTRAN(lower, name, n, NOBODY, MPI_COMM_NULL, 0, NOBODY, NOBODY)
F_SEND(send, Send, 7) F_SEND(bsend, Bsend, 7) F_SEND(ssend, Ssend, 7) F_SEND(rsend, Rsend, 7)
F_SEND(isend, Isend, 8) F_SEND(ibsend, Ibsend, 8) F_SEND(issend, Issend, 8) F_SEND(irsend, Irsend, 8)
F_RECEIVE(recv, Recv, 8, a3, a5) F_RECEIVE(probe, Probe, 5, a0, a2)
FORTRAN(irecv, Irecv, 8, number(a3), comm_of(a5), 0, NOBODY, NOBODY)
FORTRAN(iprobe, Iprobe, 6, number(a0), comm_of(a2), 0, NOBODY, NOBODY)
FORTRAN(sendrecv, Sendrecv, 13, number(a8), comm_of(a10), amount(a1, a2), number(a8), number(a3))
FORTRAN(sendrecv_replace, Sendrecv_replace, 10, number(a5), comm_of(a7), amount(a1, a2), number(a5), number(a3))
F_PLAIN(wait, Wait, 3) F_PLAIN(waitall, Waitall, 4) F_PLAIN(waitany, Waitany, 5) F_PLAIN(waitsome, Waitsome, 6)
F_PLAIN(test, Test, 4) F_PLAIN(testall, Testall, 5) F_PLAIN(testany, Testany, 6) F_PLAIN(testsome, Testsome, 6)
F_PLAIN(start, Start, 2) F_PLAIN(startall, Startall, 3)
F_ALL(barrier, Barrier, 2, a0, 0) F_ALL(ibarrier, Ibarrier, 3, a0, 0)
F_ALL(bcast, Bcast, 6, a4, of_root(number(a3), comm_of(a4), amount(a1, a2)))
F_ALL(ibcast, Ibcast, 7, a4, of_root(number(a3), comm_of(a4), amount(a1, a2)))
F_ALL(gather, Gather, 9, a7, amount(a1, a2)) F_ALL(gatherv, Gatherv, 10, a8, amount(a1, a2))
F_ALL(scatter, Scatter, 9, a7, of_root(number(a6), comm_of(a7), amount(a1, a2))) F_ALL(scatterv, Scatterv, 10, a8, 0)
F_ALL(allgather, Allgather, 8, a6, amount(a1, a2)) F_ALL(allgatherv, Allgatherv, 9, a7, amount(a1, a2))
F_ALL(alltoall, Alltoall, 8, a6, amount(a1, a2)) F_ALL(alltoallv, Alltoallv, 10, a8, 0) F_ALL(alltoallw, Alltoallw, 10, a8, 0)
F_ALL(reduce, Reduce, 8, a6, amount(a2, a3)) F_ALL(allreduce, Allreduce, 7, a5, amount(a2, a3))
F_ALL(ireduce, Ireduce, 9, a6, amount(a2, a3)) F_ALL(iallreduce, Iallreduce, 8, a5, amount(a2, a3))
F_ALL(reduce_scatter, Reduce_scatter, 7, a5, 0) F_ALL(reduce_scatter_block, Reduce_scatter_block, 7, a5, amount(a2, a3))
F_ALL(scan, Scan, 7, a5, amount(a2, a3)) F_ALL(exscan, Exscan, 7, a5, amount(a2, a3))
F_ALL(comm_dup, Comm_dup, 3, a0, 0) F_ALL(comm_split, Comm_split, 5, a0, 0) F_ALL(comm_create, Comm_create, 4, a0, 0)
F_PLAIN(win_fence, Win_fence, 3) F_PLAIN(win_lock, Win_lock, 5) F_PLAIN(win_unlock, Win_unlock, 3)
F_PLAIN(win_lock_all, Win_lock_all, 3) F_PLAIN(win_unlock_all, Win_unlock_all, 2)
FORTRAN(put, Put, 9, NOBODY, MPI_COMM_NULL, amount(a1, a2), NOBODY, NOBODY) F_PLAIN(get, Get, 9)
FORTRAN(accumulate, Accumulate, 10, NOBODY, MPI_COMM_NULL, amount(a1, a2), NOBODY, NOBODY)

#define BEGINNING(symbol, n) \
  void symbol(P##n) { ((void (*)(T##n))find_function("p" #symbol))(A##n); begin_profile(); }
BEGINNING(mpi_init_, 1) BEGINNING(mpi_init_f08_, 1) BEGINNING(mpi_init_thread_, 3) BEGINNING(mpi_init_thread_f08_, 3)
#define ENDING(symbol) \
  void symbol(P1) { \
    function call = find_function("p" #symbol); \
    struct span span = begin_call(ID_Finalize, NOBODY, MPI_COMM_WORLD); \
    ((void (*)(T1))call)(A1); \
    end_call(span, ID_Finalize, 0, NOBODY, NOBODY, MPI_COMM_NULL); \
    end_profile(); \
  }
ENDING(mpi_finalize_) ENDING(mpi_finalize_f08_)
#define FREEING(symbol, name) \
  void symbol(P2) { \
    function call = find_function("p" #symbol); \
    struct span span = begin_call(ID_##name, NOBODY, MPI_COMM_NULL); \
    ((void (*)(T2))call)(A2); \
    forget_communicators(); \
    end_call(span, ID_##name, 0, NOBODY, NOBODY, MPI_COMM_NULL); \
  }
FREEING(mpi_comm_free_, Comm_free) FREEING(mpi_comm_free_f08_, Comm_free)
#endif
