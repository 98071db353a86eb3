// Operations on one row of float32: norms, activations, and rounding to the inputs of a product.

#pragma once

#include "pool.h"
#include "vector.h"

namespace {

constexpr float kEps = 1e-5f;

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

Floats exponential(Floats x) {
  x = smaller(larger(x, all(-87.0f)), all(88.0f));
  const Floats n = nearest_whole(multiply(x, all(1.44269504f)));
  Floats r = multiply_add(n, all(-0.693359375f), x);
  r = multiply_add(n, all(2.12194440e-4f), r);
  Floats p = all(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = multiply_add(p, r, all(c));
  return scale_by_power(p, n);
}

// x · Φ(x), with erf by formula 7.1.26 of Abramowitz and Stegun (absolute error 1.5e-7).
Floats gelu(Floats x) {
  const Floats a = absolute(multiply(x, all(0.70710678f)));
  const Floats t = divide(all(1.0f), multiply_add(a, all(0.3275911f), all(1.0f)));
  Floats p = all(1.061405429f);
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    p = multiply_add(p, t, all(c));
  const Floats tail =
      multiply(multiply(p, t), exponential(subtract(all(0.0f), multiply(a, a))));
  // 1 + erf(z) is 2 - tail for positive z, and tail for negative.
  const Floats sum = where_negative(x, tail, subtract(all(2.0f), tail));
  return multiply(multiply(x, all(0.5f)), sum);
}

Floats gelu_tanh(Floats x) {
  const Floats cube = multiply(multiply(x, x), x);
  const Floats u = multiply(multiply_add(cube, all(0.044715f), x), all(-1.5957691216f));
  return divide(x, add(all(1.0f), exponential(u)));
}

Floats silu(Floats x) {
  return divide(x, add(all(1.0f), exponential(subtract(all(0.0f), x))));
}

Floats activate(int64_t activation, Floats x) {
  if (activation == 0) return gelu(x);
  if (activation == 1) return gelu_tanh(x);
  if (activation == 2) return silu(x);
  return larger(x, all(0.0f));
}

// LayerNorm of one row; `to` may be `from`.
void normalise(const float* from, float* to, int64_t size, const Norm& norm) {
  Floats sum = all(0.0f);
  for (int64_t i = 0; i < size; i += kLanes) sum = add(sum, load(from + i, size - i));
  const Floats mean = all(sum_of(sum) / size);
  Floats squares = all(0.0f);
  for (int64_t i = 0; i < size; i += kLanes) {
    const Floats d = first(subtract(load(from + i, size - i), mean), size - i, all(0.0f));
    squares = multiply_add(d, d, squares);
  }
  const Floats factor = all(1.0f / std::sqrt(sum_of(squares) / size + kEps));
  for (int64_t i = 0; i < size; i += kLanes) {
    Floats v = multiply(subtract(load(from + i, size - i), mean), factor);
    if (norm.weight) v = multiply(v, load(norm.weight + i, size - i));
    if (norm.bias) v = add(v, load(norm.bias + i, size - i));
    store(to + i, v, size - i);
  }
}

// Write a row in the number format of the products, padded with zeros to whole groups.
void convert(int64_t kind, const float* from, int64_t size, uint32_t* to, float* scale) {
  const int64_t groups = groups_of(kind, size);
  if (kind == kFloat32) {
    std::memcpy(to, from, size * 4);
    return;
  }
#if HAS_AVX512
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
#else
  (void)groups, (void)scale;
#endif
}

}  // namespace
