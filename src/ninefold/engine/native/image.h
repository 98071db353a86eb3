// Norm and SiLU of a picture with the channels last: GroupNorm in two passes, or the norm of the
// channels of each position by themselves in one.
//
// Sums run over fixed parts of the picture in a fixed order, whatever the number of threads.

#pragma once

#include <vector>

#include "rows.h"

namespace {

constexpr int64_t kPart = 512;  // pixels

inline Floats load_pixel(const float* from) { return load(from); }
inline void store_pixel(float* to, Floats v) { store(to, v); }
#if HAS_AVX512
inline Floats load_pixel(const uint16_t* from) { return load_bf16(from); }
inline void store_pixel(uint16_t* to, Floats v) { store_bf16(to, v); }
#endif

// Sums and sums of squares of each channel; both zero before.
template <typename Pixel>
void add_pixels(const Pixel* x, int64_t pixels, int64_t channels, float* sum, float* squares) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const Floats v = load_pixel(x + p * channels + c);
      store(sum + c, add(load(sum + c), v));
      store(squares + c, multiply_add(v, v, load(squares + c)));
    }
}

template <typename Pixel>
void norm_silu(const Pixel* x, int64_t pixels, int64_t channels, int64_t groups,
               const float* weight, const float* bias, float eps, Pixel* out) {
  const int64_t parts = (pixels + kPart - 1) / kPart, width = channels / groups;
  std::vector<float> sums(parts * 2 * channels), factor(channels), shift(channels);
  parallel_for(parts, [&](int64_t part) {
    float* sum = sums.data() + part * 2 * channels;
    add_pixels(x + part * kPart * channels, std::min(kPart, pixels - part * kPart), channels, sum,
               sum + channels);
  });
  for (int64_t g = 0; g < groups; g++) {
    double sum = 0.0, squares = 0.0;
    for (int64_t part = 0; part < parts; part++)
      for (int64_t c = g * width; c < (g + 1) * width; c++) {
        sum += sums[part * 2 * channels + c];
        squares += sums[(part * 2 + 1) * channels + c];
      }
    const double mean = sum / (pixels * width);
    const double variance = std::max(0.0, squares / (pixels * width) - mean * mean);
    const double inverse = 1.0 / std::sqrt(variance + eps);
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      factor[c] = static_cast<float>(weight[c] * inverse);
      shift[c] = static_cast<float>(bias[c] - mean * weight[c] * inverse);
    }
  }
  parallel_for(parts, [&](int64_t part) {
    for (int64_t p = part * kPart; p < std::min(pixels, (part + 1) * kPart); p++)
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Floats v = load_pixel(x + p * channels + c);
        store_pixel(out + p * channels + c,
                    silu(multiply_add(v, load(factor.data() + c), load(shift.data() + c))));
      }
  });
}

template <typename Pixel>
void position_norm_silu(const Pixel* x, int64_t pixels, int64_t channels, const float* weight,
                        const float* bias, float eps, Pixel* out) {
  parallel_for((pixels + kPart - 1) / kPart, [&](int64_t part) {
    for (int64_t p = part * kPart; p < std::min(pixels, (part + 1) * kPart); p++) {
      const Pixel* from = x + p * channels;
      Floats squares = all(0.0f);
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Floats v = load_pixel(from + c);
        squares = multiply_add(v, v, squares);
      }
      const Floats inverse = all(1.0f / std::sqrt(sum_of(squares) / channels + eps));
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Floats v = multiply(load_pixel(from + c), inverse);
        store_pixel(out + p * channels + c,
                    silu(multiply_add(v, load(weight + c), load(bias + c))));
      }
    }
  });
}

}  // namespace

extern "C" {

// A picture (pixels, channels), channels in sixteens, to one of the same format; `eps` is PyTorch's.
void norm_silu(int64_t is_bf16, const void* x, int64_t pixels, int64_t channels, int64_t groups,
               const float* weight, const float* bias, float eps, void* out) {
  (void)is_bf16;  // of AVX-512 alone
#if HAS_AVX512
  if (is_bf16)
    return norm_silu(static_cast<const uint16_t*>(x), pixels, channels, groups, weight, bias, eps,
                     static_cast<uint16_t*>(out));
#endif
  norm_silu(static_cast<const float*>(x), pixels, channels, groups, weight, bias, eps,
            static_cast<float*>(out));
}

// The same with the root mean square over the channels of each position.
void position_norm_silu(int64_t is_bf16, const void* x, int64_t pixels, int64_t channels,
                        const float* weight, const float* bias, float eps, void* out) {
  (void)is_bf16;
#if HAS_AVX512
  if (is_bf16)
    return position_norm_silu(static_cast<const uint16_t*>(x), pixels, channels, weight, bias, eps,
                              static_cast<uint16_t*>(out));
#endif
  position_norm_silu(static_cast<const float*>(x), pixels, channels, weight, bias, eps,
                     static_cast<float*>(out));
}
}
