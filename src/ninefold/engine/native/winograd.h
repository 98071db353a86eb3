// Convolutions of 3×3 with few multiplications: F(2×2, 3×3) of Lavin and Gray, "Fast algorithms for
// convolutional neural networks" (2015), on pictures with the channels last.
//
// Four pixels of the output take 16 products a channel where the plain way takes 36. After an
// upsampling by repeated pixels, the third line of the transformed input is zero, so that 9 remain.
// Every picture is cut into the same blocks, whatever the number of threads.

#pragma once

#include <vector>

#include "image.h"
#include "products.h"

namespace {

constexpr int64_t kTiles = 36;  // squares of 2×2 output pixels that are computed together

// Memory of a thread for one block, whole cache lines.
struct alignas(64) CacheLine {
  uint32_t words[16];
};

struct Winograd {
  const Linear* products;  // one for each point of the transformed square
  const float* bias;
  int64_t in_channels, out_channels;  // both in sixteens
  int64_t is_upsampling, is_bf16_picture;
};

template <int64_t Kind>
inline void store_input(uint32_t* row, int64_t channel, Floats v) {
  if constexpr (Kind == kFloat32) store(reinterpret_cast<float*>(row) + channel, v);
#if HAS_AVX512
  else store_bf16(reinterpret_cast<uint16_t*>(row) + channel, v);
#endif
}
// A line of the input, in place: four pixels, or three that two of were repeated.
inline void transform(Floats* line, int64_t step, std::integral_constant<int, 4>) {
  const Floats a = line[0], b = line[step], c = line[2 * step], d = line[3 * step];
  line[0] = subtract(a, c);
  line[step] = add(b, c);
  line[2 * step] = subtract(c, b);
  line[3 * step] = subtract(b, d);
}

inline void transform(Floats* line, int64_t step, std::integral_constant<int, 3>) {
  line[0] = subtract(line[0], line[step]);
  line[2 * step] = subtract(line[step], line[2 * step]);
}

// A line of sums to two pixels, in its first two places.
inline void restore(Floats* line, int64_t step, std::integral_constant<int, 4>) {
  const Floats both = add(line[step], line[2 * step]);
  line[step] = subtract(subtract(line[step], line[2 * step]), line[3 * step]);
  line[0] = add(line[0], both);
}

inline void restore(Floats* line, int64_t step, std::integral_constant<int, 3>) {
  line[0] = add(line[0], line[step]);
  line[step] = subtract(line[step], line[2 * step]);
}

template <int Points, int64_t Kind, typename Pixel>
struct Convolution {
  const Winograd& winograd;
  const Pixel* x;
  int64_t height, width;  // of the input
  Pixel* out;

  static constexpr std::integral_constant<int, Points> kPoints{};
  static constexpr int kScale = Points == 3 ? 2 : 1;

  int64_t columns() const { return (width * kScale + 1) / 2; }
  int64_t rows() const { return (height * kScale + 1) / 2; }

  void read_tile(int64_t tile, uint32_t* to, int64_t stride) const {
    const int64_t channels = winograd.in_channels;
    const int64_t top = tile / columns() * 2 / kScale - 1, left = tile % columns() * 2 / kScale - 1;
    for (int64_t c = 0; c < channels; c += kLanes) {
      Floats d[Points * Points];
      for (int64_t i = 0; i < Points; i++)
        for (int64_t j = 0; j < Points; j++) {
          const int64_t y = top + i, z = left + j;
          const bool is_inside = y >= 0 && y < height && z >= 0 && z < width;
          d[i * Points + j] =
              is_inside ? load_pixel(x + (y * width + z) * channels + c) : all(0.0f);
        }
      for (int64_t i = 0; i < Points; i++) transform(d + i * Points, 1, kPoints);
      for (int64_t j = 0; j < Points; j++) transform(d + j, Points, kPoints);
      for (int64_t p = 0; p < Points * Points; p++) store_input<Kind>(to + p * stride, c, d[p]);
    }
  }

  void write_tile(int64_t tile, const float* from, int64_t stride) const {
    const int64_t channels = winograd.out_channels;
    const int64_t high = height * kScale, wide = width * kScale;
    const int64_t top = tile / columns() * 2, left = tile % columns() * 2;
    for (int64_t c = 0; c < channels; c += kLanes) {
      Floats m[Points * Points];
      for (int64_t p = 0; p < Points * Points; p++) m[p] = load(from + p * stride + c);
      for (int64_t i = 0; i < Points; i++) restore(m + i * Points, 1, kPoints);
      for (int64_t j = 0; j < 2; j++) restore(m + j, Points, kPoints);
      const Floats bias = load(winograd.bias + c);
      for (int64_t i = 0; i < 2 && top + i < high; i++)
        for (int64_t j = 0; j < 2 && left + j < wide; j++)
          store_pixel(out + ((top + i) * wide + left + j) * channels + c,
                      add(m[i * Points + j], bias));
    }
  }

  void run_block(int64_t first, int64_t count) const {
    static thread_local std::vector<CacheLine> input_lines, sum_lines;
    const int64_t groups = groups_of(Kind, winograd.in_channels);
    const int64_t stride = padded(winograd.out_channels);
    input_lines.resize(Points * Points * kTiles * groups / 16 + 1);
    sum_lines.resize(Points * Points * kTiles * stride / 16);
    uint32_t* inputs = input_lines.data()->words;
    auto* sums = reinterpret_cast<float*>(sum_lines.data());
    for (int64_t t = 0; t < count; t++)
      read_tile(first + t, inputs + t * groups, kTiles * groups);
    const int64_t blocks = (count + kRows<Kind> - 1) / kRows<Kind>;
    for (int64_t p = 0; p < Points * Points; p++)
      for (int64_t panel = 0; panel < stride / kPanel; panel++) {
        const uint32_t* b = winograd.products[p].panels + panel * groups * kPanel;
        for (int64_t block = 0; block < blocks; block++) {
          const int64_t begin = count * block / blocks, end = count * (block + 1) / blocks;
          const uint32_t* next = block == blocks - 1 ? b + groups * kPanel : b;
          tile_of<Kind>(end - begin, winograd.out_channels - panel * kPanel)(
              inputs + (p * kTiles + begin) * groups, groups, b,
              reinterpret_cast<const char*>(next),
              sums + (p * kTiles + begin) * stride + panel * kPanel, stride, nullptr,
              nullptr, nullptr);
        }
      }
    for (int64_t t = 0; t < count; t++)
      write_tile(first + t, sums + t * stride, kTiles * stride);
  }

  void run() const {
    const int64_t tiles = rows() * columns();
    parallel_for((tiles + kTiles - 1) / kTiles, [&](int64_t block) {
      run_block(block * kTiles, std::min(kTiles, tiles - block * kTiles));
    });
  }
};

template <int64_t Kind, typename Pixel>
void convolve(const Winograd& winograd, const void* x, int64_t height, int64_t width, void* out) {
  const auto* from = static_cast<const Pixel*>(x);
  auto* to = static_cast<Pixel*>(out);
  if (winograd.is_upsampling)
    Convolution<3, Kind, Pixel>{winograd, from, height, width, to}.run();
  else
    Convolution<4, Kind, Pixel>{winograd, from, height, width, to}.run();
}

}  // namespace

extern "C" {

// A picture (height, width, channels) to one of the same size, or of twice the sides.
void convolve(const Winograd* winograd, const void* x, int64_t height, int64_t width, void* out) {
#if HAS_AVX512
  if (winograd->is_bf16_picture)
    return convolve<kBfloat16, uint16_t>(*winograd, x, height, width, out);
#endif
  convolve<kFloat32, float>(*winograd, x, height, width, out);
}
}
