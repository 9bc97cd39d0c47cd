"""Ends of logs, recorded from real processes (paths and addresses shortened)."""

FRAMES = """Fatal Python error: {signal}

Current thread 0x00007f53e4e22b80 (most recent call first):
  File "/site-packages/llama_cpp/llama_cpp.py", line 4812 in llama_decode
  File "/qtui/engines/llama_cpp.py", line 241 in _compute
  File "<frozen runpy>", line 88 in _run_code

Thread 0x00007fa0901ea6c0 (most recent call first):
  File "/qtui/engines/child.py", line 60 in watch

Extension modules: msgspec._core, psutil._psutil_linux, numpy._core._multiarray_umath (total: 3)
"""
HEADER = """# 2026-11-27 02:05:03 +0000 qtui 0.1.0: qtui.engines.processes.worker, process 812
# processor: AMD EPYC, x86_64, 2 cores, avx avx2
# memory: 23.5 GiB, 22.8 GiB free
"""
LOADING = """I llama_model_loader: loaded meta data with 27 key-value pairs and 39 tensors from /cache/demo-Q8_0.gguf
I load_tensors:          CPU model buffer size =     4.27 MiB
I llama_context: n_ctx         = 512
I llama_kv_cache:        CPU KV buffer size =     0.50 MiB
I sched_reserve: graph nodes  = 146
I sched_reserve: graph splits = 1
I sched_reserve: reserve took 1.02 ms
"""
GDB = """warning: File "/lib/libpython3.11-gdb.py" auto-loading has been declined by your `auto-load safe-path' set to "$debugdir".
To enable execution of this file add
\tadd-auto-load-safe-path /lib/libpython3.11-gdb.py
line to your configuration file "/root/.config/gdb/gdbinit".
[New LWP 23596]
[Thread debugging using libthread_db enabled]
Using host libthread_db library "/lib/x86_64-linux-gnu/libthread_db.so.1".
0x00007f53e46f1c17 in __GI___wait4 (pid=23444, stat_loc=0x0) at ../sysdeps/unix/sysv/linux/wait4.c:30
30\t../sysdeps/unix/sysv/linux/wait4.c: No such file or directory.
#0  0x00007f53e46f1c17 in __GI___wait4 (pid=23444, stat_loc=0x0) at ../sysdeps/unix/sysv/linux/wait4.c:30
30\tin ../sysdeps/unix/sysv/linux/wait4.c
#1  0x00007f53e3b4c72b in ggml_print_backtrace () from /site-packages/llama_cpp/lib/libggml-base.so.0
#2  0x00007f53e3b4c87e in ggml_abort () from /site-packages/llama_cpp/lib/libggml-base.so.0
[Inferior 1 (process 23442) detached]
"""
BACKTRACE = """/site-packages/llama_cpp/lib/libggml-base.so.0(+0x1872b)[0x7f53e3b4c72b]
/site-packages/llama_cpp/lib/libggml-base.so.0(ggml_abort+0x11e)[0x7f53e3b4c87e]
/lib/x86_64-linux-gnu/libc.so.6(+0x3c050)[0x7f53e4656050]
python(_start+0x21) [0x5649c2dc0081]
"""
ASSERT = "/tmp/pip-install/llama-cpp-python/vendor/llama.cpp/ggml/src/ggml.c:1729: GGML_ASSERT(ctx->mem_buffer != NULL) failed\n"
BAD_ALLOC = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"
LENGTH_ERROR = (
    "terminate called after throwing an instance of 'std::length_error'\n  what():  vector::_M_default_append\n"
)
CUDA = """CUDA error: out of memory
  current device: 0, in function alloc at /build/ggml/src/ggml-cuda/ggml-cuda.cu:452
  cuMemCreate(&handle, reserve_size, &prop, 0)
/build/ggml/src/ggml-cuda/ggml-cuda.cu:88: CUDA error
"""
ALLOCATION_FAILED = """E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 4294967296
E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache
"""
TRACEBACK = """Traceback (most recent call last):
  File "/qtui/engines/worker.py", line 12, in work
    import torch
  File "/site-packages/torch/__init__.py", line 416, in <module>
    from torch._C import *
    ^^^^^^^^^^^^^^^^^^^^^^
ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory
"""
ASKED = """Thread 0x00007fa091e54b80 (most recent call first):
  File "/qtui/engines/llama_cpp.py", line 241 in _compute
"""


def crashed(signal: str, before: str = "") -> str:
    """A whole log: the header, llama.cpp's lines, what was printed before the crash, the traces."""
    return HEADER + LOADING + before + FRAMES.format(signal=signal)
