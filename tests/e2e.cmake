# End-to-end tests (Node's own runner) and the short forms of the proofs. Each starts its own emulator and gateway on free
# ports, so they may run side by side. node_modules: `npm ci` in tests/e2e (script/test does it).
find_program(NODE node)
if(NOT NODE)
  set(NODE node) # the tests fail and say so
endif()
set(e2e_environment "EASGATE_BUILD=${CMAKE_BINARY_DIR};EASGATE=${CMAKE_BINARY_DIR}/easgate;LC_ALL=C.UTF-8")

file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/e2e/*.test.mjs)
foreach(test ${tests})
  get_filename_component(stem ${test} NAME)
  string(REPLACE ".test.mjs" "" stem ${stem})
  add_test(NAME e2e.${stem} COMMAND ${NODE} --test ${test})
  set_tests_properties(e2e.${stem} PROPERTIES LABELS e2e TIMEOUT 300 ENVIRONMENT "${e2e_environment}")
endforeach()

# tests/proofs/Tnn-words, executable: says first what it proves, prints its figure last, exits 0 where it holds.
file(GLOB proofs CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/proofs/T*)
foreach(proof ${proofs})
  execute_process(COMMAND test -f ${proof} -a -x ${proof} RESULT_VARIABLE is_no_script)
  if(is_no_script)
    continue()
  endif()
  get_filename_component(stem ${proof} NAME)
  string(REGEX MATCH "^T[0-9]+" number ${stem})
  set(name proof.${number})
  if(TEST ${name}) # the second script of a number goes by its whole name
    set(name proof.${stem})
  endif()
  add_test(NAME ${name} COMMAND ${proof} --short)
  set_tests_properties(${name} PROPERTIES LABELS proof TIMEOUT 300 SKIP_RETURN_CODE 77 ENVIRONMENT "${e2e_environment}")
endforeach()
