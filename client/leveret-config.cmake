# What leveret::client needs, and then leveret::client itself.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(tl-expected)
find_dependency(PkgConfig)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
include(${CMAKE_CURRENT_LIST_DIR}/leveret-targets.cmake)
