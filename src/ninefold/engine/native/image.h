// The VQGAN's norm and activation, rounded to the eight-bit inputs of the convolution that follows.
//
// Sums run over fixed parts of the picture in a fixed order, whatever the number of threads.

#pragma once

#include <vector>

#include "rows.h"

namespace {

struct ChannelSums {
  std::vector<float> sum, squares, low, high;
  explicit ChannelSums(int64_t channels)
      : sum(channels), squares(channels), low(channels, INFINITY), high(channels, -INFINITY) {}
};

__m512 load_bf16(const uint16_t* from) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

void add_pixels(const uint16_t* x, int64_t pixels, int64_t channels, ChannelSums& sums) {
  for (int64_t c = 0; c < channels; c += 16) {
    __m512 sum = _mm512_setzero_ps(), squares = sum;
    __m512 low = _mm512_set1_ps(INFINITY), high = _mm512_set1_ps(-INFINITY);
    for (int64_t p = 0; p < pixels; p++) {
      const __m512 v = load_bf16(x + p * channels + c);
      sum = _mm512_add_ps(sum, v);
      squares = _mm512_fmadd_ps(v, v, squares);
      low = _mm512_min_ps(low, v);
      high = _mm512_max_ps(high, v);
    }
    _mm512_storeu_ps(sums.sum.data() + c, sum);
    _mm512_storeu_ps(sums.squares.data() + c, squares);
    _mm512_storeu_ps(sums.low.data() + c, low);
    _mm512_storeu_ps(sums.high.data() + c, high);
  }
}

float silu_of(float x) { return x / (1.0f + std::exp(-x)); }

constexpr float kSiluLowest = -0.27846454f, kSiluLowestAt = -1.2784645f;

}  // namespace

extern "C" {

// GroupNorm, SiLU and rounding of a bfloat16 picture (pixels, channels), channels in sixteens.
// `factor` and `shift` are scratch of one number a channel. Returns through `range` the scale and
// the zero point of what is written to `out`.
void norm_silu_round(const uint16_t* x, int64_t pixels, int64_t channels, int64_t groups,
                     const float* weight, const float* bias, float eps, float* factor,
                     float* shift, uint8_t* out, float* range) {
  constexpr int64_t kPart = 512;
  const int64_t parts = (pixels + kPart - 1) / kPart, width = channels / groups;
  std::vector<ChannelSums> sums(parts, ChannelSums(channels));
  parallel_for(parts, [&](int64_t part) {
    add_pixels(x + part * kPart * channels, std::min(kPart, pixels - part * kPart), channels,
               sums[part]);
  });
  float low = 0.0f, high = 1e-6f;
  for (int64_t g = 0; g < groups; g++) {
    double sum = 0.0, squares = 0.0;
    for (int64_t c = g * width; c < (g + 1) * width; c++)
      for (const ChannelSums& part : sums) {
        sum += part.sum[c];
        squares += part.squares[c];
      }
    const double mean = sum / (pixels * width);
    const double variance = std::max(0.0, squares / (pixels * width) - mean * mean);
    const double inverse = 1.0 / std::sqrt(variance + eps);
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      factor[c] = static_cast<float>(weight[c] * inverse);
      shift[c] = static_cast<float>(bias[c] - mean * factor[c]);
      float least = INFINITY, most = -INFINITY;
      for (const ChannelSums& part : sums) {
        least = std::min(least, part.low[c]);
        most = std::max(most, part.high[c]);
      }
      const float one = least * factor[c] + shift[c], other = most * factor[c] + shift[c];
      const float bottom = std::min(one, other), top = std::max(one, other);
      high = std::max({high, silu_of(top), silu_of(bottom)});
      low = std::min(low, bottom < kSiluLowestAt && top > kSiluLowestAt
                              ? kSiluLowest
                              : std::min(silu_of(bottom), silu_of(top)));
    }
  }
  const float scale = (high - low) / 255.0f, zero = std::nearbyint(-low / scale);
  range[0] = scale;
  range[1] = zero;
  const __m512 inverse = _mm512_set1_ps(1.0f / scale);
  const __m512i zero_point = _mm512_set1_epi32(static_cast<int>(zero));
  parallel_for(pixels, [&](int64_t p) {
    for (int64_t c = 0; c < channels; c += 16) {
      const __m512 v = _mm512_fmadd_ps(load_bf16(x + p * channels + c),
                                       _mm512_loadu_ps(factor + c), _mm512_loadu_ps(shift + c));
      const __m512i q = _mm512_add_epi32(
          _mm512_cvtps_epi32(_mm512_mul_ps(silu(v), inverse)), zero_point);
      const __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, _mm512_setzero_si512()));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + p * channels + c), bytes);
    }
  });
}
}
