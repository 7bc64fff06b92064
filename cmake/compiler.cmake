# How everything here is compiled. leveret_options is linked by each of our targets and reaches no one else.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# No NDEBUG in any build: an assertion says what we did wrong, and stays on in release. No -march either: one build runs
# on every x86-64, and the few loops that want newer instructions ask the processor at run time.
# Without the SLP vectoriser: at -O2, g++ 12 packs two neighbouring fields by way of the stack, and the wide load then waits
# for both narrow stores (a key in the compaction window: 35 ns with it, 27 ns without).
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -fno-tree-slp-vectorize")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -D_GLIBCXX_ASSERTIONS")

# Programs in one place, where the README says they are. examples/ has its own, beside this one.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# What was compiled in one checkout serves every other: ccache sees paths below this one as relative.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
endif()

add_library(leveret_options INTERFACE)
target_compile_options(leveret_options INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(LEVERET_SANITIZE)
  # -Og: a sanitizer report needs readable stacks more than speed, and -O0 would make the stress tests crawl. -g1 has the
  # lines that it prints. With -O1 -g the same files take twice as long to compile.
  add_compile_options(-fsanitize=${LEVERET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -Og -g1)
  add_compile_definitions(XXH_NO_INLINE_HINTS=1)  # its functions are too large to be forced inline at -Og
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # clang 14 cannot compile coroutines with it ("Cannot represent a difference across sections").
    add_compile_options(-fno-sanitize=function)
  endif()
  add_link_options(-fsanitize=${LEVERET_SANITIZE})
endif()
