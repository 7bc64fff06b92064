# Every dependency is a Debian 12 package; nothing is downloaded. The README says what each is for.
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(RocksDB REQUIRED)
find_package(mimalloc REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# Asio is headers only on Debian. Its implementation is compiled once, here, instead of in each of our files.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(leveret_asio STATIC ${CMAKE_CURRENT_LIST_DIR}/asio.cpp)
add_library(leveret::asio ALIAS leveret_asio)
# Without the last one, files that include Asio before any standard header would pair aligned_alloc with operator delete.
target_compile_definitions(leveret_asio PUBLIC ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
  ASIO_DISABLE_STD_ALIGNED_ALLOC)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # Asio 1.22 does not see that clang 14 with libstdc++ has coroutines.
  target_compile_definitions(leveret_asio PUBLIC ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
endif()
target_include_directories(leveret_asio SYSTEM PUBLIC ${ASIO_INCLUDE_DIR})
target_link_libraries(leveret_asio PUBLIC Threads::Threads)
