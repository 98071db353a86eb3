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

// 32-bit words of a row of inputs to a product.
int64_t words_of(int64_t kind, int64_t inputs) {
  const bool is_wide = has_wide_inputs(kind) || (kWidensBfloat16 && kind == kBfloat16);
  return groups_of(kind, inputs) * (is_wide ? 2 : 1);
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

// Round a row to eight bits around `kZero` and return its scale.
float round_to_bytes(const float* from, int64_t size, uint8_t* to) {
#if HAS_AVX512
  __m512 largest = _mm512_setzero_ps();
  for (int64_t i = 0; i < size; i += 16)
    largest = _mm512_max_ps(
        largest, _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes(size - i), from + i)));
  const float top = _mm512_reduce_max_ps(largest);
  const __m512 inverse = _mm512_set1_ps(top > 0.0f ? 127.0f / top : 0.0f);
  for (int64_t i = 0; i < size; i += 16) {
    const __mmask16 m = lanes(size - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, from + i), inverse);
    const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(128));
    _mm_mask_storeu_epi8(to + i, m, _mm512_cvtusepi32_epi8(q));
  }
#else
  Floats largest = all(0.0f);
  for (int64_t i = 0; i < size; i += kLanes)
    largest = larger(largest, absolute(load(from + i, size - i)));
  const float top = largest_of(largest);
  const Floats inverse = all(top > 0.0f ? 127.0f / top : 0.0f);
  for (int64_t i = 0; i < size; i += kLanes) {
    const Wholes q = to_wholes(multiply(load(from + i, size - i), inverse));
    uint8_t bytes[kLanes];
    store_bytes(bytes, add(q, all_wholes(kZero)));
    std::memcpy(to + i, bytes, std::min<int64_t>(kLanes, size - i));
  }
#endif
  return top / 127.0f;
}

#if !HAS_AVX512
// Round a row to twelve bits and return its scale. Of four numbers the first and the third lie in
// one word, the others in the next.
float round_to_wide(const float* from, int64_t size, uint32_t* to) {
  constexpr int64_t kMost = 2047, kMostSum = 0x7fffffff / 127;  // weights are 127 at most
  const float most = static_cast<float>(std::min(kMost, kMostSum / size));
  Floats largest = all(0.0f);
  for (int64_t i = 0; i < size; i += kLanes)
    largest = larger(largest, absolute(load(from + i, size - i)));
  const float top = largest_of(largest);
  const Floats inverse = all(top > 0.0f ? most / top : 0.0f);
  for (int64_t i = 0; i < size; i += kLanes) {
    const Wholes q = to_wholes(multiply(load(from + i, size - i), inverse));
    const __m256i ordered = _mm256_permute4x64_epi64(_mm256_packs_epi32(q.low, q.high), 0xd8);
    const __m256i pairs = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(ordered, 0xd8), 0xd8);
    std::memcpy(to + i / 2, &pairs, std::min<int64_t>(kLanes, (size - i + 3) / 4 * 4) * 2);
  }
  return top / most;
}
#endif

// Write a row as the inputs of a product, padded with zeros to whole groups.
void convert(int64_t kind, const float* from, int64_t size, uint32_t* to, float* scale) {
  const int64_t groups = groups_of(kind, size);
#if !HAS_AVX512
  if (has_wide_inputs(kind)) {
    *scale = round_to_wide(from, size, to);
    return;
  }
#endif
  if (kind == kInt8) {
    std::memset(to + groups - 1, kZero, 4);
    *scale = round_to_bytes(from, size, reinterpret_cast<uint8_t*>(to));
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
#endif
  to[words_of(kind, size) - 1] = 0;
  std::memcpy(to, from, size * 4);
}

}  // namespace
