"""Messages for causes why llama.cpp cannot be built: what is missing, and which package to install."""

AGAIN = "run the same command again"

NO_COMPILER = (
    "llama.cpp must be compiled on this machine, and there is no working C++ compiler. Install one (Debian, Ubuntu: "
    f"sudo apt install g++; Fedora, RHEL: sudo dnf install gcc-c++; a cluster: module load gcc) and {AGAIN}."
)
NO_C_LIBRARY = (
    "The C library's headers are missing. Install them (Debian, Ubuntu: sudo apt install libc6-dev; Fedora, RHEL: "
    f"sudo dnf install glibc-devel) and {AGAIN}."
)
NO_CMAKE = (
    "There is no CMake of version 3.21 or newer. Install it (Debian, Ubuntu: sudo apt install cmake; or: pip install "
    f"cmake) and {AGAIN}."
)
NO_NINJA = (
    "There is no ninja or make. Install one (Debian, Ubuntu: sudo apt install ninja-build; or: pip install ninja) and "
    f"{AGAIN}."
)
NO_BUILD_BACKEND = (
    f"The build tool scikit-build-core is missing. Install it (pip install scikit-build-core) and {AGAIN}."
)
NO_NVCC = (
    "There is no CUDA compiler (nvcc). Install NVIDIA's CUDA toolkit (Debian, Ubuntu: sudo apt install "
    "nvidia-cuda-toolkit; a cluster: module load cuda), then run `make engines` (without make: `qtui engines`). A wheel "
    "that llama-cpp-python publishes for your CUDA version also works."
)
NO_CUBLAS = (
    "The CUDA toolkit has no cuBLAS. Install it (Debian, Ubuntu with NVIDIA's packages: sudo apt install "
    "libcublas-dev-13-0, or the number of your toolkit), then run `make engines` (without make: `qtui engines`)."
)
OLD_NVCC = "nvcc is too old for this card. Install a newer CUDA toolkit, then run `make engines` (without make: `qtui engines`)."
NEW_HOST_COMPILER = (
    "The C++ compiler of this machine is too new for nvcc. Install an older one (Debian, "
    "Ubuntu: sudo apt install g++-13) and run again with NVCC_PREPEND_FLAGS='-ccbin g++-13' before the command."
)
NO_HIP = (
    "There is no ROCm compiler (hipcc). Install ROCm's HIP SDK (Debian, Ubuntu: sudo apt install hipcc rocblas-dev "
    "hipblas-dev), then run `make engines BACKEND=rocm` (without make: `qtui engines --backend rocm`)."
)
NO_GLSLC = (
    "The Vulkan back end needs glslc and Vulkan's headers. Install them (Debian, Ubuntu: sudo apt install glslc "
    "libvulkan-dev spirv-headers), then run `make engines BACKEND=vulkan` (without make: `qtui engines --backend vulkan`)."
)
NO_MEMORY = (
    "The compiler ran out of memory with {jobs} jobs at once. Close other programs, or run `make engines JOBS=1` "
    "(without make: `qtui engines --jobs 1`)."
)
NO_SPACE = (
    "The disk is full. The build needs about 2 GB in the folder for temporary files (name another with TMPDIR=…) and in "
    "qtui's cache."
)
NO_EXECUTION = (
    "Programs cannot run in the folder for temporary files (is it mounted noexec?). Name another with TMPDIR=… and "
    f"{AGAIN}."
)
NO_CONNECTION = (
    "The sources of llama.cpp could not be fetched. Check the connection and pip's settings, or name a folder or archive "
    "with llama-cpp-python's sources: `qtui engines --source FOLDER`."
)
