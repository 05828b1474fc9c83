# cpack -G DEB: one Debian package of all that is installed.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME limn)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Limn authors <limn@localhost.localdomain>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "train image generators and make pictures with them")
set(CPACK_PACKAGE_DESCRIPTION
  "Limn trains DCGANs, VAEs and autoencoders on a CPU or an NVIDIA GPU, without\nPython. This package has the program limn, its library for C and C++ programs,\nand its CUDA module, which needs NVIDIA's driver, CUDA 13 and cuDNN 9.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when a picture needs them, and when pictures are measured.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libtiff6, libopenjp2-7, libheif1, libopenblas0 | liblapack.so.3")
# What the archive of the library needs is needed by those who link it alone.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libdnnl-dev, libpng-dev, libyaml-dev, libjansson-dev")
set(debian ${PROJECT_SOURCE_DIR}/cmake/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/shlibs ${debian}/triggers)
# NVIDIA's libraries are of no Debian package: the module is looked into where they lie, and finds them itself at run time.
if(TARGET limn_cuda)
  foreach(library ${LIMN_CUDNN_LIBRARY} ${LIMN_CUBLAS_LIBRARY})
    get_filename_component(folder ${library} DIRECTORY)
    list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${folder})
  endforeach()
endif()
include(CPack)
