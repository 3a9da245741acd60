# eg_floor(NAME LINK ...): all sources of src/NAME as the static library eg_NAME.
function(eg_floor name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  add_library(eg_${name} STATIC ${sources})
  target_link_libraries(eg_${name} PUBLIC ${arg_LINK} PRIVATE eg_flags)
  target_compile_options(eg_${name} PRIVATE ${EG_LTO_COMPILE})
endfunction()

# eg_program(NAME DIR LINK ...): all sources of src/DIR as the executable NAME.
function(eg_program name dir)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${dir}/*.c)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_LINK} eg_flags)
endfunction()
