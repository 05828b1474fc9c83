# Warnings are errors, for our code and for everything of ours alike.
add_library(limn_warnings INTERFACE)
target_compile_options(limn_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wpointer-arith -Wwrite-strings -Werror
  "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>")
if(LIMN_SANITIZE)
  target_compile_options(limn_warnings INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(limn_warnings INTERFACE -fsanitize=address,undefined)
endif()
if(LIMN_COVERAGE)
  target_compile_options(limn_warnings INTERFACE --coverage)
  target_link_options(limn_warnings INTERFACE --coverage)
endif()
