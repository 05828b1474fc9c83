# LIMN_PORTABLE: a build whose installed files run from any folder of another machine; what scripts/portable packs. Shared
# libraries are looked for in lib/ beside bin/. By DT_RPATH, not the newer DT_RUNPATH: only the former also holds for what
# those libraries need themselves.
option(LIMN_PORTABLE "Build what scripts/portable packs" OFF)
if(NOT LIMN_PORTABLE)
  return()
endif()
if(NOT TARGET limn_cuda OR NOT LIMN_TESTS)
  message(FATAL_ERROR "LIMN_PORTABLE is ON: that needs the CUDA module (nvcc, scripts/setup-cuda) and the tests (LIMN_TESTS)")
endif()

# No path of this machine in messages of assertions and the like.
target_compile_options(limn_warnings INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

set(portable_programs limn_program op_tests kernel_tests_cuda plan_tests compare_checkpoints engine_race)
set_target_properties(${portable_programs} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
# plan_tests links the planning driver, which must stay ahead of a driver that the machine has.
set_target_properties(plan_tests PROPERTIES INSTALL_RPATH "$ORIGIN/../lib:$ORIGIN/../lib/limn/planning")
set_target_properties(limn_cuda PROPERTIES INSTALL_RPATH "$ORIGIN/..")
foreach(target ${portable_programs} limn_cuda)
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
endforeach()

install(TARGETS ${portable_programs} RUNTIME DESTINATION bin COMPONENT portable EXCLUDE_FROM_ALL)
install(TARGETS limn_cuda LIBRARY DESTINATION lib/limn COMPONENT portable EXCLUDE_FROM_ALL)
install(PROGRAMS ${LIMN_PLANNING_DRIVER} DESTINATION lib/limn/planning COMPONENT portable EXCLUDE_FROM_ALL)
install(PROGRAMS scripts/gpu-check DESTINATION bin COMPONENT portable EXCLUDE_FROM_ALL)
install(FILES bench/pytorch_step.py DESTINATION share/limn/bench COMPONENT portable EXCLUDE_FROM_ALL)
install(FILES LICENSE DESTINATION share/limn COMPONENT portable EXCLUDE_FROM_ALL)
