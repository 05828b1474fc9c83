# cmake --install: program, libraries, headers, the CUDA module, manual pages, completions, documents; and the Debian package.
# DESTDIR and --prefix hold, and what is installed may be moved: nothing in it names its folder.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Limn)
file(RELATIVE_PATH LIMN_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" LIMN_PREFIX_FROM_PC ${LIMN_PREFIX_FROM_PC})
list(TRANSFORM LIMN_ARCHIVE_NEEDS PREPEND -l OUTPUT_VARIABLE LIMN_PC_PRIVATE)
list(JOIN LIMN_PC_PRIVATE " " LIMN_PC_PRIVATE)
configure_file(cmake/limn.pc.in package/limn.pc @ONLY)
configure_package_config_file(cmake/LimnConfig.cmake.in package/LimnConfig.cmake INSTALL_DESTINATION ${package_folder}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(package/LimnConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS limn_program limn limn_shared)
if(LIMN_WITH_MODULE)
  install(TARGETS limn_cuda LIBRARY DESTINATION lib/limn) # where the library looks, from lib/ and from bin/
endif()
install(DIRECTORY include/limn TYPE INCLUDE PATTERN tools.h EXCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/package/limn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/package/LimnConfig.cmake ${PROJECT_BINARY_DIR}/package/LimnConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES LICENSE TYPE DOC RENAME copyright) # as Debian calls it
install(FILES README.md TYPE DOC)
install(DIRECTORY docs examples TYPE DOC)

configure_file(cmake/debian/changelog package/changelog @ONLY)

# Manual pages and completions are what the program says about itself.
set(pages_folder ${PROJECT_BINARY_DIR}/package/man1)
set(completions_folder ${PROJECT_BINARY_DIR}/package/completions)
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/package/stamp
  COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/make_pages.sh $<TARGET_FILE:limn_program> ${pages_folder} ${completions_folder}
  COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/package/stamp
  COMMAND gzip -9nkf changelog
  WORKING_DIRECTORY ${PROJECT_BINARY_DIR}/package
  DEPENDS limn_program cmake/make_pages.sh ${PROJECT_BINARY_DIR}/package/changelog COMMENT "Manual pages and completions" VERBATIM)
add_custom_target(limn_pages ALL DEPENDS ${PROJECT_BINARY_DIR}/package/stamp)
install(DIRECTORY ${pages_folder} TYPE MAN)
install(FILES ${PROJECT_BINARY_DIR}/package/changelog.gz TYPE DOC)
install(FILES cmake/debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME limn)
install(FILES ${completions_folder}/limn DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions_folder}/_limn DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions_folder}/limn.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
