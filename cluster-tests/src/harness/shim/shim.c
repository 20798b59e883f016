/* Loaded before the system's libraries into a process under test: what its disk and its clock do is
 * said by a small file that the harness writes while the process runs. See shim.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The order of `Knob` in shim.rs. */
enum { SYNC_ERROR, SYNC_DELAY_US, READ_ERROR, WRITE_DELAY_US, CLOCK_OFFSET_NS, CLOCK_STROBE_NS };
static volatile int64_t none[8];
static volatile int64_t *knobs = none;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void find_knobs(void) {
    const char *path = getenv("SHIM_KNOBS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) knobs = map;
    close(fd);
}

static void delay(int64_t us) {
    struct timespec span = { us / 1000000, us % 1000000 * 1000 };
    if (us > 0) nanosleep(&span, NULL);
}

#define SYNC(name) int name(int fd) { \
    static int (*real)(int); \
    if (!real) real = REAL(name); \
    delay(knobs[SYNC_DELAY_US]); \
    if (knobs[SYNC_ERROR]) { errno = knobs[SYNC_ERROR]; return -1; } \
    return real(fd); }
SYNC(fsync)
SYNC(fdatasync)

#define READ(name, type) ssize_t name(int fd, void *to, size_t size, type at) { \
    static ssize_t (*real)(int, void *, size_t, type); \
    if (!real) real = REAL(name); \
    if (knobs[READ_ERROR]) { errno = knobs[READ_ERROR]; return -1; } \
    return real(fd, to, size, at); }
READ(pread, off_t)
READ(pread64, off64_t)

#define WRITE(name, type) ssize_t name(int fd, const void *from, size_t size, type at) { \
    static ssize_t (*real)(int, const void *, size_t, type); \
    if (!real) real = REAL(name); \
    delay(knobs[WRITE_DELAY_US]); \
    return real(fd, from, size, at); }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

/* Appends to files come this way. Sockets are no disk, and neither is where a process says something. */
static int is_disk(int fd) {
    struct stat about;
    return fd > STDERR_FILENO && !fstat(fd, &about) && S_ISREG(about.st_mode);
}

ssize_t write(int fd, const void *from, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(write);
    if (knobs[WRITE_DELAY_US] && is_disk(fd)) delay(knobs[WRITE_DELAY_US]);
    return real(fd, from, size);
}

/* How far the wall clock is off: all the time, or in every other strobe. */
static int64_t offset(void) {
    static int (*real)(clockid_t, struct timespec *);
    int64_t off = knobs[CLOCK_OFFSET_NS], strobe = knobs[CLOCK_STROBE_NS];
    struct timespec now;
    if (!off || strobe <= 0) return off;
    if (!real) real = REAL(clock_gettime);
    real(CLOCK_MONOTONIC, &now);
    return (now.tv_sec * 1000000000LL + now.tv_nsec) / strobe % 2 ? off : 0;
}

static void shift(struct timespec *time, int64_t ns) {
    ns += time->tv_nsec;
    time->tv_sec += ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
    if (time->tv_nsec < 0) {
        time->tv_nsec += 1000000000;
        time->tv_sec -= 1;
    }
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = REAL(clock_gettime);
    int done = real(clock, time);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(time, offset());
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

/* Its deadline was computed from the clock above; the kernel waits by its own. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    static __typeof__(&pthread_cond_timedwait) real;
    struct timespec kernels = *deadline;
    /* The first version of this symbol, which dlsym may find, has another layout. */
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) real = REAL(pthread_cond_timedwait);
    shift(&kernels, -offset());
    return real(cond, mutex, &kernels);
}
