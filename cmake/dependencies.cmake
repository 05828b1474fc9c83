# What each is for: docs/dependencies.md.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(dnnl 2.6 REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
# Their headers alone: they are loaded when a picture needs them (src/host/image/library.c).
find_package(TIFF 4.5 REQUIRED)
pkg_check_modules(OPENJPEG REQUIRED libopenjp2>=2.5)
find_path(STB_INCLUDE_DIR stb_image_resize.h PATH_SUFFIXES stb REQUIRED)

add_library(limn_dependencies INTERFACE)
target_include_directories(limn_dependencies SYSTEM INTERFACE ${STB_INCLUDE_DIR} ${TIFF_INCLUDE_DIRS} ${OPENJPEG_INCLUDE_DIRS})
target_link_libraries(limn_dependencies INTERFACE
  DNNL::dnnl OpenMP::OpenMP_C Threads::Threads PNG::PNG JPEG::JPEG PkgConfig::WEBP PkgConfig::ARCHIVE ZLIB::ZLIB
  PkgConfig::YAML PkgConfig::JANSSON PkgConfig::MD m dl)

# The same as names for the linker, for programs that link the installed archive (cmake/limn.pc.in, cmake/LimnConfig.cmake.in).
set(LIMN_ARCHIVE_NEEDS dnnl ${OpenMP_C_LIB_NAMES} png jpeg webp archive z yaml jansson md m dl)
