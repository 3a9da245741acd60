# Tests with a CMakeLists.txt of their own.
add_subdirectory(unit/emulator)

# Two verifiers of the audit log that share no code, held against each other.
set(cases 700)
if(EG_SANITIZE)
  set(cases 250)
endif()
add_test(NAME audit.agree COMMAND ${CMAKE_CURRENT_LIST_DIR}/audit/agree.py $<TARGET_FILE:easgate> --cases ${cases})
set_tests_properties(audit.agree PROPERTIES LABELS audit TIMEOUT 300)

# Benchmarks: built with the rest, run by hand.
add_executable(bench_policy load/bench_policy.c)
target_link_libraries(bench_policy PRIVATE eg_config eg_flags)
