// Loads a run or a checkpoint, makes a picture in memory, and shows it on the terminal.
//
//   generate RUN|CHECKPOINT [SEED]
//   c++ -std=c++17 generate.cpp $(pkg-config --cflags --libs limn) -o generate
#include <limn/generator.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

static void check(limn_status status) {
  if (status != LIMN_OK)
    throw std::runtime_error(limn_error_message());
}

struct Close {
  void operator()(limn_generator *generator) const { limn_generator_close(generator); }
};

static void show(const char *path, unsigned long long seed) {
  limn_generator *opened = nullptr;
  check(limn_generator_open(&opened, path, nullptr));
  std::unique_ptr<limn_generator, Close> generator(opened);
  limn_generator_info info;
  limn_generator_get_info(generator.get(), &info);

  std::vector<float> z(info.latent);
  std::vector<float> pixels(std::size_t(info.channels) * info.height * info.width); // (C, H, W) in [0, 1]
  check(limn_generator_latents(generator.get(), seed, 0, 1, z.data()));
  check(limn_generator_run(generator.get(), z.data(), 1, pixels.data()));

  static const char shades[] = " .:-=+*#%@";
  for (int y = 0; y < info.height; y += 2) { // a character is about twice as high as wide
    for (int x = 0; x < info.width; ++x)
      std::putchar(shades[int(pixels[std::size_t(y) * info.width + x] * 9.99f)]);
    std::putchar('\n');
  }
}

int main(int argc, char **argv) try {
  if (argc < 2)
    return std::fprintf(stderr, "usage: %s RUN|CHECKPOINT [SEED]\n", argv[0]), 2;
  show(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
