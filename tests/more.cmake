# Tests with a CMakeLists.txt of their own.
add_subdirectory(unit/emulator)

# Benchmarks: built with the rest, run by hand.
add_executable(bench_policy load/bench_policy.c)
target_link_libraries(bench_policy PRIVATE eg_config eg_flags)
