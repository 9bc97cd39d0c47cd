/* Writes down what a program does to files in one folder: writes, lengths, syncs, removals, in their order.
   Preloaded by power_cut.py, which then knows what a disk must have after a power cut, and what it may have. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -2;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__) = NULL; \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

static ssize_t put(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t)
    return real(fd, data, size);
}

static void note(char kind, const char *path, int64_t place, const void *data, uint32_t size) {
    const char *folder = getenv("POWER_CUT_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)) != 0) return;
    pthread_mutex_lock(&lock);
    if (journal == -2) journal = open(getenv("POWER_CUT_JOURNAL"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    uint32_t length = strlen(path);
    put(journal, &kind, 1);
    put(journal, &length, 4);
    put(journal, path, length);
    put(journal, &place, 8);
    put(journal, &size, 4);
    if (data) put(journal, data, size);
    pthread_mutex_unlock(&lock);
}

static void note_fd(char kind, int fd, int64_t place, const void *data, uint32_t size) {
    char link[64], path[4096];
    if (!getenv("POWER_CUT_FOLDER") || fd == journal) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    note(kind, path, place, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)
    ssize_t done = real(fd, data, size, place);
    if (done > 0) note_fd('W', fd, place, data, done);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)
    ssize_t done = real(fd, data, size, place);
    if (done > 0) note_fd('W', fd, place, data, done);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    off_t place = getenv("POWER_CUT_FOLDER") ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = put(fd, data, size);
    if (done > 0 && place >= 0) note_fd('W', fd, place, data, done);
    return done;
}

int ftruncate(int fd, off_t size) {
    REAL(int, "ftruncate", int, off_t)
    int done = real(fd, size);
    if (!done) note_fd('T', fd, size, NULL, 0);
    return done;
}

int ftruncate64(int fd, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t)
    int done = real(fd, size);
    if (!done) note_fd('T', fd, size, NULL, 0);
    return done;
}

int fsync(int fd) {
    REAL(int, "fsync", int)
    int done = real(fd);
    if (!done) note_fd('S', fd, 0, NULL, 0);
    return done;
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int)
    int done = real(fd);
    if (!done) note_fd('S', fd, 0, NULL, 0);
    return done;
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *)
    int done = real(path);
    if (!done) note('U', path, 0, NULL, 0);
    return done;
}
