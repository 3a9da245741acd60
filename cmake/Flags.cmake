# One INTERFACE target carries every flag; nothing is set globally.
add_library(eg_flags INTERFACE)
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

option(EG_WERROR "Treat warnings as errors" ON)
set(EG_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")
option(EG_COVERAGE "Measure coverage" OFF)

function(eg_flag flag)
  string(MAKE_C_IDENTIFIER "EG_HAVE${flag}" have)
  check_c_compiler_flag("${flag}" ${have})
  if(${have})
    target_compile_options(eg_flags INTERFACE "${flag}")
  endif()
endfunction()

function(eg_link_flag flag)
  string(MAKE_C_IDENTIFIER "EG_HAVE_LINK${flag}" have)
  check_linker_flag(C "${flag}" ${have})
  if(${have})
    target_link_options(eg_flags INTERFACE "${flag}")
  endif()
endfunction()

target_compile_definitions(eg_flags INTERFACE _GNU_SOURCE EASGATE_VERSION="${PROJECT_VERSION}")
target_include_directories(eg_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(eg_flags INTERFACE -include ${CMAKE_SOURCE_DIR}/src/base/banned.h)

foreach(flag -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
        -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wswitch-enum -Wcast-qual -Wwrite-strings
        -Wnull-dereference -Wpointer-arith -Wimplicit-fallthrough)
  eg_flag(${flag})
endforeach()
if(EG_WERROR)
  eg_flag(-Werror)
endif()

# Hardening, each probed, since compilers differ.
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-strict-overflow
        -fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero)
  eg_flag(${flag})
endforeach()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
  eg_link_flag(${flag})
endforeach()

if(EG_SANITIZE)
  target_compile_options(eg_flags INTERFACE -fsanitize=${EG_SANITIZE} -fno-sanitize-recover=all
                                            -fno-omit-frame-pointer -g)
  target_link_options(eg_flags INTERFACE -fsanitize=${EG_SANITIZE})
else()
  target_compile_definitions(eg_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(EG_COVERAGE)
  target_compile_options(eg_flags INTERFACE --coverage)
  target_link_options(eg_flags INTERFACE --coverage)
endif()

# easgate is optimised across its files when it is linked. The floors' objects hold both forms, and everything else that
# links them (tests, the emulator) takes the usual one.
option(EG_LTO "Optimise easgate at link time" ON)
if(EG_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT EG_SANITIZE AND NOT EG_COVERAGE)
  set(EG_LTO_COMPILE "$<$<NOT:$<CONFIG:Debug>>:-flto;-ffat-lto-objects>")
  set(EG_LTO_LINK "$<$<NOT:$<CONFIG:Debug>>:-flto=auto>")
  set(EG_LTO_LINK_NONE -fno-lto)
endif()

# Assertions of our own (MUST) are always on; NDEBUG is refused in base/must.h.
foreach(kind RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${kind} "${CMAKE_C_FLAGS_${kind}}")
endforeach()
