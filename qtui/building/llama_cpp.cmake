# Included by llama-cpp-python's CMakeLists.txt right after its project() (CMAKE_PROJECT_llama_cpp_INCLUDE).

# gcc deletes stores to the AMX tile configuration as dead, because the intrinsic that loads it names 8 of its 64 bytes as input.
# The first product of a quantized tensor then crashes. Both flags are needed; nvcc and other compilers do not see them.
add_compile_options(
    "$<$<COMPILE_LANG_AND_ID:C,GNU>:-fno-tree-dse;-fno-dse>"
    "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-tree-dse;-fno-dse>"
)

# Only libllama and the ggml libraries are loaded. A normal variable hides the cache entry that CMakeLists.txt forces to ON.
set(LLAMA_BUILD_COMMON OFF)

# Warnings about code that is not ours take time to find and nobody reads them.
set(LLAMA_ALL_WARNINGS OFF)
set(GGML_ALL_WARNINGS OFF)

# The arithmetic is in ggml's kernels, which keep their full optimization. What only prepares it (reading files, building graphs,
# splitting texts into tokens) is compiled in half the time with less, without a difference that could be measured on a model of 4 M
# parameters, where this code takes most of the time.
function(qtui_prepare_with_less_optimization)
    if (MSVC OR NOT TARGET llama OR NOT TARGET ggml-base)
        return()
    endif()
    get_target_property(llama llama SOURCE_DIR)
    get_target_property(ggml ggml-base SOURCE_DIR)
    target_compile_options(llama PRIVATE -O1)
    set_source_files_properties("${ggml}/gguf.cpp" "${ggml}/ggml-backend-meta.cpp" "${ggml}/ggml-opt.cpp"
        TARGET_DIRECTORY ggml-base PROPERTIES COMPILE_OPTIONS -O1)
    # Sorting and exponentials over a vocabulary, for every token of every slot.
    set_source_files_properties("${llama}/llama-sampler.cpp" TARGET_DIRECTORY llama
        PROPERTIES COMPILE_OPTIONS -O3 SKIP_PRECOMPILE_HEADERS ON)
    # Most files begin with these headers, which take two seconds to read.
    if (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND EXISTS "${llama}/llama-model.h")
        target_precompile_headers(llama PRIVATE
            "$<$<COMPILE_LANGUAGE:CXX>:${llama}/llama-model.h>" "$<$<COMPILE_LANGUAGE:CXX>:regex>")
    endif()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" CALL qtui_prepare_with_less_optimization)

# What was built and for which machine, so that another build is recognised.
if (DEFINED QTUI_BUILD_RECORD)
    install(FILES "${QTUI_BUILD_RECORD}" DESTINATION "${SKBUILD_PLATLIB_DIR}/llama_cpp/lib" RENAME qtui-build.json)
endif()
