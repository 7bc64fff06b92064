# cmake --install: after it, find_package(leveret) gives the target leveret::client.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set_target_properties(leveret_client PROPERTIES EXPORT_NAME client)
set_target_properties(leveret_protocol PROPERTIES EXPORT_NAME protocol)
set_target_properties(leveret_asio PROPERTIES EXPORT_NAME asio)
# The installed headers of the protocol lie below include/leveret; in the build they are in src.
set_property(TARGET leveret_protocol PROPERTY INTERFACE_INCLUDE_DIRECTORIES
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/leveret>)

install(TARGETS leveret_client leveret_protocol leveret_asio leveret_options
  EXPORT leveret ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
install(DIRECTORY include/leveret DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/protocol DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/leveret COMPONENT client
  FILES_MATCHING PATTERN "*.hpp")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/leveret)
install(EXPORT leveret NAMESPACE leveret:: FILE leveret-targets.cmake DESTINATION ${package_dir} COMPONENT client)
install(FILES leveret-config.cmake DESTINATION ${package_dir} COMPONENT client)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/leveret-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/leveret-config-version.cmake DESTINATION ${package_dir} COMPONENT client)
