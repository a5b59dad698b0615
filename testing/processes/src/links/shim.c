/* Loaded into one node with LD_PRELOAD. A control file, shared with the test, says by how much the
 * wall clock is wrong and how long each sync to disk takes; it counts how often that mattered.
 * Calls that reach the kernel without the C library are not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic int64_t clock_offset_ms;
    _Atomic int64_t sync_delay_ms;
    _Atomic uint64_t clock_reads;
    _Atomic uint64_t syncs;
};

static struct control idle;
static struct control *control = &idle;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("PROCESSES_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared != MAP_FAILED)
        control = shared;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    int64_t offset_ms = atomic_load_explicit(&control->clock_offset_ms, memory_order_relaxed);
    if (result == 0 && offset_ms != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t total = (int64_t)time->tv_nsec + (offset_ms % 1000) * 1000000;
        time->tv_sec += offset_ms / 1000 + (total < 0 ? -1 : total / 1000000000);
        time->tv_nsec = total < 0 ? total + 1000000000 : total % 1000000000;
        atomic_fetch_add_explicit(&control->clock_reads, 1, memory_order_relaxed);
    }
    return result;
}

static void slow_disk(void) {
    int64_t delay_ms = atomic_load_explicit(&control->sync_delay_ms, memory_order_relaxed);
    if (delay_ms <= 0)
        return;
    atomic_fetch_add_explicit(&control->syncs, 1, memory_order_relaxed);
    struct timespec pause = {delay_ms / 1000, (delay_ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

int fsync(int file) {
    REAL(fsync);
    slow_disk();
    return real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    slow_disk();
    return real(file);
}

int syncfs(int file) {
    REAL(syncfs);
    slow_disk();
    return real(file);
}

int msync(void *address, size_t length, int flags) {
    REAL(msync);
    slow_disk();
    return real(address, length, flags);
}

int sync_file_range(int file, off64_t offset, off64_t count, unsigned int flags) {
    REAL(sync_file_range);
    slow_disk();
    return real(file, offset, count, flags);
}

ssize_t pwritev2(int file, const struct iovec *parts, int count, off_t offset, int flags) {
    REAL(pwritev2);
    if (flags & (RWF_DSYNC | RWF_SYNC))
        slow_disk();
    return real(file, parts, count, offset, flags);
}

ssize_t pwritev64v2(int file, const struct iovec *parts, int count, off64_t offset, int flags) {
    REAL(pwritev64v2);
    if (flags & (RWF_DSYNC | RWF_SYNC))
        slow_disk();
    return real(file, parts, count, offset, flags);
}
