# The CUDA device: a module beside the program, liblimn_cuda.so, which the library opens when it is asked for. Nothing here
# needs a GPU. What is looked for: CUDA 13's headers and cuBLAS, cuDNN 9.11 or later, and nvcc for the module itself; the
# tests compile the kernels for the host and do without nvcc.
#
# Sets LIMN_CUDA_FOUND and, when that is true:
#   LIMN_CUDA_INCLUDE_DIRS, LIMN_CUDNN_LIBRARY, LIMN_CUBLAS_LIBRARY, LIMN_CUDA_STUB  what was found
#   LIMN_CUDA_MODULE_SOURCES, LIMN_CUDA_KERNELS                                      C files and .cu files of the module
#   LIMN_PLANNING_DRIVER            the file that the target limn_planning_driver makes (cmake/make_planning_driver.sh)
#   LIMN_GENERATED_DIR              the folder of headers that are made
#   limn_nvidia                     the libraries as a target, for programs that link them
#   limn_cuda_settings              how a module's C files are compiled and how it is linked, whatever its kernels are
#   limn_cuda                       the module; only where nvcc is
#   LIMN_WITH_MODULE                that it is built with the rest, and installed
set(LIMN_CUDA AUTO CACHE STRING "Build the CUDA device: AUTO (where CUDA is found), ON, OFF")
set_property(CACHE LIMN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(LIMN_CUDA_ROOT "" CACHE PATH "A CUDA toolkit with cuDNN to look in first, as scripts/setup-cuda makes it")
# Code for 8.0 runs on 8.6 and 8.9 too; PTX for 9.0 is compiled for newer cards when the module is loaded there.
set(LIMN_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPU architectures to compile for; PTX is added for the last")
set(LIMN_CUDA_FOUND FALSE)
set(LIMN_WITH_MODULE FALSE)
if(LIMN_CUDA STREQUAL "OFF")
  return()
endif()
include(CheckLanguage)

# Toolkits have lib64, their copies from PyPI lib; those from Debian lie where CMake looks anyway.
file(GLOB pip_folders $ENV{VIRTUAL_ENV}/lib/python3*/site-packages/nvidia/*
  $ENV{HOME}/.local/lib/python3*/site-packages/nvidia/* /usr/local/lib/python3*/dist-packages/nvidia/*)
set(roots ${LIMN_CUDA_ROOT} $ENV{CUDA_HOME} $ENV{CUDA_PATH} /usr/local/cuda ${CMAKE_SOURCE_DIR}/build/cuda ${pip_folders})
find_path(LIMN_CUDART_INCLUDE_DIR cuda_runtime_api.h HINTS ${roots} PATH_SUFFIXES include)
find_path(LIMN_CUBLAS_INCLUDE_DIR cublas_v2.h HINTS ${roots} PATH_SUFFIXES include)
find_path(LIMN_CUDNN_INCLUDE_DIR cudnn_version.h HINTS ${roots} PATH_SUFFIXES include)
find_path(LIMN_CCCL_INCLUDE_DIR nv/target HINTS ${roots} PATH_SUFFIXES include/cccl include)
find_library(LIMN_CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 HINTS ${roots} PATH_SUFFIXES lib64 lib)
find_library(LIMN_CUBLAS_LIBRARY NAMES cublas libcublas.so.13 HINTS ${roots} PATH_SUFFIXES lib64 lib)
find_library(LIMN_CUDART_LIBRARY NAMES libcudart_static.a HINTS ${roots} PATH_SUFFIXES lib64 lib)
find_file(LIMN_NVRTC_BUILTINS NAMES libnvrtc-builtins.so.13.0 libnvrtc-builtins.so HINTS ${roots} PATH_SUFFIXES lib64 lib)
find_file(LIMN_CUDA_STUB NAMES libcuda.so HINTS ${roots} PATH_SUFFIXES lib64/stubs lib/stubs NO_DEFAULT_PATH)
find_program(LIMN_NVCC nvcc HINTS ${roots} PATH_SUFFIXES bin)
mark_as_advanced(LIMN_CUDART_INCLUDE_DIR LIMN_CUBLAS_INCLUDE_DIR LIMN_CUDNN_INCLUDE_DIR LIMN_CCCL_INCLUDE_DIR LIMN_CUDNN_LIBRARY
  LIMN_CUBLAS_LIBRARY LIMN_CUDART_LIBRARY LIMN_NVRTC_BUILTINS LIMN_CUDA_STUB LIMN_NVCC)

# Says what is missing: once, or as an error where CUDA was asked for.
function(limn_no_cuda reason)
  if(LIMN_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA: ${reason}; Limn is built without its CUDA device and the tests of it (scripts/setup-cuda brings it)")
  else()
    message(FATAL_ERROR "LIMN_CUDA is ${LIMN_CUDA}, but: ${reason}; scripts/setup-cuda brings what is missing")
  endif()
endfunction()

# The value of a number that a header defines.
function(limn_defined result header name)
  file(STRINGS ${header} line REGEX "^#define ${name} +[0-9]+")
  string(REGEX MATCH "[0-9]+$" value "${line}")
  set(${result} "${value}" PARENT_SCOPE)
endfunction()

set(missing "")
foreach(part "CUDART_INCLUDE_DIR;cuda_runtime_api.h" "CCCL_INCLUDE_DIR;nv/target" "CUBLAS_INCLUDE_DIR;cublas_v2.h"
    "CUDNN_INCLUDE_DIR;cudnn.h" "CUBLAS_LIBRARY;libcublas.so" "CUDNN_LIBRARY;libcudnn.so")
  list(GET part 0 variable)
  list(GET part 1 file)
  if(NOT LIMN_${variable})
    list(APPEND missing ${file})
  endif()
endforeach()
if(missing)
  list(JOIN missing ", " missing)
  limn_no_cuda("there is no ${missing}")
  return()
endif()
limn_defined(cuda_version ${LIMN_CUDART_INCLUDE_DIR}/cuda_runtime_api.h CUDART_VERSION)
limn_defined(cudnn_major ${LIMN_CUDNN_INCLUDE_DIR}/cudnn_version.h CUDNN_MAJOR)
limn_defined(cudnn_minor ${LIMN_CUDNN_INCLUDE_DIR}/cudnn_version.h CUDNN_MINOR)
if(cuda_version LESS 13000 OR NOT cuda_version LESS 14000)
  limn_no_cuda("${LIMN_CUDART_INCLUDE_DIR} is of CUDA ${cuda_version}, Limn needs 13.x")
  return()
endif()
if(NOT cudnn_major EQUAL 9 OR cudnn_minor LESS 11)
  limn_no_cuda("${LIMN_CUDNN_INCLUDE_DIR} is of cuDNN ${cudnn_major}.${cudnn_minor}, Limn needs 9.11 or a later 9")
  return()
endif()

check_language(CXX)
if(NOT CMAKE_CXX_COMPILER)
  limn_no_cuda("there is no C++ compiler (g++)")
  return()
endif()

set(LIMN_CUDA_FOUND TRUE)
enable_language(CXX)
set(LIMN_CUDA_INCLUDE_DIRS ${LIMN_CUDART_INCLUDE_DIR} ${LIMN_CUBLAS_INCLUDE_DIR} ${LIMN_CUDNN_INCLUDE_DIR} ${LIMN_CCCL_INCLUDE_DIR})
list(REMOVE_DUPLICATES LIMN_CUDA_INCLUDE_DIRS)

# base/error.c is the library's alone: devices/cuda/host.c stands in for it.
file(GLOB LIMN_CUDA_MODULE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/host/devices/cuda/*.c
  ${CMAKE_SOURCE_DIR}/src/host/graph/*.c ${CMAKE_SOURCE_DIR}/src/host/base/*.c)
list(FILTER LIMN_CUDA_MODULE_SOURCES EXCLUDE REGEX "/base/error\\.c$")
list(APPEND LIMN_CUDA_MODULE_SOURCES ${CMAKE_SOURCE_DIR}/src/host/devices/builder.c ${CMAKE_SOURCE_DIR}/src/host/devices/cards.c
  ${CMAKE_SOURCE_DIR}/src/host/devices/choices.c
  ${CMAKE_SOURCE_DIR}/src/host/devices/taps.c)
file(GLOB LIMN_CUDA_KERNELS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/*.cu)

# A plan on disk holds what one build called its tensors and how it laid them out, which no name of an operation tells:
# it is for builds of the same sources alone.
set(LIMN_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
file(GLOB describing CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/host/devices/cuda/*.[ch])
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${describing})
set(hashes "")
foreach(source ${describing})
  file(SHA256 ${source} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 hash "${hashes}")
string(SUBSTRING ${hash} 0 16 hash)
file(CONFIGURE OUTPUT ${LIMN_GENERATED_DIR}/plan_sources.h CONTENT "#define LIMN_PLAN_SOURCES \"@hash@\"\n" @ONLY)

# The planning driver, out of the toolkit's stub or, where there is none, one made from cuda.h. Both are made while
# configuring too: CMake links a library by its path only if it can read its SONAME there and then.
set(planning_folder ${CMAKE_BINARY_DIR}/planning)
file(MAKE_DIRECTORY ${planning_folder})
function(limn_make output script input)
  set(command ${CMAKE_COMMAND} -E env CC=${CMAKE_C_COMPILER} NM=${CMAKE_NM} sh ${CMAKE_SOURCE_DIR}/cmake/${script} ${input} ${output})
  add_custom_command(OUTPUT ${output} COMMAND ${command} DEPENDS ${CMAKE_SOURCE_DIR}/cmake/${script} ${input} VERBATIM)
  if(NOT EXISTS ${output})
    execute_process(COMMAND ${command} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endfunction()
if(NOT LIMN_CUDA_STUB)
  set(LIMN_CUDA_STUB ${planning_folder}/stub.so)
  limn_make(${LIMN_CUDA_STUB} make_driver_stub.sh ${LIMN_CUDART_INCLUDE_DIR}/cuda.h)
endif()
set(LIMN_PLANNING_DRIVER ${planning_folder}/libcuda.so.1)
limn_make(${LIMN_PLANNING_DRIVER} make_planning_driver.sh ${LIMN_CUDA_STUB})
add_custom_target(limn_planning_driver ALL DEPENDS ${LIMN_PLANNING_DRIVER})

# NVRTC, which cuDNN opens for its fused plans, opens its second half by its bare name. The library sees to that for the
# module; a program that links cuDNN itself has to have it open, or such plans fail outside the system's folders.
add_library(limn_nvidia INTERFACE)
target_include_directories(limn_nvidia SYSTEM INTERFACE ${LIMN_CUDA_INCLUDE_DIRS})
target_link_libraries(limn_nvidia INTERFACE ${LIMN_CUDNN_LIBRARY} ${LIMN_CUBLAS_LIBRARY})
if(LIMN_NVRTC_BUILTINS)
  target_link_options(limn_nvidia INTERFACE LINKER:--no-as-needed)
  target_link_libraries(limn_nvidia INTERFACE ${LIMN_NVRTC_BUILTINS})
endif()

add_library(limn_cuda_settings INTERFACE)
target_include_directories(limn_cuda_settings INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src
  ${CMAKE_SOURCE_DIR}/src/host ${LIMN_GENERATED_DIR})
target_include_directories(limn_cuda_settings SYSTEM INTERFACE ${LIMN_CUDA_INCLUDE_DIRS})
target_compile_definitions(limn_cuda_settings INTERFACE _GNU_SOURCE LIMN_VERSION="${PROJECT_VERSION}")
target_link_libraries(limn_cuda_settings INTERFACE limn_warnings ${LIMN_CUDNN_LIBRARY} Threads::Threads m dl)
set(module_map ${CMAKE_SOURCE_DIR}/src/host/devices/cuda/module.map)
target_link_options(limn_cuda_settings INTERFACE LINKER:--version-script=${module_map})
if(NOT LIMN_SANITIZE AND NOT LIMN_TSAN)
  target_link_options(limn_cuda_settings INTERFACE LINKER:-z,defs)
endif()

if(NOT LIMN_NVCC OR NOT LIMN_CUDART_LIBRARY)
  message(STATUS "CUDA: ${LIMN_CUDNN_LIBRARY}, but no nvcc or no libcudart_static.a: the tests are built, the module is not")
  return()
endif()
message(STATUS "CUDA: ${LIMN_NVCC}, ${LIMN_CUDNN_LIBRARY} (${cudnn_major}.${cudnn_minor})")

# The kernels, by nvcc itself: CMake's CUDA language links a test program with the toolkit's layout, which PyPI's lacks.
set(nvcc_flags -ccbin ${CMAKE_CXX_COMPILER} -std=c++17 -O3 -Werror all-warnings -Xcompiler=-fPIC,-Wall,-fvisibility=hidden
  -I${CMAKE_SOURCE_DIR}/src/kernels/nvcc -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/src/host -I${CMAKE_SOURCE_DIR}/include)
foreach(folder ${LIMN_CUDA_INCLUDE_DIRS})
  list(APPEND nvcc_flags -isystem ${folder})
endforeach()
set(architectures "")
foreach(architecture ${LIMN_CUDA_ARCHITECTURES})
  list(APPEND architectures -gencode arch=compute_${architecture},code=sm_${architecture})
  set(last ${architecture})
endforeach()
list(APPEND architectures -gencode arch=compute_${last},code=compute_${last})
set(kernel_objects "")
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/kernels)
foreach(kernel ${LIMN_CUDA_KERNELS})
  get_filename_component(name ${kernel} NAME_WE)
  set(object ${CMAKE_BINARY_DIR}/kernels/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${LIMN_NVCC} ${nvcc_flags} ${architectures} -MD -MF ${object}.d -c ${kernel} -o ${object}
    DEPENDS ${kernel} DEPFILE ${object}.d COMMENT "nvcc ${name}.cu" VERBATIM)
  list(APPEND kernel_objects ${object})
endforeach()
set_source_files_properties(${kernel_objects} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)

add_library(limn_cuda MODULE ${LIMN_CUDA_MODULE_SOURCES} ${kernel_objects})
set_target_properties(limn_cuda PROPERTIES LINKER_LANGUAGE CXX LINK_DEPENDS ${module_map})
target_link_libraries(limn_cuda PRIVATE limn_cuda_settings ${LIMN_CUBLAS_LIBRARY} ${LIMN_CUDART_LIBRARY} rt)
# A build for sanitizers or gcov has no use for kernels that neither can look into.
if(LIMN_SANITIZE OR LIMN_TSAN OR LIMN_COVERAGE)
  set_target_properties(limn_cuda PROPERTIES EXCLUDE_FROM_ALL TRUE)
else()
  set(LIMN_WITH_MODULE TRUE)
endif()
