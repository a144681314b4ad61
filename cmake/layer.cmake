# layer(NAME DEPS ... LIBS ...): one static library per folder of src/.
# Sources are found by name: *_test.cc become NAME_test.
# DEPS is the whole list of folders that this one may use; tools/check_source.py checks it too.
function(layer NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB all CONFIGURE_DEPENDS *.cc)
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(REMOVE_ITEM all ${tests})

  if(all)
    add_library(${NAME} STATIC ${all})
    target_link_libraries(${NAME} PUBLIC options ${ARG_DEPS} Threads::Threads PRIVATE ${ARG_LIBS})
  else()
    add_library(${NAME} INTERFACE)
    target_link_libraries(${NAME} INTERFACE options ${ARG_DEPS})
  endif()
  if(tests AND NOT FUZZ)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE ${NAME} ${ARG_LIBS} GTest::gmock_main)
    gtest_discover_tests(${NAME}_test DISCOVERY_MODE PRE_TEST)
  endif()
endfunction()
