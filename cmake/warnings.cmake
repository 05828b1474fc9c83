# Warnings are errors, for our code and for everything of ours alike.
add_library(limn_warnings INTERFACE)
target_compile_options(limn_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wpointer-arith -Wwrite-strings -Wno-missing-field-initializers -Werror
  "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>")
if(LIMN_SANITIZE)
  target_compile_options(limn_warnings INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(limn_warnings INTERFACE -fsanitize=address,undefined)
  target_sources(limn_warnings INTERFACE # programs alone: each is asked once
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_SOURCE_DIR}/tests/support/sanitizer_options.c>)
endif()
if(LIMN_COVERAGE)
  target_compile_options(limn_warnings INTERFACE --coverage)
  target_link_options(limn_warnings INTERFACE --coverage)
endif()
if(LIMN_FUZZ) # instrumented for libFuzzer, and for the coverage that its corpus reaches
  set(fuzz -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fprofile-instr-generate -fcoverage-mapping)
  target_compile_options(limn_warnings INTERFACE ${fuzz} -fno-omit-frame-pointer -Wno-pass-failed) # loops with counters in them
  target_link_options(limn_warnings INTERFACE ${fuzz})
endif()
