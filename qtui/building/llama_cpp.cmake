# Included by llama-cpp-python's CMakeLists.txt right after its project() (CMAKE_PROJECT_llama_cpp_INCLUDE).

# gcc deletes stores to the AMX tile configuration as dead, because the intrinsic that loads it names 8 of its 64 bytes as input.
# The first product of a quantized tensor then crashes. Both flags are needed; nvcc and other compilers do not see them.
add_compile_options(
    "$<$<COMPILE_LANG_AND_ID:C,GNU>:-fno-tree-dse;-fno-dse>"
    "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-tree-dse;-fno-dse>"
)

# Only libllama and the ggml libraries are loaded. A normal variable hides the cache entry that CMakeLists.txt forces to ON.
set(LLAMA_BUILD_COMMON OFF)

# What was built and for which machine, so that another build is recognised.
if (DEFINED QTUI_BUILD_RECORD)
    install(FILES "${QTUI_BUILD_RECORD}" DESTINATION "${SKBUILD_PLATLIB_DIR}/llama_cpp/lib" RENAME qtui-build.json)
endif()
