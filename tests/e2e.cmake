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

# A build with a sanitizer is there for memory faults, and each of its processes is slow: fewer rounds of what takes longest, and
# not T07, whose work the same build does as unit.edge.audit_flips.
if(EG_SANITIZE)
  set(fewer_T01 --set kills=40 --set lines=500)
  set(fewer_T02 --set cuts=15 --set written=1)
  set(fewer_T13 --set mutants=5000)
  set(fewer_T14 --set connections=10000 --set warm_up=10000)
  set(fewer_T28 --rounds=15)
  set(fewer_T33 --set kills=5)
  set(left_out T07)
endif()
# The longest begin first, so that no core waits for another's last one.
set(longest T33 T01 T02 T28 T04-every-fault)

# tests/proofs/Tnn-words, executable: says first what it proves, prints its figure last, exits 0 where it holds.
file(GLOB proofs CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/proofs/T*)
foreach(proof ${proofs})
  execute_process(COMMAND test -f ${proof} -a -x ${proof} RESULT_VARIABLE is_no_script)
  if(is_no_script)
    continue()
  endif()
  get_filename_component(stem ${proof} NAME)
  string(REGEX MATCH "^T[0-9]+" number ${stem})
  if(number IN_LIST left_out)
    continue()
  endif()
  if(TEST proof.${number}) # the second script of a number goes by its whole name
    set(number ${stem})
  endif()
  set(name proof.${number})
  add_test(NAME ${name} COMMAND ${proof} --short ${fewer_${number}})
  set_tests_properties(${name} PROPERTIES LABELS proof TIMEOUT 300 SKIP_RETURN_CODE 77 ENVIRONMENT "${e2e_environment}")
  if(number IN_LIST longest)
    set_tests_properties(${name} PROPERTIES COST 1)
  endif()
endforeach()
set_tests_properties(proof.T23 PROPERTIES PROCESSORS 2) # it measures deadlines
