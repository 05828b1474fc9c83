# What is asked of the CUDA device on the virtual GPU beyond that it computes the right numbers: how it fails, what other orders of
# execution show, and that planted mistakes are noticed.

# Every call fails in turn.
foreach(precision fp32 bf16)
  set(faults sh ${CMAKE_CURRENT_SOURCE_DIR}/faults.sh $<TARGET_FILE:limn_program> $<TARGET_FILE:limn_cuda_virtual> --precision ${precision})
  add_test(NAME faults_sample_${precision} COMMAND ${faults} --sample 14)
  add_test(NAME faults_all_${precision} COMMAND ${faults} --every)
  set_tests_properties(faults_all_${precision} PROPERTIES LABELS slow TIMEOUT 3600)
endforeach()

# The table of op cases in other orders of execution; elsewhere it runs in that of seed 1.
foreach(seed 2 3)
  add_test(NAME ops_cuda_seed_${seed} COMMAND op_tests test --device cuda --small --slice ${seed}/7)
  add_test(NAME ops_cuda_bf16_seed_${seed} COMMAND op_tests test --device cuda-bf16 --small --slice ${seed}/13)
  set_tests_properties(ops_cuda_seed_${seed} ops_cuda_bf16_seed_${seed} PROPERTIES
    ENVIRONMENT "${virtual_gpu};LIMN_VIRTUAL_GPU_SEED=${seed}")
endforeach()

# Each engine that engine_race names is one, and is taken.
add_test(NAME engine_race COMMAND engine_race --small)
set_tests_properties(engine_race PROPERTIES ENVIRONMENT "${virtual_gpu};OMP_WAIT_POLICY=passive"
  FAIL_REGULAR_EXPRESSION "not to be had")

# Plans that are made where the card is not.
add_test(NAME carried_plans COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/carried_plans.sh $<TARGET_FILE:limn_program>)
set_tests_properties(carried_plans PROPERTIES ENVIRONMENT LIMN_CUDA_MODULE=$<TARGET_FILE:limn_cuda_virtual>)

# Under a sanitizer one of each pair will do.
if(LIMN_SANITIZE)
  set_tests_properties(faults_sample_bf16 ops_cuda_bf16_seed_2 ops_cuda_seed_3 engine_race PROPERTIES LABELS long)
endif()

# Tests of the tests: mistakes planted in copies of our sources. limn_plant(NAME SOURCE SED) makes the copy.
set(planted_sh ${CMAKE_CURRENT_SOURCE_DIR}/planted.sh)
function(limn_plant name source change)
  get_filename_component(file ${source} NAME)
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/planted/${name}/${file})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/planted/${name})
  add_custom_command(OUTPUT ${copy} COMMAND sh ${planted_sh} plant ${CMAKE_SOURCE_DIR}/${source} ${copy} ${change}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${planted_sh} VERBATIM)
  set(copy ${copy} PARENT_SCOPE)
endfunction()

# The kernel tests with one kernel's file out of a copy; the cases that use it have to fail and to say so.
function(limn_plant_kernel name file change part text)
  limn_plant(${name} src/kernels/${file}.cu ${change})
  set_source_files_properties(${copy} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
  add_executable(planted_${name} ${copy} $<TARGET_OBJECTS:kernel_tests_virtual> $<TARGET_OBJECTS:limn_virtual_gpu_runtime>
    $<FILTER:$<TARGET_OBJECTS:limn_virtual_kernels>,EXCLUDE,/${file}[.]cu>)
  target_link_libraries(planted_${name} PRIVATE limn_virtual_gpu_kernel limn_virtual_gpu_link)
  set_target_properties(planted_${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME virtual_gpu_planted_${name} COMMAND sh ${planted_sh} expect ${text} $<TARGET_FILE:planted_${name}> ${part})
endfunction()

# The module with one C file out of a copy; the op tests' transfers have to fail and to say so.
function(limn_plant_module name file change text)
  limn_plant(${name} src/host/devices/cuda/${file}.c ${change})
  add_library(planted_${name} MODULE ${copy} $<FILTER:$<TARGET_OBJECTS:limn_cuda_virtual>,EXCLUDE,/cuda/${file}[.]c>
    $<TARGET_OBJECTS:limn_virtual_kernels> $<TARGET_OBJECTS:limn_virtual_gpu_runtime>
    $<TARGET_OBJECTS:limn_virtual_gpu_libraries>)
  target_link_libraries(planted_${name} PRIVATE limn_cuda_settings)
  limn_link_planning(planted_${name})
  add_test(NAME virtual_gpu_planted_${name} COMMAND sh ${planted_sh} expect ${text} $<TARGET_FILE:op_tests> test --device cuda
    --case transfers)
  set_tests_properties(virtual_gpu_planted_${name} PROPERTIES
    ENVIRONMENT "LIMN_CUDA_MODULE=$<TARGET_FILE:planted_${name}>;LIMN_CACHE=")
endfunction()

if(LIMN_TSAN)
  limn_plant_kernel(barrier transfer "0,/__syncthreads()/s//(void)0/" transfer "ThreadSanitizer: data race")
  set_tests_properties(virtual_gpu_planted_barrier PROPERTIES ENVIRONMENT TSAN_OPTIONS=halt_on_error=1) # one report will do
  return() # only kernels are built for it
endif()
limn_plant_kernel(barrier transfer "0,/__syncthreads()/s//(void)0/" transfer "is (-?nan|[-0-9.e+]+), not ")
limn_plant_kernel(index additions "s/end - i < 4 ? end - i : 4/4/" add
  "add_tensors: wrote byte [0-9]+ behind an allocation|AddressSanitizer: use-after-poison")
limn_plant_kernel(shared_index transfer "s/tile, .TILE..TILE + 1./tile, [TILE - 1][TILE + 1]/" transfer
  "wrote behind [0-9]+ bytes of shared memory|out of bounds|AddressSanitizer: use-after-poison")
limn_plant_module(host_access transfer "s/memcpy(slot->pinned, bytes, size)/memcpy(slot->device, bytes, size)/"
  "the host touched 0x|AddressSanitizer: (SEGV|use-after-poison)")
limn_plant_module(wait transfer "s/cudaStreamWaitEvent([^)]*)/cudaSuccess/" "FAILED cuda transfers")
