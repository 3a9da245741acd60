# Tests with a CMakeLists.txt of their own.
add_subdirectory(unit/emulator)
