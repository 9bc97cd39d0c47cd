/* Stands in for libllama where a test needs a library that crashes or computes wrongly: everything else is the real one's.
   QTUI_DOUBLE_BUFFER names the kind of buffer whose products are bad, QTUI_DOUBLE_FAULT says how: crash, wrong, nan, hang, load. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_bad;

static void *real(const char *name) {
    void *library = dlopen("libggml-base.so.0", RTLD_NOLOAD | RTLD_NOW);
    return dlsym(library, name);
}

static int fault_is(const char *name) {
    const char *fault = getenv("QTUI_DOUBLE_FAULT");
    return fault && !strcmp(fault, name);
}

__attribute__((constructor)) static void begin(void) {
    if (fault_is("load")) raise(SIGILL);
}

void *ggml_backend_alloc_ctx_tensors_from_buft(void *context, void *buffer_type) {
    const char *(*name)(void *) = real("ggml_backend_buft_name");
    const char *bad = getenv("QTUI_DOUBLE_BUFFER");
    if (bad && !strcmp(name(buffer_type), bad)) is_bad = 1;
    void *(*allocate)(void *, void *) = real("ggml_backend_alloc_ctx_tensors_from_buft");
    return allocate(context, buffer_type);
}

int ggml_backend_graph_compute(void *backend, void *graph) {
    if (is_bad && fault_is("crash")) raise(SIGSEGV);
    if (is_bad && fault_is("hang")) for (;;) pause();
    int (*compute)(void *, void *) = real("ggml_backend_graph_compute");
    return compute(backend, graph);
}

void ggml_backend_tensor_get(const void *tensor, void *data, size_t offset, size_t size) {
    void (*get)(const void *, void *, size_t, size_t) = real("ggml_backend_tensor_get");
    get(tensor, data, offset, size);
    float *values = data;
    if (is_bad && fault_is("wrong")) values[size / sizeof(float) - 1] += 1000.0f;
    if (is_bad && fault_is("nan")) values[0] = NAN;
    is_bad = 0;
}
