// Operations on one row of float32: norms, activations, and rounding to the inputs of a product.

#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include <algorithm>

#include "pool.h"

namespace {

constexpr float kEps = 1e-5f;

// Kinds of matrix products, with so many inputs to a 32-bit group: float32 (1), bfloat16 (2), eight
// bit (4): inputs unsigned around 128 with a scale a row, weights signed with a scale a column.
constexpr int64_t kFloat32 = 0, kBfloat16 = 1, kInt8 = 2;

struct Norm {
  const float* weight;  // null: no scale
  const float* bias;    // null: no bias
};

int64_t groups_of(int64_t kind, int64_t inputs) {
  const int64_t size = kind == kFloat32 ? 1 : kind == kBfloat16 ? 2 : 4;
  return (inputs + size - 1) / size;
}

uint16_t to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

__m512 exp512(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

// x · Φ(x), with erf by formula 7.1.26 of Abramowitz and Stegun (absolute error 1.5e-7).
__m512 gelu(__m512 x) {
  const __m512 z = _mm512_mul_ps(x, _mm512_set1_ps(0.70710678f));
  const __m512 a = _mm512_abs_ps(z);
  const __m512 t = _mm512_div_ps(
      _mm512_set1_ps(1.0f), _mm512_fmadd_ps(a, _mm512_set1_ps(0.3275911f), _mm512_set1_ps(1.0f)));
  __m512 p = _mm512_set1_ps(1.061405429f);
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(c));
  const __m512 tail = _mm512_mul_ps(
      _mm512_mul_ps(p, t), exp512(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(a, a))));
  const __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
  // 1 + erf(z) is 2 - tail for positive z, and tail for negative.
  const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  const __m512 sum = _mm512_mask_mov_ps(_mm512_sub_ps(_mm512_set1_ps(2.0f), tail), negative, tail);
  return _mm512_mul_ps(half, sum);
}

__m512 gelu_tanh(__m512 x) {
  const __m512 cube = _mm512_mul_ps(_mm512_mul_ps(x, x), x);
  const __m512 u = _mm512_mul_ps(_mm512_fmadd_ps(cube, _mm512_set1_ps(0.044715f), x),
                                 _mm512_set1_ps(-1.5957691216f));
  return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), exp512(u)));
}

__m512 silu(__m512 x) {
  const __m512 e = exp512(_mm512_sub_ps(_mm512_setzero_ps(), x));
  return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
}

__m512 activate(int64_t activation, __m512 x) {
  if (activation == 0) return gelu(x);
  if (activation == 1) return gelu_tanh(x);
  if (activation == 2) return silu(x);
  return _mm512_max_ps(x, _mm512_setzero_ps());
}

__mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << count) - 1);
}

// LayerNorm of one row; `to` may be `from`.
void normalise(const float* from, float* to, int64_t size, const Norm& norm) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < size; i += 16)
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes(size - i), from + i));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / size);
  __m512 squares = _mm512_setzero_ps();
  for (int64_t i = 0; i < size; i += 16) {
    const __mmask16 m = lanes(size - i);
    const __m512 d = _mm512_maskz_sub_ps(m, _mm512_maskz_loadu_ps(m, from + i), mean);
    squares = _mm512_fmadd_ps(d, d, squares);
  }
  const float variance = _mm512_reduce_add_ps(squares) / size;
  const __m512 factor = _mm512_set1_ps(1.0f / std::sqrt(variance + kEps));
  for (int64_t i = 0; i < size; i += 16) {
    const __mmask16 m = lanes(size - i);
    __m512 v = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, from + i), mean), factor);
    if (norm.weight) v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, norm.weight + i));
    if (norm.bias) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, norm.bias + i));
    _mm512_mask_storeu_ps(to + i, m, v);
  }
}

// Write a row in the number format of the products, padded with zeros to whole groups.
void convert(int64_t kind, const float* from, int64_t size, uint32_t* to, float* scale) {
  const int64_t groups = groups_of(kind, size);
  if (kind == kFloat32) {
    std::memcpy(to, from, size * 4);
    return;
  }
  if (kind == kBfloat16) {
    auto* out = reinterpret_cast<uint16_t*>(to);
    out[2 * groups - 1] = 0;
    for (int64_t i = 0; i < size; i += 16) {
      const __mmask16 m = lanes(size - i);
      const __m256bh v = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, from + i));
      _mm256_mask_storeu_epi16(out + i, m, reinterpret_cast<const __m256i&>(v));
    }
    return;
  }
  __m512 largest = _mm512_setzero_ps();
  for (int64_t i = 0; i < size; i += 16)
    largest = _mm512_max_ps(
        largest, _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes(size - i), from + i)));
  const float top = _mm512_reduce_max_ps(largest);
  *scale = top / 127.0f;
  const __m512 inverse = _mm512_set1_ps(top > 0.0f ? 127.0f / top : 0.0f);
  auto* out = reinterpret_cast<uint8_t*>(to);
  std::memset(out + 4 * (groups - 1), 128, 4);  // 128 is zero
  for (int64_t i = 0; i < size; i += 16) {
    const __mmask16 m = lanes(size - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, from + i), inverse);
    const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(128));
    _mm_mask_storeu_epi8(out + i, m, _mm512_cvtusepi32_epi8(q));
  }
}

}  // namespace
